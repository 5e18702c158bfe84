import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  activeRun,
  endRun,
  getParentRun,
  getRun,
  logArtifact,
  logDict,
  logFigure,
  logInput,
  logMetric,
  logMetrics,
  logParam,
  logParams,
  logTable,
  logText,
  searchExperiments,
  searchRuns,
  setExperiment,
  setTag,
  setTags,
  setTrackingUri,
  startRun,
  trackingStore,
} from "./fluent.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sconce-"));
  setTrackingUri(`sqlite:///${join(folder, "mlflow.db")}`);
});

afterEach(async () => {
  while (activeRun() !== undefined) await endRun();
  await (await trackingStore()).close();
  setTrackingUri(`sqlite:///${join(folder, "other.db")}`);
});

test("what is logged goes to the run of the moment, in the experiment that was chosen", async () => {
  const { experimentId } = await setExperiment("spam");
  const run = await startRun({ runName: "first", tags: { a: "1" }, description: "why" });
  expect(activeRun()).toBe(run);
  logParam("lr", 0.1);
  logParams({ model: { layers: 2 } });
  logMetric("loss", 0.5, { step: 3 });
  logMetrics({ f1: NaN });
  setTag("b", "2");
  setTags({ c: "3" });
  await logInput({
    dataset: { name: "train", digest: "1", sourceType: "local", source: "{}" },
    tags: { "mlflow.data.context": "training" },
  });
  writeFileSync(join(folder, "notes.txt"), "hello");
  logArtifact(join(folder, "notes.txt"), "docs");
  logText("text", "a.txt");
  logDict({ a: 1 }, "a.json");
  logFigure("<svg/>", "plots/a.svg");
  logTable([{ x: 1, y: "a" }], "t.json");
  logTable([{ x: 2, z: true }], "t.json");
  await endRun();
  expect(activeRun()).toBeUndefined();
  const { info, data, inputs } = await getRun(run.runId);
  expect(info).toMatchObject({ experimentId, runName: "first", status: "FINISHED" });
  expect(data.params).toEqual({ lr: "0.1", "model.layers": "2" });
  expect(data.metrics).toEqual({ loss: 0.5, f1: NaN });
  expect(data.tags).toMatchObject({
    a: "1",
    b: "2",
    c: "3",
    "mlflow.note.content": "why",
    "mlflow.loggedArtifacts": '[{"path":"t.json","type":"table"}]',
  });
  expect(inputs.datasetInputs[0]?.dataset.name).toBe("train");
  const read = (path: string) => run.artifacts.readFile(path).toString();
  expect(read("docs/notes.txt")).toBe("hello");
  expect(JSON.parse(read("t.json"))).toEqual({
    columns: ["x", "y", "z"],
    data: [
      [1, "a", null],
      [2, null, true],
    ],
  });
  expect((await searchRuns({ filter: "metrics.loss = 0.5" })).map((found) => found.info.runId)).toEqual([
    run.runId,
  ]);
  expect((await searchExperiments({ filter: "name = 'spam'" }))[0]?.experimentId).toBe(experimentId);
});

test("trials side by side never log into each other's runs", async () => {
  const trial = (value: number) =>
    startRun({ runName: `trial ${value}` }, async (run) => {
      for (let step = 0; step < 5; step++) {
        logMetric("value", value, { step });
        await sleep(Math.random() * 5);
      }
      expect(activeRun()).toBe(run);
      return run.runId;
    });
  const ids = await Promise.all([1, 2, 3, 4].map(trial));
  expect(activeRun()).toBeUndefined();
  const store = await trackingStore();
  for (const [index, id] of ids.entries()) {
    const history = await store.metricHistory(id, "value");
    expect(history.map(({ value }) => value)).toEqual(Array(5).fill(index + 1));
    expect((await getRun(id)).info.status).toBe("FINISHED");
  }
});

test("a run that throws is FAILED with the reason, and what it threw goes on", async () => {
  let id = "";
  const failing = startRun({}, (run) => {
    id = run.runId;
    throw new Error("out of luck");
  });
  await expect(failing).rejects.toThrow("out of luck");
  const { info, data } = await getRun(id);
  expect(info.status).toBe("FAILED");
  expect(data.tags["sconce.end_reason"]).toBe("out of luck");
});

test("runs nest, and a second one that is not nested is refused", async () => {
  const parent = await startRun({ runName: "parent" });
  await expect(startRun()).rejects.toThrow(
    /goes on\. End it with endRun\(\), or start this one with \{ nested: true \}/,
  );
  const child = await startRun({ nested: true });
  logMetric("inner", 1);
  expect((await getParentRun(child.runId))?.info.runId).toBe(parent.runId);
  await endRun();
  expect(activeRun()).toBe(parent);
  const grandchild = await startRun({ nested: true }, (run) =>
    startRun({ nested: true }, async (inner) => (await getParentRun(inner.runId))?.info.runId === run.runId),
  );
  expect(grandchild).toBe(true);
  await endRun("KILLED");
  expect((await getRun(parent.runId)).data.metrics).toEqual({});
  expect((await getRun(parent.runId)).info.status).toBe("KILLED");
  expect(await getParentRun(parent.runId)).toBeUndefined();
});

test("a run is taken up again by its id", async () => {
  const first = await startRun();
  await endRun();
  await startRun({ runId: first.runId, tags: { again: "1" } });
  logMetric("more", 1);
  await endRun();
  const { info, data } = await getRun(first.runId);
  expect(info.status).toBe("FINISHED");
  expect(data.metrics).toEqual({ more: 1 });
  expect(data.tags["again"]).toBe("1");
});

test("logging without a run says how to start one; an unknown store is named", async () => {
  expect(() => logMetric("a", 1)).toThrow("logMetric: no run goes on. Start one: await startRun().");
  setTrackingUri("redis://x");
  await expect(startRun()).rejects.toThrow(/tracking URI: it must be .*got "redis:\/\/x"/);
  setTrackingUri(`sqlite:///${join(folder, "mlflow.db")}`);
});
