// Losses of torch.nn.functional.
import { ShapeError, UsageError } from "../../../base/index.ts";
import { noGrad } from "../../grad-mode.ts";
import * as torch from "../../ops.generated.ts";
import type { Tensor } from "../../tensor.ts";
import { reduce, reductionCode } from "./reduction.ts";
import type { Reduction } from "./reduction.ts";

const ops = torch.nnFunctional;

/** Options that losses share. */
export interface LossOptions {
  /** @default "mean" */
  reduction?: Reduction;
}

/** Options of losses with weights. */
export interface WeightedLossOptions extends LossOptions {
  /** Weight of each class, or of each element. */
  weight?: Tensor | null | undefined;
}

/** Options of `nllLoss`. */
export interface NLLLossOptions extends WeightedLossOptions {
  /** Targets with this value count for nothing. @default -100 */
  ignoreIndex?: number;
}

/** Options of `crossEntropy`. */
export interface CrossEntropyOptions extends NLLLossOptions {
  /** Share of the target spread over all classes, in [0, 1). @default 0 */
  labelSmoothing?: number;
}

/**
 * Computes the cross entropy of `softmax(logits)` and the target classes or probabilities.
 *
 * Shapes: `logits [items, classes, ...]`, `target [items, ...]` of int64 -> `[]`, or `[items, ...]` unreduced.
 */
export function crossEntropy(
  logits: Tensor,
  target: Tensor,
  { weight = null, reduction = "mean", ignoreIndex = -100, labelSmoothing = 0 }: CrossEntropyOptions = {},
): Tensor {
  return ops.crossEntropyLoss(logits, target, weight, reductionCode(reduction), ignoreIndex, labelSmoothing);
}

/** Options of `linearCrossEntropy`. */
export interface LinearCrossEntropyOptions extends CrossEntropyOptions {
  /** Is added to the logits, `[classes, ...outFeatures]`. @default null */
  linearBias?: Tensor | null;
}

/**
 * Computes the cross entropy of a linear layer's output, `crossEntropy(linear(x, linearWeight, linearBias), target)`.
 * The logits are made whole: PyTorch's way of computing them in chunks is not offered.
 *
 * Shapes: `x [items, inFeatures]` or `[inFeatures]`, `linearWeight [classes, ...outFeatures, inFeatures]`,
 * `target [items, ...outFeatures]` of int64, or probabilities `[items, classes, ...outFeatures]`.
 */
export function linearCrossEntropy(
  x: Tensor,
  linearWeight: Tensor,
  target: Tensor,
  { linearBias = null, ...options }: LinearCrossEntropyOptions = {},
): Tensor {
  const inFeatures = linearWeight.size(-1);
  const [classes = 0, ...outFeatures] = linearWeight.shape.slice(0, -1);
  if (x.ndim < 1 || x.ndim > 2 || x.size(-1) !== inFeatures) {
    throw new ShapeError(
      `linearCrossEntropy: the input must be [items, ${inFeatures}] or [${inFeatures}], got shape [${x.shape.join(", ")}].`,
    );
  }
  if (outFeatures.length > 0 && x.ndim === 1) {
    throw new ShapeError(
      `linearCrossEntropy: with a weight of shape [${linearWeight.shape.join(", ")}] the input must be a batch, got ` +
        `shape [${x.shape.join(", ")}]. Pass x.unsqueeze(0).`,
    );
  }
  const flatBias = linearBias === null ? null : linearBias.reshape([-1]);
  const logits = ops.linear(x, linearWeight.reshape([-1, inFeatures]), flatBias);
  return crossEntropy(logits.reshape([...x.shape.slice(0, -1), classes, ...outFeatures]), target, options);
}

/**
 * Computes the negative log likelihood of the target classes.
 *
 * Shapes: `logProbs [items, classes, ...]`, `target [items, ...]` of int64.
 */
export function nllLoss(
  logProbs: Tensor,
  target: Tensor,
  { weight = null, reduction = "mean", ignoreIndex = -100 }: NLLLossOptions = {},
): Tensor {
  return ops.nllLossNd(logProbs, target, weight, reductionCode(reduction), ignoreIndex);
}

/** Computes `|x - target|`, times `weight` where there is one. */
export function l1Loss(x: Tensor, target: Tensor, options: WeightedLossOptions = {}): Tensor {
  const { weight = null, reduction = "mean" } = options;
  const [a, b] = sameSize("l1Loss", x, target);
  if (weight === null) return ops.l1Loss(a, b, reductionCode(reduction));
  const loss = a
    .sub(b)
    .abs()
    .mul(checkedWeight("l1Loss", weight, x));
  return reduction === "mean" ? loss.sum().div(weight.sum()) : reduce(loss, reduction);
}

