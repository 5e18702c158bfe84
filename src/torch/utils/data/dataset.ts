// What a data set is, and the ones that are made of others.
import { Rng, UsageError } from "../../../base/index.ts";
import type { Tensor } from "../../tensor.ts";

/** What a data set may use to make an example. */
export interface ExampleContext {
  /** Draws from seed, epoch and index alone: an augmentation that uses it is the same after resuming. */
  rng: Rng;
  epoch: number;
}

/**
 * Gives examples by index, as torch.utils.data.Dataset; `get` may take its time, as one that reads files does.
 * What it makes on the way to its answer is freed where it answers at once; else the garbage collector frees it.
 */
export interface Dataset<T> {
  readonly length: number;
  get(index: number, context: ExampleContext): T | Promise<T>;
  /** Says how a worker thread makes an example; without it `numWorkers` of a `DataLoader` must be 0. */
  inWorker?(index: number): WorkerExample<T> | undefined;
}

/** Is an example as a worker thread finds it. */
export interface WorkerExample<T = any> {
  /** The same object for all examples of a data set: each thread makes its copy once. */
  copy: WorkerCopy<T>;
  /** In the copy. */
  index: number;
}

/** Says how a worker thread makes its own copy of a data set, whose examples are plain data: they are cloned. */
export interface WorkerCopy<T = any> {
  /** URL of a module of JavaScript. It should not import torch: nothing native is cloned. */
  module: string;
  /** The module's export that makes the copy of `args`: an object with `get(index, context)`. */
  make: string;
  /** Plain data. */
  args: unknown;
  /** Makes an example of what a thread's `get` returned. @default as it is */
  receive?(plain: any): T;
}

/**
 * Holds tensors whose first dimensions are equally long, and gives their rows.
 *
 * Shapes: `[rows, ...]` each -> a list of `[...]`.
 *
 * @example
 * const rows = new torch.utils.data.TensorDataset(torch.arange(6).view([3, 2]), torch.arange(3));
 * rows.get(1).map((row) => row.tolist()); // => [[2, 3], 1]
 */
export class TensorDataset implements Dataset<Tensor[]> {
  readonly tensors: readonly Tensor[];
  readonly length: number;

  constructor(...tensors: readonly Tensor[]) {
    const lengths = tensors.map((tensor) => tensor.shape[0]);
    if (lengths.length === 0 || lengths.some((length) => length === undefined || length !== lengths[0])) {
      throw new UsageError(
        `TensorDataset: the tensors must have equally many rows, got ${lengths.map((length) => length ?? "a scalar").join(", ") || "no tensor"}.`,
      );
    }
    this.tensors = tensors;
    this.length = lengths[0]!;
  }

  get(index: number): Tensor[] {
    return this.tensors.map((tensor) => tensor.select(0, index));
  }
}

/** Gives the examples of another data set at some indices, in their order. */
export class Subset<T> implements Dataset<T> {
  readonly dataset: Dataset<T>;
  readonly indices: ArrayLike<number>;

  constructor(dataset: Dataset<T>, indices: ArrayLike<number>) {
    for (const index of Array.from(indices)) {
      if (Number.isInteger(index) && index >= 0 && index < dataset.length) continue;
      throw new UsageError(
        `Subset: indices must lie within the ${dataset.length} examples of the data set, got ${index}.`,
      );
    }
    this.dataset = dataset;
    this.indices = indices;
  }

  get length(): number {
    return this.indices.length;
  }

  get(index: number, context: ExampleContext): T | Promise<T> {
    return this.dataset.get(this.indices[index]!, context);
  }

  inWorker(index: number): WorkerExample<T> | undefined {
    return this.dataset.inWorker?.(this.indices[index]!);
  }
}

/** Gives the examples of several data sets, one set after the other. */
export class ConcatDataset<T> implements Dataset<T> {
  readonly datasets: readonly Dataset<T>[];
  readonly length: number;

  constructor(datasets: readonly Dataset<T>[]) {
    this.datasets = datasets;
    this.length = datasets.reduce((sum, { length }) => sum + length, 0);
  }

  get(index: number, context: ExampleContext): T | Promise<T> {
    const [dataset, rest] = this.#find(index);
    return dataset.get(rest, context);
  }

  inWorker(index: number): WorkerExample<T> | undefined {
    const [dataset, rest] = this.#find(index);
    return dataset.inWorker?.(rest);
  }

  #find(index: number): [dataset: Dataset<T>, rest: number] {
    let rest = index;
    for (const dataset of this.datasets) {
      if (rest < dataset.length) return [dataset, rest];
      rest -= dataset.length;
    }
    throw new UsageError(`ConcatDataset: there are ${this.length} examples, got index ${index}.`);
  }
}

/**
 * Deals a data set out at random into parts of given lengths, or of given shares that come to 1: what rounding leaves
 * goes to the first parts, one each, as in torch. Another seed deals otherwise; it is not torch's own order.
 *
 * @example
 * torch.utils.data.randomSplit({ length: 10, get: (i) => i }, [0.7, 0.3]).map((part) => part.length); // => [7, 3]
 */
export function randomSplit<T>(
  dataset: Dataset<T>,
  lengths: readonly number[],
  { seed = 0 }: { seed?: number } = {},
): Subset<T>[] {
  const counts = wholeLengths(lengths, dataset.length);
  const indices = new Rng(seed).shuffle(Uint32Array.from({ length: dataset.length }, (_, index) => index));
  let start = 0;
  return counts.map((count) => new Subset(dataset, indices.slice(start, (start += count))));
}

function wholeLengths(lengths: readonly number[], total: number): number[] {
  const sum = lengths.reduce((a, b) => a + b, 0);
  const isBroken = lengths.some((length) => !(length >= 0));
  if (!isBroken && sum === total && lengths.every(Number.isInteger)) return [...lengths];
  if (isBroken || Math.abs(sum - 1) > 1e-9) {
    throw new UsageError(
      `randomSplit: the lengths must come to the ${total} examples of the data set, or as shares to 1, got ${lengths.join(" + ")} = ${sum}.`,
    );
  }
  const counts = lengths.map((share) => Math.floor(share * total));
  const left = total - counts.reduce((a, b) => a + b, 0);
  return counts.map((count, part) => count + Number(part < left));
}
