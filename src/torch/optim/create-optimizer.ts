// Optimizers by the names that configs use.
import { Registry } from "../../base/index.ts";
import { Adam, AdamW } from "./adam.ts";
import type { Optimizer } from "./optimizer.ts";
import type { Params } from "./param-groups.ts";
import { SGD } from "./sgd.ts";

/** Makes one kind of optimizer; it checks the options itself. */
export type OptimizerFactory = (params: Params<any>, options: Readonly<Record<string, unknown>>) => Optimizer;

/** Kinds of optimizers by name; register one to use it in a config. */
export const optimizers = new Registry<OptimizerFactory>("optimizer");

optimizers.register("adamw", (params, options) => new AdamW(params, options));
optimizers.register("adam", (params, options) => new Adam(params, options));
optimizers.register("sgd", (params, options) => new SGD(params, options));

/**
 * Makes an optimizer by the name that configs use. Options are in camelCase: see `camelCaseKeys`.
 *
 * @example
 * const params = [torch.ones([2], { requiresGrad: true })];
 * optim.createOptimizer("adamw", params, { lr: 5e-5, weightDecay: 0 }).name; // => "AdamW"
 */
export function createOptimizer(
  name: string,
  params: Params<any>,
  options: Readonly<Record<string, unknown>> = {},
): Optimizer {
  return optimizers.get(name)(params, options);
}
