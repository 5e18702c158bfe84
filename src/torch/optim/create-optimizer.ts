// Optimizers by the names that configs use.
import { Registry } from "../../base/index.ts";
import { Adadelta } from "./adadelta.ts";
import { Adafactor } from "./adafactor.ts";
import { Adagrad } from "./adagrad.ts";
import { Adam, AdamW } from "./adam.ts";
import { Adamax } from "./adamax.ts";
import { ASGD } from "./asgd.ts";
import { LAMB } from "./lamb.ts";
import { LBFGS } from "./lbfgs.ts";
import { Lion } from "./lion.ts";
import { Muon } from "./muon.ts";
import { NAdam } from "./nadam.ts";
import type { Optimizer } from "./optimizer.ts";
import type { Params } from "./param-groups.ts";
import { RAdam } from "./radam.ts";
import { RMSprop } from "./rmsprop.ts";
import { Rprop } from "./rprop.ts";
import { AdamWScheduleFree, SGDScheduleFree } from "./schedule-free.ts";
import { SGD } from "./sgd.ts";
import { TransformersAdafactor } from "./transformers-adafactor.ts";

/** Makes one kind of optimizer; it checks the options itself. */
export type OptimizerFactory = (params: Params<any>, options: Readonly<Record<string, unknown>>) => Optimizer;

/**
 * Kinds of optimizers by name, with Hugging Face's names of them; register one to use it in a config.
 * `adafactor` is that of transformers, `adafactor_torch` that of torch.optim.
 */
export const optimizers = new Registry<OptimizerFactory>("optimizer");

optimizers.register("adamw", (params, options) => new AdamW(params, options), [
  "adamw_torch",
  "adamw_torch_fused",
]);
optimizers.register("adam", (params, options) => new Adam(params, options));
optimizers.register("sgd", (params, options) => new SGD(params, options));
optimizers.register("rmsprop", (params, options) => new RMSprop(params, options));
optimizers.register("adagrad", (params, options) => new Adagrad(params, options));
optimizers.register("adadelta", (params, options) => new Adadelta(params, options));
optimizers.register("adamax", (params, options) => new Adamax(params, options));
optimizers.register("nadam", (params, options) => new NAdam(params, options));
optimizers.register("radam", (params, options) => new RAdam(params, options));
optimizers.register("rprop", (params, options) => new Rprop(params, options));
optimizers.register("asgd", (params, options) => new ASGD(params, options));
optimizers.register("lbfgs", (params, options) => new LBFGS(params, options));
optimizers.register("muon", (params, options) => new Muon(params, options));
optimizers.register("lion", (params, options) => new Lion(params, options), ["lion_32bit"]);
optimizers.register("lamb", (params, options) => new LAMB(params, options));
optimizers.register("schedule_free_adamw", (params, options) => new AdamWScheduleFree(params, options), [
  "adamwschedulefree",
]);
optimizers.register("schedule_free_sgd", (params, options) => new SGDScheduleFree(params, options), [
  "sgdschedulefree",
]);
optimizers.register("adafactor_torch", (params, options) => new Adafactor(params, options));
// as Hugging Face's Trainer makes it: with a rate and a schedule from outside
optimizers.register(
  "adafactor",
  (params, options) =>
    new TransformersAdafactor(params, { scaleParameter: false, relativeStep: false, ...options }),
);

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
