// Experiments in files: a folder each, with its tags; deleted ones stand in the trash.
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { TrackingError, logger } from "../../../base/index.ts";
import { childUri, localUri } from "../../artifacts/uri.ts";
import type { CreateExperimentInput } from "../../store.ts";
import type { Experiment } from "../../types.ts";
import {
  checkArtifactLocation,
  checkExperimentIsActive,
  checkExperimentName,
  checkExperimentTags,
  invalid,
} from "../../validation.ts";
import { listKeys, readValues, writeValues } from "./key-files.ts";
import { type Layout, type Place, missing } from "./layout.ts";
import {
  type Meta,
  changeMeta,
  metaFile,
  numberField,
  readMeta,
  textField,
  wellFormed,
  writeMeta,
} from "./meta-file.ts";
import { readRunInfo, runMeta } from "./run-info.ts";
import type { Transaction } from "./transaction.ts";

/** Creates an experiment whose name is free, and returns its id. */
export function insertExperiment(
  layout: Layout,
  transaction: Transaction,
  { name, artifactLocation, tags = {} }: CreateExperimentInput,
  { artifactRoot, experimentId = newId() }: { artifactRoot: string; experimentId?: string },
): string {
  checkExperimentName(name);
  checkExperimentTags(tags);
  if (artifactLocation !== undefined) checkArtifactLocation(artifactLocation);
  checkNameIsFree(layout, "createExperiment", name);
  const folder = join(layout.root, experimentId);
  const now = Date.now();
  writeValues(transaction, join(folder, "tags"), tags);
  writeMeta(transaction, folder, {
    artifact_location:
      artifactLocation === undefined ? childUri(artifactRoot, experimentId) : localUri(artifactLocation),
    creation_time: now,
    experiment_id: experimentId,
    last_update_time: now,
    lifecycle_stage: "active",
    name,
  });
  return experimentId;
}

/** Reads an experiment; one that does not exist throws. */
export function readExperiment(layout: Layout, experimentId: string): Experiment {
  return toExperiment(findExperiment(layout, experimentId));
}

/** Reads all experiments; those that are damaged are left out with a warning. */
export function readExperiments(layout: Layout): Experiment[] {
  return layout.experiments().flatMap((place) => {
    try {
      return [toExperiment(place)];
    } catch (error) {
      if (!(error instanceof TrackingError)) throw error;
      logger.warn(error.message);
      return [];
    }
  });
}

/** Reads an experiment by its name, deleted or not. */
export function readExperimentByName(layout: Layout, name: string): Experiment | undefined {
  const place = findByName(layout, name);
  return place === undefined ? undefined : toExperiment(place);
}

/** Gives an active experiment another name. */
export function renameExperiment(
  layout: Layout,
  transaction: Transaction,
  experimentId: string,
  name: string,
): void {
  checkExperimentName(name);
  const place = findExperiment(layout, experimentId);
  if (toExperiment(place).lifecycleStage !== "active") {
    throw new TrackingError(
      `renameExperiment: experiment ${experimentId} must be active, but it is deleted. Restore it first.`,
      { code: "INVALID_STATE" },
    );
  }
  checkNameIsFree(layout, "renameExperiment", name);
  changeMeta(transaction, place.folder, { name, last_update_time: Date.now() });
}

/** Puts an experiment and its active runs into the trash, at one moment, which tells later what went together. */
export function trashExperiment(layout: Layout, transaction: Transaction, experimentId: string): void {
  const place = findExperiment(layout, experimentId);
  if (toExperiment(place).lifecycleStage !== "active")
    throw noExperiment(experimentId, "it is in the trash already");
  const now = Date.now();
  for (const run of layout.runs(place)) {
    if (readRunInfo(run)?.lifecycleStage !== "active") continue;
    changeMeta(transaction, run.folder, { lifecycle_stage: "deleted", deleted_time: now });
  }
  changeMeta(transaction, place.folder, { lifecycle_stage: "deleted", last_update_time: now });
  transaction.makeFolder(layout.trash);
  transaction.move(place.folder, join(layout.trash, experimentId));
}

/** Takes an experiment, and the runs that went with it, out of the trash. */
export function untrashExperiment(layout: Layout, transaction: Transaction, experimentId: string): void {
  const place = findExperiment(layout, experimentId);
  const { lifecycleStage, lastUpdateTime } = toExperiment(place);
  if (lifecycleStage !== "deleted") throw noExperiment(experimentId, "it is not in the trash");
  for (const run of layout.runs(place)) {
    if (readRunInfo(run)?.lifecycleStage !== "deleted") continue;
    if ((numberField(runMeta(run), "deleted_time") ?? Infinity) < lastUpdateTime) continue;
    changeMeta(transaction, run.folder, { lifecycle_stage: "active", deleted_time: null });
  }
  changeMeta(transaction, place.folder, { lifecycle_stage: "active", last_update_time: Date.now() });
  const home = join(layout.root, experimentId);
  if (place.folder !== home) transaction.move(place.folder, home);
}

