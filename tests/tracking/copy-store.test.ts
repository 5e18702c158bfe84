// Copies of whole stores between all kinds.
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { copyFileSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Libsql from "libsql";
import {
  FileStore,
  MongoStore,
  PostgresStore,
  SqliteStore,
  type Store,
  TrackingServer,
  copyStore,
  isExporter,
  isImporter,
  openStore,
} from "sconce/tracking";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { pointsWritten } from "../../src/tracking/transfer.ts";
import { openSecret } from "../../src/tracking/webhooks/secret.ts";
import { keepsWebhooks } from "../../src/tracking/webhooks/webhook.ts";
import { SqliteDatabase } from "../../src/tracking/stores/sql/sqlite-database.ts";
import { type MongoTestServer, mongoSkipReason, startMongo } from "../mongo.ts";
import { type PostgresServer, postgresSkipReason, startPostgres } from "../postgres.ts";
import { startTrackingProcess } from "../tracking-process.ts";
import { type Filled, fillStore, ownStage } from "./filled-store.ts";

const stages = [ownStage];
let postgres: PostgresServer;
let mongo: MongoTestServer;
let mongoUri: string; // of the last store that was made; a store does not tell its password

const newFolder = () => mkdtempSync(join(tmpdir(), "sconce-copy-"));
const kinds: Record<string, () => Promise<() => Promise<Store>>> = {
  SQLite: async () => {
    const path = join(newFolder(), "mlflow.db");
    return () => SqliteStore.open({ path, stages });
  },
  mlruns: async () => {
    const path = join(newFolder(), "mlruns");
    return () => FileStore.open({ path, stages });
  },
  PostgreSQL: async () => {
    const uri = await postgres.createDatabase();
    return () => PostgresStore.open({ uri, stages, artifactRoot: "/tmp/none" });
  },
  MongoDB: async () => {
    const uri = (mongoUri = mongo.newDatabase());
    return () => MongoStore.open({ uri, stages });
  },
};
const reasons = { PostgreSQL: postgresSkipReason, MongoDB: mongoSkipReason } as Record<
  string,
  string | undefined
>;

const present = Object.keys(kinds).filter((kind) => reasons[kind] === undefined);

beforeAll(async () => {
  if (present.includes("PostgreSQL")) postgres = await startPostgres();
  if (present.includes("MongoDB")) mongo = await startMongo();
}, 300_000);
afterAll(async () => {
  await postgres?.stop();
  await mongo?.stop();
});

/** Reads all that a store shows, by way of its interface. */
async function contents(store: Store, { runId, modelId, deletedModelId, experimentId }: Filled) {
  if (!isExporter(store)) throw new Error("a store of a kind that is copied");
  const name = "spam-filter é 'x'";
  return {
    experiments: await store.searchExperiments({ viewType: "ALL", orderBy: ["experiment_id ASC"] }),
    runs: await store.searchRuns({ viewType: "ALL", orderBy: ["attributes.start_time ASC"] }),
    curve: await store.metricHistory(runId, "val/loss"),
    twice: await store.metricHistory(runId, "twice"),
    model: await store.getLoggedModel(modelId),
    models: (await store.exportLoggedModels(experimentId)).map(({ model, lifecycleStage, points }) => [
      model.modelId,
      lifecycleStage,
      points.length,
    ]),
    deleted: await store.getLoggedModel(deletedModelId).catch((error: Error) => error.message),
    trash: await store.deletedRunIds(),
    datasets: await store.searchDatasets([experimentId]),
    registered: await store.getRegisteredModel(name),
    versions: await store.searchModelVersions({ orderBy: ["name ASC", "version_number ASC"] }),
    history: await store.registryHistory(name),
    champion: await store.getModelVersionByAlias(name, "champion"),
    prompts: (await store.searchRegisteredModels({ filter: "tags.`mlflow.prompt.is_prompt` = 'true'" }))
      .length,
  };
}

describe.each(present)("from %s", (from) => {
  test.each(present)("to %s, all stays what it was, and what comes next is new", async (to) => {
    const source = await (await kinds["SQLite"]!())();
    const filled = await fillStore(source);
    const first = await (await kinds[from]!())();
    await copyStore(source, first);
    const second = await (await kinds[to]!())();
    const report = await copyStore(first, second);
    const expected = await contents(source, filled);
    expect(withoutModels(await contents(second, filled))).toEqual(withoutModels(expected));
    expect(report.counts).toEqual({
      experiments: 3,
      runs: 3,
      points: 17,
      loggedModels: 2,
      registeredModels: 3,
      modelVersions: 3,
      historyEntries: 8,
      webhooks: 0,
    });
    const again = await copyStore(first, second);
    expect(again).toEqual({ ...report, written: 0 });

    const ids = (await second.searchExperiments({ viewType: "ALL" })).map(({ experimentId }) => experimentId);
    expect(ids).not.toContain(await second.createExperiment({ name: "new" }));
    const { version } = await second.createModelVersion({ name: "spam-filter é 'x'", source: "/m" });
    expect(version).toBe(5);
    for (const store of [source, first, second]) await store.close();
  });
});

/** MongoDB tells of a point in a run on which model it was measured, the others do not. */
function withoutModels(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutModels);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, item]) => [
    key,
    key === "latestMetrics"
      ? (item as { key: string; value: number; step: number }[]).map(({ key: k, value: v, step }) => [
          k,
          v,
          step,
        ])
      : withoutModels(item),
  ]);
  return Object.fromEntries(entries);
}

