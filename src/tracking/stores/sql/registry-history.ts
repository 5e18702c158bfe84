// Stages and aliases in SQL, and their history, which is written in the same transaction and never changed.
import { archivedStage, firstStage, isActiveStage, mlflowStages } from "../../stages.ts";
import type { RegistryChange } from "../../store.ts";
import type { ModelVersion, RegistryEvent } from "../../types.ts";
import { checkAlias, invalid } from "../../validation.ts";
import { touchRegisteredModel } from "./registered-models.ts";
import {
  lockRegisteredModel,
  missing,
  ofModel,
  selectModelVersion,
  selectModelVersions,
  selectRegisteredModel,
} from "./registry-rows.ts";
import { optionalText } from "./rows.ts";
import type { Sql } from "./sql.ts";

/** Is a move of a version to a stage that is spelled as it is stored. */
export interface StageMove extends RegistryChange {
  name: string;
  version: number;
  stage: string;
  archiveExisting?: boolean;
}

/** Moves a version to a stage, and those that are there to the archive if asked. */
export async function moveToStage(
  sql: Sql,
  { name, version, stage, archiveExisting = false, ...change }: StageMove,
): Promise<void> {
  if (archiveExisting && !isActiveStage(stage)) {
    throw invalid(
      `transitionStage: archiveExisting makes sense for stages in use, got "${stage}". Leave archiveExisting out.`,
    );
  }
  await lockRegisteredModel(sql, name);
  const mover = await selectModelVersion(sql, name, version);
  const now = Date.now();
  if (archiveExisting) {
    const mlflowStage = mlflowStages.includes(stage) ? stage : firstStage;
    const others = await selectModelVersions(
      sql,
      name,
      " AND current_stage = ? ORDER BY version",
      mlflowStage,
    );
    for (const other of others) {
      if (other.version === version || other.currentStage !== stage) continue;
      await setStage(sql, other, archivedStage, now, change);
    }
  }
  await setStage(sql, mover, stage, now, change);
  await touchRegisteredModel(sql, name, now);
}

/** Points an alias at a version, away from the version that had it. */
export async function upsertAlias(
  sql: Sql,
  name: string,
  alias: string,
  version: number,
  change: RegistryChange = {},
): Promise<void> {
  checkAlias(alias);
  const { aliases } = await lockRegisteredModel(sql, name);
  await selectModelVersion(sql, name, version);
  const previous = aliases[alias];
  if (previous === version) return;
  await sql.run(
    "INSERT INTO registered_model_aliases (alias, version, name) VALUES (?, ?, ?) " +
      "ON CONFLICT (workspace, name, alias) DO UPDATE SET version = excluded.version",
    alias,
    version,
    name,
  );
  await recordEvent(sql, name, {
    kind: "alias",
    name: alias,
    version,
    ...(previous !== undefined && { previous: String(previous) }),
    ...change,
  });
  await touchRegisteredModel(sql, name, Date.now());
}

/** Removes an alias; one that is not there is no error. */
export async function removeAlias(
  sql: Sql,
  name: string,
  alias: string,
  change: RegistryChange = {},
): Promise<void> {
  const { aliases } = await lockRegisteredModel(sql, name);
  const previous = aliases[alias];
  if (previous === undefined) return;
  await sql.run(`DELETE FROM registered_model_aliases WHERE ${ofModel} AND alias = ?`, name, alias);
  await recordEvent(sql, name, { kind: "alias", name: alias, previous: String(previous), ...change });
}

/** Reads the version that an alias points at; `latest` is the newest version. */
export async function selectModelVersionByAlias(
  sql: Sql,
  name: string,
  alias: string,
): Promise<ModelVersion> {
  const { aliases } = await selectRegisteredModel(sql, name);
  if (alias.toLowerCase() === "latest") {
    const [newest] = await selectModelVersions(sql, name, " ORDER BY version DESC LIMIT 1");
    if (newest === undefined) throw missing(`a version of registered model "${name}"`);
    return newest;
  }
  const version = aliases[alias];
  if (version === undefined) {
    const known = Object.keys(aliases).join(", ") || "none";
    // MLflow answers with this code, and its clients look for it
    throw invalid(`registered model "${name}": no alias "${alias}". Its aliases: ${known}.`);
  }
  return selectModelVersion(sql, name, version);
}

/** Reads what happened to a model's stages and aliases, the oldest first. */
export async function selectHistory(sql: Sql, name: string): Promise<RegistryEvent[]> {
  await selectRegisteredModel(sql, name);
  const rows = await sql.all(
    "SELECT timestamp, kind, name, version, previous, user_id, evidence FROM sconce_registry_history " +
      "WHERE workspace = 'default' AND model_name = ? ORDER BY id",
    name,
  );
  return rows.map((row) => ({
    timestamp: Number(row["timestamp"]),
    kind: row["kind"] as RegistryEvent["kind"],
    name: String(row["name"]),
    ...(row["version"] === null ? {} : { version: Number(row["version"]) }),
    ...optionalText("previous", row["previous"]),
    userId: String(row["user_id"]),
    evidence: JSON.parse(String(row["evidence"])) as RegistryEvent["evidence"],
  }));
}

/** Adds an entry to the history of a model. */
export async function recordEvent(
  sql: Sql,
  modelName: string,
  event: Pick<RegistryEvent, "kind" | "name" | "version" | "previous"> & RegistryChange,
): Promise<void> {
  const { kind, name, version, previous, userId = "", evidence = {} } = event;
  await sql.run(
    "INSERT INTO sconce_registry_history (model_name, timestamp, kind, name, version, previous, user_id, evidence) " +
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    modelName,
    Date.now(),
    kind,
    name,
    version ?? null,
    previous ?? null,
    userId,
    JSON.stringify(evidence),
  );
}

async function setStage(
  sql: Sql,
  { name, version, currentStage }: ModelVersion,
  stage: string,
  now: number,
  change: RegistryChange,
): Promise<void> {
  const isMlflowStage = mlflowStages.includes(stage);
  await sql.run(
    `UPDATE model_versions SET current_stage = ?, last_updated_time = ? WHERE ${ofModel} AND version = ?`,
    isMlflowStage ? stage : firstStage,
    now,
    name,
    version,
  );
  await sql.run(
    "INSERT INTO sconce_model_versions (name, version, stage) VALUES (?, ?, ?) " +
      "ON CONFLICT (workspace, name, version) DO UPDATE SET stage = excluded.stage",
    name,
    version,
    isMlflowStage ? null : stage,
  );
  if (stage === currentStage) return;
  await recordEvent(sql, name, { kind: "stage", name: stage, version, previous: currentStage, ...change });
}
