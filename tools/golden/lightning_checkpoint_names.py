"""Writes tests/goldens/trainer/checkpoint-names.json: names that Lightning's ModelCheckpoint makes of templates.

Run: python tools/golden/lightning_checkpoint_names.py   (pytorch-lightning 2.6.6)
"""

import json
import pathlib

import torch
from pytorch_lightning.callbacks import ModelCheckpoint

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "trainer"
METRICS = {"epoch": 2, "step": 120, "val_loss": 0.123456, "val_acc": 1.0, "epoch_time": 12.5, "tiny": 1.5e-7}
TEMPLATES = [
    None,
    "{epoch}",
    "{epoch:03d}",
    "{epoch:d}-{step:06d}",
    "{epoch}-{val_loss:.2f}",
    "best-{val_loss:.4f}-{val_acc:.0%}",
    "{epoch}-{epoch_time:.1f}",
    "{val_acc}",
    "{missing:d}-{step}",
    "{missing:.3f}",
    "{tiny:.2e}-{tiny:g}-{val_loss:.3g}",
    "plain",
    "{val_loss:8.3f}",
    "{tiny}",
]

if __name__ == "__main__":
    cases = []
    for template in TEMPLATES:
        for auto in (True, False):
            metrics = {
                name: torch.tensor(value, dtype=torch.float64 if isinstance(value, float) else torch.int64)
                for name, value in METRICS.items()
            }
            checkpoint = ModelCheckpoint(filename=template, auto_insert_metric_name=auto)
            name = checkpoint.format_checkpoint_name(metrics).removesuffix(".ckpt")
            cases.append({"template": template, "autoInsertMetricName": auto, "name": name})
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "checkpoint-names.json").write_text(json.dumps({"metrics": METRICS, "cases": cases}, indent=1) + "\n")
