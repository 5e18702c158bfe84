"""Writes tests/goldens/torch/optim-*: what torch and transformers make of optimizers, schedulers and clipping.

Run: python tools/golden/optim.py   (torch 2.13.0, transformers 5.23.0)

optim-trajectories.safetensors  parameters after each of 50 steps, for the cases in optim-cases.json
optim-state.safetensors/.json   state dicts of torch after 5 steps, and the parameters 5 steps later
optim-clip.json                 norms and clipped gradients
optim-scaler.json               scales of a GradScaler over overflows
"""

import json
import math
import pathlib

import torch
import transformers.optimization as hf
from safetensors.torch import save_file
from torch.optim import lr_scheduler as lrs

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "torch"
STEPS = 50
torch.manual_seed(0)
torch.set_num_threads(1)

KINDS = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam, "sgd": torch.optim.SGD}

# w and b have gradients from the first step, late from step 10 on
INPUTS = {
    "x": torch.randn(8, 4),
    "y": torch.randn(8, 3),
    "w": torch.randn(4, 3),
    "b": torch.randn(3),
    "late": torch.randn(3),
}

CASES = [
    {"name": "adamw", "optimizer": "adamw", "options": {"lr": 0.01}},
    {"name": "adamw_options", "optimizer": "adamw",
     "options": {"lr": 0.02, "betas": [0.8, 0.95], "eps": 1e-6, "weight_decay": 0.1, "amsgrad": True}},
    {"name": "adamw_maximize", "optimizer": "adamw", "options": {"lr": 0.01, "maximize": True}},
    {"name": "adamw_groups", "optimizer": "adamw", "options": {"lr": 0.01},
     "groups": [{"params": ["w"], "weight_decay": 0.2}, {"params": ["b", "late"], "lr": 0.05, "weight_decay": 0.0}]},
    {"name": "adamw_float64", "optimizer": "adamw", "options": {"lr": 0.01}, "dtype": "float64"},
    {"name": "adamw_bfloat16", "optimizer": "adamw", "options": {"lr": 0.01}, "dtype": "bfloat16"},
    {"name": "adam", "optimizer": "adam", "options": {"lr": 0.01}},
    {"name": "adam_options", "optimizer": "adam", "options": {"lr": 0.02, "weight_decay": 0.1, "amsgrad": True}},
    {"name": "sgd", "optimizer": "sgd", "options": {"lr": 0.1}},
    {"name": "sgd_momentum", "optimizer": "sgd", "options": {"lr": 0.05, "momentum": 0.9, "dampening": 0.1}},
    {"name": "sgd_nesterov", "optimizer": "sgd",
     "options": {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}},
    {"name": "sgd_maximize", "optimizer": "sgd", "options": {"lr": 0.01, "momentum": 0.5, "maximize": True}},
    {"name": "adamw_clip_linear", "optimizer": "adamw", "options": {"lr": 0.05}, "clip": 0.1,
     "scheduler": "linear", "warmup_steps": 10},
    {"name": "sgd_cosine", "optimizer": "sgd", "options": {"lr": 0.1, "momentum": 0.9},
     "scheduler": "cosine", "warmup_steps": 5},
    {"name": "sgd_one_cycle", "optimizer": "sgd", "options": {"lr": 0.1, "momentum": 0.9}, "scheduler": "one_cycle"},
]


def make_optimizer(case, params, **extra):
    groups = case.get("groups")
    if groups is None:
        return KINDS[case["optimizer"]](list(params.values()), **case["options"], **extra)
    groups = [{**g, "params": [params[n] for n in g["params"]]} for g in groups]
    return KINDS[case["optimizer"]](groups, **case["options"], **extra)


def make_params(case):
    dtype = getattr(torch, case.get("dtype", "float32"))
    return {n: INPUTS[n].to(dtype, copy=True).requires_grad_() for n in ("w", "b", "late")}


def loss_of(params, step):
    dtype = params["w"].dtype
    out = torch.tanh(INPUTS["x"].to(dtype) @ params["w"] + params["b"])
    if step >= 10:
        out = out * params["late"]
    return ((out - INPUTS["y"].to(dtype)) ** 2).mean()


def make_scheduler(case, optimizer):
    name = case.get("scheduler")
    if name is None:
        return None
    if name == "one_cycle":
        return lrs.OneCycleLR(optimizer, max_lr=case["options"]["lr"], total_steps=STEPS)
    return hf.get_scheduler(name, optimizer, case["warmup_steps"], STEPS)


