import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { logger } from "../../base/index.ts";
import { SqliteStore } from "../stores/sql/sqlite-store.ts";
import type { RunStatus } from "../types.ts";
import { holdersAt } from "./history.ts";
import { ModelSelector, inferMode } from "./model-selector.ts";
import { ModelTransition } from "./model-transition.ts";

let store: SqliteStore;
let uri: string;
let experimentId: string;
let lines: string[];
let removeSink: () => void;

beforeEach(async () => {
  const path = join(mkdtempSync(join(tmpdir(), "sconce-")), "mlflow.db");
  uri = `sqlite:///${path}`;
  store = await SqliteStore.open({ path });
  experimentId = await store.createExperiment({ name: "spam" });
  lines = [];
  removeSink = logger.addSink((level, message) => lines.push(`${level}: ${message}`));
});

afterEach(async () => {
  vi.unstubAllEnvs();
  removeSink();
  await store.close();
});

async function addRun(
  metrics: Record<string, number>,
  {
    tags = {},
    status = "FINISHED",
    withModel = true,
  }: { tags?: Record<string, string>; status?: RunStatus; withModel?: boolean } = {},
): Promise<string> {
  const { info } = await store.createRun({ experimentId, tags });
  const { runId } = info;
  const points = Object.entries(metrics).map(([key, value]) => ({ key, value, timestamp: 1, step: 0 }));
  await store.logBatch({ runId, metrics: points, params: [{ key: "lr", value: tags["lr"] ?? "0.1" }] });
  if (withModel) {
    const { modelId } = await store.createLoggedModel({ experimentId, name: "model", sourceRunId: runId });
    await store.finalizeLoggedModel(modelId, "READY");
    await store.logOutputs(runId, [{ modelId, step: 0 }]);
  }
  await store.updateRun({ runId, status, endTime: 2 });
  return runId;
}

test("the best run is that with the best metric, in the metric's own direction", async () => {
  const low = await addRun({ f1: 0.5, loss: 0.1 });
  const high = await addRun({ f1: 0.9, loss: 0.7 });
  await addRun({ f1: 0.99 }, { status: "FAILED" });
  await addRun({ f1: NaN });
  await addRun({ accuracy: 1 });
  await addRun({ f1: 1 }, { tags: { run_type: "pretrained" } });
  const best = async (metric: string, options = {}) =>
    (await new ModelSelector({ store, experimentName: "spam", metric, ...options }).getBestModel()).info
      .runId;
  expect(await best("f1")).toBe(high);
  expect(lines.at(-1)).toBe(
    'info: experiment "spam": passed over (1 not finished, 1 of pretrained models, 2 without a value of the metric).',
  );
  expect(await best("loss")).toBe(low);
  expect(await best("f1", { mode: "min" })).toBe(low);
  expect(await best("f1", { includePretrained: true })).not.toBe(high);
});

test("a metric that no run has is answered with those that were logged", async () => {
  await addRun({ f1: 0.5, accuracy: 0.6 });
  const selector = (metric: string, experimentName = "spam") =>
    new ModelSelector({ store, experimentName, metric });
  await expect(selector("f2").getBestModel()).rejects.toThrow(
    /no finished run has the metric "f2" \(1 without a value of the metric\)\. Did you mean "f1"\? Valid: accuracy, f1\./,
  );
  await expect(selector("f2").getBestModelsByTag("a")).rejects.toThrow(/no finished run has the metric "f2"/);
  await expect(selector("f1", "ham").getBestModel()).rejects.toThrow(
    /experiment "ham": it must exist.*Valid: Default, spam\./,
  );
});

test("the best of each tag and param; runs without it are counted", async () => {
  await addRun({ f1: 0.5 }, { tags: { base: "a", lr: "0.1" } });
  const a = await addRun({ f1: 0.8 }, { tags: { base: "a", lr: "0.2" } });
  const b = await addRun({ f1: 0.7 }, { tags: { base: "b", lr: "0.1" } });
  await addRun({ f1: 0.6 });
  const selector = new ModelSelector({ store, experimentName: "spam", metric: "f1" });
  const ids = (map: Map<string, { info: { runId: string } }>) =>
    [...map].map(([key, run]) => [key, run.info.runId]);
  expect(ids(await selector.getBestModelsByTag("base"))).toEqual([
    ["a", a],
    ["b", b],
  ]);
  expect(lines.at(-1)).toMatch(/passed over \(1 without the tag or param\)/);
  expect(ids(await selector.getBestModelsByParam("lr"))).toEqual([
    ["0.2", a],
    ["0.1", b],
  ]);
});

