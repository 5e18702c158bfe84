// Adamax, the variant of Adam with the largest gradient in place of the average square (Kingma and Ba 2015).
import type { Tensor } from "../tensor.ts";
import { descent, foreach } from "./foreach.ts";
import { checkBetas, checkNumber } from "./options.ts";
import { Optimizer, column, countSteps, handleOf } from "./optimizer.ts";
import type { OptimizerOptions, ParamGroup, Params } from "./param-groups.ts";

/** Options of `Adamax`. */
export interface AdamaxOptions extends OptimizerOptions {
  /** Decay of the running average of the gradient and of its largest magnitude. @default [0.9, 0.999] */
  betas: readonly [number, number];
  /** Keeps the denominator from zero. @default 1e-8 */
  eps: number;
  weightDecay: number;
  maximize: boolean;
}

const defaults: AdamaxOptions = { lr: 2e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, maximize: false };

/**
 * Divides each weight's average gradient by the largest one of late. Defaults: `lr` 2e-3.
 *
 * @example
 * const w = torch.ones([1], { requiresGrad: true });
 * w.mul(2).sum().backward();
 * new optim.Adamax([w], { lr: 0.25 }).step();
 * w.item().toFixed(4); // => "0.7500"
 */
export class Adamax extends Optimizer<AdamaxOptions> {
  constructor(params: Params<AdamaxOptions>, options: Partial<AdamaxOptions> = {}) {
    super(params, options, defaults);
  }

  protected override update(
    group: ParamGroup<AdamaxOptions>,
    params: readonly Tensor[],
    gradients: readonly number[],
  ): void {
    const { lr, eps } = group;
    const [beta1, beta2] = group.betas;
    const weights = params.map(handleOf);
    const states = this.statesOf(group, params);
    const steps = countSteps(states);
    const directions = descent(group, weights, gradients);
    const averages = column(states, "expAvg");
    const largest = column(states, "expInf");
    foreach.lerp_(averages, directions, 1 - beta1);
    foreach.mulScalar_(largest, beta2);
    const magnitudes = foreach.abs(directions) as number[];
    foreach.addScalar_(magnitudes, eps);
    foreach.maximum_(largest, magnitudes);
    const rates = steps.map((step) => -lr / (1 - beta1 ** step));
    foreach.addcdivEach_(weights, averages, largest, rates);
  }

  protected override stateNames(): string[] {
    return ["step", "expAvg", "expInf"];
  }

  protected override checkOptions({ betas, eps }: AdamaxOptions): void {
    checkBetas(this.name, betas);
    checkNumber(this.name, "eps", eps, { min: 0 });
  }
}
