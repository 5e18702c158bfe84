// MLflow's own Python client on a PostgreSQL database that Sconce made, and the other way round.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PostgresStore } from "sconce/tracking";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type PostgresServer, postgresSkipReason, startPostgres } from "../../postgres.ts";
import { compatPython, compatSkipReason, runPython } from "../python.ts";

const prelude = `
import json, sys
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag, Dataset, DatasetInput, InputTag
uri = sys.argv[1].replace("postgresql:", "postgresql+psycopg2:")
client = MlflowClient(tracking_uri=uri, registry_uri=uri)
`;
const skipReason = compatSkipReason ?? postgresSkipReason;

describe.skipIf(skipReason !== undefined)(
  `MLflow in Python on PostgreSQL (${skipReason ?? "asked for"})`,
  () => {
    let server: PostgresServer;
    const artifactRoot = mkdtempSync(join(tmpdir(), "sconce-compat-"));

    beforeAll(async () => {
      compatPython();
      server = await startPostgres();
    }, 1_800_000);
    afterAll(() => server?.stop());

    test("MLflow's client reads and searches what we wrote, and finds no fault in our schema", async () => {
      const uri = await server.createDatabase();
      const store = await PostgresStore.open({ uri, artifactRoot, stages: ["Canary"] });
      const experimentId = await store.createExperiment({ name: "ours", tags: { team: "mail" } });
      const { runId } = (await store.createRun({ experimentId, runName: "first", startTime: 1 })).info;
      await store.logBatch({
        runId,
        metrics: [1, NaN, Infinity, 0.25].map((value, step) => ({ key: "loss", value, timestamp: 5, step })),
        params: [{ key: "model", value: "bert" }],
        tags: [{ key: "note", value: "ü 漢" }],
      });
      await store.logInputs(runId, [
        {
          dataset: { name: "train", digest: "d1", sourceType: "local", source: "{}" },
          tags: { "mlflow.data.context": "training" },
        },
      ]);
      const { modelId } = await store.createLoggedModel({ experimentId, name: "m", sourceRunId: runId });
      await store.finalizeLoggedModel(modelId, "READY");
      await store.createRegisteredModel({ name: "spam" });
      for (const _ of [1, 2, 3])
        await store.createModelVersion({ name: "spam", source: `models:/${modelId}` });
      await store.setModelAlias("spam", "champion", 2);
      await store.transitionStage({ name: "spam", version: 2, stage: "Production" });
      await store.transitionStage({ name: "spam", version: 3, stage: "Canary" });
      await store.deleteModelVersion("spam", 1);
      await store.close();
      const seen = runPython(
        `${prelude}
import sqlalchemy
from mlflow.store.db.utils import _verify_schema, _all_tables_exist
engine = sqlalchemy.create_engine(uri)
_verify_schema(engine)
experiment = client.get_experiment_by_name("ours")
run = client.get_run(sys.argv[2])
found = client.search_runs([experiment.experiment_id], "metrics.loss < 0.5 and params.model = 'bert' and dataset.context = 'training'", order_by=["metrics.loss DESC"])
print(json.dumps({
    "complete": _all_tables_exist(engine),
    "tags": experiment.tags,
    "metrics": {k: repr(v) for k, v in run.data.metrics.items()},
    "history": [repr(m.value) for m in sorted(client.get_metric_history(sys.argv[2], "loss"), key=lambda m: m.step)],
    "found": [r.info.run_name for r in found],
    "note": run.data.tags["note"],
    "datasets": [d.dataset.name for d in run.inputs.dataset_inputs],
    "champion": client.get_model_version_by_alias("spam", "champion").version,
    "stages": {v.version: v.current_stage for v in client.search_model_versions("name = 'spam'")},
    "models": [[m.name, str(m.status)] for m in client.search_logged_models([experiment.experiment_id])],
}))`,
        uri,
        runId,
      );
      expect(seen).toEqual({
        complete: true,
        tags: { team: "mail" },
        metrics: { loss: "0.25" },
        history: ["1.0", "nan", "1.7976931348623157e+308", "0.25"],
        found: ["first"],
        note: "ü 漢",
        datasets: ["train"],
        champion: 2,
        stages: { 2: "Production", 3: "None" },
        models: [["m", "READY"]],
      });
    });

    test("MLflow's client renames and deletes models whose history we keep", async () => {
      const uri = await server.createDatabase();
      const store = await PostgresStore.open({ uri, artifactRoot, stages: ["Canary"] });
      for (const name of ["spam", "gone"]) {
        await store.createRegisteredModel({ name });
        await store.createModelVersion({ name, source: "s3://models/a" });
        await store.transitionStage({ name, version: 1, stage: "Canary" });
        await store.setModelAlias(name, "champion", 1);
      }
      runPython(
        `${prelude}
client.rename_registered_model("spam", "ham")
client.delete_registered_model("gone")
client.create_registered_model("gone")
print("null")`,
        uri,
      );
      expect((await store.getModelVersion("ham", 1)).currentStage).toBe("Canary");
      expect((await store.registryHistory("ham")).map(({ name }) => name)).toEqual(["Canary", "champion"]);
      expect(await store.registryHistory("gone")).toEqual([]);
      runPython(
        `${prelude}client.transition_model_version_stage("ham", 1, "Production"); print("null")`,
        uri,
      );
      expect((await store.getModelVersion("ham", 1)).currentStage).toBe("Production");
      await store.close();
    });

    test("what MLflow's client writes into a database that it made is read here, and continued", async () => {
      const uri = await server.createDatabase();
      const written = runPython(
        `${prelude}
import math
experiment = client.create_experiment("theirs", artifact_location=sys.argv[2], tags={"team": "mail"})
run = client.create_run(experiment, run_name="theirs", tags={"a": "b"}).info.run_id
client.log_batch(run, [Metric("loss", v, 1000 + i, i) for i, v in enumerate([2.0, math.nan, -math.inf])], [Param("lr", "0.1")], [])
client.log_inputs(run, [DatasetInput(Dataset("train", "d1", "local", "{}"), [InputTag("mlflow.data.context", "training")])])
gone = client.create_run(experiment).info.run_id
model = client.create_logged_model(experiment, name="m", source_run_id=run, params={"lr": "0.1"})
client.finalize_logged_model(model.model_id, "READY")
client.create_registered_model("spam", tags={"k": "v"})
for _ in range(2):
    client.create_model_version("spam", source=sys.argv[2] + "/model", run_id=run)
client.set_registered_model_alias("spam", "champion", 1)
client.transition_model_version_stage("spam", 2, "Staging")
client.delete_experiment(client.create_experiment("trash"))
client.set_terminated(run, "FINISHED")
print(json.dumps({"run": run, "experiment": experiment, "model": model.model_id}))`,
        uri,
        join(artifactRoot, "theirs"),
      ) as { run: string; experiment: string; model: string };
      const store = await PostgresStore.open({ uri, artifactRoot });
      const [run] = await store.searchRuns({
        filter: "params.lr = '0.1' and tags.a LIKE 'b' and dataset.name = 'train'",
      });
      expect(run).toEqual(await store.getRun(written.run));
      expect(run?.info).toMatchObject({
        runName: "theirs",
        status: "FINISHED",
        experimentId: written.experiment,
      });
      expect(run?.data).toMatchObject({ metrics: { loss: -Infinity }, params: { lr: "0.1" } });
      expect((await store.metricHistory(written.run, "loss")).map(({ value }) => value)).toEqual([
        2,
        NaN,
        -Infinity,
      ]);
      expect(await store.getLoggedModel(written.model)).toMatchObject({
        status: "READY",
        params: { lr: "0.1" },
      });
      const trash = await store.searchExperiments({ viewType: "DELETED_ONLY" });
      expect(trash.map(({ name }) => name)).toEqual(["trash"]);
      expect(await store.getModelVersionByAlias("spam", "champion")).toMatchObject({ version: 1 });
      expect((await store.getModelVersion("spam", 2)).currentStage).toBe("Staging");

      await store.logBatch({
        runId: written.run,
        metrics: [{ key: "loss", value: 1, timestamp: 5000, step: 9 }],
      });
      await store.transitionStage({ name: "spam", version: 1, stage: "Staging", archiveExisting: true });
      await store.restoreExperiment(trash[0]?.experimentId ?? "");
      const next = await store.createExperiment({ name: "ours" });
      await store.close();
      const seen = runPython(
        `${prelude}print(json.dumps({
    "loss": client.get_run(sys.argv[2]).data.metrics["loss"],
    "stages": {v.version: v.current_stage for v in client.search_model_versions("name = 'spam'")},
    "active": sorted(e.name for e in client.search_experiments()),
    "next": client.create_experiment("after ours"),
}))`,
        uri,
        written.run,
      );
      expect(seen).toEqual({
        loss: 1,
        stages: { 1: "Staging", 2: "Archived" },
        active: ["Default", "ours", "theirs", "trash"],
        next: String(Number(next) + 1),
      });
    });
  },
);
