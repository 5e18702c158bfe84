import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Metric } from "../../types.ts";
import { SqliteDatabase } from "./sqlite-database.ts";
import { SqliteStore } from "./sqlite-store.ts";

let folder: string;
let path: string;
let store: SqliteStore;
let experimentId: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "sconce-"));
  path = join(folder, "mlflow.db");
  store = await SqliteStore.open({ path });
  experimentId = await store.createExperiment({ name: "spam/first" });
});

afterEach(() => store.close());

async function newRun(): Promise<string> {
  return (await store.createRun({ experimentId })).info.runId;
}

function point(value: number, step = 0, timestamp = 1000, key = "loss"): Metric {
  return { key, value, timestamp, step };
}

describe("experiments", () => {
  test("a new database holds MLflow's default experiment, and a new one gets the next id", async () => {
    expect(await store.getExperiment("0")).toMatchObject({
      name: "Default",
      artifactLocation: join(folder, "Artifacts", "0"),
      lifecycleStage: "active",
    });
    expect(await store.getExperimentByName("spam/first")).toMatchObject({
      experimentId: "1",
      artifactLocation: join(folder, "Artifacts", "1"),
      tags: {},
    });
    expect(await store.getExperimentByName("spam/second")).toBeUndefined();
  });

  test("a name that is taken, empty or too long, and an unknown id are refused with MLflow's codes", async () => {
    await expect(store.createExperiment({ name: "spam/first" })).rejects.toMatchObject({
      code: "RESOURCE_ALREADY_EXISTS",
      message: 'createExperiment: an experiment "spam/first" exists already. Choose another name.',
    });
    for (const name of ["", "  ", "x".repeat(501)]) {
      await expect(store.createExperiment({ name })).rejects.toMatchObject({
        code: "INVALID_PARAMETER_VALUE",
      });
    }
    await expect(store.getExperiment("77")).rejects.toMatchObject({ code: "RESOURCE_DOES_NOT_EXIST" });
    await expect(store.getExperiment("1; DROP TABLE runs")).rejects.toThrowErrorMatchingInlineSnapshot(
      `[TrackingError: experiment id: it must be a whole number, got "1; DROP TABLE runs". Look it up by name.]`,
    );
  });

  test("a failed creation leaves nothing behind", async () => {
    await expect(store.createExperiment({ name: "half", tags: { "a?": "b" } })).rejects.toThrow(
      /only letters/,
    );
    expect(await store.getExperimentByName("half")).toBeUndefined();
  });

  test("a relative artifact location becomes absolute, one with escapes a URI, and runs: is refused", async () => {
    const locate = async (name: string, artifactLocation: string) =>
      (await store.getExperiment(await store.createExperiment({ name, artifactLocation }))).artifactLocation;
    expect(await locate("a", "outputs/x")).toBe(join(process.cwd(), "outputs/x"));
    expect(await locate("b", "/data/50% #1")).toBe("file:///data/50%25%20%231");
    expect(await locate("c", "s3://bucket/x")).toBe("s3://bucket/x");
    await expect(locate("d", "runs:/abc/model")).rejects.toMatchObject({ code: "INVALID_PARAMETER_VALUE" });
  });
});

