import { mkdtempSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { logger } from "../../base/index.ts";
import { SqliteStore } from "../stores/sql/sqlite-store.ts";
import { createRequire } from "node:module";
import { ActiveRun, type StartRunOptions, getOrCreateExperiment } from "./run.ts";
import { shipJournals } from "./ship-journals.ts";

let folder: string;
let path: string;
let store: SqliteStore;
let lines: string[];
let removeSink: () => void;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "sconce-"));
  path = join(folder, "mlflow.db");
  store = await SqliteStore.open({ path, lockTimeoutMs: 20 });
  lines = [];
  removeSink = logger.addSink((level, message) => lines.push(`${level}: ${message}`));
});

afterEach(async () => {
  removeSink();
  await store.close();
});

function start(options: Partial<StartRunOptions> = {}) {
  return ActiveRun.start({ store, experimentName: "spam/first", ...options });
}

test("what is logged is in the store after a flush, and the run ends with its status and reason", async () => {
  const run = await start({
    runName: "a",
    tags: { mine: "1" },
    versions: { sconce: "0.1.0", libtorch: "2.13.0" },
  });
  run.logParams({ model: { lr: 0.1, layers: [1, 2] }, on: true, none: null });
  run.logMetrics({ train_loss: 0.5, val_f1: NaN }, 1);
  run.setTags({ phase: "warmup" });
  run.setTags({ phase: "train" });
  await run.flush();
  expect(run.pending).toBe(0);
  let seen = await store.getRun(run.runId);
  expect(seen.info.status).toBe("RUNNING");
  expect(seen.data.params).toEqual({ "model.lr": "0.1", "model.layers": "[1,2]", on: "true", none: "null" });
  expect(seen.data.metrics).toEqual({ train_loss: 0.5, val_f1: NaN });
  expect(seen.data.tags).toMatchObject({
    phase: "train",
    mine: "1",
    "mlflow.runName": "a",
    "mlflow.source.type": "LOCAL",
    "sconce.pid": String(process.pid),
    "version.sconce": "0.1.0",
    "version.libtorch": "2.13.0",
    "version.node": process.versions.node,
  });
  expect(seen.data.tags["mlflow.user"]).toBe(seen.info.userId);
  expect(await run.end("KILLED", "SIGTERM")).toEqual({ unwritten: 0 });
  seen = await store.getRun(run.runId);
  expect(seen.info.status).toBe("KILLED");
  expect(seen.info.endTime).toBeGreaterThanOrEqual(seen.info.startTime);
  expect(seen.data.tags["sconce.end_reason"]).toBe("SIGTERM");
});

test("points are written in the background, by time and by number, even when the loop never leaves its promises", async () => {
  const run = await start({ flushIntervalMs: 20 });
  run.logMetrics({ loss: 1 }, 0);
  expect(run.pending).toBe(1);
  await expect.poll(() => run.pending).toBe(0);
  const slow = await start({ flushIntervalMs: 60_000 });
  for (let step = 0; step < 1000; step++) slow.logMetrics({ loss: step }, step);
  await expect.poll(() => slow.pending).toBe(0);
  const starved = await start({ flushIntervalMs: 10 });
  const deadline = Date.now() + 60;
  for (let step = 0; Date.now() < deadline; step++) {
    starved.logMetrics({ loss: step }, step);
    while (Date.now() < deadline && Date.now() % 5 !== 0) await Promise.resolve();
    await Promise.resolve();
  }
  expect((await store.metricHistory(starved.runId, "loss")).length).toBeGreaterThan(0);
  for (const each of [run, slow, starved]) await each.end();
});

test("end writes thousands of points, params and tags at once, beyond any limit of a batch", async () => {
  const run = await start({ flushIntervalMs: 60_000 });
  run.logParams(Object.fromEntries(Array.from({ length: 350 }, (_, i) => [`p${i}`, i])));
  run.setTags(Object.fromEntries(Array.from({ length: 250 }, (_, i) => [`t${i}`, `${i}`])));
  for (let step = 0; step < 2500; step++) run.logMetrics({ a: step, b: -step }, step);
  expect(await run.end()).toEqual({ unwritten: 0 });
  const { data } = await store.getRun(run.runId);
  expect(Object.keys(data.params)).toHaveLength(350);
  expect(data.tags["t249"]).toBe("249");
  expect(await store.metricHistory(run.runId, "b")).toHaveLength(2500);
});

