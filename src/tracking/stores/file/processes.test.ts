// What several processes do to one folder, and what one that is killed leaves behind.
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { outputOf, startTrackingProcess } from "../../../../tests/tracking-process.ts";
import { FileStore } from "../../index.ts";

const newPath = () => join(mkdtempSync(join(tmpdir(), "sconce-")), "mlruns");

test("processes that make and fill one folder at once lose nothing, and agree on ids and versions", async () => {
  const path = newPath();
  const work = `
    const store = await tracking.FileStore.open({ path });
    const run = await tracking.ActiveRun.start({ store, experimentName: "shared", flushIntervalMs: 5 });
    const versions = [];
    for (let step = 0; step < 100; step++) {
      run.logMetrics({ loss: step, accuracy: -step }, step);
      if (step % 20 === 0) {
        const { version } = await tracking.registerModelVersion(store, { name: "shared", source: "/m", aliases: ["champion"] });
        versions.push(version);
      }
    }
    const report = await run.end();
    console.log(JSON.stringify({ ...report, versions, runId: run.runId, experimentId: run.info.experimentId }));
    await server.close();
  `;
  const reports = (await Promise.all(
    [work, work].map((body) => outputOf(startTrackingProcess(path, body))),
  )) as { unwritten: number; versions: number[]; runId: string; experimentId: string }[];
  expect(reports.map(({ unwritten }) => unwritten)).toEqual([0, 0]);
  expect(new Set(reports.map(({ experimentId }) => experimentId)).size).toBe(1);
  expect(reports.flatMap(({ versions }) => versions).sort((a, b) => a - b)).toEqual([
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
  ]);
  const store = await FileStore.open({ path });
  expect(await store.searchExperiments({ filter: "name = 'Default'" })).toHaveLength(1);
  for (const { runId } of reports) {
    const steps = (await store.metricHistory(runId, "loss")).map(({ step }) => step);
    expect(steps).toEqual(Array.from({ length: 100 }, (_, step) => step));
    expect((await store.getRun(runId)).data.metrics).toEqual({ loss: 99, accuracy: -99 });
  }
}, 60_000);

test("of a process that is killed at any moment each batch is there whole or not at all", async () => {
  const path = newPath();
  const store = await FileStore.open({ path });
  const work = `
    const store = await tracking.FileStore.open({ path });
    const experimentId = await store.createExperiment({ name: "killed " + process.pid });
    const { info } = await store.createRun({ experimentId });
    console.log(info.runId);
    for (let step = 0; ; step++) {
      const point = (key) => ({ key, value: step, step, timestamp: 1 });
      await store.logBatch({
        runId: info.runId,
        metrics: ["a", "b", "c/d"].map(point),
        params: [{ key: "param" + step, value: "x" }],
        tags: [{ key: "last", value: String(step) }],
      });
      process.stdout.write(step + "\\n");
    }
  `;
  const victims = await Promise.all(
    [150, 211, 293, 377].map(async (afterMs) => {
      const child = startTrackingProcess(path, work);
      let printed = "";
      child.stdout!.on("data", (chunk: Buffer) => (printed += chunk.toString()));
      await once(child.stdout!, "data");
      await new Promise((resolve) => setTimeout(resolve, afterMs));
      child.kill("SIGKILL");
      await once(child, "close");
      const [runId = "", ...acknowledged] = printed.trimEnd().split("\n");
      return { runId, acknowledged: acknowledged.length };
    }),
  );

  // a new process, as it opens the folder, completes what was begun
  const after = await FileStore.open({ path });
  expect(readdirSync(path).filter((name) => name.endsWith(".pending"))).toEqual([]);
  for (const { runId, acknowledged } of victims) {
    const steps = async (key: string) => (await after.metricHistory(runId, key)).map(({ step }) => step);
    const written = await steps("a");
    expect(written).toEqual(written.map((_, step) => step));
    expect(written.length - acknowledged).toBeOneOf([0, 1]);
    expect([await steps("b"), await steps("c/d")]).toEqual([written, written]);
    const { data } = await store.getRun(runId);
    expect(Object.keys(data.params)).toHaveLength(written.length);
    expect(data.tags["last"]).toBe(written.length === 0 ? undefined : String(written.length - 1));
    // the lock of the dead is no lock
    await store.logBatch({ runId, tags: [{ key: "alive", value: "yes" }] });
  }
  expect(victims.some(({ acknowledged }) => acknowledged > 2)).toBe(true);
  expect(existsSync(join(path, ".sconce-registry.lock"))).toBe(false);
}, 60_000);
