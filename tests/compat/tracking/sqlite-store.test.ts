// MLflow's own Python client on a database that Sconce made, and the other way round.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ActiveRun, SqliteStore, localPath, registerModelVersion } from "sconce/tracking";
import { beforeAll, describe, expect, test } from "vitest";
import { compatPython, compatSkipReason, runPython } from "../python.ts";

const prelude = `
import json, sys
from mlflow import MlflowClient
client = MlflowClient(tracking_uri="sqlite:///" + sys.argv[1], registry_uri="sqlite:///" + sys.argv[1])
`;

async function makeStore() {
  const folder = mkdtempSync(join(tmpdir(), "sconce-compat-"));
  const path = join(folder, "mlflow.db");
  const artifactLocation = join(folder, "Artifacts", "spam", "first");
  return { path, artifactLocation, store: await SqliteStore.open({ path }) };
}

describe.skipIf(compatSkipReason !== undefined)(
  `MLflow in Python (${compatSkipReason ?? "asked for"})`,
  () => {
    beforeAll(() => void compatPython(), 1_800_000);

    test("MLflow's client reads a run, its history, artifacts and champion from our database", async () => {
      const { path, artifactLocation, store } = await makeStore();
      const run = await ActiveRun.start({
        store,
        experimentName: "spam/first",
        runName: "baseline",
        artifactLocation,
      });
      run.logParams({ optimizer: { lr: 0.1, betas: [0.9, 0.999] }, long: "x".repeat(7000), bert: true });
      for (const [step, loss] of [1, NaN, Infinity, -Infinity, 0.25].entries())
        run.logMetrics({ train_loss: loss }, step);
      run.logMetrics({ "system/cpu_utilization_percentage": 12.5, val_f1: NaN }, 4);
      run.setTags({ note: "ü 漢" });
      run.logText("hello", "logs/train.log");
      run.logDict({ seed: 1 }, "config.json");
      await run.logInputs([
        {
          dataset: {
            name: "train",
            digest: "abc123",
            sourceType: "local",
            source: '{"uri": "Datasets/train.csv"}',
          },
          tags: { "mlflow.data.context": "training" },
        },
      ]);
      expect(await run.end("FINISHED", "done")).toEqual({ unwritten: 0 });
      await registerModelVersion(store, {
        name: "spam",
        source: `${run.info.artifactUri}/model`,
        runId: run.runId,
        aliases: ["champion"],
        tags: { f1: "0.9" },
      });
      await store.close();

      const seen = runPython(
        `${prelude}
experiment = client.get_experiment_by_name("spam/first")
run = client.get_run(sys.argv[2])
found = client.search_runs([experiment.experiment_id], "metrics.train_loss < 0.5 and tags.note LIKE 'ü%'")
version = client.get_model_version_by_alias("spam", "champion")
dataset = run.inputs.dataset_inputs[0]
print(json.dumps({
    "experiment": [experiment.name, experiment.artifact_location, experiment.lifecycle_stage],
    "default": client.get_experiment("0").name,
    "status": run.info.status, "name": run.info.run_name, "uri": run.info.artifact_uri,
    "params": {k: v if len(v) < 100 else [len(v), v[-42:]] for k, v in run.data.params.items()},
    "metrics": {k: repr(v) for k, v in run.data.metrics.items()},
    "tags": {k: v for k, v in run.data.tags.items() if k in ("note", "mlflow.runName", "mlflow.source.type", "sconce.end_reason")},
    "history": [[m.step, repr(m.value)] for m in sorted(client.get_metric_history(sys.argv[2], "train_loss"), key=lambda m: m.step)],
    "found": [r.info.run_id == sys.argv[2] for r in found],
    "artifacts": [[f.path, f.is_dir, f.file_size] for f in client.list_artifacts(sys.argv[2])],
    "logs": [[f.path, f.is_dir, f.file_size] for f in client.list_artifacts(sys.argv[2], "logs")],
    "version": [version.name, int(version.version), version.run_id == sys.argv[2], version.source, version.status, version.current_stage, version.tags, version.aliases],
    "dataset": [dataset.dataset.name, dataset.dataset.digest, dataset.dataset.source, [[t.key, t.value] for t in dataset.tags]],
}))`,
        path,
        run.runId,
      );
      expect(seen).toEqual({
        experiment: ["spam/first", artifactLocation, "active"],
        default: "Default",
        status: "FINISHED",
        name: "baseline",
        uri: `${artifactLocation}/${run.runId}/artifacts`,
        params: {
          "optimizer.lr": "0.1",
          "optimizer.betas": "[0.9,0.999]",
          bert: "true",
          long: [6000, "xxx... [truncated, 7000 characters in all]"],
        },
        metrics: { train_loss: "0.25", "system/cpu_utilization_percentage": "12.5", val_f1: "nan" },
        tags: {
          note: "ü 漢",
          "mlflow.runName": "baseline",
          "mlflow.source.type": "LOCAL",
          "sconce.end_reason": "done",
        },
        history: [
          [0, "1.0"],
          [1, "nan"],
          [2, "1.7976931348623157e+308"],
          [3, "-1.7976931348623157e+308"],
          [4, "0.25"],
        ],
        found: [true],
        artifacts: [
          ["config.json", false, 16],
          ["logs", true, null],
        ],
        logs: [["logs/train.log", false, 5]],
        version: [
          "spam",
          1,
          true,
          `${run.info.artifactUri}/model`,
          "READY",
          "None",
          { f1: "0.9" },
          ["champion"],
        ],
        dataset: ["train", "abc123", '{"uri": "Datasets/train.csv"}', [["mlflow.data.context", "training"]]],
      });
    });

    test("a run that MLflow's client writes into our database is read here, and continued", async () => {
      const { path, store } = await makeStore();
      const written = runPython(
        `${prelude}
import math
from mlflow.entities import Metric, Param, RunTag
experiment = client.create_experiment("from python", artifact_location=sys.argv[2])
run = client.create_run(experiment, run_name="theirs", tags={"a": "b"})
client.log_batch(run.info.run_id, [Metric("loss", v, 1000 + i, i) for i, v in enumerate([2.0, math.nan, math.inf])], [Param("lr", "0.1")], [])
client.log_text(run.info.run_id, "from python", "notes/a.txt")
client.set_terminated(run.info.run_id, "FAILED")
client.create_registered_model("theirs", tags={"k": "v"})
client.create_model_version("theirs", source=run.info.artifact_uri + "/model", run_id=run.info.run_id)
client.set_registered_model_alias("theirs", "champion", 1)
print(json.dumps({"run": run.info.run_id, "experiment": experiment}))`,
        path,
        join(tmpdir(), "sconce-compat-python", "with space"),
      ) as { run: string; experiment: string };

      const run = await store.getRun(written.run);
      expect(run.info).toMatchObject({
        runName: "theirs",
        status: "FAILED",
        experimentId: written.experiment,
      });
      expect(run.data.params).toEqual({ lr: "0.1" });
      expect(run.data.metrics).toEqual({ loss: Infinity });
      expect((await store.metricHistory(written.run, "loss")).map(({ value }) => value)).toEqual([
        2,
        NaN,
        Infinity,
      ]);
      expect(await store.getExperimentByName("from python")).toMatchObject({
        experimentId: written.experiment,
      });
      expect((await store.getModelVersionByAlias("theirs", "champion")).runId).toBe(written.run);
      expect(localPath(run.info.artifactUri)).toContain("with space");
      await store.logBatch({
        runId: written.run,
        metrics: [{ key: "loss", value: 1, timestamp: 5000, step: 9 }],
      });
      const latest = runPython(
        `${prelude}print(json.dumps(client.get_run(sys.argv[2]).data.metrics))`,
        path,
        written.run,
      );
      expect(latest).toEqual({ loss: 1 });
      await store.close();
    });

    test("a database that MLflow made is used as it is, and its schema is the one that we make", async () => {
      const folder = mkdtempSync(join(tmpdir(), "sconce-compat-"));
      const theirs = join(folder, "theirs.db");
      const ours = join(folder, "ours.db");
      runPython(`${prelude}print(json.dumps(client.get_experiment("0").name))`, theirs);
      const theirStore = await SqliteStore.open({ path: theirs });
      const run = await ActiveRun.start({ store: theirStore, experimentName: "ours in theirs" });
      run.logMetrics({ loss: 1 }, 3);
      await run.end();
      await theirStore.close();
      await (await SqliteStore.open({ path: ours })).close();
      const comparison = runPython(
        `
import json, sys, sqlite3, re
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from mlflow.store.db.base_sql_model import Base
import mlflow.store.tracking.dbmodels.models, mlflow.store.model_registry.dbmodels.models, mlflow.store.workspace.dbmodels.models
from mlflow.store.db.utils import _verify_schema, _all_tables_exist
def names(path):
    rows = sqlite3.connect(path).execute("SELECT type, name, tbl_name FROM sqlite_master ORDER BY 1, 2, 3").fetchall()
    return [list(row) for row in rows]
def differences(path):
    with sqlalchemy.create_engine("sqlite:///" + path).connect() as connection:
        return sorted(re.sub(r" at 0x[0-9a-f]+", "", str(change)) for change in compare_metadata(MigrationContext.configure(connection), Base.metadata))
engine = sqlalchemy.create_engine("sqlite:///" + sys.argv[2])
_verify_schema(engine)
print(json.dumps({"sameNames": names(sys.argv[1]) == names(sys.argv[2]), "sameDifferences": differences(sys.argv[1]) == differences(sys.argv[2]), "complete": _all_tables_exist(engine)}))`,
        theirs,
        ours,
      );
      expect(comparison).toEqual({ sameNames: true, sameDifferences: true, complete: true });
    });

    test("MLflow finds artifacts in a folder whose name needs escapes", async () => {
      const { path, store } = await makeStore();
      const odd = join(mkdtempSync(join(tmpdir(), "sconce-compat-")), "50% ü#1?");
      const run = await ActiveRun.start({ store, experimentName: "odd", artifactLocation: odd });
      run.logText("x", "a b c.txt");
      await run.end();
      await store.close();
      const seen = runPython(
        `${prelude}
[file] = client.list_artifacts(sys.argv[2])
print(json.dumps([file.path, open(client.download_artifacts(sys.argv[2], file.path)).read()]))`,
        path,
        run.runId,
      );
      expect(seen).toEqual(["a b c.txt", "x"]);
    });
  },
);
