export type { Callback, EvaluatedBatch, StepInfo } from "./callbacks/callback.ts";
export { DataWaitMonitor } from "./callbacks/data-wait-monitor.ts";
export { DeviceStatsMonitor } from "./callbacks/device-stats-monitor.ts";
export type { Duration } from "./duration.ts";
export { ProgressBar, RichProgressBar, TQDMProgressBar } from "./callbacks/progress-bar.ts";
export type { ProgressBarConfig } from "./callbacks/progress-bar.ts";
export { EarlyStopping } from "./callbacks/early-stopping.ts";
export type { EarlyStoppingConfig } from "./callbacks/early-stopping.ts";
export { BackboneFinetuning, BaseFinetuning } from "./callbacks/finetuning.ts";
export type { BackboneFinetuningConfig } from "./callbacks/finetuning.ts";
export { GradientAccumulationScheduler } from "./callbacks/gradient-accumulation-scheduler.ts";
export { GradNormMonitor, gradNorm } from "./callbacks/grad-norm-monitor.ts";
export type { GradNormMonitorConfig } from "./callbacks/grad-norm-monitor.ts";
export { LambdaCallback } from "./callbacks/lambda-callback.ts";
export { BatchSizeFinder } from "./callbacks/batch-size-finder.ts";
export { LearningRateFinder } from "./callbacks/learning-rate-finder.ts";
export type { LearningRateFinderConfig } from "./callbacks/learning-rate-finder.ts";
export { LearningRateMonitor } from "./callbacks/lr-monitor.ts";
export type { LearningRateMonitorConfig } from "./callbacks/lr-monitor.ts";
export { ModelCheckpoint } from "./callbacks/model-checkpoint.ts";
export type { ModelCheckpointConfig } from "./callbacks/model-checkpoint.ts";
export { ModelSummary, RichModelSummary } from "./callbacks/model-summary.ts";
export type { ModelSummaryConfig } from "./callbacks/model-summary.ts";
export { OnExceptionCheckpoint } from "./callbacks/on-exception-checkpoint.ts";
export { BasePredictionWriter } from "./callbacks/prediction-writer.ts";
export { SpikeDetection } from "./callbacks/spike-detection.ts";
export type { SpikeDetectionConfig } from "./callbacks/spike-detection.ts";
export { StochasticWeightAveraging } from "./callbacks/stochastic-weight-averaging.ts";
export type { StochasticWeightAveragingConfig } from "./callbacks/stochastic-weight-averaging.ts";
export { Timer } from "./callbacks/timer.ts";
export type { TimedStage, TimerConfig } from "./callbacks/timer.ts";
export { EMAWeightAveraging, WeightAveraging } from "./callbacks/weight-averaging.ts";
export type { EMAWeightAveragingConfig, WeightAveragingConfig } from "./callbacks/weight-averaging.ts";
export { ThroughputMonitor } from "./callbacks/throughput-monitor.ts";
export type { ThroughputMonitorConfig } from "./callbacks/throughput-monitor.ts";
export { Throughput } from "./callbacks/throughput.ts";
export {
  loadCheckpoint,
  loadWeights,
  newestCheckpoint,
  refuseOtherJob,
  saveCheckpoint,
  verifyCheckpoint,
} from "./checkpoint.ts";
export type { BatchSizeSearchOptions } from "./batch-size-search.ts";
export type { CheckpointContent } from "./checkpoint.ts";
export { catchSignals } from "./interrupt.ts";
export type { Interrupt } from "./interrupt.ts";
export { train } from "./loop.ts";
export { summarize } from "./model-summary.ts";
export type { LayerSummary, Size, Summary, SummaryData, SummaryOptions } from "./model-summary.ts";
export { findNonFinite } from "./non-finite.ts";
export { configuredOptimization } from "./optimization.ts";
export type { MakeOptimization, Optimization } from "./optimization.ts";
export { withPrecision } from "./precision.ts";
export type {
  Batch,
  BatchSizing,
  BatchSource,
  FitStage,
  LoopConfig,
  MetricSink,
  Precision,
  Run,
  RunState,
  StopReason,
  Trainable,
  ValidateOptions,
} from "./run.ts";
export { fit } from "./fit.ts";
export { countBatches, countTrainBatches } from "./batch-limits.ts";
export { buildCallbacks, configuredCheckpoint } from "./configured-callbacks.ts";
export { CSVLogger } from "./loggers/csv-logger.ts";
export type { CSVLoggerOptions } from "./loggers/csv-logger.ts";
export { JSONLLogger } from "./loggers/jsonl-logger.ts";
export type { LoggedStatus, TrainingLogger } from "./loggers/logger.ts";
export { MLFlowLogger } from "./loggers/mlflow-logger.ts";
export type { MLFlowLoggerOptions } from "./loggers/mlflow-logger.ts";
export { TensorBoardLogger } from "./loggers/tensorboard-logger.ts";
export type { TensorBoardLoggerOptions } from "./loggers/tensorboard-logger.ts";
export { AdvancedProfiler } from "./profilers/advanced-profiler.ts";
export type { AdvancedProfilerConfig } from "./profilers/advanced-profiler.ts";
export { makeProfiler } from "./profilers/make-profiler.ts";
export type { ProfilerName } from "../config/index.ts";
export { PassThroughProfiler } from "./profilers/pass-through-profiler.ts";
export { Profiler } from "./profilers/profiler.ts";
export type { ProfiledStage, ProfilerConfig } from "./profilers/profiler.ts";
export { PyTorchProfiler } from "./profilers/pytorch-profiler.ts";
export type { PyTorchProfilerConfig } from "./profilers/pytorch-profiler.ts";
export { SimpleProfiler } from "./profilers/simple-profiler.ts";
export type { SimpleProfilerConfig } from "./profilers/simple-profiler.ts";
export type { ModuleHooks, TrainableModule } from "./trainable-module.ts";
export { LRFinder } from "./lr-finder.ts";
export { Tuner } from "./tuner.ts";
export type { LRFindOptions, ScaleBatchSizeOptions } from "./tuner.ts";
export { Trainer } from "./trainer.ts";
export type { FitModuleOptions, TrainerOptions } from "./trainer.ts";
export type { FitOptions, FitResult, TrainingConfig } from "./fit.ts";
