// Puts a run together from its config and trains it: optimizer, schedule, callbacks, checkpoints, signals.
import { metricMode, type UseCaseConfig } from "../config/index.ts";
import { UsageError, camelCaseKeys, logger } from "../base/index.ts";
import { useDeterministicAlgorithms } from "../torch/index.ts";
import type { Callback } from "./callbacks/callback.ts";
import { DataWaitMonitor } from "./callbacks/data-wait-monitor.ts";
import { DeviceStatsMonitor } from "./callbacks/device-stats-monitor.ts";
import { EarlyStopping } from "./callbacks/early-stopping.ts";
import { GradientAccumulationScheduler } from "./callbacks/gradient-accumulation-scheduler.ts";
import { GradNormMonitor } from "./callbacks/grad-norm-monitor.ts";
import { LearningRateMonitor } from "./callbacks/lr-monitor.ts";
import { ModelCheckpoint } from "./callbacks/model-checkpoint.ts";
import type { ModelCheckpointConfig } from "./callbacks/model-checkpoint.ts";
import { ModelSummary, RichModelSummary } from "./callbacks/model-summary.ts";
import { StochasticWeightAveraging } from "./callbacks/stochastic-weight-averaging.ts";
import { SpikeDetection } from "./callbacks/spike-detection.ts";
import { ThroughputMonitor } from "./callbacks/throughput-monitor.ts";
import { Timer } from "./callbacks/timer.ts";
import { EMAWeightAveraging, WeightAveraging } from "./callbacks/weight-averaging.ts";
import { callHook } from "./callbacks/callback.ts";
import { loadModelAndCallbacks, loadProgress } from "./checkpoint.ts";
import { secondsOf } from "./duration.ts";
import { catchSignals } from "./interrupt.ts";
import type { Interrupt } from "./interrupt.ts";
import { train } from "./loop.ts";
import type { MakeOptimization } from "./optimization.ts";
import { castWeights } from "./precision.ts";
import { initialState } from "./run.ts";
import { PassThroughProfiler } from "./profilers/pass-through-profiler.ts";
import { profiledCallback } from "./profilers/profiled-callback.ts";
import { profileStage } from "./profilers/profiler.ts";
import type { Profiler } from "./profilers/profiler.ts";
import type { BatchSource, LoopConfig, MetricSink, Run, StopReason, Trainable } from "./run.ts";

/** The sections of a config that training reads. */
export type TrainingConfig = Pick<UseCaseConfig, "trainer" | "callbacks">;

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
  /** Sees the run before it begins. */
  onStart?: (run: Run) => void;
  /** Callbacks beside those of the config. */
  callbacks?: readonly Callback[];
  /** Measures the run's actions. @default none does */
  profiler?: Profiler;
  onMetrics: MetricSink;
  /** Waits until the metrics are stored; called before each checkpoint. */
  flushMetrics?: () => Promise<void>;
  /** Signals that end the run. @default those that come while `fit` runs */
  interrupt?: Interrupt;
}

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
  const { config, task, source, onMetrics } = options;
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
    callbacks: callbacksOf(options).map((callback) => profiledCallback(callback, profiler)),
    profiler,
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
async function prepare(run: Run, { optimization, onStart, resumeFrom }: FitOptions): Promise<void> {
  for (const callback of run.callbacks) await callback.setup?.(run, "fit");
  if (resumeFrom !== undefined) loadModelAndCallbacks(run, resumeFrom);
  Object.assign(run, optimization(run.task.model, totalSteps(run.config, run.source)));
  onStart?.(run);
  await callHook(run, "onFitStart");
  if (resumeFrom === undefined) return;
  loadProgress(run, resumeFrom);
  logger.info(`resumed from ${resumeFrom}: epoch ${run.state.epoch + 1}, step ${run.state.step}`);
}

/**
 * Resolves a limit of batches as Lightning does: an integer counts them, a share below 1 is rounded down.
 *
 * @throws UsageError naming `flag` when no batch is left.
 */
export function limitBatches(flag: string, limit: number | undefined, available: number): number {
  if (limit === undefined) return available;
  const batches = Number.isInteger(limit) ? Math.min(limit, available) : Math.floor(limit * available);
  if (batches > 0) return batches;
  throw new UsageError(
    `trainer.${flag}: must come to one batch at least, got ${limit} of ${available}. Set it to the number of batches, or to a larger share.`,
  );
}

/** Batches of an epoch that a run trains on, of those that there are. */
export function countTrainBatches(
  { fast_dev_run, overfit_batches, limit_train_batches }: TrainingConfig["trainer"],
  available: number,
): number {
  if (fast_dev_run > 0) return Math.min(fast_dev_run, available);
  return overfit_batches !== 0
    ? limitBatches("overfit_batches", overfit_batches, available)
    : limitBatches("limit_train_batches", limit_train_batches, available);
}

/** Optimizer steps of the whole run, for schedules. */
export function totalSteps(config: LoopConfig, source: BatchSource): number {
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
    maxEpochs: devRun
      ? 1
      : (trainer.max_epochs ?? (maxSteps === -1 && trainer.max_time === undefined ? 3 : -1)),
    minEpochs: trainer.min_epochs ?? 0,
    maxSteps: devRun ? trainer.fast_dev_run : maxSteps,
    minSteps: trainer.min_steps ?? 0,
    maxTime: trainer.max_time === undefined ? undefined : secondsOf(trainer.max_time, "trainer.max_time"),
    precision: trainer.precision,
    accumulateGradBatches: trainer.accumulate_grad_batches,
    autoFindBatchSize: trainer.auto_find_batch_size,
    gradientClipVal: trainer.gradient_clip_val ?? 0,
    gradientClipAlgorithm: trainer.gradient_clip_algorithm,
    valCheckInterval:
      interval === undefined || interval === 1 ? undefined : batchesBetween(interval, source.batchesPerEpoch),
    checkValEveryNEpoch: trainer.check_val_every_n_epoch,
    limitValBatches: limitVal === validationBatches ? undefined : limitVal,
    numSanityValSteps: devRun || trainer.overfit_batches !== 0 ? 0 : trainer.num_sanity_val_steps,
    logEveryNSteps: devRun ? 1 : trainer.log_every_n_steps,
    hasValidation: limitVal > 0,
  };
}

