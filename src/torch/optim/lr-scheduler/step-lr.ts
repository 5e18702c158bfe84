// Schedules that multiply the rate at some or all epochs.
import { checkNumber } from "../options.ts";
import type { Optimizer } from "../optimizer.ts";
import { LRScheduler } from "./lr-scheduler.ts";
import type { LRSchedulerOptions } from "./lr-scheduler.ts";

/** Options of `StepLR` and `MultiStepLR`. */
export interface StepLROptions extends LRSchedulerOptions {
  /** @default 0.1 */
  gamma?: number;
}

/** Multiplies the rate by `gamma` every `stepSize` epochs. */
export class StepLR extends LRScheduler {
  readonly stepSize: number;
  readonly gamma: number;

  constructor(optimizer: Optimizer, stepSize: number, { gamma = 0.1, ...options }: StepLROptions = {}) {
    super(optimizer, options);
    checkNumber("StepLR", "stepSize", stepSize, { min: 1, integer: true });
    checkNumber("StepLR", "gamma", gamma, { min: 0 });
    this.stepSize = stepSize;
    this.gamma = gamma;
    this.initialStep();
  }

  protected override getLr(): number[] {
    if (this.lastEpoch === 0 || this.lastEpoch % this.stepSize !== 0) return this.currentLr();
    return this.currentLr().map((lr) => lr * this.gamma);
  }

  protected override closedFormLr(): number[] {
    return this.baseLrs.map((lr) => lr * this.gamma ** Math.floor(this.lastEpoch / this.stepSize));
  }

  protected override stateFields(): Record<string, string> {
    return { ...super.stateFields(), stepSize: "step_size", gamma: "gamma" };
  }
}

/** Multiplies the rate by `gamma` at each of the `milestones`; one that is named twice counts twice. */
export class MultiStepLR extends LRScheduler {
  /** How often each epoch is named. */
  readonly milestones: Readonly<Record<number, number>>;
  readonly gamma: number;

  constructor(
    optimizer: Optimizer,
    milestones: readonly number[],
    { gamma = 0.1, ...options }: StepLROptions = {},
  ) {
    super(optimizer, options);
    const counts: Record<number, number> = {};
    milestones.forEach((epoch, i) => {
      checkNumber("MultiStepLR", `milestones[${i}]`, epoch, { min: 0, integer: true });
      counts[epoch] = (counts[epoch] ?? 0) + 1;
    });
    checkNumber("MultiStepLR", "gamma", gamma, { min: 0 });
    this.milestones = counts;
    this.gamma = gamma;
    this.initialStep();
  }

  protected override getLr(): number[] {
    const times = this.milestones[this.lastEpoch] ?? 0;
    return this.currentLr().map((lr) => lr * this.gamma ** times);
  }

  protected override closedFormLr(): number[] {
    const passed = Object.entries(this.milestones).filter(([epoch]) => Number(epoch) <= this.lastEpoch);
    const times = passed.reduce((sum, [, count]) => sum + count, 0);
    return this.baseLrs.map((lr) => lr * this.gamma ** times);
  }

  protected override stateFields(): Record<string, string> {
    return { ...super.stateFields(), milestones: "milestones", gamma: "gamma" };
  }
}

/** Multiplies the rate by `gamma` at every epoch. */
export class ExponentialLR extends LRScheduler {
  readonly gamma: number;

  constructor(optimizer: Optimizer, gamma: number, options: LRSchedulerOptions = {}) {
    super(optimizer, options);
    checkNumber("ExponentialLR", "gamma", gamma, { min: 0 });
    this.gamma = gamma;
    this.initialStep();
  }

  protected override getLr(): number[] {
    return this.currentLr().map((lr) => (this.isInitial ? lr : lr * this.gamma));
  }

  protected override closedFormLr(): number[] {
    return this.baseLrs.map((lr) => lr * this.gamma ** this.lastEpoch);
  }

  protected override stateFields(): Record<string, string> {
    return { ...super.stateFields(), gamma: "gamma" };
  }
}
