// What every tracking store does. Each kind of store is a folder under stores/.
import type { ArtifactRepository } from "./artifacts/repository.ts";
import type { PagedList } from "./paged-list.ts";
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
  RunStatus,
  RunTag,
  ViewType,
} from "./types.ts";

/** Names a new experiment. */
export interface CreateExperimentInput {
  name: string;
  /** @default `<artifact root of the store>/<experiment id>` */
  artifactLocation?: string;
  tags?: Record<string, string>;
}

/** Describes a new run, which begins as RUNNING. */
export interface CreateRunInput {
  experimentId: string;
  /** @default the tag `mlflow.runName`, else a name of two words and a number */
  runName?: string;
  /** @default "" */
  userId?: string;
  /** Milliseconds since 1970. @default now */
  startTime?: number;
  tags?: Record<string, string>;
}

/** Names what changes about a run; what is absent stays. */
export interface UpdateRunInput {
  runId: string;
  status?: RunStatus;
  /** Milliseconds since 1970. */
  endTime?: number;
  runName?: string;
}

/** Holds what is written to a run in one step: all of it or, on an error, nothing. */
export interface LogBatchInput {
  runId: string;
  /** At most 1000. A point that is there already is no error. */
  metrics?: readonly Metric[];
  /** At most 100. A param that is there already must have the same value. */
  params?: readonly Param[];
  /** At most 100. */
  tags?: readonly RunTag[];
}

/** Chooses and orders entities, one page at a time, in MLflow's search grammar. */
export interface SearchInput {
  /** `params.lr = '0.1' AND metrics.val_loss < 0.3`, say. @default everything */
  filter?: string;
  /** `["metrics.val_loss ASC"]`, say. */
  orderBy?: readonly string[];
  /** @default 1000 */
  maxResults?: number;
  /** Continues a search: the `token` of the page before, with the same filter and order. */
  pageToken?: string;
}

/** Chooses experiments; the last updated come first. */
export interface SearchExperimentsInput extends SearchInput {
  /** @default "ACTIVE_ONLY" */
  viewType?: ViewType;
}

/** Chooses runs; the newest come first. */
export interface SearchRunsInput extends SearchInput {
  /** @default all experiments */
  experimentIds?: readonly string[];
  /** @default "ACTIVE_ONLY" */
  viewType?: ViewType;
}

/** Chooses logged models; the newest come first. */
export interface SearchLoggedModelsInput extends Omit<SearchInput, "orderBy"> {
  experimentIds: readonly string[];
  /** Restricts metrics of the filter and the order to those computed on these data sets. */
  datasets?: readonly { name: string; digest?: string }[];
  orderBy?: readonly LoggedModelOrder[];
}

/** Orders logged models by an attribute (`creation_timestamp`) or a metric (`metrics.accuracy`). */
export interface LoggedModelOrder {
  fieldName: string;
  /** @default true */
  ascending?: boolean;
  /** Takes the metric as it was computed on this data set. */
  datasetName?: string;
  datasetDigest?: string;
}

/** Asks for the points of one metric in several runs, thinned to at most `maxResults` steps a run. */
export interface MetricHistoriesInput {
  runIds: readonly string[];
  key: string;
  startStep?: number;
  endStep?: number;
  /** @default 2500 */
  maxResults?: number;
}

/** Describes a model that a run is about to write. */
export interface CreateLoggedModelInput {
  experimentId: string;
  /** @default a name of two words and a number */
  name?: string;
  sourceRunId?: string;
  /** @default `<artifact location of the experiment>/models/<model id>/artifacts` */
  artifactLocation?: string;
  modelType?: string;
  tags?: Record<string, string>;
  params?: Record<string, string>;
}

/**
 * Keeps experiments, runs and logged models, with MLflow's meaning of each.
 *
 * What cannot be carried out throws a `TrackingError` whose `code` is MLflow's: `RESOURCE_DOES_NOT_EXIST`,
 * `RESOURCE_ALREADY_EXISTS`, `INVALID_PARAMETER_VALUE`, `INVALID_STATE`, or `TEMPORARILY_UNAVAILABLE` for what may
 * work later. A call that returned is kept, whatever happens to the process afterwards.
 */
