// vmap: a function of one example becomes one of a batch, by libtorch's batching rules; after torch/_functorch/vmap.py.
import { ShapeError, UsageError } from "../../base/index.ts";
import { wrap } from "../binding.ts";
import { native } from "../native.ts";
import { cat } from "../ops.generated.ts";
import { getRngState, setRngState } from "../random.ts";
import { Tensor } from "../tensor.ts";
import { atLevel, synchronous } from "./level.ts";
import { flatten, spread } from "./tree.ts";
import type { Flat } from "./tree.ts";

/** A dimension for every tensor, null for tensors without one, or either for each part of nested values. */
export type Dims = number | null | readonly Dims[] | { readonly [name: string]: Dims };

/** Options of `vmap`. */
export interface VmapOptions {
  /** The dimension of each argument along which the examples lie; null for what all examples share. @default 0 */
  inDims?: Dims;
  /** Where the examples lie in each output. @default 0 */
  outDims?: Dims;
  /** What random operators inside do: refuse, draw for each example, or draw once for all. @default "error" */
  randomness?: "error" | "different" | "same";
  /** Computes so many examples at a time, for less memory; null takes all at once. @default null */
  chunkSize?: number | null;
}

/**
 * Makes a function of one example into one of a batch of them. Inside, tensors look as if they had no batch dimension;
 * each operator runs once, on the whole batch. Nests, and takes what the other transforms return.
 *
 * Arguments and outputs may be nested in arrays, plain objects and maps. The function may not read numbers out of its
 * tensors (`item`, `tolist`), as each example has another.
 *
 * Shapes: an argument `[batch, ...]` is `[...]` inside; an output `[...]` comes back as `[batch, ...]`.
 *
 * @example
 * const dots = torch.func.vmap((x: Tensor, y: Tensor) => x.dot(y));
 * dots(torch.ones([3, 2]), torch.ones([3, 2])).tolist(); // => [2, 2, 2]
 */
export function vmap<Args extends unknown[], Result>(
  run: (...args: Args) => Result,
  { inDims = 0, outDims = 0, randomness = "error", chunkSize = null }: VmapOptions = {},
): (...args: Args) => Result {
  if (!["error", "different", "same"].includes(randomness)) {
    throw new UsageError(
      `vmap: randomness must be "error", "different" or "same", got ${JSON.stringify(randomness)}.`,
    );
  }
  if (chunkSize !== null && !(Number.isInteger(chunkSize) && chunkSize > 0)) {
    throw new UsageError(`vmap: chunkSize must be a positive integer or null, got ${chunkSize}.`);
  }
  return (...args) => {
    const { leaves, rebuild } = flatten(args);
    const dims = checkDims(inDims, args, leaves);
    const size = batchSize(dims, leaves);
    const over = (some: readonly unknown[], count: number): Result =>
      atLevel(
        () => native.pushVmap(count, randomness),
        (level) => {
          const inside = some.map((leaf, i) =>
            dims[i] === null ? leaf : wrap(native.addBatchDim((leaf as Tensor).handle, dims[i]!, level)),
          );
          const returned = synchronous("vmap", run(...(rebuild(inside) as Args)));
          return takeOut(returned, outDims, level, count);
        },
      );
    if (chunkSize === null || chunkSize >= size) return over(leaves, size);
    const state = randomness === "same" ? getRngState() : undefined;
    const chunks: Result[] = [];
    for (let start = 0; start < size; start += chunkSize) {
      const count = Math.min(chunkSize, size - start);
      const some = leaves.map((leaf, i) =>
        dims[i] === null ? leaf : (leaf as Tensor).narrow(dims[i]!, start, count),
      );
      if (state !== undefined) setRngState(state); // every example draws the same
      chunks.push(over(some, count));
    }
    return join(chunks, outDims);
  };
}