/** Batches of one validation; 0: none, as there is no data or the flag is 0. */
function validationLimit(
  { fast_dev_run, limit_val_batches }: TrainingConfig["trainer"],
  available: number,
): number {
  if (available === 0 || limit_val_batches === 0) return 0;
  return fast_dev_run > 0
    ? Math.min(fast_dev_run, available)
    : limitBatches("limit_val_batches", limit_val_batches, available);
}

/** Batches between validations; a share of an epoch comes to one at least, and no more than an epoch lies between. */
function batchesBetween(interval: number, perEpoch: number): number {
  if (Number.isInteger(interval)) return Math.min(interval, perEpoch);
  return Math.max(1, Math.floor(interval * perEpoch));
}

/** Makes the callbacks of a config, but for those that keep checkpoints. */
export function buildCallbacks(configs: TrainingConfig["callbacks"]): Callback[] {
  return configs.flatMap((config): Callback[] => {
    switch (config.name) {
      case "early_stopping":
        return [
          new EarlyStopping({
            monitor: config.monitor,
            mode: config.mode ?? metricMode(config.monitor) ?? "min",
            patience: config.patience,
            minDelta: config.min_delta,
            checkFinite: config.check_finite,
            stoppingThreshold: config.stopping_threshold,
            divergenceThreshold: config.divergence_threshold,
            checkOnTrainEpochEnd: config.check_on_train_epoch_end,
            strict: config.strict,
          }),
        ];
      case "lr_monitor":
        return [
          new LearningRateMonitor({
            loggingInterval: config.logging_interval,
            logMomentum: config.log_momentum,
            logWeightDecay: config.log_weight_decay,
          }),
        ];
      case "gradient_accumulation_scheduler":
        return [new GradientAccumulationScheduler({ scheduling: config.scheduling })];
      case "weight_averaging":
        return [new WeightAveraging({ useBuffers: config.use_buffers })];
      case "ema_weight_averaging":
        return [
          new EMAWeightAveraging({
            useBuffers: config.use_buffers,
            decay: config.decay,
            updateEveryNSteps: config.update_every_n_steps,
            updateStartingAtStep: config.update_starting_at_step,
            updateStartingAtEpoch: config.update_starting_at_epoch,
          }),
        ];
      case "stochastic_weight_averaging":
        return [
          new StochasticWeightAveraging({
            swaLrs: config.swa_lrs,
            swaEpochStart: config.swa_epoch_start,
            annealingEpochs: config.annealing_epochs,
            annealingStrategy: config.annealing_strategy,
          }),
        ];
      case "timer":
        return [new Timer({ duration: config.duration, interval: config.interval })];
      case "spike_detection": {
        const { mode, window, warmup, atol, rtol, finite_only: finiteOnly } = config;
        return [new SpikeDetection({ mode, window, warmup, atol, rtol, finiteOnly })];
      }
      case "model_summary":
        return [new ModelSummary({ maxDepth: config.max_depth })];
      case "rich_model_summary":
        return [new RichModelSummary({ maxDepth: config.max_depth })];
      case "device_stats_monitor":
        return [new DeviceStatsMonitor({ cpuStats: config.cpu_stats })];
      case "throughput_monitor": {
        const { window_size: windowSize, separator } = config;
        return [new ThroughputMonitor({ windowSize, separator, lengthFn: (step) => step.positions })];
      }
      case "data_wait_monitor":
        return [new DataWaitMonitor()];
      case "grad_norm_monitor": {
        const { norm_type: normType, level, group_separator: groupSeparator } = config;
        return [new GradNormMonitor({ normType, level, groupSeparator })];
      }
      case "model_checkpoint":
        return []; // see buildCheckpointing
    }
  });
}

/** Lists all callbacks; those that keep checkpoints last, so that they hold what the others made of the same moment. */
function callbacksOf(options: FitOptions): Callback[] {
  const { config, callbacks = [] } = options;
  const chosen = [...callbacks, ...buildCallbacks(config.callbacks)];
  const summarizes = chosen.some((callback) => callback instanceof ModelSummary);
  return [
    ...(config.trainer.enable_model_summary && !summarizes ? [new ModelSummary()] : []),
    ...chosen,
    ...buildCheckpointing(options),
  ];
}

function buildCheckpointing({ config, checkpoints }: FitOptions): ModelCheckpoint[] {
  if (checkpoints === undefined) return [];
  // without a callback of the config: the best by the champion's metric, and the newest to resume from
  return [configuredCheckpoint(config.callbacks, checkpoints)];
}

/**
 * Makes what keeps checkpoints as a config says, in a folder that is given or the run's own; where the config does not say,
 * the best by a metric and the newest are kept.
 */
export function configuredCheckpoint(
  configs: TrainingConfig["callbacks"],
  { dirpath, ...best }: { dirpath?: string; monitor: string; mode?: "min" | "max" },
): ModelCheckpoint {
  const given = configs.find((callback) => callback.name === "model_checkpoint");
  if (given === undefined) return new ModelCheckpoint({ dirpath, ...best, saveTopK: 1, saveLast: true });
  const { name: _, ...options } = given;
  return new ModelCheckpoint({ dirpath, ...(camelCaseKeys(options) as ModelCheckpointConfig) });
}
