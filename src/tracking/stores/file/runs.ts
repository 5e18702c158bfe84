// Runs in files: a folder each in that of their experiment.
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { childUri } from "../../artifacts/uri.ts";
import { namedTags, runNameTag } from "../../run-name.ts";
import type { CreateRunInput, LogBatchInput, UpdateRunInput } from "../../store.ts";
import type { Metric, Run, RunInfo } from "../../types.ts";
import { checkBatch, checkKey, invalid, limits, truncate } from "../../validation.ts";
import { findActiveExperiment } from "./experiments.ts";
import { readRunInputs, readRunOutputs } from "./inputs.ts";
import { listKeys, makeRoom, readValues, writeParams, writeValues } from "./key-files.ts";
import { type Layout, type Place, missing } from "./layout.ts";
import { findActiveModel } from "./logged-models.ts";
import { changeMeta, numberField, writeMeta } from "./meta-file.ts";
import { type LatestPoints, formatModelPoint, formatPoint } from "./metric-files.ts";
import { findActiveRun, readExistingRunInfo, readRunInfo, runMeta, statusNumbers } from "./run-info.ts";
import type { Transaction } from "./transaction.ts";

/** Creates a run that is RUNNING, and returns its id. */
export function insertRun(
  layout: Layout,
  transaction: Transaction,
  { experimentId, userId = "", startTime = Date.now(), ...input }: CreateRunInput,
): string {
  const { folder: parent, experiment } = findActiveExperiment(layout, experimentId);
  const { name, tags } = namedTags(input);
  const runId = randomUUID().replaceAll("-", "");
  const folder = join(parent, runId);
  // MLflow takes a folder without these three for no run
  for (const part of ["metrics", "params", "artifacts"]) transaction.makeFolder(join(folder, part));
  writeTags(transaction, folder, tags);
  writeMeta(transaction, folder, {
    artifact_uri: childUri(experiment.artifactLocation, runId, "artifacts"),
    deleted_time: null,
    end_time: null,
    entry_point_name: "",
    experiment_id: experimentId,
    lifecycle_stage: "active",
    run_id: runId,
    run_name: name,
    source_name: "",
    source_type: 4,
    source_version: "",
    start_time: startTime,
    status: statusNumbers.RUNNING,
    tags: [],
    user_id: userId,
  });
  return runId;
}

/** Changes what `input` names. */
export function changeRun(
  layout: Layout,
  transaction: Transaction,
  { runId, status, endTime, runName }: UpdateRunInput,
): void {
  const run = findActiveRun(layout, runId);
  if (status !== undefined && !Object.hasOwn(statusNumbers, status)) {
    const valid = Object.keys(statusNumbers).join(", ");
    throw invalid(`run ${runId}: the status must be one of ${valid}, got "${String(status)}".`);
  }
  changeMeta(transaction, run.folder, {
    ...(status !== undefined && { status: statusNumbers[status] }),
    ...(endTime !== undefined && { end_time: endTime }),
    ...(runName !== undefined && { run_name: runName }),
  });
  if (runName !== undefined) writeTags(transaction, run.folder, { [runNameTag]: runName });
}

/** Puts a run into the trash, where it may be already, or takes it out. */
export function setRunLifecycle(
  layout: Layout,
  transaction: Transaction,
  runId: string,
  stage: "active" | "deleted",
): void {
  const run = layout.findRun(runId);
  if (readExistingRunInfo(run).lifecycleStage === stage) return;
  const deletedTime = stage === "deleted" ? Date.now() : null;
  changeMeta(transaction, run.folder, { lifecycle_stage: stage, deleted_time: deletedTime });
}

/** Removes a run that is in the trash, with all that it logged. */
export function removeRun(layout: Layout, transaction: Transaction, runId: string): void {
  const run = layout.findRun(runId);
  if (readExistingRunInfo(run).lifecycleStage !== "deleted") {
    throw invalid(`purgeRun: run ${runId} must be in the trash, but it is active. Delete it first.`);
  }
  transaction.remove(run.folder);
}

/** Reads the ids of runs that have been in the trash since before a moment, in milliseconds since 1970. */
export function deletedRunIds(layout: Layout, before: number): string[] {
  const deleted = layout
    .experiments()
    .flatMap((experiment) => layout.runs(experiment))
    .flatMap((run) => {
      const info = readRunInfo(run);
      if (info?.lifecycleStage !== "deleted") return [];
      return [{ runId: info.runId, time: numberField(runMeta(run), "deleted_time") ?? 0 }];
    });
  return deleted
    .filter(({ time }) => time <= before)
    .sort((a, b) => a.time - b.time || (a.runId < b.runId ? -1 : 1))
    .map(({ runId }) => runId);
}

/** Writes a checked batch: params that keep their values, points at the ends of their files, tags over what is there. */
export function writeBatch(
  layout: Layout,
  transaction: Transaction,
  { runId, metrics = [], params = [], tags = [] }: LogBatchInput,
): void {
  const checked = checkBatch(metrics, params, tags);
  const { folder } = findActiveRun(layout, runId);
  writeParams(transaction, join(folder, "params"), checked.params);
  appendMetrics(layout, transaction, { runId, folder }, metrics);
  setRunTags(transaction, folder, Object.fromEntries(checked.tags.map(({ key, value }) => [key, value])));
}

