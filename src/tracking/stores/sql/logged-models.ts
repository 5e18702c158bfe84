// Logged models of MLflow 3 in SQL. Each function expects to run inside a transaction.
import { randomUUID } from "node:crypto";
import { TrackingError } from "../../../base/index.ts";
import { childUri, localUri } from "../../artifacts/uri.ts";
import { randomName } from "../../random-name.ts";
import type { CreateLoggedModelInput } from "../../store.ts";
import type { LoggedModel, LoggedModelStatus, Metric, Param } from "../../types.ts";
import { checkExperimentIsActive, checkLoggedModelName, invalid } from "../../validation.ts";
import { experimentIdText, experimentKey, lockExperiment } from "./experiments.ts";
import {
  fromSqlMetricValue,
  groupKeyValues,
  groupRows,
  keyValues,
  optionalText,
  toSqlMetricValue,
} from "./rows.ts";
import { type Sql, type SqlRow, type SqlValue, allIn, insertMissing, insertRows } from "./sql.ts";

/** Are the numbers of MLflow's LoggedModelStatus. */
export const statusNumbers: Record<LoggedModelStatus, number> = { PENDING: 1, READY: 2, FAILED: 3 };

/** Inserts a model whose files are still to be written, and returns its id. */
export async function insertLoggedModel(sql: Sql, input: CreateLoggedModelInput): Promise<string> {
  const { experimentId, sourceRunId, artifactLocation, modelType, tags = {}, params = {} } = input;
  const name = input.name ?? randomName();
  checkLoggedModelName(name);
  const experiment = await lockExperiment(sql, experimentId);
  checkExperimentIsActive(experiment);
  const modelId = `m-${randomUUID().replaceAll("-", "")}`;
  const now = Date.now();
  await sql.run(
    "INSERT INTO logged_models (model_id, experiment_id, name, artifact_location, creation_timestamp_ms, " +
      "last_updated_timestamp_ms, status, lifecycle_stage, model_type, source_run_id) " +
      "VALUES (?, ?, ?, ?, ?, ?, ?, 'active', ?, ?)",
    modelId,
    experimentKey(experimentId),
    name,
    artifactLocation === undefined
      ? childUri(experiment.artifactLocation, "models", modelId, "artifacts")
      : localUri(artifactLocation),
    now,
    now,
    statusNumbers.PENDING,
    modelType ?? null,
    sourceRunId ?? null,
  );
  await upsertLoggedModelTags(sql, modelId, tags);
  await insertLoggedModelParams(
    sql,
    modelId,
    Object.entries(params).map(([key, value]) => ({ key, value })),
  );
  return modelId;
}

/** Says whether the files of a model are whole. */
export async function changeLoggedModelStatus(
  sql: Sql,
  modelId: string,
  status: LoggedModelStatus,
): Promise<void> {
  const number = statusNumbers[status];
  if (number === undefined) {
    const valid = Object.keys(statusNumbers).join(", ");
    throw invalid(`logged model ${modelId}: the status must be one of ${valid}, got "${String(status)}".`);
  }
  await lockLoggedModel(sql, modelId);
  await sql.run(
    "UPDATE logged_models SET status = ?, last_updated_timestamp_ms = ? WHERE model_id = ?",
    number,
    Date.now(),
    modelId,
  );
}

/** Puts a model into the trash. */
export async function trashLoggedModel(sql: Sql, modelId: string): Promise<void> {
  await lockLoggedModel(sql, modelId);
  await sql.run(
    "UPDATE logged_models SET lifecycle_stage = 'deleted', last_updated_timestamp_ms = ? WHERE model_id = ?",
    Date.now(),
    modelId,
  );
}

/** Writes tags over what is there. */
export async function upsertLoggedModelTags(
  sql: Sql,
  modelId: string,
  tags: Record<string, string>,
): Promise<void> {
  const { experimentId } = await lockLoggedModel(sql, modelId);
  await insertRows(
    sql,
    "logged_model_tags",
    ["model_id", "experiment_id", "tag_key", "tag_value"],
    Object.entries(tags).map(([key, value]) => [modelId, experimentId, key, value]),
    "ON CONFLICT (model_id, tag_key) DO UPDATE SET tag_value = excluded.tag_value",
  );
}