test("a locked store is said once, keeps every point, and is caught up with when it is free", async () => {
  const run = await start({ flushIntervalMs: 5 });
  const Raw = createRequire(import.meta.url)("libsql") as new (file: string) => {
    exec(sql: string): void;
    close(): void;
  };
  const other = new Raw(path);
  other.exec("BEGIN IMMEDIATE");
  for (let step = 0; step < 50; step++) {
    run.logMetrics({ loss: step }, step);
    await sleep(3);
  }
  await expect(run.flush()).rejects.toThrow(
    /50 logged values are not written yet \(.*another process keeps it locked/,
  );
  expect(lines.filter((line) => line.startsWith("warn: tracking: the store fails"))).toHaveLength(1);
  other.exec("ROLLBACK");
  other.close();
  await run.flush();
  expect(lines.at(-1)).toBe("info: tracking: the store takes values again; nothing was lost.");
  expect((await store.metricHistory(run.runId, "loss")).map(({ value }) => value)).toEqual(
    Array.from({ length: 50 }, (_, step) => step),
  );
  await run.end();
});

test("a store that fails to the very end is reported, not thrown; the journal ends the run later", async () => {
  const run = await start({ journalFolder: join(folder, "journal") });
  run.logMetrics({ loss: NaN }, 3);
  await store.close();
  const report = await run.end("KILLED", "SIGTERM");
  expect(report).toEqual({ unwritten: 3, journal: join(folder, "journal", `${run.runId}.ended.jsonl`) });
  expect(lines.filter((line) => line.startsWith("error: tracking: "))).toEqual([
    expect.stringMatching(
      /the end of run \w+ and 2 logged values are not in the store yet.*They are kept in /,
    ),
  ]);
  store = await SqliteStore.open({ path });
  expect(await shipJournals(store, join(folder, "journal"))).toBe(3);
  expect(readdirSync(join(folder, "journal"))).toEqual([]);
  const { info, data } = await store.getRun(run.runId);
  expect(info.status).toBe("KILLED");
  expect(data.metrics).toEqual({ loss: NaN });
  expect(data.tags["sconce.end_reason"]).toBe("SIGTERM");
});

test("without a journal what could not be written is lost, and said", async () => {
  const run = await start({ journalFolder: false });
  run.logMetrics({ loss: 1 }, 0);
  await store.close();
  expect(await run.end()).toEqual({ unwritten: 2 });
  expect(lines.at(-1)).toMatch(/could not be marked FINISHED, and 1 logged values are lost/);
  store = await SqliteStore.open({ path });
});

test("a lease is renewed while the run goes on, and no longer", async () => {
  const run = await start({ leaseMs: 60 });
  const lease = async () => Number((await store.getRun(run.runId)).data.tags["sconce.lease_until"]);
  const first = await lease();
  expect(first).toBeGreaterThan(Date.now() - 1000);
  await expect.poll(lease).toBeGreaterThan(first);
  await run.end();
  const last = await lease();
  await sleep(100);
  expect(await lease()).toBe(last);
});

test("a value that the store must refuse is left out with a warning, and all others are written", async () => {
  const run = await start({ flushIntervalMs: 60_000 });
  run.logParams({ lr: 0.1 });
  await run.flush();
  run.logParams({ seed: 1 });
  run.logMetrics({ before: 1 }, 0);
  run.logParams({ lr: 0.2 });
  run.logMetrics({ "bad?": 1, after: 1 }, 0);
  run.logMetrics({ half: 1 }, 0.5);
  expect(await run.end()).toEqual({ unwritten: 0 });
  const { data } = await store.getRun(run.runId);
  expect(data.params).toEqual({ lr: "0.1", seed: "1" });
  expect(data.metrics).toEqual({ before: 1, after: 1 });
  const warnings = lines.filter((line) => line.includes("is left out"));
  expect(warnings).toHaveLength(3);
  expect(warnings[0]).toContain(
    'param "lr": a value cannot change once it is logged, got "0.2" after "0.1".',
  );
});

test("a run that has ended takes nothing more, and a second end changes nothing", async () => {
  const run = await start();
  const [first, second] = [run.end("FAILED", "boom"), run.end("FINISHED")];
  expect(await first).toBe(await second);
  expect((await store.getRun(run.runId)).info.status).toBe("FAILED");
  expect(() => run.logMetrics({ loss: 1 }, 0)).toThrow(
    /logMetrics: run [0-9a-f]+ must be open, but it has ended/,
  );
  expect(() => run.logParams({ a: 1 })).toThrow(/must be open/);
  expect(() => run.setTags({ a: "1" })).toThrow(/must be open/);
  expect(() => run.logText("", "a")).toThrow(/must be open/);
});

test("artifacts lie under use case, experiment and run", async () => {
  const artifactLocation = join(folder, "Artifacts", "spam", "first");
  const run = await start({ artifactLocation });
  const file = join(folder, "plot.svg");
  writeFileSync(file, "<svg/>");
  run.logArtifact(file, "plots");
  run.logArtifact(file);
  run.logText(Buffer.from([1, 2]), "raw.bin");
  run.logDict({ a: [1], on: "yes" }, "config.json");
  run.logDict({ a: [1], on: "yes" }, "config.yaml");
  const root = join(artifactLocation, run.runId, "artifacts");
  expect(readFileSync(join(root, "plots", "plot.svg"), "utf8")).toBe("<svg/>");
  expect(readFileSync(join(root, "config.json"), "utf8")).toBe(
    '{\n  "a": [\n    1\n  ],\n  "on": "yes"\n}\n',
  );
  expect(readFileSync(join(root, "config.yaml"), "utf8")).toBe('a:\n  - 1\n"on": "yes"\n');
  expect(run.artifacts.list().map((entry) => entry.path)).toEqual([
    "config.json",
    "config.yaml",
    "plot.svg",
    "plots",
    "raw.bin",
  ]);
  expect(() => run.logArtifact(join(folder, "missing"))).toThrow(
    /artifact "missing": it cannot be stored \(ENOENT/,
  );
  run.logArtifact(join(root, "plots"), "copy");
  expect(run.artifacts.list("copy/plots").map((entry) => entry.path)).toEqual(["copy/plots/plot.svg"]);
  await run.end();
});

test("an experiment in the trash is refused with the way out, and one that two ask for is made once", async () => {
  const ids = await Promise.all(["x", "x", "x"].map((name) => getOrCreateExperiment(store, name)));
  expect(new Set(ids.map(({ experimentId }) => experimentId)).size).toBe(1);
  await store.deleteExperiment(ids[0]!.experimentId);
  await expect(start({ experimentName: "x" })).rejects.toThrowErrorMatchingInlineSnapshot(
    `[TrackingError: experiment "x": it must be active, but it is deleted. Restore it (mlflow experiments restore -x 1), or choose another name.]`,
  );
});
