// Resizing, sampling and sliding windows of torch.nn.functional.
import { UsageError, suggestion } from "../../../base/index.ts";
import * as torch from "../../ops.generated.ts";
import { ops as raw } from "../../raw.ts";
import type { Tensor } from "../../tensor.ts";
import { adaptiveAvgPool1d, adaptiveAvgPool2d, adaptiveAvgPool3d, perDimension } from "./pooling.ts";
import type { Size } from "./pooling.ts";

const { nnFunctional } = torch;

/** How values between pixels are found. */
export type InterpolateMode =
  "nearest" | "nearest-exact" | "linear" | "bilinear" | "bicubic" | "trilinear" | "lanczos" | "area";

/** Options of `interpolate`. */
export interface InterpolateOptions {
  /** Spatial sizes of the output; this or `scaleFactor` is needed. */
  size?: Size | null | undefined;
  /** Multiplier of the spatial sizes. */
  scaleFactor?: Size | null | undefined;
  /** @default "nearest" */
  mode?: InterpolateMode;
  /** Puts the corner elements of input and output onto each other. @default false */
  alignCorners?: boolean | null | undefined;
  /** Takes the scale from the rounded output size, not from `scaleFactor` itself. @default false */
  recomputeScaleFactor?: boolean | null | undefined;
  /** Smooths while shrinking; for bilinear, bicubic and lanczos. @default false */
  antialias?: boolean;
}

/** Calls an operator with the output's sizes, or else the scale factors. */
type Resize = (x: Tensor, size: number[] | null, align: boolean, scales: number[] | null) => Tensor;

/** Which operator resizes in which mode, by the number of spatial dimensions. */
const resizers: Record<InterpolateMode, Partial<Record<number, Resize>>> = {
  nearest: {
    1: (x, size, _, scales) => nnFunctional.upsampleNearest1d(x, size, scales),
    2: (x, size, _, scales) => nnFunctional.upsampleNearest2d(x, size, scales),
    3: (x, size, _, scales) => nnFunctional.upsampleNearest3d(x, size, scales),
  },
  "nearest-exact": {
    1: (x, size, _, scales) => raw["aten"]._upsample_nearest_exact1d.vec(x, size, scales) as Tensor,
    2: (x, size, _, scales) => raw["aten"]._upsample_nearest_exact2d.vec(x, size, scales) as Tensor,
    3: (x, size, _, scales) => raw["aten"]._upsample_nearest_exact3d.vec(x, size, scales) as Tensor,
  },
  area: {
    1: (x, size) => adaptiveAvgPool1d(x, size!),
    2: (x, size) => adaptiveAvgPool2d(x, size!),
    3: (x, size) => adaptiveAvgPool3d(x, size!),
  },
  linear: { 1: (x, ...rest) => nnFunctional.upsampleLinear1d(x, ...rest) },
  bilinear: { 2: (x, ...rest) => nnFunctional.upsampleBilinear2d(x, ...rest) },
  bicubic: { 2: (x, ...rest) => nnFunctional.upsampleBicubic2d(x, ...rest) },
  trilinear: { 3: (x, ...rest) => nnFunctional.upsampleTrilinear3d(x, ...rest) },
  lanczos: {},
};

const smoothResizers: Partial<Record<InterpolateMode, Resize>> = {
  bilinear: (x, ...rest) => raw["aten"]._upsample_bilinear2d_aa.vec(x, ...rest) as Tensor,
  bicubic: (x, ...rest) => raw["aten"]._upsample_bicubic2d_aa.vec(x, ...rest) as Tensor,
  lanczos: (x, ...rest) => raw["aten"]._upsample_lanczos2d_aa.vec(x, ...rest) as Tensor,
};

/**
 * Resizes the spatial dimensions.
 *
 * Shapes: `[items, channels, length]`, `[.., height, width]` or `[.., depth, height, width]`.
 */
