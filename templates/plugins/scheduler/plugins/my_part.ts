// A schedule of the learning rate: it falls as 1 / (1 + decay * step). Its options stand in conf/scheduler/my_part.yaml for
// sconce train scheduler=my_part; a model makes it in configureOptimizers by
// optim.createScheduler("my_part", optimizer, { decay: 0.01 }).
import { registerScheduler } from "sconce";
import { optim } from "sconce/torch";

/** Is made for an optimizer; `decay` 0 leaves the rate as it is. */
export class MyPart extends optim.LRScheduler {
  readonly decay: number;

  constructor(optimizer: optim.Optimizer, { decay = 0.01 }: { decay?: number } = {}) {
    super(optimizer);
    if (!(decay >= 0)) throw new RangeError(`my_part: decay must be at least 0, got ${decay}.`);
    this.decay = decay;
    this.initialStep();
  }

  /** Gives the rate of each parameter group at step `lastEpoch`. */
  protected override getLr(): number[] {
    return this.baseLrs.map((lr) => lr / (1 + this.decay * this.lastEpoch));
  }
}

registerScheduler("my_part", {
  options: ["decay"],
  create: (optimizer, options) => new MyPart(optimizer, options),
});
