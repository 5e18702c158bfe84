// Removes for ever what is in the trash, in SQL. Each function expects to run inside a transaction.
import { TrackingError } from "../../../base/index.ts";
import type { LoggedModel } from "../../types.ts";
import { invalid } from "../../validation.ts";
import { experimentKey, lockExperiment } from "./experiments.ts";
import { loggedModelColumns, noSuchModel, toLoggedModels } from "./logged-models.ts";
import { selectRunInfo } from "./runs.ts";
import type { Sql, SqlValue } from "./sql.ts";

/** Reads the ids of runs that have been in the trash since before a moment, in milliseconds since 1970. */
export async function selectDeletedRunIds(sql: Sql, before: number): Promise<string[]> {
  const rows = await sql.all(
    "SELECT run_uuid FROM runs WHERE lifecycle_stage = 'deleted' AND COALESCE(deleted_time, 0) <= ? " +
      "ORDER BY deleted_time, run_uuid",
    before,
  );
  return rows.map((row) => String(row["run_uuid"]));
}

/** Removes a run that is in the trash, with all that it logged. */
export async function purgeRun(sql: Sql, runId: string): Promise<void> {
  const { lifecycleStage } = await selectRunInfo(sql, runId, sql.dialect.forUpdate);
  if (lifecycleStage !== "deleted") {
    throw invalid(`purgeRun: run ${runId} must be in the trash, but it is active. Delete it first.`);
  }
  await removeRuns(sql, "run_uuid = ?", runId);
}

/** Reads logged models that have been in the trash since before a moment, in milliseconds since 1970. */
export async function selectDeletedLoggedModels(sql: Sql, before: number): Promise<LoggedModel[]> {
  const rows = await sql.all(
    `SELECT ${loggedModelColumns} FROM logged_models WHERE lifecycle_stage = 'deleted' AND ` +
      "last_updated_timestamp_ms <= ? ORDER BY last_updated_timestamp_ms, model_id",
    before,
  );
  return toLoggedModels(sql, rows);
}

/** Removes a logged model that is in the trash; its tags, params and metrics follow by their foreign keys. */
export async function purgeLoggedModel(sql: Sql, modelId: string): Promise<void> {
  const row = await sql.first(
    `SELECT lifecycle_stage FROM logged_models WHERE model_id = ?${sql.dialect.forUpdate}`,
    modelId,
  );
  if (row === undefined) throw noSuchModel(modelId);
  if (row["lifecycle_stage"] !== "deleted") {
    throw invalid(
      `purgeLoggedModel: logged model ${modelId} must be in the trash, but it is active. Delete it first.`,
    );
  }
  await sql.run("DELETE FROM logged_models WHERE model_id = ?", modelId);
}

/** Removes an experiment that is in the trash, with its runs and models. */
export async function purgeExperiment(sql: Sql, experimentId: string): Promise<void> {
  const { lifecycleStage } = await lockExperiment(sql, experimentId);
  if (lifecycleStage !== "deleted") {
    throw new TrackingError(
      `purgeExperiment: experiment ${experimentId} must be in the trash, but it is active. Delete it first.`,
      { code: "INVALID_PARAMETER_VALUE" },
    );
  }
  const key = experimentKey(experimentId);
  await removeRuns(sql, "experiment_id = ?", key);
  for (const table of [
    "logged_models",
    "experiment_tags",
    "online_scoring_configs",
    "spans",
    "experiments",
  ]) {
    await sql.run(`DELETE FROM ${table} WHERE experiment_id = ?`, key);
  }
}

async function removeRuns(sql: Sql, where: string, key: SqlValue): Promise<void> {
  const runs = `SELECT run_uuid FROM runs WHERE ${where}`;
  const edges = `(destination_type = 'RUN' AND destination_id IN (${runs})) OR (source_type IN ('RUN_INPUT', 'RUN_OUTPUT') AND source_id IN (${runs}))`;
  await sql.run(
    `DELETE FROM input_tags WHERE input_uuid IN (SELECT input_uuid FROM inputs WHERE ${edges})`,
    key,
    key,
  );
  await sql.run(`DELETE FROM inputs WHERE ${edges}`, key, key);
  for (const table of ["metrics", "latest_metrics", "params", "tags"]) {
    await sql.run(`DELETE FROM ${table} WHERE run_uuid IN (${runs})`, key);
  }
  await sql.run(`DELETE FROM runs WHERE ${where}`, key);
}
