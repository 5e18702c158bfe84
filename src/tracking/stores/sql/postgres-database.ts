// One PostgreSQL database: opening it with MLflow's schema in place, and transactions. The only file that loads pg.
import { setTimeout as sleep } from "node:timers/promises";
import type Pg from "pg";
import { SconceError, SetupError, TrackingError } from "../../../base/index.ts";
import { checkSchema, insertFirstRows } from "./check-schema.ts";
import { schemaStatements } from "./postgres-schema.generated.ts";
import { type PostgresAddress, parsePostgresUri } from "./postgres-uri.ts";
import { sconceStatements } from "./sconce-tables.ts";
import type { Sql, SqlDatabase, SqlDialect, SqlRow, SqlValue } from "./sql.ts";

/** Says how the database is used. */
export interface PostgresOptions {
  /** Most connections that are open at once; further calls wait for one. @default 10 */
  maxConnections?: number;
  /** How long a write waits for another that holds what it needs. @default 30000 */
  lockTimeoutMs?: number;
}

const postgresql: SqlDialect = {
  name: "postgresql",
  rowsAtOnce: (count) => Math.min(count, 2000), // of at most 65535 values
  forUpdate: " FOR NO KEY UPDATE", // rows that only refer to the locked one may be written meanwhile
  indexedBy: () => "",
  byCodePoint: ' COLLATE "C"',
  like: (column, { ignoreCase }) => `${column} ${ignoreCase ? "ILIKE" : "LIKE"} ? ESCAPE ''`,
};

// serialization failure, and deadlock: the whole transaction may be tried again
const transient = /^(40001|40P01)$/;
const attempts = 10;
const connectTimeoutMs = 30_000;
// any number that other programs do not take: it keeps two processes from creating the schema at once
const schemaLock = 732_006_118;

/** Holds a pool of connections; each transaction has one to itself. */
export class PostgresDatabase implements SqlDatabase {
  /** Is the URI without its password. */
  readonly name: string;
  readonly #pool: Pg.Pool;

  private constructor(name: string, pool: Pg.Pool) {
    this.name = name;
    this.#pool = pool;
  }

  /** Connects to a database, and creates MLflow's schema when it is empty; one with another schema is refused. */
  static async open(
    uri: string,
    { maxConnections = 10, lockTimeoutMs = 30_000 }: PostgresOptions = {},
  ): Promise<PostgresDatabase> {
    const address = parsePostgresUri(uri);
    const pg = await loadPg();
    const pool = new pg.Pool({
      ...connection(address),
      max: maxConnections,
      lock_timeout: lockTimeoutMs,
      types: { getTypeParser: typeParser(pg.types) },
      allowExitOnIdle: true,
    });
    pool.on("error", () => undefined); // of an idle connection; whoever needs one next gets another, or the error
    const database = new PostgresDatabase(address.name, pool);
    try {
      if (!(await database.read((sql) => database.#isComplete(sql)))) {
        await database.write((sql) => database.#createSchema(sql));
      }
    } catch (error) {
      await database.close();
      throw error;
    }
    return database;
  }

  read<T>(read: (sql: Sql) => Promise<T>): Promise<T> {
    return this.#inTransaction("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", read);
  }

  write<T>(write: (sql: Sql) => Promise<T>): Promise<T> {
    return this.#inTransaction("BEGIN ISOLATION LEVEL READ COMMITTED", write);
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }

  async #inTransaction<T>(begin: string, work: (sql: Sql) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#attempt(begin, work);
      } catch (error) {
        if (!transient.test(codeOf(error)) || attempt === attempts) throw explain(error, this.name);
      }
      await sleep(Math.random() * 10 * 2 ** attempt);
    }
  }

