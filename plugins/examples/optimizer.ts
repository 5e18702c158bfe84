// An optimizer: every weight moves by the same step, against the sign of its averaged gradient (Bernstein et al. 2018).
import { registerOptimizer } from "sconce";
import { optim } from "sconce/torch";

export interface SignSGDOptions extends optim.OptimizerOptions {
  /** Share of the average that is kept at each step. */
  momentum: number;
}

/** Defaults: `lr` 1e-3, `momentum` 0.9. */
export class SignSGD extends optim.Optimizer<SignSGDOptions> {
  constructor(params: optim.Params<SignSGDOptions>, options: Partial<SignSGDOptions> = {}) {
    super(params, options, { lr: 1e-3, momentum: 0.9 });
  }

  /** Runs without gradients, and frees what it makes but the state. */
  protected override updateGroup(group: optim.ParamGroup<SignSGDOptions>): void {
    const { lr, momentum } = group;
    const trained = group.params.filter((param) => param.grad !== null);
    for (const [i, state] of this.statesOf(group, trained).entries()) {
      const average = state["momentumBuffer"]!;
      average.mul_(momentum).add_(trained[i]!.grad!.mul(1 - momentum));
      trained[i]!.sub_(average.sign().mul(lr));
    }
  }

  /** Names what is kept for each weight, and saved in checkpoints. */
  protected override stateNames(): string[] {
    return ["momentumBuffer"];
  }

  protected override checkOptions({ momentum }: SignSGDOptions): void {
    if (momentum >= 0 && momentum < 1) return;
    throw new RangeError(`SignSGD: momentum must be at least 0 and below 1, got ${momentum}.`);
  }
}

registerOptimizer("sign_sgd", (params, options) => new SignSGD(params, options));
