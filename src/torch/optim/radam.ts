// RAdam: Adam that waits with its adaptive step until its variance is known (Liu et al. 2020).
import type { Tensor } from "../tensor.ts";
import { descent, foreach } from "./foreach.ts";
import { checkBetas, checkBoolean, checkNumber } from "./options.ts";
import { Optimizer, column, countSteps, handleOf } from "./optimizer.ts";
import type { OptimizerOptions, ParamGroup, Params } from "./param-groups.ts";

/** Options of `RAdam`. */
export interface RAdamOptions extends OptimizerOptions {
  /** Decay of the running averages of the gradient and of its square. @default [0.9, 0.999] */
  betas: readonly [number, number];
  /** Keeps the denominator from zero. @default 1e-8 */
  eps: number;
  /** Shrinks weights by `lr * weightDecay`, whatever their gradient, as AdamW does. @default false */
  decoupledWeightDecay: boolean;
  weightDecay: number;
  maximize: boolean;
}

const defaults: RAdamOptions = {
  lr: 1e-3,
  betas: [0.9, 0.999],
  eps: 1e-8,
  weightDecay: 0,
  decoupledWeightDecay: false,
  maximize: false,
};

/**
 * Adam that starts as plain momentum and needs no warm-up. Defaults: `lr` 1e-3.
 *
 * @example
 * const w = torch.ones([1], { requiresGrad: true });
 * w.mul(2).sum().backward();
 * new optim.RAdam([w], { lr: 0.25 }).step();
 * w.item().toFixed(4); // => "0.5000"
 */
export class RAdam extends Optimizer<RAdamOptions> {
  constructor(params: Params<RAdamOptions>, options: Partial<RAdamOptions> = {}) {
    super(params, options, defaults);
  }

  protected override update(
    group: ParamGroup<RAdamOptions>,
    params: readonly Tensor[],
    gradients: readonly number[],
  ): void {
    const { lr, eps, weightDecay, decoupledWeightDecay } = group;
    const [beta1, beta2] = group.betas;
    const weights = params.map(handleOf);
    const states = this.statesOf(group, params);
    const steps = countSteps(states);
    if (decoupledWeightDecay) foreach.mulScalar_(weights, 1 - lr * weightDecay);
    const added = decoupledWeightDecay ? { ...group, weightDecay: 0 } : group;
    const directions = descent(added, weights, gradients);
    const averages = column(states, "expAvg");
    const squares = column(states, "expAvgSq");
    foreach.lerp_(averages, directions, 1 - beta1);
    foreach.mulScalar_(squares, beta2);
    foreach.addcmul_(squares, directions, directions, 1 - beta2);

    // one of the two rates is 0: the plain one until the variance is known, the adaptive one before that
    const rates = steps.map((step) => {
      const rectification = rectificationAt(step, beta2);
      const rate = -lr / (1 - beta1 ** step);
      return rectification === 0
        ? { plain: rate, adaptive: 0 }
        : { plain: 0, adaptive: rate * rectification * Math.sqrt(1 - beta2 ** step) };
    });
    const factors = foreach.sqrt(squares) as number[];
    foreach.addScalar_(factors, eps);
    foreach.divEach_(
      factors,
      rates.map(({ adaptive }) => adaptive),
    );
    foreach.reciprocal_(factors);
    foreach.addEach_(
      factors,
      rates.map(({ plain }) => plain),
    );
    foreach.addcmul_(weights, averages, factors, 1);
  }

  protected override stateNames(): string[] {
    return ["step", "expAvg", "expAvgSq"];
  }

  protected override checkOptions({ betas, eps, decoupledWeightDecay }: RAdamOptions): void {
    checkBetas(this.name, betas);
    checkNumber(this.name, "eps", eps, { min: 0 });
    checkBoolean(this.name, "decoupledWeightDecay", decoupledWeightDecay);
  }
}

/** Returns by how much the adaptive step is to be trusted; 0: not at all yet. */
function rectificationAt(step: number, beta2: number): number {
  const longest = 2 / (1 - beta2) - 1;
  const length = longest - (2 * step * beta2 ** step) / (1 - beta2 ** step);
  if (length <= 5) return 0;
  return Math.sqrt(((length - 4) * (length - 2) * longest) / ((longest - 4) * (longest - 2) * length));
}