export function interpolate(x: Tensor, options: InterpolateOptions): Tensor {
  const {
    size,
    scaleFactor,
    mode = "nearest",
    alignCorners,
    recomputeScaleFactor,
    antialias = false,
  } = options;
  const dims = x.ndim - 2;
  const fail = (what: string): UsageError => new UsageError(`nn.functional.interpolate: ${what}`);
  if (!Object.hasOwn(resizers, mode)) {
    throw fail(`unknown mode "${mode}". ${suggestion(mode, Object.keys(resizers))}`);
  }
  const givenSize = size ?? null;
  const givenScale = scaleFactor ?? null;
  if ((givenSize === null) === (givenScale === null)) {
    throw fail(`needs either size or scaleFactor, got ${givenSize === null ? "neither" : "both"}.`);
  }
  if (alignCorners === true && (mode === "area" || mode.startsWith("nearest") || mode === "lanczos")) {
    throw fail(
      `alignCorners is for the modes linear, bilinear, bicubic and trilinear, got mode "${mode}". Leave it out.`,
    );
  }
  if (recomputeScaleFactor === true && givenScale === null) {
    throw fail("recomputeScaleFactor has no meaning with a size. Leave it out.");
  }
  if (mode === "lanczos" && !antialias) throw fail('mode "lanczos" needs antialias: true.');
  const resize =
    antialias && dims === 2 ? smoothResizers[mode] : antialias ? undefined : resizers[mode][dims];
  if (resize === undefined) {
    const smooth = antialias ? " with antialias" : "";
    throw fail(
      `mode "${mode}"${smooth} does not resize ${dims} spatial dimensions, got shape [${x.shape.join(", ")}].`,
    );
  }
  let sizes = givenSize === null ? null : perDimension("nn.functional.interpolate: size", dims, givenSize);
  let scales =
    givenScale === null ? null : perDimension("nn.functional.interpolate: scaleFactor", dims, givenScale);
  if (scales !== null && (mode === "area" || recomputeScaleFactor === true)) {
    sizes = scales.map((scale, i) => Math.trunc(x.size(i + 2) * scale));
    scales = null;
  }
  return resize(x, sizes, alignCorners ?? false, scales);
}

const sampleModes = { bilinear: 0, nearest: 1, bicubic: 2 };
const samplePaddings = { zeros: 0, border: 1, reflection: 2 };

/** Options of `gridSample`. */
export interface GridSampleOptions {
  /** @default "bilinear" */
  mode?: keyof typeof sampleModes;
  /** What lies outside the input. @default "zeros" */
  paddingMode?: keyof typeof samplePaddings;
  /** The places -1 and 1 are the centres of the corner elements, not their outer edges. @default false */
  alignCorners?: boolean;
}

/**
 * Reads the input at places given in [-1, 1].
 *
 * Shapes: `x [items, channels, height, width]`, `grid [items, outHeight, outWidth, 2]`; in 3D one dimension more.
 */
export function gridSample(
  x: Tensor,
  grid: Tensor,
  { mode = "bilinear", paddingMode = "zeros", alignCorners = false }: GridSampleOptions = {},
): Tensor {
  const modeCode = codeOf("gridSample: unknown mode", sampleModes, mode);
  const paddingCode = codeOf("gridSample: unknown paddingMode", samplePaddings, paddingMode);
  return torch.gridSampler(x, grid, modeCode, paddingCode, alignCorners);
}

/** Makes the places for `gridSample` from affine maps `[items, 2, 3]` (or `[items, 3, 4]`) and the output's shape. */
export function affineGrid(
  theta: Tensor,
  size: readonly number[],
  { alignCorners = false }: { alignCorners?: boolean } = {},
): Tensor {
  return torch.affineGridGenerator(theta, size, alignCorners);
}

/** Options of `unfold` and `fold`. */
export interface UnfoldOptions {
  /** @default 1 */
  dilation?: Size;
  /** @default 0 */
  padding?: Size;
  /** @default 1 */
  stride?: Size;
}

/** Copies each window into a column: `[items, channels, height, width] -> [items, channels * kernel, windows]`. */
export function unfold(
  x: Tensor,
  kernelSize: Size,
  { dilation = 1, padding = 0, stride = 1 }: UnfoldOptions = {},
): Tensor {
  const size = (name: string, value: Size) => perDimension(`nn.functional.unfold: ${name}`, 2, value);
  return nnFunctional.im2col(
    x,
    size("kernelSize", kernelSize),
    size("dilation", dilation),
    size("padding", padding),
    size("stride", stride),
  );
}

/** Adds columns back into the windows that `unfold` took them from. */
export function fold(
  x: Tensor,
  outputSize: Size,
  kernelSize: Size,
  { dilation = 1, padding = 0, stride = 1 }: UnfoldOptions = {},
): Tensor {
  const size = (name: string, value: Size) => perDimension(`nn.functional.fold: ${name}`, 2, value);
  return nnFunctional.col2im(
    x,
    size("outputSize", outputSize),
    size("kernelSize", kernelSize),
    size("dilation", dilation),
    size("padding", padding),
    size("stride", stride),
  );
}

function codeOf<Names extends Readonly<Record<string, number>>>(
  what: string,
  codes: Names,
  name: keyof Names & string,
): number {
  const code = codes[name];
  if (code === undefined) {
    throw new UsageError(`nn.functional.${what} "${name}". ${suggestion(name, Object.keys(codes))}`);
  }
  return code;
}
