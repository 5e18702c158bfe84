// The store on a real PostgreSQL server.
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { describeRegistryStore, describeTrackingStore } from "sconce/testing";
import { PostgresStore, openStore } from "sconce/tracking";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PostgresDatabase } from "../../src/tracking/stores/sql/postgres-database.ts";
import { type PostgresServer, postgresSkipReason, runSql, startPostgres } from "../postgres.ts";

// written by tools/golden/tracking_schema_postgresql.py
const golden = JSON.parse(
  readFileSync(new URL("../goldens/tracking/mlflow-schema-postgresql.json", import.meta.url), "utf8"),
) as Record<string, unknown>;

// as that script asks
const catalogue = {
  columns:
    "SELECT table_name, column_name, data_type, character_maximum_length, is_nullable, column_default " +
    "FROM information_schema.columns WHERE table_schema = 'public'",
  constraints:
    "SELECT conrelid::regclass::text AS name, conname, pg_get_constraintdef(oid) FROM pg_constraint " +
    "WHERE connamespace = 'public'::regnamespace",
  indexes: "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
  triggers:
    "SELECT tgrelid::regclass::text AS name, tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
  sequences:
    "SELECT sequencename, data_type::text, start_value::int, increment_by::int FROM pg_sequences WHERE schemaname = 'public'",
};