/** Computes `(x - target)^2`, times `weight` where there is one. */
export function mseLoss(x: Tensor, target: Tensor, options: WeightedLossOptions = {}): Tensor {
  const { weight = null, reduction = "mean" } = options;
  const [a, b] = sameSize("mseLoss", x, target);
  if (weight === null) return ops.mseLoss(a, b, reductionCode(reduction));
  const loss = a
    .sub(b)
    .pow(2)
    .mul(checkedWeight("mseLoss", weight, x));
  return reduction === "mean" ? loss.sum().div(weight.sum()) : reduce(loss, reduction);
}

/** Computes the squared error up to `beta` and the absolute one beyond, divided by `beta` (Girshick, 2015). */
export function smoothL1Loss(
  x: Tensor,
  target: Tensor,
  { reduction = "mean", beta = 1 }: LossOptions & { beta?: number } = {},
): Tensor {
  const [a, b] = sameSize("smoothL1Loss", x, target);
  const code = reductionCode(reduction);
  return beta === 0 ? ops.l1Loss(a, b, code) : ops.smoothL1Loss(a, b, code, beta);
}

/** Computes the squared error up to `delta` and the absolute one beyond, times `weight` (Huber, 1964). */
export function huberLoss(
  x: Tensor,
  target: Tensor,
  { reduction = "mean", delta = 1, weight = null }: WeightedLossOptions & { delta?: number } = {},
): Tensor {
  const [a, b] = sameSize("huberLoss", x, target);
  if (weight === null) return ops.huberLoss(a, b, reductionCode(reduction), delta);
  const loss = ops.huberLoss(a, b, reductionCode("none"), delta);
  return reduce(loss.mul(checkedWeight("huberLoss", weight, x)), reduction);
}

/** Computes the binary cross entropy of probabilities; of logits, `binaryCrossEntropyWithLogits` is more exact. */
export function binaryCrossEntropy(
  x: Tensor,
  target: Tensor,
  { weight = null, reduction = "mean" }: WeightedLossOptions = {},
): Tensor {
  demandSameSize("binaryCrossEntropy", x, target);
  return ops.binaryCrossEntropy(x, target, weight?.expand(x.shape) ?? null, reductionCode(reduction));
}

/** Options of `binaryCrossEntropyWithLogits`. */
export interface BCEWithLogitsOptions extends WeightedLossOptions {
  /** Weight of the positive targets, broadcast to them. */
  posWeight?: Tensor | null | undefined;
}

/** Computes the binary cross entropy of `sigmoid(logits)`. */
export function binaryCrossEntropyWithLogits(
  logits: Tensor,
  target: Tensor,
  { weight = null, posWeight = null, reduction = "mean" }: BCEWithLogitsOptions = {},
): Tensor {
  demandSameSize("binaryCrossEntropyWithLogits", logits, target);
  return torch.binaryCrossEntropyWithLogits(logits, target, weight, posWeight, reductionCode(reduction));
}

/** Options of `klDiv`. */
export interface KLDivOptions {
  /** "batchmean" divides by the items alone, as the definition of the divergence does. @default "mean" */
  reduction?: Reduction | "batchmean";
  /** The target is given as log probabilities. @default false */
  logTarget?: boolean;
}

/** Computes the Kullback-Leibler divergence of `target` from the log probabilities `x`. */
export function klDiv(
  x: Tensor,
  target: Tensor,
  { reduction = "mean", logTarget = false }: KLDivOptions = {},
): Tensor {
  const isBatchMean = reduction === "batchmean";
  const loss = torch.klDiv(x, target, reductionCode(isBatchMean ? "sum" : reduction), { logTarget });
  return isBatchMean && x.ndim > 0 ? loss.div(x.size(0)) : loss;
}

/** Options of `poissonNllLoss`. */
export interface PoissonNLLOptions extends LossOptions {
  /** `x` is the log of the rate. @default true */
  logInput?: boolean;
  /** Adds Stirling's approximation of the target's factorial. @default false */
  full?: boolean;
  /** Keeps `log(0)` away where `logInput` is false. @default 1e-8 */
  eps?: number;
}

/** Computes the negative log likelihood of counts under a Poisson distribution. */
export function poissonNllLoss(
  x: Tensor,
  target: Tensor,
  { logInput = true, full = false, eps = 1e-8, reduction = "mean" }: PoissonNLLOptions = {},
): Tensor {
  return torch.poissonNllLoss(x, target, logInput, full, eps, reductionCode(reduction));
}

