// Says how long training waits for data.
import type { Run } from "../run.ts";
import type { Callback, StepInfo } from "./callback.ts";

/**
 * Logs, whenever metrics are logged, `train/data_wait_seconds`, the mean of a step since they were logged before, and
 * `train/data_wait_share`, its part of the steps' time (0 to 1); validation and callbacks after a step are no part of it.
 */
export class DataWaitMonitor implements Callback {
  readonly name = "data_wait_monitor";
  #startedAt = 0;
  #waited = 0;
  #total = 0;
  #steps = 0;

  onTrainBatchStart(): void {
    this.#startedAt = performance.now();
  }

  onTrainBatchEnd(run: Run, { dataSeconds }: StepInfo): void {
    this.#waited += dataSeconds;
    this.#total += (performance.now() - this.#startedAt) / 1000;
    this.#steps++;
    if (run.state.step % run.config.logEveryNSteps !== 0) return;
    run.log({
      "train/data_wait_seconds": this.#waited / this.#steps,
      "train/data_wait_share": this.#total > 0 ? this.#waited / this.#total : 0,
    });
    this.#waited = this.#total = this.#steps = 0;
  }
}
