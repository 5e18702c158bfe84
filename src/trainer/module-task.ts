// What the loop needs of a module and of a data loader.
import { UsageError, logger } from "../base/index.ts";
import { lossOf } from "../contracts/index.ts";
import type { BatchLoader, LogOptions, TrainerContext } from "../contracts/index.ts";
import { Tensor, dispose } from "../torch/index.ts";
import { batchSizeOf, splitRows } from "./batch-size.ts";
import type { Callback } from "./callbacks/callback.ts";
import { evaluate } from "./evaluate.ts";
import type { CheckpointContent } from "./checkpoint.ts";
import type { LogMeans } from "./evaluate.ts";
import { Reloaded } from "./reloaded.ts";
import type { LimitedLoader, Reloading } from "./reloaded.ts";
import type { Batch, BatchSource, Precision, Run, RunState, Trainable, ValidateOptions } from "./run.ts";
import { moduleHooks } from "./trainable-module.ts";
import type { TrainableModule } from "./trainable-module.ts";

/** One batch of a loader with what the loop needs of it. */
export interface ModuleBatch extends Batch {
  content: unknown;
  /** Its number within the epoch. */
  index: number;
  /** Whether it is a later part of a batch that did not fit into memory. */
  continues?: boolean;
}

/** Says how much of a loader an epoch takes. */
export interface LoaderSourceOptions {
  /** Batches of an epoch. */
  limit: number;
  /** Gives every epoch the batches of the first. @default false */
  isFixed?: boolean;
  /** What the mean loss of a batch is a mean over. @default its rows */
  weightOf?: ((content: unknown) => number) | undefined;
  reloading?: Reloading<LimitedLoader>;
}

/** Gives a loader's batches to the loop. */
export class LoaderSource implements BatchSource<ModuleBatch> {
  readonly #loaders: Reloaded<LimitedLoader>;
  readonly #isFixed: boolean;
  readonly #weightOf: LoaderSourceOptions["weightOf"];
  #present: LimitedLoader;
  #taken = 0;

  constructor(loader: BatchLoader, { limit, isFixed = false, weightOf, reloading }: LoaderSourceOptions) {
    this.#present = { loader, limit };
    this.#loaders = new Reloaded(this.#present, reloading);
    this.#isFixed = isFixed;
    this.#weightOf = weightOf;
  }

  get batchesPerEpoch(): number {
    return this.#present.limit;
  }

  /** Asks for the loader anew. */
  reload(): void {
    this.#present = this.#loaders.renew();
  }

  seek({ epoch, batch }: { epoch: number; batch: number }): void {
    this.#present = this.#loaders.at(epoch);
    this.#taken = batch;
    if (batch < this.batchesPerEpoch) this.#present.loader.seek({ epoch: this.#isFixed ? 0 : epoch, batch });
  }

  async next(): Promise<ModuleBatch | undefined> {
    if (this.#taken >= this.batchesPerEpoch) return undefined;
    const content: unknown = await this.#present.loader.next();
    if (content === undefined) {
      throw new UsageError(
        `train: the loader must give ${this.batchesPerEpoch} batches an epoch, it gave ${this.#taken}. Correct its length.`,
      );
    }
    const batch = this.#batchOf(content, this.#taken++);
    return {
      ...batch,
      split: (rows) =>
        splitRows(content, { rows, items: batch.items })?.map((part, n) => ({
          ...this.#batchOf(part, batch.index),
          continues: n > 0,
        })),
      release: () => dispose(content),
    };
  }

  #batchOf(content: unknown, index: number): ModuleBatch {
    const items = batchSizeOf(content);
    return { content, index, items, weight: this.#weightOf?.(content) ?? items, positions: items };
  }
}

const all = ({ length }: BatchLoader): number => length;

/** Sums of values times rows, and the rows, by name. */
type EpochSums = Record<string, { sum: number; rows: number }>;

/** What a trainer's flags say of a module's training. */
export interface ModuleTaskOptions {
  precision: Precision;
  valLoaders: readonly BatchLoader[];
  /** Says how many batches of one of them are taken. @default all */
  limitOf?: (loader: BatchLoader) => number;
  /** Of `valLoaders`. */
  reloading?: Reloading<readonly BatchLoader[]>;
  /** How the model runs where it is judged. @default true */
  inferenceMode?: boolean;
  /** Drops what the model logs. @default false */
  isBarebones?: boolean;
}

/** Trains a module as its own steps say. */
export class ModuleTask implements Trainable<ModuleBatch> {
  readonly model: TrainableModule;
  readonly hooks: Callback;
  readonly trainManually?: (batch: ModuleBatch) => number;
  readonly shown = new Set<string>();
  readonly #options: ModuleTaskOptions;
  readonly #valLoaders: Reloaded<readonly BatchLoader[]>;
  #state: RunState | undefined;
  #rows = 1;
  #hasSkipped = false;
  /** What the present batch logged: in parts where it did not fit into memory at once. */
  #parts: { rows: number; values: Record<string, number> }[] = [{ rows: 1, values: {} }];
  /** What was logged before the present batch. */
  #early: Record<string, number> = {};
  /** What the model does; between the steps it logs for the epoch, unless it says otherwise. */
  #moment: "epoch" | "batch start" | "step" = "epoch";
  /** Names that were logged by step and by epoch: the mean of the epoch can be monitored by the bare name. */
  readonly #bothWays = new Set<string>();
  #epochSums: EpochSums = {};
  /** Takes what is logged while the model is judged; undefined while it is trained. */
  #collector: LogMeans["add"] | undefined;

