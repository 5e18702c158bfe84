// The registry in MongoDB: one document for each registered model, so that a stage, an alias and the entry in the history
// that tells of it are written in one step.
import { randomUUID } from "node:crypto";
import { TrackingError } from "../../../base/index.ts";
import { loggedModelOf, modelVersionOf } from "../../registry/source.ts";
import { archivedStage, firstStage, isActiveStage } from "../../stages.ts";
import type {
  CreateModelVersionInput,
  CreateRegisteredModelInput,
  RegistryChange,
  TransitionStageInput,
} from "../../store.ts";
import type { ModelVersion, RegisteredModel, RegistryEvent } from "../../types.ts";
import { checkAlias, checkModelName, checkRegistryTags, invalid } from "../../validation.ts";
import {
  type Collections,
  type EventRecord,
  type ModelDocument,
  type VersionRecord,
  change,
  missing,
  toPairs,
  toRecord,
  withFreeName,
  withPairs,
} from "./documents.ts";
import { findLoggedModel } from "./logged-models.ts";

/** Creates a registered model; a name that is taken throws. */
export async function insertRegisteredModel(
  { models }: Collections,
  { name, description, tags = {} }: CreateRegisteredModelInput,
): Promise<void> {
  checkModelName(name);
  checkRegistryTags(tags);
  const now = Date.now();
  await withFreeName(
    `createRegisteredModel: "${name}" exists already. Choose another name, or add a version.`,
    () =>
      models.insertOne({
        _id: randomUUID(),
        rev: 0,
        name,
        ...(description !== undefined && { description }),
        creationTimestamp: now,
        lastUpdatedTimestamp: now,
        tags: toPairs(tags),
        aliases: [],
        lastVersion: 0,
        versions: [],
        history: [],
      }),
  );
}

/** Finds a registered model; one that does not exist throws. */
export async function findModel({ models }: Collections, name: string): Promise<ModelDocument> {
  checkModelName(name);
  const found = await models.findOne({ name: { $eq: name } });
  if (found !== null) return found;
  throw missing(`registered model "${name}": it must exist, and it is not in the registry.`);
}

/** Changes a registered model in one step. */
export async function changeModel<T>(
  collections: Collections,
  name: string,
  body: (model: ModelDocument) => T | Promise<T>,
): Promise<T> {
  return change(collections.models, () => findModel(collections, name), body);
}

/** Gives a model another name. */
export async function renameModel(collections: Collections, name: string, newName: string): Promise<void> {
  checkModelName(newName);
  const message = `renameRegisteredModel: "${newName}" exists already. Choose another name.`;
  await withFreeName(message, () =>
    changeModel(collections, name, (model) => {
      if (name === newName) throw new TrackingError(message, { code: "RESOURCE_ALREADY_EXISTS" });
      model.name = newName;
      model.lastUpdatedTimestamp = Date.now();
      for (const version of model.versions) version.lastUpdatedTimestamp = model.lastUpdatedTimestamp;
    }),
  );
}

/** Removes a model with its versions, aliases and history. */
export async function removeModel(collections: Collections, name: string): Promise<void> {
  const { _id } = await findModel(collections, name);
  await collections.models.deleteOne({ _id });
}

/** Adds the next version and returns its number. */
export async function insertVersion(
  collections: Collections,
  { name, source, runId, modelId, description, tags = {} }: CreateModelVersionInput,
): Promise<number> {
  checkRegistryTags(tags);
  await findModel(collections, name);
  if (source === "") throw invalid(`createModelVersion "${name}": source must not be empty.`);
  const origin = await originOf(collections, source, modelId);
  const run = runId ?? origin.runId;
  const loggedModel = modelId ?? loggedModelOf(source);
  return changeModel(collections, name, (model) => {
    const now = Date.now();
    model.lastVersion += 1;
    model.lastUpdatedTimestamp = now;
    model.versions.push({
      version: model.lastVersion,
      source,
      storageLocation: origin.storageLocation,
      ...(run !== undefined && { runId: run }),
      ...(loggedModel !== undefined && { modelId: loggedModel }),
      ...(description !== undefined && { description }),
      status: "READY",
      currentStage: firstStage,
      creationTimestamp: now,
      lastUpdatedTimestamp: now,
      tags: toPairs(tags),
    });
    return model.lastVersion;
  });
}

