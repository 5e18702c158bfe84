// Batches of a data set: which examples stand in which is a function of seed and epoch, so that resuming needs no replay.
import { Rng, UsageError, invariant } from "../../../base/index.ts";
import { scope } from "../../scope.ts";
import { defaultCollate } from "./collate.ts";
import type { Collated } from "./collate.ts";
import type { Dataset, WorkerExample } from "./dataset.ts";
import { exampleRng } from "./example-rng.ts";
import { Permutation } from "./permutation.ts";
import { WeightedRandomSampler } from "./sampler.ts";
import type { Sampler } from "./sampler.ts";
import { WorkerPool } from "./worker-pool.ts";

/** Is the place of the batch that comes next. */
export interface LoaderPosition {
  epoch: number;
  /** Batches of the epoch that have been given. */
  batch: number;
}

/** Says how a `DataLoader` batches; names are torch's. */
export interface DataLoaderOptions<T, B = Collated<T>> {
  /** @default 1 */
  batchSize?: number;
  /** Draws the examples in another order each epoch. @default false */
  shuffle?: boolean;
  /** Leaves out a last batch that would not be full. @default false */
  dropLast?: boolean;
  /** Seed of order and augmentation. @default 0 */
  seed?: number;
  /** Chooses the examples of an epoch and their order. @default all of them, in the order that `shuffle` says */
  sampler?: Sampler<T>;
  /** Draws examples, with replacement, in proportion to these weights, one an example: a `WeightedRandomSampler`. */
  weights?: ArrayLike<number>;
  /** Batches, of each worker, that are asked for ahead of their use; data sets that answer later then work side by side. @default 2 */
  prefetchFactor?: number;
  /** Threads that make examples; the data set says how, by `inWorker`. The order is the same for any number. @default 0 */
  numWorkers?: number;
  /** Keeps the threads from one epoch to the next. @default false */
  persistentWorkers?: boolean;
  /** Puts examples together. It runs in a tensor scope: what it does not return is freed. @default defaultCollate */
  collateFn?: (examples: T[]) => B;
}

/**
 * Gives the batches of a data set, epoch after epoch; a loop over it goes through one epoch.
 * Batches belong to whoever takes them: dispose of their tensors, as the trainer does.
 *
 * @example
 * const rows = new torch.utils.data.TensorDataset(torch.arange(10));
 * const loader = new torch.utils.data.DataLoader(rows, { batchSize: 4 });
 * const sizes = [];
 * for await (const [x] of loader) sizes.push(x.shape[0]);
 * sizes; // => [4, 4, 2]
 */
export class DataLoader<T, B = Collated<T>> implements AsyncIterable<B> {
  readonly dataset: Dataset<T>;
  readonly batchSize: number;
  readonly options: Readonly<DataLoaderOptions<T, B>>;
  /** Batches of an epoch. */
  readonly length: number;
  readonly #sampler: Sampler<T> | undefined;
  /** Examples of an epoch. */
  readonly #numSamples: number;
  #position: LoaderPosition = { epoch: 0, batch: 0 };
  #order: { epoch: number; at: (place: number) => number } | undefined;
  /** Batches that are under way or ready, by their place; no more than are asked for ahead. */
  readonly #ahead = new Map<string, Promise<unknown[]>>();
  readonly #pool: WorkerPool | undefined;
  /** Whether the data set answers later; unknown before the first example. */
  #isAsync: boolean | undefined;

