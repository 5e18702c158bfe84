"""Writes tests/goldens/trainer/profilers.json: what Lightning's SimpleProfiler prints of given durations.

Run: python tools/golden/lightning_profilers.py   (pytorch-lightning 2.6.6)
"""

import json
import pathlib
from unittest import mock

from pytorch_lightning.profilers import SimpleProfiler

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "trainer"
SECONDS = 12.5
DURATIONS = {
    "run_training_batch": [0.5, 1.25, 3.0],
    "[Callback]early_stopping.on_validation_end": [0.000012345678, 2.5e-7],
    "save_checkpoint": [1.0, 2.0],
    "long": [12345.678, 100000.0],
    "nothing": [0.0],
    "thirds": [1 / 3] * 7,
}


def report(stage, durations, **options):
    with mock.patch("time.perf_counter", return_value=0.0):
        profiler = SimpleProfiler(**options)
    profiler._stage = stage
    profiler.recorded_durations = durations
    with mock.patch("time.perf_counter", return_value=SECONDS):
        return profiler.summary()


cases = [
    {"stage": "fit", "extended": True, "durations": DURATIONS},
    {"stage": None, "extended": True, "durations": DURATIONS},
    {"stage": "test", "extended": False, "durations": DURATIONS},
    {"stage": "predict", "extended": True, "durations": {}},
]
for case in cases:
    case["report"] = report(case["stage"], case["durations"], extended=case["extended"])
(OUT / "profilers.json").write_text(json.dumps({"seconds": SECONDS, "cases": cases}, indent=1) + "\n")
