// The embedded store: one SQLite file with MLflow's schema, which `mlflow ui` and MLflow's Python client open too.
import { dirname, join, resolve } from "node:path";
import { localUri } from "../../artifacts/uri.ts";
import { checkCustomStages } from "../../stages.ts";
import type { StoreSnapshot } from "../../transfer.ts";
import { insertDefaultExperiment } from "./experiments.ts";
import { type DatabaseOptions, SqliteDatabase } from "./sqlite-database.ts";
import { SqlStore, type SqlStoreOptions } from "./sql-store.ts";

// what an exporter shows is in these
const copiedTables = [
  "experiments",
  "experiment_tags",
  "runs",
  "params",
  "tags",
  "metrics",
  "latest_metrics",
  "datasets",
  "inputs",
  "input_tags",
  "logged_models",
  "logged_model_metrics",
  "logged_model_params",
  "logged_model_tags",
  "registered_models",
  "registered_model_tags",
  "registered_model_aliases",
  "model_versions",
  "model_version_tags",
  "sconce_model_versions",
  "sconce_registry_history",
  "webhooks",
  "webhook_events",
];

/** Says where the embedded store is. */
export interface SqliteStoreOptions extends DatabaseOptions, SqlStoreOptions {
  /** The database file, `outputs/mlflow/mlflow.db`; its folder is made when it is missing. */
  path: string;
  /** Where experiments that name no place keep their artifacts. @default `Artifacts` beside the database */
  artifactRoot?: string;
}

/**
 * Keeps runs and the registry in a SQLite file. Several processes may share it; each call is one transaction, and a
 * call that returned is on disk.
 *
 * @example
 * const store = await SqliteStore.open({ path: "outputs/mlflow/mlflow.db" });
 * const experimentId = await store.createExperiment({ name: "spam/first" });
 * const run = await store.createRun({ experimentId });
 * await store.logBatch({ runId: run.info.runId, params: [{ key: "lr", value: "0.1" }] });
 * (await store.getRun(run.info.runId)).data.params; // => { lr: "0.1" }
 */
export class SqliteStore extends SqlStore implements StoreSnapshot {
  readonly path: string;
  readonly #database: SqliteDatabase;

  private constructor(db: SqliteDatabase, artifactRoot: string, stages: readonly string[]) {
    super(db, { uri: `sqlite:///${db.path}`, artifactRoot, stages });
    this.path = db.path;
    this.#database = db;
  }

  /** Opens the file, or makes it; a database of another MLflow release is refused with the way out. */
  static async open({
    path,
    artifactRoot,
    stages = [],
    ...options
  }: SqliteStoreOptions): Promise<SqliteStore> {
    const root = localUri(artifactRoot ?? join(dirname(resolve(path)), "Artifacts"));
    checkCustomStages(stages);
    const db = await SqliteDatabase.open(path, options);
    try {
      await db.write((sql) => insertDefaultExperiment(sql, root));
    } catch (error) {
      await db.close();
      throw error;
    }
    return new SqliteStore(db, root, stages);
  }

  /** Takes all that another SQLite file holds at one moment, into tables that are empty; returns whether it could. */
  async importAll(from: object): Promise<boolean> {
    if (!(from instanceof SqliteStore) || (await from.#hasOtherWorkspaces())) return false;
    return this.#database.takeTables(from.path, copiedTables);
  }

  /** Tells whether MLflow keeps things there that are no part of this store. */
  async #hasOtherWorkspaces(): Promise<boolean> {
    const rows = await this.#database.read((sql) => sql.all("SELECT name FROM workspaces"));
    return rows.length > 1;
  }

  /** Writes what the store holds at one moment to a SQLite file that is not there yet; others may write meanwhile. */
  async snapshot(file: string): Promise<void> {
    await this.#database.copyTo(file);
  }
}
