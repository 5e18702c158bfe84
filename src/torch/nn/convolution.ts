// Convolutions and transposed convolutions over 1 to 3 dimensions.
import { ShapeError, UsageError, suggestion } from "../../base/index.ts";
import { named } from "../operator-arguments.ts";
import {
  conv1d,
  conv2d,
  conv3d,
  convTranspose1d,
  convTranspose2d,
  convTranspose3d,
  nnFunctional,
} from "../ops.generated.ts";
import type { Tensor } from "../tensor.ts";
import { factoryNames, newWeight } from "./factory.ts";
import type { FactoryOptions } from "./factory.ts";
import { perDimension } from "./functional/pooling.ts";
import type { Size } from "./functional/pooling.ts";
import { fans, kaimingUniform_, uniform_ } from "./init.ts";
import { Module } from "./module.ts";
import type { Parameter } from "./parameter.ts";
import { repr } from "./repr.ts";

const paddingModes = ["zeros", "reflect", "replicate", "circular"] as const;

interface SharedOptions extends FactoryOptions {
  /** @default 1 */
  stride?: Size;
  /** Distance between the kernel's elements. @default 1 */
  dilation?: Size;
  /** Splits the channels into groups that do not see each other. @default 1 */
  groups?: number;
  /** Adds a weight to each output channel. @default true */
  bias?: boolean;
}

/** Options of convolutions. */
export interface ConvOptions extends SharedOptions {
  /** Elements added on both sides; "same" keeps the size (stride 1), "valid" adds none. @default 0 */
  padding?: Size | "same" | "valid";
  /** What is added. @default "zeros" */
  paddingMode?: (typeof paddingModes)[number];
}

/** Options of transposed convolutions. */
export interface ConvTransposeOptions extends SharedOptions {
  /** Elements taken off on both sides of the output. @default 0 */
  padding?: Size;
  /** Elements added to one side of the output. @default 0 */
  outputPadding?: Size;
}

const sharedNames = ["stride", "padding", "dilation", "groups", "bias", ...factoryNames];

/** Holds what all convolutions share: their sizes, weight and bias. */
abstract class ConvNd extends Module {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernelSize: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly groups: number;
  readonly weight: Parameter;
  readonly bias: Parameter | null;

  protected constructor(
    channels: { in: number; out: number; isTransposed: boolean },
    dims: number,
    kernelSize: Size,
    { stride = 1, dilation = 1, groups = 1, bias = true, ...factory }: SharedOptions,
  ) {
    super();
    const where = new.target.name;
    this.inChannels = channels.in;
    this.outChannels = channels.out;
    this.kernelSize = perDimension(`${where}: kernelSize`, dims, kernelSize);
    this.stride = perDimension(`${where}: stride`, dims, stride);
    this.dilation = perDimension(`${where}: dilation`, dims, dilation);
    this.groups = groups;
    for (const [name, count] of [
      ["inChannels", channels.in],
      ["outChannels", channels.out],
    ] as const)
      // prettier-ignore
      if (!Number.isInteger(groups) || groups < 1 || count % groups !== 0) {
        throw new UsageError(
          `${where}: groups must divide ${name}, got groups=${groups} and ${name}=${count}. Set groups to a divisor of ${count}.`,
        );
      }
    const [first, second] = channels.isTransposed ? [channels.in, channels.out] : [channels.out, channels.in];
    this.weight = newWeight([first, second / groups, ...this.kernelSize], factory);
    this.bias = bias ? newWeight([channels.out], factory) : null;
    this.resetParameters();
  }

  /** Draws weight and bias from U(-b, b) with b = 1 / sqrt(fan in), as PyTorch does. */
  resetParameters(): void {
    kaimingUniform_(this.weight, { a: Math.sqrt(5) });
    const { fanIn } = fans(this.weight);
    if (this.bias === null || fanIn === 0) return;
    const bound = 1 / Math.sqrt(fanIn);
    uniform_(this.bias, { a: -bound, b: bound });
  }

  /** Writes the settings that differ from the defaults. */
  protected describe(others: {
    padding: readonly number[] | string;
    output_padding?: readonly number[];
    padding_mode?: string | undefined;
  }): string {
    const { padding, output_padding, padding_mode } = others;
    const settings = repr({
      kernel_size: this.kernelSize,
      stride: this.stride,
      padding: typeof padding !== "string" && padding.every((n) => n === 0) ? undefined : padding,
      dilation: this.dilation.every((n) => n === 1) ? undefined : this.dilation,
      output_padding: output_padding?.every((n) => n === 0) === false ? output_padding : undefined,
      groups: this.groups === 1 ? undefined : this.groups,
      bias: this.bias === null ? false : undefined,
      padding_mode,
    });
    return `${this.inChannels}, ${this.outChannels}, ${settings}`;
  }
}

