// Frees tensors at a known moment: V8 does not see how much memory a tensor holds.
import { UsageError } from "../base/index.ts";
import { countScope } from "./binding.ts";
import type { Device } from "./dtype.ts";
import { leakWatch } from "./leak-check.ts";
import { native } from "./native.ts";
import type { Tensor } from "./tensor.ts";
import { tensorsIn } from "./tensors-in.ts";

/**
 * Frees every tensor made inside but those returned (directly, or in arrays, maps and plain objects).
 *
 * With a callback it runs it; without, it returns a handle for `using`. A scope is synchronous: a callback
 * that returns a promise throws, since another task would make its tensors in this scope.
 *
 * @example
 * const total = torch.scope(() => torch.ones([2, 3]).mul(2).sum());
 * total.item(); // => 12
 */
export function scope<T>(run: () => T): T;
export function scope(): Disposable;
export function scope<T>(run?: () => T): T | Disposable {
  const mark = enter();
  if (run === undefined) {
    let open = true;
    return {
      [Symbol.dispose]() {
        if (open) leave(mark, []);
        open = false;
      },
    };
  }
  let kept: Tensor[] = [];
  try {
    const result = run();
    if (result instanceof Promise) {
      result.catch(() => {}); // the error below is the one to report
      throw new UsageError(
        "torch.scope: the callback must be synchronous, got a promise. Await outside the scope, and open one per synchronous part.",
      );
    }
    kept = [...tensorsIn(result)];
    return result;
  } finally {
    leave(mark, kept);
  }
}

/** Takes a tensor out of the scopes that are open: it lives until it is disposed or collected. */
export function keep<T extends Tensor>(tensor: T): T {
  native.track(tensor, tensor.handle);
  return tensor;
}

/** Frees tensors now, wherever they are in arrays, maps and plain objects. */
export function dispose(...values: unknown[]): void {
  for (const tensor of tensorsIn(values)) tensor.dispose();
}

export interface MemoryStats {
  /** Tensors that JavaScript holds, on this thread. */
  liveTensors: number;
  openScopes: number;
  /** Those of `liveTensors` that open scopes will free. */
  scopedTensors: number;
  /** Bytes of memory that the live tensors keep, by device; what views share counts once. */
  bytes: Record<Device, number>;
  /**
   * Bytes that tensors of 64 KB and more take on the CPU, what autograd keeps included; 0 where their memory is left to
   * another allocator.
   */
  allocated: number;
  /** Bytes of memory that the process takes now, and the most that it has taken. */
  rss: number;
  peakRss: number;
}

/** Counts the tensors of this thread, and the memory that they and the process take. */
export function memoryStats(): MemoryStats {
  const [liveTensors, openScopes, scopedTensors, allocated] = native.memoryStats();
  return {
    liveTensors,
    openScopes,
    scopedTensors,
    bytes: { cpu: 0, ...Object.fromEntries(native.heldBytes()) },
    allocated,
    rss: process.memoryUsage.rss(),
    peakRss: process.resourceUsage().maxRSS * 1024,
  };
}

/**
 * Gives memory that is free back to the system, as a server does when it idles.
 *
 * Memory of tensors of 64 KB and more is otherwise kept for the next step, which saves a training loop from having
 * its pages zeroed anew. `MALLOC_MMAP_THRESHOLD_` or `MALLOC_TRIM_THRESHOLD_` in the environment leave all memory to
 * glibc, with these limits.
 */
export function trimMemory(): void {
  native.trimMemory();
}

function enter(): number {
  countScope(1);
  return native.enterScope();
}

function leave(mark: number, kept: Tensor[]): void {
  const isOutermost = countScope(-1) === 0;
  native.leaveScope(
    mark,
    kept.map((tensor) => tensor.handle),
  );
  if (!isOutermost) return;
  // what leaves the outermost scope is the garbage collector's
  for (const tensor of kept) if (!tensor.isDisposed) keep(tensor);
  leakWatch?.scopeEnded();
}
