"""Writes tests/goldens/trainer/throughput.json: what Lightning's ThroughputMonitor and grad_norm log, by a clock that the
steps move.

Run: python tools/golden/lightning_throughput.py   (pytorch-lightning 2.6.6)
"""

import json
import logging
import pathlib
import types
import warnings

import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import ThroughputMonitor, throughput_monitor
from pytorch_lightning.loggers.logger import Logger
from pytorch_lightning.utilities import grad_norm
from torch.utils.data import DataLoader, TensorDataset

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "trainer"
warnings.filterwarnings("ignore")
logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)

X = [[0.5, -1.0], [1.5, 0.25], [-0.75, 2.0], [1.0, 1.0], [0.1, -0.4], [-1.2, 0.3], [0.9, 0.8], [-0.2, -0.6]]
Y = [[1.0], [-0.5], [0.25], [2.0], [0.0], [1.0], [-1.0], [0.5]]
BACKBONE = [[0.3, -0.2], [0.1, 0.4]]
HEAD = [[0.5, -0.7]]

clock = types.SimpleNamespace(now=10.0)
throughput_monitor.time = types.SimpleNamespace(perf_counter=lambda: clock.now)


class Net(LightningModule):
    def __init__(self, flops):
        super().__init__()
        self.backbone = torch.nn.Linear(2, 2, bias=False)
        self.head = torch.nn.Linear(2, 1, bias=False)
        with torch.no_grad():
            self.backbone.weight.copy_(torch.tensor(BACKBONE))
            self.head.weight.copy_(torch.tensor(HEAD))
        if flops is not None:
            self.flops_per_batch = flops

    def loss(self, batch):
        x, y = batch
        return torch.nn.functional.mse_loss(self.head(torch.tanh(self.backbone(x))), y)

    def training_step(self, batch, index):
        clock.now += 0.5 + 0.25 * index
        return self.loss(batch)

    def validation_step(self, batch, index):
        clock.now += 1.5 + 0.125 * index

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


class Kept(Logger):
    name = version = "kept"

    def __init__(self):
        super().__init__()
        self.seen = []

    def log_hyperparams(self, *args, **kwargs):
        pass

    def log_metrics(self, metrics, step=None):
        self.seen.append({k: v for k, v in metrics.items() if k != "epoch"})


def run(flops, available, with_length, **options):
    throughput_monitor.get_available_flops = lambda device, dtype: available
    data = TensorDataset(torch.tensor(X), torch.tensor(Y))
    logger = Kept()
    monitor = ThroughputMonitor(
        batch_size_fn=lambda batch: batch[0].size(0),
        length_fn=(lambda batch: batch[0].numel()) if with_length else None,
        **options,
    )
    trainer = Trainer(
        accelerator="cpu",
        logger=logger,
        log_every_n_steps=2,
        val_check_interval=0.5,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        max_epochs=2,
        callbacks=[monitor],
    )
    loaders = DataLoader(data, batch_size=2), DataLoader(data, batch_size=2)
    trainer.fit(Net(flops), *loaders)
    return [metrics for metrics in logger.seen if metrics]


def norms(norm_type):
    net = Net(None)
    net.loss((torch.tensor(X), torch.tensor(Y))).backward()
    return {name: float(norm) for name, norm in grad_norm(net, norm_type).items()}


if __name__ == "__main__":
    golden = {
        "all": run(1000, 4000, True, window_size=3),
        "bare": run(None, None, False, window_size=4, separator="."),
        "norms": {"1": norms(1), "2": norms(2), "2.5": norms(2.5), "inf": norms("inf")},
    }
    (OUT / "throughput.json").write_text(json.dumps(golden, indent=1) + "\n")
