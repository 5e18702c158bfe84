// MLflow's entities as its REST API spells them in JSON, both ways: the server writes what the REST store reads.
// Source: MLflow's service.proto and model_registry.proto; 64-bit numbers are JSON numbers, as MLflow writes them.
import { z } from "zod";
import type {
  Dataset,
  DatasetInput,
  Experiment,
  LoggedModel,
  LoggedModelStatus,
  Metric,
  ModelVersion,
  RegisteredModel,
  RegistryEvent,
  Run,
  RunInfo,
} from "./types.ts";

/** Reads a 64-bit number, which protobuf's JSON may spell as a string. */
export const wireInteger = z.union([
  z.int(),
  z
    .string()
    .regex(/^-?\d{1,16}$/)
    .transform(Number),
]);

const notFinite: Record<string, number> = { NaN: NaN, Infinity: Infinity, "-Infinity": -Infinity };

/** Reads a floating-point number; those that are not finite are strings in JSON. */
export const wireNumber = z.union([
  // MLflow's SQL store keeps infinities as the largest number, and its server writes them so
  z
    .number()
    .transform((value) => (Math.abs(value) === Number.MAX_VALUE ? Math.sign(value) * Infinity : value)),
  z.enum(["NaN", "Infinity", "-Infinity"]).transform((word) => notFinite[word] as number),
]);

/** Writes a floating-point number. */
export function toWireNumber(value: number): number | string {
  return Number.isFinite(value) ? value : String(value);
}

/** Reads a list of keys and values; an absent value is the empty string, as in protobuf. */
export const wireTags = z.array(z.object({ key: z.string(), value: z.string().default("") })).default([]);

/** Reads a list of keys and values as an object; the last of two alike wins. */
export const wireRecord = wireTags.transform((tags): Record<string, string> =>
  Object.fromEntries(tags.map(({ key, value }) => [key, value])),
);

/** Writes an object as a list of keys and values. */
export function toWireTags(record: Record<string, string>): { key: string; value: string }[] {
  return Object.entries(record).map(([key, value]) => ({ key, value }));
}

/** Reads one point of a metric. */
export const wireMetric = z
  .object({
    key: z.string(),
    value: wireNumber,
    timestamp: wireInteger,
    step: wireInteger.default(0),
    model_id: z.string().optional(),
    dataset_name: z.string().optional(),
    dataset_digest: z.string().optional(),
  })
  .transform(({ key, value, timestamp, step, ...origin }): Metric => ({
    key,
    value,
    timestamp,
    step,
    ...present({
      modelId: origin.model_id,
      datasetName: origin.dataset_name,
      datasetDigest: origin.dataset_digest,
    }),
  }));

/** Writes one point of a metric. */
export function toWireMetric(metric: Metric) {
  const { key, value, timestamp, step, modelId, datasetName, datasetDigest } = metric;
  // spelled out, because answers hold many thousands
  return {
    key,
    value: toWireNumber(value),
    timestamp,
    step,
    ...(modelId !== undefined && { model_id: modelId }),
    ...(datasetName !== undefined && { dataset_name: datasetName }),
    ...(datasetDigest !== undefined && { dataset_digest: datasetDigest }),
  };
}

const lifecycleStage = z.enum(["active", "deleted"]).default("active");

/** Reads an experiment. */
export const wireExperiment = z
  .object({
    experiment_id: z.string(),
    name: z.string(),
    artifact_location: z.string().default(""),
    lifecycle_stage: lifecycleStage,
    creation_time: wireInteger.default(0),
    last_update_time: wireInteger.default(0),
    tags: wireRecord,
  })
  .transform((wire): Experiment => ({
    experimentId: wire.experiment_id,
    name: wire.name,
    artifactLocation: wire.artifact_location,
    lifecycleStage: wire.lifecycle_stage,
    creationTime: wire.creation_time,
    lastUpdateTime: wire.last_update_time,
    tags: wire.tags,
  }));

