// A run that stops anywhere and goes on ends where a run ends that never stopped.
import { cpSync, existsSync, readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { outcomeOf } from "../../tests/fixtures/outcome.ts";
import type { Outcome } from "../../tests/fixtures/outcome.ts";
import { FaultyDisk } from "../../tests/fixtures/faulty-disk.ts";
import { makeTinyProject } from "../../tests/fixtures/tiny-project.ts";
import type { TinyProject } from "../../tests/fixtures/tiny-project.ts";
import { logger } from "../base/index.ts";
import { hashTensors, loadSafetensors } from "../torch/index.ts";
import { SqliteStore } from "../tracking/index.ts";
import type { Callback, Run } from "../trainer/index.ts";
import { BertTrainerTorch, InterruptedError } from "./index.ts";
import type { TrainResult } from "./index.ts";
import { MetricHistory } from "./metric-history.ts";

// 59 rows to train on: 8 batches of which the last has 3 rows, 4 steps an epoch, 8 in all
const config = {
  trainer: { max_epochs: 2, accumulate_grad_batches: 2, log_every_n_steps: 1, gradient_clip_val: 1 },
  scheduler: { name: "cosine", warmup_ratio: 0.2 },
  callbacks: [
    { name: "model_checkpoint", every_n_train_steps: 1 },
    { name: "early_stopping", monitor: "val_loss", patience: 5 },
    { name: "lr_monitor" },
  ],
};
const steps = 8;

async function train(
  project: TinyProject,
  { resume, callback, overrides = [] }: { resume?: string; callback?: Callback; overrides?: string[] } = {},
): Promise<TrainResult> {
  const trainer = await BertTrainerTorch.fromFile(project.config, {
    overrides,
    ...(callback && { callbacks: [callback] }),
  });
  return trainer.train({ resume });
}

class Stop extends Error {}

/** Ways to end at a step: before its checkpoint, while it is written, after it. */
const moments = {
  "after the step": (step: number): Callback => ({
    name: "stop",
    onTrainBatchEnd(run) {
      if (run.state.step === step) throw new Stop();
    },
  }),
  "while its checkpoint is written": (step: number): Callback => {
    let present = 0;
    return {
      name: "stop",
      onTrainBatchEnd(run: Run) {
        present = run.state.step;
      },
      stateDict() {
        if (present === step) throw new Stop(); // the weights are on disk by now, the manifest is not
        return {};
      },
    };
  },
  "by a signal": (step: number): Callback => ({
    name: "stop",
    onTrainBatchEnd(run) {
      if (run.state.step === step) process.emit("SIGTERM", "SIGTERM");
    },
  }),
};

async function stopAt(project: TinyProject, callback: Callback, resume?: string): Promise<void> {
  const ending = train(project, { callback, ...(resume && { resume }) });
  await expect(ending).rejects.toSatisfy(
    (error) => error instanceof Stop || error instanceof InterruptedError,
  );
}

async function endsAlike(callback: Callback): Promise<void> {
  project = makeTinyProject({ config });
  await stopAt(project, callback);
  const result = await train(project, { resume: "last" });
  expect(result.steps).toBe(steps);
  expect(await outcomeOf(project, result)).toEqual(uninterrupted);
}

function listen(): { lines: string[]; stop: () => void } {
  const lines: string[] = [];
  return { lines, stop: logger.addSink((_, message) => lines.push(message)) };
}

let project: TinyProject;
let uninterrupted: Outcome;

beforeAll(async () => {
  const whole = makeTinyProject({ config });
  uninterrupted = await outcomeOf(whole, await train(whole));
  whole.remove();
  expect(uninterrupted.metrics["train_loss"]).toHaveLength(steps);
  expect(uninterrupted.metrics["val_loss"]).toHaveLength(2);
});

afterEach(() => project?.remove());

describe("with a schedule-free optimizer, whose saved weights are an average of those that it trains", () => {
  const averaging = {
    trainer: { ...config.trainer, val_check_interval: 3 },
    optimizer: { name: "schedule_free_adamw", lr: 3e-3, warmup_steps: 2 },
  };

  function makeAveraging(): TinyProject {
    const made = makeTinyProject({ config: averaging });
    const written = JSON.parse(readFileSync(made.config, "utf8")) as Record<string, unknown>;
    writeFileSync(made.config, JSON.stringify({ ...written, scheduler: { name: "constant" } }));
    return made;
  }

  test("a run that was stopped by signals ends as one that was not", async () => {
    const whole = makeAveraging();
    const expected = await outcomeOf(whole, await train(whole));
    whole.remove();
    project = makeAveraging();
    await stopAt(project, moments["by a signal"](2));
    await stopAt(project, moments["by a signal"](5), "last");
    expect(await outcomeOf(project, await train(project, { resume: "last" }))).toEqual(expected);
  });

  test("the weights that are kept are the average", async () => {
    project = makeAveraging();
    const trained: string[] = [];
    const look: Callback = {
      name: "look",
      onTrainEnd: (run) => void trained.push(hashTensors(run.task.model.stateDict())),
    };
    const { modelFolder } = await train(project, { callback: look });
    const kept = loadSafetensors(join(modelFolder, "model.safetensors"));
    expect(hashTensors(kept)).not.toBe(trained[0]);
  });
});

describe("a run that was stopped", () => {
  test.each([2, 3, 4, 5, 6, 7, 8])("after step %i, before its checkpoint, ends as one that was not", (step) =>
    endsAlike(moments["after the step"](step)),
  );

  test.each([3, 4, 8])("while the checkpoint of step %i is written ends as one that was not", (step) =>
    endsAlike(moments["while its checkpoint is written"](step)),
  );

  test.each([1, 4, 6])("by a signal in step %i ends as one that was not", (step) =>
    endsAlike(moments["by a signal"](step)),
  );

  test("at its first step, before any checkpoint, has nothing to go on from", async () => {
    project = makeTinyProject({ config });
    await stopAt(project, moments["after the step"](1));
    const error = (await train(project, { resume: "last" }).catch((e: unknown) => e)) as Error;
    expect(error.message.replaceAll(project.root, "ROOT")).toMatchInlineSnapshot(
      `"--resume last: there is nothing to resume, no unfinished run with a whole checkpoint in ROOT/outputs/TrainedModels/demo/first. Start a new run without --resume."`,
    );
  });

  test("again and again, at every step, ends as one that was not", async () => {
    project = makeTinyProject({ config });
    await stopAt(project, moments["after the step"](2));
    for (let step = 3; step <= steps; step++) await stopAt(project, moments["after the step"](step), "last");
    const result = await train(project, { resume: "last" });
    expect(project.runs()).toEqual([result.modelFolder]);
    expect(await outcomeOf(project, result)).toEqual(uninterrupted);
  });

  test("by a signal in its second epoch, with the default checkpoints, still ends with its best weights", async () => {
    const plain = { trainer: { ...config.trainer, max_epochs: 3 }, optimizer: { lr: 3e-3 } };
    const whole = makeTinyProject({ config: plain });
    const expected = await outcomeOf(whole, await train(whole));
    whole.remove();
    for (const step of [6, 9]) {
      project = makeTinyProject({ config: plain });
      await stopAt(project, moments["by a signal"](step));
      expect(await outcomeOf(project, await train(project, { resume: "last" }))).toEqual(expected);
      project.remove();
    }
  });

  test("after early stopping had ended it does not train on", async () => {
    const early = {
      trainer: { ...config.trainer, max_epochs: 6 },
      callbacks: [
        { name: "early_stopping", monitor: "val_f1", patience: 1, min_delta: 0.99 },
        { name: "model_checkpoint", monitor: "val_f1" },
      ],
    };
    const whole = makeTinyProject({ config: early });
    const expected = await outcomeOf(whole, await train(whole));
    whole.remove();
    project = makeTinyProject({ config: early });
    const end: Callback = {
      name: "stop",
      onTrainEnd() {
        throw new Stop();
      },
    };
    await stopAt(project, end);
    const result = await train(project, { resume: "last" });
    expect(result.steps).toBeLessThan(6 * 4);
    expect(await outcomeOf(project, result)).toEqual(expected);
  });

  test("keeps one run in the store, which ends as finished, without a reason, with all its points", async () => {
    project = makeTinyProject({ config });
    await stopAt(project, moments["after the step"](6));
    const { runId } = await train(project, { resume: "last" });
    const store = await SqliteStore.open({ path: project.database });
    const runs = await store.searchRuns();
    expect(runs.map(({ info }) => [info.runId, info.status])).toEqual([[runId, "FINISHED"]]);
    expect(runs[0]!.data.tags["sconce.end_reason"]).toBeUndefined();
    const history = await store.metricHistory(runId, "train_loss");
    expect(history.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]); // step 6 ran twice
    const { points } = await MetricHistory.ofRun(store, runId);
    expect(points.get("train_loss")!.values).toEqual(history.map(({ value }) => value));
    await store.close();
  });
});

