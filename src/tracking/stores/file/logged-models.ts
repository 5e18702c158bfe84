// Logged models of MLflow 3 in files: a folder each in `models` of their experiment.
import { randomUUID } from "node:crypto";
import { basename, join } from "node:path";
import { TrackingError, logger } from "../../../base/index.ts";
import { childUri, localUri } from "../../artifacts/uri.ts";
import { randomName } from "../../random-name.ts";
import type { CreateLoggedModelInput } from "../../store.ts";
import type { LifecycleStage, LoggedModel, LoggedModelStatus, Metric, Param } from "../../types.ts";
import { checkKey, checkLoggedModelName, invalid } from "../../validation.ts";
import { findActiveExperiment } from "./experiments.ts";
import { listKeys, readValues, writeParams, writeValues } from "./key-files.ts";
import { type Layout, type Place, missing, noSuchModel } from "./layout.ts";
import { type Meta, changeMeta, metaFile, numberField, readMeta, textField, writeMeta } from "./meta-file.ts";
import { readModelPoints } from "./metric-files.ts";
import type { Transaction } from "./transaction.ts";

/** Are the numbers of MLflow's LoggedModelStatus. */
export const statusNumbers: Record<LoggedModelStatus, number> = { PENDING: 1, READY: 2, FAILED: 3 };

/** Creates a model whose files are still to be written, and returns its id. */
export function insertLoggedModel(
  layout: Layout,
  transaction: Transaction,
  input: CreateLoggedModelInput,
): string {
  const { experimentId, sourceRunId, artifactLocation, modelType, tags = {}, params = {} } = input;
  const name = input.name ?? randomName();
  checkLoggedModelName(name);
  const { folder: parent, experiment } = findActiveExperiment(layout, experimentId);
  const modelId = `m-${randomUUID().replaceAll("-", "")}`;
  const folder = join(parent, "models", modelId);
  const now = Date.now();
  for (const part of ["metrics", "params"]) transaction.makeFolder(join(folder, part));
  writeModelTags(transaction, folder, tags);
  writeModelParams(
    transaction,
    folder,
    Object.entries(params).map(([key, value]) => ({ key, value })),
  );
  writeMeta(transaction, folder, {
    artifact_location:
      artifactLocation === undefined
        ? childUri(experiment.artifactLocation, "models", modelId, "artifacts")
        : localUri(artifactLocation),
    creation_timestamp: now,
    experiment_id: experimentId,
    last_updated_timestamp: now,
    lifecycle_stage: "active",
    model_id: modelId,
    model_type: modelType ?? null,
    name,
    source_run_id: sourceRunId ?? null,
    status: statusNumbers.PENDING,
    status_message: null,
  });
  return modelId;
}

/** Says whether the files of a model are whole. */
export function changeLoggedModelStatus(
  layout: Layout,
  transaction: Transaction,
  modelId: string,
  status: LoggedModelStatus,
): void {
  if (!Object.hasOwn(statusNumbers, status)) {
    const valid = Object.keys(statusNumbers).join(", ");
    throw invalid(`logged model ${modelId}: the status must be one of ${valid}, got "${String(status)}".`);
  }
  changeModel(layout, transaction, modelId, { status: statusNumbers[status] });
}

/** Puts a model into the trash. */
export function trashLoggedModel(layout: Layout, transaction: Transaction, modelId: string): void {
  changeModel(layout, transaction, modelId, { lifecycle_stage: "deleted" });
}

/** Writes tags over what is there. */
export function setLoggedModelTags(
  layout: Layout,
  transaction: Transaction,
  modelId: string,
  tags: Record<string, string>,
): void {
  writeModelTags(transaction, findActiveModel(layout, modelId).folder, tags);
}

/** Removes a tag; one that is not there throws. */
export function removeLoggedModelTag(
  layout: Layout,
  transaction: Transaction,
  modelId: string,
  key: string,
): void {
  const { folder } = findActiveModel(layout, modelId);
  if (!listKeys(join(folder, "tags")).includes(key)) {
    throw missing(`logged model ${modelId}: the tag "${key}" must be there, but it is not.`);
  }
  transaction.remove(join(folder, "tags", key));
}

/** Adds params; one that is there with another value throws. */
export function addLoggedModelParams(
  layout: Layout,
  transaction: Transaction,
  modelId: string,
  params: readonly Param[],
): void {
  writeModelParams(transaction, findActiveModel(layout, modelId).folder, params);
}

/** Reads a model; one that does not exist or is deleted throws. */
export function readLoggedModel(layout: Layout, modelId: string): LoggedModel {
  return toLoggedModel(findActiveModel(layout, modelId));
}

/** Reads a model, deleted or not, and says which it is. */
export function readLoggedModelOf(place: Place): { model: LoggedModel; lifecycleStage: LifecycleStage } {
  return {
    model: toLoggedModel(place),
    lifecycleStage: isDeleted(modelMeta(place)) ? "deleted" : "active",
  };
}

/** Reads the models of an experiment that are not deleted; those that are damaged are left out with a warning. */
export function readLoggedModels(layout: Layout, experiment: Place): LoggedModel[] {
  return layout.loggedModels(experiment).flatMap((place) => {
    try {
      return isDeleted(modelMeta(place)) ? [] : [toLoggedModel(place)];
    } catch (error) {
      if (!(error instanceof TrackingError)) throw error;
      logger.warn(error.message);
      return [];
    }
  });
}

