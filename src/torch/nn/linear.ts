// Fully connected layers.
import { named } from "../operator-arguments.ts";
import type { Tensor } from "../tensor.ts";
import { bilinear, nnFunctional } from "../ops.generated.ts";
import { factoryNames, newWeight } from "./factory.ts";
import type { FactoryOptions } from "./factory.ts";
import { fans, kaimingUniform_, uniform_ } from "./init.ts";
import { Module } from "./module.ts";
import type { Parameter } from "./parameter.ts";
import { repr } from "./repr.ts";

/** Options of `Linear`. */
export interface LinearOptions extends FactoryOptions {
  /** Adds a weight to each output. @default true */
  bias?: boolean;
}

const optionNames = ["bias", ...factoryNames];

/**
 * Computes `x W^T + b`.
 *
 * Shapes: `x [..., inFeatures]` -> `[..., outFeatures]`.
 */
export class Linear extends Module {
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly weight: Parameter;
  readonly bias: Parameter | null;

  constructor(inFeatures: number, outFeatures: number, options: LinearOptions = {}) {
    super();
    const { bias = true, ...factory } = named(new.target.name, options, optionNames);
    this.inFeatures = inFeatures;
    this.outFeatures = outFeatures;
    this.weight = newWeight([outFeatures, inFeatures], factory);
    this.bias = bias ? newWeight([outFeatures], factory) : null;
    this.resetParameters();
  }

  /** Draws weight and bias from U(-1/sqrt(in), 1/sqrt(in)), as torch.nn.Linear does. */
  resetParameters(): void {
    kaimingUniform_(this.weight, { a: Math.sqrt(5) });
    if (this.bias === null) return;
    const { fanIn } = fans(this.weight);
    const bound = fanIn > 0 ? 1 / Math.sqrt(fanIn) : 0;
    uniform_(this.bias, { a: -bound, b: bound });
  }

  override forward(x: Tensor): Tensor {
    return nnFunctional.linear(x, this.weight, this.bias);
  }

  override extraRepr(): string {
    return repr({ in_features: this.inFeatures, out_features: this.outFeatures, bias: this.bias !== null });
  }
}

/**
 * Computes `x1^T W x2 + b` for each output.
 *
 * Shapes: `x1 [..., in1Features]`, `x2 [..., in2Features]` -> `[..., outFeatures]`.
 */
export class Bilinear extends Module {
  readonly in1Features: number;
  readonly in2Features: number;
  readonly outFeatures: number;
  readonly weight: Parameter;
  readonly bias: Parameter | null;

  constructor(in1Features: number, in2Features: number, outFeatures: number, options: LinearOptions = {}) {
    super();
    const { bias = true, ...factory } = named(new.target.name, options, optionNames);
    this.in1Features = in1Features;
    this.in2Features = in2Features;
    this.outFeatures = outFeatures;
    this.weight = newWeight([outFeatures, in1Features, in2Features], factory);
    this.bias = bias ? newWeight([outFeatures], factory) : null;
    this.resetParameters();
  }

  /** Draws weight and bias from U(-1/sqrt(in1), 1/sqrt(in1)), as torch.nn.Bilinear does. */
  resetParameters(): void {
    const bound = 1 / Math.sqrt(this.in1Features);
    uniform_(this.weight, { a: -bound, b: bound });
    if (this.bias !== null) uniform_(this.bias, { a: -bound, b: bound });
  }

  override forward(x1: Tensor, x2: Tensor): Tensor {
    return bilinear(x1, x2, this.weight, this.bias);
  }

  override extraRepr(): string {
    return repr({
      in1_features: this.in1Features,
      in2_features: this.in2Features,
      out_features: this.outFeatures,
      bias: this.bias !== null,
    });
  }
}
