// The tensor: a handle to libtorch's, with the generated operators as methods. Factories: ./factories.ts.
import { ShapeError } from "../base/index.ts";
import { backward } from "./autograd/backward.ts";
import type { BackwardOptions } from "./autograd/backward.ts";
import { nodeOf, registerAccumulatedHook, registerTensorHook } from "./autograd/hooks.ts";
import type { AccumulatedHook, GraphNode, RemovableHandle, TensorHook } from "./autograd/hooks.ts";
import { setTensorClass, wrapOrNull } from "./binding.ts";
import { dtypeCode, dtypeName, isComplex, isFloatingPoint, layoutName, memoryFormatCode } from "./dtype.ts";
import type { Device, Dtype, Layout, MemoryFormat } from "./dtype.ts";
import { native, whenLoaded } from "./native.ts";
import type { Scalar, TensorData } from "./native.ts";
import * as ops from "./ops.generated.ts";
import { formatTensor } from "./format.ts";
import { TensorMembers } from "./tensor-members.ts";

/** Nested numbers, as `tolist` gives them. */
export type NestedNumbers = Scalar | NestedNumbers[];

let contiguousIn: number;
whenLoaded((addon) => (contiguousIn = addon.findOp("aten::is_contiguous", "memory_format")));

// symbols cannot be cloned, and the error shows their text
const neverSent = Symbol("a tensor belongs to its thread: post torch.shareMemory(x) instead");

/**
 * Holds numbers of one dtype in a grid of any number of dimensions, with gradients.
 *
 * Operators are methods (`x.add(y)`) and functions (`torch.add(x, y)`). Memory: see `torch.scope`.
 *
 * @example
 * const x = torch.tensor([[1, 2], [3, 4]], { requiresGrad: true });
 * x.mul(x).sum().backward();
 * x.grad?.tolist(); // => [[2, 4], [6, 8]]
 */
export class Tensor extends TensorMembers {
  /** The addon's number for this tensor; not to be kept apart from it. */
  readonly handle: number;
  /** Makes `postMessage` and `structuredClone` throw: what they would send is a number without its tensor. */
  readonly ofThread = neverSent;

  constructor(handle: number) {
    super();
    this.handle = handle;
  }

  get shape(): number[] {
    return native.shape(this.handle);
  }

  get dtype(): Dtype {
    return dtypeName(native.dtype(this.handle));
  }

  get device(): Device {
    return native.device(this.handle);
  }

  /** Number of dimensions. */
  get ndim(): number {
    return native.shape(this.handle).length;
  }

  /** Number of elements. */
  get numel(): number {
    return native.numel(this.handle);
  }

  /** Bytes that the elements take. */
  get nbytes(): number {
    return native.nbytes(this.handle);
  }

  /** Bytes that one element takes. */
  get itemsize(): number {
    return native.itemsize(this.handle);
  }

  get strides(): number[] {
    return native.strides(this.handle);
  }

  get layout(): Layout {
    return layoutName(native.layout(this.handle));
  }

  get isContiguous(): boolean {
    return native.isContiguous(this.handle);
  }

  /**
   * Returns whether the elements lie in memory in the order of a format; `isContiguous` tells it of row-major order.
   *
   * @example
   * torch.ones(1, 3, 2, 2).to({ memoryFormat: "channels_last" }).isContiguousIn("channels_last"); // => true
   */
  isContiguousIn(memoryFormat: Exclude<MemoryFormat, "preserve">): boolean {
    return native.call(contiguousIn, this.handle, memoryFormatCode(memoryFormat)) as boolean;
  }

  get isDisposed(): boolean {
    return native.isDisposed(this.handle);
  }

  /** Returns the length of one dimension (negative counts from the end), or of all. */
  size(): number[];
  size(dim: number): number;
  size(dim?: number): number | number[] {
    return dim === undefined ? this.shape : this.#along("size", this.shape, dim);
  }

