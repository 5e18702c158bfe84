// Runs in SQL. Each function expects to run inside a transaction.
import { randomUUID } from "node:crypto";
import { TrackingError } from "../../../base/index.ts";
import { childUri } from "../../artifacts/uri.ts";
import { namedTags, runNameTag } from "../../run-name.ts";
import type { CreateRunInput, UpdateRunInput } from "../../store.ts";
import type { LifecycleStage, Run, RunInfo, RunStatus } from "../../types.ts";
import { checkExperimentIsActive, invalid } from "../../validation.ts";
import { upsertTags } from "./batch.ts";
import { experimentIdText, experimentKey, lockExperiment } from "./experiments.ts";
import { selectRunInputs, selectRunOutputs } from "./inputs.ts";
import { groupKeyValues, groupRows, toMetric } from "./rows.ts";
import { type Sql, type SqlRow, type SqlValue, allIn } from "./sql.ts";

/** Inserts a run that is RUNNING, and returns its id. */
export async function insertRun(
  sql: Sql,
  { experimentId, userId = "", startTime = Date.now(), ...input }: CreateRunInput,
): Promise<string> {
  const experiment = await lockExperiment(sql, experimentId);
  checkExperimentIsActive(experiment);
  const { name, tags } = namedTags(input);
  const runId = randomUUID().replaceAll("-", "");
  await sql.run(
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
  await upsertTags(sql, runId, tags);
  return runId;
}

/** Changes what `input` names, and returns the run's info. */
export async function changeRun(
  sql: Sql,
  { runId, status, endTime, runName }: UpdateRunInput,
): Promise<RunInfo> {
  const info = await lockActiveRun(sql, runId);
  await sql.run(
    "UPDATE runs SET status = ?, end_time = ?, name = ? WHERE run_uuid = ?",
    status ?? info.status,
    endTime ?? info.endTime ?? null,
    runName ?? info.runName,
    runId,
  );
  if (runName !== undefined) await upsertTags(sql, runId, { [runNameTag]: runName });
  return selectRunInfo(sql, runId);
}

/** Removes a tag of a run; one that is not there throws. */
export async function removeTag(sql: Sql, runId: string, key: string): Promise<void> {
  await lockActiveRun(sql, runId);
  const changes = await sql.run('DELETE FROM tags WHERE run_uuid = ? AND "key" = ?', runId, key);
  if (changes === 0)
    throw missing(`run ${runId}: the tag "${key}" must be there to be removed, but it is not.`);
}

/** Puts a run into the trash, where it may be already. */
export async function trashRun(sql: Sql, runId: string): Promise<void> {
  const { lifecycleStage } = await selectRunInfo(sql, runId, sql.dialect.forUpdate);
  if (lifecycleStage === "deleted") return;
  await sql.run(
    "UPDATE runs SET lifecycle_stage = 'deleted', deleted_time = ? WHERE run_uuid = ?",
    Date.now(),
    runId,
  );
}

/** Takes a run out of the trash, where it need not be. */
export async function untrashRun(sql: Sql, runId: string): Promise<void> {
  await selectRunInfo(sql, runId, sql.dialect.forUpdate);
  await sql.run("UPDATE runs SET lifecycle_stage = 'active', deleted_time = NULL WHERE run_uuid = ?", runId);
}

/** Reads a run with all that it holds. */
export async function selectRun(sql: Sql, runId: string): Promise<Run> {
  const rows = await sql.all(`SELECT ${runColumns} FROM runs WHERE run_uuid = ?`, runId);
  const [run] = await toRuns(sql, rows);
  if (run === undefined) throw noSuchRun(runId);
  return run;
}

/** Turns rows of `runColumns` into runs: a few queries for some hundred runs. */
export async function toRuns(sql: Sql, rows: readonly SqlRow[]): Promise<Run[]> {
  const ids = rows.map((row) => row["run_uuid"] ?? null);
  const entries = async (table: string) =>
    groupKeyValues(await selectOf(sql, `run_uuid AS owner, "key", value FROM ${table}`, ids));
  const params = await entries("params");
  const tags = await entries("tags");
  const metrics = groupRows(
    await selectOf(sql, 'run_uuid, "key", value, timestamp, step, is_nan FROM latest_metrics', ids),
    "run_uuid",
  );
  const inputs = await selectRunInputs(sql, ids);
  const outputs = await selectRunOutputs(sql, ids);
  return rows.map((row) => {
    const info = toRunInfo(row);
    const latestMetrics = metrics(info.runId)
      .map(toMetric)
      .sort((a, b) => (a.key < b.key ? -1 : 1));
    return {
      info,
      data: {
        metrics: Object.fromEntries(latestMetrics.map(({ key, value }) => [key, value])),
        latestMetrics,
        params: params(info.runId),
        tags: tags(info.runId),
      },
      inputs: inputs(info.runId),
      outputs: outputs(info.runId),
    };
  });
}

/** Are the columns that `toRuns` reads. */
export const runColumns = `run_uuid, name, ${experimentIdText}, user_id, status, start_time, end_time, lifecycle_stage, artifact_uri`;

/** Returns the info of a run that may be written, and keeps it so; one that is missing or deleted throws. */
export async function lockActiveRun(sql: Sql, runId: string): Promise<RunInfo> {
  const info = await selectRunInfo(sql, runId, sql.dialect.forUpdate);
  if (info.lifecycleStage !== "active") throw invalid(`run ${runId}: it must be active, but it is deleted.`);
  return info;
}

/** Reads the info of a run; one that does not exist throws. */
export async function selectRunInfo(sql: Sql, runId: string, end = ""): Promise<RunInfo> {
  const row = await sql.first(`SELECT ${runColumns} FROM runs WHERE run_uuid = ?${end}`, runId);
  if (row === undefined) throw noSuchRun(runId);
  return toRunInfo(row);
}

function selectOf(sql: Sql, columns: string, ids: readonly SqlValue[]): Promise<SqlRow[]> {
  return allIn(sql, (keys) => `SELECT ${columns} WHERE run_uuid IN (${keys})`, ids);
}

function toRunInfo(row: SqlRow): RunInfo {
  return {
    runId: String(row["run_uuid"]),
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

function noSuchRun(runId: string): TrackingError {
  return missing(`run ${runId}: it must exist, and no such id is in the store.`);
}

function missing(message: string): TrackingError {
  return new TrackingError(message, { code: "RESOURCE_DOES_NOT_EXIST" });
}
