// Whether operators record gradients, and in which precision they compute.
import { dtypeCode } from "./dtype.ts";
import { native } from "./native.ts";
import { wrap, wrapOrNull } from "./binding.ts";
import type { Tensor } from "./tensor.ts";

/**
 * Runs `run` without recording gradients.
 *
 * @example
 * torch.noGrad(() => torch.ones([1], { requiresGrad: true }).mul(2)).requiresGrad; // => false
 */
export function noGrad<T>(run: () => T): T {
  return withGradEnabled(false, run);
}

/** Runs `run` recording gradients, also inside `noGrad`. */
export function enableGrad<T>(run: () => T): T {
  return withGradEnabled(true, run);
}

/** Whether operators record gradients now. */
export function isGradEnabled(): boolean {
  return native.gradEnabled();
}

export interface AutocastOptions {
  /** Computes in this dtype where that is safe. @default "bfloat16" */
  dtype?: "bfloat16" | "float16";
  /** @default "cpu" */
  device?: string;
  /** @default true */
  enabled?: boolean;
}

/** Runs `run` in mixed precision: matrix products in `dtype`, what needs range or sums in float32. */
export function autocast<T>(
  { dtype = "bfloat16", device = "cpu", enabled = true }: AutocastOptions,
  run: () => T,
): T {
  const [wasEnabled, previousDtype] = native.autocastState(device);
  native.enterAutocast(device, enabled, dtypeCode(dtype));
  try {
    return run();
  } finally {
    native.leaveAutocast(device, wasEnabled, previousDtype);
  }
}

export interface GradOptions {
  /** Gradients of the outputs; needed where an output is not a scalar. */
  gradOutputs?: readonly (Tensor | null)[];
  /** Keeps the graph for another pass. @default createGraph */
  retainGraph?: boolean;
  /** Records the gradients' own graph, for higher derivatives. @default false */
  createGraph?: boolean;
  /** Gives null for an input that the outputs do not depend on, instead of an error. @default false */
  allowUnused?: boolean;
}

/** Returns the gradients of the sum of `outputs` with respect to `inputs`, leaving `.grad` alone. */
export function grad(
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  options?: GradOptions & { allowUnused?: false },
): Tensor[];
export function grad(
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  options: GradOptions,
): (Tensor | null)[];
export function grad(
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  { gradOutputs = [], createGraph = false, retainGraph = createGraph, allowUnused = false }: GradOptions = {},
): (Tensor | null)[] {
  const handles = native.gradOf(
    outputs.map((tensor) => tensor.handle),
    inputs.map((tensor) => tensor.handle),
    gradOutputs.map((tensor) => tensor?.handle ?? null),
    retainGraph,
    createGraph,
    allowUnused,
  );
  return allowUnused ? handles.map(wrapOrNull) : handles.map(wrap);
}

function withGradEnabled<T>(enabled: boolean, run: () => T): T {
  const before = native.gradEnabled();
  native.setGradEnabled(enabled);
  try {
    return run();
  } finally {
    native.setGradEnabled(before);
  }
}
