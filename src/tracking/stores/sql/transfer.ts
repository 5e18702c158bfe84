// Moving entities between stores as they are, in SQL. Each function expects to run inside a transaction.
import { loggedModelOf } from "../../registry/source.ts";
import { firstStage, mlflowStages } from "../../stages.ts";
import { largestSerial } from "../../transfer.ts";
import type { LoggedModelRecord, RegisteredModelRecord, RunImport, RunRecord } from "../../transfer.ts";
import type { Experiment, Metric, ModelVersion, RegistryEvent } from "../../types.ts";
import { checkExperimentName, checkMetric, checkModelName, invalid } from "../../validation.ts";
import { insertMetrics } from "./batch.ts";
import { experimentKey, selectExperiment } from "./experiments.ts";
import { insertDatasetInputs, insertModelEdges } from "./inputs.ts";
import {
  insertModelPoints,
  loggedModelColumns,
  modelMetricsWithNan,
  statusNumbers,
  toLoggedModels,
  toModelPoint,
} from "./logged-models.ts";
import { selectHistory } from "./registry-history.ts";
import { deletedStage, ofModel, selectModelVersions, selectRegisteredModel } from "./registry-rows.ts";
import { groupRows } from "./rows.ts";
import { selectRunInfo } from "./runs.ts";
import { type Sql, type SqlValue, allIn, insertRows, unlessTaken } from "./sql.ts";

const modelsAtOnce = 100;

/** Reads when the deleted runs of an experiment went into the trash. */
export async function selectDeletionTimes(sql: Sql, experimentId: string): Promise<Map<string, number>> {
  const rows = await sql.all(
    "SELECT run_uuid, deleted_time FROM runs WHERE experiment_id = ? AND lifecycle_stage = 'deleted' AND " +
      "deleted_time IS NOT NULL",
    experimentKey(experimentId),
  );
  return new Map(rows.map((row) => [String(row["run_uuid"]), Number(row["deleted_time"])]));
}

/** Reads the next logged models of an experiment, deleted or not, with all their points. */
export async function selectLoggedModelRecords(
  sql: Sql,
  experimentId: string,
  after = "",
): Promise<LoggedModelRecord[]> {
  const rows = await sql.all(
    `SELECT ${loggedModelColumns} FROM logged_models WHERE experiment_id = ? AND model_id > ? ORDER BY model_id LIMIT ?`,
    experimentKey(experimentId),
    after,
    modelsAtOnce,
  );
  const models = await toLoggedModels(sql, rows);
  const points = groupRows(
    await allIn(
      sql,
      (keys) => `${modelMetricsWithNan} WHERE l.model_id IN (${keys})`,
      rows.map((row) => row["model_id"] ?? null),
    ),
    "model_id",
  );
  return models.map(({ metrics: _latest, ...model }, i) => ({
    model,
    lifecycleStage: rows[i]!["lifecycle_stage"] === "deleted" ? "deleted" : "active",
    points: points(model.modelId).map(toModelPoint),
  }));
}

/** Reads a registered model with its versions and history. */
export async function selectRegisteredModelRecord(sql: Sql, name: string): Promise<RegisteredModelRecord> {
  const model = await selectRegisteredModel(sql, name);
  const last = await sql.first(`SELECT MAX(version) AS version FROM model_versions WHERE ${ofModel}`, name);
  return {
    model,
    versions: await selectModelVersions(sql, name, " ORDER BY version"),
    lastVersion: Number(last?.["version"] ?? 0),
    history: await selectHistory(sql, name),
  };
}

/** Inserts an experiment with the id that it had. */
export async function insertExperimentRecord(sql: Sql, experiment: Experiment): Promise<void> {
  const { experimentId, name, artifactLocation, lifecycleStage, creationTime, lastUpdateTime, tags } =
    experiment;
  checkExperimentName(name);
  checkNumber(sql, experimentId);
  await isFree(`experiment ${experimentId}`, () =>
    sql.run(
      "INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage, creation_time, " +
        "last_update_time) VALUES (?, ?, ?, ?, ?, ?)",
      experimentKey(experimentId),
      name,
      artifactLocation,
      lifecycleStage,
      creationTime,
      lastUpdateTime,
    ),
  );
  await insertRows(
    sql,
    "experiment_tags",
    ['"key"', "value", "experiment_id"],
    Object.entries(tags).map(([key, value]) => [key, value, experimentKey(experimentId)]),
  );
  if (sql.dialect.name === "sqlite") return; // it counts on from the largest by itself
  await sql.all(
    "SELECT setval(pg_get_serial_sequence('experiments', 'experiment_id'), " +
      "GREATEST((SELECT MAX(experiment_id) FROM experiments), 1))",
  );
}

