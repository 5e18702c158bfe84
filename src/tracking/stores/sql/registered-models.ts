// Writes registered models in SQL. Each function expects to run inside a transaction.
import type { CreateRegisteredModelInput } from "../../store.ts";
import { checkModelName, checkRegistryTags } from "../../validation.ts";
import { lockRegisteredModel, ofModel } from "./registry-rows.ts";
import { type Sql, insertRows, unlessTaken } from "./sql.ts";

/** Inserts a registered model; a name that is taken throws. */
export async function insertRegisteredModel(
  sql: Sql,
  { name, description, tags = {} }: CreateRegisteredModelInput,
): Promise<void> {
  checkModelName(name);
  checkRegistryTags(tags);
  const now = Date.now();
  await unlessTaken(
    `createRegisteredModel: "${name}" exists already. Choose another name, or add a version.`,
    () =>
      sql.run(
        "INSERT INTO registered_models (name, creation_time, last_updated_time, description) VALUES (?, ?, ?, ?)",
        name,
        now,
        now,
        description ?? null,
      ),
  );
  await upsertTags(sql, name, tags);
}

/** Gives a model another name; its versions, tags, aliases and history follow by their foreign keys. */
export async function renameRegisteredModel(sql: Sql, name: string, newName: string): Promise<void> {
  checkModelName(newName);
  await lockRegisteredModel(sql, name);
  const now = Date.now();
  await unlessTaken(`renameRegisteredModel: "${newName}" exists already. Choose another name.`, () =>
    sql.run(
      `UPDATE registered_models SET name = ?, last_updated_time = ? WHERE ${ofModel}`,
      newName,
      now,
      name,
    ),
  );
  await sql.run(`UPDATE model_versions SET last_updated_time = ? WHERE ${ofModel}`, now, newName);
}

/** Writes the description of a model. */
export async function describeRegisteredModel(sql: Sql, name: string, description: string): Promise<void> {
  await lockRegisteredModel(sql, name);
  await sql.run(
    `UPDATE registered_models SET description = ?, last_updated_time = ? WHERE ${ofModel}`,
    description,
    Date.now(),
    name,
  );
}

/** Removes a model with its versions, tags, aliases and history. */
export async function removeRegisteredModel(sql: Sql, name: string): Promise<void> {
  await lockRegisteredModel(sql, name);
  for (const table of [
    "model_version_tags",
    "model_versions",
    "registered_model_tags",
    "registered_models",
  ]) {
    await sql.run(`DELETE FROM ${table} WHERE ${ofModel}`, name);
  }
}

/** Writes tags of a model over what is there. */
export async function setRegisteredModelTags(
  sql: Sql,
  name: string,
  tags: Record<string, string>,
): Promise<void> {
  checkRegistryTags(tags);
  await lockRegisteredModel(sql, name);
  await upsertTags(sql, name, tags);
}

/** Removes a tag of a model; one that is not there is no error. */
export async function removeRegisteredModelTag(sql: Sql, name: string, key: string): Promise<void> {
  await lockRegisteredModel(sql, name);
  await sql.run(`DELETE FROM registered_model_tags WHERE ${ofModel} AND "key" = ?`, name, key);
}

/** Notes that a model changed. */
export async function touchRegisteredModel(sql: Sql, name: string, now: number): Promise<void> {
  await sql.run(`UPDATE registered_models SET last_updated_time = ? WHERE ${ofModel}`, now, name);
}

async function upsertTags(sql: Sql, name: string, tags: Record<string, string>): Promise<void> {
  await insertRows(
    sql,
    "registered_model_tags",
    ['"key"', "value", "name"],
    Object.entries(tags).map(([key, value]) => [key, value, name]),
    'ON CONFLICT (workspace, "key", name) DO UPDATE SET value = excluded.value',
  );
}
