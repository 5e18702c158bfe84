// What the trainer trains: a module that meets ITrainable; what else it has is used.
import type { ITrainable, Stage, StepOutput, TrainerContext } from "../contracts/index.ts";
import type { Tensor, nn, optim } from "../torch/index.ts";
import type { Callback } from "./callbacks/callback.ts";

/** The hooks of a module, by Lightning's names; those of callbacks come first. */
export interface ModuleHooks {
  onTrainStart?(): void | Promise<void>;
  onTrainEpochStart?(): void | Promise<void>;
  onBeforeBackward?(loss: Tensor): void;
  onAfterBackward?(): void;
  onBeforeOptimizerStep?(optimizer: optim.Optimizer): void;
  onBeforeZeroGrad?(optimizer: optim.Optimizer): void;
  onValidationEpochStart?(): void | Promise<void>;
  onValidationEpochEnd?(metrics: Readonly<Record<string, number>>): void | Promise<void>;
  onTrainEpochEnd?(): void | Promise<void>;
  onTrainEnd?(): void | Promise<void>;
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
  return {
    name: "module",
    onTrainStart: () => model.onTrainStart?.(),
    onTrainEpochStart: () => model.onTrainEpochStart?.(),
    onBeforeBackward: (_, loss) => model.onBeforeBackward?.(loss),
    onAfterBackward: () => model.onAfterBackward?.(),
    onBeforeOptimizerStep: (_, optimizer) => model.onBeforeOptimizerStep?.(optimizer),
    onBeforeZeroGrad: (_, optimizer) => model.onBeforeZeroGrad?.(optimizer),
    onValidationStart: () => model.onValidationEpochStart?.(),
    onValidationEnd: (_, metrics) => model.onValidationEpochEnd?.(metrics),
    onTrainEpochEnd: () => model.onTrainEpochEnd?.(),
    onTrainEnd: () => model.onTrainEnd?.(),
  };
}
