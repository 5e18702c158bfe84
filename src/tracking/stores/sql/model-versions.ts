// Writes versions of registered models in SQL. Each function expects to run inside a transaction.
import { loggedModelOf, modelVersionOf } from "../../registry/source.ts";
import type { CreateModelVersionInput } from "../../store.ts";
import type { ModelVersion } from "../../types.ts";
import { checkRegistryTags, invalid } from "../../validation.ts";
import { selectLoggedModel } from "./logged-models.ts";
import { touchRegisteredModel } from "./registered-models.ts";
import { recordEvent } from "./registry-history.ts";
import {
  deletedStage,
  lockRegisteredModel,
  modelVersionColumns,
  ofModel,
  selectModelVersion,
  selectRegisteredModel,
  toModelVersions,
} from "./registry-rows.ts";
import { type Sql, insertRows } from "./sql.ts";

const ofVersion = `${ofModel} AND version = ?`;

/** Inserts the next version of a registered model and returns its number. */
export async function insertModelVersion(
  sql: Sql,
  { name, source, runId, modelId, description, tags = {} }: CreateModelVersionInput,
): Promise<number> {
  checkRegistryTags(tags);
  await lockRegisteredModel(sql, name);
  if (source === "") throw invalid(`createModelVersion "${name}": source must not be empty.`);
  const origin = await originOf(sql, source, modelId);
  const now = Date.now();
  // deleted versions keep their rows, so that a number is never given twice
  const last = await sql.first(`SELECT MAX(version) AS version FROM model_versions WHERE ${ofModel}`, name);
  const version = Number(last?.["version"] ?? 0) + 1;
  await sql.run(
    "INSERT INTO model_versions (name, version, creation_time, last_updated_time, description, current_stage, " +
      "source, run_id, status, storage_location) VALUES (?, ?, ?, ?, ?, 'None', ?, ?, 'READY', ?)",
    name,
    version,
    now,
    now,
    description ?? null,
    source,
    runId ?? origin.runId ?? null,
    origin.storageLocation,
  );
  if (modelId !== undefined && modelId !== loggedModelOf(source)) {
    await sql.run(
      "INSERT INTO sconce_model_versions (name, version, model_id) VALUES (?, ?, ?)",
      name,
      version,
      modelId,
    );
  }
  await touchRegisteredModel(sql, name, now);
  await upsertTags(sql, name, version, tags);
  return version;
}

/** Reads the newest version of each stage, or of some stages, in the order of the versions. */
export async function selectLatestVersions(
  sql: Sql,
  name: string,
  stages: readonly string[] | undefined,
): Promise<ModelVersion[]> {
  await selectRegisteredModel(sql, name);
  const rows = await sql.all(
    `SELECT ${modelVersionColumns} FROM (SELECT v.*, row_number() OVER (PARTITION BY v.current_stage, s.stage ` +
      "ORDER BY v.version DESC) AS place FROM model_versions v LEFT JOIN sconce_model_versions s ON " +
      "s.workspace = v.workspace AND s.name = v.name AND s.version = v.version WHERE v.workspace = 'default' AND " +
      `v.name = ? AND v.current_stage <> '${deletedStage}') AS placed WHERE place = 1 ORDER BY version DESC`,
    name,
  );
  const newest = new Map<string, ModelVersion>();
  for (const version of await toModelVersions(sql, rows)) {
    // a stage of our own that MLflow ended is a group of its own
    if (!newest.has(version.currentStage)) newest.set(version.currentStage, version);
  }
  return [...newest.values()]
    .filter(({ currentStage }) => stages === undefined || stages.includes(currentStage))
    .reverse();
}

/** Writes the description of a version. */
export async function describeModelVersion(
  sql: Sql,
  name: string,
  version: number,
  description: string,
): Promise<void> {
  await selectModelVersion(sql, name, version);
  await sql.run(
    `UPDATE model_versions SET description = ?, last_updated_time = ? WHERE ${ofVersion}`,
    description,
    Date.now(),
    name,
    version,
  );
}

/** Deletes a version as MLflow does: the number stays taken, aliases go, and what it was is struck out. */
export async function removeModelVersion(sql: Sql, name: string, version: number): Promise<void> {
  await lockRegisteredModel(sql, name);
  const { aliases } = await selectModelVersion(sql, name, version);
  const now = Date.now();
  for (const alias of aliases) {
    await sql.run(`DELETE FROM registered_model_aliases WHERE ${ofModel} AND alias = ?`, name, alias);
    await recordEvent(sql, name, { kind: "alias", name: alias, previous: String(version) });
  }
  await sql.run(
    `UPDATE model_versions SET current_stage = '${deletedStage}', last_updated_time = ?, description = NULL, ` +
      "user_id = NULL, source = 'REDACTED-SOURCE-PATH', run_id = 'REDACTED-RUN-ID', run_link = 'REDACTED-RUN-LINK', " +
      `status_message = NULL WHERE ${ofVersion}`,
    now,
    name,
    version,
  );
  await sql.run(`DELETE FROM sconce_model_versions WHERE ${ofVersion}`, name, version);
  await touchRegisteredModel(sql, name, now);
}

/** Writes tags of a version over what is there. */
export async function setModelVersionTags(
  sql: Sql,
  name: string,
  version: number,
  tags: Record<string, string>,
): Promise<void> {
  checkRegistryTags(tags);
  await selectModelVersion(sql, name, version);
  await upsertTags(sql, name, version, tags);
}

/** Removes a tag of a version; one that is not there is no error. */
export async function removeModelVersionTag(
  sql: Sql,
  name: string,
  version: number,
  key: string,
): Promise<void> {
  await selectModelVersion(sql, name, version);
  await sql.run(`DELETE FROM model_version_tags WHERE ${ofVersion} AND "key" = ?`, name, version, key);
}

async function upsertTags(
  sql: Sql,
  name: string,
  version: number,
  tags: Record<string, string>,
): Promise<void> {
  await insertRows(
    sql,
    "model_version_tags",
    ['"key"', "value", "name", "version"],
    Object.entries(tags).map(([key, value]) => [key, value, name, version]),
    'ON CONFLICT (workspace, "key", name, version) DO UPDATE SET value = excluded.value',
  );
}

/** Returns where a source stands now: an alias or stage may mean another model later, so it is no source. */
async function originOf(
  sql: Sql,
  source: string,
  modelId: string | undefined,
): Promise<Pick<ModelVersion, "storageLocation" | "runId">> {
  const ofModelId = async (id: string) => {
    const { artifactLocation, sourceRunId } = await selectLoggedModel(sql, id);
    return { storageLocation: artifactLocation, ...(sourceRunId !== undefined && { runId: sourceRunId }) };
  };
  const given = modelId === undefined ? {} : await ofModelId(modelId);
  if (!source.startsWith("models:")) return { ...given, storageLocation: source };
  const inSource = loggedModelOf(source);
  if (inSource !== undefined) return ofModelId(inSource);
  const other = modelVersionOf(source);
  if (other !== undefined) return { ...(await selectModelVersion(sql, other.name, other.version)), ...given };
  throw invalid(
    `createModelVersion: a source in the registry must be models:/NAME/VERSION or models:/m-ID, got "${source}".`,
  );
}
