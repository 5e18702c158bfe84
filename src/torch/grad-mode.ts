// Whether operators record gradients, and in which precision they compute.
import { dtypeCode } from "./dtype.ts";
import { native } from "./native.ts";

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

/**
 * Sets whether operators record gradients from here on, or while `run` runs.
 *
 * @example
 * torch.setGradEnabled(false, () => torch.isGradEnabled()); // => false
 */
export function setGradEnabled(enabled: boolean): void;
export function setGradEnabled<T>(enabled: boolean, run: () => T): T;
export function setGradEnabled<T>(enabled: boolean, run?: () => T): T | void {
  if (run !== undefined) return withGradEnabled(enabled, run);
  native.setGradEnabled(enabled);
}

/**
 * Runs `run` without recording gradients or versions: faster than `noGrad`, but what is made inside can never
 * be part of a graph.
 *
 * @example
 * torch.inferenceMode(() => torch.ones([1])).isInference(); // => true
 */
export function inferenceMode<T>(run: () => T, { enabled = true }: { enabled?: boolean } = {}): T {
  native.enterInferenceMode(enabled);
  try {
    return run();
  } finally {
    native.leaveInferenceMode();
  }
}

/**
 * Sets whether a backward pass gives the work of each device to a thread of its own, from here on or while `run` runs;
 * on the CPU there is one thread in any case. Of this thread; true unless set.
 *
 * @example
 * torch.autograd.setMultithreadingEnabled(false, () => torch.ones([1], { requiresGrad: true }).exp().backward());
 */
export function setMultithreadingEnabled(enabled: boolean): void;
export function setMultithreadingEnabled<T>(enabled: boolean, run: () => T): T;
export function setMultithreadingEnabled<T>(enabled: boolean, run?: () => T): T | void {
  const before = native.multithreading();
  native.setMultithreading(enabled);
  if (run === undefined) return;
  try {
    return run();
  } finally {
    native.setMultithreading(before);
  }
}

/**
 * Sets whether a gradient that is accumulated gets the strides of its leaf, from here on or while `run` runs. Off, a
 * gradient with other strides is kept as it is, which saves a copy. Of this thread; true unless set. Needs libtorch 2.13.
 *
 * @example
 * const x = torch.ones([2, 3]).t().requiresGrad_();
 * torch.autograd.enforceGradLayoutPolicy(false, () => x.mul(torch.ones([3, 2])).sum().backward());
 */
export function enforceGradLayoutPolicy(enabled: boolean): void;
export function enforceGradLayoutPolicy<T>(enabled: boolean, run: () => T): T;
export function enforceGradLayoutPolicy<T>(enabled: boolean, run?: () => T): T | void {
  const before = native.setGradLayoutPolicy(enabled);
  if (run === undefined) return;
  try {
    return run();
  } finally {
    native.setGradLayoutPolicy(before);
  }
}

/** Whether `inferenceMode` is on now. */
export function isInferenceModeEnabled(): boolean {
  return native.inferenceMode();
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