/** Writes an experiment. */
export function toWireExperiment(experiment: Experiment) {
  return {
    experiment_id: experiment.experimentId,
    name: experiment.name,
    artifact_location: experiment.artifactLocation,
    lifecycle_stage: experiment.lifecycleStage,
    creation_time: experiment.creationTime,
    last_update_time: experiment.lastUpdateTime,
    tags: toWireTags(experiment.tags),
  };
}

/** States of a run on the wire. */
export const wireRunStatus = z.enum(["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"]);

/** Reads who ran what, when and how it ended. */
export const wireRunInfo = z
  .object({
    run_id: z.string(),
    run_name: z.string().default(""),
    experiment_id: z.string(),
    user_id: z.string().default(""),
    status: wireRunStatus.default("RUNNING"),
    start_time: wireInteger.default(0),
    end_time: wireInteger.optional(),
    lifecycle_stage: lifecycleStage,
    artifact_uri: z.string().default(""),
  })
  .transform((wire): RunInfo => ({
    runId: wire.run_id,
    runName: wire.run_name,
    experimentId: wire.experiment_id,
    userId: wire.user_id,
    status: wire.status,
    startTime: wire.start_time,
    ...present({ endTime: wire.end_time }),
    lifecycleStage: wire.lifecycle_stage,
    artifactUri: wire.artifact_uri,
  }));

/** Writes who ran what, when and how it ended. */
export function toWireRunInfo(info: RunInfo) {
  return {
    run_uuid: info.runId,
    run_id: info.runId,
    run_name: info.runName,
    experiment_id: info.experimentId,
    user_id: info.userId,
    status: info.status,
    start_time: info.startTime,
    ...present({ end_time: info.endTime }),
    artifact_uri: info.artifactUri,
    lifecycle_stage: info.lifecycleStage,
  };
}

const wireDataset = z
  .object({
    name: z.string(),
    digest: z.string(),
    source_type: z.string().default(""),
    source: z.string().default(""),
    schema: z.string().optional(),
    profile: z.string().optional(),
  })
  .transform(({ name, digest, source_type, source, schema, profile }): Dataset => ({
    name,
    digest,
    sourceType: source_type,
    source,
    ...present({ schema, profile }),
  }));

/** Reads a data set as a run used it. */
export const wireDatasetInput = z
  .object({ dataset: wireDataset, tags: wireRecord })
  .transform((input): DatasetInput => input);

/** Writes a data set as a run used it. */
export function toWireDatasetInput({ dataset, tags }: DatasetInput) {
  const { name, digest, sourceType, source, schema, profile } = dataset;
  return {
    tags: toWireTags(tags),
    dataset: { name, digest, source_type: sourceType, source, ...present({ schema, profile }) },
  };
}

/** Reads a logged model that a run began with. */
export const wireModelInput = z
  .object({ model_id: z.string() })
  .transform(({ model_id }) => ({ modelId: model_id }));

/** Reads a logged model that a run made. */
export const wireModelOutput = z
  .object({ model_id: z.string(), step: wireInteger.default(0) })
  .transform(({ model_id, step }) => ({ modelId: model_id, step }));

/** Reads a run with all that it logged. */
export const wireRun = z
  .object({
    info: wireRunInfo,
    data: z
      .object({ metrics: z.array(wireMetric).default([]), params: wireRecord, tags: wireRecord })
      .prefault({}),
    inputs: z
      .object({
        dataset_inputs: z.array(wireDatasetInput).default([]),
        model_inputs: z.array(wireModelInput).default([]),
      })
      .prefault({}),
    outputs: z.object({ model_outputs: z.array(wireModelOutput).default([]) }).prefault({}),
  })
  .transform(({ info, data: { metrics, params, tags }, inputs, outputs }): Run => ({
    info,
    data: {
      metrics: Object.fromEntries(metrics.map(({ key, value }) => [key, value])),
      latestMetrics: metrics,
      params,
      tags,
    },
    inputs: { datasetInputs: inputs.dataset_inputs, modelInputs: inputs.model_inputs },
    outputs: { modelOutputs: outputs.model_outputs },
  }));

