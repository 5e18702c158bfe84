// Pooling layers. As functions: ./functional/pooling.ts.
import { UsageError } from "../../base/index.ts";
import { named } from "../operator-arguments.ts";
import * as torch from "../ops.generated.ts";
import type { Tensor } from "../tensor.ts";
import * as F from "./functional/pooling.ts";
import type {
  AdaptiveSize,
  FractionalMaxPoolOptions,
  LPPoolOptions,
  MaxPoolOptions,
  MaxUnpoolOptions,
  Size,
} from "./functional/pooling.ts";
import { Module } from "./module.ts";
import { pythonFloat, repr } from "./repr.ts";

/** Holds the window of a pooling and its other settings. */
abstract class PoolNd<Options extends object> extends Module {
  readonly kernelSize: Size;
  readonly options: Readonly<Options>;

  constructor(kernelSize: Size, options: Options, names: readonly string[]) {
    super();
    this.kernelSize = kernelSize;
    this.options = named(new.target.name, options, names);
  }

  protected get stride(): Size {
    return (this.options as { stride?: Size | null }).stride ?? this.kernelSize;
  }

  protected get padding(): Size {
    return (this.options as { padding?: Size }).padding ?? 0;
  }
}

/** Takes the largest element of each window. With `returnIndices`, forward returns `[output, indices]`. */
abstract class MaxPoolNd extends PoolNd<MaxPoolOptions> {
  constructor(kernelSize: Size, options: MaxPoolOptions = {}) {
    super(kernelSize, options, ["stride", "padding", "dilation", "ceilMode", "returnIndices"]);
  }

  override extraRepr(): string {
    return repr({
      kernel_size: this.kernelSize,
      stride: this.stride,
      padding: this.padding,
      dilation: this.options.dilation ?? 1,
      ceil_mode: this.options.ceilMode ?? false,
    });
  }
}

/** Takes the largest element of each window. Shapes: `[items, channels, length]`, or one item. */
export class MaxPool1d extends MaxPoolNd {
  // with returnIndices a pair, which a Sequential cannot take
  override forward(x: Tensor): Tensor {
    return F.maxPool1d(x, this.kernelSize, this.options) as Tensor;
  }
}

/** Takes the largest element of each window. Shapes: `[items, channels, height, width]`, or one item. */
export class MaxPool2d extends MaxPoolNd {
  override forward(x: Tensor): Tensor {
    return F.maxPool2d(x, this.kernelSize, this.options) as Tensor;
  }
}

/** Takes the largest element of each window. Shapes: `[items, channels, depth, height, width]`, or one item. */
export class MaxPool3d extends MaxPoolNd {
  override forward(x: Tensor): Tensor {
    return F.maxPool3d(x, this.kernelSize, this.options) as Tensor;
  }
}

/** Options of average pools. */
export interface AvgPoolOptions {
  /** @default kernelSize */
  stride?: Size | undefined;
  /** @default 0 */
  padding?: Size;
  /** Lets windows begin inside the input and end beyond it. @default false */
  ceilMode?: boolean;
  /** Counts the padding's zeros. @default true */
  countIncludePad?: boolean;
}

/** Options of average pools over images and volumes. */
export interface AvgPoolDivisorOptions extends AvgPoolOptions {
  /** Divides by this instead of by the window's size. */
  divisorOverride?: number | null;
}

abstract class AvgPoolNd extends PoolNd<AvgPoolDivisorOptions> {
  override extraRepr(): string {
    return repr({ kernel_size: this.kernelSize, stride: this.stride, padding: this.padding });
  }
}

const averageNames = ["stride", "padding", "ceilMode", "countIncludePad"];

/** Averages each window. Shapes: `[items, channels, length]`, or one item. */
export class AvgPool1d extends AvgPoolNd {
  constructor(kernelSize: Size, options: AvgPoolOptions = {}) {
    super(kernelSize, options, averageNames);
  }

  override forward(x: Tensor): Tensor {
    return torch.avgPool1d(x, this.kernelSize, this.options);
  }

  // PyTorch keeps the three as tuples here, and as given in 2D and 3D
  override extraRepr(): string {
    const tuple = (value: Size) => (typeof value === "number" ? [value] : value);
    return repr({
      kernel_size: tuple(this.kernelSize),
      stride: tuple(this.stride),
      padding: tuple(this.padding),
    });
  }
}

/** Averages each window. Shapes: `[items, channels, height, width]`, or one item. */
export class AvgPool2d extends AvgPoolNd {
  constructor(kernelSize: Size, options: AvgPoolDivisorOptions = {}) {
    super(kernelSize, options, [...averageNames, "divisorOverride"]);
  }

