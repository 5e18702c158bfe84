// Runs in MongoDB, without what they log.
import { randomUUID } from "node:crypto";
import { childUri } from "../../artifacts/uri.ts";
import { datasetUseKey } from "../../dataset-uses.ts";
import { namedTags, runNameTag } from "../../run-name.ts";
import type { CreateRunInput, UpdateRunInput } from "../../store.ts";
import type { DatasetInput, ModelInput, ModelOutput, Run, RunStatus } from "../../types.ts";
import { checkDatasetInput, checkKey, invalid, limits, truncate } from "../../validation.ts";
import {
  type Collections,
  type Pair,
  type RunDocument,
  change,
  missing,
  toPairs,
  toRecord,
  withPairs,
} from "./documents.ts";
import { findActiveExperiment } from "./experiments.ts";
import { findLoggedModel } from "./logged-models.ts";

const statuses: readonly RunStatus[] = ["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"];

/** Creates a run that is RUNNING. */
export async function insertRun(
  collections: Collections,
  { experimentId, userId = "", startTime = Date.now(), ...input }: CreateRunInput,
): Promise<string> {
  const experiment = await findActiveExperiment(collections, experimentId);
  const { name, tags } = namedTags(input);
  const _id = randomUUID().replaceAll("-", "");
  await collections.runs.insertOne(
    newRunDocument(_id, {
      experimentId,
      runName: name,
      userId,
      status: "RUNNING",
      startTime,
      lifecycleStage: "active",
      artifactUri: childUri(experiment.artifactLocation, _id, "artifacts"),
      tags: checkedTags(tags),
      params: [],
      datasetInputs: [],
      modelInputs: [],
      modelOutputs: [],
    }),
  );
  try {
    await findActiveExperiment(collections, experimentId);
  } catch (error) {
    await collections.runs.deleteOne({ _id }); // the experiment was deleted meanwhile
    throw error;
  }
  return _id;
}

/** Makes the document of a run without points. */
export function newRunDocument(
  _id: string,
  fields: Omit<RunDocument, "_id" | "rev" | "metrics" | "journal" | "buckets" | "modelPoints">,
): RunDocument {
  return { _id, rev: 0, ...fields, metrics: [], journal: [], buckets: [], modelPoints: [] };
}

/** Finds a run; one that does not exist throws. */
export async function findRun({ runs }: Collections, runId: string): Promise<RunDocument> {
  const run = await runs.findOne({ _id: { $eq: String(runId) } });
  if (run !== null && run.lifecycleStage !== "purging") return run;
  throw missing(`run ${runId}: it must exist, and no such id is in the store.`);
}

/** Changes an active run in one step. */
export async function changeActiveRun(
  collections: Collections,
  runId: string,
  body: (run: RunDocument) => void | Promise<void>,
): Promise<void> {
  await change(
    collections.runs,
    async () => {
      const run = await findRun(collections, runId);
      if (run.lifecycleStage === "active") return run;
      throw invalid(`run ${runId}: it must be active, but it is deleted.`);
    },
    body,
  );
}

/** Changes what `input` names. */
export async function updateRun(
  collections: Collections,
  { runId, status, endTime, runName }: UpdateRunInput,
): Promise<void> {
  if (status !== undefined && !statuses.includes(status)) {
    throw invalid(`run ${runId}: the status must be one of ${statuses.join(", ")}, got "${String(status)}".`);
  }
  await changeActiveRun(collections, runId, (run) => {
    if (status !== undefined) run.status = status;
    if (endTime !== undefined) run.endTime = endTime;
    if (runName !== undefined) setRunTags(run, checkedTags({ [runNameTag]: runName }));
  });
}

/** Puts a run into the trash, where it may be already, or takes it out. */
export async function setRunLifecycle(
  collections: Collections,
  runId: string,
  stage: "active" | "deleted",
): Promise<void> {
  await change(
    collections.runs,
    () => findRun(collections, runId),
    (run) => {
      if (run.lifecycleStage === stage) return;
      run.lifecycleStage = stage;
      if (stage === "deleted") run.deletedTime = Date.now();
      else delete run.deletedTime;
    },
  );
}

/** Removes a run that is in the trash, with all that it logged. */
export async function purgeRun(collections: Collections, runId: string): Promise<void> {
  await change(
    collections.runs,
    () => findRun(collections, runId),
    (run) => {
      if (run.lifecycleStage !== "deleted") {
        throw invalid(`purgeRun: run ${runId} must be in the trash, but it is active. Delete it first.`);
      }
      run.lifecycleStage = "purging";
    },
  );
  await finishPurge(collections, runId);
}

