"""Writes tests/goldens/config/lightning-cli.yaml: what `python main.py fit --print_config` of LightningCLI prints.

Run: python tools/golden/lightning_cli.py   (lightning 2.6.6, jsonargparse[signatures] 4.53.0)
"""

import contextlib
import io
import pathlib
import sys

from lightning.pytorch import LightningDataModule, LightningModule
from lightning.pytorch.cli import LightningCLI

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "config" / "lightning-cli.yaml"

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


if __name__ == "__main__":
    printed = io.StringIO()
    sys.argv[1:] = ARGS.split()
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        LightningCLI(subclass_mode_model=True, subclass_mode_data=True)
    OUT.write_text(printed.getvalue())
