// Adafactor (Shazeer and Stern 2018) with the rule, options and state of transformers. It can set its own rate.
import { UsageError } from "../../base/index.ts";
import { dtypeCode } from "../dtype.ts";
import { rawOp } from "../raw.ts";
import type { Tensor } from "../tensor.ts";
import { rootMeanSquares } from "./adafactor.ts";
import { foreach } from "./foreach.ts";
import { checkBoolean, checkNumber, checkNumbers } from "./options.ts";
import { Optimizer, column, countSteps, handleOf } from "./optimizer.ts";
import type { ParamState, StateLayout } from "./optimizer.ts";
import type { OptimizerOptions, ParamGroup, Params } from "./param-groups.ts";
import type { OptimizerStateDict } from "./state-dict.ts";

const copyToDtype = rawOp("to", "dtype");
const fill = rawOp("fill_", "Scalar");
const mean = rawOp("mean", "dim");
const mul = rawOp("mul", "Tensor");
const unsqueeze = rawOp("unsqueeze");

/** Options of `TransformersAdafactor`. */
export interface TransformersAdafactorOptions extends OptimizerOptions {
  /** Learning rate; to be left out with `relativeStep`, when it is what the last step took. */
  lr: number;
  /** Smallest square of a gradient, and smallest size of weights. @default [1e-30, 1e-3] */
  eps: readonly [number, number];
  /** Largest root mean square of an update. @default 1 */
  clipThreshold: number;
  /** Power of the step by which the average of squares forgets. @default -0.8 */
  decayRate: number;
  /** Decay of a running average of updates; null: none is kept. @default null */
  beta1: number | null;
  weightDecay: number;
  /** Scales the rate by the size of the weights. @default true */
  scaleParameter: boolean;
  /** Sets the rate itself, by the step. @default true */
  relativeStep: boolean;
  /** Lets the relative rate rise from 1e-6; needs `relativeStep`. @default false */
  warmupInit: boolean;
}

const defaults: TransformersAdafactorOptions = {
  lr: 0,
  eps: [1e-30, 1e-3],
  clipThreshold: 1,
  decayRate: -0.8,
  beta1: null,
  weightDecay: 0,
  scaleParameter: true,
  relativeStep: true,
  warmupInit: false,
};

/**
 * Keeps the averages of squares of a matrix by row and column, as transformers does. By default it takes no
 * `lr` and no schedule; with `relativeStep: false` it takes both. `Adafactor` is that of torch.optim.
 *
 * @example
 * const w = torch.ones([4, 4], { requiresGrad: true });
 * const optimizer = new optim.TransformersAdafactor([w]);
 * w.sum().backward();
 * optimizer.step();
 * w.mean().item().toFixed(4); // => "0.9900"
 */
export class TransformersAdafactor extends Optimizer<TransformersAdafactorOptions> {
  constructor(
    params: Params<TransformersAdafactorOptions>,
    options: Partial<TransformersAdafactorOptions> = {},
  ) {
    super(params, options, defaults);
  }

  override get setsOwnLr(): boolean {
    return this.paramGroups.some((group) => group.relativeStep);
  }

  protected override update(
    group: ParamGroup<TransformersAdafactorOptions>,
    params: readonly Tensor[],
    gradients: readonly number[],
  ): void {
    for (const factored of [true, false]) {
      const picked = params.flatMap((param, i) => (isFactored(param) === factored ? [i] : []));
      if (picked.length === 0) continue;
      const alike = picked.map((i) => params[i]!);
      const states = this.statesOf(group, alike);
      updateAlike(
        group,
        alike,
        picked.map((i) => gradients[i]!),
        states,
      );
    }
  }

  /** Returns state and options in transformers' shape, where a rate that is set here is null. */
  override stateDict(): OptimizerStateDict {
    const { state, param_groups } = super.stateDict();
    return {
      state,
      param_groups: param_groups.map((group) =>
        group["relative_step"] === true ? { ...group, lr: null } : group,
      ),
    };
  }

  override loadStateDict(saved: OptimizerStateDict): void {
    super.loadStateDict({
      ...saved,
      param_groups: saved.param_groups.map((group) => ({ ...group, lr: group["lr"] ?? 0 })),
    });
  }

  protected override stateNames({ beta1 }: TransformersAdafactorOptions, param: Tensor): string[] {
    return [
      "step",
      "RMS",
      ...(beta1 === null ? [] : ["expAvg"]),
      ...(isFactored(param) ? ["expAvgSqRow", "expAvgSqCol"] : ["expAvgSq"]),
    ];
  }

  protected override stateLayout(name: string, param: Tensor): StateLayout {
    if (name === "step" || name === "RMS") return "scalar";
    const { shape } = param;
    const dtype = isHalf(param) ? "float32" : param.dtype;
    if (name === "expAvgSqRow") return { shape: shape.slice(0, -1), dtype };
    if (name === "expAvgSqCol") return { shape: [...shape.slice(0, -2), shape.at(-1)!], dtype };
    return isHalf(param) ? { shape, dtype } : "parameter";
  }

