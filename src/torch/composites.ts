// Functions that PyTorch writes in Python on top of operators (torch/functional.py), with its arguments and results.
import { ShapeError, UsageError } from "../base/index.ts";
import * as torch from "./functions.generated.ts";
import { matrixNorm, vectorNorm } from "./linalg.generated.ts";
import type { Dtype } from "./dtype.ts";
import { wrap } from "./binding.ts";
import { isOptions, isTensor } from "./operator-arguments.ts";
import { rawOp } from "./raw.ts";
import type { Tensor } from "./tensor.ts";

/** Tensors as arguments, or one list of them. */
type TensorsOrList = [readonly Tensor[]] | Tensor[];

function listOf(given: TensorsOrList): readonly Tensor[] {
  return given.length === 1 && Array.isArray(given[0])
    ? (given[0] as readonly Tensor[])
    : (given as Tensor[]);
}

/** Tells whether a value is a tensor. */
export { isTensor };

/** Returns the number of elements. */
export function numel(input: Tensor): number {
  return input.numel;
}

/**
 * Sums products of elements along the dimensions that share a letter.
 *
 * @example
 * const x = torch.ones([2, 3]);
 * torch.einsum("ij,kj->ik", x, x).tolist(); // => [[3, 3], [3, 3]]
 */
export function einsum(equation: string, ...operands: TensorsOrList): Tensor {
  return torch.einsum(equation, listOf(operands));
}

/** Expands tensors to one shape; the results are views. */
export function broadcastTensors(...tensors: TensorsOrList): Tensor[] {
  return torch.broadcastTensors(listOf(tensors));
}

/**
 * Returns the shape that tensors of these shapes broadcast to.
 *
 * @example
 * torch.broadcastShapes([2, 1], [3]); // => [2, 3]
 */
export function broadcastShapes(...shapes: (readonly number[])[]): number[] {
  for (const shape of shapes) checkSizes("broadcastShapes", shape);
  const ndim = Math.max(0, ...shapes.map((shape) => shape.length));
  const result = Array<number>(ndim).fill(1);
  for (const shape of shapes) {
    for (const [i, length] of shape.entries()) {
      const at = ndim - shape.length + i;
      if (length === 1 || length === result[at]) continue;
      if (result[at] !== 1) {
        throw new ShapeError(
          `broadcastShapes: shapes must agree or be 1 in each dimension, got ${shapes.map((s) => `[${s.join(", ")}]`).join(" and ")}.`,
        );
      }
      result[at] = length;
    }
  }
  return result;
}

function checkSizes(caller: string, sizes: readonly number[]): void {
  for (const size of sizes) {
    if (Number.isInteger(size) && size >= 0) continue;
    throw new ShapeError(`${caller}: a shape holds whole numbers from 0 on, got ${String(size)}.`);
  }
}

/** Builds a matrix with these along its diagonal. */
export function blockDiag(...tensors: TensorsOrList): Tensor {
  return torch.blockDiag(listOf(tensors));
}

/** Returns every combination of one element from each of the vectors. */
export function cartesianProd(...tensors: TensorsOrList): Tensor {
  return torch.cartesianProd(listOf(tensors));
}

/** Multiplies matrices in the order that costs least. */
export function chainMatmul(...matrices: TensorsOrList): Tensor {
  return torch.chainMatmul(listOf(matrices));
}

/** Makes grids of coordinates from vectors. */
export function meshgrid(
  ...tensors: [...TensorsOrList, { indexing?: "ij" | "xy" }] | TensorsOrList
): Tensor[] {
  const last = tensors.at(-1);
  const isNamed = !isTensor(last) && !Array.isArray(last);
  const { indexing = "ij" } = isNamed ? (last as { indexing?: "ij" | "xy" }) : {};
  return torch.meshgrid(listOf((isNamed ? tensors.slice(0, -1) : tensors) as TensorsOrList), { indexing });
}

/**
 * Sums products over several dimensions at once: the last `dims` of `a` with the first `dims` of `b`, or the dimensions
 * that two lists name.
 *
 * @default dims = 2
 */
export function tensordot(
  a: Tensor,
  b: Tensor,
  dims:
    | number
    | readonly [readonly number[], readonly number[]]
    | { dims?: number | readonly [readonly number[], readonly number[]] } = 2,
): Tensor {
  const wanted =
    typeof dims === "object" && "dims" in dims
      ? (dims.dims ?? 2)
      : (dims as number | readonly [readonly number[], readonly number[]]);
  if (typeof wanted !== "number") return torch.tensordot(a, b, wanted[0], wanted[1]);
  if (!Number.isInteger(wanted) || wanted < 0 || wanted > Math.min(a.ndim, b.ndim)) {
    throw new UsageError(`tensordot: dims must be between 0 and ${Math.min(a.ndim, b.ndim)}, got ${wanted}.`);
  }
  const count = Array.from({ length: wanted }, (_, i) => i);
  return torch.tensordot(
    a,
    b,
    count.map((i) => i - wanted),
    count,
  );
}

/** What `norm` takes by name. */
export interface NormOptions {
  dim?: number | readonly number[] | null;
  /** @default false */
  keepdim?: boolean;
  dtype?: Dtype | null;
}

/**
 * Returns a norm: of the elements for a number `p` and `"fro"`, of matrices for `"nuc"`.
 *
 * @default p = "fro"
 */
