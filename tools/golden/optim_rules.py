"""Writes tests/goldens/torch/optim-rules.*: the courses of every optimizer but SGD and Adam, which optim.py covers.

Run: python tools/golden/optim_rules.py
     (torch 2.13.0, transformers 5.23.0, schedulefree 1.4.1, lion-pytorch 0.2.5)

optim-rules.json          the cases, and the parameter groups of their state dicts
optim-rules.safetensors   inputs, parameters after some of 50 steps, states after 15 steps, parameters 5 steps later
"""

import json
import pathlib

import torch
import transformers.optimization as hf
from lion_pytorch import Lion
from safetensors.torch import save_file
from schedulefree import AdamWScheduleFree, SGDScheduleFree

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "torch"
STEPS = 50
RECORDED = [0, 1, 2, 3, 4, *range(9, STEPS, 5)]
torch.manual_seed(0)
torch.set_num_threads(1)

# late gets its first gradient at step 10; cube has three dimensions
INPUTS = {
    "x": torch.randn(8, 4),
    "y": torch.randn(8, 6),
    "w": torch.randn(4, 3),
    "b": torch.randn(3),
    "late": torch.randn(3),
    "cube": torch.randn(2, 3, 3),
    "u": torch.randn(3, 6),
}
PARAMS = ["w", "b", "late", "cube", "u"]


