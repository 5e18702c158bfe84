"""Writes tests/goldens/trainer/flags.json: the flags of Lightning's Trainer, in the order of its signature.

Run: python tools/golden/lightning_flags.py   (pytorch-lightning 2.6.6)
"""

import inspect
import json
import pathlib

from pytorch_lightning import Trainer

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "trainer"
parameters = inspect.signature(inspect.unwrap(Trainer.__init__)).parameters.values()
flags = {parameter.name: parameter.default for parameter in parameters if parameter.name != "self"}
(OUT / "flags.json").write_text(json.dumps(flags, indent=1) + "\n")
