// Stochastic gradient descent with momentum, by libtorch's fused kernel.
import { UsageError } from "../../base/index.ts";
import { rawOp } from "../raw.ts";
import type { Tensor } from "../tensor.ts";
import { checkBoolean, checkNumber } from "./options.ts";
import { Optimizer, column, handleOf } from "./optimizer.ts";
import type { OptimizerOptions, ParamGroup, Params } from "./param-groups.ts";

const fusedSgd = rawOp("_fused_sgd_");

/** Options of `SGD`. */
export interface SGDOptions extends OptimizerOptions {
  /** Share of the last step that is kept. @default 0 */
  momentum: number;
  /** Share of the gradient that is left out of the momentum. @default 0 */
  dampening: number;
  /** Looks ahead along the momentum (Sutskever et al. 2013). @default false */
  nesterov: boolean;
  weightDecay: number;
  maximize: boolean;
}

const defaults: SGDOptions = {
  lr: 1e-3,
  momentum: 0,
  dampening: 0,
  weightDecay: 0,
  nesterov: false,
  maximize: false,
};

/**
 * Moves weights against their gradient, with momentum if asked for. Defaults: `lr` 1e-3, `momentum` 0.
 *
 * @example
 * const w = torch.ones([1], { requiresGrad: true });
 * w.mul(2).sum().backward();
 * new optim.SGD([w], { lr: 0.25 }).step();
 * w.item(); // => 0.5
 */
export class SGD extends Optimizer<SGDOptions> {
  constructor(params: Params<SGDOptions>, options: Partial<SGDOptions> = {}) {
    super(params, options, defaults);
  }

  protected override update(
    group: ParamGroup<SGDOptions>,
    params: readonly Tensor[],
    gradients: readonly number[],
  ): void {
    if (group.momentum === 0) {
      this.#call(group, params, gradients, []);
      return;
    }
    // the kernel starts all buffers or none: parameters that get their first gradient later go apart
    const isFresh = params.map((param) => !("momentumBuffer" in this.stateOf(param)));
    for (const isFirst of [false, true]) {
      const picked = isFresh.flatMap((fresh, i) => (fresh === isFirst ? [i] : []));
      if (picked.length === 0) continue;
      const chosen = picked.map((i) => params[i]!);
      const buffers = column(this.statesOf(group, chosen), "momentumBuffer");
      const chosenGradients = picked.map((i) => gradients[i]!);
      this.#call(group, chosen, chosenGradients, buffers, isFirst);
    }
  }

  #call(
    group: ParamGroup<SGDOptions>,
    params: readonly Tensor[],
    gradients: readonly number[],
    buffers: readonly number[],
    isFirst = false,
  ): void {
    const { weightDecay, momentum, lr, dampening, nesterov, maximize } = group;
    const handles = params.map(handleOf);
    fusedSgd(handles, gradients, buffers, weightDecay, momentum, lr, dampening, nesterov, maximize, isFirst);
  }

  protected override stateNames({ momentum }: SGDOptions): string[] {
    return momentum === 0 ? [] : ["momentumBuffer"];
  }

  protected override checkOptions({ momentum, dampening, nesterov }: SGDOptions): void {
    checkNumber(this.name, "momentum", momentum, { min: 0 });
    checkNumber(this.name, "dampening", dampening);
    checkBoolean(this.name, "nesterov", nesterov);
    if (nesterov && (momentum === 0 || dampening !== 0)) {
      throw new UsageError(
        `${this.name}: nesterov needs momentum > 0 and dampening 0, got momentum=${momentum} and dampening=${dampening}.`,
      );
    }
  }

  protected override torchOptions(): Readonly<Record<string, unknown>> {
    return { foreach: null, differentiable: false, fused: true };
  }
}