type Convolve = (
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  stride: readonly number[],
  padding: any, // the operators have one overload for numbers and one for words
  dilation: readonly number[],
  groups: number,
) => Tensor;

/** Slides a kernel over the input. */
abstract class Conv extends ConvNd {
  readonly padding: readonly number[] | "same" | "valid";
  readonly paddingMode: (typeof paddingModes)[number];
  protected abstract readonly convolve: Convolve;

  protected constructor(
    dims: number,
    inChannels: number,
    outChannels: number,
    kernelSize: Size,
    options: ConvOptions,
  ) {
    const where = new.target.name;
    const {
      padding = 0,
      paddingMode = "zeros",
      ...shared
    } = named(where, options, [...sharedNames, "paddingMode"]);
    super({ in: inChannels, out: outChannels, isTransposed: false }, dims, kernelSize, shared);
    if (!paddingModes.includes(paddingMode)) {
      throw new UsageError(
        `${where}: unknown paddingMode "${paddingMode}". ${suggestion(paddingMode, paddingModes)}`,
      );
    }
    if (typeof padding === "string" && padding !== "same" && padding !== "valid") {
      throw new UsageError(`${where}: padding must be "same", "valid" or numbers, got "${String(padding)}".`);
    }
    if (padding === "same" && this.stride.some((step) => step !== 1)) {
      throw new UsageError(
        `${where}: padding "same" needs stride 1, got stride [${this.stride.join(", ")}]. Give the padding in numbers.`,
      );
    }
    this.padding = typeof padding === "string" ? padding : perDimension(`${where}: padding`, dims, padding);
    this.paddingMode = paddingMode;
  }

  override forward(x: Tensor): Tensor {
    const { weight, bias, stride, padding, dilation, groups } = this;
    if (this.paddingMode === "zeros")
      return this.convolve(x, weight, bias, stride, padding, dilation, groups);
    const padded = nnFunctional.pad(x, sidesOf(this), this.paddingMode);
    return this.convolve(padded, weight, bias, stride, stride.map(() => 0), dilation, groups); // prettier-ignore
  }

  override extraRepr(): string {
    return this.describe({
      padding: this.padding,
      padding_mode: this.paddingMode === "zeros" ? undefined : this.paddingMode,
    });
  }
}

/**
 * Slides kernels over sequences.
 *
 * Shapes: `x [items, inChannels, length]` or one item -> `[items, outChannels, outLength]`.
 */
export class Conv1d extends Conv {
  protected get convolve(): Convolve {
    return conv1d;
  }

  constructor(inChannels: number, outChannels: number, kernelSize: Size, options: ConvOptions = {}) {
    super(1, inChannels, outChannels, kernelSize, options);
  }
}

/**
 * Slides kernels over images.
 *
 * Shapes: `x [items, inChannels, height, width]` or one item -> `[items, outChannels, outHeight, outWidth]`.
 *
 * @example
 * const conv = new nn.Conv2d(3, 8, 3, { stride: 2, padding: 1 });
 * conv.forward(torch.ones([1, 3, 32, 32])).shape; // => [1, 8, 16, 16]
 */
export class Conv2d extends Conv {
  protected get convolve(): Convolve {
    return conv2d;
  }

  constructor(inChannels: number, outChannels: number, kernelSize: Size, options: ConvOptions = {}) {
    super(2, inChannels, outChannels, kernelSize, options);
  }
}

/**
 * Slides kernels over volumes.
 *
 * Shapes: `x [items, inChannels, depth, height, width]` or one item -> `[items, outChannels, ...]`.
 */
export class Conv3d extends Conv {
  protected get convolve(): Convolve {
    return conv3d;
  }

  constructor(inChannels: number, outChannels: number, kernelSize: Size, options: ConvOptions = {}) {
    super(3, inChannels, outChannels, kernelSize, options);
  }
}

type ConvolveTransposed = (
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  stride: readonly number[],
  padding: readonly number[],
  outputPadding: readonly number[],
  groups: number,
  dilation: readonly number[],
) => Tensor;

/** Computes the gradient of a convolution with respect to its input, as a layer. */
abstract class ConvTranspose extends ConvNd {
  readonly padding: readonly number[];
  readonly outputPadding: readonly number[];
  protected abstract readonly convolve: ConvolveTransposed;

