// Sums that a loop adds to as it goes.
import { UsageError } from "../base/index.ts";

/**
 * Averages values weighted by their items, so that an uneven last batch counts for what it holds.
 *
 * @example
 * const loss = new RunningMean();
 * loss.add(1, 32);
 * loss.add(4, 16);
 * loss.value; // => 2
 */
export class RunningMean {
  #sum = 0;
  #items = 0;

  /** Adds a mean over `items` items; a `NaN` stays visible in the result. */
  add(value: number, items = 1): void {
    if (!(items >= 0)) {
      throw new UsageError(
        `RunningMean: items must be at least 0, got ${items}. Pass the size of the batch.`,
      );
    }
    if (items === 0) return;
    this.#sum += value * items;
    this.#items += items;
  }

  /** Number of items added so far. */
  get items(): number {
    return this.#items;
  }

  /** The mean so far; `NaN` before the first item. */
  get value(): number {
    return this.#sum / this.#items;
  }

  reset(): void {
    this.#sum = 0;
    this.#items = 0;
  }
}