/** Writes tags of an active run over what is there. */
export function setTags(
  layout: Layout,
  transaction: Transaction,
  runId: string,
  tags: Record<string, string>,
): void {
  setRunTags(transaction, findActiveRun(layout, runId).folder, tags);
}

/** Removes a tag of a run; one that is not there throws. */
export function removeTag(layout: Layout, transaction: Transaction, runId: string, key: string): void {
  const { folder } = findActiveRun(layout, runId);
  if (!listKeys(join(folder, "tags")).includes(key)) {
    throw missing(`run ${runId}: the tag "${key}" must be there to be removed, but it is not.`);
  }
  transaction.remove(join(folder, "tags", key));
}

/** Is a run whose parts are read when they are asked for: a search looks at few of them. */
export class RunFiles {
  readonly info: RunInfo;
  readonly #layout: Layout;
  readonly #folder: string;
  readonly #latest: LatestPoints;
  #params: Record<string, string> | undefined;
  #tags: Record<string, string> | undefined;

  constructor(layout: Layout, { folder }: Place, info: RunInfo, latest: LatestPoints) {
    this.info = info;
    this.#layout = layout;
    this.#folder = folder;
    this.#latest = latest;
  }

  get params(): Record<string, string> {
    return (this.#params ??= readValues(join(this.#folder, "params")));
  }

  get tags(): Record<string, string> {
    return (this.#tags ??= readValues(join(this.#folder, "tags")));
  }

  get inputs(): Run["inputs"] {
    return readRunInputs(this.#layout, this.#folder);
  }

  /** Returns the latest point of a metric. */
  latestPoint(key: string): Metric | undefined {
    return isKey(key) ? this.#latest.latest(join(this.#folder, "metrics"), key) : undefined;
  }

  toRun(): Run {
    const latestMetrics = listKeys(join(this.#folder, "metrics")).flatMap(
      (key) => this.latestPoint(key) ?? [],
    );
    return {
      info: this.info,
      data: {
        metrics: Object.fromEntries(latestMetrics.map(({ key, value }) => [key, value])),
        latestMetrics,
        params: this.params,
        tags: this.tags,
      },
      inputs: this.inputs,
      outputs: readRunOutputs(this.#layout, this.#folder),
    };
  }
}

/** Opens a run; one that does not exist throws. */
export function readRun(layout: Layout, runId: string, latest: LatestPoints): RunFiles {
  const place = layout.findRun(runId);
  return new RunFiles(layout, place, readExistingRunInfo(place), latest);
}

/** Opens the runs of an experiment; those that are damaged are left out with a warning. */
export function readRuns(layout: Layout, experiment: Place, latest: LatestPoints): RunFiles[] {
  return layout.runs(experiment).flatMap((place) => {
    const info = readRunInfo(place);
    return info === undefined ? [] : [new RunFiles(layout, place, info, latest)];
  });
}

function setRunTags(transaction: Transaction, folder: string, tags: Record<string, string>): void {
  writeTags(transaction, folder, tags);
  const name = tags[runNameTag];
  if (name !== undefined) changeMeta(transaction, folder, { run_name: name });
}

function writeTags(transaction: Transaction, folder: string, tags: Record<string, string>): void {
  for (const key of Object.keys(tags)) checkKey("tag", key);
  const cut = Object.entries(tags).map(([key, value]) => [key, truncate(value, limits.tagValue)]);
  writeValues(transaction, join(folder, "tags"), Object.fromEntries(cut) as Record<string, string>);
}

function appendMetrics(
  layout: Layout,
  transaction: Transaction,
  { runId, folder }: { runId: string; folder: string },
  metrics: readonly Metric[],
): void {
  const metricFolder = join(folder, "metrics");
  makeRoom(transaction, metricFolder, [...new Set(metrics.map(({ key }) => key))]);
  for (const metric of metrics) {
    transaction.append(join(metricFolder, metric.key), formatPoint(metric));
    if (metric.modelId === undefined) continue;
    checkDatasetOfPoint(metric);
    const model = findActiveModel(layout, metric.modelId);
    const modelFolder = join(model.folder, "metrics");
    makeRoom(transaction, modelFolder, [metric.key]);
    transaction.append(join(modelFolder, metric.key), formatModelPoint(metric, runId));
  }
}

/** Throws for a data set that a line of a metric file cannot name. */
export function checkDatasetOfPoint({ key, datasetName = "", datasetDigest = "" }: Metric): void {
  if (!/[\r\n]/.test(datasetName) && !/\s/.test(datasetDigest)) return;
  throw invalid(
    `metric "${key}": name and digest of the data set stand in a line, so no line breaks and, in the digest, no spaces ` +
      `are allowed, got ${JSON.stringify([datasetName, datasetDigest])}.`,
  );
}

function isKey(key: string): boolean {
  try {
    checkKey("metric", key);
    return true;
  } catch {
    return false;
  }
}
