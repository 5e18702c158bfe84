// Logs the learning rate of each parameter group.
import type { Run } from "../run.ts";
import type { Callback } from "./callback.ts";

/** Logs `lr-<optimizer>` (with `/pg1`, `/pg2` ... where there are several groups), as Lightning's LearningRateMonitor. */
export class LearningRateMonitor implements Callback {
  readonly name = "lr_monitor";
  readonly #interval: "step" | "epoch" | undefined;

  /** Logs at each logging step, or (`epoch`) at the start of each epoch. */
  constructor({ loggingInterval }: { loggingInterval?: "step" | "epoch" | undefined } = {}) {
    this.#interval = loggingInterval;
  }

  onTrainEpochStart(run: Run): void {
    if (this.#interval !== "step") this.#log(run);
  }

  onTrainBatchEnd(run: Run): void {
    if (this.#interval !== "epoch" && run.state.step % run.config.logEveryNSteps === 0) this.#log(run);
  }

  #log(run: Run): void {
    const seen = new Map<string, number>();
    const rates: Record<string, number> = {};
    for (const { name, paramGroups } of run.optimizers) {
      const count = seen.get(name) ?? 0;
      seen.set(name, count + 1);
      const key = `lr-${name}${count === 0 ? "" : `-${count}`}`;
      for (const [i, { lr }] of paramGroups.entries())
        rates[paramGroups.length === 1 ? key : `${key}/pg${i + 1}`] = lr;
    }
    run.log(rates);
  }
}
