"""Writes tests/goldens/trainer/tuner.json: what Lightning's finders suggest and find, and what it makes of a training.

Run: python tools/golden/lightning_tuner.py   (pytorch-lightning 2.6.6)
"""

import json
import logging
import math
import pathlib
import random
import tempfile
import warnings

import torch
from lightning_callbacks import Net, X, Y, run
from pytorch_lightning import LightningDataModule, LightningModule, Trainer
from pytorch_lightning.callbacks import LearningRateFinder
from pytorch_lightning.tuner import Tuner
from pytorch_lightning.tuner.lr_finder import _LRFinder
from torch.utils.data import DataLoader, TensorDataset

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "trainer" / "tuner.json"
warnings.filterwarnings("ignore")
for name in ("pytorch_lightning", "pytorch_lightning.utilities.rank_zero", "pytorch_lightning.tuner.lr_finder"):
    logging.getLogger(name).setLevel(logging.CRITICAL)


def curve(seed, count, mode="exponential", holes=()):
    """Losses as a range test gives them: flat, falling, rising, noisy; at `holes` there is no number."""
    rng = random.Random(seed)
    low, high = 10 ** -rng.uniform(4, 8), 10 ** rng.uniform(-1, 1)
    shares = [i / count for i in range(count)]
    rates = [low * (high / low) ** s if mode == "exponential" else low + s * (high - low) for s in shares]
    losses = [2 - 1.5 / (1 + math.exp(-20 * (s - 0.6))) + 8 * max(0, s - 0.8) + rng.gauss(0, 0.02) for s in shares]
    for hole in holes:
        losses[hole] = math.nan
    return rates, losses


def suggestion(rates, losses, **options):
    finder = _LRFinder("exponential", rates[0], rates[-1], len(rates))
    finder.results = {"lr": rates, "loss": losses}
    return finder.suggestion(**options)


def suggestions():
    cases = [(*curve(seed, 100), {}) for seed in range(12)]
    cases += [(*curve(20, 40, "linear"), {}), (*curve(21, 60), {"skip_begin": 0, "skip_end": 5})]
    cases += [(*curve(22, 50, holes=(15, 16, 30)), {}), (*curve(23, 50, holes=range(20, 50)), {})]
    cases += [(*curve(24, 12), {}), (*curve(25, 13), {}), ([0.1 * i + 0.1 for i in range(30)], [1.0] * 30, {})]
    return [
        {
            "lr": rates,
            "loss": [None if math.isnan(loss) else loss for loss in losses],
            "options": options,
            "suggestion": suggestion(rates, losses, **options),
        }
        for rates, losses, options in cases
    ]


class Rows(LightningDataModule):
    def __init__(self, count):
        super().__init__()
        self.rows = TensorDataset(torch.arange(count, dtype=torch.float32).reshape(-1, 1))
        self.batch_size = 1

    def train_dataloader(self):
        return DataLoader(self.rows, batch_size=self.batch_size)


class Bounded(LightningModule):
    """Runs out of memory, as PyTorch says it, at batches of more than `capacity` rows."""

    def __init__(self, capacity):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.capacity = capacity

    def training_step(self, batch, index):
        if len(batch[0]) > self.capacity:
            raise RuntimeError("CUDA out of memory.")
        return (batch[0] * self.weight).mean()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def batch_size(rows, capacity, **options):
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            default_root_dir=folder,
        )
        found = Tuner(trainer).scale_batch_size(Bounded(capacity), datamodule=Rows(rows), **options)
    return {"rows": rows, "capacity": capacity, "options": options, "found": found}


def batch_sizes():
    power = [(500, 100, {}), (500, 64, {}), (500, 127, {}), (40, 1000, {}), (500, 3, {"init_val": 16})]
    power += [(500, 400, {"max_trials": 4}), (500, 400, {"init_val": 5}), (500, 60, {"steps_per_trial": 1})]
    halves = [(500, 100, {}), (500, 64, {}), (500, 100, {"margin": 0}), (500, 33, {"margin": 0.2})]
    halves += [(500, 90, {"margin": 0, "max_trials": 8}), (40, 1000, {}), (500, 3, {"init_val": 16, "margin": 0})]
    halves += [(500, 1, {"margin": 0}), (500, 77, {"init_val": 7, "margin": 0})]
    return [batch_size(rows, capacity, **options) for rows, capacity, options in power] + [
        batch_size(rows, capacity, mode="binsearch", **options) for rows, capacity, options in halves
    ]


if __name__ == "__main__":
    finder = LearningRateFinder(min_lr=1e-4, max_lr=1, num_training_steps=40, early_stop_threshold=None)
    golden = {
        "suggestions": suggestions(),
        "batchSizes": batch_sizes(),
        "fit": {**run(finder, epochs=12), "suggestion": finder.optimal_lr.suggestion()},
    }
    OUT.write_text(json.dumps(golden, indent=1) + "\n")
