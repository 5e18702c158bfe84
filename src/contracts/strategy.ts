// How a training step runs on its devices and processes. The default is one process on one device.
import type { Tensor, nn, optim } from "../torch/index.ts";

/**
 * Runs backward and the optimizer's step, and may change the gradients in between: Lightning's `Strategy`. As it stands it is
 * that of one process on one device; a subclass overrides what it does otherwise, and is registered by a name that
 * `trainer.strategy` takes. Its methods are synchronous, as a step's tensors are freed at the step's end.
 *
 * @example
 * class HalfGradients extends Strategy {
 *   override reduceGradients(parameters: readonly Tensor[]): void {
 *     for (const { grad } of parameters) grad?.mul_(0.5);
 *   }
 * }
 */
export class Strategy {
  /** Runs before the first step, when the model is made and the optimizers are not. */
  setup(_model: nn.Module): void | Promise<void> {}

  /** Adds the gradients of one batch's loss, a scalar that is divided already by what the step accumulates. */
  backward(loss: Tensor): void {
    loss.backward();
  }

  /** Runs when all gradients of a step are there, before they are clipped: where processes make theirs equal. */
  reduceGradients(_parameters: readonly Tensor[]): void {}

  /** Moves the weights. */
  optimizerStep(optimizer: optim.Optimizer): void {
    optimizer.step();
  }

  /** Runs after the last step, not after an error. */
  teardown(): void | Promise<void> {}

  /** Returns the tensors that a checkpoint keeps. @default none */
  stateDict(): Map<string, Tensor> {
    return new Map();
  }

  /** Copies the tensors of a checkpoint, which are freed afterwards. Runs after `setup`. */
  loadStateDict(_state: ReadonlyMap<string, Tensor>): void {}
}
