import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { PointsData, PointsModel, points } from "../../tests/fixtures/points.ts";
import { makeTemporaryFolder } from "../../tests/fixtures/temporary-folder.ts";
import type { ITrainable, OptimizerSetup, StepOutput } from "../contracts/index.ts";
import { hashTensors, manualSeed, memoryStats, nn, noGrad, optim, utils } from "../torch/index.ts";
import type { Tensor } from "../torch/index.ts";
import { ModelCheckpoint, Trainer } from "./index.ts";
import type { Callback, TrainerOptions, TrainingLogger } from "./index.ts";

let root: string;
beforeEach(() => (root = makeTemporaryFolder("sconce-trainer-")));
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** Keeps what it is given. */
function memoryLogger(): TrainingLogger & { logged: [number, Record<string, number>][]; params: object[] } {
  const logged: [number, Record<string, number>][] = [];
  const params: object[] = [];
  return {
    name: "memory",
    logged,
    params,
    logHyperparams: (given) => void params.push(given),
    logMetrics: (metrics, step) => void logged.push([step, metrics]),
  };
}

const quiet = (options: TrainerOptions = {}): Trainer =>
  new Trainer({
    defaultRootDir: root,
    logger: false,
    enableProgressBar: false,
    logEveryNSteps: 1,
    ...options,
  });

function seeded(config = {}): PointsModel {
  manualSeed(3);
  return new PointsModel(config);
}

