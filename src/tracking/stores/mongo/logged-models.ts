// Logged models in MongoDB, each with all points that runs logged for it.
import { randomUUID } from "node:crypto";
import type { TrackingError } from "../../../base/index.ts";
import { childUri, localUri } from "../../artifacts/uri.ts";
import { randomName } from "../../random-name.ts";
import type { CreateLoggedModelInput } from "../../store.ts";
import type { LoggedModel, LoggedModelStatus, Metric, Param } from "../../types.ts";
import { checkKey, checkLoggedModelName, invalid } from "../../validation.ts";
import {
  type Collections,
  type LoggedModelDocument,
  type Pair,
  change,
  groupPoints,
  missing,
  toPairs,
  toRecord,
  withParams,
  withPairs,
} from "./documents.ts";
import { findActiveExperiment } from "./experiments.ts";

const statuses: readonly LoggedModelStatus[] = ["PENDING", "READY", "FAILED"];

/** Creates a model whose files are still to be written, and returns its id. */
export async function insertLoggedModel(
  collections: Collections,
  input: CreateLoggedModelInput,
): Promise<string> {
  const { experimentId, sourceRunId, artifactLocation, modelType, tags = {}, params = {} } = input;
  const name = input.name ?? randomName();
  checkLoggedModelName(name);
  const experiment = await findActiveExperiment(collections, experimentId);
  const _id = `m-${randomUUID().replaceAll("-", "")}`;
  const now = Date.now();
  await collections.loggedModels.insertOne({
    _id,
    rev: 0,
    experimentId,
    name,
    artifactLocation:
      artifactLocation === undefined
        ? childUri(experiment.artifactLocation, "models", _id, "artifacts")
        : localUri(artifactLocation),
    creationTimestamp: now,
    lastUpdatedTimestamp: now,
    status: "PENDING",
    lifecycleStage: "active",
    ...(modelType !== undefined && { modelType }),
    ...(sourceRunId !== undefined && { sourceRunId }),
    tags: checked("logged model tag", toPairs(tags)),
    params: checked("logged model param", toPairs(params)),
    points: [],
  });
  return _id;
}

/** Finds a model; one that is missing or deleted throws. */
export async function findLoggedModel(
  { loggedModels }: Collections,
  modelId: string,
): Promise<LoggedModelDocument> {
  const found = await loggedModels.findOne({ _id: { $eq: String(modelId) }, lifecycleStage: "active" });
  if (found !== null) return found;
  throw noSuchModel(modelId);
}

/** Says whether the files of a model are whole. */
export async function setLoggedModelStatus(
  collections: Collections,
  modelId: string,
  status: LoggedModelStatus,
): Promise<void> {
  if (!statuses.includes(status)) {
    throw invalid(
      `logged model ${modelId}: the status must be one of ${statuses.join(", ")}, got "${String(status)}".`,
    );
  }
  await changeModel(collections, modelId, (model) => {
    model.status = status;
    model.lastUpdatedTimestamp = Date.now();
  });
}

/** Puts a model into the trash. */
export async function trashLoggedModel(collections: Collections, modelId: string): Promise<void> {
  await changeModel(collections, modelId, (model) => {
    model.lifecycleStage = "deleted";
    model.lastUpdatedTimestamp = Date.now();
  });
}

/** Reads the models that have been in the trash since before a moment, in milliseconds since 1970. */
export async function deletedLoggedModels(
  { loggedModels }: Collections,
  before: number,
): Promise<LoggedModel[]> {
  const found = await loggedModels
    .find({ lifecycleStage: "deleted", lastUpdatedTimestamp: { $lte: before } })
    .sort({ lastUpdatedTimestamp: 1, _id: 1 })
    .toArray();
  return found.map(toLoggedModel);
}

