import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { LocalArtifactRepository } from "./artifacts/local.ts";
import { ActiveRun } from "./client/run.ts";
import { type CollectGarbageOptions, collectGarbage } from "./collect-garbage.ts";
import { type Store, openStore } from "./open-store.ts";
import { TrackingServer } from "./server/server.ts";
import { SqliteDatabase } from "./stores/sql/sqlite-database.ts";

let folder: string;
let store: Store;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "sconce-gc-"));
  store = await openStore(`sqlite:///${join(folder, "mlflow.db")}`, {
    artifactRoot: join(folder, "artifacts"),
  });
  return () => store.close();
});

/** Logs a run with an artifact, and returns its id and the folder of its artifacts. */
async function newRun(experimentId = "0", inStore = store) {
  const { info } = await inStore.createRun({ experimentId });
  new LocalArtifactRepository(info.artifactUri).writeFile("model/weights.bin", "w");
  return { runId: info.runId, artifacts: info.artifactUri };
}

async function newModel(experimentId = "0") {
  const { modelId, artifactLocation } = await store.createLoggedModel({ experimentId });
  new LocalArtifactRepository(artifactLocation).writeFile("MLmodel", "m");
  return { modelId, artifacts: artifactLocation };
}

const gc = async (options: CollectGarbageOptions = {}, inStore = store) =>
  (await collectGarbage(inStore, options)).map(({ kind, id, outcome }) => [kind, id, outcome]);
const isGone = (call: Promise<unknown>) =>
  expect(call).rejects.toMatchObject({ code: "RESOURCE_DOES_NOT_EXIST" });

