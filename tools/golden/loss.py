"""Writes tests/goldens/trainer/loss.json: torch's cross entropy with class weights and label smoothing.

Run: python tools/golden/loss.py   (torch 2.13.0)
"""

import json
import pathlib

import torch

torch.manual_seed(0)
torch.set_num_threads(1)


def case(rows, classes, weighted, smoothing):
    logits = (2 * torch.randn(rows, classes, dtype=torch.float64)).requires_grad_()
    target = torch.randint(classes, (rows,))
    weight = torch.rand(classes, dtype=torch.float64) + 0.2 if weighted else None
    loss = torch.nn.functional.cross_entropy(logits, target, weight, label_smoothing=smoothing)
    loss.backward()
    return {
        "logits": logits.tolist(),
        "target": target.tolist(),
        "weight": None if weight is None else weight.tolist(),
        "smoothing": smoothing,
        "mean": loss.item(),
        "gradient": logits.grad.tolist(),
    }


def main():
    cases = [case(7, 4, weighted, smoothing) for weighted in (False, True) for smoothing in (0.0, 0.1, 0.5)]
    target = pathlib.Path(__file__).parents[2] / "tests/goldens/trainer/loss.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(cases, separators=(",", ":")) + "\n")


main()
