// The tensor: a handle to libtorch's, with the generated operators as methods. Factories: ./factories.ts.
import { ShapeError, UsageError } from "../base/index.ts";
import { backward } from "./autograd/backward.ts";
import type { BackwardOptions } from "./autograd/backward.ts";
import { nodeOf, registerAccumulatedHook, registerTensorHook } from "./autograd/hooks.ts";
import type { AccumulatedHook, GraphNode, RemovableHandle, TensorHook } from "./autograd/hooks.ts";
import { setTensorClass, wrapOrNull } from "./binding.ts";
import { dtypeCode, dtypeName } from "./dtype.ts";
import type { Device, Dtype } from "./dtype.ts";
import { native } from "./native.ts";
import type { TensorData } from "./native.ts";
import { TensorMethods } from "./ops.generated.ts";
import * as ops from "./ops.generated.ts";
import { formatTensor } from "./format.ts";

/** Nested numbers, as `tolist` gives them. */
export type NestedNumbers = number | boolean | bigint | NestedNumbers[];

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
export class Tensor extends TensorMethods {
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

  get strides(): number[] {
    return native.strides(this.handle);
  }

  get isContiguous(): boolean {
    return native.isContiguous(this.handle);
  }

  get isDisposed(): boolean {
    return native.isDisposed(this.handle);
  }

  /** Length of one dimension; negative counts from the end. */
  size(dim: number): number {
    const { shape } = this;
    const length = shape.at(dim);
    if (length === undefined) {
      throw new ShapeError(
        `size: dim must be in [${-shape.length}, ${shape.length - 1}], got ${dim} for shape [${shape.join(", ")}].`,
      );
    }
    return length;
  }

  get requiresGrad(): boolean {
    return native.requiresGrad(this.handle);
  }

  /** Sets in place whether gradients are recorded for this leaf. */
  requiresGrad_(flag = true): this {
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

  /** Returns this tensor in another dtype or on another device; itself where nothing changes. */
  to(target: Dtype | Device | { dtype?: Dtype; device?: Device; copy?: boolean }): Tensor {
    const { dtype, device, copy } = typeof target === "string" ? parseTarget(target) : target;
    if (device !== undefined && device !== this.device) {
      return ops.toDevice(this, device, dtype ?? this.dtype, { copy: copy ?? false });
    }
    return dtype === undefined
      ? copy === true
        ? this.clone()
        : this
      : ops.toDtype(this, dtype, { copy: copy ?? false });
  }

  float(): Tensor {
    return this.to("float32");
  }

  double(): Tensor {
    return this.to("float64");
  }

  long(): Tensor {
    return this.to("int64");
  }

  bool(): Tensor {
    return this.to("bool");
  }

  cpu(): Tensor {
    return this.to("cpu");
  }

  /** Returns the only element: a number, a boolean, or a bigint for integers beyond 2^53. Waits for the device. */
  item(): number {
    return native.item(this.handle) as number;
  }

  /** Copies the elements out in row-major order: bits for floats of 8 and 16 bits, pairs for complex. */
  data(): TensorData {
    return native.toData(this.handle);
  }

  /** Views the elements without a copy: writing to one changes the other. Contiguous CPU tensors only. */
  dataView(): TensorData {
    return native.viewData(this.handle);
  }

  /** Copies the elements into nested arrays of numbers. */
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

  #numbers(): ArrayLike<number | bigint | boolean> {
    const { dtype } = this;
    if (dtype === "bool") return Array.from(this.data() as Uint8Array, Boolean);
    if (dtype === "int64") return Array.from(this.data() as BigInt64Array, fromBigInt);
    if (dtype === "uint64") return Array.from(this.data() as BigUint64Array, fromBigInt);
    if (dtype === "bfloat16" || dtype === "float16" || dtype.startsWith("float8"))
      return this.detach().float().data() as Float32Array;
    if (dtype.startsWith("complex")) {
      throw new UsageError(
        "tolist: complex numbers have no JavaScript type. Use torch.viewAsReal(x).tolist().",
      );
    }
    return this.data() as Float32Array;
  }
}

setTensorClass(Tensor);

function fromBigInt(value: bigint): number | bigint {
  return BigInt.asIntN(54, value) === value ? Number(value) : value;
}

function nest(
  flat: ArrayLike<number | bigint | boolean>,
  shape: number[],
  dim: number,
  position: { next: number },
): NestedNumbers {
  if (dim === shape.length) return flat[position.next++]!;
  return Array.from({ length: shape[dim]! }, () => nest(flat, shape, dim + 1, position));
}

function parseTarget(target: string): { dtype?: Dtype; device?: Device; copy?: boolean } {
  return /^(cpu|cuda|mps|meta)(:\d+)?$/.test(target)
    ? { device: target }
    : { dtype: dtypeName(dtypeCode(target as Dtype)) };
}
