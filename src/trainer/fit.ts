// Puts a run together from its config and trains it: optimizer, schedule, callbacks, checkpoints, signals.
import { logger } from "../base/index.ts";
import type { ProgressListener } from "../base/index.ts";
import type { UseCaseConfig } from "../config/index.ts";
import { Strategy } from "../contracts/index.ts";
import { useDeterministicAlgorithms } from "../torch/index.ts";
import { countBatches } from "./batch-limits.ts";
import type { Callback } from "./callbacks/callback.ts";
import { BatchSizeFinder } from "./callbacks/batch-size-finder.ts";
import { callHook } from "./callbacks/callback.ts";
import { LearningRateFinder } from "./callbacks/learning-rate-finder.ts";
import { ModelCheckpoint } from "./callbacks/model-checkpoint.ts";
import { withProgressBar } from "./callbacks/progress-bar.ts";
import { ModelSummary } from "./callbacks/model-summary.ts";
import { loadModelAndCallbacks, loadProgress } from "./checkpoint.ts";
import { buildCallbacks, configuredCheckpoint } from "./configured-callbacks.ts";
import { secondsOf } from "./duration.ts";
import { catchSignals } from "./interrupt.ts";
import type { Interrupt } from "./interrupt.ts";
import { train } from "./loop.ts";
import type { MakeOptimization } from "./optimization.ts";
import { castWeights } from "./precision.ts";
import { initialState } from "./run.ts";
import { PassThroughProfiler } from "./profilers/pass-through-profiler.ts";
import { profiledCallback } from "./profilers/profiled-callback.ts";
import { strategyCallback } from "./strategy-callback.ts";
import { profileStage } from "./profilers/profiler.ts";
import type { Profiler } from "./profilers/profiler.ts";
import { tryTraining } from "./trial.ts";
import type { BatchSizing, BatchSource, LoopConfig, MetricSink, Run, StopReason, Trainable } from "./run.ts";

/** The sections of a config that training reads. */
export type TrainingConfig = Pick<UseCaseConfig, "trainer" | "callbacks">;

/** Says what is trained, on what and by whom it is watched. */
export interface FitOptions {
  config: TrainingConfig;
  task: Trainable;
  optimization: MakeOptimization;
  source: BatchSource;
  /** Batches of one validation; 0: there is no validation data. */
  validationBatches: number;
  /** Where and by what metric checkpoints are kept; undefined: none but those of `callbacks` are written. */
  checkpoints?: { dirpath: string; monitor: string; mode: "min" | "max" } | undefined;
  /** Identifies config and data, for checkpoints. @default "" */
  fingerprint?: string;
  /** Where checkpoints go that name no folder. */
  checkpointFolder?: string | undefined;
  /** Checkpoint to continue from. */
  resumeFrom?: string | undefined;
  /** Lets the size of batches be changed. */
  loaders?: ResizableLoaders;
  /** Callbacks beside those of the config. */
  callbacks?: readonly Callback[];
  /** How its steps run. @default in one process on one device */
  strategy?: Strategy;
  /** Is told where training stands, unless the config switches the bar off. @default nothing is */
  progress?: ProgressListener;
  /** Measures the run's actions. @default none does */
  profiler?: Profiler;
  onMetrics: MetricSink;
  /** Waits until the metrics are stored; called before each checkpoint. */
  flushMetrics?: () => Promise<void>;
  /** Signals that end the run. @default those that come while `fit` runs */
  interrupt?: Interrupt;
}

/** Loaders whose batches may get another size. */
export interface ResizableLoaders {
  /** What may hold the size, itself or in its `config`. */
  owners: readonly object[];
  /** Whether one batch holds all rows. */
  isWhole: () => boolean;
  /** Makes the loaders anew, and returns the batches of one validation. */
  reload: () => Promise<number>;
}

