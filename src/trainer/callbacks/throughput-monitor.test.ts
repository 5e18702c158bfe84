// Held to what Lightning logs by the same clock. Golden: tools/golden/lightning_throughput.py
import { readFileSync } from "node:fs";
import { afterEach, expect, test, vi } from "vitest";
import { GoldenNet, golden as rows } from "../../../tests/fixtures/golden-training.ts";
import { fitToy } from "../../../tests/fixtures/toy-training.ts";
import { nn, ones, tensor, utils } from "../../torch/index.ts";
import type { Tensor } from "../../torch/index.ts";
import { GradNormMonitor, ThroughputMonitor, Trainer, gradNorm } from "../index.ts";
import type { ThroughputMonitorConfig, TrainingLogger } from "../index.ts";
import { peakFlops } from "../peak-flops.ts";

type Metrics = Record<string, number>;
const golden = JSON.parse(
  readFileSync(new URL("../../../tests/goldens/trainer/throughput.json", import.meta.url), "utf8"),
) as { all: Metrics[]; bare: Metrics[]; norms: Record<string, Metrics> };

/** Seconds, as the steps move them. */
let clock = 10;
afterEach(() => void vi.restoreAllMocks());

class TimedNet extends GoldenNet {
  flopsPerBatch?: number;

  override trainingStep(batch: [Tensor, Tensor], index = 0): Tensor {
    clock += 0.5 + 0.25 * index;
    return super.trainingStep(batch);
  }

  override validationStep(batch: [Tensor, Tensor], index = 0): Tensor {
    clock += 1.5 + 0.125 * index;
    return super.trainingStep(batch);
  }
}

/** Trains by the golden's clock, and returns what was logged of a stage. */
async function logged(options: ThroughputMonitorConfig, flopsPerBatch?: number): Promise<Metrics[]> {
  const model = new TimedNet();
  if (flopsPerBatch !== undefined) model.flopsPerBatch = flopsPerBatch;
  const seen: Metrics[] = [];
  const logger: TrainingLogger = { name: "kept", logMetrics: (metrics) => void seen.push({ ...metrics }) };
  const loader = () =>
    new utils.data.DataLoader(
      { length: rows.x.length, get: (i: number) => [tensor(rows.x[i]!), tensor(rows.y[i]!)] },
      { batchSize: 2 },
    );
  vi.spyOn(performance, "now").mockImplementation(() => clock * 1000);
  const trainer = new Trainer({
    logger,
    logEveryNSteps: 2,
    valCheckInterval: 0.5,
    enableCheckpointing: false,
    enableProgressBar: false,
    maxEpochs: 2,
    callbacks: [new ThroughputMonitor(options)],
  });
  await trainer.fit(model, { trainDataloader: loader, valDataloader: loader });
  return seen;
}

const ofStage = (all: readonly Metrics[], stage: string) =>
  all.filter((metrics) =>
    Object.keys(metrics).some((name) => name.startsWith(`${stage}/time`) || name.startsWith(`${stage}.time`)),
  );
const close = (all: readonly Metrics[]) =>
  all.map((metrics) =>
    Object.fromEntries(
      Object.entries(metrics).map(([name, value]) => [name, expect.closeTo(value, 9) as number]),
    ),
  );
/** Lightning logs an evaluation batch by batch, here it is logged at its end. */
const last = (all: readonly Metrics[]) =>
  all.filter((metrics, i) => {
    const batches = (at: Metrics | undefined) => at?.["validate/batches"] ?? at?.["validate.batches"] ?? 0;
    return batches(metrics) > batches(all[i + 1]);
  });

test("rates, totals and MFU are Lightning's, with validations in the middle and at the end of epochs", async () => {
  const seen = await logged(
    { windowSize: 3, lengthFn: ({ items }) => 2 * items, availableFlops: 4000 },
    1000,
  );
  expect(ofStage(golden.all, "train")).toHaveLength(4);
  expect(ofStage(seen, "train")).toEqual(close(ofStage(golden.all, "train")));
  expect(ofStage(seen, "validate")).toEqual(close(last(ofStage(golden.all, "validate"))));
  expect(Object.keys(ofStage(seen, "train").at(-1)!).sort()).toContain("train/device/mfu");
});

test("without lengths and a model's own cost batches and samples are Lightning's, with another separator", async () => {
  const seen = await logged({ windowSize: 4, separator: ".", availableFlops: 1e9 });
  const withoutFlops = ofStage(seen, "train").map((metrics) =>
    Object.fromEntries(Object.entries(metrics).filter(([name]) => !/flops|mfu/u.test(name))),
  );
  expect(withoutFlops).toEqual(close(ofStage(golden.bare, "train")));
  expect(ofStage(seen, "validate")).toEqual(close(last(ofStage(golden.bare, "validate"))));
});

