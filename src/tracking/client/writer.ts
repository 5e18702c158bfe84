// Ships what a run logs in batches, in the background. A store that fails costs a warning, not the training.
import { existsSync, rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { SconceError, TrackingError, logger } from "../../base/index.ts";
import { artifactRepository } from "../artifacts/open-repository.ts";
import type { TrackingStore } from "../store.ts";
import type { Metric, Param, RunTag } from "../types.ts";
import { present } from "../wire.ts";
import { limits } from "../validation.ts";
import type { Journal, JournalEntry, StagedArtifact } from "./journal.ts";

/** Says how long points wait for company. */
export interface WriterOptions {
  /** Longest wait of a point before it is written. @default 1000 */
  flushIntervalMs?: number;
}

/** Says what could not be written, why, and which file keeps it. */
export interface CloseReport {
  unwritten: number;
  error: unknown;
  journal?: string;
}

const maxRetryMs = 30_000;

/** Keeps entries in order until the store has taken them: each is written once, none is dropped but what is invalid. */
export class RunWriter {
  readonly #store: TrackingStore;
  readonly #runId: string;
  readonly #journal: Journal | undefined;
  readonly #flushIntervalMs: number;
  readonly #pending: JournalEntry[] = [];
  #timer: NodeJS.Timeout | undefined;
  #shipping: Promise<void> | undefined;
  #failures = 0;
  #lastError: unknown;
  #nextAttempt = 0;
  #journalFails = false;

  constructor(
    store: TrackingStore,
    runId: string,
    journal: Journal | undefined,
    { flushIntervalMs = 1000 }: WriterOptions = {},
  ) {
    this.#store = store;
    this.#runId = runId;
    this.#journal = journal;
    this.#flushIntervalMs = flushIntervalMs;
  }

  /** Returns how many entries the store has not taken yet. */
  get pending(): number {
    return this.#pending.length;
  }

  /** Takes entries: into the journal at once, into the store soon. */
  add(entries: readonly JournalEntry[]): void {
    if (entries.length === 0) return;
    this.#record(entries);
    const now = Date.now();
    if (this.#pending.length === 0) this.#nextAttempt = now + this.#flushIntervalMs;
    for (const entry of entries) this.#pending.push(entry);
    const isFull = this.#failures === 0 && this.#pending.length >= limits.entitiesPerBatch;
    // a loop that never leaves its promises starves timers, so the clock is read here as well
    if (isFull || now >= this.#nextAttempt) void this.#ship();
    else this.#schedule();
  }

  /** Writes all that is pending; throws when the store does not take it, and keeps it for the next try. */
  async flush(): Promise<void> {
    await this.#ship();
    if (this.#pending.length > 0) await this.#ship(); // entries that came while the first batch was on its way
    if (this.#pending.length === 0) return;
    throw new TrackingError(
      `run ${this.#runId}: ${this.#pending.length} logged values are not written yet (${firstLine(this.#lastError)}). ` +
        "They are kept and tried again.",
      { code: "TEMPORARILY_UNAVAILABLE", cause: this.#lastError },
    );
  }

  /** Writes all that is pending, with a few tries; what could not be written stays in the journal. */
  async close(): Promise<CloseReport> {
    for (const waitMs of [0, 250, 1000]) {
      if (waitMs > 0) await sleep(waitMs);
      await this.#ship();
      if (this.#pending.length === 0) break;
    }
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const unwritten = this.#pending.length;
    if (unwritten === 0 || this.#journalFails) {
      this.#journal?.remove();
      return { unwritten, error: this.#lastError };
    }
    return { unwritten, error: this.#lastError, ...present({ journal: this.#journal?.leave() }) };
  }

  #record(entries: readonly JournalEntry[]): void {
    if (this.#journal === undefined || this.#journalFails) return;
    try {
      this.#journal.append(entries);
    } catch (error) {
      this.#journalFails = true; // it has a gap now: memory alone is left
      logger.warn(
        `tracking: ${this.#journal.path} cannot be written (${firstLine(error)}); what the store has not taken yet ` +
          "would be lost if this process were killed.",
      );
    }
  }

  /** Ships until nothing is pending or the store fails. One at a time; never rejects. */
  #ship(): Promise<void> {
    this.#shipping ??= this.#shipAll().finally(() => {
      this.#shipping = undefined;
      if (this.#pending.length > 0) this.#schedule();
    });
    return this.#shipping;
  }

  async #shipAll(): Promise<void> {
    try {
      await shipEntries(this.#store, this.#runId, this.#pending, (count) => {
        if (!this.#journalFails) this.#journal?.markTaken(count);
        this.#succeeded();
      });
    } catch (error) {
      this.#failed(error);
    }
  }

  #succeeded(): void {
    this.#nextAttempt = Date.now() + this.#flushIntervalMs;
    if (this.#failures === 0) return;
    this.#failures = 0;
    logger.info("tracking: the store takes values again; nothing was lost.");
  }

  #failed(error: unknown): void {
    this.#lastError = error;
    this.#failures++;
    const waitMs = Math.min(this.#flushIntervalMs * 2 ** this.#failures, maxRetryMs);
    this.#nextAttempt = Date.now() + waitMs;
    if (this.#failures > 1) return; // said once
    logger.warn(
      `tracking: the store fails; values are kept and tried again, training goes on. ${firstLine(error)}`,
    );
  }

  #schedule(): void {
    if (this.#timer !== undefined) return;
    const waitMs = Math.max(0, this.#nextAttempt - Date.now());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#ship();
    }, waitMs);
    this.#timer.unref();
  }
}

/**
 * Writes entries to the store in order, and takes each from the front of the list when the store has it, telling
 * `onTaken` how many. What the store finds invalid is left out with a warning; any other failure throws.
 */
export async function shipEntries(
  store: TrackingStore,
  runId: string,
  entries: JournalEntry[],
  onTaken: (count: number) => void,
): Promise<void> {
  let size: number = limits.entitiesPerBatch;
  while (entries.length > 0) {
    const batch = nextBatch(entries, size);
    try {
      await writeBatch(store, runId, batch);
      entries.splice(0, batch.length);
      onTaken(batch.length);
    } catch (error) {
      if (!isInvalid(error)) throw error;
      // halve the batch until the bad entry stands alone
      if (batch.length > 1) {
        size = Math.ceil(batch.length / 2);
        continue;
      }
      entries.splice(0, 1);
      onTaken(1);
      logger.warn(`tracking: a value of run ${runId} is left out. ${firstLine(error)}`);
    }
    size = limits.entitiesPerBatch;
  }
}

function nextBatch(entries: readonly JournalEntry[], size: number): JournalEntry[] {
  if (entries[0]?.kind === "end" || entries[0]?.kind === "artifact") return entries.slice(0, 1);
  const room = {
    metric: limits.metricsPerBatch as number,
    param: limits.paramsPerBatch as number,
    tag: limits.tagsPerBatch as number,
    artifact: 0,
    end: 0,
  };
  const batch: JournalEntry[] = [];
  for (const entry of entries) {
    if (batch.length === size || room[entry.kind]-- === 0) break;
    batch.push(entry);
  }
  return batch;
}

async function writeBatch(
  store: TrackingStore,
  runId: string,
  batch: readonly JournalEntry[],
): Promise<void> {
  const metrics: Metric[] = [];
  const params: Param[] = [];
  const tags: RunTag[] = [];
  for (const entry of batch) {
    if (entry.kind === "end") return void (await store.updateRun({ runId, ...entry.item }));
    if (entry.kind === "artifact") return sendArtifact(store, entry.item);
    if (entry.kind === "metric") metrics.push(entry.item);
    else if (entry.kind === "param") params.push(entry.item);
    else tags.push(entry.item);
  }
  await store.logBatch({ runId, metrics, params, tags });
}

async function sendArtifact(
  store: TrackingStore,
  { artifactUri, path, file }: StagedArtifact,
): Promise<void> {
  if (!existsSync(file)) return; // it was sent, and the process died before it could say so
  await artifactRepository(artifactUri, store).logFile(file, path);
  rmSync(file, { force: true });
}

/** Tells whether a store would refuse the same thing again. */
function isInvalid(error: unknown): boolean {
  return SconceError.is(error) && ["INVALID_PARAMETER_VALUE", "REQUEST_LIMIT_EXCEEDED"].includes(error.code);
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? "";
}
