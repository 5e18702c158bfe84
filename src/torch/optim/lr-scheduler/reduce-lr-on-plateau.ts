// Lowers the rate when a metric has stopped getting better.
import { checkChoice, checkNumber } from "../options.ts";
import type { Optimizer } from "../optimizer.ts";
import { checkMetric, isBetter, worstMetric } from "./best-metric.ts";
import { perGroup } from "./groups.ts";
import { LRScheduler } from "./lr-scheduler.ts";
import type { SchedulerStateDict } from "./lr-scheduler.ts";

/** Options of `ReduceLROnPlateau`. */
export interface ReduceLROnPlateauOptions {
  /** Whether the metric should fall or rise. @default "min" */
  mode?: "min" | "max";
  /** Multiplies the rate on a plateau. @default 0.1 */
  factor?: number;
  /** Epochs without improvement that are put up with. @default 10 */
  patience?: number;
  /** Smallest change that counts as better. @default 1e-4 */
  threshold?: number;
  /** Whether the threshold is a share of the best value or a difference. @default "rel" */
  thresholdMode?: "rel" | "abs";
  /** Epochs after a reduction in which none is counted as bad. @default 0 */
  cooldown?: number;
  /** Lowest rate; one for all groups, or one for each. @default 0 */
  minLr?: number | readonly number[];
  /** Reductions smaller than this are not made. @default 1e-8 */
  eps?: number;
}

/**
 * Multiplies the rate by `factor` after more than `patience` epochs without a better metric.
 *
 * @example
 * const optimizer = new optim.SGD([torch.ones([1])], { lr: 1 });
 * const scheduler = new optim.ReduceLROnPlateau(optimizer, { patience: 0, factor: 0.5 });
 * for (const loss of [1, 0.5, 0.6]) scheduler.step(loss);
 * scheduler.getLastLr(); // => [0.5]
 */
export class ReduceLROnPlateau extends LRScheduler {
  readonly mode: "min" | "max";
  readonly factor: number;
  readonly patience: number;
  readonly threshold: number;
  readonly thresholdMode: "rel" | "abs";
  readonly cooldown: number;
  readonly minLrs: readonly number[];
  readonly eps: number;
  best: number;
  cooldownCounter = 0;
  numBadEpochs = 0;

  constructor(optimizer: Optimizer, options: ReduceLROnPlateauOptions = {}) {
    super(optimizer);
    const where = "ReduceLROnPlateau";
    const { mode = "min", factor = 0.1, patience = 10, threshold = 1e-4, thresholdMode = "rel" } = options;
    const { cooldown = 0, minLr = 0, eps = 1e-8 } = options;
    checkChoice(where, "mode", mode, ["min", "max"]);
    checkNumber(where, "factor", factor, { min: 0, below: 1 });
    checkNumber(where, "patience", patience, { min: 0, integer: true });
    checkNumber(where, "threshold", threshold, { min: 0 });
    checkChoice(where, "thresholdMode", thresholdMode, ["rel", "abs"]);
    checkNumber(where, "cooldown", cooldown, { min: 0, integer: true });
    checkNumber(where, "eps", eps, { min: 0 });
    const minLrs = perGroup(where, optimizer, "minLr", minLr, { min: 0 });
    this.mode = mode;
    this.factor = factor;
    this.patience = patience;
    this.threshold = threshold;
    this.thresholdMode = thresholdMode;
    this.cooldown = cooldown;
    this.minLrs = minLrs;
    this.eps = eps;
    this.best = worstMetric(mode);
    this.lastEpoch = 0;
    this.lastLr = this.currentLr();
  }

  override get needsMetric(): boolean {
    return true;
  }

  /** Takes the metric of an epoch; NaN is never better. */
  override step(metric?: number): void {
    checkMetric(this, metric);
    this.lastEpoch++;
    if (isBetter(this, metric)) {
      this.best = metric;
      this.numBadEpochs = 0;
    } else {
      this.numBadEpochs++;
    }
    if (this.cooldownCounter > 0) {
      this.cooldownCounter--;
      this.numBadEpochs = 0;
    }
    if (this.numBadEpochs > this.patience) {
      this.setLr(this.getLr());
      this.cooldownCounter = this.cooldown;
      this.numBadEpochs = 0;
    }
    this.lastLr = this.currentLr();
  }

  protected override getLr(): number[] {
    return this.currentLr().map((lr, i) => {
      const lower = Math.max(lr * this.factor, this.minLrs[i] ?? 0);
      return lr - lower > this.eps ? lower : lr;
    });
  }

  /** Restores what `stateDict` gave; JSON has no infinity, so a `best` of null is the worst value. */
  override loadStateDict(saved: Readonly<SchedulerStateDict>): void {
    super.loadStateDict(saved["best"] === null ? { ...saved, best: worstMetric(this.mode) } : saved);
  }

  protected override stateFields(): Record<string, string> {
    return {
      mode: "mode",
      factor: "factor",
      patience: "patience",
      threshold: "threshold",
      thresholdMode: "threshold_mode",
      cooldown: "cooldown",
      minLrs: "min_lrs",
      eps: "eps",
      best: "best",
      cooldownCounter: "cooldown_counter",
      numBadEpochs: "num_bad_epochs",
      lastEpoch: "last_epoch",
      lastLr: "_last_lr",
    };
  }
}
