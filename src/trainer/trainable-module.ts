// What the trainer trains: a module that meets ITrainable; what else it has is used.
import type { ITrainable, Stage, StepOutput, TrainerContext } from "../contracts/index.ts";
import type { Tensor, nn, optim } from "../torch/index.ts";
import type { Callback, EvaluatedBatch } from "./callbacks/callback.ts";
import type { CheckpointContent } from "./checkpoint.ts";
import type { FitStage } from "./run.ts";

/** The hooks of a module, by Lightning's names; those of callbacks come first. */
export interface ModuleHooks {
  setup?(stage: FitStage): void | Promise<void>;
  teardown?(stage: FitStage): void | Promise<void>;
  onFitStart?(): void | Promise<void>;
  onFitEnd?(): void | Promise<void>;
  onTrainStart?(): void | Promise<void>;
  onTrainEpochStart?(): void | Promise<void>;
  onTrainBatchStart?(): void | Promise<void>;
  onTrainBatchEnd?(): void | Promise<void>;
  onBeforeBackward?(loss: Tensor): void;
  onAfterBackward?(): void;
  onBeforeOptimizerStep?(optimizer: optim.Optimizer): void;
  onBeforeZeroGrad?(optimizer: optim.Optimizer): void;
  onValidationStart?(): void | Promise<void>;
  onValidationEpochStart?(): void | Promise<void>;
  onValidationBatchStart?(batch: any, batchIndex: number, dataloaderIndex: number): void;
  onValidationBatchEnd?(outputs: unknown, batch: any, batchIndex: number, dataloaderIndex: number): void;
  onValidationEpochEnd?(metrics: Readonly<Record<string, number>>): void | Promise<void>;
  onValidationEnd?(): void | Promise<void>;
  onTestStart?(): void | Promise<void>;
  onTestEpochStart?(): void | Promise<void>;
  onTestBatchStart?(batch: any, batchIndex: number, dataloaderIndex: number): void;
  onTestBatchEnd?(outputs: unknown, batch: any, batchIndex: number, dataloaderIndex: number): void;
  onTestEpochEnd?(metrics: Readonly<Record<string, number>>): void | Promise<void>;
  onTestEnd?(): void | Promise<void>;
  onPredictStart?(): void | Promise<void>;
  onPredictEpochStart?(): void | Promise<void>;
  onPredictBatchStart?(batch: any, batchIndex: number, dataloaderIndex: number): void | Promise<void>;
  onPredictBatchEnd?(
    outputs: unknown,
    batch: any,
    batchIndex: number,
    dataloaderIndex: number,
  ): void | Promise<void>;
  onPredictEpochEnd?(outputs: readonly unknown[]): void | Promise<void>;
  onPredictEnd?(): void | Promise<void>;
  onTrainEpochEnd?(): void | Promise<void>;
  onTrainEnd?(): void | Promise<void>;
  onSaveCheckpoint?(checkpoint: CheckpointContent): void;
  onLoadCheckpoint?(checkpoint: CheckpointContent): void;
}

/** A module that can be trained, and perhaps tested and asked to predict. `BaseModel` has all of it. */
export type TrainableModule = nn.Module &
  ITrainable &
  ModuleHooks & {
    automaticOptimization?: boolean;
    testStep?(batch: any, batchIndex: number, dataloaderIndex: number): StepOutput | undefined | void;
    predictStep?(batch: any, batchIndex: number, dataloaderIndex: number): unknown;
    attach?(context: TrainerContext | undefined): void;
    logMetrics?(stage: Exclude<Stage, "train">): void;
  };

/** Calls a module's own hooks at their moments. */
export function moduleHooks(model: TrainableModule): Callback {
  const place = ({ content, index, dataloaderIndex }: EvaluatedBatch) =>
    [content, index, dataloaderIndex] as const;
  return {
    name: "module",
    setup: (_, stage) => model.setup?.(stage),
    teardown: (_, stage) => model.teardown?.(stage),
    onFitStart: () => model.onFitStart?.(),
    onFitEnd: () => model.onFitEnd?.(),
    onTrainStart: () => model.onTrainStart?.(),
    onTrainEpochStart: () => model.onTrainEpochStart?.(),
    onTrainBatchStart: () => model.onTrainBatchStart?.(),
    onTrainBatchEnd: () => model.onTrainBatchEnd?.(),
    onBeforeBackward: (_, loss) => model.onBeforeBackward?.(loss),
    onAfterBackward: () => model.onAfterBackward?.(),
    onBeforeOptimizerStep: (_, optimizer) => model.onBeforeOptimizerStep?.(optimizer),
    onBeforeZeroGrad: (_, optimizer) => model.onBeforeZeroGrad?.(optimizer),
    onValidationStart: () => model.onValidationStart?.(),
    onValidationEpochStart: () => model.onValidationEpochStart?.(),
    onValidationBatchStart: (_, batch) => model.onValidationBatchStart?.(...place(batch)),
    onValidationBatchEnd: (_, outputs, batch) => model.onValidationBatchEnd?.(outputs, ...place(batch)),
    onValidationEpochEnd: (_, metrics) => model.onValidationEpochEnd?.(metrics),
    onValidationEnd: () => model.onValidationEnd?.(),
    onTestStart: () => model.onTestStart?.(),
    onTestEpochStart: () => model.onTestEpochStart?.(),
    onTestBatchStart: (_, batch) => model.onTestBatchStart?.(...place(batch)),
    onTestBatchEnd: (_, outputs, batch) => model.onTestBatchEnd?.(outputs, ...place(batch)),
    onTestEpochEnd: (_, metrics) => model.onTestEpochEnd?.(metrics),
    onTestEnd: () => model.onTestEnd?.(),
    onPredictStart: () => model.onPredictStart?.(),
    onPredictEpochStart: () => model.onPredictEpochStart?.(),
    onPredictBatchStart: (_, batch) => model.onPredictBatchStart?.(...place(batch)),
    onPredictBatchEnd: (_, outputs, batch) => model.onPredictBatchEnd?.(outputs, ...place(batch)),
    onPredictEpochEnd: (_, outputs) => model.onPredictEpochEnd?.(outputs),
    onPredictEnd: () => model.onPredictEnd?.(),
    onTrainEpochEnd: () => model.onTrainEpochEnd?.(),
    onTrainEnd: () => model.onTrainEnd?.(),
    onSaveCheckpoint: (_, checkpoint) => model.onSaveCheckpoint?.(checkpoint),
  };
}