class LAMB(torch.optim.Optimizer):
    """Algorithm 2 of You et al. 2020 (arXiv 1904.00962 v5) with phi(z) = z, written out tensor by tensor."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-6, weight_decay=0.01, bias_correction=True,
                 maximize=False):
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay,
                                      bias_correction=bias_correction, maximize=maximize))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                g = -p.grad if group["maximize"] else p.grad
                state = self.state[p]
                if not state:
                    state.update(step=torch.tensor(0.0), exp_avg=torch.zeros_like(p), exp_avg_sq=torch.zeros_like(p))
                state["step"] += 1
                t, m, v = state["step"].item(), state["exp_avg"], state["exp_avg_sq"]
                m.mul_(beta1).add_(g, alpha=1 - beta1)
                v.mul_(beta2).addcmul_(g, g, value=1 - beta2)
                if group["bias_correction"]:
                    m, v = m / (1 - beta1**t), v / (1 - beta2**t)
                r = m / (v.sqrt() + group["eps"]) + group["weight_decay"] * p
                size, length = p.norm(), r.norm()
                ratio = (size / length).item() if size > 0 and length > 0 else 1.0
                p.sub_(group["lr"] * ratio * r)


KINDS = {
    "rmsprop": torch.optim.RMSprop,
    "adagrad": torch.optim.Adagrad,
    "adadelta": torch.optim.Adadelta,
    "adamax": torch.optim.Adamax,
    "nadam": torch.optim.NAdam,
    "radam": torch.optim.RAdam,
    "rprop": torch.optim.Rprop,
    "asgd": torch.optim.ASGD,
    "adafactor_torch": torch.optim.Adafactor,
    "muon": torch.optim.Muon,
    "adafactor": hf.Adafactor,
    "lion": Lion,
    "lamb": LAMB,
    "schedule_free_adamw": AdamWScheduleFree,
    "schedule_free_sgd": SGDScheduleFree,
}
# one kernel for all tensors is what Sconce runs; these have no choice of it
WITHOUT_FOREACH = {"adagrad", "muon", "adafactor", "lion", "lamb", "schedule_free_adamw", "schedule_free_sgd"}

CASES = [
    ("rmsprop", {}),
    ("rmsprop", {"lr": 0.005, "alpha": 0.9, "eps": 1e-6, "momentum": 0.9, "centered": True}),
    ("rmsprop", {"lr": 0.01, "weight_decay": 0.1, "maximize": True}),
    ("adagrad", {"lr": 0.1}),
    ("adagrad", {"lr": 0.2, "lr_decay": 0.05, "initial_accumulator_value": 0.1, "weight_decay": 0.01}),
    ("adagrad", {"lr": 0.05, "eps": 1e-3, "maximize": True}),
    ("adadelta", {}),
    ("adadelta", {"lr": 0.7, "rho": 0.8, "eps": 1e-3, "weight_decay": 0.05}),
    ("adadelta", {"eps": 1e-3, "maximize": True}),
    ("adamax", {"lr": 0.02}),
    ("adamax", {"lr": 0.05, "betas": [0.8, 0.95], "weight_decay": 0.1}),
    ("adamax", {"lr": 0.02, "maximize": True}),
    ("nadam", {"lr": 0.02}),
    ("nadam", {"lr": 0.05, "betas": [0.8, 0.95], "weight_decay": 0.1, "momentum_decay": 0.02}),
    ("nadam", {"lr": 0.02, "weight_decay": 0.1, "decoupled_weight_decay": True, "maximize": True}),
    ("radam", {"lr": 0.02}),
    ("radam", {"lr": 0.05, "betas": [0.8, 0.95], "weight_decay": 0.1}),
    ("radam", {"lr": 0.02, "weight_decay": 0.1, "decoupled_weight_decay": True, "maximize": True}),
    ("rprop", {}),
    ("rprop", {"lr": 0.1, "etas": [0.4, 1.3], "step_sizes": [1e-3, 0.2]}),
    ("rprop", {"maximize": True}),
    ("asgd", {"lr": 0.1}),
    ("asgd", {"lr": 0.2, "lambd": 0.01, "alpha": 0.9, "t0": 20, "weight_decay": 0.01}),
    ("asgd", {"lr": 2e-4, "maximize": True}),
    ("adafactor_torch", {}),
    ("adafactor_torch", {"lr": 0.015, "beta2_decay": -0.7, "eps": [1e-5, 1e-2], "d": 1.5, "weight_decay": 0.1}),
    ("adafactor_torch", {"lr": 0.02, "maximize": True}),
    ("muon", {"lr": 0.02}),
    ("muon", {"lr": 0.05, "momentum": 0.8, "nesterov": False, "weight_decay": 0.01,
              "adjust_lr_fn": "match_rms_adamw"}),
    ("muon", {"lr": 0.02, "ns_coefficients": [2.0, -1.5, 0.5], "ns_steps": 8, "adjust_lr_fn": "original"}),
    ("adafactor", {"lr": 0.02, "scale_parameter": False, "relative_step": False}),
    ("adafactor", {"lr": 0.03, "scale_parameter": True, "relative_step": False, "beta1": 0.9, "weight_decay": 0.1,
                   "clip_threshold": 0.5, "decay_rate": -0.6}),
    ("adafactor", {"scale_parameter": True, "relative_step": True}),
    ("adafactor", {"scale_parameter": True, "relative_step": True, "warmup_init": True, "eps": [1e-10, 1.0]}),
    ("lion", {"lr": 0.005}),
    ("lion", {"lr": 0.01, "betas": [0.8, 0.95], "weight_decay": 0.1}),
    ("lamb", {"lr": 0.02}),
    ("lamb", {"lr": 0.01, "betas": [0.8, 0.95], "weight_decay": 0.1, "bias_correction": False}),
    ("lamb", {"lr": 0.01, "weight_decay": 0.0, "maximize": True}),
    ("schedule_free_adamw", {"lr": 0.05}),
    ("schedule_free_adamw", {"lr": 0.1, "betas": [0.8, 0.95], "weight_decay": 0.1, "warmup_steps": 10, "r": 1.0}),
    ("schedule_free_sgd", {"lr": 0.1}),
    ("schedule_free_sgd", {"lr": 0.2, "momentum": 0.8, "weight_decay": 0.01, "warmup_steps": 5,
                           "weight_lr_power": 1.0}),
]


def loss_of(params, step):
    hidden = torch.tanh(INPUTS["x"] @ params["w"] + params["b"])
    if step >= 10:
        hidden = hidden * params["late"]
    hidden = hidden + torch.tanh(hidden @ params["cube"][0]) @ params["cube"][1]
    return ((hidden @ params["u"] - INPUTS["y"]) ** 2).mean()


def make(kind, options, params, **extra):
    # Muon takes matrices alone: the rest stays as it is
    trained = [p for p in params.values() if kind != "muon" or p.ndim == 2]
    optimizer = KINDS[kind](trained, **options, **extra)
    if kind.startswith("schedule_free"):
        optimizer.train()
    return optimizer


def run(kind, options, steps=STEPS, start=0, params=None, optimizer=None, **extra):
    params = params or {n: INPUTS[n].clone().requires_grad_() for n in PARAMS}
    optimizer = optimizer or make(kind, options, params, **extra)
    rows = []
    for step in range(start, start + steps):
        for p in params.values():
            p.grad = None
        loss_of(params, step).backward()
        optimizer.step()
        rows.append(torch.cat([p.detach().reshape(-1) for p in params.values()]))
    return torch.stack(rows), params, optimizer


tensors, cases = dict(INPUTS), []
for kind, options in CASES:
    name = f"{kind}.{sum(k['optimizer'] == kind for k in cases)}"
    extra = {} if kind in WITHOUT_FOREACH else {"foreach": True}
    if kind == "adagrad":
        extra = {"fused": True}
    rows, params, optimizer = run(kind, options, **extra)
    if extra:
        plain = run(kind, options, foreach=False)[0]
        difference = ((rows - plain).abs() / (1 + plain.abs())).max()
        assert difference < 5e-6, (name, difference)
    assert rows.isfinite().all() and (rows[-1] - rows[0]).abs().max() > 1e-3, name
    tensors[f"{name}.course"] = rows[RECORDED]
    case = {"name": name, "optimizer": kind, "options": options}
    if kind.startswith("schedule_free"):
        optimizer.eval()
        tensors[f"{name}.average"] = torch.cat([p.detach().reshape(-1) for p in params.values()])
    if name.endswith(".1"):
        _, params, optimizer = run(kind, options, steps=15, **extra)
        saved = optimizer.state_dict()
        numbers = {}
        for index, state in saved["state"].items():
            for key, value in state.items():
                if torch.is_tensor(value):
                    tensors[f"{name}.state.{index}.{key}"] = value.clone()
                else:
                    numbers[f"{index}.{key}"] = value
        tensors[f"{name}.before"] = torch.cat([p.detach().reshape(-1) for p in params.values()])
        rows, _, _ = run(kind, options, steps=5, start=15, params=params, optimizer=optimizer)
        tensors[f"{name}.after"] = rows[-1]
        case |= {"param_groups": saved["param_groups"], "numbers": numbers}
    cases.append(case)

LBFGS_CASES = [
    {"lr": 0.1, "max_iter": 4},
    {"lr": 2.0, "max_iter": 6, "max_eval": 14, "history_size": 5, "line_search_fn": "strong_wolfe",
     "dtype": "float64"},
    {"lr": 1.0, "max_iter": 10, "max_eval": 12, "line_search_fn": "strong_wolfe", "dtype": "float64"},
]


def lbfgs(options, steps, params=None, optimizer=None):
    options = dict(options)
    dtype = getattr(torch, options.pop("dtype", "float32"))
    params = params or {n: INPUTS[n].to(dtype, copy=True).requires_grad_() for n in PARAMS}
    optimizer = optimizer or torch.optim.LBFGS(list(params.values()), **options)

    def closure():
        optimizer.zero_grad()
        loss = loss_of(params, 10)
        loss.backward()
        return loss

    inputs = dict(INPUTS)
    INPUTS.update({n: INPUTS[n].to(dtype) for n in ("x", "y")})
    rows = []
    for _ in range(steps):
        optimizer.step(closure)
        rows.append(torch.cat([p.detach().reshape(-1) for p in params.values()]))
    INPUTS.update(inputs)
    return torch.stack(rows), params, optimizer


lbfgs_cases = []
for i, options in enumerate(LBFGS_CASES):
    tensors[f"lbfgs.{i}.course"], _, optimizer = lbfgs(options, 6)
    lbfgs_cases.append({"options": options, "func_evals": optimizer.state_dict()["state"][0]["func_evals"]})
_, params, optimizer = lbfgs(LBFGS_CASES[1], 3)
saved = optimizer.state_dict()
state, numbers = saved["state"][0], {}
for key, value in state.items():
    if key in ("old_dirs", "old_stps", "ro"):
        tensors[f"lbfgs.state.{key}"] = torch.stack(value)
    elif torch.is_tensor(value):
        tensors[f"lbfgs.state.{key}"] = value.clone()
    elif key != "al":  # made anew at each step
        numbers[key] = value
tensors["lbfgs.before"] = torch.cat([p.detach().reshape(-1) for p in params.values()])
tensors["lbfgs.after"] = lbfgs(LBFGS_CASES[1], 2, params, optimizer)[0][-1]
lbfgs_state = {"param_groups": saved["param_groups"], "numbers": numbers}
save_file(tensors, OUT / "optim-rules.safetensors")
(OUT / "optim-rules.json").write_text(json.dumps(
    {"recorded": RECORDED, "cases": cases, "lbfgs": lbfgs_cases, "lbfgs_state": lbfgs_state}, indent=1) + "\n")
