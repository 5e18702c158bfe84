// libtorch's random generators: the same stream as PyTorch's for the same seed and order of calls.
import { wrap } from "./binding.ts";
import { native } from "./native.ts";
import type { Tensor } from "./tensor.ts";

/**
 * Draws random numbers apart from the default generator.
 *
 * @example
 * const generator = new torch.Generator(7);
 * torch.rand([2], { generator }).equal(torch.rand([2], { generator: new torch.Generator(7) })); // => true
 */
export class Generator {
  readonly handle: number;

  constructor(seed = 0) {
    this.handle = native.newGenerator(seed);
  }

  manualSeed(seed: number): this {
    native.seedGenerator(this.handle, seed);
    return this;
  }

  /** Returns the state as a uint8 tensor, for `setState`. */
  getState(): Tensor {
    return wrap(native.generatorState(this.handle));
  }

  setState(state: Tensor): void {
    native.setGeneratorState(this.handle, state.handle);
  }
}

/** Seeds the default generators of all devices. */
export function manualSeed(seed: number): void {
  native.manualSeed(seed);
}

/** Returns the state of the default CPU generator as a uint8 tensor. */
export function getRngState(): Tensor {
  return wrap(native.generatorState(-1));
}

/** Restores the default CPU generator. */
export function setRngState(state: Tensor): void {
  native.setGeneratorState(-1, state.handle);
}
