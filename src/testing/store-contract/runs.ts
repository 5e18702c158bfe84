// The contract of runs: what they are, their trash, their inputs and outputs.
import assert from "node:assert/strict";
import type { DatasetInput } from "../../tracking/index.ts";
import { type StoreTest, invalidValue, newExperiment, newRun, notThere, point, refused } from "./contract.ts";

export function runContract(test: StoreTest): void {
  test("a run begins as RUNNING, with its name as a tag, its artifacts under the experiment", async (store) => {
    const experimentId = await newExperiment(store);
    const { artifactLocation } = await store.getExperiment(experimentId);
    const run = await store.createRun({
      experimentId,
      runName: "first",
      userId: "ann",
      startTime: 5,
      tags: { k: "v" },
    });
    const { runId } = run.info;
    assert.match(runId, /^[0-9a-f]{32}$/);
    assert.deepEqual(run, {
      info: {
        runId,
        runName: "first",
        experimentId,
        userId: "ann",
        status: "RUNNING",
        startTime: 5,
        lifecycleStage: "active",
        artifactUri: `${artifactLocation}/${runId}/artifacts`,
      },
      data: { metrics: {}, latestMetrics: [], params: {}, tags: { k: "v", "mlflow.runName": "first" } },
      inputs: { datasetInputs: [], modelInputs: [] },
      outputs: { modelOutputs: [] },
    });
    assert.deepEqual(await store.getRun(runId), run);
  });

  test("a run is named by its tag or by chance, and two names that differ are refused", async (store) => {
    const experimentId = await newExperiment(store);
    const named = await store.createRun({ experimentId, tags: { "mlflow.runName": "tagged" } });
    assert.equal(named.info.runName, "tagged");
    assert((await store.createRun({ experimentId })).info.runName.length > 3);
    await refused(
      store.createRun({ experimentId, runName: "a", tags: { "mlflow.runName": "b" } }),
      invalidValue,
    );
    await refused(store.createRun({ experimentId: "999999999" }), notThere);
  });

  test("an update changes what it names, and a name and its tag change together", async (store) => {
    const runId = await newRun(store);
    const ended = await store.updateRun({ runId, status: "FINISHED", endTime: 99 });
    assert.deepEqual([ended.status, ended.endTime], ["FINISHED", 99]);
    const renamed = await store.updateRun({ runId, runName: "new" });
    assert.deepEqual([renamed.status, renamed.endTime, renamed.runName], ["FINISHED", 99, "new"]);
    assert.equal((await store.getRun(runId)).data.tags["mlflow.runName"], "new");
    await store.setTags(runId, { "mlflow.runName": "newer" });
    assert.equal((await store.getRun(runId)).info.runName, "newer");
    for (const status of ["FAILED", "KILLED", "SCHEDULED", "RUNNING"] as const) {
      assert.equal((await store.updateRun({ runId, status })).status, status);
    }
  });

  test("what is asked of a run that does not exist is refused", async (store) => {
    const missing = "0".repeat(32);
    await refused(store.getRun(missing), notThere, "getRun");
    await refused(store.updateRun({ runId: missing, status: "FAILED" }), notThere, "updateRun");
    await refused(store.logBatch({ runId: missing, metrics: [point(1)] }), notThere, "logBatch");
    await refused(store.setTags(missing, { a: "b" }), notThere, "setTags");
    await refused(store.deleteTag(missing, "a"), notThere, "deleteTag");
    await refused(store.deleteRun(missing), notThere, "deleteRun");
    await refused(store.restoreRun(missing), notThere, "restoreRun");
    await refused(store.metricHistory(missing, "loss"), notThere, "metricHistory");
    await refused(store.metricHistories({ runIds: [missing], key: "loss" }), notThere, "metricHistories");
    await refused(store.logInputs(missing, [train]), notThere, "logInputs");
    await refused(store.logOutputs(missing, []), notThere, "logOutputs");
  });

  test("a run in the trash is read but not written, until it is restored", async (store) => {
    const runId = await newRun(store);
    await store.logBatch({ runId, metrics: [point(1)] });
    await store.deleteRun(runId);
    await store.deleteRun(runId); // it is there already
    const run = await store.getRun(runId);
    assert.deepEqual([run.info.lifecycleStage, run.data.metrics], ["deleted", { loss: 1 }]);
    await refused(store.updateRun({ runId, status: "FAILED" }), invalidValue, "updateRun");
    await refused(store.logBatch({ runId, metrics: [point(2)] }), invalidValue, "logBatch");
    await refused(store.setTags(runId, { a: "b" }), invalidValue, "setTags");
    await refused(store.deleteTag(runId, "mlflow.runName"), invalidValue, "deleteTag");
    await refused(store.logInputs(runId, [train]), invalidValue, "logInputs");
    await store.restoreRun(runId);
    await store.logBatch({ runId, metrics: [point(2, { step: 1 })] });
    assert.deepEqual((await store.getRun(runId)).data.metrics, { loss: 2 });
  });

  test("tags of a run are written over and removed", async (store) => {
    const runId = await newRun(store);
    await store.setTags(runId, { a: "1", b: "2" });
    await store.setTags(runId, { a: "ü 漢 \u{1f600}" });
    await store.deleteTag(runId, "b");
    const { "mlflow.runName": _, ...tags } = (await store.getRun(runId)).data.tags;
    assert.deepEqual(tags, { a: "ü 漢 \u{1f600}" });
    await refused(store.deleteTag(runId, "b"), notThere);
    await refused(store.setTags(runId, { ok: "x", "bad?": "x" }), invalidValue);
    assert.equal((await store.getRun(runId)).data.tags["ok"], undefined);
  });

  test("data sets are inputs of a run once each, and are the experiment's", async (store) => {
    const experimentId = await newExperiment(store);
    const [first, second] = [await newRun(store, experimentId), await newRun(store, experimentId)];
    await store.logInputs(first, [train, test_]);
    await store.logInputs(first, [train]);
    await store.logInputs(second, [train]);
    assert.deepEqual((await store.getRun(first)).inputs.datasetInputs, [test_, train]);
    assert.deepEqual((await store.getRun(second)).inputs.datasetInputs, [train]);
    assert.deepEqual(await store.searchDatasets([experimentId]), [
      { experimentId, name: "test", digest: "d2" },
      { experimentId, name: "train", digest: "d1", context: "training" },
    ]);
    assert.deepEqual(await store.searchDatasets([]), []);
    const long = { ...train, dataset: { ...train.dataset, digest: "x".repeat(37) } };
    await refused(store.logInputs(second, [test_, long]), invalidValue);
    assert.deepEqual((await store.getRun(second)).inputs.datasetInputs, [train]);
  });

  test("logged models are inputs and outputs of a run", async (store) => {
    const experimentId = await newExperiment(store);
    const runId = await newRun(store, experimentId);
    const base = await store.createLoggedModel({ experimentId, name: "base" });
    const best = await store.createLoggedModel({ experimentId, name: "best", sourceRunId: runId });
    await store.logInputs(runId, [train], [{ modelId: base.modelId }]);
    await store.logInputs(runId, [], [{ modelId: base.modelId }]);
    await store.logOutputs(runId, [{ modelId: best.modelId, step: 7 }]);
    const run = await store.getRun(runId);
    assert.deepEqual(run.inputs, { datasetInputs: [train], modelInputs: [{ modelId: base.modelId }] });
    assert.deepEqual(run.outputs, { modelOutputs: [{ modelId: best.modelId, step: 7 }] });
    const [found] = await store.searchRuns({ experimentIds: [experimentId] });
    assert.deepEqual(found, run);
    await refused(store.logOutputs(runId, [{ modelId: `m-${"0".repeat(32)}`, step: 0 }]), notThere);
  });
}

