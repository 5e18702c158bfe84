// libtorch's process-wide switches.
import { native } from "./native.ts";

/** Version of the linked libtorch, `2.13.0`. */
export const version: string = native.version();

/** Threads that one operator uses. */
export const threads = {
  get: (): number => native.numThreads(),
  set: (count: number): void => native.setNumThreads(count),
} as const;

/** Makes operators refuse (or warn of) kernels whose result depends on timing. */
export function setDeterministicAlgorithms(
  enabled: boolean,
  { warnOnly = false }: { warnOnly?: boolean } = {},
): void {
  native.setDeterministic(enabled, warnOnly);
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