describe("collectGarbage", () => {
  test("does not go through a link to what another run has", async () => {
    const [gone, kept] = [await newRun(), await newRun()];
    const own = join(folder, "artifacts", "0", gone.runId);
    rmSync(own, { recursive: true });
    symlinkSync(join(folder, "artifacts", "0", kept.runId), own);
    await store.deleteRun(gone.runId);
    expect(await gc()).toEqual([["run", gone.runId, "failed"]]);
    expect(existsSync(join(kept.artifacts, "model/weights.bin"))).toBe(true);
    rmSync(own);
    expect(await gc()).toEqual([["run", gone.runId, "removed"]]);
  });

  test("removes what is in the trash with its artifacts, and nothing else", async () => {
    const [gone, kept] = [await newRun(), await newRun()];
    const [dropped, used] = [await newModel(), await newModel()];
    const experimentId = await store.createExperiment({ name: "trashed" });
    const [inside, model] = [await newRun(experimentId), await newModel(experimentId)];
    await store.deleteRun(gone.runId);
    await store.deleteLoggedModel(dropped.modelId);
    await store.deleteExperiment(experimentId);
    const wanted = [
      ["run", gone.runId, "removed"],
      ["run", inside.runId, "removed"],
      ["logged model", dropped.modelId, "removed"],
      ["logged model", model.modelId, "removed"],
      ["experiment", experimentId, "removed"],
    ];
    expect((await gc({ dryRun: true })).sort()).toEqual(wanted.toSorted());
    for (const { artifacts } of [gone, kept, dropped, used, inside, model])
      expect(existsSync(artifacts)).toBe(true);
    expect((await gc()).sort()).toEqual(wanted.toSorted());
    expect([gone, kept, dropped, used, inside, model].map(({ artifacts }) => existsSync(artifacts))).toEqual([
      false,
      true,
      false,
      true,
      false,
      false,
    ]);
    expect(existsSync(join(folder, "artifacts", "0", gone.runId))).toBe(false);
    await isGone(store.getRun(gone.runId));
    await isGone(store.getExperiment(experimentId));
    expect((await store.getRun(kept.runId)).info.lifecycleStage).toBe("active");
    expect(await store.deletedLoggedModels()).toEqual([]);
    expect(await gc()).toEqual([]);
  });

  test("removes shared weights with the last run that has them", async () => {
    const weights = Buffer.alloc(1 << 20, "w");
    const runs = await Promise.all(
      ["a", "b"].map(async (name) => {
        writeFileSync(join(folder, name), weights);
        const run = await ActiveRun.start({ store, experimentName: "Default", journalFolder: false });
        run.artifacts.logFile(join(folder, name), "model.safetensors", { link: true });
        rmSync(join(folder, name));
        await run.end();
        return run;
      }),
    );
    const [first, second] = runs as [ActiveRun, ActiveRun];
    const pool = join(folder, "artifacts", "0", ".blobs");
    expect(readdirSync(pool)).toHaveLength(1);
    await store.deleteRun(first.runId);
    await gc();
    expect(readdirSync(pool)).toHaveLength(1);
    expect(second.artifacts.readFile("model.safetensors").equals(weights)).toBe(true);
    await store.deleteRun(second.runId);
    await gc();
    expect(existsSync(pool)).toBe(false);
  });

  test("minds the age, and removes only what ids name", async () => {
    const [first, second] = [await newRun(), await newRun()];
    const trashed = await store.createExperiment({ name: "trashed" });
    const inside = await newRun(trashed);
    for (const { runId } of [first, second]) await store.deleteRun(runId);
    await store.deleteExperiment(trashed);
    expect(await gc({ olderThanMs: 60_000 })).toEqual([]);
    await expect(gc({ olderThanMs: 60_000, runIds: [first.runId] })).rejects.toThrow(
      /for as long as is asked for/,
    );
    expect(await gc({ runIds: [first.runId] })).toEqual([["run", first.runId, "removed"]]);
    expect(existsSync(second.artifacts)).toBe(true);
    expect(await gc({ experimentIds: [trashed] })).toEqual([
      ["run", inside.runId, "removed"],
      ["experiment", trashed, "removed"],
    ]);
    expect(await store.deletedRunIds()).toEqual([second.runId]);
    const active = await newRun();
    await expect(gc({ runIds: [second.runId, active.runId] })).rejects.toThrow(
      `run ${active.runId} must be in the trash`,
    );
    await expect(gc({ experimentIds: ["0"] })).rejects.toThrow("experiment 0 must be in the trash");
    await expect(gc({ loggedModelIds: ["m-none"] })).rejects.toThrow(
      "logged model m-none must be in the trash",
    );
    expect(existsSync(second.artifacts)).toBe(true);
  });

  test("keeps what a version in the registry stands on, and an experiment in which something stays", async () => {
    const experimentId = await store.createExperiment({ name: "trashed" });
    const [byRun, byPath, model] = [
      await newRun(experimentId),
      await newRun(experimentId),
      await newModel(experimentId),
    ];
    await store.createRegisteredModel({ name: "spam" });
    await store.createModelVersion({ name: "spam", source: `runs:/${byRun.runId}/model` });
    await store.createModelVersion({ name: "spam", source: `file://${byPath.artifacts}/model` });
    await store.createModelVersion({ name: "spam", source: `models:/${model.modelId}` });
    await store.deleteExperiment(experimentId);
    const items = await collectGarbage(store);
    expect(items.map(({ outcome }) => outcome)).toEqual(["kept", "kept", "kept", "kept"]);
    expect(items[0]!.reason).toMatch(/^version \d of the registered model "spam" stands on it$/);
    expect(items[3]!.reason).toMatch(/^(run|logged model) .+ in it stays$/);
    for (const { artifacts } of [byRun, byPath, model]) expect(existsSync(artifacts)).toBe(true);
    await store.deleteRegisteredModel("spam");
    expect((await gc()).map(([, , outcome]) => outcome)).toEqual([
      "removed",
      "removed",
      "removed",
      "removed",
    ]);
  });

  test("never leaves the location of an experiment, by a link or by what the store says", async () => {
    const outside = join(folder, "outside");
    const [linked, inside, shared, elsewhere] = [
      await newRun(),
      await newRun(),
      await newRun(),
      await newRun(),
    ];
    mkdirSync(join(outside, "artifacts"), { recursive: true });
    writeFileSync(join(outside, "artifacts", "precious"), "p");
    rmSync(join(folder, "artifacts", "0", linked.runId), { recursive: true });
    symlinkSync(outside, join(folder, "artifacts", "0", linked.runId));
    symlinkSync(outside, join(inside.artifacts, "link"));
    const runs = [linked, inside, shared, elsewhere];
    for (const { runId } of runs) await store.deleteRun(runId);
    await store.close();
    const database = await SqliteDatabase.open(join(folder, "mlflow.db"));
    const place = (runId: string, uri: string) =>
      database.write((sql) => sql.run("UPDATE runs SET artifact_uri = ? WHERE run_uuid = ?", uri, runId));
    await place(shared.runId, join(folder, "artifacts", "0"));
    await place(elsewhere.runId, join(folder, "artifacts", "0", "..", "..", "outside", elsewhere.runId));
    await database.close();
    store = await openStore(store.uri);
    const items = await collectGarbage(store);
    const outcomes = new Map(items.map(({ id, outcome, reason = "" }) => [id, [outcome, reason]]));
    expect(outcomes.get(inside.runId)).toEqual(["removed", ""]);
    expect(outcomes.get(linked.runId)![1]).toContain("which is outside of");
    expect(outcomes.get(shared.runId)![1]).toContain("which does not name it");
    expect(outcomes.get(elsewhere.runId)![1]).toContain("which is outside of");
    expect(readdirSync(join(outside, "artifacts"))).toEqual(["precious"]);
    expect((await store.deletedRunIds()).toSorted()).toEqual(
      [linked, shared, elsewhere].map(({ runId }) => runId).sort(),
    );
  });

  test.skipIf(process.getuid?.() === 0)("tries again what could not be removed", async () => {
    const run = await newRun();
    await store.deleteRun(run.runId);
    chmodSync(join(run.artifacts, "model"), 0o500);
    expect(await gc()).toEqual([["run", run.runId, "failed"]]);
    chmodSync(join(run.artifacts, "model"), 0o700);
    expect(await gc()).toEqual([["run", run.runId, "removed"]]);
  });

  test("keeps runs whose artifacts it cannot reach until it is told where they are", async () => {
    const experimentId = await store.createExperiment({
      name: "proxied",
      artifactLocation: "mlflow-artifacts:/p",
    });
    const { info } = await store.createRun({ experimentId });
    const destination = join(folder, "served");
    const file = join(destination, "p", info.runId, "artifacts", "x");
    mkdirSync(join(file, ".."), { recursive: true });
    writeFileSync(file, "x");
    await store.deleteRun(info.runId);
    const [item] = await collectGarbage(store);
    expect(item).toMatchObject({
      outcome: "failed",
      reason: expect.stringContaining("mlflow-artifacts:/p/"),
    });
    expect(await store.deletedRunIds()).toEqual([info.runId]);
    expect(await gc({ artifactsDestination: destination })).toEqual([["run", info.runId, "removed"]]);
    expect(existsSync(file)).toBe(false);
  });

  test("works through a server, and in a folder", async () => {
    const destination = join(folder, "served");
    const server = await TrackingServer.start({ store, port: 0, artifacts: { destination } });
    const client = await openStore(server.url);
    const experimentId = await store.createExperiment({
      name: "proxied",
      artifactLocation: "mlflow-artifacts:/p",
    });
    const { info } = await client.createRun({ experimentId });
    const file = join(destination, "p", info.runId, "artifacts", "x");
    mkdirSync(join(file, ".."), { recursive: true });
    writeFileSync(file, "x");
    const { modelId } = await client.createLoggedModel({ experimentId });
    await client.deleteExperiment(experimentId);
    expect((await gc({}, client)).map(([kind, id, outcome]) => `${kind} ${id} ${outcome}`)).toEqual([
      `run ${info.runId} removed`,
      `logged model ${modelId} removed`,
      `experiment ${experimentId} removed`,
    ]);
    expect(existsSync(file)).toBe(false);
    await server.close();
    await client.close();

    const files = await openStore(join(folder, "mlruns"));
    const run = await newRun("0", files);
    const trashed = await files.createExperiment({ name: "trashed" });
    const inside = await newRun(trashed, files);
    await files.deleteRun(run.runId);
    await files.deleteExperiment(trashed);
    expect((await gc({}, files)).map(([, , outcome]) => outcome)).toEqual(["removed", "removed", "removed"]);
    expect([existsSync(run.artifacts), existsSync(join(folder, "mlruns", "0", run.runId))]).toEqual([
      false,
      false,
    ]);
    expect(existsSync(join(folder, "mlruns", ".trash", trashed))).toBe(false);
    expect(existsSync(inside.artifacts)).toBe(false);
  });
});
