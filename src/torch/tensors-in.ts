// Finds tensors in what a function returns.
import { isPlainObject } from "../base/index.ts";
import { Tensor } from "./tensor.ts";

/** Yields the tensors in a value: directly, or in arrays, sets, maps and plain objects. */
export function* tensorsIn(value: unknown, seen = new Set<unknown>()): Generator<Tensor> {
  if (typeof value !== "object" || value === null || seen.has(value)) return;
  seen.add(value);
  if (value instanceof Tensor) yield value;
  else if (Array.isArray(value) || value instanceof Set)
    for (const item of value) yield* tensorsIn(item, seen);
  else if (value instanceof Map) for (const item of value.values()) yield* tensorsIn(item, seen);
  else if (isPlainObject(value)) for (const item of Object.values(value)) yield* tensorsIn(item, seen);
}
