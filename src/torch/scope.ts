// Frees tensors at a known moment: V8 does not see how much memory a tensor holds.
import { UsageError } from "../base/index.ts";
import { countScope } from "./binding.ts";
import { native } from "./native.ts";
import { Tensor } from "./tensor.ts";

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

/** How many tensors JavaScript holds now, and how many scopes are open. */
export function memoryStats(): { liveTensors: number; openScopes: number } {
  const [liveTensors, openScopes] = native.memoryStats();
  return { liveTensors, openScopes };
}

/** Gives memory that is free back to the system; the allocator otherwise keeps it for the next step. */
export function trimMemory(): void {
  native.trimMemory();
}

function enter(): number {
  countScope(1);
  return native.enterScope();
}

function leave(mark: number, kept: Tensor[]): void {
  countScope(-1);
  native.leaveScope(
    mark,
    kept.map((tensor) => tensor.handle),
  );
  // what leaves the outermost scope is the garbage collector's
  if (native.memoryStats()[1] === 0) for (const tensor of kept) if (!tensor.isDisposed) keep(tensor);
}

function* tensorsIn(value: unknown, seen = new Set<unknown>()): Generator<Tensor> {
  if (typeof value !== "object" || value === null || seen.has(value)) return;
  seen.add(value);
  if (value instanceof Tensor) yield value;
  else if (Array.isArray(value) || value instanceof Set)
    for (const item of value) yield* tensorsIn(item, seen);
  else if (value instanceof Map) for (const item of value.values()) yield* tensorsIn(item, seen);
  else if (isPlainObject(value)) for (const item of Object.values(value)) yield* tensorsIn(item, seen);
}

function isPlainObject(value: object): value is Record<string, unknown> {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