  override forward(x: Tensor): Tensor {
    return torch.nnFunctional.avgPool2d(x, this.kernelSize, this.options);
  }
}

/** Averages each window. Shapes: `[items, channels, depth, height, width]`, or one item. */
export class AvgPool3d extends AvgPoolNd {
  constructor(kernelSize: Size, options: AvgPoolDivisorOptions = {}) {
    super(kernelSize, options, [...averageNames, "divisorOverride"]);
  }

  override forward(x: Tensor): Tensor {
    return torch.nnFunctional.avgPool3d(x, this.kernelSize, this.options);
  }
}

/** Takes the `normType` norm of each window. */
abstract class LPPoolNd extends PoolNd<LPPoolOptions> {
  readonly normType: number;

  constructor(normType: number, kernelSize: Size, options: LPPoolOptions = {}) {
    super(kernelSize, options, ["stride", "ceilMode"]);
    this.normType = normType;
  }

  override extraRepr(): string {
    return repr({
      norm_type: Number.isFinite(this.normType) ? this.normType : pythonFloat(this.normType),
      kernel_size: this.kernelSize,
      stride: this.options.stride ?? null,
      ceil_mode: this.options.ceilMode ?? false,
    });
  }
}

/** Takes the `normType` norm of each window. Shapes: `[items, channels, length]`, or one item. */
export class LPPool1d extends LPPoolNd {
  override forward(x: Tensor): Tensor {
    return F.lpPool1d(x, this.normType, this.kernelSize, this.options);
  }
}

/** Takes the `normType` norm of each window. Shapes: `[items, channels, height, width]`, or one item. */
export class LPPool2d extends LPPoolNd {
  override forward(x: Tensor): Tensor {
    return F.lpPool2d(x, this.normType, this.kernelSize, this.options);
  }
}

/** Takes the `normType` norm of each window. Shapes: `[items, channels, depth, height, width]`, or one item. */
export class LPPool3d extends LPPoolNd {
  override forward(x: Tensor): Tensor {
    return F.lpPool3d(x, this.normType, this.kernelSize, this.options);
  }
}

/** Options of unpools. */
export type UnpoolOptions = Omit<MaxUnpoolOptions, "outputSize">;

/** Puts maxima back where a max pooling with `returnIndices` took them from. */
abstract class MaxUnpoolNd extends PoolNd<UnpoolOptions> {
  protected readonly dims: number;

  constructor(dims: number, kernelSize: Size, options: UnpoolOptions) {
    super(kernelSize, options, ["stride", "padding"]);
    this.dims = dims;
  }

  override extraRepr(): string {
    const tuple = (value: Size) => F.perDimension(this.constructor.name, this.dims, value);
    return repr({
      kernel_size: tuple(this.kernelSize),
      stride: tuple(this.stride),
      padding: tuple(this.padding),
    });
  }
}

/** Puts maxima back where `MaxPool1d` took them from, zeros elsewhere. */
export class MaxUnpool1d extends MaxUnpoolNd {
  constructor(kernelSize: Size, options: UnpoolOptions = {}) {
    super(1, kernelSize, options);
  }

  override forward(
    x: Tensor,
    indices: Tensor,
    { outputSize }: { outputSize?: readonly number[] } = {},
  ): Tensor {
    return F.maxUnpool1d(x, indices, this.kernelSize, { ...this.options, outputSize });
  }
}

/** Puts maxima back where `MaxPool2d` took them from, zeros elsewhere. */
export class MaxUnpool2d extends MaxUnpoolNd {
  constructor(kernelSize: Size, options: UnpoolOptions = {}) {
    super(2, kernelSize, options);
  }

  override forward(
    x: Tensor,
    indices: Tensor,
    { outputSize }: { outputSize?: readonly number[] } = {},
  ): Tensor {
    return F.maxUnpool2d(x, indices, this.kernelSize, { ...this.options, outputSize });
  }
}

/** Puts maxima back where `MaxPool3d` took them from, zeros elsewhere. */
export class MaxUnpool3d extends MaxUnpoolNd {
  constructor(kernelSize: Size, options: UnpoolOptions = {}) {
    super(3, kernelSize, options);
  }

  override forward(
    x: Tensor,
    indices: Tensor,
    { outputSize }: { outputSize?: readonly number[] } = {},
  ): Tensor {
    return F.maxUnpool3d(x, indices, this.kernelSize, { ...this.options, outputSize });
  }
}