describe("runs", () => {
  test("a run begins as RUNNING with its name as a tag, and its artifacts lie under the experiment", async () => {
    const run = await store.createRun({
      experimentId,
      runName: "a",
      userId: "ann",
      startTime: 5,
      tags: { k: "v" },
    });
    expect(run).toEqual({
      info: {
        runId: run.info.runId,
        runName: "a",
        experimentId,
        userId: "ann",
        status: "RUNNING",
        startTime: 5,
        lifecycleStage: "active",
        artifactUri: join(folder, "Artifacts", "1", run.info.runId, "artifacts"),
      },
      data: { metrics: {}, latestMetrics: [], params: {}, tags: { k: "v", "mlflow.runName": "a" } },
      inputs: { datasetInputs: [], modelInputs: [] },
      outputs: { modelOutputs: [] },
    });
    expect(run.info.runId).toMatch(/^[0-9a-f]{32}$/);
    expect(await store.getRun(run.info.runId)).toEqual(run);
  });

  test("a run without a name gets one, and two names that differ are refused", async () => {
    expect((await store.createRun({ experimentId })).info.runName).toMatch(/^[a-z]+-[a-z]+-\d+$/);
    await expect(
      store.createRun({ experimentId, runName: "a", tags: { "mlflow.runName": "b" } }),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[TrackingError: createRun: runName and the tag mlflow.runName must agree, got "a" and "b". Give one.]`,
    );
  });

  test("an update changes what it names, and a rename changes the tag too", async () => {
    const runId = await newRun();
    expect(await store.updateRun({ runId, status: "FINISHED", endTime: 99 })).toMatchObject({ endTime: 99 });
    const info = await store.updateRun({ runId, runName: "new" });
    expect(info).toMatchObject({ status: "FINISHED", endTime: 99, runName: "new" });
    await store.setTags(runId, { "mlflow.runName": "newer" });
    const run = await store.getRun(runId);
    expect([run.info.runName, run.data.tags["mlflow.runName"]]).toEqual(["newer", "newer"]);
  });

  test("a run that does not exist, or is in the trash, cannot be written", async () => {
    await expect(store.logBatch({ runId: "nope", metrics: [point(1)] })).rejects.toMatchObject({
      code: "RESOURCE_DOES_NOT_EXIST",
    });
    await expect(store.metricHistory("nope", "loss")).rejects.toMatchObject({
      code: "RESOURCE_DOES_NOT_EXIST",
    });
    const runId = await newRun();
    execSql(path, `UPDATE runs SET lifecycle_stage = 'deleted' WHERE run_uuid = '${runId}'`);
    await expect(store.logBatch({ runId, metrics: [point(1)] })).rejects.toMatchObject({
      code: "INVALID_PARAMETER_VALUE",
    });
    expect(await store.searchRuns()).toEqual([]);
  });

  test("a search filters by experiment and state, puts the newest first and stops at the limit", async () => {
    const other = await store.createExperiment({ name: "other" });
    const ids: string[] = [];
    for (const [startTime, id] of [
      [3, experimentId],
      [1, experimentId],
      [2, other],
    ] as const) {
      ids.push((await store.createRun({ experimentId: id, startTime })).info.runId);
    }
    await store.updateRun({ runId: ids[1] ?? "", status: "FAILED" });
    const found = async (input: Parameters<SqliteStore["searchRuns"]>[0]) =>
      (await store.searchRuns(input)).map((run) => ids.indexOf(run.info.runId));
    expect(await found({})).toEqual([0, 2, 1]);
    expect(await found({ experimentIds: [experimentId] })).toEqual([0, 1]);
    expect(await found({ experimentIds: [] })).toEqual([]);
    expect(await found({ filter: "status = 'RUNNING'" })).toEqual([0, 2]);
    expect(await found({ maxResults: 1 })).toEqual([0]);
    await expect(store.searchRuns({ maxResults: 0 })).rejects.toMatchObject({
      code: "INVALID_PARAMETER_VALUE",
    });
  });
});

test("a search in more experiments than a statement binds is refused, one in very many is not", async () => {
  const ids = (count: number) => Array.from({ length: count }, (_, i) => String(i));
  await newRun();
  expect(await store.searchRuns({ experimentIds: ids(30_000) })).toHaveLength(1);
  await expect(store.searchRuns({ experimentIds: ids(30_001) })).rejects.toThrow(/Search in parts/);
});

describe("batches", () => {
  test("NaN and the infinities come back as they went in", async () => {
    const runId = await newRun();
    const values = [NaN, Infinity, -Infinity, -0.5, 1e-300];
    await store.logBatch({ runId, metrics: values.map((value, step) => point(value, step)) });
    expect((await store.metricHistory(runId, "loss")).map(({ value }) => value)).toEqual(values);
    await store.logBatch({ runId, metrics: [point(NaN, 9)] });
    expect((await store.getRun(runId)).data.metrics).toEqual({ loss: NaN });
  });

  test("the latest value is that of the last step, then time, then value, in whatever order it comes", async () => {
    const expected = { loss: 7 };
    const points = [point(1, 5, 10), point(9, 4, 99), point(3, 5, 20), point(7, 5, 20), point(NaN, 5, 20)];
    for (const metrics of [points, points.toReversed()]) {
      const together = await newRun();
      await store.logBatch({ runId: together, metrics });
      expect((await store.getRun(together)).data.metrics).toEqual(expected);
      const apart = await newRun();
      for (const metric of metrics) await store.logBatch({ runId: apart, metrics: [metric] });
      expect((await store.getRun(apart)).data.metrics).toEqual(expected);
    }
  });

  test("a point that is logged twice is there once", async () => {
    const runId = await newRun();
    for (let i = 0; i < 3; i++) await store.logBatch({ runId, metrics: [point(1), point(NaN, 1), point(1)] });
    expect(await store.metricHistory(runId, "loss")).toEqual([point(1), point(NaN, 1)]);
  });

  test("a param may be logged again with its value, not with another, and then nothing of the batch is kept", async () => {
    const runId = await newRun();
    await store.logBatch({ runId, params: [{ key: "lr", value: "0.1" }] });
    await store.logBatch({ runId, params: [{ key: "lr", value: "0.1" }] });
    const batch = {
      runId,
      metrics: [point(1)],
      params: [
        { key: "seed", value: "1" },
        { key: "lr", value: "0.2" },
      ],
      tags: [{ key: "a", value: "b" }],
    };
    await expect(store.logBatch(batch)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[TrackingError: param "lr": a value cannot change once it is logged, got "0.2" after "0.1". Start another run, or log it under another name.]`,
    );
    const { data } = await store.getRun(runId);
    expect([data.params, data.metrics, data.tags["a"]]).toEqual([{ lr: "0.1" }, {}, undefined]);
  });

  test("long values are cut with a mark, equal ones may be logged again", async () => {
    const runId = await newRun();
    const value = `${"x".repeat(5961)}😀${"y".repeat(100)}`;
    for (let i = 0; i < 2; i++) await store.logBatch({ runId, params: [{ key: "p", value }] });
    await store.setTags(runId, { t: "z".repeat(9000) });
    const { params, tags } = (await store.getRun(runId)).data;
    expect(params["p"]?.length).toBeLessThanOrEqual(6000);
    expect(params["p"]).toMatch(/x\.\.\. \[truncated, 6063 characters in all\]$/);
    expect(tags["t"]).toHaveLength(8000);
  });

  test("names that MLflow refuses are refused, with the whole batch", async () => {
    const runId = await newRun();
    const names = ["", "a?", "../a", "/a", "a//b", "a/.", "a\0", "x".repeat(251), "a\n"];
    for (const key of names) {
      for (const batch of [
        { metrics: [point(1, 0, 0, key)] },
        { params: [{ key, value: "" }] },
        { tags: [{ key, value: "" }] },
      ]) {
        await expect(store.logBatch({ runId, ...batch }), JSON.stringify(key)).rejects.toMatchObject({
          code: "INVALID_PARAMETER_VALUE",
        });
      }
    }
    const good = ["a", "a.b/c-d e:f_9", "größe", "__proto__", "constructor"];
    await store.logBatch({ runId, params: good.map((key) => ({ key, value: "v" })) });
    expect(Object.keys((await store.getRun(runId)).data.params).sort()).toEqual(good.sort());
  });

  test("bad steps, times and values, and batches beyond the limits are refused", async () => {
    const runId = await newRun();
    const many = (count: number) => Array.from({ length: count }, (_, i) => ({ key: `k${i}`, value: "" }));
    const bad = [
      { metrics: [point(1, 0.5)] },
      { metrics: [point(1, NaN)] },
      { metrics: [point(1, 0, -1)] },
      { metrics: [point(1, 0, 1.5)] },
      { metrics: [{ ...point(1), value: "1" as unknown as number }] },
      { metrics: many(1001).map(({ key }) => point(1, 0, 0, key)) },
      { params: many(101) },
      { tags: many(101) },
      { metrics: many(950).map(({ key }) => point(1, 0, 0, key)), params: many(60) },
      { params: [...many(1), ...many(1)] },
    ];
    for (const batch of bad) {
      await expect(store.logBatch({ runId, ...batch })).rejects.toMatchObject({
        code: "INVALID_PARAMETER_VALUE",
      });
    }
    expect((await store.getRun(runId)).data).toMatchObject({ metrics: {}, params: {} });
  });

  test("10,000 points are written in well under two seconds", async () => {
    const runId = await newRun();
    const start = performance.now();
    for (let batch = 0; batch < 10; batch++) {
      const metrics = Array.from({ length: 1000 }, (_, i) => point(Math.random(), batch * 1000 + i));
      await store.logBatch({ runId, metrics });
    }
    const elapsed = performance.now() - start;
    console.log(`10,000 points in ${elapsed.toFixed(0)} ms`);
    expect(elapsed).toBeLessThan(2000);
    expect(await store.metricHistory(runId, "loss")).toHaveLength(10_000);
  });
});

