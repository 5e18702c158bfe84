// Cosine annealing (Loshchilov and Hutter 2017, SGDR), with and without restarts.
import { checkNumber } from "../options.ts";
import type { Optimizer } from "../optimizer.ts";
import { LRScheduler } from "./lr-scheduler.ts";
import type { LRSchedulerOptions } from "./lr-scheduler.ts";

const { PI, cos } = Math;

/** Options of `CosineAnnealingLR`. */
export interface CosineAnnealingLROptions extends LRSchedulerOptions {
  /** Lowest rate. @default 0 */
  etaMin?: number;
}

/** Lets the rate swing along a cosine between its initial value and `etaMin`; half a wave takes `tMax` epochs. */
export class CosineAnnealingLR extends LRScheduler {
  readonly tMax: number;
  readonly etaMin: number;

  constructor(optimizer: Optimizer, tMax: number, { etaMin = 0, ...options }: CosineAnnealingLROptions = {}) {
    super(optimizer, options);
    checkNumber("CosineAnnealingLR", "tMax", tMax, { min: 1, integer: true });
    checkNumber("CosineAnnealingLR", "etaMin", etaMin, { min: 0 });
    this.tMax = tMax;
    this.etaMin = etaMin;
    this.initialStep();
  }

  protected override getLr(): number[] {
    const { lastEpoch, tMax, etaMin } = this;
    const current = this.currentLr();
    if (this.isInitial) return current;
    if (this.stepCount === 1 && lastEpoch > 0) return this.closedFormLr();
    if ((lastEpoch - 1 - tMax) % (2 * tMax) === 0) {
      return this.baseLrs.map((lr, i) => current[i]! + ((lr - etaMin) * (1 - cos(PI / tMax))) / 2);
    }
    const ratio = (1 + cos((PI * lastEpoch) / tMax)) / (1 + cos((PI * (lastEpoch - 1)) / tMax));
    return current.map((lr) => ratio * (lr - etaMin) + etaMin);
  }

  protected override closedFormLr(): number[] {
    const { lastEpoch, tMax, etaMin } = this;
    return this.baseLrs.map((lr) => etaMin + ((lr - etaMin) * (1 + cos((PI * lastEpoch) / tMax))) / 2);
  }

  protected override stateFields(): Record<string, string> {
    return { ...super.stateFields(), tMax: "T_max", etaMin: "eta_min" };
  }
}

/** Options of `CosineAnnealingWarmRestarts`. */
export interface CosineAnnealingWarmRestartsOptions extends LRSchedulerOptions {
  /** Makes each wave this many times longer than the one before. @default 1 */
  tMult?: number;
  /** Lowest rate. @default 0 */
  etaMin?: number;
}

/** Lets the rate fall along half a cosine within `t0` epochs and start over, each time `tMult` times longer. */
export class CosineAnnealingWarmRestarts extends LRScheduler {
  readonly t0: number;
  readonly tMult: number;
  readonly etaMin: number;
  /** Epochs in the present wave. */
  tI: number;
  /** Epochs since the last restart. */
  tCur: number;

  constructor(optimizer: Optimizer, t0: number, options: CosineAnnealingWarmRestartsOptions = {}) {
    const { tMult = 1, etaMin = 0, ...rest } = options;
    super(optimizer, rest);
    checkNumber("CosineAnnealingWarmRestarts", "t0", t0, { min: 1, integer: true });
    checkNumber("CosineAnnealingWarmRestarts", "tMult", tMult, { min: 1, integer: true });
    checkNumber("CosineAnnealingWarmRestarts", "etaMin", etaMin, { min: 0 });
    this.t0 = t0;
    this.tMult = tMult;
    this.etaMin = etaMin;
    this.tI = t0;
    this.tCur = this.lastEpoch;
    this.initialStep();
  }

  override step(): void {
    if (this.lastEpoch < 0) {
      this.tI = this.t0;
      this.tCur = 0;
    } else {
      this.tCur++;
      if (this.tCur >= this.tI) {
        this.tCur %= this.tI;
        this.tI *= this.tMult;
      }
    }
    this.lastEpoch++;
    this.setLr(this.getLr());
  }

  protected override getLr(): number[] {
    const { etaMin } = this;
    return this.baseLrs.map((lr) => etaMin + ((lr - etaMin) * (1 + cos((PI * this.tCur) / this.tI))) / 2);
  }

  protected override stateFields(): Record<string, string> {
    return {
      ...super.stateFields(),
      t0: "T_0",
      tI: "T_i",
      tMult: "T_mult",
      tCur: "T_cur",
      etaMin: "eta_min",
    };
  }
}
