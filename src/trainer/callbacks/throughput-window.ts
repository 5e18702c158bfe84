// Rates over the last updates, by the names and rules of Lightning's Throughput.

/** Totals since the measurement began; each grows with every update. */
export interface ThroughputTotals {
  seconds: number;
  batches: number;
  samples: number;
  /** Tokens or other items in the samples. */
  lengths?: number | undefined;
  /** Floating-point operations since the update before. */
  flops?: number | undefined;
}

/** Keeps the last `windowSize` totals, and says what went by per second between the first and the last of them. */
export class ThroughputWindow {
  readonly #windowSize: number;
  readonly #separator: string;
  readonly #updates: ThroughputTotals[] = [];

  constructor({ windowSize, separator }: { windowSize: number; separator: string }) {
    this.#windowSize = windowSize;
    this.#separator = separator;
  }

  update(totals: ThroughputTotals): void {
    this.#updates.push(totals);
    if (this.#updates.length > this.#windowSize) this.#updates.shift();
  }

  /**
   * Returns the totals, and the rates once the window is full; `availableFlops` are those of the device in a second. No
   * rates come where the clock has not moved.
   */
  compute(availableFlops?: number): Record<string, number> {
    const last = this.#updates.at(-1);
    if (last === undefined) return {};
    const metrics: Record<string, number> = {
      time: last.seconds,
      batches: last.batches,
      samples: last.samples,
    };
    if (last.lengths !== undefined) metrics["lengths"] = last.lengths;
    const first = this.#updates[0]!;
    const seconds = last.seconds - first.seconds;
    if (this.#updates.length < this.#windowSize || seconds <= 0) return metrics;
    const rate = (name: string, amount: number) =>
      (metrics[`device${this.#separator}${name}`] = amount / seconds);
    rate("batches_per_sec", last.batches - first.batches);
    rate("samples_per_sec", last.samples - first.samples);
    if (last.lengths !== undefined && first.lengths !== undefined)
      rate("items_per_sec", last.lengths - first.lengths);
    if (this.#updates.some(({ flops }) => flops === undefined)) return metrics;
    const flops = rate(
      "flops_per_sec",
      this.#updates.slice(1).reduce((sum, update) => sum + update.flops!, 0),
    );
    if (availableFlops !== undefined) metrics[`device${this.#separator}mfu`] = flops / availableFlops;
    return metrics;
  }
}
