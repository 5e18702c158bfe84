// Adadelta (Zeiler 2012).
import type { Tensor } from "../tensor.ts";
import { descent, foreach } from "./foreach.ts";
import { checkNumber } from "./options.ts";
import { Optimizer, column, countSteps, handleOf } from "./optimizer.ts";
import type { OptimizerOptions, ParamGroup, Params } from "./param-groups.ts";

/** Options of `Adadelta`. */
export interface AdadeltaOptions extends OptimizerOptions {
  /** Decay of the running averages of squares. @default 0.9 */
  rho: number;
  /** Keeps the denominator from zero, and the first steps from being zero. @default 1e-6 */
  eps: number;
  weightDecay: number;
  maximize: boolean;
}

const defaults: AdadeltaOptions = { lr: 1, rho: 0.9, eps: 1e-6, weightDecay: 0, maximize: false };

/**
 * Scales each weight's step by the ratio of its average past steps to its average gradients. Defaults: `lr` 1.
 *
 * @example
 * const w = torch.ones([1], { requiresGrad: true });
 * w.mul(2).sum().backward();
 * new optim.Adadelta([w], { eps: 0.1 }).step();
 * w.item().toFixed(4); // => "0.1056"
 */
export class Adadelta extends Optimizer<AdadeltaOptions> {
  constructor(params: Params<AdadeltaOptions>, options: Partial<AdadeltaOptions> = {}) {
    super(params, options, defaults);
  }

  protected override update(
    group: ParamGroup<AdadeltaOptions>,
    params: readonly Tensor[],
    gradients: readonly number[],
  ): void {
    const { lr, rho, eps } = group;
    const weights = params.map(handleOf);
    const states = this.statesOf(group, params);
    countSteps(states);
    const directions = descent(group, weights, gradients);
    const squares = column(states, "squareAvg");
    const accumulated = column(states, "accDelta");
    foreach.mulScalar_(squares, rho);
    foreach.addcmul_(squares, directions, directions, 1 - rho);
    const root = foreach.addScalar(squares, eps) as number[];
    foreach.sqrt_(root);
    const deltas = foreach.addScalar(accumulated, eps) as number[];
    foreach.sqrt_(deltas);
    foreach.divList_(deltas, root);
    foreach.mulList_(deltas, directions);
    foreach.mulScalar_(accumulated, rho);
    foreach.addcmul_(accumulated, deltas, deltas, 1 - rho);
    foreach.addList_(weights, deltas, -lr);
  }

  protected override stateNames(): string[] {
    return ["step", "squareAvg", "accDelta"];
  }

  protected override checkOptions({ rho, eps }: AdadeltaOptions): void {
    checkNumber(this.name, "rho", rho, { min: 0, max: 1 });
    checkNumber(this.name, "eps", eps, { min: 0 });
  }
}
