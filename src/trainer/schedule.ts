// When a learning-rate scheduler moves on: after each step, each epoch, or each look at a metric.
import type { optim } from "../torch/index.ts";

/** Drives a scheduler; the loop tells it what happened. */
export class Schedule {
  readonly scheduler: optim.LRScheduler | optim.ReduceLROnPlateau;
  readonly #interval: "step" | "epoch";
  readonly #monitor: string | undefined;

  /** With `monitor`, the scheduler is a `ReduceLROnPlateau` that is fed that metric. */
  constructor(
    scheduler: optim.LRScheduler | optim.ReduceLROnPlateau,
    { interval, monitor }: { interval: "step" | "epoch"; monitor?: string | undefined },
  ) {
    this.scheduler = scheduler;
    this.#interval = interval;
    this.#monitor = monitor;
  }

  /** Says that a step or an epoch has ended. */
  step(interval: "step" | "epoch"): void {
    if (this.#monitor === undefined && interval === this.#interval)
      (this.scheduler as optim.LRScheduler).step();
  }

  /** Says what was logged last, once a validation has measured, or an epoch has ended that has none. */
  observe(metrics: Readonly<Record<string, number>>): void {
    const value = this.#monitor === undefined ? undefined : metrics[this.#monitor];
    if (value !== undefined) (this.scheduler as optim.ReduceLROnPlateau).step(value);
  }

  stateDict(): Record<string, unknown> {
    return this.scheduler.stateDict() as Record<string, unknown>;
  }

  loadStateDict(state: Readonly<Record<string, unknown>>): void {
    this.scheduler.loadStateDict(state as never);
  }
}
