// The functions of MLflow's fluent API around a run: reading artifacts, experiments, the trash, the registry.
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  SqliteStore,
  TrackingServer,
  createExperiment,
  deleteExperiment,
  deleteRun,
  deleteTag,
  downloadArtifacts,
  flushAsyncLogging,
  getArtifactUri,
  getExperiment,
  getExperimentByName,
  getRun,
  listArtifacts,
  loadDict,
  loadTable,
  loadText,
  logArtifacts,
  logBatch,
  logDict,
  logTable,
  logText,
  registerModel,
  restoreExperiment,
  restoreRun,
  searchModelVersions,
  searchRegisteredModels,
  setExperimentTags,
  setTag,
  setTrackingUri,
  startRun,
  trackingStore,
} from "../index.ts";

let folder: string;
const undo: (() => unknown)[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sconce-"));
});

afterEach(async () => {
  await (await trackingStore()).close();
  setTrackingUri(`sqlite:///${join(folder, "other.db")}`);
  for (const step of undo.splice(0).reverse()) await step();
});

async function openServer(): Promise<string> {
  const store = await SqliteStore.open({
    path: join(folder, "served.db"),
    artifactRoot: "mlflow-artifacts:/",
  });
  const server = await TrackingServer.start({
    store,
    port: 0,
    artifacts: { destination: join(folder, "files") },
  });
  undo.push(
    () => store.close(),
    () => server.close(),
  );
  return server.url;
}

describe.each(["a file", "a server"])("behind %s", (kind) => {
  beforeEach(async () => {
    setTrackingUri(kind === "a server" ? await openServer() : `sqlite:///${join(folder, "mlflow.db")}`);
  });

  test("artifacts come back by run, by URI and by model", async () => {
    const model = join(folder, "model");
    mkdirSync(model);
    writeFileSync(join(model, "MLmodel"), "flavors: {}\n");
    const runId = await startRun({ journalFolder: join(folder, "journal") }, (run) => {
      logText("hello", "notes/a.txt");
      logDict({ b: [1] }, "b.json");
      logTable([{ x: 1 }, { x: 2, y: "z" }], "tables/t.json");
      logArtifacts(model, "model");
      return run.runId;
    });
    expect(await loadText(`runs:/${runId}/notes/a.txt`)).toBe("hello");
    expect(await loadDict(`runs:/${runId}/b.json`)).toEqual({ b: [1] });
    expect(await loadTable("tables/t.json", [runId])).toEqual([
      { x: 1, y: null, run_id: runId },
      { x: 2, y: "z", run_id: runId },
    ]);
    expect((await listArtifacts({ runId })).map(({ path }) => path)).toEqual([
      "b.json",
      "model",
      "notes",
      "tables",
    ]);
    expect(await listArtifacts({ artifactUri: `runs:/${runId}`, artifactPath: "notes" })).toEqual([
      { path: "notes/a.txt", isDirectory: false, size: 5 },
    ]);
    const dstPath = join(folder, "here");
    expect(await downloadArtifacts({ runId, artifactPath: "notes", dstPath })).toBe(join(dstPath, "notes"));
    expect(readFileSync(join(dstPath, "notes", "a.txt"), "utf8")).toBe("hello");

    const { version } = await registerModel(`runs:/${runId}/model`, "spam", { tags: { a: "1" } });
    expect(version).toBe(1);
    const whole = await downloadArtifacts({ artifactUri: "models:/spam/1" });
    expect(readFileSync(join(whole, "MLmodel"), "utf8")).toBe("flavors: {}\n");
    expect(
      (await searchModelVersions({ filter: "name = 'spam'" })).map(({ runId: id, tags }) => [id, tags]),
    ).toEqual([[runId, { a: "1" }]]);
    expect((await searchRegisteredModels()).map(({ name }) => name)).toEqual(["spam"]);
    await expect(downloadArtifacts({ runId, artifactPath: "missing" })).rejects.toMatchObject({
      code: "RESOURCE_DOES_NOT_EXIST",
    });
    await expect(downloadArtifacts({ runId, artifactPath: "../x" })).rejects.toThrow(/artifact path/);
    await expect(downloadArtifacts({})).rejects.toThrow(/either artifactUri or runId/);
  });

  test("experiments and runs go to the trash and come back", async () => {
    const id = await createExperiment("spam", { tags: { a: "1" } });
    await setExperimentTags(id, { b: "2" });
    expect(await getExperiment(id)).toMatchObject({ name: "spam", tags: { a: "1", b: "2" } });
    await deleteExperiment(id);
    expect((await getExperimentByName("spam"))?.lifecycleStage).toBe("deleted");
    await restoreExperiment(id);
    const runId = await startRun({ experimentName: "spam", journalFolder: false }, ({ runId: own }) => own);
    await deleteRun(runId);
    expect((await getRun(runId)).info.lifecycleStage).toBe("deleted");
    await restoreRun(runId);
    expect((await getRun(runId)).info.lifecycleStage).toBe("active");
  });

  test("a batch has points with times of their own, and a tag can be taken back", async () => {
    const runId = await startRun({ journalFolder: false }, async (run) => {
      logBatch({
        metrics: [
          { key: "loss", value: 0.5, timestamp: 1000, step: 1 },
          { key: "loss", value: 0.25, timestamp: 2000, step: 2 },
        ],
        params: [{ key: "lr", value: "0.1" }],
        tags: [{ key: "a", value: "1" }],
      });
      setTag("b", "2");
      await flushAsyncLogging();
      await deleteTag("b");
      expect(getArtifactUri()).toBe(run.info.artifactUri);
      expect(getArtifactUri("a b/c")).toBe(`${run.info.artifactUri}/a b/c`);
      expect(() => getArtifactUri("../x")).toThrow(/artifact path/);
      return run.runId;
    });
    const store = await trackingStore();
    expect(
      (await store.metricHistory(runId, "loss")).map(({ timestamp, step }) => [timestamp, step]),
    ).toEqual([
      [1000, 1],
      [2000, 2],
    ]);
    const { params, tags } = (await getRun(runId)).data;
    expect(params).toEqual({ lr: "0.1" });
    expect([tags["a"], tags["b"]]).toEqual(["1", undefined]);
  });
});