describe("Trainer.fit", () => {
  test("trains a BaseModel on a data module, and logs what it judges", async () => {
    const logger = memoryLogger();
    const trainer = quiet({ maxEpochs: 8, logger });
    const model = seeded({ lr: 0.05 });
    const data = new PointsData({ batchSize: 8 });
    const result = await trainer.fit(model, data);
    expect(result).toMatchObject({ reason: "max_epochs", epochs: 8, steps: 40 });
    const names = [...new Set(logger.logged.flatMap(([, metrics]) => Object.keys(metrics)))].sort();
    expect(names).toEqual(["epoch", "lr", "train_loss", "val_accuracy", "val_loss"]);
    const losses = logger.logged.flatMap(([, metrics]) => metrics["val_loss"] ?? []);
    expect(losses).toHaveLength(8);
    expect(losses.at(-1)).toBeLessThan(losses[0]! / 2);
    expect(trainer.callbackMetrics["val_accuracy"]).toBeGreaterThan(0.9);
    expect(logger.params).toEqual([{ lr: 0.05 }]);
    expect(data.stages).toEqual(["setup fit", "teardown fit"]);
  });

  test("trains a plain module that meets ITrainable", async () => {
    class Plain extends nn.Module implements ITrainable<[Tensor, Tensor]> {
      readonly fc = new nn.Linear(4, 3);
      trainingStep([x, y]: [Tensor, Tensor]): Tensor {
        return nn.functional.crossEntropy(this.fc.forward(x), y);
      }
      validationStep(batch: [Tensor, Tensor]): Tensor {
        return this.trainingStep(batch);
      }
      configureOptimizers(): OptimizerSetup {
        const optimizer = new optim.SGD(this.parameters(), { lr: 0.1 });
        return {
          optimizer,
          lrScheduler: {
            scheduler: new optim.StepLR(optimizer, 1, { gamma: 0.5 }),
            interval: "step",
          },
        };
      }
    }
    const logger = memoryLogger();
    const loader = new utils.data.DataLoader(points(12), { batchSize: 4 });
    await quiet({ maxEpochs: 1, logger }).fit(new Plain(), {
      trainDataloader: () => loader,
      valDataloader: () => loader,
    });
    expect(logger.logged.flatMap(([, metrics]) => metrics["lr"] ?? [])).toEqual([0.1, 0.05, 0.025]);
    expect(logger.logged.at(-1)![1]).toHaveProperty("val_loss");
  });

  test("weighs uneven batches by their rows, accumulated or not", async () => {
    const step = async (options: TrainerOptions, batchSize: number): Promise<Tensor> => {
      const model = seeded();
      model.configureOptimizers = () => new optim.SGD(model.parameters(), { lr: 1 });
      const data = { trainDataloader: () => new utils.data.DataLoader(points(20), { batchSize }) };
      await quiet({ maxEpochs: 1, ...options }).fit(model, data);
      return model.stateDict().get("model.0.weight")!;
    };
    const whole = await step({}, 20);
    const parts = await step({ accumulateGradBatches: 3 }, 8); // 8, 8 and 4 rows
    expect(noGrad(() => whole.sub(parts).abs().max().item())).toBeLessThan(1e-6);
  });

  test("leaves no tensors behind from step to step and validation to validation", async () => {
    const counts: number[] = [];
    const count: Callback = {
      name: "count",
      onTrainBatchEnd: () => void counts.push(memoryStats().liveTensors),
      onValidationEnd: ({ isSanityChecking }) => {
        if (!isSanityChecking) counts.push(memoryStats().liveTensors);
      },
    };
    const trainer = quiet({ maxEpochs: 3, enableCheckpointing: false, callbacks: [count] });
    await trainer.fit(seeded(), new PointsData({ batchSize: 8 }));
    expect(counts).toHaveLength(18);
    expect(counts.at(-1)).toBeLessThanOrEqual(counts[0]!); // less where the collector came by
  });

  test("keeps a part that is in evaluation mode there, after a validation too", async () => {
    const model = seeded();
    const modes: boolean[] = [];
    const freeze: Callback = {
      name: "freeze",
      onTrainStart: () => void model.model.eval(),
      onTrainBatchEnd: () => void modes.push(model.model.training),
    };
    await quiet({ maxEpochs: 2, callbacks: [freeze] }).fit(model, new PointsData({ batchSize: 20 }));
    expect(modes).toEqual([false, false, false, false]);
    expect(model.training).toBe(true);
  });

  test("calls the hooks of a step in Lightning's order, callbacks before the module", async () => {
    const calls: string[] = [];
    const model = seeded();
    const hooks = [
      "onTrainStart",
      "onTrainEpochStart",
      "onBeforeBackward",
      "onAfterBackward",
      "onBeforeOptimizerStep",
      "onBeforeZeroGrad",
      "onTrainEpochEnd",
      "onTrainEnd",
    ] as const;
    const watcher: Callback = { name: "watcher" };
    for (const hook of hooks) {
      watcher[hook] = () => void calls.push(hook);
      (model as unknown as Record<string, () => void>)[hook] = () => void calls.push(`model.${hook}`);
    }
    await quiet({ maxEpochs: 1, callbacks: [watcher] }).fit(model, new PointsData({ batchSize: 40 }));
    expect(calls).toEqual(hooks.flatMap((hook) => [hook, `model.${hook}`]));
  });

  test("overfitBatches takes the same batches each epoch, and as many to validate", async () => {
    const seen: string[] = [];
    const model = seeded();
    const step = model.trainingStep.bind(model);
    model.trainingStep = (batch, index) => {
      seen.push(hashTensors(new Map([["x", batch[0]]])));
      return step(batch, index);
    };
    const logger = memoryLogger();
    await quiet({ maxEpochs: 3, overfitBatches: 2, logger }).fit(model, new PointsData({ batchSize: 8 }));
    expect(seen).toHaveLength(6);
    expect(new Set(seen).size).toBe(2);
    expect(logger.logged.filter(([, metrics]) => "val_loss" in metrics)).toHaveLength(3);
  });

  test("fastDevRun runs one batch of each, without logs or checkpoints", async () => {
    const logger = memoryLogger();
    const trainer = quiet({
      fastDevRun: true,
      logger,
      callbacks: [new ModelCheckpoint({ dirpath: join(root, "c") })],
    });
    expect(await trainer.fit(seeded(), new PointsData())).toMatchObject({ steps: 1 });
    expect(logger.logged).toEqual([]);
    expect(() => readFileSync(join(root, "c"))).toThrow("ENOENT");
  });

  test("tells where it stands, unless it is told not to", async () => {
    const told: string[] = [];
    const progress = {
      start: (phase: string, total?: number) => void told.push(`${phase} of ${total}`),
      update: (done: number) => void told.push(String(done)),
      end: () => void told.push("end"),
    };
    await quiet({ maxEpochs: 2, progress, enableProgressBar: true }).fit(
      seeded(),
      new PointsData({ batchSize: 20 }),
    );
    // the last time after the validation, with what came of it
    expect(told).toEqual(["epoch 1/2 of 2", "1", "2", "2", "end", "epoch 2/2 of 2", "1", "2", "2", "end"]);
    await quiet({ maxEpochs: 1, progress }).fit(seeded(), new PointsData());
    expect(told).toHaveLength(10);
  });

  test("shows the newest validation, and what the model logs with progBar", async () => {
    class Telling extends PointsModel {
      override trainingStep(batch: [Tensor, Tensor], index: number): StepOutput | undefined {
        this.log("rows", batch[0].shape[0]!, { progBar: true });
        this.log("hidden", 1);
        return super.trainingStep(batch, index);
      }
    }
    let shown = "";
    const progress = { start() {}, update: (_: number, detail = "") => void (shown = detail), end() {} };
    const trainer = quiet({ maxEpochs: 2, progress, enableProgressBar: true });
    await trainer.fit(new Telling({}), new PointsData({ batchSize: 8 }));
    const { val_loss, val_accuracy } = trainer.callbackMetrics;
    expect(shown.replace(/^loss \S+ {2}/u, "")).toBe(
      `val_loss ${val_loss!.toPrecision(4)}  val_accuracy ${val_accuracy!.toPrecision(4)}  rows 8.000`,
    );
  });

  test("refuses an option of log that does not exist", async () => {
    class Mistaken extends PointsModel {
      override trainingStep(batch: [Tensor, Tensor], index: number): StepOutput | undefined {
        this.log("rows", 1, { prog_bar: true } as object);
        return super.trainingStep(batch, index);
      }
    }
    await expect(quiet({ maxEpochs: 1 }).fit(new Mistaken({}), new PointsData())).rejects.toThrow(
      'Mistaken.log("rows"): unknown option "prog_bar". Did you mean "progBar"? Valid: batchSize, onEpoch, onStep, progBar.',
    );
  });

  test("detectAnomaly names the module whose gradient is not finite, and is off afterwards", async () => {
    const broken = (): PointsModel => {
      const model = seeded();
      model.lossOf = (logits) => logits.sub(logits).sqrt().sum(); // the gradient of a root at zero
      return model;
    };
    const fit = (detectAnomaly: boolean) =>
      quiet({ maxEpochs: 1, limitTrainBatches: 1, detectAnomaly }).fit(broken(), new PointsData());
    await expect(fit(true)).rejects.toThrow(
      /backward: Function '\w+' returned nan values .* Forward: model\.3 /,
    );
    await expect(fit(false)).resolves.toMatchObject({ reason: "max_epochs" });
  });

  test("a step that returns undefined is left out", async () => {
    const model = seeded();
    model.trainingStep = () => undefined;
    const before = hashTensors(model.stateDict());
    await quiet({ maxEpochs: 1 }).fit(model, new PointsData());
    expect(hashTensors(model.stateDict())).toBe(before);
  });

  test("refuses a loss of several numbers, and a loader that ends early", async () => {
    const model = seeded();
    model.trainingStep = ([x]) => model.forward(x) as Tensor;
    await expect(
      quiet().fit(model, new PointsData({ batchSize: 8 })),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[UsageError: PointsModel.trainingStep: must return a loss of one number, or { loss }, got a tensor of shape [8,3]. Take its mean().]`,
    );
    const loader = new utils.data.DataLoader(points(8), { batchSize: 4 });
    const short = {
      length: 3,
      seek: loader.seek.bind(loader),
      next: loader.next.bind(loader),
      [Symbol.asyncIterator]: loader[Symbol.asyncIterator].bind(loader),
    };
    await expect(
      quiet().fit(seeded(), { trainDataloader: () => short }),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[UsageError: train: the loader must give 3 batches an epoch, it gave 2. Correct its length.]`,
    );
    await expect(quiet().fit(seeded(), {})).rejects.toThrowErrorMatchingInlineSnapshot(
      `[UsageError: Trainer.fit: the data must have a trainDataloader() that gives a loader.]`,
    );
  });
});

