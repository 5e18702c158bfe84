// The one-cycle policy (Smith and Topin 2018): up, down and out, with momentum going the other way.
import { UsageError } from "../../../base/index.ts";
import { checkBoolean, checkChoice, checkNumber } from "../options.ts";
import type { Optimizer } from "../optimizer.ts";
import { checkHasMomentum, perGroup, setMomentum } from "./groups.ts";
import { LRScheduler } from "./lr-scheduler.ts";
import type { LRSchedulerOptions } from "./lr-scheduler.ts";

/** Options of `OneCycleLR`. */
export interface OneCycleLROptions extends LRSchedulerOptions {
  /** Updates in the cycle. */
  totalSteps: number;
  /** Share of the cycle in which the rate rises. @default 0.3 */
  pctStart?: number;
  /** @default "cos" */
  annealStrategy?: "cos" | "linear";
  /** Moves the momentum (Adam: `betas[0]`) against the rate. @default true */
  cycleMomentum?: boolean;
  /** Momentum at the highest rate; one for all groups, or one for each. @default 0.85 */
  baseMomentum?: number | readonly number[];
  /** Momentum at the lowest rate; one for all groups, or one for each. @default 0.95 */
  maxMomentum?: number | readonly number[];
  /** The first rate is `maxLr / divFactor`. @default 25 */
  divFactor?: number;
  /** The last rate is the first one over this. @default 1e4 */
  finalDivFactor?: number;
  /** Falls back to the first rate, and only then below it. @default false */
  threePhase?: boolean;
}

type LrName = "initialLr" | "maxLr" | "minLr";
type MomentumName = "maxMomentum" | "baseMomentum";

interface Phase {
  endStep: number;
  lr: readonly [start: LrName, end: LrName];
  momentum: readonly [start: MomentumName, end: MomentumName];
}

/** Raises the rate to `maxLr` and lets it fall far below its start within `totalSteps` updates. */
export class OneCycleLR extends LRScheduler {
  readonly totalSteps: number;
  readonly cycleMomentum: boolean;
  readonly #anneal: (start: number, end: number, share: number) => number;
  readonly #phases: readonly Phase[];

  constructor(optimizer: Optimizer, maxLr: number | readonly number[], options: OneCycleLROptions) {
    const where = "OneCycleLR";
    const {
      totalSteps,
      pctStart = 0.3,
      annealStrategy = "cos",
      cycleMomentum = true,
      lastEpoch = -1,
    } = options;
    const { divFactor = 25, finalDivFactor = 1e4, threePhase = false } = options;
    checkNumber(where, "totalSteps", totalSteps, { min: 1, integer: true });
    checkNumber(where, "pctStart", pctStart, { min: 0, max: 1 });
    checkChoice(where, "annealStrategy", annealStrategy, ["cos", "linear"]);
    checkBoolean(where, "cycleMomentum", cycleMomentum);
    checkNumber(where, "divFactor", divFactor, { above: 0 });
    checkNumber(where, "finalDivFactor", finalDivFactor, { above: 0 });
    const maxLrs = perGroup(where, optimizer, "maxLr", maxLr, { above: 0 });
    const maxMomentums = perGroup(where, optimizer, "maxMomentum", options.maxMomentum ?? 0.95, {
      min: 0,
      max: 1,
    });
    const baseMomentums = perGroup(where, optimizer, "baseMomentum", options.baseMomentum ?? 0.85, {
      min: 0,
      max: 1,
    });
    if (cycleMomentum) checkHasMomentum(where, optimizer);
    if (lastEpoch === -1) {
      optimizer.paramGroups.forEach((group, i) => {
        group.initialLr = maxLrs[i]! / divFactor;
        group.maxLr = maxLrs[i]!;
        group.minLr = group.initialLr / finalDivFactor;
        if (!cycleMomentum) return;
        group.maxMomentum = maxMomentums[i]!;
        group.baseMomentum = baseMomentums[i]!;
        setMomentum(group, group.maxMomentum);
      });
    }
    super(optimizer, { lastEpoch });
    this.totalSteps = totalSteps;
    this.cycleMomentum = cycleMomentum;
    this.#anneal = annealStrategy === "cos" ? annealCosine : annealLinear;
    this.#phases = phasesOf(pctStart, totalSteps, threePhase);
    this.initialStep();
  }

  protected override getLr(): number[] {
    const step = this.lastEpoch;
    if (step > this.totalSteps) {
      throw new UsageError(
        `OneCycleLR: the cycle has ${this.totalSteps} steps, got step ${step}. Set totalSteps to all updates of the run.`,
      );
    }
    const i = this.#phases.findIndex((phase) => step <= phase.endStep);
    const phase = this.#phases.at(i)!; // beyond the last phase: the last one
    const startStep = this.#phases[this.#phases.indexOf(phase) - 1]?.endStep ?? 0;
    const share = (step - startStep) / (phase.endStep - startStep);
    return this.scheduledGroups.map((group) => {
      if (this.cycleMomentum) {
        const [start, end] = phase.momentum;
        setMomentum(group, this.#anneal(group[start]!, group[end]!, share));
      }
      const [start, end] = phase.lr;
      return this.#anneal(group[start]!, group[end]!, share);
    });
  }

  protected override stateFields(): Record<string, string> {
    return { ...super.stateFields(), totalSteps: "total_steps", cycleMomentum: "cycle_momentum" };
  }
}

function phasesOf(pctStart: number, totalSteps: number, threePhase: boolean): Phase[] {
  const rise: Phase = {
    endStep: pctStart * totalSteps - 1,
    lr: ["initialLr", "maxLr"],
    momentum: ["maxMomentum", "baseMomentum"],
  };
  if (!threePhase) {
    return [
      rise,
      { endStep: totalSteps - 1, lr: ["maxLr", "minLr"], momentum: ["baseMomentum", "maxMomentum"] },
    ];
  }
  return [
    rise,
    {
      endStep: 2 * pctStart * totalSteps - 2,
      lr: ["maxLr", "initialLr"],
      momentum: ["baseMomentum", "maxMomentum"],
    },
    { endStep: totalSteps - 1, lr: ["initialLr", "minLr"], momentum: ["maxMomentum", "maxMomentum"] },
  ];
}

function annealCosine(start: number, end: number, share: number): number {
  return end + ((start - end) / 2) * (Math.cos(Math.PI * share) + 1);
}

function annealLinear(start: number, end: number, share: number): number {
  return (end - start) * share + start;
}
