"""Writes tests/goldens/torch/{random,bernoulli}.json: what torch draws.

Run: python tools/golden/torch_core.py   (torch 2.13.0)

random.json         draws after torch.manual_seed; bernoulli.json the same for bernoulli_, with the state after
"""

import hashlib
import json
import pathlib

import torch
from torch import nn

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "torch"
torch.set_num_threads(1)


def write(name, value):
    (OUT / name).write_text(json.dumps(value, separators=(",", ":")) + "\n")


# ---- random streams
def state_hash(generator=None):
    state = torch.get_rng_state() if generator is None else generator.get_state()
    return hashlib.sha256(bytes(state.tolist())).hexdigest()


torch.manual_seed(42)
random = {
    "rand": torch.rand(5).tolist(), "randn_small": torch.randn(5).tolist(), "randn_large": torch.randn(17).tolist(),
    "rand_double": torch.rand(3, dtype=torch.float64).tolist(),
    "randint": torch.randint(0, 1000, (6,)).tolist(), "randperm": torch.randperm(8).tolist(),
    "normal_": torch.empty(4).normal_(1, 2).tolist(), "uniform_": torch.empty(4).uniform_(-1, 1).tolist(),
    "exponential_": torch.empty(3).exponential_(2).tolist(),
    "bernoulli": torch.bernoulli(torch.full((8,), 0.3)).tolist(),
    "dropout": nn.functional.dropout(torch.ones(16), 0.25).tolist(),
    "multinomial": torch.multinomial(torch.tensor([0.1, 0.2, 0.7]), 6, replacement=True).tolist(),
}
random["state"] = state_hash()
write("random.json", random)

cases = []
for dtype in ["float32", "float64", "bfloat16", "float16", "bool", "uint8", "int64"]:
    for shape in [[], [0], [1], [7], [3, 5], [700], [5000]]:
        for p in [0.0, 1.0, 0.1, 0.5, 1 / 3, 1e-3]:
            if len(shape) == 1 and shape[0] > 100 and dtype not in ("float32", "bool", "bfloat16"):
                continue
            torch.manual_seed(len(cases))
            torch.rand(len(cases) % 5)  # start inside a block of the twister
            t = torch.zeros(shape, dtype=getattr(torch, dtype)).bernoulli_(p)
            cases.append({"dtype": dtype, "shape": shape, "p": p, "layout": "dense",
                          "hash": hashlib.sha256(bytes(t.flatten().to(torch.uint8).tolist())).hexdigest()[:16],
                          "state": state_hash()[:16]})
for layout in ["transposed", "strided", "sliced"]:
    for p in [0.1, 0.5]:
        torch.manual_seed(len(cases))
        torch.rand(len(cases) % 5)
        base = torch.zeros(40, 30)
        t = base.t() if layout == "transposed" else base[:, ::2] if layout == "strided" else base[:, ::3][1:]
        t.bernoulli_(p)
        cases.append({"dtype": "float32", "shape": [40, 30], "p": p, "layout": layout,
                      "hash": hashlib.sha256(bytes(t.flatten().to(torch.uint8).tolist())).hexdigest()[:16],
                      "state": state_hash()[:16]})
write("bernoulli.json", cases)

for path in ["random.json", "bernoulli.json"]:
    print(path, (OUT / path).stat().st_size, "bytes")
