// The profilers of a trainer: what they time, what they print, and what they write.
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { PointsData, PointsModel } from "../../../tests/fixtures/points.ts";
import { makeTemporaryFolder } from "../../../tests/fixtures/temporary-folder.ts";
import { logger } from "../../base/index.ts";
import { manualSeed, profiler as torchProfiler } from "../../torch/index.ts";
import {
  AdvancedProfiler,
  PassThroughProfiler,
  Profiler,
  PyTorchProfiler,
  SimpleProfiler,
  Trainer,
} from "../index.ts";
import type { Callback, ProfiledStage, TrainerOptions } from "../index.ts";
import type { CpuProfile } from "./cpu-profile.ts";

let root: string;
beforeEach(() => (root = makeTemporaryFolder("sconce-profilers-")));
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
  vi.restoreAllMocks();
});

function trainer(options: TrainerOptions): Trainer {
  return new Trainer({
    defaultRootDir: root,
    logger: false,
    enableProgressBar: false,
    maxEpochs: 2,
    ...options,
  });
}

function model(): PointsModel {
  manualSeed(3);
  return new PointsModel({});
}

/** Collects what is logged. */
function listen(): string[] {
  const lines: string[] = [];
  vi.spyOn(logger, "info").mockImplementation((line) => void lines.push(line));
  return lines;
}

/** Lists every action that a trainer has. */
class Recorder extends Profiler {
  readonly actions: string[] = [];
  readonly open: string[] = [];
  stages: ProfiledStage["stage"][] = [];

  override setup(stage: ProfiledStage): void {
    super.setup(stage);
    this.stages.push(stage.stage);
  }

  start(action: string): void {
    this.actions.push(action);
    this.open.push(action);
  }

  stop(action: string): void {
    expect(this.open.pop()).toBe(action);
  }
}