export function norm(
  input: Tensor,
  p: number | "fro" | "nuc" | NormOptions | null = "fro",
  dim: number | readonly number[] | NormOptions | null = null,
  keepdim: boolean | NormOptions = false,
): Tensor {
  const options: NormOptions = { dim: null, keepdim: false, dtype: null };
  let order: number | "fro" | "nuc" = "fro";
  if (isOptions(p)) Object.assign(options, p);
  else if (p !== null) order = p as number | "fro" | "nuc";
  if (isOptions(dim)) Object.assign(options, dim);
  else if (dim !== null) options.dim = dim as number | readonly number[];
  if (isOptions(keepdim)) Object.assign(options, keepdim);
  else if (keepdim) options.keepdim = true;
  const dims = typeof options.dim === "number" ? [options.dim] : (options.dim ?? null);
  const { keepdim: keeps = false, dtype = null } = options;
  if (order === "nuc") return matrixNorm(input, "nuc", dims ?? [0, 1], keeps, { dtype });
  if (order !== "fro" && typeof order !== "number") {
    throw new UsageError(`norm: p must be a number, "fro" or "nuc", got ${JSON.stringify(order)}.`);
  }
  return vectorNorm(input, order === "fro" ? 2 : order, dims, keeps, { dtype });
}

/** What `unique` takes by name. */
export interface UniqueOptions {
  /** @default true */
  sorted?: boolean;
  /** Also gives the index in the result of each element. @default false */
  returnInverse?: boolean;
  /** Also gives how often each is there. @default false */
  returnCounts?: boolean;
  /** Compares slices along this dimension; elements where it is left out. */
  dim?: number | null;
}

const unique2 = rawOp("_unique2");
const uniqueDim = rawOp("unique_dim");

/**
 * Returns the values that occur, and by name their inverse indices and counts.
 *
 * @example
 * const [values, counts] = torch.unique(torch.tensor([3n, 1n, 3n]), { returnCounts: true });
 * values.tolist(); // => [1, 3]
 * counts.tolist(); // => [1, 2]
 */
export function unique(
  input: Tensor,
  options: UniqueOptions & ({ returnInverse: true } | { returnCounts: true }),
): Tensor[];
export function unique(input: Tensor, options?: UniqueOptions): Tensor;
export function unique(
  input: Tensor,
  { sorted = true, returnInverse = false, returnCounts = false, dim = null }: UniqueOptions = {},
): Tensor | Tensor[] {
  const made =
    dim === null
      ? unique2(input.handle, sorted, returnInverse, returnCounts)
      : uniqueDim(input.handle, dim, sorted, returnInverse, returnCounts);
  return chosen((made as number[]).map(wrap), returnInverse, returnCounts);
}

/** Drops elements that equal the one before them, and gives by name their inverse indices and counts. */
export function uniqueConsecutive(input: Tensor, options: Omit<UniqueOptions, "sorted"> & ({ returnInverse: true } | { returnCounts: true })): Tensor[]; // prettier-ignore
export function uniqueConsecutive(input: Tensor, options?: Omit<UniqueOptions, "sorted">): Tensor;
export function uniqueConsecutive(
  input: Tensor,
  { returnInverse = false, returnCounts = false, dim = null }: Omit<UniqueOptions, "sorted"> = {},
): Tensor | Tensor[] {
  return chosen(
    torch.uniqueConsecutive(input, returnInverse, returnCounts, dim),
    returnInverse,
    returnCounts,
  );
}

function chosen([values, inverse, counts]: readonly Tensor[], wantsInverse: boolean, wantsCounts: boolean) {
  const results = [values!];
  if (wantsInverse) results.push(inverse!);
  else inverse!.dispose();
  if (wantsCounts) results.push(counts!);
  else counts!.dispose();
  return results.length === 1 ? values! : results;
}

/**
 * Turns indices into a flattened tensor of `shape` into one tensor of coordinates for each dimension.
 *
 * @example
 * torch.unravelIndex(torch.tensor([5n]), [2, 3]).map((x) => x.item()); // => [1, 2]
 */
export function unravelIndex(indices: Tensor, shape: number | readonly number[]): Tensor[] {
  const sizes = typeof shape === "number" ? [shape] : shape;
  if (indices.isFloatingPoint() || indices.dtype === "bool" || indices.isComplex()) {
    throw new UsageError(`unravelIndex: needs integer indices, got ${indices.dtype}. Use x.long().`);
  }
  checkSizes("unravelIndex", sizes);
  let step = sizes.reduce((product, size) => product * size, 1);
  return sizes.map((size) => {
    step = size === 0 ? 1 : step / size;
    return indices.div(step, { roundingMode: "floor" }).remainder(size);
  });
}

const cdistModes: Readonly<Record<string, number | null>> = {
  use_mm_for_euclid_dist_if_necessary: null,
  use_mm_for_euclid_dist: 1,
  donot_use_mm_for_euclid_dist: 2,
};

/** Returns the distance of every row of `x1` to every row of `x2`. */
export function cdist(
  x1: Tensor,
  x2: Tensor,
  p: number | { p?: number; computeMode?: string } = 2,
  options: { computeMode?: string } = {},
): Tensor {
  const order = typeof p === "number" ? p : (p.p ?? 2);
  const { computeMode = "use_mm_for_euclid_dist_if_necessary" } = typeof p === "number" ? options : p;
  if (!Object.hasOwn(cdistModes, computeMode)) {
    throw new UsageError(
      `cdist: computeMode must be one of ${Object.keys(cdistModes).join(", ")}, got ${computeMode}.`,
    );
  }
  return torch.cdist(x1, x2, order, cdistModes[computeMode]!);
}

/**
 * Returns the number of the device that holds a tensor; -1 on the CPU.
 *
 * @example
 * torch.getDevice(torch.ones([1])); // => -1
 */
export function getDevice(input: Tensor): number {
  return input.getDevice();
}
