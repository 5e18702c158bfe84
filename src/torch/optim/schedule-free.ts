// Schedule-free optimizers (Defazio et al. 2024, "The road less scheduled"): averaging takes the place of a schedule.
import { UsageError } from "../../base/index.ts";
import { noGrad } from "../grad-mode.ts";
import { scope } from "../scope.ts";
import type { Tensor } from "../tensor.ts";
import { descent, foreach } from "./foreach.ts";
import { checkBetas, checkBoolean, checkNames, checkNumber } from "./options.ts";
import { Optimizer, column, handleOf } from "./optimizer.ts";
import type { OptimizerOptions, ParamGroup, Params } from "./param-groups.ts";

/** Options that the schedule-free optimizers share. */
export interface ScheduleFreeOptions extends OptimizerOptions {
  weightDecay: number;
  /** Steps in which the rate rises from 0 in a line. @default 0 */
  warmupSteps: number;
  /** Power of the step with which it weighs in the average. @default 0 */
  r: number;
  /** Power of the rate with which a step weighs in the average. @default 2 */
  weightLrPower: number;
}

/** Options of `AdamWScheduleFree`. */
export interface AdamWScheduleFreeOptions extends ScheduleFreeOptions {
  /** How far gradients are taken towards the average, and decay of the squares. @default [0.9, 0.999] */
  betas: readonly [number, number];
  /** Keeps the denominator from zero. @default 1e-8 */
  eps: number;
}

/** Options of `SGDScheduleFree`. */
export interface SGDScheduleFreeOptions extends ScheduleFreeOptions {
  /** How far gradients are taken towards the average. @default 0.9 */
  momentum: number;
}

/** What a group counts as training goes on; part of its state dict, not of its options. */
interface Progress {
  k: number;
  trainMode: boolean;
  weightSum: number;
  lrMax: number;
  scheduledLr: number;
}

const start: Progress = { k: 0, trainMode: false, weightSum: 0, lrMax: -1, scheduledLr: 0 };

/**
 * The base of both. A weight is one of two things: where gradients are taken (`train`), or the average, which
 * is what has been learnt (`eval`). Call `train` before training and `eval` before anything else.
 */
abstract class ScheduleFree<Options extends ScheduleFreeOptions> extends Optimizer<Options & Progress> {
  protected constructor(params: Params<Options>, options: Partial<Options>, defaults: Options) {
    checkNames(new.target.name, options, Object.keys(defaults));
    super(
      params as unknown as Params<Options & Progress>,
      options as Partial<Options & Progress>,
      { ...defaults, ...start } as Options & Progress,
    );
  }

  override get averagesWeights(): boolean {
    return true;
  }

  /** Turns the weights into those that gradients are taken at. */
  override train(): void {
    this.#setMode(true);
  }

  /** Turns the weights into their average: evaluate and save these. */
  override eval(): void {
    this.#setMode(false);
  }

  protected override takeStep<Loss>(closure?: () => Loss): Loss | undefined {
    if (this.paramGroups.some((group) => !group.trainMode)) {
      throw new UsageError(
        `${this.name}.step: the optimizer must be in train mode, got eval mode. Call train() before training.`,
      );
    }
    return super.takeStep(closure);
  }

  protected override updateGroup(group: ParamGroup<Options & Progress>): void {
    const { lr, k, warmupSteps } = group;
    group.scheduledLr = k < warmupSteps ? (lr * (k + 1)) / warmupSteps : lr;
    group.lrMax = Math.max(group.scheduledLr, group.lrMax);
    group.weightSum += weightOf(group);
    super.updateGroup(group);
    group.k++;
  }

  /** Moves the weights, and the state `z` that plain descent would be at, along `directions`. */
  protected move(
    group: ParamGroup<Options & Progress>,
    weights: readonly number[],
    z: readonly number[],
    directions: readonly number[],
  ): void {
    const { scheduledLr, weightSum } = group;
    const share = weightSum === 0 ? 0 : weightOf(group) / weightSum;
    foreach.lerp_(weights, z, share);
    foreach.addList_(weights, directions, scheduledLr * (this.momentumOf(group) * (1 - share) - 1));
    foreach.addList_(z, directions, -scheduledLr);
  }

  /** Returns how far gradients are taken towards the average. */
  protected abstract momentumOf(group: Options): number;

  protected override initialState(name: string, _: unknown, param: Tensor): number | Tensor {
    return name === "z" ? param : 0;
  }

  protected override checkOptions(options: Options & Progress): void {
    checkNumber(this.name, "warmupSteps", options.warmupSteps, { min: 0, integer: true });
    checkNumber(this.name, "r", options.r);
    checkNumber(this.name, "weightLrPower", options.weightLrPower);
    checkNumber(this.name, "k", options.k, { min: 0, integer: true });
    checkBoolean(this.name, "trainMode", options.trainMode);
    for (const name of ["weightSum", "lrMax", "scheduledLr"] as const) {
      checkNumber(this.name, name, options[name]);
    }
  }