export interface TrackingStore {
  /** Names the store so that `openStore` finds it again; passwords are left out. */
  readonly uri: string;
  /** Creates an experiment and returns its id; a name that is taken, by a deleted experiment too, throws. */
  createExperiment(input: CreateExperimentInput): Promise<string>;
  /** Returns the experiment, deleted or not. */
  getExperiment(experimentId: string): Promise<Experiment>;
  /** Returns the experiment, deleted or not, or undefined. */
  getExperimentByName(name: string): Promise<Experiment | undefined>;
  searchExperiments(input?: SearchExperimentsInput): Promise<PagedList<Experiment>>;
  renameExperiment(experimentId: string, name: string): Promise<void>;
  /** Puts an experiment and its runs into the trash. */
  deleteExperiment(experimentId: string): Promise<void>;
  /** Takes an experiment, and the runs that went with it, out of the trash. */
  restoreExperiment(experimentId: string): Promise<void>;
  setExperimentTags(experimentId: string, tags: Record<string, string>): Promise<void>;
  deleteExperimentTag(experimentId: string, key: string): Promise<void>;

  createRun(input: CreateRunInput): Promise<Run>;
  updateRun(input: UpdateRunInput): Promise<RunInfo>;
  /** Returns the run, deleted or not. */
  getRun(runId: string): Promise<Run>;
  searchRuns(input?: SearchRunsInput): Promise<PagedList<Run>>;
  deleteRun(runId: string): Promise<void>;
  restoreRun(runId: string): Promise<void>;
  logBatch(input: LogBatchInput): Promise<void>;
  setTags(runId: string, tags: Record<string, string>): Promise<void>;
  /** Removes a tag, which must be there. */
  deleteTag(runId: string, key: string): Promise<void>;
  /** Returns the points of one metric by step, then time, then value. @default maxResults: all of them */
  metricHistory(
    runId: string,
    key: string,
    page?: { maxResults?: number; pageToken?: string },
  ): Promise<PagedList<Metric>>;
  /** Returns points of one metric of several runs, by run, then step; the first and last step are always kept. */
  metricHistories(input: MetricHistoriesInput): Promise<(Metric & { runId: string })[]>;
  /** Records data sets, and logged models, as inputs of a run. */
  logInputs(runId: string, datasets: readonly DatasetInput[], models?: readonly ModelInput[]): Promise<void>;
  /** Records models as what came out of a run. */
  logOutputs(runId: string, models: readonly ModelOutput[]): Promise<void>;
  /** Returns the data sets that runs of these experiments used, with the context of each (`mlflow.data.context`). */
  searchDatasets(experimentIds: readonly string[]): Promise<DatasetUse[]>;

  createLoggedModel(input: CreateLoggedModelInput): Promise<LoggedModel>;
  finalizeLoggedModel(modelId: string, status: LoggedModelStatus): Promise<LoggedModel>;
  getLoggedModel(modelId: string): Promise<LoggedModel>;
  searchLoggedModels(input: SearchLoggedModelsInput): Promise<PagedList<LoggedModel>>;
  /** Puts a logged model into the trash, where `get` and `search` do not see it. */
  deleteLoggedModel(modelId: string): Promise<void>;
  setLoggedModelTags(modelId: string, tags: Record<string, string>): Promise<void>;
  deleteLoggedModelTag(modelId: string, key: string): Promise<void>;
  /** Adds params; one that is there already must have the same value. */
  logLoggedModelParams(modelId: string, params: readonly Param[]): Promise<void>;

  /** Returns the ids of runs that have been in the trash since before a moment. @default before: now */
  deletedRunIds(before?: number): Promise<string[]>;
  /** Removes a run that is in the trash, and all that it logged, for ever. Artifacts are the caller's business. */
  purgeRun(runId: string): Promise<void>;
  /** Returns logged models that have been in the trash since before a moment, oldest first. @default before: now */
  deletedLoggedModels(before?: number): Promise<LoggedModel[]>;
  /** Removes a logged model that is in the trash for ever. Artifacts are the caller's business. */
  purgeLoggedModel(modelId: string): Promise<void>;
  /** Removes an experiment that is in the trash, with its runs, for ever. */
  purgeExperiment(experimentId: string): Promise<void>;

