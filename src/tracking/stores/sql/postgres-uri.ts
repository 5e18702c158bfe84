// URIs of PostgreSQL databases as SQLAlchemy writes them, which MLflow's users have.
import type { ConnectionOptions } from "node:tls";
import { readFileSync } from "node:fs";
import { storeKind, suggestion } from "../../../base/index.ts";
import { invalid } from "../../validation.ts";

/** Says where a database is, and as whom to enter it; what is absent is as for `psql`. */
export interface PostgresAddress {
  /** Host name, or the folder of a Unix socket. @default `PGHOST`, else localhost */
  host?: string;
  port?: number;
  database?: string;
  user?: string;
  password?: string;
  ssl?: ConnectionOptions | false;
  /** Settings of the session, `-c search_path=tracking`. */
  options?: string;
  connectTimeoutMs?: number;
  /** Names the database in messages: the URI without its password. */
  name: string;
}

const form = "postgresql://USER:PASSWORD@HOST:PORT/DATABASE";
const parameters = [
  "host",
  "port",
  "user",
  "password",
  "dbname",
  "options",
  "connect_timeout",
  "sslmode",
  "sslrootcert",
];

/**
 * Reads a URI: `postgresql://`, or `postgresql+psycopg2://` with any driver's name; `host=/folder` among the
 * parameters names a Unix socket.
 *
 * @throws TrackingError (INVALID_PARAMETER_VALUE) that does not repeat the password
 */
export function parsePostgresUri(uri: string): PostgresAddress {
  const [, authority = "", path = "", query = ""] =
    /^postgres(?:ql)?(?:\+\w+)?:\/\/([^/?#]*)\/?([^?#]*)(?:\?(.*))?$/is.exec(uri) ?? [];
  // a password may hold an unescaped @, the host cannot
  const [, user, password, place = ""] = /^(?:([^:]*)(?::(.*))?@)?([^@]*)$/s.exec(authority) ?? [];
  const [, host, portText] = /^(\[[^\]]+\]|[^:]*)(?::(\d*))?$/.exec(place) ?? [];
  if (storeKind(uri) !== "postgresql" || host === undefined || path.includes("/")) {
    throw invalid(
      `tracking URI: a PostgreSQL database is named by ${form}. Escape special characters as %XX.`,
    );
  }
  const extra = readParameters(query);
  const address = {
    user: extra["user"] ?? decoded(user),
    password: extra["password"] ?? decoded(password),
    host: extra["host"] ?? decoded(host.replace(/^\[|\]$/g, "")),
    port: readNumber("port", extra["port"] ?? portText),
    database: extra["dbname"] ?? decoded(path),
    options: extra["options"],
    ssl: readSsl(extra),
    connectTimeoutMs: seconds(readNumber("connect_timeout", extra["connect_timeout"])),
  };
  return { ...present(address), name: nameOf(address) };
}

function readParameters(query: string): Record<string, string> {
  const extra: Record<string, string> = {};
  for (const [key, value] of new URLSearchParams(query)) {
    if (!parameters.includes(key)) {
      throw invalid(`tracking URI: there is no parameter "${key}". ${suggestion(key, parameters)}`);
    }
    extra[key] = value;
  }
  return extra;
}

function readSsl({ sslmode, sslrootcert }: Record<string, string>): ConnectionOptions | false | undefined {
  const ca = sslrootcert === undefined ? {} : { ca: readCertificate(sslrootcert) };
  switch (sslmode) {
    case undefined:
      return undefined;
    case "disable":
      return false;
    case "require":
      return { ...ca, rejectUnauthorized: false };
    case "verify-ca":
      return { ...ca, checkServerIdentity: () => undefined };
    case "verify-full":
      return ca;
    default:
      throw invalid(
        `tracking URI: sslmode must be disable, require, verify-ca or verify-full, got "${sslmode}".`,
      );
  }
}

function readCertificate(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw invalid(`tracking URI: sslrootcert must be a readable file, got "${path}" (${String(error)}).`);
  }
}

function readNumber(name: string, text: string | undefined): number | undefined {
  if (text === undefined || text === "") return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw invalid(`tracking URI: ${name} must be a whole number, got "${text}".`);
}

function seconds(value: number | undefined): number | undefined {
  return value === undefined ? undefined : 1000 * value;
}

function decoded(text: string | undefined): string | undefined {
  if (text === undefined || text === "") return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid(`tracking URI: "%" must begin an escape like %40. The form is ${form}.`);
  }
}

function present<T extends object>(address: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(address).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

function nameOf({ user, host, port, database }: Partial<Record<keyof PostgresAddress, unknown>>): string {
  const isSocket = typeof host === "string" && host.startsWith("/");
  const who = user === undefined ? "" : `${encodeURIComponent(String(user))}@`;
  const where = isSocket || host === undefined ? "" : String(host);
  const socket = isSocket ? `?host=${encodeURI(String(host))}` : "";
  return `postgresql://${who}${where}${port === undefined ? "" : `:${String(port)}`}/${encodeURIComponent(String(database ?? ""))}${socket}`;
}
