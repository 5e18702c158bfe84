// Names for parts of a program in a profile.
import { UsageError } from "../../base/index.ts";
import { native } from "../native.ts";

let running = 0;

/** Called by ./profile.ts: while nothing is recorded, names cost nothing. */
export function countProfiles(change: 1 | -1): void {
  running += change;
}

/**
 * Runs `run`, which stands under `name` in a profile, around the operators that it calls.
 *
 * @example
 * torch.profiler.recordFunction("forward", () => torch.ones([2]).sum().item()); // => 2
 */
export function recordFunction<T>(name: string, run: () => T): T {
  if (running === 0) return run();
  native.enterRecord(name);
  try {
    const result = run();
    if (result instanceof Promise) {
      result.catch(() => {}); // the error below is the one to report
      throw new UsageError(
        `recordFunction("${name}"): the callback must be synchronous, got a promise. Record each synchronous part.`,
      );
    }
    return result;
  } finally {
    native.leaveRecord();
  }
}