/** Writes a run with all that it logged. */
export function toWireRun({ info, data, inputs, outputs }: Run) {
  return {
    info: toWireRunInfo(info),
    data: {
      metrics: data.latestMetrics.map(toWireMetric),
      params: toWireTags(data.params),
      tags: toWireTags(data.tags),
    },
    inputs: {
      dataset_inputs: inputs.datasetInputs.map(toWireDatasetInput),
      model_inputs: inputs.modelInputs.map(({ modelId }) => ({ model_id: modelId })),
    },
    outputs: {
      model_outputs: outputs.modelOutputs.map(({ modelId, step }) => ({ model_id: modelId, step })),
    },
  };
}

const modelStatuses = {
  LOGGED_MODEL_PENDING: "PENDING",
  LOGGED_MODEL_READY: "READY",
  LOGGED_MODEL_UPLOAD_FAILED: "FAILED",
} as const satisfies Record<string, LoggedModelStatus>;

const wireModelStatusOf = Object.fromEntries(
  Object.entries(modelStatuses).map(([wire, status]) => [status, wire]),
) as Record<LoggedModelStatus, keyof typeof modelStatuses>;

/** Reads the state of a logged model. */
export const wireModelStatus = z
  .enum(Object.keys(modelStatuses) as (keyof typeof modelStatuses)[])
  .transform((wire): LoggedModelStatus => modelStatuses[wire]);

/** Writes the state of a logged model. */
export function toWireModelStatus(status: LoggedModelStatus): string {
  return wireModelStatusOf[status];
}

/** Reads a logged model. */
export const wireLoggedModel = z
  .object({
    info: z.object({
      model_id: z.string(),
      experiment_id: z.string(),
      name: z.string().default(""),
      creation_timestamp_ms: wireInteger.default(0),
      last_updated_timestamp_ms: wireInteger.default(0),
      artifact_uri: z.string().default(""),
      status: wireModelStatus.default("PENDING"),
      model_type: z.string().optional(),
      source_run_id: z.string().optional(),
      tags: wireRecord,
    }),
    data: z
      .object({
        params: wireRecord,
        metrics: z.array(z.intersection(wireMetric, z.object({ run_id: z.string() }))).default([]),
      })
      .prefault({}),
  })
  .transform(({ info, data }): LoggedModel => ({
    modelId: info.model_id,
    experimentId: info.experiment_id,
    name: info.name,
    artifactLocation: info.artifact_uri,
    creationTimestamp: info.creation_timestamp_ms,
    lastUpdatedTimestamp: info.last_updated_timestamp_ms,
    status: info.status,
    ...present({ modelType: info.model_type || undefined, sourceRunId: info.source_run_id || undefined }),
    tags: info.tags,
    params: data.params,
    metrics: data.metrics.map(({ run_id, ...metric }) => ({ ...metric, runId: run_id })),
  }));

/** Writes a logged model. */
export function toWireLoggedModel(model: LoggedModel) {
  return {
    info: {
      model_id: model.modelId,
      experiment_id: model.experimentId,
      name: model.name,
      creation_timestamp_ms: model.creationTimestamp,
      last_updated_timestamp_ms: model.lastUpdatedTimestamp,
      artifact_uri: model.artifactLocation,
      status: toWireModelStatus(model.status),
      ...present({ model_type: model.modelType, source_run_id: model.sourceRunId }),
      tags: toWireTags(model.tags),
    },
    data: {
      params: toWireTags(model.params),
      metrics: model.metrics.map((metric) => ({ ...toWireMetric(metric), run_id: metric.runId })),
    },
  };
}

/** Reads the number of a model version, which the wire spells as a string. */
export const wireVersion = z.union([
  z.int().positive(),
  z
    .string()
    .regex(/^[1-9]\d{0,14}$/, "must be the number of a version")
    .transform(Number),
]);