/** Options of `gaussianNllLoss`. */
export interface GaussianNLLOptions extends LossOptions {
  /** Adds the constant term `log(2 pi) / 2`. @default false */
  full?: boolean;
  /** Smallest variance. @default 1e-6 */
  eps?: number;
}

/**
 * Computes the negative log likelihood of targets under Gaussians of mean `x` and variance `variance`.
 *
 * Shapes: `x, target [...]`, `variance` of the same shape, or with 1 or nothing in place of the last dimension.
 */
export function gaussianNllLoss(
  x: Tensor,
  target: Tensor,
  variance: Tensor | number,
  { full = false, eps = 1e-6, reduction = "mean" }: GaussianNLLOptions = {},
): Tensor {
  const given = typeof variance === "number" ? torch.fullLike(x, variance) : variance;
  if (given.lt(0).any().item()) {
    throw new UsageError(
      "gaussianNllLoss: the variance must not be negative. Predict its logarithm, or clamp it.",
    );
  }
  const clamped = spread(given, x).clone();
  noGrad(() => clamped.clamp_(eps));
  const loss = clamped.log().add(x.sub(target).pow(2).div(clamped)).mul(0.5);
  return reduce(full ? loss.add(0.5 * Math.log(2 * Math.PI)) : loss, reduction);
}

/** Options of `ctcLoss`. */
export interface CTCLossOptions extends LossOptions {
  /** Class of the blank. @default 0 */
  blank?: number;
  /** Sets infinite losses (targets longer than inputs) and their gradients to zero. @default false */
  zeroInfinity?: boolean;
}

/**
 * Computes the connectionist temporal classification loss (Graves et al., 2006).
 *
 * Shapes: `logProbs [time, items, classes]`, `targets [items, length]` or all in one row; lengths `[items]`.
 */
export function ctcLoss(
  logProbs: Tensor,
  targets: Tensor,
  inputLengths: Tensor | readonly number[],
  targetLengths: Tensor | readonly number[],
  { blank = 0, reduction = "mean", zeroInfinity = false }: CTCLossOptions = {},
): Tensor {
  const call = torch.ctcLoss as (...args: unknown[]) => Tensor; // both lengths are tensors, or both lists
  return call(logProbs, targets, inputLengths, targetLengths, blank, reductionCode(reduction), zeroInfinity);
}

/** Options of losses with a margin. */
export interface MarginOptions extends LossOptions {
  /** @default 0 */
  margin?: number;
}

/** Computes `max(0, -target * (x1 - x2) + margin)`: target 1 wants the first larger, -1 the second. */
export function marginRankingLoss(
  x1: Tensor,
  x2: Tensor,
  target: Tensor,
  { margin = 0, reduction = "mean" }: MarginOptions = {},
): Tensor {
  return torch.marginRankingLoss(x1, x2, target, margin, reductionCode(reduction));
}

/** Computes `x` where the target is 1 and `max(0, margin - x)` where it is -1; `margin` is 1 unless given. */
export function hingeEmbeddingLoss(
  x: Tensor,
  target: Tensor,
  { margin = 1, reduction = "mean" }: MarginOptions = {},
): Tensor {
  return torch.hingeEmbeddingLoss(x, target, margin, reductionCode(reduction));
}

/** Computes `1 - cos(x1, x2)` where the target is 1 and `max(0, cos(x1, x2) - margin)` where it is -1. */
export function cosineEmbeddingLoss(
  x1: Tensor,
  x2: Tensor,
  target: Tensor,
  { margin = 0, reduction = "mean" }: MarginOptions = {},
): Tensor {
  return torch.cosineEmbeddingLoss(x1, x2, target, margin, reductionCode(reduction));
}

/** Computes `log(1 + exp(-target * x))` for targets 1 and -1. */
export function softMarginLoss(x: Tensor, target: Tensor, { reduction = "mean" }: LossOptions = {}): Tensor {
  return ops.softMarginLoss(x, target, reductionCode(reduction));
}

/** Options of `multiMarginLoss`. */
export interface MultiMarginOptions extends WeightedLossOptions {
  /** Power of the margin, 1 or 2. @default 1 */
  p?: number;
  /** @default 1 */
  margin?: number;
}

/** Computes the hinge loss over classes, `sum(max(0, margin - x[target] + x[i])^p) / classes`. */
export function multiMarginLoss(
  x: Tensor,
  target: Tensor,
  { p = 1, margin = 1, weight = null, reduction = "mean" }: MultiMarginOptions = {},
): Tensor {
  return ops.multiMarginLoss(x, target, p, margin, weight, reductionCode(reduction));
}

