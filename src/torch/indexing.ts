// Indexing as Python's `x[0, 1:5, mask, None, ...]`, by the steps of torch/csrc/autograd/python_variable_indexing.cpp:
// views first, then one `index` with all tensors.
import { ShapeError, UsageError } from "../base/index.ts";
import { wrap } from "./binding.ts";
import { tensor } from "./factories.ts";
import { native } from "./native.ts";
import type { Scalar } from "./native.ts";
import { isScalar, isTensor } from "./operator-arguments.ts";
import { rawOp } from "./raw.ts";
import type { NestedNumbers, Tensor } from "./tensor.ts";

/** A range of one dimension, made by `slice`. */
export class Slice {
  readonly start: number | null;
  readonly stop: number | null;
  readonly step: number;

  constructor(start: number | null, stop: number | null, step: number) {
    this.start = start;
    this.stop = stop;
    this.step = step;
  }
}

/** Stands for as many whole dimensions as an index leaves over, Python's `...`. */
export const ellipsis: unique symbol = Symbol("torch.ellipsis");

/**
 * One place of an index: a number takes one of a dimension, a slice a range, null adds a dimension, a tensor or a list
 * picks elements (a mask, where it holds booleans), `true` and `false` add a dimension of one or of none.
 */
export type Index = number | bigint | boolean | null | typeof ellipsis | Slice | Tensor | NestedNumbers[];

/**
 * Makes a range for `at` and `setAt` with Python's rules: one argument is the stop, negative ones count from the end,
 * null leaves an end open.
 *
 * @example
 * torch.arange(6).at(torch.slice(1, null, 2)).tolist(); // => [1, 3, 5]
 */
export function slice(stop: number | null): Slice;
export function slice(start: number | null, stop: number | null, step?: number): Slice;
export function slice(...ends: [(number | null)?, (number | null)?, number?]): Slice {
  const [start = null, stop = null, step = 1] = ends.length === 1 ? [null, ends[0]] : ends;
  for (const end of [start, stop]) {
    if (end !== null && !Number.isInteger(end)) {
      throw new UsageError(`slice: start and stop must be whole numbers or null, got ${String(end)}.`);
    }
  }
  if (!Number.isInteger(step) || step <= 0) {
    throw new UsageError(
      `slice: step must be greater than zero, got ${String(step)}. Use x.flip() to turn around.`,
    );
  }
  return new Slice(start, stop, step);
}

const ops = {
  alias: rawOp("alias"),
  copy: rawOp("copy_"),
  index: rawOp("index", "Tensor"),
  indexPut: rawOp("index_put_"),
  select: rawOp("select", "int"),
  slice: rawOp("slice", "Tensor"),
  unsqueeze: rawOp("unsqueeze"),
  view: rawOp("view"),
} as const;

/** Returns what `indices` takes of `x`: a view, or a copy where tensors, lists or booleans are among them. */
export function getItem(x: Tensor, indices: readonly Index[]): Tensor {
  const { handle, picks } = follow("at", x, indices);
  if (picks.length === 0) return wrap(handle === x.handle ? (ops.alias(handle) as number) : handle);
  try {
    return wrap(ops.index(handle, handlesOf(picks)) as number);
  } finally {
    if (handle !== x.handle) native.dispose(handle);
  }
}

/** Writes `value` to what `indices` takes of `x`, broadcast to its shape. */
export function setItem(
  x: Tensor,
  indices: readonly Index[],
  value: Tensor | Scalar | NestedNumbers[],
): void {
  const given = isTensor(value) ? value : tensor(value, { dtype: x.dtype, device: x.device });
  const { handle, picks } = follow("setAt", x, indices);
  // leading ones of the value may exceed the place, as in NumPy
  const extra = given.shape.findIndex((length) => length !== 1);
  const rest = extra < 0 ? given.shape.slice(given.ndim) : given.shape.slice(extra);
  const source = ops.view(given.handle, rest) as number;
  try {
    if (picks.length === 0) ops.copy(handle, source);
    else ops.indexPut(handle, handlesOf(picks), source);
  } finally {
    native.dispose(source);
    if (handle !== x.handle) native.dispose(handle);
  }
}

interface Followed {
  /** Of the view that numbers, slices and null give; `x`'s own where there were none. */
  handle: number;
  /** Tensor for each dimension of the view that one picks from. */
  picks: (Tensor | null)[];
}

