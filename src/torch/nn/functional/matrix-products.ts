// Matrix products of groups, and of numbers of 8 bits with scales, which libtorch keeps beside its public operators.
import { UsageError, suggestion } from "../../../base/index.ts";
import type { Dtype } from "../../dtype.ts";
import { named } from "../../operator-arguments.ts";
import { ops } from "../../raw.ts";
import type { Tensor } from "../../tensor.ts";

/** Options of `groupedMm`. */
export interface GroupedMmOptions {
  /** Where each group ends along the dimension that the groups share, int32 and rising; for a matrix as an operand. */
  offs?: Tensor | null;
  /** @default the operands' dtype */
  outDtype?: Dtype | null;
}

/**
 * Multiplies the matrices of each group, as a mixture of experts does with the rows that each expert got.
 *
 * Shapes: `a [rows, k]` with groups of rows and `b [groups, k, columns]` -> `[rows, columns]`; `a [rows, k]` and
 * `b [k, columns]`, both with groups along `k` -> `[groups, rows, columns]`; `a [groups, rows, k]` and
 * `b [groups, k, columns]` -> `[groups, rows, columns]`; `a [groups, rows, k]` and `b [k, columns]` with groups of
 * columns -> `[rows, columns]`. Source: aten::_grouped_mm, which takes no bias yet.
 *
 * @example
 * const offs = torch.tensor([1, 4], { dtype: "int32" }); // one row, and three
 * nn.functional.groupedMm(torch.ones([4, 8]), torch.ones([2, 8, 16]), { offs }).shape; // => [4, 16]
 */
export function groupedMm(a: Tensor, b: Tensor, options: GroupedMmOptions = {}): Tensor {
  const { offs = null, outDtype = null } = named("nn.functional.groupedMm", options, ["offs", "outDtype"]);
  return ops["aten"]._grouped_mm(a, b, offs, null, outDtype) as Tensor;
}

const scalings = {
  TensorWise: 0,
  RowWise: 1,
  BlockWise1x16: 2,
  BlockWise1x32: 3,
  BlockWise1x128: 4,
  BlockWise128x128: 5,
} as const;
const swizzles = { NO_SWIZZLE: 0, SWIZZLE_32_4_4: 1 } as const;

/** What one scale of `scaledMm` stands for. */
export type ScalingType = keyof typeof scalings;
/** How the scales of `scaledMm` lie in memory. */
export type SwizzleType = keyof typeof swizzles;

/** Options of `scaledMm`. */
export interface ScaledMmOptions {
  /** @default none */
  swizzleA?: SwizzleType | readonly SwizzleType[];
  /** @default none */
  swizzleB?: SwizzleType | readonly SwizzleType[];
  /** Is added to each row. @default null */
  bias?: Tensor | null;
  /** @default "bfloat16" */
  outputDtype?: Dtype;
  /** Dimensions that are summed over, where they are not the last of `a` and the first of `b`. @default [] */
  contractionDim?: readonly number[];
  /** Sums in less precision, on GPUs that can. @default false */
  useFastAccum?: boolean;
}

const scaledNames = ["swizzleA", "swizzleB", "bias", "outputDtype", "contractionDim", "useFastAccum"];

/**
 * Multiplies matrices of 8-bit numbers that are scaled back on the way: `(a * scaleA) @ (b * scaleB)`. No gradients.
 * On the CPU libtorch scales by tensor and by row; the rest is for GPUs.
 *
 * Shapes: `a [rows, k]`, `b [k, columns]` column by column in memory; scales of float32, `[1]` for `"TensorWise"`, `[rows, 1]` and
 * `[1, columns]` for `"RowWise"` -> `[rows, columns]`. Source: aten::_scaled_mm_v2.
 */
export function scaledMm(
  a: Tensor,
  b: Tensor,
  scaleA: Tensor | readonly Tensor[],
  scaleRecipeA: ScalingType | readonly ScalingType[],
  scaleB: Tensor | readonly Tensor[],
  scaleRecipeB: ScalingType | readonly ScalingType[],
  options: ScaledMmOptions = {},
): Tensor {
  const {
    swizzleA = [],
    swizzleB = [],
    bias = null,
    outputDtype = "bfloat16",
    contractionDim = [],
    useFastAccum = false,
  } = named("nn.functional.scaledMm", options, scaledNames);
  return ops["aten"]._scaled_mm_v2(
    a,
    b,
    [scaleA].flat(),
    codes("scaling", scalings, scaleRecipeA),
    codes("swizzle", swizzles, swizzleA),
    [scaleB].flat(),
    codes("scaling", scalings, scaleRecipeB),
    codes("swizzle", swizzles, swizzleB),
    bias,
    outputDtype,
    contractionDim,
    useFastAccum,
  ) as Tensor;
}

function codes<Name extends string>(
  kind: string,
  known: Readonly<Record<Name, number>>,
  names: Name | readonly Name[],
): number[] {
  return [names].flat().map((name) => {
    if (Object.hasOwn(known, name)) return known[name as Name];
    throw new UsageError(
      `nn.functional.scaledMm: unknown ${kind} "${String(name)}". ${suggestion(String(name), Object.keys(known))}`,
    );
  });
}