/** What a training came to. */
export interface FitResult {
  reason: StopReason;
  /** Exit code that a signal asks for (130, 143); undefined when no signal came. */
  exitCode: number | undefined;
  /** Folder of the best checkpoint by the monitored metric. */
  bestCheckpoint: string | undefined;
  epochs: number;
  steps: number;
  /** Seconds of training in this process, validation included. */
  seconds: number;
}

/** Trains `task` as the config says. The model is in the state of its last step afterwards. */
export async function fit(options: FitOptions): Promise<FitResult> {
  const { profiler = new PassThroughProfiler(), source, task } = options;
  const stage = { stage: "fit", model: task.model, steps: totalSteps(loopConfig(options), source) } as const;
  return profileStage(profiler, stage, () => trainRun(options, profiler));
}

async function trainRun(options: FitOptions, profiler: Profiler): Promise<FitResult> {
  const { config, task, source, strategy = new Strategy(), onMetrics } = options;
  castWeights(task.model, config.trainer.precision);
  const { deterministic } = config.trainer;
  if (deterministic !== false) useDeterministicAlgorithms(true, { warnOnly: deterministic === "warn" });
  const loop = loopConfig(options);
  const run: Run = {
    stage: "fit",
    isSanityChecking: false,
    config: loop,
    task,
    source,
    optimizers: [],
    schedules: [],
    callbacks: [...strategyCallback(strategy), ...callbacksOf(options)].map((callback) =>
      profiledCallback(callback, profiler),
    ),
    profiler,
    strategy,
    state: initialState(),
    fingerprint: options.fingerprint ?? "",
    checkpointFolder: options.checkpointFolder,
    startedAt: 0,
    stop: undefined,
    hasNewWeights: false,
    log(metrics) {
      Object.assign(run.state.metrics, metrics);
      onMetrics(metrics, run.state.step);
    },
    async flush() {
      await options.flushMetrics?.();
    },
  };
  run.sizing = options.loaders && batchSizing(run, options, options.loaders);
  await prepare(run, options);
  const interrupt = options.interrupt ?? catchSignals();
  interrupt.onSignal(() => (run.stop = "signal"));
  try {
    const reason = await train(run);
    await callHook(run, "onFitEnd");
    for (const callback of run.callbacks) await callback.teardown?.(run, "fit");
    return {
      reason,
      exitCode: interrupt.exitCode,
      bestCheckpoint: run.callbacks.find((callback) => callback instanceof ModelCheckpoint)?.best,
      epochs: run.state.epoch,
      steps: run.state.step,
      seconds: (performance.now() - run.startedAt) / 1000,
    };
  } finally {
    if (options.interrupt === undefined) interrupt.release();
    if (deterministic !== false) useDeterministicAlgorithms(false);
  }
}

/** Makes what moves the weights, and restores a run that goes on, in Lightning's order: callbacks may freeze first. */
async function prepare(run: Run, { optimization, resumeFrom }: FitOptions): Promise<void> {
  for (const callback of run.callbacks) await callback.setup?.(run, "fit");
  if (resumeFrom !== undefined) loadModelAndCallbacks(run, resumeFrom);
  optimize(run, optimization);
  await callHook(run, "onFitStart");
  if (resumeFrom === undefined) return;
  loadProgress(run, resumeFrom);
  logger.info(`resumed from ${resumeFrom}: epoch ${run.state.epoch + 1}, step ${run.state.step}`);
}

function optimize(run: Run, optimization: MakeOptimization): void {
  Object.assign(run, optimization(run.task.model, totalSteps(run.config, run.source)));
  run.task.attach?.(run);
}

/** Changes the size of a run's batches, and all that follows from how many there are. */
function batchSizing(run: Run, options: FitOptions, loaders: ResizableLoaders): BatchSizing {
  return {
    owners: loaders.owners,
    get isWhole() {
      return loaders.isWhole();
    },
    async reload() {
      const changed = loopConfig({ ...options, validationBatches: await loaders.reload() });
      const { valCheckInterval, limitValBatches, hasValidation } = changed;
      Object.assign(run.config, { valCheckInterval, limitValBatches, hasValidation });
      run.source.seek({ epoch: run.state.epoch, batch: run.state.batch });
    },
    attempt: (steps) => tryTraining(run, { steps, mayCut: false }),
    settle() {
      if (run.startedAt === 0) optimize(run, options.optimization); // schedules count the steps of the whole run
    },
  };
}

