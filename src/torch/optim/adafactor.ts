// Adafactor (Shazeer and Stern 2018) with the rule and names of torch.optim. That of transformers, which sets its
// own rate and has a first moment, is in ./transformers-adafactor.ts.
import { UsageError } from "../../base/index.ts";
import { wrap } from "../binding.ts";
import { native } from "../native.ts";
import { rawOp } from "../raw.ts";
import type { Tensor } from "../tensor.ts";
import { foreach } from "./foreach.ts";
import { checkNumber } from "./options.ts";
import { Optimizer, column, countSteps, handleOf } from "./optimizer.ts";
import type { StateLayout } from "./optimizer.ts";
import type { OptimizerOptions, ParamGroup, Params } from "./param-groups.ts";

const clone = rawOp("clone");
const matmul = rawOp("matmul");
const mean = rawOp("mean", "dim");
const stack = rawOp("stack");
const vectorNorm = rawOp("linalg_vector_norm");

/** Options of `Adafactor`. */
export interface AdafactorOptions extends OptimizerOptions {
  /** Power of the step by which the average of squares forgets. @default -0.8 */
  beta2Decay: number;
  /** Smallest root of a square, null: the precision of the dtype; smallest size of weights. @default [null, 1e-3] */
  eps: readonly [number | null, number];
  /** Largest root mean square of an update. @default 1 */
  d: number;
  weightDecay: number;
  maximize: boolean;
}

const defaults: AdafactorOptions = {
  lr: 1e-2,
  beta2Decay: -0.8,
  eps: [null, 1e-3],
  d: 1,
  weightDecay: 0,
  maximize: false,
};

/**
 * Keeps the averages of squares of a matrix by row and column, and scales its step by the size of the weights.
 * Defaults: `lr` 1e-2, the largest relative step.
 *
 * @example
 * const w = torch.ones([4, 4], { requiresGrad: true });
 * const optimizer = new optim.Adafactor([w], { lr: 0.25 });
 * w.sum().backward();
 * optimizer.step();
 * w.mean().item().toFixed(4); // => "0.7500"
 */
export class Adafactor extends Optimizer<AdafactorOptions> {
  constructor(params: Params<AdafactorOptions>, options: Partial<AdafactorOptions> = {}) {
    super(params, options, defaults);
  }

