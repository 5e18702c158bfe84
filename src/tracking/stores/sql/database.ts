// One SQLite file: opening it with MLflow's schema in place, and transactions. The only file that loads libsql.
import { existsSync, mkdirSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type Libsql from "libsql";
import { SconceError, SetupError, TrackingError } from "../../../base/index.ts";
import {
  defaultWorkspace,
  schemaMlflowVersion,
  schemaRevision,
  schemaStatements,
} from "./schema.generated.ts";

/** Is a value that a statement binds or returns. */
export type SqlValue = string | number | null;

/** Is a row by column name. */
export type SqlRow = Record<string, SqlValue>;

/** Says how long a write waits for its turn while another process writes. */
export interface DatabaseOptions {
  /** @default 30000 */
  lockTimeoutMs?: number;
}

/**
 * Holds one connection. Statements are synchronous; a wait for another writer is not, so training goes on meanwhile.
 */
export class Database {
  readonly path: string;
  readonly #connection: Libsql.Database;
  readonly #lockTimeoutMs: number;
  readonly #statements = new Map<string, Libsql.Statement>();

  private constructor(path: string, connection: Libsql.Database, lockTimeoutMs: number) {
    this.path = path;
    this.#connection = connection;
    this.#lockTimeoutMs = lockTimeoutMs;
  }

  /**
   * Opens a database, and creates it with MLflow's schema when the file is missing or empty.
   * A file with another schema is refused and left as it is.
   */
  static async open(file: string, { lockTimeoutMs = 30_000 }: DatabaseOptions = {}): Promise<Database> {
    const path = resolve(file);
    const Constructor = await loadLibsql();
    try {
      mkdirSync(dirname(path), { recursive: true });
      const isNew = !existsSync(path);
      const database = new Database(path, new Constructor(path), lockTimeoutMs);
      try {
        if (!isNew) await database.#retryWhileLocked(() => database.#checkRevision());
        await database.#retryWhileLocked(() => database.#configure());
        await database.transaction(() => database.#createSchema());
      } catch (error) {
        database.close();
        throw error;
      }
      return database;
    } catch (error) {
      throw explain(error, path);
    }
  }

  /** Returns all rows of a query. */
  all(sql: string, ...values: SqlValue[]): SqlRow[] {
    return this.#prepare(sql).all(...values) as SqlRow[];
  }

  /** Returns the first row of a query, or undefined. */
  first(sql: string, ...values: SqlValue[]): SqlRow | undefined {
    return this.all(sql, ...values)[0];
  }

  /** Runs a statement and returns how many rows it changed, and the id of the row it inserted. */
  run(sql: string, ...values: SqlValue[]): { changes: number; lastInsertRowid: number } {
    const { changes, lastInsertRowid } = this.#prepare(sql).run(...values);
    return { changes, lastInsertRowid: Number(lastInsertRowid) };
  }

  /** Runs `read`, which sees one state of the database, whoever writes meanwhile. */
  async read<T>(read: () => T): Promise<T> {
    return this.#inTransaction("BEGIN", read);
  }

  /** Runs `write`, whose changes are all kept or, when it throws, all undone. */
  async transaction<T>(write: () => T): Promise<T> {
    return this.#inTransaction("BEGIN IMMEDIATE", write);
  }

  close(): void {
    this.#statements.clear();
    this.#connection.close();
  }

  async #inTransaction<T>(begin: string, work: () => T): Promise<T> {
    try {
      return await this.#retryWhileLocked(() => {
        this.#connection.exec(begin);
        try {
          const result = work();
          this.#connection.exec("COMMIT");
          return result;
        } catch (error) {
          // sqlite has rolled back by itself after errors such as a full disk
          if (this.#connection.inTransaction) this.#connection.exec("ROLLBACK");
          throw error;
        }
      });
    } catch (error) {
      throw explain(error, this.path);
    }
  }

  async #retryWhileLocked<T>(work: () => T): Promise<T> {
    const deadline = Date.now() + this.#lockTimeoutMs;
    for (let waitMs = 5; ; waitMs = Math.min(2 * waitMs, 250)) {
      try {
        return work();
      } catch (error) {
        if (!isLocked(error) || Date.now() >= deadline) throw error;
      }
      await sleep(waitMs * (0.5 + Math.random()));
    }
  }

  #prepare(sql: string): Libsql.Statement {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#connection.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #configure(): void {
    // waiting happens in #retryWhileLocked, where it does not block; this covers the readers' short waits
    this.#connection.pragma("busy_timeout = 50");
    this.#connection.pragma("journal_mode = WAL");
    this.#connection.pragma("synchronous = FULL"); // a commit that returned survives a power cut
    this.#connection.pragma("foreign_keys = ON");
  }

  #tables(): Set<string> {
    const rows = this.#connection.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all();
    return new Set((rows as { name: string }[]).map(({ name }) => name));
  }

  #checkRevision(): void {
    const tables = this.#tables();
    if (tables.size === 0) return;
    const rows = tables.has("alembic_version")
      ? (this.#connection.prepare("SELECT version_num FROM alembic_version").all() as {
          version_num: string;
        }[])
      : [];
    const found = rows.map((row) => row.version_num).join(", ");
    if (found === schemaRevision) return;
    if (found === "" || !tables.has("experiments")) {
      throw new TrackingError(
        `${this.path}: the file must be a tracking database or not exist yet, got a database with other tables ` +
          `(${[...tables].sort().slice(0, 3).join(", ")}). Name another file.`,
        { code: "INVALID_STATE" },
      );
    }
    throw new TrackingError(
      `${this.path}: the schema must be MLflow ${schemaMlflowVersion}'s (revision ${schemaRevision}), got revision ` +
        `${found}. If an older MLflow wrote it, back it up and run: pip install mlflow==${schemaMlflowVersion} && ` +
        `mlflow db upgrade sqlite:///${this.path}. If a newer one did, use another file.`,
      { code: "INVALID_STATE" },
    );
  }

  #createSchema(): void {
    if (this.#tables().size > 0) return this.#checkRevision();
    for (const sql of schemaStatements) this.#connection.exec(sql);
    this.run("INSERT INTO alembic_version (version_num) VALUES (?)", schemaRevision);
    this.run(
      "INSERT INTO workspaces (name, description) VALUES (?, ?)",
      defaultWorkspace.name,
      defaultWorkspace.description,
    );
  }
}

