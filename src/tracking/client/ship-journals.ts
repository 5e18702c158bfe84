// Writes into the store what processes had logged when they died, or could not write to the very end.
import { SconceError, acquireLock, logger } from "../../base/index.ts";
import type { TrackingStore } from "../store.ts";
import { isLeft, listJournals, readJournal, removeJournal } from "./journal.ts";
import { shipEntries } from "./writer.ts";

/**
 * Ships the journals of a folder that belong to a store and that nobody writes any more, and deletes each when the store has
 * all of it. Returns how many entries were shipped. What fails stays for the next time.
 */
export async function shipJournals(store: TrackingStore, folder: string): Promise<number> {
  let shipped = 0;
  for (const path of listJournals(folder)) {
    try {
      shipped += await shipJournal(store, path);
    } catch (error) {
      logger.warn(
        `tracking: ${path} cannot be shipped yet. ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }
  return shipped;
}

async function shipJournal(store: TrackingStore, path: string): Promise<number> {
  if (!isOurs(store, path)) return 0;
  const lock = await acquireLock(`${path}.lock`, { what: path, timeoutMs: 10_000 });
  try {
    if (!isOurs(store, path)) return 0; // another process was faster
    const journal = readJournal(path);
    if (journal === undefined) return 0;
    const count = journal.entries.length;
    await shipUnlessGone(store, journal.header.runId, journal.entries);
    removeJournal(path);
    if (count > 0)
      logger.info(`tracking: ${count} logged values of run ${journal.header.runId} are written now.`);
    return count;
  } finally {
    lock.release();
  }
}

function isOurs(store: TrackingStore, path: string): boolean {
  try {
    const header = readJournal(path)?.header;
    return header !== undefined && header.storeUri === store.uri && isLeft(path, header);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

async function shipUnlessGone(
  store: TrackingStore,
  runId: string,
  entries: Parameters<typeof shipEntries>[2],
): Promise<void> {
  try {
    await shipEntries(store, runId, entries, () => {});
  } catch (error) {
    if (!SconceError.is(error) || error.code !== "RESOURCE_DOES_NOT_EXIST") throw error;
    logger.warn(`tracking: run ${runId} is no longer in the store, its journal is dropped.`);
  }
}
