// Pooling of torch.nn.functional whose arguments differ from the operator's.
import { ShapeError, UsageError } from "../../../base/index.ts";
import * as torch from "../../ops.generated.ts";
import type { Tensor } from "../../tensor.ts";

const ops = torch.nnFunctional;

/** One number for all spatial dimensions, or one for each. */
export type Size = number | readonly number[];

/** Options of max pools. */
export interface MaxPoolOptions {
  /** @default kernelSize */
  stride?: Size | null | undefined;
  /** @default 0 */
  padding?: Size;
  /** @default 1 */
  dilation?: Size;
  /** Lets windows begin inside the input and end beyond it. @default false */
  ceilMode?: boolean;
  /** Also gives the place of each maximum, for `maxUnpool`. @default false */
  returnIndices?: boolean;
}

/** A pooling that gives its indices too where `returnIndices` asks for them. */
interface MaxPool {
  (x: Tensor, kernelSize: Size, options: MaxPoolOptions & { returnIndices: true }): [Tensor, Tensor];
  (x: Tensor, kernelSize: Size, options?: MaxPoolOptions & { returnIndices?: false }): Tensor;
  (x: Tensor, kernelSize: Size, options?: MaxPoolOptions): Tensor | [Tensor, Tensor];
}

/** Takes the largest element of each window. Shapes: `[items, channels, length]`, or one item. */
export const maxPool1d: MaxPool = maxPool(torch.maxPool1d, torch.maxPool1dWithIndices);
/** Takes the largest element of each window. Shapes: `[items, channels, height, width]`, or one item. */
export const maxPool2d: MaxPool = maxPool(torch.maxPool2d, ops.maxPool2dWithIndices);
/** Takes the largest element of each window. Shapes: `[items, channels, depth, height, width]`, or one item. */
export const maxPool3d: MaxPool = maxPool(torch.maxPool3d, ops.maxPool3dWithIndices);

/** Sizes of the output; null keeps the input's. */
export type AdaptiveSize = number | null | readonly (number | null)[];

interface AdaptiveMaxPool {
  (x: Tensor, outputSize: AdaptiveSize, options: { returnIndices: true }): [Tensor, Tensor];
  (x: Tensor, outputSize: AdaptiveSize, options?: { returnIndices?: false }): Tensor;
  (x: Tensor, outputSize: AdaptiveSize, options?: { returnIndices?: boolean }): Tensor | [Tensor, Tensor];
}

/** Takes the largest elements of windows that are chosen to give `outputSize`. */
export const adaptiveMaxPool1d: AdaptiveMaxPool = adaptiveMaxPool(1, torch.adaptiveMaxPool1d);
/** Takes the largest elements of windows that are chosen to give `outputSize`. */
export const adaptiveMaxPool2d: AdaptiveMaxPool = adaptiveMaxPool(2, ops.adaptiveMaxPool2d);
/** Takes the largest elements of windows that are chosen to give `outputSize`. */
export const adaptiveMaxPool3d: AdaptiveMaxPool = adaptiveMaxPool(3, ops.adaptiveMaxPool3d);

/** Averages windows that are chosen to give `outputSize`. */
export function adaptiveAvgPool1d(x: Tensor, outputSize: AdaptiveSize): Tensor {
  return torch.adaptiveAvgPool1d(x, adaptiveSize(x, 1, outputSize));
}

/** Averages windows that are chosen to give `outputSize`. */
export function adaptiveAvgPool2d(x: Tensor, outputSize: AdaptiveSize): Tensor {
  return ops.adaptiveAvgPool2d(x, adaptiveSize(x, 2, outputSize));
}

/** Averages windows that are chosen to give `outputSize`. */
export function adaptiveAvgPool3d(x: Tensor, outputSize: AdaptiveSize): Tensor {
  return ops.adaptiveAvgPool3d(x, adaptiveSize(x, 3, outputSize));
}

/** Options of `lpPool1d` to `lpPool3d`. */
export interface LPPoolOptions {
  /** @default kernelSize */
  stride?: Size | null | undefined;
  /** @default false */
  ceilMode?: boolean;
}

/** Takes the `normType` norm of each window; infinity is the largest magnitude. */
export function lpPool1d(x: Tensor, normType: number, kernelSize: Size, options?: LPPoolOptions): Tensor {
  return lpPool(1, torch.avgPool1d, maxPool1d, x, normType, kernelSize, options);
}