  /** Returns the step of one dimension in elements (negative counts from the end), or of all. */
  stride(): number[];
  stride(dim: number): number;
  stride(dim?: number): number | number[] {
    return dim === undefined ? this.strides : this.#along("stride", this.strides, dim);
  }

  #along(name: string, values: readonly number[], dim: number): number {
    const value = values.at(dim);
    if (value === undefined || !Number.isInteger(dim)) {
      const { shape } = this;
      throw new ShapeError(
        `${name}: dim must be in [${-shape.length}, ${shape.length - 1}], got ${String(dim)} for shape [${shape.join(", ")}].`,
      );
    }
    return value;
  }

  get requiresGrad(): boolean {
    return native.requiresGrad(this.handle);
  }

  /** Sets in place whether gradients are recorded for this leaf; refused in functions that `torch.func` transforms. */
  requiresGrad_(flag = true): this {
    native.checkRequiresGradAllowed();
    native.setRequiresGrad(this.handle, flag);
    return this;
  }

  get isLeaf(): boolean {
    return native.isLeaf(this.handle);
  }

  /** The gradient that `backward` accumulated, or null. */
  get grad(): Tensor | null {
    return wrapOrNull(native.grad(this.handle));
  }

  set grad(gradient: Tensor | null) {
    native.setGrad(this.handle, gradient?.handle ?? 0);
  }

  /** Keeps `.grad` of this tensor even though it is not a leaf. */
  retainGrad(): void {
    native.retainGrad(this.handle);
  }

  /** Accumulates gradients into the leaves; `gradient` is needed where this is not a scalar. */
  backward(gradient?: Tensor, options: BackwardOptions = {}): void {
    backward(this, gradient, options);
  }

  /** The node of the graph that made this tensor; null for a leaf. */
  get gradFn(): GraphNode | null {
    return nodeOf(native.gradFn(this.handle));
  }

  /** How often this tensor was changed in place, its views counted with it. */
  get version(): number {
    return native.tensorVersion(this.handle);
  }

  /**
   * Calls `hook` with each gradient of this tensor; a tensor that it returns takes the gradient's place.
   *
   * @example
   * const x = torch.ones([1], { requiresGrad: true });
   * const handle = x.registerHook((gradient) => gradient.mul(10));
   * x.mul(2).backward();
   * handle.remove();
   * x.grad?.item(); // => 20
   */
  registerHook(hook: TensorHook): RemovableHandle {
    return registerTensorHook(this, hook);
  }

  /** Calls `hook` with this leaf each time that its `.grad` was accumulated, as for an optimizer step in backward. */
  registerPostAccumulateGradHook(hook: AccumulatedHook): RemovableHandle {
    return registerAccumulatedHook(this, hook);
  }

  /**
   * Returns this tensor in another dtype or on another device, or as another tensor is; itself where nothing changes.
   *
   * @example
   * torch.ones([2]).to("cpu", "int64").dtype; // => "int64"
   */
  override to(
    target: Dtype | Device | Tensor | ConversionOptions,
    ...more: (Dtype | ConversionOptions)[]
  ): Tensor {
    const { dtype, device, copy = false, nonBlocking = false, memoryFormat } = readTarget([target, ...more]);
    const options = { copy, nonBlocking, ...(memoryFormat && { memoryFormat }) };
    if (device !== undefined && device !== this.device) {
      return ops.toDevice(this, device, dtype ?? this.dtype, options);
    }
    if ((dtype === undefined || dtype === this.dtype) && !copy && memoryFormat === undefined) return this;
    return ops.toDtype(this, dtype ?? this.dtype, options);
  }

  /** Returns the elements' dtype, or this tensor converted to another. */
  type(): Dtype;
  type(dtype: Dtype): Tensor;
  type(dtype?: Dtype): Dtype | Tensor {
    return dtype === undefined ? this.dtype : this.to(dtype);
  }

  /** Returns the only element: a number, a boolean, a bigint for integers beyond 2^53, or `{ re, im }`. Waits for the device. */
  item<T extends Scalar = number>(): T {
    return native.item(this.handle) as T;
  }

  /** Copies the elements out in row-major order: bits for bfloat16 and floats of 8 bits, pairs for complex. */
  data(): TensorData {
    return asFloat16(native.toData(this.handle), this);
  }

  /** Views the elements without a copy: writing to one changes the other. Contiguous CPU tensors only. */
  dataView(): TensorData {
    return asFloat16(native.viewData(this.handle), this);
  }

  /** Copies the elements into nested arrays of numbers, complex ones as `{ re, im }`. */
  tolist(): NestedNumbers {
    const flat = this.#numbers();
    return nest(flat, this.shape, 0, { next: 0 });
  }

  /** Whether both start at the same memory, as tied weights do. */
  sharesStorageWith(other: Tensor): boolean {
    return native.sameStorage(this.handle, other.handle);
  }

  /** Frees the memory now instead of with its scope or at garbage collection. */
  dispose(): void {
    native.dispose(this.handle);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  override toString(): string {
    return formatTensor(this);
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.isDisposed ? "Tensor(disposed)" : this.toString();
  }

  /** Returns the printed form: what `JSON.stringify` and the differences of a test runner show. Values: `tolist`. */
  toJSON(): string {
    return this.isDisposed ? "Tensor(disposed)" : this.toString();
  }

  #numbers(): ArrayLike<Scalar> {
    const { dtype } = this;
    if (dtype === "bool") return Array.from(this.data() as Uint8Array, Boolean);
    if (dtype === "int64" || dtype === "uint64") return Array.from(this.data() as BigInt64Array, fromBigInt);
    if (isComplex(dtype)) {
      const pairs = this.detach().to("complex128").data() as Float64Array;
      return Array.from({ length: pairs.length / 2 }, (_, i) => ({
        re: pairs[2 * i]!,
        im: pairs[2 * i + 1]!,
      }));
    }
    if (isFloatingPoint(dtype) && this.itemsize < 4)
      return this.detach().to("float32").data() as Float32Array;
    return this.data() as Float32Array;
  }
}

