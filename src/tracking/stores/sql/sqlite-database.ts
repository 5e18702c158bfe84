// One SQLite file: opening it with its schema in place, and transactions. The only file that loads libsql.
// Statements are synchronous beneath the promises, and transactions of one connection run one after the other.
import { existsSync, mkdirSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type Libsql from "libsql";
import { SetupError } from "../../../base/index.ts";
import { invalid } from "../../validation.ts";
import { type FoundSchema, checkSchema, insertFirstRows } from "./check-schema.ts";
import { schemaStatements } from "./schema.generated.ts";
import { sconceStatements } from "./sconce-tables.ts";
import { explain, isLocked } from "./sqlite-errors.ts";
import type { Sql, SqlDatabase, SqlDialect, SqlRow, SqlValue } from "./sql.ts";
import { WriteQueue } from "./write-queue.ts";

/** Says how long a write waits for its turn while another process writes. */
export interface DatabaseOptions {
  /** @default 30000 */
  lockTimeoutMs?: number;
}

/** Is the schema of a file. */
export interface SqliteSchema {
  /** Names the table that holds the revision, as alembic does. */
  versionTable: string;
  /** Tells whether the tables are there; false for an empty file, and an error for any other. */
  check(found: FoundSchema): boolean;
  /** Create the tables of an empty file. */
  statements: readonly string[];
  insertFirstRows(sql: Sql): Promise<void>;
  /** Are carried out whenever a file is opened. */
  everyTime: readonly string[];
}

interface Prepared {
  statement: Libsql.Statement;
  /** Names of the columns, once rows were read. */
  names?: string[];
}

const statementsKept = 256;
const cachedKibibytes = 32_768;
const logPages = 8000;

const sqlite: SqlDialect = {
  name: "sqlite",
  // a power of two, so that few texts differ and stay prepared
  rowsAtOnce: (count) => 2 ** Math.floor(Math.log2(Math.min(count, 512))),
  forUpdate: "",
  indexedBy: (index) => ` INDEXED BY ${index}`,
  byCodePoint: "",
  // LIKE minds the case by a pragma of the connection; lower() knows the letters of ASCII
  like: (column, { ignoreCase }) => (ignoreCase ? `lower(${column}) LIKE lower(?)` : `${column} LIKE ?`),
};

/** Is MLflow's tracking database, with our own tables beside. */
const trackingSchema: SqliteSchema = {
  versionTable: "alembic_version",
  check: checkSchema,
  statements: schemaStatements,
  insertFirstRows,
  everyTime: sconceStatements(sqlite),
};

/** Holds one connection. A wait for another process that writes does not block, so training goes on meanwhile. */
export class SqliteDatabase implements SqlDatabase {
  readonly path: string;
  readonly #connection: Libsql.Database;
  readonly #schema: SqliteSchema;
  readonly #lockTimeoutMs: number;
  readonly #prepared = new Map<string, Prepared>();
  readonly #sql: Sql;
  readonly #writes: WriteQueue;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(
    path: string,
    connection: Libsql.Database,
    { schema, lockTimeoutMs }: Required<DatabaseOptions> & { schema: SqliteSchema },
  ) {
    this.path = path;
    this.#connection = connection;
    this.#schema = schema;
    this.#lockTimeoutMs = lockTimeoutMs;
    this.#sql = {
      dialect: sqlite,
      all: async (statement, ...values) => this.#all(statement, values),
      first: async (statement, ...values) => this.#all(statement, values)[0],
      run: async (statement, ...values) => this.#run(statement, values),
    };
    this.#writes = new WriteQueue({
      connection,
      sql: this.#sql,
      inTurn: (work) => this.#inTurn(work),
      lockTimeoutMs,
    });
  }

  /**
   * Opens a database, and creates it with its schema (MLflow's tracking database) when the file is missing or empty.
   * A file with another schema is refused and left as it is.
   */
  static async open(
    file: string,
    { lockTimeoutMs = 30_000, schema = trackingSchema }: DatabaseOptions & { schema?: SqliteSchema } = {},
  ): Promise<SqliteDatabase> {
    const path = resolve(file);
    const Constructor = await loadLibsql();
    try {
      mkdirSync(dirname(path), { recursive: true });
      const isNew = !existsSync(path);
      const database = new SqliteDatabase(path, new Constructor(path), { schema, lockTimeoutMs });
      try {
        if (!isNew) await database.#retryWhileLocked(() => database.#checkSchema());
        await database.#retryWhileLocked(() => database.#configure());
        await database.write((sql) => database.#createSchema(sql));
      } catch (error) {
        database.#connection.close(); // nothing of it is touched
        throw error;
      }
      return database;
    } catch (error) {
      throw explain(error, path);
    }
  }

  /** Runs `read`, which sees one state of the database, whoever writes meanwhile. */
  async read<T>(read: (sql: Sql) => Promise<T>): Promise<T> {
    try {
      // the turn ends with each attempt, so that others go on while this one waits for another process
      return await this.#retryWhileLocked(() => this.#inTurn(() => this.#attempt(read)));
    } catch (error) {
      throw explain(error, this.path);
    }
  }

  /** Writes what the database holds at one moment to a file that is not there yet; others may write meanwhile. */
  async copyTo(file: string): Promise<void> {
    try {
      await this.#retryWhileLocked(() =>
        this.#inTurn(async () => this.#connection.prepare("VACUUM INTO ?").run([file])),
      );
    } catch (error) {
      throw explain(error, file);
    }
  }

  /**
   * Takes all rows of some empty tables from another file with the same schema, in one transaction. Returns false, and
   * takes nothing, where keys of the other file name rows that it does not have: other programs do not mind them.
   */
  async takeTables(file: string, tables: readonly string[]): Promise<boolean> {
    try {
      return await this.#retryWhileLocked(() =>
        this.#inTurn(async () => {
          this.#connection.prepare("ATTACH DATABASE ? AS other").run([file]);
          // with keys checked row by row SQLite would insert row by row, instead of moving whole rows of every index
          this.#connection.pragma("foreign_keys = OFF");
          try {
            return this.#takeTables(tables);
          } finally {
            if (this.#connection.inTransaction) this.#connection.exec("ROLLBACK");
            this.#connection.pragma("foreign_keys = ON");
            this.#connection.exec("DETACH DATABASE other");
          }
        }),
      );
    } catch (error) {
      throw explain(error, this.path);
    }
  }

  #takeTables(tables: readonly string[]): boolean {
    const columnsOf = (schema: string, table: string) =>
      this.#all("SELECT name FROM pragma_table_info(?, ?)", [table, schema]).map(({ name }) => `"${name}"`);
    this.#connection.exec("BEGIN IMMEDIATE");
    for (const table of tables) {
      const [own, others] = [columnsOf("main", table).join(), columnsOf("other", table).join()];
      const isSame = own === others; // a database that grew through MLflow's releases may have them in another order
      this.#connection.exec(
        `INSERT INTO main.${table} ${isSame ? "SELECT *" : `(${own}) SELECT ${own}`} FROM other.${table}`,
      );
    }
    for (const table of tables) {
      if (this.#all(`SELECT 1 FROM pragma_foreign_key_check('${table}', 'main') LIMIT 1`, []).length > 0)
        return false;
    }
    this.#connection.exec("COMMIT");
    return true;
  }

  /** Runs `write`, whose changes are all kept or, when it throws, all undone. Writes that wait are committed together. */
  async write<T>(write: (sql: Sql) => Promise<T>): Promise<T> {
    try {
      return await this.#writes.add(write);
    } catch (error) {
      throw explain(error, this.path);
    }
  }

  async close(): Promise<void> {
    await this.#writes.whenEmpty();
    await this.#inTurn(async () => {
      this.#prepared.clear();
      this.#gatherLog();
      this.#connection.close();
    });
  }

  /** Moves what the write-ahead log holds into the file, so that a copy of the file alone is whole. */
  #gatherLog(): void {
    try {
      this.#connection.pragma("wal_checkpoint(TRUNCATE)");
    } catch {
      // another process is writing: it will do so at its end
    }
  }

  async #attempt<T>(read: (sql: Sql) => Promise<T>): Promise<T> {
    this.#connection.exec("BEGIN");
    try {
      return await read(this.#sql);
    } finally {
      if (this.#connection.inTransaction) this.#connection.exec("ROLLBACK"); // there is nothing to keep
    }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  async #retryWhileLocked<T>(work: () => T | Promise<T>): Promise<T> {
    const deadline = Date.now() + this.#lockTimeoutMs;
    for (let waitMs = 5; ; waitMs = Math.min(2 * waitMs, 250)) {
      try {
        return await work();
      } catch (error) {
        if (!isLocked(error) || Date.now() >= deadline) throw error;
      }
      await sleep(waitMs * (0.5 + Math.random()));
    }
  }

  // rows as arrays, and values in one, cross into JavaScript faster than objects and arguments do
  #all(text: string, values: readonly SqlValue[]): SqlRow[] {
    checkNoNul(values);
    const prepared = this.#prepare(text);
    const rows = prepared.statement.raw().all(values) as SqlValue[][];
    if (rows.length === 0) return [];
    const names = (prepared.names ??= prepared.statement.columns().map(({ name }) => name));
    return rows.map((row) => {
      const named: SqlRow = {};
      for (let index = 0; index < names.length; index++) named[names[index]!] = row[index]!;
      return named;
    });
  }

  #run(text: string, values: readonly SqlValue[]): number {
    checkNoNul(values);
    return this.#prepare(text).statement.run(values).changes;
  }

  #prepare(text: string): Prepared {
    let prepared = this.#prepared.get(text);
    if (prepared === undefined) {
      if (this.#prepared.size >= statementsKept) this.#prepared.clear(); // searches have texts without end
      prepared = { statement: this.#connection.prepare(text) };
      this.#prepared.set(text, prepared);
    }
    return prepared;
  }

  #configure(): void {
    // waiting happens in #retryWhileLocked, where it does not block; this covers the readers' short waits
    this.#connection.pragma("busy_timeout = 50");
    this.#connection.pragma("journal_mode = WAL");
    this.#connection.pragma("synchronous = FULL"); // a commit that returned survives a power cut
    // a batch touches some hundred pages all over the indexes: most stay in memory, and are moved from the log into the
    // file once for many batches
    this.#connection.pragma(`cache_size = -${cachedKibibytes}`);
    this.#connection.pragma(`wal_autocheckpoint = ${logPages}`);
    this.#connection.pragma("foreign_keys = ON");
    this.#connection.pragma("case_sensitive_like = ON");
  }

  #tables(): Set<string> {
    const rows = this.#connection.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all();
    return new Set((rows as { name: string }[]).map(({ name }) => name));
  }

  /** Tells whether the tables of the schema are there. */
  #checkSchema(): boolean {
    const tables = this.#tables();
    const { versionTable } = this.#schema;
    const revisions = tables.has(versionTable)
      ? this.#all(`SELECT version_num FROM ${versionTable}`, [])
      : [];
    return this.#schema.check({
      name: this.path,
      uri: `sqlite:///${this.path}`,
      kind: "file",
      tables,
      revisions: revisions.map((row) => String(row["version_num"])),
    });
  }

  async #createSchema(sql: Sql): Promise<void> {
    if (!this.#checkSchema()) {
      for (const statement of this.#schema.statements) this.#connection.exec(statement);
      await this.#schema.insertFirstRows(sql);
    }
    for (const statement of this.#schema.everyTime) this.#connection.exec(statement);
  }
}

/** Throws for a text that SQLite's driver would cut. */
function checkNoNul(values: readonly SqlValue[]): void {
  for (const value of values) {
    if (typeof value !== "string" || !value.includes("\0")) continue;
    throw invalid(`SQLite: no text may hold a NUL, got ${JSON.stringify(value.slice(0, 80))}.`);
  }
}

async function loadLibsql(): Promise<typeof Libsql> {
  try {
    return (await import("libsql")).default;
  } catch (error) {
    throw new SetupError("SQLite: the package libsql cannot be loaded. Run: npm install", { cause: error });
  }
}