describe("a trainer's actions", () => {
  test("are those of Lightning, nested, and what a profiler of one's own is told", async () => {
    const profiler = new Recorder();
    const watch: Callback = {
      name: "watch",
      onTrainBatchEnd: () => {},
      onValidationEnd: () => Promise.resolve(),
    };
    const subject = trainer({ profiler, callbacks: [watch], maxEpochs: 1, enableCheckpointing: false });
    const data = new PointsData({ batchSize: 8 }); // 5 batches
    await subject.fit(model(), data);
    const count = (action: string) => profiler.actions.filter((name) => name === action).length;
    const expected: [string, number][] = [
      ["[DataModule]PointsData.setup", 1],
      ["run_training_epoch", 1],
      ["[TrainingEpochLoop].train_dataloader_next", 5],
      ["run_training_batch", 5],
      ["[Module]PointsModel.training_step", 5],
      ["[Module]PointsModel.backward", 5],
      ["[Module]PointsModel.optimizer_step", 5],
      ["[Module]PointsModel.optimizer_zero_grad", 5],
      ["[Callback]watch.on_train_batch_end", 5],
      ["[Callback]watch.on_validation_end", 2], // the one before training too
    ];
    expect(expected.map(([action]) => [action, count(action)])).toEqual(expected);
    expect(count("[Module]PointsModel.validation_step")).toBeGreaterThan(0);
    await subject.test(model(), data);
    await subject.predict(model(), { predictDataloader: () => data.testDataloader()! });
    expect(count("[Module]PointsModel.test_step")).toBeGreaterThan(0);
    expect(count("[Module]PointsModel.predict_step")).toBeGreaterThan(0);
    expect([profiler.open, profiler.stages]).toEqual([[], ["fit", "test", "predict"]]);
  });

  test("end after an error, and the report is given", async () => {
    const profiler = new Recorder();
    const describeReport = vi.spyOn(profiler, "describe");
    const broken: Callback = {
      name: "broken",
      onTrainBatchEnd: () => {
        throw new Error("broken");
      },
    };
    await expect(trainer({ profiler, callbacks: [broken] }).fit(model(), new PointsData())).rejects.toThrow(
      "broken",
    );
    expect(profiler.open).toEqual([]);
    expect(describeReport).toHaveBeenCalledOnce();
  });

  test("leave the training as it is", async () => {
    const losses = async (options: TrainerOptions) => {
      const logged: number[] = [];
      const watch: Callback = { name: "watch", onTrainBatchEnd: (_, { loss }) => void logged.push(loss) };
      await trainer({ callbacks: [watch], ...options }).fit(model(), new PointsData());
      return logged;
    };
    listen();
    const plain = await losses({});
    for (const profiler of ["simple", "advanced", "pytorch"] as const)
      expect(await losses({ profiler })).toEqual(plain);
  });

  test("are not measured where nothing is asked for", () => {
    expect(trainer({}).profiler).toBeInstanceOf(PassThroughProfiler);
    expect(() => trainer({ profiler: "xla" as "simple" })).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: Trainer: profiler.name: expected one of simple, advanced, pytorch, pass_through, got "xla".]`,
    );
  });
});

describe("SimpleProfiler", () => {
  interface Case {
    stage: ProfiledStage["stage"] | null;
    extended: boolean;
    durations: Record<string, number[]>;
    report: string;
  }
  const { seconds, cases } = JSON.parse(
    readFileSync(new URL("../../../tests/goldens/trainer/profilers.json", import.meta.url), "utf8"),
  ) as { seconds: number; cases: Case[] };

  test.each(cases.map((golden, i) => [i, golden] as const))(
    "prints Lightning's report (%i)",
    (_, { stage, extended, durations, report }) => {
      const clock = vi.spyOn(performance, "now").mockReturnValue(0);
      const profiler = new SimpleProfiler({ extended });
      if (stage !== null) profiler.setup({ stage, model: model(), steps: 1 });
      for (const [action, times] of Object.entries(durations)) profiler.recordedDurations.set(action, times);
      clock.mockReturnValue(seconds * 1000);
      const printed = profiler.summary();
      clock.mockRestore();
      expect(printed).toBe(report);
    },
  );

  test("times what it is told to, and waits for promises", async () => {
    const profiler = new SimpleProfiler();
    await profiler.profile("wait", () => new Promise((resolve) => setTimeout(resolve, 30)));
    expect(() =>
      profiler.profile("fail", () => {
        throw new Error("failed");
      }),
    ).toThrow("failed");
    const { recordedDurations } = profiler;
    expect(recordedDurations.get("wait")![0]).toBeGreaterThan(0.025);
    expect(recordedDurations.get("fail")).toHaveLength(1);
    profiler.start("a");
    expect(() => profiler.start("a")).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: SimpleProfiler: "a" has been started already. Stop it first.]`,
    );
    expect(() => profiler.stop("b")).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: SimpleProfiler: "b" was never started. Start it before it is stopped.]`,
    );
  });

  test("logs its report, or appends it to a file", async () => {
    const lines = listen();
    await trainer({ profiler: "simple" }).fit(model(), new PointsData());
    expect(lines.filter((line) => line.startsWith("FIT Profiler Report\n"))).toHaveLength(1);
    const profiler = new SimpleProfiler({ dirpath: join(root, "reports"), filename: "times" });
    const subject = trainer({ profiler });
    await subject.fit(model(), new PointsData());
    await subject.validate(model(), new PointsData());
    await subject.validate(model(), new PointsData());
    expect(readdirSync(join(root, "reports")).sort()).toEqual(["fit-times.txt", "validate-times.txt"]);
    const report = readFileSync(join(root, "reports", "validate-times.txt"), "utf8");
    expect(report.split("VALIDATE Profiler Report")).toHaveLength(3);
    expect(report).toContain("[Module]PointsModel.validation_step");
    expect(lines.filter((line) => line.includes("Profiler Report"))).toHaveLength(1);
  });

  test("a report that cannot be written does not end the run", async () => {
    const warn = vi.spyOn(logger, "warn").mockImplementation(() => {});
    writeFileSync(join(root, "file"), "");
    const profiler = new SimpleProfiler({ dirpath: join(root, "file"), filename: "times" });
    await trainer({ profiler, maxEpochs: 1 }).fit(model(), new PointsData());
    expect(warn.mock.calls.flat().join("\n")).toMatch(/profiler: the report could not be written: EEXIST/);
  });
});

function burn(ms: number): number {
  const end = performance.now() + ms;
  let sum = 0;
  while (performance.now() < end) sum += Math.sqrt(sum + 1);
  return sum;
}

describe("AdvancedProfiler", () => {
  test("tells which functions an action's time went to", () => {
    const profiler = new AdvancedProfiler({ dirpath: root, lineCountRestriction: 30 });
    profiler.profile("idle", () => 1);
    profiler.profile("busy", () => profiler.profile("inner", () => burn(150)));
    const after = (): number => burn(60);
    profiler.profile("later", after);
    const report = profiler.summary();
    const [, busy = "", later = ""] =
      /stats for: busy\n([^]*?)\nProfile stats for: later\n([^]*)/u.exec(report) ?? [];
    const msOf = (table: string, name: string): number =>
      Number(
        new RegExp(`^ +[\\d.]+ +([\\d.]+)  ${name} .*profilers\\.test\\.ts:\\d+$`, "mu").exec(table)?.[1],
      );
    expect(msOf(busy, "burn")).toBeGreaterThan(50);
    expect(msOf(busy, "burn")).toBeLessThan(600);
    expect(msOf(later, "after")).toBeGreaterThan(20);
    expect(msOf(busy, "after") || 0).toBeLessThan(msOf(later, "after")); // a sample may lie on the border
    const { nodes, samples, timeDeltas } = JSON.parse(
      readFileSync(join(root, "profile.cpuprofile"), "utf8"),
    ) as CpuProfile;
    expect(samples!.length).toBe(timeDeltas!.length);
    expect(nodes.some(({ callFrame }) => callFrame.functionName === "burn")).toBe(true);
    expect(profiler.summary()).toBe("");
  });

  test("writes a profile of each stage of a trainer", async () => {
    const lines = listen();
    const subject = trainer({ profiler: "advanced", maxEpochs: 1 });
    await subject.fit(model(), new PointsData());
    await subject.test(model(), new PointsData());
    expect(
      readdirSync(root)
        .filter((name) => name.endsWith(".cpuprofile"))
        .sort(),
    ).toEqual(["fit.cpuprofile", "test.cpuprofile"]);
    expect(lines.find((line) => line.startsWith("FIT Profiler Report"))).toContain(
      "Profile stats for: run_training_batch",
    );
    expect(() => new AdvancedProfiler({ lineCountRestriction: 0 })).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: AdvancedProfiler: lineCountRestriction must be a number of functions or a share below 1, got 0.]`,
    );
    await trainer({
      profiler: new AdvancedProfiler({ dirpath: join(root, "none"), dumpStats: false }),
      maxEpochs: 1,
    }).fit(model(), new PointsData());
    expect(existsSync(join(root, "none"))).toBe(false);
  });
});

