// Softmax over very many classes, the rare ones in clusters with smaller layers.
import { ShapeError, UsageError } from "../../base/index.ts";
import { named } from "../operator-arguments.ts";
import { cat, logSoftmax, zeros } from "../ops.generated.ts";
import type { Tensor } from "../tensor.ts";
import { ModuleList, Sequential } from "./containers.ts";
import { factoryNames } from "./factory.ts";
import type { FactoryOptions } from "./factory.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";

/** Options of `AdaptiveLogSoftmaxWithLoss`. */
export interface AdaptiveLogSoftmaxOptions extends FactoryOptions {
  /** Divides the width of each cluster by this, to the power of its number. @default 4 */
  divValue?: number;
  /** Gives the head a bias. @default false */
  headBias?: boolean;
}

/**
 * Computes the log probability of the target classes and its loss (Grave et al., 2017). Classes are ordered by
 * frequency: those before `cutoffs[0]` are in the head, the rest in one cluster for each further cutoff.
 *
 * Shapes: `x [items, inFeatures]`, `target [items]` of int64 -> `output [items]`, `loss []`; or one item.
 *
 * @example
 * const softmax = new nn.AdaptiveLogSoftmaxWithLoss(16, 100, [10, 40]);
 * softmax.logProb(torch.ones([2, 16])).shape; // => [2, 100]
 */
export class AdaptiveLogSoftmaxWithLoss extends Module {
  readonly inFeatures: number;
  readonly nClasses: number;
  /** First class of each cluster, and the number of classes. */
  readonly cutoffs: readonly number[];
  readonly head: Linear;
  readonly tail: ModuleList<Sequential>;

  constructor(
    inFeatures: number,
    nClasses: number,
    cutoffs: readonly number[],
    options: AdaptiveLogSoftmaxOptions = {},
  ) {
    super();
    const {
      divValue = 4,
      headBias = false,
      ...factory
    } = named(new.target.name, options, ["divValue", "headBias", ...factoryNames]);
    const all = [...cutoffs, nClasses];
    if (
      cutoffs.length === 0 ||
      !all.every((cutoff, i) => Number.isInteger(cutoff) && cutoff > (all[i - 1] ?? 0))
    ) {
      throw new UsageError(
        `AdaptiveLogSoftmaxWithLoss: cutoffs must be whole numbers that rise from 1 to below nClasses=${nClasses}, got [${cutoffs.join(", ")}].`,
      );
    }
    this.inFeatures = inFeatures;
    this.nClasses = nClasses;
    this.cutoffs = all;
    this.head = new Linear(inFeatures, all[0]! + cutoffs.length, { bias: headBias, ...factory });
    this.tail = new ModuleList(
      cutoffs.map((first, i) => {
        const width = Math.floor(inFeatures / divValue ** (i + 1));
        const plain = { bias: false, ...factory };
        return new Sequential(
          new Linear(inFeatures, width, plain),
          new Linear(width, all[i + 1]! - first, plain),
        );
      }),
    );
  }

  /** Draws all weights anew. */
  resetParameters(): void {
    for (const module of this.modules()) if (module instanceof Linear) module.resetParameters();
  }

  override forward(x: Tensor, target: Tensor): { output: Tensor; loss: Tensor } {
    const isItem = target.ndim === 0;
    if (x.ndim !== target.ndim + 1 || target.ndim > 1 || (!isItem && x.size(0) !== target.size(0))) {
      throw new ShapeError(
        `AdaptiveLogSoftmaxWithLoss: needs x [items, ${this.inFeatures}] and target [items], got [${x.shape.join(", ")}] and [${target.shape.join(", ")}].`,
      );
    }
    const [items, classes] = isItem ? [x.unsqueeze(0), target.unsqueeze(0)] : [x, target];
    if (classes.lt(0).logicalOr(classes.ge(this.nClasses)).any().item()) {
      throw new ShapeError(
        `AdaptiveLogSoftmaxWithLoss: the target must be within ${this.nClasses} classes, got ${classes.min().item()} to ${classes.max().item()}.`,
      );
    }
    let places = classes; // in the head: of the class, or of its cluster
    const inClusters = zeros([items.size(0)], { dtype: x.dtype, device: x.device });
    for (const [i, cluster] of [...this.tail].entries()) {
      const [first, end] = [this.cutoffs[i]!, this.cutoffs[i + 1]!];
      const mask = classes.ge(first).logicalAnd(classes.lt(end));
      const rows = mask.nonzero().squeeze(1);
      if (rows.numel === 0) continue;
      places = places.maskedFill(mask, this.cutoffs[0]! + i);
      const relative = classes.indexSelect(0, rows).sub(first).unsqueeze(1);
      const found = logSoftmax(cluster.forward(items.indexSelect(0, rows)), 1)
        .gather(1, relative)
        .squeeze(1);
      inClusters.indexCopy_(0, rows, found);
    }
    const inHead = logSoftmax(this.head.forward(items), 1).gather(1, places.unsqueeze(1)).squeeze(1);
    const output = inClusters.add(inHead);
    return { output: isItem ? output.squeeze(0) : output, loss: output.neg().mean() };
  }

  /** Computes the log probabilities of all classes: `[items, inFeatures] -> [items, nClasses]`. */
  logProb(x: Tensor): Tensor {
    const head = logSoftmax(this.head.forward(x), 1);
    const shortlist = this.cutoffs[0]!;
    const clusters = Array.from(this.tail, (cluster, i) =>
      logSoftmax(cluster.forward(x), 1).add(head.narrow(1, shortlist + i, 1)),
    );
    return cat([head.narrow(1, 0, shortlist), ...clusters], 1);
  }

  /** Returns the most probable class of each item; clusters that cannot win are not computed for it. */
  predict(x: Tensor): Tensor {
    const best = this.head.forward(x).argmax(1);
    const isRare = best.ge(this.cutoffs[0]!);
    const rows = isRare.nonzero().squeeze(1);
    if (rows.numel === 0) return best;
    const rare = this.logProb(x.indexSelect(0, rows)).argmax(1);
    return best.indexCopy_(0, rows, rare);
  }
}
