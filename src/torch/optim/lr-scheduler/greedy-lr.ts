// GreedyLR of transformers (arXiv 2512.14527): raises the rate while a metric gets better, lowers it while it does not.
import { checkBoolean, checkChoice, checkNumber } from "../options.ts";
import type { Optimizer } from "../optimizer.ts";
import { checkMetric, isBetter, worstMetric } from "./best-metric.ts";
import { perGroup } from "./groups.ts";
import { LRScheduler } from "./lr-scheduler.ts";
import type { SchedulerStateDict } from "./lr-scheduler.ts";

/** Options of `GreedyLR`. */
export interface GreedyLROptions {
  /** Whether the metric should fall or rise. @default "min" */
  mode?: "min" | "max";
  /** Multiplies the rate to lower it, divides to raise it. @default 0.95 */
  factor?: number;
  /** Looks in a row, better or not better, that are let pass. @default 10 */
  patience?: number;
  /** Smallest change that counts as better. @default 1e-6 */
  threshold?: number;
  /** Whether the threshold is a share of the best value or a difference. @default "abs" */
  thresholdMode?: "rel" | "abs";
  /** Looks after lowering that do not count. @default 0 */
  cooldown?: number;
  /** Looks after raising that do not count. @default 0 */
  warmup?: number;
  /** Lowest rate; one for all groups, or one for each. @default 1e-3 */
  minLr?: number | readonly number[];
  /** Highest rate; one for all groups, or one for each. @default 1 */
  maxLr?: number | readonly number[];
  /** Changes smaller than this are not made. @default 1e-8 */
  eps?: number;
  /** Looks at the average of the last metrics instead of each one. @default false */
  smooth?: boolean;
  /** Metrics in that average. @default 50 */
  windowSize?: number;
  /** Times that the lowest rate is to be lowered before all starts over. @default 500 */
  resetStart?: number;
}

/**
 * Divides the rate by `factor` after more than `patience` better metrics in a row, and multiplies it after as
 * many that are not.
 *
 * @example
 * const optimizer = new optim.SGD([torch.ones([1])], { lr: 0.5 });
 * const scheduler = new optim.GreedyLR(optimizer, { patience: 0, factor: 0.5 });
 * scheduler.step(3);
 * scheduler.getLastLr(); // => [1]
 */
export class GreedyLR extends LRScheduler {
  readonly mode: "min" | "max";
  readonly factor: number;
  readonly patience: number;
  readonly threshold: number;
  readonly thresholdMode: "rel" | "abs";
  readonly cooldown: number;
  readonly warmup: number;
  readonly minLrs: readonly number[];
  readonly maxLrs: readonly number[];
  readonly eps: number;
  readonly smooth: boolean;
  readonly windowSize: number;
  readonly resetStartOriginal: number;
  readonly initLrs: readonly number[];
  best: number;
  cooldownCounter = 0;
  warmupCounter = 0;
  numBadEpochs = 0;
  numGoodEpochs = 0;
  resetStart: number;
  #window: number[] = [];

  constructor(optimizer: Optimizer, options: GreedyLROptions = {}) {
    super(optimizer);
    const where = "GreedyLR";
    const { mode = "min", factor = 0.95, patience = 10, threshold = 1e-6, thresholdMode = "abs" } = options;
    const { cooldown = 0, warmup = 0, minLr = 1e-3, maxLr = 1, eps = 1e-8 } = options;
    const { smooth = false, windowSize = 50, resetStart = 500 } = options;
    checkChoice(where, "mode", mode, ["min", "max"]);
    checkNumber(where, "factor", factor, { above: 0, below: 1 });
    checkNumber(where, "patience", patience, { min: 0, integer: true });
    checkNumber(where, "threshold", threshold, { min: 0 });
    checkChoice(where, "thresholdMode", thresholdMode, ["rel", "abs"]);
    checkNumber(where, "cooldown", cooldown, { min: 0, integer: true });
    checkNumber(where, "warmup", warmup, { min: 0, integer: true });
    checkNumber(where, "eps", eps, { min: 0 });
    checkBoolean(where, "smooth", smooth);
    checkNumber(where, "windowSize", windowSize, { min: 1, integer: true });
    checkNumber(where, "resetStart", resetStart, { min: 1, integer: true });
    this.minLrs = perGroup(where, optimizer, "minLr", minLr, { min: 0 });
    this.maxLrs = perGroup(where, optimizer, "maxLr", maxLr, { min: 0 });
    this.mode = mode;
    this.factor = factor;
    this.patience = patience;
    this.threshold = threshold;
    this.thresholdMode = thresholdMode;
    this.cooldown = cooldown;
    this.warmup = warmup;
    this.eps = eps;
    this.smooth = smooth;
    this.windowSize = windowSize;
    this.resetStart = resetStart;
    this.resetStartOriginal = resetStart;
    this.best = worstMetric(mode);
    this.lastEpoch = 0;
    this.initLrs = this.currentLr();
    this.lastLr = this.currentLr();
  }

