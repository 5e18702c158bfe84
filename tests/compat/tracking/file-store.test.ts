// MLflow's own file store on a folder that Sconce made, and the other way round.
import { mkdtempSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ActiveRun, FileStore, registerModelVersion } from "sconce/tracking";
import { beforeAll, describe, expect, test } from "vitest";
import { compatPython, compatSkipReason, runPython, runPythonBeside } from "../python.ts";

const prelude = `
import json, os, sys
os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
from mlflow import MlflowClient
import mlflow
uri = "file://" + sys.argv[1]
mlflow.set_tracking_uri(uri)  # MLflow's file registry looks up logged models there
client = MlflowClient(tracking_uri=uri, registry_uri=uri)
def show(run):
    return {
        "info": [run.info.run_name, run.info.status, run.info.user_id, run.info.start_time, run.info.end_time, run.info.lifecycle_stage],
        "metrics": {k: repr(v) for k, v in sorted(run.data.metrics.items())},
        "params": dict(sorted(run.data.params.items())),
        "tags": dict(sorted(run.data.tags.items())),
        "datasets": [[d.dataset.name, d.dataset.digest, d.dataset.source_type, d.dataset.source, d.dataset.schema, [[t.key, t.value] for t in d.tags]] for d in run.inputs.dataset_inputs],
        "models": [[m.model_id for m in run.inputs.model_inputs], [[m.model_id, m.step] for m in run.outputs.model_outputs]],
    }
`;

const newPath = () => join(mkdtempSync(join(tmpdir(), "sconce-compat-")), "mlruns");
const oddTexts = [
  "ü 漢 \u{1f600}",
  "null",
  "123",
  "yes",
  "a: b # c",
  "'\"\\",
  "x\ny\r\n",
  " ",
  "\u0085\u2028\ufeff",
];