  constructor(dataset: Dataset<T>, options: DataLoaderOptions<T, B> = {}) {
    const { batchSize = 1, dropLast = false, prefetchFactor = 2, numWorkers = 0 } = options;
    requireWhole("batchSize", batchSize, 1);
    requireWhole("prefetchFactor", prefetchFactor, 0);
    requireWhole("numWorkers", numWorkers, 0);
    if (numWorkers > 0) {
      requireWorkerCopy(dataset);
      this.#pool = new WorkerPool(numWorkers);
    }
    this.dataset = dataset;
    this.options = options;
    this.batchSize = batchSize;
    this.#sampler = samplerOf(options);
    this.#numSamples = dataset.length;
    if (this.#sampler !== undefined) {
      const { length, at } = this.#sampled(0);
      this.#numSamples = length;
      this.#order = { epoch: 0, at };
    }
    this.length = (dropLast ? Math.floor : Math.ceil)(this.#numSamples / batchSize);
    if (this.length === 0) {
      throw new UsageError(
        `DataLoader: there must be one batch at least, got ${this.#numSamples} examples at a batchSize of ${batchSize}` +
          `${dropLast ? ", and dropLast leaves out what is not full" : ""}.`,
      );
    }
  }

  /** Place of the next batch, for a checkpoint. */
  get position(): LoaderPosition {
    return { ...this.#position };
  }

  /** Goes to a place, as after loading a checkpoint. */
  seek({ epoch, batch }: LoaderPosition): void {
    requireWhole("epoch", epoch, 0);
    requireWhole("batch", batch, 0);
    this.#position = { epoch, batch };
    this.#ahead.clear();
  }

  /** Returns the next batch of the epoch; undefined at its end, after which the next epoch begins. */
  async next(): Promise<B | undefined> {
    const { epoch, batch } = this.#position;
    if (batch >= this.length) {
      this.#position = { epoch: epoch + 1, batch: 0 };
      return undefined;
    }
    this.#position = { epoch, batch: batch + 1 };
    const collate = this.options.collateFn ?? (defaultCollate as unknown as (examples: T[]) => B);
    if (this.#pool === undefined && !this.#answersLater(epoch, batch)) {
      const { done, value } = scope(() => this.#makeBatch(epoch, batch, collate));
      if (done) return value;
      this.#isAsync = true; // a cache that missed, say: it answers later from now on
    }
    const examples = this.#fetch(epoch, batch);
    const { prefetchFactor = 2, numWorkers = 0 } = this.options;
    const last = Math.min(batch + prefetchFactor * Math.max(1, numWorkers), this.length - 1);
    for (let next = batch + 1; next <= last; next++) this.#fetch(epoch, next);
    try {
      const ready = await examples;
      if (batch === this.length - 1 && this.options.persistentWorkers !== true) await this.close();
      return scope(() =>
        collate(this.#pool === undefined ? (ready as T[]) : this.#receive(epoch, batch, ready)),
      );
    } finally {
      this.#ahead.delete(`${epoch}/${batch}`);
    }
  }

  /** Ends the worker threads; the next batch starts them again. A process does not wait for them either way. */
  async close(): Promise<void> {
    if (this.#pool === undefined) return;
    this.#ahead.clear();
    await this.#pool.close();
  }

  /** Gives the batches that are left of the present epoch. */
  async *[Symbol.asyncIterator](): AsyncGenerator<B> {
    for (let batch = await this.next(); batch !== undefined; batch = await this.next()) yield batch;
  }

  /** Asks for an example to see whether it comes at once; those that do are made within the batch's scope. */
  #answersLater(epoch: number, batch: number): boolean {
    if (this.#isAsync === undefined) {
      const example = this.#get(this.#rows(epoch, batch)[0]!, epoch);
      this.#isAsync = example instanceof Promise;
      if (example instanceof Promise) example.catch(() => {}); // asked for again below
    }
    return this.#isAsync;
  }

  #makeBatch(epoch: number, batch: number, collate: (examples: T[]) => B): { done: boolean; value?: B } {
    const examples: T[] = [];
    for (const row of this.#rows(epoch, batch)) {
      const example = this.#get(row, epoch);
      if (example instanceof Promise) {
        example.catch(() => {});
        return { done: false };
      }
      examples.push(example);
    }
    return { done: true, value: collate(examples) };
  }

  #fetch(epoch: number, batch: number): Promise<unknown[]> {
    const key = `${epoch}/${batch}`;
    let examples = this.#ahead.get(key);
    if (examples === undefined) {
      examples =
        this.#pool === undefined
          ? Promise.all(Array.from(this.#rows(epoch, batch), async (row) => this.#get(row, epoch)))
          : this.#askWorkers(this.#pool, epoch, batch);
      examples.catch(() => {}); // whoever takes the batch sees the failure
      this.#ahead.set(key, examples);
    }
    return examples;
  }

  #askWorkers(pool: WorkerPool, epoch: number, batch: number): Promise<unknown[]> {
    const requests = Array.from(this.#rows(epoch, batch), (row) => ({ ...this.#inWorker(row), row }));
    return pool.make(requests, { seed: this.options.seed ?? 0, epoch });
  }

  #receive(epoch: number, batch: number, plain: readonly unknown[]): T[] {
    return Array.from(this.#rows(epoch, batch), (row, i) => {
      const { receive } = this.#inWorker(row).copy;
      return receive === undefined ? (plain[i] as T) : (receive(plain[i]) as T);
    });
  }

  #inWorker(row: number): WorkerExample<T> {
    const example = this.dataset.inWorker?.(row);
    invariant(example !== undefined, "a data set that workers make has an example that they cannot make");
    return example;
  }

  #get(row: number, epoch: number): T | Promise<T> {
    return this.dataset.get(row, { epoch, rng: exampleRng(this.options.seed ?? 0, row, epoch) });
  }

