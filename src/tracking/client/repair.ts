// Finds runs whose process is gone, and says so in the store.
import { isProcessGone, logger } from "../../base/index.ts";
import { eachPage } from "../paged-list.ts";
import type { TrackingStore } from "../store.ts";
import type { Run } from "../types.ts";
import { processTags } from "./context.ts";
import { endReasonTag } from "./run.ts";

/** Returns the runs of this host that are RUNNING without a process; runs that other programs log are left out. */
export async function findDeadRuns(store: TrackingStore): Promise<Run[]> {
  const search = { filter: "attributes.status = 'RUNNING'" };
  const dead: Run[] = [];
  for await (const run of eachPage((pageToken) =>
    store.searchRuns({ ...search, ...(pageToken !== undefined && { pageToken }) }),
  )) {
    if (isDead(run)) dead.push(run);
  }
  return dead;
}

/**
 * Marks runs of this host FAILED that are RUNNING without a process, and returns their ids.
 * Runs of other hosts, and runs that other programs log, are left alone.
 */
export async function repairRuns(store: TrackingStore): Promise<string[]> {
  const repaired: string[] = [];
  for (const run of await findDeadRuns(store)) {
    const { runId } = run.info;
    await store.setTags(runId, { [endReasonTag]: `process ${run.data.tags[processTags.pid]} is gone` });
    await store.updateRun({ runId, status: "FAILED", endTime: lastSign(run) });
    logger.info(`tracking: run ${run.info.runName} (${runId}) is marked FAILED, its process is gone.`);
    repaired.push(runId);
  }
  return repaired;
}

function isDead({ data: { tags } }: Run): boolean {
  const pid = Number(tags[processTags.pid]);
  const host = tags[processTags.host];
  if (host === undefined || !Number.isInteger(pid) || pid <= 0) return false;
  return isProcessGone({ pid, host, start: tags[processTags.start] });
}

/** Returns when the run gave its last sign of life. */
function lastSign({ info, data }: Run): number {
  return Math.max(info.startTime, ...data.latestMetrics.map(({ timestamp }) => timestamp));
}
