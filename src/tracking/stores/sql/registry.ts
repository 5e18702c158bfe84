// Registered models, versions and aliases in SQL. Each function expects to run inside a transaction.
import { TrackingError } from "../../../base/index.ts";
import type { CreateModelVersionInput, CreateRegisteredModelInput } from "../../store.ts";
import type { ModelVersion, RegisteredModel } from "../../types.ts";
import { checkAlias, checkModelName, checkRegistryTags, invalid } from "../../validation.ts";
import { type Database, type SqlRow, isUniqueViolation } from "./database.ts";
import { selectLoggedModel } from "./logged-models.ts";
import { keyValues, optionalText } from "./rows.ts";

const deletedStage = "Deleted_Internal"; // how MLflow marks a deleted version

/** Inserts a registered model; a name that is taken throws. */
export function insertRegisteredModel(
  db: Database,
  { name, description, tags = {} }: CreateRegisteredModelInput,
): void {
  checkModelName(name);
  checkRegistryTags(tags);
  const now = Date.now();
  try {
    db.run(
      "INSERT INTO registered_models (name, creation_time, last_updated_time, description) VALUES (?, ?, ?, ?)",
      name,
      now,
      now,
      description ?? null,
    );
  } catch (error) {
    if (!isUniqueViolation(error)) throw error;
    throw new TrackingError(
      `createRegisteredModel: "${name}" exists already. Choose another name, or add a version.`,
      {
        code: "RESOURCE_ALREADY_EXISTS",
        cause: error,
      },
    );
  }
  for (const [key, value] of Object.entries(tags)) {
    db.run('INSERT INTO registered_model_tags ("key", value, name) VALUES (?, ?, ?)', key, value, name);
  }
}

/** Reads a registered model; one that does not exist throws. */
export function selectRegisteredModel(db: Database, name: string): RegisteredModel {
  checkModelName(name);
  const row = db.first(
    "SELECT name, creation_time, last_updated_time, description FROM registered_models " +
      "WHERE workspace = 'default' AND name = ?",
    name,
  );
  if (row === undefined) throw missing(`registered model "${name}"`);
  const tags = db.all(
    "SELECT \"key\", value FROM registered_model_tags WHERE workspace = 'default' AND name = ?",
    name,
  );
  const aliases = db.all(
    "SELECT alias, version FROM registered_model_aliases WHERE workspace = 'default' AND name = ? ORDER BY alias",
    name,
  );
  return {
    name,
    ...optionalText("description", row["description"]),
    creationTimestamp: Number(row["creation_time"]),
    lastUpdatedTimestamp: Number(row["last_updated_time"]),
    tags: keyValues(tags),
    aliases: Object.fromEntries(aliases.map((alias) => [String(alias["alias"]), Number(alias["version"])])),
  };
}