describe("inputs and logged models", () => {
  const train = {
    dataset: { name: "train", digest: "d1", sourceType: "local", source: "{}", profile: '{"num_rows":3}' },
    tags: { "mlflow.data.context": "training" },
  };

  test("data sets are recorded once per run and shared within the experiment", async () => {
    const [first, second] = [await newRun(), await newRun()];
    await store.logInputs(first, [train]);
    await store.logInputs(first, [train]);
    await store.logInputs(second, [train]);
    expect((await store.getRun(first)).inputs.datasetInputs).toEqual([train]);
    expect((await store.getRun(second)).inputs.datasetInputs).toEqual([train]);
    expect(execSql(path, "SELECT COUNT(*) AS n FROM datasets")).toEqual([{ n: 1 }]);
    const long = { ...train, dataset: { ...train.dataset, digest: "x".repeat(37) } };
    await expect(store.logInputs(first, [long])).rejects.toMatchObject({ code: "INVALID_PARAMETER_VALUE" });
  });

  test("a logged model is pending until it is finalized, and is an output of its run", async () => {
    const runId = await newRun();
    const input = { experimentId, name: "first", sourceRunId: runId, tags: { a: "b" }, params: { lr: "1" } };
    const model = await store.createLoggedModel(input);
    expect(model).toMatchObject({ ...input, status: "PENDING" });
    expect(model.artifactLocation).toBe(join(folder, "Artifacts/1/models", model.modelId, "artifacts"));
    expect(await store.finalizeLoggedModel(model.modelId, "READY")).toMatchObject({ status: "READY" });
    await store.logOutputs(runId, [{ modelId: model.modelId, step: 4 }]);
    expect((await store.getRun(runId)).outputs.modelOutputs).toEqual([{ modelId: model.modelId, step: 4 }]);
    await expect(store.logOutputs(runId, [{ modelId: "m-no", step: 0 }])).rejects.toMatchObject({
      code: "RESOURCE_DOES_NOT_EXIST",
    });
    await expect(store.createLoggedModel({ experimentId, name: "a/b" })).rejects.toThrow(
      /must not be empty nor/,
    );
  });
});

