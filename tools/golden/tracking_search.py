"""Writes tests/goldens/tracking/search.json: what MLflow's store finds, and refuses, for filters and orders.

    python tools/golden/tracking_search.py
"""

import json
import logging
import math
import os
import random
import tempfile
import uuid
from pathlib import Path

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"

from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag, ViewType
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

ROOT = Path(__file__).resolve().parents[2]
RANDOM = random.Random(0)
WORDS = ["bert", "BERT", "a%b", "a_b", "it's", 'say "x"', "", "10", "0.5", "ü 漢", "x y", "back\\slash", "null"]
NUMBERS = [0.5, -1.0, 0.0, 1e-9, 1e12, math.nan, 10.0]


def make_runs(store, experiment):
    """Fills the store, and returns its runs as the test reads them."""
    runs = []
    for i in range(14):
        run = store.create_run(experiment, ["ann", "Bob"][i % 2], 100 * ((i * 5) % 14), [], f"run {chr(97 + i)}")
        run_id = run.info.run_id
        metrics = {} if i % 4 == 3 else {"loss": NUMBERS[i % 7], "a/b c": float(i)}
        if i % 3 == 0:
            metrics.update({"order": 1.0, "1": 2.0, "a.b": 3.0, "a-b": 4.0})
        params = {} if i % 5 == 4 else {"model": WORDS[i % 13], "x.y": WORDS[(i + 1) % 13]}
        tags = {} if i % 3 == 2 else {"note": WORDS[(2 * i) % 13], "mlflow.user": "ann", "select": "yes", "k:v": "1"}
        if i % 2 == 0:
            params["ü"] = "Ü"
            tags["in"] = "IN"
        store.log_batch(
            run_id,
            [Metric(k, v, 1, 0) for k, v in metrics.items()],
            [Param(k, v) for k, v in params.items()],
            [RunTag(k, v) for k, v in tags.items()],
        )
        datasets = []
        if i % 3 == 1:
            datasets = [{"name": WORDS[i % 13] or "empty", "digest": f"d{i % 2}", "context": ["training", "testing"][i % 2]}]
            dataset = Dataset(datasets[0]["name"], datasets[0]["digest"], "local", "{}")
            store.log_inputs(run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", datasets[0]["context"])])])
        end = 1000 + i if i % 4 == 0 else None
        if end is not None:
            store.update_run_info(run_id, 3, end, None)
        info = store.get_run(run_id).info
        runs.append(
            {
                "attributes": {
                    "run_id": run_id,
                    "run_name": info.run_name,
                    "user_id": info.user_id,
                    "status": info.status,
                    "artifact_uri": info.artifact_uri,
                    "start_time": info.start_time,
                    **({} if end is None else {"end_time": end}),
                },
                "metrics": {k: "NaN" if math.isnan(v) else v for k, v in metrics.items()},
                "params": params,
                "tags": {**tags, "mlflow.runName": info.run_name},
                "datasets": datasets,
            }
        )
    return runs


def filters(run_id):
    numbers = ["0.5", ".5", "5.", "1e12", "1E-9", "+1", "-1", "- 1", "0", "-0", "0x10", "'0.5'", '"0.5"', "NaN", "inf",
               "1_000", "10.0", "1e", "1.2.3", "--1", ""]
    yield from (f"metrics.loss >= {number}" for number in numbers)
    yield from (f"start_time > {number}" for number in ["100", "100.5", "1e2", "-1", "'100'", "abc"])
    signs = ["=", "==", "!=", "<>", "<", "<=", ">", ">=", "=>", "LIKE", "like", "Like", "ILIKE", "iLike", "IN", "NOT IN",
             "BETWEEN", "RLIKE", "REGEXP", "IS", "IS NOT", "~", "NOT LIKE"]
    yield from (f"metrics.loss {sign} 0.5" for sign in signs)
    yield from (f"params.model {sign} 'bert'" for sign in signs)
    yield from (f"status {sign} 'FINISHED'" for sign in signs)
    yield from (f"dataset.name {sign} 'bert'" for sign in signs)
    names = ["metrics.loss", "metric.loss", "`metrics`.loss", '"metrics".loss', "metrics.`loss`", 'metrics."loss"',
             "metrics.'loss'", "METRICS.loss", "Metrics.loss", "metrics. loss", "metrics .loss", "metrics.`a/b c`",
             'metrics."a/b c"', "metrics.a/b", "metrics.a.b", "metrics.`a.b`", "metrics.a-b", "metrics.`a-b`",
             "metrics.order", "metrics.`order`", "metrics.1", "metrics.`1`", "metrics.", "metrics", ".loss", "loss",
             "metrics..loss", "m.loss", "run.start_time", "attributes.start_time", "attribute.start_time",
             "attr.start_time", "created", "Created", "attributes.Created", "start_time", "`start_time`", "END_TIME",
             "attributes.`end_time`", "attributes.secret", "metrics.loss.x", "metrics[loss]", "metrics.loss,"]
    yield from (f"{name} > 0" for name in names)
    names = ["params.model", "param.model", "parameter.model", "parameters.model", "`params`.`model`", "params.x.y",
             "params.`x.y`", 'params."x.y"', "tags.note", "tag.note", "tags.mlflow.user", "tags.`mlflow.user`",
             "tags.select", "tags.`select`", "tags.in", "tags.`in`", "tags.k:v", "tags.`k:v`", "params.ü", "params.`ü`",
             'params."ü"', "run_name", "`Run name`", '"Run Name"', "attributes.`run name`", "run name", "user_id",
             "attributes.user_id", "artifact_uri", "status", "run_id", "dataset.name", "datasets.digest",
             "dataset.context", "dataset.secret", "`dataset`.`name`"]
    yield from (f"{name} LIKE '%'" for name in names)
    yield from (f"{name} IS NULL" for name in names)
    yield from (f"{name} is  not\tnull" for name in names[:12])
    texts = ["'bert'", '"bert"', "`bert`", "bert", "''", '""', "'it''s'", "'it\\'s'", '"it\'s"', '"it""s"', "'say \"x\"'",
             "'bert", "bert'", "'bert\"", "'", "\"", "'''", "' bert '", "'ü 漢'", "'x y'", "'a%b'", "'back\\slash'",
             "'back\\\\slash'", "10", "0.5", "null", "'null'", "'bert' 'x'", "('bert')", "'\U0001f600'", "'a\nb'", "N'bert'"]
    yield from (f"params.model = {text}" for text in texts)
    yield from (f"tags.note LIKE {text}" for text in ["'b%'", "'%E%'", "'b_rt'", "'a\\%b'", "'a[%]b'", "'.*'", "'^b'", "'%'",
                                                       "'_'", "''", "'%%'", "'(a+)+$'", "\"%'%\"", "'ü%'"])
    yield from (f"tags.note ILIKE {text}" for text in ["'B%'", "'%e%'", "'IT_S'", "'x Y'"])
    lists = ["('bert')", "('bert', 'BERT')", '("bert", "10")', "(bert)", "()", "('bert',)", "('bert' 'x')", "'bert'",
             "( 'bert' ,'10' )", "(1, 2)", "('bert', 1)", "(('bert'))", "('bert'", "('it''s', \"it's\")", "['bert']"]
    for sign in ["IN", "NOT IN", "in", "not  in"]:
        yield from (f"dataset.name {sign} {values}" for values in lists)
    yield from (f"run_id {sign} ('{run_id}', 'x')" for sign in ["IN", "NOT IN", "=", "!="])
    yield from (f"{name} IN ('a')" for name in ["run_name", "status", "tags.note", "params.model", "metrics.loss", "user_id"])
    a, b = "metrics.loss > -1", "params.model LIKE '%b%'"
    yield from [f"{a} AND {b}", f"{a} and {b}", f"{a} And {b}", f"{a}  AND\n{b}", f"{a} OR {b}", f"{a} AND", f"AND {a}",
                f"{a} AND AND {b}", f"{a} {b}", f"{a}, {b}", f"({a})", f"({a}) AND {b}", f"NOT {a}", f"{a};", f"{a}; {b}",
                f"{a} -- comment", f"{a} /* comment */", f" {a} ", f"\t{a}\n", f"{a} AND {b} AND tags.note IS NULL",
                f"{a} && {b}", f"{a} & {b}", "", " ", "AND", "=", "'", "metrics", "metrics.loss", "metrics.loss >",
                "> 0.5", "0.5 < metrics.loss", "'bert' = params.model", "metrics.loss>0.5", "metrics.loss>-1AND status='RUNNING'",
                "params.model='bert'", "params.model='bert'AND tags.note='x'", "params.model = params.x.y",
                "metrics.loss = metrics.loss", "1 = 1", "params.model = 'a' = 'b'", "metrics.loss > 1 > 0",
                "status = 'finished'", "status != 'RUNNING'", "lifecycle_stage = 'active'", "experiment_id = '1'",
                "SELECT * FROM runs", "'; DROP TABLE runs; --", "metrics.loss > 0.5 LIMIT 1", "metrics.loss > (0.5)",
                "params.model = ('bert')", "tags.note = 'x' ESCAPE '\\'", "metrics.loss > 0.5 ORDER BY start_time"]


def orders():
    yield from (
        [term]
        for term in ["metrics.loss", "metrics.loss ASC", "metrics.loss DESC", "metrics.loss desc", "metrics.loss Desc",
                     "metrics.loss  DESC", "metrics.loss UP", "metrics.loss ASC DESC", "metric.`a/b c` DESC",
                     'metrics."a/b c" ASC', "metrics.a.b", "metrics.order DESC", "metrics.`order` DESC", "params.model",
                     "param.model DESC", "parameter.`x.y`", "tags.note", "tag.note DESC", "tags.mlflow.user", "start_time",
                     "attributes.start_time ASC", "attribute.end_time", "end_time DESC", "created ASC", "`Run name` ASC",
                     "run_name DESC", "attributes.`run name`", "status", "status DESC", "user_id", "artifact_uri", "run_id",
                     "run_id DESC", "dataset.name", "secret", "attributes.secret", "m.loss", "", " ", "DESC", "ASC",
                     "metrics.missing", "tags.ü", "params.ü DESC", "metrics.loss, start_time", "metrics.loss; x", "'loss'",
                     " metrics.loss ASC ", "metrics.loss\tDESC", "start_time asc"]
    )
    yield ["metrics.loss DESC", "start_time ASC"]
    yield ["user_id ASC", "metrics.`a/b c` DESC"]
    yield ["status", "params.model DESC", "run_id"]
    yield ["start_time DESC", "start_time ASC"]
    yield ["metrics.loss DESC", "bad. order"]


def main() -> None:
    logging.disable(logging.CRITICAL)
    uuid.uuid4 = lambda: uuid.UUID(int=RANDOM.getrandbits(128), version=4)
    with tempfile.TemporaryDirectory() as folder:
        store = SqlAlchemyStore(f"sqlite:///{folder}/mlflow.db", "/artifacts")
        experiment = store.create_experiment("golden")
        runs = make_runs(store, experiment)

        def search(filter_string=None, order_by=None):
            try:
                found = store.search_runs([experiment], filter_string, ViewType.ACTIVE_ONLY, order_by=order_by)
                return [run.info.run_name[-1] for run in found]
            except Exception:  # much bad input ends in an error of Python itself
                return "refused"

        texts = list(dict.fromkeys(filters(runs[0]["attributes"]["run_id"])))
        golden = {
            "runs": runs,
            "filters": [[text, search(filter_string=text)] for text in texts],
            "orders": [[terms, search(order_by=terms)] for terms in orders()],
        }
    lines = [f'"runs": [\n{rows(golden["runs"])}\n]', f'"filters": [\n{rows(golden["filters"])}\n]', f'"orders": [\n{rows(golden["orders"])}\n]']
    path = ROOT / "tests/goldens/tracking/search.json"
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def rows(values):
    return ",\n".join(json.dumps(value, ensure_ascii=False) for value in values)


main()