/** What `to` may change. */
export interface ConversionOptions {
  dtype?: Dtype;
  device?: Device;
  /** Copies even where nothing changes. @default false */
  copy?: boolean;
  /** Does not wait for a copy from page-locked memory. @default false */
  nonBlocking?: boolean;
  memoryFormat?: MemoryFormat;
}

setTensorClass(Tensor);

// Float16Array is there from Node 24 on; before, float16 shows as its bits
const Float16 = (globalThis as { Float16Array?: Float16Constructor }).Float16Array;
type Float16Constructor = new (buffer: ArrayBufferLike, offset: number, length: number) => TensorData;

function asFloat16(data: TensorData, { dtype }: Tensor): TensorData {
  if (Float16 === undefined || dtype !== "float16") return data;
  return new Float16(data.buffer, data.byteOffset, data.length);
}

function fromBigInt(value: bigint): number | bigint {
  return BigInt.asIntN(54, value) === value ? Number(value) : value;
}

function nest(
  flat: ArrayLike<Scalar>,
  shape: number[],
  dim: number,
  position: { next: number },
): NestedNumbers {
  if (dim === shape.length) return flat[position.next++]!;
  return Array.from({ length: shape[dim]! }, () => nest(flat, shape, dim + 1, position));
}

function readTarget(given: readonly (Dtype | Device | Tensor | ConversionOptions)[]): ConversionOptions {
  return Object.assign({}, ...given.map(readPart)) as ConversionOptions;
}

function readPart(part: Dtype | Device | Tensor | ConversionOptions): ConversionOptions {
  if (part instanceof Tensor) return { dtype: part.dtype, device: part.device };
  if (typeof part !== "string") return part;
  return /^(cpu|cuda|mps|meta)(:\d+)?$/.test(part)
    ? { device: part }
    : { dtype: dtypeName(dtypeCode(part as Dtype)) };
}
