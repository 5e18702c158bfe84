// Stochastic weight averaging held to Lightning's weights. Golden: tools/golden/lightning_callbacks.py
import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { golden, goldenFit } from "../../../tests/fixtures/golden-training.ts";
import type { GoldenFit } from "../../../tests/fixtures/golden-training.ts";
import { makeTemporaryFolder } from "../../../tests/fixtures/temporary-folder.ts";
import { fitToy } from "../../../tests/fixtures/toy-training.ts";
import { logger } from "../../base/index.ts";
import { hashTensors, loadSafetensors, memoryStats } from "../../torch/index.ts";
import { ModelCheckpoint, StochasticWeightAveraging } from "../index.ts";
import type { Callback } from "../index.ts";

let root: string;
beforeEach(() => (root = makeTemporaryFolder("sconce-swa-")));
afterEach(() => rmSync(root, { recursive: true, force: true }));

const cases: Record<string, { make: () => Callback; options: Parameters<typeof goldenFit>[1] & object }> = {
  swa: { make: () => new StochasticWeightAveraging({ swaLrs: 0.05 }), options: { maxEpochs: 6 } },
  swa_linear: {
    make: () =>
      new StochasticWeightAveraging({
        swaLrs: [0.2],
        swaEpochStart: 2,
        annealingEpochs: 3,
        annealingStrategy: "linear",
      }),
    options: { maxEpochs: 6, net: { schedule: true } },
  },
  swa_norm: {
    make: () => new StochasticWeightAveraging({ swaLrs: 0.05, swaEpochStart: 0.5, annealingEpochs: 2 }),
    options: { maxEpochs: 6, net: { schedule: true, norm: true } },
  },
  swa_avg_fn: {
    make: () =>
      new StochasticWeightAveraging({
        swaLrs: 0.05,
        swaEpochStart: 1,
        avgFn: (average, own, count) => average.add(own.mul(count)).div(1 + count),
      }),
    options: { maxEpochs: 5 },
  },
};

const close = (values: readonly number[]) => values.map((value) => expect.closeTo(value, 5) as unknown);
const hash = ({ model }: GoldenFit) => hashTensors(model.stateDict());
const flat = (value: unknown) => [value].flat(2) as number[];

describe.each(Object.entries(cases))("%s", (name, { make, options }) => {
  test("makes the weights, statistics, losses and rates of Lightning's", async () => {
    const run = golden.runs[name]!;
    const fitted = await goldenFit(make(), options);
    const state = fitted.model.stateDict();
    expect([...state.keys()].sort()).toEqual(Object.keys(run.weights).sort());
    for (const [key, weights] of Object.entries(run.weights))
      expect(flat(state.get(key)!.tolist())).toEqual(close(flat(weights)));
    // Lightning validates the average only where there was batch normalisation to renew, after an epoch for that
    expect(fitted.losses.slice(0, run.losses.length)).toEqual(close(run.losses));
    expect(fitted.losses).toHaveLength(options.maxEpochs! + 1);
    const firsts = (rates: readonly number[][]) => rates.filter((_, i) => i % 4 === 0).flat();
    expect(firsts(fitted.rates)).toEqual(close(firsts(run.rates).slice(0, options.maxEpochs)));
  });

  test("gives the same bits in a run that went on from any of its steps", async () => {
    const saving = () =>
      new ModelCheckpoint({ dirpath: root, everyNTrainSteps: 1, saveTopK: -1, filename: "{step}" });
    const all = { ...options, enableCheckpointing: true };
    const whole = await goldenFit(make(), { ...all, callbacks: [saving()] });
    for (let step = 2; step < whole.steps; step += 3) {
      const callbacks = [new ModelCheckpoint({ dirpath: join(root, "resumed") })];
      const ckptPath = join(root, `step=${step}`);
      const resumed = await goldenFit(make(), { ...all, callbacks, ckptPath });
      expect([step, hash(resumed)]).toEqual([step, hash(whole)]);
      expect(resumed.rates).toEqual(whole.rates.slice(step));
    }
  });
});

