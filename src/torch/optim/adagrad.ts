// Adagrad (Duchi, Hazan and Singer 2011), by libtorch's fused kernel.
import { rawOp } from "../raw.ts";
import type { Tensor } from "../tensor.ts";
import { foreach } from "./foreach.ts";
import { checkNumber } from "./options.ts";
import { Optimizer, column, handleOf } from "./optimizer.ts";
import type { OptimizerOptions, ParamGroup, ParamGroupInput, Params } from "./param-groups.ts";

const fusedAdagrad = rawOp("_fused_adagrad_");

/** Options of `Adagrad`. */
export interface AdagradOptions extends OptimizerOptions {
  /** The rate is divided by `1 + (step - 1) * lrDecay`. @default 0 */
  lrDecay: number;
  /** What the sums of squares start from. @default 0 */
  initialAccumulatorValue: number;
  /** Keeps the denominator from zero. @default 1e-10 */
  eps: number;
  weightDecay: number;
  maximize: boolean;
}

const defaults: AdagradOptions = {
  lr: 1e-2,
  lrDecay: 0,
  eps: 1e-10,
  weightDecay: 0,
  initialAccumulatorValue: 0,
  maximize: false,
};

/**
 * Divides each weight's gradient by the root of the sum of all its squares. Defaults: `lr` 1e-2.
 *
 * @example
 * const w = torch.ones([1], { requiresGrad: true });
 * w.mul(2).sum().backward();
 * new optim.Adagrad([w], { lr: 0.5 }).step();
 * w.item(); // => 0.5
 */
export class Adagrad extends Optimizer<AdagradOptions> {
  constructor(params: Params<AdagradOptions>, options: Partial<AdagradOptions> = {}) {
    super(params, options, defaults);
  }

  /** Adds a group; unlike other optimizers, PyTorch's makes the state at once, and expects it in a state dict. */
  override addParamGroup(input: ParamGroupInput<AdagradOptions>): void {
    super.addParamGroup(input);
    const group = this.paramGroups.at(-1)!;
    this.statesOf(group, group.params);
  }

  protected override update(
    group: ParamGroup<AdagradOptions>,
    params: readonly Tensor[],
    gradients: readonly number[],
  ): void {
    const { lr, lrDecay, weightDecay, eps, maximize } = group;
    const states = this.statesOf(group, params);
    const steps = column(states, "step");
    const sums = column(states, "sum");
    foreach.addScalar_(steps, 1);
    fusedAdagrad(params.map(handleOf), gradients, sums, steps, lr, lrDecay, weightDecay, eps, maximize);
  }

  protected override stateNames(): string[] {
    return ["step", "sum"];
  }

  protected override get scalarsOnDevice(): boolean {
    return true;
  }

  protected override initialState(name: string, group: ParamGroup<AdagradOptions>): number {
    return name === "sum" ? group.initialAccumulatorValue : 0;
  }

  protected override checkOptions({ lrDecay, initialAccumulatorValue, eps }: AdagradOptions): void {
    checkNumber(this.name, "lrDecay", lrDecay, { min: 0 });
    checkNumber(this.name, "initialAccumulatorValue", initialAccumulatorValue, { min: 0 });
    checkNumber(this.name, "eps", eps, { min: 0 });
  }

  protected override torchOptions(): Readonly<Record<string, unknown>> {
    return { foreach: null, differentiable: false, fused: true };
  }
}
