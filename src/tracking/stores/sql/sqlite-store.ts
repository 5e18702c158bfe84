// The embedded store: one SQLite file with MLflow's schema, which `mlflow ui` and MLflow's Python client open too.
import { dirname, join, resolve } from "node:path";
import { localUri } from "../../artifacts/uri.ts";
import type {
  CreateExperimentInput,
  CreateLoggedModelInput,
  CreateModelVersionInput,
  CreateRegisteredModelInput,
  CreateRunInput,
  LogBatchInput,
  RegistryStore,
  SearchRunsInput,
  TrackingStore,
  UpdateRunInput,
} from "../../store.ts";
import type {
  DatasetInput,
  Experiment,
  LoggedModel,
  LoggedModelStatus,
  Metric,
  ModelVersion,
  RegisteredModel,
  Run,
  RunInfo,
} from "../../types.ts";
import { checkBatch } from "../../validation.ts";
import { insertMetrics, insertParams } from "./batch.ts";
import { Database, type DatabaseOptions } from "./database.ts";
import {
  insertDefaultExperiment,
  insertExperiment,
  selectExperiment,
  selectExperimentByName,
} from "./experiments.ts";
import { insertDatasetInputs } from "./inputs.ts";
import {
  changeLoggedModelStatus,
  insertLoggedModel,
  insertModelOutputs,
  selectLoggedModel,
} from "./logged-models.ts";
import {
  deleteAlias,
  insertModelVersion,
  insertRegisteredModel,
  selectModelVersion,
  selectModelVersionByAlias,
  selectModelVersions,
  selectRegisteredModel,
  selectRegisteredModels,
  upsertAlias,
  upsertModelVersionTags,
} from "./registry.ts";
import {
  changeRun,
  checkRunIsActive,
  insertRun,
  selectMetricHistory,
  selectRun,
  selectRuns,
  upsertTags,
} from "./runs.ts";

/** Says where the embedded store is. */
export interface SqliteStoreOptions extends DatabaseOptions {
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
export class SqliteStore implements TrackingStore, RegistryStore {
  readonly path: string;
  readonly artifactRoot: string;
  readonly #db: Database;

  private constructor(db: Database, artifactRoot: string) {
    this.#db = db;
    this.path = db.path;
    this.artifactRoot = artifactRoot;
  }

  /** Opens the file, or makes it; a database of another MLflow release is refused with the way out. */
  static async open({ path, artifactRoot, ...options }: SqliteStoreOptions): Promise<SqliteStore> {
    const root = localUri(artifactRoot ?? join(dirname(resolve(path)), "Artifacts"));
    const db = await Database.open(path, options);
    try {
      await db.transaction(() => insertDefaultExperiment(db, root));
    } catch (error) {
      db.close();
      throw error;
    }
    return new SqliteStore(db, root);
  }

  async createExperiment(input: CreateExperimentInput): Promise<string> {
    return this.#write((db) => insertExperiment(db, input, this.artifactRoot));
  }

  async getExperiment(experimentId: string): Promise<Experiment> {
    return this.#read((db) => selectExperiment(db, experimentId));
  }

  async getExperimentByName(name: string): Promise<Experiment | undefined> {
    return this.#read((db) => selectExperimentByName(db, name));
  }

  async createRun(input: CreateRunInput): Promise<Run> {
    return this.#write((db) => selectRun(db, insertRun(db, input)));
  }

  async updateRun(input: UpdateRunInput): Promise<RunInfo> {
    return this.#write((db) => changeRun(db, input));
  }

  async getRun(runId: string): Promise<Run> {
    return this.#read((db) => selectRun(db, runId));
  }

  async searchRuns(input: SearchRunsInput = {}): Promise<Run[]> {
    return this.#read((db) => selectRuns(db, input));
  }

  async logBatch({ runId, metrics = [], params = [], tags = [] }: LogBatchInput): Promise<void> {
    const checked = checkBatch(metrics, params, tags);
    await this.#write((db) => {
      checkRunIsActive(db, runId);
      insertParams(db, runId, checked.params);
      insertMetrics(db, runId, metrics);
      upsertTags(db, runId, Object.fromEntries(checked.tags.map(({ key, value }) => [key, value])));
    });
  }

  async setTags(runId: string, tags: Record<string, string>): Promise<void> {
    await this.#write((db) => {
      checkRunIsActive(db, runId);
      upsertTags(db, runId, tags);
    });
  }

  async metricHistory(runId: string, key: string): Promise<Metric[]> {
    return this.#read((db) => selectMetricHistory(db, runId, key));
  }

  async logInputs(runId: string, datasets: readonly DatasetInput[]): Promise<void> {
    await this.#write((db) => {
      const { experimentId } = checkRunIsActive(db, runId);
      insertDatasetInputs(db, runId, experimentId, datasets);
    });
  }

  async createLoggedModel(input: CreateLoggedModelInput): Promise<LoggedModel> {
    return this.#write((db) => selectLoggedModel(db, insertLoggedModel(db, input)));
  }

  async finalizeLoggedModel(modelId: string, status: LoggedModelStatus): Promise<LoggedModel> {
    return this.#write((db) => {
      changeLoggedModelStatus(db, modelId, status);
      return selectLoggedModel(db, modelId);
    });
  }

  async getLoggedModel(modelId: string): Promise<LoggedModel> {
    return this.#read((db) => selectLoggedModel(db, modelId));
  }

  async logOutputs(runId: string, models: readonly { modelId: string; step: number }[]): Promise<void> {
    await this.#write((db) => {
      checkRunIsActive(db, runId);
      insertModelOutputs(db, runId, models);
    });
  }

  async createRegisteredModel(input: CreateRegisteredModelInput): Promise<RegisteredModel> {
    return this.#write((db) => {
      insertRegisteredModel(db, input);
      return selectRegisteredModel(db, input.name);
    });
  }

  async getRegisteredModel(name: string): Promise<RegisteredModel> {
    return this.#read((db) => selectRegisteredModel(db, name));
  }

  async listRegisteredModels(): Promise<RegisteredModel[]> {
    return this.#read(selectRegisteredModels);
  }

  async createModelVersion(input: CreateModelVersionInput): Promise<ModelVersion> {
    return this.#write((db) => selectModelVersion(db, input.name, insertModelVersion(db, input)));
  }

  async getModelVersion(name: string, version: number): Promise<ModelVersion> {
    return this.#read((db) => selectModelVersion(db, name, version));
  }

  async listModelVersions(name: string): Promise<ModelVersion[]> {
    return this.#read((db) => selectModelVersions(db, name));
  }

  async setModelVersionTags(name: string, version: number, tags: Record<string, string>): Promise<void> {
    await this.#write((db) => upsertModelVersionTags(db, name, version, tags));
  }

  async setModelAlias(name: string, alias: string, version: number): Promise<void> {
    await this.#write((db) => upsertAlias(db, name, alias, version));
  }

  async deleteModelAlias(name: string, alias: string): Promise<void> {
    await this.#write((db) => deleteAlias(db, name, alias));
  }

  async getModelVersionByAlias(name: string, alias: string): Promise<ModelVersion> {
    return this.#read((db) => selectModelVersionByAlias(db, name, alias));
  }

  /** Closes the file. Calls after this one throw. */
  async close(): Promise<void> {
    this.#db.close();
  }

  #read<T>(work: (db: Database) => T): Promise<T> {
    return this.#db.read(() => work(this.#db));
  }

  #write<T>(work: (db: Database) => T): Promise<T> {
    return this.#db.transaction(() => work(this.#db));
  }
}
