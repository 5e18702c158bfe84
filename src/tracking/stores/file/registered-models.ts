// Registered models and their versions in files: a folder for each model, in it one for each version.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { TrackingError, logger } from "../../../base/index.ts";
import { loggedModelOf, modelVersionOf } from "../../registry/source.ts";
import { firstStage, mlflowStages } from "../../stages.ts";
import type { CreateModelVersionInput, CreateRegisteredModelInput } from "../../store.ts";
import type { ModelVersion, RegisteredModel } from "../../types.ts";
import { checkRegistryTags, invalid } from "../../validation.ts";
import { listKeys, readValues, writeValues } from "./key-files.ts";
import { type Layout, missing, subfolders } from "./layout.ts";
import { readLoggedModel } from "./logged-models.ts";
import {
  type Meta,
  changeMeta,
  metaFile,
  numberField,
  readMeta,
  readText,
  textField,
  writeMeta,
} from "./meta-file.ts";
import { recordEvent } from "./registry-history.ts";
import type { Transaction } from "./transaction.ts";

/** Is how MLflow marks a version that is deleted: its number must not come again. */
export const deletedStage = "Deleted_Internal";

/** Is the file in a version's folder that holds a stage which MLflow does not know. */
export const ownStageFile = "sconce_stage";

/** Creates a registered model; a name that is taken throws. */
export function insertRegisteredModel(
  layout: Layout,
  transaction: Transaction,
  { name, description, tags = {} }: CreateRegisteredModelInput,
): void {
  const folder = layout.registeredModel(name);
  checkRegistryTags(tags);
  checkNameIsFree(
    folder,
    `createRegisteredModel: "${name}" exists already. Choose another name, or add a version.`,
  );
  const now = Date.now();
  writeValues(transaction, join(folder, "tags"), tags);
  writeMeta(transaction, folder, {
    creation_timestamp: now,
    description: description ?? null,
    last_updated_timestamp: now,
    name,
  });
}

/** Reads a registered model; one that does not exist throws. */
export function readRegisteredModel(layout: Layout, name: string): RegisteredModel {
  const folder = findRegisteredModel(layout, name);
  const meta = readMeta(join(folder, metaFile)) ?? {};
  const description = textField(meta, "description");
  return {
    name,
    ...(description !== undefined && { description }),
    creationTimestamp: numberField(meta, "creation_timestamp") ?? 0,
    lastUpdatedTimestamp: numberField(meta, "last_updated_timestamp") ?? 0,
    tags: readValues(join(folder, "tags")),
    aliases: readAliases(folder),
  };
}

/** Reads all registered models; those that are damaged are left out with a warning. */
export function readRegisteredModels(layout: Layout): RegisteredModel[] {
  return layout.registeredModels().flatMap((name) => intact(() => readRegisteredModel(layout, name)));
}

/** Gives a model another name; its versions, tags, aliases and history stand in its folder. */
export function renameRegisteredModel(
  layout: Layout,
  transaction: Transaction,
  name: string,
  newName: string,
): void {
  const folder = findRegisteredModel(layout, name);
  const newFolder = layout.registeredModel(newName);
  checkNameIsFree(newFolder, `renameRegisteredModel: "${newName}" exists already. Choose another name.`);
  const changes = { name: newName, last_updated_timestamp: Date.now() };
  for (const version of versionNumbers(folder))
    changeMeta(transaction, versionFolder(folder, version), changes);
  changeMeta(transaction, folder, changes);
  transaction.move(folder, newFolder);
}

/** Writes the description of a model. */
export function describeRegisteredModel(
  layout: Layout,
  transaction: Transaction,
  name: string,
  description: string,
): void {
  changeMeta(transaction, findRegisteredModel(layout, name), {
    description,
    last_updated_timestamp: Date.now(),
  });
}

/** Removes a model with its versions, tags, aliases and history. */
export function removeRegisteredModel(layout: Layout, transaction: Transaction, name: string): void {
  transaction.remove(findRegisteredModel(layout, name));
}

/** Writes tags of a model over what is there. */
export function setRegisteredModelTags(
  layout: Layout,
  transaction: Transaction,
  name: string,
  tags: Record<string, string>,
): void {
  checkRegistryTags(tags);
  writeValues(transaction, join(findRegisteredModel(layout, name), "tags"), tags);
}

/** Removes a tag of a model; one that is not there is no error. */
export function removeRegisteredModelTag(
  layout: Layout,
  transaction: Transaction,
  name: string,
  key: string,
): void {
  removeTag(transaction, findRegisteredModel(layout, name), key);
}