  protected constructor(
    dims: number,
    inChannels: number,
    outChannels: number,
    kernelSize: Size,
    options: ConvTransposeOptions,
  ) {
    const where = new.target.name;
    const {
      padding = 0,
      outputPadding = 0,
      ...shared
    } = named(where, options, [...sharedNames, "outputPadding"]);
    super({ in: inChannels, out: outChannels, isTransposed: true }, dims, kernelSize, shared);
    this.padding = perDimension(`${where}: padding`, dims, padding);
    this.outputPadding = perDimension(`${where}: outputPadding`, dims, outputPadding);
  }

  /** Computes the output; `outputSize` (spatial, or the whole shape) chooses among the sizes that a stride leaves open. */
  override forward(x: Tensor, { outputSize }: { outputSize?: readonly number[] } = {}): Tensor {
    const { weight, bias, stride, padding, groups, dilation } = this;
    const outputPadding =
      outputSize === undefined ? this.outputPadding : outputPaddingFor(this, x, outputSize);
    return this.convolve(x, weight, bias, stride, padding, outputPadding, groups, dilation);
  }

  override extraRepr(): string {
    return this.describe({ padding: this.padding, output_padding: this.outputPadding });
  }
}

/**
 * Spreads sequences by kernels.
 *
 * Shapes: `x [items, inChannels, length]` or one item -> `[items, outChannels, outLength]`.
 */
export class ConvTranspose1d extends ConvTranspose {
  protected get convolve(): ConvolveTransposed {
    return convTranspose1d;
  }

  constructor(inChannels: number, outChannels: number, kernelSize: Size, options: ConvTransposeOptions = {}) {
    super(1, inChannels, outChannels, kernelSize, options);
  }
}

/**
 * Spreads images by kernels.
 *
 * Shapes: `x [items, inChannels, height, width]` or one item -> `[items, outChannels, outHeight, outWidth]`.
 *
 * @example
 * const up = new nn.ConvTranspose2d(8, 3, 2, { stride: 2 });
 * up.forward(torch.ones([1, 8, 16, 16])).shape; // => [1, 3, 32, 32]
 */
export class ConvTranspose2d extends ConvTranspose {
  protected get convolve(): ConvolveTransposed {
    return convTranspose2d;
  }

  constructor(inChannels: number, outChannels: number, kernelSize: Size, options: ConvTransposeOptions = {}) {
    super(2, inChannels, outChannels, kernelSize, options);
  }
}

/**
 * Spreads volumes by kernels.
 *
 * Shapes: `x [items, inChannels, depth, height, width]` or one item -> `[items, outChannels, ...]`.
 */
export class ConvTranspose3d extends ConvTranspose {
  protected get convolve(): ConvolveTransposed {
    return convTranspose3d;
  }

  constructor(inChannels: number, outChannels: number, kernelSize: Size, options: ConvTransposeOptions = {}) {
    super(3, inChannels, outChannels, kernelSize, options);
  }
}

/** Returns the elements added before and after, the last dimension first, as `pad` takes them. */
function sidesOf({ padding, kernelSize, dilation }: Conv): number[] {
  const sides = kernelSize.map((length, i): [number, number] => {
    if (padding === "valid") return [0, 0];
    if (padding !== "same") return [padding[i]!, padding[i]!];
    const total = dilation[i]! * (length - 1);
    return [Math.floor(total / 2), total - Math.floor(total / 2)];
  });
  return sides.reverse().flat();
}

/** Returns the output padding that gives `outputSize`. */
function outputPaddingFor(layer: ConvTranspose, x: Tensor, outputSize: readonly number[]): number[] {
  const { kernelSize, stride, padding, dilation } = layer;
  const dims = kernelSize.length;
  const size = outputSize.slice(-dims);
  const smallest = kernelSize.map(
    (length, i) => (x.size(i - dims) - 1) * stride[i]! - 2 * padding[i]! + dilation[i]! * (length - 1) + 1,
  );
  const extra = smallest.map((length, i) => (size[i] ?? NaN) - length);
  if (!extra.every((length, i) => length >= 0 && length < stride[i]!)) {
    const largest = smallest.map((length, i) => length + stride[i]! - 1);
    throw new ShapeError(
      `${layer.constructor.name}: outputSize must be from [${smallest.join(", ")}] to [${largest.join(", ")}], got [${outputSize.join(", ")}]. ` +
        "Give a size in that range.",
    );
  }
  return extra;
}
