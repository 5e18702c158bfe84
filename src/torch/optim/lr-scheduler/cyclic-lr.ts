// Cyclical learning rates (Smith 2017): up and down between two rates, with momentum going the other way.
import { checkBoolean, checkChoice, checkNumber } from "../options.ts";
import type { Optimizer } from "../optimizer.ts";
import { checkHasMomentum, perGroup, setMomentum } from "./groups.ts";
import { LRScheduler } from "./lr-scheduler.ts";
import type { LRSchedulerOptions, SchedulerStateDict } from "./lr-scheduler.ts";

/** Options of `CyclicLR`. */
export interface CyclicLROptions extends LRSchedulerOptions {
  /** Updates of the way up. @default 2000 */
  stepSizeUp?: number;
  /** Updates of the way down. @default stepSizeUp */
  stepSizeDown?: number;
  /** Cycles of one height, halved from cycle to cycle, or lowered by `gamma` at each update. @default "triangular" */
  mode?: "triangular" | "triangular2" | "exp_range";
  /** Factor of the height at each update, for `"exp_range"`. @default 1 */
  gamma?: number;
  /** Returns the factor of the height at a cycle or an update; it takes the place of `mode`. */
  scaleFn?: (x: number) => number;
  /** What `scaleFn` is given: the cycle, from 1 on, or the update. @default "cycle" */
  scaleMode?: "cycle" | "iterations";
  /** Moves the momentum (Adam: `betas[0]`) against the rate. @default true */
  cycleMomentum?: boolean;
  /** Momentum at the highest rate; one for all groups, or one for each. @default 0.8 */
  baseMomentum?: number | readonly number[];
  /** Momentum at the lowest rate; one for all groups, or one for each. @default 0.9 */
  maxMomentum?: number | readonly number[];
}

/**
 * Moves the rate from `baseLr` to `maxLr` and back, over and over. Step it after each update.
 *
 * @example
 * const optimizer = new optim.SGD([torch.ones([1])], { lr: 1 });
 * const scheduler = new optim.CyclicLR(optimizer, 1, 3, { stepSizeUp: 2, cycleMomentum: false });
 * scheduler.step();
 * scheduler.getLastLr(); // => [2]
 */
export class CyclicLR extends LRScheduler {
  readonly maxLrs: readonly number[];
  readonly totalSize: number;
  readonly stepRatio: number;
  readonly mode: string;
  readonly gamma: number;
  readonly scaleMode: "cycle" | "iterations";
  readonly cycleMomentum: boolean;
  readonly useBeta1: boolean;
  readonly baseMomentums: readonly number[];
  readonly maxMomentums: readonly number[];
  readonly #scale: (x: number) => number;

  constructor(
    optimizer: Optimizer,
    baseLr: number | readonly number[],
    maxLr: number | readonly number[],
    options: CyclicLROptions = {},
  ) {
    const where = "CyclicLR";
    const { stepSizeUp = 2000, stepSizeDown = stepSizeUp, mode = "triangular", gamma = 1 } = options;
    const { scaleFn, scaleMode = "cycle", cycleMomentum = true, lastEpoch = -1 } = options;
    checkNumber(where, "stepSizeUp", stepSizeUp, { above: 0 });
    checkNumber(where, "stepSizeDown", stepSizeDown, { above: 0 });
    checkChoice(where, "mode", mode, ["triangular", "triangular2", "exp_range"]);
    checkNumber(where, "gamma", gamma, { above: 0 });
    checkChoice(where, "scaleMode", scaleMode, ["cycle", "iterations"]);
    checkBoolean(where, "cycleMomentum", cycleMomentum);
    const baseLrs = perGroup(where, optimizer, "baseLr", baseLr, { min: 0 });
    const maxLrs = perGroup(where, optimizer, "maxLr", maxLr, { min: 0 });
    const share = { min: 0, max: 1 };
    const baseMomentums = perGroup(where, optimizer, "baseMomentum", options.baseMomentum ?? 0.8, share);
    const maxMomentums = perGroup(where, optimizer, "maxMomentum", options.maxMomentum ?? 0.9, share);
    if (cycleMomentum) checkHasMomentum(where, optimizer);
    if (lastEpoch === -1) {
      optimizer.paramGroups.forEach((group, i) => {
        group.lr = baseLrs[i]!;
        if (!cycleMomentum) return;
        setMomentum(group, maxMomentums[i]!);
        group.maxMomentum = maxMomentums[i]!;
        group.baseMomentum = baseMomentums[i]!;
      });
    }
    super(optimizer, { lastEpoch });
    this.baseLrs = baseLrs;
    this.maxLrs = maxLrs;
    this.totalSize = stepSizeUp + stepSizeDown;
    this.stepRatio = stepSizeUp / this.totalSize;
    this.mode = mode;
    this.gamma = gamma;
    this.scaleMode = scaleFn === undefined && mode === "exp_range" ? "iterations" : scaleMode;
    this.cycleMomentum = cycleMomentum;
    this.useBeta1 = "betas" in optimizer.defaults;
    this.baseMomentums = baseMomentums;
    this.maxMomentums = maxMomentums;
    this.#scale = scaleFn ?? scaleOf(mode, gamma);
    this.initialStep();
  }

  protected override getLr(): number[] {
    const { lastEpoch, totalSize, stepRatio } = this;
    const cycle = Math.floor(1 + lastEpoch / totalSize);
    const x = 1 + lastEpoch / totalSize - cycle;
    const height = x <= stepRatio ? x / stepRatio : (x - 1) / (stepRatio - 1);
    const scaled = height * this.#scale(this.scaleMode === "cycle" ? cycle : lastEpoch);
    if (this.cycleMomentum) {
      this.scheduledGroups.forEach((group, i) => {
        const [lowest, highest] = [this.baseMomentums[i]!, this.maxMomentums[i]!];
        setMomentum(group, highest - (highest - lowest) * scaled);
      });
    }
    return this.baseLrs.map((lr, i) => lr + (this.maxLrs[i]! - lr) * scaled);
  }

  /** A function is not state: PyTorch writes null in its place. */
  override stateDict(): SchedulerStateDict {
    return { ...super.stateDict(), _scale_fn_custom: null };
  }

  protected override stateFields(): Record<string, string> {
    return {
      ...super.stateFields(),
      maxLrs: "max_lrs",
      totalSize: "total_size",
      stepRatio: "step_ratio",
      mode: "mode",
      gamma: "gamma",
      scaleMode: "scale_mode",
      cycleMomentum: "cycle_momentum",
      ...(this.cycleMomentum && {
        useBeta1: "use_beta1",
        baseMomentums: "base_momentums",
        maxMomentums: "max_momentums",
      }),
    };
  }
}

function scaleOf(mode: string, gamma: number): (x: number) => number {
  if (mode === "triangular") return () => 1;
  return mode === "triangular2" ? (cycle) => 1 / 2 ** (cycle - 1) : (step) => gamma ** step;
}
