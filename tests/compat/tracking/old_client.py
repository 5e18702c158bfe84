"""What an MLflow user does with a tracking server, for clients that have nothing but `mlflow-skinny`, of any release since
3.7. Usage: old_client.py URL; prints JSON."""

import json
import math
import os
import sys
import tempfile
from pathlib import Path

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException

mlflow.set_tracking_uri(sys.argv[1])
client = MlflowClient()
result = {"version": mlflow.__version__}


def refused(call):
    try:
        call()
    except MlflowException as error:
        return error.error_code
    return None


# experiments
name = f"old {mlflow.__version__}"
mlflow.set_experiment(name)
experiment = client.get_experiment_by_name(name)
experiment_id = experiment.experiment_id
client.set_experiment_tag(experiment_id, "team", "mail")
result["experiment"] = dict(client.get_experiment(experiment_id).tags)
result["refused"] = [
    refused(lambda: client.create_experiment(name)),
    refused(lambda: client.get_run("0" * 32)),
    refused(lambda: client.get_registered_model("none")),
]

# runs
with mlflow.start_run(run_name="parent") as parent:
    mlflow.log_params({"lr": 0.1, "model": "bert"})
    for step in range(3):
        mlflow.log_metric("loss", 1 / (1 + step), step=step)
    mlflow.log_metrics({"nan": math.nan, "f1": 0.5})
    mlflow.set_tags({"a": "1", "b": "2"})
    with mlflow.start_run(run_name="child", nested=True) as child:
        mlflow.log_metric("f1", 0.75)
run_id = parent.info.run_id
client.log_batch(
    run_id,
    metrics=[Metric("many", float(i), 1000 + i, i) for i in range(1000)],
    params=[Param(f"p{i}", "x") for i in range(50)],
    tags=[RunTag(f"t{i}", "y") for i in range(50)],
)
client.delete_tag(run_id, "b")
run = client.get_run(run_id)
result["run"] = [
    run.info.status,
    run.info.run_name,
    run.data.metrics["many"],
    math.isnan(run.data.metrics["nan"]),
    len(run.data.params),
    "b" in run.data.tags,
]
result["history"] = [(m.step, round(m.value, 3)) for m in client.get_metric_history(run_id, "loss")]
result["points"] = len(client.get_metric_history(run_id, "many"))
find = lambda text, **more: [r.info.run_name for r in client.search_runs([experiment_id], text, **more)]  # noqa: E731
result["found"] = [
    find("metrics.f1 > 0.4", order_by=["metrics.f1 DESC"]),
    find("params.model = 'bert' AND tags.a = '1'"),
    find(f"tags.mlflow.parentRunId = '{run_id}'"),
    find("attributes.status = 'FINISHED'", max_results=1, order_by=["attributes.start_time ASC"]),
]
client.delete_run(child.info.run_id)
result["deleted"] = [find(""), find("", run_view_type=ViewType.DELETED_ONLY)]
client.restore_run(child.info.run_id)
result["restored"] = sorted(find(""))

# artifacts
with tempfile.TemporaryDirectory() as home:
    Path(home, "in", "deep").mkdir(parents=True)
    Path(home, "in", "a b.txt").write_text("first")
    Path(home, "in", "deep", "two.bin").write_bytes(bytes(range(256)) * 5000)
    client.log_artifacts(run_id, f"{home}/in", "folder")
    client.log_text(run_id, "grüße", "notes.txt")
    client.log_dict(run_id, {"a": [1]}, "settings.json")
    listing = lambda path=None: [
        (f.path, f.is_dir, f.file_size) for f in client.list_artifacts(run_id, path)
    ]  # noqa: E731
    result["artifacts"] = [listing(), listing("folder"), listing("folder/deep")]
    folder = client.download_artifacts(run_id, "folder", home)
    result["downloaded"] = [
        Path(folder, "a b.txt").read_text(),
        Path(folder, "deep", "two.bin").read_bytes() == bytes(range(256)) * 5000,
        mlflow.artifacts.load_text(f"runs:/{run_id}/notes.txt"),
        refused(lambda: client.download_artifacts(run_id, "none", home)),
    ]

# logged models and the registry
model = client.create_logged_model(experiment_id, name="net", source_run_id=run_id, params={"a": "1"})
model = client.finalize_logged_model(model.model_id, "READY")
result["model"] = [str(model.status), model.params]
result["models"] = [m.name for m in client.search_logged_models([experiment_id])]
registered = f"spam-{mlflow.__version__}"
client.create_registered_model(registered, tags={"a": "1"})
first = client.create_model_version(registered, f"runs:/{run_id}/folder", run_id)
second = mlflow.register_model(f"models:/{model.model_id}", registered)
client.set_registered_model_alias(registered, "champion", second.version)
client.set_model_version_tag(registered, first.version, "quality", "good")
client.transition_model_version_stage(registered, first.version, "Production")
client.transition_model_version_stage(registered, second.version, "Production", archive_existing_versions=True)
result["registry"] = [
    client.get_model_version_by_alias(registered, "champion").version,
    sorted((v.version, v.current_stage, dict(v.tags)) for v in client.search_model_versions(f"name = '{registered}'")),
    [v.version for v in client.get_latest_versions(registered, ["Production"])],
    os.path.basename(client.get_model_version_download_uri(registered, first.version)),
]
client.delete_registered_model_alias(registered, "champion")
client.delete_model_version(registered, first.version)
client.delete_registered_model(registered)
result["gone"] = refused(lambda: client.get_registered_model(registered))
print(json.dumps(result))