/** Takes the largest elements of windows whose places are drawn at random (Graham, 2014). */
abstract class FractionalMaxPoolNd extends PoolNd<FractionalMaxPoolOptions> {
  constructor(kernelSize: Size, options: FractionalMaxPoolOptions) {
    super(kernelSize, options, ["outputSize", "outputRatio", "randomSamples", "returnIndices"]);
    const { outputSize, outputRatio } = options;
    const where = new.target.name;
    if (((outputSize ?? null) === null) === ((outputRatio ?? null) === null)) {
      throw new UsageError(`${where}: needs either outputSize or outputRatio, got ${(outputSize ?? null) === null ? "neither" : "both"}.`); // prettier-ignore
    }
    const ratios = typeof outputRatio === "number" ? [outputRatio] : (outputRatio ?? []);
    if (!ratios.every((ratio) => ratio > 0 && ratio < 1)) {
      throw new UsageError(`${where}: outputRatio must be between 0 and 1, got [${ratios.join(", ")}].`);
    }
  }
}

/** Takes the largest elements of random windows. Shapes: `[items, channels, height, width]`, or one item. */
export class FractionalMaxPool2d extends FractionalMaxPoolNd {
  override forward(x: Tensor): Tensor {
    return F.fractionalMaxPool2d(x, this.kernelSize, this.options) as Tensor;
  }
}

/** Takes the largest elements of random windows. Shapes: `[items, channels, depth, height, width]`, or one item. */
export class FractionalMaxPool3d extends FractionalMaxPoolNd {
  override forward(x: Tensor): Tensor {
    return F.fractionalMaxPool3d(x, this.kernelSize, this.options) as Tensor;
  }
}

/** Pools windows that are chosen to give an output of `outputSize`. */
abstract class AdaptivePoolNd extends Module {
  readonly outputSize: AdaptiveSize;

  constructor(outputSize: AdaptiveSize) {
    super();
    this.outputSize = outputSize;
  }

  override extraRepr(): string {
    return repr({ output_size: this.outputSize });
  }
}

/** Averages to `outputSize`. Shapes: `[items, channels, length]`, or one item. */
export class AdaptiveAvgPool1d extends AdaptivePoolNd {
  override forward(x: Tensor): Tensor {
    return F.adaptiveAvgPool1d(x, this.outputSize);
  }
}

/** Averages to `outputSize`. Shapes: `[items, channels, height, width]`, or one item. */
export class AdaptiveAvgPool2d extends AdaptivePoolNd {
  override forward(x: Tensor): Tensor {
    return F.adaptiveAvgPool2d(x, this.outputSize);
  }
}

/** Averages to `outputSize`. Shapes: `[items, channels, depth, height, width]`, or one item. */
export class AdaptiveAvgPool3d extends AdaptivePoolNd {
  override forward(x: Tensor): Tensor {
    return F.adaptiveAvgPool3d(x, this.outputSize);
  }
}

/** Takes maxima to `outputSize`. With `returnIndices`, forward returns `[output, indices]`. */
abstract class AdaptiveMaxPoolNd extends AdaptivePoolNd {
  readonly returnIndices: boolean;

  constructor(outputSize: AdaptiveSize, options: { returnIndices?: boolean } = {}) {
    super(outputSize);
    const { returnIndices = false } = named(new.target.name, options, ["returnIndices"]);
    this.returnIndices = returnIndices;
  }
}

/** Takes maxima to `outputSize`. Shapes: `[items, channels, length]`, or one item. */
export class AdaptiveMaxPool1d extends AdaptiveMaxPoolNd {
  override forward(x: Tensor): Tensor {
    return F.adaptiveMaxPool1d(x, this.outputSize, { returnIndices: this.returnIndices }) as Tensor;
  }
}

/** Takes maxima to `outputSize`. Shapes: `[items, channels, height, width]`, or one item. */
export class AdaptiveMaxPool2d extends AdaptiveMaxPoolNd {
  override forward(x: Tensor): Tensor {
    return F.adaptiveMaxPool2d(x, this.outputSize, { returnIndices: this.returnIndices }) as Tensor;
  }
}

/** Takes maxima to `outputSize`. Shapes: `[items, channels, depth, height, width]`, or one item. */
export class AdaptiveMaxPool3d extends AdaptiveMaxPoolNd {
  override forward(x: Tensor): Tensor {
    return F.adaptiveMaxPool3d(x, this.outputSize, { returnIndices: this.returnIndices }) as Tensor;
  }
}
