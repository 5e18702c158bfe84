"""Writes what `python main.py fit --print_config` of LightningCLI prints to tests/goldens/config: lightning-cli.yaml of flags,
lightning-cli-files.yaml of several files.

Run: python tools/golden/lightning_cli.py   (lightning 2.6.6, jsonargparse[signatures] 4.53.0)
"""

import contextlib
import io
import pathlib
import sys

from lightning.pytorch import LightningDataModule, LightningModule
from lightning.pytorch.cli import LightningCLI

TESTS = pathlib.Path(__file__).resolve().parents[2] / "tests"
OUT = TESTS / "goldens" / "config"
FILES = TESTS / "fixtures" / "lightning-cli"

ARGS = """fit --model lightning_cli.Net --model.hidden 8 --data lightning_cli.Points
--optimizer AdamW --optimizer.lr 0.02 --lr_scheduler CosineAnnealingLR --lr_scheduler.T_max 10
--trainer.callbacks+=EarlyStopping --trainer.callbacks.monitor=val_loss
--trainer.callbacks+=ModelCheckpoint --trainer.callbacks.monitor=val_loss
--trainer.callbacks+=LearningRateMonitor
--trainer.logger CSVLogger --trainer.logger.save_dir logs --trainer.max_epochs 2 --print_config"""


class Net(LightningModule):
    def __init__(self, hidden: int = 16):
        super().__init__()


class Points(LightningDataModule):
    def __init__(self, rows: int = 64, batch_size: int = 8):
        super().__init__()


def printed(*args):
    """Returns what the program prints for these words."""
    text = io.StringIO()
    sys.argv[1:] = args
    with contextlib.redirect_stdout(text), contextlib.suppress(SystemExit):
        LightningCLI(subclass_mode_model=True, subclass_mode_data=True)
    return text.getvalue()


if __name__ == "__main__":
    (OUT / "lightning-cli.yaml").write_text(printed(*ARGS.split()))
    files = [f"--config={FILES / name}" for name in ("base.yaml", "change.yaml")]
    (OUT / "lightning-cli-files.yaml").write_text(printed("fit", *files, "--print_config"))
