// Measures how fast training goes, without validation, saving and other callbacks.
import type { Run } from "../run.ts";
import type { Callback, StepInfo } from "./callback.ts";

/** Logs `samples_per_second` whenever metrics are logged, and knows the mean of the whole run. */
export class Throughput implements Callback {
  readonly name = "throughput";
  #items = 0;
  #seconds = 0;
  #intervalItems = 0;
  #intervalSeconds = 0;
  #startedAt = 0;

  /** Rows per second since training began. */
  get samplesPerSecond(): number {
    return this.#items / this.#seconds;
  }

  onTrainBatchStart(): void {
    this.#startedAt = performance.now();
  }

  onTrainBatchEnd(run: Run, { items }: StepInfo): void {
    const seconds = (performance.now() - this.#startedAt) / 1000;
    this.#items += items;
    this.#seconds += seconds;
    this.#intervalItems += items;
    this.#intervalSeconds += seconds;
    if (run.state.step % run.config.logEveryNSteps !== 0) return;
    run.log({ samples_per_second: this.#intervalItems / this.#intervalSeconds });
    this.#intervalItems = this.#intervalSeconds = 0;
  }
}