/** Tells whether an error is SQLite's for a row that would break a unique constraint. */
export function isUniqueViolation(error: unknown): boolean {
  return /^SQLITE_CONSTRAINT_(UNIQUE|PRIMARYKEY)/.test(sqliteCode(error));
}

async function loadLibsql(): Promise<typeof Libsql> {
  try {
    return (await import("libsql")).default;
  } catch (error) {
    throw new SetupError("SQLite: the package libsql cannot be loaded. Run: npm install", { cause: error });
  }
}

function sqliteCode(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

function isLocked(error: unknown): boolean {
  return /^SQLITE_(BUSY|LOCKED)/.test(sqliteCode(error));
}

const reasons: [RegExp, string][] = [
  [/^SQLITE_(BUSY|LOCKED)/, "another process keeps it locked. Close that process, or wait"],
  [/^SQLITE_FULL|^ENOSPC/, "the disk is full. Free some space"],
  [
    /^SQLITE_READONLY|^EACCES|^EPERM|^EROFS/,
    "it cannot be written. Check the rights of the file and its folder",
  ],
  [
    /^SQLITE_CORRUPT|^SQLITE_NOTADB/,
    "it is damaged or no SQLite file. Restore a backup, or name another file",
  ],
  [/^SQLITE_IOERR/, "the disk reports an error. Check the disk"],
  [
    /^SQLITE_CANTOPEN|^ENOTDIR|^EEXIST|ConnectionFailed/,
    "it cannot be opened. Check that its folder exists and can be written",
  ],
];

function explain(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || SconceError.is(error)) return error;
  const reason = reasons.find(([pattern]) => pattern.test(sqliteCode(error) || error.message))?.[1];
  if (reason === undefined) return error;
  return new TrackingError(`${path}: ${reason} (${error.message}).`, {
    code: "TEMPORARILY_UNAVAILABLE",
    cause: error,
  });
}