test("the average is kept as a checkpoint of its own beside that of the last step", async () => {
  const checkpoint = new ModelCheckpoint({ dirpath: root, monitor: "val_loss", mode: "min", saveTopK: -1 });
  const fitted = await goldenFit(cases["swa"]!.make(), {
    maxEpochs: 6,
    enableCheckpointing: true,
    callbacks: [checkpoint],
  });
  const saved = loadSafetensors(join(root, "epoch=6-step=24-v1", "model.safetensors"));
  expect(hashTensors(saved)).toBe(hash(fitted));
  const last = loadSafetensors(join(root, "epoch=6-step=24", "model.safetensors"));
  expect(hashTensors(last)).not.toBe(hash(fitted));
});

test.each([
  [0.1, "epoch=4-step=24-v1"],
  [0.7, "epoch=2-step=12"],
])("with a loss of %s the best checkpoint is %s", async (loss, best) => {
  const { bestCheckpoint } = await fitToy({
    trainer: { max_epochs: 4 },
    callbacks: [{ name: "stochastic_weight_averaging", swa_lrs: 0.02 }],
    checkpoints: { dirpath: root, monitor: "val_loss", mode: "min" },
    validations: [0.9, 0.3, 0.8, 0.5, loss].map((value) => ({ loss: value })),
  });
  expect(bestCheckpoint).toBe(join(root, best));
});

test("a training that ends early keeps the weights of its last step, and says so", async () => {
  const lines: string[] = [];
  const remove = logger.addSink((level, line) => lines.push(`${level}: ${line}`));
  const stopped = await goldenFit(cases["swa"]!.make(), { maxEpochs: 6, maxSteps: 18 });
  remove();
  const plain = await goldenFit({ name: "none" }, { maxEpochs: 6, maxSteps: 16 });
  expect(lines.filter((line) => line.startsWith("warn"))).toEqual([
    "warn: stochastic_weight_averaging: training ended in epoch 5 of 6, the weights are those of its last step",
  ]);
  expect(stopped.losses).toEqual(plain.losses);
  const endless = new StochasticWeightAveraging({ swaLrs: 0.05, swaEpochStart: 3 });
  const ended = await goldenFit(endless, { maxEpochs: -1, maxSteps: 24 });
  expect(hash(ended)).not.toBe(hash(await goldenFit({ name: "none" }, { maxEpochs: -1, maxSteps: 24 })));
});

test("is named by a config, frees its average, and acts", async () => {
  const average = { name: "stochastic_weight_averaging", swa_lrs: 0.02, swa_epoch_start: 0.5 };
  const fit = (...callbacks: Record<string, unknown>[]) => fitToy({ trainer: { max_epochs: 4 }, callbacks });
  const plain = await fit();
  const before = memoryStats().liveTensors;
  await fit(average);
  const kept = memoryStats().liveTensors - before; // those of one model and its optimizer
  const averaged = await fit(average);
  expect(memoryStats().liveTensors - before).toBeLessThanOrEqual(3 * kept);
  expect(averaged.model.first.weight.tolist()).not.toEqual(plain.model.first.weight.tolist());
  expect(averaged.validated.length).toBe(plain.validated.length + 1);
});

test("what it cannot mean is refused", async () => {
  const refused = (config: object) => () => new StochasticWeightAveraging(config as never);
  expect(refused({ swaLrs: 0 })).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: stochastic_weight_averaging: swaLrs must be a rate above 0, or one for each parameter group, got 0.]`,
  );
  expect(refused({ swaLrs: 0.1, swaEpochStart: 1.5 })).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: stochastic_weight_averaging: swaEpochStart must be an epoch from 1, or a share of maxEpochs below 1, got 1.5.]`,
  );
  const endless = goldenFit(cases["swa"]!.make(), { maxEpochs: -1, maxSteps: 2 });
  await expect(endless).rejects.toThrowErrorMatchingInlineSnapshot(
    `[UsageError: stochastic_weight_averaging: swaEpochStart must be an epoch where maxEpochs is -1, got the share 0.8. Set it to the number of an epoch.]`,
  );
  const rates = goldenFit(new StochasticWeightAveraging({ swaLrs: [0.1, 0.2] }), { maxEpochs: 1 });
  await expect(rates).rejects.toThrowErrorMatchingInlineSnapshot(
    `[UsageError: SWALR: swaLr must be one number or 1, one for each group, got 2.]`,
  );
});
