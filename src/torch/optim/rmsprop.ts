// RMSprop (Tieleman and Hinton 2012), with momentum and the centered variant of Graves 2013.
import type { Tensor } from "../tensor.ts";
import { descent, foreach } from "./foreach.ts";
import { checkBoolean, checkNumber } from "./options.ts";
import { Optimizer, column, countSteps, handleOf } from "./optimizer.ts";
import type { OptimizerOptions, ParamGroup, Params } from "./param-groups.ts";

/** Options of `RMSprop`. */
export interface RMSpropOptions extends OptimizerOptions {
  /** Decay of the running average of squares. @default 0.99 */
  alpha: number;
  /** Keeps the denominator from zero. @default 1e-8 */
  eps: number;
  /** Share of the last step that is kept. @default 0 */
  momentum: number;
  /** Divides by the estimated variance instead of the average square. @default false */
  centered: boolean;
  weightDecay: number;
  maximize: boolean;
}

const defaults: RMSpropOptions = {
  lr: 1e-2,
  momentum: 0,
  alpha: 0.99,
  eps: 1e-8,
  centered: false,
  weightDecay: 0,
  maximize: false,
};

/**
 * Divides each weight's gradient by the root of its running average square. Defaults: `lr` 1e-2, `momentum` 0.
 *
 * @example
 * const w = torch.ones([1], { requiresGrad: true });
 * w.mul(2).sum().backward();
 * new optim.RMSprop([w], { lr: 0.05 }).step();
 * w.item().toFixed(4); // => "0.5000"
 */
export class RMSprop extends Optimizer<RMSpropOptions> {
  constructor(params: Params<RMSpropOptions>, options: Partial<RMSpropOptions> = {}) {
    super(params, options, defaults);
  }

  protected override update(
    group: ParamGroup<RMSpropOptions>,
    params: readonly Tensor[],
    gradients: readonly number[],
  ): void {
    const { lr, alpha, eps, momentum, centered } = group;
    const weights = params.map(handleOf);
    const states = this.statesOf(group, params);
    countSteps(states);
    const directions = descent(group, weights, gradients);
    const squares = column(states, "squareAvg");
    foreach.mulScalar_(squares, alpha);
    foreach.addcmul_(squares, directions, directions, 1 - alpha);
    let root: number[];
    if (centered) {
      const means = column(states, "gradAvg");
      foreach.lerp_(means, directions, 1 - alpha);
      root = foreach.addcmul(squares, means, means, -1) as number[];
      foreach.sqrt_(root);
    } else {
      root = foreach.sqrt(squares) as number[];
    }
    foreach.addScalar_(root, eps);
    if (momentum === 0) {
      foreach.addcdiv_(weights, directions, root, -lr);
      return;
    }
    const buffers = column(states, "momentumBuffer");
    foreach.mulScalar_(buffers, momentum);
    foreach.addcdiv_(buffers, directions, root, 1);
    foreach.addList_(weights, buffers, -lr);
  }

  protected override stateNames({ momentum, centered }: RMSpropOptions): string[] {
    return [
      "step",
      "squareAvg",
      ...(momentum > 0 ? ["momentumBuffer"] : []),
      ...(centered ? ["gradAvg"] : []),
    ];
  }

  protected override checkOptions({ alpha, eps, momentum, centered }: RMSpropOptions): void {
    checkNumber(this.name, "alpha", alpha, { min: 0, max: 1 });
    checkNumber(this.name, "eps", eps, { min: 0 });
    checkNumber(this.name, "momentum", momentum, { min: 0 });
    checkBoolean(this.name, "centered", centered);
  }
}
