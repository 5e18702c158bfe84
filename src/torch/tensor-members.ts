// Members of Tensor that stand on operators: conversions, parts of complex numbers, what PyTorch writes in Python
// (torch/_tensor.py). The handle and what the addon tells of it: ./tensor.ts.
import { UsageError } from "../base/index.ts";
import { norm, unique, uniqueConsecutive } from "./composites.ts";
import { wrapList } from "./binding.ts";
import type { NormOptions, UniqueOptions } from "./composites.ts";
import { isComplex, isFloatingPoint } from "./dtype.ts";
import type { Device, Dtype, Layout } from "./dtype.ts";
import { tensor } from "./factories.ts";
import type { TensorOptions, TensorValues } from "./factories.ts";
import * as torch from "./functions.generated.ts";
import { TensorMethods } from "./methods.generated.ts";
import { getItem, setItem } from "./indexing.ts";
import type { Index } from "./indexing.ts";
import type { Scalar, TensorData } from "./native.ts";
import { rawOp } from "./raw.ts";
import type { NestedNumbers, Tensor } from "./tensor.ts";

const luWithInfo = rawOp("_lu_with_info");

/** Is the part of `Tensor` that is written by hand on top of operators. */
export abstract class TensorMembers extends TensorMethods {
  abstract readonly dtype: Dtype;
  abstract readonly device: Device;
  abstract readonly layout: Layout;
  abstract readonly itemsize: number;
  abstract readonly numel: number;
  abstract readonly ndim: number;
  abstract to(target: Dtype | Device): Tensor;

  /**
   * Returns the LU factorization of matrices with partial pivoting, packed, and the pivots from 1 on; with `getInfos` also
   * which diagonal element of U is the first zero, 0 for none. PyTorch's older form of `linalg.luFactor`; `torch.luUnpack`
   * unpacks it.
   *
   * Shapes: `[..., m, n]` -> LU `[..., m, n]`, pivots `[..., min(m, n)]`, infos `[...]`.
   *
   * @example
   * torch.tensor([[2, 1], [1, 3]]).lu()[0].tolist(); // => [[2, 1], [0.5, 2.5]]
   */
  lu(options?: { pivot?: boolean; getInfos?: false }): [LU: Tensor, pivots: Tensor];
  lu(options: { pivot?: boolean; getInfos: true }): [LU: Tensor, pivots: Tensor, infos: Tensor];
  lu({ pivot = true, getInfos = false }: { pivot?: boolean; getInfos?: boolean } = {}): Tensor[] {
    const self = this as unknown as Tensor;
    const results = wrapList(luWithInfo(self.handle, pivot, !getInfos) as number[]);
    return getInfos ? results : results.slice(0, 2);
  }

  // conversions; each returns this tensor where it is of that dtype already

  /** Converts to float32. */
  float(): Tensor {
    return this.to("float32");
  }

  /** Converts to float64. */
  double(): Tensor {
    return this.to("float64");
  }

  /** Converts to float16. */
  half(): Tensor {
    return this.to("float16");
  }

  /** Converts to bfloat16. */
  bfloat16(): Tensor {
    return this.to("bfloat16");
  }

  /** Converts to int64. */
  long(): Tensor {
    return this.to("int64");
  }

  /** Converts to int32. */
  int(): Tensor {
    return this.to("int32");
  }

  /** Converts to int16. */
  short(): Tensor {
    return this.to("int16");
  }

  /** Converts to int8. */
  char(): Tensor {
    return this.to("int8");
  }

  /** Converts to uint8. */
  byte(): Tensor {
    return this.to("uint8");
  }

  /** Converts to bool. */
  bool(): Tensor {
    return this.to("bool");
  }

  /** Converts to complex64. */
  cfloat(): Tensor {
    return this.to("complex64");
  }

  /** Converts to complex128. */
  cdouble(): Tensor {
    return this.to("complex128");
  }

  /** Returns this tensor in main memory. */
  cpu(): Tensor {
    return this.to("cpu");
  }

  /** Returns this tensor on a GPU, the current one where no index is given. */
  cuda(index?: number): Tensor {
    return this.to(index === undefined ? "cuda" : `cuda:${index}`);
  }

  /** The real parts, as a view; the tensor itself where it is real. */
  get real(): Tensor {
    const own = this as unknown as Tensor;
    return isComplex(this.dtype) ? torch.real(own) : own;
  }

  /** The imaginary parts, as a view. */
  get imag(): Tensor {
    return torch.imag(this as unknown as Tensor);
  }

  get isCpu(): boolean {
    return this.device === "cpu";
  }

  get isCuda(): boolean {
    return this.device.startsWith("cuda");
  }

  /** Whether the tensor has a shape and a dtype, but no elements. */
  get isMeta(): boolean {
    return this.device === "meta";
  }

  get isSparse(): boolean {
    return this.layout === "sparse_coo";
  }

