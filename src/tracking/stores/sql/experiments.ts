// Experiments in SQL. Each function expects to run inside a transaction.
import { TrackingError } from "../../../base/index.ts";
import { childUri, localUri } from "../../artifacts/uri.ts";
import type { CreateExperimentInput } from "../../store.ts";
import type { Experiment, LifecycleStage } from "../../types.ts";
import {
  checkArtifactLocation,
  checkExperimentIsActive,
  checkExperimentName,
  checkExperimentTags,
  invalid,
} from "../../validation.ts";
import { groupKeyValues } from "./rows.ts";
import { type Sql, type SqlRow, allIn, insertRows, unlessTaken } from "./sql.ts";

/** Inserts an experiment and returns its id. */
export async function insertExperiment(
  sql: Sql,
  { name, artifactLocation, tags = {} }: CreateExperimentInput,
  artifactRoot: string,
): Promise<string> {
  checkExperimentName(name);
  checkExperimentTags(tags);
  if (artifactLocation !== undefined) checkArtifactLocation(artifactLocation);
  const now = Date.now();
  const row = await nameIsFree("createExperiment", name, () =>
    sql.first(
      "INSERT INTO experiments (name, artifact_location, lifecycle_stage, creation_time, last_update_time) " +
        `VALUES (?, ?, 'active', ?, ?) RETURNING ${experimentIdText}`,
      name,
      artifactLocation === undefined ? null : localUri(artifactLocation),
      now,
      now,
    ),
  );
  const id = String(row?.["experiment_id"]);
  if (artifactLocation === undefined) {
    const location = childUri(artifactRoot, id);
    await sql.run("UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?", location, id);
  }
  await upsertTags(sql, id, tags);
  return id;
}

/** Makes experiment 0, which MLflow's clients expect, in a database without experiments. */
export async function insertDefaultExperiment(sql: Sql, artifactRoot: string): Promise<void> {
  if ((await sql.first("SELECT 1 AS found FROM experiments LIMIT 1")) !== undefined) return;
  const now = Date.now();
  await sql.run(
    "INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage, creation_time, " +
      "last_update_time) VALUES (0, 'Default', ?, 'active', ?, ?) ON CONFLICT DO NOTHING",
    childUri(artifactRoot, "0"),
    now,
    now,
  );
}

/** Reads an experiment; one that does not exist throws. */
export async function selectExperiment(sql: Sql, experimentId: string, end = ""): Promise<Experiment> {
  const row = await sql.first(
    `${experimentQuery} WHERE experiment_id = ?${end}`,
    experimentKey(experimentId),
  );
  if (row === undefined) throw missing(experimentId, "no such id is in the store");
  return (await toExperiments(sql, [row]))[0]!;
}

/** Reads an experiment by its name, deleted or not. */
export async function selectExperimentByName(sql: Sql, name: string): Promise<Experiment | undefined> {
  const row = await sql.first(`${experimentQuery} WHERE workspace = 'default' AND name = ?`, name);
  return row === undefined ? undefined : (await toExperiments(sql, [row]))[0];
}

/** Gives an active experiment another name. */
export async function renameExperiment(sql: Sql, experimentId: string, name: string): Promise<void> {
  checkExperimentName(name);
  const { lifecycleStage } = await lockExperiment(sql, experimentId);
  if (lifecycleStage !== "active") {
    throw new TrackingError(
      `renameExperiment: experiment ${experimentId} must be active, but it is deleted. Restore it first.`,
      { code: "INVALID_STATE" },
    );
  }
  await nameIsFree("renameExperiment", name, () =>
    sql.run(
      "UPDATE experiments SET name = ?, last_update_time = ? WHERE experiment_id = ?",
      name,
      Date.now(),
      experimentKey(experimentId),
    ),
  );
}

/** Puts an experiment and its active runs into the trash, at one moment, which tells later what went together. */
export async function trashExperiment(sql: Sql, experimentId: string): Promise<void> {
  const { lifecycleStage } = await lockExperiment(sql, experimentId);
  if (lifecycleStage !== "active") throw missing(experimentId, "it is in the trash already");
  const now = Date.now();
  const key = experimentKey(experimentId);
  await setLifecycleStage(sql, key, "deleted", now);
  await sql.run(
    "UPDATE runs SET lifecycle_stage = 'deleted', deleted_time = ? WHERE experiment_id = ? AND lifecycle_stage = 'active'",
    now,
    key,
  );
}

