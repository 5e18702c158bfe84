// What the schedulers that watch a metric ask about it. NaN is never better.
import { UsageError } from "../../../base/index.ts";
import type { LRScheduler } from "./lr-scheduler.ts";

interface Watched {
  mode: "min" | "max";
  threshold: number;
  thresholdMode: "rel" | "abs";
  best: number;
}

/** Tells whether `metric` is better than the best one by more than the threshold. */
export function isBetter({ mode, threshold, thresholdMode, best }: Watched, metric: number): boolean {
  const relative = thresholdMode === "rel";
  if (mode === "min") return metric < (relative ? best * (1 - threshold) : best - threshold);
  return metric > (relative ? best * (1 + threshold) : best + threshold);
}

/** Returns what every metric is better than. */
export function worstMetric(mode: "min" | "max"): number {
  return mode === "min" ? Infinity : -Infinity;
}

/** Refuses a step without a metric. */
export function checkMetric(scheduler: LRScheduler, metric: unknown): asserts metric is number {
  if (typeof metric === "number") return;
  const where = `${scheduler.constructor.name}.step`;
  throw new UsageError(
    `${where}: the metric must be a number, got ${String(metric)}. Write scheduler.step(loss).`,
  );
}
