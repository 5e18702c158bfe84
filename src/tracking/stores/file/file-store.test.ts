import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { FileStore, openStore } from "../../index.ts";
import type { Metric } from "../../index.ts";

const open = async () => FileStore.open({ path: join(mkdtempSync(join(tmpdir(), "sconce-")), "mlruns") });

const point = (key: string, value: number, step = 0): Metric => ({ key, value, step, timestamp: 1 });

async function newRun(store: FileStore) {
  const experimentId = await store.createExperiment({ name: "spam" });
  const { info } = await store.createRun({ experimentId, runName: "first" });
  return { experimentId, runId: info.runId, folder: join(store.path, experimentId, info.runId) };
}

test("a folder that is new holds MLflow's default experiment; one that is there is left as it is", async () => {
  const store = await open();
  expect((await store.getExperiment("0")).name).toBe("Default");
  await store.deleteExperiment("0");
  const again = await FileStore.open({ path: store.path });
  expect(await again.searchExperiments()).toEqual([]);
  expect(readdirSync(store.path).sort()).toEqual([".trash", "models"]);
});

test("metrics, params and tags stand where MLflow looks for them", async () => {
  const store = await open();
  const { runId, folder } = await newRun(store);
  await store.logBatch({
    runId,
    metrics: [point("val/f1", NaN), point("loss", 1e-7, 3), point("loss", -Infinity, 4)],
    params: [{ key: "optimizer/lr", value: "0.1\n" }],
    tags: [{ key: "note", value: "ü \u{1f600}" }],
  });
  const read = (path: string) => readFileSync(join(folder, path), "utf8");
  expect(read("metrics/val/f1")).toBe("1 nan 0\n");
  expect(read("metrics/loss")).toBe("1 1e-7 3\n1 -inf 4\n");
  expect(read("params/optimizer/lr")).toBe("0.1\n");
  expect(read("tags/note")).toBe("ü \u{1f600}");
  expect(read("meta.yaml")).toContain(`run_id: "${runId}"\n`);
});

test.each(["../..", "..", ".", "", "a/b", "/etc", "a\0b", "..%2f", ".trash", "x".repeat(300)])(
  "an id like %j names no folder",
  async (id) => {
    const store = await open();
    const code = expect.stringMatching(/INVALID_PARAMETER_VALUE|RESOURCE_DOES_NOT_EXIST/);
    await expect(store.getRun(id)).rejects.toMatchObject({ code });
    await expect(store.logBatch({ runId: id, metrics: [point("a", 1)] })).rejects.toMatchObject({ code });
    await expect(store.purgeRun(id)).rejects.toMatchObject({ code });
    await expect(store.getExperiment(id)).rejects.toMatchObject({ code });
    await expect(store.purgeExperiment(id)).rejects.toMatchObject({ code });
    await expect(store.createRun({ experimentId: id })).rejects.toMatchObject({ code });
    await expect(store.getLoggedModel(id)).rejects.toMatchObject({ code });
    expect(readdirSync(store.path).sort()).toEqual([".trash", "0", "models"]);
  },
);

test.each(["../x", "a/b", "..", "a\0b", "50%", "a\\b", "ü".repeat(200)])(
  "a model named %j is refused",
  async (name) => {
    const store = await open();
    await expect(store.createRegisteredModel({ name })).rejects.toMatchObject({
      code: "INVALID_PARAMETER_VALUE",
    });
    expect(readdirSync(join(store.path, "models"))).toEqual([]);
  },
);

test("a tag called meta.yaml makes no run of the folder of tags", async () => {
  const store = await open();
  const { experimentId } = await newRun(store);
  await store.setExperimentTags(experimentId, {
    "meta.yaml": `run_id: tags\nexperiment_id: '${experimentId}'\n`,
  });
  await expect(store.getRun("tags")).rejects.toMatchObject({ code: "RESOURCE_DOES_NOT_EXIST" });
  expect(await store.searchRuns({ experimentIds: [experimentId] })).toHaveLength(1);
  await expect(store.getExperiment("models")).rejects.toMatchObject({ code: "RESOURCE_DOES_NOT_EXIST" });
});

test("a metric's name in a search or history leads nowhere outside its run", async () => {
  const store = await open();
  const { runId } = await newRun(store);
  expect(await store.searchRuns({ filter: "metrics.`../meta.yaml` > 0" })).toEqual([]);
  expect(await store.searchRuns({ orderBy: ["metrics.`../../../x`"] })).toHaveLength(1);
  await expect(store.metricHistory(runId, "../meta.yaml")).rejects.toMatchObject({
    code: "INVALID_PARAMETER_VALUE",
  });
});

test("names of which one is a folder of the other are refused, and nothing is written", async () => {
  const store = await open();
  const { runId } = await newRun(store);
  await store.logBatch({ runId, params: [{ key: "a", value: "1" }], tags: [{ key: "b/c", value: "1" }] });
  const refused = async (batch: object, message: RegExp) => {
    await expect(store.logBatch({ runId, ...batch })).rejects.toThrow(message);
  };
  await refused({ params: [{ key: "a/b", value: "1" }] }, /keeps it in a folder "a"/);
  await refused({ tags: [{ key: "b", value: "1" }] }, /keeps "b\/c" in a folder of this name/);
  await refused({ metrics: [point("x", 1), point("x/y", 1)] }, /name "x(\/y)?"/);
  await refused({ params: [{ key: "漢".repeat(100), value: "1" }] }, /255 bytes, got 300/);
  const { data } = await store.getRun(runId);
  expect([data.params, data.metrics]).toEqual([{ a: "1" }, {}]);
  await store.deleteTag(runId, "b/c");
  await store.setTags(runId, { b: "now free" });
  expect((await store.getRun(runId)).data.tags["b"]).toBe("now free");
});

