// A schedule that sets nothing: it shows the rates of an optimizer that sets its own.
import { checkNumber } from "../options.ts";
import type { Optimizer } from "../optimizer.ts";
import { LRScheduler } from "./lr-scheduler.ts";

/** Shows the rates that `TransformersAdafactor` with `relativeStep` took last, for what logs them. */
export class AdafactorSchedule extends LRScheduler {
  readonly initialLr: number;

  constructor(optimizer: Optimizer, initialLr = 0) {
    super(optimizer);
    checkNumber("AdafactorSchedule", "initialLr", initialLr, { min: 0 });
    this.initialLr = initialLr;
    this.baseLrs = optimizer.paramGroups.map(() => initialLr);
    this.initialStep();
  }

  protected override get followsOptimizer(): boolean {
    return true;
  }

  protected override getLr(): number[] {
    return this.isInitial ? this.baseLrs : this.currentLr();
  }
}
