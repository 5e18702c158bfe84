// What each dtype can hold, and what comes of two of them. Names and codes: ./dtype.ts.
import { UsageError } from "../base/index.ts";
import { dtypeCode, dtypeName, getDefaultDtype, integerBits } from "./dtype.ts";
import type { Dtype } from "./dtype.ts";
import type { Scalar } from "./native.ts";
import { isTensor } from "./operator-arguments.ts";
import { rawOp } from "./raw.ts";
import type { Tensor } from "./tensor.ts";

/** Limits of a floating-point dtype. */
export interface FloatInfo {
  dtype: Dtype;
  bits: number;
  /** Distance from 1 to the next number. */
  eps: number;
  max: number;
  min: number;
  /** Smallest positive number of full precision. */
  tiny: number;
  smallestNormal: number;
  /** Decimal resolution. */
  resolution: number;
}

/** Limits of an integer dtype, bigints where 64 bits are needed. */
export interface IntegerInfo {
  dtype: Dtype;
  bits: number;
  max: number | bigint;
  min: number | bigint;
}

// mantissa bits, exponent of the smallest normal number, largest number
const formats: Readonly<Record<string, readonly [bits: number, mantissa: number, low: number, max: number]>> =
  {
    float64: [64, 52, -1022, Number.MAX_VALUE],
    float32: [32, 23, -126, 3.4028234663852886e38],
    float16: [16, 10, -14, 65504],
    bfloat16: [16, 7, -126, 3.3895313892515355e38],
    float8_e4m3fn: [8, 3, -6, 448],
    float8_e4m3fnuz: [8, 3, -7, 240],
    float8_e5m2: [8, 2, -14, 57344],
    float8_e5m2fnuz: [8, 3, -15, 57344], // two mantissa bits, but this is the eps that PyTorch tells
    float8_e8m0fnu: [8, 0, -127, 2 ** 127],
  };
const resolutions: Readonly<Record<string, number>> = {
  float64: 1e-15,
  float32: 1e-6,
  float16: 1e-3,
  bfloat16: 1e-2,
};

/**
 * Returns the limits of a floating-point dtype (of the parts, for a complex one); of the default dtype where none is named.
 *
 * @example
 * torch.finfo("float32").eps; // => 1.1920928955078125e-7
 */
export function finfo(dtype: Dtype = getDefaultDtype()): FloatInfo {
  dtypeCode(dtype); // refuses what is none
  const part =
    { complex32: "float16", complex64: "float32", complex128: "float64" }[dtype as string] ?? dtype;
  const format = formats[part];
  if (format === undefined) {
    throw new UsageError(`finfo: needs a floating-point dtype, got ${dtype}. Use iinfo for integers.`);
  }
  const [bits, mantissa, low, max] = format;
  const tiny = 2 ** low;
  const resolution = resolutions[part] ?? 1;
  return {
    dtype: part as Dtype,
    bits,
    eps: 2 ** -mantissa,
    max,
    min: part === "float8_e8m0fnu" ? tiny : -max, // it has no sign
    tiny,
    smallestNormal: tiny,
    resolution,
  };
}

/**
 * Returns the limits of an integer dtype.
 *
 * @example
 * torch.iinfo("int8").max; // => 127
 */
export function iinfo(dtype: Dtype): IntegerInfo {
  dtypeCode(dtype); // refuses what is none
  const format = integerBits(dtype);
  if (format === undefined) {
    throw new UsageError(
      `iinfo: needs an integer dtype, got ${dtype}. Use finfo for floating-point numbers.`,
    );
  }
  const { bits, signed } = format;
  const max = 2n ** BigInt(signed ? bits - 1 : bits) - 1n;
  const min = signed ? -max - 1n : 0n;
  return bits === 64 ? { dtype, bits, max, min } : { dtype, bits, max: Number(max), min: Number(min) };
}

const promote = rawOp("promote_types");
const castable = rawOp("can_cast");
const resultOf = {
  tensors: rawOp("result_type", "Tensor"),
  tensorAndScalar: rawOp("result_type", "Scalar"),
  scalarAndTensor: rawOp("result_type", "Scalar_Tensor"),
  scalars: rawOp("result_type", "Scalar_Scalar"),
} as const;

/** Returns the smallest dtype that holds the numbers of both. */
export function promoteTypes(a: Dtype, b: Dtype): Dtype {
  return dtypeName(promote(dtypeCode(a), dtypeCode(b)) as number);
}

/** Tells whether `from` may be converted to `to` without changing its kind: no complex to real, no float to integer. */
export function canCast(from: Dtype, to: Dtype): boolean {
  return castable(dtypeCode(from), dtypeCode(to)) as boolean;
}

/** Returns the dtype that an arithmetic operator gives for these operands. */
export function resultType(a: Tensor | Scalar, b: Tensor | Scalar): Dtype {
  const code = isTensor(a)
    ? isTensor(b)
      ? resultOf.tensors(a.handle, b.handle)
      : resultOf.tensorAndScalar(a.handle, b)
    : isTensor(b)
      ? resultOf.scalarAndTensor(a, b.handle)
      : resultOf.scalars(a, b);
  return dtypeName(code as number);
}
