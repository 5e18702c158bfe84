// What happens when a store in MongoDB is opened.
import { TrackingError } from "../../../base/index.ts";
import type { Collections } from "./documents.ts";
import * as experiments from "./experiments.ts";
import * as points from "./points.ts";
import * as runs from "./runs.ts";

/** Makes the first experiment, and completes what is half done. */
export async function prepare(collections: Collections, artifactRoot: string): Promise<void> {
  if ((await collections.experiments.findOne({}, { projection: { _id: 1 } })) === null) {
    try {
      await experiments.insertExperiment(
        collections,
        { name: "Default" },
        { artifactRoot, experimentId: "0" },
      );
    } catch (error) {
      // another process may have been faster
      if (!(error instanceof TrackingError) || error.code !== "RESOURCE_ALREADY_EXISTS") throw error;
    }
  }
  await repair(collections);
}

/** Completes what processes that died left half done; all of it may be done twice. */
async function repair(collections: Collections): Promise<void> {
  const onlyId = { projection: { _id: 1 as const } };
  const openExperiments = await collections.experiments
    .find({ $or: [{ lifecycleStage: { $ne: "active" } }, { restoreFrom: { $exists: true } }] }, onlyId)
    .toArray();
  for (const { _id } of openExperiments) await experiments.finishExperiment(collections, _id);
  const purged = await collections.runs.find({ lifecycleStage: "purging" }, onlyId).toArray();
  for (const { _id } of purged) await runs.finishPurge(collections, _id);
  const owing = await collections.runs.find({ "modelPoints.modelId": { $exists: true } }, onlyId).toArray();
  for (const { _id } of owing) {
    await points.finishModelPoints(collections, _id).catch((error: unknown) => {
      // another process may have removed the run meanwhile
      if (!(error instanceof TrackingError) || error.code !== "RESOURCE_DOES_NOT_EXIST") throw error;
    });
  }
}
