"""Writes tests/goldens/torch/optim-sparse.safetensors: courses of torch.optim.SparseAdam on an embedding table.

Run: python tools/golden/optim_sparse.py      (torch 2.13.0)
"""

import pathlib

import torch
from safetensors.torch import save_file

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "torch"
OPTIONS = {
    "default": dict(lr=0.1),
    "all": dict(lr=0.05, betas=(0.8, 0.95), eps=1e-3, maximize=True),
}
torch.manual_seed(0)

table, target = torch.randn(6, 3), torch.randn(4, 3)
indices = torch.randint(0, 6, (20, 4))
tensors = {"table": table, "target": target, "indices": indices}
for name, options in OPTIONS.items():
    weight = table.clone().requires_grad_()
    optimizer = torch.optim.SparseAdam([weight], **options)
    course = []
    for i, rows in enumerate(indices):
        weight.grad = None
        rows = rows[: 0 if i == 5 else 4]  # a step without an entry counts
        ((torch.nn.functional.embedding(rows, weight, sparse=True) - target[: len(rows)]) ** 2).sum().backward()
        optimizer.step()
        course.append(weight.detach().clone())
        if i == 9:
            (state,) = optimizer.state_dict()["state"].values()
            assert state["step"] == 10
            tensors[f"{name}.exp_avg"] = state["exp_avg"].clone()
            tensors[f"{name}.exp_avg_sq"] = state["exp_avg_sq"].clone()
    tensors[f"{name}.course"] = torch.stack(course)
save_file(tensors, OUT / "optim-sparse.safetensors")