describe.skipIf(compatSkipReason !== undefined)(
  `MLflow's file store in Python (${compatSkipReason ?? "asked for"})`,
  () => {
    beforeAll(() => void compatPython(), 1_800_000);

    test("MLflow reads all that we wrote", async () => {
      const path = newPath();
      const store = await FileStore.open({ path, stages: ["Canary"] });
      const experimentId = await store.createExperiment({ name: "spam/first", tags: { team: "mail ü" } });
      const { info } = await store.createRun({
        experimentId,
        runName: "baseline",
        userId: "ann",
        startTime: 5,
      });
      const { runId } = info;
      const model = await store.createLoggedModel({
        experimentId,
        name: "m",
        sourceRunId: runId,
        modelType: "onnx",
        tags: { a: "b" },
        params: { lr: "1" },
      });
      const { modelId } = model;
      const values = [1, NaN, Infinity, -Infinity, 1e-300, 0.25];
      await store.logBatch({
        runId,
        metrics: [
          ...values.map((value, step) => ({ key: "train/loss", value, step, timestamp: 1000 + step })),
          { key: "f1", value: 0.5, step: 3, timestamp: 7, modelId, datasetName: "dev", datasetDigest: "d1" },
        ],
        params: oddTexts.map((value, i) => ({ key: `odd/${i}`, value })),
        tags: oddTexts.map((value, i) => ({ key: `odd.${i}`, value })),
      });
      const schema = '{"columns": ["text"]}';
      const dataset = {
        name: "train",
        digest: "d1",
        sourceType: "local",
        source: '{"uri": "x.csv"}',
        schema,
      };
      await store.logInputs(runId, [{ dataset, tags: { "mlflow.data.context": "training", n: "y" } }]);
      await store.logOutputs(runId, [{ modelId, step: 7 }]);
      await store.updateRun({ runId, status: "FINISHED", endTime: 9 });
      await store.finalizeLoggedModel(modelId, "READY");
      const deleted = await store.createRun({ experimentId, runName: "deleted" });
      await store.deleteRun(deleted.info.runId);
      const trashed = await store.createExperiment({ name: "trashed" });
      await store.createRun({ experimentId: trashed });
      await store.deleteExperiment(trashed);
      await registerModelVersion(store, {
        name: "spam",
        source: `models:/${modelId}`,
        aliases: ["champion"],
        tags: { f1: "0.9" },
      });
      await registerModelVersion(store, { name: "spam", source: "s3://models/b", runId });
      await store.transitionStage({ name: "spam", version: 1, stage: "Production" });
      await store.transitionStage({ name: "spam", version: 2, stage: "Canary" });
      for (const [i, name] of oddTexts.filter((text) => text.trim() !== "").entries()) {
        await store.createExperiment({ name, tags: { odd: String(i) } });
      }

      const seen = runPython(
        `${prelude}
experiment = client.get_experiment_by_name("spam/first")
run = client.get_run(sys.argv[2])
[model] = client.search_logged_models([experiment.experiment_id], "params.lr = '1'")
versions = client.search_model_versions("name = 'spam'", order_by=["version_number ASC"])
print(json.dumps({
    "experiment": [experiment.experiment_id, experiment.tags, experiment.lifecycle_stage],
    "names": sorted(e.name for e in client.search_experiments(filter_string="tags.odd != 'x'")),
    "trash": [[e.name, len(client.search_runs([e.experiment_id], run_view_type=2))] for e in client.search_experiments(view_type=2)],
    "run": show(run),
    "history": [[m.step, repr(m.value)] for m in client.get_metric_history(sys.argv[2], "train/loss")],
    "found": [r.info.run_name for r in client.search_runs([experiment.experiment_id], "metrics.\`train/loss\` < 0.5 and params.\`odd/2\` = '123'")],
    "deleted": [r.info.run_name for r in client.search_runs([experiment.experiment_id], run_view_type=2)],
    "model": [model.model_id, model.name, model.status.name, model.model_type, model.source_run_id, model.tags, model.params, [[m.key, m.value, m.step, m.dataset_name, m.dataset_digest, m.run_id] for m in model.metrics]],
    "versions": [[v.version, v.current_stage, v.source, v.run_id, v.tags, v.aliases, v.status] for v in versions],
    "uri": client.get_model_version_download_uri("spam", "1"),
    "champion": client.get_model_version_by_alias("spam", "champion").version,
}))`,
        path,
        runId,
      );
      const odd = (prefix: string) => oddTexts.map((value, i): [string, string] => [`${prefix}${i}`, value]);
      expect(seen).toEqual({
        experiment: [experimentId, { team: "mail ü" }, "active"],
        names: oddTexts.filter((text) => text.trim() !== "").sort(byCodePoint),
        trash: [["trashed", 1]],
        run: {
          info: ["baseline", "FINISHED", "ann", 5, 9, "active"],
          metrics: { "train/loss": "0.25", f1: "0.5" },
          params: Object.fromEntries(odd("odd/")),
          tags: { ...Object.fromEntries(odd("odd.")), "mlflow.runName": "baseline" },
          datasets: [
            [
              "train",
              "d1",
              "local",
              '{"uri": "x.csv"}',
              schema,
              [
                ["mlflow.data.context", "training"],
                ["n", "y"],
              ],
            ],
          ],
          models: [[], [[modelId, 7]]],
        },
        history: [
          [0, "1.0"],
          [1, "nan"],
          [2, "inf"],
          [3, "-inf"],
          [4, "1e-300"],
          [5, "0.25"],
        ],
        found: ["baseline"],
        deleted: ["deleted"],
        model: [
          modelId,
          "m",
          "READY",
          "onnx",
          runId,
          { a: "b" },
          { lr: "1" },
          [["f1", 0.5, 3, "dev", "d1", runId]],
        ],
        versions: [
          [1, "Production", `models:/${modelId}`, runId, { f1: "0.9" }, ["champion"], "READY"],
          [2, "None", "s3://models/b", runId, {}, [], "READY"],
        ],
        uri: model.artifactLocation,
        champion: 1,
      });
    });

    test("we read all that MLflow wrote, and write it on", async () => {
      const path = newPath();
      const written = runPython(
        `${prelude}
import math
from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModelInput, LoggedModelOutput, Metric, Param, RunTag
odd = json.loads(sys.argv[2])
experiment = client.create_experiment("from python: é", tags={"a": "b"})
run = client.create_run(experiment, run_name="their run", tags={"mlflow.user": "bob"})
run_id = run.info.run_id
client.log_batch(run_id, [Metric("loss", v, 1000 + i, i) for i, v in enumerate([2.0, math.nan, math.inf, 1e-9])], [Param(f"odd/{i}", t) for i, t in enumerate(odd)], [RunTag(f"odd.{i}", t) for i, t in enumerate(odd)])
model = client.create_logged_model(experiment, "theirs", source_run_id=run_id, tags={"k": "v"}, params={"p": "1"}, model_type="onnx")
client.log_metric(run_id, "f1", 0.75, timestamp=5, step=2, model_id=model.model_id, dataset_name="dev", dataset_digest="d1")
client.finalize_logged_model(model.model_id, "READY")
client.log_inputs(run_id, [DatasetInput(Dataset("train", "d1", "local", '{"uri": "y: no"}', profile="x" * 200 + ": " + "y " * 60), [InputTag("mlflow.data.context", "training"), InputTag("n", "no")])], [LoggedModelInput(model.model_id)])
client.log_outputs(run_id, [LoggedModelOutput(model.model_id, 7)])
client.set_terminated(run_id, "FAILED", end_time=77)
early = client.create_run(experiment, run_name="early").info.run_id
client.delete_run(early)
client.create_registered_model("theirs", tags={"k": "v"}, description="long " * 40)
client.create_model_version("theirs", source="models:/" + model.model_id, run_id=run_id, description="yes")
client.create_model_version("theirs", source="s3://b", run_id=run_id)
client.set_registered_model_alias("theirs", "champion", 1)
client.transition_model_version_stage("theirs", "1", "Staging")
client.delete_model_version("theirs", "2")
for i, text in enumerate(odd):
    if text.strip() and "'" not in text:  # MLflow's file store looks names up by a filter of its own, unescaped
        client.create_experiment(text, tags={"odd": str(i)})
trashed = client.create_experiment("trashed")
client.create_run(trashed)
client.delete_experiment(trashed)
print(json.dumps({"run": run_id, "early": early, "experiment": experiment, "model": model.model_id, "trashed": trashed}))`,
        path,
        JSON.stringify(oddTexts),
      ) as Record<"run" | "early" | "experiment" | "model" | "trashed", string>;

      const store = await FileStore.open({ path });
      const odd = (prefix: string) => oddTexts.map((value, i): [string, string] => [`${prefix}${i}`, value]);
      const run = await store.getRun(written.run);
      expect(run.info).toMatchObject({
        runName: "their run",
        status: "FAILED",
        endTime: 77,
        experimentId: written.experiment,
        artifactUri: `file://${path}/${written.experiment}/${written.run}/artifacts`,
      });
      expect(run.data.params).toEqual(Object.fromEntries(odd("odd/")));
      expect(run.data.tags).toEqual({
        ...Object.fromEntries(odd("odd.")),
        "mlflow.runName": "their run",
        "mlflow.user": "bob",
      });
      expect(run.data.metrics).toEqual({ loss: 1e-9, f1: 0.75 });
      expect(run.data.latestMetrics[0]).toMatchObject({ key: "f1", step: 2, timestamp: 5 });
      expect((await store.metricHistory(written.run, "loss")).map(({ value }) => value)).toEqual([
        2,
        NaN,
        Infinity,
        1e-9,
      ]);
      expect(run.inputs.datasetInputs).toEqual([
        {
          dataset: {
            name: "train",
            digest: "d1",
            sourceType: "local",
            source: '{"uri": "y: no"}',
            profile: `${"x".repeat(200)}: ${"y ".repeat(60)}`,
          },
          tags: { "mlflow.data.context": "training", n: "no" },
        },
      ]);
      expect(run.inputs.modelInputs).toEqual([{ modelId: written.model }]);
      expect(run.outputs.modelOutputs).toEqual([{ modelId: written.model, step: 7 }]);
      expect(await store.getExperimentByName("from python: é")).toMatchObject({ tags: { a: "b" } });
      const named = await store.searchExperiments({ filter: "tags.odd != 'x'" });
      expect(named.map(({ name }) => name).sort(byCodePoint)).toEqual(
        oddTexts.filter((text) => text.trim() !== "" && !text.includes("'")).sort(byCodePoint),
      );
      expect(await store.getLoggedModel(written.model)).toMatchObject({
        name: "theirs",
        status: "READY",
        modelType: "onnx",
        tags: { k: "v" },
        params: { p: "1" },
        metrics: [
          { key: "f1", value: 0.75, step: 2, datasetName: "dev", datasetDigest: "d1", runId: written.run },
        ],
      });
      expect(await store.getRegisteredModel("theirs")).toMatchObject({
        description: "long ".repeat(40),
        tags: { k: "v" },
        aliases: { champion: 1 },
      });
      expect(await store.getModelVersionByAlias("theirs", "champion")).toMatchObject({
        version: 1,
        currentStage: "Staging",
        runId: written.run,
        modelId: written.model,
        description: "yes",
      });
      expect(await store.searchModelVersions()).toHaveLength(1);
      expect(await store.deletedRunIds()).toContain(written.early);

      // what MLflow put into the trash comes back whole, what was there before stays
      await store.restoreExperiment(written.trashed);
      expect(await store.searchRuns({ experimentIds: [written.trashed] })).toHaveLength(1);
      await store.logBatch({
        runId: written.run,
        metrics: [{ key: "loss", value: 1, timestamp: 5000, step: 9 }],
      });
      await store.updateRun({ runId: written.run, runName: "ours now", status: "FINISHED" });
      await store.restoreRun(written.early);
      const next = await store.createModelVersion({ name: "theirs", source: "s3://c" });
      await store.transitionStage({ name: "theirs", version: 3, stage: "Staging", archiveExisting: true });
      await store.setModelAlias("theirs", "champion", 3);
      await store.renameExperiment(written.experiment, "renamed");
      expect(next.version).toBe(3);
      const seen = runPython(
        `${prelude}
run = client.get_run(sys.argv[2])
print(json.dumps({
    "loss": run.data.metrics["loss"], "name": run.info.run_name, "status": run.info.status,
    "runs": sorted(r.info.run_name for r in client.search_runs([run.info.experiment_id])),
    "experiment": client.get_experiment(run.info.experiment_id).name,
    "stages": [[v.version, v.current_stage, v.aliases] for v in client.search_model_versions("name = 'theirs'", order_by=["version_number ASC"])],
}))`,
        path,
        written.run,
      );
      expect(seen).toEqual({
        loss: 1,
        name: "ours now",
        status: "FINISHED",
        runs: ["early", "ours now"],
        experiment: "renamed",
        stages: [
          [1, "Archived", []],
          [3, "Staging", ["champion"]],
        ],
      });
    });

    test("MLflow and we write into one run at once, and no point is lost", async () => {
      const path = newPath();
      const store = await FileStore.open({ path });
      const run = await ActiveRun.start({ store, experimentName: "shared", flushIntervalMs: 5 });
      const theirs = runPythonBeside(
        `${prelude}
for step in range(50):
    client.log_metric(sys.argv[2], "loss", step, step=2 * step + 1)
print(json.dumps(0))`,
        path,
        run.runId,
      );
      let goesOn = true;
      void theirs.finally(() => (goesOn = false));
      let ours = 0;
      for (; goesOn || ours < 50; ours++) {
        run.logMetrics({ loss: ours }, 2 * ours);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      await theirs;
      expect(await run.end()).toEqual({ unwritten: 0 });
      const steps = (await store.metricHistory(run.runId, "loss")).map(({ step }) => step);
      expect(steps.filter((step) => step % 2 === 1)).toHaveLength(50);
      expect(steps.filter((step) => step % 2 === 0)).toHaveLength(ours);
    });

    test("a folder that MLflow opened has nothing that it takes for an experiment, run or model", async () => {
      const path = newPath();
      const store = await FileStore.open({ path });
      writeFileSync(join(path, ".sconce-names.lock"), "{}"); // a lock in use
      const seen = runPython(
        `${prelude}print(json.dumps([[e.name for e in client.search_experiments()], len(client.search_registered_models())]))`,
        path,
      );
      expect(seen).toEqual([["Default"], 0]);
      expect(readdirSync(path).sort()).toEqual([".sconce-names.lock", ".trash", "0", "models"]);
      expect(readFileSync(join(path, "0", "meta.yaml"), "utf8")).toContain('name: "Default"\n');
      await store.close();
    });
  },
);

function byCodePoint(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