/** Inserts runs with the ids that they had, and the first points of each. */
export async function insertRunRecords(sql: Sql, imports: readonly RunImport[]): Promise<void> {
  const runs = imports.map(({ record }) => record.run);
  for (const experimentId of new Set(runs.map(({ info }) => info.experimentId))) {
    await selectExperiment(sql, experimentId);
  }
  for (const { record } of imports) await insertRunRecord(sql, record);
  for (const table of ["params", "tags"] as const) {
    const rows = runs.flatMap(({ info, data }) =>
      Object.entries(data[table]).map(([key, value]) => [key, value, info.runId]),
    );
    await insertRows(sql, table, ['"key"', "value", "run_uuid"], rows);
  }
  for (const { points } of imports) for (const point of points) checkMetric(point);
  await insertMetrics(
    sql,
    imports.map(({ record, points }) => ({ runId: record.run.info.runId, metrics: points })),
  );
  for (const { info, inputs, outputs } of runs) {
    await insertDatasetInputs(sql, info.runId, info.experimentId, inputs.datasetInputs);
    await insertModelEdges(sql, info.runId, inputs.modelInputs, outputs.modelOutputs);
  }
}

async function insertRunRecord(sql: Sql, { run, deletedTime }: RunRecord): Promise<void> {
  const { info } = run;
  const { runId, experimentId } = info;
  await isFree(`run ${runId}`, () =>
    sql.run(
      "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time, " +
        "end_time, deleted_time, source_version, lifecycle_stage, artifact_uri, experiment_id) " +
        "VALUES (?, ?, 'UNKNOWN', '', '', ?, ?, ?, ?, ?, '', ?, ?, ?)",
      runId,
      info.runName,
      info.userId,
      info.status,
      info.startTime,
      info.endTime ?? null,
      deletedTime ?? null,
      info.lifecycleStage,
      info.artifactUri,
      experimentKey(experimentId),
    ),
  );
}

/** Adds points to a run, whatever its state; those that are there are skipped. */
export async function insertPoints(sql: Sql, runId: string, points: readonly Metric[]): Promise<void> {
  await selectRunInfo(sql, runId, sql.dialect.forUpdate);
  for (const point of points) checkMetric(point);
  await insertMetrics(sql, [{ runId, metrics: points }]);
}

/** Inserts a logged model with the id that it had. */
export async function insertLoggedModelRecord(
  sql: Sql,
  { model, lifecycleStage, points }: LoggedModelRecord,
): Promise<void> {
  const { modelId, experimentId, tags, params } = model;
  await selectExperiment(sql, experimentId);
  await isFree(`logged model ${modelId}`, () =>
    sql.run(
      "INSERT INTO logged_models (model_id, experiment_id, name, artifact_location, creation_timestamp_ms, " +
        "last_updated_timestamp_ms, status, lifecycle_stage, model_type, source_run_id) " +
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      modelId,
      experimentKey(experimentId),
      model.name,
      model.artifactLocation,
      model.creationTimestamp,
      model.lastUpdatedTimestamp,
      statusNumbers[model.status],
      lifecycleStage,
      model.modelType ?? null,
      model.sourceRunId ?? null,
    ),
  );
  for (const [kind, entries] of [
    ["tag", tags],
    ["param", params],
  ] as const) {
    await insertRows(
      sql,
      `logged_model_${kind}s`,
      ["model_id", "experiment_id", `${kind}_key`, `${kind}_value`],
      Object.entries(entries).map(([key, value]) => [modelId, experimentKey(experimentId), key, value]),
    );
  }
  const added = await insertModelPoints(sql, experimentId, points);
  if (added === points.length) return;
  throw invalid(
    `logged model ${modelId}: of two points of a metric at one time and step of one run, the tables of MLflow hold one, ` +
      `got ${points.length - added} more. Copy to a folder or to MongoDB.`,
  );
}

