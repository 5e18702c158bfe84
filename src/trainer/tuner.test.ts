// The finders, as callbacks and by the tuner, held to Lightning's. Goldens: tools/golden/lightning_callbacks.py, lightning_tuner.py
import { readFileSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import "../../tests/matchers.ts";
import { GoldenNet, golden, goldenData, goldenFit } from "../../tests/fixtures/golden-training.ts";
import { PointsData, PointsModel } from "../../tests/fixtures/points.ts";
import { makeTemporaryFolder } from "../../tests/fixtures/temporary-folder.ts";
import { BaseDataModule, BaseModel } from "../contracts/index.ts";
import type { DataModule } from "../contracts/index.ts";
import { getRngState, hashTensors, manualSeed, memoryStats, nn, optim, setMemoryLimit, utils, zeros } from "../torch/index.ts"; // prettier-ignore
import type { Tensor } from "../torch/index.ts";
import { BatchSizeFinder, LRFinder, LearningRateFinder, ModelCheckpoint, Trainer, Tuner } from "./index.ts";
import type { Callback, LRFindOptions, Run, ScaleBatchSizeOptions, TrainableModule, TrainerOptions } from "./index.ts"; // prettier-ignore

const tuned = JSON.parse(
  readFileSync(new URL("../../tests/goldens/trainer/tuner.json", import.meta.url), "utf8"),
) as {
  suggestions: {
    lr: number[];
    loss: (number | null)[];
    options: { skip_begin?: number; skip_end?: number };
    suggestion: number | null;
  }[];
  batchSizes: { rows: number; capacity: number; options: Record<string, number | string>; found: number }[];
  fit: { weights: Record<string, number[][]>; losses: number[]; steps: number; suggestion: number };
};

let root: string;
beforeEach(() => (root = makeTemporaryFolder("sconce-tuner-")));
afterEach(() => {
  setMemoryLimit(undefined);
  rmSync(root, { recursive: true, force: true });
});

const quiet = {
  logger: false,
  enableCheckpointing: false,
  enableProgressBar: false,
  enableModelSummary: false,
} as const;

const tuner = (options: TrainerOptions = {}) =>
  new Tuner(new Trainer({ ...quiet, defaultRootDir: root, ...options }));

async function lrFind(
  model: TrainableModule,
  data: DataModule,
  options: LRFindOptions = {},
): Promise<LRFinder> {
  return (await tuner().lrFind(model, data, { updateAttr: false, ...options }))!;
}

/** Everything of a model that a trial could change. */
const stateOf = (model: nn.Module) => [
  hashTensors(model.stateDict()),
  hashTensors(new Map([["rng", getRngState()]])),
  model.training,
  model.parameters().map(({ grad }) => grad ?? undefined),
];

describe("Tuner.lrFind", () => {
  test.each([
    ["exponential", { minLr: 1e-4, maxLr: 1, numTraining: 40, earlyStopThreshold: null }],
    [
      "linear",
      { minLr: 0.001, maxLr: 0.5, numTraining: 30, mode: "linear" as const, earlyStopThreshold: null },
    ],
    ["diverging", { minLr: 1e-3, maxLr: 1000, numTraining: 60, earlyStopThreshold: 1.5 }],
  ])("tries the rates of Lightning's, and suggests the same: %s", async (name, options) => {
    const { lr, loss, suggestion } = golden.finders[name]!;
    const finder = await lrFind(new GoldenNet(), goldenData(), options);
    expect(finder.lr).toHaveLength(lr.length);
    for (const [i, rate] of lr.entries()) {
      expect(finder.lr[i]! / rate).toBeCloseTo(1, 6);
      expect(finder.loss[i]! / loss[i]!).toBeCloseTo(1, 4);
    }
    expect(finder.suggestion()).toEqual(suggestion === null ? undefined : expect.closeTo(suggestion, 6));
  });

  test("suggests what Lightning does of the same losses", () => {
    const suggested = tuned.suggestions.map(({ lr, loss, options: { skip_begin, skip_end } }) =>
      new LRFinder({ lr, loss: loss.map((value) => value ?? NaN) }).suggestion({
        ...(skip_begin !== undefined && { skipBegin: skip_begin }),
        ...(skip_end !== undefined && { skipEnd: skip_end }),
      }),
    );
    expect(suggested).toEqual(tuned.suggestions.map(({ suggestion }) => suggestion ?? undefined));
  });

  test("leaves the model, the random generators, the trainer and its folder as they were", async () => {
    const model = new PointsModel({ dropout: 0.5 });
    model.eval();
    const before = stateOf(model);
    const { trainer } = tuner({ callbacks: [{ name: "watcher" }], logger: true });
    const { callbacks, loggers } = trainer;
    await new Tuner(trainer).lrFind(model, new PointsData({ batchSize: 8 }), { numTraining: 20 });
    expect(stateOf(model)).toEqual(before);
    expect([trainer.callbacks, trainer.loggers, trainer.globalStep]).toEqual([callbacks, loggers, 0]);
    expect(readdirSync(root)).toEqual([]);
  });

  test("sets the rate of the config or of the model, and says where there is none", async () => {
    const data = new PointsData({ batchSize: 8 });
    const model = new PointsModel({ lr: 1 });
    const finder = await tuner().lrFind(model, data, { numTraining: 30 });
    expect(model.config.lr).toBe(finder!.suggestion());
    const byDefault = new PointsModel({});
    await tuner().lrFind(byDefault, data, { numTraining: 30 });
    expect(byDefault.config.lr).toBeGreaterThan(0);
    const named = Object.assign(new GoldenNet(), { learningRate: 1, lr_head: 1 });
    const found = await tuner().lrFind(named, goldenData(), {
      minLr: 1e-4,
      attrName: "lr_head",
      earlyStopThreshold: null,
    });
    expect([named.learningRate, named.lr_head]).toEqual([1, found!.suggestion()]);
    const finding = tuner().lrFind(new GoldenNet(), goldenData());
    await expect(finding).rejects.toThrowErrorMatchingInlineSnapshot(
      `[UsageError: Tuner.lrFind: to set the rate, GoldenNet or its config must have lr or learningRate, and neither has. Give it one, name it by attrName, or set updateAttr to false.]`,
    );
    const misnamed = tuner().lrFind(new GoldenNet(), goldenData(), { attrName: "rate" });
    await expect(misnamed).rejects.toThrowErrorMatchingInlineSnapshot(
      `[UsageError: learning_rate_finder: GoldenNet or its config must have rate, and neither has. Leave attrName out, or name what the rate is called.]`,
    );
  });

  test("has no suggestion where too few rates were tried", async () => {
    const finder = await lrFind(new GoldenNet(), goldenData(), { numTraining: 8 });
    expect(finder.suggestion()).toBeUndefined();
  });

  test("takes what was tried before the loss was no number any more", async () => {
    class Exploding extends GoldenNet {
      steps = 0;
      override trainingStep(rows: [Tensor, Tensor]): Tensor {
        return super.trainingStep(rows).mul(this.steps++ < 25 ? 1 : Infinity);
      }
    }
    const finder = await lrFind(new Exploding(), goldenData(), { minLr: 1e-4, earlyStopThreshold: null });
    expect(finder.lr).toHaveLength(26);
    expect(finder.loss.at(-1)).toBeNaN();
    expect(finder.suggestion()).toBeGreaterThan(1e-4);
  });

  test("tries nothing with fastDevRun, and refuses a trainer that has the callback", async () => {
    const model = new PointsModel({});
    expect(await tuner({ fastDevRun: 1 }).lrFind(model, new PointsData())).toBeUndefined();
    const twice = tuner({ callbacks: [new LearningRateFinder()] }).lrFind(model, new PointsData());
    await expect(twice).rejects.toThrowErrorMatchingInlineSnapshot(
      `[UsageError: Tuner.lrFind: the trainer has a LearningRateFinder among its callbacks, which does this. Take it out, or leave the tuner out.]`,
    );
  });
});

describe("LearningRateFinder", () => {
  const options = { minLr: 1e-4, maxLr: 1, numTrainingSteps: 40, earlyStopThreshold: null } as const;

  test("trains as Lightning does after it, at the rate that it suggests", async () => {
    const finder = new LearningRateFinder(options);
    const { model, losses, rates, steps } = await goldenFit(finder, { maxEpochs: 12 });
    expect(finder.optimalLr!.suggestion()).toBeCloseTo(tuned.fit.suggestion, 8);
    expect(rates.flat()).toEqual(rates.map(() => finder.optimalLr!.suggestion()));
    expect(steps).toBe(tuned.fit.steps);
    const judged = tuned.fit.losses.slice(-12); // Lightning validates during the test too
    for (const [i, loss] of judged.entries()) expect(losses[i]).toBeCloseTo(loss, 5);
    for (const [name, weight] of Object.entries(tuned.fit.weights))
      expect(model.stateDict().get(name)!).toBeAllclose(weight, { atol: 1e-5 });
  });

  test("begins a schedule from the rate, and keeps to it when the run goes on", async () => {
    const finder = new LearningRateFinder(options);
    const checkpoint = new ModelCheckpoint({ dirpath: join(root, "checkpoints"), saveTopK: -1 });
    const run = { net: { schedule: true }, enableCheckpointing: true, callbacks: [checkpoint] };
    const whole = await goldenFit(finder, { ...run, defaultRootDir: root });
    const lr = finder.optimalLr!.suggestion()!;
    expect(whole.rates.flat()).toEqual(
      [1, 1, 0.5, 0.5].flatMap((share) => [1, 2, 3, 4].map(() => expect.closeTo(lr * share, 10))),
    );
    const [second] = readdirSync(join(root, "checkpoints")).filter((name) => name.startsWith("epoch=1"));
    const again = new LearningRateFinder(options);
    const ckptPath = join(root, "checkpoints", second!);
    const resumed = await goldenFit(again, { net: { schedule: true }, ckptPath });
    expect(again.optimalLr).toBeUndefined();
    expect(hashTensors(resumed.model.stateDict())).toBe(hashTensors(whole.model.stateDict()));
  });

  test("is called by a subclass when an epoch starts, and the training goes on from where it was", async () => {
    class Epochs extends LearningRateFinder {
      override async onFitStart(): Promise<void> {}
      async onTrainEpochStart(run: Run): Promise<void> {
        if (run.state.epoch === 2) await this.lrFind(run);
      }
    }
    const finder = new Epochs({ ...options, updateAttr: false });
    const { model } = await goldenFit(finder);
    const plain = await goldenFit({ name: "none" });
    expect(finder.optimalLr!.lr).toHaveLength(40);
    expect(hashTensors(model.stateDict())).toBe(hashTensors(plain.model.stateDict()));
  });
});

class Rows extends BaseDataModule<Tensor[]> {
  readonly count: number;
  readonly sizes: number[] = [];

  constructor(count: number, batchSize = 1) {
    super({ batchSize, evalBatchSize: batchSize });
    this.count = count;
  }

  override setup(): void {
    const rows = new utils.data.TensorDataset(zeros([this.count, 4]));
    this.parts = { train: rows, val: rows, test: rows, predict: rows };
  }
}

/** Runs out of memory, as libtorch says it, at batches of more than `capacity` rows. */
class Bounded extends BaseModel<{ capacity: number }, Tensor[]> {
  readonly tried: number[] = [];

  override buildModel(): nn.Module {
    return new nn.Linear(4, 1);
  }

  override forward(x: Tensor): Tensor {
    if (this.tried.at(-1) !== x.shape[0]) this.tried.push(x.shape[0]!);
    if (x.shape[0]! > this.config.capacity) throw new Error("DefaultCPUAllocator: can't allocate memory");
    return (this.model as nn.Linear).forward(x);
  }

  override targetsOf(): Tensor {
    return zeros([1]);
  }

  override lossOf(outputs: Tensor): Tensor {
    return outputs.pow(2).mean();
  }
}

describe("Tuner.scaleBatchSize", () => {
  const ours = ({ options }: (typeof tuned.batchSizes)[number]): ScaleBatchSizeOptions =>
    Object.fromEntries(
      Object.entries(options).map(([name, value]) => [
        name.replace(/_(.)/gu, (_, letter: string) => letter.toUpperCase()),
        value,
      ]),
    );

  // Lightning does not try its first size, and does not halve one of all rows: what it finds there does not fit
  const isRight = ({ rows, capacity, found }: (typeof tuned.batchSizes)[number]) =>
    Math.min(rows, found) <= capacity;

  test.each(tuned.batchSizes.filter(isRight))(
    "finds what Lightning does: $rows rows, $capacity fit, $options",
    async (wanted) => {
      const data = new Rows(wanted.rows);
      const model = new Bounded({ capacity: wanted.capacity });
      expect(await tuner().scaleBatchSize(model, data, ours(wanted))).toBe(wanted.found);
      expect(data.config.batchSize).toBe(wanted.found);
    },
  );

  test("finds what fits where Lightning does not", async () => {
    const wrong = tuned.batchSizes.filter((entry) => !isRight(entry));
    const found = wrong.map(({ rows, capacity, ...entry }) =>
      tuner().scaleBatchSize(new Bounded({ capacity }), new Rows(rows), ours({ rows, capacity, ...entry })),
    );
    expect(await Promise.all(found)).toEqual([2, 320, 3, 1]);
  });

  test("leaves the model, its optimizer, the random generators and the folder as they were", async () => {
    const model = new PointsModel({ dropout: 0.5 });
    const before = stateOf(model);
    const data = new PointsData({ batchSize: 4, rows: 100 });
    expect(await tuner().scaleBatchSize(model, data, { initVal: 8 })).toBe(128);
    expect(stateOf(model)).toEqual(before);
    expect(readdirSync(root)).toEqual([]);
  });

  test.each(["validate", "test", "predict"] as const)("finds what fits for %s", async (method) => {
    const model = new Bounded({ capacity: 20 });
    const data = new Rows(100);
    const size = await tuner().scaleBatchSize(model, data, { method, batchArgName: "evalBatchSize" });
    expect([size, data.config.evalBatchSize]).toEqual([16, 16]);
  });

  test("ends where a single row does not fit, and puts the size back", async () => {
    const data = new Rows(100, 7);
    const finding = tuner().scaleBatchSize(new Bounded({ capacity: 0 }), data);
    await expect(finding).rejects.toThrowErrorMatchingInlineSnapshot(
      `[TrainingError: batch_size_finder: memory runs out with a single row. Shorten the rows, or take a smaller model.]`,
    );
    expect(data.config.batchSize).toBe(7);
  });

  test("says what it lacks", async () => {
    const model = new Bounded({ capacity: 9 });
    await expect(tuner().scaleBatchSize(model, goldenData())).rejects.toThrowErrorMatchingInlineSnapshot(
      `[UsageError: batch_size_finder: the model, the data module or the config of one of them must have batchSize, and none has. Give it to one, or name what it is called with batchArgName.]`,
    );
    const fixed = new Rows(20);
    fixed.loaders = { train: new utils.data.DataLoader(new utils.data.TensorDataset(zeros([20, 4]))) };
    await expect(tuner().scaleBatchSize(model, fixed)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[UsageError: batch_size_finder: trainDataloader() must make a loader each time, of the size that the data module says then, and gives the same one again. Make it there, not in setup().]`,
    );
    for (const [options, message] of [
      [{ margin: 1 }, "margin must be from 0 to below 1, got 1"],
      [{ initVal: 0 }, "initVal must be a whole number from 1, got 0"],
      [{ mode: "linear" as never }, "mode must be power or binsearch, got linear"],
    ] as const)
      expect(() => new BatchSizeFinder(options)).toThrow(`batch_size_finder: ${message}`);
  });
});

describe("BatchSizeFinder", () => {
  test("trains with the batch that fits into the memory that there is", async () => {
    class Wide extends PointsModel {
      override buildModel(): nn.Module {
        return new nn.Sequential(new nn.Linear(4, 16384), new nn.Tanh(), new nn.Linear(16384, 3));
      }
    }
    const rows: number[] = [];
    const watcher: Callback = { name: "watcher", onTrainBatchEnd: (_, step) => void rows.push(step.items) };
    const finder = new BatchSizeFinder();
    const trainer = new Trainer({
      ...quiet,
      defaultRootDir: root,
      maxEpochs: 1,
      callbacks: [watcher, finder],
    });
    const model = new Wide({});
    const data = new PointsData({ rows: 400, batchSize: 1 });
    setMemoryLimit(memoryStats().allocated + 16 * 2 ** 20);
    await trainer.fit(model, data);
    expect(finder.optimalBatchSize).toBeGreaterThanOrEqual(16);
    expect(finder.optimalBatchSize).toBeLessThanOrEqual(128);
    expect([data.config.batchSize, rows[0]]).toEqual([finder.optimalBatchSize, finder.optimalBatchSize]);
    expect(rows.reduce((total, items) => total + items)).toBe(400);
  });

  test("finds the size first and then the rate, and schedules count the steps of that size", async () => {
    const order: string[] = [];
    const lr = new LearningRateFinder({ numTrainingSteps: 20 });
    const size = new BatchSizeFinder({ initVal: 4, maxTrials: 2 });
    for (const finder of [lr, size]) {
      const find = finder.onFitStart.bind(finder);
      finder.onFitStart = (run) => (order.push(finder.name), find(run));
    }
    let steps = 0;
    const trainer = new Trainer({
      ...quiet,
      defaultRootDir: root,
      maxEpochs: 2,
      callbacks: [lr, size],
      optimization: (model, trainingSteps) => {
        steps = trainingSteps;
        return { optimizers: [new optim.SGD(model.parameters(), { lr: 0.1 })], schedules: [] };
      },
    });
    const fitted = await trainer.fit(new PointsModel({}), new PointsData({ batchSize: 2 }));
    expect(order).toEqual(["batch_size_finder", "learning_rate_finder"]);
    expect([size.optimalBatchSize, steps, fitted.steps]).toEqual([8, 10, 10]);
  });

  test("keeps its size when the run goes on, which ends as one that never stopped", async () => {
    const run = async (maxEpochs: number, options: { ckptPath?: string } = {}) => {
      manualSeed(3);
      const model = new PointsModel({});
      const finder = new BatchSizeFinder({ initVal: 4, maxTrials: 2 });
      const checkpoint = new ModelCheckpoint({ dirpath: join(root, "checkpoints"), saveTopK: -1 });
      const trainer = new Trainer({
        ...quiet,
        enableCheckpointing: true,
        defaultRootDir: root,
        maxEpochs,
        callbacks: [finder, checkpoint],
      });
      const { steps } = await trainer.fit(model, new PointsData({ batchSize: 2 }), options);
      return { weights: hashTensors(model.stateDict()), steps, size: finder.optimalBatchSize };
    };
    const whole = await run(4);
    expect([whole.size, whole.steps]).toEqual([8, 20]);
    const [second] = readdirSync(join(root, "checkpoints")).filter((name) => name.startsWith("epoch=1"));
    expect(await run(4, { ckptPath: join(root, "checkpoints", second!) })).toEqual(whole);
  });

  test("validates, tests and predicts with what it found", async () => {
    const model = new Bounded({ capacity: 20 });
    const finder = new BatchSizeFinder({ batchArgName: "evalBatchSize", mode: "binsearch", margin: 0 });
    const trainer = new Trainer({ ...quiet, defaultRootDir: root, callbacks: [finder] });
    const { val_loss } = await trainer.validate(model, new Rows(50));
    expect(val_loss).toBeGreaterThan(0);
    expect(model.tried.at(-2)).toBe(20);
    await trainer.test(model, new Rows(50, 3));
    const predicted = (await trainer.predict(model, new Rows(50, 3))) as Tensor[];
    expect(predicted.map(({ shape }) => shape[0])).toEqual([20, 20, 10]);
  });
});
