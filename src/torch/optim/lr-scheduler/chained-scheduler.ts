// Several schedules at once.
import { UsageError } from "../../../base/index.ts";
import type { Optimizer } from "../optimizer.ts";
import { LRScheduler } from "./lr-scheduler.ts";
import type { SchedulerStateDict } from "./lr-scheduler.ts";
import { checkTogether, savedParts } from "./sequential-lr.ts";

/**
 * Steps several schedulers one after the other, so that their factors multiply. It is for those that build on
 * the present rate: `LambdaLR` and others that set the rate from the initial one undo what came before them.
 *
 * @example
 * const optimizer = new optim.SGD([torch.ones([1])], { lr: 1 });
 * const warmup = new optim.ConstantLR(optimizer, { factor: 0.5, totalIters: 9 });
 * const decay = new optim.ExponentialLR(optimizer, 0.5);
 * const scheduler = new optim.ChainedScheduler([warmup, decay]);
 * scheduler.step();
 * scheduler.getLastLr(); // => [0.25]
 */
export class ChainedScheduler extends LRScheduler {
  readonly schedulers: readonly LRScheduler[];

  constructor(schedulers: readonly LRScheduler[], optimizer?: Optimizer) {
    const first = schedulers[0];
    if (first === undefined) {
      throw new UsageError("ChainedScheduler: schedulers must have at least one, got none.");
    }
    super(optimizer ?? first.optimizer);
    checkTogether("ChainedScheduler", this.optimizer, schedulers);
    this.schedulers = schedulers;
    this.lastEpoch = 0;
    this.lastLr = this.currentLr();
  }

  override step(): void {
    this.lastEpoch++;
    for (const part of this.schedulers) part.step();
    this.lastLr = this.currentLr();
  }

  override initialStep(): void {
    for (const part of this.schedulers) part.initialStep();
    this.lastEpoch = 0;
    this.lastLr = this.currentLr();
  }

  override undoInitialStep(): void {
    for (const part of this.schedulers) part.undoInitialStep();
  }

  override updateLr(epoch?: number): void {
    for (const part of this.schedulers) part.updateLr(epoch);
    this.lastEpoch = epoch ?? this.lastEpoch + 1;
    this.lastLr = this.currentLr();
  }

  override stateDict(): SchedulerStateDict {
    return { ...super.stateDict(), _schedulers: this.schedulers.map((part) => part.stateDict()) };
  }

  override loadStateDict(saved: Readonly<SchedulerStateDict>): void {
    const parts = savedParts(this, saved, "chain");
    super.loadStateDict(saved);
    this.schedulers.forEach((part, i) => part.loadStateDict(parts[i]!));
  }

  protected override getLr(): number[] {
    return this.lastLr;
  }

  protected override stateFields(): Record<string, string> {
    return { lastLr: "_last_lr" };
  }
}
