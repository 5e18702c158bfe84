"""Writes tests/goldens/torch/optim-schedules.json: learning rates of torch's and transformers' schedules over 50 steps.

Run: python tools/golden/optim_schedules.py   (torch 2.13.0, transformers 5.23.0)
"""

import json
import pathlib

import torch
import transformers.optimization as hf
from torch.optim import lr_scheduler as lrs
from torch.optim.swa_utils import SWALR

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "torch"
STEPS = 50
torch.set_num_threads(1)


def schedules():
    def sequential(optimizer):
        first = lrs.LinearLR(optimizer, start_factor=0.1, total_iters=8)
        second = lrs.CosineAnnealingLR(optimizer, T_max=20)
        third = lrs.ExponentialLR(optimizer, gamma=0.8)
        return lrs.SequentialLR(optimizer, [first, second, third], [8, 28])

    def restarts_last(optimizer):
        first = lrs.ConstantLR(optimizer, factor=0.5, total_iters=30)
        second = lrs.CosineAnnealingWarmRestarts(optimizer, T_0=7)
        return lrs.SequentialLR(optimizer, [first, second], [10])

    def chained(optimizer):
        first = lrs.ConstantLR(optimizer, factor=0.5, total_iters=7)
        return lrs.ChainedScheduler([first, lrs.ExponentialLR(optimizer, gamma=0.95)])

    metric = [1 / (1 + i) if i < 12 else 0.1 + 0.01 * (i % 3) for i in range(STEPS)]
    torch_cases = [
        ("LambdaLR", lambda o: lrs.LambdaLR(o, lambda epoch: 0.95**epoch), {}),
        ("StepLR", None, {"step_size": 7, "gamma": 0.3}),
        ("MultiStepLR", None, {"milestones": [5, 11, 11, 30], "gamma": 0.5}),
        ("ConstantLR", None, {"factor": 0.25, "total_iters": 9}),
        ("ConstantLR", None, {}),
        ("LinearLR", None, {"start_factor": 0.2, "end_factor": 0.7, "total_iters": 12}),
        ("LinearLR", None, {}),
        ("ExponentialLR", None, {"gamma": 0.9}),
        ("PolynomialLR", None, {"total_iters": 33, "power": 2.0}),
        ("PolynomialLR", None, {}),
        ("CosineAnnealingLR", None, {"T_max": 20, "eta_min": 1e-3}),
        ("CosineAnnealingLR", None, {"T_max": 50}),
        ("CosineAnnealingWarmRestarts", None, {"T_0": 5, "T_mult": 2, "eta_min": 1e-4}),
        ("CosineAnnealingWarmRestarts", None, {"T_0": 9}),
        ("OneCycleLR", None, {"max_lr": 0.5, "total_steps": 50}),
        ("OneCycleLR", None, {"max_lr": [0.5, 0.1], "total_steps": 60, "pct_start": 0.2, "anneal_strategy": "linear",
                              "cycle_momentum": False, "div_factor": 10.0, "final_div_factor": 100.0}),
        ("OneCycleLR", None, {"max_lr": 0.5, "total_steps": 50, "three_phase": True}),
        ("ReduceLROnPlateau", None, {"patience": 2, "factor": 0.5}),
        ("ReduceLROnPlateau", None, {"mode": "max", "patience": 1, "factor": 0.3, "threshold": 0.02,
                                     "threshold_mode": "abs", "cooldown": 3, "min_lr": [0.01, 0.001]}),
        ("MultiplicativeLR", lambda o: lrs.MultiplicativeLR(o, lambda epoch: 0.9 if epoch % 3 else 1.1), {}),
        ("CyclicLR", None, {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 4, "step_size_down": 6}),
        ("CyclicLR", None, {"base_lr": [0.01, 0.02], "max_lr": [0.1, 0.3], "step_size_up": 5, "mode": "triangular2",
                            "base_momentum": 0.7, "max_momentum": [0.95, 0.9]}),
        ("CyclicLR", None, {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 7, "mode": "exp_range", "gamma": 0.97,
                            "cycle_momentum": False}),
        ("SWALR", lambda o: SWALR(o, 0.05), {"swa_lr": 0.05}),
        ("SWALR", lambda o: SWALR(o, [0.01, 0.2], anneal_epochs=15, anneal_strategy="linear"),
         {"swa_lr": [0.01, 0.2], "anneal_epochs": 15, "anneal_strategy": "linear"}),
        ("SWALR", lambda o: SWALR(o, 0.05, anneal_epochs=0), {"swa_lr": 0.05, "anneal_epochs": 0}),
        ("ChainedScheduler", chained, {}),
        ("GreedyLR", lambda o: hf.GreedyLR(o, patience=1), {"patience": 1}),
        ("GreedyLR", lambda o: hf.GreedyLR(o, patience=1, factor=0.6, max_lr=[0.2, 0.3], min_lr=0.01, cooldown=2,
                                           warmup=1, smooth=True, window_size=3, reset_start=3, threshold=1e-3,
                                           threshold_mode="rel"),
         {"patience": 1, "factor": 0.6, "max_lr": [0.2, 0.3], "min_lr": 0.01, "cooldown": 2, "warmup": 1,
          "smooth": True, "window_size": 3, "reset_start": 3, "threshold": 1e-3, "threshold_mode": "rel"}),
        ("SequentialLR", sequential, {}),
        ("SequentialLR", restarts_last, {"restarts": True}),
    ]
    hf_cases = [
        ("constant", {}, 0),
        ("constant_with_warmup", {}, 10),
        ("linear", {}, 0),
        ("linear", {}, 7),
        ("cosine", {}, 5),
        ("cosine", {"num_cycles": 1.5}, 5),
        ("cosine_with_restarts", {"num_cycles": 3}, 4),
        ("polynomial", {}, 6),
        ("polynomial", {"lr_end": 1e-3, "power": 2.0}, 6),
        ("inverse_sqrt", {}, 8),
        ("inverse_sqrt", {"timescale": 20}, 5),
        ("inverse_sqrt", {}, 0),
        ("cosine_with_min_lr", {"min_lr": 0.01}, 5),
        ("cosine_with_min_lr", {"min_lr_rate": 0.2, "num_cycles": 0.75}, 5),
        ("cosine_warmup_with_min_lr", {"min_lr": 0.01}, 5),
        ("cosine_warmup_with_min_lr", {"min_lr_rate": 0.2, "warmup_lr_rate": 0.1, "num_cycles": 0.75}, 8),
        ("warmup_stable_decay", {"num_decay_steps": 15}, 10),
        ("warmup_stable_decay", {"num_decay_steps": 12, "num_stable_steps": 8, "warmup_type": "cosine",
                                 "decay_type": "1-sqrt", "min_lr_ratio": 0.1}, 10),
        ("warmup_stable_decay", {"num_decay_steps": 20, "warmup_type": "1-sqrt", "decay_type": "linear"}, 10),
        ("step_lr", {"step_size": 10}, 0),
        ("multi_step_lr", {"milestones": [10, 20], "gamma": 0.2}, 0),
        ("exponential_lr", {"gamma": 0.95}, 0),
        ("one_cycle", {"pct_start": 0.4}, 0),
        ("reduce_lr_on_plateau", {"patience": 3}, 0),
        ("greedy", {"patience": 3, "factor": 0.8, "min_lr": 1e-4}, 0),
        ("constant_lr", {"factor": 0.25, "total_iters": 9}, 0),
        ("linear_lr", {"start_factor": 0.2, "total_iters": 12}, 0),
        ("polynomial_lr", {"total_iters": 33, "power": 2.0}, 0),
        ("cosine_annealing_lr", {"T_max": 20, "eta_min": 1e-3}, 0),
        ("cosine_annealing_warm_restarts", {"T_0": 5, "T_mult": 2}, 0),
        ("cyclic_lr", {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 5}, 0),
    ]

    def optimizer_of():
        w, b = torch.zeros(1, requires_grad=True), torch.zeros(1, requires_grad=True)
        return torch.optim.AdamW([{"params": [w]}, {"params": [b], "lr": 0.02}], lr=0.1)

    def rates(scheduler, optimizer, steps):
        # the last case of OneCycleLR shows one step beyond its anneal, as torch allows
        rows = [[g["lr"] for g in optimizer.param_groups]]
        momenta = [optimizer.param_groups[0]["betas"][0]]
        for i in range(steps):
            optimizer.step()
            if isinstance(scheduler, (lrs.ReduceLROnPlateau, hf.GreedyLR)):
                scheduler.step(metric[i])
            else:
                scheduler.step()
            rows.append([g["lr"] for g in optimizer.param_groups])
            momenta.append(optimizer.param_groups[0]["betas"][0])
        return {"rates": rows, **({"beta1": momenta} if isinstance(scheduler, (lrs.OneCycleLR, lrs.CyclicLR)) else {})}

    cases = []
    for name, make, args in torch_cases:
        optimizer = optimizer_of()
        scheduler = make(optimizer) if make else getattr(lrs, name)(optimizer, **args)
        cases.append({"scheduler": name, "args": args, **rates(scheduler, optimizer, STEPS)})
    by_name = {
        "constant_lr": lrs.ConstantLR, "linear_lr": lrs.LinearLR, "polynomial_lr": lrs.PolynomialLR,
        "cosine_annealing_lr": lrs.CosineAnnealingLR, "cyclic_lr": lrs.CyclicLR,
        "cosine_annealing_warm_restarts": lrs.CosineAnnealingWarmRestarts, "step_lr": lrs.StepLR, "multi_step_lr": lrs.MultiStepLR, "exponential_lr": lrs.ExponentialLR,
        "one_cycle": lambda o, **kw: lrs.OneCycleLR(o, max_lr=[0.1, 0.02], total_steps=STEPS, **kw),
    }
    created = []
    for name, args, warmup in hf_cases:
        optimizer = optimizer_of()
        # get_scheduler wants warm-up of kinds that ignore it: these are made directly
        if name in by_name:
            scheduler = by_name[name](optimizer, **args)
        else:
            scheduler = hf.get_scheduler(name, optimizer, warmup, STEPS, scheduler_specific_kwargs=args)
        created.append({"name": name, "args": args, "warmup_steps": warmup, **rates(scheduler, optimizer, STEPS)})

    # rates changed from outside between steps: chained schedulers keep the change
    optimizer = optimizer_of()
    scheduler = lrs.CosineAnnealingLR(optimizer, T_max=20)
    disturbed = []
    for i in range(STEPS):
        optimizer.step()
        scheduler.step()
        if i == 5:
            optimizer.param_groups[0]["lr"] *= 0.5
        disturbed.append([g["lr"] for g in optimizer.param_groups])
    data = {"metric": metric, "classes": cases, "created": created, "disturbed": disturbed}
    (OUT / "optim-schedules.json").write_text(json.dumps(data) + "\n")


OUT.mkdir(parents=True, exist_ok=True)
schedules()
