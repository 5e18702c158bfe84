// Averages of the weights over training, which take their place in validation, checkpoints and at the end.
import { UsageError } from "../../base/index.ts";
import { noGrad, optim, scope } from "../../torch/index.ts";
import type { Tensor, nn } from "../../torch/index.ts";
import type { CheckpointContent } from "../checkpoint.ts";
import type { Run } from "../run.ts";
import type { Callback } from "./callback.ts";

/** Options by Lightning's names. */
export interface WeightAveragingConfig {
  /** Averages buffers too, instead of copying them. @default true */
  useBuffers?: boolean;
  /** Averages one tensor. @default the equal average of all updates */
  avgFn?: optim.swaUtils.AvgFn;
}

const currentPrefix = "weight_averaging.current.";

/**
 * Averages the weights after each step, or whenever `shouldUpdate` says. The average is what is validated, what
 * `model.safetensors` of a checkpoint holds, and what the model has at the end; training goes on with its own weights.
 */
export class WeightAveraging implements Callback {
  readonly name: string = "weight_averaging";
  readonly #config: WeightAveragingConfig;
  #average: optim.swaUtils.AveragedModel | undefined;
  #isSwapped = false;
  #updatedAtStep = 0;
  #updatedAtEpoch = -1;

  constructor({ useBuffers = true, ...rest }: WeightAveragingConfig = {}) {
    this.#config = { useBuffers, ...rest };
  }

  /** Says whether to take the weights into the average, after step or epoch number `stepIndex`, `epochIndex` from 0. */
  shouldUpdate({ stepIndex }: { stepIndex?: number; epochIndex?: number }): boolean {
    return stepIndex !== undefined;
  }

  setup(run: Run): void {
    if (run.stage === "fit") this.#average = new optim.swaUtils.AveragedModel(run.task.model, this.#config);
  }

  onTrainBatchEnd({ state, task }: Run): void {
    if (state.step <= this.#updatedAtStep || !this.shouldUpdate({ stepIndex: state.step - 1 })) return;
    this.#average!.updateParameters(task.model);
    this.#updatedAtStep = state.step;
  }

  onTrainEpochEnd({ state, task }: Run): void {
    const epochIndex = state.epoch - 1;
    if (epochIndex <= this.#updatedAtEpoch || !this.shouldUpdate({ epochIndex })) return;
    this.#average!.updateParameters(task.model);
    this.#updatedAtEpoch = epochIndex;
  }

  onValidationEpochStart({ stage, task }: Run): void {
    if (stage === "fit") this.#swap(task.model);
  }

  onValidationEpochEnd({ stage, task }: Run): void {
    if (stage === "fit") this.#swap(task.model);
  }

  /** Gives the model its own weights back, where an error came while it was validated. */
  onException({ task }: Run): void {
    if (this.#isSwapped) this.#swap(task.model);
  }

  onTrainEnd(run: Run): void {
    if (run.stop === "signal") return; // the run goes on later
    noGrad(() =>
      pairs(this.#average!.module, run.task.model).forEach(([average, own]) => own.copy_(average)),
    );
  }

  teardown(): void {
    this.#average = undefined;
  }

  onSaveCheckpoint(_run: Run, checkpoint: CheckpointContent): void {
    const average = this.#average!;
    for (const [name, tensor] of checkpoint.weights) checkpoint.tensors.set(currentPrefix + name, tensor);
    checkpoint.weights = average.module.stateDict();
    checkpoint.data["weight_averaging"] = { averaged: average.n_averaged.item() };
  }

  onLoadCheckpoint({ task }: Run, { weights, tensors, data }: CheckpointContent): void {
    const saved = data["weight_averaging"] as { averaged: number } | undefined;
    if (saved === undefined) {
      throw new UsageError(
        `${this.name}: the checkpoint must be of a run with the callback, and it holds no average. Begin a new run.`,
      );
    }
    const average = this.#average!;
    average.module.loadStateDict(weights);
    noGrad(() => average.n_averaged.fill_(saved.averaged));
    const own = Array.from(weights.keys(), (name) => [name, tensors.get(currentPrefix + name)!] as const);
    task.model.loadStateDict(new Map(own));
  }

  stateDict(): Record<string, unknown> {
    return { updatedAtStep: this.#updatedAtStep, updatedAtEpoch: this.#updatedAtEpoch };
  }

  loadStateDict({ updatedAtStep, updatedAtEpoch }: Readonly<Record<string, unknown>>): void {
    this.#updatedAtStep = Number(updatedAtStep);
    this.#updatedAtEpoch = Number(updatedAtEpoch);
  }

  #swap(model: nn.Module): void {
    scope(() =>
      noGrad(() => {
        for (const [average, own] of pairs(this.#average!.module, model)) {
          const kept = own.clone();
          own.copy_(average);
          average.copy_(kept);
        }
      }),
    );
    this.#isSwapped = !this.#isSwapped;
  }
}

/** Options by Lightning's names. */
export interface EMAWeightAveragingConfig extends Pick<WeightAveragingConfig, "useBuffers"> {
  /** Share of the average that stays at an update. @default 0.999 */
  decay?: number;
  /** @default 1 */
  updateEveryNSteps?: number;
  /** Step, counted from 0, before which nothing is averaged. @default 0 */
  updateStartingAtStep?: number | undefined;
  /** Also updates at the end of epochs, from this one on. */
  updateStartingAtEpoch?: number | undefined;
}

/** Keeps an exponential moving average of the weights. */
export class EMAWeightAveraging extends WeightAveraging {
  override readonly name: string = "ema_weight_averaging";
  readonly #every: number;
  readonly #fromStep: number;
  readonly #fromEpoch: number;

  constructor(config: EMAWeightAveragingConfig = {}) {
    const { decay = 0.999, updateEveryNSteps = 1, updateStartingAtStep = 0 } = config;
    super({ useBuffers: config.useBuffers ?? true, avgFn: optim.swaUtils.getEmaAvgFn(decay) });
    this.#every = updateEveryNSteps;
    this.#fromStep = updateStartingAtStep;
    this.#fromEpoch = config.updateStartingAtEpoch ?? Infinity;
  }

  override shouldUpdate({ stepIndex, epochIndex }: { stepIndex?: number; epochIndex?: number }): boolean {
    if (epochIndex !== undefined) return epochIndex >= this.#fromEpoch;
    return stepIndex! >= this.#fromStep && this.#every > 0 && stepIndex! % this.#every === 0;
  }
}

function pairs(average: nn.Module, own: nn.Module): [Tensor, Tensor][] {
  const owned = [...own.parameters(), ...own.buffers()];
  return [...average.parameters(), ...average.buffers()].map((tensor, i) => [tensor, owned[i]!]);
}
