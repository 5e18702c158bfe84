// How the SQL of this folder meets a database: the statements of one transaction, whichever database it is.
import { TrackingError } from "../../../base/index.ts";

/** Is a value that a statement binds or returns; truth is 1 or 0. */
export type SqlValue = string | number | null;

/** Is a row by column name. */
export type SqlRow = Record<string, SqlValue>;

/**
 * Runs the statements of one transaction. Values are written as `?` and bound, never put into the text. Statements
 * keep to the SQL that SQLite and PostgreSQL share; what they write differently is in `dialect`.
 */
export interface Sql {
  readonly dialect: SqlDialect;
  /** Returns all rows of a query. */
  all(statement: string, ...values: SqlValue[]): Promise<SqlRow[]>;
  /** Returns the first row of a query, or undefined. */
  first(statement: string, ...values: SqlValue[]): Promise<SqlRow | undefined>;
  /** Runs a statement and returns how many rows it changed. */
  run(statement: string, ...values: SqlValue[]): Promise<number>;
}

/** Spells what the databases write differently. */
export interface SqlDialect {
  readonly name: "sqlite" | "postgresql";
  /** Says how many of some rows one statement inserts. */
  rowsAtOnce(count: number): number;
  /** Ends a query whose rows stay as they are until the transaction ends; SQLite has one writer and needs none. */
  readonly forUpdate: string;
  /** Follows a table to name the index that serves the query; PostgreSQL finds it by its statistics. */
  indexedBy(index: string): string;
  /** Follows a text column that is ordered by code points. */
  readonly byCodePoint: string;
  /** Compares a column with a bound pattern, in which only `%` and `_` are special. */
  like(column: string, options: { ignoreCase: boolean }): string;
}

/** Is a database with MLflow's schema in place. */
export interface SqlDatabase {
  /** Runs `read`, which sees one state of the database, whoever writes meanwhile. It may be run more than once. */
  read<T>(read: (sql: Sql) => Promise<T>): Promise<T>;
  /** Runs `write`, whose changes are all kept or, when it throws, all undone. It may be run more than once. */
  write<T>(write: (sql: Sql) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** Writes what must be unique; a row that has its name already throws `RESOURCE_ALREADY_EXISTS` with the message. */
export async function unlessTaken<T>(message: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (!isUniqueViolation(error)) throw error;
    throw new TrackingError(message, { code: "RESOURCE_ALREADY_EXISTS", cause: error });
  }
}

function isUniqueViolation(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return /^(SQLITE_CONSTRAINT_(UNIQUE|PRIMARYKEY)|23505)/.test(code);
}

const keysAtOnce = 512;

/**
 * Runs a query whose text is given the list of marks for its keys, some hundred keys at a time, and returns all rows.
 * `more` are the values that come after the keys.
 * A list is filled up to a power of two with its last key, so that few texts differ and stay prepared.
 */
export async function allIn(
  sql: Sql,
  statement: (marks: string) => string,
  keys: readonly SqlValue[],
  ...more: readonly SqlValue[]
): Promise<SqlRow[]> {
  const rows: SqlRow[] = [];
  for (let start = 0; start < keys.length; start += keysAtOnce) {
    const part = keys.slice(start, start + keysAtOnce);
    const last = part[part.length - 1]!;
    while (!isPowerOfTwo(part.length)) part.push(last);
    for (const row of await sql.all(statement(marks(part.length)), ...part, ...more)) rows.push(row);
  }
  return rows;
}

/** Inserts rows of values with few statements, and returns how many were new: a row whose key is there is skipped. */
export async function insertMissing(
  sql: Sql,
  table: string,
  columns: readonly string[],
  rows: readonly (readonly SqlValue[])[],
): Promise<number> {
  return insertRows(sql, table, columns, rows, "ON CONFLICT DO NOTHING");
}

/** Inserts rows of values with few statements, and returns how many rows were changed. */
export async function insertRows(
  sql: Sql,
  table: string,
  columns: readonly string[],
  rows: readonly (readonly SqlValue[])[],
  onConflict = "",
): Promise<number> {
  const row = `(${marks(columns.length)})`;
  let [changes, statement] = [0, ""];
  for (let start = 0, size = 0; start < rows.length; start += size) {
    const next = sql.dialect.rowsAtOnce(rows.length - start);
    if (next !== size) {
      const values = Array(next).fill(row).join(", ");
      statement = `INSERT INTO ${table} (${columns.join(", ")}) VALUES ${values} ${onConflict}`;
    }
    size = next;
    changes += await sql.run(statement, ...rows.slice(start, start + size).flat());
  }
  return changes;
}

/** Writes `?, ?, ?`. */
export function marks(count: number): string {
  return Array(count).fill("?").join(", ");
}

function isPowerOfTwo(count: number): boolean {
  return (count & (count - 1)) === 0;
}
