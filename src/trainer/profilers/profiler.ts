// What measures a trainer's actions. The action's names are Lightning's, with the classes' own names in brackets.
import { appendFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { logger } from "../../base/index.ts";
import type { nn } from "../../torch/index.ts";
import type { FitStage } from "../run.ts";

/** Options of every profiler. */
export interface ProfilerConfig {
  /** Folder of the files. @default the trainer's log folder */
  dirpath?: string | undefined;
  /** The report is appended to `<stage>-<filename>.txt` in the folder, and not logged. */
  filename?: string | undefined;
}

/** What a profiler is told before a stage. */
export interface ProfiledStage {
  stage: FitStage;
  model: nn.Module;
  /** Steps that the stage is going to take, at most. */
  steps: number;
}

/**
 * Is the base of profilers. A subclass says what happens at the start and at the stop of an action, and what there is to
 * report at the end of a stage.
 *
 * @example
 * class Counter extends Profiler {
 *   readonly counts: Record<string, number> = {};
 *   start(action: string): void {
 *     this.counts[action] = (this.counts[action] ?? 0) + 1;
 *   }
 *   stop(): void {}
 * }
 * const counter = new Counter();
 * counter.profile("add", () => 1 + 1); // => 2
 */
export abstract class Profiler {
  /** Set by the trainer where it is undefined. */
  dirpath: string | undefined;
  readonly filename: string | undefined;
  protected stage: FitStage | undefined;

  constructor({ dirpath, filename }: ProfilerConfig = {}) {
    this.dirpath = dirpath;
    this.filename = filename;
  }

  /** Whether it does anything at all. */
  get isMeasuring(): boolean {
    return true;
  }

  abstract start(action: string): void;
  abstract stop(action: string): void;

  /** Returns the report; empty: there is none. */
  summary(): string {
    return "";
  }

  /** Runs an action between `start` and `stop`; a promise is waited for. */
  profile<T>(action: string, run: () => T): T {
    this.start(action);
    let result: T;
    try {
      result = run();
    } catch (error) {
      this.stop(action);
      throw error;
    }
    if (result instanceof Promise) return result.finally(() => this.stop(action)) as T;
    this.stop(action);
    return result;
  }

  /** Prepares for a stage. */
  setup({ stage }: ProfiledStage): void {
    this.stage = stage;
  }

  /** Logs the report, or appends it to the file. */
  describe(): void {
    const report = this.summary();
    if (report === "") return;
    if (this.filename === undefined || this.dirpath === undefined) {
      logger.info(report);
      return;
    }
    mkdirSync(this.dirpath, { recursive: true });
    appendFileSync(join(this.dirpath, this.fileName(".txt")), `${report}\n`);
  }

  /** Lets go of what a stage needed. */
  teardown(): void {}

  /** Names a file of the stage, `fit-<filename>-<action><extension>`, without what systems do not take in a name. */
  protected fileName(extension: string, action?: string): string {
    const parts = [this.stage, this.filename, action].filter((part) => part !== undefined && part !== "");
    const name = parts
      .join("-")
      .replaceAll(/[\\/:*?"<>|\n\r\t]/gu, "_")
      .replaceAll(/_+/gu, "_")
      .trim();
    return (name === "" ? "profile" : name) + extension;
  }

  /** Opens a report: `FIT Profiler Report`. */
  protected title(): string {
    return `${this.stage === undefined ? "" : `${this.stage.toUpperCase()} `}Profiler Report`;
  }
}

/** Runs a stage with its profiler prepared, and reports at its end, after an error too. */
export async function profileStage<T>(
  profiler: Profiler,
  stage: ProfiledStage,
  run: () => Promise<T>,
): Promise<T> {
  profiler.setup(stage);
  try {
    return await run();
  } finally {
    try {
      profiler.describe();
    } catch (error) {
      logger.warn(`profiler: the report could not be written: ${(error as Error).message}`); // the run itself is fine
    }
    profiler.teardown();
  }
}
