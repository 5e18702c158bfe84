// Which steps of a long run are profiled.
import { UsageError } from "../../base/index.ts";

/** What a profile does during a step; after the last step of a cycle it hands its record over. */
export type ProfilerAction = "none" | "warmup" | "record" | "recordAndSave";

/** Options of `schedule`. */
export interface ScheduleOptions {
  /** Steps of a cycle that are left alone. */
  wait: number;
  /** Steps of a cycle in which the profiler is prepared, so that its start does not fall into the record. */
  warmup: number;
  /** Steps of a cycle that are recorded. */
  active: number;
  /** Cycles; 0 for no end. @default 0 */
  repeat?: number;
  /** Steps before the first cycle. @default 0 */
  skipFirst?: number;
}

/**
 * Returns a function from the number of a step to what the profiler does in it, as `profile` takes.
 *
 * @example
 * const action = torch.profiler.schedule({ wait: 1, warmup: 1, active: 2, repeat: 1 });
 * [0, 1, 2, 3, 4].map(action); // => ["none", "warmup", "record", "recordAndSave", "none"]
 */
export function schedule({
  wait,
  warmup,
  active,
  repeat = 0,
  skipFirst = 0,
}: ScheduleOptions): (step: number) => ProfilerAction {
  for (const [name, count] of Object.entries({ wait, warmup, active, repeat, skipFirst })) {
    if (!Number.isInteger(count) || count < (name === "active" ? 1 : 0)) {
      throw new UsageError(
        `profiler.schedule: ${name} must be a whole number from ${name === "active" ? 1 : 0}, got ${count}.`,
      );
    }
  }
  const cycle = wait + warmup + active;
  return (step) => {
    const past = step - skipFirst;
    if (past < 0 || (repeat > 0 && past >= repeat * cycle)) return "none";
    const place = past % cycle;
    if (place < wait) return "none";
    if (place < wait + warmup) return "warmup";
    return place < cycle - 1 ? "record" : "recordAndSave";
  };
}
