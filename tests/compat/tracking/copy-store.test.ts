// Copies of stores that MLflow's Python client filled: Python reads the same from the copies as from the originals.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { copyStore, openStore } from "sconce/tracking";
import { describe, expect, test } from "vitest";
import { startMlflowServer } from "../mlflow-server.ts";
import { compatSkipReason, runPython } from "../python.ts";

process.env["MLFLOW_ALLOW_FILE_STORE"] = "true";

const fill = `
import math, sys
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModelInput, LoggedModelOutput

client = MlflowClient(sys.argv[1])
experiment = client.create_experiment("Übung 日本 / x", artifact_location="/tmp/nowhere", tags={"mlflow.note.content": "a\\nb"})
run = client.create_run(experiment, start_time=1234, run_name="first: run", tags={"a/b": "ü 🚀"})
id = run.info.run_id
model = client.create_logged_model(experiment, name="kept", source_run_id=id, tags={"t": "1"}, params={"lr": "1e-5"}, model_type="clf")
client.finalize_logged_model(model.model_id, "READY")
for step, value in enumerate([0.5, math.nan, math.inf, -math.inf, 1e-310, 3.0]):
    client.log_metric(id, "val/loss", value, timestamp=1000 + step, step=step)
# the lines of a folder hold a data set, and Python reads them as of step 0
measured = {} if sys.argv[1].startswith("file:") else {"dataset_name": "test", "dataset_digest": "d1"}
client.log_metric(id, "auc", 0.5, timestamp=1, step=1, model_id=model.model_id, **measured)
client.log_metric(id, "auc", 0.75, timestamp=2, step=2, model_id=model.model_id, **measured)
client.log_param(id, "p" * 250, "x" * 6000)
client.log_param(id, "empty", "")
dataset = Dataset(name="train", digest="d1", source_type="local", source='{"uri": "a.csv"}', schema="[]", profile="{}")
client.log_inputs(id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "train")])], [LoggedModelInput(model.model_id)])
client.log_outputs(id, [LoggedModelOutput(model.model_id, 3)])
client.set_terminated(id, "FAILED", end_time=5678)
gone = client.create_run(experiment)
client.log_metric(gone.info.run_id, "loss", 1.0)
client.delete_run(gone.info.run_id)
dropped = client.create_logged_model(experiment, name="dropped")
client.delete_logged_model(dropped.model_id)
trashed = client.create_experiment("trashed")
client.create_run(trashed)
client.delete_experiment(trashed)
client.create_registered_model("spam filter é", tags={"k" * 250: "v"}, description="what\\nfor")
for n in range(4):
    client.create_model_version("spam filter é", f"s3://bucket/{n}", run_id=id, tags={"n": str(n)}, description=f"d{n}")
client.transition_model_version_stage("spam filter é", 1, "Production")
client.transition_model_version_stage("spam filter é", 2, "Production", archive_existing_versions=True)
client.set_registered_model_alias("spam filter é", "champion", 2)
client.delete_model_version("spam filter é", 4)
client.register_prompt("a.prompt", "Say {{word}}")
print("null")
`;

