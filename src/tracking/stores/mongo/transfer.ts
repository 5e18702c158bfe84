// Moving entities between stores as they are, in MongoDB.
import { randomUUID } from "node:crypto";
import {
  type LoggedModelRecord,
  type RegisteredModelRecord,
  type RunImport,
  pointsRead,
} from "../../transfer.ts";
import type { Experiment, Metric } from "../../types.ts";
import {
  checkDatasetInput,
  checkExperimentName,
  checkKey,
  checkMetric,
  checkModelName,
} from "../../validation.ts";
import { type Collections, toPairs, withFreeName } from "./documents.ts";
import { findExperiment } from "./experiments.ts";
import { toLoggedModel } from "./logged-models.ts";
import { addPoints, readAllPoints } from "./points.ts";
import { findModel, toEvent, toModel, toVersion } from "./registry.ts";
import { newRunDocument } from "./runs.ts";

const modelsAtOnce = 100;
const runsAtOnce = 16;

/** Reads when the deleted runs of an experiment went into the trash. */
export async function readDeletionTimes(
  { runs }: Collections,
  experimentId: string,
): Promise<Map<string, number>> {
  const deleted = await runs
    .find(
      { experimentId: String(experimentId), lifecycleStage: "deleted", deletedTime: { $exists: true } },
      { projection: { deletedTime: 1 } },
    )
    .toArray();
  return new Map(deleted.map(({ _id, deletedTime }) => [_id, deletedTime!]));
}

/** Reads all points of the first of some runs, until they are enough. */
export async function readPointsOfRuns(
  collections: Collections,
  runIds: readonly string[],
): Promise<Metric[][]> {
  const lists: Metric[][] = [];
  let points = 0;
  for (let start = 0; start < runIds.length && points < pointsRead; start += runsAtOnce) {
    const ids = runIds.slice(start, start + runsAtOnce);
    for (const list of await Promise.all(ids.map((runId) => readAllPoints(collections, runId)))) {
      lists.push(list);
      points += list.length;
    }
  }
  return lists;
}

/** Reads the next logged models of an experiment, deleted or not, with all their points. */
export async function readLoggedModelRecords(
  { loggedModels }: Collections,
  experimentId: string,
  after = "",
): Promise<LoggedModelRecord[]> {
  const found = await loggedModels
    .find({ experimentId: String(experimentId), _id: { $gt: String(after) } })
    .sort({ _id: 1 })
    .limit(modelsAtOnce)
    .toArray();
  return found.map((document) => {
    const { metrics: _latest, ...model } = toLoggedModel(document);
    return { model, lifecycleStage: document.lifecycleStage, points: document.points };
  });
}

/** Reads a registered model with its versions and history. */
export async function readRegisteredModelRecord(
  collections: Collections,
  name: string,
): Promise<RegisteredModelRecord> {
  const model = await findModel(collections, name);
  return {
    model: toModel(model),
    versions: model.versions.map((version) => toVersion(model, version)),
    lastVersion: model.lastVersion,
    history: model.history.map(toEvent),
  };
}

/** Creates an experiment with the id that it had. */
export async function insertExperimentRecord(
  { experiments, counters }: Collections,
  { experimentId, tags, ...experiment }: Experiment,
): Promise<void> {
  checkExperimentName(experiment.name);
  const number = Number(experimentId);
  if (Number.isSafeInteger(number)) {
    await counters.updateOne({ _id: "experiments" }, { $max: { value: number } }, { upsert: true });
  }
  await free(`experiment ${experimentId}`, () =>
    experiments.insertOne({ _id: experimentId, rev: 0, ...experiment, tags: toPairs(tags) }),
  );
}

/** Creates runs with the ids that they had, and the first points of each. */
export async function insertRunRecords(
  collections: Collections,
  imports: readonly RunImport[],
): Promise<void> {
  for (let start = 0; start < imports.length; start += runsAtOnce) {
    const ends = await Promise.allSettled(
      imports.slice(start, start + runsAtOnce).map((each) => insertRunRecord(collections, each)),
    );
    for (const end of ends) if (end.status === "rejected") throw end.reason;
  }
}

async function insertRunRecord(
  collections: Collections,
  { record: { run, deletedTime }, points }: RunImport,
): Promise<void> {
  const { info, data, inputs, outputs } = run;
  const { runId, lifecycleStage, ...rest } = info;
  for (const point of points) checkMetric(point);
  for (const key of [...Object.keys(data.params), ...Object.keys(data.tags)]) checkKey("param or tag", key);
  for (const input of inputs.datasetInputs) checkDatasetInput(input);
  await findExperiment(collections, info.experimentId);
  const document = newRunDocument(runId, {
    ...rest,
    lifecycleStage,
    // one without a time would stay in the trash for ever
    ...(lifecycleStage === "deleted" && { deletedTime: deletedTime ?? 0 }),
    tags: toPairs(data.tags),
    params: toPairs(data.params),
    datasetInputs: inputs.datasetInputs.map(({ dataset, tags }) => ({ dataset, tags: toPairs(tags) })),
    modelInputs: inputs.modelInputs,
    modelOutputs: outputs.modelOutputs,
  });
  await free(`run ${runId}`, async () => {
    if ((await collections.runs.findOne({ _id: runId })) === null) {
      await collections.buckets.deleteMany({ runId }); // of an attempt that was cut short
      await addPoints(collections, document, points); // what they fill counts once the run is there
    }
    await collections.runs.insertOne(document);
  });
}

/** Creates a logged model with the id that it had. */
export async function insertLoggedModelRecord(
  collections: Collections,
  { model, lifecycleStage, points }: LoggedModelRecord,
): Promise<void> {
  const { modelId, tags, params, ...rest } = model;
  await findExperiment(collections, model.experimentId);
  await free(`logged model ${modelId}`, () =>
    collections.loggedModels.insertOne({
      ...rest,
      _id: modelId,
      rev: 0,
      lifecycleStage,
      tags: toPairs(tags),
      params: toPairs(params),
      points,
    }),
  );
}

/** Creates a registered model with its versions and history. */
export async function insertRegisteredModelRecord(
  { models }: Collections,
  { model, versions, lastVersion, history }: RegisteredModelRecord,
): Promise<void> {
  const { aliases, tags, ...rest } = model;
  checkModelName(model.name);
  await free(`registered model "${model.name}"`, () =>
    models.insertOne({
      ...rest,
      _id: randomUUID(),
      rev: 0,
      tags: toPairs(tags),
      aliases: Object.entries(aliases).map(([alias, version]) => ({ alias, version })),
      lastVersion,
      versions: versions.map(({ name: _name, aliases: _aliases, ...version }) => ({
        ...version,
        tags: toPairs(version.tags),
      })),
      history: history.map(({ evidence, ...event }) => ({
        ...event,
        evidence: Object.entries(evidence).map(([k, v]) => ({ k, v })),
      })),
    }),
  );
}

function free<T>(what: string, insert: () => Promise<T>): Promise<T> {
  return withFreeName(`${what}: its id and name must be free, and the store has one already.`, insert);
}
