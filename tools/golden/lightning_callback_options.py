"""Writes tests/goldens/config/lightning-callbacks.json: all callbacks of Lightning with the names of their options.

Run: python tools/golden/lightning_callback_options.py   (pytorch-lightning 2.6.6)
"""

import inspect
import json
import pathlib

from lightning_fabric.utilities.throughput import Throughput
from pytorch_lightning import callbacks

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "config"

if __name__ == "__main__":
    options = {
        name: [option for option in inspect.signature(getattr(callbacks, name)).parameters if option not in ("args", "kwargs")]
        for name in sorted(callbacks.__all__)
    }
    # hands its further options on to this class, but for two that it sets itself
    further = set(inspect.signature(Throughput).parameters) - {"available_flops", "world_size"}
    options["ThroughputMonitor"] += sorted(further)
    (OUT / "lightning-callbacks.json").write_text(json.dumps(options, indent=1) + "\n")
