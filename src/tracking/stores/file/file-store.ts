// The store of MLflow's `mlruns` folders: plain files, which MLflow's file store opens too. Calls that change something
// wait for each other, in this process and among processes; readers wait for nobody.
import { existsSync, mkdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { localUri } from "../../artifacts/uri.ts";
import { pageOfPoints, thinPoints } from "../../metric-points.ts";
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
import { checkBatch, checkKey, invalid } from "../../validation.ts";
import * as experiments from "./experiments.ts";
import { FileRegistry } from "./file-registry.ts";
import { FolderLocks, readable } from "./folder-locks.ts";
import * as inputs from "./inputs.ts";
import { Layout } from "./layout.ts";
import * as loggedModels from "./logged-models.ts";
import { LatestPoints, readPoints } from "./metric-files.ts";
import * as runs from "./runs.ts";
import * as search from "./search.ts";
import type { Transaction } from "./transaction.ts";
import * as transfer from "./transfer.ts";

/** Says where the store is, and what it knows beyond MLflow. */
export interface FileStoreOptions {
  /** The folder, `mlruns` say; it is made when it is missing. */
  path: string;
  /** Where experiments that name no place keep their artifacts. @default the folder itself, as MLflow has it */
  artifactRoot?: string;
  /** Stages of the registry beside MLflow's `None`, `Staging`, `Production` and `Archived`. @default [] */
  stages?: readonly string[];
}

const experimentNames = "names";

/**
 * Keeps runs and the registry in a folder as MLflow's file store does, so that either opens what the other wrote. Several
 * processes may share it. Each call is made whole or not at all, and a call that returned is on disk. Searches read the
 * files of all runs that they look at: for more than some thousand runs take `SqliteStore`.
 *
 * @example
 * const store = await FileStore.open({ path: "mlruns" });
 * const experimentId = await store.createExperiment({ name: "spam/first" });
 * const run = await store.createRun({ experimentId });
 * await store.logBatch({ runId: run.info.runId, params: [{ key: "lr", value: "0.1" }] });
 * (await store.getRun(run.info.runId)).data.params; // => { lr: "0.1" }
 */
export class FileStore extends FileRegistry implements TrackingStore, StoreExporter, StoreImporter {
  readonly uri: string;
  /** The folder, as an absolute path. */
  readonly path: string;
  /** Where experiments that name no place keep their artifacts. */
  readonly artifactRoot: string;
  readonly #layout: Layout;
  readonly #locks: FolderLocks;
  readonly #latest = new LatestPoints();

  private constructor(path: string, artifactRoot: string, stages: readonly string[]) {
    const [layout, locks] = [new Layout(path), new FolderLocks(path)];
    super(layout, locks, stages);
    this.path = path;
    this.uri = pathToFileURL(path).href;
    this.artifactRoot = artifactRoot;
    this.#layout = layout;
    this.#locks = locks;
  }

  /** Opens the folder, or makes it, and completes what processes that died left half done. */
  static async open({ path, artifactRoot, stages = [] }: FileStoreOptions): Promise<FileStore> {
    checkCustomStages(stages);
    const root = resolve(path);
    const store = new FileStore(root, localUri(artifactRoot ?? root), stages);
    await store.#prepare();
    return store;
  }

  async createExperiment(input: CreateExperimentInput): Promise<string> {
    return this.#locks.change([experimentNames], (transaction) =>
      experiments.insertExperiment(this.#layout, transaction, input, { artifactRoot: this.artifactRoot }),
    );
  }

  async getExperiment(experimentId: string): Promise<Experiment> {
    return experiments.readExperiment(this.#layout, experimentId);
  }

  async getExperimentByName(name: string): Promise<Experiment | undefined> {
    return experiments.readExperimentByName(this.#layout, name);
  }

  async searchExperiments(input: SearchExperimentsInput = {}): Promise<PagedList<Experiment>> {
    return search.searchExperiments(this.#layout, input);
  }

  async renameExperiment(experimentId: string, name: string): Promise<void> {
    experiments.findExperiment(this.#layout, experimentId);
    await this.#locks.change([experimentNames, lockOf({ experimentId })], (transaction) =>
      experiments.renameExperiment(this.#layout, transaction, experimentId, name),
    );
  }

  async deleteExperiment(experimentId: string): Promise<void> {
    await this.#changeExperiment(experimentId, (transaction) =>
      experiments.trashExperiment(this.#layout, transaction, experimentId),
    );
  }

  async restoreExperiment(experimentId: string): Promise<void> {
    await this.#changeExperiment(experimentId, (transaction) =>
      experiments.untrashExperiment(this.#layout, transaction, experimentId),
    );
  }

  async setExperimentTags(experimentId: string, tags: Record<string, string>): Promise<void> {
    await this.#changeExperiment(experimentId, (transaction) =>
      experiments.setExperimentTags(this.#layout, transaction, experimentId, tags),
    );
  }

  async deleteExperimentTag(experimentId: string, key: string): Promise<void> {
    await this.#changeExperiment(experimentId, (transaction) =>
      experiments.removeExperimentTag(this.#layout, transaction, experimentId, key),
    );
  }

  async createRun(input: CreateRunInput): Promise<Run> {
    const runId = await this.#changeExperiment(input.experimentId, (transaction) =>
      runs.insertRun(this.#layout, transaction, input),
    );
    return this.getRun(runId);
  }

  async updateRun(input: UpdateRunInput): Promise<RunInfo> {
    await this.#changeRun(input.runId, (transaction) => runs.changeRun(this.#layout, transaction, input));
    return this.#run(input.runId).info;
  }

  async getRun(runId: string): Promise<Run> {
    return this.#run(runId).toRun();
  }

  async searchRuns(input: SearchRunsInput = {}): Promise<PagedList<Run>> {
    return search.searchRuns(this.#layout, input, this.#latest);
  }

  async deleteRun(runId: string): Promise<void> {
    await this.#changeRun(runId, (transaction) =>
      runs.setRunLifecycle(this.#layout, transaction, runId, "deleted"),
    );
  }

  async restoreRun(runId: string): Promise<void> {
    await this.#changeRun(runId, (transaction) =>
      runs.setRunLifecycle(this.#layout, transaction, runId, "active"),
    );
  }

  async logBatch(input: LogBatchInput): Promise<void> {
    checkBatch(input.metrics ?? [], input.params ?? [], input.tags ?? []);
    await this.#changeRun(input.runId, (transaction) => runs.writeBatch(this.#layout, transaction, input));
  }

  async setTags(runId: string, tags: Record<string, string>): Promise<void> {
    await this.#changeRun(runId, (transaction) => runs.setTags(this.#layout, transaction, runId, tags));
  }

  async deleteTag(runId: string, key: string): Promise<void> {
    await this.#changeRun(runId, (transaction) => runs.removeTag(this.#layout, transaction, runId, key));
  }

  async metricHistory(
    runId: string,
    key: string,
    page: { maxResults?: number; pageToken?: string } = {},
  ): Promise<PagedList<Metric>> {
    return pageOfPoints(this.#points(runId, key), page);
  }

  async metricHistories({
    runIds,
    key,
    startStep = -Infinity,
    endStep = Infinity,
    maxResults,
  }: MetricHistoriesInput): Promise<(Metric & { runId: string })[]> {
    return runIds.flatMap((runId) => {
      const points = this.#points(runId, key).filter(({ step }) => step >= startStep && step <= endStep);
      return thinPoints(points, maxResults).map((point) => ({ ...point, runId }));
    });
  }

  async logInputs(
    runId: string,
    datasets: readonly DatasetInput[],
    modelInputs: readonly ModelInput[] = [],
  ): Promise<void> {
    await this.#changeRun(runId, (transaction) =>
      inputs.writeInputs(this.#layout, transaction, runId, { datasets, models: modelInputs }),
    );
  }

  async logOutputs(runId: string, outputs: readonly ModelOutput[]): Promise<void> {
    await this.#changeRun(runId, (transaction) =>
      inputs.writeOutputs(this.#layout, transaction, runId, outputs),
    );
  }

  async searchDatasets(experimentIds: readonly string[]): Promise<DatasetUse[]> {
    return search.searchDatasets(this.#layout, experimentIds, this.#latest);
  }

  async createLoggedModel(input: CreateLoggedModelInput): Promise<LoggedModel> {
    const modelId = await this.#changeExperiment(input.experimentId, (transaction) =>
      loggedModels.insertLoggedModel(this.#layout, transaction, input),
    );
    return this.getLoggedModel(modelId);
  }

  async finalizeLoggedModel(modelId: string, status: LoggedModelStatus): Promise<LoggedModel> {
    await this.#changeLoggedModel(modelId, (transaction) =>
      loggedModels.changeLoggedModelStatus(this.#layout, transaction, modelId, status),
    );
    return this.getLoggedModel(modelId);
  }

  async getLoggedModel(modelId: string): Promise<LoggedModel> {
    return loggedModels.readLoggedModel(this.#layout, modelId);
  }

  async searchLoggedModels(input: SearchLoggedModelsInput): Promise<PagedList<LoggedModel>> {
    return search.searchLoggedModels(this.#layout, input);
  }

  async deleteLoggedModel(modelId: string): Promise<void> {
    await this.#changeLoggedModel(modelId, (transaction) =>
      loggedModels.trashLoggedModel(this.#layout, transaction, modelId),
    );
  }

  async setLoggedModelTags(modelId: string, tags: Record<string, string>): Promise<void> {
    await this.#changeLoggedModel(modelId, (transaction) =>
      loggedModels.setLoggedModelTags(this.#layout, transaction, modelId, tags),
    );
  }

  async deleteLoggedModelTag(modelId: string, key: string): Promise<void> {
    await this.#changeLoggedModel(modelId, (transaction) =>
      loggedModels.removeLoggedModelTag(this.#layout, transaction, modelId, key),
    );
  }

  async logLoggedModelParams(modelId: string, params: readonly Param[]): Promise<void> {
    await this.#changeLoggedModel(modelId, (transaction) =>
      loggedModels.addLoggedModelParams(this.#layout, transaction, modelId, params),
    );
  }

  async deletedRunIds(before: number = Date.now()): Promise<string[]> {
    return runs.deletedRunIds(this.#layout, before);
  }

  async purgeRun(runId: string): Promise<void> {
    await this.#changeRun(runId, (transaction) => runs.removeRun(this.#layout, transaction, runId));
  }

  async deletedLoggedModels(before: number = Date.now()): Promise<LoggedModel[]> {
    return loggedModels.readDeletedLoggedModels(this.#layout, before);
  }

  async purgeLoggedModel(modelId: string): Promise<void> {
    await this.#changeLoggedModel(modelId, (transaction) =>
      loggedModels.removeLoggedModel(this.#layout, transaction, modelId),
    );
  }

  async purgeExperiment(experimentId: string): Promise<void> {
    await this.#changeExperiment(experimentId, (transaction) =>
      experiments.removeExperiment(this.#layout, transaction, experimentId),
    );
  }

  async deletionTimes(experimentId: string): Promise<Map<string, number>> {
    return transfer.readDeletionTimes(this.#layout, experimentId);
  }

  async exportPoints(runIds: readonly string[]): Promise<Metric[][]> {
    return transfer.readPointsOfRuns(this.#layout, runIds);
  }

  async exportLoggedModels(experimentId: string, after?: string): Promise<LoggedModelRecord[]> {
    return transfer.readLoggedModelRecords(this.#layout, experimentId, after);
  }

  async exportRegisteredModel(name: string): Promise<RegisteredModelRecord> {
    return transfer.readRegisteredModelRecord(this.#layout, name);
  }

  async importExperiment(experiment: Experiment): Promise<void> {
    await this.#locks.change([experimentNames], (transaction) =>
      transfer.writeExperimentRecord(this.#layout, transaction, experiment),
    );
  }

  async importRuns(imports: readonly RunImport[]): Promise<void> {
    const experimentOf = ({ record }: RunImport) => record.run.info.experimentId;
    for (const experimentId of new Set(imports.map(experimentOf))) {
      const ofExperiment = imports.filter((each) => experimentOf(each) === experimentId);
      await this.#changeExperiment(experimentId, (transaction) => {
        for (const each of ofExperiment) transfer.writeRunRecord(this.#layout, transaction, each);
      });
    }
  }

  async importPoints(runId: string, points: readonly Metric[]): Promise<void> {
    await this.#changeRun(runId, (transaction) =>
      transfer.writePoints(this.#layout, transaction, runId, points),
    );
  }

  async importLoggedModel(record: LoggedModelRecord): Promise<void> {
    await this.#changeExperiment(record.model.experimentId, (transaction) =>
      transfer.writeLoggedModelRecord(this.#layout, transaction, record),
    );
  }

  async importRegisteredModel(record: RegisteredModelRecord): Promise<void> {
    await this.changeRegistry((transaction) =>
      transfer.writeRegisteredModelRecord(this.#layout, transaction, record),
    );
  }

  /** Does nothing: no file stays open between calls. */
  async close(): Promise<void> {}

  async #prepare(): Promise<void> {
    const { root, trash, models: registryFolder } = this.#layout;
    const isNew = !existsSync(root);
    try {
      if (statSync(root, { throwIfNoEntry: false })?.isFile() === true) {
        throw invalid(
          `file store: it must be a folder, and ${root} is a file. A SQLite file is opened by sqlite:///path.`,
        );
      }
      for (const folder of [root, trash, registryFolder]) mkdirSync(folder, { recursive: true });
    } catch (error) {
      throw readable(error, root);
    }
    await this.#locks.recover();
    if (!isNew) return;
    await this.#locks.change([experimentNames], (transaction) => {
      // another process may have been faster
      if (this.#layout.experiments().length > 0) return;
      const options = { artifactRoot: this.artifactRoot, experimentId: "0" };
      experiments.insertExperiment(this.#layout, transaction, { name: "Default" }, options);
    });
  }

  #run(runId: string): runs.RunFiles {
    return runs.readRun(this.#layout, runId, this.#latest);
  }

  #points(runId: string, key: string): Metric[] {
    checkKey("metric", key);
    const { folder } = this.#layout.findRun(runId);
    return readPoints(join(folder, "metrics"), key);
  }

  async #changeExperiment<T>(experimentId: string, body: (transaction: Transaction) => T): Promise<T> {
    experiments.findExperiment(this.#layout, experimentId); // the id becomes a part of a file name
    return this.#locks.change([lockOf({ experimentId })], body);
  }

  async #changeRun(runId: string, body: (transaction: Transaction) => void): Promise<void> {
    await this.#locks.change([lockOf(this.#layout.findRun(runId))], body);
  }

  async #changeLoggedModel(modelId: string, body: (transaction: Transaction) => void): Promise<void> {
    await this.#locks.change([lockOf(this.#layout.findLoggedModel(modelId))], body);
  }
}

/** Names the lock of an experiment, which guards its runs and logged models too. */
function lockOf({ experimentId }: { experimentId: string }): string {
  return `experiment-${experimentId}`;
}
