// Whatever the moment at which a checkpoint is saved, a run that goes on from it ends as one that never stopped: several
// optimizers, hooks of the model, averages, schedules and epochs' means among what it must hold.
import { readFileSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { PointsData, PointsModel } from "../../tests/fixtures/points.ts";
import { makeTemporaryFolder } from "../../tests/fixtures/temporary-folder.ts";
import type { OptimizerSetup } from "../contracts/index.ts";
import { hashTensors, manualSeed, nn, noGrad, optim } from "../torch/index.ts";
import type { Tensor } from "../torch/index.ts";
import {
  EMAWeightAveraging,
  EarlyStopping,
  ModelCheckpoint,
  StochasticWeightAveraging,
  Trainer,
} from "./index.ts";
import type { Callback, ModelCheckpointConfig, TrainerOptions, TrainingLogger } from "./index.ts";

let root: string;
beforeEach(() => (root = makeTemporaryFolder("sconce-moments-")));
afterEach(() => rmSync(root, { recursive: true, force: true }));

type Schedule = (optimizer: optim.Optimizer) => object;

/** Changes its weights in its hooks, logs in them, and moves its rate as it is told. */
class Net extends PointsModel {
  schedule: Schedule | undefined;

  onTrainBatchEnd(): void {
    this.#shrink(0.99);
    this.log("at_batch_end", this.globalStep);
  }

  onTrainEpochEnd(): void {
    this.#shrink(0.9);
    this.log("at_epoch_end", this.globalStep);
  }

  onValidationEpochEnd(): void {
    this.log("val_planted", this.globalStep % 3);
  }

  override trainingStep(batch: [Tensor, Tensor], index: number): Tensor {
    const loss = super.trainingStep(batch, index) as Tensor;
    this.log("mean", loss, { onStep: false, onEpoch: true });
    return loss;
  }

  override configureOptimizers(): OptimizerSetup {
    const optimizer = new optim.AdamW(this.parameters(), { lr: 0.01 });
    return this.schedule === undefined
      ? optimizer
      : { optimizer, lrScheduler: this.schedule(optimizer) as never };
  }

  #shrink(by: number): void {
    noGrad(() => this.parameters().forEach((parameter) => parameter.mul_(by)));
  }
}

/** Steps two optimizers in turn. */
class Duel extends Net {
  override automaticOptimization = false;

  override configureOptimizers(): OptimizerSetup {
    const [first, second] = [...this.model.children()].filter((module) => module instanceof nn.Linear);
    const adam = new optim.Adam(first!.parameters(), { lr: 0.05 });
    const sgd = new optim.SGD(second!.parameters(), { lr: 0.05, momentum: 0.9 });
    return [{ optimizer: adam, lrScheduler: new optim.StepLR(adam, 2, { gamma: 0.5 }) }, sgd];
  }

  override trainingStep(batch: [Tensor, Tensor], index: number): Tensor {
    const loss = super.trainingStep(batch, index);
    this.manualBackward(loss);
    this.optimizers()[this.globalStep % 2]!.step();
    if (this.globalStep % 3 === 0) (this.lrSchedulers()[0] as optim.LRScheduler).step();
    this.zeroGrad();
    return loss;
  }
}

interface Case {
  flags?: TrainerOptions;
  checkpoint: ModelCheckpointConfig;
  callbacks?: () => Callback[];
  schedule?: Schedule;
  make?: new (config: { dropout: number }) => Net;
}

const plateau = (options: object) => (optimizer: optim.Optimizer) => ({
  scheduler: new optim.ReduceLROnPlateau(optimizer, { patience: 0, factor: 0.5 }),
  monitor: "val_planted",
  ...options,
});