export function purgeContract(test: StoreTest): void {
  test("a run that is purged is gone with all that it logged, its neighbour stays", async (store) => {
    const experimentId = await newExperiment(store);
    const [gone, kept] = [await newRun(store, experimentId), await newRun(store, experimentId)];
    for (const runId of [gone, kept]) {
      await store.logBatch({
        runId,
        metrics: [point(1)],
        params: [{ key: "lr", value: "1" }],
        tags: [{ key: "a", value: "b" }],
      });
      await store.logInputs(runId, [train]);
    }
    await refused(store.purgeRun(gone), invalidValue, "an active run");
    const before = Date.now() - 60_000;
    await store.deleteRun(gone);
    assert((await store.deletedRunIds()).includes(gone));
    assert(!(await store.deletedRunIds(before)).includes(gone), "it is in the trash for less than a minute");
    await store.purgeRun(gone);
    await refused(store.getRun(gone), notThere);
    await refused(store.purgeRun(gone), notThere);
    assert(!(await store.deletedRunIds()).includes(gone));
    const run = await store.getRun(kept);
    assert.deepEqual([run.data.metrics, run.data.params], [{ loss: 1 }, { lr: "1" }]);
    assert.deepEqual(run.inputs.datasetInputs, [train]);
  });

  test("a logged model that is purged is gone, its neighbour stays", async (store) => {
    const experimentId = await newExperiment(store);
    const runId = await newRun(store, experimentId);
    const [gone, kept] = [
      await store.createLoggedModel({ experimentId, tags: { a: "b" }, params: { lr: "1" } }),
      await store.createLoggedModel({ experimentId }),
    ];
    for (const { modelId } of [gone, kept]) {
      await store.logBatch({ runId, metrics: [{ ...point(1), modelId }] });
    }
    await refused(store.purgeLoggedModel(gone.modelId), invalidValue, "an active model");
    const before = Date.now() - 60_000;
    await store.deleteLoggedModel(gone.modelId);
    const ids = async (moment?: number) =>
      (await store.deletedLoggedModels(moment)).map(({ modelId }) => modelId);
    assert((await ids()).includes(gone.modelId));
    assert(!(await ids()).includes(kept.modelId));
    assert(!(await ids(before)).includes(gone.modelId), "it is in the trash for less than a minute");
    await store.purgeLoggedModel(gone.modelId);
    await refused(store.purgeLoggedModel(gone.modelId), notThere);
    assert(!(await ids()).includes(gone.modelId));
    assert.equal((await store.getLoggedModel(kept.modelId)).metrics.length, 1);
  });

  test("an experiment that is purged is gone with its runs and models, and its name is free", async (store) => {
    const experimentId = await newExperiment(store);
    const { name } = await store.getExperiment(experimentId);
    const runId = await newRun(store, experimentId);
    await store.setExperimentTags(experimentId, { a: "b" });
    const { modelId } = await store.createLoggedModel({
      experimentId,
      tags: { a: "b" },
      params: { lr: "1" },
      sourceRunId: runId,
    });
    await store.logBatch({ runId, metrics: [{ ...point(1), modelId }] });
    await store.logInputs(runId, [train], [{ modelId }]);
    await refused(store.purgeExperiment(experimentId), invalidValue, "an active experiment");
    await store.deleteExperiment(experimentId);
    await store.purgeExperiment(experimentId);
    await refused(store.getExperiment(experimentId), notThere);
    await refused(store.getRun(runId), notThere);
    await refused(store.getLoggedModel(modelId), notThere);
    await refused(store.purgeExperiment(experimentId), notThere);
    await store.createExperiment({ name });
  });
}

const train: DatasetInput = {
  dataset: {
    name: "train",
    digest: "d1",
    sourceType: "local",
    source: '{"uri": "train.csv"}',
    schema: '{"columns": ["text"]}',
    profile: '{"num_rows": 5}',
  },
  tags: { "mlflow.data.context": "training" },
};

const test_: DatasetInput = {
  dataset: { name: "test", digest: "d2", sourceType: "local", source: '{"uri": "test.csv"}' },
  tags: {},
};
