export { BertTrainerTorch } from "./bert-trainer.ts";
export type { BertTrainerOptions, TrainOptions } from "./bert-trainer.ts";
export { readChampion } from "./champion.ts";
export type { ChampionDecision, ChampionRule } from "./champion.ts";
export { FrameworkTrainer } from "./framework-trainer.ts";
export type { FrameworkResult, FrameworkTrainerOptions } from "./framework-trainer.ts";
export { findModel } from "./find-model.ts";
export type { FindModelOptions } from "./find-model.ts";
export { InterruptedError } from "./interrupted.ts";
export type { ProgressListener } from "../base/index.ts";
export { checkRegistered } from "./module-parts.ts";
export { RunFolder } from "./run-folder.ts";
export type { RunRecord } from "./run-folder.ts";
export { loadModel, logModel } from "./torch-model.ts";
export type { LogModelOptions } from "./torch-model.ts";
export { versions } from "./versions.ts";
export { TextClassifier } from "./text-classification/classifier.ts";
export type { Prediction, ScoreOptions, TextColumns } from "./text-classification/classifier.ts";
export { evaluateFile } from "./text-classification/evaluate-file.ts";
export type { EvaluateFileOptions } from "./text-classification/evaluate-file.ts";
export { formatEvaluation } from "./text-classification/summary.ts";
export type { TrainResult } from "./text-classification/result.ts";
export { ExperimentManager } from "./experiments/experiment-manager.ts";
export type {
  CellResult,
  ExperimentManagerOptions,
  ExperimentResult,
} from "./experiments/experiment-manager.ts";
export type { HyperparameterSet } from "./experiments/grid.ts";
export type { Recording } from "./job.ts";
export { readExperimentConfig } from "./experiments/read-config.ts";
export type { FileDataConfig } from "./files/file-parts.ts";
export { TableDataModule, TextFileDataModule } from "./files/domain.ts";
export type { TableDataConfig, TableExample } from "./files/table-data.ts";
export type { TextFileDataConfig } from "./files/text-data.ts";
export type { BlobsConfig } from "./points/blobs.ts";
export { BlobsDataModule, MLPClassifier } from "./points/domain.ts";
export type { MLPClassifierConfig } from "./points/mlp.ts";
export type { Cifar10Config } from "./vision/cifar10.ts";
export {
  Cifar10DataModule,
  ImageFolderDataModule,
  ResNetClassifier,
  ViTClassifier,
} from "./vision/domain.ts";
export type { ImageFolderConfig } from "./vision/image-folder.ts";
export type { ResNetClassifierConfig, ViTClassifierConfig } from "./vision/models.ts";
