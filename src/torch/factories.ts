// Tensors from JavaScript values. Factories of libtorch (zeros, rand, ...) are generated.
import { isAnyArrayBuffer } from "node:util/types";
import { markAsUntransferable } from "node:worker_threads";
import { ShapeError, UsageError } from "../base/index.ts";
import { deviceOr, withGrad, wrap } from "./binding.ts";
import { dtypeCode, getDefaultDtype, integerBits, isComplex } from "./dtype.ts";
import type { Device, Dtype } from "./dtype.ts";
import { empty } from "./functions.generated.ts";
import { native } from "./native.ts";
import type { Complex, Scalar, TensorData } from "./native.ts";
import { isComplexScalar, isTensor } from "./operator-arguments.ts";
import type { NestedNumbers, Tensor } from "./tensor.ts";

export interface TensorOptions {
  dtype?: Dtype;
  device?: Device;
  requiresGrad?: boolean;
}

/** Numbers, tensors, or nested arrays of them. */
export type TensorValues = NestedNumbers | Tensor | readonly TensorValues[];

// libtorch's own limit of dimensions; a cyclic array would have no end
const maxDims = 64;

/**
 * Copies numbers into a tensor. Nested arrays give the shape; numbers are float32 unless `dtype` says
 * otherwise (JavaScript cannot tell 1 from 1.0), booleans bool, bigints int64, `{ re, im }` complex64. A typed
 * array keeps its type.
 *
 * @example
 * torch.tensor([[1, 2, 3], [4, 5, 6]]).shape; // => [2, 3]
 * torch.tensor([1n, 2n]).dtype; // => "int64"
 */
export function tensor(
  values: TensorValues | TensorData,
  { dtype, device, requiresGrad = false }: TensorOptions = {},
): Tensor {
  const made = isTensor(values)
    ? values.detach().clone()
    : ArrayBuffer.isView(values)
      ? fromTyped(values, true)
      : fromNested(values, dtype);
  const placed = place(made, dtype, device);
  return withGrad(placed, requiresGrad);
}

/**
 * Makes a tensor of anything, without a copy where it can: a tensor stays itself, and a typed array shares its memory.
 */
export function asTensor(
  values: TensorValues | TensorData,
  { dtype, device }: Omit<TensorOptions, "requiresGrad"> = {},
): Tensor {
  if (isTensor(values)) return place(values, dtype, device);
  return place(
    ArrayBuffer.isView(values) ? fromTyped(values, false) : fromNested(values, dtype),
    dtype,
    device,
  );
}

/** Makes a tensor of anything, as `asTensor` does; `copy: true` never shares memory, `copy: false` always. */
export function asarray(
  values: TensorValues | TensorData,
  { copy, dtype, device, requiresGrad = false }: TensorOptions & { copy?: boolean } = {},
): Tensor {
  const target = { ...(dtype && { dtype }), ...(device && { device }) };
  const made = copy === true ? tensor(values, target) : asTensor(values, target);
  const isShared = isTensor(values)
    ? made === values
    : ArrayBuffer.isView(values) && made.dtype === dtypeOf(values) && made.device === "cpu";
  if (copy === false && !isShared) {
    throw new UsageError(
      "asarray: copy: false needs a tensor or a typed array of the wanted dtype and device. Leave copy out to allow a copy.",
    );
  }
  const own =
    isTensor(values) && made === values && made.requiresGrad !== requiresGrad ? made.detach() : made;
  return withGrad(own, requiresGrad);
}

/**
 * Makes a tensor of `shape` from a typed array. `dtype` must be the array's own, or bool or a float of 8 or 16 bits
 * as bits, or complex as pairs. With `copy: false` both share the memory: writing to one changes the other, it
 * lives as long as either does, and the array's buffer cannot be transferred to another thread any more.
 */
export function fromTypedArray(
  data: TensorData,
  shape: readonly number[],
  dtype?: Dtype | { dtype?: Dtype; copy?: boolean },
): Tensor {
  const options = typeof dtype === "object" ? dtype : dtype === undefined ? {} : { dtype };
  const code = dtypeCode(options.dtype ?? dtypeOf(data));
  const bits = toBits(data);
  if (options.copy !== false) return wrap(native.fromData(bits, shape, code));
  pin(data);
  return wrap(native.shareData(bits, shape, code));
}

