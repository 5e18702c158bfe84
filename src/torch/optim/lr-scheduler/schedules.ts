// The schedules of Hugging Face's transformers, by their names. Steps are optimizer updates.
import { UsageError } from "../../../base/index.ts";
import { checkChoice, checkNumber } from "../options.ts";
import type { Optimizer } from "../optimizer.ts";
import { AdafactorSchedule } from "./adafactor-schedule.ts";
import { GreedyLR } from "./greedy-lr.ts";
import type { GreedyLROptions } from "./greedy-lr.ts";
import { LambdaLR } from "./lambda-lr.ts";
import type { LRSchedulerOptions } from "./lr-scheduler.ts";
import { ReduceLROnPlateau } from "./reduce-lr-on-plateau.ts";
import type { ReduceLROnPlateauOptions } from "./reduce-lr-on-plateau.ts";

const { PI, cos, max, sqrt } = Math;

/** Keeps the rate. */
export function getConstantSchedule(optimizer: Optimizer, options: LRSchedulerOptions = {}): LambdaLR {
  return new LambdaLR(optimizer, () => 1, options);
}

/** Keeps the rate until a metric has stopped getting better, then lowers it. */
export function getReduceOnPlateauSchedule(
  optimizer: Optimizer,
  options: ReduceLROnPlateauOptions = {},
): ReduceLROnPlateau {
  return new ReduceLROnPlateau(optimizer, options);
}

/** Raises the rate while a metric gets better, and lowers it while it does not. */
export function getGreedySchedule(optimizer: Optimizer, options: GreedyLROptions = {}): GreedyLR {
  return new GreedyLR(optimizer, options);
}

/** Shows the rates that an optimizer with `relativeStep` sets itself; `initialLr` is shown before its first step. */
export function getAdafactorSchedule(optimizer: Optimizer, initialLr = 0): AdafactorSchedule {
  return new AdafactorSchedule(optimizer, initialLr);
}

/** Raises the rate from 0 in a line for `numWarmupSteps`, then keeps it. */
export function getConstantScheduleWithWarmup(
  optimizer: Optimizer,
  numWarmupSteps: number,
  options: LRSchedulerOptions = {},
): LambdaLR {
  checkSteps("getConstantScheduleWithWarmup", numWarmupSteps);
  return new LambdaLR(
    optimizer,
    withWarmup(numWarmupSteps, () => 1),
    options,
  );
}

/** Raises the rate from 0 in a line for `numWarmupSteps`, then lowers it in a line to 0 at `numTrainingSteps`. */
export function getLinearScheduleWithWarmup(
  optimizer: Optimizer,
  numWarmupSteps: number,
  numTrainingSteps: number,
  options: LRSchedulerOptions = {},
): LambdaLR {
  checkSteps("getLinearScheduleWithWarmup", numWarmupSteps, numTrainingSteps);
  const decay = (step: number) =>
    max(0, (numTrainingSteps - step) / max(1, numTrainingSteps - numWarmupSteps));
  return new LambdaLR(optimizer, withWarmup(numWarmupSteps, decay), options);
}

/** Options of the schedules that follow a cosine. */
export interface CosineScheduleOptions extends LRSchedulerOptions {
  /** Waves until the end: half a wave goes down once. @default 0.5 */
  numCycles?: number;
}

/** Raises the rate for `numWarmupSteps`, then lowers it along a cosine to 0 at `numTrainingSteps`. */
export function getCosineScheduleWithWarmup(
  optimizer: Optimizer,
  numWarmupSteps: number,
  numTrainingSteps: number,
  { numCycles = 0.5, ...options }: CosineScheduleOptions = {},
): LambdaLR {
  const where = "getCosineScheduleWithWarmup";
  checkSteps(where, numWarmupSteps, numTrainingSteps);
  checkNumber(where, "numCycles", numCycles, { above: 0 });
  const lrLambda = cosine(numWarmupSteps, numTrainingSteps, numCycles, 0);
  return new LambdaLR(optimizer, lrLambda, options);
}