def run(case, steps=STEPS, start=0, params=None, optimizer=None, **extra):
    params = params or make_params(case)
    optimizer = optimizer or make_optimizer(case, params, **extra)
    scheduler = make_scheduler(case, optimizer)
    rows = []
    for step in range(start, start + steps):
        optimizer.zero_grad()
        loss_of(params, step).backward()
        if "clip" in case:
            torch.nn.utils.clip_grad_norm_(list(params.values()), case["clip"])
        optimizer.step()
        if scheduler is not None:
            scheduler.step()
        rows.append(torch.cat([p.detach().reshape(-1) for p in params.values()]))
    return torch.stack(rows), params, optimizer


def trajectories():
    tensors = dict(INPUTS)
    for case in CASES:
        late_momentum = case["optimizer"] == "sgd" and case["options"].get("momentum")
        # torch's own fused SGD fails when a parameter gets its first gradient later than others
        fused = run(case, fused=not late_momentum)[0]
        plain = run(case, foreach=False)[0]
        tolerance = 0.05 if case.get("dtype") == "bfloat16" else 2e-6
        assert (fused - plain).abs().max() < tolerance, (case["name"], (fused - plain).abs().max())
        tensors[f"trajectory.{case['name']}"] = fused
    save_file(tensors, OUT / "optim-trajectories.safetensors")
    (OUT / "optim-cases.json").write_text(json.dumps(CASES, indent=1) + "\n")


def states():
    tensors, groups = {}, {}
    for case in CASES:
        if case["name"] not in ("adamw_groups", "adam_options", "sgd_momentum"):
            continue
        name = case["name"]
        _, params, optimizer = run(case, steps=15)
        saved = optimizer.state_dict()
        for index, state in saved["state"].items():
            for key, value in state.items():
                tensors[f"{name}.state.{index}.{key}"] = value.clone()
        groups[name] = saved["param_groups"]
        for key, value in params.items():
            tensors[f"{name}.before.{key}"] = value.detach().clone()
        rows, _, _ = run(case, steps=5, start=15, params=params, optimizer=optimizer)
        tensors[f"{name}.after"] = rows[-1]
    save_file(tensors, OUT / "optim-state.safetensors")
    (OUT / "optim-state.json").write_text(json.dumps(groups, indent=1) + "\n")


def clip():
    grads = [torch.randn(3, 2) * 5, torch.randn(4), torch.randn(2, 2, 2).double()]
    data = {"gradients": [g.flatten().tolist() for g in grads], "norms": [], "values": []}
    for norm_type in (2.0, 1.0, 3.5, math.inf):
        for max_norm in (0.5, 1e3):
            params = [torch.zeros_like(g).requires_grad_() for g in grads]
            for p, g in zip(params, grads):
                p.grad = g.clone()
            total = torch.nn.utils.clip_grad_norm_(params, max_norm, norm_type)
            data["norms"].append({
                "norm_type": "inf" if math.isinf(norm_type) else norm_type, "max_norm": max_norm,
                "total": total.item(), "clipped": [p.grad.flatten().tolist() for p in params]})
    params = [torch.zeros_like(g).requires_grad_() for g in grads]
    for p, g in zip(params, grads):
        p.grad = g.clone()
    torch.nn.utils.clip_grad_value_(params, 0.7)
    data["values"] = [p.grad.flatten().tolist() for p in params]
    (OUT / "optim-clip.json").write_text(json.dumps(data) + "\n")


def scaler():
    gradients = [1.0, math.inf, 2.0, 3.0, 4.0, math.nan, math.inf, 1.0, 1.0, 1.0, 1.0, 1.0]
    scaler = torch.amp.GradScaler("cpu", init_scale=16.0, growth_interval=3, growth_factor=4.0, backoff_factor=0.25)
    w = torch.ones(2, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.125)
    rows = []
    for gradient in gradients:
        optimizer.zero_grad()
        scaler.scale((w * torch.tensor([1.0, gradient])).sum()).backward()
        scaler.unscale_(optimizer)
        scaler.step(optimizer)
        scaler.update()
        rows.append({"scale": scaler.get_scale(), "w": w.tolist()})
    data = {"gradients": [str(g) for g in gradients], "rows": rows, "state": scaler.state_dict()}
    (OUT / "optim-scaler.json").write_text(json.dumps(data) + "\n")


OUT.mkdir(parents=True, exist_ok=True)
trajectories()
states()
clip()
scaler()
