// The base of callbacks that write predictions.
import { UsageError } from "../../base/index.ts";
import type { Run } from "../run.ts";
import type { Callback, EvaluatedBatch } from "./callback.ts";

const intervals = ["batch", "epoch", "batch_and_epoch"] as const;

/** Is the base of writers: override what is to be written after each batch, at the end, or both. */
export abstract class BasePredictionWriter implements Callback {
  readonly name: string = "prediction_writer";
  readonly writeInterval: (typeof intervals)[number];

  constructor({ writeInterval = "batch" }: { writeInterval?: (typeof intervals)[number] } = {}) {
    if (!intervals.includes(writeInterval)) {
      throw new UsageError(
        `prediction_writer: writeInterval must be one of ${intervals.join(", ")}, got "${String(writeInterval)}".`,
      );
    }
    this.writeInterval = writeInterval;
  }

  /** Writes what was predicted for a batch. */
  writeOnBatchEnd(_run: Run, _prediction: unknown, _batch: EvaluatedBatch): void | Promise<void> {
    this.#lacks("writeOnBatchEnd");
  }

  /** Writes what was predicted for all batches. */
  writeOnEpochEnd(_run: Run, _predictions: readonly unknown[]): void | Promise<void> {
    this.#lacks("writeOnEpochEnd");
  }

  async onPredictBatchEnd(run: Run, outputs: unknown, batch: EvaluatedBatch): Promise<void> {
    if (this.writeInterval !== "epoch") await this.writeOnBatchEnd(run, outputs, batch);
  }

  async onPredictEpochEnd(run: Run, outputs: readonly unknown[]): Promise<void> {
    if (this.writeInterval !== "batch") await this.writeOnEpochEnd(run, outputs);
  }

  #lacks(method: string): never {
    throw new UsageError(
      `${this.constructor.name}: must have ${method}, as writeInterval is "${this.writeInterval}". Give it one.`,
    );
  }
}
