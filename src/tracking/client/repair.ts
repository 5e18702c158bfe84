// Finds runs whose process is gone, writes what it had still logged, and says in the store how it ended.
import { isProcessGone, logger } from "../../base/index.ts";
import { eachPage } from "../paged-list.ts";
import type { TrackingStore } from "../store.ts";
import { present } from "../wire.ts";
import type { Run, RunStatus } from "../types.ts";
import { processTags } from "./context.ts";
import { defaultJournalFolder } from "./journal.ts";
import { endTags } from "./end-tags.ts";
import { isLeaseOver } from "./lease.ts";
import { shipJournals } from "./ship-journals.ts";

/** Says what is known about a process that ended. */
export interface ProcessEnd {
  pid: number;
  /** The code that it ended with, null after a signal. */
  exitCode: number | null;
  signal: NodeJS.Signals | null;
  /** Whether the system ended it because memory ran out. @default false */
  outOfMemory?: boolean;
}

/** Says what repairing may use. */
export interface RepairOptions {
  /** Tells how a process ended, where the caller saw it. */
  end?: ProcessEnd;
  /** @default as for a run */
  journalFolder?: string;
}

/** Returns the runs that are RUNNING without a process, or whose lease is over; runs of other programs are left out. */
export async function findDeadRuns(store: TrackingStore): Promise<Run[]> {
  const dead: Run[] = [];
  const search = (pageToken: string | undefined) =>
    store.searchRuns({ filter: "attributes.status = 'RUNNING'", ...present({ pageToken }) });
  for await (const run of eachPage(search)) if (isDead(run)) dead.push(run);
  return dead;
}

/**
 * Ships the journals of dead processes, then marks runs that are RUNNING without a process FAILED, or KILLED after a
 * signal, with the reason and the last step, and returns their ids.
 * A run of this host is dead when its process is gone, one of another host when its lease is over by a period. Runs that
 * other programs log are left alone.
 */
export async function repairRuns(
  store: TrackingStore,
  { end, journalFolder = defaultJournalFolder() }: RepairOptions = {},
): Promise<string[]> {
  await shipJournals(store, journalFolder);
  const repaired: string[] = [];
  for (const run of await findDeadRuns(store)) {
    const { runId, runName } = run.info;
    const seen = end !== undefined && run.data.tags[processTags.pid] === String(end.pid) ? end : undefined;
    const status: RunStatus = seen?.signal == null ? "FAILED" : "KILLED";
    await store.setTags(runId, {
      [endTags.reason]: reasonOf(run, seen),
      ...present({
        [endTags.signal]: seen?.signal ?? undefined,
        [endTags.exitCode]: seen?.exitCode == null ? undefined : String(seen.exitCode),
        [endTags.lastStep]: lastStep(run),
        [endTags.outOfMemory]: seen?.outOfMemory === true ? "true" : undefined,
      }),
    });
    await store.updateRun({ runId, status, endTime: lastSign(run) });
    logger.info(`tracking: run ${runName} (${runId}) is marked ${status}, its process is gone.`);
    repaired.push(runId);
  }
  return repaired;
}

function isDead({ data: { tags } }: Run): boolean {
  const pid = Number(tags[processTags.pid]);
  const host = tags[processTags.host];
  if (host === undefined || !Number.isInteger(pid) || pid <= 0) return false;
  return isProcessGone({ pid, host, start: tags[processTags.start] }) || isLeaseOver(tags);
}

function reasonOf({ data: { tags } }: Run, end: ProcessEnd | undefined): string {
  const process = `process ${tags[processTags.pid]} on ${tags[processTags.host]}`;
  if (end?.outOfMemory === true) return `${process} was ended by the system, as memory ran out`;
  if (end?.signal != null) return `${process} was ended by ${end.signal}`;
  const exitCode = end?.exitCode ?? tags[endTags.exitCode];
  const [error] = tags[endTags.lastError]?.split("\n") ?? [];
  if (exitCode != null)
    return `${process} ended with exit code ${exitCode}${error === undefined ? "" : `: ${error}`}`;
  return isLeaseOver(tags) ? `${process} gave no sign of life` : `${process} is gone`;
}

/** Returns when the run gave its last sign of life. */
function lastSign({ info, data }: Run): number {
  return Math.max(info.startTime, ...data.latestMetrics.map(({ timestamp }) => timestamp));
}

function lastStep({ data }: Run): string | undefined {
  const steps = data.latestMetrics.filter(({ key }) => !key.startsWith("system/")).map(({ step }) => step);
  return steps.length === 0 ? undefined : String(Math.max(...steps));
}
