// Stages and aliases in files.
import { archivedStage, isActiveStage } from "../../stages.ts";
import type { RegistryChange } from "../../store.ts";
import type { ModelVersion } from "../../types.ts";
import { checkAlias, invalid } from "../../validation.ts";
import type { Layout } from "./layout.ts";
import {
  aliasFile,
  notInRegistry,
  readModelVersion,
  readModelVersions,
  readRegisteredModel,
  touchRegisteredModel,
  writeStage,
} from "./registered-models.ts";
import { recordEvent } from "./registry-history.ts";
import type { Transaction } from "./transaction.ts";

/** Is a move of a version to a stage that is spelled as it is stored. */
export interface StageMove extends RegistryChange {
  name: string;
  version: number;
  stage: string;
  archiveExisting?: boolean;
}

/** Moves a version to a stage, and those that are there to the archive if asked. */
export function moveToStage(
  layout: Layout,
  transaction: Transaction,
  { name, version, stage, archiveExisting = false, ...change }: StageMove,
): void {
  if (archiveExisting && !isActiveStage(stage)) {
    throw invalid(
      `transitionStage: archiveExisting makes sense for stages in use, got "${stage}". Leave archiveExisting out.`,
    );
  }
  const mover = readModelVersion(layout, name, version);
  const move = (each: ModelVersion, to: string) => {
    writeStage(layout, transaction, each, to);
    if (each.currentStage === to) return;
    recordEvent(transaction, layout.registeredModel(name), {
      kind: "stage",
      name: to,
      version: each.version,
      previous: each.currentStage,
      ...change,
    });
  };
  if (archiveExisting) {
    for (const other of readModelVersions(layout, name)) {
      if (other.version !== version && other.currentStage === stage) move(other, archivedStage);
    }
  }
  move(mover, stage);
  touchRegisteredModel(layout, transaction, name);
}

/** Points an alias at a version, away from the version that had it. */
export function writeAlias(
  layout: Layout,
  transaction: Transaction,
  { name, alias, version, ...change }: { name: string; alias: string; version: number } & RegistryChange,
): void {
  checkAlias(alias);
  const { aliases } = readRegisteredModel(layout, name);
  readModelVersion(layout, name, version);
  const previous = aliases[alias];
  if (previous === version) return;
  const model = layout.registeredModel(name);
  transaction.write(aliasFile(model, alias), String(version));
  recordEvent(transaction, model, {
    kind: "alias",
    name: alias,
    version,
    ...(previous !== undefined && { previous: String(previous) }),
    ...change,
  });
  touchRegisteredModel(layout, transaction, name);
}

/** Removes an alias; one that is not there is no error. */
export function removeAlias(
  layout: Layout,
  transaction: Transaction,
  { name, alias, ...change }: { name: string; alias: string } & RegistryChange,
): void {
  const { aliases } = readRegisteredModel(layout, name);
  const previous = Object.hasOwn(aliases, alias) ? aliases[alias] : undefined;
  if (previous === undefined) return;
  const model = layout.registeredModel(name);
  transaction.remove(aliasFile(model, alias));
  recordEvent(transaction, model, { kind: "alias", name: alias, previous: String(previous), ...change });
}

/** Reads the version that an alias points at; `latest` is the newest version. */
export function readModelVersionByAlias(layout: Layout, name: string, alias: string): ModelVersion {
  const { aliases } = readRegisteredModel(layout, name);
  if (alias.toLowerCase() === "latest") {
    const newest = readModelVersions(layout, name).at(-1);
    if (newest === undefined) throw notInRegistry(`a version of registered model "${name}"`);
    return newest;
  }
  if (!Object.hasOwn(aliases, alias)) {
    const known = Object.keys(aliases).join(", ") || "none";
    // MLflow answers with this code, and its clients look for it
    throw invalid(`registered model "${name}": no alias "${alias}". Its aliases: ${known}.`);
  }
  return readModelVersion(layout, name, aliases[alias]!);
}
