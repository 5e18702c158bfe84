// Finds a learning rate before training, by Lightning's range test (Smith, 2017), and leaves everything as it was.
import { UsageError, logger } from "../base/index.ts";
import type { DataModule } from "../contracts/index.ts";
import { dispose, getRngState, noGrad, setRngState } from "../torch/index.ts";
import type { Callback } from "./callbacks/callback.ts";
import { fit } from "./fit.ts";
import { LoaderSource, ModuleTask } from "./module-task.ts";
import { ownOptimization } from "./optimization.ts";
import type { Run, Trainable } from "./run.ts";
import type { TrainableModule } from "./trainable-module.ts";
import type { Trainer } from "./trainer.ts";

/** Options by Lightning's names. */
export interface LRFindOptions {
  /** @default 1e-8 */
  minLr?: number;
  /** @default 1 */
  maxLr?: number;
  /** Rates to try, one a step. @default 100 */
  numTraining?: number;
  /** How the rates lie between the two. @default "exponential" */
  mode?: "exponential" | "linear";
  /** Ends the test when the loss is so many times the best; undefined: never. @default 4 */
  earlyStopThreshold?: number | undefined;
  /** Sets `lr` of the model or of its config to what is suggested. @default false */
  updateAttr?: boolean;
}

/** Holds the rates that were tried, with the smoothed loss of each. */
export class LRFinder {
  readonly lr: readonly number[];
  readonly loss: readonly number[];

  constructor({ lr, loss }: { lr: readonly number[]; loss: readonly number[] }) {
    this.lr = lr;
    this.loss = loss;
  }

  /** Returns the rate at which the loss falls most steeply; undefined where too few were tried. */
  suggestion({ skipBegin = 10, skipEnd = 1 }: { skipBegin?: number; skipEnd?: number } = {}):
    number | undefined {
    const points = this.lr
      .map((lr, i) => ({ lr, loss: this.loss[i]! }))
      .slice(skipBegin, this.lr.length - skipEnd)
      .filter(({ loss }) => Number.isFinite(loss));
    if (points.length < 2) return undefined;
    const slopes = points.map((_, i) => slopeAt(points, i));
    return points[slopes.indexOf(Math.min(...slopes))]!.lr;
  }
}

/**
 * Finds settings by short trials. The model, the random generators and the trainer are afterwards as they were.
 *
 * @example
 * const finder = await new Tuner(trainer).lrFind(model, dataModule);
 * finder.suggestion(); // => 0.0123...
 */
export class Tuner {
  readonly trainer: Trainer;

  constructor(trainer: Trainer) {
    this.trainer = trainer;
  }

  /** Trains for a few steps at rates that rise, and notes the loss at each. */
  async lrFind(
    model: TrainableModule,
    data: DataModule,
    { updateAttr = false, ...options }: LRFindOptions = {},
  ): Promise<LRFinder> {
    const holder = updateAttr ? lrHolderOf(model) : undefined;
    const test = new RangeTest(options);
    const restore = remember(model);
    try {
      await data.prepareData?.();
      await data.setup?.("fit");
      await this.#train(model, data, test);
    } finally {
      restore();
      model.attach?.(undefined);
      await data.teardown?.("fit");
    }
    const finder = new LRFinder({ lr: test.lr, loss: test.loss });
    const lr = finder.suggestion();
    if (holder !== undefined && lr !== undefined) {
      holder.lr = lr;
      logger.info(`tuner: the learning rate is ${lr} now`);
    }
    return finder;
  }

  async #train(model: TrainableModule, data: DataModule, test: RangeTest): Promise<void> {
    const { flags } = this.trainer;
    const loader = data.trainDataloader?.();
    if (loader === undefined)
      throw new UsageError("Tuner.lrFind: the data must have a trainDataloader() that gives a loader.");
    const task = new ModuleTask(model, { precision: flags.precision, valLoaders: [] });
    await fit({
      config: {
        trainer: {
          ...flags,
          max_epochs: -1,
          max_steps: test.numTraining,
          max_time: undefined,
          min_epochs: undefined,
          min_steps: undefined,
          fast_dev_run: 0,
          enable_model_summary: false,
        },
        callbacks: [],
      },
      task: task as Trainable,
      source: new LoaderSource(loader, { limit: loader.length }),
      optimization: (own) => ({ ...ownOptimization(model)(own, test.numTraining), schedules: [] }),
      onStart: (run) => task.attach(run),
      validationBatches: 0,
      callbacks: [test],
      onMetrics: () => {},
    });
  }
}

