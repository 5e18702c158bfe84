"""What an MLflow user does with a tracking server, by MLflow's own client. Usage: server_client.py URL; prints JSON."""

import json
import math
import os
import sys
import tempfile
import time

import mlflow
import torch
import transformers
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException

mlflow.set_tracking_uri(sys.argv[1])
client = MlflowClient()
result = {}


def refused(call):
    try:
        call()
    except MlflowException as error:
        return error.error_code
    return None


# experiments
experiment_id = client.create_experiment("first", tags={"team": "mail"})
client.set_experiment_tag(experiment_id, "owner", "ada")
result["experiment"] = dict(client.get_experiment(experiment_id).tags)
result["duplicate"] = refused(lambda: client.create_experiment("first"))
result["missing"] = client.get_experiment_by_name("none") is None
other = client.create_experiment("second")
client.rename_experiment(other, "renamed")
client.delete_experiment(other)
result["active"] = [e.name for e in client.search_experiments(filter_string="name != 'Default'")]
result["deleted"] = [e.name for e in client.search_experiments(view_type=ViewType.DELETED_ONLY)]
client.restore_experiment(other)
result["restored"] = client.get_experiment(other).lifecycle_stage

# runs by the fluent API
mlflow.set_experiment("first")
ids = []
for index in range(5):
    with mlflow.start_run(run_name=f"run {index}") as run:
        mlflow.log_params({"lr": 10.0**-index, "model": "bert" if index % 2 else "mlp"})
        for step in range(3):
            mlflow.log_metric("loss", 1.0 / (1 + index + step), step=step)
        mlflow.log_metrics({"f1": 0.5 + index / 10, "nan": math.nan, "inf": -math.inf})
        mlflow.set_tag("index", str(index))
        ids.append(run.info.run_id)
run = client.get_run(ids[0])
result["status"] = run.info.status
result["nan"] = math.isnan(run.data.metrics["nan"])
result["inf"] = run.data.metrics["inf"] < -1e308  # MLflow's SQL store gives the largest number, ours infinity
result["history"] = [(m.step, round(m.value, 6)) for m in client.get_metric_history(ids[1], "loss")]
search = lambda filter_string, **more: [  # noqa: E731
    ids.index(r.info.run_id) for r in client.search_runs([experiment_id], filter_string, **more)
]
result["search"] = [
    search("params.model = 'bert'", order_by=["metrics.f1 DESC"]),
    search("metrics.f1 > 0.65 and tags.index != '4'", order_by=["metrics.f1 ASC"]),
    search("attributes.run_name LIKE 'run%' AND metrics.loss < 0.2", order_by=["attributes.start_time ASC"]),
    search(f"run_id IN ('{ids[2]}', '{ids[3]}')", order_by=["params.lr ASC"]),
    search("tags.none IS NULL", order_by=["tags.index DESC"]),
]
page = client.search_runs([experiment_id], max_results=2, order_by=["tags.index ASC"])
pages = [[ids.index(r.info.run_id) for r in page]]
while page.token:
    page = client.search_runs([experiment_id], max_results=2, order_by=["tags.index ASC"], page_token=page.token)
    pages.append([ids.index(r.info.run_id) for r in page])
result["pages"] = pages
result["table"] = sorted(mlflow.search_runs(["%s" % experiment_id])["metrics.f1"].round(2))

# batches, tags, deletion
now = int(time.time() * 1000)
batch = client.create_run(experiment_id).info.run_id
client.log_batch(
    batch,
    metrics=[Metric("m", float(i), now + i, i) for i in range(1000)],
    params=[Param(f"p{i}", "x") for i in range(100)],
    tags=[RunTag(f"t{i}", "y") for i in range(100)],
)
client.log_batch(batch, params=[Param("p0", "x")])
result["immutable"] = refused(lambda: client.log_param(batch, "p0", "z"))
result["too many"] = refused(lambda: client._tracking_client.store.log_batch(batch, [Metric("m", 0.0, now, 0)] * 1001, [], []))
client.delete_tag(batch, "t0")
data = client.get_run(batch).data
result["batch"] = [data.metrics["m"], len(data.params), "t0" in data.tags]
result["points"] = len(client.get_metric_history(batch, "m"))
client.set_terminated(batch, "FAILED")
client.delete_run(batch)
result["trash"] = [client.get_run(batch).info.lifecycle_stage, client.get_run(batch).info.status]
client.restore_run(batch)
result["back"] = client.get_run(batch).info.lifecycle_stage
result["no run"] = refused(lambda: client.get_run("0" * 32))

# inputs
dataset = Dataset("train.csv", "abc123", "local", "{}", profile='{"num_rows": 5}')
client.log_inputs(batch, [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])])
inputs = client.get_run(batch).inputs.dataset_inputs
result["inputs"] = [(i.dataset.name, i.dataset.digest, i.tags[0].value) for i in inputs]
result["by dataset"] = len(client.search_runs([experiment_id], "datasets.name = 'train.csv'"))