  #rows(epoch: number, batch: number): Uint32Array {
    const start = batch * this.batchSize;
    const end = Math.min(start + this.batchSize, this.#numSamples);
    const order = this.#orderOf(epoch);
    return Uint32Array.from({ length: end - start }, (_, i) => order(start + i));
  }

  #orderOf(epoch: number): (place: number) => number {
    if (this.#order?.epoch !== epoch) this.#order = { epoch, at: this.#draw(epoch) };
    return this.#order.at;
  }

  /** Returns which example stands at which place of an epoch. */
  #draw(epoch: number): (place: number) => number {
    if (this.#sampler !== undefined) return this.#sampled(epoch).at;
    const { length } = this.dataset;
    if (this.options.shuffle !== true) return (place) => place;
    const rng = this.#rng(epoch);
    if (length > largestDealt) {
      const permutation = new Permutation(length, rng);
      return (place) => permutation.at(place);
    }
    const order = rng.shuffle(Uint32Array.from({ length }, (_, index) => index));
    return (place) => order[place]!;
  }

  #rng(epoch: number): Rng {
    return new Rng(this.options.seed ?? 0, 2 * epoch);
  }

  /** Asks the sampler for the order of an epoch. */
  #sampled(epoch: number): { length: number; at: (place: number) => number } {
    const { length } = this.dataset;
    const order = this.#sampler!.order(this.dataset, { epoch, rng: this.#rng(epoch) });
    const name = this.#sampler!.constructor.name;
    if (epoch > 0 && order.length !== this.#numSamples)
      throw new UsageError(
        `${name}.order: every epoch must have ${this.#numSamples} examples as the first, got ${order.length} in epoch ${epoch}.`,
      );
    const at = (place: number): number => {
      const index = order.at(place);
      if (index !== undefined && Number.isInteger(index) && index >= 0 && index < length) return index;
      throw new UsageError(
        `${name}.order: indices must lie within the ${length} examples of the data set, got ${index}.`,
      );
    };
    return { length: order.length, at };
  }
}

/** Most examples that are shuffled all at once; of more, a run that goes on would wait for the order of all. */
const largestDealt = 2 ** 20;

function samplerOf<T>({ sampler, weights, shuffle }: DataLoaderOptions<T, any>): Sampler<T> | undefined {
  const given = Object.entries({ sampler, weights, shuffle: shuffle === true ? true : undefined });
  const [first, second] = given.flatMap(([name, value]) => (value === undefined ? [] : [name]));
  if (second !== undefined)
    throw new UsageError(`DataLoader: ${first} and ${second} each say which examples come. Leave one out.`);
  return weights === undefined ? sampler : new WeightedRandomSampler({ weights });
}

function requireWorkerCopy(dataset: Dataset<unknown>): void {
  if (dataset.length === 0 || dataset.inWorker?.(0) !== undefined) return;
  const name = dataset.constructor.name === "Object" ? "the data set" : dataset.constructor.name;
  throw new UsageError(
    `DataLoader: numWorkers needs a data set that says how a worker makes its examples, ${name} has no inWorker. Add it, or set numWorkers to 0.`,
  );
}

function requireWhole(name: string, value: number, min: number): void {
  if (Number.isInteger(value) && value >= min) return;
  throw new UsageError(`DataLoader: ${name} must be a whole number from ${min}, got ${value}.`);
}
