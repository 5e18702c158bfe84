// Ends training when its time is up, and knows how long each stage has taken.
import { logger } from "../../base/index.ts";
import { secondsOf } from "../duration.ts";
import type { Duration } from "../duration.ts";
import type { Run } from "../run.ts";
import type { Callback } from "./callback.ts";

/** Options by Lightning's names. */
export interface TimerConfig {
  /** Time that training may take, that before a resumption included; undefined: it is measured alone. */
  duration?: Duration | undefined;
  /** When the clock is looked at. @default "step" */
  interval?: "step" | "epoch";
  /** Says in the log that the time is up. @default true */
  verbose?: boolean;
}

/** Names what `Timer` measures. */
export type TimedStage = "train" | "validate" | "test";

/** Ends the training when its time is up. A run that goes on has used what it used before. */
export class Timer implements Callback {
  readonly name = "timer";
  readonly #limit: number | undefined;
  readonly #interval: "step" | "epoch";
  readonly #verbose: boolean;
  readonly #start = new Map<TimedStage, number>();
  readonly #end = new Map<TimedStage, number>();
  #before = 0;

  constructor({ duration, interval = "step", verbose = true }: TimerConfig = {}) {
    this.#limit = duration === undefined ? undefined : secondsOf(duration, "timer: duration");
    this.#interval = interval;
    this.#verbose = verbose;
  }

  /** Returns the seconds that a stage has taken. */
  timeElapsed(stage: TimedStage = "train"): number {
    const before = stage === "train" ? this.#before : 0;
    const start = this.#start.get(stage);
    if (start === undefined) return before;
    return ((this.#end.get(stage) ?? performance.now()) - start) / 1000 + before;
  }

  /** Returns the seconds that are left for training; undefined without a `duration`. */
  timeRemaining(): number | undefined {
    return this.#limit === undefined ? undefined : this.#limit - this.timeElapsed();
  }

  onTrainStart(run: Run): void {
    this.#begin("train");
    this.#check(run);
  }

  onTrainEnd(): void {
    this.#finish("train");
  }

  onValidationStart(): void {
    this.#begin("validate");
  }

  onValidationEnd(): void {
    this.#finish("validate");
  }

  onTestStart(): void {
    this.#begin("test");
  }

  onTestEnd(): void {
    this.#finish("test");
  }

  onTrainBatchEnd(run: Run): void {
    if (this.#interval === "step") this.#check(run);
  }

  onTrainEpochEnd(run: Run): void {
    if (this.#interval === "epoch") this.#check(run);
  }

  stateDict(): Record<string, unknown> {
    return { timeElapsed: this.timeElapsed() };
  }

  loadStateDict({ timeElapsed }: Readonly<Record<string, unknown>>): void {
    this.#before = Number(timeElapsed);
  }

  #begin(stage: TimedStage): void {
    this.#start.set(stage, performance.now());
    this.#end.delete(stage);
  }

  #finish(stage: TimedStage): void {
    this.#end.set(stage, performance.now());
  }

  #check(run: Run): void {
    if (this.#limit === undefined || run.stop !== undefined || this.timeElapsed() < this.#limit) return;
    run.stop = "max_time";
    if (this.#verbose) logger.info(`timer: the time of ${this.#limit} s is up after step ${run.state.step}`);
  }
}
