// What may look on while a run trains, or is judged. Hooks carry Lightning's names.
import type { Tensor, optim } from "../../torch/index.ts";
import type { CheckpointContent } from "../checkpoint.ts";
import type { FitStage, Run } from "../run.ts";

/** What one optimizer step did. */
export interface StepInfo {
  /** Mean loss of the step. */
  loss: number;
  /** Norm of the gradients before clipping; undefined when they are not clipped by norm. */
  gradNorm: number | undefined;
  /** What the loss was divided by. */
  weight: number;
  items: number;
  positions: number;
  /** Seconds that its batches were waited for. */
  dataSeconds: number;
}

/** Is a batch of validation, test or prediction. */
export interface EvaluatedBatch {
  readonly content: unknown;
  /** Its number within its loader. */
  readonly index: number;
  readonly dataloaderIndex: number;
}

/**
 * Looks on while a run trains; every hook is optional. Hooks may await, set `run.stop` and log. `state` is what a
 * checkpoint keeps of a callback. Outside of `fit`, `run` has no optimizers; in the sanity check `run.isSanityChecking`.
 */
export interface Callback {
  /** Key of its state in a checkpoint; unique within a run. */
  readonly name: string;
  /**
   * Whether it acts on what the others and the model log: it then comes after them, and after schedules and the validation
   * of the same moment.
   */
  readonly isMonitoring?: boolean;
  /** Runs first, before the optimizers are made. */
  setup?(run: Run, stage: FitStage): void | Promise<void>;
  /** Runs last, not after an error. */
  teardown?(run: Run, stage: FitStage): void | Promise<void>;
  /** Runs when the optimizers are made, before their state is restored from a checkpoint. */
  onFitStart?(run: Run): void | Promise<void>;
  onFitEnd?(run: Run): void | Promise<void>;
  onSanityCheckStart?(run: Run): void | Promise<void>;
  onSanityCheckEnd?(run: Run): void | Promise<void>;
  onTrainStart?(run: Run): void | Promise<void>;
  onTrainEpochStart?(run: Run): void | Promise<void>;
  /** Runs before the batches of a step are taken. */
  onTrainBatchStart?(run: Run): void | Promise<void>;
  /**
   * The hooks within a step are synchronous, as its tensors are freed at its end, those of a batch at the batch's. `loss` is
   * what backward is run of. Where memory runs out, the batches are computed anew in parts, and these two hooks run again.
   */
  onBeforeBackward?(run: Run, loss: Tensor): void;
  onAfterBackward?(run: Run): void;
  /** Sees the gradients before they are clipped. */
  onBeforeOptimizerStep?(run: Run, optimizer: optim.Optimizer): void;
  /** Runs after the optimizer's step: gradients are forgotten there, not when the next are computed. */
  onBeforeZeroGrad?(run: Run, optimizer: optim.Optimizer): void;
  onTrainBatchEnd?(run: Run, step: StepInfo): void | Promise<void>;
  onValidationStart?(run: Run): void | Promise<void>;
  onValidationEpochStart?(run: Run): void | Promise<void>;
  /** The hooks of a module's batches are synchronous, as steps are; tensors of `outputs` are freed afterwards. */
  onValidationBatchStart?(run: Run, batch: EvaluatedBatch): void;
  onValidationBatchEnd?(run: Run, outputs: unknown, batch: EvaluatedBatch): void;
  onValidationEpochEnd?(run: Run, metrics: Readonly<Record<string, number>>): void | Promise<void>;
  onValidationEnd?(run: Run, metrics: Readonly<Record<string, number>>): void | Promise<void>;
  onTestStart?(run: Run): void | Promise<void>;
  onTestEpochStart?(run: Run): void | Promise<void>;
  onTestBatchStart?(run: Run, batch: EvaluatedBatch): void;
  onTestBatchEnd?(run: Run, outputs: unknown, batch: EvaluatedBatch): void;
  onTestEpochEnd?(run: Run, metrics: Readonly<Record<string, number>>): void | Promise<void>;
  onTestEnd?(run: Run, metrics: Readonly<Record<string, number>>): void | Promise<void>;
  onPredictStart?(run: Run): void | Promise<void>;
  onPredictEpochStart?(run: Run): void | Promise<void>;
  onPredictBatchStart?(run: Run, batch: EvaluatedBatch): void | Promise<void>;
  onPredictBatchEnd?(run: Run, outputs: unknown, batch: EvaluatedBatch): void | Promise<void>;
  /** Sees what all batches of all loaders gave. */
  onPredictEpochEnd?(run: Run, outputs: readonly unknown[]): void | Promise<void>;
  onPredictEnd?(run: Run): void | Promise<void>;
  onTrainEpochEnd?(run: Run): void | Promise<void>;
  /** Runs at the end whatever the reason, a signal included; not after an error. */
  onTrainEnd?(run: Run): void | Promise<void>;
  onException?(run: Run, error: unknown): void | Promise<void>;
  /** Changes or adds to what a checkpoint will hold. */
  onSaveCheckpoint?(run: Run, checkpoint: CheckpointContent): void;
  /** Reads what a checkpoint held; the weights are those of the checkpoint already. */
  onLoadCheckpoint?(run: Run, checkpoint: CheckpointContent): void;
  stateDict?(): Record<string, unknown>;
  loadStateDict?(state: Readonly<Record<string, unknown>>): void;
}

/** Names the hooks that are given the run alone. */
export type PlainHook = {
  [Name in keyof Callback]-?: NonNullable<Callback[Name]> extends (run: Run) => void | Promise<void>
    ? Name
    : never;
}[keyof Callback];

/** Calls a hook of every callback, one after the other. */
export async function callHook(run: Run, hook: PlainHook): Promise<void> {
  for (const callback of run.callbacks) await callback[hook]?.(run);
}

/** Parts callbacks into those that look on and those that act on what is logged. */
export function byMonitoring(callbacks: readonly Callback[]): [others: Callback[], monitoring: Callback[]] {
  return [
    callbacks.filter((callback) => callback.isMonitoring !== true),
    callbacks.filter((callback) => callback.isMonitoring === true),
  ];
}
