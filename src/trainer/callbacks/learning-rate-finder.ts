// Finds the learning rate as training begins, by a test that leaves no other trace.
import { UsageError, logger } from "../../base/index.ts";
import { setRate, testRates } from "../lr-finder.ts";
import type { LRFinder, RangeTestOptions } from "../lr-finder.ts";
import type { Run } from "../run.ts";
import { findSetting } from "../settings.ts";
import type { Setting } from "../settings.ts";
import type { Callback } from "./callback.ts";

/** Options by Lightning's names. */
export interface LearningRateFinderConfig extends Omit<RangeTestOptions, "numTraining"> {
  /** Rates to try, one a step. @default 100 */
  numTrainingSteps?: number;
  /** Trains at the rate that is suggested, and sets it in the model or its config where these have one. @default true */
  updateAttr?: boolean;
  /** What the rate is called there. @default lr or learningRate, whichever there is */
  attrName?: string;
}

/**
 * Tries learning rates as training begins and trains at the one that is suggested. A run that goes on keeps the rate it
 * has. A subclass may call `lrFind` at other moments.
 *
 * @example
 * const finder = new LearningRateFinder({ minLr: 1e-5, numTrainingSteps: 50 });
 * await new Trainer({ callbacks: [finder] }).fit(model, dataModule);
 * finder.optimalLr?.suggestion(); // => 0.0123...
 */
export class LearningRateFinder implements Callback {
  readonly name: string = "learning_rate_finder";
  readonly config: LearningRateFinderConfig;
  /** What the last test found; undefined before it. */
  optimalLr: LRFinder | undefined;
  #isFound = false;

  constructor(config: LearningRateFinderConfig = {}) {
    const { mode = "exponential" } = config;
    if (!["exponential", "linear"].includes(mode)) {
      throw new UsageError(
        `learning_rate_finder: mode must be exponential or linear, got "${String(mode)}".`,
      );
    }
    this.config = config;
  }

  async onFitStart(run: Run): Promise<void> {
    if (!this.#isFound) await this.lrFind(run);
  }

  /** Tests the rates on the model as it is now. */
  async lrFind(run: Run): Promise<void> {
    const { numTrainingSteps: numTraining = 100, updateAttr = true, ...options } = this.config;
    const setting = updateAttr ? rateSetting(run.task.model, options.attrName) : undefined;
    this.optimalLr = await testRates(run, { ...options, numTraining });
    this.#isFound = true;
    const lr = this.optimalLr.suggestion();
    if (lr === undefined) {
      logger.warn(
        `${this.name}: no rate can be suggested of ${this.optimalLr.lr.length} that were tried; the first ten and the last do not count. Try more steps, or lower minLr`,
      );
      return;
    }
    if (!updateAttr) return;
    setting?.write(lr);
    setRate(run, lr);
    logger.info(`${this.name}: training at a learning rate of ${lr.toPrecision(4)}`);
  }

  stateDict(): Record<string, unknown> {
    return { isFound: this.#isFound };
  }

  loadStateDict({ isFound }: Readonly<Record<string, unknown>>): void {
    this.#isFound = isFound as boolean;
  }
}

/** Finds the rate in a model or its config; undefined where neither has one and none is named. */
export function rateSetting(model: object, attrName = ""): Setting | undefined {
  const setting = findSetting([model], attrName === "" ? ["lr", "learning_rate"] : [attrName]);
  if (setting !== undefined || attrName === "") return setting;
  throw new UsageError(
    `learning_rate_finder: ${model.constructor.name} or its config must have ${attrName}, and neither has. Leave attrName out, or name what the rate is called.`,
  );
}