/**
 * Reads a buffer as a tensor of one dimension that shares its memory.
 *
 * @example
 * torch.frombuffer(new Float32Array([1, 2, 3]).buffer, { dtype: "float32", offset: 4 }).tolist(); // => [2, 3]
 */
export function frombuffer(
  buffer: ArrayBuffer,
  { dtype, count = -1, offset = 0, requiresGrad = false }: { dtype: Dtype; count?: number; offset?: number; requiresGrad?: boolean }, // prettier-ignore
): Tensor {
  if (!isAnyArrayBuffer(buffer)) {
    throw new UsageError(
      `frombuffer: needs an ArrayBuffer, got ${describe(buffer)}. Give array.buffer of a typed array.`,
    );
  }
  const { itemsize: size } = empty([0], { dtype });
  const length = count < 0 ? Math.floor((buffer.byteLength - offset) / size) : count;
  if (!(
    Number.isInteger(offset) &&
    offset >= 0 &&
    Number.isInteger(length) &&
    length >= 0 &&
    offset + length * size <= buffer.byteLength
  )) {
    throw new UsageError(
      `frombuffer: offset and count must lie in the buffer, got offset ${offset} and count ${count} of ${size} bytes each for ${buffer.byteLength} bytes.`,
    );
  }
  const bytes = fromTypedArray(new Uint8Array(buffer, offset, length * size), [length * size], {
    copy: false,
  });
  const made = length === 0 ? tensor([], { dtype, device: "cpu" }) : bytes.view(dtype);
  return withGrad(made, requiresGrad);
}

function place(made: Tensor, dtype: Dtype | undefined, device: Device | undefined): Tensor {
  const target = deviceOr(device);
  return dtype === undefined && target === undefined
    ? made
    : made.to({ ...(dtype && { dtype }), ...(target && { device: target }) });
}

function fromTyped(data: TensorData | ArrayBufferView, copy: boolean): Tensor {
  return fromTypedArray(data as TensorData, [(data as TensorData).length], { copy });
}

// Float16Array is there from Node 24 on
const Float16 = (globalThis as { Float16Array?: new () => ArrayBufferView }).Float16Array;

function isFloat16(data: ArrayBufferView): boolean {
  return Float16 !== undefined && data instanceof Float16;
}

function toBits(data: ArrayBufferView): ArrayBufferView {
  if (!isFloat16(data)) return data;
  return new Uint16Array(data.buffer, data.byteOffset, data.byteLength / 2);
}

/** Keeps the memory where it is, as a tensor will point into it. */
function pin({ buffer }: ArrayBufferView): void {
  if (!(buffer instanceof ArrayBuffer)) return; // shared memory never moves
  if ((buffer as { resizable?: boolean }).resizable === true) {
    throw new UsageError(
      "fromTypedArray: a resizable buffer cannot be shared with a tensor. Leave out copy: false.",
    );
  }
  markAsUntransferable(buffer);
  for (const name of ["transfer", "transferToFixedLength"]) {
    if (name in buffer) Object.defineProperty(buffer, name, { value: refuseTransfer });
  }
}

function refuseTransfer(): never {
  throw new UsageError("transfer: a tensor shares this buffer's memory. Copy it with slice() first.");
}

function dtypeOf(data: TensorData | ArrayBufferView): Dtype {
  if (data instanceof Float32Array) return "float32";
  if (data instanceof Float64Array) return "float64";
  if (data instanceof BigInt64Array) return "int64";
  if (data instanceof Int32Array) return "int32";
  if (data instanceof Int16Array) return "int16";
  if (data instanceof Int8Array) return "int8";
  if (data instanceof Uint8Array || data instanceof Uint8ClampedArray) return "uint8";
  if (data instanceof Uint16Array) return "uint16";
  if (data instanceof Uint32Array) return "uint32";
  if (data instanceof BigUint64Array) return "uint64";
  if (ArrayBuffer.isView(data) && isFloat16(data)) return "float16";
  throw new UsageError(
    `tensor: no dtype holds ${describe(data)}. Convert it to a Float32Array, or name the dtype.`,
  );
}

