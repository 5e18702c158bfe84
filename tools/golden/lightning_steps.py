"""Writes tests/goldens/trainer/steps.json: when Lightning steps, validates and logs, and what rates and weights come of it.

Run: python tools/golden/lightning_steps.py   (pytorch-lightning 2.6.6)
"""

import json
import logging
import math
import pathlib
import tempfile
import warnings

import torch
from lightning_callbacks import BACKBONE, HEAD, X, Y
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import EarlyStopping
from pytorch_lightning.loggers.logger import Logger
from torch.optim.lr_scheduler import ReduceLROnPlateau, StepLR
from torch.utils.data import DataLoader, TensorDataset

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "trainer"
warnings.filterwarnings("ignore")
logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)


class Net(LightningModule):
    """Two layers, trained by one optimizer; `schedule` is a list of a kind, its options and those of Lightning."""

    def __init__(self, schedule=None, planted=None, manual=False, skip=None, hooks=False):
        super().__init__()
        self.backbone = torch.nn.Linear(2, 2, bias=False)
        self.head = torch.nn.Linear(2, 1, bias=False)
        with torch.no_grad():
            self.backbone.weight.copy_(torch.tensor(BACKBONE))
            self.head.weight.copy_(torch.tensor(HEAD))
        self.schedule, self.planted, self.skip, self.hooks = schedule, planted, skip, hooks
        self.automatic_optimization = not manual

    def loss(self, batch):
        x, y = batch
        return torch.nn.functional.mse_loss(self.head(torch.tanh(self.backbone(x))), y)

    def training_step(self, batch, index):
        if index == self.skip:
            return None
        loss = self.loss(batch)
        if self.skip is not None:
            return loss  # Lightning logs the last values again for a step that is left out
        self.log("by_step", loss)
        self.log("by_epoch", loss, on_step=False, on_epoch=True)
        self.log("both", loss, on_step=True, on_epoch=True)
        if self.automatic_optimization:
            return loss
        for optimizer in self.optimizers():
            optimizer.zero_grad()
        self.manual_backward(loss)
        for optimizer in self.optimizers():
            optimizer.step()
        return None

    def validation_step(self, batch, index):
        loss = self.loss(batch)
        self.log("val_loss", loss)
        self.log("val_rows", float(len(batch[0])))

    def log_in_hook(self, hook):
        if self.hooks:
            self.log(f"at_{hook}", float(self.trainer.global_step))

    def on_train_batch_start(self, *args):
        self.log_in_hook("train_batch_start")

    def on_after_backward(self):
        self.log_in_hook("after_backward")

    def on_before_optimizer_step(self, *args):
        self.log_in_hook("before_optimizer_step")

    def on_train_batch_end(self, *args):
        self.log_in_hook("train_batch_end")

    def on_train_epoch_end(self):
        self.log_in_hook("train_epoch_end")

    def on_validation_batch_end(self, *args):
        self.log_in_hook("validation_batch_end")

    def on_validation_epoch_end(self):
        self.log_in_hook("validation_epoch_end")
        if self.planted is not None and not self.trainer.sanity_checking:
            self.log("planted", self.planted[min(self.trainer.seen, len(self.planted) - 1)])

    def configure_optimizers(self):
        if not self.automatic_optimization:
            return [torch.optim.SGD(part.parameters(), lr=0.1) for part in (self.backbone, self.head)]
        optimizer = torch.optim.SGD(self.parameters(), lr=0.1, momentum=0.5)
        if self.schedule is None:
            return optimizer
        kind, options, config = self.schedule
        scheduler = {"step": StepLR, "plateau": ReduceLROnPlateau}[kind](optimizer, **options)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, **config}}


class Watcher(Callback):
    def __init__(self, accumulate):
        self.rates, self.validated, self.accumulate = [], [], accumulate

    def on_before_optimizer_step(self, trainer, *args):
        self.rates.append(trainer.optimizers[0].param_groups[0]["lr"])

    def on_validation_end(self, trainer, net):
        if trainer.sanity_checking:
            return
        self.validated.append([trainer.global_step, trainer.callback_metrics["val_loss"].item()])
        trainer.seen += 1


class Memory(Logger):
    name, version = "memory", 0

    def __init__(self):
        super().__init__()
        self.logged = []

    def log_metrics(self, metrics, step):
        self.logged.append([step + 1, {k: v for k, v in metrics.items() if k != "epoch"}])

    def log_hyperparams(self, *args):
        pass


