import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Libsql from "libsql";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Sql, SqlDialect, SqlRow } from "./sql.ts";
import { WriteQueue } from "./write-queue.ts";

let path: string;
let connection: Libsql.Database;
let statements: string[]; // those that begin and end transactions
let queue: WriteQueue;

beforeEach(() => {
  path = join(mkdtempSync(join(tmpdir(), "sconce-")), "queue.db");
  connection = new Libsql(path);
  connection.pragma("journal_mode = WAL");
  connection.pragma("foreign_keys = ON");
  connection.exec("CREATE TABLE runs (id INTEGER PRIMARY KEY, text TEXT)");
  connection.exec("CREATE TABLE points (run INTEGER REFERENCES runs (id))");
  statements = [];
  const all = async (statement: string, ...values: unknown[]) =>
    connection.prepare(statement).all(values) as SqlRow[];
  const sql: Sql = {
    dialect: {} as SqlDialect,
    all,
    first: async (statement, ...values) => (await all(statement, ...values))[0],
    run: async (statement, ...values) => connection.prepare(statement).run(values).changes,
  };
  queue = new WriteQueue({
    connection: {
      exec(statement) {
        statements.push(statement);
        return connection.exec(statement);
      },
      get inTransaction() {
        return connection.inTransaction;
      },
    },
    sql,
    inTurn: (work) => work(),
    lockTimeoutMs: 200,
  });
});

afterEach(() => void connection.close());

const insert = (id: number) => async (sql: Sql) => {
  await sql.run("INSERT INTO runs VALUES (?, ?)", id, "");
  return id;
};
const kept = () =>
  (connection.prepare("SELECT id FROM runs ORDER BY id").all() as { id: number }[]).map(({ id }) => id);
const commits = () => statements.filter((statement) => statement === "COMMIT").length;
const outcomes = async (writes: Promise<unknown>[]) =>
  (await Promise.allSettled(writes)).map(({ status }) => status);

test("sixteen writes at once of which one throws keep the other fifteen, with fewer commits than writes", async () => {
  const numbers = Array.from({ length: 16 }, (_, id) => id);
  const settled = await Promise.allSettled(
    numbers.map((id) =>
      queue.add(async (sql) => {
        await insert(id)(sql);
        if (id === 7) throw new RangeError("seven");
        return id;
      }),
    ),
  );
  expect(settled[7]).toEqual({ status: "rejected", reason: new RangeError("seven") });
  expect(settled.filter(({ status }) => status === "fulfilled")).toEqual(
    numbers.filter((id) => id !== 7).map((value) => ({ status: "fulfilled", value })),
  );
  expect(kept()).toEqual(numbers.filter((id) => id !== 7));
  expect(commits()).toBe(1);
});

test("a write alone is one transaction without savepoints, kept or undone", async () => {
  expect(await queue.add(insert(1))).toBe(1);
  await expect(queue.add(insert(1))).rejects.toThrow(/UNIQUE/);
  expect(statements).toEqual(["BEGIN IMMEDIATE", "COMMIT", "BEGIN IMMEDIATE", "ROLLBACK"]);
  expect(kept()).toEqual([1]);
});

test("a write that throws as the first leaves the others to the next transaction", async () => {
  await queue.add(insert(1));
  expect(await outcomes([1, 2, 3].map((id) => queue.add(insert(id))))).toEqual([
    "rejected",
    "fulfilled",
    "fulfilled",
  ]);
  expect(kept()).toEqual([1, 2, 3]);
});

test("a transaction that cannot be committed fails all of its writes, and the next ones go on", async () => {
  const dangling = async (sql: Sql) => {
    await sql.run("PRAGMA defer_foreign_keys = ON");
    await sql.run("INSERT INTO points VALUES (99)"); // found out when the transaction is committed
  };
  const all = [insert(1), dangling, insert(2)].map((work) => queue.add<unknown>(work));
  for (const { status, ...rest } of await Promise.allSettled(all)) {
    expect([status, rest]).toEqual([
      "rejected",
      { reason: expect.objectContaining({ message: expect.stringMatching(/FOREIGN KEY/) }) },
    ]);
  }
  expect(kept()).toEqual([]);
  await queue.add(insert(3));
  expect(kept()).toEqual([3]);
});

test("a full disk undoes the whole transaction, and its writes are told so", async () => {
  await queue.add(insert(1));
  const pages = (connection.prepare("PRAGMA page_count").get() as { page_count: number }).page_count;
  connection.pragma(`max_page_count = ${pages + 2}`);
  const large = (sql: Sql) => sql.run("INSERT INTO runs VALUES (3, ?)", "x".repeat(100_000));
  const settled = await Promise.allSettled([queue.add<unknown>(insert(2)), queue.add<unknown>(large)]);
  for (const outcome of settled) expect(outcome).toMatchObject({ reason: { code: "SQLITE_FULL" } });
  expect(kept()).toEqual([1]);
  await queue.add(insert(4));
  expect(kept()).toEqual([1, 4]);
});

test("while another connection writes, writes wait in order, and those that wait too long give up", async () => {
  const other = new Libsql(path);
  other.exec("BEGIN IMMEDIATE");
  const early = queue.add(insert(1));
  setTimeout(() => other.exec("ROLLBACK"), 60);
  const order: number[] = [];
  await Promise.all([early, queue.add(insert(2))].map((write) => write.then((id) => order.push(id))));
  expect(order).toEqual([1, 2]);

  other.exec("BEGIN IMMEDIATE");
  await expect(queue.add(insert(3))).rejects.toMatchObject({ code: "SQLITE_BUSY" });
  other.exec("ROLLBACK");
  other.close();
  await queue.whenEmpty();
  expect(kept()).toEqual([1, 2]);
});
