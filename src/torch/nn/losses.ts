// Losses as modules. As functions: ./functional/losses.ts.
import type { Tensor } from "../tensor.ts";
import { crossEntropy } from "./functional/losses.ts";
import type { CrossEntropyOptions } from "./functional/losses.ts";
import { Module } from "./module.ts";

/**
 * Computes the cross entropy of `softmax(logits)` and the target classes.
 *
 * Shapes: `logits [items, classes]`, `target [items]` of int64 -> `[]`.
 */
export class CrossEntropyLoss extends Module {
  readonly options: CrossEntropyOptions;

  constructor(options: CrossEntropyOptions = {}) {
    super();
    const { weight, ...rest } = options;
    this.options = rest;
    if (weight !== undefined) this.registerBuffer("weight", weight, { persistent: false });
  }

  override forward(logits: Tensor, target: Tensor): Tensor {
    const weight = (this as { weight?: Tensor }).weight;
    return crossEntropy(logits, target, { ...this.options, ...(weight && { weight }) });
  }
}