def run(flags=None, net=None, stopping=None, rows=8):
    torch.manual_seed(0)
    flags = {"max_epochs": 3, "log_every_n_steps": 1, "num_sanity_val_steps": 0, **(flags or {})}
    model, memory = Net(**(net or {})), Memory()
    watcher = Watcher(flags.get("accumulate_grad_batches", 1))
    data = TensorDataset(torch.tensor(X * 2)[:rows], torch.tensor(Y * 2)[:rows])
    callbacks = [watcher] if stopping is None else [watcher, EarlyStopping(**stopping)]
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            accelerator="cpu",
            default_root_dir=folder,
            logger=memory,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=callbacks,
            **flags,
        )
        trainer.seen = 0
        trainer.fit(model, DataLoader(data, batch_size=2), DataLoader(data, batch_size=4))
    return {
        "weights": {name: value.tolist() for name, value in model.state_dict().items()},
        "rates": watcher.rates,
        "validated": watcher.validated,
        "logged": memory.logged,
        "steps": trainer.global_step,
        "epochs": trainer.current_epoch,
    }


def plateau(**config):
    return ["plateau", {"factor": 0.5, "patience": 0}, config]


def by_steps(**config):
    return ["step", {"step_size": 1, "gamma": 0.5}, config]


WORSE = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
CASES = {
    "plain": {},
    "log_every_n_steps": {"flags": {"log_every_n_steps": 3}},
    "max_steps within an epoch": {"flags": {"max_epochs": -1, "max_steps": 6}},
    "max_steps at the end of an epoch": {"flags": {"max_epochs": -1, "max_steps": 8}},
    "max_epochs 0": {"flags": {"max_epochs": 0}},
    "min_epochs beyond max_epochs": {"flags": {"max_epochs": 2, "min_epochs": 3}},
    "limit_train_batches as a share": {"flags": {"limit_train_batches": 0.6}},
    "limit_train_batches": {"flags": {"limit_train_batches": 3}},
    "limit_val_batches as a share": {"flags": {"limit_val_batches": 0.5}, "rows": 16},
    "limit_val_batches": {"flags": {"limit_val_batches": 1}, "rows": 16},
    "limit_val_batches 0": {"flags": {"limit_val_batches": 0}},
    "val_check_interval": {"flags": {"val_check_interval": 3}},
    "val_check_interval as a share": {"flags": {"val_check_interval": 0.5}},
    "val_check_interval that does not divide an epoch": {"flags": {"val_check_interval": 0.4}, "rows": 16},
    "val_check_interval of one batch": {"flags": {"val_check_interval": 1, "max_epochs": 1}},
    "check_val_every_n_epoch": {"flags": {"check_val_every_n_epoch": 2, "max_epochs": 5}},
    "check_val_every_n_epoch with val_check_interval": {
        "flags": {"check_val_every_n_epoch": 2, "val_check_interval": 2, "max_epochs": 4}
    },
    "fast_dev_run": {"flags": {"fast_dev_run": True}},
    "fast_dev_run of 3": {"flags": {"fast_dev_run": 3, "max_epochs": 9}},
    "overfit_batches": {"flags": {"overfit_batches": 2}},
    "overfit_batches as a share": {"flags": {"overfit_batches": 0.5}},
    "accumulate_grad_batches": {"flags": {"accumulate_grad_batches": 2}},
    "accumulate_grad_batches with val_check_interval": {
        "flags": {"accumulate_grad_batches": 2, "val_check_interval": 2}
    },
    "accumulate_grad_batches with max_steps": {"flags": {"accumulate_grad_batches": 2, "max_epochs": -1, "max_steps": 3}},
    "gradient_clip_val": {"flags": {"gradient_clip_val": 0.1}},
    "gradient_clip_algorithm value": {"flags": {"gradient_clip_val": 0.05, "gradient_clip_algorithm": "value"}},
    "a step that is left out": {"net": {"skip": 1}},
    "manual optimisation": {"net": {"manual": True}},
    "manual optimisation with max_steps": {"net": {"manual": True}, "flags": {"max_epochs": -1, "max_steps": 6}},
    "schedule by epochs": {"net": {"schedule": by_steps()}},
    "schedule by steps": {"net": {"schedule": by_steps(interval="step")}},
    "schedule every second epoch": {"net": {"schedule": by_steps(frequency=2)}, "flags": {"max_epochs": 5}},
    "schedule every third step": {"net": {"schedule": by_steps(interval="step", frequency=3)}},
    "schedule by steps with accumulate_grad_batches": {
        "net": {"schedule": by_steps(interval="step")},
        "flags": {"accumulate_grad_batches": 2},
    },
    "schedule by epochs with limit_train_batches": {
        "net": {"schedule": by_steps()},
        "flags": {"limit_train_batches": 3},
    },
    "schedule by epochs with max_steps": {
        "net": {"schedule": by_steps()},
        "flags": {"max_epochs": -1, "max_steps": 6},
    },
    "plateau": {"net": {"schedule": plateau(monitor="planted"), "planted": WORSE}},
    "plateau of several validations an epoch": {
        "net": {"schedule": plateau(monitor="planted"), "planted": WORSE},
        "flags": {"val_check_interval": 0.5},
    },
    "plateau of a validation every second epoch": {
        "net": {"schedule": plateau(monitor="planted", strict=False), "planted": WORSE},
        "flags": {"check_val_every_n_epoch": 2, "max_epochs": 5},
    },
    "plateau every second epoch": {
        "net": {"schedule": plateau(monitor="planted", frequency=2), "planted": WORSE},
        "flags": {"max_epochs": 6},
    },
    "plateau by steps": {
        "net": {"schedule": plateau(monitor="planted", interval="step", strict=False), "planted": WORSE},
        "flags": {"val_check_interval": 0.5},
    },
    "plateau of a metric of training": {
        "net": {"schedule": plateau(monitor="by_epoch")},
        "flags": {"limit_val_batches": 0, "max_epochs": 5},
    },
    "plateau of a metric of training by steps": {
        "net": {"schedule": plateau(monitor="by_step", interval="step")},
        "flags": {"limit_val_batches": 0},
    },
}


