"""Writes tests/goldens/autograd/functional.json: Jacobians, Hessians and their products from torch.autograd.functional.

Run: python tools/golden/autograd.py   (torch 2.13.0)
"""

import json
import pathlib

import torch
from torch.autograd import functional as F

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "autograd"
torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)


def exp_sum(x):
    return x.exp().sum(1)


def two(x, y):
    return x.mul(2).add(y.pow(3)), x.sin().mul(y).sum()


def unused(x, y):
    return x.pow(2), x.sum()


def scalar(x):
    return x.pow(3).mul(x.flip(0).cos()).sum()


def scalar_two(x, y):
    return x.exp().mul(y.pow(2)).sum().add(x.prod())


def plain(value):
    if isinstance(value, (tuple, list)):
        return [plain(item) for item in value]
    return value.tolist()


torch.manual_seed(0)
matrix, x, y = torch.randn(2, 3), torch.randn(3), torch.randn(3)
vector, v, w = torch.randn(2), torch.randn(3), torch.randn(3)

golden = {
    "inputs": {name: value.tolist() for name, value in {"matrix": matrix, "x": x, "y": y, "vector": vector, "v": v, "w": w}.items()},
    "jacobian exp_sum": plain(F.jacobian(exp_sum, matrix)),
    "jacobian two": plain(F.jacobian(two, (x, y))),
    "jacobian unused": plain(F.jacobian(unused, (x, y))),
    "vjp exp_sum": plain(F.vjp(exp_sum, matrix, vector)),
    "vjp two": plain(F.vjp(two, (x, y), (v, torch.tensor(2.0)))),
    "vjp unused": plain(F.vjp(unused, (x, y), (v, torch.tensor(2.0)))),
    "jvp exp_sum": plain(F.jvp(exp_sum, matrix, matrix)),
    "jvp two": plain(F.jvp(two, (x, y), (v, w))),
    "jvp unused": plain(F.jvp(unused, (x, y), (v, w))),
    "hessian scalar": plain(F.hessian(scalar, x)),
    "hessian scalar_two": plain(F.hessian(scalar_two, (x, y))),
    "vhp scalar": plain(F.vhp(scalar, x, v)),
    "vhp scalar_two": plain(F.vhp(scalar_two, (x, y), (v, w))),
    "hvp scalar": plain(F.hvp(scalar, x, v)),
    "hvp scalar_two": plain(F.hvp(scalar_two, (x, y), (v, w))),
}
OUT.mkdir(exist_ok=True)
(OUT / "functional.json").write_text(json.dumps(golden, indent=1) + "\n")