/** Returns a version of a model that was read. */
export function versionOf(model: ModelDocument, version: number): VersionRecord {
  if (!Number.isSafeInteger(version) || version < 1) {
    throw invalid(`model version: it must be a whole number above 0, got ${version}.`);
  }
  const found = model.versions.find((each) => each.version === version);
  if (found !== undefined) return found;
  throw missing(
    `version ${version} of registered model "${model.name}": it must exist, and it is not in the registry.`,
  );
}

/** Removes a version and its aliases; its number stays taken. */
export async function removeVersion(collections: Collections, name: string, version: number): Promise<void> {
  await changeModel(collections, name, (model) => {
    versionOf(model, version);
    for (const { alias } of model.aliases.filter((each) => each.version === version)) {
      record(model, { kind: "alias", name: alias, previous: String(version) });
    }
    model.aliases = model.aliases.filter((each) => each.version !== version);
    model.versions = model.versions.filter((each) => each.version !== version);
    model.lastUpdatedTimestamp = Date.now();
  });
}

/** Moves a version to a stage that is spelled as it is stored, and those that are there to the archive if asked. */
export async function moveToStage(
  collections: Collections,
  { name, version, stage, archiveExisting = false, ...reason }: TransitionStageInput,
): Promise<void> {
  if (archiveExisting && !isActiveStage(stage)) {
    throw invalid(
      `transitionStage: archiveExisting makes sense for stages in use, got "${stage}". Leave archiveExisting out.`,
    );
  }
  await changeModel(collections, name, (model) => {
    const mover = versionOf(model, version);
    const now = Date.now();
    const move = (each: VersionRecord, to: string) => {
      const previous = each.currentStage;
      each.currentStage = to;
      each.lastUpdatedTimestamp = now;
      if (previous !== to) {
        record(model, { kind: "stage", name: to, version: each.version, previous, ...reason });
      }
    };
    if (archiveExisting) {
      for (const other of model.versions) {
        if (other !== mover && other.currentStage === stage) move(other, archivedStage);
      }
    }
    move(mover, stage);
    model.lastUpdatedTimestamp = now;
  });
}

/** Points an alias at a version, away from the version that had it. */
export async function writeAlias(
  collections: Collections,
  { name, alias, version, ...reason }: { name: string; alias: string; version: number } & RegistryChange,
): Promise<void> {
  checkAlias(alias);
  await changeModel(collections, name, (model) => {
    versionOf(model, version);
    const previous = model.aliases.find((each) => each.alias === alias)?.version;
    if (previous === version) return;
    model.aliases = [...model.aliases.filter((each) => each.alias !== alias), { alias, version }];
    record(model, {
      kind: "alias",
      name: alias,
      version,
      ...(previous !== undefined && { previous: String(previous) }),
      ...reason,
    });
    model.lastUpdatedTimestamp = Date.now();
  });
}

/** Removes an alias; one that is not there is no error. */
export async function removeAlias(
  collections: Collections,
  { name, alias, ...reason }: { name: string; alias: string } & RegistryChange,
): Promise<void> {
  await changeModel(collections, name, (model) => {
    const previous = model.aliases.find((each) => each.alias === alias)?.version;
    if (previous === undefined) return;
    model.aliases = model.aliases.filter((each) => each.alias !== alias);
    record(model, { kind: "alias", name: alias, previous: String(previous), ...reason });
  });
}

