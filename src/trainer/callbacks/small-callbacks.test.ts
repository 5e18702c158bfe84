// Timer, SpikeDetection, OnExceptionCheckpoint, DeviceStatsMonitor, LambdaCallback, prediction writers, frozen layers.
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { goldenFit } from "../../../tests/fixtures/golden-training.ts";
import { PointsData, PointsModel } from "../../../tests/fixtures/points.ts";
import { makeTemporaryFolder } from "../../../tests/fixtures/temporary-folder.ts";
import type { ProgressListener } from "../../base/index.ts";
import { hashTensors, nn, optim } from "../../torch/index.ts";
import type { Tensor } from "../../torch/index.ts";
import {
  BackboneFinetuning,
  BaseFinetuning,
  BasePredictionWriter,
  DeviceStatsMonitor,
  LambdaCallback,
  OnExceptionCheckpoint,
  ProgressBar,
  RichProgressBar,
  SpikeDetection,
  TQDMProgressBar,
  Timer,
  Trainer,
  verifyCheckpoint,
} from "../index.ts";
import type { Callback } from "../index.ts";

let root: string;
beforeEach(() => (root = makeTemporaryFolder("sconce-callbacks-")));
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe("timer", () => {
  const slow: Callback = {
    name: "slow",
    onTrainBatchStart: () => new Promise<void>((resolve) => setTimeout(resolve, 60)),
  };

  test("ends training when its time is up, after a step or after an epoch", async () => {
    const timer = new Timer({ duration: { seconds: 0.1 } });
    const { steps, reason } = await goldenFit(timer, { callbacks: [slow] });
    expect(reason).toBe("max_time");
    expect(steps).toBeLessThan(3);
    expect(timer.timeElapsed()).toBeGreaterThan(0.1);
    expect(timer.timeRemaining()).toBeLessThan(0);
    expect(timer.timeElapsed("validate")).toBe(0);
    const byEpoch = await goldenFit(new Timer({ duration: 0.1, interval: "epoch" }), { callbacks: [slow] });
    expect(byEpoch.steps % 4).toBe(0);
    expect(byEpoch.steps).toBeLessThan(16);
  });

  test("counts the time before a resumption", async () => {
    const timer = new Timer({ duration: "00:00:01:00" });
    timer.loadStateDict({ timeElapsed: 60 });
    expect((await goldenFit(timer)).steps).toBe(0);
    const other = new Timer();
    other.loadStateDict(timer.stateDict());
    expect(other.timeElapsed()).toBeGreaterThanOrEqual(60);
  });

  test("refuses a duration that it cannot read", () => {
    expect(() => new Timer({ duration: "1h" })).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: timer: duration: must be seconds, "DD:HH:MM:SS" or { hours, minutes, ... }, got "1h". Two hours are "00:02:00:00".]`,
    );
  });
});

describe("spike_detection", () => {
  const feed = (detection: SpikeDetection, losses: readonly number[]) => {
    for (const [i, loss] of losses.entries()) {
      const run = { state: { epoch: 0, step: i + 1, batch: i + 1 }, checkpointFolder: root };
      detection.onTrainBatchEnd(run as never, { loss } as never);
    }
  };

  test("ends training at a jump, and lists its batch and the one before", () => {
    const detection = new SpikeDetection();
    expect(() => feed(detection, [1, 1.1, 0.9, 30])).toThrow(/must not jump, got 30 after 0.9 at step 4/);
    expect(JSON.parse(readFileSync(join(root, "skip_batches.json"), "utf8"))).toEqual([2, 3]);
  });

  test.each([
    ["an improvement", {}, [5, 0.01]],
    ["a rise within rtol", {}, [1, 1, 2.9]],
    ["a rise within atol", { atol: 50 }, [1, 1, 40]],
    ["the warmup", { warmup: 4 }, [1, 1, 40, 1]],
    ["a fall of what is maximised", { mode: "max" as const, rtol: 0.9 }, [10, 5]],
    ["a loss that is not finite, if it is allowed to", { finiteOnly: false }, [1, NaN, 1]],
  ])("lets %s pass", (_, options, losses) => {
    expect(() => feed(new SpikeDetection(options), losses)).not.toThrow();
  });

  test("takes a loss that is not finite for a jump, and remembers its window in a checkpoint", () => {
    expect(() => feed(new SpikeDetection(), [1, NaN])).toThrow("must not jump, got NaN");
    const detection = new SpikeDetection({ window: 2, warmup: 0 });
    const first = new SpikeDetection({ window: 2 });
    feed(first, [9, 1, 1]);
    detection.loadStateDict(first.stateDict());
    expect(() => feed(detection, [5])).toThrow("got 5 after 1");
  });
});

test("on_exception_checkpoint saves a run that fails, and the one that goes on removes it", async () => {
  const saving = () => new OnExceptionCheckpoint({ dirpath: root });
  const breaking: Callback = {
    name: "breaking",
    onTrainBatchStart: ({ state }) => {
      if (state.step === 6) throw new Error("broken");
    },
  };
  await expect(goldenFit(saving(), { callbacks: [breaking] })).rejects.toThrow("broken");
  const ckptPath = saving().ckptPath!;
  expect(await verifyCheckpoint(ckptPath)).toBeUndefined();
  const resumed = await goldenFit(saving(), { ckptPath });
  const whole = await goldenFit({ name: "none" });
  expect(hashTensors(resumed.model.stateDict())).toBe(hashTensors(whole.model.stateDict()));
  expect(existsSync(ckptPath)).toBe(false);
});

test("on_exception_checkpoint saves among the run's checkpoints where it is given no folder", async () => {
  const breaking = new LambdaCallback({
    onTrainEpochStart() {
      throw new Error("broken");
    },
  });
  const saving = new OnExceptionCheckpoint();
  const fitted = goldenFit(saving, { callbacks: [breaking], defaultRootDir: root });
  await expect(fitted).rejects.toThrow("broken");
  expect(saving.ckptPath).toBe(join(root, "checkpoints", "on_exception"));
  expect(await verifyCheckpoint(saving.ckptPath!)).toBeUndefined();
});

describe("progress bars", () => {
  const listen = () => {
    const told: string[] = [];
    const listener: ProgressListener = {
      start: (phase, total) => void told.push(`${phase} of ${total}`),
      update: (done) => void told.push(String(done)),
      end: () => void told.push("end"),
    };
    return { told, listener };
  };

  test.each([
    ["each step", new TQDMProgressBar(), ["1", "2", "3", "4"]],
    ["every third and the last", new TQDMProgressBar({ refreshRate: 3 }), ["3", "4"]],
    ["the last of an epoch", new RichProgressBar(), ["4"]],
  ])("draw at their refreshRate: %s", async (_, bar, updates) => {
    const { told, listener } = listen();
    await goldenFit(bar, { progress: listener, maxEpochs: 2 });
    // the validation of an epoch is told at its last step
    expect(told).toEqual(["1", "2"].flatMap((epoch) => [`epoch ${epoch}/2 of 4`, ...updates, "4", "end"]));
  });

  test("draw nothing at a refreshRate of 0", async () => {
    const { told, listener } = listen();
    await goldenFit(new ProgressBar({ refreshRate: 0 }), { progress: listener });
    expect(told).toEqual([]);
  });

  test("are one, and none where they are switched off", async () => {
    const two = goldenFit(new TQDMProgressBar(), { callbacks: [new RichProgressBar()] });
    await expect(two).rejects.toThrow("Trainer: one progress bar can be drawn, got 2. Take the others out.");
    const off = goldenFit(new TQDMProgressBar(), { enableProgressBar: false });
    await expect(off).rejects.toThrow("enableProgressBar is false, and callbacks hold a bar. Take one out.");
    expect(() => new TQDMProgressBar({ refreshRate: -1 })).toThrow(
      "progress_bar: refreshRate must be a whole number of steps, 0 to draw nothing, got -1.",
    );
  });
});

test("device_stats_monitor logs what the machine and the process use", async () => {
  const { trainer } = await goldenFit(new DeviceStatsMonitor(), { maxEpochs: 1 });
  const { callbackMetrics: metrics } = trainer;
  for (const hook of ["on_train_batch_start", "on_train_batch_end"]) {
    for (const name of ["cpu_percent", "cpu_vm_percent"]) {
      expect(metrics[`DeviceStatsMonitor.${hook}/${name}`]).toBeGreaterThanOrEqual(0);
      expect(metrics[`DeviceStatsMonitor.${hook}/${name}`]).toBeLessThanOrEqual(100);
    }
    expect(metrics[`DeviceStatsMonitor.${hook}/process_rss_bytes`]).toBeGreaterThan(10 * 2 ** 20);
  }
  const off = await goldenFit(new DeviceStatsMonitor({ cpuStats: false }), { maxEpochs: 1 });
  expect(Object.keys(off.trainer.callbackMetrics).join()).not.toContain("DeviceStats");
});

test("lambda_callback calls the functions that it is given", async () => {
  const steps: number[] = [];
  await goldenFit(new LambdaCallback({ onTrainBatchEnd: (run) => void steps.push(run.state.step) }), {
    maxEpochs: 1,
  });
  expect(steps).toEqual([1, 2, 3, 4]);
});

describe("prediction writers", () => {
  class Writer extends BasePredictionWriter {
    readonly written: unknown[] = [];
    override async writeOnBatchEnd(_: unknown, prediction: { shape: number[] }, batch: { index: number }) {
      await Promise.resolve();
      this.written.push([batch.index, prediction.shape]);
    }
    override writeOnEpochEnd(_: unknown, predictions: readonly unknown[]): void {
      this.written.push(predictions.length);
    }
  }

  test.each([
    [
      "batch" as const,
      [
        [0, [16, 3]],
        [1, [4, 3]],
      ],
    ],
    ["epoch" as const, [2]],
    ["batch_and_epoch" as const, [[0, [16, 3]], [1, [4, 3]], 2]],
  ])("write at each %s", async (writeInterval, written) => {
    const writer = new Writer({ writeInterval });
    const trainer = new Trainer({ defaultRootDir: root, logger: false, callbacks: [writer] });
    await trainer.predict(new PointsModel({}), new PointsData({ batchSize: 8 }));
    expect(writer.written).toEqual(written);
  });

  test("without the method that their interval asks for say so", async () => {
    class Empty extends BasePredictionWriter {}
    const trainer = new Trainer({ logger: false, callbacks: [new Empty({ writeInterval: "epoch" })] });
    const predicting = trainer.predict(new PointsModel({}), new PointsData({ batchSize: 8 }));
    await expect(predicting).rejects.toThrowErrorMatchingInlineSnapshot(
      `[UsageError: Empty: must have writeOnEpochEnd, as writeInterval is "epoch". Give it one.]`,
    );
  });
});

describe("freezing", () => {
  const network = () => new nn.Sequential(new nn.Linear(2, 2), new nn.BatchNorm1d(2));

  test("leaves batch normalisation in training, or freezes it too", () => {
    const [trained, frozen] = [network(), network()];
    BaseFinetuning.freeze(trained);
    BaseFinetuning.freeze(frozen, { trainBn: false });
    const flags = (module: nn.Module) => module.parameters().map(({ requiresGrad }) => requiresGrad);
    expect(flags(trained)).toEqual([false, false, true, true]);
    expect(flags(frozen)).toEqual([false, false, false, false]);
  });

  test("unfreezes into a group of its own, without what the optimizer has already", () => {
    const module = network();
    BaseFinetuning.freeze(module);
    const optimizer = new optim.SGD(
      module.parameters().filter((p) => p.requiresGrad),
      { lr: 1 },
    );
    BaseFinetuning.unfreezeAndAddParamGroup(module, optimizer);
    expect(optimizer.paramGroups.map(({ params, lr }) => [params.length, lr])).toEqual([
      [2, 1],
      [2, 0.1],
    ]);
  });

  test("with trainBn false keeps the statistics of batch normalisation for the whole run", async () => {
    const trained = async (trainBn: boolean) => {
      class Net extends PointsModel {
        readonly backbone = new nn.Sequential(new nn.Linear(4, 4), new nn.BatchNorm1d(4));
        override forward(x: Tensor): Tensor {
          return super.forward(this.backbone.forward(x)) as Tensor;
        }
      }
      const model = new Net({});
      const before = hashTensors(model.backbone.stateDict());
      const callbacks = [new BackboneFinetuning({ unfreezeBackboneAtEpoch: 1, trainBn })];
      const trainer = new Trainer({ maxEpochs: 2, logger: false, enableCheckpointing: false, callbacks });
      await trainer.fit(model, new PointsData({ batchSize: 8 }));
      const norm = model.backbone.stateDict();
      return { isMoved: hashTensors(norm) !== before, seen: norm.get("1.num_batches_tracked")!.item() };
    };
    expect(await trained(true)).toEqual({ isMoved: true, seen: 10 });
    expect(await trained(false)).toEqual({ isMoved: true, seen: 0 });
  });
});