/** Reads the models that have been in the trash since before a moment, in milliseconds since 1970. */
export function readDeletedLoggedModels(layout: Layout, before: number): LoggedModel[] {
  return layout
    .experiments()
    .flatMap((experiment) => layout.loggedModels(experiment))
    .filter((place) => isDeleted(modelMeta(place)))
    .map(toLoggedModel)
    .filter(({ lastUpdatedTimestamp }) => lastUpdatedTimestamp <= before)
    .sort((a, b) => a.lastUpdatedTimestamp - b.lastUpdatedTimestamp || (a.modelId < b.modelId ? -1 : 1));
}

/** Removes a model that is in the trash. */
export function removeLoggedModel(layout: Layout, transaction: Transaction, modelId: string): void {
  const place = layout.findLoggedModel(modelId);
  if (!isDeleted(modelMeta(place))) {
    throw invalid(
      `purgeLoggedModel: logged model ${modelId} must be in the trash, but it is active. Delete it first.`,
    );
  }
  transaction.remove(place.folder);
}

/** Reads the points of a model's metric, in the order in which they were logged. */
export function readPointsOfModel(layout: Layout, modelId: string, key: string): LoggedModel["metrics"] {
  const folder = join(layout.findLoggedModel(modelId).folder, "metrics");
  return listKeys(folder).includes(key) ? readModelPoints(folder, key, modelId) : [];
}

/** Finds a model that is not deleted; one that is missing throws. */
export function findActiveModel(layout: Layout, modelId: string): Place {
  const place = layout.findLoggedModel(modelId);
  if (isDeleted(modelMeta(place))) throw noSuchModel(modelId);
  return place;
}

/** Returns when a model was made, or 0 for one that is not there. */
export function readCreationTime(layout: Layout, modelId: string): number {
  try {
    return numberField(modelMeta(layout.findLoggedModel(modelId)), "creation_timestamp") ?? 0;
  } catch (error) {
    if (!(error instanceof TrackingError)) throw error;
    return 0;
  }
}

function changeModel(layout: Layout, transaction: Transaction, modelId: string, changes: Meta): void {
  const { folder } = findActiveModel(layout, modelId);
  changeMeta(transaction, folder, { ...changes, last_updated_timestamp: Date.now() });
}

function modelMeta({ folder }: Place): Meta {
  return readMeta(join(folder, metaFile)) ?? {};
}

function isDeleted(meta: Meta): boolean {
  return textField(meta, "lifecycle_stage") === "deleted";
}

function toLoggedModel(place: Place): LoggedModel {
  const meta = modelMeta(place);
  const modelId = basename(place.folder);
  if (textField(meta, "model_id") !== modelId || textField(meta, "experiment_id") !== place.experimentId) {
    throw new TrackingError(
      `file store: ${join(place.folder, metaFile)} must be of model ${modelId} in experiment ${place.experimentId}, as its ` +
        "folders are named. Rename or move the folder.",
      { code: "INVALID_STATE" },
    );
  }
  const modelType = textField(meta, "model_type");
  const sourceRunId = textField(meta, "source_run_id");
  const statuses = Object.keys(statusNumbers) as LoggedModelStatus[];
  return {
    modelId,
    experimentId: place.experimentId,
    name: textField(meta, "name") ?? "",
    artifactLocation: textField(meta, "artifact_location") ?? "",
    creationTimestamp: numberField(meta, "creation_timestamp") ?? 0,
    lastUpdatedTimestamp: numberField(meta, "last_updated_timestamp") ?? 0,
    status: statuses.find((name) => statusNumbers[name] === numberField(meta, "status")) ?? "FAILED",
    ...(modelType !== undefined && { modelType }),
    ...(sourceRunId !== undefined && { sourceRunId }),
    tags: readValues(join(place.folder, "tags")),
    params: readValues(join(place.folder, "params")),
    metrics: latestMetrics(join(place.folder, "metrics"), modelId),
  };
}

/** Returns of each metric and data set the latest point, by time, then step. */
function latestMetrics(folder: string, modelId: string): LoggedModel["metrics"] {
  return listKeys(folder).flatMap((key) => {
    const latest = new Map<string, Metric & { runId: string }>();
    for (const point of readModelPoints(folder, key, modelId)) {
      const dataset = [point.datasetName, point.datasetDigest].join("\0");
      const known = latest.get(dataset);
      if (known === undefined || isLater(point, known)) latest.set(dataset, point);
    }
    return [...latest].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, point]) => point);
  });
}

function isLater(a: Metric, b: Metric): boolean {
  return a.timestamp > b.timestamp || (a.timestamp === b.timestamp && a.step > b.step);
}

function writeModelTags(transaction: Transaction, folder: string, tags: Record<string, string>): void {
  for (const key of Object.keys(tags)) checkKey("logged model tag", key);
  writeValues(transaction, join(folder, "tags"), tags);
}

function writeModelParams(transaction: Transaction, folder: string, params: readonly Param[]): void {
  for (const { key } of params) checkKey("logged model param", key);
  writeParams(transaction, join(folder, "params"), params);
}
