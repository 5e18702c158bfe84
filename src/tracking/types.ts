// MLflow's entities in TypeScript. How a database or the wire spells them is the business of each store.

/** States of a run, as MLflow names them. */
export type RunStatus = "RUNNING" | "SCHEDULED" | "FINISHED" | "FAILED" | "KILLED";

/** Says whether an entity is in use or in the trash. */
export type LifecycleStage = "active" | "deleted";

/** Chooses by lifecycle stage, as MLflow names the choice. */
export type ViewType = "ACTIVE_ONLY" | "DELETED_ONLY" | "ALL";

/** Holds the runs of one undertaking. */
export interface Experiment {
  experimentId: string;
  name: string;
  /** Absolute path or URI; the artifacts of a run lie in `<artifactLocation>/<runId>/artifacts`. */
  artifactLocation: string;
  lifecycleStage: LifecycleStage;
  /** Milliseconds since 1970. */
  creationTime: number;
  lastUpdateTime: number;
  tags: Record<string, string>;
}

/** Is one point of a curve. NaN and infinities are data. */
export interface Metric {
  key: string;
  value: number;
  /** Milliseconds since 1970. */
  timestamp: number;
  step: number;
  /** The logged model that was measured. */
  modelId?: string;
  /** The data set that it was measured on. */
  datasetName?: string;
  datasetDigest?: string;
}

/** Is an input of a run that never changes once it is written. */
export interface Param {
  key: string;
  value: string;
}

/** Is a note on a run; a later value replaces the earlier. */
export interface RunTag {
  key: string;
  value: string;
}

/** Says who ran what, when and how it ended. */
export interface RunInfo {
  runId: string;
  runName: string;
  experimentId: string;
  userId: string;
  status: RunStatus;
  /** Milliseconds since 1970. */
  startTime: number;
  /** Milliseconds since 1970; absent while the run goes on. */
  endTime?: number;
  lifecycleStage: LifecycleStage;
  /** Absolute path or URI of the folder that holds the run's artifacts. */
  artifactUri: string;
}

/** Holds what a run logged: of each metric the latest point, by step, then time, then value. */
export interface RunData {
  metrics: Record<string, number>;
  latestMetrics: Metric[];
  params: Record<string, string>;
  tags: Record<string, string>;
}

/** Identifies data by name and content. */
export interface Dataset {
  name: string;
  /** Identifies the content; at most 36 characters. */
  digest: string;
  /** Names the kind of source, `local` or `hugging_face`, say. */
  sourceType: string;
  /** JSON that tells where the data is, `{"uri": "Datasets/train.csv"}`. */
  source: string;
  /** JSON of the columns and their types. */
  schema?: string;
  /** JSON of counts, `{"num_rows": 5}`. */
  profile?: string;
}

/** Is a data set as a run used it; MLflow tells training from test data by the tag `mlflow.data.context`. */
export interface DatasetInput {
  dataset: Dataset;
  tags: Record<string, string>;
}

/** Is a data set that a run of an experiment used, with the context of the use. */
export type DatasetUse = Pick<Dataset, "name" | "digest"> & { experimentId: string; context?: string };

/** Is a logged model that a run began with. */
export interface ModelInput {
  modelId: string;
}

/** Is a logged model that a run made, at a step. */
export interface ModelOutput {
  modelId: string;
  step: number;
}

/** Holds what went into a run. */
export interface RunInputs {
  datasetInputs: DatasetInput[];
  modelInputs: ModelInput[];
}

/** Holds the models that came out of a run. */
export interface RunOutputs {
  modelOutputs: ModelOutput[];
}

/** Is one execution: its identity, what it logged, its inputs and outputs. */
export interface Run {
  info: RunInfo;
  data: RunData;
  inputs: RunInputs;
  outputs: RunOutputs;
}

/** States of a logged model while its files are written. */
export type LoggedModelStatus = "PENDING" | "READY" | "FAILED";

/** Is a model as MLflow 3 records it: an entity of its own beside the run that made it. */
export interface LoggedModel {
  modelId: string;
  experimentId: string;
  name: string;
  /** Absolute path or URI of the folder that holds `MLmodel`. */
  artifactLocation: string;
  creationTimestamp: number;
  lastUpdatedTimestamp: number;
  status: LoggedModelStatus;
  modelType?: string;
  sourceRunId?: string;
  tags: Record<string, string>;
  params: Record<string, string>;
  /** Of each metric and data set the latest point, with the run that logged it. */
  metrics: (Metric & { runId: string })[];
}

/** Is a name in the registry, under which versions of a model are kept. */
export interface RegisteredModel {
  name: string;
  description?: string;
  creationTimestamp: number;
  lastUpdatedTimestamp: number;
  tags: Record<string, string>;
  /** Alias to version, `{ champion: 3 }`. */
  aliases: Record<string, number>;
}

/** Is one version of a registered model. */
export interface ModelVersion {
  name: string;
  version: number;
  /** Where the model was logged: a path, `runs:/ID/model` or `models:/m-ID`. */
  source: string;
  /** Absolute path or URI of the folder that holds `MLmodel`. */
  storageLocation: string;
  runId?: string;
  /** The logged model that the version is. */
  modelId?: string;
  /** Who registered it. */
  userId?: string;
  description?: string;
  status: "PENDING_REGISTRATION" | "FAILED_REGISTRATION" | "READY";
  currentStage: string;
  creationTimestamp: number;
  lastUpdatedTimestamp: number;
  tags: Record<string, string>;
  aliases: string[];
}

/** Is one change in the registry, kept for ever: who did what to which version, when, and what it rests on. */
export interface RegistryEvent {
  /** Milliseconds since 1970; entries of one model are in the order in which they happened. */
  timestamp: number;
  kind: "stage" | "alias";
  /** The stage that the version came to, or the alias. */
  name: string;
  /** The version that came to the stage or got the alias; absent for an alias that was removed. */
  version?: number;
  /** The stage that the version left, or the version that had the alias before. */
  previous?: string;
  userId: string;
  evidence: Record<string, string | number>;
}
