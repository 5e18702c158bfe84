// What changed, in order and with numbers, so that live views can be told and go on where they were. Nothing waits for a
// view: one that is so far behind that what it lacks is no longer kept is told to read anew.
import { randomBytes } from "node:crypto";
import type { Metric } from "../types.ts";

/** Is one change: which entity, its id, and the points that were logged. `reset`: what went before is not known any more. */
export interface Change {
  kind: "experiment" | "run" | "logged_model" | "registered_model" | "reset";
  id: string;
  metrics?: readonly Metric[];
}

/** Says how much is kept for those who are behind or come back. */
export interface ChangeFeedOptions {
  /** @default 10000 */
  maxChanges?: number;
  /** @default 100000 */
  maxPoints?: number;
}

/** Keeps the last changes, and wakes who waits for the next. */
export class ChangeFeed {
  /** Tells this feed's events from those of a server that ran before. */
  readonly #name = randomBytes(6).toString("hex");
  readonly #listeners = new Set<() => void>();
  readonly #maxChanges: number;
  readonly #maxPoints: number;
  readonly #kept: Change[] = [];
  #points = 0;
  #count = 0;

  constructor({ maxChanges = 10_000, maxPoints = 100_000 }: ChangeFeedOptions = {}) {
    this.#maxChanges = maxChanges;
    this.#maxPoints = maxPoints;
  }

  /** Id of the newest event. */
  get lastEventId(): string {
    return this.#idOf(this.#count);
  }

  publish(change: Change): void {
    this.#count++;
    this.#kept.push(change);
    this.#points += change.metrics?.length ?? 0;
    while (this.#kept.length > this.#maxChanges || this.#points > this.#maxPoints)
      this.#points -= this.#kept.shift()?.metrics?.length ?? 0;
    for (const listener of this.#listeners) listener();
  }

  /**
   * Returns what follows the event `after`, with its id, or undefined where that was the newest. What is not known any
   * more, or is another server's, is answered with a `reset` that leads to the newest.
   */
  next(after: string): { change: Change; eventId: string } | undefined {
    const [name, number = ""] = after.split("-");
    const position = /^\d{1,15}$/.test(number) ? Number(number) : NaN;
    const first = this.#count - this.#kept.length; // events up to this one are forgotten
    if (name !== this.#name || !(position >= first && position <= this.#count))
      return { change: { kind: "reset", id: "" }, eventId: this.lastEventId };
    const change = this.#kept[position - first];
    return change && { change, eventId: this.#idOf(position + 1) };
  }

  /** Calls `listener` after every change from now on; returns the function that ends it. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #idOf(position: number): string {
    return `${this.#name}-${position}`;
  }
}
