"""Writes tests/goldens/torch/io/*.pt: files of torch.save, and values.json with what is in them.

Run: python tools/golden/torch_io.py   (torch 2.13.0)
"""

import collections
import json
import pathlib
import zipfile

import numpy as np
import torch

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "torch" / "io"
OUT.mkdir(exist_ok=True)
torch.manual_seed(0)
torch.set_num_threads(1)

TYPED = {
    "float32": torch.randn(2, 3),
    "float64": torch.randn(3, dtype=torch.float64),
    "float16": torch.tensor([1.5, -2.0, 65504.0], dtype=torch.float16),
    "bfloat16": torch.tensor([1.5, -2.0, 3e38], dtype=torch.bfloat16),
    "int64": torch.tensor([-(2**62), 0, 2**53 + 1]),
    "int32": torch.tensor([[-(2**31), 2**31 - 1]], dtype=torch.int32),
    "int16": torch.tensor([-32768, 32767], dtype=torch.int16),
    "int8": torch.tensor([-128, 127, 3], dtype=torch.int8),
    "uint8": torch.tensor([0, 255], dtype=torch.uint8),
    "bool": torch.tensor([True, False, True]),
    "complex64": torch.tensor([1 + 2j, -3.5j], dtype=torch.complex64),
    "complex128": torch.tensor([1e300 + 2j], dtype=torch.complex128),
}
UNTYPED = {
    "uint16": torch.tensor([0, 65535], dtype=torch.uint16),
    "uint32": torch.tensor([0, 2**32 - 1], dtype=torch.uint32),
    "uint64": torch.tensor([0, 2**64 - 1], dtype=torch.uint64),
    "float8_e4m3fn": torch.tensor([1.5, -448.0]).to(torch.float8_e4m3fn),
    "float8_e5m2": torch.tensor([1.5, -57344.0]).to(torch.float8_e5m2),
    "float8_e4m3fnuz": torch.tensor([1.5, -240.0]).to(torch.float8_e4m3fnuz),
    "float8_e5m2fnuz": torch.tensor([1.5, -57344.0]).to(torch.float8_e5m2fnuz),
    "float8_e8m0fnu": torch.tensor([2.0, 0.25]).to(torch.float8_e8m0fnu),
}


def layouts():
    base = torch.arange(12.0).reshape(3, 4)
    return {
        "base": base,
        "transposed": base.t(),
        "sliced": base[1:, ::2],
        "scalar": torch.tensor(0.25),
        "empty": torch.zeros(0, 4),
        "expanded": torch.tensor([7.0]).expand(5),
        "parameter": torch.nn.Parameter(torch.ones(2)),
        "frozen": torch.nn.Parameter(torch.ones(2), requires_grad=False),
        "leaf": torch.ones(1, requires_grad=True),
    }


TAGGED = torch.tensor([5.0])
TAGGED.note = "an attribute"
cycle = []
cycle.append(cycle)
PLAIN = {
    "int": 3, "negative": -70000, "large": 2**40, "huge": -(2**70), "float": 0.1, "infinite": float("-inf"),
    "true": True, "none": None, "text": "é 🕯 __proto__", "bytes": b"\x00\xff", "bytearray": bytearray(b"ab"),
    "list": [1, [2, "x"]], "tuple": (1, (2,)), "set": {1}, "dict": {1: "one", None: 0, (1, 2): "pair"},
    "ordered": collections.OrderedDict(b=1, a=2), "counter": collections.Counter("aab"),
    "dtype": torch.bfloat16, "device": torch.device("cuda", 1), "size": torch.Size([2, 3]), "layout": torch.strided,
    "complex": 1 - 2j, "__proto__": {"polluted": True}, "cycle": cycle,
}  # fmt: skip


def numbers(tensor):
    if tensor.is_complex():
        tensor = torch.view_as_real(tensor.resolve_conj())
    if str(tensor.dtype).startswith("torch.float8"):
        tensor = tensor.float()
    return [str(v) if isinstance(v, int) and abs(v) > 2**53 else v for v in tensor.detach().flatten().tolist()]


def describe(tensors):
    return {
        name: {
            "dtype": str(t.dtype).removeprefix("torch."), "shape": list(t.shape), "strides": list(t.stride()),
            "requiresGrad": t.requires_grad, "values": numbers(t),
        } for name, t in tensors.items()
    }  # fmt: skip


conjugated = TYPED["complex64"].conj()
zipped = {**TYPED, **UNTYPED, **layouts(), "conjugated": conjugated, "negated": torch.tensor([1 + 2j]).conj().imag, "tagged": TAGGED}
legacy = {**TYPED, **layouts()}
torch.save(zipped, OUT / "tensors.pt")
torch.save(legacy, OUT / "legacy.pt", _use_new_zipfile_serialization=False)
(OUT / "values.json").write_text(
    json.dumps({"tensors.pt": describe(zipped), "legacy.pt": describe(legacy)}, indent=1) + "\n"
)
for protocol in range(2, 6):
    torch.save(PLAIN, OUT / f"plain-{protocol}.pt", pickle_protocol=protocol)
model = torch.nn.Linear(2, 2)
model.tied = model.weight
torch.save({"model": model.state_dict(), "optimizer": torch.optim.SGD(model.parameters(), momentum=0.9).state_dict()},
           OUT / "checkpoint.pt")  # fmt: skip


def rewrite(source, target, change, **options):
    with zipfile.ZipFile(OUT / source) as old, zipfile.ZipFile(OUT / target, "w", **options) as new:
        for info in old.infolist():
            entry = zipfile.ZipInfo(info.filename)
            entry.compress_type = options.get("compression", zipfile.ZIP_STORED)
            new.writestr(entry, change(info.filename, old.read(info)))


torch.save({"x": torch.tensor([1.0, -2.5]), "z": torch.tensor([1 + 2j]), "n": torch.tensor([258])}, OUT / "little.pt")
WIDTHS = {"0": 4, "1": 4, "2": 8}


def to_big(name, data):
    if name.endswith("/byteorder"):
        return b"big"
    key = name.split("/data/")[-1]
    return np.frombuffer(data, f"u{WIDTHS[key]}").byteswap().tobytes() if key in WIDTHS else data


rewrite("little.pt", "big-endian.pt", to_big)
rewrite("little.pt", "compressed.pt", lambda _, data: data, compression=zipfile.ZIP_DEFLATED)
zipfile.ZIP64_LIMIT = zipfile.ZIP_FILECOUNT_LIMIT = 0
rewrite("little.pt", "zip64.pt", lambda _, data: data)
(OUT / "little.pt").unlink()
