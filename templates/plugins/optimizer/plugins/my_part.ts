// An optimizer: gradient descent with momentum. Its options stand in conf/optimizer/my_part.yaml for
// sconce train optimizer=my_part; a model makes it in configureOptimizers by
// optim.createOptimizer("my_part", this.parameters(), { lr: 0.01 }).
import { registerOptimizer } from "sconce";
import { optim } from "sconce/torch";

interface MyPartOptions extends optim.OptimizerOptions {
  /** Share of the last step that goes into the next. */
  momentum: number;
}

/** Defaults: `lr` 0.01, `momentum` 0.9. */
export class MyPart extends optim.Optimizer<MyPartOptions> {
  constructor(params: optim.Params<MyPartOptions>, options: Partial<MyPartOptions> = {}) {
    super(params, options, { lr: 0.01, momentum: 0.9 });
  }

  /** Runs without gradients, and frees what it makes but the state. */
  protected override updateGroup(group: optim.ParamGroup<MyPartOptions>): void {
    const { lr, momentum } = group;
    const trained = group.params.filter((param) => param.grad !== null);
    for (const [i, state] of this.statesOf(group, trained).entries()) {
      const velocity = state["velocity"]!;
      velocity.mul_(momentum).sub_(trained[i]!.grad!.mul(lr));
      trained[i]!.add_(velocity);
    }
  }

  /** Names what is kept for each weight, and saved in checkpoints. */
  protected override stateNames(): string[] {
    return ["velocity"];
  }

  protected override checkOptions({ momentum }: MyPartOptions): void {
    if (momentum >= 0 && momentum < 1) return;
    throw new RangeError(`my_part: momentum must be at least 0 and below 1, got ${momentum}.`);
  }
}

registerOptimizer("my_part", (params, options) => new MyPart(params, options));
