// What steps and `configureOptimizers` return, in one form.
import { Tensor, optim } from "../torch/index.ts";
import type { OptimizerSetup, OptimizerWithScheduler, StepOutput } from "./trainable.ts";

/** Returns the loss in what a step gave. */
export function lossOf(output: StepOutput | undefined | void): Tensor | undefined {
  return output instanceof Tensor ? output : output?.loss;
}

/** Lists the optimizers that a model configures, each with its scheduler where it has one. */
export function optimizersOf(setup: OptimizerSetup): OptimizerWithScheduler[] {
  const parts = (Array.isArray(setup) ? setup : [setup]) as (optim.Optimizer | OptimizerWithScheduler)[];
  return parts.map((part) => (part instanceof optim.Optimizer ? { optimizer: part } : part));
}
