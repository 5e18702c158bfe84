// What a model must have to be trained, saved and made from a config. Plain classes may implement these alone.
import type { Tensor, optim } from "../torch/index.ts";

/** What a step returns: its mean loss over the batch, alone or beside whatever else hooks want to see. */
export type StepOutput = Tensor | { loss: Tensor; readonly [name: string]: unknown };

/** Says when a scheduler moves on; names are Lightning's. In manual optimisation the model itself moves it. */
export interface SchedulerSetup {
  scheduler: optim.LRScheduler | optim.ReduceLROnPlateau;
  /** @default "epoch" */
  interval?: "epoch" | "step";
  /** Moves on after so many epochs, or steps of an epoch, which are counted by batches. @default 1 */
  frequency?: number;
  /** Metric whose last value a `ReduceLROnPlateau` looks at. @default "val_loss" */
  monitor?: string;
  /** Takes a metric that nothing has logged for an error; otherwise the scheduler waits for it. @default true */
  strict?: boolean;
}

/** Is an optimizer with the scheduler of its learning rate. */
export interface OptimizerWithScheduler {
  optimizer: optim.Optimizer;
  lrScheduler?: SchedulerSetup["scheduler"] | SchedulerSetup;
}

/** What `configureOptimizers` returns: one optimizer, or for manual optimisation any number. */
export type OptimizerSetup =
  optim.Optimizer | OptimizerWithScheduler | readonly (optim.Optimizer | OptimizerWithScheduler)[];

/**
 * Can be trained. Steps are synchronous: the trainer frees a step's tensors when it returns.
 *
 * @example
 * class Net extends nn.Module implements ITrainable<Tensor[]> {
 *   readonly fc = new nn.Linear(4, 2);
 *   trainingStep([x, y]: Tensor[]) {
 *     return nn.functional.crossEntropy(this.fc.forward(x!), y!);
 *   }
 *   validationStep(batch: Tensor[]) {
 *     return this.trainingStep(batch);
 *   }
 *   configureOptimizers() {
 *     return new optim.AdamW(this.parameters(), { lr: 1e-3 });
 *   }
 * }
 */
export interface ITrainable<B = any> {
  /** Returns the loss of a batch; undefined leaves the batch out. */
  trainingStep(batch: B, batchIndex: number): StepOutput | undefined;
  /** Judges a batch without gradients; what counts it logs, or returns as `loss`, which becomes `val_loss`. */
  validationStep(batch: B, batchIndex: number, dataloaderIndex: number): StepOutput | undefined | void;
  configureOptimizers(): OptimizerSetup;
  /**
   * Returns what the mean loss of a batch is a mean over, where these are not its rows: the number of tokens that count, or
   * the sum of the class weights of its labels. Batches that are accumulated then come to the loss of one large batch.
   * @default its rows
   */
  lossWeight?(batch: B): number;
}

/** Can be saved and restored; state dicts are those of `nn.Module`. */
export interface ISerializable {
  stateDict(): Map<string, Tensor>;
  loadStateDict(state: ReadonlyMap<string, Tensor>): unknown;
}

/** Reads what a config gives, and throws where it cannot: a zod schema is one. */
export interface ConfigSchema<Config> {
  parse(value: unknown): Config;
}

/** Is a class whose instances are made from a config. */
export interface IConfigurable<T = object, Config = any> {
  /** Accepts the options; without it anything goes. */
  readonly schema?: ConfigSchema<Config> | undefined;
  fromConfig(config: Config): T;
}
