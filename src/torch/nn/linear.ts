// Fully connected layer.
import type { Tensor } from "../tensor.ts";
import { empty, nnFunctional } from "../ops.generated.ts";
import { fans, kaimingUniform_, uniform_ } from "./init.ts";
import { Module } from "./module.ts";
import { Parameter } from "./parameter.ts";
import { repr } from "./repr.ts";

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

  constructor(inFeatures: number, outFeatures: number, { bias = true }: { bias?: boolean } = {}) {
    super();
    this.inFeatures = inFeatures;
    this.outFeatures = outFeatures;
    this.weight = new Parameter(empty([outFeatures, inFeatures]));
    this.bias = bias ? new Parameter(empty([outFeatures])) : null;
    this.resetParameters();
  }

  /** Draws weight and bias from U(-1/sqrt(in), 1/sqrt(in)), as torch.nn.Linear does. */
  resetParameters(): void {
    kaimingUniform_(this.weight, { a: Math.sqrt(5) });
    if (this.bias === null) return;
    const bound = 1 / Math.sqrt(fans(this.weight).fanIn);
    uniform_(this.bias, { low: -bound, high: bound });
  }

  override forward(x: Tensor): Tensor {
    return nnFunctional.linear(x, this.weight, this.bias);
  }

  override extraRepr(): string {
    return repr({ in_features: this.inFeatures, out_features: this.outFeatures, bias: this.bias !== null });
  }
}
