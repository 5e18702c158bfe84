// Layers that drop parts of their input while training.
import { named } from "../operator-arguments.ts";
import type { Tensor } from "../tensor.ts";
import * as F from "./functional/dropout.ts";
import { Module } from "./module.ts";
import { pythonFloat, repr } from "./repr.ts";

/** Holds a probability, and whether the input may be overwritten. */
abstract class DropoutNd extends Module {
  readonly p: number;
  readonly inplace: boolean;

  constructor(p = 0.5, options: { inplace?: boolean } = {}) {
    super();
    const { inplace = false } = named(new.target.name, options, ["inplace"]);
    F.checkProbability(new.target.name, p);
    this.p = p;
    this.inplace = inplace;
  }

  override extraRepr(): string {
    return repr({ p: this.p === 0 || this.p === 1 ? this.p : pythonFloat(this.p), inplace: this.inplace });
  }
}

/**
 * Sets elements to zero with probability `p` while training, and scales the rest by 1 / (1 - p)
 * (Srivastava et al., 2014).
 *
 * Shapes: any.
 */
export class Dropout extends DropoutNd {
  override forward(x: Tensor): Tensor {
    const { p, training, inplace } = this;
    return F.dropout(x, { p, training, inplace });
  }
}

/**
 * Drops whole channels of sequences (Tompson et al., 2015).
 *
 * Shapes: `[items, channels, length]`, or one item.
 */
export class Dropout1d extends DropoutNd {
  override forward(x: Tensor): Tensor {
    const { p, training, inplace } = this;
    return F.dropout1d(x, { p, training, inplace });
  }
}

/**
 * Drops whole channels of images (Tompson et al., 2015).
 *
 * Shapes: `[items, channels, height, width]`; three dimensions are `[items, channels, length]`.
 */
export class Dropout2d extends DropoutNd {
  override forward(x: Tensor): Tensor {
    const { p, training, inplace } = this;
    return F.dropout2d(x, { p, training, inplace });
  }
}

/**
 * Drops whole channels of volumes (Tompson et al., 2015).
 *
 * Shapes: `[items, channels, depth, height, width]`, or one item.
 */
export class Dropout3d extends DropoutNd {
  override forward(x: Tensor): Tensor {
    const { p, training, inplace } = this;
    return F.dropout3d(x, { p, training, inplace });
  }
}

/**
 * Drops elements of self-normalising networks and keeps mean and variance (Klambauer et al., 2017).
 *
 * Shapes: any.
 */
export class AlphaDropout extends DropoutNd {
  override forward(x: Tensor): Tensor {
    const { p, training, inplace } = this;
    return F.alphaDropout(x, { p, training, inplace });
  }
}

/**
 * Drops whole channels as `AlphaDropout` drops elements.
 *
 * Shapes: `[items, channels, ...]`.
 */
export class FeatureAlphaDropout extends DropoutNd {
  override forward(x: Tensor): Tensor {
    const { p, training, inplace } = this;
    return F.featureAlphaDropout(x, { p, training, inplace });
  }
}
