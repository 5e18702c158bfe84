// The base of the learning-rate schedulers, with PyTorch's counting of epochs.
import { UsageError } from "../../../base/index.ts";
import { checkNumber } from "../options.ts";
import type { Optimizer } from "../optimizer.ts";

/** Options that every scheduler takes. */
export interface LRSchedulerOptions {
  /** Epoch to go on from; the groups must then hold `initialLr`. @default -1 */
  lastEpoch?: number;
}

/** State of a scheduler in PyTorch's names. */
export type SchedulerStateDict = Record<string, unknown>;

/**
 * Sets the learning rate of each parameter group as training goes on. Call `step` after `optimizer.step`.
 *
 * A subclass computes the rates in `getLr`, and calls `initialStep` at the end of its constructor. An epoch is
 * whatever lies between two calls of `step`: an update, or a pass over the data.
 *
 * @example
 * class HalfLR extends optim.LRScheduler {
 *   constructor(optimizer: optim.Optimizer) {
 *     super(optimizer);
 *     this.initialStep();
 *   }
 *   protected override getLr(): number[] {
 *     return this.baseLrs.map((lr) => lr * 0.5);
 *   }
 * }
 * new HalfLR(new optim.SGD([torch.ones([1])], { lr: 1 })).getLastLr(); // => [0.5]
 */
export abstract class LRScheduler {
  readonly optimizer: Optimizer;
  /** Rates of the groups before any schedule. */
  baseLrs: number[];
  /** Calls of `step` so far, -1 before the first. */
  lastEpoch: number;
  stepCount = 0;
  protected lastLr: number[] = [];
  /** True while the constructor sets the first rates. */
  protected isInitial = false;

  constructor(optimizer: Optimizer, { lastEpoch = -1 }: LRSchedulerOptions = {}) {
    const where = new.target.name;
    checkNumber(where, "lastEpoch", lastEpoch, { min: -1, integer: true });
    if (optimizer.setsOwnLr && !this.followsOptimizer) {
      throw new UsageError(
        `${where}: the optimizer must leave the rate to a schedule, got ${optimizer.name}, which sets its own. ` +
          `Use getAdafactorSchedule(), or make it with relativeStep: false.`,
      );
    }
    optimizer.paramGroups.forEach((group, i) => {
      if (lastEpoch === -1) group.initialLr ??= group.lr;
      else if (group.initialLr === undefined) {
        throw new UsageError(
          `${where}: group ${i} must have initialLr to go on from epoch ${lastEpoch}, got none. ` +
            `Load the optimizer's state first, or leave lastEpoch out.`,
        );
      }
    });
    this.optimizer = optimizer;
    this.baseLrs = optimizer.paramGroups.map((group) => group.initialLr!);
    this.lastEpoch = lastEpoch;
  }

  /** Whether `step` must be given the metric that is watched. */
  get needsMetric(): boolean {
    return false;
  }

  /** Whether it shows the rates that the optimizer sets, and sets none itself. */
  protected get followsOptimizer(): boolean {
    return false;
  }

  /** Moves on by one epoch and sets the rates. `metric` is for schedulers with `needsMetric` alone. */
  step(_metric?: number): void {
    this.stepCount++;
    this.updateLr();
  }

  /** Returns the rates that were set last, one for each group. */
  getLastLr(): number[] {
    return [...this.lastLr];
  }

  /** Sets the first rates; a subclass calls it once its fields are there. */
  initialStep(): void {
    this.stepCount = 0;
    this.isInitial = true;
    try {
      this.step();
    } finally {
      this.isInitial = false;
    }
  }

  /** Takes back that the constructor counted an epoch, for a scheduler that starts when another one ends. */
  undoInitialStep(): void {
    this.lastEpoch--;
  }

  /** Sets the rates of the next epoch, or of the one given, without counting a step. */
  updateLr(epoch?: number): void {
    this.lastEpoch = epoch ?? this.lastEpoch + 1;
    const rates = epoch === undefined ? this.getLr() : this.closedFormLr();
    this.setLr(rates);
  }

  /** Returns the state in PyTorch's names, plain data alone. */
  stateDict(): SchedulerStateDict {
    return Object.fromEntries(
      Object.entries(this.stateFields()).map(([field, name]) => {
        const value = (this as unknown as Record<string, unknown>)[field];
        return [name, structuredClone(value)];
      }),
    );
  }

  /** Restores what `stateDict` gave, here or in PyTorch. Restore the optimizer too: it holds the rates. */
  loadStateDict(saved: Readonly<SchedulerStateDict>): void {
    const fields = Object.entries(this.stateFields());
    const missing = fields.filter(([, name]) => saved[name] === undefined).map(([, name]) => name);
    if (missing.length > 0) {
      throw new UsageError(
        `${this.constructor.name}.loadStateDict: the state must have ${missing.join(", ")}, ` +
          `got ${Object.keys(saved).join(", ") || "nothing"}. Load the state of the same kind of scheduler.`,
      );
    }
    for (const [field, name] of fields) {
      const own = (this as unknown as Record<string, unknown>)[field];
      const value = saved[name];
      if (typeof value !== typeof own || (Array.isArray(own) && !this.#fits(own, value as unknown[]))) {
        throw new UsageError(
          `${this.constructor.name}.loadStateDict: ${name} must be like ${JSON.stringify(own)}, ` +
            `got ${JSON.stringify(value)}. Load the state of a scheduler over the same groups.`,
        );
      }
    }
    for (const [field, name] of fields) {
      (this as unknown as Record<string, unknown>)[field] = structuredClone(saved[name]);
    }
  }

  /** Tells whether a list is one of this scheduler's: a group may have been added before it was saved. */
  #fits(own: readonly unknown[], saved: readonly unknown[]): boolean {
    return [own.length, this.optimizer.paramGroups.length].includes(saved.length);
  }

  /** Computes the rates of `lastEpoch`, often from the present ones, so that other changes to them last. */
  protected abstract getLr(): number[];

  /** Computes the rates of `lastEpoch` from the base rates alone. */
  protected closedFormLr(): number[] {
    return this.getLr();
  }

  /** Maps the fields that are state to PyTorch's names of them. */
  protected stateFields(): Record<string, string> {
    return { baseLrs: "base_lrs", lastEpoch: "last_epoch", stepCount: "_step_count", lastLr: "_last_lr" };
  }

  /** Returns the present rates of the groups. */
  protected currentLr(): number[] {
    return this.optimizer.paramGroups.map((group) => group.lr);
  }

  /** The groups that were there when the scheduler was made. */
  protected get scheduledGroups(): Optimizer["paramGroups"] {
    return this.optimizer.paramGroups.slice(0, this.baseLrs.length);
  }

  /** Sets the rates of the groups; one that was added after the scheduler was made may have none, and keeps its own. */
  protected setLr(rates: readonly number[]): void {
    rates.forEach((rate, i) => (this.optimizer.paramGroups[i]!.lr = rate));
    this.lastLr = this.currentLr();
  }
}