  protected override torchOptions(): Readonly<Record<string, unknown>> {
    return { foreach: true };
  }

  #setMode(trainMode: boolean): void {
    scope(() =>
      noGrad(() => {
        for (const group of this.paramGroups.filter((each) => each.trainMode !== trainMode)) {
          const momentum = this.momentumOf(group);
          const moved = group.params.filter((param) => this.state.get(param)?.["z"] !== undefined);
          if (moved.length > 0) {
            const z = column(
              moved.map((param) => this.state.get(param)!),
              "z",
            );
            foreach.lerp_(moved.map(handleOf), z, trainMode ? 1 - momentum : 1 - 1 / momentum);
          }
          group.trainMode = trainMode;
        }
      }),
    );
  }
}

/** Returns how much the present step weighs in the average. */
function weightOf({ k, r, lrMax, weightLrPower }: ScheduleFreeOptions & Progress): number {
  return (k + 1) ** r * lrMax ** weightLrPower;
}

/**
 * AdamW without a schedule. Defaults: `lr` 2.5e-3, `weightDecay` 0.
 *
 * @example
 * const w = torch.ones([1], { requiresGrad: true });
 * const optimizer = new optim.AdamWScheduleFree([w], { lr: 0.25 });
 * optimizer.train();
 * w.mul(2).sum().backward();
 * optimizer.step();
 * optimizer.eval();
 * w.item().toFixed(4); // => "0.7500"
 */
export class AdamWScheduleFree extends ScheduleFree<AdamWScheduleFreeOptions> {
  constructor(params: Params<AdamWScheduleFreeOptions>, options: Partial<AdamWScheduleFreeOptions> = {}) {
    super(params, options, {
      lr: 2.5e-3,
      betas: [0.9, 0.999],
      eps: 1e-8,
      weightDecay: 0,
      warmupSteps: 0,
      r: 0,
      weightLrPower: 2,
    });
  }

  protected override update(
    group: ParamGroup<AdamWScheduleFreeOptions & Progress>,
    params: readonly Tensor[],
    gradients: readonly number[],
  ): void {
    const { k, eps, weightDecay, betas } = group;
    const weights = params.map(handleOf);
    const states = this.statesOf(group, params);
    const squares = column(states, "expAvgSq");
    foreach.mulScalar_(squares, betas[1]);
    foreach.addcmul_(squares, gradients, gradients, 1 - betas[1]);
    const root = foreach.divScalar(squares, 1 - betas[1] ** (k + 1)) as number[];
    foreach.sqrt_(root);
    foreach.addScalar_(root, eps);
    const directions = foreach.divList(gradients, root) as number[];
    if (weightDecay !== 0) foreach.addList_(directions, weights, weightDecay);
    this.move(group, weights, column(states, "z"), directions);
  }

  protected override momentumOf({ betas }: AdamWScheduleFreeOptions): number {
    return betas[0];
  }

  protected override stateNames(): string[] {
    return ["z", "expAvgSq"];
  }

  protected override checkOptions(options: AdamWScheduleFreeOptions & Progress): void {
    super.checkOptions(options);
    checkBetas(this.name, options.betas);
    // the average is found by dividing by it
    checkNumber(this.name, "betas[0]", options.betas[0], { above: 0, below: 1 });
    checkNumber(this.name, "eps", options.eps, { min: 0 });
  }
}

/**
 * SGD without a schedule; it wants a rate 10 to 50 times higher than SGD with momentum. Defaults: `lr` 1.
 *
 * @example
 * const w = torch.ones([1], { requiresGrad: true });
 * const optimizer = new optim.SGDScheduleFree([w], { lr: 0.25 });
 * optimizer.train();
 * w.mul(2).sum().backward();
 * optimizer.step();
 * optimizer.eval();
 * w.item(); // => 0.5
 */
export class SGDScheduleFree extends ScheduleFree<SGDScheduleFreeOptions> {
  constructor(params: Params<SGDScheduleFreeOptions>, options: Partial<SGDScheduleFreeOptions> = {}) {
    super(params, options, {
      lr: 1,
      momentum: 0.9,
      weightDecay: 0,
      warmupSteps: 0,
      r: 0,
      weightLrPower: 2,
    });
  }

  protected override update(
    group: ParamGroup<SGDScheduleFreeOptions & Progress>,
    params: readonly Tensor[],
    gradients: readonly number[],
  ): void {
    const weights = params.map(handleOf);
    const z = column(this.statesOf(group, params), "z");
    this.move(group, weights, z, descent({ weightDecay: group.weightDecay }, weights, gradients));
  }

  protected override momentumOf({ momentum }: SGDScheduleFreeOptions): number {
    return momentum;
  }

  protected override stateNames(): string[] {
    return ["z"];
  }

  protected override checkOptions(options: SGDScheduleFreeOptions & Progress): void {
    super.checkOptions(options);
    checkNumber(this.name, "momentum", options.momentum, { above: 0, below: 1 });
  }
}
