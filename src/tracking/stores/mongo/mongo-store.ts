// The store in MongoDB, for many processes and machines at once. It needs no transactions, which a stand-alone server does
// not have: each call is one atomic change of one document, and what follows from it in other documents is named in that
// document until it is done. Whoever opens the store completes what a process that died left half done.
import { localUri } from "../../artifacts/uri.ts";
import { pageOfPoints } from "../../metric-points.ts";
import type { PagedList } from "../../paged-list.ts";
import { checkCustomStages } from "../../stages.ts";
import type {
  CreateExperimentInput,
  CreateLoggedModelInput,
  CreateRunInput,
  LogBatchInput,
  MetricHistoriesInput,
  SearchExperimentsInput,
  SearchLoggedModelsInput,
  SearchRunsInput,
  TrackingStore,
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
  Param,
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
import { MongoConnection } from "./connection.ts";
import type { Collections } from "./documents.ts";
import * as experiments from "./experiments.ts";
import * as loggedModels from "./logged-models.ts";
import { MongoRegistry } from "./mongo-registry.ts";
import * as points from "./points.ts";
import { prepare } from "./prepare.ts";
import * as runs from "./runs.ts";
import * as search from "./search.ts";
import * as transfer from "./transfer.ts";
import type { Webhook } from "../../webhooks/webhook.ts";
import { MongoWebhooks } from "./webhooks.ts";

/** Says where the store is, and what it knows beyond MLflow. */
export interface MongoStoreOptions {
  /** `mongodb://user:password@host/database` or `mongodb+srv://...`. @default database: sconce */
  uri: string;
  /** Where experiments that name no place keep their artifacts. @default "mlartifacts" in the working folder */
  artifactRoot?: string;
  /** Stages of the registry beside MLflow's `None`, `Staging`, `Production` and `Archived`. @default [] */
  stages?: readonly string[];
}

/**
 * Keeps runs and the registry in a MongoDB database; a replica set is not needed. A registered model with its versions and
 * history is one document, which may have 16 MB.
 *
 * @example
 * const store = await MongoStore.open({ uri: "mongodb://db/tracking", artifactRoot: "s3://bucket/runs" });
 */
export class MongoStore extends MongoRegistry implements TrackingStore, StoreExporter, StoreImporter {
  /** The URI without user and password. */
  readonly uri: string;
  /** Where experiments that name no place keep their artifacts. */
  readonly artifactRoot: string;
  readonly webhooks: MongoWebhooks;

  private constructor(connection: MongoConnection, artifactRoot: string, stages: readonly string[]) {
    super(connection, stages);
    this.webhooks = new MongoWebhooks(connection);
    this.uri = connection.uri;
    this.artifactRoot = artifactRoot;
  }

  /** Connects to the server, makes the indexes, and completes what processes that died left half done. */
  static async open({
    uri,
    artifactRoot = "mlartifacts",
    stages = [],
  }: MongoStoreOptions): Promise<MongoStore> {
    checkCustomStages(stages);
    const root = localUri(artifactRoot);
    const connection = await MongoConnection.open(uri, (collections) => prepare(collections, root));
    return new MongoStore(connection, root, stages);
  }

  async createExperiment(input: CreateExperimentInput): Promise<string> {
    return this.connection.do((db) =>
      experiments.insertExperiment(db, input, { artifactRoot: this.artifactRoot }),
    );
  }

  async getExperiment(experimentId: string): Promise<Experiment> {
    return this.connection.do((db) =>
      experiments.findExperiment(db, experimentId).then(experiments.toExperiment),
    );
  }

  async getExperimentByName(name: string): Promise<Experiment | undefined> {
    return this.connection.do((db) => experiments.findExperimentByName(db, name));
  }

  async searchExperiments(input: SearchExperimentsInput = {}): Promise<PagedList<Experiment>> {
    return this.connection.do((db) => search.searchExperiments(db, input));
  }

  async renameExperiment(experimentId: string, name: string): Promise<void> {
    return this.connection.do((db) => experiments.renameExperiment(db, experimentId, name));
  }

  async deleteExperiment(experimentId: string): Promise<void> {
    return this.connection.do((db) => experiments.trashExperiment(db, experimentId));
  }

  async restoreExperiment(experimentId: string): Promise<void> {
    return this.connection.do((db) => experiments.untrashExperiment(db, experimentId));
  }

  async setExperimentTags(experimentId: string, tags: Record<string, string>): Promise<void> {
    return this.connection.do((db) => experiments.setExperimentTags(db, experimentId, tags));
  }

  async deleteExperimentTag(experimentId: string, key: string): Promise<void> {
    return this.connection.do((db) => experiments.removeExperimentTag(db, experimentId, key));
  }

  async createRun(input: CreateRunInput): Promise<Run> {
    return this.connection.do((db) => runs.insertRun(db, input).then((runId) => readRun(db, runId)));
  }

  async updateRun(input: UpdateRunInput): Promise<RunInfo> {
    return this.connection.do(async (db) => {
      await runs.updateRun(db, input);
      return (await readRun(db, input.runId)).info;
    });
  }

  async getRun(runId: string): Promise<Run> {
    return this.connection.do((db) => readRun(db, runId));
  }

  async searchRuns(input: SearchRunsInput = {}): Promise<PagedList<Run>> {
    return this.connection.do((db) => search.searchRuns(db, input));
  }

  async deleteRun(runId: string): Promise<void> {
    return this.connection.do((db) => runs.setRunLifecycle(db, runId, "deleted"));
  }

  async restoreRun(runId: string): Promise<void> {
    return this.connection.do((db) => runs.setRunLifecycle(db, runId, "active"));
  }

  async logBatch(input: LogBatchInput): Promise<void> {
    return this.connection.do((db) => points.writeBatch(db, input));
  }

  async setTags(runId: string, tags: Record<string, string>): Promise<void> {
    return this.connection.do((db) => runs.setTags(db, runId, tags));
  }

  async deleteTag(runId: string, key: string): Promise<void> {
    return this.connection.do((db) => runs.removeTag(db, runId, key));
  }

  async metricHistory(
    runId: string,
    key: string,
    page: { maxResults?: number; pageToken?: string } = {},
  ): Promise<PagedList<Metric>> {
    return this.connection.do((db) =>
      points.readPoints(db, runId, key).then((found) => pageOfPoints(found, page)),
    );
  }

  async metricHistories(input: MetricHistoriesInput): Promise<(Metric & { runId: string })[]> {
    return this.connection.do((db) => points.readHistories(db, input));
  }

  async logInputs(
    runId: string,
    datasets: readonly DatasetInput[],
    models: readonly ModelInput[] = [],
  ): Promise<void> {
    return this.connection.do((db) => runs.writeInputs(db, runId, datasets, models));
  }

  async logOutputs(runId: string, models: readonly ModelOutput[]): Promise<void> {
    return this.connection.do((db) => runs.writeOutputs(db, runId, models));
  }

  async searchDatasets(experimentIds: readonly string[]): Promise<DatasetUse[]> {
    return this.connection.do((db) => search.searchDatasets(db, experimentIds));
  }

  async createLoggedModel(input: CreateLoggedModelInput): Promise<LoggedModel> {
    return this.connection.do(async (db) => {
      const modelId = await loggedModels.insertLoggedModel(db, input);
      return loggedModels.toLoggedModel(await loggedModels.findLoggedModel(db, modelId));
    });
  }

  async finalizeLoggedModel(modelId: string, status: LoggedModelStatus): Promise<LoggedModel> {
    return this.connection.do(async (db) => {
      await loggedModels.setLoggedModelStatus(db, modelId, status);
      return loggedModels.toLoggedModel(await loggedModels.findLoggedModel(db, modelId));
    });
  }

  async getLoggedModel(modelId: string): Promise<LoggedModel> {
    return this.connection.do((db) =>
      loggedModels.findLoggedModel(db, modelId).then(loggedModels.toLoggedModel),
    );
  }

  async searchLoggedModels(input: SearchLoggedModelsInput): Promise<PagedList<LoggedModel>> {
    return this.connection.do((db) => search.searchLoggedModels(db, input));
  }

  async deleteLoggedModel(modelId: string): Promise<void> {
    return this.connection.do((db) => loggedModels.trashLoggedModel(db, modelId));
  }

  async setLoggedModelTags(modelId: string, tags: Record<string, string>): Promise<void> {
    return this.connection.do((db) => loggedModels.setLoggedModelTags(db, modelId, tags));
  }

  async deleteLoggedModelTag(modelId: string, key: string): Promise<void> {
    return this.connection.do((db) => loggedModels.removeLoggedModelTag(db, modelId, key));
  }

  async logLoggedModelParams(modelId: string, params: readonly Param[]): Promise<void> {
    return this.connection.do((db) => loggedModels.addLoggedModelParams(db, modelId, params));
  }

  async deletedRunIds(before: number = Date.now()): Promise<string[]> {
    return this.connection.do((db) => runs.deletedRunIds(db, before));
  }

  async purgeRun(runId: string): Promise<void> {
    return this.connection.do((db) => runs.purgeRun(db, runId));
  }

  async deletedLoggedModels(before: number = Date.now()): Promise<LoggedModel[]> {
    return this.connection.do((db) => loggedModels.deletedLoggedModels(db, before));
  }

  async purgeLoggedModel(modelId: string): Promise<void> {
    return this.connection.do((db) => loggedModels.purgeLoggedModel(db, modelId));
  }

  async purgeExperiment(experimentId: string): Promise<void> {
    return this.connection.do((db) => experiments.purgeExperiment(db, experimentId));
  }

  async deletionTimes(experimentId: string): Promise<Map<string, number>> {
    return this.connection.do((db) => transfer.readDeletionTimes(db, experimentId));
  }

  async exportPoints(runIds: readonly string[]): Promise<Metric[][]> {
    return this.connection.do((db) => transfer.readPointsOfRuns(db, runIds));
  }

  async exportLoggedModels(experimentId: string, after?: string): Promise<LoggedModelRecord[]> {
    return this.connection.do((db) => transfer.readLoggedModelRecords(db, experimentId, after));
  }

  async exportRegisteredModel(name: string): Promise<RegisteredModelRecord> {
    return this.connection.do((db) => transfer.readRegisteredModelRecord(db, name));
  }

  async importExperiment(experiment: Experiment): Promise<void> {
    return this.connection.do((db) => transfer.insertExperimentRecord(db, experiment));
  }

  async importRuns(imports: readonly RunImport[]): Promise<void> {
    return this.connection.do((db) => transfer.insertRunRecords(db, imports));
  }

  async importPoints(runId: string, metrics: readonly Metric[]): Promise<void> {
    return this.connection.do((db) => points.importPoints(db, runId, metrics));
  }

  async importLoggedModel(record: LoggedModelRecord): Promise<void> {
    return this.connection.do((db) => transfer.insertLoggedModelRecord(db, record));
  }

  async importRegisteredModel(record: RegisteredModelRecord): Promise<void> {
    return this.connection.do((db) => transfer.insertRegisteredModelRecord(db, record));
  }

  async importWebhook(webhook: Webhook): Promise<void> {
    await this.webhooks.importWebhook(webhook);
  }

  async close(): Promise<void> {
    await this.connection.close();
  }
}

async function readRun(db: Collections, runId: string): Promise<Run> {
  return runs.toRun(await runs.findRun(db, runId));
}