const dump = `
import json, math, sys
from mlflow import MlflowClient
from mlflow.entities import ViewType

client = MlflowClient(sys.argv[1])
experiments = sorted(client.search_experiments(ViewType.ALL), key=lambda e: e.name)
ids = [e.experiment_id for e in experiments]
run_ids = sorted(r.info.run_id for r in client.search_runs(ids, run_view_type=ViewType.ALL))
runs = [client.get_run(run_id) for run_id in run_ids]
# MLflow's tables hold an infinity as the largest number, and its folders hold it as it is
number = lambda value: str({math.inf: sys.float_info.max, -math.inf: -sys.float_info.max}.get(value, value))
# a database returns all points of a model, a folder the latest of each
latest = lambda metrics: {(m.key, m.dataset_name, m.dataset_digest): m for m in sorted(metrics, key=lambda m: m.timestamp)}.values()
text = lambda value: json.dumps(value, sort_keys=True, default=str, ensure_ascii=False)
out = {
    "experiments": [[e.experiment_id, e.name, e.artifact_location, e.lifecycle_stage, e.creation_time, e.last_update_time, e.tags] for e in experiments],
    "runs": [{**r.to_dictionary(), "metrics": {key: number(value) for key, value in r.data.metrics.items()}} for r in runs],
    "models_of_runs": [[[m.model_id for m in (r.inputs.model_inputs if r.inputs else [])], [[m.model_id, m.step] for m in (r.outputs.model_outputs if r.outputs else [])]] for r in runs],
    "histories": [[[m.key, number(m.value), m.timestamp, m.step] for key in sorted(r.data.metrics) for m in sorted(client.get_metric_history(r.info.run_id, key), key=lambda m: m.step)] for r in runs],
    "logged_models": sorted(text({**m.to_dictionary(), "status_message": m.status_message or None, "metrics": sorted(text([x.key, number(x.value), x.timestamp, x.step, x.model_id, x.dataset_name, x.dataset_digest, x.run_id]) for x in latest(m.metrics or []))}) for m in client.search_logged_models(ids)),
    "registered": sorted(text([m.name, m.description or None, m.creation_timestamp, m.last_updated_timestamp, m.tags, {a: int(v) for a, v in m.aliases.items()}]) for f in [None, "tags.\`mlflow.prompt.is_prompt\` = 'true'"] for m in client.search_registered_models(f)),
    "versions": sorted(text([v.name, int(v.version), v.source, v.run_id or None, v.current_stage, v.description or None, v.creation_timestamp, v.last_updated_timestamp, v.status, v.tags, client.get_model_version_download_uri(v.name, v.version) if f is None else None]) for f in [None, "tags.\`mlflow.prompt.is_prompt\` = 'true'"] for v in client.search_model_versions(f)),
}
print(text(out))
`;

describe.skipIf(compatSkipReason !== undefined)(
  `copies for Python (${compatSkipReason ?? "asked for"})`,
  () => {
    const folder = mkdtempSync(join(tmpdir(), "sconce-copy-compat-"));
    const sqlite = (name: string) => `sqlite:///${join(folder, name)}.db`;
    const mlruns = (name: string) => `file://${join(folder, name)}`;
    const copy = async (from: string, to: string) => {
      const [source, target] = [await openStore(from), await openStore(to)];
      try {
        return await copyStore(source, target);
      } finally {
        await source.close();
        await target.close();
      }
    };

    test.each([
      ["SQLite", sqlite("python"), [mlruns("ours"), sqlite("back")]],
      ["mlruns", mlruns("python-runs"), [sqlite("ours-of-runs"), mlruns("back-runs")]],
    ])(
      "of %s hold what the original holds, there and back",
      async (_kind, original, copies) => {
        runPython(fill, original);
        const expected = runPython(dump, original) as Record<string, unknown[]>;
        expect(expected["runs"]).toHaveLength(3);
        let from = original;
        for (const to of copies) {
          const { counts } = await copy(from, to);
          expect(counts).toMatchObject({
            experiments: 3,
            runs: 3,
            points: 9,
            loggedModels: 2,
            modelVersions: 4,
          });
          expect(runPython(dump, to)).toEqual(expected);
          from = to;
        }
      },
      300_000,
    );

    test("of MLflow's server hold what it tells", async () => {
      const server = await startMlflowServer(mkdtempSync(join(folder, "server-")));
      try {
        runPython(fill, server.url);
        const to = sqlite("of-server");
        const { counts } = await copy(server.url, to);
        expect(counts).toMatchObject({
          experiments: 3,
          runs: 3,
          points: 9,
          loggedModels: 1,
          modelVersions: 4,
        });
        expect(runPython(dump, to)).toEqual(runPython(dump, server.url));
      } finally {
        await server.stop();
      }
    }, 300_000);
  },
);
