// Losses as modules. As functions: ./functional/losses.ts.
import { named } from "../operator-arguments.ts";
import type { Tensor } from "../tensor.ts";
import * as F from "./functional/losses.ts";
import type {
  BCEWithLogitsOptions,
  CTCLossOptions,
  CrossEntropyOptions,
  GaussianNLLOptions,
  KLDivOptions,
  LossOptions,
  MarginOptions,
  MultiMarginOptions,
  NLLLossOptions,
  PoissonNLLOptions,
  TripletDistanceOptions,
  TripletMarginOptions,
  WeightedLossOptions,
} from "./functional/losses.ts";
import { reductionCode } from "./functional/reduction.ts";
import type { FactoryOptions } from "./factory.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";
import { pythonFloat, repr } from "./repr.ts";
import { PairwiseDistance } from "./shaping.ts";

/** Holds the options of a loss. */
abstract class Loss<Options extends { reduction?: string }> extends Module {
  readonly options: Readonly<Options>;

  /** Names of the options that the loss takes beside `reduction`. */
  protected get optionNames(): readonly string[] {
    return [];
  }

  constructor(options: Options = {} as Options) {
    super();
    named(new.target.name, options, ["reduction", ...this.optionNames]);
    const { reduction = "mean" } = options;
    if (reduction !== "batchmean") reductionCode(reduction as "mean"); // an unknown name throws here, not in forward
    this.options = options;
  }
}

/** Keeps the weight of the classes as a buffer, which moves with the module and stands in its state dict. */
abstract class WeightedLoss<Options extends WeightedLossOptions> extends Loss<Options> {
  declare readonly weight: Tensor | null;

  protected override get optionNames(): readonly string[] {
    return ["weight"];
  }

  constructor({ weight = null, ...options }: Options = {} as Options) {
    super(options as Options);
    this.registerBuffer("weight", weight);
  }
}

/**
 * Computes the cross entropy of `softmax(logits)` and the target classes or probabilities.
 *
 * Shapes: `logits [items, classes, ...]`, `target [items, ...]` of int64 -> `[]`.
 */
export class CrossEntropyLoss extends WeightedLoss<CrossEntropyOptions> {
  protected override get optionNames(): readonly string[] {
    return ["weight", "ignoreIndex", "labelSmoothing"];
  }

  override forward(logits: Tensor, target: Tensor): Tensor {
    return F.crossEntropy(logits, target, { ...this.options, weight: this.weight });
  }
}

/** Options of `LinearCrossEntropyLoss`. */
export interface LinearCrossEntropyLossOptions extends CrossEntropyOptions, FactoryOptions {
  /** Sizes of a loss over several positions for each item. @default [] */
  outFeatures?: readonly number[];
  /** Adds a weight to each logit. @default false */
  bias?: boolean;
}

/**
 * Computes logits by a linear layer of its own, `linear`, and their cross entropy with the target.
 *
 * Shapes: `x [items, inFeatures]`, `target [items, ...outFeatures]` of int64 -> `[]`.
 */
export class LinearCrossEntropyLoss extends WeightedLoss<CrossEntropyOptions> {
  readonly numClasses: number;
  readonly outFeatures: readonly number[];
  readonly linear: Linear;

  protected override get optionNames(): readonly string[] {
    return ["weight", "ignoreIndex", "labelSmoothing"];
  }

  constructor(inFeatures: number, numClasses: number, options: LinearCrossEntropyLossOptions = {}) {
    const { outFeatures = [], bias = false, dtype, device, ...loss } = options;
    super(loss);
    this.numClasses = numClasses;
    this.outFeatures = outFeatures;
    const rows = outFeatures.reduce((product, size) => product * size, numClasses);
    this.linear = new Linear(inFeatures, rows, { bias, dtype, device });
  }

  override forward(x: Tensor, target: Tensor): Tensor {
    const { numClasses, outFeatures, linear } = this;
    return F.linearCrossEntropy(
      x,
      linear.weight.reshape([numClasses, ...outFeatures, linear.inFeatures]),
      target,
      {
        ...this.options,
        weight: this.weight,
        linearBias: linear.bias?.reshape([numClasses, ...outFeatures]) ?? null,
      },
    );
  }

  override extraRepr(): string {
    const { reduction = "mean", ignoreIndex = null, labelSmoothing = 0 } = this.options;
    return repr({
      in_features: this.linear.inFeatures,
      num_classes: this.numClasses,
      out_features: this.outFeatures,
      bias: this.linear.bias !== null,
      reduction,
      ignore_index: ignoreIndex,
      label_smoothing: pythonFloat(labelSmoothing),
      options: null, // of the chunked computation, which is not here
    });
  }
}

