// What several processes do to one store: real ones, started here.
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { outputOf, startTrackingProcess } from "../../tests/tracking-process.ts";
import { ActiveRun, SqliteStore, repairRuns } from "./index.ts";

function newPath(): string {
  return join(mkdtempSync(join(tmpdir(), "sconce-")), "mlflow.db");
}

test("processes that make and fill one database at once lose nothing, and agree on ids and versions", async () => {
  const path = newPath();
  const work = `
    const store = await tracking.SqliteStore.open({ path });
    const run = await tracking.ActiveRun.start({ store, experimentName: "shared", flushIntervalMs: 5 });
    const versions = [];
    for (let step = 0; step < 500; step++) {
      run.logMetrics({ loss: step, accuracy: -step }, step);
      if (step % 100 === 0) {
        const { version } = await tracking.registerModelVersion(store, { name: "shared", source: "/m", aliases: ["champion"] });
        versions.push(version);
      }
      if (step % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    const report = await run.end();
    console.log(JSON.stringify({ ...report, versions, runId: run.runId, experimentId: run.info.experimentId }));
    await store.close();
    await server.close();
  `;
  const reports = (await Promise.all(
    [work, work].map((body) => outputOf(startTrackingProcess(path, body))),
  )) as {
    unwritten: number;
    versions: number[];
    runId: string;
    experimentId: string;
  }[];
  expect(reports.map(({ unwritten, experimentId }) => [unwritten, experimentId])).toEqual([
    [0, "1"],
    [0, "1"],
  ]);
  expect(reports.flatMap(({ versions }) => versions).sort((a, b) => a - b)).toEqual([
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
  ]);
  const store = await SqliteStore.open({ path });
  for (const { runId } of reports) {
    const steps = (await store.metricHistory(runId, "loss")).map(({ step }) => step);
    expect(steps).toEqual(Array.from({ length: 500 }, (_, step) => step));
    expect((await store.getRun(runId)).data.metrics).toEqual({ loss: 499, accuracy: -499 });
  }
  expect((await store.getModelVersionByAlias("shared", "champion")).version).toBeGreaterThanOrEqual(9);
  await store.close();
});

test("a run whose process was killed is marked KILLED with all that it had logged, other runs are left alone", async () => {
  const path = newPath();
  const child = startTrackingProcess(
    path,
    `
    const store = await tracking.SqliteStore.open({ path });
    const run = await tracking.ActiveRun.start({ store, experimentName: "killed", flushIntervalMs: 60_000 });
    run.logMetrics({ loss: 0.5 }, 7);
    await run.flush();
    run.logMetrics({ loss: NaN }, 8); // never flushed
    process.stdout.write(run.runId);
    setInterval(() => {}, 1000);
  `,
  );
  const [chunk] = (await once(child.stdout as NodeJS.ReadableStream, "data")) as [Buffer];
  const runId = chunk.toString();
  const store = await SqliteStore.open({ path });
  const mine = await ActiveRun.start({ store, experimentName: "killed" });
  const { experimentId } = mine.info;
  const foreign = await store.createRun({ experimentId, runName: "by another program" });
  const elsewhere = await store.createRun({
    experimentId,
    tags: { "sconce.host": "elsewhere", "sconce.pid": "1" },
  });
  const reused = await store.createRun({
    experimentId,
    tags: {
      "sconce.host": hostname(),
      "sconce.pid": String(process.pid),
      "sconce.process_start": "before:1",
    },
  });
  const silent = await store.createRun({
    experimentId,
    tags: {
      "sconce.host": "elsewhere",
      "sconce.pid": "1",
      "sconce.lease_ms": "1000",
      "sconce.lease_until": String(Date.now() - 1500),
    },
  });
  const nonsense = await store.createRun({
    experimentId,
    tags: { "sconce.host": hostname(), "sconce.pid": "-1" },
  });
  const onLinux = process.platform === "linux" ? [reused.info.runId] : [];

  expect((await repairRuns(store)).sort()).toEqual([...onLinux, silent.info.runId].sort());
  expect((await store.getRun(silent.info.runId)).data.tags["sconce.end_reason"]).toBe(
    "process 1 on elsewhere gave no sign of life",
  );
  child.kill("SIGKILL");
  await once(child, "close");
  const end = { pid: child.pid!, exitCode: null, signal: "SIGKILL" } as const;
  expect(await repairRuns(store, { end })).toEqual([runId]);
  expect(await repairRuns(store, { end })).toEqual([]);

  const dead = await store.getRun(runId);
  expect(dead.info).toMatchObject({ status: "KILLED", endTime: dead.data.latestMetrics[0]?.timestamp });
  expect(dead.data.metrics).toEqual({ loss: NaN });
  expect((await store.metricHistory(runId, "loss")).map(({ step }) => step)).toEqual([7, 8]);
  expect(dead.data.tags).toMatchObject({
    "sconce.end_reason": `process ${child.pid} on ${hostname()} was ended by SIGKILL`,
    "sconce.signal": "SIGKILL",
    "sconce.last_step": "8",
  });
  for (const id of [mine.runId, foreign.info.runId, elsewhere.info.runId, nonsense.info.runId]) {
    expect((await store.getRun(id)).info.status).toBe("RUNNING");
  }
  await mine.end();
  await store.close();
});