function follow(caller: string, x: Tensor, indices: readonly Index[]): Followed {
  if (!Array.isArray(indices)) {
    throw new UsageError(
      `${caller}: the index must be an array of places, got ${describe(indices)}. Write x.setAt([0], value).`,
    );
  }
  const { shape } = x;
  const places = indices.map((index) => toPlace(caller, index));
  const specified = places.reduce<number>((count, place) => count + dimsOf(place), 0);
  if (specified > shape.length) {
    throw new ShapeError(
      `${caller}: too many indices for a tensor of dimension ${shape.length}, got ${specified}.`,
    );
  }
  if (places.filter((place) => place === ellipsis).length > 1) {
    throw new UsageError(`${caller}: an index can have one ellipsis, got several.`);
  }
  let handle = x.handle;
  const view = (made: unknown) => {
    if (handle !== x.handle) native.dispose(handle);
    handle = made as number;
  };
  const picks: (Tensor | null)[] = [];
  let dim = 0; // of the view
  let source = 0; // of x
  const advance = (count: number) => {
    dim += count;
    if (picks.length > 0) picks.push(...Array<null>(count).fill(null));
  };
  // a mask is one entry although it stands for several dimensions
  const pick = (choice: Tensor, dims: number) => {
    if (picks.length === 0) picks.push(...Array<null>(dim).fill(null));
    picks.push(choice);
    dim += dims;
  };
  for (const place of places) {
    if (typeof place === "number") {
      const length = shape[source]!;
      if (place >= length || place < -length) {
        if (handle !== x.handle) native.dispose(handle);
        throw new ShapeError(
          `${caller}: index ${place} is out of bounds for dimension ${source} with size ${length}.`,
        );
      }
      view(ops.select(handle, dim, place));
      source++;
    } else if (place instanceof Slice) {
      const { start, stop, step } = place;
      if (start !== null || stop !== null || step !== 1) view(ops.slice(handle, dim, start, stop, step));
      advance(1);
      source++;
    } else if (place === ellipsis) {
      advance(shape.length - specified);
      source += shape.length - specified;
    } else if (place === null) {
      view(ops.unsqueeze(handle, dim));
      advance(1);
    } else if (typeof place === "boolean") {
      view(ops.unsqueeze(handle, dim));
      pick(tensor(place ? [0n] : [], { dtype: "int64", device: x.device }), 1);
    } else {
      pick(place, dimsOf(place));
      source += dimsOf(place);
    }
  }
  return { handle, picks };
}

type Place = number | boolean | null | typeof ellipsis | Slice | Tensor;

function toPlace(caller: string, index: Index): Place {
  if (index === null || typeof index === "boolean" || index === ellipsis || index instanceof Slice)
    return index;
  if (typeof index === "number" || typeof index === "bigint") {
    if (Number.isInteger(Number(index))) return Number(index);
  } else if (isTensor(index)) {
    return toTensorPlace(caller, index);
  } else if (Array.isArray(index)) {
    const list = tensor(index, {
      dtype: index.length > 0 && isMask(index) ? "bool" : "int64",
      device: "cpu",
    });
    return toTensorPlace(caller, list);
  }
  throw new UsageError(
    `${caller}: an index must be a whole number, slice(), null, ellipsis, a boolean, a list or a tensor, got ${describe(index)}.`,
  );
}

function isMask(list: NestedNumbers): boolean {
  if (!Array.isArray(list)) return typeof list === "boolean";
  // not every(): it would walk through all holes of a sparse array
  for (const item of list) if (!isMask(item)) return false;
  return true;
}

function toTensorPlace(caller: string, index: Tensor): Place {
  const { dtype, ndim } = index;
  if (!["int64", "int32", "int16", "int8", "uint8", "bool"].includes(dtype)) {
    throw new UsageError(
      `${caller}: tensors used as indices must hold integers or booleans, got ${dtype}. Use x.long().`,
    );
  }
  if (ndim > 0) return index;
  return dtype === "bool" || dtype === "uint8" ? Boolean(index.item()) : Number(index.item());
}

/** How many dimensions of the indexed tensor a place stands for. */
function dimsOf(place: Place): number {
  if (typeof place === "number" || place instanceof Slice) return 1;
  if (!isTensor(place)) return 0;
  return place.dtype === "bool" || place.dtype === "uint8" ? place.ndim : 1;
}

function handlesOf(picks: readonly (Tensor | null)[]): (number | null)[] {
  return picks.map((choice) => choice?.handle ?? null);
}

function describe(value: unknown): string {
  if (typeof value === "object" || typeof value === "function") return `a value of type ${typeof value}`;
  return isScalar(value) ? String(value) : typeof value === "string" ? JSON.stringify(value) : typeof value;
}
