// LAMB (You et al. 2020): Adam's step, scaled for each tensor to the size of its weights. For large batches.
import { rawOp } from "../raw.ts";
import type { Tensor } from "../tensor.ts";
import { descent, foreach } from "./foreach.ts";
import { checkBetas, checkBoolean, checkNumber } from "./options.ts";
import { Optimizer, column, countSteps, handleOf } from "./optimizer.ts";
import type { OptimizerOptions, ParamGroup, Params } from "./param-groups.ts";

const div = rawOp("div", "Tensor");
const isEqual = rawOp("eq", "Scalar");
const maskedFill = rawOp("masked_fill_", "Scalar");
const stack = rawOp("stack");
const unbind = rawOp("unbind", "int");

/** Options of `LAMB`. */
export interface LAMBOptions extends OptimizerOptions {
  /** Decay of the running averages of the gradient and of its square. @default [0.9, 0.999] */
  betas: readonly [number, number];
  /** Keeps the denominator from zero. @default 1e-6 */
  eps: number;
  weightDecay: number;
  /** Makes up for averages that start from zero, as the paper's algorithm does. @default true */
  biasCorrection: boolean;
  maximize: boolean;
}

const defaults: LAMBOptions = {
  lr: 1e-3,
  betas: [0.9, 0.999],
  eps: 1e-6,
  weightDecay: 0.01,
  biasCorrection: true,
  maximize: false,
};

/**
 * Gives each tensor a step of `lr` times the norm of its weights, in Adam's direction with decoupled weight
 * decay. Defaults: `lr` 1e-3, `weightDecay` 0.01.
 *
 * @example
 * const w = torch.ones([1], { requiresGrad: true });
 * w.mul(2).sum().backward();
 * new optim.LAMB([w], { lr: 0.25 }).step();
 * w.item(); // => 0.75
 */
export class LAMB extends Optimizer<LAMBOptions> {
  constructor(params: Params<LAMBOptions>, options: Partial<LAMBOptions> = {}) {
    super(params, options, defaults);
  }

  protected override update(
    group: ParamGroup<LAMBOptions>,
    params: readonly Tensor[],
    gradients: readonly number[],
  ): void {
    const { lr, eps, weightDecay, biasCorrection } = group;
    const [beta1, beta2] = group.betas;
    const weights = params.map(handleOf);
    const states = this.statesOf(group, params);
    const steps = countSteps(states);
    const directions = descent({ maximize: group.maximize }, weights, gradients);
    const averages = column(states, "expAvg");
    const squares = column(states, "expAvgSq");
    foreach.lerp_(averages, directions, 1 - beta1);
    foreach.mulScalar_(squares, beta2);
    foreach.addcmul_(squares, directions, directions, 1 - beta2);

    const root = foreach.sqrt(squares) as number[];
    if (biasCorrection) {
      foreach.divEach_(
        root,
        steps.map((step) => Math.sqrt(1 - beta2 ** step)),
      );
    }
    foreach.addScalar_(root, eps);
    const updates = foreach.divList(averages, root) as number[];
    if (biasCorrection) {
      foreach.divEach_(
        updates,
        steps.map((step) => 1 - beta1 ** step),
      );
    }
    if (weightDecay !== 0) foreach.addList_(updates, weights, weightDecay);
    foreach.mulList_(updates, trustRatios(weights, updates));
    foreach.addList_(weights, updates, -lr);
  }

  protected override stateNames(): string[] {
    return ["step", "expAvg", "expAvgSq"];
  }

  protected override checkOptions({ betas, eps, biasCorrection }: LAMBOptions): void {
    checkBetas(this.name, betas);
    checkNumber(this.name, "eps", eps, { min: 0 });
    checkBoolean(this.name, "biasCorrection", biasCorrection);
  }

  protected override torchOptions(): Readonly<Record<string, unknown>> {
    return {};
  }
}

/** Returns the norm of each tensor's weights over that of its update, 1 where one of them is 0. */
function trustRatios(weights: readonly number[], updates: readonly number[]): number[] {
  const ofWeights = stack(foreach.norm(weights, 2)) as number;
  const ofUpdates = stack(foreach.norm(updates, 2)) as number;
  const ratios = div(ofWeights, ofUpdates) as number;
  for (const norms of [ofWeights, ofUpdates]) maskedFill(ratios, isEqual(norms, 0), 1);
  return unbind(ratios) as number[];
}
