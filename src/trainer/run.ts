// What one training run is made of: settings that do not change, and the state that a checkpoint restores.
import { UsageError } from "../base/index.ts";
import { Strategy } from "../contracts/index.ts";
import type { Tensor, nn, optim } from "../torch/index.ts";
import type { Callback, EvaluatedBatch } from "./callbacks/callback.ts";
import type { CheckpointContent } from "./checkpoint.ts";
import { PassThroughProfiler } from "./profilers/pass-through-profiler.ts";
import type { Profiler } from "./profilers/profiler.ts";
import type { Schedule } from "./schedule.ts";

/** What the loop needs of a batch. */
export interface Batch {
  /** Rows. */
  items: number;
  /** What the summed loss is divided by: the rows, or the sum of their class weights. */
  weight: number;
  /** Tokens or other positions with padding, for throughput. */
  positions: number;
  /** Cuts it into batches of `rows` rows at most, in order; absent or undefined where that cannot be done. */
  split?(rows: number): Batch[] | undefined;
  /** Frees what the batch holds, after its step. */
  release?(): void;
}

/** What is trained: a model with its loss and its way of being judged. */
export interface Trainable<B extends Batch = Batch> {
  readonly model: nn.Module;
  /** Returns the loss of a batch summed over its items, a scalar with gradients; undefined leaves the batch out. */
  lossSum(batch: B): Tensor | undefined;
  /** Trains on a batch itself, in manual optimisation, and returns its mean loss, NaN where it has none. */
  trainManually?(batch: B): number;
  /** Judges the model on the validation data; names as they are logged, `val_loss`. */
  validate(options: ValidateOptions): Promise<Record<string, number>>;
  /** Names of what the model wants to see on the progress bar. */
  readonly shown?: ReadonlySet<string>;
  /** Returns what the last step logged. */
  stepMetrics?(): Record<string, number>;
  /** Returns the means of what the epoch's steps logged, and begins them anew. */
  epochMetrics?(): Record<string, number>;
  /** Is what a checkpoint keeps beside the weights. */
  stateDict?(): Record<string, unknown>;
  loadStateDict?(state: Readonly<Record<string, unknown>>): void;
  /** Reads what a checkpoint held, before callbacks do. */
  onLoadCheckpoint?(checkpoint: CheckpointContent): void;
  /** Calls the model's own hooks; a run has them among its callbacks, and so do trials. */
  readonly hooks?: Callback;
  /** Lends the model what it may use while a run is under way. */
  attach?(run: Run): void;
}

/** Lets the size of batches be changed. */
export interface BatchSizing {
  /** What may hold the size, itself or in its `config`: the model and its data. */
  readonly owners: readonly object[];
  /** Whether a batch of the present size holds all rows. */
  readonly isWhole: boolean;
  /** Makes the loaders anew, of the size that their owners say. */
  reload(): Promise<void>;
  /** Goes over so many batches as the run will, and keeps nothing of it. */
  attempt(steps: number): Promise<void>;
  /** Lets the run have batches of the size that was found. */
  settle(): void;
}

/** Says how much is judged, and who looks on. */
export interface ValidateOptions {
  /** Batches, at most. */
  limit?: number | undefined;
  /** Runs before each batch, in a task that judges batch by batch as modules do. */
  onBatchStart?: (batch: EvaluatedBatch) => void;
  /** Runs after each batch; tensors of `outputs` are freed afterwards. */
  onBatchEnd?: (outputs: unknown, batch: EvaluatedBatch) => void;
  /** Measures loading and steps, in such a task. */
  profiler?: Profiler;
}

/** Gives batches in an order that depends on seed and epoch alone, so that a position needs no replay. */
export interface BatchSource<B extends Batch = Batch> {
  readonly batchesPerEpoch: number;
  /** Continues before batch number `batch` of an epoch. */
  seek(position: { epoch: number; batch: number }): void;
  /** Returns the next batch of the epoch, or undefined at its end. */
  next(): Promise<B | undefined>;
  /** Returns a batch that takes as much memory as any; the position stays what it is. */
  longest?(): Promise<B>;
}

/** Settings of the loop; names are Lightning's Trainer flags. */
export interface LoopConfig {
  /** -1: no limit. */
  maxEpochs: number;
  minEpochs: number;
  /** Optimizer steps; -1: no limit. */
  maxSteps: number;
  minSteps: number;
  /** Seconds; undefined: no limit. */
  maxTime: number | undefined;
  precision: Precision;
  accumulateGradBatches: number;
  /** Whether batches are computed in parts where memory runs out. */
  autoFindBatchSize: boolean;
  /** 0: no clipping. */
  gradientClipVal: number;
  gradientClipAlgorithm: "norm" | "value";
  /** Batches between validations; undefined: at the end of an epoch. */
  valCheckInterval: number | undefined;
  checkValEveryNEpoch: number;
  /** Batches of one validation; undefined: all. */
  limitValBatches: number | undefined;
  /** Validation batches tried before training. */
  numSanityValSteps: number;
  logEveryNSteps: number;
  hasValidation: boolean;
}