describe("registry", () => {
  test("versions count up, and an alias moves from one to the next", async () => {
    await store.createRegisteredModel({ name: "spam", description: "mails", tags: { a: "b" } });
    const runId = await newRun();
    for (const source of ["/a", "/b"]) await store.createModelVersion({ name: "spam", source, runId });
    await store.setModelAlias("spam", "champion", 1);
    await store.setModelAlias("spam", "champion", 2);
    await store.setModelVersionTags("spam", 2, { f1: "0.9" });
    expect(await store.getModelVersionByAlias("spam", "champion")).toMatchObject({
      version: 2,
      source: "/b",
      storageLocation: "/b",
      runId,
      status: "READY",
      currentStage: "None",
      aliases: ["champion"],
      tags: { f1: "0.9" },
    });
    expect((await store.getModelVersion("spam", 1)).aliases).toEqual([]);
    expect(
      (await store.searchModelVersions({ filter: "name = 'spam'", orderBy: ["version_number DESC"] })).map(
        ({ version }) => version,
      ),
    ).toEqual([2, 1]);
    expect((await store.getModelVersionByAlias("spam", "latest")).version).toBe(2);
    expect(await store.getRegisteredModel("spam")).toMatchObject({
      description: "mails",
      tags: { a: "b" },
      aliases: { champion: 2 },
    });
    await store.deleteModelAlias("spam", "champion");
    await expect(store.getModelVersionByAlias("spam", "champion")).rejects.toThrowErrorMatchingInlineSnapshot(
      `[TrackingError: registered model "spam": no alias "champion". Its aliases: none.]`,
    );
  });

  test("what does not exist or has a bad name is refused", async () => {
    await store.createRegisteredModel({ name: "spam" });
    await expect(store.createRegisteredModel({ name: "spam" })).rejects.toMatchObject({
      code: "RESOURCE_ALREADY_EXISTS",
    });
    const notThere = { code: "RESOURCE_DOES_NOT_EXIST" };
    await expect(store.getRegisteredModel("ham")).rejects.toMatchObject(notThere);
    await expect(store.createModelVersion({ name: "ham", source: "/a" })).rejects.toMatchObject(notThere);
    await expect(store.setModelAlias("spam", "champion", 1)).rejects.toMatchObject(notThere);
    await expect(store.getModelVersionByAlias("spam", "latest")).rejects.toMatchObject(notThere);
    await expect(store.createModelVersion({ name: "spam", source: "models:/m-0abc" })).rejects.toMatchObject(
      notThere,
    );
    const bad = { code: "INVALID_PARAMETER_VALUE" };
    for (const name of ["", "a/b", "a:b", ".."]) {
      await expect(store.createRegisteredModel({ name })).rejects.toMatchObject(bad);
    }
    await store.createModelVersion({ name: "spam", source: "/a" });
    for (const alias of ["", "a b", "latest", "V12"]) {
      await expect(store.setModelAlias("spam", alias, 1), alias).rejects.toMatchObject(bad);
    }
  });
});