/** Adds the next version of a registered model and returns its number. */
export function insertModelVersion(
  layout: Layout,
  transaction: Transaction,
  { name, source, runId, modelId, description, tags = {} }: CreateModelVersionInput,
): number {
  checkRegistryTags(tags);
  const model = findRegisteredModel(layout, name);
  if (source === "") throw invalid(`createModelVersion "${name}": source must not be empty.`);
  const origin = originOf(layout, source, modelId);
  const now = Date.now();
  // deleted versions keep their folders, so that a number is never given twice
  const version = Math.max(0, ...versionNumbers(model)) + 1;
  const folder = versionFolder(model, version);
  writeValues(transaction, join(folder, "tags"), tags);
  writeMeta(transaction, folder, {
    creation_timestamp: now,
    current_stage: firstStage,
    description: description ?? null,
    last_updated_timestamp: now,
    model_id: modelId ?? null,
    name,
    run_id: runId ?? origin.runId ?? null,
    run_link: null,
    source,
    status: "READY",
    status_message: null,
    storage_location: origin.storageLocation,
    user_id: null,
    version,
  });
  changeMeta(transaction, model, { last_updated_timestamp: now });
  return version;
}

/** Reads a version; one that does not exist or is deleted throws. */
export function readModelVersion(layout: Layout, name: string, version: number): ModelVersion {
  const { model, folder, meta } = findModelVersion(layout, name, version);
  const stage = textField(meta, "current_stage") ?? firstStage;
  const source = textField(meta, "source") ?? "";
  const modelId = textField(meta, "model_id") ?? loggedModelOf(source);
  const optional = {
    runId: textField(meta, "run_id"),
    modelId,
    userId: textField(meta, "user_id"),
    description: textField(meta, "description"),
  };
  return {
    name,
    version,
    source,
    storageLocation: textField(meta, "storage_location") ?? source,
    ...(Object.fromEntries(
      Object.entries(optional).filter(([, value]) => value !== undefined),
    ) as Partial<ModelVersion>),
    status: (textField(meta, "status") ?? "READY") as ModelVersion["status"],
    // a version in a stage of our own is in none of MLflow's; when MLflow has moved it since, MLflow is right
    currentStage: stage === firstStage ? (readText(join(folder, ownStageFile)) ?? firstStage) : stage,
    creationTimestamp: numberField(meta, "creation_timestamp") ?? 0,
    lastUpdatedTimestamp: numberField(meta, "last_updated_timestamp") ?? 0,
    tags: readValues(join(folder, "tags")),
    aliases: Object.entries(readAliases(model)).flatMap(([alias, number]) =>
      number === version ? [alias] : [],
    ),
  };
}

/** Reads the versions of a model that are not deleted, in order; those that are damaged are left out with a warning. */
export function readModelVersions(layout: Layout, name: string): ModelVersion[] {
  const model = findRegisteredModel(layout, name);
  return versionNumbers(model)
    .filter((version) => !isDeleted(readMeta(join(versionFolder(model, version), metaFile)) ?? {}))
    .flatMap((version) => intact(() => readModelVersion(layout, name, version)));
}

/** Writes the description of a version. */
export function describeModelVersion(
  layout: Layout,
  transaction: Transaction,
  { name, version }: { name: string; version: number },
  description: string,
): void {
  changeMeta(transaction, findModelVersion(layout, name, version).folder, {
    description,
    last_updated_timestamp: Date.now(),
  });
}

/** Marks a version as in a stage that is spelled as it is stored. */
export function writeStage(
  layout: Layout,
  transaction: Transaction,
  { name, version }: { name: string; version: number },
  stage: string,
): void {
  const { folder } = findModelVersion(layout, name, version);
  const isMlflowStage = mlflowStages.includes(stage);
  changeMeta(transaction, folder, {
    current_stage: isMlflowStage ? stage : firstStage,
    last_updated_timestamp: Date.now(),
  });
  if (isMlflowStage) transaction.remove(join(folder, ownStageFile));
  else transaction.write(join(folder, ownStageFile), stage);
}

/** Deletes a version as MLflow does: the number stays taken, and its aliases go. */
export function removeModelVersion(
  layout: Layout,
  transaction: Transaction,
  name: string,
  version: number,
): void {
  const { model, folder } = findModelVersion(layout, name, version);
  for (const alias of readModelVersion(layout, name, version).aliases) {
    transaction.remove(aliasFile(model, alias));
    recordEvent(transaction, model, { kind: "alias", name: alias, previous: String(version) });
  }
  const now = Date.now();
  changeMeta(transaction, folder, { current_stage: deletedStage, last_updated_timestamp: now });
  changeMeta(transaction, model, { last_updated_timestamp: now });
}

