import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Sql, SqlValue } from "./sql.ts";
import { SqliteDatabase } from "./sqlite-database.ts";

interface Table {
  columns: SqlValue[][];
  foreignKeys: SqlValue[][];
  constraints: string[];
  indexes: Record<string, { unique: number; columns: SqlValue[][] }>;
}

interface Schema {
  revision: string;
  tables: Record<string, Table>;
  triggers: string[];
}

// written by tools/golden/tracking_schema.py
const golden = JSON.parse(
  readFileSync(new URL("../../../../tests/goldens/tracking/mlflow-schema.json", import.meta.url), "utf8"),
) as Schema;

test("a new database has MLflow's tables, columns, keys, constraints, indexes and triggers", async () => {
  const database = await SqliteDatabase.open(join(mkdtempSync(join(tmpdir(), "sconce-")), "mlflow.db"));
  await database.read(async (sql) => {
    const names = async (type: string) =>
      (await sql.all("SELECT name FROM sqlite_master WHERE type = ? ORDER BY name", type))
        .map(({ name }) => String(name))
        .filter((name) => !name.startsWith("sconce_"));
    expect(await names("table")).toEqual(Object.keys(golden.tables).sort());
    expect(await names("trigger")).toEqual(golden.triggers);
    for (const [name, table] of Object.entries(golden.tables))
      expect(await describe(sql, name), name).toEqual(table);
    expect(await sql.all("SELECT version_num FROM alembic_version")).toEqual([
      { version_num: golden.revision },
    ]);
    expect(await sql.all("SELECT * FROM workspaces")).toEqual([
      {
        name: "default",
        description: "Default workspace for legacy resources",
        default_artifact_root: null,
        trace_archival_location: null,
        trace_archival_retention: null,
      },
    ]);
  });
  await database.close();
});

async function describe(sql: Sql, name: string): Promise<Table> {
  const pragma = async (statement: string) => (await sql.all(statement)).map((row) => Object.values(row));
  const indexes = (await pragma(`PRAGMA index_list("${name}")`)).filter(([, , , origin]) => origin === "c");
  const table = await sql.first("SELECT sql FROM sqlite_master WHERE name = ? AND type = 'table'", name);
  const columnsOf = async (index: string) =>
    (await pragma(`PRAGMA index_xinfo("${index}")`))
      .filter((row) => row[5] === 1)
      .map((row) => [row[2] ?? null, row[3] ?? null]);
  return {
    columns: (await pragma(`PRAGMA table_xinfo("${name}")`)).map((row) => row.slice(1, 7)),
    foreignKeys: (await pragma(`PRAGMA foreign_key_list("${name}")`))
      .map((row) => row.slice(2, 8))
      .sort(byText),
    constraints: String(table?.["sql"])
      .split("\n")
      .map((line) => line.trim().replace(/,$/, ""))
      .filter((line) => /^(CONSTRAINT|CHECK|FOREIGN KEY)\b/.test(line))
      .sort(),
    indexes: Object.fromEntries(
      await Promise.all(
        indexes.map(async ([, index, unique]) => [
          index,
          { unique: Number(unique), columns: await columnsOf(String(index)) },
        ]),
      ),
    ),
  };
}

function byText(a: SqlValue[], b: SqlValue[]): number {
  return a.join("\0") < b.join("\0") ? -1 : 1;
}