# logged models
model = client.create_logged_model(experiment_id, name="net", source_run_id=ids[0], params={"a": "1"}, tags={"b": "2"})
client.set_logged_model_tags(model.model_id, {"c": "3"})
client.delete_logged_model_tag(model.model_id, "b")
client.log_model_params(model.model_id, {"d": "4"})
client.log_metric(ids[0], "acc", 0.9, model_id=model.model_id)
model = client.finalize_logged_model(model.model_id, "READY")
result["model"] = [str(model.status), model.params, {k: v for k, v in model.tags.items() if not k.startswith("mlflow.")}]
found = client.search_logged_models([experiment_id], "metrics.acc > 0.5", order_by=[{"field_name": "metrics.acc"}])
result["models"] = [m.name for m in found]

# artifacts
with mlflow.start_run(run_id=ids[0]):
    mlflow.log_text("hello", "notes/a b.txt")
    mlflow.log_dict({"a": 1}, "d.json")
    mlflow.log_table({"x": [1, 2]}, "t.json")
listing = lambda path=None: [(f.path, f.is_dir, f.file_size) for f in client.list_artifacts(ids[0], path)]  # noqa: E731
result["artifacts"] = [listing(), listing("notes"), listing("notes/a b.txt"), listing("none")]
folder = mlflow.artifacts.download_artifacts(run_id=ids[0])
result["downloaded"] = [sorted(os.listdir(folder)), open(f"{folder}/notes/a b.txt").read()]
result["loaded table"] = mlflow.load_table("t.json", run_ids=[ids[0]]).shape[0]
result["no artifact"] = refused(lambda: mlflow.artifacts.download_artifacts(run_id=ids[0], artifact_path="none"))

# a model of the transformers flavour, from logging to loading by name
words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "buy", "now"]
with tempfile.TemporaryDirectory() as home:
    open(f"{home}/vocab.txt", "w").write("\n".join(words))
    tokenizer = transformers.BertTokenizerFast(f"{home}/vocab.txt")
config = transformers.BertConfig(
    vocab_size=7, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8
)
torch.manual_seed(0)
network = transformers.BertForSequenceClassification(config)
pipeline = transformers.pipeline("text-classification", model=network, tokenizer=tokenizer)
with mlflow.start_run(run_name="with a model"):
    info = mlflow.transformers.log_model(
        pipeline, name="model", pip_requirements=["torch", "transformers"], registered_model_name="tiny"
    )
client.set_registered_model_alias("tiny", "champion", 1)
expected = pipeline("buy now")
result["models load"] = [
    mlflow.transformers.load_model(uri)("buy now") == expected
    for uri in (info.model_uri, "models:/tiny/1", "models:/tiny@champion")
]
result["model files"] = sorted(f.path for f in client.list_logged_model_artifacts(info.model_id))
again = mlflow.register_model(info.model_uri, "tiny")
result["registered again"] = [again.version, client.get_model_version_download_uri("tiny", "2") != ""]

# registry
client.create_registered_model("spam", tags={"a": "1"}, description="old")
client.update_registered_model("spam", "new")
result["registered twice"] = refused(lambda: client.create_registered_model("spam"))
for _ in range(3):
    client.create_model_version("spam", f"models:/{model.model_id}", ids[0], model_id=model.model_id)
client.set_registered_model_alias("spam", "champion", 2)
client.set_model_version_tag("spam", "2", "quality", "good")
client.transition_model_version_stage("spam", 1, "Production")
client.transition_model_version_stage("spam", 2, "Production", archive_existing_versions=True)
result["stages"] = [v.current_stage for v in sorted(client.search_model_versions("name = 'spam'"), key=lambda v: int(v.version))]
result["latest"] = [(v.current_stage, v.version) for v in client.get_latest_versions("spam", ["Production", "None"])]
result["alias"] = client.get_model_version_by_alias("spam", "champion").version
result["tagged"] = [v.version for v in client.search_model_versions("name = 'spam' and tags.quality = 'good'")]
result["registered"] = [(m.name, m.description, dict(m.aliases)) for m in client.search_registered_models()]
result["by name"] = [m.name for m in mlflow.search_registered_models(filter_string="name LIKE 's%'")]
client.delete_registered_model_alias("spam", "champion")
client.rename_registered_model("spam", "ham")
client.delete_model_version("ham", "3")
result["renamed"] = [v.version for v in client.search_model_versions("name = 'ham'", order_by=["version_number ASC"])]
result["next"] = client.create_model_version("ham", f"models:/{model.model_id}", ids[0], model_id=model.model_id).version
client.delete_registered_model("ham")
result["gone"] = refused(lambda: client.get_registered_model("ham"))
result["outside"] = refused(lambda: client.create_model_version("spam", "/etc", ids[0]))
print(json.dumps(result))
