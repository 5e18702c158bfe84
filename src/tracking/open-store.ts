// Finds the store behind a URI. Each kind loads its driver only when it is opened.
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import {
  UsageError,
  registeredStores,
  schemeOf,
  sqlitePath,
  storeFolder,
  storeKind,
  storeUriForms,
  withoutPassword,
} from "../base/index.ts";
import type { RegistryStore, TrackingStore } from "./store.ts";

/** Is a store of runs and a registry in one. */
export type Store = TrackingStore & RegistryStore;

/** Opens the stores of a scheme; `registerStore("NAME", ...)` makes them those of URIs that begin with `NAME:`. */
export interface StoreClass {
  open(options: { uri: string } & Omit<OpenStoreOptions, "mustExist">): Promise<Store>;
}

/** Says what is not in the URI. */
export interface OpenStoreOptions {
  /** Where experiments that name no place keep their artifacts. @default the store decides */
  artifactRoot?: string;
  /** Stages that versions may have beside MLflow's; a server has its own. @default `SCONCE_STAGES`, with commas */
  stages?: readonly string[];
  /** Throws for a file or folder that is not there, instead of making it. @default false */
  mustExist?: boolean;
}

/**
 * Opens the store that a URI names: `sqlite:///path`, `postgresql://user@host/database`,
 * `mongodb://user@host/database`, `http(s)://host:port` (an
 * MLflow server), `databricks`, `databricks://PROFILE`, or MLflow's `mlruns` folder
 * as `file:///path` or a path: `mlruns`, `./runs`, `/data/runs`; or one of a registered scheme, `NAME:...`.
 *
 * @throws UsageError for a URI of another kind, naming those that are known
 */
export async function openStore(
  uri: string,
  { mustExist = false, ...given }: OpenStoreOptions = {},
): Promise<Store> {
  const options = { stages: stagesOfEnvironment(), ...given };
  if (mustExist) checkExists(sqlitePath(uri) ?? storeFolder(uri));
  switch (storeKind(uri)) {
    case "sqlite": {
      const { SqliteStore } = await import("./stores/sql/sqlite-store.ts");
      return SqliteStore.open({ path: sqlitePath(uri)!, ...options });
    }
    case "postgresql": {
      const { PostgresStore } = await import("./stores/sql/postgres-store.ts");
      return PostgresStore.open({ uri, ...options });
    }
    case "mongodb": {
      const { MongoStore } = await import("./stores/mongo/mongo-store.ts");
      return MongoStore.open({ uri, ...options });
    }
    case "rest":
    case "databricks": {
      const { RestStore } = await import("./stores/rest/rest-store.ts");
      return RestStore.open(uri);
    }
    case "file": {
      const { FileStore } = await import("./stores/file/file-store.ts");
      return FileStore.open({ path: storeFolder(uri)!, ...options });
    }
    case "registered": {
      const { open } = registeredStores.get(schemeOf(uri));
      return (await open({ uri, ...options })) as Store;
    }
    case undefined:
      throw new UsageError(
        `tracking URI: it must be ${storeUriForms}, got ${JSON.stringify(withoutPassword(uri))}.`,
      );
  }
}

function checkExists(path: string | undefined): void {
  if (path === undefined || existsSync(path)) return; // a server says itself what is not there
  throw new UsageError(
    `tracking URI: the store must exist, and there is no ${resolve(path)}. ` +
      "Log a run first, or name the store that holds them (MLFLOW_TRACKING_URI).",
  );
}

function stagesOfEnvironment(): string[] {
  const names = process.env["SCONCE_STAGES"] ?? "";
  return names
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}