/** Optimizer steps of the whole run, for schedules. */
function totalSteps(config: LoopConfig, source: BatchSource): number {
  const perEpoch = Math.ceil(source.batchesPerEpoch / config.accumulateGradBatches);
  const byEpochs = config.maxEpochs === -1 ? Infinity : config.maxEpochs * perEpoch;
  return Math.min(byEpochs, config.maxSteps === -1 ? Infinity : config.maxSteps);
}

function loopConfig({ config: { trainer }, source, validationBatches }: FitOptions): LoopConfig {
  const devRun = trainer.fast_dev_run > 0;
  const maxSteps = trainer.max_steps;
  const limitVal = validationLimit(trainer, validationBatches);
  const interval = trainer.val_check_interval;
  return {
    maxEpochs: devRun ? 1 : trainer.max_epochs,
    minEpochs: trainer.min_epochs ?? 0,
    maxSteps: devRun ? trainer.fast_dev_run : maxSteps,
    minSteps: trainer.min_steps ?? 0,
    maxTime: trainer.max_time === undefined ? undefined : secondsOf(trainer.max_time, "trainer.max_time"),
    precision: trainer.precision,
    accumulateGradBatches: trainer.accumulate_grad_batches,
    autoFindBatchSize: trainer.auto_find_batch_size,
    gradientClipVal: trainer.gradient_clip_val ?? 0,
    gradientClipAlgorithm: trainer.gradient_clip_algorithm,
    valCheckInterval: interval === undefined ? undefined : batchesBetween(interval, source.batchesPerEpoch),
    checkValEveryNEpoch: trainer.check_val_every_n_epoch,
    limitValBatches: limitVal === validationBatches ? undefined : limitVal,
    numSanityValSteps: devRun || trainer.overfit_batches !== 0 ? 0 : trainer.num_sanity_val_steps,
    logEveryNSteps: devRun ? 1 : trainer.log_every_n_steps,
    hasValidation: limitVal > 0,
  };
}

/** Batches of one validation; 0: none, as there is no data or the flag is 0. */
function validationLimit(flags: TrainingConfig["trainer"], available: number): number {
  if (available === 0 || flags.limit_val_batches === 0) return 0;
  return countBatches(flags, "limit_val_batches", available);
}

/** Batches between validations; a share of an epoch comes to one at least, and no more than an epoch lies between. */
function batchesBetween(interval: number, perEpoch: number): number {
  if (Number.isInteger(interval)) return Math.min(interval, perEpoch);
  return Math.max(1, Math.floor(interval * perEpoch));
}

/**
 * Lists all callbacks. Finders come first, the size of batches before the rate that depends on it; those that keep
 * checkpoints last, so that they hold what the others made of the same moment.
 */
function callbacksOf(options: FitOptions): Callback[] {
  const { config, callbacks = [], progress } = options;
  const chosen = withProgressBar([...callbacks, ...buildCallbacks(config.callbacks)], {
    isEnabled: config.trainer.enable_progress_bar,
    listener: progress,
  });
  const summarizes = chosen.some((callback) => callback instanceof ModelSummary);
  const all = [
    ...(config.trainer.enable_model_summary && !summarizes ? [new ModelSummary()] : []),
    ...chosen,
    ...checkpointing(options),
  ];
  const place = (callback: Callback) =>
    callback instanceof BatchSizeFinder ? 0 : callback instanceof LearningRateFinder ? 1 : 2;
  return all.sort((a, b) => place(a) - place(b));
}

function checkpointing({ config, checkpoints }: FitOptions): ModelCheckpoint[] {
  return checkpoints === undefined ? [] : [configuredCheckpoint(config.callbacks, checkpoints)];
}
