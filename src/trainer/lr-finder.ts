// The range test of learning rates (Smith, 2017), with Lightning's smoothing and its choice.
import { UsageError, logger } from "../base/index.ts";
import { gradient, scope, tensor } from "../torch/index.ts";
import type { Callback } from "./callbacks/callback.ts";
import { NonFiniteLossError } from "./non-finite.ts";
import type { Run } from "./run.ts";
import { tryTraining, undone } from "./trial.ts";

/** Options by Lightning's names. */
export interface RangeTestOptions {
  /** @default 1e-8 */
  minLr?: number;
  /** @default 1 */
  maxLr?: number;
  /** Rates to try, one a step. @default 100 */
  numTraining?: number;
  /** How the rates lie between the two. @default "exponential" */
  mode?: "exponential" | "linear";
  /** Ends the test when the loss is so many times the best; null: never. @default 4 */
  earlyStopThreshold?: number | null;
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
    const steepest = scope(() => {
      const [losses, rates] = [tensor(points.map(({ loss }) => loss)), tensor(points.map(({ lr }) => lr))];
      return gradient(losses, { spacing: [rates] })[0]!
        .argmin()
        .item();
    });
    return points[steepest]!.lr;
  }
}

/** Trains a run for a few steps at rates that rise, and puts everything back; for runs with one optimizer. */
export async function testRates(run: Run, options: RangeTestOptions): Promise<LRFinder> {
  const test = new RangeTest(options);
  const { optimizers, task } = run;
  if (optimizers.length !== 1 || task.trainManually !== undefined) {
    throw new UsageError(
      `learning_rate_finder: works with one optimizer that the trainer steps, got ${optimizers.length}${task.trainManually === undefined ? "" : " that the model steps"}. Set the rate in configureOptimizers.`,
    );
  }
  const { numTraining } = test;
  await undone(run, async () => {
    try {
      await tryTraining(run, { steps: numTraining, callbacks: [test], isScheduled: false });
    } catch (error) {
      if (!(error instanceof NonFiniteLossError)) throw error;
      test.loss.push(NaN); // what lies beyond is of no use, but the rates before it are
    }
  });
  if (test.loss.length < numTraining)
    logger.info(`learning_rate_finder: the loss diverged, the test ended after ${test.loss.length} steps`);
  return new LRFinder({ lr: test.lr, loss: test.loss });
}

/** Sets the rate that a run's schedules begin from, and the present rates in proportion to it. */
export function setRate({ optimizers, schedules }: Run, lr: number): void {
  for (const optimizer of optimizers) {
    for (const group of optimizer.paramGroups) {
      const base = group.initialLr ?? group.lr;
      group.lr = base > 0 ? lr * (group.lr / base) : lr;
      if (group.initialLr !== undefined) group.initialLr = lr;
    }
  }
  for (const { scheduler } of schedules)
    if ("baseLrs" in scheduler) scheduler.baseLrs = scheduler.baseLrs.map(() => lr);
}

/** Sets the rate of each step, and notes what the loss is. */
class RangeTest implements Callback {
  readonly name = "lr_range_test";
  readonly lr: number[] = [];
  readonly loss: number[] = [];
  readonly numTraining: number;
  readonly #rateAt: (step: number) => number;
  readonly #threshold: number | null;
  #average = 0;
  #best = 0;

  constructor({
    minLr = 1e-8,
    maxLr = 1,
    numTraining = 100,
    mode = "exponential",
    earlyStopThreshold = 4,
  }: RangeTestOptions) {
    if (!(minLr > 0 && maxLr > minLr && numTraining >= 1)) {
      throw new UsageError(
        `learning_rate_finder: minLr must be above 0, maxLr above that and numTraining at least 1, got ${minLr}, ${maxLr} and ${numTraining}.`,
      );
    }
    this.numTraining = numTraining;
    this.#threshold = earlyStopThreshold;
    this.#rateAt = (step) => {
      const share = step === 0 ? 0 : (step + 1) / numTraining; // as Lightning's schedule counts
      return mode === "linear" ? minLr + share * (maxLr - minLr) : minLr * (maxLr / minLr) ** share;
    };
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
    if (this.#threshold !== null && step > 1 && smoothed > this.#threshold * this.#best)
      run.stop = "early_stopping";
    if (smoothed < this.#best || step === 1) this.#best = smoothed;
    this.loss.push(smoothed);
  }
}