// 40 rows in batches of 8: 5 batches an epoch, which neither 2 nor 3 divide
const cases: Record<string, Case> = {
  "after validations within epochs": {
    flags: { valCheckInterval: 2 },
    checkpoint: { monitor: "val_loss" },
  },
  "after the validation of every second epoch": {
    flags: { checkValEveryNEpoch: 2 },
    checkpoint: { monitor: "val_loss" },
  },
  "after steps, and after the validation that follows": {
    checkpoint: { monitor: "val_loss", everyNTrainSteps: 1 },
  },
  "of steps that accumulate": {
    flags: { accumulateGradBatches: 3, valCheckInterval: 0.4 },
    checkpoint: { everyNTrainSteps: 1 },
  },
  "with a plateau that looks within epochs": {
    flags: { valCheckInterval: 2 },
    checkpoint: { everyNTrainSteps: 3 },
    schedule: plateau({ interval: "step", strict: false }),
  },
  "with a plateau that looks at the ends of epochs": {
    checkpoint: {},
    schedule: plateau({}),
  },
  "with a schedule of every second step": {
    flags: { limitTrainBatches: 0.8 },
    checkpoint: { everyNTrainSteps: 3 },
    schedule: (optimizer) => ({
      scheduler: new optim.OneCycleLR(optimizer, 0.1, { totalSteps: 30 }),
      interval: "step",
      frequency: 2,
    }),
  },
  "of a run that counts what did not improve": {
    checkpoint: { everyNTrainSteps: 3 },
    callbacks: () => [new EarlyStopping({ monitor: "val_planted", mode: "min", patience: 3 })],
  },
  "with an average of the weights": {
    flags: { valCheckInterval: 2 },
    checkpoint: { monitor: "val_loss", everyNTrainSteps: 3 },
    callbacks: () => [new EMAWeightAveraging({ decay: 0.5, updateStartingAtEpoch: 1, updateEveryNSteps: 2 })],
  },
  "with averages of the last epochs": {
    checkpoint: { everyNTrainSteps: 3 },
    callbacks: () => [new StochasticWeightAveraging({ swaLrs: 0.02, swaEpochStart: 2, annealingEpochs: 2 })],
  },
  "of two optimizers that the model steps": {
    flags: { valCheckInterval: 3 },
    checkpoint: { monitor: "val_loss", everyNTrainSteps: 3 },
    make: Duel,
  },
};

/** Reads how often had been logged when a checkpoint was saved. */
function loggedBefore(checkpoint: string): number {
  const text = readFileSync(join(checkpoint, "trainer.json"), "utf8");
  return Number(/"count":(\d+)/.exec(text)![1]);
}

describe("a checkpoint holds all that belongs to its moment", () => {
  test.each(Object.entries(cases))(
    "%s",
    async (_, { flags, checkpoint, callbacks, schedule, make = Net }) => {
      const dirpath = join(root, "kept");
      const run = async (keeps: ModelCheckpoint, ckptPath?: string) => {
        manualSeed(1);
        const model = new make({ dropout: 0.3 });
        model.schedule = schedule;
        const logged: [step: number, metrics: object][] = [];
        const logger: TrainingLogger = {
          name: "memory",
          logMetrics: (metrics, step) => void logged.push([step, { ...metrics }]),
          stateDict: () => ({ count: logged.length }),
        };
        const trainer = new Trainer({
          maxEpochs: 4,
          logEveryNSteps: 1,
          enableProgressBar: false,
          enableModelSummary: false,
          gradientClipVal: make === Duel ? undefined : 0.5,
          ...flags,
          logger,
          callbacks: [...(callbacks?.() ?? []), keeps],
        });
        const data = new PointsData({ batchSize: 8 });
        const { steps, epochs, reason } = await trainer.fit(
          model,
          data,
          ckptPath === undefined ? {} : { ckptPath },
        );
        return { steps, epochs, reason, logged, weights: hashTensors(model.stateDict()) };
      };
      const whole = await run(new ModelCheckpoint({ ...checkpoint, dirpath, saveTopK: -1 }));
      const names = readdirSync(dirpath);
      expect(names.length).toBeGreaterThan(1);
      for (const name of names) {
        const keeps = new ModelCheckpoint({ ...checkpoint, dirpath: join(root, name), saveTopK: -1 });
        const resumed = await run(keeps, join(dirpath, name));
        if (name.endsWith(`step=${whole.steps}`))
          expect(resumed.weights, name).toBe(whole.weights); // nothing is left to do
        else
          expect(resumed, name).toEqual({
            ...whole,
            logged: whole.logged.slice(loggedBefore(join(dirpath, name))),
          });
      }
    },
  );
});
