// The store in MongoDB, for many processes and machines at once. It needs no transactions, which a stand-alone server does
// not have: each call is one atomic change of one document, and what follows from it in other documents is named in that
// document until it is done. Whoever opens the store completes what a process that died left half done.
import type { Db, MongoClient } from "mongodb";
import { SetupError, TrackingError } from "../../../base/index.ts";
import { localUri } from "../../artifacts/uri.ts";
import { pageOfPoints, thinPoints } from "../../metric-points.ts";
import type { PagedList } from "../../paged-list.ts";
import { canonicalStage, checkCustomStages, newestOfStages } from "../../stages.ts";
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
  RunRecord,
  StoreExporter,
  StoreImporter,
} from "../../transfer.ts";
import { checkRegistryTags } from "../../validation.ts";
import { type Collections, openCollections } from "./documents.ts";
import * as experiments from "./experiments.ts";
import * as loggedModels from "./logged-models.ts";
import { databaseOf, withoutCredentials } from "./mongo-uri.ts";
import * as registry from "./registry.ts";
import * as runs from "./runs.ts";
import * as search from "./search.ts";
import * as transfer from "./transfer.ts";

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
export class MongoStore implements TrackingStore, RegistryStore, StoreExporter, StoreImporter {
  /** The URI without user and password. */
  readonly uri: string;
  /** Where experiments that name no place keep their artifacts. */
  readonly artifactRoot: string;
  readonly stages: readonly string[];
  readonly #client: MongoClient;
  readonly #collections: Collections;

  private constructor(
    client: MongoClient,
    collections: Collections,
    { uri, artifactRoot, stages }: Required<MongoStoreOptions>,
  ) {
    this.#client = client;
    this.#collections = collections;
    this.uri = uri;
    this.artifactRoot = artifactRoot;
    this.stages = stages;
  }

  /** Connects to the server, makes the indexes, and completes what processes that died left half done. */
  static async open({
    uri,
    artifactRoot = "mlartifacts",
    stages = [],
  }: MongoStoreOptions): Promise<MongoStore> {
    checkCustomStages(stages);
    const name = withoutCredentials(uri);
    const database = databaseOf(uri);
    const client = await clientFor(uri);
    try {
      return await answered(name, async () => {
        await client.connect();
        const root = localUri(artifactRoot);
        const collections = await prepare(client.db(database), root);
        return new MongoStore(client, collections, { uri: name, artifactRoot: root, stages });
      });
    } catch (error) {
      await client.close();
      throw error;
    }
  }

  async createExperiment(input: CreateExperimentInput): Promise<string> {
    return this.#do((db) => experiments.insertExperiment(db, input, { artifactRoot: this.artifactRoot }));
  }

  async getExperiment(experimentId: string): Promise<Experiment> {
    return this.#do((db) => experiments.findExperiment(db, experimentId).then(experiments.toExperiment));
  }

  async getExperimentByName(name: string): Promise<Experiment | undefined> {
    return this.#do((db) => experiments.findExperimentByName(db, name));
  }

  async searchExperiments(input: SearchExperimentsInput = {}): Promise<PagedList<Experiment>> {
    return this.#do((db) => search.searchExperiments(db, input));
  }

  async renameExperiment(experimentId: string, name: string): Promise<void> {
    return this.#do((db) => experiments.renameExperiment(db, experimentId, name));
  }

  async deleteExperiment(experimentId: string): Promise<void> {
    return this.#do((db) => experiments.trashExperiment(db, experimentId));
  }

  async restoreExperiment(experimentId: string): Promise<void> {
    return this.#do((db) => experiments.untrashExperiment(db, experimentId));
  }

  async setExperimentTags(experimentId: string, tags: Record<string, string>): Promise<void> {
    return this.#do((db) => experiments.setExperimentTags(db, experimentId, tags));
  }

  async deleteExperimentTag(experimentId: string, key: string): Promise<void> {
    return this.#do((db) => experiments.removeExperimentTag(db, experimentId, key));
  }

  async createRun(input: CreateRunInput): Promise<Run> {
    return this.#do((db) => runs.insertRun(db, input).then((runId) => readRun(db, runId)));
  }

