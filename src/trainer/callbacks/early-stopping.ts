// Ends training when a metric no longer improves.
import { TrainingError, logger, suggestion } from "../../base/index.ts";
import type { Run } from "../run.ts";
import type { Callback } from "./callback.ts";

/** Options by Lightning's names. */
export interface EarlyStoppingConfig {
  monitor: string;
  mode: "min" | "max";
  /** Validations without improvement before training stops. @default 3 */
  patience?: number;
  /** Smallest change that counts as improvement. @default 0 */
  minDelta?: number;
  /** Stops when the metric is not finite. @default true */
  checkFinite?: boolean;
  /** Stops as soon as the metric is better than this. */
  stoppingThreshold?: number | undefined;
  /** Stops as soon as the metric is worse than this. */
  divergenceThreshold?: number | undefined;
  /**
   * Judges at the end of each epoch; otherwise after each validation. Either way the last value of anything that was
   * logged counts, `train_loss` too. @default false where an epoch has several validations, or not every epoch has one
   */
  checkOnTrainEpochEnd?: boolean | undefined;
  /** Takes a metric that nothing logs for an error; otherwise waits until it is there. @default true */
  strict?: boolean;
  /** Says in the log what has improved, and what `strict: false` misses. @default false */
  verbose?: boolean;
}

/** Ends the training when a metric has stopped getting better. */
export class EarlyStopping implements Callback {
  readonly name = "early_stopping";
  readonly isMonitoring = true;
  readonly config: EarlyStoppingConfig;
  #best: number;
  #waited = 0;
  #stopped = false;

  constructor(config: EarlyStoppingConfig) {
    this.config = config;
    this.#best = config.mode === "min" ? Infinity : -Infinity;
  }

  /** Ends a run at once that was saved after it had been stopped. */
  onTrainStart(run: Run): void {
    if (this.#stopped) run.stop ??= "early_stopping";
  }

  onValidationEnd(run: Run, metrics: Readonly<Record<string, number>>): void {
    if (run.stage !== "fit" || run.isSanityChecking || this.#checksAtEpochEnd(run)) return;
    this.#check(run, { ...run.state.metrics, ...metrics });
  }

  onTrainEpochEnd(run: Run): void {
    if (this.#checksAtEpochEnd(run)) this.#check(run, run.state.metrics);
  }

  stateDict(): Record<string, unknown> {
    return { best: this.#best, waited: this.#waited, stopped: this.#stopped };
  }

  loadStateDict({ best, waited, stopped }: Readonly<Record<string, unknown>>): void {
    this.#best = Number(best);
    this.#waited = Number(waited);
    this.#stopped = stopped === true;
  }

  #checksAtEpochEnd({ config }: Run): boolean {
    const isOnceAnEpoch = config.valCheckInterval === undefined && config.checkValEveryNEpoch === 1;
    return this.config.checkOnTrainEpochEnd ?? (isOnceAnEpoch || !config.hasValidation);
  }

  #check(run: Run, metrics: Readonly<Record<string, number>>): void {
    const reason = this.#judge(metrics);
    if (reason === undefined) return;
    logger.info(`early stopping after step ${run.state.step}: ${reason}`);
    this.#stopped = true;
    run.stop ??= "early_stopping";
  }

  #judge(metrics: Readonly<Record<string, number>>): string | undefined {
    const {
      monitor,
      patience = 3,
      minDelta = 0,
      checkFinite = true,
      strict = true,
      verbose = false,
      stoppingThreshold,
      divergenceThreshold,
    } = this.config;
    const value = metrics[monitor];
    if (value === undefined && !strict) {
      if (verbose) logger.warn(`early stopping: "${monitor}" is not logged yet`);
      return undefined;
    }
    if (value === undefined) {
      throw new TrainingError(
        `early_stopping: nothing has logged its monitor "${monitor}". ${suggestion(monitor, Object.keys(metrics))}`,
      );
    }
    if (checkFinite && !Number.isFinite(value)) return `${monitor} is ${value}`;
    if (stoppingThreshold !== undefined && this.#better(value, stoppingThreshold))
      return `${monitor} = ${value} passed ${stoppingThreshold}`;
    if (divergenceThreshold !== undefined && this.#better(divergenceThreshold, value))
      return `${monitor} = ${value} is beyond ${divergenceThreshold}`;
    if (this.#better(value, this.#best, minDelta)) {
      if (verbose) logger.info(`early stopping: ${monitor} improved from ${this.#best} to ${value}`);
      this.#best = value;
      this.#waited = 0;
      return undefined;
    }
    this.#waited++;
    return this.#waited >= patience
      ? `${monitor} did not improve on ${this.#best} in ${this.#waited} validations`
      : undefined;
  }

  #better(a: number, b: number, by = 0): boolean {
    return this.config.mode === "min" ? a < b - by : a > b + by;
  }
}
