// The schedule of stochastic weight averaging (Izmailov et al. 2018): to a constant rate, and stay there.
import { checkChoice, checkNumber } from "../options.ts";
import type { Optimizer } from "../optimizer.ts";
import { perGroup } from "./groups.ts";
import { LRScheduler } from "./lr-scheduler.ts";
import type { LRSchedulerOptions } from "./lr-scheduler.ts";

/** Options of `SWALR`. */
export interface SWALROptions extends LRSchedulerOptions {
  /** Epochs on the way to the rate. @default 10 */
  annealEpochs?: number;
  /** @default "cos" */
  annealStrategy?: "cos" | "linear";
}

/**
 * Brings the rate from where it is to `swaLr` within `annealEpochs`, and keeps it there.
 *
 * @example
 * const optimizer = new optim.SGD([torch.ones([1])], { lr: 1 });
 * const scheduler = new optim.swaUtils.SWALR(optimizer, 0.5, { annealEpochs: 2, annealStrategy: "linear" });
 * scheduler.step();
 * scheduler.getLastLr(); // => [0.75]
 */
export class SWALR extends LRScheduler {
  readonly annealEpochs: number;
  readonly annealStrategy: "cos" | "linear";

  constructor(optimizer: Optimizer, swaLr: number | readonly number[], options: SWALROptions = {}) {
    const { annealEpochs = 10, annealStrategy = "cos", ...rest } = options;
    const rates = perGroup("SWALR", optimizer, "swaLr", swaLr, { min: 0 });
    checkChoice("SWALR", "annealStrategy", annealStrategy, ["cos", "linear"]);
    checkNumber("SWALR", "annealEpochs", annealEpochs, { min: 0, integer: true });
    optimizer.paramGroups.forEach((group, i) => (group.swaLr = rates[i]!));
    super(optimizer, rest);
    this.annealEpochs = annealEpochs;
    this.annealStrategy = annealStrategy;
    this.initialStep();
  }

  protected override getLr(): number[] {
    const { annealEpochs } = this;
    const step = annealEpochs === 0 ? Math.max(1, this.stepCount - 1) : this.stepCount - 1;
    const before = this.#shareAt((step - 1) / Math.max(1, annealEpochs));
    const now = this.#shareAt(step / Math.max(1, annealEpochs));
    return this.scheduledGroups.map(({ lr, swaLr }) => {
      // where the rate would be without annealing, as other schedules may have moved it
      const own = before === 1 ? swaLr! : (lr - before * swaLr!) / (1 - before);
      return swaLr! * now + own * (1 - now);
    });
  }

  protected override stateFields(): Record<string, string> {
    return {
      ...super.stateFields(),
      annealEpochs: "anneal_epochs",
      annealStrategy: "_anneal_strategy",
    };
  }

  #shareAt(progress: number): number {
    const t = Math.max(0, Math.min(1, progress));
    return this.annealStrategy === "linear" ? t : (1 - Math.cos(Math.PI * t)) / 2;
  }
}