/** Number formats by Lightning's names: of weights and computation (`true`), or of computation alone (`mixed`). */
export type Precision = "32-true" | "bf16-mixed" | "bf16-true" | "64-true";

/** Where a run stands; all of it is restored when a run resumes. */
export interface RunState {
  /** Epochs that are finished. */
  epoch: number;
  /** Batches taken in the present epoch. */
  batch: number;
  /** Optimizer steps taken. */
  step: number;
  /** Rows that fit into memory at once, where a whole batch did not. */
  microBatchSize?: number;
  /** Sum of the losses and of the weights since train_loss was logged. */
  lossSum: number;
  lossWeight: number;
  /** Last value of every metric that was logged. */
  metrics: Record<string, number>;
}

/** Names what a trainer is doing. */
export type FitStage = "fit" | "validate" | "test" | "predict";

/** Why training ended. */
export type StopReason = "max_epochs" | "max_steps" | "max_time" | "early_stopping" | "signal";

/** Receives metrics as they are made. */
export type MetricSink = (metrics: Record<string, number>, step: number) => void;

/** A run under way. The loop reads and advances it; callbacks look on, stop it and save it. */
export interface Run {
  readonly stage: FitStage;
  /** Whether the validation is the one before training, whose metrics count for nothing. */
  isSanityChecking: boolean;
  readonly config: LoopConfig;
  readonly task: Trainable;
  readonly source: BatchSource;
  /** One, but in manual optimisation; none before `onFitStart`. */
  optimizers: readonly optim.Optimizer[];
  schedules: readonly Schedule[];
  readonly callbacks: readonly Callback[];
  readonly profiler: Profiler;
  readonly strategy: Strategy;
  readonly state: RunState;
  /** Absent where batches have one size. */
  sizing?: BatchSizing | undefined;
  /** Identifies config and data; a checkpoint of another job is refused. */
  readonly fingerprint: string;
  /** Where checkpoints go that name no folder. */
  readonly checkpointFolder: string | undefined;
  /** Milliseconds at which training began, on the clock of `performance.now()`. */
  startedAt: number;
  /** Set by whoever wants the run to end after the present step. */
  stop: StopReason | undefined;
  /** Whether the weights are others than the last step left, as an average is; they are validated anew. */
  hasNewWeights: boolean;
  /** Logs metrics at the present step. */
  log(metrics: Record<string, number>): void;
  /** Waits until all that was logged is stored. A checkpoint is saved only then: a run goes on with what follows it. */
  flush(): Promise<void>;
}

/** Returns where a run stands before its first step. */
export function initialState(): RunState {
  return { epoch: 0, batch: 0, step: 0, lossSum: 0, lossWeight: 0, metrics: {} };
}

/** Returns a run that trains nothing, for the hooks of validation, test and prediction. */
export function idleRun(
  stage: Exclude<FitStage, "fit">,
  {
    model,
    precision,
    callbacks,
    profiler = new PassThroughProfiler(),
    log,
  }: Pick<Run, "callbacks" | "log"> & { model: nn.Module; precision: Precision; profiler?: Profiler },
): Run {
  const nothing = (): never => {
    throw new UsageError(`${stage}: nothing is trained. Look at run.stage before you use run.task.`);
  };
  return {
    stage,
    isSanityChecking: false,
    config: {
      maxEpochs: 0,
      minEpochs: 0,
      maxSteps: 0,
      minSteps: 0,
      maxTime: undefined,
      precision,
      accumulateGradBatches: 1,
      autoFindBatchSize: false,
      gradientClipVal: 0,
      gradientClipAlgorithm: "norm",
      valCheckInterval: undefined,
      checkValEveryNEpoch: 1,
      limitValBatches: undefined,
      numSanityValSteps: 0,
      logEveryNSteps: 1,
      hasValidation: false,
    },
    task: { model, lossSum: nothing, validate: nothing },
    source: { batchesPerEpoch: 0, seek: nothing, next: nothing },
    optimizers: [],
    schedules: [],
    callbacks,
    profiler,
    strategy: new Strategy(),
    state: initialState(),
    fingerprint: "",
    checkpointFolder: undefined,
    startedAt: performance.now(),
    stop: undefined,
    hasNewWeights: false,
    log,
    flush: () => Promise.resolve(),
  };
}
