// Several streams as one, in given proportions.
import { Rng, UsageError } from "../../base/index.ts";
import type { RowStream, StreamRow } from "./row-stream.ts";

/** When an epoch of a mixture ends; names are those of Hugging Face's `interleave_datasets`. */
export type StoppingStrategy = "first_exhausted" | "all_exhausted";

/** Says how often each of several streams is drawn from, and when that ends. */
export interface MixOptions {
  /** Shares of the sources, in any unit. @default equal */
  weights?: readonly number[];
  /** Ends with the source that is out of rows first, or goes on, beginning sources anew, until all have been. @default "first_exhausted" */
  stopping?: StoppingStrategy;
  /** @default 0 */
  seed?: number;
}

/** Rows among which each source has its share to the row; their order is drawn. */
const blockRows = 1000;

/**
 * Interleaves streams. Of any thousand rows each source has its share (of small ones
 * one row at least), so how many rows of which source come before a place follows from the weights alone: nothing is
 * replayed to go on from there.
 *
 * @example
 * const mixed = new MixedStream([news, mails], { weights: [3, 1], stopping: "all_exhausted" });
 * mixed.counts; // rows of each source in an epoch
 */
export class MixedStream implements RowStream {
  readonly length: number;
  /** Rows of each source in an epoch. */
  readonly counts: readonly number[];
  readonly #sources: readonly RowStream[];
  /** Rows of each source in a block. */
  readonly #shares: readonly number[];
  readonly #seed: number;

  constructor(
    sources: readonly RowStream[],
    { weights, stopping = "first_exhausted", seed = 0 }: MixOptions = {},
  ) {
    const given = weights ?? sources.map(() => 1);
    const total = given.reduce((sum, weight) => sum + weight, 0);
    if (sources.length === 0 || given.length !== sources.length)
      throw new UsageError(
        `MixedStream: there must be a weight for each source, got ${given.length} for ${sources.length}.`,
      );
    if (sources.length > blockRows)
      throw new UsageError(`MixedStream: there may be at most ${blockRows} sources, got ${sources.length}.`);
    if (!given.every((weight) => weight > 0 && weight < Infinity))
      throw new UsageError(
        `MixedStream: weights must be above 0, got ${given.join(", ")}. Leave out sources that are not wanted.`,
      );
    this.#sources = sources;
    this.#shares = apportion(given.map((weight) => (blockRows * weight) / total));
    this.#seed = seed;
    this.length = this.#lengthOf(stopping);
    this.counts = this.#countsBefore(0, this.length);
  }

  async *read(epoch: number, start = 0): AsyncGenerator<StreamRow> {
    const taken = this.#countsBefore(epoch, start);
    const readers = this.#sources.map((source, index) => readOn(source, epoch, taken[index]!));
    try {
      for (let at = start; at < this.length;) {
        const block = Math.floor(at / blockRows);
        const order = this.#orderOf(epoch, block);
        const end = Math.min(this.length, (block + 1) * blockRows);
        for (; at < end; at++) yield (await readers[order[at - block * blockRows]!]!.next()).value!;
      }
    } finally {
      for (const reader of readers) await reader.return(undefined);
    }
  }

  /** Counts the rows of each source before a place of an epoch. */
  #countsBefore(epoch: number, place: number): number[] {
    const block = Math.floor(place / blockRows);
    const counts = this.#shares.map((share) => share * block);
    for (const source of this.#orderOf(epoch, block).subarray(0, place - block * blockRows))
      counts[source]!++;
    return counts;
  }

  #orderOf(epoch: number, block: number): Uint16Array {
    const order = this.#shares.flatMap((share, source) => Array.from({ length: share }, () => source));
    const rng = new Rng(this.#seed + 0x9e3779b9 * (block + 1), 2 * epoch + 1);
    return rng.shuffle(Uint16Array.from(order));
  }

  /** Finds where an epoch ends; the first epoch's order decides for all, so that they are equally long. */
  #lengthOf(stopping: StoppingStrategy): number {
    const isOver = (counts: readonly number[]): boolean => {
      const isOut = counts.map((count, index) => count >= this.#sources[index]!.length);
      return stopping === "first_exhausted" ? isOut.includes(true) : !isOut.includes(false);
    };
    const blocks = this.#sources.map(({ length }, index) => Math.floor(length / this.#shares[index]!));
    const low = stopping === "first_exhausted" ? Math.min(...blocks) : Math.max(...blocks);
    const counts = this.#shares.map((share) => share * low);
    let length = low * blockRows;
    // at most one block more: its order decides at which row
    for (const source of this.#orderOf(0, low)) {
      if (isOver(counts)) break;
      counts[source]!++;
      length++;
    }
    return length;
  }
}

/** Reads a stream from a row on and begins it anew at its end, in the order of another epoch. */
async function* readOn(source: RowStream, epoch: number, start: number): AsyncGenerator<StreamRow> {
  for (let pass = Math.floor(start / source.length), at = start % source.length; ; pass++, at = 0)
    yield* source.read(epoch + pass * 0x10000, at);
}

/** Rounds shares of a block to whole rows, one at least, that come to the block. */
function apportion(exact: readonly number[]): number[] {
  const shares = exact.map((share) => Math.max(1, Math.floor(share)));
  for (let sum = shares.reduce((a, b) => a + b, 0); sum !== blockRows;) {
    const step = sum < blockRows ? 1 : -1;
    const need = shares.map((share, index) =>
      step === -1 && share === 1 ? -Infinity : step * (exact[index]! - share),
    );
    shares[need.indexOf(Math.max(...need))]! += step;
    sum += step;
  }
  return shares;
}