function fromNested(values: TensorValues, wanted: Dtype | undefined): Tensor {
  const shape = shapeOf(values);
  const flat: Scalar[] = [];
  flatten(values, shape, 0, flat);
  const dtype = wanted ?? guessDtype(flat);
  if (isComplex(dtype)) return ofExact(Float64Array.from(flat.flatMap(toPair)), shape, "complex128", dtype);
  const complex = flat.find(isComplexScalar);
  if (complex !== undefined) {
    throw new UsageError(
      `tensor: ${dtype} holds no complex numbers, got ${describe(complex)}. Use complex64.`,
    );
  }
  const real = flat as Exclude<Scalar, Complex>[];
  if (dtype === "bool") return ofExact(Uint8Array.from(real, toBit), shape, "bool", dtype);
  const integer = integerBits(dtype);
  if (integer !== undefined) {
    const whole = real.map((value) => toBigInt(value, dtype, integer));
    return integer.signed
      ? ofExact(BigInt64Array.from(whole), shape, "int64", dtype)
      : ofExact(BigUint64Array.from(whole), shape, "uint64", dtype);
  }
  // float64 holds every number of JavaScript; narrower dtypes are converted by libtorch, with its rounding
  return ofExact(Float64Array.from(real, Number), shape, "float64", dtype);
}

function ofExact(data: TensorData, shape: readonly number[], exact: Dtype, wanted: Dtype): Tensor {
  const made = fromTypedArray(data, shape, exact);
  return exact === wanted ? made : made.to(wanted);
}

function guessDtype(flat: readonly Scalar[]): Dtype {
  if (flat.some(isComplexScalar)) return getDefaultDtype() === "float64" ? "complex128" : "complex64";
  if (flat.length > 0 && flat.every((value) => typeof value === "boolean")) return "bool";
  return flat.some((value) => typeof value === "bigint") ? "int64" : getDefaultDtype();
}

function toBit(value: number | boolean | bigint): number {
  return value ? 1 : 0;
}

function toPair(value: Scalar): [number, number] {
  return isComplexScalar(value) ? [Number(value.re), Number(value.im)] : [Number(value), 0];
}

function toBigInt(
  value: number | boolean | bigint,
  dtype: Dtype,
  { bits, signed }: { bits: number; signed: boolean },
): bigint {
  if (typeof value === "number" && !Number.isInteger(value)) {
    throw new UsageError(
      `tensor: ${dtype} needs whole numbers, got ${value}. Round it, or use another dtype.`,
    );
  }
  const whole = BigInt(value);
  if ((signed ? BigInt.asIntN(bits, whole) : BigInt.asUintN(bits, whole)) !== whole) {
    const range = signed ? `${bits} bits` : `${bits} bits without a sign`;
    throw new UsageError(`tensor: ${dtype} holds ${range}, got ${value}. Use float64, which rounds.`);
  }
  return whole;
}

function shapeOf(values: TensorValues): number[] {
  const shape: number[] = [];
  let level: TensorValues | undefined = values;
  for (; Array.isArray(level); level = (level as readonly TensorValues[])[0]) {
    shape.push(level.length);
    if (shape.length > maxDims) {
      throw new ShapeError(
        `tensor: arrays are nested more than ${maxDims} deep. Check for an array that holds itself.`,
      );
    }
    if (level.length === 0) break;
  }
  return isTensor(level) ? [...shape, ...level.shape] : shape;
}

function flatten(values: TensorValues, shape: readonly number[], dim: number, into: Scalar[]): void {
  if (isTensor(values)) return flatten(values.tolist(), shape, dim, into);
  if (!Array.isArray(values)) {
    if (dim !== shape.length) {
      throw new ShapeError(
        `tensor: expected an array of ${shape[dim]} at depth ${dim}, got ${String(values)}. Make all rows equally deep.`,
      );
    }
    if (!isNumeric(values)) {
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
  for (const value of values as readonly TensorValues[]) flatten(value, shape, dim + 1, into);
}

function isNumeric(value: unknown): value is Scalar {
  return (
    typeof value === "number" ||
    typeof value === "boolean" ||
    typeof value === "bigint" ||
    isComplexScalar(value)
  );
}

function describe(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (ArrayBuffer.isView(value)) return `a ${value.constructor.name}`;
  if (isComplexScalar(value)) return `{ re: ${value.re}, im: ${value.im} }`;
  return typeof value === "object" && value !== null ? "an object" : String(value);
}
