import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { makeTemporaryFolder } from "../../../tests/fixtures/temporary-folder.ts";
import { fitToy } from "../../../tests/fixtures/toy-training.ts";
import type { ToyFit, ToyOptions } from "../../../tests/fixtures/toy-training.ts";
import { hashTensors, loadSafetensors } from "../../torch/index.ts";

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
});
