// The callbacks that a config names, made with its options.
import { camelCaseKeys } from "../base/index.ts";
import type { CamelCaseKeys } from "../base/index.ts";
import type { UseCaseConfig } from "../config/index.ts";
import type { Callback } from "./callbacks/callback.ts";
import { BatchSizeFinder } from "./callbacks/batch-size-finder.ts";
import { DataWaitMonitor } from "./callbacks/data-wait-monitor.ts";
import { DeviceStatsMonitor } from "./callbacks/device-stats-monitor.ts";
import { EarlyStopping } from "./callbacks/early-stopping.ts";
import { BackboneFinetuning } from "./callbacks/finetuning.ts";
import { GradientAccumulationScheduler } from "./callbacks/gradient-accumulation-scheduler.ts";
import { GradNormMonitor } from "./callbacks/grad-norm-monitor.ts";
import { LearningRateFinder } from "./callbacks/learning-rate-finder.ts";
import { LearningRateMonitor } from "./callbacks/lr-monitor.ts";
import { ModelCheckpoint } from "./callbacks/model-checkpoint.ts";
import { ModelSummary, RichModelSummary } from "./callbacks/model-summary.ts";
import { OnExceptionCheckpoint } from "./callbacks/on-exception-checkpoint.ts";
import { RichProgressBar, TQDMProgressBar } from "./callbacks/progress-bar.ts";
import { SpikeDetection } from "./callbacks/spike-detection.ts";
import { StochasticWeightAveraging } from "./callbacks/stochastic-weight-averaging.ts";
import { ThroughputMonitor } from "./callbacks/throughput-monitor.ts";
import { Timer } from "./callbacks/timer.ts";
import { EMAWeightAveraging, WeightAveraging } from "./callbacks/weight-averaging.ts";

type CallbackConfig = UseCaseConfig["callbacks"][number];

/** Makes the callbacks of a config, but for those that keep checkpoints. */
export function buildCallbacks(configs: readonly CallbackConfig[]): Callback[] {
  return configs.flatMap((config) => buildCallback(config) ?? []);
}

function buildCallback(config: CallbackConfig): Callback | undefined {
  switch (config.name) {
    case "early_stopping":
      return new EarlyStopping(optionsOf(config));
    case "lr_monitor":
      return new LearningRateMonitor(optionsOf(config));
    case "on_exception_checkpoint":
      return new OnExceptionCheckpoint(optionsOf(config));
    case "tqdm_progress_bar":
      return new TQDMProgressBar(optionsOf(config));
    case "rich_progress_bar":
      return new RichProgressBar(optionsOf(config));
    case "backbone_finetuning":
      return new BackboneFinetuning(optionsOf(config));
    case "learning_rate_finder":
      return new LearningRateFinder(optionsOf(config));
    case "batch_size_finder":
      return new BatchSizeFinder(optionsOf(config));
    case "gradient_accumulation_scheduler":
      return new GradientAccumulationScheduler(optionsOf(config));
    case "weight_averaging":
      return new WeightAveraging(optionsOf(config));
    case "ema_weight_averaging":
      return new EMAWeightAveraging(optionsOf(config));
    case "stochastic_weight_averaging":
      return new StochasticWeightAveraging(optionsOf(config));
    case "timer":
      return new Timer(optionsOf(config));
    case "spike_detection":
      return new SpikeDetection(optionsOf(config));
    case "model_summary":
      return new ModelSummary(optionsOf(config));
    case "rich_model_summary":
      return new RichModelSummary(optionsOf(config));
    case "device_stats_monitor":
      return new DeviceStatsMonitor(optionsOf(config));
    case "throughput_monitor":
      return new ThroughputMonitor({ ...optionsOf(config), lengthFn: (step) => step.positions });
    case "data_wait_monitor":
      return new DataWaitMonitor();
    case "grad_norm_monitor":
      return new GradNormMonitor(optionsOf(config));
    case "model_checkpoint":
      return undefined; // see configuredCheckpoint
  }
}

/**
 * Makes what keeps checkpoints as a config says, in a folder that is given or the run's own; where the config does not say,
 * the best by a metric and the newest, to resume from, are kept.
 */
export function configuredCheckpoint(
  configs: readonly CallbackConfig[],
  { dirpath, ...best }: { dirpath?: string; monitor: string; mode?: "min" | "max" },
): ModelCheckpoint {
  const given = configs.find((callback) => callback.name === "model_checkpoint");
  return given === undefined
    ? new ModelCheckpoint({ dirpath, ...best, saveTopK: 1, saveLast: true })
    : new ModelCheckpoint({ dirpath, ...optionsOf(given) });
}

function optionsOf<T extends CallbackConfig>(config: T): CamelCaseKeys<Omit<T, "name">> {
  const { name: _, ...options } = config;
  return camelCaseKeys(options);
}
