// Resilient backpropagation (Riedmiller and Braun 1993): a step size for each weight, and the gradient's sign alone.
import { UsageError } from "../../base/index.ts";
import { rawOp } from "../raw.ts";
import type { Tensor } from "../tensor.ts";
import { foreach } from "./foreach.ts";
import { checkNumbers } from "./options.ts";
import { Optimizer, column, countSteps, handleOf } from "./optimizer.ts";
import type { OptimizerOptions, ParamGroup, Params } from "./param-groups.ts";

const equal = rawOp("eq", "Scalar");
const greater = rawOp("gt", "Scalar");
const less = rawOp("lt", "Scalar");
const maskedFill = rawOp("masked_fill_", "Scalar");

/** Options of `Rprop`; `lr` is the step size that each weight starts from. */
export interface RpropOptions extends OptimizerOptions {
  /** Factors of the step size where the gradient changed its sign, and where it kept it. @default [0.5, 1.2] */
  etas: readonly [number, number];
  /** Smallest and largest step size. @default [1e-6, 50] */
  stepSizes: readonly [number, number];
  maximize: boolean;
}

const defaults: RpropOptions = { lr: 1e-2, etas: [0.5, 1.2], stepSizes: [1e-6, 50], maximize: false };

/**
 * Moves each weight by a step of its own, which grows while the gradient keeps its sign. It is made for
 * gradients of the whole data, not of batches. Defaults: `lr` 1e-2.
 *
 * @example
 * const w = torch.ones([1], { requiresGrad: true });
 * w.mul(2).sum().backward();
 * new optim.Rprop([w], { lr: 0.25 }).step();
 * w.item(); // => 0.75
 */
export class Rprop extends Optimizer<RpropOptions> {
  constructor(params: Params<RpropOptions>, options: Partial<RpropOptions> = {}) {
    super(params, options, defaults);
  }

  protected override update(
    group: ParamGroup<RpropOptions>,
    params: readonly Tensor[],
    gradients: readonly number[],
  ): void {
    const [shrink, grow] = group.etas;
    const [smallest, largest] = group.stepSizes;
    const states = this.statesOf(group, params);
    countSteps(states);
    const previous = column(states, "prev");
    const stepSizes = column(states, "stepSize");

    const directions = (group.maximize ? foreach.neg(gradients) : gradients) as number[];
    const agreement = foreach.mulList(directions, previous) as number[];
    foreach.copy_(previous, directions);
    agreement.forEach((products, i) => {
      const turned = less(products, 0) as number;
      const kept = greater(products, 0) as number;
      // 0 where either gradient was 0: there the step size stays
      maskedFill(products, turned, shrink);
      maskedFill(products, kept, grow);
      maskedFill(products, equal(products, 0), 1);
      // a weight that was carried too far waits for one step
      maskedFill(previous[i]!, turned, 0);
    });
    foreach.mulList_(stepSizes, agreement);
    foreach.clampMin_(stepSizes, smallest);
    foreach.clampMax_(stepSizes, largest);
    foreach.addcmul_(params.map(handleOf), foreach.sign(previous), stepSizes, -1);
  }

  protected override stateNames(): string[] {
    return ["step", "prev", "stepSize"];
  }

  protected override initialState(name: string, group: ParamGroup<RpropOptions>): number {
    return name === "stepSize" ? group.lr : 0;
  }

  protected override checkOptions({ etas, stepSizes }: RpropOptions): void {
    checkNumbers(this.name, "etas", etas, [{ above: 0, below: 1 }, { above: 1 }], "[0.5, 1.2]");
    checkNumbers(this.name, "stepSizes", stepSizes, [{ min: 0 }, { min: 0 }], "[1e-6, 50]");
    if (stepSizes[0] > stepSizes[1]) {
      throw new UsageError(
        `${this.name}: stepSizes must be the smallest and the largest, got [${stepSizes.join(", ")}].`,
      );
    }
  }
}
