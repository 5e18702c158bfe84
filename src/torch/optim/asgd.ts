// Averaged stochastic gradient descent (Polyak and Juditsky 1992).
import type { Tensor } from "../tensor.ts";
import { descent, foreach } from "./foreach.ts";
import { checkNumber } from "./options.ts";
import { Optimizer, column, handleOf } from "./optimizer.ts";
import type { StateLayout } from "./optimizer.ts";
import type { OptimizerOptions, ParamGroup, Params } from "./param-groups.ts";

/** Options of `ASGD`. */
export interface ASGDOptions extends OptimizerOptions {
  /** Pull of the weights towards zero, and how fast the rate falls. @default 1e-4 */
  lambd: number;
  /** Power with which the rate falls. @default 0.75 */
  alpha: number;
  /** Step from which on the weights are averaged. @default 1e6 */
  t0: number;
  weightDecay: number;
  maximize: boolean;
}

const defaults: ASGDOptions = {
  lr: 1e-2,
  lambd: 1e-4,
  alpha: 0.75,
  t0: 1e6,
  weightDecay: 0,
  maximize: false,
};

/**
 * Descends at a falling rate and keeps the average of the weights in the state `ax`. Defaults: `lr` 1e-2.
 *
 * @example
 * const w = torch.ones([1], { requiresGrad: true });
 * w.mul(2).sum().backward();
 * new optim.ASGD([w], { lr: 0.25, lambd: 0 }).step();
 * w.item(); // => 0.5
 */
export class ASGD extends Optimizer<ASGDOptions> {
  constructor(params: Params<ASGDOptions>, options: Partial<ASGDOptions> = {}) {
    super(params, options, defaults);
  }

  protected override update(
    group: ParamGroup<ASGDOptions>,
    params: readonly Tensor[],
    gradients: readonly number[],
  ): void {
    const { lr, lambd, alpha, t0 } = group;
    const weights = params.map(handleOf);
    const states = this.statesOf(group, params);
    const [steps, rates, shares] = ["step", "eta", "mu"].map((name) => column(states, name));
    foreach.addScalar_(steps, 1);
    const directions = foreach.addList(descent(group, weights, gradients), weights, lambd) as number[];
    foreach.addcmul_(weights, directions, rates, -1);

    const averages = column(states, "ax");
    foreach.addcmul_(averages, foreach.subList(weights, averages), shares, 1);

    // for the next step: lr / (1 + lambd * lr * step) ** alpha, and 1 / max(1, step - t0)
    foreach.copy_(rates, steps);
    foreach.mulScalar_(rates, lambd * lr);
    foreach.addScalar_(rates, 1);
    foreach.powScalar_(rates, -alpha);
    foreach.mulScalar_(rates, lr);
    foreach.copy_(shares, steps);
    foreach.addScalar_(shares, -t0);
    foreach.clampMin_(shares, 1);
    foreach.reciprocal_(shares);
  }

  protected override stateNames(): string[] {
    return ["step", "eta", "mu", "ax"];
  }

  protected override stateLayout(name: string): StateLayout {
    return name === "ax" ? "parameter" : "scalar";
  }

  protected override get scalarsOnDevice(): boolean {
    return true;
  }

  protected override initialState(name: string, group: ParamGroup<ASGDOptions>): number {
    if (name === "eta") return group.lr;
    return name === "mu" ? 1 : 0;
  }

  protected override checkOptions({ lambd, alpha, t0 }: ASGDOptions): void {
    checkNumber(this.name, "lambd", lambd);
    checkNumber(this.name, "alpha", alpha);
    checkNumber(this.name, "t0", t0);
  }
}
