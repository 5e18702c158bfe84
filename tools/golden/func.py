"""Writes tests/goldens/autograd/func.json: transforms of functions from torch.func.

Run: python tools/golden/func.py   (torch 2.13.0)
"""

import json
import pathlib

import torch
from torch.func import (
    functional_call,
    functionalize,
    grad,
    grad_and_value,
    hessian,
    jacfwd,
    jacrev,
    jvp,
    linearize,
    rearrange,
    stack_module_state,
    vjp,
    vmap,
)

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "autograd"
torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)


def plain(value):
    if isinstance(value, (tuple, list)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return value.tolist()


def cubes(a, b):
    return a.pow(3).mul(b.cos()).sum()


def two(a, b):
    return a.mul(2).add(b.pow(3)), a.sin().mul(b).sum()


torch.manual_seed(0)
matrix, x, y, v, w = torch.randn(4, 3), torch.randn(3), torch.randn(3), torch.randn(3), torch.randn(3)
labels = torch.tensor([0, 1, 1, 0])
model = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.Tanh(), torch.nn.LayerNorm(5), torch.nn.Linear(5, 2))
other = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.Tanh(), torch.nn.LayerNorm(5), torch.nn.Linear(5, 2))
weights = {name: value.detach() for name, value in model.named_parameters()}


def loss(weights, example, label):
    logits = functional_call(model, weights, (example.unsqueeze(0),))
    return torch.nn.functional.cross_entropy(logits, label.unsqueeze(0))


def randomly(randomness):
    torch.manual_seed(5)
    return vmap(lambda row: row + torch.randn(3), randomness=randomness)(matrix)


def with_aux(a, b):
    return two(a, b), (a * b).exp()


def changing(a):
    """Changes a copy through a view, and its argument."""
    part = a.clone().reshape(-1)
    part[1:].mul_(a[0] * 1)
    a.add_(1)
    return part.sin()


changed = x.clone()
pull_aux = vjp(with_aux, x, y, has_aux=True)
output, push = linearize(two, x, y)
cube = torch.arange(24.0).reshape(2, 3, 4)
PATTERNS = [
    ["a b c -> c (a b)", {}],
    ["a (b1 b2) c -> b2 a b1 c", {"b1": 3}],
    ["... c -> c ...", {}],
    ["a ... -> (a ...)", {}],
    ["a b (c d) -> (c a) 1 d b", {"d": 2}],
    ["a b c ... -> ... a () b c", {}],
    ["row_1 ... -> ... row_1", {}],
]
stacked, _ = stack_module_state([model, other])
golden = {
    "inputs": {name: value.tolist() for name, value in {"matrix": matrix, "x": x, "y": y, "v": v, "w": w, "labels": labels}.items()},
    "weights": plain(weights),
    "other": plain(dict(other.named_parameters())),
    "grad": plain(grad(cubes)(x, y)),
    "grad both": plain(grad(cubes, argnums=(0, 1))(x, y)),
    "grad of grad": plain(grad(lambda a: grad(cubes)(a, y).mul(v).sum())(x)),
    "grad and value": plain(grad_and_value(cubes)(x, y)),
    "vjp": plain(vjp(two, x, y)[1]((v, torch.tensor(2.0)))),
    "jvp": plain(jvp(two, (x, y), (v, w))),
    "vjp aux": plain((pull_aux[0], pull_aux[1]((v, torch.tensor(2.0))), pull_aux[2])),
    "jvp aux": plain(jvp(with_aux, (x, y), (v, w), has_aux=True)),
    "jacrev aux": plain(jacrev(with_aux, argnums=(0, 1), has_aux=True)(x, y)),
    "jacfwd aux": plain(jacfwd(with_aux, argnums=(0, 1), has_aux=True)(x, y)),
    "linearize": plain((output, push(v, w), push(w, v), vmap(push, in_dims=(0, None))(matrix, w))),
    "functionalize": plain((functionalize(changing)(changed), changed)),
    "functionalize views": plain(functionalize(changing, remove="mutations_and_views")(x.clone())),
    "grad of functionalize": plain(grad(lambda a: functionalize(changing)(a.clone()).sum())(x)),
    "rearrange": [[pattern, axes, rearrange(cube, pattern, **axes).tolist()] for pattern, axes in PATTERNS],
    "jacrev": plain(jacrev(two, argnums=(0, 1))(x, y)),
    "jacfwd": plain(jacfwd(two, argnums=(0, 1))(x, y)),
    "hessian": plain(hessian(cubes, argnums=(0, 1))(x, y)),
    "vmap dims": plain(vmap(lambda a, b: a.mul(b).cumsum(0), in_dims=(1, None), out_dims=1)(matrix, v[:1])),
    "vmap nested": plain(vmap(vmap(torch.mul, in_dims=(None, 0)), in_dims=(0, None))(x, y)),
    "vmap same": plain(randomly("same")),
    "vmap different": plain(randomly("different")),
    "per-sample gradients": plain(vmap(grad(loss), in_dims=(None, 0, 0))(weights, matrix, labels)),
    "per-sample hessians": plain(vmap(hessian(cubes), in_dims=(0, None))(matrix, y)),
    "ensemble": plain(vmap(lambda some, rows: functional_call(model, some, (rows,)), in_dims=(0, None))(stacked, matrix)),
}
OUT.mkdir(exist_ok=True)
(OUT / "func.json").write_text(json.dumps(golden, indent=1) + "\n")
