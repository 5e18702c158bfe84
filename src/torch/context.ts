// libtorch's switches: threads of the calling thread; determinism, anomalies and kernels of the process.
import { UsageError } from "../base/index.ts";
import { libtorchVersion, native } from "./native.ts";

/** Version of the linked libtorch, `2.13.0`. */
export const version: string = libtorchVersion();

/**
 * Sets how many threads one operator uses, for operators that this thread calls: each worker sets its own.
 *
 * At load it is `SCONCE_NUM_THREADS`, else the processors that the container grants.
 */
export function setNumThreads(count: number): void {
  checkCount("setNumThreads", count);
  native.setNumThreads(count);
}

/** Returns how many threads one operator uses on this thread. */
export function getNumThreads(): number {
  return native.numThreads();
}

/** Sets how many operators may run at once where libtorch itself runs several; once, before the first does. */
export function setNumInteropThreads(count: number): void {
  checkCount("setNumInteropThreads", count);
  native.setNumInteropThreads(count);
}

/** Returns how many operators may run at once where libtorch itself runs several. */
export function getNumInteropThreads(): number {
  return native.numInteropThreads();
}

export interface DeterministicOptions {
  /** Warns of operators without a deterministic kernel instead of refusing them. @default false */
  warnOnly?: boolean;
  /** Fills what `empty` and its like return, so that a read before the first write repeats. @default true */
  fillUninitializedMemory?: boolean;
}

/** Makes operators use kernels that repeat their results bit for bit, and refuses those that have none. */
export function useDeterministicAlgorithms(
  enabled: boolean,
  { warnOnly = false, fillUninitializedMemory = true }: DeterministicOptions = {},
): void {
  native.setDeterministic(enabled, warnOnly, fillUninitializedMemory);
}

/** Whether operators must be deterministic. */
export function areDeterministicAlgorithmsEnabled(): boolean {
  return native.deterministic()[0];
}

/** Whether an operator without a deterministic kernel only warns. */
export function isDeterministicAlgorithmsWarnOnlyEnabled(): boolean {
  return native.deterministic()[1];
}

const debugModes = ["default", "warn", "error"] as const;

/** Sets `useDeterministicAlgorithms` by a word or its number: off, warning, refusing. */
export function setDeterministicDebugMode(mode: (typeof debugModes)[number] | 0 | 1 | 2): void {
  const level = typeof mode === "number" ? mode : debugModes.indexOf(mode);
  if (debugModes[level] === undefined) {
    throw new UsageError(
      `setDeterministicDebugMode: mode must be one of ${debugModes.join(", ")} or 0, 1, 2, got ${JSON.stringify(mode)}.`,
    );
  }
  useDeterministicAlgorithms(level > 0, { warnOnly: level === 1 });
}

/** Returns 0 where any kernel may run, 1 where one that does not repeat warns, 2 where it is refused. */
export function getDeterministicDebugMode(): 0 | 1 | 2 {
  const [enabled, warnOnly] = native.deterministic();
  return enabled ? (warnOnly ? 1 : 2) : 0;
}

const matmulPrecisions = ["highest", "high", "medium"] as const;

/** How exactly float32 matrix products are computed. */
export type MatmulPrecision = (typeof matmulPrecisions)[number];

/**
 * Sets how exactly float32 matrix products are computed where a device has faster ways: "highest" in float32, "high" in
 * TensorFloat32 or the sum of two bfloat16, "medium" in bfloat16. Of the process; "highest" unless set.
 *
 * @example
 * torch.setFloat32MatmulPrecision("high");
 * torch.getFloat32MatmulPrecision(); // => "high"
 */
export function setFloat32MatmulPrecision(precision: MatmulPrecision): void {
  if (!matmulPrecisions.includes(precision)) {
    throw new UsageError(
      `setFloat32MatmulPrecision: precision must be one of ${matmulPrecisions.join(", ")}, got ${JSON.stringify(precision)}.`,
    );
  }
  native.setFloat32MatmulPrecision(precision);
}

/** Returns how exactly float32 matrix products are computed. */
export function getFloat32MatmulPrecision(): MatmulPrecision {
  return native.float32MatmulPrecision();
}

/**
 * Sets whether this thread's CPU operators take denormal numbers for zero, which is faster where many occur. Returns
 * whether the processor can.
 *
 * @example
 * torch.setFlushDenormal(false);
 */
export function setFlushDenormal(enabled: boolean): boolean {
  return native.setFlushDenormal(enabled);
}

/** What the machine and the build offer. */
export const backends = {
  /** Widest instruction set that the kernels use: `DEFAULT`, `AVX2`, `AVX512`. */
  cpuCapability: (): string => native.cpuCapability(),
  cudaAvailable: (): boolean => native.hasCuda(),
  /** Whether attention may use the fused kernel; on CPU its backward is slow for short sequences. */
  flashAttention: (): boolean => native.flashAttention(),
  setFlashAttention: (enabled: boolean): void => native.setFlashAttention(enabled),
} as const;

function checkCount(name: string, count: number): void {
  if (!Number.isInteger(count) || count < 1) {
    throw new UsageError(`${name}: the number of threads must be a whole number from 1, got ${count}.`);
  }
}