function checkDims(inDims: Dims, args: unknown[], leaves: unknown[]): (number | null)[] {
  if (leaves.length === 0) throw new UsageError("vmap: the function must have inputs, got none.");
  const dims = spread(inDims, args);
  if (dims === undefined) {
    throw new UsageError(
      `vmap: inDims must be nested as the ${args.length} inputs are, got ${JSON.stringify(inDims)}. Give one dimension or null per input.`,
    );
  }
  return dims.map((dim, i) => {
    if (dim === null) return null;
    const leaf = leaves[i];
    if (!(leaf instanceof Tensor)) {
      throw new UsageError(
        `vmap: an input with a batch dimension must be a Tensor, got ${typeof leaf} for inDims ${JSON.stringify(inDims)}. Give null as its dimension.`,
      );
    }
    if (!Number.isInteger(dim) || (dim as number) < -leaf.ndim || (dim as number) >= leaf.ndim) {
      throw new ShapeError(
        `vmap: inDims must be in [${-leaf.ndim}, ${leaf.ndim - 1}] or null, got ${JSON.stringify(dim)} for an input of shape [${leaf.shape.join(", ")}].`,
      );
    }
    return (dim as number) < 0 ? (dim as number) + leaf.ndim : (dim as number);
  });
}

function batchSize(dims: readonly (number | null)[], leaves: readonly unknown[]): number {
  const sizes = dims.flatMap((dim, i) => (dim === null ? [] : [(leaves[i] as Tensor).size(dim)]));
  const [size] = sizes;
  if (size === undefined) {
    throw new UsageError("vmap: at least one input must have a batch dimension, got inDims without any.");
  }
  if (sizes.some((other) => other !== size)) {
    throw new ShapeError(`vmap: the batch dimensions must have one size, got ${sizes.join(", ")}.`);
  }
  return size;
}

function outDimsOf(outDims: Dims, returned: unknown): unknown[] {
  const dims = spread(outDims, returned) ?? (returned instanceof Tensor ? onlyOne(outDims) : undefined);
  if (dims === undefined) {
    throw new UsageError(
      `vmap: outDims must be nested as the outputs are, got ${JSON.stringify(outDims)}. Give one dimension or null per output.`,
    );
  }
  return dims;
}

/** A list of one dimension stands for a single output too. */
function onlyOne(outDims: Dims): unknown[] | undefined {
  return Array.isArray(outDims) && outDims.length === 1 ? (outDims as unknown[]) : undefined;
}

function takeOut<Result>(returned: Result, outDims: Dims, level: number, size: number): Result {
  const { leaves, rebuild } = flatten(returned);
  const dims = outDimsOf(outDims, returned);
  const outputs = leaves.map((leaf, i) => {
    const dim = dims[i];
    if (dim === null) {
      if (leaf instanceof Tensor && native.isBatched(leaf.handle)) {
        throw new UsageError(
          "vmap: an output that differs between examples must have a dimension, got outDims null.",
        );
      }
      return leaf;
    }
    if (!(leaf instanceof Tensor)) {
      throw new UsageError(
        `vmap: the function must return tensors, got ${leaf === null ? "null" : typeof leaf}. Give null in outDims for other outputs.`,
      );
    }
    if (!Number.isInteger(dim)) {
      throw new UsageError(`vmap: outDims must hold integers and null, got ${JSON.stringify(dim)}.`);
    }
    return wrap(native.removeBatchDim(leaf.handle, level, size, dim as number));
  });
  return rebuild(outputs) as Result;
}

function join<Result>(chunks: readonly Result[], outDims: Dims): Result {
  const parts = chunks.map(flatten);
  const [first] = parts as [Flat, ...Flat[]];
  const joined = outDimsOf(outDims, chunks[0]).map((dim, i) => {
    if (dim === null) return first.leaves[i];
    const tensors = parts.map(({ leaves }) => leaves[i] as Tensor);
    return cat(tensors, dim as number);
  });
  return first.rebuild(joined) as Result;
}
