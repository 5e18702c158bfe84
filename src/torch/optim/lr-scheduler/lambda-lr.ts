// Schedules given as a function of the epoch; those with warm-up are made of them.
import { UsageError } from "../../../base/index.ts";
import type { Optimizer } from "../optimizer.ts";
import { LRScheduler } from "./lr-scheduler.ts";
import type { LRSchedulerOptions, SchedulerStateDict } from "./lr-scheduler.ts";

/** Returns what the initial rate is multiplied by at an epoch. */
export type LrLambda = (epoch: number) => number;

/**
 * Multiplies each group's initial rate by a function of the epoch: one for all groups, or one for each.
 *
 * @example
 * const optimizer = new optim.SGD([torch.ones([1])], { lr: 1 });
 * const scheduler = new optim.LambdaLR(optimizer, (epoch) => 0.5 ** epoch);
 * scheduler.step();
 * scheduler.getLastLr(); // => [0.5]
 */
export class LambdaLR extends LRScheduler {
  readonly #lambdas: readonly LrLambda[];

  constructor(
    optimizer: Optimizer,
    lrLambda: LrLambda | readonly LrLambda[],
    options: LRSchedulerOptions = {},
  ) {
    super(optimizer, options);
    const groups = optimizer.paramGroups.length;
    this.#lambdas =
      typeof lrLambda === "function" ? Array.from({ length: groups }, () => lrLambda) : [...lrLambda];
    if (this.#lambdas.length !== groups) {
      throw new UsageError(
        `${new.target.name}: lrLambda must have one function for each of ${groups} groups, got ${this.#lambdas.length}.`,
      );
    }
    this.initialStep();
  }

  protected override getLr(): number[] {
    return this.baseLrs.map((lr, i) => lr * this.factorOf(i));
  }

  /** Returns what the function of a group gives for the present epoch. */
  protected factorOf(group: number): number {
    return this.#lambdas[group]!(this.lastEpoch);
  }

  /** Functions are not state: PyTorch writes null in their place. */
  override stateDict(): SchedulerStateDict {
    return { ...super.stateDict(), lr_lambdas: this.#lambdas.map(() => null) };
  }

  override loadStateDict(saved: Readonly<SchedulerStateDict>): void {
    if (!Array.isArray(saved["lr_lambdas"])) {
      throw new UsageError(
        `${this.constructor.name}.loadStateDict: the state must have lr_lambdas, got ${Object.keys(saved).join(", ") || "nothing"}. ` +
          `Load the state of the same kind of scheduler.`,
      );
    }
    super.loadStateDict(saved);
  }
}

/**
 * Multiplies each group's present rate by a function of the epoch, from epoch 1 on.
 *
 * @example
 * const optimizer = new optim.SGD([torch.ones([1])], { lr: 1 });
 * const scheduler = new optim.MultiplicativeLR(optimizer, () => 0.5);
 * scheduler.step();
 * scheduler.step();
 * scheduler.getLastLr(); // => [0.25]
 */
export class MultiplicativeLR extends LambdaLR {
  protected override getLr(): number[] {
    return this.scheduledGroups.map(({ lr }, i) => (this.isInitial ? lr : lr * this.factorOf(i)));
  }
}