test("what the model does not say is counted: 2 x rows x inputs x outputs, forward and for the weight's gradient", async () => {
  class OneLayer extends GoldenNet {
    override readonly backbone = new nn.Linear(4, 2);
    override trainingStep([x]: [Tensor, Tensor]): Tensor {
      clock += 1;
      return this.backbone.forward(x).square().mean();
    }
  }
  const seen: Metrics[] = [];
  const loader = new utils.data.DataLoader<Tensor[]>(
    { length: 28, get: (i: number) => [ones([4]), tensor(i)] },
    { batchSize: 8 }, // the last one has 4 rows
  );
  vi.spyOn(performance, "now").mockImplementation(() => clock * 1000);
  const trainer = new Trainer({
    logger: { name: "kept", logMetrics: (metrics) => void seen.push({ ...metrics }) },
    logEveryNSteps: 1,
    enableCheckpointing: false,
    enableProgressBar: false,
    maxEpochs: 1,
    callbacks: [new ThroughputMonitor({ windowSize: 2, availableFlops: 1024 })],
  });
  await trainer.fit(new OneLayer(), { trainDataloader: () => loader });
  const step = 2 * (2 * 8 * 4 * 2);
  const shares = seen.flatMap((metrics) => metrics["train/device/mfu"] ?? []);
  expect(shares).toEqual([step / 1024, step / 1024, step / 2 / 1024]);
});

test("an accumulated step counts all its batches", async () => {
  const { series } = await fitToy({
    trainer: { max_epochs: 1, accumulate_grad_batches: 3 },
    watchers: [new ThroughputMonitor({ windowSize: 2 })],
  });
  expect(series("train/batches").map(([, value]) => value)).toEqual([3, 6]);
  expect(series("train/samples").map(([, value]) => value)).toEqual([24, 48]);
  expect(series("train/device/batches_per_sec")).toHaveLength(1);
});

test("test and prediction are measured too", async () => {
  const monitor = new ThroughputMonitor({ windowSize: 2 });
  const trainer = new Trainer({ logger: false, enableProgressBar: false, callbacks: [monitor] });
  const loader = new utils.data.DataLoader(
    { length: rows.x.length, get: (i: number) => [tensor(rows.x[i]!), tensor(rows.y[i]!)] },
    { batchSize: 2 },
  );
  class Judged extends GoldenNet {
    testStep(batch: [Tensor, Tensor]): Tensor {
      return this.trainingStep(batch);
    }
    predictStep([x]: [Tensor, Tensor]): Tensor {
      return this.backbone.forward(x);
    }
  }
  await trainer.test(new Judged(), { testDataloader: () => loader });
  await trainer.predict(new Judged(), { predictDataloader: () => loader });
  expect(trainer.callbackMetrics).toMatchObject({ "test/samples": 8, "predict/batches": 4 });
  expect(trainer.callbackMetrics["predict/device/samples_per_sec"]).toBeGreaterThan(0);
});

test("a window of one is refused", () => {
  expect(() => new ThroughputMonitor({ windowSize: 1 })).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: throughput_monitor: windowSize must be an integer of at least 2, got 1. Rates lie between two updates.]`,
  );
});

test("the processor's peak is measured once and above what a small product reaches", () => {
  const flops = peakFlops("32-true");
  expect(flops).toBeGreaterThan(1e9);
  expect(flops).toBeLessThan(1e14);
  expect(peakFlops("32-true")).toBe(flops);
});

test("a share of the peak is logged where the model knows its cost", async () => {
  const { series } = await fitToy({
    trainer: { max_epochs: 1 },
    prepare: (model) => Object.assign(model, { flopsPerBatch: 5000 }),
    watchers: [new ThroughputMonitor({ windowSize: 2 })],
  });
  const mfu = series("train/device/mfu").map(([, value]) => value);
  expect(mfu).toHaveLength(5);
  const flops = series("train/device/flops_per_sec").map(([, value]) => value);
  expect(mfu.every((share, i) => share === flops[i]! / peakFlops("32-true"))).toBe(true);
});

test.each(Object.entries(golden.norms))(
  "gradNorm with p = %s gives Lightning's names and numbers",
  (p, expected) => {
    const model = new GoldenNet();
    expect(gradNorm(model, 2)).toEqual({});
    model.trainingStep([tensor(rows.x), tensor(rows.y)]).backward();
    const norms = gradNorm(model, p === "inf" ? "inf" : Number(p));
    expect(Object.keys(norms)).toEqual(Object.keys(expected));
    for (const [name, value] of Object.entries(expected)) expect(norms[name]).toBeCloseTo(value, 5);
  },
);

test("grad_norm_monitor logs the norms before clipping, of all, of groups, or of parameters", async () => {
  const trainer = { max_epochs: 1, log_every_n_steps: 2, gradient_clip_val: 0.01 };
  const total = await fitToy({ trainer, watchers: [new GradNormMonitor()] });
  const clipped = total.series("grad_norm"); // clipping measures the same norm
  expect(total.series("grad_2.0_norm_total").map(([step]) => step)).toEqual([2, 4, 6]);
  for (const [i, [, value]] of total.series("grad_2.0_norm_total").entries())
    expect(value).toBeCloseTo(clipped[i]![1], 5);
  const groups = await fitToy({ trainer, watchers: [new GradNormMonitor({ level: "group" })] });
  const squares = ["pg1", "pg2"].map((name) => groups.series(`grad_2.0_norm/${name}`)[0]![1] ** 2);
  expect(Math.sqrt(squares[0]! + squares[1]!)).toBeCloseTo(clipped[0]![1], 5);
  const each = await fitToy({
    trainer,
    watchers: [new GradNormMonitor({ level: "parameter", normType: "inf" })],
  });
  expect(each.series("grad_inf_norm/first.weight")).toHaveLength(3);
  expect(() => new GradNormMonitor({ normType: 0 })).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: gradNorm: normType must be a number above 0 or "inf", got 0.]`,
  );
});