/** Takes the `normType` norm of each window; infinity is the largest magnitude. */
export function lpPool2d(x: Tensor, normType: number, kernelSize: Size, options?: LPPoolOptions): Tensor {
  return lpPool(2, ops.avgPool2d, maxPool2d, x, normType, kernelSize, options);
}

/** Takes the `normType` norm of each window; infinity is the largest magnitude. */
export function lpPool3d(x: Tensor, normType: number, kernelSize: Size, options?: LPPoolOptions): Tensor {
  return lpPool(3, ops.avgPool3d, maxPool3d, x, normType, kernelSize, options);
}

/** Options of `maxUnpool1d` to `maxUnpool3d`. */
export interface MaxUnpoolOptions {
  /** @default kernelSize */
  stride?: Size | null | undefined;
  /** @default 0 */
  padding?: Size;
  /** Spatial sizes, or the whole shape, where several inputs of the pooling give the same output size. */
  outputSize?: readonly number[] | null | undefined;
}

/** Puts maxima back where `maxPool1d` took them from, zeros elsewhere. */
export function maxUnpool1d(
  x: Tensor,
  indices: Tensor,
  kernelSize: Size,
  options?: MaxUnpoolOptions,
): Tensor {
  const { size } = unpooledSize(x, 1, kernelSize, options);
  return ops.maxUnpool2d(x.unsqueeze(-1), indices.unsqueeze(-1), [...size, 1]).squeeze(-1);
}

/** Puts maxima back where `maxPool2d` took them from, zeros elsewhere. */
export function maxUnpool2d(
  x: Tensor,
  indices: Tensor,
  kernelSize: Size,
  options?: MaxUnpoolOptions,
): Tensor {
  return ops.maxUnpool2d(x, indices, unpooledSize(x, 2, kernelSize, options).size);
}

/** Puts maxima back where `maxPool3d` took them from, zeros elsewhere. */
export function maxUnpool3d(
  x: Tensor,
  indices: Tensor,
  kernelSize: Size,
  options?: MaxUnpoolOptions,
): Tensor {
  const { size, stride, padding } = unpooledSize(x, 3, kernelSize, options);
  return ops.maxUnpool3d(x, indices, size, stride, padding);
}

/** Options of fractional max pools. */
export interface FractionalMaxPoolOptions {
  /** Spatial sizes of the output; this or `outputRatio` is needed. */
  outputSize?: Size | null | undefined;
  /** Sizes of the output as shares of the input's, in (0, 1). */
  outputRatio?: Size | null | undefined;
  /** Numbers in [0, 1) that place the windows, drawn unless given: `[items, channels, spatial dimensions]`. */
  randomSamples?: Tensor | null | undefined;
  /** @default false */
  returnIndices?: boolean;
}

interface FractionalMaxPool {
  (
    x: Tensor,
    kernelSize: Size,
    options: FractionalMaxPoolOptions & { returnIndices: true },
  ): [Tensor, Tensor];
  (x: Tensor, kernelSize: Size, options: FractionalMaxPoolOptions & { returnIndices?: false }): Tensor;
  (x: Tensor, kernelSize: Size, options: FractionalMaxPoolOptions): Tensor | [Tensor, Tensor];
}

/** Takes the largest elements of windows whose places are drawn at random (Graham, 2014). */
export const fractionalMaxPool2d: FractionalMaxPool = fractionalMaxPool(2, ops.fractionalMaxPool2d);
/** Takes the largest elements of windows whose places are drawn at random (Graham, 2014). */
export const fractionalMaxPool3d: FractionalMaxPool = fractionalMaxPool(3, ops.fractionalMaxPool3d);

/** Repeats one number for each dimension; demands one for each otherwise. */
export function perDimension(where: string, dims: number, value: Size): number[] {
  const values = typeof value === "number" ? Array<number>(dims).fill(value) : [...value];
  if (values.length !== dims) {
    throw new UsageError(`${where} must be one number or ${dims}, got [${values.join(", ")}].`);
  }
  return values;
}

// the generated operators have overloads that TypeScript cannot carry through a function of functions
type Operator = (...args: any[]) => any;

