// Layers that normalise each channel, with running statistics: over the batch, or over each item.
import { ShapeError } from "../../base/index.ts";
import { named } from "../operator-arguments.ts";
import { ones, zeros } from "../ops.generated.ts";
import type { Tensor } from "../tensor.ts";
import { factoryNames, newWeight } from "./factory.ts";
import type { FactoryOptions } from "./factory.ts";
import { batchNorm, instanceNorm } from "./functional/normalization.ts";
import { Module } from "./module.ts";
import { resetAffine } from "./normalization.ts";
import type { Parameter } from "./parameter.ts";
import { repr } from "./repr.ts";

/** Options of batch norms and instance norms. */
export interface BatchNormOptions extends FactoryOptions {
  /** Added to the variance. @default 1e-5 */
  eps?: number;
  /** Share of the new statistics in the running ones; null averages over all steps. @default 0.1 */
  momentum?: number | null;
  /** Has a weight and a bias for each channel. @default true, false for InstanceNorm */
  affine?: boolean;
  /** Has a bias where it is affine. @default true */
  bias?: boolean;
  /** Records running statistics and evaluates with them. @default true, false for InstanceNorm */
  trackRunningStats?: boolean;
}

const optionNames = ["eps", "momentum", "affine", "bias", "trackRunningStats", ...factoryNames];

/** Holds the weights and running statistics of each channel. */
abstract class NormNd extends Module {
  readonly numFeatures: number;
  readonly eps: number;
  readonly momentum: number | null;
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;
  declare readonly running_mean: Tensor | null;
  declare readonly running_var: Tensor | null;
  declare readonly num_batches_tracked: Tensor | null;

  constructor(numFeatures: number, options: BatchNormOptions) {
    super();
    const {
      eps = 1e-5,
      momentum = 0.1,
      affine = true,
      bias = true,
      trackRunningStats = true,
      ...factory
    } = named(new.target.name, options, optionNames);
    this.numFeatures = numFeatures;
    this.eps = eps;
    this.momentum = momentum;
    this.weight = affine ? newWeight([numFeatures], factory) : null;
    this.bias = affine && bias ? newWeight([numFeatures], factory) : null;
    const { device } = factory;
    this.registerBuffer("running_mean", trackRunningStats ? zeros([numFeatures], factory) : null);
    this.registerBuffer("running_var", trackRunningStats ? ones([numFeatures], factory) : null);
    this.registerBuffer(
      "num_batches_tracked",
      trackRunningStats ? zeros([], { dtype: "int64", device }) : null,
    );
    this.resetParameters();
  }

  get trackRunningStats(): boolean {
    return this.running_mean !== null;
  }

  /** Sets the running statistics to mean 0 and variance 1. */
  resetRunningStats(): void {
    this.running_mean?.zero_();
    this.running_var?.fill_(1);
    this.num_batches_tracked?.zero_();
  }

  /** Sets the weight to one, the bias to zero, and forgets the statistics. */
  resetParameters(): void {
    this.resetRunningStats();
    resetAffine(this);
  }

  override extraRepr(): string {
    const { eps, momentum, weight, bias, trackRunningStats } = this;
    const affine = weight !== null;
    const settings = { eps, momentum, affine, bias: bias !== null, track_running_stats: trackRunningStats };
    return `${this.numFeatures}, ${repr(settings)}`;
  }

  // weights from before PyTorch 0.4.1 lack the counter
  protected override upgradeState(state: Map<string, Tensor>, prefix: string): void {
    const { num_batches_tracked: counter } = this;
    const key = `${prefix}num_batches_tracked`;
    if (counter !== null && !state.has(key) && state.has(`${prefix}running_mean`)) state.set(key, counter);
  }
}

function checkDims(module: Module, x: Tensor, allowed: readonly [number, number?]): void {
  if (allowed.includes(x.ndim)) return;
  throw new ShapeError(
    `${module.constructor.name}: the input must have ${allowed.join(" or ")} dimensions, got shape [${x.shape.join(", ")}]. ` +
      "Reshape it, or use the layer for its dimensions.",
  );
}

/** Normalises each channel over the batch while training, with running statistics otherwise. */
abstract class BatchNormNd extends NormNd {
  protected abstract readonly dims: readonly [number, number?];

  constructor(numFeatures: number, options: BatchNormOptions = {}) {
    super(numFeatures, options);
  }

  override forward(x: Tensor): Tensor {
    checkDims(this, x, this.dims);
    const { training, running_mean, running_var, num_batches_tracked, weight, bias, eps } = this;
    const isTracking = training && num_batches_tracked !== null;
    if (isTracking) num_batches_tracked.add_(1);
    const momentum = this.momentum ?? (isTracking ? 1 / num_batches_tracked.item() : 0);
    const usesBatch = training || running_mean === null;
    return batchNorm(x, running_mean, running_var, { weight, bias, training: usesBatch, momentum, eps });
  }
}

/** Normalises each feature over the batch (Ioffe and Szegedy, 2015). Shapes: `[items, features]`, `[items, features, length]`. */
export class BatchNorm1d extends BatchNormNd {
  protected get dims(): [number, number] {
    return [2, 3];
  }
}

/**
 * Normalises each channel over the batch (Ioffe and Szegedy, 2015). Shapes: `[items, numFeatures, height, width]`.
 *
 * @example
 * const norm = new nn.BatchNorm2d(3);
 * [...norm.stateDict().keys()]; // => ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
 */
export class BatchNorm2d extends BatchNormNd {
  protected get dims(): [number] {
    return [4];
  }
}

/** Normalises each channel over the batch (Ioffe and Szegedy, 2015). Shapes: `[items, numFeatures, depth, height, width]`. */
export class BatchNorm3d extends BatchNormNd {
  protected get dims(): [number] {
    return [5];
  }
}

/** Normalises each channel of each item (Ulyanov et al., 2016). */
abstract class InstanceNormNd extends NormNd {
  protected abstract readonly dims: number;

  constructor(numFeatures: number, options: BatchNormOptions = {}) {
    super(numFeatures, { affine: false, trackRunningStats: false, ...options });
  }

  override forward(x: Tensor): Tensor {
    const { dims, running_mean, running_var, weight, bias, eps } = this;
    checkDims(this, x, [dims + 1, dims + 2]);
    const channels = x.size(-dims - 1);
    if (channels !== this.numFeatures && weight !== null) {
      throw new ShapeError(
        `${this.constructor.name}: the input must have ${this.numFeatures} channels, got shape [${x.shape.join(", ")}].`,
      );
    }
    const isItem = x.ndim === dims + 1;
    const y = instanceNorm(isItem ? x.unsqueeze(0) : x, {
      runningMean: running_mean,
      runningVar: running_var,
      weight,
      bias,
      useInputStats: this.training || running_mean === null,
      momentum: this.momentum ?? 0,
      eps,
    });
    return isItem ? y.squeeze(0) : y;
  }
}

/** Normalises each channel of each item (Ulyanov et al., 2016). Shapes: `[items, numFeatures, length]`, or one item. */
export class InstanceNorm1d extends InstanceNormNd {
  protected get dims(): number {
    return 1;
  }
}

/** Normalises each channel of each item (Ulyanov et al., 2016). Shapes: `[items, numFeatures, height, width]`, or one item. */
export class InstanceNorm2d extends InstanceNormNd {
  protected get dims(): number {
    return 2;
  }
}

/** Normalises each channel of each item (Ulyanov et al., 2016). Shapes: `[items, numFeatures, depth, height, width]`, or one item. */
export class InstanceNorm3d extends InstanceNormNd {
  protected get dims(): number {
    return 3;
  }
}