/** Options of `getCosineWithHardRestartsScheduleWithWarmup`. */
export interface HardRestartsOptions extends LRSchedulerOptions {
  /** Times that the rate falls from its height to 0. @default 1 */
  numCycles?: number;
}

/** Raises the rate for `numWarmupSteps`, then lowers it along a cosine `numCycles` times, jumping up between. */
export function getCosineWithHardRestartsScheduleWithWarmup(
  optimizer: Optimizer,
  numWarmupSteps: number,
  numTrainingSteps: number,
  { numCycles = 1, ...options }: HardRestartsOptions = {},
): LambdaLR {
  const where = "getCosineWithHardRestartsScheduleWithWarmup";
  checkSteps(where, numWarmupSteps, numTrainingSteps);
  checkNumber(where, "numCycles", numCycles, { above: 0 });
  const decay = (step: number) => {
    const progress = progressOf(step, numWarmupSteps, numTrainingSteps);
    return progress >= 1 ? 0 : max(0, 0.5 * (1 + cos(PI * ((numCycles * progress) % 1))));
  };
  return new LambdaLR(optimizer, withWarmup(numWarmupSteps, decay), options);
}

/** Options of `getCosineWithMinLrScheduleWithWarmup`: exactly one of `minLr` and `minLrRate`. */
export interface CosineWithMinLrOptions extends CosineScheduleOptions {
  /** Lowest rate. */
  minLr?: number;
  /** Lowest rate as a share of the initial one. */
  minLrRate?: number;
}

/** Raises the rate for `numWarmupSteps`, then lowers it along a cosine to `minLr`. */
export function getCosineWithMinLrScheduleWithWarmup(
  optimizer: Optimizer,
  numWarmupSteps: number,
  numTrainingSteps: number,
  { numCycles = 0.5, minLr, minLrRate, ...options }: CosineWithMinLrOptions,
): LambdaLR {
  const where = "getCosineWithMinLrScheduleWithWarmup";
  checkSteps(where, numWarmupSteps, numTrainingSteps);
  checkNumber(where, "numCycles", numCycles, { above: 0 });
  const rate = lowestRate(where, optimizer, { minLr, minLrRate });
  return new LambdaLR(optimizer, cosine(numWarmupSteps, numTrainingSteps, numCycles, rate), options);
}

/** Options of `getCosineWithMinLrScheduleWithWarmupLrRate`: exactly one of `minLr` and `minLrRate`. */
export interface CosineWithWarmupLrRateOptions extends CosineWithMinLrOptions {
  /** First rate as a share of the initial one. @default 1 / numWarmupSteps */
  warmupLrRate?: number;
}

/**
 * Raises the rate from `warmupLrRate` for `numWarmupSteps`, then lowers it along a cosine to `minLr`, which
 * the last step takes.
 */
export function getCosineWithMinLrScheduleWithWarmupLrRate(
  optimizer: Optimizer,
  numWarmupSteps: number,
  numTrainingSteps: number,
  { numCycles = 0.5, minLr, minLrRate, warmupLrRate, ...options }: CosineWithWarmupLrRateOptions,
): LambdaLR {
  const where = "getCosineWithMinLrScheduleWithWarmupLrRate";
  checkSteps(where, numWarmupSteps, numTrainingSteps);
  checkNumber(where, "numCycles", numCycles, { above: 0 });
  if (warmupLrRate !== undefined) checkNumber(where, "warmupLrRate", warmupLrRate, { min: 0, max: 1 });
  const lowest = lowestRate(where, optimizer, { minLr, minLrRate });
  const lrLambda = (step: number) => {
    if (step < numWarmupSteps) {
      if (warmupLrRate === undefined) return (step + 1) / numWarmupSteps;
      return warmupLrRate + ((1 - warmupLrRate) * step) / max(1, numWarmupSteps - 1);
    }
    return cosineFactor(progressOf(step + 1, numWarmupSteps, numTrainingSteps), numCycles, lowest);
  };
  return new LambdaLR(optimizer, lrLambda, options);
}

