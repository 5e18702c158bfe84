"""Writes tests/goldens/trainer/callbacks.json: what Lightning's callbacks make of weights, rates and steps.

Run: python tools/golden/lightning_callbacks.py   (pytorch-lightning 2.6.6)
"""

import json
import logging
import pathlib
import tempfile
import warnings

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import (
    BackboneFinetuning,
    EMAWeightAveraging,
    GradientAccumulationScheduler,
    LearningRateMonitor,
    StochasticWeightAveraging,
    WeightAveraging,
)
from pytorch_lightning.loggers import CSVLogger
from pytorch_lightning.tuner import Tuner
from torch.utils.data import DataLoader, TensorDataset

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "trainer"
warnings.filterwarnings("ignore")
logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)

X = [[0.5, -1.0], [1.5, 0.25], [-0.75, 2.0], [1.0, 1.0], [0.1, -0.4], [-1.2, 0.3], [0.9, 0.8], [-0.2, -0.6]]
Y = [[1.0], [-0.5], [0.25], [2.0], [0.0], [1.0], [-1.0], [0.5]]
BACKBONE = [[0.3, -0.2], [0.1, 0.4]]
HEAD = [[0.5, -0.7]]


class Net(LightningModule):
    def __init__(self, norm=False, schedule=False):
        super().__init__()
        self.backbone = torch.nn.Linear(2, 2, bias=False)
        self.head = torch.nn.Linear(2, 1, bias=False)
        with torch.no_grad():
            self.backbone.weight.copy_(torch.tensor(BACKBONE))
            self.head.weight.copy_(torch.tensor(HEAD))
        self.norm = torch.nn.BatchNorm1d(2) if norm else torch.nn.Identity()
        self.schedule = schedule
        self.losses = []
        self.lr = 0.1  # Lightning looks for it

    def loss(self, batch):
        x, y = batch
        return torch.nn.functional.mse_loss(self.head(torch.tanh(self.norm(self.backbone(x)))), y)

    def training_step(self, batch, index):
        return self.loss(batch)

    def validation_step(self, batch, index):
        self.losses.append(self.loss(batch).item())

    def configure_optimizers(self):
        trained = [p for p in self.parameters() if p.requires_grad]
        optimizer = torch.optim.SGD(trained, lr=0.1, momentum=0.5, weight_decay=0.01)
        if not self.schedule:
            return optimizer
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)]


class Rates(Callback):
    def __init__(self):
        self.seen = []

    def on_train_batch_end(self, trainer, *args):
        self.seen.append([group["lr"] for group in trainer.optimizers[0].param_groups])


def run(callback, epochs=4, logger=False, **net_options):
    torch.manual_seed(0)
    net, rates = Net(**net_options), Rates()
    data = TensorDataset(torch.tensor(X), torch.tensor(Y))
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            accelerator="cpu",
            logger=CSVLogger(folder) if logger else False,
            log_every_n_steps=1,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            max_epochs=epochs,
            num_sanity_val_steps=0,
            callbacks=[callback, rates],
        )
        trainer.fit(net, DataLoader(data, batch_size=2), DataLoader(data, batch_size=8))
    return {
        "weights": {name: value.tolist() for name, value in net.state_dict().items()},
        "losses": net.losses,
        "rates": rates.seen,
        "steps": trainer.global_step,
        "logged": sorted(name for name in trainer.callback_metrics if name.startswith("lr")),
    }


def find(**options):
    torch.manual_seed(0)
    net = Net()
    data = DataLoader(TensorDataset(torch.tensor(X), torch.tensor(Y)), batch_size=2)
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False, default_root_dir=folder
        )
        finder = Tuner(trainer).lr_find(net, data, **options)
    return {"lr": finder.results["lr"], "loss": finder.results["loss"], "suggestion": finder.suggestion()}


if __name__ == "__main__":
    golden = {
        "x": X,
        "y": Y,
        "backbone": BACKBONE,
        "head": HEAD,
        "finders": {
            "exponential": find(min_lr=1e-4, max_lr=1, num_training=40, early_stop_threshold=None),
            "linear": find(min_lr=0.001, max_lr=0.5, num_training=30, mode="linear", early_stop_threshold=None),
            "diverging": find(min_lr=1e-3, max_lr=1000, num_training=60, early_stop_threshold=1.5),
        },
        "runs": {
            "weight_averaging": run(WeightAveraging()),
            "ema": run(EMAWeightAveraging(decay=0.7)),
            "ema_every": run(EMAWeightAveraging(decay=0.5, update_every_n_steps=3, update_starting_at_step=2)),
            "ema_epochs": run(EMAWeightAveraging(decay=0.5, update_every_n_steps=0, update_starting_at_epoch=1)),
            "accumulation": run(GradientAccumulationScheduler({1: 2, 3: 4})),
            "backbone": run(BackboneFinetuning(unfreeze_backbone_at_epoch=1), epochs=6),
            "backbone_lr": run(
                BackboneFinetuning(
                    unfreeze_backbone_at_epoch=1,
                    lambda_func=lambda epoch: 1 + epoch,
                    backbone_initial_lr=0.02,
                    should_align=False,
                ),
            ),
            "swa": run(StochasticWeightAveraging(swa_lrs=0.05), epochs=6),
            "swa_linear": run(
                StochasticWeightAveraging(
                    swa_lrs=[0.2], swa_epoch_start=2, annealing_epochs=3, annealing_strategy="linear"
                ),
                epochs=6,
                schedule=True,
            ),
            "swa_norm": run(
                StochasticWeightAveraging(swa_lrs=0.05, swa_epoch_start=0.5, annealing_epochs=2),
                epochs=6,
                norm=True,
                schedule=True,
            ),
            "swa_avg_fn": run(
                StochasticWeightAveraging(
                    swa_lrs=0.05, swa_epoch_start=1, avg_fn=lambda average, own, count: (average + own * count) / (1 + count)
                ),
                epochs=5,
            ),
            "lr_monitor": run(LearningRateMonitor(log_momentum=True, log_weight_decay=True), 1, logger=True),
        },
    }
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "callbacks.json").write_text(json.dumps(golden, indent=1) + "\n")
