// What every tracking store does. Each kind of store is a folder under stores/.
import type {
  DatasetInput,
  Experiment,
  LoggedModel,
  LoggedModelStatus,
  Metric,
  ModelVersion,
  Param,
  RegisteredModel,
  Run,
  RunInfo,
  RunStatus,
  RunTag,
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

/** Chooses runs that are not deleted; the newest come first. */
export interface SearchRunsInput {
  /** @default all experiments */
  experimentIds?: readonly string[];
  /** @default all states */
  statuses?: readonly RunStatus[];
  /** @default 1000 */
  maxResults?: number;
}

/** Describes a model that a run is about to write. */
export interface CreateLoggedModelInput {
  experimentId: string;
  name: string;
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
 * `RESOURCE_ALREADY_EXISTS`, `INVALID_PARAMETER_VALUE`, or `TEMPORARILY_UNAVAILABLE` for what may work later.
 */
export interface TrackingStore {
  /** Creates an experiment and returns its id; a name that is taken throws. */
  createExperiment(input: CreateExperimentInput): Promise<string>;
  getExperiment(experimentId: string): Promise<Experiment>;
  /** Returns the experiment, deleted or not, or undefined. */
  getExperimentByName(name: string): Promise<Experiment | undefined>;
  createRun(input: CreateRunInput): Promise<Run>;
  updateRun(input: UpdateRunInput): Promise<RunInfo>;
  getRun(runId: string): Promise<Run>;
  searchRuns(input?: SearchRunsInput): Promise<Run[]>;
  logBatch(input: LogBatchInput): Promise<void>;
  setTags(runId: string, tags: Record<string, string>): Promise<void>;
  /** Returns all points of one metric by step, then time. */
  metricHistory(runId: string, key: string): Promise<Metric[]>;
  logInputs(runId: string, datasets: readonly DatasetInput[]): Promise<void>;
  createLoggedModel(input: CreateLoggedModelInput): Promise<LoggedModel>;
  finalizeLoggedModel(modelId: string, status: LoggedModelStatus): Promise<LoggedModel>;
  getLoggedModel(modelId: string): Promise<LoggedModel>;
  /** Records models as what came out of a run. */
  logOutputs(runId: string, models: readonly { modelId: string; step: number }[]): Promise<void>;
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
  description?: string;
  tags?: Record<string, string>;
}

/** Keeps registered models, their versions and aliases, with MLflow's meaning of each. Errors as `TrackingStore`. */
export interface RegistryStore {
  createRegisteredModel(input: CreateRegisteredModelInput): Promise<RegisteredModel>;
  getRegisteredModel(name: string): Promise<RegisteredModel>;
  /** Returns all registered models by name. */
  listRegisteredModels(): Promise<RegisteredModel[]>;
  /** Adds the next version; the registered model must exist. */
  createModelVersion(input: CreateModelVersionInput): Promise<ModelVersion>;
  getModelVersion(name: string, version: number): Promise<ModelVersion>;
  /** Returns all versions of a model, the newest first. */
  listModelVersions(name: string): Promise<ModelVersion[]>;
  setModelVersionTags(name: string, version: number, tags: Record<string, string>): Promise<void>;
  /** Points an alias at a version, away from the version that had it. */
  setModelAlias(name: string, alias: string, version: number): Promise<void>;
  deleteModelAlias(name: string, alias: string): Promise<void>;
  getModelVersionByAlias(name: string, alias: string): Promise<ModelVersion>;
}
