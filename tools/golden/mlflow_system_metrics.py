"""Writes tests/goldens/tracking/system-metrics.json: the names of MLflow's system metrics, and what it makes of two cards.

Run: python tools/golden/mlflow_system_metrics.py   (mlflow 3.17.2, psutil)
"""

import json
import pathlib
import sys
import types

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "tracking"
MIB = 1024 * 1024

# utilization in percent, memory in MiB, power in W; the second card tells of its memory alone
CARDS = [
    {"utilization": 88, "used": 10240, "total": 81920, "power": 350.5, "limit": 700.0},
    {"utilization": None, "used": 1, "total": 40960, "power": None, "limit": None},
]


class NVMLError(Exception):
    pass


def told(value):
    if value is None:
        raise NVMLError("not supported")
    return value


sys.modules["pynvml"] = types.SimpleNamespace(
    NVMLError=NVMLError,
    nvmlInit=lambda: None,
    nvmlDeviceGetCount=lambda: len(CARDS),
    nvmlDeviceGetHandleByIndex=lambda i: CARDS[i],
    nvmlDeviceGetMemoryInfo=lambda card: types.SimpleNamespace(used=card["used"] * MIB, total=card["total"] * MIB),
    nvmlDeviceGetUtilizationRates=lambda card: types.SimpleNamespace(gpu=told(card["utilization"])),
    nvmlDeviceGetPowerUsage=lambda card: told(card["power"]) * 1000,
    nvmlDeviceGetEnforcedPowerLimit=lambda card: told(card["limit"]) * 1000,
)

from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor  # noqa: E402
from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor  # noqa: E402
from mlflow.system_metrics.metrics.gpu_monitor import GPUMonitor  # noqa: E402
from mlflow.system_metrics.metrics.network_monitor import NetworkMonitor  # noqa: E402


def metrics_of(monitor):
    monitor.collect_metrics()
    return {f"system/{name}": value for name, value in monitor.aggregate_metrics().items()}


if __name__ == "__main__":
    names = sorted(name for kind in (CPUMonitor, DiskMonitor, NetworkMonitor) for name in metrics_of(kind()))
    golden = {"names": names, "cards": CARDS, "gpu": metrics_of(GPUMonitor())}
    (OUT / "system-metrics.json").write_text(json.dumps(golden, indent=1) + "\n")