  async #attempt<T>(begin: string, work: (sql: Sql) => Promise<T>): Promise<T> {
    const client = await this.#begin(begin);
    let isBroken = false;
    try {
      const result = await work(sqlOf(client));
      await client.query("COMMIT");
      return result;
    } catch (error) {
      await client.query("ROLLBACK").catch(() => (isBroken = true));
      throw error;
    } finally {
      client.release(isBroken);
    }
  }

  /** Begins a transaction; a connection that the server has ended meanwhile is replaced. */
  async #begin(begin: string): Promise<Pg.PoolClient> {
    for (;;) {
      const client = await this.#pool.connect();
      try {
        await client.query(begin);
        return client;
      } catch (error) {
        client.release(true);
        if (!isLost(error)) throw error;
      }
    }
  }

  /** Tells whether all tables are there, MLflow's and ours. */
  async #isComplete(sql: Sql): Promise<boolean> {
    const tables = await this.#tables(sql);
    return (await this.#checkSchema(sql, tables)) && tables.has("sconce_registry_history");
  }

  async #createSchema(sql: Sql): Promise<void> {
    await sql.all("SELECT pg_advisory_xact_lock(?)", schemaLock);
    if (!(await this.#checkSchema(sql, await this.#tables(sql)))) {
      for (const statement of schemaStatements) await sql.run(statement);
      await insertFirstRows(sql);
    }
    for (const statement of sconceStatements(postgresql)) await sql.run(statement);
  }

  async #tables(sql: Sql): Promise<Set<string>> {
    const rows = await sql.all("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()");
    return new Set(rows.map((row) => String(row["tablename"])));
  }

  async #checkSchema(sql: Sql, tables: ReadonlySet<string>): Promise<boolean> {
    const rows = tables.has("alembic_version")
      ? await sql.all("SELECT version_num FROM alembic_version")
      : [];
    const revisions = rows.map((row) => String(row["version_num"]));
    return checkSchema({ name: this.name, uri: this.name, kind: "database", tables, revisions });
  }
}

async function loadPg(): Promise<typeof Pg> {
  try {
    return (await import("pg")).default;
  } catch (error) {
    throw new SetupError("PostgreSQL: the package pg cannot be loaded. Run: npm install", { cause: error });
  }
}

function connection(address: PostgresAddress): Pg.PoolConfig {
  const { name: _, connectTimeoutMs: timeout = connectTimeoutMs, ...rest } = address;
  return { ...rest, connectionTimeoutMillis: timeout };
}

/** Reads 64-bit integers as numbers, which hold our times and steps, and truth as 1 or 0, as SQLite has it. */
function typeParser({ builtins, getTypeParser }: typeof Pg.types): typeof Pg.types.getTypeParser {
  return ((oid: number, format?: "text" | "binary") => {
    if (oid === builtins.INT8) return Number;
    if (oid === builtins.BOOL) return (text: string) => (text === "t" ? 1 : 0);
    return getTypeParser(oid, format as "text");
  }) as typeof Pg.types.getTypeParser;
}

function sqlOf(client: Pg.PoolClient): Sql {
  const query = (statement: string, values: SqlValue[]) => client.query<SqlRow>(numbered(statement), values);
  return {
    dialect: postgresql,
    all: async (statement, ...values) => (await query(statement, values)).rows,
    first: async (statement, ...values) => (await query(statement, values)).rows[0],
    run: async (statement, ...values) => (await query(statement, values)).rowCount ?? 0,
  };
}

/** Writes the marks of values as PostgreSQL has them, `$1, $2`. */
function numbered(statement: string): string {
  let count = 0;
  return statement.replace(/\?/g, () => `$${++count}`);
}

/** Tells whether a connection that once stood is gone: `connect` itself fails with other errors. */
function isLost(error: unknown): boolean {
  return (
    /^(57P01|ECONNRESET|EPIPE)$/.test(codeOf(error)) ||
    (error instanceof Error && /^Connection terminated|not queryable/.test(error.message))
  );
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

const reasons: [RegExp, string, string?][] = [
  [/^22|^23502/, "it does not take a value", "INVALID_PARAMETER_VALUE"],
  [
    /^28/,
    "it refuses the user. Check the name, the password and whether it asks for ?sslmode=require",
    "INVALID_STATE",
  ],
  [/^3D000/, "there is no such database. Create it with createdb", "INVALID_STATE"],
  [/^42501/, "the user may not do that. Grant it the rights on the tables", "INVALID_STATE"],
  [/^55P03/, "another process keeps what it needs locked. Close that process, or wait"],
  [/^53300/, "it has too many connections. Lower maxConnections, or raise the server's max_connections"],
  [/^53/, "it lacks disk or memory. Free some"],
  [/^25006/, "it is read-only. Name the primary server"],
  [
    /^(ECONNREFUSED|ENOENT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ETIMEDOUT|ECONNRESET|EPIPE|08|57P)/,
    "it cannot be reached. Check the address and that the server runs",
  ],
  [/^$/, "the connection failed"],
];

function explain(error: unknown, name: string): unknown {
  if (!(error instanceof Error) || SconceError.is(error)) return error;
  const isPg = codeOf(error) !== "" || /connect|terminated|timeout|password|SSL/i.test(error.message);
  const reason = isPg ? reasons.find(([pattern]) => pattern.test(codeOf(error))) : undefined;
  if (reason === undefined) return error;
  const [, words, code = "TEMPORARILY_UNAVAILABLE"] = reason;
  return new TrackingError(`${name}: ${words} (${error.message}).`, { code, cause: error });
}