describe.skipIf(postgresSkipReason !== undefined)(`PostgreSQL (${postgresSkipReason ?? "is there"})`, () => {
  let server: PostgresServer;
  let uri: string;
  const artifactRoot = "/tmp/sconce-artifacts";
  const open = (options = {}) => PostgresStore.open({ uri, artifactRoot, ...options });

  beforeAll(async () => {
    server = await startPostgres();
    uri = await server.createDatabase();
  });
  afterAll(() => server?.stop());

  test("an empty database gets MLflow's tables, keys, indexes, triggers and first rows", async () => {
    const empty = await server.createDatabase();
    await (await PostgresStore.open({ uri: empty, artifactRoot })).close();
    for (const [name, query] of Object.entries(catalogue)) {
      const rows = (await runSql(empty, query)).map((row) => Object.values(row));
      expect(rows.filter(([table]) => !String(table).startsWith("sconce_")).sort(byText), name).toEqual(
        [...(golden[name] as unknown[][])].sort(byText),
      );
    }
    expect(await runSql(empty, "SELECT version_num FROM alembic_version")).toEqual([
      { version_num: golden["revision"] },
    ]);
    expect(await runSql(empty, "SELECT name FROM workspaces")).toEqual([{ name: "default" }]);
    expect(await runSql(empty, "SELECT experiment_id, name, artifact_location FROM experiments")).toEqual([
      { experiment_id: 0, name: "Default", artifact_location: `${artifactRoot}/0` },
    ]);
  });

  test("processes that open an empty database at once agree on it", async () => {
    const empty = await server.createDatabase();
    const stores = await Promise.all(
      Array.from({ length: 5 }, () => PostgresStore.open({ uri: empty, artifactRoot })),
    );
    const ids = await Promise.all(stores.map((store, i) => store.createExperiment({ name: `e${i}` })));
    expect(new Set(ids).size).toBe(5);
    for (const store of stores) await store.close();
    const known = await PostgresStore.open({ uri: empty });
    expect(known.artifactRoot).toBe(artifactRoot); // as the database has it
    await known.close();
  });

  test("openStore knows the URI that SQLAlchemy's users have", async () => {
    const store = await openStore(uri.replace("postgresql:", "postgresql+psycopg2:"), { artifactRoot });
    expect(store).toBeInstanceOf(PostgresStore);
    expect(store.uri).toBe(uri.replace(/(:\/\/[^:@/]*):[^@/]*@/, "$1@"));
    await store.close();
    await expect(openStore("mysql://ann:s3cret@db/x")).rejects.toThrow(/got "mysql:\/\/db\/x"/);
  });

  test("the tables stand in the schema that the URI names", async () => {
    const database = await server.createDatabase();
    await runSql(database, "CREATE SCHEMA tracking", "CREATE TABLE songs (name TEXT)");
    const inSchema = `${database}${database.includes("?") ? "&" : "?"}options=-csearch_path%3Dtracking`;
    const store = await PostgresStore.open({ uri: inSchema, artifactRoot });
    await store.createExperiment({ name: "there" });
    await store.close();
    expect(await runSql(database, "SELECT name FROM tracking.experiments ORDER BY 1")).toEqual([
      { name: "Default" },
      { name: "there" },
    ]);
  });

  test("a new database without artifactRoot, of another program or release is refused", async () => {
    const empty = await server.createDatabase();
    await expect(PostgresStore.open({ uri: empty })).rejects.toThrow(/artifactRoot must say where/);
    const other = await server.createDatabase();
    await runSql(other, "CREATE TABLE songs (name TEXT)");
    await expect(PostgresStore.open({ uri: other, artifactRoot })).rejects.toThrow(
      /must be a tracking database or empty, got a database with other tables \(songs\)/,
    );
    const late = await server.createDatabase();
    await (await PostgresStore.open({ uri: late, artifactRoot })).close();
    await runSql(late, "UPDATE alembic_version SET version_num = '0123456789ab'");
    await expect(PostgresStore.open({ uri: late, artifactRoot })).rejects.toMatchObject({
      code: "INVALID_STATE",
      message: expect.stringMatching(/got revision 0123456789ab.*mlflow db upgrade postgresql:/),
    });
  });

  test("a server and a database that are not there are told apart, without the password", async () => {
    const missing = uri.replace(/sconce_test_\w+/, "nowhere");
    await expect(PostgresStore.open({ uri: missing, artifactRoot })).rejects.toMatchObject({
      code: "INVALID_STATE",
      message: expect.stringContaining("there is no such database. Create it with createdb"),
    });
    const dead = "postgresql+psycopg2://ann:s3cret@127.0.0.1:1/x?connect_timeout=5";
    const error: Error = await PostgresStore.open({ uri: dead, artifactRoot }).then(
      () => new Error("opened"),
      (reason: Error) => reason,
    );
    expect(error).toMatchObject({ code: "TEMPORARILY_UNAVAILABLE" });
    expect(error.message).toMatch(/^postgresql:\/\/ann@127\.0\.0\.1:1\/x: it cannot be reached/);
    expect(`${error.message} ${String(error.cause)} ${error.stack}`).not.toContain("s3cret");
  });

  test("a value that the tables do not take is the caller's mistake", async () => {
    const store = await open();
    const mistake = { code: "INVALID_PARAMETER_VALUE" };
    await expect(store.createExperiment({ name: "nul \0" })).rejects.toMatchObject(mistake);
    await expect(store.createExperiment({ name: "x".repeat(300) })).rejects.toMatchObject(mistake);
    await expect(store.searchRuns({ filter: "start_time < 1e30" })).resolves.toBeDefined();
    await store.close();
  });

  test("connections that the server ends are replaced, and calls that wait for a lock give up", async () => {
    const store = await open({ lockTimeoutMs: 200 });
    const experimentId = await store.createExperiment({ name: `ended ${Date.now()}` });
    const { runId } = (await store.createRun({ experimentId })).info;
    await runSql(
      uri,
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity " +
        "WHERE pid <> pg_backend_pid() AND datname = current_database()",
    );
    await store.setTags(runId, { a: "b" });
    const locker = new pg.Client({ connectionString: uri });
    await locker.connect();
    await locker.query("BEGIN");
    await locker.query("SELECT 1 FROM runs WHERE run_uuid = $1 FOR UPDATE", [runId]);
    await expect(store.setTags(runId, { a: "c" })).rejects.toMatchObject({
      code: "TEMPORARILY_UNAVAILABLE",
      message: expect.stringContaining("another process keeps what it needs locked"),
    });
    expect((await store.getRun(runId)).data.tags["a"]).toBe("b"); // reading goes on meanwhile
    await locker.end();
    await store.close();
  });

  test("a transaction that meets a deadlock is carried out all the same", async () => {
    const database = await PostgresDatabase.open(uri);
    await runSql(
      uri,
      "CREATE TABLE sconce_test_deadlock AS SELECT i, 0 AS n FROM generate_series(1, 2) AS i",
    );
    let attempts = 0;
    const add = (rows: number[]) =>
      database.write(async (sql) => {
        attempts++;
        for (const row of rows) {
          await sql.run("UPDATE sconce_test_deadlock SET n = n + 1 WHERE i = ?", row);
          await sleep(100);
        }
      });
    await Promise.all([add([1, 2]), add([2, 1])]);
    expect(attempts).toBeGreaterThan(2);
    expect(await runSql(uri, "SELECT n FROM sconce_test_deadlock")).toEqual([{ n: 2 }, { n: 2 }]);
    await runSql(uri, "DROP TABLE sconce_test_deadlock");
    await database.close();
  });

  describeTrackingStore("PostgresStore", open, { runner: { describe, test } });
  describeRegistryStore("PostgresStore", open, { runner: { describe, test } });
});

function byText(a: unknown[], b: unknown[]): number {
  return a.join("\0") < b.join("\0") ? -1 : 1;
}