test("half a line at the end of a metric is passed over, and cut off by the next point", async () => {
  const store = await open();
  const { runId, folder } = await newRun(store);
  await store.logBatch({ runId, metrics: [point("loss", 1)] });
  appendFileSync(join(folder, "metrics", "loss"), "1 0.5");
  expect(await store.metricHistory(runId, "loss")).toHaveLength(1);
  expect((await store.getRun(runId)).data.metrics).toEqual({ loss: 1 });
  await store.logBatch({ runId, metrics: [point("loss", 2, 1)] });
  expect(readFileSync(join(folder, "metrics", "loss"), "utf8")).toBe("1 1 0\n1 2 1\n");
  expect((await store.getRun(runId)).data.metrics).toEqual({ loss: 2 });
});

test("the latest point of a metric that grows elsewhere is seen", async () => {
  const store = await open();
  const { runId, folder } = await newRun(store);
  const path = join(folder, "metrics", "loss");
  const latest = async () => (await store.getRun(runId)).data.latestMetrics[0];
  await store.logBatch({ runId, metrics: [point("loss", 1, 5)] });
  expect(await latest()).toMatchObject({ value: 1, step: 5 });
  appendFileSync(path, "9 0.25 6\n9 0.5 ");
  expect(await latest()).toMatchObject({ value: 0.25, step: 6 });
  appendFileSync(path, "7\n");
  expect(await latest()).toMatchObject({ value: 0.5, step: 7 });
  writeFileSync(path, "9 3 1\n");
  expect(await latest()).toMatchObject({ value: 3, step: 1 });
});

test("a run that is damaged or in the wrong folder is left out of searches and refused by its id", async () => {
  const store = await open();
  const { experimentId, runId, folder } = await newRun(store);
  const other = (await store.createRun({ experimentId })).info.runId;
  writeFileSync(join(folder, "meta.yaml"), "run_id: [\n");
  mkdirSync(join(store.path, experimentId, "a".repeat(32)));
  writeFileSync(join(store.path, experimentId, "a".repeat(32), "meta.yaml"), `run_id: ${other}\n`);
  expect((await store.searchRuns()).map(({ info }) => info.runId)).toEqual([other]);
  await expect(store.getRun(runId)).rejects.toMatchObject({ code: "INVALID_STATE" });
  await expect(store.getRun("a".repeat(32))).rejects.toThrow(/must be of run a{32}/);
});

test("an experiment whose id, made by hand, is a word of ours is like any other", async () => {
  const store = await open();
  for (const experimentId of ["names", "registry"]) {
    mkdirSync(join(store.path, experimentId));
    writeFileSync(join(store.path, experimentId, "meta.yaml"), `experiment_id: ${experimentId}\nname: a\n`);
    await store.renameExperiment(experimentId, `renamed ${experimentId}`);
    expect((await store.getExperiment(experimentId)).name).toBe(`renamed ${experimentId}`);
  }
});

test("keys of meta.yaml that only MLflow knows survive our changes", async () => {
  const store = await open();
  const { runId, folder } = await newRun(store);
  appendFileSync(join(folder, "meta.yaml"), "later: 'it''s new'\nlist:\n- 1\n- a: y\n");
  await store.updateRun({ runId, status: "FINISHED" });
  const text = readFileSync(join(folder, "meta.yaml"), "utf8");
  expect(text).toContain(`later: "it's new"\n`);
  expect(text).toContain('list: [1, {"a": "y"}]\n');
  expect((await store.getRun(runId)).info.status).toBe("FINISHED");
});

test("a stage of one's own stands beside MLflow's None", async () => {
  const { path } = await open();
  const store = await FileStore.open({ path, stages: ["Canary"] });
  await store.createRegisteredModel({ name: "spam" });
  await store.createModelVersion({ name: "spam", source: "s3://models/a" });
  expect((await store.transitionStage({ name: "spam", version: 1, stage: "canary" })).currentStage).toBe(
    "Canary",
  );
  const meta = () => readFileSync(join(path, "models/spam/version-1/meta.yaml"), "utf8");
  expect(meta()).toContain('current_stage: "None"');
  await store.transitionStage({ name: "spam", version: 1, stage: "Production" });
  expect(meta()).toContain('current_stage: "Production"');
  expect(existsSync(join(path, "models/spam/version-1/sconce_stage"))).toBe(false);
});

test("a store is opened by its folder or a file URI, and says what it is", async () => {
  const { path, uri } = await open();
  expect(uri).toBe(`file://${path}`);
  for (const name of [uri, path, `file:${path}`]) {
    const store = await openStore(name);
    expect([store.uri, store instanceof FileStore]).toEqual([uri, true]);
  }
  await expect(openStore("file://host/share")).rejects.toThrow(/file:\/\/\/absolute\/path/);
  await expect(openStore("databrick")).rejects.toThrow(/a folder \(.*\), got "databrick"/);
  const file = join(path, "mlflow.db");
  writeFileSync(file, "");
  await expect(openStore(file)).rejects.toThrow(/is a file\. A SQLite file is opened by sqlite:\/\/\/path/);
  await expect(openStore(join(file, "mlruns"))).rejects.toMatchObject({
    code: "TEMPORARILY_UNAVAILABLE",
    message: expect.stringMatching(/mlflow\.db\/mlruns: it could not be written, ENOTDIR/) as string,
  });
});