/** Inserts the next version of a registered model and returns its number. */
export function insertModelVersion(
  db: Database,
  { name, source, runId, description, tags = {} }: CreateModelVersionInput,
): number {
  checkRegistryTags(tags);
  selectRegisteredModel(db, name);
  if (source === "") throw invalid(`createModelVersion "${name}": source must not be empty.`);
  const origin = originOf(db, source);
  const now = Date.now();
  const last = db.first(
    "SELECT MAX(version) AS version FROM model_versions WHERE workspace = 'default' AND name = ?",
    name,
  );
  const version = Number(last?.["version"] ?? 0) + 1;
  db.run(
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
  touchRegisteredModel(db, name, now);
  upsertModelVersionTags(db, name, version, tags);
  return version;
}

/** Reads all registered models by name. */
export function selectRegisteredModels(db: Database): RegisteredModel[] {
  return db
    .all("SELECT name FROM registered_models WHERE workspace = 'default' ORDER BY name")
    .map((row) => selectRegisteredModel(db, String(row["name"])));
}

/** Returns where a source stands now: an alias or stage may mean another model later, so it is no source. */
function originOf(db: Database, source: string): Pick<ModelVersion, "storageLocation" | "runId"> {
  if (!source.startsWith("models:")) return { storageLocation: source };
  const modelId = /^models:\/{1,3}(m-[0-9a-f]+)$/.exec(source)?.[1];
  if (modelId !== undefined) {
    const { artifactLocation, sourceRunId } = selectLoggedModel(db, modelId);
    return { storageLocation: artifactLocation, ...(sourceRunId !== undefined && { runId: sourceRunId }) };
  }
  const [, name, version] = /^models:\/{1,3}([^/]+)\/(\d+)$/.exec(source) ?? [];
  if (name !== undefined) return selectModelVersion(db, name, Number(version));
  throw invalid(
    `createModelVersion: a source in the registry must be models:/NAME/VERSION or models:/m-ID, got "${source}".`,
  );
}

/** Reads a version; one that does not exist or is deleted throws. */
export function selectModelVersion(db: Database, name: string, version: number): ModelVersion {
  const row = db.first(
    `${versionQuery} AND version = ? AND current_stage IS NOT '${deletedStage}'`,
    name,
    versionKey(version),
  );
  if (row === undefined) throw missing(`version ${version} of registered model "${name}"`);
  return toModelVersion(db, row);
}

/** Reads all versions of a model, the newest first. */
export function selectModelVersions(db: Database, name: string): ModelVersion[] {
  selectRegisteredModel(db, name);
  return db
    .all(`${versionQuery} AND current_stage IS NOT '${deletedStage}' ORDER BY version DESC`, name)
    .map((row) => toModelVersion(db, row));
}

/** Writes tags of a version over what is there. */
export function upsertModelVersionTags(
  db: Database,
  name: string,
  version: number,
  tags: Record<string, string>,
): void {
  checkRegistryTags(tags);
  selectModelVersion(db, name, version);
  for (const [key, value] of Object.entries(tags)) {
    db.run(
      'INSERT INTO model_version_tags ("key", value, name, version) VALUES (?, ?, ?, ?) ' +
        'ON CONFLICT (workspace, "key", name, version) DO UPDATE SET value = excluded.value',
      key,
      value,
      name,
      version,
    );
  }
}

/** Points an alias at a version, away from the version that had it. */
export function upsertAlias(db: Database, name: string, alias: string, version: number): void {
  checkAlias(alias);
  selectModelVersion(db, name, version);
  db.run(
    "INSERT INTO registered_model_aliases (alias, version, name) VALUES (?, ?, ?) " +
      "ON CONFLICT (workspace, name, alias) DO UPDATE SET version = excluded.version",
    alias,
    version,
    name,
  );
  touchRegisteredModel(db, name, Date.now());
}

/** Removes an alias; one that is not there is no error. */
export function deleteAlias(db: Database, name: string, alias: string): void {
  selectRegisteredModel(db, name);
  db.run(
    "DELETE FROM registered_model_aliases WHERE workspace = 'default' AND name = ? AND alias = ?",
    name,
    alias,
  );
}

/** Reads the version that an alias points at; `latest` is the newest version. */
export function selectModelVersionByAlias(db: Database, name: string, alias: string): ModelVersion {
  const { aliases } = selectRegisteredModel(db, name);
  if (alias.toLowerCase() === "latest") {
    const newest = selectModelVersions(db, name)[0];
    if (newest === undefined) throw missing(`a version of registered model "${name}"`);
    return newest;
  }
  const version = aliases[alias];
  if (version === undefined) {
    const known = Object.keys(aliases).join(", ") || "none";
    // MLflow answers with this code, and its clients look for it
    throw invalid(`registered model "${name}": no alias "${alias}". Its aliases: ${known}.`);
  }
  return selectModelVersion(db, name, version);
}

const versionQuery =
  "SELECT name, version, creation_time, last_updated_time, description, current_stage, source, run_id, status, " +
  "storage_location FROM model_versions WHERE workspace = 'default' AND name = ?";

function toModelVersion(db: Database, row: SqlRow): ModelVersion {
  const name = String(row["name"]);
  const version = Number(row["version"]);
  const tags = db.all(
    "SELECT \"key\", value FROM model_version_tags WHERE workspace = 'default' AND name = ? AND version = ?",
    name,
    version,
  );
  const aliases = db.all(
    "SELECT alias FROM registered_model_aliases WHERE workspace = 'default' AND name = ? AND version = ? " +
      "ORDER BY alias",
    name,
    version,
  );
  return {
    name,
    version,
    source: String(row["source"] ?? ""),
    storageLocation: String(row["storage_location"] ?? row["source"] ?? ""),
    ...optionalText("runId", row["run_id"]),
    ...optionalText("description", row["description"]),
    status: row["status"] as ModelVersion["status"],
    currentStage: String(row["current_stage"] ?? "None"),
    creationTimestamp: Number(row["creation_time"]),
    lastUpdatedTimestamp: Number(row["last_updated_time"]),
    tags: keyValues(tags),
    aliases: aliases.map((alias) => String(alias["alias"])),
  };
}

function touchRegisteredModel(db: Database, name: string, now: number): void {
  db.run(
    "UPDATE registered_models SET last_updated_time = ? WHERE workspace = 'default' AND name = ?",
    now,
    name,
  );
}

function versionKey(version: number): number {
  if (!Number.isSafeInteger(version) || version < 1) {
    throw invalid(`model version: it must be a whole number above 0, got ${version}.`);
  }
  return version;
}

function missing(what: string): TrackingError {
  return new TrackingError(`${what}: it must exist, and it is not in the registry.`, {
    code: "RESOURCE_DOES_NOT_EXIST",
  });
}