  close(): Promise<void>;
}

/** Names a new registered model. */
export interface CreateRegisteredModelInput {
  name: string;
  description?: string;
  tags?: Record<string, string>;
}

/** Describes a new version of a registered model. */
export interface CreateModelVersionInput {
  name: string;
  /** Where the model was logged: a path, `runs:/ID/model` or `models:/m-ID`. */
  source: string;
  runId?: string;
  /** The logged model that the version is. */
  modelId?: string;
  description?: string;
  tags?: Record<string, string>;
}

/** Says who changes a stage or an alias, and why; it stays in the model's history. */
export interface RegistryChange {
  /** @default "" */
  userId?: string;
  /** What the change rests on: the run, metric and data set, or the reason in words. */
  evidence?: Record<string, string | number>;
}

/** Moves a version to a stage. */
export interface TransitionStageInput extends RegistryChange {
  name: string;
  version: number;
  /** In any case; `dev`, `Development` and `None` are one. */
  stage: string;
  /** Moves the versions that are in the stage to `Archived`. @default false */
  archiveExisting?: boolean;
}

/** Keeps registered models, their versions, stages, aliases and the history of both. Errors as `TrackingStore`. */
export interface RegistryStore {
  createRegisteredModel(input: CreateRegisteredModelInput): Promise<RegisteredModel>;
  getRegisteredModel(name: string): Promise<RegisteredModel>;
  /** Returns registered models by name, unless ordered otherwise. */
  searchRegisteredModels(input?: SearchInput): Promise<PagedList<RegisteredModel>>;
  /** Gives a model, its versions and its history another name. */
  renameRegisteredModel(name: string, newName: string): Promise<RegisteredModel>;
  updateRegisteredModel(name: string, description: string): Promise<RegisteredModel>;
  /** Removes a model and all its versions, whatever their stage. */
  deleteRegisteredModel(name: string): Promise<void>;
  setRegisteredModelTags(name: string, tags: Record<string, string>): Promise<void>;
  deleteRegisteredModelTag(name: string, key: string): Promise<void>;

  /** Adds the next version; the registered model must exist. A number is never given twice. */
  createModelVersion(input: CreateModelVersionInput): Promise<ModelVersion>;
  getModelVersion(name: string, version: number): Promise<ModelVersion>;
  /** Returns versions by last update, the newest first, unless ordered otherwise. */
  searchModelVersions(input?: SearchInput): Promise<PagedList<ModelVersion>>;
  /** Returns the newest version of each stage. @default stages: all that hold a version */
  latestModelVersions(name: string, stages?: readonly string[]): Promise<ModelVersion[]>;
  updateModelVersion(name: string, version: number, description: string): Promise<ModelVersion>;
  transitionStage(input: TransitionStageInput): Promise<ModelVersion>;
  deleteModelVersion(name: string, version: number): Promise<void>;
  setModelVersionTags(name: string, version: number, tags: Record<string, string>): Promise<void>;
  deleteModelVersionTag(name: string, version: number, key: string): Promise<void>;

  /** Points an alias at a version, away from the version that had it. */
  setModelAlias(name: string, alias: string, version: number, change?: RegistryChange): Promise<void>;
  /** Removes an alias; one that is not there is no error. */
  deleteModelAlias(name: string, alias: string, change?: RegistryChange): Promise<void>;
  getModelVersionByAlias(name: string, alias: string): Promise<ModelVersion>;

  /** Returns every change of stages and aliases of a model, the oldest first. Entries are never changed. */
  registryHistory(name: string): Promise<RegistryEvent[]>;
}

/** Is a store that keeps artifacts at `mlflow-artifacts:/` locations, which only it can open. */
export interface ArtifactServer {
  artifacts(artifactUri: string): ArtifactRepository;
}

/** Tells whether a store keeps artifacts. */
export function servesArtifacts<S extends object>(store: S): store is S & ArtifactServer {
  return "artifacts" in store;
}
