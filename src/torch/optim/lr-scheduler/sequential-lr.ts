// One schedule after another.
import { UsageError } from "../../../base/index.ts";
import { checkNumber } from "../options.ts";
import type { Optimizer } from "../optimizer.ts";
import { LRScheduler } from "./lr-scheduler.ts";
import type { SchedulerStateDict } from "./lr-scheduler.ts";

/**
 * Hands over from one scheduler to the next at each of the `milestones`; each starts at its own epoch 0.
 *
 * @example
 * const optimizer = new optim.SGD([torch.ones([1])], { lr: 1 });
 * const warmup = new optim.ConstantLR(optimizer, { factor: 0.5, totalIters: 9 });
 * const decay = new optim.ExponentialLR(optimizer, 0.1);
 * const scheduler = new optim.SequentialLR(optimizer, [warmup, decay], [2]);
 * for (let epoch = 0; epoch < 3; epoch++) scheduler.step();
 * scheduler.getLastLr(); // => [0.1]
 */
export class SequentialLR extends LRScheduler {
  readonly schedulers: readonly LRScheduler[];
  readonly milestones: readonly number[];

  constructor(optimizer: Optimizer, schedulers: readonly LRScheduler[], milestones: readonly number[]) {
    checkParts(optimizer, schedulers, milestones);
    super(optimizer);
    this.schedulers = schedulers;
    this.milestones = milestones;
    this.lastEpoch = 0;
    // the parts have each set their first rates and counted an epoch when they were made: take that back
    for (const group of optimizer.paramGroups) group.lr = group.initialLr!;
    for (const part of schedulers) part.undoInitialStep();
    const first = this.#partAt(0);
    first.initialStep();
    this.lastLr = first.getLastLr();
  }

  override step(): void {
    this.lastEpoch++;
    const part = this.#partAt(this.lastEpoch);
    if (this.milestones.includes(this.lastEpoch)) part.updateLr(0);
    else part.step();
    this.lastLr = part.getLastLr();
  }

  override updateLr(epoch = this.lastEpoch + 1): void {
    const passed = this.milestones.filter((milestone) => milestone <= epoch);
    const part = this.schedulers[passed.length]!;
    part.updateLr(epoch - (passed.at(-1) ?? 0));
    this.lastEpoch = epoch;
    this.lastLr = part.getLastLr();
  }

  override undoInitialStep(): void {
    for (const part of this.schedulers) part.undoInitialStep();
  }

  override stateDict(): SchedulerStateDict {
    return { ...super.stateDict(), _schedulers: this.schedulers.map((part) => part.stateDict()) };
  }

  override loadStateDict(saved: Readonly<SchedulerStateDict>): void {
    const parts = savedParts(this, saved, "sequence");
    super.loadStateDict(saved);
    this.schedulers.forEach((part, i) => part.loadStateDict(parts[i]!));
  }

  protected override getLr(): number[] {
    return this.lastLr;
  }

  protected override stateFields(): Record<string, string> {
    return { lastEpoch: "last_epoch", lastLr: "_last_lr", milestones: "_milestones" };
  }

  #partAt(epoch: number): LRScheduler {
    const passed = this.milestones.filter((milestone) => milestone <= epoch).length;
    return this.schedulers[passed]!;
  }
}

function checkParts(
  optimizer: Optimizer,
  schedulers: readonly LRScheduler[],
  milestones: readonly number[],
): void {
  if (schedulers.length === 0 || milestones.length !== schedulers.length - 1) {
    throw new UsageError(
      `SequentialLR: milestones must be one fewer than schedulers, got ${milestones.length} and ${schedulers.length}.`,
    );
  }
  milestones.forEach((milestone, i) => {
    checkNumber("SequentialLR", `milestones[${i}]`, milestone, {
      above: milestones[i - 1] ?? 0,
      integer: true,
    });
  });
  checkTogether("SequentialLR", optimizer, schedulers);
}

/** Throws unless schedulers are over one optimizer and can be stepped without a metric. */
export function checkTogether(where: string, optimizer: Optimizer, schedulers: readonly LRScheduler[]): void {
  schedulers.forEach((part, i) => {
    if (part.optimizer !== optimizer) {
      throw new UsageError(`${where}: scheduler ${i} must be over the same optimizer, got another one.`);
    }
    if (part.needsMetric) {
      throw new UsageError(
        `${where}: scheduler ${i} must not need a metric, got ${part.constructor.name}. Step it by itself.`,
      );
    }
  });
}

/** Returns the states of a scheduler's parts out of its own, and throws unless there is one for each. */
export function savedParts(
  scheduler: LRScheduler & { readonly schedulers: readonly LRScheduler[] },
  saved: Readonly<SchedulerStateDict>,
  noun: string,
): SchedulerStateDict[] {
  const parts = saved["_schedulers"] as SchedulerStateDict[] | undefined;
  const expected = scheduler.schedulers.length;
  if (parts?.length === expected) return parts;
  throw new UsageError(
    `${scheduler.constructor.name}.loadStateDict: the state must have ${expected} schedulers, got ${parts?.length ?? "none"}. ` +
      `Load the state of the same ${noun}.`,
  );
}
