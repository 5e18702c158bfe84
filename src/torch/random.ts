// libtorch's random generators: the same stream as PyTorch's for the same seed and order of calls.
import { randomBytes } from "node:crypto";
import { wrap } from "./binding.ts";
import type { Device } from "./dtype.ts";
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

  constructor(seed: number | bigint = 0) {
    this.handle = native.newGenerator(seed);
  }

  manualSeed(seed: number | bigint): this {
    native.seedGenerator(this.handle, seed);
    return this;
  }

  /** Seeds this generator with a number that the system draws, and returns it. */
  seed(): number {
    const drawn = drawSeed();
    this.manualSeed(drawn);
    return drawn;
  }

  /** Returns the seed that this generator was last given; a bigint beyond 2^53. */
  initialSeed(): number | bigint {
    return native.generatorSeed(this.handle);
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
export function manualSeed(seed: number | bigint): void {
  native.manualSeed(seed);
}

/** Seeds the default generators of all devices with a number that the system draws, and returns it. */
export function seed(): number {
  const drawn = drawSeed();
  manualSeed(drawn);
  return drawn;
}

/** Returns the seed of the default CPU generator; a bigint beyond 2^53. */
export function initialSeed(): number | bigint {
  return native.generatorSeed("cpu");
}

/** Returns the state of a device's default generator as a uint8 tensor. */
export function getRngState(device: Device = "cpu"): Tensor {
  return wrap(native.generatorState(device));
}

/** Restores a device's default generator. */
export function setRngState(state: Tensor, device: Device = "cpu"): void {
  native.setGeneratorState(device, state.handle);
}

export interface ForkRngOptions {
  /** Devices whose generators are restored, beside the CPU's. @default every CUDA device */
  devices?: readonly Device[];
  /** @default true */
  enabled?: boolean;
}

/**
 * Runs `run` and puts the default generators back to where they were, also when it throws or rejects.
 *
 * @example
 * torch.manualSeed(3);
 * const inside = torch.random.forkRng(() => torch.rand([2]).tolist());
 * JSON.stringify(torch.rand([2]).tolist()) === JSON.stringify(inside); // => true
 */
export function forkRng<T>(run: () => T, options: ForkRngOptions = {}): T {
  const { enabled = true, devices = cudaDevices() } = options;
  if (!enabled) return run();
  const states = ["cpu", ...devices].map((device) => [device, stateBeyondScopes(device)] as const);
  const restore = (): void => {
    for (const [device, state] of states) {
      setRngState(state, device);
      state.dispose();
    }
  };
  let result: T;
  try {
    result = run();
  } catch (error) {
    restore();
    throw error;
  }
  if (result instanceof Promise) return result.finally(restore) as T;
  restore();
  return result;
}

function stateBeyondScopes(device: Device): Tensor {
  const state = getRngState(device);
  native.track(state, state.handle);
  return state;
}

function cudaDevices(): Device[] {
  return Array.from({ length: native.cudaDeviceCount?.() ?? 0 }, (_, i) => `cuda:${i}`);
}

/** 53 bits: a number of JavaScript holds no more. */
function drawSeed(): number {
  return randomBytes(8).readUIntBE(0, 6) * 32 + (randomBytes(1)[0]! % 32);
}
