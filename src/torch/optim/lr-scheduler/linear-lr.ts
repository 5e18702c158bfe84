// Schedules that hold, ramp or decay the rate over the first `totalIters` epochs.
import { checkNumber } from "../options.ts";
import type { Optimizer } from "../optimizer.ts";
import { LRScheduler } from "./lr-scheduler.ts";
import type { LRSchedulerOptions } from "./lr-scheduler.ts";

/** Options of `ConstantLR`. */
export interface ConstantLROptions extends LRSchedulerOptions {
  /** @default 1 / 3 */
  factor?: number;
  /** Epochs that the factor lasts. @default 5 */
  totalIters?: number;
}

/** Multiplies the rate by `factor` for the first `totalIters` epochs, and by 1 afterwards. */
export class ConstantLR extends LRScheduler {
  readonly factor: number;
  readonly totalIters: number;

  constructor(optimizer: Optimizer, { factor = 1 / 3, totalIters = 5, ...options }: ConstantLROptions = {}) {
    super(optimizer, options);
    // 0 could not be undone when the factor ends
    checkNumber("ConstantLR", "factor", factor, { above: 0, max: 1 });
    checkNumber("ConstantLR", "totalIters", totalIters, { min: 0, integer: true });
    this.factor = factor;
    this.totalIters = totalIters;
    this.initialStep();
  }

  protected override getLr(): number[] {
    const { lastEpoch, factor } = this;
    if (lastEpoch === 0) return this.currentLr().map((lr) => lr * factor);
    if (lastEpoch !== this.totalIters) return this.currentLr();
    return this.currentLr().map((lr) => lr * (1 / factor));
  }

  protected override closedFormLr(): number[] {
    const factor = this.lastEpoch >= this.totalIters ? 1 : this.factor;
    return this.baseLrs.map((lr) => lr * factor);
  }

  protected override stateFields(): Record<string, string> {
    return { ...super.stateFields(), factor: "factor", totalIters: "total_iters" };
  }
}

/** Options of `LinearLR`. */
export interface LinearLROptions extends LRSchedulerOptions {
  /** @default 1 / 3 */
  startFactor?: number;
  /** @default 1 */
  endFactor?: number;
  /** Epochs from `startFactor` to `endFactor`. @default 5 */
  totalIters?: number;
}

/** Multiplies the rate by a factor that goes in a line from `startFactor` to `endFactor`. */
export class LinearLR extends LRScheduler {
  readonly startFactor: number;
  readonly endFactor: number;
  readonly totalIters: number;

  constructor(optimizer: Optimizer, options: LinearLROptions = {}) {
    const { startFactor = 1 / 3, endFactor = 1, totalIters = 5, ...rest } = options;
    super(optimizer, rest);
    checkNumber("LinearLR", "startFactor", startFactor, { above: 0, max: 1 });
    checkNumber("LinearLR", "endFactor", endFactor, { min: 0, max: 1 });
    checkNumber("LinearLR", "totalIters", totalIters, { min: 1, integer: true });
    this.startFactor = startFactor;
    this.endFactor = endFactor;
    this.totalIters = totalIters;
    this.initialStep();
  }

  protected override getLr(): number[] {
    const { startFactor, totalIters, lastEpoch } = this;
    if (lastEpoch === 0) return this.currentLr().map((lr) => lr * startFactor);
    if (this.isInitial || lastEpoch > totalIters) return this.currentLr();
    const rise = this.endFactor - startFactor;
    return this.currentLr().map(
      (lr) => lr * (1 + rise / (totalIters * startFactor + (lastEpoch - 1) * rise)),
    );
  }

  protected override closedFormLr(): number[] {
    const rise = this.endFactor - this.startFactor;
    const epoch = Math.min(this.totalIters, this.lastEpoch);
    return this.baseLrs.map((lr) => lr * (this.startFactor + (rise * epoch) / this.totalIters));
  }

  protected override stateFields(): Record<string, string> {
    return {
      ...super.stateFields(),
      startFactor: "start_factor",
      endFactor: "end_factor",
      totalIters: "total_iters",
    };
  }
}

/** Options of `PolynomialLR`. */
export interface PolynomialLROptions extends LRSchedulerOptions {
  /** Epochs until the rate is 0. @default 5 */
  totalIters?: number;
  /** @default 1 */
  power?: number;
}

/** Multiplies the rate by `(1 - epoch / totalIters) ** power`. */
export class PolynomialLR extends LRScheduler {
  readonly totalIters: number;
  readonly power: number;

  constructor(optimizer: Optimizer, { totalIters = 5, power = 1, ...options }: PolynomialLROptions = {}) {
    super(optimizer, options);
    checkNumber("PolynomialLR", "totalIters", totalIters, { min: 1, integer: true });
    checkNumber("PolynomialLR", "power", power);
    this.totalIters = totalIters;
    this.power = power;
    this.initialStep();
  }

  protected override getLr(): number[] {
    const { lastEpoch, totalIters } = this;
    if (this.isInitial || lastEpoch > totalIters) return this.currentLr();
    const decay = ((1 - lastEpoch / totalIters) / (1 - (lastEpoch - 1) / totalIters)) ** this.power;
    return this.currentLr().map((lr) => lr * decay);
  }

  protected override closedFormLr(): number[] {
    const left = 1 - Math.min(this.totalIters, this.lastEpoch) / this.totalIters;
    return this.baseLrs.map((lr) => lr * left ** this.power);
  }

  protected override stateFields(): Record<string, string> {
    return { ...super.stateFields(), totalIters: "total_iters", power: "power" };
  }
}
