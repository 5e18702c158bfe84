// Adam (Kingma and Ba 2015) and AdamW (Loshchilov and Hutter 2019), by libtorch's fused kernels.
import { UsageError } from "../../base/index.ts";
import { rawOp } from "../raw.ts";
import type { RawOp } from "../raw.ts";
import type { Tensor } from "../tensor.ts";
import { checkBoolean, checkNumber } from "./options.ts";
import { Optimizer, handleOf, stepTensor, zerosFor } from "./optimizer.ts";
import type { OptimizerOptions, ParamGroup, Params } from "./param-groups.ts";

const addForeach = rawOp("_foreach_add_", "Scalar");
const fusedAdam = rawOp("_fused_adam_");
const fusedAdamW = rawOp("_fused_adamw_");

/** Options of `Adam` and `AdamW`. */
export interface AdamOptions extends OptimizerOptions {
  /** Decay of the running averages of the gradient and of its square. @default [0.9, 0.999] */
  betas: readonly [number, number];
  /** Keeps the denominator from zero. @default 1e-8 */
  eps: number;
  /** Divides by the largest average of squares so far (Reddi et al. 2018). @default false */
  amsgrad: boolean;
}

const defaults: AdamOptions = {
  lr: 1e-3,
  betas: [0.9, 0.999],
  eps: 1e-8,
  weightDecay: 0,
  amsgrad: false,
  maximize: false,
};

/**
 * Scales each weight's step by running averages of its gradient; weight decay is added to the gradient.
 * Defaults: `lr` 1e-3, `weightDecay` 0.
 *
 * @example
 * const w = torch.ones([1], { requiresGrad: true });
 * const optimizer = new optim.Adam([w], { lr: 0.1 });
 * w.mul(3).sum().backward();
 * optimizer.step();
 * w.item().toFixed(4); // => "0.9000"
 */
export class Adam extends Optimizer<AdamOptions> {
  constructor(params: Params<AdamOptions>, options: Partial<AdamOptions> = {}) {
    super(params, options, defaults);
  }

  protected get kernel(): RawOp {
    return fusedAdam;
  }

  protected override update(
    group: ParamGroup<AdamOptions>,
    params: readonly Tensor[],
    gradients: readonly number[],
  ): void {
    const states = params.map((param) => this.#stateOf(param, group.amsgrad));
    const steps = states.map((state) => state.step.handle);
    addForeach(steps, 1);
    this.kernel(
      params.map(handleOf),
      gradients,
      states.map((state) => state.expAvg.handle),
      states.map((state) => state.expAvgSq.handle),
      group.amsgrad ? states.map((state) => state.maxExpAvgSq!.handle) : [],
      steps,
      group.lr,
      ...group.betas,
      group.weightDecay,
      group.eps,
      group.amsgrad,
      group.maximize,
    );
  }

  #stateOf(param: Tensor, amsgrad: boolean) {
    const state = this.stateOf(param);
    state["step"] ??= stepTensor(param);
    state["expAvg"] ??= zerosFor(param);
    state["expAvgSq"] ??= zerosFor(param);
    if (amsgrad) state["maxExpAvgSq"] ??= zerosFor(param);
    return state as { step: Tensor; expAvg: Tensor; expAvgSq: Tensor; maxExpAvgSq?: Tensor };
  }

  protected override stateNames({ amsgrad }: AdamOptions): string[] {
    return ["step", "expAvg", "expAvgSq", ...(amsgrad ? ["maxExpAvgSq"] : [])];
  }

  protected override checkOptions({ betas, eps, amsgrad }: AdamOptions): void {
    if (!Array.isArray(betas) || betas.length !== 2) {
      throw new UsageError(
        `${this.name}: betas must be two numbers, got ${JSON.stringify(betas)}. Write [0.9, 0.999].`,
      );
    }
    checkNumber(this.name, "betas[0]", betas[0], { min: 0, below: 1 });
    checkNumber(this.name, "betas[1]", betas[1], { min: 0, below: 1 });
    checkNumber(this.name, "eps", eps, { min: 0 });
    checkBoolean(this.name, "amsgrad", amsgrad);
  }

  protected override torchOptions(): Readonly<Record<string, unknown>> {
    return { ...super.torchOptions(), capturable: false, decoupled_weight_decay: false };
  }
}

/**
 * Adam with decoupled weight decay: weights shrink by `lr * weightDecay`, whatever their gradient.
 * Defaults: `lr` 1e-3, `weightDecay` 0.01.
 *
 * @example
 * const optimizer = new optim.AdamW([torch.ones([2], { requiresGrad: true })], { lr: 5e-5 });
 * optimizer.defaults.weightDecay; // => 0.01
 */
export class AdamW extends Adam {
  constructor(params: Params<AdamOptions>, options: Partial<AdamOptions> = {}) {
    super(params, { weightDecay: 0.01, ...options });
  }

  protected override get kernel(): RawOp {
    return fusedAdamW;
  }

  protected override torchOptions(): Readonly<Record<string, unknown>> {
    return { ...super.torchOptions(), decoupled_weight_decay: true };
  }
}
