// Layers that normalise within each item. Over the batch: ./batch-norm.ts.
import { UsageError } from "../../base/index.ts";
import { named } from "../operator-arguments.ts";
import { groupNorm, layerNorm, rmsNorm } from "../ops.generated.ts";
import type { Tensor } from "../tensor.ts";
import { factoryNames, newWeight } from "./factory.ts";
import type { FactoryOptions } from "./factory.ts";
import { localResponseNorm } from "./functional/normalization.ts";
import type { LocalResponseNormOptions } from "./functional/normalization.ts";
import { ones_, zeros_ } from "./init.ts";
import { Module } from "./module.ts";
import type { Parameter } from "./parameter.ts";
import { pythonFloat, pythonValue, repr } from "./repr.ts";

/** Options of `LayerNorm`. */
export interface LayerNormOptions extends FactoryOptions {
  /** Added to the variance. @default 1e-5 */
  eps?: number;
  /** @default true */
  elementwiseAffine?: boolean;
  /** @default true */
  bias?: boolean;
}

/**
 * Normalises over the last dimensions (Ba et al., 2016).
 *
 * Shapes: `x [..., *normalizedShape]` -> the same.
 */
export class LayerNorm extends Module {
  readonly normalizedShape: readonly number[];
  readonly eps: number;
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;

  constructor(normalizedShape: number | readonly number[], options: LayerNormOptions = {}) {
    super();
    const {
      eps = 1e-5,
      elementwiseAffine = true,
      bias = true,
      ...factory
    } = named(new.target.name, options, ["eps", "elementwiseAffine", "bias", ...factoryNames]);
    this.normalizedShape = typeof normalizedShape === "number" ? [normalizedShape] : normalizedShape;
    this.eps = eps;
    this.weight = elementwiseAffine ? newWeight(this.normalizedShape, factory) : null;
    this.bias = elementwiseAffine && bias ? newWeight(this.normalizedShape, factory) : null;
    this.resetParameters();
  }

  /** Sets the weight to one and the bias to zero. */
  resetParameters(): void {
    resetAffine(this);
  }

  override forward(x: Tensor): Tensor {
    return layerNorm(x, this.normalizedShape, this.weight, this.bias, this.eps);
  }

  override extraRepr(): string {
    const { eps, weight, bias } = this;
    const settings = repr({ eps, elementwise_affine: weight !== null, bias: bias !== null });
    return `${pythonValue(this.normalizedShape)}, ${settings}`;
  }
}

/**
 * Divides by the root mean square over the last dimensions (Zhang and Sennrich, 2019).
 *
 * Shapes: `x [..., *normalizedShape]` -> the same.
 */
export class RMSNorm extends Module {
  readonly normalizedShape: readonly number[];
  readonly eps: number | null;
  readonly weight: Parameter | null;

  constructor(
    normalizedShape: number | readonly number[],
    options: FactoryOptions & {
      /** Added to the mean square. @default the dtype's machine epsilon */
      eps?: number | null;
      /** @default true */
      elementwiseAffine?: boolean;
    } = {},
  ) {
    super();
    const {
      eps = null,
      elementwiseAffine = true,
      ...factory
    } = named(new.target.name, options, ["eps", "elementwiseAffine", ...factoryNames]);
    this.normalizedShape = typeof normalizedShape === "number" ? [normalizedShape] : normalizedShape;
    this.eps = eps;
    this.weight = elementwiseAffine ? newWeight(this.normalizedShape, factory) : null;
    this.resetParameters();
  }

  /** Sets the weight to one. */
  resetParameters(): void {
    if (this.weight !== null) ones_(this.weight);
  }

  override forward(x: Tensor): Tensor {
    return rmsNorm(x, this.normalizedShape, this.weight, this.eps);
  }

  override extraRepr(): string {
    const { eps, weight } = this;
    return `${pythonValue(this.normalizedShape)}, ${repr({ eps, elementwise_affine: weight !== null })}`;
  }
}

/**
 * Normalises groups of channels of each item (Wu and He, 2018).
 *
 * Shapes: `x [items, numChannels, ...]` -> the same.
 */
export class GroupNorm extends Module {
  readonly numGroups: number;
  readonly numChannels: number;
  readonly eps: number;
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;

  constructor(
    numGroups: number,
    numChannels: number,
    options: FactoryOptions & {
      /** Added to the variance. @default 1e-5 */
      eps?: number;
      /** Has a weight and a bias for each channel. @default true */
      affine?: boolean;
      /** @default true */
      bias?: boolean;
    } = {},
  ) {
    super();
    const {
      eps = 1e-5,
      affine = true,
      bias = true,
      ...factory
    } = named(new.target.name, options, ["eps", "affine", "bias", ...factoryNames]);
    if (numChannels % numGroups !== 0) {
      throw new UsageError(
        `GroupNorm: numGroups must divide numChannels, got numGroups=${numGroups} and numChannels=${numChannels}. ` +
          `Set numGroups to a divisor of ${numChannels}.`,
      );
    }
    this.numGroups = numGroups;
    this.numChannels = numChannels;
    this.eps = eps;
    this.weight = affine ? newWeight([numChannels], factory) : null;
    this.bias = affine && bias ? newWeight([numChannels], factory) : null;
    this.resetParameters();
  }

  /** Sets the weight to one and the bias to zero. */
  resetParameters(): void {
    resetAffine(this);
  }

  override forward(x: Tensor): Tensor {
    return groupNorm(x, this.numGroups, this.weight, this.bias, this.eps);
  }

  override extraRepr(): string {
    const { eps, weight, bias } = this;
    const settings = repr({ eps, affine: weight !== null, bias: bias !== null });
    return `${this.numGroups}, ${this.numChannels}, ${settings}`;
  }
}

/**
 * Divides by the energy of `size` neighbouring channels (Krizhevsky et al., 2012).
 *
 * Shapes: `x [items, channels, ...]` -> the same.
 */
export class LocalResponseNorm extends Module {
  readonly size: number;
  readonly options: Required<LocalResponseNormOptions>;

  constructor(size: number, options: LocalResponseNormOptions = {}) {
    super();
    const names = ["alpha", "beta", "k"];
    const { alpha = 1e-4, beta = 0.75, k = 1 } = named(new.target.name, options, names);
    this.size = size;
    this.options = { alpha, beta, k };
  }

  override forward(x: Tensor): Tensor {
    return localResponseNorm(x, this.size, this.options);
  }

  override extraRepr(): string {
    const { alpha, beta, k } = this.options;
    return `${this.size}, ${repr({ alpha, beta, k: pythonFloat(k) })}`;
  }
}

/** Sets the weight to one and the bias to zero, where there are any. */
export function resetAffine({ weight, bias }: { weight: Parameter | null; bias: Parameter | null }): void {
  if (weight !== null) ones_(weight);
  if (bias !== null) zeros_(bias);
}
