// Finds the largest batch that fits into memory as a run begins.
import { batchSizeSetting, readSearchOptions, searchBatchSize, settle } from "../batch-size-search.ts";
import type { BatchSizeSearchOptions } from "../batch-size-search.ts";
import type { Run } from "../run.ts";
import type { Callback } from "./callback.ts";

/**
 * Tries batches of more and more rows as training, validation, test or prediction begins, and goes on with the largest
 * that fits into memory. A run that goes on keeps the size it began with. A subclass may call `scaleBatchSize` at other
 * moments, as an epoch starts. On the CPU memory has the end that `torch.setMemoryLimit` sets.
 *
 * @example
 * const finder = new BatchSizeFinder({ mode: "binsearch" });
 * await new Trainer({ callbacks: [finder] }).fit(model, dataModule);
 * finder.optimalBatchSize; // => 486
 */
export class BatchSizeFinder implements Callback {
  readonly name: string = "batch_size_finder";
  readonly config: Required<BatchSizeSearchOptions>;
  /** Size that was found; undefined before. */
  optimalBatchSize: number | undefined;
  #isRestored = false;

  constructor(config: BatchSizeSearchOptions = {}) {
    this.config = readSearchOptions(config);
  }

  setup(run: Run): void {
    batchSizeSetting(run, this.config.batchArgName);
  }

  async onFitStart(run: Run): Promise<void> {
    if (!this.#isRestored) return this.scaleBatchSize(run);
    await settle(run.sizing!, batchSizeSetting(run, this.config.batchArgName), this.optimalBatchSize!);
  }

  async onValidationStart(run: Run): Promise<void> {
    if (run.stage === "validate") await this.scaleBatchSize(run);
  }

  async onTestStart(run: Run): Promise<void> {
    await this.scaleBatchSize(run);
  }

  async onPredictStart(run: Run): Promise<void> {
    await this.scaleBatchSize(run);
  }

  /** Searches, and gives the run batches of the size that it finds. */
  async scaleBatchSize(run: Run): Promise<void> {
    this.optimalBatchSize = await searchBatchSize(run, this.config);
  }

  stateDict(): Record<string, unknown> {
    return { optimalBatchSize: this.optimalBatchSize };
  }

  loadStateDict({ optimalBatchSize }: Readonly<Record<string, unknown>>): void {
    this.#isRestored = typeof optimalBatchSize === "number";
    if (this.#isRestored) this.optimalBatchSize = optimalBatchSize as number;
  }
}