describe("a copy", () => {
  const newStore = async (kind = "SQLite") => (await kinds[kind]!())();

  // with new ids SQLite takes run after run from SQLite too, else all at once
  test.each([
    { kind: "SQLite", newExperimentIds: false, firstMs: 20 },
    { kind: "SQLite", newExperimentIds: true, firstMs: 100 },
    ...["mlruns", ...present.filter((kind) => kind === "MongoDB")].map((kind) => ({
      kind,
      newExperimentIds: false,
      firstMs: 100,
    })),
  ])(
    "that is killed again and again comes to its end, $kind, new ids: $newExperimentIds",
    async ({ kind, newExperimentIds, firstMs }) => {
      const path = join(newFolder(), "source.db");
      const source = await SqliteStore.open({ path, stages });
      await fillStore(source);
      const experimentId = await source.createExperiment({ name: "many" });
      for (let i = 0; i < 30; i++) await curves(source, experimentId, i === 15 ? 15_000 : 100);
      const open = await kinds[kind]!();
      const target = await open();
      await target.close();
      let kills = 0;
      for (let waitMs = firstMs; ; waitMs *= 2.5) {
        const child = startTrackingProcess(
          path,
          `const from = await tracking.openStore("sqlite:///" + path);
           const to = await tracking.openStore(${JSON.stringify(kind === "MongoDB" ? mongoUri : target.uri)});
           process.stdout.write("begins\\n");
           await tracking.copyStore(from, to, { newExperimentIds: ${newExperimentIds} });
           await server.close();
           process.exit();`,
        );
        const ended = once(child, "exit");
        await once(child.stdout!, "data");
        const timer = setTimeout(() => child.kill("SIGKILL"), waitMs);
        const [, signal] = (await ended) as [number | null, string | null];
        clearTimeout(timer);
        if (signal === null) break;
        kills++;
      }
      expect(kills).toBeGreaterThan(0);
      const whole = await open();
      expect((await copyStore(source, whole, { newExperimentIds })).written).toBe(0);
      await source.close();
      await whole.close();
    },
    240_000,
  );

  test.each(present)("takes webhooks with their secrets to %s, or says that they stay", async (kind) => {
    vi.stubEnv("MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY", randomBytes(32).toString("base64url"));
    const newSqlite = () => SqliteStore.open({ path: join(newFolder(), "mlflow.db"), stages });
    const source = await newSqlite();
    await source.createRun({ experimentId: "0" });
    const webhook = { name: "moves", url: "https://hooks.example.com/models" };
    const both = ["model_version.created", "registered_model.created"] as const;
    await source.webhooks.createWebhook({ ...webhook, events: both, description: "é", secret: "s3cret" });
    await source.webhooks.createWebhook({ ...webhook, events: [both[0]], status: "DISABLED" });
    const target = await newStore(kind);
    const report = await copyStore(source, target);
    const expected = await source.webhooks.listWebhooks();
    if (keepsWebhooks(target)) {
      expect(await target.webhooks.listWebhooks()).toEqual(expected);
      expect([report.counts.webhooks, report.webhooksLeftOut]).toEqual([2, 0]);
      expect((await copyStore(source, target)).written).toBe(0);
      await target.webhooks.deleteWebhook(expected[0]!.webhookId);
      expect((await copyStore(source, target)).written).toBe(1);
    } else expect([report.counts.webhooks, report.webhooksLeftOut]).toEqual([0, 2]);
    const back = await newSqlite();
    await copyStore(target, back);
    const [active] = await back.webhooks.webhooksAskingFor([both[1]]);
    expect(active && openSecret(active.sealedSecret!)).toBe(keepsWebhooks(target) ? "s3cret" : undefined);
    for (const store of [source, target, back]) await store.close();
    vi.unstubAllEnvs();
  });

  test("goes on with a run whose last points are missing", async () => {
    const [source, target] = [await newStore(), await newStore("mlruns")];
    const runId = await curves(source, "0", 12_500);
    await copyStore(source, target);
    const part = await newStore("mlruns");
    if (!isImporter(part)) throw new Error("a folder takes runs");
    await part.deleteExperiment("0");
    await part.purgeExperiment("0");
    await part.importExperiment(await source.getExperiment("0"));
    const points = await source.metricHistory(runId, "loss", { maxResults: 20_000 });
    await part.importRuns([{ record: { run: await source.getRun(runId) }, points }]);
    const report = await copyStore(source, part);
    expect(report).toEqual({ ...(await copyStore(source, target)), written: 1 });
    for (const store of [source, target, part]) await store.close();
  });

  test("takes a run with more points than are read at once", async () => {
    const [source, target] = [await newStore(), await newStore()];
    await curves(source, "0", 3);
    const runId = await curves(source, "0", pointsWritten / 2 + 1);
    await curves(source, "0", 3);
    expect((await copyStore(source, target)).counts).toMatchObject({ runs: 3, points: pointsWritten + 14 });
    expect((await copyStore(source, target)).written).toBe(0);
    expect(await target.metricHistory(runId, "lr")).toEqual(await source.metricHistory(runId, "lr"));
    for (const store of [source, target]) await store.close();
  });

  test("passes over what other programs left of a run that is gone", async () => {
    const [source, target] = [await newStore(), await newStore()];
    const { runId } = await fillStore(source);
    await source.close();
    const path = source.uri.slice("sqlite:///".length);
    const file = new Libsql(path);
    file.exec("PRAGMA foreign_keys = OFF");
    file.exec("INSERT INTO metrics VALUES ('loss', 1, 1, 'gone', 1, 0)");
    file.close();
    const orphaned = await openStore(source.uri);
    expect((await copyStore(orphaned, target)).counts).toMatchObject({ runs: 3, points: 17 });
    expect(await target.getRun(runId)).toEqual(await orphaned.getRun(runId));
    for (const store of [orphaned, target]) await store.close();
    const copied = new Libsql(target.uri.slice("sqlite:///".length));
    expect(copied.prepare("PRAGMA foreign_key_check").all()).toEqual([]);
    copied.close();
  });

  test("into a store that holds something else changes nothing and names it", async () => {
    const source = await newStore();
    const { runId } = await fillStore(source);
    const other = await newStore("mlruns");
    const otherId = await other.createExperiment({ name: "another" });
    await expect(copyStore(source, other)).rejects.toThrow(
      `experiment 0 (differs), experiment ${otherId} (only in the target). Copy into an empty store.`,
    );
    expect(await other.searchExperiments({ viewType: "ALL" })).toHaveLength(2);

    const target = await newStore();
    await copyStore(source, target);
    await target.setTags(runId, { changed: "since" });
    await expect(copyStore(source, target)).rejects.toThrow(`run ${runId} (differs)`);
    await source.setTags(runId, { changed: "since" });
    await source.logBatch({ runId, metrics: [{ key: "late", value: 1, timestamp: 1, step: 1 }] });
    expect((await copyStore(source, target)).written).toBe(1);
    await target.logBatch({ runId, metrics: [{ key: "own", value: 1, timestamp: 1, step: 1 }] });
    await expect(copyStore(source, target)).rejects.toMatchObject({ code: "INVALID_STATE" });
    for (const store of [source, other, target]) await store.close();
  });

  test("of a server holds what the server tells", async () => {
    const source = await newStore();
    const filled = await fillStore(source);
    const server = await TrackingServer.start({ store: source, port: 0 });
    const client = await openStore(server.url);
    const target = await newStore();
    const report = await copyStore(client, target);
    expect(report.counts).toMatchObject({ runs: 3, points: 17, loggedModels: 1, historyEntries: 8 });
    expect(await target.getRun(filled.runId)).toEqual(await source.getRun(filled.runId));
    expect(await target.getLoggedModel(filled.modelId)).toEqual(await source.getLoggedModel(filled.modelId));
    expect((await copyStore(client, target)).written).toBe(0);
    await expect(copyStore(source, client)).rejects.toThrow(/a database or a folder, got http/);
    await server.close();
    for (const store of [source, target, client]) await store.close();
  });

  test("of a folder keeps the large ids of its experiments where the target can hold them", async () => {
    const source = await newStore("mlruns");
    const experimentId = await source.createExperiment({ name: "of a folder" });
    expect(experimentId).toHaveLength(18);
    await fillStore(source);
    const runId = await curves(source, experimentId, 3);
    const target = await newStore();
    await copyStore(source, target);
    expect((await target.getExperimentByName("of a folder"))?.experimentId).toBe(experimentId);
    expect((await target.getRun(runId)).info.experimentId).toBe(experimentId);
    expect(await target.searchRuns({ experimentIds: [experimentId] })).toHaveLength(1);
    const next = await target.createExperiment({ name: "next" });
    expect(BigInt(next)).toBeGreaterThan(BigInt(experimentId));
    const { info } = await target.createRun({ experimentId: next });
    const { modelId } = await target.createLoggedModel({ experimentId: next, tags: { a: "b" } });
    await target.logBatch({
      runId: info.runId,
      metrics: [{ key: "auc", value: 1, timestamp: 1, step: 1, modelId }],
    });
    const [model] = await target.searchLoggedModels({ experimentIds: [next] });
    expect([model?.experimentId, model?.metrics.length]).toEqual([next, 1]);
    await target.setExperimentTags(next, { c: "d" });
    await target.deleteExperiment(next);
    expect((await target.getExperiment(next)).tags).toEqual({ c: "d" });
    await target.purgeExperiment(next);
    if (present.includes("PostgreSQL")) {
      const small = await newStore("PostgreSQL");
      await expect(copyStore(source, small)).rejects.toThrow(
        /PostgreSQL numbers experiments from 0 to 2147483647, so it cannot keep this id/,
      );
      await copyStore(source, small, { newExperimentIds: true });
      const moved = await small.getExperimentByName("of a folder");
      expect(Number(moved?.experimentId)).toBeLessThan(10);
      expect((await small.getRun(runId)).info.experimentId).toBe(moved?.experimentId);
      expect((await copyStore(source, small, { newExperimentIds: true })).written).toBe(0);
      const added = await source.createExperiment({ name: "made later" });
      await curves(source, added, 1);
      expect((await copyStore(source, small, { newExperimentIds: true })).written).toBe(2);
      await small.close();
    }
    for (const store of [source, target]) await store.close();
  });

  test("takes no key or id that would become a path outside of a folder", async () => {
    const source = await newStore();
    const { info } = await source.createRun({ experimentId: "0" });
    await source.close();
    for (const [table, column] of [
      ["tags", '"key"'],
      ["runs", "run_uuid"],
    ] as const) {
      const path = source.uri.slice("sqlite:///".length);
      const copied = join(newFolder(), "evil.db");
      copyFileSync(path, copied);
      const database = await SqliteDatabase.open(copied);
      await database.write(async (sql) => {
        await sql.run("PRAGMA defer_foreign_keys = ON");
        await sql.run(`UPDATE ${table} SET ${column} = '../../../evil' WHERE run_uuid = ?`, info.runId);
        if (table === "runs") await sql.run("UPDATE tags SET run_uuid = '../../../evil'");
      });
      await database.close();
      const evil = await SqliteStore.open({ path: copied });
      const target = await newStore("mlruns");
      await expect(copyStore(evil, target)).rejects.toMatchObject({ code: "INVALID_PARAMETER_VALUE" });
      for (const store of [evil, target]) await store.close();
    }
  });
});

/** Logs a run with points of two metrics and returns its id. */
async function curves(store: Store, experimentId: string, count: number): Promise<string> {
  const { info } = await store.createRun({ experimentId });
  for (let start = 0; start < count; start += 500) {
    const steps = Array.from({ length: Math.min(500, count - start) }, (_, i) => start + i);
    const metrics = steps.flatMap((step) => [
      { key: "loss", value: 1 / (step + 1), timestamp: step, step },
      { key: "lr", value: step % 7 === 0 ? NaN : step, timestamp: step, step },
    ]);
    await store.logBatch({ runId: info.runId, metrics });
  }
  return info.runId;
}