/**
 * Computes the negative log likelihood of the target classes.
 *
 * Shapes: `logProbs [items, classes, ...]`, `target [items, ...]` of int64 -> `[]`.
 */
export class NLLLoss extends WeightedLoss<NLLLossOptions> {
  protected override get optionNames(): readonly string[] {
    return ["weight", "ignoreIndex"];
  }

  override forward(logProbs: Tensor, target: Tensor): Tensor {
    return F.nllLoss(logProbs, target, { ...this.options, weight: this.weight });
  }
}

/** Computes the binary cross entropy of probabilities. */
export class BCELoss extends WeightedLoss<WeightedLossOptions> {
  override forward(x: Tensor, target: Tensor): Tensor {
    return F.binaryCrossEntropy(x, target, { ...this.options, weight: this.weight });
  }
}

/** Computes the hinge loss over classes, `sum(max(0, margin - x[target] + x[i])^p) / classes`. */
export class MultiMarginLoss extends WeightedLoss<MultiMarginOptions> {
  protected override get optionNames(): readonly string[] {
    return ["weight", "p", "margin"];
  }

  override forward(x: Tensor, target: Tensor): Tensor {
    return F.multiMarginLoss(x, target, { ...this.options, weight: this.weight });
  }
}

/** Computes the mean over classes of the binary cross entropy of `sigmoid(x)`. */
export class MultiLabelSoftMarginLoss extends WeightedLoss<WeightedLossOptions> {
  override forward(x: Tensor, target: Tensor): Tensor {
    return F.multilabelSoftMarginLoss(x, target, { ...this.options, weight: this.weight });
  }
}

/** Computes the binary cross entropy of `sigmoid(logits)`; `posWeight` weighs the positive targets. */
export class BCEWithLogitsLoss extends WeightedLoss<BCEWithLogitsOptions> {
  declare readonly pos_weight: Tensor | null;

  protected override get optionNames(): readonly string[] {
    return ["weight", "posWeight"];
  }

  constructor({ posWeight = null, ...options }: BCEWithLogitsOptions = {}) {
    super(options);
    this.registerBuffer("pos_weight", posWeight);
  }

  override forward(logits: Tensor, target: Tensor): Tensor {
    const { weight, pos_weight: posWeight } = this;
    return F.binaryCrossEntropyWithLogits(logits, target, { ...this.options, weight, posWeight });
  }
}

/** Computes the mean absolute error, or the sum, or each item's. */
export class L1Loss extends Loss<LossOptions> {
  override forward(x: Tensor, target: Tensor): Tensor {
    return F.l1Loss(x, target, this.options);
  }
}

/** Computes the mean squared error, or the sum, or each item's. */
export class MSELoss extends Loss<LossOptions> {
  override forward(x: Tensor, target: Tensor): Tensor {
    return F.mseLoss(x, target, this.options);
  }
}

/** Computes the squared error up to `beta` (1 unless given) and the absolute one beyond (Girshick, 2015). */
export class SmoothL1Loss extends Loss<LossOptions & { beta?: number }> {
  protected override get optionNames(): readonly string[] {
    return ["beta"];
  }

  override forward(x: Tensor, target: Tensor): Tensor {
    return F.smoothL1Loss(x, target, this.options);
  }
}

/** Computes the squared error up to `delta` (1 unless given) and the absolute one beyond (Huber, 1964). */
export class HuberLoss extends Loss<LossOptions & { delta?: number }> {
  protected override get optionNames(): readonly string[] {
    return ["delta"];
  }

  override forward(x: Tensor, target: Tensor): Tensor {
    return F.huberLoss(x, target, this.options);
  }
}

/** Computes the Kullback-Leibler divergence of the target from the log probabilities `x`. */
export class KLDivLoss extends Loss<KLDivOptions> {
  protected override get optionNames(): readonly string[] {
    return ["logTarget"];
  }

  override forward(x: Tensor, target: Tensor): Tensor {
    return F.klDiv(x, target, this.options);
  }
}

/** Computes the negative log likelihood of counts under a Poisson distribution. */
export class PoissonNLLLoss extends Loss<PoissonNLLOptions> {
  protected override get optionNames(): readonly string[] {
    return ["logInput", "full", "eps"];
  }

