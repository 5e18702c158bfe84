// Layers without weights that change shapes, sizes and places: flattening, folding, shuffling, resizing.
import { ShapeError } from "../../base/index.ts";
import { named } from "../operator-arguments.ts";
import * as torch from "../ops.generated.ts";
import type { Tensor } from "../tensor.ts";
import type { Size } from "./functional/pooling.ts";
import { fold, interpolate, unfold } from "./functional/vision.ts";
import type { InterpolateOptions, UnfoldOptions } from "./functional/vision.ts";
import { Module } from "./module.ts";
import { pythonFloat, pythonValue, repr } from "./repr.ts";

const unfoldNames = ["dilation", "padding", "stride"];
const upsampleNames = ["size", "scaleFactor", "mode", "alignCorners", "recomputeScaleFactor"];

/** Returns its input; takes and ignores constructor arguments, so that it can stand in for another layer. */
export class Identity extends Module {
  constructor(..._ignored: unknown[]) {
    super();
  }

  override forward(x: Tensor): Tensor {
    return x;
  }
}

/** Makes one dimension of those from `startDim` to `endDim`. Shapes: `[items, ...]` -> `[items, product]`. */
export class Flatten extends Module {
  readonly startDim: number;
  readonly endDim: number;

  constructor(startDim = 1, endDim = -1) {
    super();
    this.startDim = startDim;
    this.endDim = endDim;
  }

  override forward(x: Tensor): Tensor {
    return torch.flatten(x, this.startDim, this.endDim);
  }

  override extraRepr(): string {
    return repr({ start_dim: this.startDim, end_dim: this.endDim });
  }
}

/** Makes several dimensions of one; one of `unflattenedSize` may be -1. */
export class Unflatten extends Module {
  readonly dim: number;
  readonly unflattenedSize: readonly number[];

  constructor(dim: number, unflattenedSize: readonly number[]) {
    super();
    this.dim = dim;
    this.unflattenedSize = unflattenedSize;
  }

  override forward(x: Tensor): Tensor {
    return torch.unflatten(x, this.dim, this.unflattenedSize);
  }

  override extraRepr(): string {
    return repr({ dim: this.dim, unflattened_size: this.unflattenedSize });
  }
}

/** Copies each window into a column. Shapes: `[items, channels, height, width] -> [items, channels * kernel, windows]`. */
export class Unfold extends Module {
  readonly kernelSize: Size;
  readonly options: Required<UnfoldOptions>;

  constructor(kernelSize: Size, options: UnfoldOptions = {}) {
    super();
    const { dilation = 1, padding = 0, stride = 1 } = named(new.target.name, options, unfoldNames);
    this.kernelSize = kernelSize;
    this.options = { dilation, padding, stride };
  }

  override forward(x: Tensor): Tensor {
    return unfold(x, this.kernelSize, this.options);
  }

  override extraRepr(): string {
    return repr({ kernel_size: this.kernelSize, ...this.options });
  }
}

/** Adds columns back into the windows that `Unfold` took them from. */
export class Fold extends Module {
  readonly outputSize: Size;
  readonly kernelSize: Size;
  readonly options: Required<UnfoldOptions>;

  constructor(outputSize: Size, kernelSize: Size, options: UnfoldOptions = {}) {
    super();
    const { dilation = 1, padding = 0, stride = 1 } = named(new.target.name, options, unfoldNames);
    this.outputSize = outputSize;
    this.kernelSize = kernelSize;
    this.options = { dilation, padding, stride };
  }

  override forward(x: Tensor): Tensor {
    return fold(x, this.outputSize, this.kernelSize, this.options);
  }

  override extraRepr(): string {
    return repr({ output_size: this.outputSize, kernel_size: this.kernelSize, ...this.options });
  }
}

/** Spreads channels over a finer grid (Shi et al., 2016). Shapes: `[.., channels * r^2, h, w] -> [.., channels, h * r, w * r]`. */
export class PixelShuffle extends Module {
  readonly upscaleFactor: number;

  constructor(upscaleFactor: number) {
    super();
    this.upscaleFactor = upscaleFactor;
  }

  override forward(x: Tensor): Tensor {
    return torch.pixelShuffle(x, this.upscaleFactor);
  }

  override extraRepr(): string {
    return repr({ upscale_factor: this.upscaleFactor });
  }
}

