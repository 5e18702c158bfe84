"""Composes a config with Hydra for config.bench.ts: `compose FOLDER` prints milliseconds, `app FOLDER ...` is an app."""

import json
import sys
import time

import hydra


def measure():
    start, before = time.perf_counter(), time.process_time()
    hydra.compose("config", overrides=["group001=large"])
    return {"wall": (time.perf_counter() - start) * 1e3, "cpu": (time.process_time() - before) * 1e3}


def main():
    action, folder = sys.argv[1:3]
    if action == "app":
        del sys.argv[1:3]
        hydra.main(config_path=folder, config_name="config", version_base="1.3")(lambda config: None)()
        return
    with hydra.initialize_config_dir(folder, version_base="1.3"):
        first = measure()
        later = [measure() for _ in range(3)]
    best = {key: min(each[key] for each in later) for key in first}
    print(json.dumps({"first": first, "best": best}))


main()
