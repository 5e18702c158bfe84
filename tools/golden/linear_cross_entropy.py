"""Writes tests/goldens/nn/linear_cross_entropy.safetensors: torch.nn.LinearCrossEntropyLoss and its gradients.

Run from the root of the repository: python tools/golden/linear_cross_entropy.py
"""

import torch
from safetensors.torch import save_file

tensors = {}
cases = {
    "plain": dict(args=(5, 10), options={}, target="classes"),
    "bias": dict(args=(5, 10), options=dict(bias=True, label_smoothing=0.1, reduction="sum"), target="classes"),
    "weighted": dict(args=(5, 10), options=dict(weight=torch.arange(1.0, 11.0), reduction="none"), target="classes"),
    "ignored": dict(args=(5, 10), options=dict(ignore_index=3), target="classes"),
    "positions": dict(args=(5, 4), options=dict(out_features=(2, 3), bias=True), target="positions"),
    "probabilities": dict(args=(5, 4), options=dict(out_features=(2, 3)), target="probabilities"),
}
for name, case in cases.items():
    torch.manual_seed(7)
    loss = torch.nn.LinearCrossEntropyLoss(*case["args"], **case["options"])
    classes = case["args"][1]
    x = torch.randn(6, 5, requires_grad=True)
    target = {
        "classes": lambda: torch.arange(6) % classes,
        "positions": lambda: torch.randint(0, classes, (6, 2, 3)),
        "probabilities": lambda: torch.randn(6, classes, 2, 3).softmax(dim=1),
    }[case["target"]]()
    output = loss(x, target)
    output.sum().backward()
    for key, value in loss.state_dict().items():
        tensors[f"{name}.state.{key}"] = value.clone()
    for key, value in loss.named_parameters():
        tensors[f"{name}.grad.{key}"] = value.grad
    tensors |= {f"{name}.x": x.detach(), f"{name}.target": target, f"{name}.out": output.detach(), f"{name}.xgrad": x.grad}
save_file({key: value.contiguous() for key, value in tensors.items()}, "tests/goldens/nn/linear_cross_entropy.safetensors")
