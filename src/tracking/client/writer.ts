// Ships what a run logs in batches, in the background. A store that fails costs a warning, not the training.
import { setTimeout as sleep } from "node:timers/promises";
import { SconceError, TrackingError, logger } from "../../base/index.ts";
import type { TrackingStore } from "../store.ts";
import type { Metric, Param, RunTag } from "../types.ts";
import { limits } from "../validation.ts";

/** Says how long points wait for company. */
export interface WriterOptions {
  /** Longest wait of a point before it is written. @default 1000 */
  flushIntervalMs?: number;
}

const maxRetryMs = 30_000;

type Item = { kind: "metric"; item: Metric } | { kind: "param"; item: Param } | { kind: "tag"; item: RunTag };

/** Keeps items in order until the store has taken them: each is written once, none is dropped but what is invalid. */
export class RunWriter {
  readonly #store: TrackingStore;
  readonly #runId: string;
  readonly #flushIntervalMs: number;
  readonly #pending: Item[] = [];
  #timer: NodeJS.Timeout | undefined;
  #shipping: Promise<void> | undefined;
  #failures = 0;
  #lastError: unknown;
  #nextAttempt = 0;

  constructor(store: TrackingStore, runId: string, { flushIntervalMs = 1000 }: WriterOptions = {}) {
    this.#store = store;
    this.#runId = runId;
    this.#flushIntervalMs = flushIntervalMs;
  }

  /** Returns how many items the store has not taken yet. */
  get pending(): number {
    return this.#pending.length;
  }

  add(items: readonly Item[]): void {
    if (items.length === 0) return;
    const now = Date.now();
    if (this.#pending.length === 0) this.#nextAttempt = now + this.#flushIntervalMs;
    for (const item of items) this.#pending.push(item);
    const isFull = this.#failures === 0 && this.#pending.length >= limits.entitiesPerBatch;
    // a loop that never leaves its promises starves timers, so the clock is read here as well
    if (isFull || now >= this.#nextAttempt) void this.#ship();
    else this.#schedule();
  }

  /** Writes all that is pending; throws when the store does not take it, and keeps it for the next try. */
  async flush(): Promise<void> {
    await this.#ship();
    if (this.#pending.length > 0) await this.#ship(); // items that came while the first batch was on its way
    if (this.#pending.length === 0) return;
    throw new TrackingError(
      `run ${this.#runId}: ${this.#pending.length} logged values are not written yet (${firstLine(this.#lastError)}). ` +
        "They are kept and tried again.",
      { code: "TEMPORARILY_UNAVAILABLE", cause: this.#lastError },
    );
  }

  /** Writes all that is pending, with a few tries, and returns how many items could not be written. */
  async close(): Promise<number> {
    for (const waitMs of [0, 250, 1000]) {
      if (waitMs > 0) await sleep(waitMs);
      await this.#ship();
      if (this.#pending.length === 0) break;
    }
    clearTimeout(this.#timer);
    this.#timer = undefined;
    return this.#pending.length;
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
    let size: number = limits.entitiesPerBatch;
    while (this.#pending.length > 0) {
      const batch = this.#nextBatch(size);
      try {
        await this.#store.logBatch({ runId: this.#runId, ...group(batch) });
        this.#pending.splice(0, batch.length);
        this.#succeeded();
      } catch (error) {
        if (!isInvalid(error)) return this.#failed(error);
        // halve the batch until the bad item stands alone
        if (batch.length > 1) {
          size = Math.ceil(batch.length / 2);
          continue;
        }
        this.#pending.splice(0, 1);
        logger.warn(`tracking: a value of run ${this.#runId} is left out. ${firstLine(error)}`);
      }
      size = limits.entitiesPerBatch;
    }
  }

  #nextBatch(size: number): Item[] {
    const room = {
      metric: limits.metricsPerBatch as number,
      param: limits.paramsPerBatch as number,
      tag: limits.tagsPerBatch as number,
    };
    const batch: Item[] = [];
    for (const entry of this.#pending) {
      if (batch.length === size || room[entry.kind]-- === 0) break;
      batch.push(entry);
    }
    return batch;
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

function group(batch: readonly Item[]): { metrics: Metric[]; params: Param[]; tags: RunTag[] } {
  return {
    metrics: batch.flatMap((entry) => (entry.kind === "metric" ? [entry.item] : [])),
    params: batch.flatMap((entry) => (entry.kind === "param" ? [entry.item] : [])),
    tags: batch.flatMap((entry) => (entry.kind === "tag" ? [entry.item] : [])),
  };
}

function isInvalid(error: unknown): boolean {
  return SconceError.is(error) && error.code === "INVALID_PARAMETER_VALUE";
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? "";
}
