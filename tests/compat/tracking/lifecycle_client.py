"""What an MLflow user does with runs, artifacts and models beside training: the commands of `mlflow`, artifacts of all
kinds, nested runs, registration, deletion and restoring. Usage: lifecycle_client.py URL; prints JSON."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib
import mlflow
import numpy
import pandas
from click.testing import CliRunner
from mlflow import MlflowClient
from mlflow.cli import cli
from mlflow.entities import Metric, RunTag, ViewType
from mlflow.exceptions import MlflowException
from PIL import Image

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402

os.environ["MLFLOW_TRACKING_URI"] = sys.argv[1]
mlflow.set_tracking_uri(sys.argv[1])
client = MlflowClient()
result = {}
names = {}  # what each server calls differently, and what it is called here


def refused(call):
    try:
        call()
    except MlflowException as error:
        return error.error_code
    return None


def masked(text):
    for value, name in names.items():
        text = text.replace(value, f"<{name}>")
    return text


def command(*words):
    """Runs a command of `mlflow` and returns its words, or the kind of its error."""
    outcome = CliRunner().invoke(cli, words)
    if isinstance(outcome.exception, MlflowException):
        return outcome.exception.error_code
    if outcome.exception is not None:
        return repr(outcome.exception)
    return [masked(word) for word in outcome.stdout.split()]


def rows(words):
    """Returns the cells of a table without its lines."""
    return [word for word in words if set(word) != {"-"}]


# experiments by command
made = command("experiments", "create", "-n", "lifecycle")
experiment_id = made[-1]
scratch = command("experiments", "create", "-n", "scratch")[-1]
result["created"] = made[:-1]
result["created twice"] = command("experiments", "create", "-n", "lifecycle")
listed = lambda view: [
    word for word in command("experiments", "search", "--view", view) if word in ("lifecycle", "scratch", "sketch")
]  # noqa: E731
result["renamed"] = command("experiments", "rename", "-x", scratch, "--new-name", "sketch")[-4:]
result["deleted"] = command("experiments", "delete", "-x", scratch)[-3:]
result["deleted twice"] = command("experiments", "delete", "-x", scratch)
result["run in the deleted"] = refused(lambda: client.create_run(scratch))
result["views"] = [sorted(listed(view)) for view in ("active_only", "deleted_only", "all")]
result["name of the deleted"] = [
    refused(lambda: client.create_experiment("sketch")),
    refused(lambda: mlflow.set_experiment("sketch")),
    client.get_experiment_by_name("sketch").lifecycle_stage,
]
result["restored"] = command("experiments", "restore", "-x", scratch)[-3:]
result["restored twice"] = command("experiments", "restore", "-x", scratch)
result["none"] = [
    command("experiments", "delete", "-x", "987654321"),
    command("experiments", "restore", "-x", "987654321"),
    refused(lambda: client.rename_experiment("987654321", "x")),
    refused(lambda: client.get_experiment("987654321")),
]
process = subprocess.run(
    [Path(sys.executable).parent / "mlflow", "experiments", "search"], capture_output=True, text=True, check=True
)
result["as a process"] = sorted(word for word in process.stdout.split() if word in ("lifecycle", "sketch", "Default"))

# nested runs
mlflow.set_experiment("lifecycle")
with mlflow.start_run(run_name="parent", description="of two", tags={"family": "one"}) as parent:
    names[parent.info.run_id] = "parent"
    for index in range(2):
        with mlflow.start_run(run_name=f"child {index}", nested=True) as child:
            names[child.info.run_id] = f"child {index}"
            mlflow.log_metric("loss", index)
            mlflow.log_params({"index": index, "long": "x" * 6000})
child_id = child.info.run_id
children = client.search_runs(
    [experiment_id], f"tags.mlflow.parentRunId = '{parent.info.run_id}'", order_by=["metrics.loss"]
)
result["children"] = [run.info.run_name for run in children]
result["parent"] = mlflow.get_parent_run(child_id).info.run_name
result["note"] = client.get_run(parent.info.run_id).data.tags["mlflow.note.content"]
result["too long"] = refused(lambda: client.log_param(child_id, "longer", "x" * 6001)) is not None
client.update_run(child_id, status="KILLED", name="last child")
result["updated"] = [client.get_run(child_id).info.status, client.get_run(child_id).data.tags["mlflow.runName"]]
result["all runs"] = sorted(run.info.run_name for run in client.search_runs([experiment_id]))
table = mlflow.search_runs(experiment_names=["lifecycle"], filter_string="attributes.status = 'KILLED'")
result["frame"] = [sorted(column for column in table.columns if not column.startswith("tags.mlflow")), len(table)]

# runs by command
result["list"] = rows(command("runs", "list", "--experiment-id", experiment_id))
result["list"] = sorted(word for word in result["list"] if word in ("parent", "child", "last", "Date", "Name", "ID"))
described = json.loads(CliRunner().invoke(cli, ["runs", "describe", "--run-id", child_id]).stdout)
result["described"] = [
    sorted(described),
    sorted(described["info"]),
    described["data"]["metrics"],
    sorted(described["data"]["params"]),
]
result["delete run"] = [
    command("runs", "delete", "--run-id", child_id),
    command("runs", "delete", "--run-id", child_id),
]
view = lambda kind: sorted(
    run.info.run_name for run in client.search_runs([experiment_id], run_view_type=kind)
)  # noqa: E731
result["run views"] = [view(kind) for kind in (ViewType.ACTIVE_ONLY, ViewType.DELETED_ONLY, ViewType.ALL)]
result["writes to the deleted"] = [
    refused(lambda: client.log_metric(child_id, "loss", 1.0)),
    refused(lambda: client.log_param(child_id, "p", "1")),
    refused(lambda: client.set_tag(child_id, "t", "1")),
    refused(lambda: client.log_batch(child_id, [Metric("loss", 1.0, 1, 1)], [], [RunTag("a", "b")])),
    refused(lambda: client.update_run(child_id, name="x")),
]
result["restore run"] = [
    command("runs", "restore", "--run-id", child_id),
    command("runs", "restore", "--run-id", child_id),
]
result["no run"] = [command("runs", verb, "--run-id", "f" * 32) for verb in ("describe", "delete", "restore")]
command(
    "runs", "create", "--experiment-id", experiment_id, "--run-name", "by command", "--status", "FAILED", "-t", "a=b"
)
made_run = client.search_runs([experiment_id], "attributes.run_name = 'by command'")[0]
result["run create"] = [made_run.info.status, made_run.data.tags["a"]]

# an experiment in the trash takes its runs along
inside = client.create_run(scratch, run_name="inside").info.run_id
client.delete_experiment(scratch)
result["run of the deleted"] = client.get_run(inside).info.lifecycle_stage
client.restore_experiment(scratch)
result["run of the restored"] = client.get_run(inside).info.lifecycle_stage

# artifacts of all kinds
with mlflow.start_run(run_id=parent.info.run_id):
    figure, axes = pyplot.subplots()
    axes.plot([0, 1], [1, 0])
    mlflow.log_figure(figure, "figures/curve.png")
    mlflow.log_table(pandas.DataFrame({"text": ["buy now", "hello"], "label": [1, 0]}), "eval/table.json")
    mlflow.log_table({"text": ["more"], "label": [0]}, "eval/table.json")
    mlflow.log_dict({"ä": [1, None]}, "settings/a.json")
    mlflow.log_dict({"b": 1.5}, "settings/b.yaml")
    mlflow.log_text("grüße\n", "notes/ä ö+%41&?#.txt")
    mlflow.log_image(numpy.zeros((4, 4, 3), dtype=numpy.uint8), "images/black.png")
    mlflow.log_image(Image.new("RGB", (4, 4)), key="sample", step=3, timestamp=5)
    mlflow.log_metrics({"late": 2.0}, step=7, timestamp=11)
    frame = pandas.DataFrame({"text": ["buy now", "hello"], "label": [1, 0]})
    dataset = mlflow.data.from_pandas(frame, source="https://example.org/spam.csv", name="spam", targets="label")
    mlflow.log_input(dataset, context="training", tags={"split": "a"})
    mlflow.log_input(dataset, context="training")
loaded = mlflow.load_table("eval/table.json", run_ids=[parent.info.run_id], extra_columns=["run_id"])
result["table"] = [list(loaded.columns), loaded["text"].tolist(), loaded["label"].tolist()]
result["tables"] = mlflow.load_table("eval/table.json")["text"].tolist()
uri = f"runs:/{parent.info.run_id}"
result["loaded"] = [
    mlflow.artifacts.load_text(f"{uri}/settings/b.yaml"),
    mlflow.artifacts.load_dict(f"{uri}/settings/a.json"),
    list(mlflow.artifacts.load_image(f"{uri}/images/black.png").size),
]
listing = lambda path=None: sorted(
    f"{file.path} {file.is_dir}" for file in client.list_artifacts(parent.info.run_id, path)
)  # noqa: E731
result["files"] = [listing(), listing("notes"), listing("settings"), len(listing("images"))]
with tempfile.TemporaryDirectory() as home:
    path = client.download_artifacts(parent.info.run_id, "notes", home)
    result["odd name"] = {name: Path(path, name).read_text() for name in os.listdir(path)}
used = client.get_run(parent.info.run_id).inputs.dataset_inputs
result["inputs"] = [
    [
        i.dataset.name,
        i.dataset.digest,
        i.dataset.source_type,
        i.dataset.schema,
        sorted((t.key, t.value) for t in i.tags),
    ]
    for i in used
]
result["source"] = mlflow.data.get_source(used[0].dataset).to_dict()
result["found by data"] = len(
    client.search_runs([experiment_id], f"dataset.name = 'spam' AND dataset.digest = '{used[0].dataset.digest}'")
)

# artifacts by command
with tempfile.TemporaryDirectory() as home:
    Path(home, "deep", "er").mkdir(parents=True)
    Path(home, "one.txt").write_text("one")
    Path(home, "deep", "er", "two.txt").write_text("two")
    Path(home, "empty.bin").touch()
    result["log-artifact"] = command("artifacts", "log-artifact", "-l", f"{home}/one.txt", "-r", child_id, "-a", "in")
    result["log-artifacts"] = command("artifacts", "log-artifacts", "-l", home, "-r", child_id, "-a", "all")
    result["list artifacts"] = [
        command("artifacts", "list", "-r", child_id, *more)
        for more in ([], ["-a", "all"], ["-a", "all/deep/er"], ["-a", "none"])
    ]
    out = Path(home, "out")
    command("artifacts", "download", "-r", child_id, "-a", "all", "-d", str(out))
    result["download"] = {
        str(file.relative_to(out)): file.read_text() for file in sorted(out.rglob("*")) if file.is_file()
    }
    command("artifacts", "download", "-u", f"runs:/{child_id}/in/one.txt", "-d", f"{home}/single")
    result["download by uri"] = Path(home, "single", "one.txt").read_text()
    result["no artifact"] = command("artifacts", "download", "-r", child_id, "-a", "none", "-d", f"{home}/none")


# models of Python functions, registered by every kind of URI
class Length(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input: list[str], params=None) -> list[int]:
        return [len(text) for text in model_input]


def logged(name, **more):
    with mlflow.start_run(run_name=name):
        mlflow.log_metric("accuracy", 0.5 + len(name) / 100)
        return mlflow.pyfunc.log_model(
            name=name,
            python_model=Length(),
            pip_requirements=["mlflow"],
            params={"size": "small"},
            tags={"kind": name},
            **more,
        )


first = logged("first")
second = logged("second", registered_model_name="lengths")
versions = [
    mlflow.register_model(f"runs:/{first.run_id}/first", "lengths", tags={"way": "run"}),
    mlflow.register_model(f"models:/{second.model_id}", "lengths"),
    client.copy_model_version("models:/lengths/2", "copies"),
]
result["no model"] = refused(lambda: mlflow.register_model(f"runs:/{child_id}/in", "folders"))
names.update({first.model_id: "first", second.model_id: "second", first.run_id: "run 1", second.run_id: "run 2"})
result["versions"] = [
    [
        v.name,
        v.version,
        v.status,
        v.current_stage,
        masked(v.run_id or ""),
        masked(v.source),
        masked(str(v.model_id)),
        dict(v.tags),
    ]
    for v in versions
]
result["predictions"] = [
    mlflow.pyfunc.load_model(uri).predict(["four"])[0]
    for uri in ("models:/lengths/1", "models:/lengths/2", "models:/copies/1", f"models:/{first.model_id}")
]
client.set_registered_model_alias("lengths", "champion", 2)
client.set_registered_model_alias("lengths", "challenger", 3)
client.set_registered_model_alias("lengths", "champion", 3)
client.set_registered_model_tag("lengths", "team", "mail")
client.update_model_version("lengths", 2, "the second")
model = client.get_registered_model("lengths")
result["registered"] = [model.aliases, dict(model.tags), [v.version for v in model.latest_versions]]
result["aliases"] = [sorted(client.get_model_version("lengths", number).aliases) for number in (1, 2, 3)]
result["by alias"] = mlflow.pyfunc.load_model("models:/lengths@champion").predict(["ab"])
result["no alias"] = refused(lambda: client.get_model_version_by_alias("lengths", "none"))
result["by run"] = sorted(v.version for v in client.search_model_versions(f"run_id = '{first.run_id}'"))
result["described version"] = client.get_model_version("lengths", 2).description
client.delete_registered_model_tag("lengths", "team")
client.delete_model_version("lengths", 3)
result["alias of the deleted"] = refused(lambda: client.get_model_version_by_alias("lengths", "champion"))
result["no version"] = [
    refused(lambda: client.get_model_version("lengths", 3)),
    refused(lambda: client.get_model_version("none", 1)),
]

# logged models
search = lambda **more: [
    model.name for model in mlflow.search_logged_models([experiment_id], output_format="list", **more)
]  # noqa: E731
result["models"] = [
    sorted(search()),
    search(filter_string="params.size = 'small'", order_by=[{"field_name": "metrics.accuracy", "ascending": False}]),
    search(filter_string="metrics.accuracy > 0.555"),
    search(filter_string="tags.kind = 'first' AND name LIKE 'f%'"),
    search(order_by=[{"field_name": "creation_timestamp", "ascending": True}], max_results=1),
]
result["model columns"] = sorted(mlflow.search_logged_models([experiment_id]).columns)
got = mlflow.get_logged_model(first.model_id)
result["model"] = [got.name, str(got.status), got.params, [(m.key, m.value) for m in got.metrics or []]]
result["outputs"] = [masked(output.model_id) for output in client.get_run(first.run_id).outputs.model_outputs]
client.delete_logged_model(second.model_id)
result["models left"] = search()
result["deleted model"] = refused(lambda: client.get_logged_model(second.model_id))
print(json.dumps(result, sort_keys=True))
