// Stochastic weight averaging (Izmailov et al., 2018): the equal average of the weights of the last epochs, trained at a
// rate of their own. Averages after each step: ./weight-averaging.ts.
import { UsageError, logger } from "../../base/index.ts";
import { noGrad, optim, scope } from "../../torch/index.ts";
import type { nn } from "../../torch/index.ts";
import type { CheckpointContent } from "../checkpoint.ts";
import { validate } from "../loop.ts";
import { withPrecision } from "../precision.ts";
import type { Run } from "../run.ts";
import { Schedule } from "../schedule.ts";
import type { Callback } from "./callback.ts";

/** Options by Lightning's names. */
export interface StochasticWeightAveragingConfig {
  /** Rate that the schedule comes to: of all parameter groups, or of each. */
  swaLrs: number | readonly number[];
  /** Epoch from which it averages, counted from 1, or a share of `maxEpochs` below 1. @default 0.8 */
  swaEpochStart?: number;
  /** Epochs on the way to that rate. @default 10 */
  annealingEpochs?: number;
  /** @default "cos" */
  annealingStrategy?: "cos" | "linear";
  /** Averages one tensor. @default the equal average */
  avgFn?: optim.swaUtils.AvgFn | undefined;
}

const tensorPrefix = "stochastic_weight_averaging.";

/**
 * Averages the weights as each of the last epochs starts, while the learning rate goes to `swaLrs` (SWALR). When the
 * last epoch has ended, the model gets the average, batch normalisation its statistics anew by a pass over the training
 * data, and the whole is validated once more and saved by the callbacks that keep checkpoints.
 */
export class StochasticWeightAveraging implements Callback {
  readonly name = "stochastic_weight_averaging";
  readonly #config: Required<StochasticWeightAveragingConfig> & { avgFn: optim.swaUtils.AvgFn };
  #average: optim.swaUtils.AveragedModel | undefined;
  #hasBegun = false;
  #updatedAtEpoch = -1;

  constructor({
    swaEpochStart = 0.8,
    annealingEpochs = 10,
    annealingStrategy = "cos",
    avgFn = optim.swaUtils.getSwaAvgFn(),
    swaLrs,
  }: StochasticWeightAveragingConfig) {
    const isEpoch = Number.isInteger(swaEpochStart) && swaEpochStart >= 1;
    if (!isEpoch && !(swaEpochStart >= 0 && swaEpochStart < 1)) {
      throw new UsageError(
        `stochastic_weight_averaging: swaEpochStart must be an epoch from 1, or a share of maxEpochs below 1, got ${swaEpochStart}.`,
      );
    }
    const rates = [swaLrs].flat() as number[];
    if (rates.length === 0 || !rates.every((rate) => rate > 0 && Number.isFinite(rate))) {
      throw new UsageError(
        `stochastic_weight_averaging: swaLrs must be a rate above 0, or one for each parameter group, got ${JSON.stringify(swaLrs)}.`,
      );
    }
    this.#config = { swaLrs, swaEpochStart, annealingEpochs, annealingStrategy, avgFn };
  }

  setup({ stage, task }: Run): void {
    if (stage !== "fit") return;
    this.#average = new optim.swaUtils.AveragedModel(task.model, { avgFn: this.#config.avgFn });
  }

