// What the stores on SQL databases have in common: each call is one transaction.
import type { PagedList } from "../../paged-list.ts";
import { canonicalStage } from "../../stages.ts";
import type {
  CreateExperimentInput,
  CreateLoggedModelInput,
  CreateModelVersionInput,
  CreateRegisteredModelInput,
  CreateRunInput,
  LogBatchInput,
  MetricHistoriesInput,
  RegistryChange,
  RegistryStore,
  SearchExperimentsInput,
  SearchInput,
  SearchLoggedModelsInput,
  SearchRunsInput,
  TrackingStore,
  TransitionStageInput,
  UpdateRunInput,
} from "../../store.ts";
import type {
  DatasetInput,
  DatasetUse,
  Experiment,
  LoggedModel,
  LoggedModelStatus,
  Metric,
  ModelInput,
  ModelOutput,
  ModelVersion,
  Param,
  RegisteredModel,
  RegistryEvent,
  Run,
  RunInfo,
} from "../../types.ts";
import type {
  LoggedModelRecord,
  RegisteredModelRecord,
  RunImport,
  StoreExporter,
  StoreImporter,
} from "../../transfer.ts";
import { checkBatch } from "../../validation.ts";
import { insertMetrics, insertParams, upsertTags } from "./batch.ts";
import * as experiments from "./experiments.ts";
import * as inputs from "./inputs.ts";
import * as loggedModels from "./logged-models.ts";
import { selectMetricHistories, selectMetricHistory, selectPoints } from "./metrics.ts";
import * as versions from "./model-versions.ts";
import {
  purgeExperiment,
  purgeLoggedModel,
  purgeRun,
  selectDeletedLoggedModels,
  selectDeletedRunIds,
} from "./purge.ts";
import * as models from "./registered-models.ts";
import * as history from "./registry-history.ts";
import { selectModelVersion, selectRegisteredModel } from "./registry-rows.ts";
import * as runs from "./runs.ts";
import * as search from "./search.ts";
import type { Sql, SqlDatabase } from "./sql.ts";
import * as transfer from "./transfer.ts";
import type { Webhook } from "../../webhooks/webhook.ts";
import { SqlWebhooks } from "./webhooks.ts";

/** Says what a store on a SQL database knows beyond MLflow. */
export interface SqlStoreOptions {
  /** Stages of the registry beside MLflow's `None`, `Staging`, `Production` and `Archived`. @default [] */
  stages?: readonly string[];
}

/** Keeps runs and the registry in a SQL database. Each call is one transaction, and a call that returned is kept. */
export abstract class SqlStore implements TrackingStore, RegistryStore, StoreExporter, StoreImporter {
  /** Names the store, without passwords. */
  readonly uri: string;
  /** Where experiments that name no place keep their artifacts. */
  readonly artifactRoot: string;
  readonly stages: readonly string[];
  readonly webhooks: SqlWebhooks;
  readonly #db: SqlDatabase;

  protected constructor(
    db: SqlDatabase,
    { uri, artifactRoot, stages }: { uri: string; artifactRoot: string; stages: readonly string[] },
  ) {
    this.#db = db;
    this.webhooks = new SqlWebhooks(db);
    this.uri = uri;
    this.artifactRoot = artifactRoot;
    this.stages = stages;
  }

  async createExperiment(input: CreateExperimentInput): Promise<string> {
    return this.#db.write((sql) => experiments.insertExperiment(sql, input, this.artifactRoot));
  }

  async getExperiment(experimentId: string): Promise<Experiment> {
    return this.#db.read((sql) => experiments.selectExperiment(sql, experimentId));
  }

  async getExperimentByName(name: string): Promise<Experiment | undefined> {
    return this.#db.read((sql) => experiments.selectExperimentByName(sql, name));
  }

  async searchExperiments(input: SearchExperimentsInput = {}): Promise<PagedList<Experiment>> {
    return this.#db.read((sql) => search.searchExperiments(sql, input));
  }

  async renameExperiment(experimentId: string, name: string): Promise<void> {
    await this.#db.write((sql) => experiments.renameExperiment(sql, experimentId, name));
  }

