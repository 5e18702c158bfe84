"""Writes or reads MLflow's own store as store.bench.ts asks, and prints the seconds of each step as JSON."""

import json
import math
import sys
import time

from mlflow.entities import Metric, Param, RunTag, ViewType
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

what, uri = sys.argv[1:3]
store = SqlAlchemyStore(uri.replace("postgresql:", "postgresql+psycopg2:"), "/tmp/sconce-bench-artifacts")
times = {}


def write():
    experiment = store.create_experiment(what)
    start = time.perf_counter()
    for i in range(200):
        run = store.create_run(experiment, "", i, [], None).info.run_id
        store.log_batch(
            run,
            [Metric(f"m{j}", math.sin(10 * i + j), 1, 1) for j in range(10)],
            [Param(f"p{j}", str((7 * i + j) % 100)) for j in range(10)],
            [RunTag(f"t{j}", f"tag {(i + j) % 50}") for j in range(5)],
        )
    times["create a run and log 25 values"] = (time.perf_counter() - start) / 200
    run = store.create_run(experiment, "", 0, [], None).info.run_id
    start = time.perf_counter()
    for first in range(0, 20_000, 1000):
        store.log_batch(run, [Metric("loss", 1 / (step + 1), step, step) for step in range(first, first + 1000)], [], [])
    times["log 1000 points"] = (time.perf_counter() - start) / 20
    start = time.perf_counter()
    for step in range(200):
        store.log_batch(run, [Metric("single", step, step, step)], [], [])
    times["log 1 point"] = (time.perf_counter() - start) / 200


def timed(name, work):
    start = time.perf_counter()
    work()
    times[name] = time.perf_counter() - start


def all_pages(ask):
    token = None
    while True:
        page = ask(token)
        token = page.token
        if not token:
            return


def read():
    experiment = store.get_experiment_by_name("many").experiment_id
    run = store.search_runs(["0"], "attributes.run_name = 'long'", ViewType.ACTIVE_ONLY)[0].info.run_id

    def search(filter_string="", order_by=None, max_results=100, token=None):
        return store.search_runs([experiment], filter_string, ViewType.ACTIVE_ONLY, max_results, order_by, token)

    timed("newest 100 runs", lambda: search())
    timed("newest 1000 runs", lambda: search(max_results=1000))
    three = "metrics.m0 > 0.5 and params.p1 = '8' and tags.t0 LIKE 'tag 1%'"
    timed("100 runs by metric, of 3 clauses", lambda: search(three, ["metrics.m1 DESC"]))
    timed("1000 runs by metric, of 1 clause", lambda: search("metrics.m0 > 0.5", ["metrics.m1 DESC"], 1000))
    timed(
        "all runs by param, pages of 1000",
        lambda: all_pages(lambda token: search(order_by=["params.p1"], max_results=1000, token=token)),
    )
    timed(
        "long history, thinned to 2500",
        lambda: store.get_metric_history_bulk_interval([run], "loss", 2500, None, None),
    )
    timed("long history, first page of 25000", lambda: store.get_metric_history(run, "loss", 25000))
    timed(
        "long history, all pages of 25000",
        lambda: all_pages(lambda token: store.get_metric_history(run, "loss", 25000, token)),
    )


read() if what == "read" else write()
print(json.dumps(times))
