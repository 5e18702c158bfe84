// Logs the learning rate of each parameter group.
import type { Run } from "../run.ts";
import type { Callback } from "./callback.ts";

/** Options by Lightning's names. */
export interface LearningRateMonitorConfig {
  /** Logs at each logging step, or (`epoch`) at the start of each epoch. @default both */
  loggingInterval?: "step" | "epoch" | undefined;
  /** Also logs the momentum, or the first of betas, as `lr-<optimizer>-momentum`. @default false */
  logMomentum?: boolean;
  /** Also logs the weight decay, as `lr-<optimizer>-weight_decay`. @default false */
  logWeightDecay?: boolean;
}

/** Logs `lr-<optimizer>` (with `/pg1`, `/pg2` ... where there are several groups), as Lightning's LearningRateMonitor. */
export class LearningRateMonitor implements Callback {
  readonly name = "lr_monitor";
  readonly #interval: "step" | "epoch" | undefined;
  readonly #logMomentum: boolean;
  readonly #logWeightDecay: boolean;

  constructor({
    loggingInterval,
    logMomentum = false,
    logWeightDecay = false,
  }: LearningRateMonitorConfig = {}) {
    this.#interval = loggingInterval;
    this.#logMomentum = logMomentum;
    this.#logWeightDecay = logWeightDecay;
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
      for (const [i, group] of paramGroups.entries()) {
        const own = paramGroups.length === 1 ? key : `${key}/pg${i + 1}`;
        const { momentum = 0, betas } = group as { momentum?: number; betas?: readonly number[] };
        rates[own] = group.lr;
        if (this.#logMomentum) rates[`${own}-momentum`] = betas?.[0] ?? momentum;
        if (this.#logWeightDecay) rates[`${own}-weight_decay`] = group.weightDecay ?? 0;
      }
    }
    run.log(rates);
  }
}
