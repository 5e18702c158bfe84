// Layers that drop parts of their input while training.
import { UsageError } from "../../base/index.ts";
import { dropout } from "../ops.generated.ts";
import type { Tensor } from "../tensor.ts";
import { Module } from "./module.ts";
import { repr } from "./repr.ts";

/**
 * Sets elements to zero with probability `p` while training, and scales the rest by 1 / (1 - p)
 * (Srivastava et al., 2014).
 *
 * Shapes: any.
 */
export class Dropout extends Module {
  readonly p: number;

  constructor(p = 0.5) {
    super();
    if (!(p >= 0 && p <= 1)) throw new UsageError(`Dropout: p must be a probability in [0, 1], got ${p}.`);
    this.p = p;
  }

  override forward(x: Tensor): Tensor {
    return this.training && this.p > 0 ? dropout(x, this.p, true) : x;
  }

  override extraRepr(): string {
    return repr({ p: this.p, inplace: false });
  }
}
