// Layers that normalise their input.
import type { Tensor } from "../tensor.ts";
import { empty, layerNorm } from "../ops.generated.ts";
import { ones_, zeros_ } from "./init.ts";
import { Module } from "./module.ts";
import { Parameter } from "./parameter.ts";

export interface LayerNormOptions {
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

  constructor(
    normalizedShape: number | readonly number[],
    { eps = 1e-5, elementwiseAffine = true, bias = true }: LayerNormOptions = {},
  ) {
    super();
    this.normalizedShape = typeof normalizedShape === "number" ? [normalizedShape] : normalizedShape;
    this.eps = eps;
    this.weight = elementwiseAffine ? new Parameter(empty([...this.normalizedShape])) : null;
    this.bias = elementwiseAffine && bias ? new Parameter(empty([...this.normalizedShape])) : null;
    this.resetParameters();
  }

  /** Sets the weight to one and the bias to zero. */
  resetParameters(): void {
    if (this.weight !== null) ones_(this.weight);
    if (this.bias !== null) zeros_(this.bias);
  }

  override forward(x: Tensor): Tensor {
    return layerNorm(x, [...this.normalizedShape], this.weight, this.bias, this.eps);
  }
}
