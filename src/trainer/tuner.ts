// Finds settings before training, by the finders that are callbacks too, and leaves everything else as it was.
import { UsageError, logger } from "../base/index.ts";
import type { DataModule } from "../contracts/index.ts";
import type { BatchSizeSearchOptions } from "./batch-size-search.ts";
import { BatchSizeFinder } from "./callbacks/batch-size-finder.ts";
import type { Callback } from "./callbacks/callback.ts";
import { LearningRateFinder, rateSetting } from "./callbacks/learning-rate-finder.ts";
import type { LRFinder, RangeTestOptions } from "./lr-finder.ts";
import type { Run } from "./run.ts";
import type { TrainableModule } from "./trainable-module.ts";
import type { Trainer } from "./trainer.ts";
import { withRng } from "./trial.ts";

/** Options by Lightning's names. */
export interface LRFindOptions extends RangeTestOptions {
  /** Sets the rate of the model or of its config to what is suggested. @default true */
  updateAttr?: boolean;
  /** What the rate is called there. @default lr or learningRate, whichever there is */
  attrName?: string;
}

/** Options by Lightning's names. */
export interface ScaleBatchSizeOptions extends BatchSizeSearchOptions {
  /** What a batch has to fit into memory for. @default "fit" */
  method?: "fit" | "validate" | "test" | "predict";
}

/**
 * Finds settings by short trials. The model, the random generators and the trainer are afterwards as they were.
 *
 * @example
 * const tuner = new Tuner(trainer);
 * await tuner.scaleBatchSize(model, dataModule, { mode: "binsearch" }); // => 486, in dataModule.config.batchSize
 * const finder = await tuner.lrFind(model, dataModule);
 * finder?.suggestion(); // => 0.0123..., in model.config.lr
 */
export class Tuner {
  readonly trainer: Trainer;

  constructor(trainer: Trainer) {
    this.trainer = trainer;
  }

  /** Trains for a few steps at rates that rise, and notes the loss at each; undefined with fastDevRun. */
  async lrFind(
    model: TrainableModule,
    data: DataModule,
    { numTraining = 100, ...options }: LRFindOptions = {},
  ): Promise<LRFinder | undefined> {
    if (this.#isSkipped("lrFind", LearningRateFinder)) return undefined;
    if (options.updateAttr !== false && rateSetting(model, options.attrName) === undefined) {
      throw new UsageError(
        `Tuner.lrFind: to set the rate, ${model.constructor.name} or its config must have lr or learningRate, and neither has. Give it one, name it by attrName, or set updateAttr to false.`,
      );
    }
    const finder = new OnlyLearningRate({ ...options, numTrainingSteps: numTraining });
    await this.#runUntilFound(finder, () => this.trainer.fit(model, data));
    return finder.optimalLr;
  }

  /** Finds the largest batch that fits into memory, and sets the data module's size to it; undefined with fastDevRun. */
  async scaleBatchSize(
    model: TrainableModule,
    data: DataModule,
    { method = "fit", ...options }: ScaleBatchSizeOptions = {},
  ): Promise<number | undefined> {
    if (this.#isSkipped("scaleBatchSize", BatchSizeFinder)) return undefined;
    const finder = new OnlyBatchSize(options);
    await this.#runUntilFound(finder, () => this.trainer[method](model, data));
    return finder.optimalBatchSize;
  }

  #isSkipped(method: string, Finder: typeof LearningRateFinder | typeof BatchSizeFinder): boolean {
    const { callbacks, flags } = this.trainer;
    if (callbacks.some((callback) => callback instanceof Finder)) {
      throw new UsageError(
        `Tuner.${method}: the trainer has a ${Finder.name} among its callbacks, which does this. Take it out, or leave the tuner out.`,
      );
    }
    if (flags.fast_dev_run === 0) return false;
    logger.warn(`Tuner.${method}: nothing is tried, as the trainer has fastDevRun`);
    return true;
  }

  async #runUntilFound(finder: Callback, run: () => Promise<unknown>): Promise<void> {
    const { trainer } = this;
    const { callbacks, loggers } = trainer;
    trainer.callbacks = [finder, ...callbacks];
    trainer.loggers = [];
    try {
      await withRng(run);
    } catch (error) {
      if (!(error instanceof Found)) throw error;
    } finally {
      Object.assign(trainer, { callbacks, loggers });
    }
  }
}

/** Ends a run that was begun for what a finder finds alone. */
class Found extends Error {}

class OnlyLearningRate extends LearningRateFinder {
  override async lrFind(run: Run): Promise<void> {
    await super.lrFind(run);
    throw new Found();
  }
}

class OnlyBatchSize extends BatchSizeFinder {
  override async scaleBatchSize(run: Run): Promise<void> {
    await super.scaleBatchSize(run);
    throw new Found();
  }
}
