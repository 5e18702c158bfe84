import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { startTrackingProcess } from "../../tests/tracking-process.ts";
import { backupStore } from "./backup-store.ts";
import { copyStore } from "./copy/copy-store.ts";
import { openStore } from "./open-store.ts";

test("a backup of a SQLite store is whole while another process writes, and loses nothing that was written before", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sconce-backup-"));
  const path = join(folder, "mlflow.db");
  const store = await openStore(`sqlite:///${path}`);
  const { runId } = (await store.createRun({ experimentId: "0" })).info;
  const writer = startTrackingProcess(
    path,
    `const store = await tracking.openStore("sqlite:///" + path);
     for (let start = 0; ; start += 50) {
       const metrics = Array.from({ length: 50 }, (_, i) => ({ key: "loss", value: start + i, timestamp: 1, step: start + i }));
       await store.logBatch({ runId: ${JSON.stringify(runId)}, metrics, params: [{ key: "p" + start, value: String(start) }] });
       process.stdout.write(start + 50 + "\\n");
     }`,
  );
  let acknowledged = 0;
  writer.stdout!.on("data", (chunk: Buffer) => {
    acknowledged = Number(chunk.toString().trimEnd().split("\n").at(-1));
  });
  await once(writer.stdout!, "data");
  for (let round = 0; round < 5; round++) {
    const file = join(folder, `backup-${round}.db`);
    const before = acknowledged;
    await backupStore(store, file);
    const backup = await openStore(`sqlite:///${file}`);
    const steps = (await backup.metricHistory(runId, "loss")).map(({ step }) => step);
    expect(steps.length).toBeGreaterThanOrEqual(before);
    expect(steps).toEqual(Array.from({ length: steps.length }, (_, step) => step));
    // a batch is in it whole or not at all
    expect(Object.keys((await backup.getRun(runId)).data.params)).toHaveLength(steps.length / 50);
    await backup.close();
    await sleep(50);
  }
  writer.kill("SIGKILL");
  await once(writer, "exit");
  expect(acknowledged).toBeGreaterThan(50);
  await store.close();
  expect(readdirSync(folder).filter((name) => name.includes(".part"))).toEqual([]);
});

test("a backup of a folder is a file that leads back to the same, and writes over none", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sconce-backup-"));
  const store = await openStore(join(folder, "mlruns"));
  const experimentId = await store.createExperiment({ name: "spam" });
  const { runId } = (await store.createRun({ experimentId })).info;
  await store.logBatch({ runId, metrics: [{ key: "loss", value: NaN, timestamp: 1, step: 0 }] });
  const file = join(folder, "backup.db");
  writeFileSync(`${file}.part`, "of a backup that was cut short");
  await backupStore(store, file);
  await expect(backupStore(store, file)).rejects.toThrow(`the file must not exist yet, and ${file} does`);
  expect(existsSync(`${file}.part`)).toBe(false);
  const [backup, restored] = [
    await openStore(`sqlite:///${file}`),
    await openStore(join(folder, "restored")),
  ];
  await copyStore(backup, restored);
  expect(await restored.getRun(runId)).toEqual(await store.getRun(runId));
  expect((await copyStore(store, restored)).written).toBe(0);
  for (const each of [store, backup, restored]) await each.close();
});

test("two backups to one name are not mixed, and what is made is its owner's alone", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sconce-backup-"));
  const store = await openStore(`sqlite:///${join(folder, "mlflow.db")}`);
  for (let index = 0; index < 20; index++) {
    const params = Array.from({ length: 100 }, (_, i) => ({ key: `p${i}`, value: "x".repeat(1000) }));
    await store.logBatch({ runId: (await store.createRun({ experimentId: "0" })).info.runId, params });
  }
  const file = join(folder, "backup.db");
  const ends = await Promise.allSettled(Array.from({ length: 4 }, () => backupStore(store, file)));
  expect(ends.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  for (const end of ends) {
    if (end.status === "rejected")
      expect(String(end.reason)).toMatch(/is in use by process|must not exist yet/);
  }
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const backup = await openStore(`sqlite:///${file}`);
  expect(await backup.searchRuns()).toHaveLength(20);
  await backup.close();
  await store.close();
  expect(readdirSync(folder).filter((name) => name.includes(".part"))).toEqual([]);
});

test("a backup that fails leaves no file", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sconce-backup-"));
  const store = await openStore(`sqlite:///${join(folder, "mlflow.db")}`);
  await expect(backupStore(store, join(folder, "none", "backup.db"))).rejects.toThrow(
    /its folder must exist/,
  );
  expect(existsSync(join(folder, "none"))).toBe(false);
  await store.close();
});