/** Removes a tag; one that is not there throws. */
export async function removeLoggedModelTag(sql: Sql, modelId: string, key: string): Promise<void> {
  await lockLoggedModel(sql, modelId);
  const changes = await sql.run(
    "DELETE FROM logged_model_tags WHERE model_id = ? AND tag_key = ?",
    modelId,
    key,
  );
  if (changes === 0) throw missing(`logged model ${modelId}: the tag "${key}" must be there, but it is not.`);
}

/** Adds params; one that is there with another value throws, one with the same value is skipped. */
export async function insertLoggedModelParams(
  sql: Sql,
  modelId: string,
  params: readonly Param[],
): Promise<void> {
  const { experimentId } = await lockLoggedModel(sql, modelId);
  const added = await insertMissing(
    sql,
    "logged_model_params",
    ["model_id", "experiment_id", "param_key", "param_value"],
    params.map(({ key, value }) => [modelId, experimentId, key, value]),
  );
  if (added === params.length) return;
  const there = keyValues(
    await sql.all(
      'SELECT param_key AS "key", param_value AS value FROM logged_model_params WHERE model_id = ?',
      modelId,
    ),
  );
  const other = params.find(({ key, value }) => there[key] !== value);
  if (other === undefined) return;
  throw invalid(
    `logged model ${modelId}: param "${other.key}" cannot change once it is logged, got "${other.value}" after ` +
      `"${there[other.key]}".`,
  );
}

/** Reads a model; one that does not exist or is deleted throws. */
export async function selectLoggedModel(sql: Sql, modelId: string): Promise<LoggedModel> {
  const rows = await sql.all(
    `SELECT ${loggedModelColumns} FROM logged_models WHERE model_id = ? AND lifecycle_stage = 'active'`,
    modelId,
  );
  const [model] = await toLoggedModels(sql, rows);
  if (model === undefined) throw noSuchModel(modelId);
  return model;
}

/** Adds the points among `metrics` that were measured on a logged model, which must be there, to that model's. */
export async function insertModelMetrics(
  sql: Sql,
  { runId, experimentId }: { runId: string; experimentId: string },
  metrics: readonly Metric[],
): Promise<void> {
  const ofModels = metrics.filter((metric) => metric.modelId !== undefined);
  for (const modelId of new Set(ofModels.map((metric) => metric.modelId!)))
    await lockLoggedModel(sql, modelId);
  await insertModelPoints(
    sql,
    experimentId,
    ofModels.map((metric) => ({ ...metric, runId })),
  );
}

/** Adds points that runs measured on logged models, and returns how many were new. */
export async function insertModelPoints(
  sql: Sql,
  experimentId: string,
  points: readonly (Metric & { runId: string })[],
): Promise<number> {
  return insertMissing(
    sql,
    "logged_model_metrics",
    [
      "model_id",
      "metric_name",
      "metric_timestamp_ms",
      "metric_step",
      "metric_value",
      "experiment_id",
      "run_id",
      "dataset_name",
      "dataset_digest",
    ],
    points.map(({ modelId, key, timestamp, step, value, runId, datasetName, datasetDigest }) => [
      modelId!,
      key,
      timestamp,
      step,
      toSqlMetricValue(value).value,
      experimentKey(experimentId),
      runId,
      datasetName ?? null,
      datasetDigest ?? null,
    ]),
  );
}

/** Are the columns that `toLoggedModels` reads. */
export const loggedModelColumns =
  `model_id, ${experimentIdText}, name, artifact_location, creation_timestamp_ms, last_updated_timestamp_ms, ` +
  "status, lifecycle_stage, model_type, source_run_id";