  protected override update(
    group: ParamGroup<AdafactorOptions>,
    params: readonly Tensor[],
    gradients: readonly number[],
  ): void {
    const directions = (group.maximize ? foreach.neg(gradients) : gradients) as number[];
    for (const factored of [true, false]) {
      const picked = params.flatMap((param, i) => (isFactored(param) === factored ? [i] : []));
      if (picked.length === 0) continue;
      this.#updateAlike(
        group,
        picked.map((i) => params[i]!),
        picked.map((i) => directions[i]!),
        factored,
      );
    }
  }

  /** Updates parameters that are all factored, or none. */
  #updateAlike(
    group: ParamGroup<AdafactorOptions>,
    params: readonly Tensor[],
    gradients: readonly number[],
    factored: boolean,
  ): void {
    const { lr, beta2Decay, weightDecay, d } = group;
    const [smallest = null, smallestWeight] = group.eps;
    const eps = smallest ?? precisionOf(params[0]!);
    const weights = params.map(handleOf);
    const states = this.statesOf(group, params);
    const steps = countSteps(states);
    const forgotten = steps.map((step) => step ** beta2Decay);
    const sizes = rootMeanSquares(weights, params).map((size) => Math.max(smallestWeight, size));
    if (weightDecay !== 0) foreach.mulScalar_(weights, 1 - lr * weightDecay);

    const squares = factored
      ? factoredSquares(column(states, "rowVar"), column(states, "colVar"), gradients, forgotten, eps)
      : plainSquares(column(states, "variance"), gradients, forgotten);
    foreach.clampMin_(squares, eps * eps);
    foreach.rsqrt_(squares);
    foreach.mulList_(squares, gradients);
    const updates = squares;
    const rates = rootMeanSquares(updates, params).map((size, i) => {
      const rate = Math.min(lr, 1 / Math.sqrt(steps[i]!));
      return (-sizes[i]! * rate) / Math.max(1, size / d);
    });
    foreach.mulEach_(updates, rates);
    foreach.addList_(weights, updates, 1);
  }

  protected override stateNames(_: AdafactorOptions, param: Tensor): string[] {
    return isFactored(param) ? ["step", "rowVar", "colVar"] : ["step", "variance"];
  }

  protected override stateLayout(name: string, param: Tensor): StateLayout {
    if (name === "rowVar") return { shape: [...param.shape.slice(0, -1), 1] };
    if (name === "colVar") return { shape: [...param.shape.slice(0, -2), 1, param.shape.at(-1)!] };
    return super.stateLayout(name, param);
  }

  protected override checkOptions({ beta2Decay, eps, d }: AdafactorOptions): void {
    checkNumber(this.name, "beta2Decay", beta2Decay, { max: 0 });
    if (!Array.isArray(eps) || eps.length !== 2) {
      throw new UsageError(
        `${this.name}: eps must be two numbers, got ${JSON.stringify(eps)}. Write [null, 1e-3].`,
      );
    }
    if (eps[0] !== null) checkNumber(this.name, "eps[0]", eps[0], { min: 0 });
    checkNumber(this.name, "eps[1]", eps[1], { min: 0 });
    checkNumber(this.name, "d", d, { min: 1 });
  }

  protected override torchOptions(): Readonly<Record<string, unknown>> {
    return { foreach: null };
  }
}

function isFactored(param: Tensor): boolean {
  return param.shape.length > 1;
}

/** Updates the averages by row and column, and returns the estimates of the squares that they stand for. */
function factoredSquares(
  rows: readonly number[],
  columns: readonly number[],
  gradients: readonly number[],
  forgotten: readonly number[],
  eps: number,
): number[] {
  foreach.lerpEach_(rows, meanSquares(gradients, -1), forgotten);
  foreach.lerpEach_(columns, meanSquares(gradients, -2), forgotten);
  const products = rows.map((row, i) => matmul(row, columns[i]) as number);
  const rowMeans = rows.map((row) => mean(row, [-2], true) as number);
  foreach.clampMin_(rowMeans, eps);
  foreach.divList_(products, rowMeans);
  return products;
}

function plainSquares(
  variances: readonly number[],
  gradients: readonly number[],
  forgotten: readonly number[],
): number[] {
  foreach.lerpEach_(variances, foreach.mulList(gradients, gradients), forgotten);
  return variances.map((variance) => clone(variance) as number);
}

/** Returns the mean squares along a dimension, without the squares themselves in between. */
function meanSquares(gradients: readonly number[], dim: number): number[] {
  const norms = gradients.map((gradient) => vectorNorm(gradient, 2, [dim], true) as number);
  foreach.mulList_(norms, norms);
  foreach.divEach_(
    norms,
    gradients.map((gradient) => native.shape(gradient).at(dim)!),
  );
  return norms;
}

/** Returns the root mean squares of tensors as numbers, waiting for the device once. */
export function rootMeanSquares(tensors: readonly number[], params: readonly Tensor[]): number[] {
  const norms = wrap(stack(foreach.norm(tensors, 2)) as number).tolist() as number[];
  return norms.map((norm, i) => norm / Math.sqrt(params[i]!.numel));
}

/** Returns the distance from 1 to the next number of the dtype. */
function precisionOf(param: Tensor): number {
  const bits = { float64: 52, float32: 23, float16: 10, bfloat16: 7 }[param.dtype as string];
  if (bits === undefined) {
    throw new UsageError(`Adafactor: parameters must be of a real floating dtype, got ${param.dtype}.`);
  }
  return 2 ** -bits;
}
