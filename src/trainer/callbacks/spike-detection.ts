// Ends training when the loss jumps, and writes down which batches did it.
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { TrainingError, writeFileAtomic } from "../../base/index.ts";
import type { Run } from "../run.ts";
import type { Callback, StepInfo } from "./callback.ts";

/** Options by Lightning's names. */
export interface SpikeDetectionConfig {
  /** Way in which the loss improves. @default "min" */
  mode?: "min" | "max";
  /** Steps whose mean the loss is compared with. @default 10 */
  window?: number;
  /** Batches of an epoch before a spike counts. @default 1 */
  warmup?: number;
  /** A spike is as far as this from the mean, at least; undefined: any distance. */
  atol?: number | undefined;
  /** A spike is as far as this share of the mean from it, at least; undefined: any distance. @default 2 */
  rtol?: number | undefined;
  /** JSON file, or folder of `skip_batches.json`. @default the folder of checkpoints; none without one */
  excludeBatchesPath?: string | undefined;
  /** Takes a loss that is not finite for a spike. @default true */
  finiteOnly?: boolean;
}

/**
 * Ends the training with a `TrainingError` when the loss jumps. The number of the batch within its epoch, and of the
 * one before, which may have spoilt the weights, are written to a file.
 */
export class SpikeDetection implements Callback {
  readonly name = "spike_detection";
  readonly config: SpikeDetectionConfig;
  readonly #tolerance: number | undefined;
  #last = 0;
  #window: number[] = [];
  #badBatches: number[] = [];

  constructor(config: SpikeDetectionConfig = {}) {
    this.config = config;
    this.#tolerance = "rtol" in config ? config.rtol : 2;
  }

  /** Batches to leave out. */
  get badBatches(): readonly number[] {
    return this.#badBatches;
  }

  onTrainBatchEnd(run: Run, { loss }: StepInfo): void {
    const { warmup = 1, window = 10, finiteOnly = true } = this.config;
    const { epoch, step } = run.state;
    const batch = run.state.batch - 1;
    if (batch >= warmup && this.#isSpike(loss)) {
      this.#badBatches.push(batch - 1, batch);
      const path = this.#write(run);
      throw new TrainingError(
        `spike_detection: the loss must not jump, got ${loss} after ${this.#last} at step ${step} (epoch ${epoch + 1}, batch ${batch + 1}). ` +
          `Leave out ${path === undefined ? `batches ${batch - 1} and ${batch}` : `the batches that ${path} lists`}, or lower optimizer.lr.`,
      );
    }
    if (!finiteOnly && !Number.isFinite(loss)) return;
    this.#window = [...this.#window, loss].slice(-window);
    this.#last = loss;
  }

  stateDict(): Record<string, unknown> {
    return { last: this.#last, window: this.#window, badBatches: this.#badBatches };
  }

  loadStateDict({ last, window, badBatches }: Readonly<Record<string, unknown>>): void {
    this.#last = Number(last);
    this.#window = window as number[];
    this.#badBatches = badBatches as number[];
  }

  #isSpike(loss: number): boolean {
    const { mode = "min", atol, finiteOnly = true } = this.config;
    if (!Number.isFinite(loss) && finiteOnly) return true;
    const change = loss - this.#last;
    if (mode === "min" ? change <= 0 : change >= 0) return false;
    const mean = this.#window.reduce((sum, value) => sum + value, 0) / this.#window.length;
    const distance = Math.abs(loss - mean);
    const rtol = this.#tolerance;
    return (
      (atol === undefined || distance >= Math.abs(atol)) &&
      (rtol === undefined || distance >= Math.abs(rtol * mean))
    );
  }

  #write({ checkpointFolder }: Run): string | undefined {
    const given = this.config.excludeBatchesPath ?? checkpointFolder;
    if (given === undefined) return undefined;
    const path = given.endsWith(".json") ? given : join(given, "skip_batches.json");
    mkdirSync(dirname(path), { recursive: true });
    writeFileAtomic(path, JSON.stringify(this.#badBatches));
    return path;
  }
}
