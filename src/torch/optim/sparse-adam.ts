// Adam for sparse gradients: averages and weights move only where a gradient has entries, as torch.optim.SparseAdam.
import { UsageError } from "../../base/index.ts";
import { sparseCooTensor } from "../ops.generated.ts";
import type { Tensor } from "../tensor.ts";
import { checkBetas, checkNumber } from "./options.ts";
import { Optimizer, countSteps } from "./optimizer.ts";
import type { OptimizerOptions, ParamGroup, Params } from "./param-groups.ts";

/** Options of `SparseAdam`. */
export interface SparseAdamOptions extends OptimizerOptions {
  /** Decay of the running averages of the gradient and of its square. @default [0.9, 0.999] */
  betas: readonly [number, number];
  /** Keeps the denominator from zero; above 0. @default 1e-8 */
  eps: number;
  maximize: boolean;
}

const defaults: SparseAdamOptions = { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, maximize: false };

/**
 * Is Adam for weights with sparse gradients, such as those of `new nn.Embedding(n, d, { sparse: true })`. Unlike Adam,
 * it leaves the averages and weights of rows without a gradient as they are. Defaults: `lr` 1e-3.
 *
 * @example
 * const table = new nn.Embedding(4, 2, { sparse: true });
 * const optimizer = new optim.SparseAdam(table.parameters(), { lr: 0.1 });
 * const before = table.weight.detach().clone();
 * table.forward(torch.tensor([1n])).sum().backward();
 * optimizer.step();
 * table.weight.sub(before).select(1, 0).tolist().map((x) => Number(x).toFixed(1)); // => ["0.0", "-0.1", "0.0", "0.0"]
 */
export class SparseAdam extends Optimizer<SparseAdamOptions> {
  constructor(params: Params<SparseAdamOptions>, options: Partial<SparseAdamOptions> = {}) {
    super(params, options, defaults);
  }

  protected override updateGroup(group: ParamGroup<SparseAdamOptions>): void {
    for (const param of group.params) {
      const { grad } = param;
      if (grad === null) continue;
      if (!grad.isSparse) {
        throw new UsageError(
          "SparseAdam: gradients must be sparse, got a dense one. Use Adam, or an embedding with sparse: true.",
        );
      }
      this.#updateEntries(group, param, grad);
    }
  }

  #updateEntries(group: ParamGroup<SparseAdamOptions>, param: Tensor, grad: Tensor): void {
    const { lr, eps, maximize } = group;
    const [beta1, beta2] = group.betas;
    const [state] = this.statesOf(group, [param]);
    const { expAvg, expAvgSq } = state as { expAvg: Tensor; expAvgSq: Tensor };
    const [step] = countSteps([state!]) as [number];
    const entries = (maximize ? grad.neg() : grad).coalesce(); // the rule is not linear: each index once
    const values = entries.values();
    if (values.numel === 0) return;
    const add = (target: Tensor, change: Tensor): void => {
      target.add_(sparseCooTensor(entries.indices(), change, entries.shape));
    };

    const average = expAvg.sparseMask(entries).values();
    const averageChange = values.sub(average).mul(1 - beta1);
    add(expAvg, averageChange);
    const square = expAvgSq.sparseMask(entries).values();
    const squareChange = values
      .pow(2)
      .sub(square)
      .mul(1 - beta2);
    add(expAvgSq, squareChange);

    const denominator = square.add(squareChange).sqrt().add(eps);
    const rate = (lr * Math.sqrt(1 - beta2 ** step)) / (1 - beta1 ** step);
    add(param, average.add(averageChange).div(denominator).mul(-rate));
  }

  protected override stateNames(): string[] {
    return ["step", "expAvg", "expAvgSq"];
  }

  protected override checkOptions({ betas, eps }: SparseAdamOptions): void {
    checkBetas(this.name, betas);
    checkNumber(this.name, "eps", eps, { above: 0 });
  }

  protected override torchOptions(): Readonly<Record<string, unknown>> {
    return {};
  }
}
