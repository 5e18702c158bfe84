// Where a run's metrics go. A logger that fails never ends a run.
import { logger } from "../../base/index.ts";

/** Says how a run ended. */
export type LoggedStatus = "success" | "failed" | "interrupted";

/** Receives what a run logs. Each method may take its time; calls come one after the other. */
export interface TrainingLogger {
  /** As messages call it. */
  readonly name: string;
  /** Folder of its files, where it has one. */
  readonly logDir?: string;
  logHyperparams?(params: Readonly<Record<string, unknown>>): void | Promise<void>;
  logMetrics(metrics: Readonly<Record<string, number>>, step: number): void | Promise<void>;
  /** Waits until what was logged is stored. */
  flush?(): void | Promise<void>;
  finalize?(status: LoggedStatus): void | Promise<void>;
  /** Says where the log stands, for a checkpoint; it runs after `flush`. */
  stateDict?(): Record<string, unknown>;
  /**
   * Goes on with the log as it stood at a checkpoint, where it is still there: what was logged later is logged again. It
   * runs before anything is logged.
   */
  loadStateDict?(state: Readonly<Record<string, unknown>>): void;
}

/** Hands on to several loggers side by side; each fails by itself, and says so once. */
export class LoggerCollection {
  readonly loggers: readonly TrainingLogger[];
  readonly #queues: Promise<void>[];
  readonly #failed = new Set<TrainingLogger>();

  constructor(loggers: readonly TrainingLogger[]) {
    this.loggers = loggers;
    this.#queues = loggers.map(() => Promise.resolve());
  }

  logHyperparams(params: Readonly<Record<string, unknown>>): void {
    this.#each((target) => target.logHyperparams?.(params));
  }

  logMetrics(metrics: Readonly<Record<string, number>>, step: number): void {
    const copy = { ...metrics };
    this.#each((target) => target.logMetrics(copy, step));
  }

  async flush(): Promise<void> {
    this.#each((target) => target.flush?.());
    await Promise.all(this.#queues);
  }

  async finalize(status: LoggedStatus): Promise<void> {
    this.#each((target) => target.finalize?.(status));
    await Promise.all(this.#queues);
  }

  /** The loggers' states, by their names and numbers. */
  stateDict(): Record<string, unknown> {
    return Object.fromEntries(
      this.loggers.flatMap((target, index) =>
        target.stateDict === undefined ? [] : [[`${index}.${target.name}`, target.stateDict()]],
      ),
    );
  }

  loadStateDict(states: Readonly<Record<string, unknown>>): void {
    for (const [index, target] of this.loggers.entries()) {
      const state = states[`${index}.${target.name}`];
      if (state !== undefined) target.loadStateDict?.(state as Record<string, unknown>);
    }
  }

  #each(call: (target: TrainingLogger) => void | Promise<void>): void {
    for (const [index, target] of this.loggers.entries()) {
      this.#queues[index] = this.#queues
        [index]!.then(() => call(target))
        .catch((error: unknown) => {
          if (this.#failed.has(target)) return;
          this.#failed.add(target);
          const reason = error instanceof Error ? error.message : String(error);
          logger.warn(
            `logger ${target.name}: ${reason}; the training goes on, what it logs may be incomplete there`,
          );
        });
    }
  }
}