def stopping(values, flags=None, **options):
    return {
        "net": {"planted": values},
        "stopping": {"monitor": "planted", **options},
        "flags": {"max_epochs": 8, **(flags or {})},
    }


NAN = math.nan
CASES |= {
    "logging in hooks": {"net": {"hooks": True}},
    "logging in hooks, validated within epochs": {"net": {"hooks": True}, "flags": {"val_check_interval": 2}},
    "early stopping by what is logged at the end of an epoch": {
        "net": {"hooks": True},
        "stopping": {"monitor": "at_train_epoch_end", "patience": 1},
        "flags": {"limit_val_batches": 0},
    },
    "early stopping by what is logged at the end of a validation": {
        "net": {"hooks": True},
        "stopping": {"monitor": "at_validation_epoch_end", "patience": 1},
    },
    "early stopping by what is logged both ways": {
        "stopping": {"monitor": "both", "patience": 1, "mode": "max"},
        "flags": {"max_epochs": 6},
    },
    "early stopping": stopping([3, 2, 1, 2, 2, 2, 2]),
    "early stopping of patience 0": stopping([3, 2, 2, 1], patience=0),
    "early stopping of patience 1": stopping([3, 2, 2, 1], patience=1),
    "early stopping by min_delta": stopping([3, 2.9, 2.8, 2.4, 2.3, 2.2], patience=2, min_delta=0.5),
    "early stopping by a negative min_delta": stopping([3, 2.9, 2.8, 2.4, 2.3, 2.2], patience=2, min_delta=-0.5),
    "early stopping by max": stopping([1, 2, 3, 3, 3, 2], patience=2, mode="max"),
    "early stopping by max and min_delta": stopping([1, 2, 2.05, 2.1, 2.15], patience=2, mode="max", min_delta=0.1),
    "early stopping at NaN": stopping([3, NAN, 1]),
    "early stopping beyond NaN": stopping([3, NAN, NAN, 1, 1, 1], patience=2, check_finite=False),
    "early stopping that begins with NaN": stopping([NAN, 3, 4, 5], patience=2, check_finite=False),
    "early stopping at infinity": stopping([3, math.inf, 1]),
    "early stopping at a threshold": stopping([3, 2, 1, 0.5], stopping_threshold=1.5),
    "early stopping at exactly the threshold": stopping([3, 2, 1.5, 1], stopping_threshold=1.5),
    "early stopping beyond a threshold": stopping([3, 5, 1, 0.5], divergence_threshold=4),
    "early stopping held back by min_epochs": stopping([1, 2, 3, 4], patience=1, flags={"min_epochs": 5}),
    "early stopping held back by min_steps": stopping([1, 2, 3, 4], patience=1, flags={"min_steps": 18}),
    "early stopping of several validations an epoch": stopping(
        [3, 2, 3, 3, 3], patience=2, flags={"val_check_interval": 0.5}
    ),
    "early stopping at ends of epochs": stopping(
        [3, 2, 3, 3, 3], patience=2, check_on_train_epoch_end=True, flags={"val_check_interval": 0.5}
    ),
    "early stopping of a validation every second epoch": stopping(
        [1, 2, 3, 3], patience=1, flags={"check_val_every_n_epoch": 2}
    ),
    "early stopping at ends of epochs, validated every second": stopping(
        [1, 2, 3, 3], patience=2, check_on_train_epoch_end=True, strict=False, flags={"check_val_every_n_epoch": 2}
    ),
}


def plain(value):
    """Writes numbers as float32 holds them; those that JSON lacks as text."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.8g}") if math.isfinite(value) else str(value)
    return value


if __name__ == "__main__":
    lines = (f"{json.dumps(name)}:{json.dumps(plain({**case, **run(**case)}))}" for name, case in CASES.items())
    (OUT / "steps.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