describe("manual optimisation", () => {
  class Duel extends PointsModel {
    override automaticOptimization = false;
    steps = 0;
    override configureOptimizers(): OptimizerSetup {
      const [first, second] = [...this.model.children()].filter((module) => module instanceof nn.Linear);
      return [
        new optim.Adam(first!.parameters(), { lr: 0.05 }),
        { optimizer: new optim.SGD(second!.parameters(), { lr: 0.05, momentum: 0.9 }) },
      ];
    }
    override trainingStep(batch: [Tensor, Tensor]): Tensor {
      const loss = this.lossOf(this.forward(batch[0]) as Tensor, batch[1]);
      this.manualBackward(loss);
      // one after the other, as the two sides of a GAN
      const optimizer = this.optimizers()[this.globalStep % 2]!;
      optimizer.step();
      this.zeroGrad();
      this.steps++;
      this.log("duel", loss, { onStep: true, onEpoch: true });
      return loss;
    }
  }

  test("steps what the model steps, and logs both ways", async () => {
    const logger = memoryLogger();
    manualSeed(3);
    const model = new Duel({});
    await quiet({ maxEpochs: 4, logger }).fit(model, new PointsData({ batchSize: 8 }));
    expect(model.steps).toBe(20);
    const seen = (name: string) => logger.logged.flatMap(([, metrics]) => metrics[name] ?? []);
    expect(seen("duel_step")).toHaveLength(20);
    const means = seen("duel_epoch");
    expect(means).toHaveLength(4);
    expect(means[0]).toBeCloseTo(
      seen("duel_step")
        .slice(0, 5)
        .reduce((a, b) => a + b, 0) / 5,
      6,
    );
    expect(means.at(-1)).toBeLessThan(means[0]!);
  });

  test("refuses flags that need automatic optimisation", async () => {
    const fit = (options: TrainerOptions) => quiet(options).fit(new Duel({}), new PointsData());
    await expect(fit({ accumulateGradBatches: 2 })).rejects.toThrowErrorMatchingInlineSnapshot(
      `[UsageError: Trainer: accumulateGradBatches needs automatic optimisation, and Duel steps its optimizers itself. Leave the flag out, and do it in trainingStep.]`,
    );
    await expect(fit({ gradientClipVal: 1 })).rejects.toThrow("gradientClipVal");
  });

  test("works only while a trainer runs the model", () => {
    expect(() => new Duel({}).optimizers()).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: Duel.optimizers: works only while a trainer runs the model.]`,
    );
  });
});

describe("a run that was stopped at any step", () => {
  const cases: Record<string, { options?: TrainerOptions; model?: object }> = {
    plain: {},
    "with dropout and accumulation": { options: { accumulateGradBatches: 2 }, model: { dropout: 0.3 } },
  };
  test.each(Object.entries(cases))(
    "%s: goes on to the same weights",
    async (_, { options = {}, model = {} }) => {
      const folder = (name: string) => join(root, name);
      const checkpoint = (name: string) =>
        new ModelCheckpoint({ dirpath: folder(name), everyNTrainSteps: 1, saveTopK: -1 });
      const config = { maxEpochs: 2, ...options };
      const build = () => {
        const built = seeded(model);
        const step = built.trainingStep.bind(built);
        built.trainingStep = (batch, index) => {
          const loss = step(batch, index) as Tensor;
          built.log("train_mean", loss, { onStep: false, onEpoch: true });
          return loss;
        };
        return built;
      };
      const data = () => new PointsData({ batchSize: 8, rows: 36 });
      const whole = build();
      const full = memoryLogger();
      const { steps } = await quiet({ ...config, logger: full, callbacks: [checkpoint("whole")] }).fit(
        whole,
        data(),
      );
      const means = full.logged.flatMap(([, metrics]) => metrics["train_mean"] ?? []);
      expect(means).toHaveLength(2);
      for (let stop = 1; stop < steps; stop++) {
        const name = `stopped-${stop}`;
        const stopping: Callback = {
          name: "stop",
          onTrainBatchEnd({ state }) {
            if (state.step === stop + 1) throw new Error("stopped");
          },
        };
        const begin = quiet({ ...config, callbacks: [stopping, checkpoint(name)] }).fit(build(), data());
        await expect(begin).rejects.toThrow("stopped");
        manualSeed(99); // as another process would begin
        const resumed = build();
        const rest = memoryLogger();
        const trainer = quiet({ ...config, logger: rest, callbacks: [checkpoint(name)] });
        await trainer.fit(resumed, data(), { ckptPath: "last" });
        expect(hashTensors(resumed.stateDict())).toBe(hashTensors(whole.stateDict()));
        const later = rest.logged.flatMap(([, metrics]) => metrics["train_mean"] ?? []);
        expect(later).toEqual(means.slice(means.length - later.length));
        expect(later.length).toBeGreaterThan(0);
      }
    },
  );

  test("says which checkpoint it cannot go on from, and why", async () => {
    const fit = (ckptPath: string) => quiet().fit(seeded(), new PointsData(), { ckptPath });
    await expect(fit("last")).rejects.toThrow("there is no whole checkpoint in");
    await expect(fit(join(root, "nowhere"))).rejects.toThrow("it has no manifest, so it was not finished");
  });

  test("refuses the checkpoint of another model", async () => {
    await quiet({ maxEpochs: 1 }).fit(seeded(), new PointsData());
    await expect(
      quiet({ maxEpochs: 1 }).fit(seeded({ hidden: 9 }), new PointsData(), { ckptPath: "last" }),
    ).rejects.toThrow("the checkpoint is of another config or other data");
  });
});

describe("validate, test and predict", () => {
  test("judge the weights as they are, those of a checkpoint or the best", async () => {
    const best = new ModelCheckpoint({ monitor: "val_loss" });
    const trainer = quiet({ maxEpochs: 6, callbacks: [best] });
    const model = seeded({ lr: 0.05 });
    const data = new PointsData({ batchSize: 8 });
    await trainer.fit(model, data);
    const trained = await trainer.validate(model, data);
    expect(Object.keys(trained)).toEqual(["val_loss", "val_accuracy"]);
    const tested = await trainer.test(model, data);
    expect(Object.keys(tested)).toEqual(["test_loss", "test_accuracy"]);
    expect(tested["test_accuracy"]).toBeGreaterThan(0.9);
    const fresh = seeded();
    expect((await trainer.validate(fresh, data))["val_loss"]).toBeGreaterThan(trained["val_loss"]!);
    expect((await trainer.validate(fresh, data, { ckptPath: "best" }))["val_loss"]).toBeCloseTo(
      best.bestValue!,
      10,
    );
  });

  test("predict gives what predictStep gives, without gradients", async () => {
    const outputs = (await quiet().predict(seeded(), new PointsData({ batchSize: 4 }))) as Tensor[];
    expect(outputs.map(({ shape }) => shape)).toEqual([
      [8, 3],
      [8, 3],
      [4, 3],
    ]);
    expect(outputs[0]!.requiresGrad).toBe(false);
    expect(
      await quiet({ limitPredictBatches: 1 }).predict(seeded(), new PointsData({ batchSize: 4 })),
    ).toHaveLength(1);
  });

  test("several loaders are told apart", async () => {
    const loaders = [4, 10].map((batchSize) => new utils.data.DataLoader(points(20), { batchSize }));
    const metrics = await quiet().validate(seeded(), { valDataloader: () => loaders });
    expect(Object.keys(metrics)).toEqual([
      "val_loss/dataloader_idx_0",
      "val_accuracy/dataloader_idx_0",
      "val_loss/dataloader_idx_1",
      "val_accuracy/dataloader_idx_1",
    ]);
    expect(metrics["val_loss/dataloader_idx_0"]).toBeCloseTo(metrics["val_loss/dataloader_idx_1"]!, 5);
  });

  test("say what is missing", async () => {
    await expect(quiet().test(seeded(), {})).rejects.toThrowErrorMatchingInlineSnapshot(
      `[UsageError: Trainer.test: the data must have a testDataloader() that gives a loader.]`,
    );
  });
});

describe("loggers", () => {
  test("CSV by default, with a column for each metric", async () => {
    await new Trainer({ maxEpochs: 1, defaultRootDir: root, logEveryNSteps: 2 }).fit(
      seeded({ lr: 0.01 }),
      new PointsData({ batchSize: 8 }),
    );
    const folder = join(root, "lightning_logs", "version_0");
    const [header, ...rows] = readFileSync(join(folder, "metrics.csv"), "utf8").trimEnd().split("\n");
    expect(header).toBe("epoch,lr,step,train_loss,val_accuracy,val_loss");
    expect(rows).toHaveLength(3);
    expect(rows[2]).toMatch(/^,,5,,0\.\d+,\d\.\d+$/);
    expect(readFileSync(join(folder, "hparams.yaml"), "utf8")).toBe("lr: 0.01\n");
  });

  test("one that fails ends neither the run nor the others", async () => {
    const logger = memoryLogger();
    const broken: TrainingLogger = {
      name: "broken",
      logMetrics: () => Promise.reject(new Error("no route")),
    };
    const result = await quiet({ maxEpochs: 1, logger: [broken, logger] }).fit(seeded(), new PointsData());
    expect(result.reason).toBe("max_epochs");
    expect(logger.logged.length).toBeGreaterThan(0);
  });
});

describe("options", () => {
  test("that are wrong are all named at once", () => {
    const options = { maxEpohcs: 3, precision: "16-mixed", strategy: "ddp", gradientClipVal: -1 } as object;
    expect(() => new Trainer(options)).toThrowErrorMatchingInlineSnapshot(`
      [UsageError: Trainer: precision: "16-mixed" is refused: half precision (float16) is not for processors: it needs loss scaling and is slow there. Use bf16-mixed.
      Trainer: gradientClipVal: expected a number of at least 0, got -1.
      Trainer: strategy: expected auto or single_device, as training runs in one process, got "ddp".
      Trainer: maxEpohcs: unknown option. Did you mean "maxEpochs"? Valid: accelerator, accumulateGradBatches, autoFindBatchSize, barebones, benchmark, checkValEveryNEpoch, detectAnomaly, deterministic, devices, enableAutologHparams, enableCheckpointing, enableModelSummary, enableProgressBar, fastDevRun, gradientClipAlgorithm, gradientClipVal, inferenceMode, limitPredictBatches, limitTestBatches, limitTrainBatches, limitValBatches, logEveryNSteps, maxEpochs, maxSteps, maxTime, minEpochs, minSteps, numNodes, numSanityValSteps, numThreads, overfitBatches, plugins, precision, profiler, reloadDataloadersEveryNEpochs, strategy, syncBatchnorm, useDistributedSampler, valCheckInterval.]
    `);
  });
});
