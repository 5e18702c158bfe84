// Tensors from JavaScript values. Factories of libtorch (zeros, rand, ...) are generated.
import { ShapeError, UsageError } from "../base/index.ts";
import { wrap } from "./binding.ts";
import { dtypeCode, getDefaultDtype } from "./dtype.ts";
import type { Device, Dtype } from "./dtype.ts";
import { native } from "./native.ts";
import type { TensorData } from "./native.ts";
import type { NestedNumbers, Tensor } from "./tensor.ts";

export interface TensorOptions {
  dtype?: Dtype;
  device?: Device;
  requiresGrad?: boolean;
}

/**
 * Copies numbers into a tensor. Nested arrays give the shape; numbers are float32 unless `dtype` says
 * otherwise (JavaScript cannot tell 1 from 1.0), booleans bool, bigints int64. A typed array keeps its type.
 *
 * @example
 * torch.tensor([[1, 2, 3], [4, 5, 6]]).shape; // => [2, 3]
 * torch.tensor([1n, 2n]).dtype; // => "int64"
 */
export function tensor(
  values: NestedNumbers | TensorData,
  { dtype, device, requiresGrad = false }: TensorOptions = {},
): Tensor {
  const made = ArrayBuffer.isView(values) ? fromTyped(values) : fromNested(values, dtype);
  const placed =
    dtype === undefined && device === undefined
      ? made
      : made.to({ ...(dtype && { dtype }), ...(device && { device }) });
  return requiresGrad ? placed.requiresGrad_() : placed;
}

/** Copies a typed array into a tensor of `shape`. `dtype` must be the array's own, or bool or a float of 8 or 16 bits as bits. */
export function fromTypedArray(
  data: TensorData,
  shape: readonly number[],
  dtype: Dtype = dtypeOf(data),
): Tensor {
  return wrap(native.fromData(data, shape, dtypeCode(dtype)));
}

function fromTyped(data: TensorData): Tensor {
  return fromTypedArray(data, [data.length]);
}

function dtypeOf(data: TensorData): Dtype {
  if (data instanceof Float32Array) return "float32";
  if (data instanceof Float64Array) return "float64";
  if (data instanceof BigInt64Array) return "int64";
  if (data instanceof Int32Array) return "int32";
  if (data instanceof Int16Array) return "int16";
  if (data instanceof Int8Array) return "int8";
  if (data instanceof Uint8Array) return "uint8";
  if (data instanceof Uint16Array) return "uint16";
  if (data instanceof Uint32Array) return "uint32";
  if (data instanceof BigUint64Array) return "uint64";
  throw new UsageError(
    `tensor: no dtype holds a ${(data as object).constructor.name}. Convert it to a Float32Array, or name the dtype.`,
  );
}

function fromNested(values: NestedNumbers, wanted: Dtype | undefined): Tensor {
  const shape = shapeOf(values);
  const flat: (number | boolean | bigint)[] = [];
  flatten(values, shape, 0, flat);
  const dtype = wanted ?? guessDtype(flat);
  if (dtype === "int64" || flat.some((value) => typeof value === "bigint")) {
    return fromTypedArray(BigInt64Array.from(flat, toBigInt), shape);
  }
  if (dtype === "bool")
    return fromTypedArray(
      Uint8Array.from(flat, (value) => (value ? 1 : 0)),
      shape,
      "bool",
    );
  // float64 holds every number of JavaScript; narrower dtypes are converted by libtorch, with its rounding
  const exact = fromTypedArray(Float64Array.from(flat, Number), shape);
  return dtype === "float64" ? exact : exact.to(dtype);
}

function guessDtype(flat: readonly (number | boolean | bigint)[]): Dtype {
  if (flat.length > 0 && flat.every((value) => typeof value === "boolean")) return "bool";
  return flat.some((value) => typeof value === "bigint") ? "int64" : getDefaultDtype();
}

function toBigInt(value: number | boolean | bigint): bigint {
  if (typeof value === "number" && !Number.isInteger(value)) {
    throw new UsageError(`tensor: int64 needs whole numbers, got ${value}. Round it, or use another dtype.`);
  }
  const whole = BigInt(value);
  if (BigInt.asIntN(64, whole) !== whole) {
    throw new UsageError(`tensor: int64 holds 64 bits, got ${value}. Use float64, which rounds.`);
  }
  return whole;
}

function shapeOf(values: NestedNumbers): number[] {
  const shape: number[] = [];
  for (let level = values; Array.isArray(level); level = level[0]!) {
    shape.push(level.length);
    if (level.length === 0) break;
  }
  return shape;
}

function flatten(
  values: NestedNumbers,
  shape: number[],
  dim: number,
  into: (number | boolean | bigint)[],
): void {
  if (!Array.isArray(values)) {
    if (dim !== shape.length)
      throw new ShapeError(
        `tensor: expected an array of ${shape[dim]} at depth ${dim}, got ${String(values)}. Make all rows equally deep.`,
      );
    if (typeof values !== "number" && typeof values !== "boolean" && typeof values !== "bigint") {
      throw new UsageError(
        `tensor: needs numbers, booleans or bigints, got ${describe(values)}. Convert the values first.`,
      );
    }
    into.push(values);
    return;
  }
  if (values.length !== shape[dim]) {
    throw new ShapeError(
      `tensor: expected ${shape[dim] ?? "a number"} at depth ${dim}, got an array of ${values.length}. Make all rows equally long.`,
    );
  }
  for (const value of values) flatten(value, shape, dim + 1, into);
}

function describe(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}