/** Removes a model that is in the trash. */
export async function purgeLoggedModel({ loggedModels }: Collections, modelId: string): Promise<void> {
  const _id = { $eq: String(modelId) };
  const { deletedCount } = await loggedModels.deleteOne({ _id, lifecycleStage: "deleted" });
  if (deletedCount > 0) return;
  if ((await loggedModels.findOne({ _id })) === null) throw noSuchModel(modelId);
  throw invalid(
    `purgeLoggedModel: logged model ${modelId} must be in the trash, but it is active. Delete it first.`,
  );
}

/** Writes tags over what is there. */
export async function setLoggedModelTags(
  collections: Collections,
  modelId: string,
  tags: Record<string, string>,
): Promise<void> {
  const added = checked("logged model tag", toPairs(tags));
  await changeModel(collections, modelId, (model) => {
    model.tags = withPairs(model.tags, added);
  });
}

/** Removes a tag; one that is not there throws. */
export async function removeLoggedModelTag(
  collections: Collections,
  modelId: string,
  key: string,
): Promise<void> {
  await changeModel(collections, modelId, (model) => {
    const kept = model.tags.filter(({ k }) => k !== key);
    if (kept.length === model.tags.length) {
      throw missing(`logged model ${modelId}: the tag "${key}" must be there, but it is not.`);
    }
    model.tags = kept;
  });
}

/** Adds params; one that is there with another value throws. */
export async function addLoggedModelParams(
  collections: Collections,
  modelId: string,
  params: readonly Param[],
): Promise<void> {
  const added = checked(
    "logged model param",
    params.map(({ key, value }) => ({ k: key, v: value })),
  );
  await changeModel(collections, modelId, (model) => {
    model.params = withParams(`logged model ${modelId}`, model.params, added);
  });
}

/** Adds points that a run logged; those that are there, and those of models that are gone, are skipped. */
export async function addModelPoints(
  collections: Collections,
  runId: string,
  metrics: readonly Metric[],
): Promise<void> {
  for (const [modelId, points] of groupPoints(metrics, (metric) => metric.modelId!)) {
    if ((await collections.loggedModels.findOne({ _id: modelId, lifecycleStage: "active" })) === null)
      continue;
    await changeModel(collections, modelId, (model) => {
      const merged = [...model.points, ...points.map((point) => ({ ...point, runId }))];
      model.points = [...new Map(merged.map((point) => [pointKey(point), point])).values()];
    });
  }
}

/** Makes the entity of a document. */
export function toLoggedModel(document: LoggedModelDocument): LoggedModel {
  const { _id, rev: _rev, lifecycleStage: _stage, points, tags, params, ...rest } = document;
  return {
    ...rest,
    modelId: _id,
    tags: toRecord(tags),
    params: toRecord(params),
    metrics: latestMetrics(points),
  };
}

/** Returns of each metric and data set the latest point, by time, then step. */
function latestMetrics(points: LoggedModelDocument["points"]): LoggedModel["metrics"] {
  const latest = new Map<string, LoggedModel["metrics"][number]>();
  for (const point of points) {
    const place = [point.key, point.datasetName, point.datasetDigest].join("\0");
    const known = latest.get(place);
    const difference = known === undefined ? 1 : point.timestamp - known.timestamp || point.step - known.step;
    if (difference > 0) latest.set(place, point);
  }
  return [...latest].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, point]) => point);
}

async function changeModel(
  collections: Collections,
  modelId: string,
  body: (model: LoggedModelDocument) => void,
): Promise<void> {
  await change(collections.loggedModels, () => findLoggedModel(collections, modelId), body);
}

function noSuchModel(modelId: string): TrackingError {
  return missing(`logged model ${modelId}: it must exist, and no such id is in the store.`);
}

function checked(kind: string, pairs: Pair[]): Pair[] {
  for (const { k } of pairs) checkKey(kind, k);
  return pairs;
}

function pointKey(point: LoggedModelDocument["points"][number]): string {
  const { runId, key, step, timestamp, value, datasetName, datasetDigest } = point;
  return JSON.stringify([runId, key, step, timestamp, String(value), datasetName, datasetDigest]);
}
