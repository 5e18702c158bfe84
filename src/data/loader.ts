// Batches of tokens for training and evaluation, tokenized ahead on other threads.
import { setImmediate as nextTurn } from "node:timers/promises";
import { UsageError } from "../base/index.ts";
import { BatchPlan } from "./batches.ts";
import { collate, type TokenBatch } from "./collate.ts";
import { readTokens, tokenCacheFile, writeTokens } from "./token-cache.ts";
import { TokenStore } from "./token-store.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** Says what a `TextLoader` reads, and how it batches. */
export interface TextLoaderOptions {
  texts: readonly string[];
  /** Second texts of sentence pairs. */
  pairs?: readonly string[];
  /** Class ids; without them batches have no labels. */
  labels?: Int32Array;
  tokenizer: Tokenizer;
  /** Most tokens of a row, special ones included. */
  maxLength: number;
  batchSize: number;
  /** @default 0 */
  seed?: number;
  /** True for training, false for evaluation. @default true */
  shuffle?: boolean;
  /** @default true */
  groupByLength?: boolean;
  /** @default false */
  dropLast?: boolean;
  /** Rounds the padded length of batches up, never above `maxLength`. @default 1 */
  padToMultipleOf?: number;
  /** Folder where tokens are kept for later runs of the same texts, tokenizer and length. @default none */
  cacheFolder?: string;
}

/** Is the place of the batch that comes next. */
export interface LoaderState {
  epoch: number;
  batch: number;
}

/** Holds one batch of texts. */
export interface TextBatch extends TokenBatch {
  /** Class ids as 64-bit integers, which cross entropy asks for; absent when the loader has none. */
  labels?: BigInt64Array;
  /** Row numbers in the data set, to put results back into its order. */
  rows: Uint32Array;
  /** Rows in the batch, by which its mean loss is weighted. */
  items: number;
}

/**
 * Gives the batches of one epoch after the other, without end. Tokens are made chunk by chunk, one chunk ahead of
 * their use, and kept for later epochs; the state is two numbers, and going on from it costs no replay.
 *
 * @example
 * const loader = new TextLoader({ texts, labels, tokenizer, maxLength: 64, batchSize: 32, seed: 42 });
 * for await (const batch of loader) console.log(batch.shape); // to the end of the present epoch
 */
export class TextLoader implements AsyncIterable<TextBatch> {
  readonly numRows: number;
  /** Batches of an epoch. */
  readonly numBatches: number;
  readonly #options: TextLoaderOptions;
  readonly #store: TokenStore;
  /** Where the tokens are to be kept once they are all there. */
  #cacheFile: string | undefined;
  readonly #plans = new Map<number, BatchPlan>();
  readonly #underway = new Map<string, Promise<void>>();
  #present: { epoch: number; chunk: number; batches: readonly Uint32Array[] } | undefined;
  #state: LoaderState = { epoch: 0, batch: 0 };

  constructor(options: TextLoaderOptions) {
    const { texts, pairs, labels } = options;
    for (const [name, other] of Object.entries({ pairs, labels })) {
      if (other !== undefined && other.length !== texts.length) {
        throw new UsageError(
          `TextLoader: ${name} must be as many as texts, got ${other.length} and ${texts.length}. Pass one a text.`,
        );
      }
    }
    if (texts.length === 0)
      throw new UsageError("TextLoader: there must be texts, got none. Pass at least one.");
    this.#options = options;
    const { cacheFolder } = options;
    const file = cacheFolder === undefined ? undefined : tokenCacheFile(cacheFolder, options);
    const kept = file === undefined ? undefined : readTokens(file, texts.length);
    this.#store = kept ?? new TokenStore(texts.length);
    this.#cacheFile = kept === undefined ? file : undefined;
    this.numRows = texts.length;
    this.numBatches = this.#plan(0).numBatches;
  }