  override forward(x: Tensor, target: Tensor): Tensor {
    return F.poissonNllLoss(x, target, this.options);
  }
}

/** Computes the negative log likelihood of targets under Gaussians of mean `x`. */
export class GaussianNLLLoss extends Loss<GaussianNLLOptions> {
  protected override get optionNames(): readonly string[] {
    return ["full", "eps"];
  }

  override forward(x: Tensor, target: Tensor, variance: Tensor | number): Tensor {
    return F.gaussianNllLoss(x, target, variance, this.options);
  }
}

/**
 * Computes the connectionist temporal classification loss (Graves et al., 2006).
 *
 * Shapes: `logProbs [time, items, classes]`, `targets [items, length]` or all in one row; lengths `[items]`.
 */
export class CTCLoss extends Loss<CTCLossOptions> {
  protected override get optionNames(): readonly string[] {
    return ["blank", "zeroInfinity"];
  }

  override forward(
    logProbs: Tensor,
    targets: Tensor,
    inputLengths: Tensor | readonly number[],
    targetLengths: Tensor | readonly number[],
  ): Tensor {
    return F.ctcLoss(logProbs, targets, inputLengths, targetLengths, this.options);
  }
}

/** Computes `log(1 + exp(-target * x))` for targets 1 and -1. */
export class SoftMarginLoss extends Loss<LossOptions> {
  override forward(x: Tensor, target: Tensor): Tensor {
    return F.softMarginLoss(x, target, this.options);
  }
}

/** Computes the hinge loss of several target classes, which a -1 ends. */
export class MultiLabelMarginLoss extends Loss<LossOptions> {
  override forward(x: Tensor, target: Tensor): Tensor {
    return F.multilabelMarginLoss(x, target, this.options);
  }
}

/** Computes `max(0, -target * (x1 - x2) + margin)`: target 1 wants the first larger, -1 the second. */
export class MarginRankingLoss extends Loss<MarginOptions> {
  protected override get optionNames(): readonly string[] {
    return ["margin"];
  }

  override forward(x1: Tensor, x2: Tensor, target: Tensor): Tensor {
    return F.marginRankingLoss(x1, x2, target, this.options);
  }
}

/** Computes `x` where the target is 1 and `max(0, margin - x)` where it is -1; `margin` is 1 unless given. */
export class HingeEmbeddingLoss extends Loss<MarginOptions> {
  protected override get optionNames(): readonly string[] {
    return ["margin"];
  }

  override forward(x: Tensor, target: Tensor): Tensor {
    return F.hingeEmbeddingLoss(x, target, this.options);
  }
}

/** Computes `1 - cos(x1, x2)` where the target is 1 and `max(0, cos(x1, x2) - margin)` where it is -1. */
export class CosineEmbeddingLoss extends Loss<MarginOptions> {
  protected override get optionNames(): readonly string[] {
    return ["margin"];
  }

  override forward(x1: Tensor, x2: Tensor, target: Tensor): Tensor {
    return F.cosineEmbeddingLoss(x1, x2, target, this.options);
  }
}

/** Computes `max(0, |anchor - positive| - |anchor - negative| + margin)`. */
export class TripletMarginLoss extends Loss<TripletMarginOptions> {
  protected override get optionNames(): readonly string[] {
    return ["margin", "p", "eps", "swap"];
  }

  override forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    return F.tripletMarginLoss(anchor, positive, negative, this.options);
  }
}

/** Computes the triplet loss with a distance of your own, a module or a function; `PairwiseDistance` unless given. */
export class TripletMarginWithDistanceLoss extends Loss<Omit<TripletDistanceOptions, "distanceFunction">> {
  readonly distance_function: DistanceModule | ((a: Tensor, b: Tensor) => Tensor);

  protected override get optionNames(): readonly string[] {
    return ["distanceFunction", "margin", "swap"];
  }

  constructor({
    distanceFunction,
    ...options
  }: Omit<TripletDistanceOptions, "distanceFunction"> & {
    distanceFunction?: DistanceModule | ((a: Tensor, b: Tensor) => Tensor) | null | undefined;
  } = {}) {
    super(options);
    this.distance_function = distanceFunction ?? new PairwiseDistance();
  }

  override forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    const distance = this.distance_function;
    const distanceFunction = distance instanceof Module ? distance.forward.bind(distance) : distance;
    return F.tripletMarginWithDistanceLoss(anchor, positive, negative, { ...this.options, distanceFunction });
  }
}

type DistanceModule = Module & { forward(a: Tensor, b: Tensor): Tensor };
