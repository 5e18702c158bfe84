// Fills a store with what is hard to move: odd names, NaN, long keys, things in the trash, stages of one's own.
import type { Store } from "sconce/tracking";

/** Is a stage that MLflow does not know; a store must be opened with it. */
export const ownStage = "Shadow";

/** Says what was made, for a look at it later. */
export interface Filled {
  experimentId: string;
  runId: string;
  deletedRunId: string;
  modelId: string;
  deletedModelId: string;
}

const longKey = "k".repeat(250);

/** Fills a store and returns the ids of what a test looks at. */
export async function fillStore(store: Store): Promise<Filled> {
  const experimentId = await store.createExperiment({
    name: "Versuch Ü/日本 'quoted' \"x\" 🚀",
    artifactLocation: "s3://bucket/elsewhere",
    tags: { "mlflow.note.content": "two\nlines\t: # and 100 %", [longKey]: "" },
  });
  const modelId = await newModel(store, experimentId, "kept");
  const runId = await fullRun(store, experimentId, modelId);
  const deletedRunId = (await store.createRun({ experimentId, runName: "gone" })).info.runId;
  await store.logBatch({
    runId: deletedRunId,
    metrics: [{ key: "loss", value: 1, timestamp: 1, step: 0 }],
  });
  await store.deleteRun(deletedRunId);
  const deletedModelId = await newModel(store, experimentId, "dropped");
  await store.logBatch({
    runId,
    metrics: [{ key: "auc", value: 0.25, timestamp: 7, step: 1, modelId: deletedModelId }],
  });
  await store.deleteLoggedModel(deletedModelId);
  await trashedExperiment(store);
  await fillRegistry(store, { modelId, runId });
  return { experimentId, runId, deletedRunId, modelId, deletedModelId };
}

async function newModel(store: Store, experimentId: string, name: string): Promise<string> {
  const { modelId } = await store.createLoggedModel({
    experimentId,
    name,
    modelType: "classifier",
    tags: { "tag one": "ü" },
    params: { lr: "1e-5", text: "a\nb" },
  });
  await store.finalizeLoggedModel(modelId, "READY");
  return modelId;
}

async function fullRun(store: Store, experimentId: string, modelId: string): Promise<string> {
  const run = await store.createRun({ experimentId, runName: "first: run", userId: "ann", startTime: 1234 });
  const { runId } = run.info;
  const values = [0.1, NaN, Infinity, -Infinity, -0, 5e-324, 1.7e308, 123456789.12345679];
  await store.logBatch({
    runId,
    metrics: [
      ...values.map((value, step) => ({ key: "val/loss", value, timestamp: 1000 + step, step })),
      { key: longKey, value: NaN, timestamp: 1, step: -3 },
      { key: "twice", value: 1, timestamp: 5, step: 2 },
      { key: "twice", value: 2, timestamp: 5, step: 2 },
      { key: "auc", value: 0.5, timestamp: 10, step: 1, modelId },
      { key: "auc", value: 0.75, timestamp: 20, step: 2, modelId },
      {
        key: "f1",
        value: NaN,
        timestamp: 20,
        step: 2,
        modelId,
        datasetName: "the test",
        datasetDigest: "d1",
      },
      { key: "f2", value: Infinity, timestamp: 20, step: 2, modelId },
    ],
    params: [
      { key: "model/hidden size", value: "768" },
      { key: "empty", value: "" },
      { key: "text", value: "null" },
      { key: "long", value: "x".repeat(6000) },
      { key: "p" + longKey.slice(1), value: "日本語 🚀\r\n" },
    ],
    tags: [{ key: "a.b:c -d", value: '$where {"$gt": 1}' }],
  });
  await store.logInputs(
    runId,
    [
      dataset("train", { "mlflow.data.context": "train" }),
      dataset("the test", { "mlflow.data.context": "test", more: "1" }),
    ],
    [{ modelId }],
  );
  await store.logOutputs(runId, [{ modelId, step: 3 }]);
  await store.updateRun({ runId, status: "KILLED", endTime: 99_999 });
  return runId;
}

function dataset(name: string, tags: Record<string, string>) {
  return {
    dataset: { name, digest: "d1", sourceType: "local", source: '{"uri": "a b.csv"}', schema: "[]" },
    tags,
  };
}

async function trashedExperiment(store: Store): Promise<void> {
  const experimentId = await store.createExperiment({ name: "in the trash" });
  await store.createRun({ experimentId, runName: "went along" });
  await store.deleteExperiment(experimentId);
}

async function fillRegistry(
  store: Store,
  { modelId, runId }: { modelId: string; runId: string },
): Promise<void> {
  const name = "spam-filter é 'x'";
  await store.createRegisteredModel({ name, description: "what it\nis for", tags: { [longKey]: "v" } });
  for (let version = 1; version <= 4; version++) {
    await store.createModelVersion({
      name,
      source: version === 1 ? `models:/${modelId}` : `runs:/${runId}/model`,
      ...(version === 2 && { runId, modelId }),
      description: `version ${version}`,
      tags: { n: String(version) },
    });
  }
  const evidence = { metric: "val/f1", value: 0.5, "dotted.key $": "because" };
  await store.transitionStage({ name, version: 1, stage: "Production", userId: "ann", evidence });
  await store.transitionStage({ name, version: 2, stage: "Production", archiveExisting: true });
  await store.transitionStage({ name, version: 3, stage: ownStage, userId: "bob" });
  await store.setModelAlias(name, "champion", 1);
  await store.setModelAlias(name, "champion", 2, { userId: "ann", evidence });
  await store.setModelAlias(name, "last", 4);
  await store.deleteModelVersion(name, 4); // its number must not come again
  await store.createRegisteredModel({ name: "empty" });
  await store.createRegisteredModel({ name: "a prompt", tags: { "mlflow.prompt.is_prompt": "true" } });
}
