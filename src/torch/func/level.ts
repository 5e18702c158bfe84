// One level of a transform: pushed, and popped whatever happens inside.
import { UsageError } from "../../base/index.ts";
import { wrap } from "../binding.ts";
import { native } from "../native.ts";
import { mapTensors } from "./tree.ts";

/** Runs `run` at a new level of libtorch's stack. */
export function atLevel<T>(push: () => number, run: (level: number) => T): T {
  const level = push();
  try {
    return run(level);
  } finally {
    native.popTransform();
  }
}

/** Refuses a promise: what runs later would run outside of the level. */
export function synchronous<T>(where: string, returned: T): T {
  if (!(returned instanceof Promise)) return returned;
  returned.catch(() => {}); // the error below is the one to report
  throw new UsageError(
    `${where}: the function must be synchronous, got a promise. Await outside the transform.`,
  );
}

/** Makes the tensors in a value leaves of the level's own graph. */
export function enter<T>(value: T, level: number): T {
  return mapTensors(value, (tensor) => wrap(native.wrapForLevel(tensor.handle, level)));
}

/** Gives the tensors in a value as the level outside sees them, once their own is popped. */
export function leave<T>(value: T): T {
  return mapTensors(value, (tensor) => wrap(native.unwrapEnded(tensor.handle)));
}
