import { existsSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { makeTemporaryFolder } from "../../../tests/fixtures/temporary-folder.ts";
import { fitToy } from "../../../tests/fixtures/toy-training.ts";
import type { ToyFit, ToyOptions } from "../../../tests/fixtures/toy-training.ts";
import { hashTensors, loadSafetensors } from "../../torch/index.ts";
import { newestCheckpoint, verifyCheckpoint } from "../checkpoint.ts";
import { ModelCheckpoint } from "./model-checkpoint.ts";
import type { ModelCheckpointConfig } from "./model-checkpoint.ts";

let root: string;
beforeEach(() => (root = makeTemporaryFolder("sconce-checkpoint-")));
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** Trains 4 epochs of 6 steps with validation losses 3, 1, 2, 2. */
function run(callback: Record<string, unknown> | undefined, options: ToyOptions = {}): Promise<ToyFit> {
  return fitToy({
    callbacks: callback === undefined ? [] : [{ name: "model_checkpoint", ...callback }],
    validations: [{ loss: 3 }, { loss: 1 }, { loss: 2 }, { loss: 2 }],
    checkpoints: { dirpath: join(root, "checkpoints"), monitor: "val_loss", mode: "min" },
    ...options,
    trainer: { max_epochs: 4, ...options.trainer },
  });
}

function kept(): number[] {
  const folder = join(root, "checkpoints");
  const names = existsSync(folder) ? readdirSync(folder) : [];
  return names.map((name) => Number(/^epoch=\d+-step=(\d+)$/.exec(name)![1])).sort((a, b) => a - b);
}

const best = ({ bestCheckpoint }: ToyFit) => bestCheckpoint && Number(/step=(\d+)$/.exec(bestCheckpoint)![1]);

describe("model_checkpoint", () => {
  const cases: [string, Record<string, unknown> | undefined, number[], number | undefined][] = [
    ["by default keeps the best by the champion's metric and the newest", undefined, [12, 24], 12],
    ["without a metric keeps the newest and knows no best", {}, [24], undefined],
    ["save_top_k 1", { monitor: "val_loss" }, [12, 24], 12],
    ["save_top_k 2, of equals the first", { monitor: "val_loss", save_top_k: 2 }, [12, 18, 24], 12],
    ["save_top_k -1 keeps all", { monitor: "val_loss", save_top_k: -1 }, [6, 12, 18, 24], 12],
    ["save_top_k 0 keeps none", { monitor: "val_loss", save_top_k: 0 }, [], undefined],
    ["save_top_k 0 with save_last keeps the newest", { save_top_k: 0, save_last: true }, [24], undefined],
    ["mode max", { monitor: "val_loss", mode: "max" }, [6, 24], 6],
    ["every_n_epochs", { every_n_epochs: 3, save_top_k: -1 }, [18], undefined],
    ["every_n_train_steps", { every_n_train_steps: 5, save_top_k: -1 }, [5, 10, 15, 20], undefined],
    [
      "every_n_train_steps with save_last",
      { every_n_train_steps: 5, save_top_k: 1, save_last: true },
      [24],
      undefined,
    ],
  ];
  test.each(cases)("%s", async (_, callback, steps, bestStep) => {
    const fitted = await run(callback);
    expect(kept()).toEqual(steps);
    expect(best(fitted)).toBe(bestStep);
  });

  test("without validation data saves each epoch and knows no best", async () => {
    const fitted = await run(undefined, { validationBatches: 0 });
    expect(kept()).toEqual([24]);
    expect(best(fitted)).toBeUndefined();
  });

  test("does not rank what is saved only because the run ends between validations", async () => {
    const fitted = await run(undefined, { trainer: { max_epochs: -1, max_steps: 15 } });
    expect(kept()).toEqual([12, 15]);
    expect(best(fitted)).toBe(12);
  });

  test("passes over measurements that are not numbers", async () => {
    const fitted = await run(undefined, { validations: [{ loss: NaN }, { loss: 5 }, { loss: NaN }] });
    expect(best(fitted)).toBe(12);
  });

  test("holds the weights of its step", async () => {
    const hashes = new Map<number, string>();
    const watcher = {
      name: "hashes",
      onTrainBatchEnd: ({ state, task }: { state: { step: number }; task: { model: ToyFit["model"] } }) =>
        void hashes.set(state.step, hashTensors(task.model.stateDict())),
    };
    await run({ monitor: "val_loss", save_top_k: -1 }, { watchers: [watcher as never] });
    for (const step of [6, 12, 18, 24]) {
      const folder = join(root, "checkpoints", `epoch=${step / 6}-step=${step}`);
      expect(hashTensors(loadSafetensors(join(folder, "model.safetensors")))).toBe(hashes.get(step));
    }
  });

  test("is not written at all where checkpoints are switched off", async () => {
    await run({}, { checkpoints: undefined });
    expect(kept()).toEqual([]);
  });

  test("knows after resuming which one was the best", async () => {
    const whole = await run({ monitor: "val_loss", save_top_k: -1 });
    rmSync(join(root, "checkpoints", "epoch=4-step=24"), { recursive: true });
    const resumed = await run(
      { monitor: "val_loss", save_top_k: -1 },
      { resumeFrom: join(root, "checkpoints", "epoch=3-step=18") },
    );
    expect(resumed.bestCheckpoint).toBe(whole.bestCheckpoint);
    expect(kept()).toEqual([6, 12, 18, 24]);
  });

  test("left by a process that was killed before it removed them are removed with the next one", async () => {
    await run({ save_top_k: -1 }, { trainer: { max_epochs: 2 } });
    expect(kept()).toEqual([6, 12]);
    await run({ save_top_k: 1 }, { resumeFrom: join(root, "checkpoints", "epoch=2-step=12") });
    expect(kept()).toEqual([24]);
  });

  const names = () => readdirSync(join(root, "checkpoints")).sort();

  /** Trains on 2 batches an epoch, validated with losses 3, 1, 2, 2. */
  const trained = (callback: ModelCheckpointConfig, options: ToyOptions = {}) =>
    fitToy({
      validations: [{ loss: 3 }, { loss: 1 }, { loss: 2 }, { loss: 2 }],
      sizes: [8, 8],
      ...options,
      trainer: { max_epochs: 4, ...options.trainer },
      watchers: [
        ...(options.watchers ?? []),
        new ModelCheckpoint({ dirpath: join(root, "checkpoints"), ...callback }),
      ],
    });

  test("are named by a template, and versioned where the name is taken", async () => {
    await trained({ filename: "{val_loss:.2f}", saveTopK: -1, monitor: "val_loss" });
    expect(names()).toEqual(["val_loss=1.00", "val_loss=2.00", "val_loss=2.00-v1", "val_loss=3.00"]);
    const newest = await newestCheckpoint(join(root, "checkpoints"));
    expect(newest).toBe(join(root, "checkpoints", "val_loss=2.00-v1"));
  });

  test("replace each other without the version counter", async () => {
    const options = { filename: "best", monitor: "val_loss", saveTopK: 2, enableVersionCounter: false };
    await trained(options);
    expect(names()).toEqual(["best"]);
    expect(await verifyCheckpoint(join(root, "checkpoints", "best"))).toBeUndefined();
  });

  test("of templates are dropped by a run that goes on as by one that was not killed", async () => {
    const options: ModelCheckpointConfig = { filename: "{val_loss:.1f}", monitor: "val_loss", saveTopK: 2 };
    await trained(options);
    const whole = names();
    expect(whole).toEqual(["val_loss=1.0", "val_loss=2.0", "val_loss=2.0-v1"]);
    rmSync(root, { recursive: true });
    await trained(options, { trainer: { max_epochs: 2 } });
    expect(names()).toEqual(["val_loss=1.0", "val_loss=3.0"]);
    await trained(options, {
      validations: [{ loss: 2 }],
      resumeFrom: join(root, "checkpoints", "val_loss=1.0"),
    });
    expect(names()).toEqual(whole);
  });

  test("with save_last link are pointed at by last", async () => {
    await trained({ saveLast: "link", monitor: "val_loss" });
    expect(names()).toEqual(["epoch=2-step=4", "epoch=4-step=8", "last"]);
    expect(readlinkSync(join(root, "checkpoints", "last"))).toBe("epoch=4-step=8");
  });

  test("of weights alone hold them, and refuse to be gone on from", async () => {
    const { model } = await trained({ saveWeightsOnly: true });
    const folder = join(root, "checkpoints", "epoch=4-step=8");
    expect(readdirSync(folder).sort()).toEqual(["manifest.json", "model.safetensors", "saved-by.json"]);
    expect(hashTensors(loadSafetensors(join(folder, "model.safetensors")))).toBe(
      hashTensors(model.stateDict()),
    );
    expect(await newestCheckpoint(join(root, "checkpoints"))).toBeUndefined();
    await expect(trained({}, { resumeFrom: folder })).rejects.toThrow("holds weights alone");
  });

  test("are saved when the training fails, and the run goes on from there to the same weights", async () => {
    const whole = await trained({ dirpath: join(root, "whole") });
    const watcher = {
      name: "breaker",
      onTrainBatchStart: ({ state }: { state: { step: number } }) => {
        if (state.step === 5) throw new Error("broken");
      },
    };
    const options = { saveOnException: true };
    await expect(trained(options, { watchers: [watcher as never] })).rejects.toThrow("broken");
    expect(names()).toEqual(["epoch=2-step=5"]);
    const resumed = await trained(options, { resumeFrom: join(root, "checkpoints", "epoch=2-step=5") });
    expect(hashTensors(resumed.model.stateDict())).toBe(hashTensors(whole.model.stateDict()));
  });

  test("come by the clock with train_time_interval", async () => {
    const slow = { name: "slow", onTrainBatchStart: () => new Promise<void>((r) => setTimeout(r, 120)) };
    await trained({ trainTimeInterval: 0.2, saveTopK: -1 }, { watchers: [slow] });
    const steps = names().map((name) => Number(/step=(\d+)$/.exec(name)![1]));
    expect(steps.length).toBeGreaterThan(1);
    for (const [i, step] of steps.slice(1).entries()) expect(step - steps[i]!).toBeGreaterThan(0);
    expect(steps.length).toBeLessThan(8);
  });

  test("by steps wait for the validation at the end of the epoch that ranks them", async () => {
    const { bestCheckpoint } = await trained({ everyNTrainSteps: 2, monitor: "val_loss", saveTopK: 1 });
    expect(names()).toEqual(["epoch=2-step=4", "epoch=4-step=8"]);
    expect(bestCheckpoint).toBe(join(root, "checkpoints", "epoch=2-step=4"));
  });

  test("are saved after each of several validations of an epoch, or at its end alone", async () => {
    const trainer = { max_epochs: 1, val_check_interval: 0.5 };
    await trained({ saveTopK: -1, dirpath: join(root, "each") }, { trainer });
    expect(readdirSync(join(root, "each"))).toEqual(["epoch=0-step=1", "epoch=0-step=2"]);
    await trained({ saveTopK: -1, saveOnTrainEpochEnd: true, dirpath: join(root, "end") }, { trainer });
    expect(readdirSync(join(root, "end"))).toEqual(["epoch=1-step=2"]);
  });

  test("refuse options that contradict each other", () => {
    expect(
      () => new ModelCheckpoint({ everyNEpochs: 1, everyNTrainSteps: 2 }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: model_checkpoint: one of everyNTrainSteps, everyNEpochs and trainTimeInterval can be given, got everyNTrainSteps and everyNEpochs. Use two callbacks.]`,
    );
    expect(() => new ModelCheckpoint({ saveTopK: 3 })).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: model_checkpoint: saveTopK must be -1, 0 or 1 without a monitor, got 3. Set monitor to the metric that ranks.]`,
    );
    expect(() => new ModelCheckpoint({ trainTimeInterval: "2h" })).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: model_checkpoint: trainTimeInterval: must be seconds, "DD:HH:MM:SS" or { hours, minutes, ... }, got "2h". Two hours are "00:02:00:00".]`,
    );
  });
});
