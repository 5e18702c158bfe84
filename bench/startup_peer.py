"""Measures small operators in Python's torch, for startup.bench.ts: prints microseconds a call as JSON."""

import json
import time

import torch

torch.set_num_threads(1)
CALLS, WARM_CALLS, REPEATS = 20_000, 20_000, 7


def microseconds(call):
    def run(count):
        for _ in range(count):
            call()

    run(WARM_CALLS)
    each = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        run(CALLS)
        each.append((time.perf_counter() - start) * 1e6 / CALLS)
    return min(each)


x, y = torch.ones(4), torch.ones(4)
print(
    json.dumps(
        {
            "x + y": microseconds(lambda: x + y),
            "x.view(2, 2)": microseconds(lambda: x.view(2, 2)),
            "x[0]": microseconds(lambda: x[0]),
        }
    )
)