/** Computes the hinge loss of several target classes, which a -1 ends: `target [items, classes]` of int64. */
export function multilabelMarginLoss(
  x: Tensor,
  target: Tensor,
  { reduction = "mean" }: LossOptions = {},
): Tensor {
  return ops.multilabelMarginLoss(x, target, reductionCode(reduction));
}

/** Computes the mean over classes of the binary cross entropy of `sigmoid(x)`. */
export function multilabelSoftMarginLoss(
  x: Tensor,
  target: Tensor,
  { weight = null, reduction = "mean" }: WeightedLossOptions = {},
): Tensor {
  const positive = target.mul(ops.logSigmoid(x));
  const negative = target.neg().add(1).mul(ops.logSigmoid(x.neg()));
  const loss = positive.add(negative).neg();
  return reduce((weight === null ? loss : loss.mul(weight)).sum(-1).div(x.size(-1)), reduction);
}

/** Options of `tripletMarginLoss`. */
export interface TripletMarginOptions extends LossOptions {
  /** @default 1 */
  margin?: number;
  /** Norm of the distance. @default 2 */
  p?: number;
  /** @default 1e-6 */
  eps?: number;
  /** Takes the nearer of anchor and positive to the negative (Balntas et al., 2016). @default false */
  swap?: boolean;
}

/** Computes `max(0, |anchor - positive| - |anchor - negative| + margin)`. */
export function tripletMarginLoss(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  { margin = 1, p = 2, eps = 1e-6, swap = false, reduction = "mean" }: TripletMarginOptions = {},
): Tensor {
  const code = reductionCode(reduction);
  return torch.tripletMarginLoss(anchor, positive, negative, margin, p, eps, swap, code);
}

/** Options of `tripletMarginWithDistanceLoss`. */
export interface TripletDistanceOptions extends Omit<TripletMarginOptions, "p" | "eps"> {
  /** @default pairwiseDistance */
  distanceFunction?: ((a: Tensor, b: Tensor) => Tensor) | null | undefined;
}

/** Computes the triplet loss with a distance of your own. */
export function tripletMarginWithDistanceLoss(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  { distanceFunction, margin = 1, swap = false, reduction = "mean" }: TripletDistanceOptions = {},
): Tensor {
  const distance = distanceFunction ?? ((a: Tensor, b: Tensor) => torch.pairwiseDistance(a, b));
  const toPositive = distance(anchor, positive);
  const toNegative = distance(anchor, negative);
  const nearest = swap ? torch.minimum(toNegative, distance(positive, negative)) : toNegative;
  return reduce(toPositive.sub(nearest).add(margin).clampMin(0), reduction);
}

/** Broadcasts one of input and target to the other; `[items]` against `[items, 1]` would give a table, a mistake. */
function sameSize(name: string, x: Tensor, target: Tensor): [Tensor, Tensor] {
  if (x.shape.join() === target.shape.join()) return [x, target];
  const [a, b] = torch.broadcastTensors([x, target]) as [Tensor, Tensor];
  const shape = a.shape.join();
  if (shape !== x.shape.join() && shape !== target.shape.join()) demandSameSize(name, x, target);
  return [a, b];
}

function demandSameSize(name: string, x: Tensor, target: Tensor): void {
  if (x.shape.join() !== target.shape.join()) {
    throw new ShapeError(
      `${name}: input and target must have the same shape, got [${x.shape.join(", ")}] and [${target.shape.join(", ")}]. ` +
        "Squeeze or expand one of them.",
    );
  }
}

function checkedWeight(name: string, weight: Tensor, x: Tensor): Tensor {
  if (weight.shape.join() === x.shape.join()) return weight;
  throw new ShapeError(
    `${name}: weight must have the input's shape [${x.shape.join(", ")}], got [${weight.shape.join(", ")}]. Expand it.`,
  );
}

/** Gives a variance the dimensions of `x`. */
function spread(variance: Tensor, x: Tensor): Tensor {
  const [from, to] = [variance.shape, x.shape];
  if (from.join() === to.slice(0, -1).join() && from.length === to.length - 1) return variance.unsqueeze(-1);
  const unlike = to.flatMap((length, i) => (from[i] === length ? [] : [from[i]]));
  if (from.length === to.length && unlike.length <= 1 && (unlike[0] ?? 1) === 1) return variance;
  throw new ShapeError(
    `gaussianNllLoss: the variance must have the input's shape [${to.join(", ")}], or 1 or nothing in place of its last ` +
      `dimension, got [${from.join(", ")}]. Reshape it.`,
  );
}
