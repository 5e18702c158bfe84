// Everything, for programs that train. libtorch is loaded by the first tensor (about 0.3 s). The layers by themselves are
// `sconce/config`, `sconce/data`, `sconce/tracking` and so on.
export {
  ConfigError,
  DataError,
  FileError,
  SconceError,
  SetupError,
  ShapeError,
  TorchError,
  TrackingError,
  TrainingError,
  UsageError,
  sconceVersion,
} from "./base/index.ts";
export type { ConfigIssue } from "./base/index.ts";
export { checkUseCase, compose, draftUseCase, loadUseCase, main, writeUseCase } from "./config/index.ts";
export type { CheckReport, ResolvedUseCase, UseCaseConfig } from "./config/index.ts";
export {
  BaseAudioDataModule,
  BaseAudioModel,
  BaseDataModule,
  BaseModel,
  BaseNLPDataModule,
  BaseNLPModel,
  BaseTimeSeriesDataModule,
  BaseTimeSeriesModel,
  BaseVisionDataModule,
  BaseVisionModel,
  ContractError,
  DataContract,
  ModelContract,
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
  Strategy,
  registry,
} from "./contracts/index.ts";
export type {
  DataModule,
  IConfigurable,
  ISerializable,
  ITrainable,
  Metric,
  OptimizerSetup,
  Task,
  TaskContext,
  TaskResult,
} from "./contracts/index.ts";
export {
  LabelMap,
  Table,
  TextLoader,
  Tokenizer,
  inspectTable,
  loadTextData,
  readTable,
} from "./data/index.ts";
export type { TextBatch, TextData, TextLoaderOptions } from "./data/index.ts";
export { HubError, fetchModel, snapshotDownload } from "./hub/index.ts";
export type { FetchModelOptions, SnapshotOptions } from "./hub/index.ts";
export * as metrics from "./metrics/index.ts";
export {
  BertForMaskedLM,
  BertForSequenceClassification,
  BertForTokenClassification,
  BertModel,
  ResNetForImageClassification,
  ResNetModel,
  ViTForImageClassification,
  ViTModel,
  resnetConfig,
  resnetPresets,
  vitConfig,
} from "./models/index.ts";
export type { BertConfig, BertInput, ResNetConfig, ViTConfig } from "./models/index.ts";
export { loadPlugins } from "./plugins/index.ts";
export * as plots from "./plots/index.ts";
export {
  BertTrainerTorch,
  Cifar10DataModule,
  FrameworkTrainer,
  ImageFolderDataModule,
  InterruptedError,
  ResNetClassifier,
  TextClassifier,
  ViTClassifier,
  evaluateFile,
  formatEvaluation,
  readChampion,
} from "./tasks/index.ts";
export type { BertTrainerOptions, Prediction, RunRecord, TrainOptions, TrainResult } from "./tasks/index.ts";
export * as torch from "./torch/index.ts";
export { ActiveRun, SqliteStore, startRun } from "./tracking/index.ts";
export type { RegistryStore, StartRunOptions, TrackingStore } from "./tracking/index.ts";
export {
  BackboneFinetuning,
  BaseFinetuning,
  BasePredictionWriter,
  CSVLogger,
  DataWaitMonitor,
  DeviceStatsMonitor,
  EMAWeightAveraging,
  EarlyStopping,
  GradNormMonitor,
  GradientAccumulationScheduler,
  JSONLLogger,
  LambdaCallback,
  LearningRateMonitor,
  MLFlowLogger,
  ModelCheckpoint,
  OnExceptionCheckpoint,
  SpikeDetection,
  TensorBoardLogger,
  Throughput,
  ThroughputMonitor,
  Timer,
  Trainer,
  Tuner,
  WeightAveraging,
  fit,
  gradNorm,
} from "./trainer/index.ts";
export type {
  Callback,
  FitOptions,
  FitResult,
  StepInfo,
  TrainerOptions,
  TrainingConfig,
  TrainingLogger,
} from "./trainer/index.ts";