  async deleteExperiment(experimentId: string): Promise<void> {
    await this.#db.write((sql) => experiments.trashExperiment(sql, experimentId));
  }

  async restoreExperiment(experimentId: string): Promise<void> {
    await this.#db.write((sql) => experiments.untrashExperiment(sql, experimentId));
  }

  async setExperimentTags(experimentId: string, tags: Record<string, string>): Promise<void> {
    await this.#db.write((sql) => experiments.setExperimentTags(sql, experimentId, tags));
  }

  async deleteExperimentTag(experimentId: string, key: string): Promise<void> {
    await this.#db.write((sql) => experiments.removeExperimentTag(sql, experimentId, key));
  }

  async createRun(input: CreateRunInput): Promise<Run> {
    return this.#db.write(async (sql) => runs.selectRun(sql, await runs.insertRun(sql, input)));
  }

  async updateRun(input: UpdateRunInput): Promise<RunInfo> {
    return this.#db.write((sql) => runs.changeRun(sql, input));
  }

  async getRun(runId: string): Promise<Run> {
    return this.#db.read((sql) => runs.selectRun(sql, runId));
  }

  async searchRuns(input: SearchRunsInput = {}): Promise<PagedList<Run>> {
    return this.#db.read((sql) => search.searchRuns(sql, input));
  }

  async deleteRun(runId: string): Promise<void> {
    await this.#db.write((sql) => runs.trashRun(sql, runId));
  }

  async restoreRun(runId: string): Promise<void> {
    await this.#db.write((sql) => runs.untrashRun(sql, runId));
  }

