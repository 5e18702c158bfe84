"""Writes tests/goldens/torch/safetensors*: files that Hugging Face's safetensors wrote, and what is in them.

Run: python tools/golden/safetensors_io.py   (safetensors 0.8.0, huggingface_hub 2.4.0, torch 2.13.0)
"""

import json
import pathlib
import tempfile

import torch
from huggingface_hub import save_torch_state_dict
from safetensors import safe_open
from safetensors.torch import load_file, load_model, save_file, save_model

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "torch"
torch.manual_seed(0)

TENSORS = {
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
    "scalar": torch.tensor(0.25),
    "empty": torch.zeros(0, 4),
    "zz.after.empty": torch.ones(1),
    'odd name: é "quoted" \\ \n 🕯': torch.ones(2),
    "\uffee sorts before the candle in UTF-16 alone": torch.ones(1),
}

NARROW = {
    "uint16": torch.tensor([0, 65535], dtype=torch.uint16),
    "uint32": torch.tensor([0, 2**32 - 1], dtype=torch.uint32),
    "uint64": torch.tensor([0, 2**64 - 1], dtype=torch.uint64),
    "float8_e4m3fn": torch.tensor([1.5, -448.0]).to(torch.float8_e4m3fn),
    "float8_e5m2": torch.tensor([1.5, -57344.0]).to(torch.float8_e5m2),
    "float8_e4m3fnuz": torch.tensor([1.5, -240.0]).to(torch.float8_e4m3fnuz),
    "float8_e5m2fnuz": torch.tensor([1.5, -57344.0]).to(torch.float8_e5m2fnuz),
    "float8_e8m0fnu": torch.tensor([2.0, 0.25]).to(torch.float8_e8m0fnu),
    "float32": torch.ones(1),
    "int8": torch.ones(1, dtype=torch.int8),
}


def plain(tensor):
    if str(tensor.dtype).startswith("torch.float8"):
        tensor = tensor.float()
    if tensor.is_complex():
        tensor = torch.view_as_real(tensor)
    return [str(v) if isinstance(v, int) and abs(v) > 2**53 else v for v in tensor.flatten().tolist()]


for name, tensors in {"safetensors-dtypes": TENSORS, "safetensors-narrow": NARROW}.items():
    save_file(tensors, OUT / f"{name}.safetensors", metadata={"format": "pt"})
    (OUT / f"{name}.json").write_text(
        json.dumps({
            key: {"dtype": str(t.dtype).removeprefix("torch."), "shape": list(t.shape), "values": plain(t)}
            for key, t in tensors.items()
        }, indent=1) + "\n"
    )

shards = OUT / "safetensors-sharded"
shards.mkdir(exist_ok=True)
parts = {
    "model-00001-of-00002.safetensors": {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(2)},
    "model-00002-of-00002.safetensors": {"b.weight": torch.full((3,), 7.0)},
}
for file, tensors in parts.items():
    save_file(tensors, shards / file, metadata={"format": "pt"})
weight_map = {name: file for file, tensors in parts.items() for name in tensors}
(shards / "model.safetensors.index.json").write_text(
    json.dumps({"metadata": {"total_size": 44}, "weight_map": weight_map}, indent=2) + "\n"
)

# the sizes of huggingface_hub's own example: a tensor that is too large goes alone, others fill in order
split = {name: torch.full((size,), float(size)) for name, size in zip("bacdefg", [6, 6, 2, 6, 2, 2, 11])}
hub = OUT / "safetensors-hub"
hub.mkdir(exist_ok=True)
save_torch_state_dict(split, hub, max_shard_size=40)


class Shared(torch.nn.Module):
    """Tied weights, and a buffer inside another."""

    def __init__(self):
        super().__init__()
        self.output = torch.nn.Linear(3, 5)
        self.embedding = torch.nn.Embedding(5, 3)
        self.embedding.weight = self.output.weight
        self.register_buffer("whole", torch.arange(6.0))
        self.register_buffer("a_part", self.whole[2:4])
        self.register_buffer("turned", torch.arange(6.0).reshape(2, 3).t())


def report(changes):
    """What load_model tells of the file with some tensors renamed, added or left out."""
    path = OUT / "safetensors-model.safetensors"
    state = {changes.get(name, name): value for name, value in load_file(path).items()}
    state = {name: value for name, value in state.items() if name is not None}
    state |= {name: torch.ones(5, 3) for name in changes.get("add", [])}
    with tempfile.TemporaryDirectory() as folder:
        changed = f"{folder}/model.safetensors"
        save_file(state, changed)
        missing, unexpected = load_model(Shared(), changed, strict=False)
    return {"changes": changes, "missing": sorted(missing), "unexpected": sorted(unexpected)}


save_model(Shared(), str(OUT / "safetensors-model.safetensors"), metadata={"format": "pt"})
with safe_open(OUT / "safetensors-model.safetensors", framework="pt") as file:
    model = {"metadata": file.metadata(), "names": sorted(file.keys())}
model["reports"] = [
    report({}),
    report({"embedding.weight": "output.weight"}),
    report({"embedding.weight": None, "whole": None, "add": ["extra"]}),
    report({"add": ["output.weight"]}),
    report({"turned": None, "embedding.weight": "wrong"}),
]
(OUT / "safetensors-model.json").write_text(json.dumps(model, indent=1) + "\n")
