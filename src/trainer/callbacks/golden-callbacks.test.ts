// Callbacks held to Lightning's numbers, and to themselves when a run goes on. Golden: tools/golden/lightning_callbacks.py
import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { golden, goldenFit } from "../../../tests/fixtures/golden-training.ts";
import type { GoldenFit } from "../../../tests/fixtures/golden-training.ts";
import { makeTemporaryFolder } from "../../../tests/fixtures/temporary-folder.ts";
import { hashTensors, loadSafetensors } from "../../torch/index.ts";
import {
  BackboneFinetuning,
  EMAWeightAveraging,
  GradientAccumulationScheduler,
  LearningRateMonitor,
  ModelCheckpoint,
  WeightAveraging,
} from "../index.ts";
import type { Callback } from "../index.ts";

let root: string;
beforeEach(() => (root = makeTemporaryFolder("sconce-callbacks-")));
afterEach(() => rmSync(root, { recursive: true, force: true }));

const cases: Record<string, { make: () => Callback; epochs?: number }> = {
  weight_averaging: { make: () => new WeightAveraging() },
  ema: { make: () => new EMAWeightAveraging({ decay: 0.7 }) },
  ema_every: {
    make: () => new EMAWeightAveraging({ decay: 0.5, updateEveryNSteps: 3, updateStartingAtStep: 2 }),
  },
  ema_epochs: {
    make: () => new EMAWeightAveraging({ decay: 0.5, updateEveryNSteps: 0, updateStartingAtEpoch: 1 }),
  },
  accumulation: { make: () => new GradientAccumulationScheduler({ scheduling: { 1: 2, 3: 4 } }) },
  backbone: { make: () => new BackboneFinetuning({ unfreezeBackboneAtEpoch: 1 }), epochs: 6 },
  backbone_lr: {
    make: () =>
      new BackboneFinetuning({
        unfreezeBackboneAtEpoch: 1,
        lambdaFunc: (epoch) => 1 + epoch,
        backboneInitialLr: 0.02,
        shouldAlign: false,
      }),
  },
};

const close = (values: readonly number[]) => values.map((value) => expect.closeTo(value, 5) as unknown);
const hash = ({ model }: GoldenFit) => hashTensors(model.stateDict());

describe.each(Object.entries(cases))("%s", (name, { make, epochs: maxEpochs = 4 }) => {
  test("makes the weights, losses and rates of Lightning's", async () => {
    const run = golden.runs[name]!;
    const fitted = await goldenFit(make(), { maxEpochs });
    expect(fitted.steps).toBe(run.steps);
    expect(fitted.losses).toEqual(close(run.losses));
    for (const [key, weights] of Object.entries(run.weights))
      expect((fitted.model.stateDict().get(key)!.tolist() as number[][]).flat()).toEqual(
        close(weights.flat()),
      );
    // Lightning calls the hook for each batch, here it comes with each step
    if (run.rates.length === run.steps) expect(fitted.rates).toEqual(run.rates.map(close));
  });

  test("gives the same bits in a run that went on from any of its steps", async () => {
    const options = { maxEpochs, enableCheckpointing: true, valCheckInterval: 0.5 };
    const saving = () =>
      new ModelCheckpoint({ dirpath: root, everyNTrainSteps: 1, saveTopK: -1, filename: "{step}" });
    const whole = await goldenFit(make(), { ...options, callbacks: [saving()] });
    for (let step = 2; step < whole.steps; step += 3) {
      const callbacks = [new ModelCheckpoint({ dirpath: join(root, "resumed") })];
      const resumed = await goldenFit(make(), {
        ...options,
        callbacks,
        ckptPath: join(root, `step=${step}`),
      });
      expect([step, hash(resumed)]).toEqual([step, hash(whole)]);
      expect(resumed.losses).toEqual(whole.losses.slice(whole.losses.length - resumed.losses.length));
      expect(resumed.rates).toEqual(whole.rates.slice(step));
    }
  });
});

test("a checkpoint of averaged weights holds the average, which the model has at the end", async () => {
  const checkpoint = new ModelCheckpoint({ dirpath: root });
  const options = { enableCheckpointing: true, callbacks: [checkpoint] };
  const fitted = await goldenFit(cases["ema"]!.make(), options);
  const saved = loadSafetensors(join(root, "epoch=4-step=16", "model.safetensors"));
  expect(hashTensors(saved)).toBe(hash(fitted));
  expect(hash(fitted)).not.toBe(hash(await goldenFit({ name: "none" })));
});

test("lr_monitor logs momentum and weight decay by Lightning's names", async () => {
  const monitor = new LearningRateMonitor({ logMomentum: true, logWeightDecay: true });
  const { trainer } = await goldenFit(monitor, { maxEpochs: 1 });
  const names = Object.keys(trainer.callbackMetrics).filter((name) => name.startsWith("lr-"));
  expect(names.sort()).toEqual(golden.runs["lr_monitor"]!.logged);
  expect(trainer.callbackMetrics).toMatchObject({ "lr-SGD-momentum": 0.5, "lr-SGD-weight_decay": 0.01 });
});

test("backbone_finetuning of a model without a backbone says what it lacks", async () => {
  const run = { stage: "fit", task: { model: { constructor: { name: "Net" } } } };
  expect(() => new BackboneFinetuning().setup(run as never)).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: backbone_finetuning: the model must have a module named backbone, Net has none. Name the part to freeze so.]`,
  );
});

test("a schedule of accumulation refuses what it cannot mean, and a second one", async () => {
  const refused = () => new GradientAccumulationScheduler({ scheduling: { 2: 0 } });
  expect(refused).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: gradient_accumulation_scheduler: scheduling must map epochs from 0 to batches from 1, got {"2":0}. { 4: 2 } takes 2 from epoch 4 on.]`,
  );
  const fitting = goldenFit(cases["accumulation"]!.make(), { accumulateGradBatches: 2 });
  await expect(fitting).rejects.toThrowErrorMatchingInlineSnapshot(
    `[UsageError: gradient_accumulation_scheduler: cannot be used, as accumulateGradBatches is 2. Leave one of the two out.]`,
  );
});
