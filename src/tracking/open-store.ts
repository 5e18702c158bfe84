// Finds the store behind a URI. Each kind loads its driver only when it is opened.
import { UsageError } from "../base/index.ts";
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
 * Opens the store that a URI names: `sqlite:///path`, `postgresql://user@host/database`, `http(s)://host:port` (an
 * MLflow server), `databricks` or `databricks://PROFILE`.
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
  if (/^(https?:\/\/|databricks($|:\/\/))/i.test(uri)) {
    const { RestStore } = await import("./stores/rest/rest-store.ts");
    return RestStore.open(uri);
  }
  throw new UsageError(
    `tracking URI: it must be sqlite:///path, postgresql://user@host/database, http://host:port or databricks, ` +
      `got ${JSON.stringify(uri.replace(/\/\/[^/]*@/, "//"))}.`,
  );
}

/** Returns the file of `sqlite:///relative/path` or `sqlite:////absolute/path`, as SQLAlchemy reads them. */
function sqlitePath(uri: string): string {
  const path = /^sqlite:\/\/\/([^?#]+)$/i.exec(uri)?.[1];
  if (path !== undefined && path !== ":memory:") return decodeURIComponent(path);
  throw new UsageError(
    `tracking URI: a SQLite file is named by sqlite:///relative/path or sqlite:////absolute/path, got ${JSON.stringify(uri)}.`,
  );
}
