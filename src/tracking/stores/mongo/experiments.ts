// Experiments in MongoDB. What concerns an experiment and its runs is written to the experiment first; `finishExperiment`
// carries it over to the runs and may be called again by whoever opens the store next.
import { TrackingError } from "../../../base/index.ts";
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
import {
  type Collections,
  type ExperimentDocument,
  change,
  missing,
  toPairs,
  toRecord,
  withFreeName,
  withPairs,
} from "./documents.ts";

/** Creates an experiment whose name is free, and returns its id. */
export async function insertExperiment(
  { experiments, counters }: Collections,
  { name, artifactLocation, tags = {} }: CreateExperimentInput,
  { artifactRoot, experimentId }: { artifactRoot: string; experimentId?: string },
): Promise<string> {
  checkExperimentName(name);
  checkExperimentTags(tags);
  if (artifactLocation !== undefined) checkArtifactLocation(artifactLocation);
  const _id = experimentId ?? (await nextNumber(counters));
  const now = Date.now();
  await withFreeName(`createExperiment: an experiment "${name}" exists already. Choose another name.`, () =>
    experiments.insertOne({
      _id,
      rev: 0,
      name,
      artifactLocation:
        artifactLocation === undefined ? childUri(artifactRoot, _id) : localUri(artifactLocation),
      lifecycleStage: "active",
      creationTime: now,
      lastUpdateTime: now,
      tags: toPairs(tags),
    }),
  );
  return _id;
}

/** Finds an experiment; one that does not exist throws. */
export async function findExperiment(
  { experiments }: Collections,
  experimentId: string,
): Promise<ExperimentDocument> {
  const found = await experiments.findOne({ _id: { $eq: String(experimentId) } });
  if (found !== null && found.lifecycleStage !== "purging") return found;
  throw noExperiment(experimentId, "no such id is in the store");
}

/** Finds an experiment by its name, deleted or not. */
export async function findExperimentByName(
  { experiments }: Collections,
  name: string,
): Promise<Experiment | undefined> {
  const found = await experiments.findOne({ name: { $eq: name }, lifecycleStage: { $ne: "purging" } });
  return found === null ? undefined : toExperiment(found);
}

/** Finds an experiment that may be written. */
export async function findActiveExperiment(
  collections: Collections,
  experimentId: string,
): Promise<ExperimentDocument> {
  const found = await findExperiment(collections, experimentId);
  checkExperimentIsActive(toExperiment(found));
  return found;
}

/** Gives an active experiment another name. */
export async function renameExperiment(
  collections: Collections,
  experimentId: string,
  name: string,
): Promise<void> {
  checkExperimentName(name);
  await withFreeName(`renameExperiment: an experiment "${name}" exists already. Choose another name.`, () =>
    change(
      collections.experiments,
      () => findExperiment(collections, experimentId),
      (experiment) => {
        if (experiment.lifecycleStage !== "active") {
          throw new TrackingError(
            `renameExperiment: experiment ${experimentId} must be active, but it is deleted. Restore it first.`,
            { code: "INVALID_STATE" },
          );
        }
        if (experiment.name === name) {
          throw new TrackingError(
            `renameExperiment: an experiment "${name}" exists already. Choose another name.`,
            { code: "RESOURCE_ALREADY_EXISTS" },
          );
        }
        experiment.name = name;
        experiment.lastUpdateTime = Date.now();
      },
    ),
  );
}

/** Puts an experiment and its active runs into the trash. */
export async function trashExperiment(collections: Collections, experimentId: string): Promise<void> {
  await change(
    collections.experiments,
    () => findExperiment(collections, experimentId),
    (experiment) => {
      if (experiment.lifecycleStage !== "active") {
        throw noExperiment(experimentId, "it is in the trash already");
      }
      experiment.lifecycleStage = "deleted";
      experiment.lastUpdateTime = Date.now();
      delete experiment.restoreFrom;
    },
  );
  await finishExperiment(collections, experimentId);
}