function maxPool(plain: Operator, withIndices: Operator): MaxPool {
  return ((x: Tensor, kernelSize: Size, { returnIndices = false, ...options }: MaxPoolOptions = {}) => {
    const { stride, ...rest } = options;
    return (returnIndices ? withIndices : plain)(x, kernelSize, { ...rest, stride: stride ?? undefined });
  }) as MaxPool;
}

function adaptiveMaxPool(dims: number, operator: Operator): AdaptiveMaxPool {
  return ((x: Tensor, outputSize: AdaptiveSize, { returnIndices = false } = {}) => {
    const pooled = operator(x, adaptiveSize(x, dims, outputSize)) as [Tensor, Tensor];
    return returnIndices ? pooled : pooled[0];
  }) as AdaptiveMaxPool;
}

function adaptiveSize(x: Tensor, dims: number, outputSize: AdaptiveSize): number[] {
  const sizes = Array.isArray(outputSize) ? (outputSize as (number | null)[]) : [outputSize as number | null];
  const all = sizes.length === 1 ? Array<number | null>(dims).fill(sizes[0]!) : sizes;
  if (all.length !== dims) {
    throw new UsageError(
      `nn.functional.adaptivePool${dims}d: outputSize must be one number or ${dims}, got [${sizes.join(", ")}].`,
    );
  }
  return all.map((size, i) => size ?? x.size(i - dims));
}

function lpPool(
  dims: number,
  average: Operator,
  maximum: MaxPool,
  x: Tensor,
  normType: number,
  kernelSize: Size,
  { stride, ceilMode = false }: LPPoolOptions = {},
): Tensor {
  if (normType === Infinity) return maximum(x.abs(), kernelSize, { stride, ceilMode });
  if (normType === -Infinity) return maximum(x.abs().neg(), kernelSize, { stride, ceilMode }).neg();
  const mean = average(x.pow(normType), kernelSize, { stride: stride ?? undefined, ceilMode }) as Tensor;
  const count = perDimension(`nn.functional.lpPool${dims}d: kernelSize`, dims, kernelSize).reduce(
    (a, b) => a * b,
  );
  return mean
    .sign()
    .mul(mean.abs().relu())
    .mul(count)
    .pow(1 / normType);
}

function unpooledSize(
  x: Tensor,
  dims: number,
  kernelSize: Size,
  { stride, padding = 0, outputSize }: MaxUnpoolOptions = {},
): { size: number[]; stride: number[]; padding: number[] } {
  const where = `nn.functional.maxUnpool${dims}d`;
  const kernel = perDimension(`${where}: kernelSize`, dims, kernelSize);
  const steps = perDimension(`${where}: stride`, dims, stride ?? kernelSize);
  const pads = perDimension(`${where}: padding`, dims, padding);
  const usual = kernel.map((length, i) => (x.size(i - dims) - 1) * steps[i]! + length - 2 * pads[i]!);
  const size = outputSize === null || outputSize === undefined ? usual : outputSize.slice(-dims);
  const fits = size.length === dims && size.every((length, i) => Math.abs(length - usual[i]!) < steps[i]!);
  if (!fits) {
    throw new ShapeError(
      `${where}: outputSize must be within one stride of [${usual.join(", ")}], got [${outputSize?.join(", ")}]. ` +
        "Give the shape of the pooling's input.",
    );
  }
  return { size, stride: steps, padding: pads };
}

function fractionalMaxPool(dims: number, operator: Operator): FractionalMaxPool {
  const where = `nn.functional.fractionalMaxPool${dims}d`;
  return ((x: Tensor, kernelSize: Size, options: FractionalMaxPoolOptions) => {
    const { outputSize, outputRatio, randomSamples, returnIndices = false } = options;
    if ((outputSize ?? outputRatio ?? null) === null) {
      throw new UsageError(`${where}: needs outputSize or outputRatio, got neither. Give one.`);
    }
    const size =
      outputSize ??
      perDimension(`${where}: outputRatio`, dims, outputRatio!).map((ratio, i) =>
        Math.trunc(x.size(i - dims) * ratio),
      );
    const items = x.ndim === dims + 1 ? 1 : x.size(0);
    const { dtype, device } = x;
    const samples = randomSamples ?? torch.rand([items, x.size(-dims - 1), dims], { dtype, device });
    const pooled = operator(x, kernelSize, size, samples) as [Tensor, Tensor];
    return returnIndices ? pooled : pooled[0];
  }) as FractionalMaxPool;
}
