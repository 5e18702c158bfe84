"""Writes tests/goldens/trainer/model-summary.json: the tables that Lightning prints of small modules.

Run: python tools/golden/model_summary.py   (lightning 2.6.6, rich)
"""

import io
import json
from pathlib import Path

import rich
import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.callbacks import RichModelSummary
from lightning.pytorch.utilities.model_summary import summarize
from lightning.pytorch.utilities.model_summary.model_summary import get_human_readable_count
from torch import nn

OUT = Path(__file__).resolve().parents[2] / "tests" / "goldens" / "trainer" / "model-summary.json"


class Documented(LightningModule):
    """The example of Lightning's documentation."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(256, 512), nn.BatchNorm1d(512))
        self.example_input_array = torch.zeros(10, 256)

    def forward(self, x):
        return self.net(x)


class Mixed(LightningModule):
    """Has a convolution, weights of its own, a frozen layer in evaluation mode, and one that is not called."""

    def __init__(self, example):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.blocks = nn.ModuleList([nn.Sequential(nn.Linear(36, 36), nn.ReLU()), nn.Linear(36, 1250)])
        self.scale = nn.Parameter(torch.ones(2500))
        self.unused = nn.Linear(7, 7)
        self.conv.requires_grad_(False)
        self.conv.eval()
        if example:
            self.example_input_array = (torch.zeros(2, 3, 8, 8), torch.zeros(2, 1))

    def forward(self, x, y):
        x = self.conv(x).flatten(2)
        for block in self.blocks:
            x = block(x)
        return x + y.unsqueeze(-1)


def framed(model, max_depth):
    summary = summarize(model, max_depth)
    buffer = io.StringIO()
    rich.get_console().__dict__.update(rich.console.Console(file=buffer, width=200, color_system=None).__dict__)
    RichModelSummary.summarize(
        summary._get_summary_data(),
        summary.total_parameters,
        summary.trainable_parameters,
        summary.model_size,
        summary.total_training_modes,
        summary.total_flops,
    )
    return [line.rstrip() for line in buffer.getvalue().split("\n")]


models = {"documented": Documented(), "mixed": Mixed(True), "bare": Mixed(False)}
counts = [0, 7, 123, 999, 1000, 1234, 1250, 1350, 1750, 99949, 99950, 100000, 999999, 2000000, 2250000, 3 * 10**9, 4 * 10**14, 5 * 10**15]
golden = {
    "tables": {
        name: {str(depth): str(summarize(model, depth)) for depth in (0, 1, 2, -1)} for name, model in models.items()
    },
    "framed": {name: framed(model, 2) for name, model in models.items()},
    "counts": {str(count): get_human_readable_count(count) for count in counts},
}
OUT.write_text(json.dumps(golden, indent=1, ensure_ascii=False) + "\n")