describe("PyTorchProfiler", () => {
  interface TraceEvent {
    name: string;
    ph: string;
    cat?: string;
    ts: number;
    dur?: number;
  }
  const readTrace = (name: string): TraceEvent[] =>
    (JSON.parse(readFileSync(join(root, name), "utf8")) as { traceEvents: TraceEvent[] }).traceEvents;
  const countOf = (events: readonly TraceEvent[], name: string) =>
    events.filter((event) => event.ph === "X" && event.name === name).length;

  test("records three steps of training after two, and three of validation, with the modules' names", async () => {
    const lines = listen();
    await trainer({ profiler: "pytorch", maxEpochs: 6 }).fit(model(), new PointsData({ batchSize: 8 }));
    const traces = readdirSync(root).filter((name) => name.endsWith(".json"));
    expect(traces.sort()).toEqual([
      "fit-run_training_batch.pt.trace.json",
      "fit-validation_step.pt.trace.json",
    ]);
    const training = readTrace("fit-run_training_batch.pt.trace.json");
    const steps = training.filter(({ name }) => name.startsWith("ProfilerStep#")).map(({ name }) => name);
    expect(new Set(steps)).toEqual(new Set(["ProfilerStep#2", "ProfilerStep#3", "ProfilerStep#4"]));
    expect(countOf(training, "run_training_batch")).toBe(3);
    expect(countOf(training, "[Module]PointsModel.backward")).toBe(3);
    expect(countOf(training, "aten::addmm")).toBe(6);
    expect(countOf(training, "Linear: model.0")).toBe(3);
    const validation = readTrace("fit-validation_step.pt.trace.json");
    expect(countOf(validation, "[Module]PointsModel.validation_step")).toBe(3);
    const report = lines.find((line) => line.startsWith("FIT Profiler Report"))!;
    expect(report).toMatch(/Profile stats for: run_training_batch\n-+/u);
    expect(report).toContain("aten::addmm");
  });

  test("its events nest, and take no longer than what they lie in", async () => {
    listen();
    await trainer({ profiler: "pytorch", maxEpochs: 1 }).fit(model(), new PointsData({ batchSize: 8 }));
    const events = readTrace("fit-run_training_batch.pt.trace.json").filter(
      ({ ph, cat }) => ph === "X" && (cat === "cpu_op" || cat === "user_annotation"),
    );
    const batches = events.filter(({ name }) => name === "run_training_batch");
    const inside = events.filter(({ name }) => name === "aten::addmm");
    for (const { ts, dur = 0 } of inside) {
      const around = batches.filter((batch) => batch.ts <= ts && ts + dur <= batch.ts + batch.dur! + 0.01);
      expect(around).toHaveLength(1);
    }
    for (const batch of batches) {
      const total = inside
        .filter(({ ts }) => ts >= batch.ts && ts <= batch.ts + batch.dur!)
        .reduce((sum, { dur = 0 }) => sum + dur, 0);
      expect(total).toBeGreaterThan(0);
      expect(total).toBeLessThan(batch.dur!);
    }
  });

  test("records a short stage whole, by the given options", async () => {
    listen();
    const seen: (number | undefined)[] = [];
    const profiler = new PyTorchProfiler({
      dirpath: root,
      filename: "operators",
      recordModuleNames: false,
      recordShapes: true,
      groupByInputShapes: true,
      profileMemory: true,
      sortByKey: "selfCpuTimeTotal",
      rowLimit: 2,
      onTraceReady: (profile) => seen.push(profile.keyAverages().get("aten::addmm")?.count),
    });
    const subject = trainer({ profiler, maxEpochs: 1, limitTrainBatches: 2, limitValBatches: 0 });
    await subject.fit(model(), new PointsData());
    expect(seen).toEqual([4]);
    const report = readFileSync(join(root, "fit-operators.txt"), "utf8");
    expect(report).toContain("Input Shapes");
    expect(report).toContain("CPU Mem");
    expect(report).not.toContain("Linear: model.0");
    expect(report.split("\n").filter((line) => /\d%.*\d%/u.test(line))).toHaveLength(2);
    expect(readdirSync(root).filter((name) => name.endsWith(".json"))).toEqual([]);
    await subject.test(model(), new PointsData());
    await subject.predict(model(), new PointsData());
    expect(seen).toEqual([4, 2, 2]);
    expect(torchProfiler.profile({}, () => 1).events()).toEqual([]); // none is left running
  });

  test("is over after an error in a step", async () => {
    const profiler = new PyTorchProfiler({ dirpath: root });
    const broken = model();
    broken.lossOf = () => {
      throw new Error("no loss");
    };
    const warn = vi.spyOn(logger, "info").mockImplementation(() => {});
    await expect(
      trainer({ profiler, numSanityValSteps: 0, maxSteps: 3 }).fit(broken, new PointsData()),
    ).rejects.toThrow("no loss");
    expect(warn).toHaveBeenCalled();
    expect(torchProfiler.profile({}, () => 1).events()).toEqual([]);
  });
});