  async logBatch({ runId, metrics = [], params = [], tags = [] }: LogBatchInput): Promise<void> {
    const checked = checkBatch(metrics, params, tags);
    await this.#db.write(async (sql) => {
      const info = await runs.lockActiveRun(sql, runId);
      await insertParams(sql, runId, checked.params);
      await insertMetrics(sql, [{ runId, metrics }]);
      await loggedModels.insertModelMetrics(sql, info, metrics);
      await upsertTags(sql, runId, Object.fromEntries(checked.tags.map(({ key, value }) => [key, value])));
    });
  }

  async setTags(runId: string, tags: Record<string, string>): Promise<void> {
    await this.#db.write(async (sql) => {
      await runs.lockActiveRun(sql, runId);
      await upsertTags(sql, runId, tags);
    });
  }

  async deleteTag(runId: string, key: string): Promise<void> {
    await this.#db.write((sql) => runs.removeTag(sql, runId, key));
  }

  async metricHistory(
    runId: string,
    key: string,
    page: { maxResults?: number; pageToken?: string } = {},
  ): Promise<PagedList<Metric>> {
    return this.#db.read((sql) => selectMetricHistory(sql, runId, key, page));
  }

  async metricHistories(input: MetricHistoriesInput): Promise<(Metric & { runId: string })[]> {
    return this.#db.read((sql) => selectMetricHistories(sql, input));
  }

  async logInputs(
    runId: string,
    datasets: readonly DatasetInput[],
    modelInputs: readonly ModelInput[] = [],
  ): Promise<void> {
    await this.#db.write(async (sql) => {
      const { experimentId } = await runs.lockActiveRun(sql, runId);
      await inputs.insertDatasetInputs(sql, runId, experimentId, datasets);
      await inputs.insertModelInputs(sql, runId, modelInputs);
    });
  }

  async logOutputs(runId: string, outputs: readonly ModelOutput[]): Promise<void> {
    await this.#db.write(async (sql) => {
      await runs.lockActiveRun(sql, runId);
      await inputs.insertModelOutputs(sql, runId, outputs);
    });
  }

  async searchDatasets(experimentIds: readonly string[]): Promise<DatasetUse[]> {
    return this.#db.read((sql) => inputs.selectDatasets(sql, experimentIds));
  }

  async createLoggedModel(input: CreateLoggedModelInput): Promise<LoggedModel> {
    return this.#db.write(async (sql) =>
      loggedModels.selectLoggedModel(sql, await loggedModels.insertLoggedModel(sql, input)),
    );
  }

  async finalizeLoggedModel(modelId: string, status: LoggedModelStatus): Promise<LoggedModel> {
    return this.#db.write(async (sql) => {
      await loggedModels.changeLoggedModelStatus(sql, modelId, status);
      return loggedModels.selectLoggedModel(sql, modelId);
    });
  }

  async getLoggedModel(modelId: string): Promise<LoggedModel> {
    return this.#db.read((sql) => loggedModels.selectLoggedModel(sql, modelId));
  }

  async searchLoggedModels(input: SearchLoggedModelsInput): Promise<PagedList<LoggedModel>> {
    return this.#db.read((sql) => search.searchLoggedModels(sql, input));
  }

  async deleteLoggedModel(modelId: string): Promise<void> {
    await this.#db.write((sql) => loggedModels.trashLoggedModel(sql, modelId));
  }

  async setLoggedModelTags(modelId: string, tags: Record<string, string>): Promise<void> {
    await this.#db.write((sql) => loggedModels.upsertLoggedModelTags(sql, modelId, tags));
  }

  async deleteLoggedModelTag(modelId: string, key: string): Promise<void> {
    await this.#db.write((sql) => loggedModels.removeLoggedModelTag(sql, modelId, key));
  }

  async logLoggedModelParams(modelId: string, params: readonly Param[]): Promise<void> {
    await this.#db.write((sql) => loggedModels.insertLoggedModelParams(sql, modelId, params));
  }

  async deletedRunIds(before: number = Date.now()): Promise<string[]> {
    return this.#db.read((sql) => selectDeletedRunIds(sql, before));
  }

  async purgeRun(runId: string): Promise<void> {
    await this.#db.write((sql) => purgeRun(sql, runId));
  }

  async deletedLoggedModels(before: number = Date.now()): Promise<LoggedModel[]> {
    return this.#db.read((sql) => selectDeletedLoggedModels(sql, before));
  }

  async purgeLoggedModel(modelId: string): Promise<void> {
    await this.#db.write((sql) => purgeLoggedModel(sql, modelId));
  }

  async purgeExperiment(experimentId: string): Promise<void> {
    await this.#db.write((sql) => purgeExperiment(sql, experimentId));
  }

  async createRegisteredModel(input: CreateRegisteredModelInput): Promise<RegisteredModel> {
    return this.#changeModel(input.name, (sql) => models.insertRegisteredModel(sql, input));
  }

  async getRegisteredModel(name: string): Promise<RegisteredModel> {
    return this.#db.read((sql) => selectRegisteredModel(sql, name));
  }

  async searchRegisteredModels(input: SearchInput = {}): Promise<PagedList<RegisteredModel>> {
    return this.#db.read((sql) => search.searchRegisteredModels(sql, input));
  }

  async renameRegisteredModel(name: string, newName: string): Promise<RegisteredModel> {
    return this.#changeModel(newName, (sql) => models.renameRegisteredModel(sql, name, newName));
  }

  async updateRegisteredModel(name: string, description: string): Promise<RegisteredModel> {
    return this.#changeModel(name, (sql) => models.describeRegisteredModel(sql, name, description));
  }

  async deleteRegisteredModel(name: string): Promise<void> {
    await this.#db.write((sql) => models.removeRegisteredModel(sql, name));
  }

  async setRegisteredModelTags(name: string, tags: Record<string, string>): Promise<void> {
    await this.#db.write((sql) => models.setRegisteredModelTags(sql, name, tags));
  }

  async deleteRegisteredModelTag(name: string, key: string): Promise<void> {
    await this.#db.write((sql) => models.removeRegisteredModelTag(sql, name, key));
  }

  async createModelVersion(input: CreateModelVersionInput): Promise<ModelVersion> {
    return this.#db.write(async (sql) =>
      selectModelVersion(sql, input.name, await versions.insertModelVersion(sql, input)),
    );
  }

  async getModelVersion(name: string, version: number): Promise<ModelVersion> {
    return this.#db.read((sql) => selectModelVersion(sql, name, version));
  }

  async searchModelVersions(input: SearchInput = {}): Promise<PagedList<ModelVersion>> {
    return this.#db.read((sql) => search.searchModelVersions(sql, input));
  }

  async latestModelVersions(name: string, stages?: readonly string[]): Promise<ModelVersion[]> {
    const wanted = stages?.map((stage) => canonicalStage(stage, this.stages));
    return this.#db.read((sql) => versions.selectLatestVersions(sql, name, wanted));
  }

  async updateModelVersion(name: string, version: number, description: string): Promise<ModelVersion> {
    return this.#changeVersion(name, version, (sql) =>
      versions.describeModelVersion(sql, name, version, description),
    );
  }

  async transitionStage(input: TransitionStageInput): Promise<ModelVersion> {
    const stage = canonicalStage(input.stage, this.stages);
    return this.#changeVersion(input.name, input.version, (sql) =>
      history.moveToStage(sql, { ...input, stage }),
    );
  }

  async deleteModelVersion(name: string, version: number): Promise<void> {
    await this.#db.write((sql) => versions.removeModelVersion(sql, name, version));
  }

  async setModelVersionTags(name: string, version: number, tags: Record<string, string>): Promise<void> {
    await this.#db.write((sql) => versions.setModelVersionTags(sql, name, version, tags));
  }

  async deleteModelVersionTag(name: string, version: number, key: string): Promise<void> {
    await this.#db.write((sql) => versions.removeModelVersionTag(sql, name, version, key));
  }

  async setModelAlias(name: string, alias: string, version: number, change?: RegistryChange): Promise<void> {
    await this.#db.write((sql) => history.upsertAlias(sql, name, alias, version, change));
  }

  async deleteModelAlias(name: string, alias: string, change?: RegistryChange): Promise<void> {
    await this.#db.write((sql) => history.removeAlias(sql, name, alias, change));
  }

  async getModelVersionByAlias(name: string, alias: string): Promise<ModelVersion> {
    return this.#db.read((sql) => history.selectModelVersionByAlias(sql, name, alias));
  }

  async registryHistory(name: string): Promise<RegistryEvent[]> {
    return this.#db.read((sql) => history.selectHistory(sql, name));
  }

  async deletionTimes(experimentId: string): Promise<Map<string, number>> {
    return this.#db.read((sql) => transfer.selectDeletionTimes(sql, experimentId));
  }

  async exportPoints(runIds: readonly string[]): Promise<Metric[][]> {
    return this.#db.read((sql) => selectPoints(sql, runIds));
  }

  async exportLoggedModels(experimentId: string, after?: string): Promise<LoggedModelRecord[]> {
    return this.#db.read((sql) => transfer.selectLoggedModelRecords(sql, experimentId, after));
  }

  async exportRegisteredModel(name: string): Promise<RegisteredModelRecord> {
    return this.#db.read((sql) => transfer.selectRegisteredModelRecord(sql, name));
  }

  async importExperiment(experiment: Experiment): Promise<void> {
    await this.#db.write((sql) => transfer.insertExperimentRecord(sql, experiment));
  }

  async importRuns(imports: readonly RunImport[]): Promise<void> {
    await this.#db.write((sql) => transfer.insertRunRecords(sql, imports));
  }

  async importPoints(runId: string, points: readonly Metric[]): Promise<void> {
    await this.#db.write((sql) => transfer.insertPoints(sql, runId, points));
  }

  async importLoggedModel(record: LoggedModelRecord): Promise<void> {
    await this.#db.write((sql) => transfer.insertLoggedModelRecord(sql, record));
  }

  async importRegisteredModel(record: RegisteredModelRecord): Promise<void> {
    await this.#db.write((sql) => transfer.insertRegisteredModelRecord(sql, record));
  }

  async importWebhook(webhook: Webhook): Promise<void> {
    await this.webhooks.importWebhook(webhook);
  }

  /** Closes the database. Calls after this one throw. */
  async close(): Promise<void> {
    await this.#db.close();
  }

  #changeModel(name: string, change: (sql: Sql) => Promise<void>): Promise<RegisteredModel> {
    return this.#db.write(async (sql) => {
      await change(sql);
      return selectRegisteredModel(sql, name);
    });
  }

  #changeVersion(name: string, version: number, change: (sql: Sql) => Promise<void>): Promise<ModelVersion> {
    return this.#db.write(async (sql) => {
      await change(sql);
      return selectModelVersion(sql, name, version);
    });
  }
}