  protected override checkOptions(options: TransformersAdafactorOptions): void {
    const { lr, relativeStep, warmupInit, beta1 } = options;
    checkNumbers(this.name, "eps", options.eps, [{ min: 0 }, { min: 0 }], "[1e-30, 1e-3]");
    checkNumber(this.name, "clipThreshold", options.clipThreshold, { above: 0 });
    checkNumber(this.name, "decayRate", options.decayRate, { max: 0 });
    if (beta1 !== null) checkNumber(this.name, "beta1", beta1, { min: 0, below: 1 });
    checkBoolean(this.name, "scaleParameter", options.scaleParameter);
    checkBoolean(this.name, "relativeStep", relativeStep);
    checkBoolean(this.name, "warmupInit", warmupInit);
    if (relativeStep && lr !== 0) {
      throw new UsageError(
        `${this.name}: lr and relativeStep exclude each other, got lr=${lr}. Leave lr out, or set relativeStep: false.`,
      );
    }
    if (warmupInit && !relativeStep) {
      throw new UsageError(
        `${this.name}: warmupInit needs relativeStep, got false. Use a schedule to warm up.`,
      );
    }
  }

  protected override torchOptions(): Readonly<Record<string, unknown>> {
    return {};
  }
}

/** Updates parameters of one dtype that are all factored, or none. */
function updateAlike(
  group: ParamGroup<TransformersAdafactorOptions>,
  params: readonly Tensor[],
  given: readonly number[],
  states: readonly ParamState[],
): void {
  const { eps, clipThreshold, decayRate, beta1, weightDecay } = group;
  const half = isHalf(params[0]!);
  const own = params.map(handleOf);
  const weights = half ? own.map(inFloat32) : own;
  const gradients = half ? given.map(inFloat32) : given;
  const steps = countSteps(states);
  const sizes = rootMeanSquares(weights, params);
  states.forEach((state, i) => fill(state["RMS"]!.handle, sizes[i]));
  const rates = steps.map((step, i) => rateAt(step, sizes[i]!, group));
  const first = params.indexOf(group.params[0]!);
  if (group.relativeStep && first >= 0) group.lr = rates[first]!;

  const kept = steps.map((step) => 1 - step ** decayRate);
  const squares = foreach.mulList(gradients, gradients) as number[];
  foreach.addScalar_(squares, eps[0]);
  const updates = isFactored(params[0]!)
    ? factoredInverseRoots(column(states, "expAvgSqRow"), column(states, "expAvgSqCol"), squares, kept)
    : inverseRoots(column(states, "expAvgSq"), squares, kept);
  foreach.mulList_(updates, gradients);
  const clipped = rootMeanSquares(updates, params).map(
    (size, i) => rates[i]! / Math.max(1, size / clipThreshold),
  );
  foreach.mulEach_(updates, clipped);
  if (beta1 !== null)
    average(
      column(states, "expAvg"),
      updates,
      steps.map(() => beta1),
    );
  if (weightDecay !== 0)
    foreach.mulEach_(
      weights,
      rates.map((rate) => 1 - weightDecay * rate),
    );
  foreach.addList_(weights, beta1 === null ? updates : column(states, "expAvg"), -1);
  if (half) foreach.copy_(own, weights);
}

function rateAt(step: number, size: number, group: TransformersAdafactorOptions): number {
  const { lr, eps, relativeStep, warmupInit, scaleParameter } = group;
  const rate = relativeStep ? Math.min(warmupInit ? 1e-6 * step : 1e-2, 1 / Math.sqrt(step)) : lr;
  return scaleParameter ? Math.max(eps[1], size) * rate : rate;
}

/** Lets averages keep a share of themselves and take the rest from `values`, which are overwritten. */
function average(averages: readonly number[], values: readonly number[], kept: readonly number[]): void {
  foreach.mulEach_(averages, kept);
  foreach.mulEach_(
    values,
    kept.map((share) => 1 - share),
  );
  foreach.addList_(averages, values, 1);
}

function factoredInverseRoots(
  rows: readonly number[],
  columns: readonly number[],
  squares: readonly number[],
  kept: readonly number[],
): number[] {
  average(rows, meansOf(squares, -1), kept);
  average(columns, meansOf(squares, -2), kept);
  const ofRows = foreach.divList(rows, meansOf(rows, -1, true)) as number[];
  foreach.rsqrt_(ofRows);
  const ofColumns = foreach.rsqrt(columns) as number[];
  return ofRows.map((row, i) => mul(unsqueeze(row, -1), unsqueeze(ofColumns[i], -2)) as number);
}

function inverseRoots(
  averages: readonly number[],
  squares: readonly number[],
  kept: readonly number[],
): number[] {
  average(averages, squares, kept);
  return foreach.rsqrt(averages) as number[];
}

function meansOf(tensors: readonly number[], dim: number, keepdim = false): number[] {
  return tensors.map((tensor) => mean(tensor, [dim], keepdim) as number);
}

function inFloat32(tensor: number): number {
  return copyToDtype(tensor, dtypeCode("float32")) as number;
}

function isHalf(param: Tensor): boolean {
  return param.dtype === "float16" || param.dtype === "bfloat16";
}

function isFactored(param: Tensor): boolean {
  return param.shape.length > 1;
}
