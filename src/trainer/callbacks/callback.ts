// What may look on while a run trains. Hooks carry Lightning's names.
import type { Tensor, optim } from "../../torch/index.ts";
import type { Run } from "../run.ts";

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
}

/**
 * Looks on while a run trains; every hook is optional. Hooks may await, set `run.stop` and log.
 * `state` is what a checkpoint keeps of a callback.
 */
export interface Callback {
  /** Key of its state in a checkpoint; unique within a run. */
  readonly name: string;
  onTrainStart?(run: Run): void | Promise<void>;
  onTrainEpochStart?(run: Run): void | Promise<void>;
  /** Runs before the batches of a step are taken; at the end of an epoch there may be none left. */
  onTrainBatchStart?(run: Run): void | Promise<void>;
  /** The hooks within a step are synchronous, as its tensors are freed at its end. `loss` is what backward is run of. */
  onBeforeBackward?(run: Run, loss: Tensor): void;
  onAfterBackward?(run: Run): void;
  /** Sees the gradients before they are clipped. */
  onBeforeOptimizerStep?(run: Run, optimizer: optim.Optimizer): void;
  onBeforeZeroGrad?(run: Run, optimizer: optim.Optimizer): void;
  onTrainBatchEnd?(run: Run, step: StepInfo): void | Promise<void>;
  onValidationStart?(run: Run): void | Promise<void>;
  onValidationEnd?(run: Run, metrics: Readonly<Record<string, number>>): void | Promise<void>;
  onTrainEpochEnd?(run: Run): void | Promise<void>;
  /** Runs at the end whatever the reason, a signal included; not after an error. */
  onTrainEnd?(run: Run): void | Promise<void>;
  onException?(run: Run, error: unknown): void | Promise<void>;
  stateDict?(): Record<string, unknown>;
  loadStateDict?(state: Readonly<Record<string, unknown>>): void;
}
