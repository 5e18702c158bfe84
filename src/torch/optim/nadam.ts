// NAdam: Adam with Nesterov's momentum (Dozat 2016).
import type { Tensor } from "../tensor.ts";
import { descent, foreach } from "./foreach.ts";
import { checkBetas, checkBoolean, checkNumber } from "./options.ts";
import { Optimizer, column, countSteps, handleOf } from "./optimizer.ts";
import type { StateLayout } from "./optimizer.ts";
import type { OptimizerOptions, ParamGroup, Params } from "./param-groups.ts";

/** Options of `NAdam`. */
export interface NAdamOptions extends OptimizerOptions {
  /** Decay of the running averages of the gradient and of its square. @default [0.9, 0.999] */
  betas: readonly [number, number];
  /** Keeps the denominator from zero. @default 1e-8 */
  eps: number;
  /** How fast the momentum grows to `betas[0]`. @default 4e-3 */
  momentumDecay: number;
  /** Shrinks weights by `lr * weightDecay`, whatever their gradient, as AdamW does. @default false */
  decoupledWeightDecay: boolean;
  weightDecay: number;
  maximize: boolean;
}

const defaults: NAdamOptions = {
  lr: 2e-3,
  betas: [0.9, 0.999],
  eps: 1e-8,
  weightDecay: 0,
  momentumDecay: 4e-3,
  decoupledWeightDecay: false,
  maximize: false,
};

/**
 * Adam that looks ahead along its momentum. Defaults: `lr` 2e-3.
 *
 * @example
 * const w = torch.ones([1], { requiresGrad: true });
 * w.mul(2).sum().backward();
 * new optim.NAdam([w], { lr: 0.25 }).step();
 * w.item().toFixed(4); // => "0.7359"
 */
export class NAdam extends Optimizer<NAdamOptions> {
  constructor(params: Params<NAdamOptions>, options: Partial<NAdamOptions> = {}) {
    super(params, options, defaults);
  }

  protected override update(
    group: ParamGroup<NAdamOptions>,
    params: readonly Tensor[],
    gradients: readonly number[],
  ): void {
    const { lr, eps, weightDecay, momentumDecay, decoupledWeightDecay } = group;
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

    const momentumAt = (step: number) => beta1 * (1 - 0.5 * 0.96 ** (step * momentumDecay));
    const corrections = steps.map((step) => Math.sqrt(1 - beta2 ** step));
    foreach.mulEach_(column(states, "muProduct"), steps.map(momentumAt));
    const root = foreach.sqrt(squares) as number[];
    foreach.divEach_(root, corrections);
    foreach.addScalar_(root, eps);
    const products = states.map((state) => state["muProduct"]!.item());
    const ofGradient = steps.map((step, i) => (-lr * (1 - momentumAt(step))) / (1 - products[i]!));
    const ofMomentum = steps.map((step, i) => {
      const next = momentumAt(step + 1);
      return (-lr * next) / (1 - products[i]! * next);
    });
    foreach.addcdivEach_(weights, directions, root, ofGradient);
    foreach.addcdivEach_(weights, averages, root, ofMomentum);
  }

  protected override stateNames(): string[] {
    return ["step", "muProduct", "expAvg", "expAvgSq"];
  }

  protected override stateLayout(name: string, param: Tensor): StateLayout {
    return name === "muProduct" ? "scalar" : super.stateLayout(name, param);
  }

  protected override initialState(name: string): number {
    return name === "muProduct" ? 1 : 0;
  }

  protected override checkOptions(options: NAdamOptions): void {
    checkBetas(this.name, options.betas);
    checkNumber(this.name, "eps", options.eps, { min: 0 });
    checkNumber(this.name, "momentumDecay", options.momentumDecay, { min: 0 });
    checkBoolean(this.name, "decoupledWeightDecay", options.decoupledWeightDecay);
  }
}