/** Turns rows of `loggedModelColumns` into models: a few queries for some hundred models. */
export async function toLoggedModels(sql: Sql, rows: readonly SqlRow[]): Promise<LoggedModel[]> {
  const ids = rows.map((row) => row["model_id"] ?? null);
  const entries = async (kind: "tag" | "param") =>
    groupKeyValues(
      await allIn(
        sql,
        (keys) =>
          `SELECT model_id AS owner, ${kind}_key AS "key", ${kind}_value AS value FROM logged_model_${kind}s ` +
          `WHERE model_id IN (${keys})`,
        ids,
      ),
    );
  const tags = await entries("tag");
  const params = await entries("param");
  const metrics = await selectModelMetrics(sql, ids);
  const statuses = Object.keys(statusNumbers) as LoggedModelStatus[];
  return rows.map((row) => ({
    modelId: String(row["model_id"]),
    experimentId: String(row["experiment_id"]),
    name: String(row["name"]),
    artifactLocation: String(row["artifact_location"]),
    creationTimestamp: Number(row["creation_timestamp_ms"]),
    lastUpdatedTimestamp: Number(row["last_updated_timestamp_ms"]),
    status: statuses.find((status) => statusNumbers[status] === Number(row["status"])) ?? "FAILED",
    ...optionalText("modelType", row["model_type"]),
    ...optionalText("sourceRunId", row["source_run_id"]),
    tags: tags(row["model_id"]),
    params: params(row["model_id"]),
    metrics: metrics(row["model_id"]),
  }));
}

/** Selects metrics of models with the column `is_nan`: MLflow writes NaN as 0 there, and its table of metrics knows. */
export const modelMetricsWithNan =
  "SELECT l.model_id, l.metric_name, l.metric_timestamp_ms, l.metric_step, l.metric_value, l.run_id, " +
  "l.dataset_name, l.dataset_digest, CASE WHEN l.metric_value = 0 AND EXISTS (SELECT 1 FROM metrics m WHERE " +
  'm.run_uuid = l.run_id AND m."key" = l.metric_name AND m.timestamp = l.metric_timestamp_ms AND ' +
  "m.step = l.metric_step AND m.is_nan) THEN 1 ELSE 0 END AS is_nan FROM logged_model_metrics l";

async function selectModelMetrics(
  sql: Sql,
  modelIds: readonly SqlValue[],
): Promise<(modelId: SqlRow[string] | undefined) => LoggedModel["metrics"]> {
  const rows = await allIn(
    sql,
    (keys) =>
      "SELECT * FROM (SELECT points.*, row_number() OVER (PARTITION BY model_id, metric_name, dataset_name, " +
      "dataset_digest ORDER BY metric_timestamp_ms DESC, metric_step DESC, run_id) AS place FROM " +
      `(${modelMetricsWithNan} WHERE l.model_id IN (${keys})) AS points) AS placed WHERE place = 1`,
    modelIds,
  );
  const metricsOf = groupRows(rows, "model_id");
  return (modelId) =>
    metricsOf(modelId)
      .map(toModelPoint)
      .sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
}

/** Makes a point of a row of `modelMetricsWithNan`. */
export function toModelPoint(row: SqlRow): LoggedModel["metrics"][number] {
  return {
    key: String(row["metric_name"]),
    value: fromSqlMetricValue({ value: row["metric_value"] ?? null, is_nan: row["is_nan"] ?? null }),
    timestamp: Number(row["metric_timestamp_ms"]),
    step: Number(row["metric_step"]),
    modelId: String(row["model_id"]),
    ...optionalText("datasetName", row["dataset_name"]),
    ...optionalText("datasetDigest", row["dataset_digest"]),
    runId: String(row["run_id"]),
  };
}

async function lockLoggedModel(sql: Sql, modelId: string): Promise<{ experimentId: string }> {
  const row = await sql.first(
    `SELECT ${experimentIdText} FROM logged_models WHERE model_id = ? AND lifecycle_stage = 'active'${sql.dialect.forUpdate}`,
    modelId,
  );
  if (row === undefined) throw noSuchModel(modelId);
  return { experimentId: String(row["experiment_id"]) };
}

function sortKey({ key, datasetName, datasetDigest }: LoggedModel["metrics"][number]): string {
  return [key, datasetName, datasetDigest].join("\0");
}

/** Makes the error for a logged model that is not there. */
export function noSuchModel(modelId: string): TrackingError {
  return missing(`logged model ${modelId}: it must exist, and no such id is in the store.`);
}

function missing(message: string): TrackingError {
  return new TrackingError(message, { code: "RESOURCE_DOES_NOT_EXIST" });
}