describe("faults", () => {
  test("a full disk is reported, keeps what was written, and writing goes on once there is room", async () => {
    const runId = await newRun();
    await store.setTags(runId, { before: "kept" });
    await store.close();
    const database = await SqliteDatabase.open(path);
    const query = (statement: string) => database.read((sql) => sql.all(statement));
    const pages = Number((await query("PRAGMA page_count"))[0]?.["page_count"]);
    await query(`PRAGMA max_page_count = ${pages}`);
    const fill = () =>
      database.write(async (sql) => {
        for (let i = 0; i < 100; i++) {
          await sql.run("INSERT INTO tags VALUES (?, ?, ?)", `k${i}`, "x".repeat(8000), runId);
        }
      });
    await expect(fill()).rejects.toMatchObject({
      code: "TEMPORARILY_UNAVAILABLE",
      message: `${path}: the disk is full. Free some space (database or disk is full).`,
    });
    expect(await query("SELECT \"key\" FROM tags WHERE value = 'kept'")).toHaveLength(1);
    expect(await query("SELECT COUNT(*) AS n FROM tags WHERE \"key\" LIKE 'k%'")).toEqual([{ n: 0 }]);
    await query("PRAGMA max_page_count = 100000");
    await fill();
    await database.close();
    store = await SqliteStore.open({ path });
    expect(Object.keys((await store.getRun(runId)).data.tags)).toHaveLength(102);
  });

  test("a folder that cannot be written, and a file that is no database, get a clear message", async () => {
    const file = join(folder, "text.db");
    writeFileSync(file, "this is no database ".repeat(100));
    await expect(SqliteStore.open({ path: file })).rejects.toThrow(
      /text\.db: it is damaged or no SQLite file/,
    );
    expect(readFileSync(file, "utf8")).toBe("this is no database ".repeat(100));
    await expect(SqliteStore.open({ path: join(file, "x.db") })).rejects.toThrow(
      /x\.db: it cannot be opened/,
    );
    if (process.getuid?.() === 0) return; // root may write anywhere
    chmodSync(folder, 0o500);
    await expect(SqliteStore.open({ path: join(folder, "new.db") })).rejects.toThrow(/cannot be/);
    chmodSync(folder, 0o700);
  });

  test("a schema of another MLflow is refused with the way out, and not touched", async () => {
    await store.close();
    execSql(path, "UPDATE alembic_version SET version_num = '0123456789ab'");
    const before = readFileSync(path);
    const error = await SqliteStore.open({ path }).catch((reason: Error) =>
      reason.message.replaceAll(path, "PATH"),
    );
    expect(error).toMatchInlineSnapshot(
      `"PATH: the schema must be MLflow 3.17.2's (revision dc11669786a5), got revision 0123456789ab. If an older MLflow wrote it, back it up and run: pip install mlflow==3.17.2 && mlflow db upgrade sqlite:///PATH. If a newer one did, use another file."`,
    );
    expect(readFileSync(path).equals(before)).toBe(true);
    execSql(path, "UPDATE alembic_version SET version_num = 'dc11669786a5'");
    store = await SqliteStore.open({ path });
  });

  test("a SQLite file of another program is refused and not touched", async () => {
    const file = join(folder, "other.db");
    execSql(file, "CREATE TABLE songs (name TEXT)");
    await expect(SqliteStore.open({ path: file })).rejects.toThrow(
      /with other tables \(songs\)\. Name another file/,
    );
    expect(execSql(file, "SELECT name FROM sqlite_master")).toEqual([{ name: "songs" }]);
  });

  test("a write waits for another process, without blocking, and gives up with a message", async () => {
    const runId = await newRun();
    const locker = sqlite(path);
    locker.exec("BEGIN IMMEDIATE");
    let ticks = 0;
    const timer = setInterval(() => ticks++, 10);
    const write = store.setTags(runId, { a: "b" });
    setTimeout(() => locker.exec("ROLLBACK"), 120);
    await write;
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(0);
    const impatient = await SqliteStore.open({ path, lockTimeoutMs: 100 });
    locker.exec("BEGIN IMMEDIATE");
    await expect(impatient.setTags(runId, { a: "c" })).rejects.toThrow(/another process keeps it locked/);
    expect((await store.getRun(runId)).data.tags["a"]).toBe("b"); // reading goes on meanwhile
    locker.exec("ROLLBACK");
    locker.close();
    await impatient.close();
  });

  test("others may read the file but not write it", () => {
    expect(statSync(path).mode & 0o022).toBe(0);
    expect(existsSync(join(folder, "Artifacts"))).toBe(false); // made when there is something to put in
  });
});

interface RawDatabase {
  exec(sql: string): void;
  prepare(sql: string): { all(): unknown[]; reader: boolean; run(): void };
  close(): void;
}

function sqlite(file: string): RawDatabase {
  const Raw = createRequire(import.meta.url)("libsql") as new (file: string) => RawDatabase;
  return new Raw(file);
}

function execSql(file: string, sql: string): unknown[] {
  const database = sqlite(file);
  try {
    if (sql.startsWith("SELECT")) return database.prepare(sql).all();
    database.exec(sql);
    return [];
  } finally {
    database.close();
  }
}

test("a store that is closed is one file: a copy of it alone is whole", async () => {
  const runId = await newRun();
  for (let step = 0; step < 50; step++) await store.logBatch({ runId, metrics: [point(step, step)] });
  await store.close();
  const copy = join(folder, "copy.db");
  copyFileSync(path, copy);
  const copied = await SqliteStore.open({ path: copy });
  expect(await copied.metricHistory(runId, "loss")).toHaveLength(50);
  await copied.close();
  store = await SqliteStore.open({ path });
});