/** Takes an experiment, and the runs that went with it, out of the trash. */
export async function untrashExperiment(sql: Sql, experimentId: string): Promise<void> {
  const { lifecycleStage, lastUpdateTime } = await lockExperiment(sql, experimentId);
  if (lifecycleStage !== "deleted") throw missing(experimentId, "it is not in the trash");
  const key = experimentKey(experimentId);
  await setLifecycleStage(sql, key, "active", Date.now());
  // mlflow marks the experiment first and then its runs, one by one
  await sql.run(
    "UPDATE runs SET lifecycle_stage = 'active', deleted_time = NULL WHERE experiment_id = ? AND " +
      "lifecycle_stage = 'deleted' AND (deleted_time IS NULL OR deleted_time >= ?)",
    key,
    lastUpdateTime,
  );
}

/** Writes tags of an active experiment over what is there. */
export async function setExperimentTags(
  sql: Sql,
  experimentId: string,
  tags: Record<string, string>,
): Promise<void> {
  checkExperimentTags(tags);
  checkExperimentIsActive(await lockExperiment(sql, experimentId));
  await upsertTags(sql, experimentKey(experimentId), tags);
}

/** Removes a tag of an active experiment; one that is not there throws. */
export async function removeExperimentTag(sql: Sql, experimentId: string, key: string): Promise<void> {
  checkExperimentIsActive(await lockExperiment(sql, experimentId));
  const changes = await sql.run(
    'DELETE FROM experiment_tags WHERE experiment_id = ? AND "key" = ?',
    experimentKey(experimentId),
    key,
  );
  if (changes === 0) throw missing(experimentId, `it has no tag "${key}"`, "the tag must be there");
}

/** Turns rows of `experimentColumns` into experiments, with the tags of all. */
export async function toExperiments(sql: Sql, rows: readonly SqlRow[]): Promise<Experiment[]> {
  const tags = groupKeyValues(
    await allIn(
      sql,
      (keys) =>
        `SELECT CAST(experiment_id AS TEXT) AS owner, "key", value FROM experiment_tags WHERE experiment_id IN (${keys})`,
      rows.map((row) => row["experiment_id"] ?? null),
    ),
  );
  return rows.map((row) => ({
    experimentId: String(row["experiment_id"]),
    name: String(row["name"]),
    artifactLocation: String(row["artifact_location"] ?? ""),
    lifecycleStage: row["lifecycle_stage"] as LifecycleStage,
    creationTime: Number(row["creation_time"]),
    lastUpdateTime: Number(row["last_update_time"]),
    tags: tags(row["experiment_id"]),
  }));
}

/** Reads an experiment that stays as it is until the transaction ends. */
export function lockExperiment(sql: Sql, experimentId: string): Promise<Experiment> {
  return selectExperiment(sql, experimentId, sql.dialect.forUpdate);
}

/** Turns the id that the interface uses into the table's key. One that MLflow's file store drew is no safe number. */
export function experimentKey(experimentId: string): number | string {
  if (!/^\d{1,18}$/.test(experimentId)) {
    throw invalid(
      `experiment id: it must be a whole number, got ${JSON.stringify(experimentId)}. Look it up by name.`,
    );
  }
  return experimentId.length > 15 ? experimentId : Number(experimentId);
}

/** Selects the id of an experiment as text: it may be larger than the numbers of JavaScript hold. */
export const experimentIdText = "CAST(experiment_id AS TEXT) AS experiment_id";

/** Are the columns that `toExperiments` reads. */
export const experimentColumns = `${experimentIdText}, name, artifact_location, lifecycle_stage, creation_time, last_update_time`;

const experimentQuery = `SELECT ${experimentColumns} FROM experiments`;

async function upsertTags(
  sql: Sql,
  experimentId: number | string,
  tags: Record<string, string>,
): Promise<void> {
  await insertRows(
    sql,
    "experiment_tags",
    ['"key"', "value", "experiment_id"],
    Object.entries(tags).map(([key, value]) => [key, value, experimentId]),
    'ON CONFLICT ("key", experiment_id) DO UPDATE SET value = excluded.value',
  );
}

async function setLifecycleStage(
  sql: Sql,
  key: number | string,
  stage: LifecycleStage,
  now: number,
): Promise<void> {
  await sql.run(
    "UPDATE experiments SET lifecycle_stage = ?, last_update_time = ? WHERE experiment_id = ?",
    stage,
    now,
    key,
  );
}

function nameIsFree<T>(where: string, name: string, write: () => Promise<T>): Promise<T> {
  return unlessTaken(`${where}: an experiment "${name}" exists already. Choose another name.`, write);
}

function missing(experimentId: string, fact: string, wanted = "it must exist"): TrackingError {
  return new TrackingError(`experiment ${experimentId}: ${wanted}, and ${fact}.`, {
    code: "RESOURCE_DOES_NOT_EXIST",
  });
}