/** Options of `getPolynomialDecayScheduleWithWarmup`. */
export interface PolynomialDecayOptions extends LRSchedulerOptions {
  /** Rate at the end. @default 1e-7 */
  lrEnd?: number;
  /** @default 1 */
  power?: number;
}

/** Raises the rate for `numWarmupSteps`, then lowers it as a polynomial to `lrEnd` at `numTrainingSteps`. */
export function getPolynomialDecayScheduleWithWarmup(
  optimizer: Optimizer,
  numWarmupSteps: number,
  numTrainingSteps: number,
  { lrEnd = 1e-7, power = 1, ...options }: PolynomialDecayOptions = {},
): LambdaLR {
  const where = "getPolynomialDecayScheduleWithWarmup";
  checkSteps(where, numWarmupSteps, numTrainingSteps);
  checkNumber(where, "power", power);
  const lrInit = optimizer.defaults.lr;
  checkNumber(where, "lrEnd", lrEnd, { min: 0, below: lrInit });
  const decay = (step: number) => {
    if (step > numTrainingSteps) return lrEnd / lrInit;
    // max: all steps may be warm-up, and the one after them is then the end
    const left = 1 - (step - numWarmupSteps) / max(1, numTrainingSteps - numWarmupSteps);
    return ((lrInit - lrEnd) * left ** power + lrEnd) / lrInit;
  };
  return new LambdaLR(optimizer, withWarmup(numWarmupSteps, decay), options);
}

/** Options of `getInverseSqrtSchedule`. */
export interface InverseSqrtOptions extends LRSchedulerOptions {
  /** Steps over which the rate falls by the square root of 2. @default numWarmupSteps, or 10000 without warm-up */
  timescale?: number;
}

/** Raises the rate for `numWarmupSteps`, then lowers it with the square root of the step. */
export function getInverseSqrtSchedule(
  optimizer: Optimizer,
  numWarmupSteps: number,
  { timescale = numWarmupSteps || 10_000, ...options }: InverseSqrtOptions = {},
): LambdaLR {
  checkSteps("getInverseSqrtSchedule", numWarmupSteps);
  checkNumber("getInverseSqrtSchedule", "timescale", timescale, { above: 0 });
  const shift = timescale - numWarmupSteps;
  const decay = (step: number) => 1 / sqrt((step + shift) / timescale);
  return new LambdaLR(optimizer, withWarmup(numWarmupSteps, decay), options);
}

/** Shape of a rise or fall in `getWsdSchedule`. */
export type WsdShape = "linear" | "cosine" | "1-sqrt";

/** Options of `getWsdSchedule`: `numTrainingSteps` or `numStableSteps`. */
export interface WsdScheduleOptions extends LRSchedulerOptions {
  numTrainingSteps?: number;
  numStableSteps?: number;
  /** @default "linear" */
  warmupType?: WsdShape;
  /** @default "cosine" */
  decayType?: WsdShape;
  /** Lowest rate as a share of the initial one. @default 0 */
  minLrRatio?: number;
  /** Waves of a cosine decay. @default 0.5 */
  numCycles?: number;
}

