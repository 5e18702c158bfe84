// The store on a MongoDB server.
import { setTimeout as delay } from "node:timers/promises";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeRegistryStore, describeTrackingStore } from "sconce/testing";
import { type Metric, MongoStore, SqliteStore, openStore } from "sconce/tracking";
import { MongoClient } from "mongodb";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Collections, openCollections } from "../../src/tracking/stores/mongo/documents.ts";
import { Rng } from "../../src/base/index.ts";
import { like } from "../../src/tracking/search/index.ts";
import { type MongoTestServer, mongoSkipReason, startMongo } from "../mongo.ts";
import { outputOf, startTrackingProcess } from "../tracking-process.ts";
import { fill, find, searches } from "./searches.ts";

describe.skipIf(mongoSkipReason !== undefined)(`MongoStore (${mongoSkipReason ?? "asked for"})`, () => {
  let server: MongoTestServer;
  let shared: string;
  beforeAll(async () => {
    server = await startMongo();
    shared = server.newDatabase();
  }, 300_000);
  afterAll(() => server?.stop());

  const open = (options = {}) => MongoStore.open({ uri: shared, ...options });
  describeTrackingStore("MongoStore", open, { runner: { describe, test } });
  describeRegistryStore("MongoStore", open, { runner: { describe, test } });

  test("a long curve moves to buckets, and a point that is logged twice is there once", async () => {
    const store = await open();
    const runId = await newRun(store);
    for (let start = 0; start < 1300; start += 100) {
      const metrics = Array.from({ length: 100 }, (_, i) => point(start + i));
      await store.logBatch({ runId, metrics });
      await store.logBatch({ runId, metrics });
    }
    const history = await store.metricHistory(runId, "loss");
    expect(history.map(({ step }) => step)).toEqual(Array.from({ length: 1300 }, (_, step) => step));
    const run = await database((collections) => collections.runs.findOne({ _id: runId }));
    expect(run!.buckets.length).toBeGreaterThan(1);
    expect(run!.journal.length).toBeLessThanOrEqual(500);
    await store.close();
  });

  test("20 writers of one run lose nothing", async () => {
    const stores = await Promise.all(Array.from({ length: 20 }, () => open()));
    const runId = await newRun(stores[0]!);
    await Promise.all(
      stores.map(async (store, writer) => {
        for (let i = 0; i < 3; i++) {
          const metrics = Array.from({ length: 40 }, (_, j) => point(writer * 1000 + i * 40 + j));
          await store.logBatch({ runId, metrics, params: [{ key: `p${writer}.${i}`, value: "1" }] });
        }
      }),
    );
    expect(await stores[0]!.metricHistory(runId, "loss")).toHaveLength(20 * 3 * 40);
    expect(Object.keys((await stores[0]!.getRun(runId)).data.params)).toHaveLength(60);
    await Promise.all(stores.map((store) => store.close()));
  }, 120_000);

  test("text that looks like an operator is data", async () => {
    const store = await open();
    const runId = await newRun(store);
    const tags = [{ key: "constructor", value: '{"$gt": ""}' }];
    const params = [{ key: "a.b", value: "$where" }];
    await store.logBatch({ runId, params, tags });
    const found = await store.searchRuns({
      filter: "params.`a.b` = '$where' AND tags.constructor LIKE '{\"$gt\"%'",
    });
    expect(found.map(({ info }) => info.runId)).toEqual([runId]);
    const operator = { $ne: "" } as unknown as string;
    await expect(store.getRun(operator)).rejects.toThrow(/it must exist/);
    await expect(store.getExperiment(operator)).rejects.toThrow(/it must exist/);
    await store.close();
  });

  test("every search finds the same in MongoDB as in SQLite, in the same order", async () => {
    const store = await MongoStore.open({ uri: server.newDatabase() });
    const sqlite = await SqliteStore.open({
      path: join(mkdtempSync(join(tmpdir(), "sconce-")), "mlflow.db"),
    });
    for (const each of [store, sqlite]) {
      await fill(each);
      for (let i = 0; i < 8; i++) {
        await each.createExperiment({ name: `late ${i}` }); // ids of two digits
        await delay(2); // each a creation time of its own
      }
    }
    // a table has the largest number for infinity
    for (const search of searches().filter(({ filter }) => !filter?.includes("1.79769"))) {
      expect(await find(store, search), JSON.stringify(search)).toEqual(await find(sqlite, search));
    }
    await Promise.all([store.close(), sqlite.close()]);
  }, 120_000);

  test("LIKE and ILIKE find in MongoDB what they find elsewhere, in no time out of proportion", async () => {
    const store = await open();
    const experimentId = await store.createExperiment({ name: "patterns" });
    const letters = ["a", "A", "ä", "Ä", "\u{1F600}", "\n", ".", "*", "(", "\\", "$", "^", "|", "k"];
    const random = new Rng(7);
    const word = (from: readonly string[], length: number) =>
      Array.from({ length }, () => from[random.below(from.length)]).join("");
    const texts = Array.from({ length: 60 }, (_, i) => word(letters, i % 7));
    const ids = new Map<string, string>();
    for (const text of texts) {
      const { info } = await store.createRun({ experimentId });
      await store.logBatch({ runId: info.runId, params: [{ key: "text", value: text }] });
      ids.set(info.runId, text);
    }
    for (let i = 0; i < 120; i++) {
      const pattern = word([...letters, "%", "%", "%", "_", "_"], i % 8).replace(/\\+$/, ""); // it would escape the quote
      for (const [comparator, change] of [
        ["LIKE", (text: string) => text],
        ["ILIKE", (text: string) => text.toLowerCase()],
      ] as const) {
        const filter = `params.text ${comparator} '${pattern}'`;
        const found = await store.searchRuns({ experimentIds: [experimentId], filter });
        const expected = texts.filter((text) => like(change(text), change(pattern)));
        expect(found.map(({ info }) => ids.get(info.runId)).sort(), filter).toEqual(expected.sort());
      }
    }
    const runId = await newRun(store);
    await store.logBatch({ runId, params: [{ key: "text", value: "a".repeat(6000) }] });
    const started = performance.now();
    const filter = `params.text LIKE '${"%a".repeat(500)}b%c'`;
    expect(await store.searchRuns({ filter })).toHaveLength(0);
    expect(performance.now() - started).toBeLessThan(5000);
    await store.close();
  }, 120_000);

  test("whoever opens the store completes what a process left half done", async () => {
    const store = await open();
    const experimentId = await store.createExperiment({ name: "half deleted" });
    const runId = (await store.createRun({ experimentId })).info.runId;
    const purged = await newRun(store);
    const owing = await newRun(store);
    const { modelId } = await store.createLoggedModel({ experimentId: "0" });
    await database(async ({ experiments, runs, buckets }) => {
      const deleted = { lifecycleStage: "deleted" as const, lastUpdateTime: Date.now() };
      await experiments.updateOne({ _id: experimentId }, { $set: deleted });
      await runs.updateOne({ _id: purged }, { $set: { lifecycleStage: "purging" } });
      await runs.updateOne({ _id: owing }, { $set: { modelPoints: [{ ...point(1), modelId }] } });
      // a bucket that the run does not list
      await buckets.insertOne({ _id: `${owing}:9:0`, runId: owing, rev: 9, key: "loss", points: [point(7)] });
    });
    const next = await open();
    expect((await next.getRun(runId)).info.lifecycleStage).toBe("deleted");
    await expect(next.getRun(purged)).rejects.toThrow(/it must exist/);
    expect(await database(({ runs }) => runs.countDocuments({ _id: purged }))).toBe(0);
    expect((await next.getLoggedModel(modelId)).metrics).toMatchObject([
      { key: "loss", value: 0.5, runId: owing },
    ]);
    expect(await next.metricHistory(owing, "loss")).toEqual([]);
    await next.restoreExperiment(experimentId);
    expect((await next.getRun(runId)).info.lifecycleStage).toBe("active");
    await Promise.all([store.close(), next.close()]);
  });

  test("a server that is restarted while a run logs keeps each batch that was acknowledged, whole", async (context) => {
    if (server.restart === undefined)
      return context.skip("SCONCE_TEST_MONGODB_URI names a server that tests must not end");
    const store = await open();
    const runId = await newRun(store);
    const acknowledged: number[] = [];
    const refusals: unknown[] = [];
    const restarted = server.restart();
    for (let step = 0; step < 60; step++) {
      const metrics = [point(step), { ...point(step), key: "twin" }];
      await store
        .logBatch({ runId, metrics })
        .then(() => acknowledged.push(step))
        .catch((error: { code: string }) => refusals.push(error.code));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await restarted;
    const steps = async (key: string) => (await store.metricHistory(runId, key)).map(({ step }) => step);
    expect(await steps("loss")).toEqual(await steps("twin"));
    expect(await steps("loss")).toEqual(expect.arrayContaining(acknowledged));
    expect(acknowledged).toContain(59);
    expect(refusals.filter((code) => code !== "TEMPORARILY_UNAVAILABLE")).toEqual([]);
    await store.close();
  }, 60_000);

  test("openStore knows MongoDB, and what cannot be opened is named without the password", async () => {
    const store = await openStore(server.newDatabase(), { artifactRoot: "s3://bucket/runs" });
    expect(store).toBeInstanceOf(MongoStore);
    expect((await store.getExperiment("0")).artifactLocation).toBe("s3://bucket/runs/0");
    await store.close();
    const wrong = MongoStore.open({ uri: "mongodb://ann:s3cr@t@127.0.0.1:1/x" });
    await expect(wrong).rejects.toThrow(/^mongodb:\/\/127\.0\.0\.1:1\/x: it must be a MongoDB URI/);
    await expect(wrong).rejects.not.toThrow(/s3cr/);
  });

  test("processes that make and fill one database at once agree on ids and versions", async () => {
    const uri = server.newDatabase();
    const work = `
      const store = await tracking.openStore(path);
      const experiment = await store.createExperiment({ name: "shared" }).catch((error) => error.code);
      const model = await store.createRegisteredModel({ name: "shared" }).then(() => "made", (error) => error.code);
      const versions = [];
      for (let i = 0; i < 5; i++) {
        const { version } = await store.createModelVersion({ name: "shared", source: "s3://models/1" });
        await store.setModelAlias("shared", "champion", version);
        versions.push(version);
      }
      console.log(JSON.stringify({ experiment, model, versions }));
      await store.close();
      await server.close();
    `;
    const reports = (await Promise.all(
      [work, work].map((body) => outputOf(startTrackingProcess(uri, body))),
    )) as { experiment: string; model: string; versions: number[] }[];
    const taken = "RESOURCE_ALREADY_EXISTS";
    expect(reports.filter(({ experiment }) => experiment === taken)).toHaveLength(1);
    expect(reports.map(({ model }) => model).sort()).toEqual([taken, "made"]);
    expect(reports.flatMap(({ versions }) => versions).sort((a, b) => a - b)).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
    ]);
    const store = await MongoStore.open({ uri });
    const history = await store.registryHistory("shared");
    expect(history).toHaveLength(10);
    const { aliases } = await store.getRegisteredModel("shared");
    expect(aliases).toEqual({ champion: history.at(-1)!.version });
    await store.close();
  }, 180_000);

  async function database<T>(body: (collections: Collections) => Promise<T>): Promise<T> {
    const client = await new MongoClient(shared).connect();
    try {
      return await body(await openCollections(client.db()));
    } finally {
      await client.close();
    }
  }
});

async function newRun(store: MongoStore): Promise<string> {
  return (await store.createRun({ experimentId: "0" })).info.runId;
}

function point(step: number): Metric {
  return { key: "loss", value: step / 2, timestamp: 5, step };
}