/** Inserts a registered model with its versions and history. */
export async function insertRegisteredModelRecord(
  sql: Sql,
  { model, versions, lastVersion, history }: RegisteredModelRecord,
): Promise<void> {
  const { name } = model;
  checkModelName(name);
  await isFree(`registered model "${name}"`, () =>
    sql.run(
      "INSERT INTO registered_models (name, creation_time, last_updated_time, description) VALUES (?, ?, ?, ?)",
      name,
      model.creationTimestamp,
      model.lastUpdatedTimestamp,
      model.description ?? null,
    ),
  );
  const tagColumns = ['"key"', "value", "name"];
  const tags = Object.entries(model.tags).map(([key, value]) => [key, value, name]);
  await insertRows(sql, "registered_model_tags", tagColumns, tags);
  for (const version of versions) await insertVersion(sql, version);
  if (lastVersion > Math.max(0, ...versions.map(({ version }) => version))) {
    await insertDeletedVersion(sql, name, lastVersion, model.lastUpdatedTimestamp);
  }
  await insertRows(
    sql,
    "registered_model_aliases",
    ["alias", "version", "name"],
    Object.entries(model.aliases).map(([alias, version]) => [alias, version, name]),
  );
  await insertRows(
    sql,
    "sconce_registry_history",
    ["model_name", "timestamp", "kind", "name", "version", "previous", "user_id", "evidence"],
    history.map((event) => eventRow(name, event)),
  );
}

async function insertVersion(sql: Sql, version: ModelVersion): Promise<void> {
  const { name, version: number, currentStage, modelId, source } = version;
  const isMlflowStage = mlflowStages.includes(currentStage);
  await sql.run(
    "INSERT INTO model_versions (name, version, creation_time, last_updated_time, description, user_id, " +
      "current_stage, source, run_id, status, storage_location) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    name,
    number,
    version.creationTimestamp,
    version.lastUpdatedTimestamp,
    version.description ?? null,
    version.userId ?? null,
    isMlflowStage ? currentStage : firstStage,
    source,
    version.runId ?? null,
    version.status,
    version.storageLocation,
  );
  const ownModel = modelId === loggedModelOf(source) ? undefined : modelId;
  if (!isMlflowStage || ownModel !== undefined) {
    await sql.run(
      "INSERT INTO sconce_model_versions (name, version, stage, model_id) VALUES (?, ?, ?, ?)",
      name,
      number,
      isMlflowStage ? null : currentStage,
      ownModel ?? null,
    );
  }
  const tags = Object.entries(version.tags).map(([key, value]) => [key, value, name, number]);
  await insertRows(sql, "model_version_tags", ['"key"', "value", "name", "version"], tags);
}

/** Marks a number as given, as MLflow does. */
async function insertDeletedVersion(sql: Sql, name: string, version: number, time: number): Promise<void> {
  await sql.run(
    "INSERT INTO model_versions (name, version, creation_time, last_updated_time, current_stage, source, run_id, " +
      `status) VALUES (?, ?, ?, ?, '${deletedStage}', 'REDACTED-SOURCE-PATH', 'REDACTED-RUN-ID', 'READY')`,
    name,
    version,
    time,
    time,
  );
}

function eventRow(modelName: string, event: RegistryEvent): SqlValue[] {
  const { timestamp, kind, name, version, previous, userId, evidence } = event;
  return [
    modelName,
    timestamp,
    kind,
    name,
    version ?? null,
    previous ?? null,
    userId,
    JSON.stringify(evidence),
  ];
}

/** Throws for an id that would become another in the database. */
function checkNumber(sql: Sql, experimentId: string): void {
  const isPostgres = sql.dialect.name === "postgresql";
  const isWhole = /^(0|[1-9]\d{0,17})$/.test(experimentId);
  if (isWhole && !(isPostgres && Number(experimentId) > largestSerial)) return;
  throw invalid(
    isPostgres
      ? `experiment ${experimentId}: PostgreSQL numbers experiments from 0 to ${largestSerial}, so it cannot keep this id. ` +
          "Copy to SQLite, MongoDB or a folder, or let experiments get new ids (--new-experiment-ids)."
      : `experiment ${experimentId}: SQLite numbers experiments with at most 18 digits, so it cannot keep this id. Copy to ` +
          "MongoDB or a folder, or let experiments get new ids (--new-experiment-ids).",
  );
}

function isFree(what: string, write: () => Promise<unknown>): Promise<unknown> {
  return unlessTaken(`${what}: its id and name must be free, and the store has one already.`, write);
}
