"""Writes tests/goldens/nn/init.json: what torch.nn.init draws after torch.manual_seed(7).

Run: python tools/golden/nn_init.py   (torch 2.13.0)
"""

import json
import math
import pathlib

import torch
from torch import nn

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "nn"
torch.set_num_threads(1)

functions = {
    "normal_": [{}, {"mean": 0.5, "std": 2}], "uniform_": [{}, {"a": -1, "b": 3}],
    "trunc_normal_": [{}, {"mean": 1, "std": 0.5, "a": 0.9, "b": 1.2}, {"std": 0.02, "a": 0.01}],
    "constant_": [1.5], "zeros_": [{}], "ones_": [{}], "eye_": [{}], "dirac_": [{}, {"groups": 2}],
    "xavier_uniform_": [{}, {"gain": 1.5}], "xavier_normal_": [{}, {"gain": 2}],
    "kaiming_uniform_": [{}, {"a": math.sqrt(5)}, {"mode": "fan_out", "nonlinearity": "relu"}],
    "kaiming_normal_": [{}, {"a": 0.5, "mode": "fan_out"}, {"nonlinearity": "tanh"}],
    "orthogonal_": [{}, {"gain": 2}], "sparse_": [0.3],
}
shapes = {"eye_": [(3, 4)], "dirac_": [(4, 3, 3), (2, 2, 1, 3)], "sparse_": [(5, 3)]}
cases = []
for name, arguments in functions.items():
    for argument in arguments:
        for shape in shapes.get(name, [(3, 4), (2, 3, 2)]):
            torch.manual_seed(7)
            tensor, function = torch.full(shape, 9.0), getattr(nn.init, name)
            function(tensor, **argument) if isinstance(argument, dict) else function(tensor, argument)
            cases.append({"name": name, "shape": shape, "argument": argument, "values": tensor.flatten().tolist()})
torch.manual_seed(7)
layers = {"linear": [p.flatten().tolist() for p in nn.Linear(3, 2).parameters()]}
layers["embedding"] = [p.flatten().tolist() for p in nn.Embedding(4, 2, padding_idx=1).parameters()]
names = ["linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"]
gains = {name: nn.init.calculate_gain(name) for name in names}
(OUT / "init.json").write_text(json.dumps({"cases": cases, "layers": layers, "gains": gains}, separators=(",", ":")) + "\n")
print("init.json", (OUT / "init.json").stat().st_size, "bytes,", len(cases), "cases")
