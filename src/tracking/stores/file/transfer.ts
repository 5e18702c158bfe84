// Moving entities between stores as they are, in files. Ids, keys and names come from elsewhere: all are checked before
// they become paths.
import { existsSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { TrackingError } from "../../../base/index.ts";
import { runsThatFit } from "../../metric-points.ts";
import { firstStage, mlflowStages } from "../../stages.ts";
import type { LoggedModelRecord, RegisteredModelRecord, RunImport } from "../../transfer.ts";
import type { Experiment, Metric, ModelVersion } from "../../types.ts";
import {
  checkAlias,
  checkExperimentName,
  checkKey,
  checkLoggedModelName,
  checkMetric,
} from "../../validation.ts";
import { checkNameIsFree, findExperiment } from "./experiments.ts";
import { writeInputEdges, writeOutputEdges } from "./inputs.ts";
import { listKeys, makeRoom, writeValues } from "./key-files.ts";
import { type Layout, checkId } from "./layout.ts";
import { readLoggedModelOf, statusNumbers as modelStatusNumbers } from "./logged-models.ts";
import { metaFile, numberField, writeMeta } from "./meta-file.ts";
import { formatModelPoint, formatPoint, readModelPoints, readPoints } from "./metric-files.ts";
import {
  aliasFile,
  deletedStage,
  findRegisteredModel,
  ownStageFile,
  readModelVersions,
  readRegisteredModel,
  versionFolder,
  versionNumbers,
} from "./registered-models.ts";
import { historyFile, readHistory } from "./registry-history.ts";
import { readRunInfo, runMeta, statusNumbers } from "./run-info.ts";
import { checkDatasetOfPoint } from "./runs.ts";
import type { Transaction } from "./transaction.ts";

const modelsAtOnce = 100;
const shortestLine = "1700000000000 1 1\n".length;

/** Reads when the deleted runs of an experiment went into the trash. */
export function readDeletionTimes(layout: Layout, experimentId: string): Map<string, number> {
  const times = new Map<string, number>();
  for (const run of layout.runs(findExperiment(layout, experimentId))) {
    const info = readRunInfo(run);
    const time = numberField(runMeta(run), "deleted_time");
    if (info?.lifecycleStage === "deleted" && time !== undefined) times.set(info.runId, time);
  }
  return times;
}

/** Reads all points of the first of some runs, as many runs as fit. */
export function readPointsOfRuns(layout: Layout, runIds: readonly string[]): Metric[][] {
  const runs = runIds.map((runId) => {
    const folder = join(layout.findRun(runId).folder, "metrics");
    return { folder, keys: listKeys(folder) };
  });
  // lengths of files tell of counts without reading them
  const counts = runs.map(({ folder, keys }) =>
    keys.reduce((sum, key) => sum + statSync(join(folder, key)).size / shortestLine, 0),
  );
  return runs
    .slice(0, runsThatFit(counts))
    .map(({ folder, keys }) => keys.flatMap((key) => readPoints(folder, key)));
}

/** Reads the next logged models of an experiment, deleted or not, with all their points. */
export function readLoggedModelRecords(
  layout: Layout,
  experimentId: string,
  after = "",
): LoggedModelRecord[] {
  const places = layout.loggedModels(findExperiment(layout, experimentId));
  const next = places.filter(({ folder }) => basename(folder) > after).slice(0, modelsAtOnce);
  return next.map((place) => {
    const { model, lifecycleStage } = readLoggedModelOf(place);
    const { metrics: _latest, ...rest } = model;
    const folder = join(place.folder, "metrics");
    const points = listKeys(folder).flatMap((key) => readModelPoints(folder, key, model.modelId));
    return { model: rest, lifecycleStage, points };
  });
}

/** Reads a registered model with its versions and history. */
export function readRegisteredModelRecord(layout: Layout, name: string): RegisteredModelRecord {
  const folder = findRegisteredModel(layout, name);
  return {
    model: readRegisteredModel(layout, name),
    versions: readModelVersions(layout, name),
    lastVersion: Math.max(0, ...versionNumbers(folder)),
    history: readHistory(folder),
  };
}

/** Creates an experiment with the id that it had. */
export function writeExperimentRecord(
  layout: Layout,
  transaction: Transaction,
  { experimentId, tags, ...experiment }: Experiment,
): void {
  const { name, lifecycleStage, artifactLocation, creationTime, lastUpdateTime } = experiment;
  checkExperimentName(name);
  checkId("experiment id", experimentId, 64);
  checkNameIsFree(layout, "importExperiment", name);
  if (layout.findExperiment(experimentId) !== undefined) throw taken(`experiment ${experimentId}`);
  const folder = join(lifecycleStage === "deleted" ? layout.trash : layout.root, experimentId);
  writeChecked(transaction, join(folder, "tags"), "experiment tag", tags);
  writeMeta(transaction, folder, {
    artifact_location: artifactLocation,
    creation_time: creationTime,
    experiment_id: experimentId,
    last_update_time: lastUpdateTime,
    lifecycle_stage: lifecycleStage,
    name,
  });
}

/** Creates a run with the id that it had, and its first points. */
export function writeRunRecord(
  layout: Layout,
  transaction: Transaction,
  { record: { run, deletedTime }, points }: RunImport,
): void {
  const { info, data, inputs, outputs } = run;
  const { runId, experimentId } = info;
  checkId("run id", runId);
  for (const { modelId } of [...inputs.modelInputs, ...outputs.modelOutputs])
    checkId("logged model id", modelId);
  const folder = join(findExperiment(layout, experimentId).folder, runId);
  if (existsSync(join(folder, metaFile))) throw taken(`run ${runId}`);
  // MLflow takes a folder without these three for no run
  for (const part of ["metrics", "params", "artifacts"]) transaction.makeFolder(join(folder, part));
  writeChecked(transaction, join(folder, "params"), "param", data.params);
  writeChecked(transaction, join(folder, "tags"), "tag", data.tags);
  appendPoints(transaction, join(folder, "metrics"), points);
  const { datasetInputs: datasets, modelInputs: models } = inputs;
  writeInputEdges(transaction, { runId, folder }, { datasets, models });
  writeOutputEdges(transaction, folder, outputs.modelOutputs);
  writeMeta(transaction, folder, {
    artifact_uri: info.artifactUri,
    deleted_time: deletedTime ?? null,
    end_time: info.endTime ?? null,
    entry_point_name: "",
    experiment_id: experimentId,
    lifecycle_stage: info.lifecycleStage,
    run_id: runId,
    run_name: info.runName,
    source_name: "",
    source_type: 4,
    source_version: "",
    start_time: info.startTime,
    status: statusNumbers[info.status],
    tags: [],
    user_id: info.userId,
  });
}

/** Adds points to a run, whatever its state; those that are there are skipped. */
export function writePoints(
  layout: Layout,
  transaction: Transaction,
  runId: string,
  points: readonly Metric[],
): void {
  const folder = join(layout.findRun(runId).folder, "metrics");
  for (const point of points) checkMetric(point);
  const keys = new Set(points.map(({ key }) => key));
  const nameOf = (point: Metric) => `${formatPoint(point)}${point.key}`;
  const there = new Set([...keys].flatMap((key) => readPoints(folder, key).map(nameOf)));
  appendPoints(
    transaction,
    folder,
    points.filter((point) => !there.has(nameOf(point))),
  );
}

/** Creates a logged model with the id that it had. */
export function writeLoggedModelRecord(
  layout: Layout,
  transaction: Transaction,
  { model, lifecycleStage, points }: LoggedModelRecord,
): void {
  const { modelId, experimentId, name } = model;
  checkId("logged model id", modelId);
  checkLoggedModelName(name);
  const folder = join(findExperiment(layout, experimentId).folder, "models", modelId);
  if (existsSync(join(folder, metaFile))) throw taken(`logged model ${modelId}`);
  for (const part of ["metrics", "params"]) transaction.makeFolder(join(folder, part));
  writeChecked(transaction, join(folder, "tags"), "logged model tag", model.tags);
  writeChecked(transaction, join(folder, "params"), "logged model param", model.params);
  for (const [key, lines] of linesByKey(points, (point) => {
    checkDatasetOfPoint(point);
    checkId("run id", point.runId);
    return formatModelPoint(point, point.runId);
  })) {
    transaction.write(join(folder, "metrics", key), lines);
  }
  writeMeta(transaction, folder, {
    artifact_location: model.artifactLocation,
    creation_timestamp: model.creationTimestamp,
    experiment_id: experimentId,
    last_updated_timestamp: model.lastUpdatedTimestamp,
    lifecycle_stage: lifecycleStage,
    model_id: modelId,
    model_type: model.modelType ?? null,
    name,
    source_run_id: model.sourceRunId ?? null,
    status: modelStatusNumbers[model.status],
    status_message: null,
  });
}

/** Creates a registered model with its versions and history. */
export function writeRegisteredModelRecord(
  layout: Layout,
  transaction: Transaction,
  { model, versions, lastVersion, history }: RegisteredModelRecord,
): void {
  const { name } = model;
  const folder = layout.registeredModel(name);
  if (existsSync(folder)) throw taken(`registered model "${name}"`);
  writeChecked(transaction, join(folder, "tags"), "registry tag", model.tags);
  for (const version of versions) writeVersion(transaction, folder, version);
  if (lastVersion > Math.max(0, ...versions.map(({ version }) => version))) {
    // deleted versions keep their folders, so that a number is never given twice
    writeMeta(transaction, versionFolder(folder, lastVersion), {
      creation_timestamp: model.lastUpdatedTimestamp,
      current_stage: deletedStage,
      description: null,
      last_updated_timestamp: model.lastUpdatedTimestamp,
      name,
      run_id: null,
      run_link: null,
      source: "",
      status: "READY",
      status_message: null,
      user_id: null,
      version: lastVersion,
    });
  }
  for (const [alias, version] of Object.entries(model.aliases)) {
    checkAlias(alias);
    transaction.write(aliasFile(folder, alias), String(version));
  }
  const lines = history.map((event) => `${JSON.stringify(event)}\n`).join("");
  if (lines !== "") transaction.write(join(folder, historyFile), lines);
  writeMeta(transaction, folder, {
    creation_timestamp: model.creationTimestamp,
    description: model.description ?? null,
    last_updated_timestamp: model.lastUpdatedTimestamp,
    name,
  });
}

function writeVersion(transaction: Transaction, model: string, version: ModelVersion): void {
  const folder = versionFolder(model, version.version);
  const isMlflowStage = mlflowStages.includes(version.currentStage);
  writeChecked(transaction, join(folder, "tags"), "registry tag", version.tags);
  if (!isMlflowStage) transaction.write(join(folder, ownStageFile), version.currentStage);
  writeMeta(transaction, folder, {
    creation_timestamp: version.creationTimestamp,
    current_stage: isMlflowStage ? version.currentStage : firstStage,
    description: version.description ?? null,
    last_updated_timestamp: version.lastUpdatedTimestamp,
    model_id: version.modelId ?? null,
    name: version.name,
    run_id: version.runId ?? null,
    run_link: null,
    source: version.source,
    status: version.status,
    status_message: null,
    storage_location: version.storageLocation,
    user_id: version.userId ?? null,
    version: version.version,
  });
}

function writeChecked(
  transaction: Transaction,
  folder: string,
  kind: string,
  values: Readonly<Record<string, string>>,
): void {
  for (const key of Object.keys(values)) checkKey(kind, key);
  writeValues(transaction, folder, values);
}

function appendPoints(transaction: Transaction, folder: string, points: readonly Metric[]): void {
  const lines = linesByKey(points, formatPoint);
  makeRoom(transaction, folder, [...lines.keys()]);
  for (const [key, text] of lines) transaction.append(join(folder, key), text);
}

function linesByKey<T extends Metric>(
  points: readonly T[],
  format: (point: T) => string,
): Map<string, string> {
  const lines = new Map<string, string[]>();
  for (const point of points) {
    const known = lines.get(point.key);
    if (known !== undefined) known.push(format(point));
    else {
      checkKey("metric", point.key);
      lines.set(point.key, [format(point)]);
    }
  }
  return new Map([...lines].map(([key, texts]) => [key, texts.join("")]));
}

function taken(what: string): TrackingError {
  return new TrackingError(`${what}: its id or name must be free, and the store has one already.`, {
    code: "RESOURCE_ALREADY_EXISTS",
  });
}
