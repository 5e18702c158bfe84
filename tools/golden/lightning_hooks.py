"""Writes tests/goldens/trainer/hooks.json: the order in which Lightning calls the hooks of a callback and of a module.

Run: python tools/golden/lightning_hooks.py   (pytorch-lightning 2.6.6)
"""

import inspect
import json
import logging
import pathlib
import tempfile
import warnings

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint
from torch.utils.data import DataLoader

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "trainer"
# hooks that choose devices and modes of modules
LEFT_OUT = ("batch_transfer", "_model_", "configure_model", "on_gpu")

warnings.filterwarnings("ignore")
logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
calls: list[str] = []


def recording(base, prefix):
    def recorder(name, method):
        def hook(self, *args, **kwargs):
            calls.append(prefix + name)
            return method(self, *args, **kwargs)

        return hook

    hooks = {
        name: recorder(name, method)
        for name, method in inspect.getmembers(base, inspect.isfunction)
        if (name.startswith("on_") or name in ("setup", "teardown")) and not any(part in name for part in LEFT_OUT)
    }
    return type("Recording", (base,), hooks)


class Net(recording(LightningModule, "model.")):
    def __init__(self):
        super().__init__()
        self.fc = torch.nn.Linear(2, 1)

    def training_step(self, batch, index):
        calls.append("model.training_step")
        return self.fc(batch).mean()

    def validation_step(self, batch, index):
        calls.append("model.validation_step")

    def test_step(self, batch, index):
        calls.append("model.test_step")

    def predict_step(self, batch, index):
        calls.append("model.predict_step")

    def configure_optimizers(self):
        calls.append("model.configure_optimizers")
        return torch.optim.SGD(self.parameters(), lr=0.1)


def record(run):
    calls.clear()
    run()
    return list(calls)


def trainer(folder, **flags):
    return Trainer(
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[recording(Callback, "")(), ModelCheckpoint(dirpath=folder)],
        **flags,
    )


if __name__ == "__main__":
    data = DataLoader(torch.ones(4, 2), batch_size=2)
    with tempfile.TemporaryDirectory() as folder:
        net = Net()
        fit = trainer(folder, max_epochs=2, num_sanity_val_steps=1)
        order = {
            "fit": record(lambda: fit.fit(net, data, data)),
            "validate": record(lambda: fit.validate(net, data, verbose=False)),
            "test": record(lambda: fit.test(net, data, verbose=False)),
            "predict": record(lambda: fit.predict(net, data)),
        }
        # without validation: a run that goes on leaves out its first one in Lightning
        longer = trainer(folder, max_epochs=3, limit_val_batches=0)
        order["resume"] = record(lambda: longer.fit(net, data, ckpt_path=fit.checkpoint_callback.best_model_path))
        order["exception"] = []
        net.on_train_batch_end = lambda *args: 1 / 0
        try:
            order["exception"] = record(lambda: trainer(folder, max_epochs=1, limit_val_batches=0).fit(net, data))
        except ZeroDivisionError:
            order["exception"] = list(calls)
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "hooks.json").write_text(json.dumps(order, indent=1) + "\n")