/** Warms up, stays, decays: the rate rises for `numWarmupSteps`, is kept, and falls in the last `numDecaySteps`. */
export function getWsdSchedule(
  optimizer: Optimizer,
  numWarmupSteps: number,
  numDecaySteps: number,
  options: WsdScheduleOptions,
): LambdaLR {
  const where = "getWsdSchedule";
  const {
    numTrainingSteps,
    warmupType = "linear",
    decayType = "cosine",
    minLrRatio = 0,
    numCycles = 0.5,
    ...rest
  } = options;
  const { numStableSteps = (numTrainingSteps ?? 0) - numWarmupSteps - numDecaySteps, ...others } = rest;
  checkSteps(where, numWarmupSteps);
  checkNumber(where, "numDecaySteps", numDecaySteps, { min: 0, integer: true });
  checkChoice(where, "warmupType", warmupType, ["linear", "cosine", "1-sqrt"]);
  checkChoice(where, "decayType", decayType, ["linear", "cosine", "1-sqrt"]);
  checkNumber(where, "minLrRatio", minLrRatio, { min: 0, max: 1 });
  checkNumber(where, "numCycles", numCycles, { above: 0 });
  if ((numTrainingSteps === undefined) === (options.numStableSteps === undefined)) {
    const got = numTrainingSteps === undefined ? "neither" : "both";
    throw new UsageError(`${where}: give numTrainingSteps or numStableSteps, got ${got}.`);
  }
  checkNumber(where, "numTrainingSteps - numWarmupSteps - numDecaySteps", numStableSteps, {
    min: 0,
    integer: true,
  });
  const scaled = (factor: number) => max(0, factor * (1 - minLrRatio) + minLrRatio);
  const lrLambda = (step: number) => {
    if (step < numWarmupSteps) return scaled(rise(warmupType, step / max(1, numWarmupSteps)));
    const decayed = step - numWarmupSteps - numStableSteps;
    if (decayed < 0) return 1;
    if (decayed >= numDecaySteps) return minLrRatio;
    return scaled(fall(decayType, decayed / max(1, numDecaySteps), numCycles));
  };
  return new LambdaLR(optimizer, lrLambda, others);
}

function rise(shape: WsdShape, progress: number): number {
  if (shape === "linear") return progress;
  return shape === "cosine" ? 0.5 * (1 - cos(PI * progress)) : 1 - sqrt(1 - progress);
}

function fall(shape: WsdShape, progress: number, numCycles: number): number {
  if (shape === "linear") return 1 - progress;
  return shape === "cosine" ? 0.5 * (1 + cos(PI * numCycles * 2 * progress)) : 1 - sqrt(progress);
}

/** Reads the lowest rate as a share of the initial one. */
function lowestRate(
  where: string,
  optimizer: Optimizer,
  { minLr, minLrRate }: { minLr: number | undefined; minLrRate: number | undefined },
): number {
  if ((minLr === undefined) === (minLrRate === undefined)) {
    throw new UsageError(
      `${where}: give minLr or minLrRate, got ${minLr === undefined ? "neither" : "both"}.`,
    );
  }
  const rate = minLrRate ?? minLr! / optimizer.defaults.lr;
  checkNumber(where, minLr === undefined ? "minLrRate" : "minLr / lr", rate, { min: 0, max: 1 });
  return rate;
}

function cosineFactor(progress: number, numCycles: number, lowest: number): number {
  const factor = 0.5 * (1 + cos(PI * numCycles * 2 * progress));
  return max(0, factor * (1 - lowest) + lowest);
}

function cosine(warmupSteps: number, trainingSteps: number, numCycles: number, minLrRate: number) {
  return withWarmup(warmupSteps, (step) => {
    return cosineFactor(progressOf(step, warmupSteps, trainingSteps), numCycles, minLrRate);
  });
}

function withWarmup(warmupSteps: number, decay: (step: number) => number): (step: number) => number {
  return (step) => (step < warmupSteps ? step / max(1, warmupSteps) : decay(step));
}

function progressOf(step: number, warmupSteps: number, trainingSteps: number): number {
  return (step - warmupSteps) / max(1, trainingSteps - warmupSteps);
}

function checkSteps(where: string, warmupSteps: number, trainingSteps?: number): void {
  checkNumber(where, "numWarmupSteps", warmupSteps, { min: 0, integer: true });
  if (trainingSteps === undefined) return;
  checkNumber(where, "numTrainingSteps", trainingSteps, { min: 1, integer: true });
}