/** Reads a version of a registered model. */
export const wireModelVersion = z
  .object({
    name: z.string(),
    version: wireVersion,
    creation_timestamp: wireInteger.default(0),
    last_updated_timestamp: wireInteger.default(0),
    user_id: z.string().optional(),
    current_stage: z.string().default("None"),
    description: z.string().optional(),
    source: z.string().default(""),
    run_id: z.string().optional(),
    model_id: z.string().optional(),
    status: z.enum(["PENDING_REGISTRATION", "FAILED_REGISTRATION", "READY"]).default("READY"),
    tags: wireRecord,
    aliases: z.array(z.string()).default([]),
  })
  .transform((wire): ModelVersion => ({
    name: wire.name,
    version: wire.version,
    source: wire.source,
    storageLocation: wire.source,
    ...present({
      runId: wire.run_id || undefined,
      modelId: wire.model_id || undefined,
      userId: wire.user_id || undefined,
      description: wire.description || undefined,
    }),
    status: wire.status,
    currentStage: wire.current_stage,
    creationTimestamp: wire.creation_timestamp,
    lastUpdatedTimestamp: wire.last_updated_timestamp,
    tags: wire.tags,
    aliases: wire.aliases,
  }));

/** Writes a version of a registered model. */
export function toWireModelVersion(version: ModelVersion) {
  return {
    name: version.name,
    version: String(version.version),
    creation_timestamp: version.creationTimestamp,
    last_updated_timestamp: version.lastUpdatedTimestamp,
    ...present({ user_id: version.userId, description: version.description, model_id: version.modelId }),
    current_stage: version.currentStage,
    source: version.source,
    run_id: version.runId ?? "",
    status: version.status,
    tags: toWireTags(version.tags),
    aliases: version.aliases,
  };
}

/** Reads a registered model. */
export const wireRegisteredModel = z
  .object({
    name: z.string(),
    creation_timestamp: wireInteger.default(0),
    last_updated_timestamp: wireInteger.default(0),
    description: z.string().optional(),
    tags: wireRecord,
    aliases: z.array(z.object({ alias: z.string(), version: wireVersion })).default([]),
  })
  .transform((wire): RegisteredModel => ({
    name: wire.name,
    ...present({ description: wire.description || undefined }),
    creationTimestamp: wire.creation_timestamp,
    lastUpdatedTimestamp: wire.last_updated_timestamp,
    tags: wire.tags,
    aliases: Object.fromEntries(wire.aliases.map(({ alias, version }) => [alias, version])),
  }));

/** Writes a registered model with the newest version of each stage. */
export function toWireRegisteredModel(model: RegisteredModel, latest: readonly ModelVersion[]) {
  return {
    name: model.name,
    creation_timestamp: model.creationTimestamp,
    last_updated_timestamp: model.lastUpdatedTimestamp,
    ...present({ description: model.description }),
    latest_versions: latest.map(toWireModelVersion),
    tags: toWireTags(model.tags),
    aliases: Object.entries(model.aliases).map(([alias, version]) => ({ alias, version: String(version) })),
  };
}

/** Reads a change in the registry. */
export const wireRegistryEvent = z
  .object({
    timestamp: wireInteger,
    kind: z.enum(["stage", "alias"]),
    name: z.string(),
    version: wireVersion.optional(),
    previous: z.string().optional(),
    user_id: z.string().default(""),
    evidence: z.record(z.string(), z.union([z.string(), z.number()])).default({}),
  })
  .transform(({ timestamp, kind, name, version, previous, user_id, evidence }): RegistryEvent => ({
    timestamp,
    kind,
    name,
    ...present({ version, previous }),
    userId: user_id,
    evidence,
  }));

/** Writes a change in the registry. */
export function toWireRegistryEvent({ userId, version, previous, ...event }: RegistryEvent) {
  return {
    ...event,
    ...present({ version: version === undefined ? undefined : String(version), previous }),
    user_id: userId,
  };
}

type Present<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Drops what is undefined: an absent field is left out, never null. */
export function present<T extends Record<string, unknown>>(fields: T): Present<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Present<T>;
}
