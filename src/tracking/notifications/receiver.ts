// One receiver of events: a queue that is worked off in the background, in order, one event at a time.
import { setTimeout as sleep } from "node:timers/promises";
import { logger } from "../../base/index.ts";
import { withoutSecrets } from "../client/end-tags.ts";

const defaultMaxQueued = 1000;

/** Delivers one event; given up when the signal says so. */
export type Deliver = (stop: AbortSignal) => Promise<void>;

/** Is somebody who is told. What goes wrong is a warning. */
export class Receiver {
  readonly #name: string;
  readonly #maxQueued: number;
  readonly #queue: Deliver[] = [];
  readonly #stopped = new AbortController();
  #working: Promise<void> = Promise.resolve();
  #isWorking = false;
  #isFull = false;

  /** Takes the name for warnings, and how many deliveries may wait: what comes on top is dropped. @default 1000 */
  constructor(name: string, maxQueued = defaultMaxQueued) {
    this.#name = name;
    this.#maxQueued = maxQueued;
  }

  add(deliver: Deliver): void {
    if (this.#stopped.signal.aborted) return;
    if (this.#queue.length >= this.#maxQueued) {
      if (!this.#isFull)
        this.#warn(`${this.#maxQueued} events wait for it already; more are dropped until it takes some`);
      this.#isFull = true;
      return;
    }
    this.#queue.push(deliver);
    if (!this.#isWorking) this.#working = this.#work();
  }

  get isIdle(): boolean {
    return !this.#isWorking;
  }

  /** Resolves when nothing waits any more. */
  idle(): Promise<void> {
    return this.#working;
  }

  /** Gives up what still waits. */
  stop(): void {
    const left = this.#queue.length;
    if (left > 0) this.#warn(`${left} ${left === 1 ? "event was" : "events were"} not told to it`);
    this.#stopped.abort();
    this.#queue.length = 0;
  }

  async #work(): Promise<void> {
    this.#isWorking = true;
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      try {
        await next(this.#stopped.signal);
      } catch (error) {
        if (!this.#stopped.signal.aborted) this.#warn(withoutSecrets((error as Error).message));
      }
      this.#queue.shift();
      this.#isFull = false;
    }
    this.#isWorking = false;
  }

  #warn(message: string): void {
    logger.warn(`notifications: ${this.#name}: ${message}`);
  }
}

/** Waits until receivers have been told all, but no longer than some time, and gives up what is not told then. */
export async function closeReceivers(receivers: readonly Receiver[], timeoutMs: number): Promise<void> {
  const done = new AbortController();
  const late = sleep(timeoutMs, undefined, { signal: done.signal }).catch(() => {});
  await Promise.race([Promise.all(receivers.map((receiver) => receiver.idle())), late]);
  done.abort();
  for (const receiver of receivers) receiver.stop();
}