/** Reads the version that an alias points at; `latest` is the newest version. */
export async function readVersionByAlias(
  collections: Collections,
  name: string,
  alias: string,
): Promise<ModelVersion> {
  const model = await findModel(collections, name);
  if (alias.toLowerCase() === "latest") {
    const newest = model.versions.at(-1);
    if (newest !== undefined) return toVersion(model, newest);
    throw missing(`a version of registered model "${name}": it must exist, and it is not in the registry.`);
  }
  const found = model.aliases.find((each) => each.alias === alias);
  if (found !== undefined) return toVersion(model, versionOf(model, found.version));
  const known = model.aliases.map((each) => each.alias).join(", ") || "none";
  // MLflow answers with this code, and its clients look for it
  throw invalid(`registered model "${name}": no alias "${alias}". Its aliases: ${known}.`);
}

/** Writes tags of a model or version over what is there. */
export function setRegistryTags(owner: Pick<VersionRecord, "tags">, tags: Record<string, string>): void {
  owner.tags = withPairs(owner.tags, toPairs(tags));
}

/** Removes a tag; one that is not there is no error. */
export function removeRegistryTag(owner: Pick<VersionRecord, "tags">, key: string): void {
  owner.tags = owner.tags.filter(({ k }) => k !== key);
}

/** Makes the entity of a document. */
export function toModel(model: ModelDocument): RegisteredModel {
  return {
    name: model.name,
    ...(model.description !== undefined && { description: model.description }),
    creationTimestamp: model.creationTimestamp,
    lastUpdatedTimestamp: model.lastUpdatedTimestamp,
    tags: toRecord(model.tags),
    aliases: Object.fromEntries(model.aliases.map(({ alias, version }) => [alias, version])),
  };
}

/** Makes the entity of a version. */
export function toVersion(
  { name, aliases }: Pick<ModelDocument, "name" | "aliases">,
  version: VersionRecord,
): ModelVersion {
  const own = aliases.filter((each) => each.version === version.version).map(({ alias }) => alias);
  return { ...version, name, tags: toRecord(version.tags), aliases: own.sort() };
}

/** Makes the entity of an entry in the history. */
export function toEvent({ evidence, ...event }: EventRecord): RegistryEvent {
  return { ...event, evidence: Object.fromEntries(evidence.map(({ k, v }) => [k, v])) };
}

function record(
  model: ModelDocument,
  event: Pick<RegistryEvent, "kind" | "name" | "version" | "previous"> & RegistryChange,
): void {
  const { kind, name, version, previous, userId = "", evidence = {} } = event;
  model.history.push({
    timestamp: Date.now(),
    kind,
    name,
    ...(version !== undefined && { version }),
    ...(previous !== undefined && { previous }),
    userId,
    evidence: Object.entries(evidence).map(([k, v]) => ({ k, v })),
  });
}

/** Returns where a source stands now: an alias or stage may mean another model later, so it is no source. */
async function originOf(
  collections: Collections,
  source: string,
  modelId: string | undefined,
): Promise<Pick<ModelVersion, "storageLocation" | "runId">> {
  const ofModelId = async (id: string) => {
    const { artifactLocation, sourceRunId } = await findLoggedModel(collections, id);
    return { storageLocation: artifactLocation, ...(sourceRunId !== undefined && { runId: sourceRunId }) };
  };
  const given = modelId === undefined ? {} : await ofModelId(modelId);
  if (!source.startsWith("models:")) return { ...given, storageLocation: source };
  const inSource = loggedModelOf(source);
  if (inSource !== undefined) return ofModelId(inSource);
  const other = modelVersionOf(source);
  if (other !== undefined) {
    const { storageLocation, runId } = versionOf(await findModel(collections, other.name), other.version);
    return { storageLocation, ...(runId !== undefined && { runId }), ...given };
  }
  throw invalid(
    `createModelVersion: a source in the registry must be models:/NAME/VERSION or models:/m-ID, got "${source}".`,
  );
}