/** Takes an experiment, and the runs that went with it, out of the trash. */
export async function untrashExperiment(collections: Collections, experimentId: string): Promise<void> {
  await change(
    collections.experiments,
    () => findExperiment(collections, experimentId),
    (experiment) => {
      if (experiment.lifecycleStage !== "deleted") throw noExperiment(experimentId, "it is not in the trash");
      experiment.lifecycleStage = "active";
      experiment.restoreFrom = experiment.lastUpdateTime;
      experiment.lastUpdateTime = Date.now();
    },
  );
  await finishExperiment(collections, experimentId);
}

/** Removes an experiment that is in the trash, with its runs and models. */
export async function purgeExperiment(collections: Collections, experimentId: string): Promise<void> {
  await change(
    collections.experiments,
    () => findExperiment(collections, experimentId),
    (experiment) => {
      if (experiment.lifecycleStage !== "deleted") {
        throw invalid(
          `purgeExperiment: experiment ${experimentId} must be in the trash, but it is active. Delete it first.`,
        );
      }
      experiment.lifecycleStage = "purging";
    },
  );
  await finishExperiment(collections, experimentId);
}

/** Carries what happened to an experiment over to its runs. */
export async function finishExperiment(collections: Collections, experimentId: string): Promise<void> {
  const { experiments, runs, buckets, loggedModels } = collections;
  const experiment = await experiments.findOne({ _id: experimentId });
  if (experiment === null) return;
  const { lifecycleStage, lastUpdateTime, restoreFrom } = experiment;
  if (lifecycleStage === "deleted") {
    await runs.updateMany(
      { experimentId, lifecycleStage: "active" },
      { $set: { lifecycleStage: "deleted", deletedTime: lastUpdateTime }, $inc: { rev: 1 } },
    );
  } else if (lifecycleStage === "purging") {
    for (const { _id } of await runs.find({ experimentId }, { projection: { _id: 1 } }).toArray()) {
      await buckets.deleteMany({ runId: _id });
      await runs.deleteOne({ _id });
    }
    await loggedModels.deleteMany({ experimentId });
    await experiments.deleteOne({ _id: experimentId });
  } else if (restoreFrom !== undefined) {
    await runs.updateMany(
      { experimentId, lifecycleStage: "deleted", deletedTime: { $gte: restoreFrom, $lte: lastUpdateTime } },
      { $set: { lifecycleStage: "active" }, $unset: { deletedTime: "" }, $inc: { rev: 1 } },
    );
    await experiments.updateOne(
      { _id: experimentId, restoreFrom },
      { $unset: { restoreFrom: "" }, $inc: { rev: 1 } },
    );
  }
}

/** Writes tags of an active experiment over what is there. */
export async function setExperimentTags(
  collections: Collections,
  experimentId: string,
  tags: Record<string, string>,
): Promise<void> {
  checkExperimentTags(tags);
  await change(
    collections.experiments,
    () => findActiveExperiment(collections, experimentId),
    (experiment) => {
      experiment.tags = withPairs(experiment.tags, toPairs(tags));
    },
  );
}

/** Removes a tag of an active experiment; one that is not there throws. */
export async function removeExperimentTag(
  collections: Collections,
  experimentId: string,
  key: string,
): Promise<void> {
  await change(
    collections.experiments,
    () => findActiveExperiment(collections, experimentId),
    (experiment) => {
      const kept = experiment.tags.filter(({ k }) => k !== key);
      if (kept.length === experiment.tags.length) {
        throw missing(`experiment ${experimentId}: the tag "${key}" must be there, and it is not.`);
      }
      experiment.tags = kept;
    },
  );
}

/** Makes the entity of a document. */
export function toExperiment(document: ExperimentDocument): Experiment {
  const { _id, name, artifactLocation, lifecycleStage, creationTime, lastUpdateTime, tags } = document;
  return {
    experimentId: _id,
    name,
    artifactLocation,
    lifecycleStage: lifecycleStage === "active" ? "active" : "deleted",
    creationTime,
    lastUpdateTime,
    tags: toRecord(tags),
  };
}

async function nextNumber(counters: Collections["counters"]): Promise<string> {
  const counter = await counters.findOneAndUpdate(
    { _id: "experiments" },
    { $inc: { value: 1 } },
    { upsert: true, returnDocument: "after" },
  );
  return String(counter!.value);
}

function noExperiment(experimentId: string, fact: string): TrackingError {
  return missing(`experiment ${experimentId}: it must exist, and ${fact}.`);
}
