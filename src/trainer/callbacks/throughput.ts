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
  #since = 0;

  /** Rows per second since training began. */
  get samplesPerSecond(): number {
    return this.#items / this.#seconds;
  }

  onTrainBatchStart(): void {
    this.#since = performance.now();
  }

  onValidationStart(run: Run): void {
    if (run.stage === "fit" && !run.isSanityChecking) this.#count(0);
  }

  onValidationEnd(): void {
    this.#since = performance.now();
  }

  onTrainBatchEnd(run: Run, step: StepInfo): void {
    this.#count(step.items);
    if (run.state.step % run.config.logEveryNSteps !== 0) return;
    run.log({ samples_per_second: this.#intervalItems / this.#intervalSeconds });
    this.#intervalItems = this.#intervalSeconds = 0;
  }

  #count(items: number): void {
    const now = performance.now();
    const seconds = (now - this.#since) / 1000;
    this.#since = now;
    this.#items += items;
    this.#seconds += seconds;
    this.#intervalItems += items;
    this.#intervalSeconds += seconds;
  }
}
