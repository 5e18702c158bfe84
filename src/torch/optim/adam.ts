// Adam (Kingma and Ba 2015) and AdamW (Loshchilov and Hutter 2019), by libtorch's fused kernels.
import { rawOp } from "../raw.ts";
import type { RawOp } from "../raw.ts";
import { native } from "../native.ts";
import { keep } from "../scope.ts";
import type { Tensor } from "../tensor.ts";
import { foreach } from "./foreach.ts";
import { checkBetas, checkBoolean, checkNumber } from "./options.ts";
import { Optimizer, column, countSteps, handleOf } from "./optimizer.ts";
import type { ParamState } from "./optimizer.ts";
import type { OptimizerOptions, ParamGroup, Params } from "./param-groups.ts";

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
  weightDecay: number;
  maximize: boolean;
}

const defaults: AdamOptions = {
  lr: 1e-3,
  betas: [0.9, 0.999],
  eps: 1e-8,
  weightDecay: 0,
  amsgrad: false,
  maximize: false,
};

const stateNames = ["step", "expAvg", "expAvgSq"];
const amsgradNames = [...stateNames, "maxExpAvgSq"];

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
    const states = this.statesOf(group, params);
    const steps = column(states, "step");
    foreach.addScalar_(steps, 1);
    for (const { expAvg } of states) this.#moved.delete(expAvg!); // the kernel counts no version of the averages
    this.kernel(
      params.map(handleOf),
      gradients,
      column(states, "expAvg"),
      column(states, "expAvgSq"),
      group.amsgrad ? column(states, "maxExpAvgSq") : [],
      steps,
      group.lr,
      ...group.betas,
      group.weightDecay,
      group.eps,
      group.amsgrad,
      group.maximize,
    );
  }

  /** Where weight decay changes no gradient, a row whose gradients were all zero moves by the decay alone. */
  override updatesRows({ amsgrad, weightDecay, eps }: ParamGroup<AdamOptions>): boolean {
    return !amsgrad && eps > 0 && (weightDecay === 0 || this.kernel === fusedAdamW);
  }

  protected override updateRows(group: ParamGroup<AdamOptions>, param: Tensor): void {
    const [state] = this.statesOf(group, [param]) as [ParamState];
    const { expAvg, expAvgSq } = state as { expAvg: Tensor; expAvgSq: Tensor };
    const [step] = countSteps([state]) as [number];
    const moved = this.#movedRows(expAvg, expAvgSq);
    native.gradValues([param.handle]); // each row once
    native.adamRows(
      param.handle,
      expAvg.handle,
      expAvgSq.handle,
      moved.handle,
      step,
      group.lr,
      ...group.betas,
      group.weightDecay,
      group.eps,
      group.maximize,
    );
    this.#moved.set(expAvg, { moved, versions: versionsOf(expAvg, expAvgSq) });
  }

  readonly #moved = new WeakMap<Tensor, { moved: Tensor; versions: string }>();

  /** Marks the rows that ever had a gradient: those whose averages are not zero. */
  #movedRows(expAvg: Tensor, expAvgSq: Tensor): Tensor {
    const known = this.#moved.get(expAvg); // loading a state makes new averages
    if (known?.versions === versionsOf(expAvg, expAvgSq)) return known.moved;
    const isSet = expAvg.ne(0).logicalOr(expAvgSq.ne(0)).flatten({ startDim: 1 }).any({ dim: 1 });
    known?.moved.dispose();
    return keep(isSet.to("uint8"));
  }

  protected override stateNames({ amsgrad }: AdamOptions): string[] {
    return amsgrad ? amsgradNames : stateNames;
  }

  protected override get scalarsOnDevice(): boolean {
    return true;
  }

  protected override checkOptions({ betas, eps, amsgrad }: AdamOptions): void {
    checkBetas(this.name, betas);
    checkNumber(this.name, "eps", eps, { min: 0 });
    checkBoolean(this.name, "amsgrad", amsgrad);
  }

  protected override torchOptions(): Readonly<Record<string, unknown>> {
    return { ...super.torchOptions(), fused: true, decoupled_weight_decay: false };
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

/** Tells whether averages were written elsewhere since, by hand. */
function versionsOf(expAvg: Tensor, expAvgSq: Tensor): string {
  return `${expAvg.version} ${expAvgSq.version}`;
}
