"""Writes tests/goldens/torch/profiler.json: the operators that torch.profiler counts in one step of small networks.

Run: python tools/golden/profiler.py   (torch 2.13.0)
"""

import json
import pathlib

import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "torch"
torch.set_num_threads(1)
networks = {
    "mlp": (nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)), [3, 4]),
    "conv": (nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 2)), [2, 2, 4, 4]),
    "norm": (nn.Sequential(nn.LayerNorm(6), nn.GELU(), nn.Linear(6, 6), nn.Softmax(-1)), [5, 6]),
}
counts = {}
for name, (network, shape) in networks.items():
    x = torch.ones(shape)
    network(x).sum().backward()  # the first gradients are taken over, later ones are added
    with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as recorded:
        loss = network(x).sum()
        loss.backward()
    averages = recorded.key_averages(group_by_input_shape=True)
    counts[name] = sorted(
        [average.key, [list(shape) for shape in average.input_shapes], average.count] for average in averages
    )
(OUT / "profiler.json").write_text(json.dumps(counts, separators=(",", ":")) + "\n")
