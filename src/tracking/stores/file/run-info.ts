// What a run is: its meta.yaml.
import { basename, join } from "node:path";
import { TrackingError, logger } from "../../../base/index.ts";
import { runNameTag } from "../../run-name.ts";
import type { RunInfo, RunStatus } from "../../types.ts";
import { invalid } from "../../validation.ts";
import type { Layout, Place } from "./layout.ts";
import { type Meta, metaFile, numberField, readMeta, readText, textField } from "./meta-file.ts";

/** Are the numbers of MLflow's RunStatus. */
export const statusNumbers: Record<RunStatus, number> = {
  RUNNING: 1,
  SCHEDULED: 2,
  FINISHED: 3,
  FAILED: 4,
  KILLED: 5,
};

/** Reads the info of a run; a run that is damaged is none, with a warning. */
export function readRunInfo(place: Place): RunInfo | undefined {
  try {
    return readExistingRunInfo(place);
  } catch (error) {
    if (!(error instanceof TrackingError)) throw error;
    logger.warn(error.message);
    return undefined;
  }
}

/** Returns what the meta.yaml of a run holds. */
export function runMeta({ folder }: Place): Meta {
  return readMeta(join(folder, metaFile)) ?? {};
}

/** Finds a run that may be written; one that is missing or deleted throws. */
export function findActiveRun(layout: Layout, runId: string): Place & { info: RunInfo } {
  const place = layout.findRun(runId);
  const info = readExistingRunInfo(place);
  if (info.lifecycleStage !== "active") throw invalid(`run ${runId}: it must be active, but it is deleted.`);
  return { ...place, info };
}

/** Reads the info of a run; one that is damaged throws. */
export function readExistingRunInfo(place: Place): RunInfo {
  const meta = runMeta(place);
  const runId = basename(place.folder);
  const named = [textField(meta, "run_id") ?? textField(meta, "run_uuid"), textField(meta, "experiment_id")];
  if (named[0] !== runId || named[1] !== place.experimentId) {
    throw new TrackingError(
      `file store: ${join(place.folder, metaFile)} must be of run ${runId} in experiment ${place.experimentId}, as its ` +
        `folders are named, got run ${named[0]} in experiment ${named[1]}. Rename or move the folder.`,
      { code: "INVALID_STATE" },
    );
  }
  const endTime = numberField(meta, "end_time");
  const status = numberField(meta, "status") ?? statusNumbers.RUNNING;
  const statuses = Object.keys(statusNumbers) as RunStatus[];
  return {
    runId,
    runName: textField(meta, "run_name") || (readText(join(place.folder, "tags", runNameTag)) ?? ""),
    experimentId: place.experimentId,
    userId: textField(meta, "user_id") ?? "",
    status: statuses.find((name) => statusNumbers[name] === status) ?? "RUNNING",
    startTime: numberField(meta, "start_time") ?? 0,
    ...(endTime !== undefined && { endTime }),
    lifecycleStage: textField(meta, "lifecycle_stage") === "deleted" ? "deleted" : "active",
    artifactUri: textField(meta, "artifact_uri") ?? "",
  };
}