  onFitStart(run: Run): void {
    const { optimizers, schedules, task } = run;
    if (optimizers.length !== 1 || schedules.length > 1 || task.trainManually !== undefined) {
      throw new UsageError(
        `${this.name}: works with one optimizer that the trainer steps, and one schedule at most, got ${optimizers.length} and ${schedules.length}${task.trainManually === undefined ? "" : ", stepped by the model"}.`,
      );
    }
    this.#firstEpoch(run); // refuses what has no meaning
    if (this.#hasBegun) this.#swapSchedule(run); // before the checkpoint's is read
  }

  onTrainEpochStart(run: Run): void {
    const { epoch } = run.state;
    const first = this.#firstEpoch(run);
    if (epoch < first) return;
    if (!this.#hasBegun) {
      if (epoch > first)
        logger.warn(`${this.name}: begins in epoch ${epoch + 1}, as the checkpoint holds no average`);
      this.#hasBegun = true;
      this.#swapSchedule(run);
    }
    if (epoch <= this.#updatedAtEpoch) return;
    this.#average!.updateParameters(run.task.model);
    this.#updatedAtEpoch = epoch;
  }

  async onTrainEnd(run: Run): Promise<void> {
    const { config, state, task } = run;
    if (run.stop === "signal" || !this.#hasBegun) return; // after a signal the run goes on later
    if (config.maxEpochs !== -1 && state.epoch < config.maxEpochs) {
      logger.warn(
        `${this.name}: training ended in epoch ${state.epoch + 1} of ${config.maxEpochs}, the weights are those of its last step`,
      );
      return;
    }
    const averages = this.#average!.module.parameters();
    noGrad(() => task.model.parameters().forEach((own, i) => own.copy_(averages[i]!)));
    await renewStatistics(run);
    run.hasNewWeights = true;
    if (config.hasValidation) await validate(run);
  }

  teardown(): void {
    this.#average = undefined;
  }

  onSaveCheckpoint(_run: Run, { tensors, data }: CheckpointContent): void {
    if (!this.#hasBegun) return;
    const { module, n_averaged: averaged } = this.#average!;
    for (const [name, tensor] of module.stateDict()) tensors.set(tensorPrefix + name, tensor);
    data[this.name] = { averaged: averaged.item() };
  }

  onLoadCheckpoint(_run: Run, { tensors, data }: CheckpointContent): void {
    const saved = data[this.name] as { averaged: number } | undefined;
    if (saved === undefined) return;
    const { module, n_averaged: averaged } = this.#average!;
    module.loadStateDict(
      new Map(Array.from(module.stateDict().keys(), (name) => [name, tensors.get(tensorPrefix + name)!])),
    );
    noGrad(() => averaged.fill_(saved.averaged));
  }

  stateDict(): Record<string, unknown> {
    return { hasBegun: this.#hasBegun, updatedAtEpoch: this.#updatedAtEpoch };
  }

  loadStateDict({ hasBegun, updatedAtEpoch }: Readonly<Record<string, unknown>>): void {
    this.#hasBegun = hasBegun === true;
    this.#updatedAtEpoch = Number(updatedAtEpoch);
  }

  /** Counted from 0. */
  #firstEpoch({ config: { maxEpochs } }: Run): number {
    const { swaEpochStart } = this.#config;
    const isShare = swaEpochStart < 1;
    if (isShare && maxEpochs === -1) {
      throw new UsageError(
        `${this.name}: swaEpochStart must be an epoch where maxEpochs is -1, got the share ${swaEpochStart}. Set it to the number of an epoch.`,
      );
    }
    return Math.max(0, (isShare ? Math.trunc(maxEpochs * swaEpochStart) : swaEpochStart) - 1);
  }

  #swapSchedule(run: Run): void {
    const { swaLrs, annealingEpochs, annealingStrategy } = this.#config;
    const optimizer = run.optimizers[0]!;
    const rates = typeof swaLrs === "number" ? optimizer.paramGroups.map(() => swaLrs) : swaLrs;
    optimizer.paramGroups.forEach((group, i) => (group.initialLr = rates[i] ?? group.lr));
    const scheduler = new optim.swaUtils.SWALR(optimizer, rates, {
      annealEpochs: annealingEpochs,
      annealStrategy: annealingStrategy,
      lastEpoch: annealingStrategy === "cos" ? run.config.maxEpochs : -1, // as Lightning makes it
    });
    const replaced = run.schedules[0]?.scheduler.constructor.name;
    if (replaced !== undefined) logger.info(`${this.name}: SWALR takes the place of ${replaced}`);
    run.schedules = [new Schedule(scheduler, { interval: "epoch" })];
  }
}

/** What batch normalisation has, and no other module: statistics that can start over. */
interface BatchStatistics extends nn.Module {
  momentum: number | null;
  readonly trackRunningStats: boolean;
  resetRunningStats(): void;
}

/** Computes the statistics of batch normalisation anew, by one pass over the training data without updates. */
async function renewStatistics({ config, source, state, task }: Run): Promise<void> {
  const normalisations = [...task.model.modules()].filter(
    (module): module is BatchStatistics =>
      "resetRunningStats" in module && (module as BatchStatistics).trackRunningStats && module.training,
  );
  if (normalisations.length === 0) return;
  const momenta = normalisations.map(({ momentum }) => momentum);
  for (const module of normalisations) {
    module.resetRunningStats();
    module.momentum = null; // the equal average of all batches
  }
  try {
    source.seek({ epoch: state.epoch, batch: 0 });
    for (let i = 0; i < source.batchesPerEpoch; i++) {
      const batch = await source.next();
      if (batch === undefined) break;
      scope(() => noGrad(() => void withPrecision(config.precision, () => task.lossSum(batch))));
      batch.release?.();
    }
  } finally {
    normalisations.forEach((module, i) => (module.momentum = momenta[i]!));
    task.epochMetrics?.(); // what the steps logged is of no epoch
  }
}
