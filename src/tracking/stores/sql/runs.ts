// Runs in SQL. Each function expects to run inside a transaction.
import { randomUUID } from "node:crypto";
import { TrackingError } from "../../../base/index.ts";
import { childUri } from "../../artifacts/uri.ts";
import type { CreateRunInput, SearchRunsInput, UpdateRunInput } from "../../store.ts";
import type { LifecycleStage, Metric, Run, RunInfo, RunStatus } from "../../types.ts";
import { checkExperimentIsActive, checkKey, invalid, limits, truncate } from "../../validation.ts";
import type { Database, SqlRow, SqlValue } from "./database.ts";
import { experimentKey, randomRunName, selectExperiment } from "./experiments.ts";
import { selectDatasetInputs } from "./inputs.ts";
import { selectModelOutputs } from "./logged-models.ts";
import { fromSqlMetricValue, keyValues } from "./rows.ts";

const runNameTag = "mlflow.runName";

/** Inserts a run that is RUNNING, and returns its id. */
export function insertRun(
  db: Database,
  { experimentId, runName, userId = "", startTime = Date.now(), tags = {} }: CreateRunInput,
): string {
  const experiment = selectExperiment(db, experimentId);
  checkExperimentIsActive(experiment);
  const tagged = tags[runNameTag];
  if (runName !== undefined && tagged !== undefined && runName !== tagged) {
    throw invalid(
      `createRun: runName and the tag ${runNameTag} must agree, got "${runName}" and "${tagged}". Give one.`,
    );
  }
  const name = runName ?? tagged ?? randomRunName();
  const runId = randomUUID().replaceAll("-", "");
  db.run(
    "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time, " +
      "source_version, lifecycle_stage, artifact_uri, experiment_id) " +
      "VALUES (?, ?, 'UNKNOWN', '', '', ?, 'RUNNING', ?, '', 'active', ?, ?)",
    runId,
    name,
    userId,
    startTime,
    childUri(experiment.artifactLocation, runId, "artifacts"),
    experimentKey(experimentId),
  );
  upsertTags(db, runId, { ...tags, [runNameTag]: name });
  return runId;
}

/** Changes what `input` names, and returns the run's info. */
export function changeRun(db: Database, { runId, status, endTime, runName }: UpdateRunInput): RunInfo {
  const info = checkRunIsActive(db, runId);
  db.run(
    "UPDATE runs SET status = ?, end_time = ?, name = ? WHERE run_uuid = ?",
    status ?? info.status,
    endTime ?? info.endTime ?? null,
    runName ?? info.runName,
    runId,
  );
  if (runName !== undefined) upsertTags(db, runId, { [runNameTag]: runName });
  return selectRunInfo(db, runId);
}

/** Writes tags over what is there; the tag of the name renames the run. */
export function upsertTags(db: Database, runId: string, tags: Record<string, string>): void {
  for (const [key, value] of Object.entries(tags)) {
    checkKey("tag", key);
    if (key === runNameTag) db.run("UPDATE runs SET name = ? WHERE run_uuid = ?", value, runId);
    db.run(
      'INSERT INTO tags ("key", value, run_uuid) VALUES (?, ?, ?) ' +
        'ON CONFLICT ("key", run_uuid) DO UPDATE SET value = excluded.value',
      key,
      truncate(value, limits.tagValue),
      runId,
    );
  }
}

/** Reads a run with all that it holds. */
export function selectRun(db: Database, runId: string): Run {
  const info = selectRunInfo(db, runId);
  const latestMetrics = db
    .all(
      'SELECT "key", value, timestamp, step, is_nan FROM latest_metrics WHERE run_uuid = ? ORDER BY "key"',
      runId,
    )
    .map(toMetric);
  return {
    info,
    data: {
      metrics: Object.fromEntries(latestMetrics.map(({ key, value }) => [key, value])),
      latestMetrics,
      params: keyValues(db.all('SELECT "key", value FROM params WHERE run_uuid = ? ORDER BY "key"', runId)),
      tags: keyValues(db.all('SELECT "key", value FROM tags WHERE run_uuid = ? ORDER BY "key"', runId)),
    },
    inputs: { datasetInputs: selectDatasetInputs(db, runId) },
    outputs: { modelOutputs: selectModelOutputs(db, runId) },
  };
}

/** Reads the runs that a search asks for, the newest first. */
export function selectRuns(
  db: Database,
  { experimentIds, statuses, maxResults = 1000 }: SearchRunsInput,
): Run[] {
  if (!Number.isInteger(maxResults) || maxResults < 1) {
    throw invalid(`searchRuns: maxResults must be a whole number above 0, got ${maxResults}.`);
  }
  const clauses = ["lifecycle_stage = 'active'"];
  const values: SqlValue[] = [];
  const oneOf = (column: string, list: readonly SqlValue[]) => {
    clauses.push(`${column} IN (${list.map(() => "?").join(", ")})`);
    values.push(...list);
  };
  if (experimentIds !== undefined) oneOf("experiment_id", experimentIds.map(experimentKey));
  if (statuses !== undefined) oneOf("status", statuses);
  const rows = db.all(
    `SELECT run_uuid FROM runs WHERE ${clauses.join(" AND ")} ORDER BY start_time DESC, run_uuid LIMIT ?`,
    ...values,
    maxResults,
  );
  return rows.map((row) => selectRun(db, String(row["run_uuid"])));
}

/** Reads all points of one metric by step, then time, then value. */
export function selectMetricHistory(db: Database, runId: string, key: string): Metric[] {
  selectRunInfo(db, runId);
  return db
    .all(
      'SELECT "key", value, timestamp, step, is_nan FROM metrics WHERE run_uuid = ? AND "key" = ? ' +
        "ORDER BY step, timestamp, value",
      runId,
      key,
    )
    .map(toMetric);
}

/** Returns the info of a run that may be written; one that is missing or deleted throws. */
export function checkRunIsActive(db: Database, runId: string): RunInfo {
  const info = selectRunInfo(db, runId);
  if (info.lifecycleStage !== "active") throw invalid(`run ${runId}: it must be active, but it is deleted.`);
  return info;
}

function selectRunInfo(db: Database, runId: string): RunInfo {
  const row = db.first(
    "SELECT run_uuid, name, experiment_id, user_id, status, start_time, end_time, lifecycle_stage, artifact_uri " +
      "FROM runs WHERE run_uuid = ?",
    runId,
  );
  if (row === undefined) {
    throw new TrackingError(`run ${runId}: it must exist, and no such id is in the store.`, {
      code: "RESOURCE_DOES_NOT_EXIST",
    });
  }
  return {
    runId,
    runName: String(row["name"] ?? ""),
    experimentId: String(row["experiment_id"]),
    userId: String(row["user_id"] ?? ""),
    status: row["status"] as RunStatus,
    startTime: Number(row["start_time"]),
    ...(row["end_time"] === null ? {} : { endTime: Number(row["end_time"]) }),
    lifecycleStage: row["lifecycle_stage"] as LifecycleStage,
    artifactUri: String(row["artifact_uri"] ?? ""),
  };
}

function toMetric(row: SqlRow): Metric {
  return {
    key: String(row["key"]),
    value: fromSqlMetricValue(row),
    timestamp: Number(row["timestamp"]),
    step: Number(row["step"]),
  };
}
