// Accumulates more or fewer batches into a step as training goes on.
import { UsageError } from "../../base/index.ts";
import type { Run } from "../run.ts";
import type { Callback } from "./callback.ts";

/** Changes how many batches make a step: `{ 4: 2 }` takes two from epoch 4 on, counted from 0. */
export class GradientAccumulationScheduler implements Callback {
  readonly name = "gradient_accumulation_scheduler";
  readonly scheduling: ReadonlyMap<number, number>;

  constructor({ scheduling }: { scheduling: Readonly<Record<number, number>> }) {
    this.scheduling = new Map(
      Object.entries(scheduling).map(([epoch, batches]): [number, number] => [Number(epoch), batches]),
    );
    const isCount = (value: number, min: number) => Number.isInteger(value) && value >= min;
    const isRight = [...this.scheduling].every(
      ([epoch, batches]) => isCount(epoch, 0) && isCount(batches, 1),
    );
    if (isRight && this.scheduling.size > 0) return;
    throw new UsageError(
      `gradient_accumulation_scheduler: scheduling must map epochs from 0 to batches from 1, got ${JSON.stringify(scheduling)}. { 4: 2 } takes 2 from epoch 4 on.`,
    );
  }

  /** Returns how many batches a step takes in an epoch. */
  batchesIn(epoch: number): number {
    const begun = [...this.scheduling.keys()].filter((from) => from <= epoch);
    return begun.length === 0 ? 1 : this.scheduling.get(Math.max(...begun))!;
  }

  onFitStart({ config, task }: Run): void {
    if (config.accumulateGradBatches === 1 && task.trainManually === undefined) return;
    const reason =
      task.trainManually === undefined
        ? `accumulateGradBatches is ${config.accumulateGradBatches}. Leave one of the two out`
        : "the model steps its optimizers itself. Accumulate in its trainingStep";
    throw new UsageError(`gradient_accumulation_scheduler: cannot be used, as ${reason}.`);
  }

  /** Also for a run that goes on within an epoch. */
  onTrainStart(run: Run): void {
    run.config.accumulateGradBatches = this.batchesIn(run.state.epoch);
  }

  onTrainEpochStart(run: Run): void {
    this.onTrainStart(run);
  }
}