/** Removes an experiment that is in the trash, with its runs and models. */
export function removeExperiment(layout: Layout, transaction: Transaction, experimentId: string): void {
  const place = findExperiment(layout, experimentId);
  if (toExperiment(place).lifecycleStage !== "deleted") {
    throw invalid(
      `purgeExperiment: experiment ${experimentId} must be in the trash, but it is active. Delete it first.`,
    );
  }
  transaction.remove(place.folder);
}

/** Writes tags of an active experiment over what is there. */
export function setExperimentTags(
  layout: Layout,
  transaction: Transaction,
  experimentId: string,
  tags: Record<string, string>,
): void {
  checkExperimentTags(tags);
  const { folder } = findActiveExperiment(layout, experimentId);
  writeValues(transaction, join(folder, "tags"), tags);
}

/** Removes a tag of an active experiment; one that is not there throws. */
export function removeExperimentTag(
  layout: Layout,
  transaction: Transaction,
  experimentId: string,
  key: string,
): void {
  const { folder } = findActiveExperiment(layout, experimentId);
  if (!listKeys(join(folder, "tags")).includes(key)) {
    throw noExperiment(experimentId, `it has no tag "${key}"`, "the tag must be there");
  }
  transaction.remove(join(folder, "tags", key));
}

/** Finds an experiment that may be written; one that is missing or deleted throws. */
export function findActiveExperiment(
  layout: Layout,
  experimentId: string,
): Place & { experiment: Experiment } {
  const place = findExperiment(layout, experimentId);
  const experiment = toExperiment(place);
  checkExperimentIsActive(experiment);
  return { ...place, experiment };
}

/** Finds an experiment; one that does not exist throws. */
export function findExperiment(layout: Layout, experimentId: string): Place {
  const folder = layout.findExperiment(experimentId);
  if (folder === undefined) throw noExperiment(experimentId, "no such id is in the store");
  return { experimentId, folder };
}

function toExperiment({ experimentId, folder }: Place): Experiment {
  const meta = readMeta(join(folder, metaFile)) ?? {};
  if (textField(meta, "experiment_id") !== experimentId) {
    throw new TrackingError(
      `file store: ${join(folder, metaFile)} must be of experiment ${experimentId}, the name of its folder, got ` +
        `${JSON.stringify(meta["experiment_id"])}. Rename the folder.`,
      { code: "INVALID_STATE" },
    );
  }
  const creationTime = numberField(meta, "creation_time") ?? 0;
  return {
    experimentId,
    name: textField(meta, "name") ?? "",
    artifactLocation: textField(meta, "artifact_location") ?? "",
    lifecycleStage: textField(meta, "lifecycle_stage") === "deleted" ? "deleted" : "active",
    creationTime,
    lastUpdateTime: numberField(meta, "last_update_time") ?? creationTime,
    tags: readValues(join(folder, "tags")),
  };
}

/** Throws for a name that an experiment has, in the trash or not. */
export function checkNameIsFree(layout: Layout, where: string, name: string): void {
  if (findByName(layout, name) === undefined) return;
  throw new TrackingError(`${where}: an experiment "${name}" exists already. Choose another name.`, {
    code: "RESOURCE_ALREADY_EXISTS",
  });
}

function findByName(layout: Layout, name: string): Place | undefined {
  return layout.experiments().find(({ experimentId, folder }) => {
    const meta = readMetaOrNothing(folder);
    return textField(meta, "name") === wellFormed(name) && textField(meta, "experiment_id") === experimentId;
  });
}

function readMetaOrNothing(folder: string): Meta {
  try {
    return readMeta(join(folder, metaFile)) ?? {};
  } catch (error) {
    if (!(error instanceof TrackingError)) throw error;
    return {};
  }
}

/** Draws an id as MLflow's file store does: 18 digits by chance, so that copies of folders never meet. */
function newId(): string {
  const digits = (randomBytes(8).readBigUInt64LE() % 9n) * 10n ** 17n + 10n ** 17n;
  return String(digits + (randomBytes(8).readBigUInt64LE() % 10n ** 17n));
}

function noExperiment(experimentId: string, fact: string, wanted = "it must exist"): TrackingError {
  return missing(`experiment ${experimentId}: ${wanted}, and ${fact}.`);
}
