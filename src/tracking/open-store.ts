// Finds the store behind a URI. Each kind loads its driver only when it is opened.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { UsageError } from "../base/index.ts";
import { isMongoUri } from "./stores/mongo/mongo-uri.ts";
import { isPostgresUri } from "./stores/sql/postgres-uri.ts";
import type { RegistryStore, TrackingStore } from "./store.ts";

/** Is a store of runs and a registry in one. */
export type Store = TrackingStore & RegistryStore;

/** Says what is not in the URI. */
export interface OpenStoreOptions {
  /** Where experiments that name no place keep their artifacts. @default the store decides */
  artifactRoot?: string;
}

/**
 * Opens the store that a URI names: `sqlite:///path`, `postgresql://user@host/database`,
 * `mongodb://user@host/database`, `http(s)://host:port` (an
 * MLflow server), `databricks`, `databricks://PROFILE`, or MLflow's `mlruns` folder
 * as `file:///path` or a path: `mlruns`, `./runs`, `/data/runs`.
 *
 * @throws UsageError for a URI of another kind, naming those that are known
 */
export async function openStore(uri: string, options: OpenStoreOptions = {}): Promise<Store> {
  if (/^sqlite:/i.test(uri)) {
    const { SqliteStore } = await import("./stores/sql/sqlite-store.ts");
    return SqliteStore.open({ path: sqlitePath(uri), ...options });
  }
  if (isPostgresUri(uri)) {
    const { PostgresStore } = await import("./stores/sql/postgres-store.ts");
    return PostgresStore.open({ uri, ...options });
  }
  if (isMongoUri(uri)) {
    const { MongoStore } = await import("./stores/mongo/mongo-store.ts");
    return MongoStore.open({ uri, ...options });
  }
  if (/^(https?:\/\/|databricks($|:\/\/))/i.test(uri)) {
    const { RestStore } = await import("./stores/rest/rest-store.ts");
    return RestStore.open(uri);
  }
  const folder = folderPath(uri);
  if (folder !== undefined) {
    const { FileStore } = await import("./stores/file/file-store.ts");
    return FileStore.open({ path: folder, ...options });
  }
  throw new UsageError(
    `tracking URI: it must be sqlite:///path, postgresql://user@host/database, mongodb://host/database, http://host:port, databricks or a ` +
      `folder (./name), ` +
      `got ${JSON.stringify(uri.replace(/\/\/[^/]*@/, "//"))}.`,
  );
}

/** Returns the folder of a `file:` URI or path; a bare word is one only where it is sure to be no other kind of store. */
function folderPath(uri: string): string | undefined {
  if (/^file:\/\//i.test(uri)) return localFolder(uri);
  if (/^file:/i.test(uri)) return decodeURIComponent(uri.slice("file:".length)); // file:mlruns, as MLflow reads it
  if (/^[a-z][a-z0-9+.-]*:/i.test(uri)) return undefined;
  return uri.includes("/") || uri.startsWith(".") || uri === "mlruns" || existsSync(uri) ? uri : undefined;
}

function localFolder(uri: string): string {
  try {
    return fileURLToPath(uri);
  } catch (error) {
    throw new UsageError(
      `tracking URI: a folder of this machine is named by file:///absolute/path, got ${JSON.stringify(uri)}.`,
      { cause: error },
    );
  }
}

/** Returns the file of `sqlite:///relative/path` or `sqlite:////absolute/path`, as SQLAlchemy reads them. */
function sqlitePath(uri: string): string {
  const path = /^sqlite:\/\/\/([^?#]+)$/i.exec(uri)?.[1];
  if (path !== undefined && path !== ":memory:") return decodeURIComponent(path);
  throw new UsageError(
    `tracking URI: a SQLite file is named by sqlite:///relative/path or sqlite:////absolute/path, got ${JSON.stringify(uri)}.`,
  );
}
