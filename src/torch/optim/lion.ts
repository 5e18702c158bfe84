// Lion (Chen et al. 2023, "Symbolic discovery of optimization algorithms"): the sign of an interpolated momentum.
import type { Tensor } from "../tensor.ts";
import { foreach } from "./foreach.ts";
import { checkBetas } from "./options.ts";
import { Optimizer, column, handleOf } from "./optimizer.ts";
import type { OptimizerOptions, ParamGroup, Params } from "./param-groups.ts";

/** Options of `Lion`. */
export interface LionOptions extends OptimizerOptions {
  /** Shares of the momentum in the step, and in its own running average. @default [0.9, 0.99] */
  betas: readonly [number, number];
  weightDecay: number;
}

const defaults: LionOptions = { lr: 1e-4, betas: [0.9, 0.99], weightDecay: 0 };

/**
 * Moves every weight by `lr` up or down; weight decay is decoupled. Compared with AdamW, the authors take a
 * rate 3 to 10 times smaller and a weight decay as much larger. Defaults: `lr` 1e-4.
 *
 * @example
 * const w = torch.ones([1], { requiresGrad: true });
 * w.mul(2).sum().backward();
 * new optim.Lion([w], { lr: 0.25 }).step();
 * w.item(); // => 0.75
 */
export class Lion extends Optimizer<LionOptions> {
  constructor(params: Params<LionOptions>, options: Partial<LionOptions> = {}) {
    super(params, options, defaults);
  }

  protected override update(
    group: ParamGroup<LionOptions>,
    params: readonly Tensor[],
    gradients: readonly number[],
  ): void {
    const { lr, weightDecay } = group;
    const [beta1, beta2] = group.betas;
    const weights = params.map(handleOf);
    const averages = column(this.statesOf(group, params), "expAvg");
    if (weightDecay !== 0) foreach.mulScalar_(weights, 1 - lr * weightDecay);
    const updates = foreach.mulScalar(averages, beta1) as number[];
    foreach.addList_(updates, gradients, 1 - beta1);
    foreach.sign_(updates);
    foreach.addList_(weights, updates, -lr);
    foreach.mulScalar_(averages, beta2);
    foreach.addList_(averages, gradients, 1 - beta2);
  }

  protected override stateNames(): string[] {
    return ["expAvg"];
  }

  protected override checkOptions({ betas }: LionOptions): void {
    checkBetas(this.name, betas);
  }

  protected override torchOptions(): Readonly<Record<string, unknown>> {
    return {};
  }
}
