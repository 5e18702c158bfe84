// Reads registered models and versions in SQL: a few queries for some hundred rows. Expects to run inside a transaction.
import { TrackingError } from "../../../base/index.ts";
import { loggedModelOf } from "../../registry/source.ts";
import { firstStage } from "../../stages.ts";
import type { ModelVersion, RegisteredModel } from "../../types.ts";
import { checkModelName, invalid } from "../../validation.ts";
import { groupKeyValues, groupRows, optionalText } from "./rows.ts";
import { type Sql, type SqlRow, allIn } from "./sql.ts";

/** Is how MLflow marks a version that is deleted: its number must not come again. */
export const deletedStage = "Deleted_Internal";

/** Are the columns of `registered_models` that `toRegisteredModels` reads. */
export const registeredModelColumns = "name, creation_time, last_updated_time, description";

/** Are the columns of `model_versions` that `toModelVersions` reads. */
export const modelVersionColumns =
  "name, version, creation_time, last_updated_time, description, user_id, current_stage, source, run_id, status, " +
  "storage_location";

/** Chooses the rows of one model in a table of the registry. */
export const ofModel = "workspace = 'default' AND name = ?";

/** Reads a registered model; one that does not exist throws. */
export async function selectRegisteredModel(sql: Sql, name: string, end = ""): Promise<RegisteredModel> {
  checkModelName(name);
  const rows = await sql.all(
    `SELECT ${registeredModelColumns} FROM registered_models WHERE ${ofModel}${end}`,
    name,
  );
  const [model] = await toRegisteredModels(sql, rows);
  if (model === undefined) throw missing(`registered model "${name}"`);
  return model;
}

/** Reads a registered model, none of whose versions, stages and aliases change until the transaction ends. */
export function lockRegisteredModel(sql: Sql, name: string): Promise<RegisteredModel> {
  return selectRegisteredModel(sql, name, sql.dialect.forUpdate);
}

/** Reads a version; one that does not exist or is deleted throws. */
export async function selectModelVersion(sql: Sql, name: string, version: number): Promise<ModelVersion> {
  if (!Number.isSafeInteger(version) || version < 1) {
    throw invalid(`model version: it must be a whole number above 0, got ${version}.`);
  }
  const versions = await selectModelVersions(sql, name, " AND version = ?", version);
  if (versions[0] === undefined) throw missing(`version ${version} of registered model "${name}"`);
  return versions[0];
}

/** Reads versions of one model; `end` may narrow the choice and order them. */
export async function selectModelVersions(
  sql: Sql,
  name: string,
  end: string,
  ...values: (string | number)[]
): Promise<ModelVersion[]> {
  checkModelName(name);
  const rows = await sql.all(
    `SELECT ${modelVersionColumns} FROM model_versions WHERE ${ofModel} AND current_stage <> '${deletedStage}'${end}`,
    name,
    ...values,
  );
  return toModelVersions(sql, rows);
}

/** Turns rows of `registeredModelColumns` into models. */
export async function toRegisteredModels(sql: Sql, rows: readonly SqlRow[]): Promise<RegisteredModel[]> {
  const names = rows.map((row) => row["name"] ?? null);
  const tags = groupKeyValues(
    await allIn(
      sql,
      (keys) =>
        `SELECT name AS owner, "key", value FROM registered_model_tags WHERE workspace = 'default' AND name IN (${keys})`,
      names,
    ),
  );
  const aliases = groupRows(await selectAliases(sql, names.map(String)), "name");
  return rows.map((row) => ({
    name: String(row["name"]),
    ...optionalText("description", row["description"]),
    creationTimestamp: Number(row["creation_time"]),
    lastUpdatedTimestamp: Number(row["last_updated_time"]),
    tags: tags(row["name"]),
    aliases: Object.fromEntries(
      aliases(row["name"]).map((alias) => [String(alias["alias"]), Number(alias["version"])]),
    ),
  }));
}

/** Turns rows of `modelVersionColumns` into versions. */
export async function toModelVersions(sql: Sql, rows: readonly SqlRow[]): Promise<ModelVersion[]> {
  const names = [...new Set(rows.map((row) => String(row["name"])))];
  const numbers = rows.map((row) => Number(row["version"]));
  const [first, last] = numbers.reduce(
    ([low, high], n) => [Math.min(low, n), Math.max(high, n)],
    [Infinity, 0],
  );
  const ofVersions = (columns: string, table: string) =>
    allIn(
      sql,
      (keys) =>
        `SELECT name, version, ${columns} FROM ${table} WHERE workspace = 'default' AND name IN (${keys}) AND ` +
        "version BETWEEN ? AND ?",
      names,
      first,
      last,
    );
  const ownTags = await ofVersions('"key", value', "model_version_tags");
  const tags = groupKeyValues(ownTags.map((row) => ({ ...row, owner: keyOf(row) })));
  const aliasRows = await selectAliases(sql, names);
  const aliases = groupRows(
    aliasRows.map((row) => ({ ...row, owner: keyOf(row) })),
    "owner",
  );
  const more = await ofVersions("stage, model_id", "sconce_model_versions");
  const ours = groupRows(
    more.map((row) => ({ ...row, owner: keyOf(row) })),
    "owner",
  );
  return rows.map((row) => {
    const key = keyOf(row);
    const own = ours(key)[0];
    const source = String(row["source"] ?? "");
    const mlflowStage = String(row["current_stage"] ?? firstStage);
    return {
      name: String(row["name"]),
      version: Number(row["version"]),
      source,
      storageLocation: String(row["storage_location"] ?? source),
      ...optionalText("runId", row["run_id"]),
      ...optionalText("modelId", own?.["model_id"] ?? loggedModelOf(source)),
      ...optionalText("userId", row["user_id"]),
      ...optionalText("description", row["description"]),
      status: row["status"] as ModelVersion["status"],
      // a version in a stage of our own is in none of MLflow's; when MLflow has moved it since, MLflow is right
      currentStage: mlflowStage === firstStage ? String(own?.["stage"] ?? firstStage) : mlflowStage,
      creationTimestamp: Number(row["creation_time"]),
      lastUpdatedTimestamp: Number(row["last_updated_time"]),
      tags: tags(key),
      aliases: aliases(key).map((alias) => String(alias["alias"])),
    };
  });
}

/** Makes the error for what is not in the registry. */
export function missing(what: string): TrackingError {
  return new TrackingError(`${what}: it must exist, and it is not in the registry.`, {
    code: "RESOURCE_DOES_NOT_EXIST",
  });
}

async function selectAliases(sql: Sql, names: readonly string[]): Promise<SqlRow[]> {
  const rows = await allIn(
    sql,
    (keys) =>
      `SELECT name, alias, version FROM registered_model_aliases WHERE workspace = 'default' AND name IN (${keys})`,
    names,
  );
  return rows.sort((a, b) => (String(a["alias"]) < String(b["alias"]) ? -1 : 1));
}

function keyOf(row: SqlRow): string {
  return `${Number(row["version"])}/${String(row["name"])}`;
}
