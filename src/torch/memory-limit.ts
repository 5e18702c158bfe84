// How much memory tensors may hold, and what it is like when they hold it all.
import { SetupError, UsageError } from "../base/index.ts";
import { native } from "./native.ts";

/**
 * Limits the memory that tensors on the CPU hold together, those of 64 KB and more; undefined lifts the limit. What would
 * exceed it throws as if the machine had no more, where the system would otherwise kill the process without a word.
 *
 * @example
 * torch.setMemoryLimit(8 * 2 ** 30);
 * torch.setMemoryLimit(undefined);
 *
 * @throws SetupError where tensors are not kept in memory of our own: beside Linux, and with `MALLOC_MMAP_THRESHOLD_` or
 * `MALLOC_TRIM_THRESHOLD_` in the environment
 */
export function setMemoryLimit(bytes: number | undefined): void {
  if (bytes !== undefined && !(Number.isSafeInteger(bytes) && bytes > 0)) {
    throw new UsageError(
      `setMemoryLimit: must be a whole number of bytes from 1, or undefined for no limit, got ${String(bytes)}.`,
    );
  }
  if (native.setMemoryLimit(bytes ?? 0) || bytes === undefined) return;
  throw new SetupError(
    "setMemoryLimit: works on Linux alone, where tensors are kept in memory of our own. Unset MALLOC_MMAP_THRESHOLD_ and MALLOC_TRIM_THRESHOLD_ if they are set.",
  );
}

/** Tells whether an error says that there was no memory for a tensor, on the CPU or a GPU. */
export function isOutOfMemory(error: unknown): boolean {
  // libtorch has no code for it: its allocators say so in these words
  return (
    error instanceof Error && /can't allocate memory|not enough memory|out of memory/iu.test(error.message)
  );
}