  async updateRun(input: UpdateRunInput): Promise<RunInfo> {
    return this.#do(async (db) => {
      await runs.updateRun(db, input);
      return (await readRun(db, input.runId)).info;
    });
  }

  async getRun(runId: string): Promise<Run> {
    return this.#do((db) => readRun(db, runId));
  }

  async searchRuns(input: SearchRunsInput = {}): Promise<PagedList<Run>> {
    return this.#do((db) => search.searchRuns(db, input));
  }

  async deleteRun(runId: string): Promise<void> {
    return this.#do((db) => runs.setRunLifecycle(db, runId, "deleted"));
  }

  async restoreRun(runId: string): Promise<void> {
    return this.#do((db) => runs.setRunLifecycle(db, runId, "active"));
  }

  async logBatch(input: LogBatchInput): Promise<void> {
    return this.#do((db) => runs.writeBatch(db, input));
  }

  async setTags(runId: string, tags: Record<string, string>): Promise<void> {
    return this.#do((db) => runs.setTags(db, runId, tags));
  }

  async deleteTag(runId: string, key: string): Promise<void> {
    return this.#do((db) => runs.removeTag(db, runId, key));
  }

  async metricHistory(
    runId: string,
    key: string,
    page: { maxResults?: number; pageToken?: string } = {},
  ): Promise<PagedList<Metric>> {
    return this.#do((db) => runs.readPoints(db, runId, key).then((points) => pageOfPoints(points, page)));
  }

  async metricHistories({
    runIds,
    key,
    startStep = -Infinity,
    endStep = Infinity,
    maxResults,
  }: MetricHistoriesInput): Promise<(Metric & { runId: string })[]> {
    return this.#do(async (db) => {
      const histories: (Metric & { runId: string })[][] = [];
      for (const runId of runIds) {
        const all = await runs.readPoints(db, runId, key);
        const points = all.filter(({ step }) => step >= startStep && step <= endStep);
        histories.push(thinPoints(points, maxResults).map((point) => ({ ...point, runId })));
      }
      return histories.flat();
    });
  }

  async logInputs(
    runId: string,
    datasets: readonly DatasetInput[],
    models: readonly ModelInput[] = [],
  ): Promise<void> {
    return this.#do((db) => runs.writeInputs(db, runId, datasets, models));
  }

  async logOutputs(runId: string, models: readonly ModelOutput[]): Promise<void> {
    return this.#do((db) => runs.writeOutputs(db, runId, models));
  }

  async searchDatasets(experimentIds: readonly string[]): Promise<DatasetUse[]> {
    return this.#do((db) => search.searchDatasets(db, experimentIds));
  }

  async createLoggedModel(input: CreateLoggedModelInput): Promise<LoggedModel> {
    return this.#do(async (db) => {
      const modelId = await loggedModels.insertLoggedModel(db, input);
      return loggedModels.toLoggedModel(await loggedModels.findLoggedModel(db, modelId));
    });
  }

  async finalizeLoggedModel(modelId: string, status: LoggedModelStatus): Promise<LoggedModel> {
    return this.#do(async (db) => {
      await loggedModels.setLoggedModelStatus(db, modelId, status);
      return loggedModels.toLoggedModel(await loggedModels.findLoggedModel(db, modelId));
    });
  }

  async getLoggedModel(modelId: string): Promise<LoggedModel> {
    return this.#do((db) => loggedModels.findLoggedModel(db, modelId).then(loggedModels.toLoggedModel));
  }

  async searchLoggedModels(input: SearchLoggedModelsInput): Promise<PagedList<LoggedModel>> {
    return this.#do((db) => search.searchLoggedModels(db, input));
  }

  async deleteLoggedModel(modelId: string): Promise<void> {
    return this.#do((db) => loggedModels.trashLoggedModel(db, modelId));
  }

  async setLoggedModelTags(modelId: string, tags: Record<string, string>): Promise<void> {
    return this.#do((db) => loggedModels.setLoggedModelTags(db, modelId, tags));
  }

  async deleteLoggedModelTag(modelId: string, key: string): Promise<void> {
    return this.#do((db) => loggedModels.removeLoggedModelTag(db, modelId, key));
  }

  async logLoggedModelParams(modelId: string, params: readonly Param[]): Promise<void> {
    return this.#do((db) => loggedModels.addLoggedModelParams(db, modelId, params));
  }

  async deletedRunIds(before: number = Date.now()): Promise<string[]> {
    return this.#do((db) => runs.deletedRunIds(db, before));
  }

  async purgeRun(runId: string): Promise<void> {
    return this.#do((db) => runs.purgeRun(db, runId));
  }

  async deletedLoggedModels(before: number = Date.now()): Promise<LoggedModel[]> {
    return this.#do((db) => loggedModels.deletedLoggedModels(db, before));
  }

  async purgeLoggedModel(modelId: string): Promise<void> {
    return this.#do((db) => loggedModels.purgeLoggedModel(db, modelId));
  }

  async purgeExperiment(experimentId: string): Promise<void> {
    return this.#do((db) => experiments.purgeExperiment(db, experimentId));
  }

  async createRegisteredModel(input: CreateRegisteredModelInput): Promise<RegisteredModel> {
    return this.#do(async (db) => {
      await registry.insertRegisteredModel(db, input);
      return registry.toModel(await registry.findModel(db, input.name));
    });
  }

  async getRegisteredModel(name: string): Promise<RegisteredModel> {
    return this.#do((db) => registry.findModel(db, name).then(registry.toModel));
  }

  async searchRegisteredModels(input: SearchInput = {}): Promise<PagedList<RegisteredModel>> {
    return this.#do((db) => search.searchModels(db, input));
  }

  async renameRegisteredModel(name: string, newName: string): Promise<RegisteredModel> {
    return this.#do(async (db) => {
      await registry.renameModel(db, name, newName);
      return registry.toModel(await registry.findModel(db, newName));
    });
  }

  async updateRegisteredModel(name: string, description: string): Promise<RegisteredModel> {
    return this.#do((db) =>
      registry.changeModel(db, name, (model) => {
        model.description = description;
        model.lastUpdatedTimestamp = Date.now();
        return registry.toModel(model);
      }),
    );
  }

  async deleteRegisteredModel(name: string): Promise<void> {
    return this.#do((db) => registry.removeModel(db, name));
  }

  async setRegisteredModelTags(name: string, tags: Record<string, string>): Promise<void> {
    checkRegistryTags(tags);
    return this.#do((db) => registry.changeModel(db, name, (model) => registry.setRegistryTags(model, tags)));
  }

  async deleteRegisteredModelTag(name: string, key: string): Promise<void> {
    return this.#do((db) =>
      registry.changeModel(db, name, (model) => registry.removeRegistryTag(model, key)),
    );
  }

  async createModelVersion(input: CreateModelVersionInput): Promise<ModelVersion> {
    return this.#do(async (db) => {
      const version = await registry.insertVersion(db, input);
      return readVersion(db, input.name, version);
    });
  }

  async getModelVersion(name: string, version: number): Promise<ModelVersion> {
    return this.#do((db) => readVersion(db, name, version));
  }

  async searchModelVersions(input: SearchInput = {}): Promise<PagedList<ModelVersion>> {
    return this.#do((db) => search.searchVersions(db, input));
  }

  async latestModelVersions(name: string, stages?: readonly string[]): Promise<ModelVersion[]> {
    const wanted = stages?.map((stage) => canonicalStage(stage, this.stages));
    return this.#do(async (db) => {
      const model = await registry.findModel(db, name);
      return newestOfStages(model.versions, wanted).map((version) => registry.toVersion(model, version));
    });
  }

  async updateModelVersion(name: string, version: number, description: string): Promise<ModelVersion> {
    return this.#do((db) =>
      registry.changeModel(db, name, (model) => {
        const found = registry.versionOf(model, version);
        found.description = description;
        found.lastUpdatedTimestamp = Date.now();
        return registry.toVersion(model, found);
      }),
    );
  }

  async transitionStage(input: TransitionStageInput): Promise<ModelVersion> {
    const stage = canonicalStage(input.stage, this.stages);
    return this.#do(async (db) => {
      await registry.moveToStage(db, { ...input, stage });
      return readVersion(db, input.name, input.version);
    });
  }

  async deleteModelVersion(name: string, version: number): Promise<void> {
    return this.#do((db) => registry.removeVersion(db, name, version));
  }

  async setModelVersionTags(name: string, version: number, tags: Record<string, string>): Promise<void> {
    checkRegistryTags(tags);
    return this.#do((db) =>
      registry.changeModel(db, name, (model) =>
        registry.setRegistryTags(registry.versionOf(model, version), tags),
      ),
    );
  }

  async deleteModelVersionTag(name: string, version: number, key: string): Promise<void> {
    return this.#do((db) =>
      registry.changeModel(db, name, (model) =>
        registry.removeRegistryTag(registry.versionOf(model, version), key),
      ),
    );
  }

  async setModelAlias(
    name: string,
    alias: string,
    version: number,
    reason: RegistryChange = {},
  ): Promise<void> {
    return this.#do((db) => registry.writeAlias(db, { ...reason, name, alias, version }));
  }

  async deleteModelAlias(name: string, alias: string, reason: RegistryChange = {}): Promise<void> {
    return this.#do((db) => registry.removeAlias(db, { ...reason, name, alias }));
  }

  async getModelVersionByAlias(name: string, alias: string): Promise<ModelVersion> {
    return this.#do((db) => registry.readVersionByAlias(db, name, alias));
  }

  async registryHistory(name: string): Promise<RegistryEvent[]> {
    return this.#do((db) =>
      registry.findModel(db, name).then(({ history }) => history.map(registry.toEvent)),
    );
  }

  async deletionTimes(experimentId: string): Promise<Map<string, number>> {
    return this.#do((db) => transfer.readDeletionTimes(db, experimentId));
  }

  async exportLoggedModels(experimentId: string, after?: string): Promise<LoggedModelRecord[]> {
    return this.#do((db) => transfer.readLoggedModelRecords(db, experimentId, after));
  }

  async exportRegisteredModel(name: string): Promise<RegisteredModelRecord> {
    return this.#do((db) => transfer.readRegisteredModelRecord(db, name));
  }

  async importExperiment(experiment: Experiment): Promise<void> {
    return this.#do((db) => transfer.insertExperimentRecord(db, experiment));
  }

  async importRun(record: RunRecord, points: readonly Metric[]): Promise<void> {
    return this.#do((db) => transfer.insertRunRecord(db, record, points));
  }

  async importPoints(runId: string, points: readonly Metric[]): Promise<void> {
    return this.#do((db) => runs.importPoints(db, runId, points));
  }

  async importLoggedModel(record: LoggedModelRecord): Promise<void> {
    return this.#do((db) => transfer.insertLoggedModelRecord(db, record));
  }

  async importRegisteredModel(record: RegisteredModelRecord): Promise<void> {
    return this.#do((db) => transfer.insertRegisteredModelRecord(db, record));
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  /** Runs a call; an error of the driver becomes one of the store. */
  #do<T>(body: (collections: Collections) => Promise<T>): Promise<T> {
    return answered(this.uri, () => body(this.#collections));
  }
}

async function clientFor(uri: string): Promise<MongoClient> {
  const driver = await loadDriver();
  try {
    return new driver.MongoClient(uri, {
      ignoreUndefined: true,
      // what a call wrote is kept, whatever happens afterwards
      writeConcern: { w: "majority", journal: true },
      readConcernLevel: "local",
      serverSelectionTimeoutMS: 10_000,
    });
  } catch (error) {
    // the driver's words may hold the URI
    throw new TrackingError(
      `${withoutCredentials(uri)}: it must be a MongoDB URI, mongodb://user:password@host:27017/database. Special ` +
        "characters of user and password are written as %40 and the like.",
      { code: "INVALID_PARAMETER_VALUE", cause: (error as Error).name },
    );
  }
}

async function loadDriver(): Promise<typeof import("mongodb")> {
  try {
    return await import("mongodb");
  } catch (error) {
    throw new SetupError("MongoDB: the package mongodb cannot be loaded. Run: npm install", { cause: error });
  }
}

async function readRun(db: Collections, runId: string): Promise<Run> {
  return runs.toRun(await runs.findRun(db, runId));
}

async function readVersion(db: Collections, name: string, version: number): Promise<ModelVersion> {
  const model = await registry.findModel(db, name);
  return registry.toVersion(model, registry.versionOf(model, version));
}

async function prepare(db: Db, artifactRoot: string): Promise<Collections> {
  const collections = await openCollections(db);
  if ((await collections.experiments.findOne({}, { projection: { _id: 1 } })) === null) {
    try {
      await experiments.insertExperiment(
        collections,
        { name: "Default" },
        { artifactRoot, experimentId: "0" },
      );
    } catch (error) {
      // another process may have been faster
      if (!(error instanceof TrackingError) || error.code !== "RESOURCE_ALREADY_EXISTS") throw error;
    }
  }
  await repair(collections);
  return collections;
}

/** Completes what is half done; all of it may be done twice. */
async function repair(collections: Collections): Promise<void> {
  const onlyId = { projection: { _id: 1 as const } };
  const openExperiments = await collections.experiments
    .find({ $or: [{ lifecycleStage: { $ne: "active" } }, { restoreFrom: { $exists: true } }] }, onlyId)
    .toArray();
  for (const { _id } of openExperiments) await experiments.finishExperiment(collections, _id);
  const purged = await collections.runs.find({ lifecycleStage: "purging" }, onlyId).toArray();
  for (const { _id } of purged) await runs.finishPurge(collections, _id);
  const owing = await collections.runs.find({ "modelPoints.0": { $exists: true } }, onlyId).toArray();
  for (const { _id } of owing) {
    await runs.finishModelPoints(collections, _id).catch((error: unknown) => {
      // another process may have removed the run meanwhile
      if (!(error instanceof TrackingError) || error.code !== "RESOURCE_DOES_NOT_EXIST") throw error;
    });
  }
}

async function answered<T>(name: string, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    if (!(error instanceof Error) || !error.name.startsWith("Mongo")) throw error;
    if (/BSONObj size|larger than|too large/i.test(error.message)) {
      throw new TrackingError(
        `${name}: a document must stay under 16 MB. Delete what is no longer needed: ${error.message}`,
        { code: "INVALID_PARAMETER_VALUE", cause: error },
      );
    }
    throw new TrackingError(
      `${name}: the server must answer, and did not: ${error.message}. See that it runs and lets you in, and try again.`,
      { code: "TEMPORARILY_UNAVAILABLE", cause: error },
    );
  }
}
