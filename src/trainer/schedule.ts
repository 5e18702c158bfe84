// When a learning-rate scheduler moves on: after every so many steps or epochs, or validations.
import { TrainingError, suggestion } from "../base/index.ts";
import type { optim } from "../torch/index.ts";

/** A moment at which a scheduler may move on. */
export type ScheduleInterval = "step" | "epoch" | "validation";

export interface ScheduleOptions {
  interval: ScheduleInterval;
  /** Moves on at each so many of them; steps are counted within an epoch, by batches. @default 1 */
  frequency?: number;
  /** Metric that the scheduler is fed, if it is one that looks at a metric. */
  monitor?: string | undefined;
  /** Takes a metric that nothing has logged for an error; otherwise the scheduler waits until it is there. @default true */
  strict?: boolean;
}

/** Drives a scheduler; the loop tells it what happened. */
export class Schedule {
  readonly scheduler: optim.LRScheduler | optim.ReduceLROnPlateau;
  readonly #options: ScheduleOptions;

  constructor(scheduler: optim.LRScheduler | optim.ReduceLROnPlateau, options: ScheduleOptions) {
    this.scheduler = scheduler;
    this.#options = options;
  }

  /** Says that step or epoch number `count` has ended; it moves what looks at no metric. */
  step(interval: ScheduleInterval, count: number): void {
    if (this.#options.monitor === undefined && this.#isDue(interval, count))
      (this.scheduler as optim.LRScheduler).step();
  }

  /** Says the same when all is logged that is measured at that moment; it moves what looks at a metric. */
  observe(interval: ScheduleInterval, count: number, metrics: Readonly<Record<string, number>>): void {
    const { monitor, strict = true } = this.#options;
    if (monitor === undefined || !this.#isDue(interval, count)) return;
    const value = metrics[monitor];
    if (value !== undefined) (this.scheduler as optim.ReduceLROnPlateau).step(value);
    else if (strict) {
      throw new TrainingError(
        `${this.scheduler.constructor.name}: nothing has logged its monitor "${monitor}". ${suggestion(monitor, Object.keys(metrics))}`,
      );
    }
  }

  stateDict(): Record<string, unknown> {
    return this.scheduler.stateDict() as Record<string, unknown>;
  }

  loadStateDict(state: Readonly<Record<string, unknown>>): void {
    this.scheduler.loadStateDict(state as never);
  }

  #isDue(interval: ScheduleInterval, count: number): boolean {
    const { interval: own, frequency = 1 } = this.#options;
    return interval === own && count % frequency === 0;
  }
}