/** Sets the rate of each step, and notes what the loss is. */
class RangeTest implements Callback {
  readonly name = "lr_range_test";
  readonly lr: number[] = [];
  readonly loss: number[] = [];
  readonly numTraining: number;
  readonly #rateAt: (step: number) => number;
  readonly #threshold: number | undefined;
  #average = 0;
  #best = 0;

  constructor(options: Omit<LRFindOptions, "updateAttr">) {
    const { minLr = 1e-8, maxLr = 1, numTraining = 100, mode = "exponential" } = options;
    if (!(minLr > 0 && maxLr > minLr && numTraining >= 1)) {
      throw new UsageError(
        `Tuner.lrFind: minLr must be above 0, maxLr above that and numTraining at least 1, got ${minLr}, ${maxLr} and ${numTraining}.`,
      );
    }
    this.numTraining = numTraining;
    this.#threshold = "earlyStopThreshold" in options ? options.earlyStopThreshold : 4;
    this.#rateAt = (step) => {
      const share = step === 0 ? 0 : (step + 1) / numTraining; // as Lightning's schedule counts
      return mode === "linear" ? minLr + share * (maxLr - minLr) : minLr * (maxLr / minLr) ** share;
    };
  }

  onFitStart({ optimizers, task }: Run): void {
    if (optimizers.length === 1 && task.trainManually === undefined) return;
    throw new UsageError(
      `Tuner.lrFind: works with one optimizer that the trainer steps, got ${optimizers.length}${task.trainManually === undefined ? "" : " that the model steps"}.`,
    );
  }

  onTrainBatchStart({ optimizers, state }: Run): void {
    const rate = this.#rateAt(state.step);
    for (const group of optimizers[0]!.paramGroups) group.lr = rate;
    this.lr.push(rate);
  }

  onTrainBatchEnd(run: Run, { loss }: { loss: number }): void {
    const { step } = run.state;
    const beta = 0.98;
    this.#average = beta * this.#average + (1 - beta) * loss;
    const smoothed = this.#average / (1 - beta ** (step + 1));
    if (this.#threshold !== undefined && step > 1 && smoothed > this.#threshold * this.#best)
      run.stop = "early_stopping";
    if (smoothed < this.#best || step === 1) this.#best = smoothed;
    this.loss.push(smoothed);
  }
}

/** Returns what puts weights, gradients, modes and random generators back. */
function remember(model: TrainableModule): () => void {
  const weights = noGrad(
    () => new Map(Array.from(model.stateDict(), ([name, tensor]) => [name, tensor.detach().clone()])),
  );
  const modes = Array.from(model.modules(), (module) => [module, module.training] as const);
  const rng = getRngState();
  return () => {
    model.loadStateDict(weights);
    model.zeroGrad();
    for (const [module, mode] of modes) module.training = mode;
    setRngState(rng);
    dispose(weights, rng);
  };
}

/** Finds what has the rate that `configureOptimizers` reads. */
function lrHolderOf(model: TrainableModule): { lr: number } {
  const { config } = model as { config?: unknown };
  for (const holder of [model, config])
    if (typeof holder === "object" && holder !== null && "lr" in holder) return holder as { lr: number };
  throw new UsageError(
    `Tuner.lrFind: to set the rate, ${model.constructor.name} or its config must have lr, and neither has. Give it one, or leave updateAttr out.`,
  );
}

/** Slope of the loss over the rate, by differences of second order within, of first order at the ends. */
function slopeAt(points: readonly { lr: number; loss: number }[], i: number): number {
  const [before, at, after] = [points[i - 1], points[i]!, points[i + 1]];
  if (before === undefined) return (after!.loss - at.loss) / (after!.lr - at.lr);
  if (after === undefined) return (at.loss - before.loss) / (at.lr - before.lr);
  const [left, right] = [at.lr - before.lr, after.lr - at.lr];
  return (
    (-right / (left * (left + right))) * before.loss +
    ((right - left) / (left * right)) * at.loss +
    (left / (right * (left + right))) * after.loss
  );
}
