// A PostgreSQL server for tests: the one that SCONCE_TEST_POSTGRESQL_URI names, or a temporary one.
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";

const given = process.env["SCONCE_TEST_POSTGRESQL_URI"];
const installed = "/usr/lib/postgresql"; // where Debian and Ubuntu keep it
const programs = existsSync(installed)
  ? readdirSync(installed)
      .sort((a, b) => Number(b) - Number(a))
      .map((version) => join(installed, version, "bin"))
      .find((folder) => existsSync(join(folder, "initdb")))
  : undefined;

/** Says why tests that need PostgreSQL are left out, or undefined when they can run. */
export const postgresSkipReason: string | undefined =
  given !== undefined || programs !== undefined
    ? undefined
    : "install PostgreSQL, or set SCONCE_TEST_POSTGRESQL_URI to a server where databases may be created";

/** Is a server with databases that the test made. */
export interface PostgresServer {
  /** Creates an empty database and returns its URI. */
  createDatabase(): Promise<string>;
  /** Removes what was made. */
  stop(): Promise<void>;
}

/** Starts a server, or takes the one that is named. */
export async function startPostgres(): Promise<PostgresServer> {
  if (given !== undefined) return databasesOf((name) => withDatabase(given, name), given);
  const folder = mkdtempSync("/tmp/pg-"); // the path of a socket may have 107 characters
  const data = join(folder, "data");
  chmodSync(folder, 0o777);
  runAsUser("initdb", "-D", data, "-A", "trust", "-U", "postgres", "--no-sync");
  const settings = `-k ${folder} -c listen_addresses= -c fsync=off -c max_connections=200`;
  runAsUser("pg_ctl", "-D", data, "-o", settings, "-l", join(folder, "log"), "-w", "start");
  const stop = () => runAsUser("pg_ctl", "-D", data, "-m", "immediate", "stop");
  process.on("exit", stop);
  const uri = (name: string) => `postgresql://postgres@/${name}?host=${folder}`;
  const server = databasesOf(uri, uri("postgres"));
  return {
    ...server,
    stop: async () => {
      process.off("exit", stop);
      stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Runs statements in a database. */
export async function runSql(uri: string, ...statements: string[]): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: uri });
  await client.connect();
  try {
    let rows: Record<string, unknown>[] = [];
    for (const statement of statements) rows = (await client.query(statement)).rows as typeof rows;
    return rows;
  } finally {
    await client.end();
  }
}

function databasesOf(uri: (name: string) => string, admin: string): PostgresServer {
  const names: string[] = [];
  return {
    createDatabase: async () => {
      const name = `sconce_test_${randomBytes(5).toString("hex")}`;
      await runSql(admin, `CREATE DATABASE ${name}`);
      names.push(name);
      return uri(name);
    },
    stop: async () => {
      for (const name of names) await runSql(admin, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    },
  };
}

function withDatabase(uri: string, name: string): string {
  const url = new URL(uri.replace(/^\w+(\+\w+)?:/, "postgresql:"));
  url.pathname = `/${name}`;
  return url.href;
}

/** Runs a program of PostgreSQL, which refuses to be root. */
function runAsUser(program: string, ...words: string[]): void {
  const isRoot = process.getuid?.() === 0;
  const asUser = isRoot ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] : [];
  const [command = "", ...rest] = [...asUser, join(programs ?? "", program), ...words];
  execFileSync(command, rest, { stdio: ["ignore", "ignore", "inherit"], cwd: "/tmp" });
}