/** Gathers a fine grid into channels. Shapes: `[.., channels, h * r, w * r] -> [.., channels * r^2, h, w]`. */
export class PixelUnshuffle extends Module {
  readonly downscaleFactor: number;

  constructor(downscaleFactor: number) {
    super();
    this.downscaleFactor = downscaleFactor;
  }

  override forward(x: Tensor): Tensor {
    return torch.pixelUnshuffle(x, this.downscaleFactor);
  }

  override extraRepr(): string {
    return repr({ downscale_factor: this.downscaleFactor });
  }
}

/** Mixes the channels of groups (Zhang et al., 2018). Shapes: `[items, channels, ...]`. */
export class ChannelShuffle extends Module {
  readonly groups: number;

  constructor(groups: number) {
    super();
    this.groups = groups;
  }

  override forward(x: Tensor): Tensor {
    if (x.size(1) % this.groups !== 0) {
      throw new ShapeError(
        `ChannelShuffle: groups must divide the channels, got groups=${this.groups} and shape [${x.shape.join(", ")}].`,
      );
    }
    return torch.channelShuffle(x, this.groups);
  }

  override extraRepr(): string {
    return repr({ groups: this.groups });
  }
}

/** Options of `Upsample`. */
export type UpsampleOptions = Omit<InterpolateOptions, "antialias">;

/**
 * Resizes the spatial dimensions to `size` or by `scaleFactor`.
 *
 * Shapes: `[items, channels, length]`, `[.., height, width]` or `[.., depth, height, width]`.
 */
export class Upsample extends Module {
  readonly options: Readonly<UpsampleOptions>;

  constructor(options: UpsampleOptions) {
    super();
    this.options = named(new.target.name, options, upsampleNames);
  }

  override forward(x: Tensor): Tensor {
    return interpolate(x, this.options);
  }

  override extraRepr(): string {
    const { size, scaleFactor, mode = "nearest" } = this.options;
    const float = (factor: Size) =>
      typeof factor === "number" ? pythonFloat(factor) : `(${factor.map(pythonFloat).join(", ")})`;
    const to =
      scaleFactor === undefined || scaleFactor === null
        ? `size=${pythonValue(size)}`
        : `scale_factor=${float(scaleFactor)}`;
    return `${to}, mode='${mode}'`;
  }
}

/** Resizes images by repeating elements. Shapes: `[items, channels, height, width]`. */
export class UpsamplingNearest2d extends Upsample {
  constructor(options: Pick<UpsampleOptions, "size" | "scaleFactor">) {
    super({ ...named(new.target.name, options, ["size", "scaleFactor"]), mode: "nearest" });
  }
}

/** Resizes images linearly, corners on corners. Shapes: `[items, channels, height, width]`. */
export class UpsamplingBilinear2d extends Upsample {
  constructor(options: Pick<UpsampleOptions, "size" | "scaleFactor">) {
    const sizes = named(new.target.name, options, ["size", "scaleFactor"]);
    super({ ...sizes, mode: "bilinear", alignCorners: true });
  }
}

/** Computes the cosine of the angle between two vectors along `dim`. */
export class CosineSimilarity extends Module {
  readonly options: { dim: number; eps: number };

  constructor(options: { dim?: number; eps?: number } = {}) {
    super();
    const { dim = 1, eps = 1e-8 } = named(new.target.name, options, ["dim", "eps"]);
    this.options = { dim, eps };
  }

  override forward(x1: Tensor, x2: Tensor): Tensor {
    return torch.cosineSimilarity(x1, x2, this.options);
  }
}

/** Options of `PairwiseDistance`. */
export interface PairwiseDistanceOptions {
  /** Norm of the difference. @default 2 */
  p?: number;
  /** Added to the difference. @default 1e-6 */
  eps?: number;
  /** Keeps the last dimension with length 1. @default false */
  keepdim?: boolean;
}

/** Computes the norm of the difference of two vectors, the last dimension. */
export class PairwiseDistance extends Module {
  readonly options: Required<PairwiseDistanceOptions>;

  constructor(options: PairwiseDistanceOptions = {}) {
    super();
    const { p = 2, eps = 1e-6, keepdim = false } = named(new.target.name, options, ["p", "eps", "keepdim"]);
    this.options = { p, eps, keepdim };
  }

  override forward(x1: Tensor, x2: Tensor): Tensor {
    return torch.pairwiseDistance(x1, x2, this.options);
  }
}
