// What models and data must have to be trained, and the bases that have most of it.
export { BaseModel } from "./base-model.ts";
export type { LogOptions, Stage, TrainerContext } from "./base-model.ts";
export { requireCallback } from "./callback-hooks.ts";
export type { CallbackHook } from "./callback-hooks.ts";
export { ContractError } from "./contract-error.ts";
export { DataContract } from "./data-contract.ts";
export type { DataContractOptions } from "./data-contract.ts";
export { BaseDataModule } from "./data-module.ts";
export type { BatchLoader, DataModule, DataModuleConfig, DataStage, Parts } from "./data-module.ts";
export {
  BaseAudioDataModule,
  BaseNLPDataModule,
  BaseTimeSeriesDataModule,
  BaseVisionDataModule,
} from "./domain-data-modules.ts";
export type {
  AudioDataConfig,
  AudioExample,
  NLPDataConfig,
  TextExample,
  TimeSeriesDataConfig,
  VisionDataConfig,
  VisionExample,
} from "./domain-data-modules.ts";
export { BaseAudioModel, BaseNLPModel, BaseTimeSeriesModel, BaseVisionModel } from "./domain-models.ts";
export type { AudioBatch, NLPBatch, TimeSeriesBatch, VisionBatch } from "./domain-models.ts";
export { Accuracy, F1Score, MeanAbsoluteError, MeanSquaredError } from "./metric.ts";
export type { Metric } from "./metric.ts";
export { ModelContract } from "./model-contract.ts";
export {
  registerAs,
  registerBuiltIn,
  registerCallback,
  registerDataset,
  registerDomain,
  registerLogger,
  registerLoss,
  registerMetric,
  registerModel,
  registerNetwork,
  registerOptimizer,
  registerSampler,
  registerScheduler,
  registerStore,
  registerStrategy,
  registerTask,
  registry,
} from "./registry.ts";
export type { ComponentClass, ComponentKindName, Domain, Register } from "./registry.ts";
export { Strategy } from "./strategy.ts";
export type { Task, TaskContext, TaskResult } from "./task.ts";
export { lossOf, optimizersOf } from "./step-output.ts";
export type {
  ConfigSchema,
  IConfigurable,
  ISerializable,
  ITrainable,
  OptimizerSetup,
  OptimizerWithScheduler,
  SchedulerSetup,
  StepOutput,
} from "./trainable.ts";