/** Writes tags of a version over what is there. */
export function setModelVersionTags(
  layout: Layout,
  transaction: Transaction,
  { name, version }: { name: string; version: number },
  tags: Record<string, string>,
): void {
  checkRegistryTags(tags);
  writeValues(transaction, join(findModelVersion(layout, name, version).folder, "tags"), tags);
}

/** Removes a tag of a version; one that is not there is no error. */
export function removeModelVersionTag(
  layout: Layout,
  transaction: Transaction,
  { name, version }: { name: string; version: number },
  key: string,
): void {
  removeTag(transaction, findModelVersion(layout, name, version).folder, key);
}

/** Notes that a model changed. */
export function touchRegisteredModel(layout: Layout, transaction: Transaction, name: string): void {
  changeMeta(transaction, findRegisteredModel(layout, name), { last_updated_timestamp: Date.now() });
}

/** Returns the folder of a registered model; one that does not exist throws. */
export function findRegisteredModel(layout: Layout, name: string): string {
  const folder = layout.registeredModel(name);
  if (!existsSync(join(folder, metaFile))) throw notInRegistry(`registered model "${name}"`);
  return folder;
}

/** Returns the file of an alias, whose name is checked. */
export function aliasFile(model: string, alias: string): string {
  if (Buffer.byteLength(alias) > 255) {
    throw invalid(`alias: it names a file, so it may have 255 bytes, got ${Buffer.byteLength(alias)}.`);
  }
  return join(model, "aliases", alias);
}

/** Makes the error for what is not in the registry. */
export function notInRegistry(what: string): TrackingError {
  return missing(`${what}: it must exist, and it is not in the registry.`);
}

function findModelVersion(
  layout: Layout,
  name: string,
  version: number,
): { model: string; folder: string; meta: Meta } {
  const model = findRegisteredModel(layout, name);
  if (!Number.isSafeInteger(version) || version < 1) {
    throw invalid(`model version: it must be a whole number above 0, got ${version}.`);
  }
  const folder = versionFolder(model, version);
  const meta = readMeta(join(folder, metaFile));
  if (meta === undefined || isDeleted(meta))
    throw notInRegistry(`version ${version} of registered model "${name}"`);
  return { model, folder, meta };
}

/** Lists the numbers that were given to versions of a model, those that are deleted too. */
export function versionNumbers(model: string): number[] {
  return subfolders(model)
    .flatMap((name) => /^version-([1-9]\d*)$/.exec(name)?.[1] ?? [])
    .filter((version) => existsSync(join(model, `version-${version}`, metaFile)))
    .map(Number)
    .sort((a, b) => a - b);
}

/** Returns where a version of a model is or would be. */
export function versionFolder(model: string, version: number): string {
  return join(model, `version-${version}`);
}

function isDeleted(meta: Meta): boolean {
  return textField(meta, "current_stage") === deletedStage;
}

function readAliases(model: string): Record<string, number> {
  const aliases = Object.entries(readValues(join(model, "aliases")));
  return Object.fromEntries(aliases.map(([alias, version]) => [alias, Number(version)]));
}

function removeTag(transaction: Transaction, folder: string, key: string): void {
  if (listKeys(join(folder, "tags")).includes(key)) transaction.remove(join(folder, "tags", key));
}

function checkNameIsFree(folder: string, message: string): void {
  if (existsSync(folder)) throw new TrackingError(message, { code: "RESOURCE_ALREADY_EXISTS" });
}

function intact<T>(read: () => T): T[] {
  try {
    return [read()];
  } catch (error) {
    if (!(error instanceof TrackingError)) throw error;
    logger.warn(error.message);
    return [];
  }
}

/** Returns where a source stands now: an alias or stage may mean another model later, so it is no source. */
function originOf(
  layout: Layout,
  source: string,
  modelId: string | undefined,
): Pick<ModelVersion, "storageLocation" | "runId"> {
  const ofModelId = (id: string) => {
    const { artifactLocation, sourceRunId } = readLoggedModel(layout, id);
    return { storageLocation: artifactLocation, ...(sourceRunId !== undefined && { runId: sourceRunId }) };
  };
  const given = modelId === undefined ? {} : ofModelId(modelId);
  if (!source.startsWith("models:")) return { ...given, storageLocation: source };
  const inSource = loggedModelOf(source);
  if (inSource !== undefined) return ofModelId(inSource);
  const other = modelVersionOf(source);
  if (other !== undefined) return { ...readModelVersion(layout, other.name, other.version), ...given };
  throw invalid(
    `createModelVersion: a source in the registry must be models:/NAME/VERSION or models:/m-ID, got "${source}".`,
  );
}