  /** Makes a loader of the same texts with batches of another size. */
  withBatchSize(batchSize: number): TextLoader {
    return new TextLoader({ ...this.#options, batchSize });
  }

  /** Returns the place of the next batch, for a checkpoint. */
  get state(): LoaderState {
    return { ...this.#state };
  }

  /** Goes to a place, as after loading a checkpoint. */
  seek({ epoch, batch }: LoaderState): void {
    if (
      !Number.isInteger(epoch) ||
      epoch < 0 ||
      !Number.isInteger(batch) ||
      batch < 0 ||
      batch >= this.numBatches
    ) {
      throw new UsageError(
        `TextLoader: an epoch has ${this.numBatches} batches, there is no epoch ${epoch}, batch ${batch}. ` +
          `Resume with the data and dataset.batch_size that the checkpoint was made with.`,
      );
    }
    this.#state = { epoch, batch };
  }

  /** Starts tokenizing what comes next, on other threads; call it before work that blocks, as loading a model. */
  prefetch(): void {
    const { epoch, batch } = this.#state;
    this.#tokenize(epoch, this.#plan(epoch).chunkOf(batch));
  }

  /** Returns the next batch. Lets the event loop turn first, so that signals and timers are served. */
  async next(): Promise<TextBatch> {
    const { epoch, batch } = this.#state;
    this.#state = batch + 1 < this.numBatches ? { epoch, batch: batch + 1 } : { epoch: epoch + 1, batch: 0 };
    await nextTurn();
    const plan = this.#plan(epoch);
    const chunk = plan.chunkOf(batch);
    const batches = await this.#batchesOf(epoch, chunk);
    return this.#collate(batches[batch - plan.firstBatchOf(chunk)]!);
  }

  /** Returns a batch of the longest texts by their characters, which takes the most memory; the place stays what it is. */
  async longest(): Promise<TextBatch> {
    const { texts, pairs, batchSize } = this.#options;
    const lengths = Uint32Array.from(texts, (text, row) => text.length + (pairs?.[row]!.length ?? 0));
    const shortest = lengths.slice().sort().at(-Math.min(batchSize, lengths.length))!;
    const rows = lengths
      .map((_, row) => row)
      .filter((row) => lengths[row]! >= shortest)
      .sort((a, b) => lengths[b]! - lengths[a]!)
      .slice(0, batchSize);
    await Promise.all(this.#underway.values());
    const missing = rows.filter((row) => !this.#store.has(row));
    if (missing.length > 0) await this.#encode(missing);
    return this.#collate(rows);
  }

  /** Returns the next `count` batches, or those that are left of the epoch if they are fewer. */
  async take(count: number): Promise<TextBatch[]> {
    const batches: TextBatch[] = [];
    do batches.push(await this.next());
    while (batches.length < count && this.#state.batch > 0);
    return batches;
  }

  /** Gives the batches that are left of the present epoch. */
  async *[Symbol.asyncIterator](): AsyncGenerator<TextBatch> {
    do yield await this.next();
    while (this.#state.batch > 0);
  }

  async #batchesOf(epoch: number, chunk: number): Promise<readonly Uint32Array[]> {
    if (this.#present?.epoch === epoch && this.#present.chunk === chunk) return this.#present.batches;
    const plan = this.#plan(epoch);
    await this.#tokenize(epoch, chunk);
    // one chunk ahead and no more: it is tokenized while this one is trained on
    if (chunk + 1 < plan.numChunks) this.#tokenize(epoch, chunk + 1);
    else this.#tokenize(epoch + 1, 0);
    const batches = plan.batchesOf(chunk, (row) => this.#store.length(row));
    this.#present = { epoch, chunk, batches };
    return batches;
  }

  #tokenize(epoch: number, chunk: number): Promise<void> {
    const key = `${epoch}/${chunk}`;
    let task = this.#underway.get(key);
    if (task === undefined) {
      const missing = this.#plan(epoch)
        .rowsOf(chunk)
        .filter((row) => !this.#store.has(row));
      if (missing.length === 0) return Promise.resolve();
      task = this.#encode(missing).finally(() => this.#underway.delete(key));
      task.catch(() => {}); // whoever awaits the chunk sees the failure
      this.#underway.set(key, task);
    }
    return task;
  }

  async #encode(rows: Uint32Array): Promise<void> {
    const { texts, pairs, tokenizer, maxLength } = this.#options;
    const pick = (values: readonly string[]) => Array.from(rows, (row) => values[row]!);
    const encoded = await tokenizer.encodeBatch(pick(texts), {
      maxLength,
      ...(pairs && { pairs: pick(pairs) }),
    });
    this.#store.add(rows, encoded);
    if (this.#cacheFile === undefined || !this.#store.isComplete) return;
    writeTokens(this.#cacheFile, this.#store);
    this.#cacheFile = undefined;
  }

  #collate(rows: Uint32Array): TextBatch {
    const { labels, tokenizer, maxLength, padToMultipleOf = 1 } = this.#options;
    const { padId, paddingSide } = tokenizer;
    const tokens = Array.from(rows, (row) => this.#store.row(row));
    return {
      ...collate(tokens, { padId, paddingSide, padToMultipleOf, maxLength }),
      ...(labels && { labels: BigInt64Array.from(rows as Iterable<number>, (row) => BigInt(labels[row]!)) }),
      rows,
      items: rows.length,
    };
  }

  #plan(epoch: number): BatchPlan {
    let plan = this.#plans.get(epoch);
    if (plan === undefined) {
      const {
        texts,
        batchSize,
        seed = 0,
        shuffle = true,
        groupByLength = true,
        dropLast = false,
      } = this.#options;
      const chunkBatches = chunkBatchesFor(this.#options);
      const numRows = texts.length;
      plan = new BatchPlan({
        numRows,
        batchSize,
        seed,
        epoch,
        shuffle,
        groupByLength,
        dropLast,
        chunkBatches,
      });
      for (const old of this.#plans.keys()) if (old !== epoch - 1) this.#plans.delete(old);
      this.#plans.set(epoch, plan);
    }
    return plan;
  }
}

/** Shrinks chunks of long texts, so that the first batch of documents is there within a fraction of a second. */
function chunkBatchesFor({ texts, maxLength, batchSize }: TextLoaderOptions): number {
  const charactersRead = maxLength * 10; // as in the tokenizer, which does not read the whole of long texts
  const total = texts.reduce((sum, text) => sum + Math.min(text.length, charactersRead), 0);
  const perBatch = (total / texts.length) * batchSize;
  return Math.min(100, Math.max(25, Math.floor(1e6 / perBatch)));
}
