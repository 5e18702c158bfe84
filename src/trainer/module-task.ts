// What the loop needs of a module and of a data loader.
import { UsageError, logger } from "../base/index.ts";
import { lossOf } from "../contracts/index.ts";
import type { BatchLoader, LogOptions, TrainerContext } from "../contracts/index.ts";
import { Tensor, dispose } from "../torch/index.ts";
import { batchSizeOf } from "./batch-size.ts";
import { evaluate } from "./evaluate.ts";
import type { CheckpointContent } from "./checkpoint.ts";
import type { LogMeans } from "./evaluate.ts";
import type { Batch, BatchSource, Precision, Run, Trainable, ValidateOptions } from "./run.ts";
import type { TrainableModule } from "./trainable-module.ts";

/** One batch of a loader with what the loop needs of it. */
export interface ModuleBatch extends Batch {
  content: unknown;
  /** Its number within the epoch. */
  index: number;
}

/** Gives a loader's batches to the loop; `limit` cuts epochs short. */
export class LoaderSource implements BatchSource<ModuleBatch> {
  readonly batchesPerEpoch: number;
  readonly #loader: BatchLoader;
  readonly #isFixed: boolean;
  #taken = 0;

  /** With `isFixed`, every epoch has the batches of the first. */
  constructor(loader: BatchLoader, { limit, isFixed = false }: { limit: number; isFixed?: boolean }) {
    this.#loader = loader;
    this.batchesPerEpoch = limit;
    this.#isFixed = isFixed;
  }

  seek({ epoch, batch }: { epoch: number; batch: number }): void {
    this.#taken = batch;
    if (batch < this.batchesPerEpoch) this.#loader.seek({ epoch: this.#isFixed ? 0 : epoch, batch });
  }

  async next(): Promise<ModuleBatch | undefined> {
    if (this.#taken >= this.batchesPerEpoch) return undefined;
    const content: unknown = await this.#loader.next();
    if (content === undefined) {
      throw new UsageError(
        `train: the loader must give ${this.batchesPerEpoch} batches an epoch, it gave ${this.#taken}. Correct its length.`,
      );
    }
    const items = batchSizeOf(content);
    const index = this.#taken++;
    return { content, index, items, weight: items, positions: items, release: () => dispose(content) };
  }
}

/** Sums of values times rows, and the rows, by name. */
type EpochSums = Record<string, { sum: number; rows: number }>;

/** Trains a module as its own steps say. */
export class ModuleTask implements Trainable<ModuleBatch> {
  readonly model: TrainableModule;
  readonly trainManually?: (batch: ModuleBatch) => number;
  readonly #precision: Precision;
  readonly #valLoaders: readonly BatchLoader[];
  #rows = 1;
  #hasSkipped = false;
  #stepValues: Record<string, number> = {};
  #epochSums: EpochSums = {};
  /** Takes what is logged while the model is judged; undefined while it is trained. */
  #collector: LogMeans["add"] | undefined;

  constructor(
    model: TrainableModule,
    { precision, valLoaders }: { precision: Precision; valLoaders: readonly BatchLoader[] },
  ) {
    this.model = model;
    this.#precision = precision;
    this.#valLoaders = valLoaders;
    if (model.automaticOptimization === false) this.trainManually = (batch) => this.#trainManually(batch);
  }

  /** Lends the model what it may use while the run is under way. */
  attach({ optimizers, schedules, state }: Run): void {
    const context: TrainerContext = {
      optimizers,
      lrSchedulers: schedules.map((schedule) => schedule.scheduler),
      get currentEpoch() {
        return state.epoch;
      },
      get globalStep() {
        return state.step;
      },
      log: (name, value, options) => this.#log(name, value, options),
      backward: (loss) => loss.backward(),
    };
    this.model.attach?.(context);
  }

  lossSum(batch: ModuleBatch): Tensor | undefined {
    return this.#step(batch)?.mul(batch.items);
  }

  async validate({ limit, ...hooks }: ValidateOptions): Promise<Record<string, number>> {
    try {
      return await evaluate(this.model, this.#valLoaders, "val", {
        limits: limit === undefined ? undefined : this.#valLoaders.map(() => limit),
        precision: this.#precision,
        collect: (log) => (this.#collector = log),
        ...hooks,
      });
    } finally {
      this.#collector = undefined;
    }
  }

  stepMetrics(): Record<string, number> {
    return this.#stepValues;
  }

  epochMetrics(): Record<string, number> {
    const sums = Object.entries(this.#epochSums);
    this.#epochSums = {};
    return Object.fromEntries(sums.map(([name, { sum, rows }]) => [name, sum / rows]));
  }

  stateDict(): Record<string, unknown> {
    return { epochSums: this.#epochSums };
  }

  loadStateDict({ epochSums }: Readonly<Record<string, unknown>>): void {
    this.#epochSums = epochSums as EpochSums;
  }

  onLoadCheckpoint(checkpoint: CheckpointContent): void {
    this.model.onLoadCheckpoint?.(checkpoint);
  }

  #trainManually(batch: ModuleBatch): number {
    return this.#step(batch)?.item() ?? NaN;
  }

  #step(batch: ModuleBatch): Tensor | undefined {
    this.#rows = batch.items;
    this.#stepValues = {};
    const output = this.model.trainingStep(batch.content, batch.index);
    const loss = lossOf(output);
    if (loss === undefined && output === undefined) {
      if (!this.#hasSkipped) {
        const { name } = this.model.constructor;
        logger.warn(
          `${name}.trainingStep returned no loss for batch ${batch.index}; such batches are left out`,
        );
      }
      this.#hasSkipped = true;
      return undefined;
    }
    if (loss instanceof Tensor && loss.numel === 1) return loss.sum(); // [1] counts as a scalar
    throw new UsageError(
      `${this.model.constructor.name}.trainingStep: must return a loss of one number, or { loss }, got ${
        loss instanceof Tensor ? `a tensor of shape [${loss.shape}]` : String(output)
      }. Take its mean().`,
    );
  }

  #log(name: string, value: number, options: LogOptions): void {
    if (this.#collector !== undefined) {
      this.#collector(name, value, options);
      return;
    }
    const { onStep = true, onEpoch = false, batchSize = this.#rows } = options;
    const isBoth = onStep && onEpoch;
    if (onStep) this.#stepValues[isBoth ? `${name}_step` : name] = value;
    if (!onEpoch) return;
    const entry = (this.#epochSums[isBoth ? `${name}_epoch` : name] ??= { sum: 0, rows: 0 });
    entry.sum += value * batchSize;
    entry.rows += batchSize;
  }
}