  override get needsMetric(): boolean {
    return true;
  }

  /** Takes a metric; NaN is never better. */
  override step(metric?: number): void {
    checkMetric(this, metric);
    const current = this.smooth ? this.#average(metric) : metric;
    this.lastEpoch++;
    if (this.cooldownCounter > 0 || this.warmupCounter > 0) {
      if (this.cooldownCounter > 0) this.cooldownCounter--;
      else this.warmupCounter--;
      this.numBadEpochs = 0;
      this.numGoodEpochs = 0;
    } else {
      this.#count(current);
    }
    this.lastLr = this.currentLr();
  }

  #count(current: number): void {
    if (isBetter(this, current)) {
      this.best = current;
      this.numBadEpochs = 0;
      this.numGoodEpochs++;
    } else {
      this.numBadEpochs++;
      this.numGoodEpochs = 0;
    }
    if (this.numGoodEpochs > this.patience) {
      this.#change((lr, i) => Math.min(lr / this.factor, this.maxLrs[i]!));
      this.resetStart = this.resetStartOriginal;
      this.warmupCounter = this.warmup;
      this.numGoodEpochs = 0;
    } else if (this.numBadEpochs > this.patience) {
      this.#change((lr, i) => Math.max(lr * this.factor, this.minLrs[i]!));
      const isLowest = this.scheduledGroups.every(({ lr }, i) => lr <= this.minLrs[i]!);
      if (isLowest && --this.resetStart <= 0) this.#reset();
      this.cooldownCounter = this.cooldown;
      this.numBadEpochs = 0;
    }
  }

  /** Sets the rates where they change by more than `eps`. */
  #change(next: (lr: number, i: number) => number): void {
    this.scheduledGroups.forEach((group, i) => {
      const lr = next(group.lr, i);
      if (Math.abs(lr - group.lr) > this.eps) group.lr = lr;
    });
  }

  #reset(): void {
    this.scheduledGroups.forEach((group, i) => (group.lr = this.initLrs[i]!));
    this.best = worstMetric(this.mode);
    this.numGoodEpochs = 0;
    this.warmupCounter = 0;
    this.resetStart = this.resetStartOriginal;
    this.#window = [];
  }

  protected override getLr(): number[] {
    return this.currentLr();
  }

  override stateDict(): SchedulerStateDict {
    const values = [...this.#window];
    const average = { window_size: this.windowSize, values, sum: values.reduce((a, b) => a + b, 0) };
    // transformers also prints changes, if asked to
    return { ...super.stateDict(), verbose: false, ...(this.smooth && { _streaming_avg: average }) };
  }

  /** Restores what `stateDict` gave; JSON has no infinity, so a `best` of null is the worst value. */
  override loadStateDict(saved: Readonly<SchedulerStateDict>): void {
    super.loadStateDict(saved["best"] === null ? { ...saved, best: worstMetric(this.mode) } : saved);
    const average = saved["_streaming_avg"] as { values: number[] } | undefined;
    this.#window = [...(average?.values ?? [])];
  }

  protected override stateFields(): Record<string, string> {
    return {
      factor: "factor",
      minLrs: "min_lrs",
      maxLrs: "max_lrs",
      patience: "patience",
      cooldown: "cooldown",
      warmup: "warmup",
      cooldownCounter: "cooldown_counter",
      warmupCounter: "warmup_counter",
      mode: "mode",
      threshold: "threshold",
      thresholdMode: "threshold_mode",
      best: "best",
      numBadEpochs: "num_bad_epochs",
      numGoodEpochs: "num_good_epochs",
      eps: "eps",
      lastEpoch: "last_epoch",
      smooth: "smooth",
      windowSize: "window_size",
      resetStart: "reset_start",
      resetStartOriginal: "reset_start_original",
      lastLr: "_last_lr",
      initLrs: "_init_lrs",
    };
  }

  #average(metric: number): number {
    this.#window.push(metric);
    if (this.#window.length > this.windowSize) this.#window.shift();
    return this.#window.reduce((a, b) => a + b, 0) / this.#window.length;
  }
}