  constructor(model: TrainableModule, options: ModuleTaskOptions) {
    this.model = model;
    this.hooks = this.#loggingHooks();
    this.#options = options;
    this.#valLoaders = new Reloaded(options.valLoaders, options.reloading);
    if (model.automaticOptimization === false) this.trainManually = (batch) => this.#trainManually(batch);
  }

  /** Asks for the loaders of validation anew, and returns how many batches of the longest are taken. */
  reload(): number {
    const { limitOf = all } = this.#options;
    return Math.max(0, ...this.#valLoaders.renew().map(limitOf));
  }

  attach({ optimizers, schedules, state, strategy }: Run): void {
    this.#state = state;
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
      backward: (loss) => strategy.backward(loss),
    };
    this.model.attach?.(context);
  }

  lossSum(batch: ModuleBatch): Tensor | undefined {
    // the mean over nothing is no number
    return batch.weight === 0 ? undefined : this.#step(batch)?.mul(batch.weight);
  }

  async validate({ limit = Infinity, ...hooks }: ValidateOptions): Promise<Record<string, number>> {
    const { precision, inferenceMode = true, limitOf = all } = this.#options;
    const loaders = this.#valLoaders.at(this.#epoch());
    const limited = loaders.map((loader) => ({ loader, limit: Math.min(limit, limitOf(loader)) }));
    return evaluate(this.model, limited, "val", {
      precision,
      inferenceMode,
      collect: (log) => (this.#collector = log),
      ...hooks,
    });
  }

  stepMetrics(): Record<string, number> {
    const [first, ...others] = this.#parts;
    if (others.length === 0) return { ...this.#early, ...first!.values };
    const sums: EpochSums = {};
    for (const { rows, values } of this.#parts) {
      for (const [name, value] of Object.entries(values)) addTo(sums, name, value, rows);
    }
    return { ...this.#early, ...meansOf(sums) };
  }

  epochMetrics(): Record<string, number> {
    const means = meansOf(this.#epochSums);
    this.#epochSums = {};
    for (const name of this.#bothWays) {
      const mean = means[`${name}_epoch`];
      if (mean !== undefined) this.#state!.metrics[name] = mean;
    }
    return means;
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

  /** The model's hooks, and what it logs in them. */
  #loggingHooks(): Callback {
    const hooks = moduleHooks(this.model);
    return {
      ...hooks,
      onTrainBatchStart: async (run) => {
        this.#early = {};
        this.#moment = "batch start";
        await hooks.onTrainBatchStart!(run);
        this.#moment = "step";
      },
      onTrainBatchEnd: async (run, step) => {
        this.#forgetStep();
        await hooks.onTrainBatchEnd!(run, step);
        this.#moment = "epoch";
        logIfAny(run, run.state.step % run.config.logEveryNSteps === 0 ? this.stepMetrics() : {});
      },
      onTrainEpochEnd: async (run) => {
        await hooks.onTrainEpochEnd!(run);
        logIfAny(run, this.epochMetrics());
      },
      onValidationEpochEnd: async (run, metrics) => {
        await hooks.onValidationEpochEnd!(run, metrics);
        this.#collector = undefined;
      },
    };
  }

  #trainManually(batch: ModuleBatch): number {
    return this.#step(batch)?.item() ?? NaN;
  }

  #step(batch: ModuleBatch): Tensor | undefined {
    this.#rows = batch.items;
    if (batch.continues !== true) this.#parts = [];
    this.#parts.push({ rows: batch.items, values: {} });
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

  /** The epoch that a validation belongs to: after its last batch the next is counted already. */
  #epoch(): number {
    const { epoch, batch, step } = this.#state!;
    return batch === 0 && step > 0 ? epoch - 1 : epoch;
  }

  #log(name: string, value: number, options: LogOptions): void {
    if (this.#options.isBarebones === true) return;
    if (options.progBar === true) this.shown.add(name);
    if (this.#collector !== undefined) {
      this.#collector(name, value, options);
      return;
    }
    const isEpoch = this.#moment === "epoch";
    const { onStep = !isEpoch, onEpoch = isEpoch, batchSize = isEpoch ? 1 : this.#rows } = options;
    const isBoth = onStep && onEpoch;
    if (isBoth) this.#bothWays.add(name);
    const ofStep = this.#moment === "batch start" ? this.#early : this.#parts.at(-1)!.values;
    if (onStep) ofStep[isBoth ? `${name}_step` : name] = value;
    if (onEpoch) addTo(this.#epochSums, isBoth ? `${name}_epoch` : name, value, batchSize);
  }

  #forgetStep(): void {
    this.#early = {};
    this.#parts = [{ rows: 1, values: {} }];
  }
}

function logIfAny(run: Run, metrics: Record<string, number>): void {
  if (Object.keys(metrics).length > 0) run.log(metrics);
}

function addTo(sums: EpochSums, name: string, value: number, rows: number): void {
  const entry = (sums[name] ??= { sum: 0, rows: 0 });
  entry.sum += value * rows;
  entry.rows += rows;
}

function meansOf(sums: EpochSums): Record<string, number> {
  return Object.fromEntries(Object.entries(sums).map(([name, { sum, rows }]) => [name, sum / rows]));
}