test.each([
  ["f1", "max"],
  ["val_loss", "min"],
  ["test/rmse", "min"],
  ["eval_accuracy", "max"],
  ["log_loss", "min"],
  ["brier", "min"],
  ["bleu", "max"],
  ["lossless_ratio", "max"],
])("%s is better when %s", (metric, mode) => {
  expect(inferMode(metric)).toBe(mode);
});

test("the best run is registered once, promoted with its evidence, and rolled back", async () => {
  const first = await addRun({ f1: 0.5 });
  const transition = await ModelTransition.open({ modelName: "spam", trackingUri: uri });
  expect(lines.at(-1)).toMatch(/the registry is sqlite:.*\(the tracking store's own\)/);
  const promote = () =>
    transition.transitionModel({
      stage: "production",
      experimentName: "spam",
      metric: "f1",
      archiveExisting: true,
      userId: "ada",
    });
  const one = await promote();
  expect(one).toMatchObject({ version: 1, currentStage: "Production", runId: first });
  expect((await promote()).version).toBe(1);
  const second = await addRun({ f1: 0.9 });
  const two = await promote();
  expect(two).toMatchObject({ version: 2, currentStage: "Production", runId: second });
  expect((await store.getModelVersion("spam", 1)).currentStage).toBe("Archived");
  const before = Date.now();
  const back = await transition.rollback({ stage: "Production", userId: "bob" });
  expect(back.version).toBe(1);
  expect((await store.getModelVersion("spam", 2)).currentStage).toBe("Archived");

  const history = await transition.history();
  const moves = history.map(({ name, version, userId }) => [name, version, userId]);
  expect(moves).toEqual([
    ["Production", 1, "ada"],
    ["Archived", 1, "ada"],
    ["Production", 2, "ada"],
    ["Archived", 2, "bob"],
    ["Production", 1, "bob"],
  ]);
  expect(history[2]?.evidence).toEqual({ experiment: "spam", run_id: second, metric: "f1", value: 0.9 });
  expect(history[4]?.evidence).toEqual({ rollback_from: 2 });
  expect(holdersAt(history, before - 1).stages.get("Production")).toEqual([2]);
  expect(holdersAt(history).stages.get("Production")).toEqual([1]);
  await transition.close();
});

test("a version is moved by its number; without one an experiment and a metric are needed", async () => {
  const runId = await addRun({ f1: 0.5 });
  await store.createRegisteredModel({ name: "spam" });
  const { outputs } = await store.getRun(runId);
  const modelId = outputs.modelOutputs[0]!.modelId;
  await store.createModelVersion({ name: "spam", source: `models:/${modelId}`, runId, modelId });
  const transition = await ModelTransition.open({ modelName: "spam", trackingUri: uri });
  expect((await transition.transitionModel({ stage: "staging", version: 1 })).currentStage).toBe("Staging");
  expect((await transition.transitionModel({ stage: "dev", version: 1 })).currentStage).toBe("None");
  await expect(transition.transitionModel({ stage: "Staging" })).rejects.toThrow(
    /name a version, or an experimentName/,
  );
  await expect(transition.transitionModel({ stage: "Stagign", version: 1 })).rejects.toThrow(
    /Did you mean "Staging"/,
  );
  await expect(transition.rollback({ stage: "Production" })).rejects.toThrow(
    /no other version was in Production before/,
  );
  const other = await addRun({ f1: 0.9 }, { withModel: false });
  await expect(
    transition.transitionModel({ stage: "Staging", experimentName: "spam", metric: "f1" }),
  ).rejects.toThrow(`run ${other}: it is the best, but it logged no model`);
  await transition.close();
});

test("the registry is Databricks where its credentials are set, else MLFLOW_REGISTRY_URI", async () => {
  vi.stubEnv("MLFLOW_REGISTRY_URI", "http://127.0.0.1:1");
  await (await ModelTransition.open({ modelName: "m", trackingUri: uri })).close();
  expect(lines.at(-1)).toMatch(/the registry is http:\/\/127\.0\.0\.1:1 \(named by MLFLOW_REGISTRY_URI\)/);
  vi.stubEnv("DATABRICKS_HOST", "https://db.example");
  vi.stubEnv("DATABRICKS_TOKEN", "secret");
  await (await ModelTransition.open({ modelName: "m", trackingUri: uri })).close();
  expect(lines.at(-1)).toMatch(/the registry is databricks \(Databricks credentials are set\)/);
  expect(lines.join()).not.toContain("secret");
});
