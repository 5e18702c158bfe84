// Which rows stand in which batch of an epoch: a pure function of the options, so that resuming needs no replay.
import { Rng, UsageError } from "../base/index.ts";

/** Says how the rows of an epoch become batches. */
export interface BatchPlanOptions {
  numRows: number;
  batchSize: number;
  seed: number;
  epoch: number;
  /** Draws the rows anew each epoch; otherwise they keep their order. */
  shuffle: boolean;
  /** Puts rows of about one length into one batch, so that little is padded. */
  groupByLength: boolean;
  /** Leaves out the rows of a last batch that would not be full. */
  dropLast: boolean;
  /**
   * Batches among whose rows lengths are grouped: more of them pad less and mix less. Measured padding on
   * banking77 at batch 32: 64.7 % ungrouped, 3.9 % with 50 (as Hugging Face's sampler), 2.2 % with 100.
   * @default 100
   */
  chunkBatches?: number;
}

/**
 * Deals the rows of one epoch out into batches, chunk by chunk: the lengths of a chunk's rows must be known only
 * when its first batch is asked for, so tokenizing can stay just ahead of training.
 */
export class BatchPlan {
  readonly numBatches: number;
  readonly numChunks: number;
  readonly #options: Required<BatchPlanOptions>;
  readonly #rows: Uint32Array;

  constructor({ chunkBatches = 100, ...options }: BatchPlanOptions) {
    const { numRows, batchSize, seed, epoch, shuffle, dropLast } = options;
    if (!Number.isInteger(batchSize) || batchSize < 1) {
      throw new UsageError(
        `dataset.batch_size: must be a whole number from 1, got ${batchSize}. Set it to 32, say.`,
      );
    }
    this.numBatches = countBatches({ numRows, batchSize, dropLast });
    if (this.numBatches === 0) {
      throw new UsageError(
        `dataset.batch_size: ${batchSize} rows make a batch, the data has ${numRows} and drop_last is on. ` +
          `Lower batch_size, or turn drop_last off.`,
      );
    }
    this.numChunks = Math.ceil(this.numBatches / chunkBatches);
    this.#options = { ...options, chunkBatches };
    const rows = Uint32Array.from({ length: numRows }, (_, row) => row);
    if (shuffle) new Rng(seed, 2 * epoch).shuffle(rows);
    this.#rows = dropLast ? rows.subarray(0, this.numBatches * batchSize) : rows;
  }

  /** Returns the chunk that a batch belongs to. */
  chunkOf(batch: number): number {
    return Math.floor(batch / this.#options.chunkBatches);
  }

  /** Returns the number of a chunk's first batch. */
  firstBatchOf(chunk: number): number {
    return chunk * this.#options.chunkBatches;
  }

  /** Returns the rows of a chunk, in no particular order. */
  rowsOf(chunk: number): Uint32Array {
    const size = this.#options.chunkBatches * this.#options.batchSize;
    return this.#rows.slice(chunk * size, (chunk + 1) * size);
  }

  /** Returns the batches of a chunk as lists of rows; `lengthOf` is asked only when grouping by length. */
  batchesOf(chunk: number, lengthOf: (row: number) => number): Uint32Array[] {
    const { batchSize, seed, epoch, shuffle, groupByLength } = this.#options;
    const rows = this.rowsOf(chunk);
    // longest first: without shuffling, what does not fit into memory shows at once
    if (groupByLength) rows.sort((a, b) => lengthOf(b) - lengthOf(a));
    const batches: Uint32Array[] = [];
    for (let start = 0; start < rows.length; start += batchSize) {
      batches.push(rows.subarray(start, start + batchSize));
    }
    // a stream of its own: the order of batches must not follow from the order of rows
    if (groupByLength && shuffle) new Rng(seed + chunk * 0x9e3779b9, 2 * epoch + 1).shuffle(batches);
    return batches;
  }
}

/** Counts the batches of an epoch. */
export function countBatches({
  numRows,
  batchSize,
  dropLast,
}: Pick<BatchPlanOptions, "numRows" | "batchSize" | "dropLast">): number {
  return dropLast ? Math.floor(numRows / batchSize) : Math.ceil(numRows / batchSize);
}