test("a disk that refuses one write, fsync or rename ends the run with one error, and it goes on from what was saved", async () => {
  project = makeTinyProject({ config });
  const counter = new FaultyDisk(project.trainedModels, { at: 0, fault: "EIO" });
  await counter.use(() => train(project));
  project.remove();
  // each 97th of the calls: the kinds of call are met in turn
  for (let at = 5; at <= counter.calls.length; at += 97) {
    const fault = at % 2 === 0 ? "EIO" : "ENOSPC";
    project = makeTinyProject({ config });
    const disk = new FaultyDisk(project.trainedModels, { at, fault });
    let saved = 0;
    const watch: Callback = {
      name: "watch",
      onTrainBatchStart: ({ state }) => void (saved = state.step),
    };
    const error: unknown = await disk
      .use(() => train(project, { callback: watch }))
      .then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
    const place = `call ${at}, ${disk.calls[at - 1]}`;
    if (error !== undefined) {
      expect((error as Error).message, place).toContain(`${fault}: `);
      const resumed = await train(project, { resume: "last" }).catch((thrown: Error) => thrown);
      if (resumed instanceof Error)
        expect([saved, resumed.message], place).toEqual([0, expect.stringContaining("nothing to resume")]); // prettier-ignore
      else expect(await outcomeOf(project, resumed), place).toEqual(uninterrupted);
    }
    project.remove();
  }
}, 300_000);