  get isSparseCsr(): boolean {
    return this.layout === "sparse_csr";
  }

  get isNested(): boolean {
    return this.layout === "jagged";
  }

  /** Returns the number of dimensions, as `ndim`. */
  dim(): number {
    return this.ndim;
  }

  /** Returns the number of dimensions, as `ndim`. */
  ndimension(): number {
    return this.ndim;
  }

  /** Returns the number of elements, as `numel`. */
  nelement(): number {
    return this.numel;
  }

  /** Returns the bytes that one element takes, as `itemsize`. */
  elementSize(): number {
    return this.itemsize;
  }

  /** Whether the elements have fractions. */
  isFloatingPoint(): boolean {
    return isFloatingPoint(this.dtype);
  }

  /** Returns a norm: of the elements for a number `p` and `"fro"`, of matrices for `"nuc"`. @default p = "fro" */
  norm(
    p?: number | "fro" | "nuc" | NormOptions | null,
    dim?: number | readonly number[] | NormOptions | null,
    keepdim?: boolean | NormOptions,
  ): Tensor {
    return norm(this as unknown as Tensor, p, dim, keepdim);
  }

  /** Returns the values that occur; see `torch.unique`. */
  unique(options: UniqueOptions & ({ returnInverse: true } | { returnCounts: true })): Tensor[];
  unique(options?: UniqueOptions): Tensor;
  unique(options?: UniqueOptions): Tensor | Tensor[] {
    return unique(this as unknown as Tensor, options);
  }

  /** Drops elements that equal the one before them; see `torch.uniqueConsecutive`. */
  uniqueConsecutive(
    options: Omit<UniqueOptions, "sorted"> & ({ returnInverse: true } | { returnCounts: true }),
  ): Tensor[];
  uniqueConsecutive(options?: Omit<UniqueOptions, "sorted">): Tensor;
  uniqueConsecutive(options?: Omit<UniqueOptions, "sorted">): Tensor | Tensor[] {
    return uniqueConsecutive(this as unknown as Tensor, options);
  }

  /** Copies values into a new tensor of this dtype on this device. */
  newTensor(values: TensorValues | TensorData, options: TensorOptions = {}): Tensor {
    return tensor(values, { dtype: this.dtype, device: this.device, ...options });
  }

  /**
   * Returns a part of this tensor, as Python's `x[...]`: a view, or a copy where lists, masks or tensors pick elements.
   *
   * @example
   * const x = torch.arange(12).reshape([3, 4]);
   * x.at(-1).tolist(); // => [8, 9, 10, 11]
   * x.at(torch.ellipsis, torch.slice(1, 3)).tolist(); // => [[1, 2], [5, 6], [9, 10]]
   * x.at([0, 2], null).shape; // => [2, 1, 4]
   */
  at(...index: Index[]): Tensor {
    return getItem(this as unknown as Tensor, index);
  }

  /**
   * Writes to a part of this tensor, as Python's `x[...] = value`; the value is broadcast.
   *
   * @example
   * torch.zeros([2, 2]).setAt([torch.ellipsis, 0], 1).tolist(); // => [[1, 0], [1, 0]]
   */
  setAt(index: readonly Index[], value: Tensor | Scalar | NestedNumbers[]): this {
    setItem(this as unknown as Tensor, index, value);
    return this;
  }

  /** Replaces each element by what `change` makes of it; slow, and for CPU tensors alone. */
  apply_(change: (value: Scalar) => Scalar): this {
    return this.#fill([this as unknown as Tensor], change as (...values: Scalar[]) => Scalar, "apply_");
  }

  /** Replaces each element by what `change` makes of it and of `other`'s; slow, and for CPU tensors alone. */
  map_(other: Tensor, change: (own: Scalar, other: Scalar) => Scalar): this {
    return this.#fill([this as unknown as Tensor, other], change, "map_");
  }

  /** Replaces each element by what `change` makes of it, of `x`'s and of `y`'s; slow, and for CPU tensors alone. */
  map2_(x: Tensor, y: Tensor, change: (own: Scalar, x: Scalar, y: Scalar) => Scalar): this {
    return this.#fill([this as unknown as Tensor, x, y], change, "map2_");
  }

  #fill(operands: readonly Tensor[], change: (...values: Scalar[]) => Scalar, name: string): this {
    const own = operands[0]!;
    if (operands.some(({ device }) => device !== "cpu")) {
      throw new UsageError(`${name}: works on CPU tensors alone. Call x.cpu() first, or use operators.`);
    }
    const columns = operands.map((x) => x.expand(own.shape).reshape([-1]).tolist() as Scalar[]);
    const changed = columns[0]!.map((_, i) => change(...columns.map((column) => column[i]!)));
    own.copy_(tensor(changed, { dtype: own.dtype }).reshape(own.shape));
    return this;
  }
}
