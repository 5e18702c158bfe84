// Batches of a stream: the rows of the next one are read while the present one is worked on, and no more.
import { UsageError } from "../../base/index.ts";
import type { RowStream, StreamRow } from "./row-stream.ts";

/** Says how rows become batches. */
export interface StreamLoaderOptions<P, B> {
  batchSize: number;
  /** Leaves out a last batch that would not be full. @default false */
  dropLast?: boolean;
  /** Makes plain data of rows, ahead of its use; it may take its time, as tokenizing does. */
  prepare: (rows: StreamRow[]) => P | Promise<P>;
  /** Makes a batch of what was prepared, when it is asked for. */
  collate: (prepared: P) => B;
}

/** Gives the batches of a stream, epoch after epoch; the place to go on from is two numbers. */
export class StreamLoader<P, B> implements AsyncIterable<B> {
  /** Batches of an epoch. */
  readonly length: number;
  readonly #stream: RowStream;
  readonly #options: StreamLoaderOptions<P, B>;
  #position = { epoch: 0, batch: 0 };
  #reader: AsyncGenerator<StreamRow> | undefined;
  #ahead: Promise<P> | undefined;

  constructor(stream: RowStream, options: StreamLoaderOptions<P, B>) {
    const { batchSize, dropLast = false } = options;
    if (!Number.isInteger(batchSize) || batchSize < 1)
      throw new UsageError(`StreamLoader: batchSize must be a whole number from 1, got ${batchSize}.`);
    this.length = (dropLast ? Math.floor : Math.ceil)(stream.length / batchSize);
    if (this.length === 0)
      throw new UsageError(
        `StreamLoader: ${stream.length} rows make no full batch of ${batchSize}. Lower batchSize.`,
      );
    this.#stream = stream;
    this.#options = options;
  }

  /** Place of the next batch, for a checkpoint. */
  get position(): { epoch: number; batch: number } {
    return { ...this.#position };
  }

  /** Goes to a place without reading what comes before it. */
  seek({ epoch, batch }: { epoch: number; batch: number }): void {
    this.#stop();
    this.#position = { epoch, batch };
  }

  /** Returns the next batch of the epoch; undefined at its end, after which the next epoch begins. */
  async next(): Promise<B | undefined> {
    const { epoch, batch } = this.#position;
    if (batch >= this.length) {
      this.#stop();
      this.#position = { epoch: epoch + 1, batch: 0 };
      return undefined;
    }
    this.#position = { epoch, batch: batch + 1 };
    const prepared = await (this.#ahead ?? this.#readBatch(epoch, batch));
    this.#ahead = undefined;
    if (batch + 1 < this.length) {
      this.#ahead = this.#readBatch(epoch, batch + 1);
      this.#ahead.catch(() => {}); // whoever takes the batch sees the failure
    }
    return this.#options.collate(prepared);
  }

  /** Gives the batches that are left of the present epoch. */
  async *[Symbol.asyncIterator](): AsyncGenerator<B> {
    for (let batch = await this.next(); batch !== undefined; batch = await this.next()) yield batch;
  }

  async #readBatch(epoch: number, batch: number): Promise<P> {
    const { batchSize, prepare } = this.#options;
    this.#reader ??= this.#stream.read(epoch, batch * batchSize);
    const rows: StreamRow[] = [];
    while (rows.length < batchSize) {
      const { value, done } = await this.#reader.next();
      if (done === true) break;
      rows.push(value);
    }
    return prepare(rows);
  }

  #stop(): void {
    void this.#reader?.return(undefined).catch(() => {});
    this.#reader = undefined;
    this.#ahead = undefined;
  }
}