describe("a checkpoint", () => {
  /** Stops after step 5 is saved: checkpoints of steps 4 and 5 are there. */
  async function stopped(): Promise<{ run: string; checkpoints: string; newest: string; older: string }> {
    const callbacks = [
      { name: "model_checkpoint", every_n_train_steps: 1, save_top_k: -1 },
      ...config.callbacks.slice(1),
    ];
    project = makeTinyProject({ config: { ...config, callbacks } });
    await stopAt(project, moments["after the step"](6));
    const run = project.runs()[0]!;
    const checkpoints = join(run, "checkpoints");
    return {
      run,
      checkpoints,
      newest: join(checkpoints, "epoch=1-step=5"),
      older: join(checkpoints, "epoch=0-step=4"),
    };
  }

  const damages: Record<string, (folder: string) => void> = {
    "cut short": (folder) => truncateSync(join(folder, "optimizer.safetensors"), 1000),
    "changed in one byte": (folder) => {
      const path = join(folder, "model.safetensors");
      const bytes = readFileSync(path);
      bytes[bytes.length - 5]! ^= 1;
      writeFileSync(path, bytes);
    },
    "without its manifest": (folder) => rmSync(join(folder, "manifest.json")),
    "without its state": (folder) => rmSync(join(folder, "trainer.json")),
  };

  test.each(Object.entries(damages))("%s is passed over for an older one, and named", async (_, damage) => {
    const { newest, older } = await stopped();
    damage(newest);
    const log = listen();
    const result = await train(project, { resume: "last" });
    log.stop();
    expect(log.lines.filter((line) => line.startsWith(newest))).toHaveLength(1);
    expect(log.lines.some((line) => line.startsWith(`resumed from ${older}`))).toBe(true);
    expect(await outcomeOf(project, result)).toEqual(uninterrupted);
  });

  test("that is damaged is refused when it is asked for by its path", async () => {
    const { run, newest, older } = await stopped();
    truncateSync(join(newest, "optimizer.safetensors"), 1000);
    const error = (await train(project, { resume: newest }).catch((e: unknown) => e)) as Error;
    expect(
      error.message.replaceAll(project.root, "ROOT").replaceAll(basename(run), "RUN"),
    ).toMatchInlineSnapshot(
      `"ROOT/outputs/TrainedModels/demo/first/RUN/checkpoints/epoch=1-step=5: the checkpoint must be whole: optimizer.safetensors has 1000 bytes instead of 55740. Name ROOT/outputs/TrainedModels/demo/first/RUN to go on from the newest whole one."`,
    );
    expect(existsSync(older)).toBe(true);
  });

  test("that is whole is gone on from when it is asked for by its path", async () => {
    const { older } = await stopped();
    expect(await outcomeOf(project, await train(project, { resume: older }))).toEqual(uninterrupted);
  });

  test("is missing when all are damaged: the run cannot go on, and stays as it is", async () => {
    const { run, checkpoints } = await stopped();
    for (const name of readdirSync(checkpoints)) rmSync(join(checkpoints, name, "manifest.json"));
    const before = readFileSync(join(run, "run.json"), "utf8");
    for (const resume of ["last", run]) {
      await expect(train(project, { resume })).rejects.toThrow(
        /no (unfinished run with a )?whole checkpoint/,
      );
    }
    expect(readFileSync(join(run, "run.json"), "utf8")).toBe(before);
  });

  test.each([
    ["another learning rate", ["optimizer.lr=1e-4"]],
    ["another seed", ["seed=4"]],
    ["other rows", ["dataset.train=Datasets/test.csv"]],
  ])("of a run with %s is refused, and the run stays as it is", async (_, overrides) => {
    const { run, newest } = await stopped();
    const files = ["run.json", "use_case.yaml"].map((name) => join(run, name));
    const before = files.map((file) => readFileSync(file, "utf8"));
    await expect(train(project, { resume: "last", overrides })).rejects.toThrow(
      `${newest}: the checkpoint is of another config or other data.`,
    );
    expect(files.map((file) => readFileSync(file, "utf8"))).toEqual(before);
  });

  test("may be gone on from with other flags that do not shape the weights", async () => {
    await stopped();
    const overrides = ["trainer.log_every_n_steps=3", "champion.metric=accuracy"];
    const result = await train(project, { resume: "last", overrides });
    expect((await outcomeOf(project, result)).weights).toBe(uninterrupted.weights);
  });

  test("left half written by a killed process is removed by the next one", async () => {
    const { newest, checkpoints } = await stopped();
    const half = join(checkpoints, "epoch=1-step=6.12345.tmp");
    cpSync(newest, half, { recursive: true });
    rmSync(join(half, "manifest.json"));
    await train(project, { resume: "last" });
    expect(readdirSync(checkpoints).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });
});

describe("--resume", () => {
  test("of a finished run says that there is nothing to resume", async () => {
    project = makeTinyProject({ config });
    const { modelFolder } = await train(project);
    for (const resume of ["last", modelFolder])
      await expect(train(project, { resume })).rejects.toThrow("there is nothing to resume");
  });

  test("of a folder that is none names the choices", async () => {
    project = makeTinyProject({ config });
    await expect(train(project, { resume: join(project.root, "nowhere") })).rejects.toThrow(
      'Name a run, one of its checkpoints, or "last".',
    );
  });

  test("of a run that is still going is refused", async () => {
    project = makeTinyProject({ config });
    let second: Promise<unknown> | undefined;
    await train(project, {
      callback: {
        name: "second",
        async onTrainBatchEnd(run) {
          if (run.state.step !== 3) return;
          second = train(project, { resume: "last" }).catch((error: unknown) => error);
          await second;
        },
      },
    });
    expect(((await second) as Error).message).toMatch(/^The run .* is in use by process \d+/);
  });

  test("last passes over a run whose record is damaged", async () => {
    project = makeTinyProject({ config });
    await stopAt(project, moments["after the step"](4));
    const [run] = project.runs();
    cpSync(run!, `${run}_2`, { recursive: true });
    writeFileSync(join(`${run}_2`, "run.json"), "{");
    const result = await train(project, { resume: "last" });
    expect(result.modelFolder).toBe(run);
  });
});