/** Removes what a run that is about to go for ever still has. */
export async function finishPurge({ runs, buckets }: Collections, runId: string): Promise<void> {
  await buckets.deleteMany({ runId });
  await runs.deleteOne({ _id: runId, lifecycleStage: "purging" });
}

/** Reads the ids of runs that have been in the trash since before a moment, in milliseconds since 1970. */
export async function deletedRunIds({ runs }: Collections, before: number): Promise<string[]> {
  const found = await runs
    .find({ lifecycleStage: "deleted", deletedTime: { $lte: before } }, { projection: { deletedTime: 1 } })
    .sort({ deletedTime: 1, _id: 1 })
    .toArray();
  return found.map(({ _id }) => _id);
}

/** Writes tags of an active run over what is there. */
export async function setTags(
  collections: Collections,
  runId: string,
  tags: Record<string, string>,
): Promise<void> {
  const checked = checkedTags(tags);
  await changeActiveRun(collections, runId, (run) => setRunTags(run, checked));
}

/** Removes a tag of a run; one that is not there throws. */
export async function removeTag(collections: Collections, runId: string, key: string): Promise<void> {
  await changeActiveRun(collections, runId, (run) => {
    const kept = run.tags.filter(({ k }) => k !== key);
    if (kept.length === run.tags.length) {
      throw missing(`run ${runId}: the tag "${key}" must be there to be removed, but it is not.`);
    }
    run.tags = kept;
  });
}

/** Records data sets and logged models as inputs of a run; what is recorded already is skipped. */
export async function writeInputs(
  collections: Collections,
  runId: string,
  datasets: readonly DatasetInput[],
  models: readonly ModelInput[],
): Promise<void> {
  for (const input of datasets) checkDatasetInput(input);
  await changeActiveRun(collections, runId, async (run) => {
    for (const { dataset, tags } of datasets) {
      const isKnown = run.datasetInputs.some(
        (known) => known.dataset.name === dataset.name && known.dataset.digest === dataset.digest,
      );
      if (!isKnown) run.datasetInputs.push({ dataset: { ...dataset }, tags: toPairs(tags) });
    }
    for (const { modelId } of models) {
      await findLoggedModel(collections, modelId);
      if (!run.modelInputs.some((known) => known.modelId === modelId)) run.modelInputs.push({ modelId });
    }
  });
}

/** Records models as what came out of a run. */
export async function writeOutputs(
  collections: Collections,
  runId: string,
  models: readonly ModelOutput[],
): Promise<void> {
  await changeActiveRun(collections, runId, async (run) => {
    for (const { modelId, step } of models) {
      await findLoggedModel(collections, modelId);
      if (!run.modelOutputs.some((known) => known.modelId === modelId))
        run.modelOutputs.push({ modelId, step });
    }
    run.modelOutputs.sort((a, b) => a.step - b.step);
  });
}

/** Makes the entity of a document. */
export function toRun(run: RunDocument): Run {
  const latestMetrics = run.metrics.toSorted((a, b) => (a.key < b.key ? -1 : 1));
  return {
    info: {
      runId: run._id,
      runName: run.runName,
      experimentId: run.experimentId,
      userId: run.userId,
      status: run.status,
      startTime: run.startTime,
      ...(run.endTime !== undefined && { endTime: run.endTime }),
      lifecycleStage: run.lifecycleStage === "active" ? "active" : "deleted",
      artifactUri: run.artifactUri,
    },
    data: {
      metrics: Object.fromEntries(latestMetrics.map(({ key, value }) => [key, value])),
      latestMetrics,
      params: toRecord(run.params),
      tags: toRecord(run.tags),
    },
    inputs: {
      datasetInputs: run.datasetInputs
        .map(({ dataset, tags }) => ({ dataset, tags: toRecord(tags) }))
        .sort((a, b) => (datasetUseKey(a) < datasetUseKey(b) ? -1 : 1)),
      modelInputs: run.modelInputs,
    },
    outputs: { modelOutputs: run.modelOutputs },
  };
}

/** Writes tags over those of a run that was read; its name follows. */
export function setRunTags(run: RunDocument, tags: readonly Pair[]): void {
  run.tags = withPairs(run.tags, tags);
  run.runName = tags.findLast(({ k }) => k === runNameTag)?.v ?? run.runName;
}

function checkedTags(tags: Record<string, string>): Pair[] {
  return Object.entries(tags).map(([k, value]) => {
    checkKey("tag", k);
    return { k, v: truncate(value, limits.tagValue) };
  });
}
