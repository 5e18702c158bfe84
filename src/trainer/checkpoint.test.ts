// What a checkpoint holds, and what becomes of one that cannot be written. Resuming whole jobs: tasks/resume.test.ts.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { makeTemporaryFolder } from "../../tests/fixtures/temporary-folder.ts";
import { fitToy } from "../../tests/fixtures/toy-training.ts";
import type { ToyFit, ToyOptions } from "../../tests/fixtures/toy-training.ts";
import { FileError } from "../base/index.ts";
import { hashTensors } from "../torch/index.ts";
import { newestCheckpoint, verifyCheckpoint } from "./index.ts";
import type { Callback } from "./index.ts";

let root: string;
beforeEach(() => (root = makeTemporaryFolder("sconce-checkpoint-")));
afterEach(() => rmSync(root, { recursive: true, force: true }));

const checkpoints = (folder = root) => ({
  dirpath: join(folder, "checkpoints"),
  monitor: "val_loss",
  mode: "min" as const,
});

const save = { name: "model_checkpoint", every_n_train_steps: 1, save_top_k: -1 };
const hash = ({ model }: ToyFit) => hashTensors(model.stateDict());

/** Trains straight on, and again with a stop at a step; both must come to the same. */
async function expectAlike(options: ToyOptions, step: number): Promise<void> {
  const whole = await fitToy({
    ...options,
    callbacks: [save],
    checkpoints: checkpoints(join(root, "whole")),
  });
  const stop: Callback = {
    name: "stop",
    onTrainBatchEnd({ state }) {
      if (state.step === step + 1) throw new Error("stopped");
    },
  };
  const stopped = { ...options, callbacks: [save], checkpoints: checkpoints() };
  await expect(fitToy({ ...stopped, watchers: [stop] })).rejects.toThrow("stopped");
  const from = await newestCheckpoint(checkpoints().dirpath);
  const resumed = await fitToy({ ...stopped, resumeFrom: from! });
  expect(resumed.steps).toBe(whole.steps);
  expect(hash(resumed)).toBe(hash(whole));
  for (const name of ["train_loss", "lr"]) {
    const later = whole.series(name).filter(([at]) => at > step);
    expect(later.length).toBeGreaterThan(0);
    expect(resumed.series(name)).toEqual(later);
  }
}

describe("a resumed run", () => {
  const jobs: Record<string, ToyOptions> = {
    adamw: {},
    "adam with amsgrad": { optimizer: { name: "adam", amsgrad: true } },
    "sgd with momentum": { optimizer: { name: "sgd", lr: 0.1, momentum: 0.9, nesterov: true } },
    "one_cycle, which moves the momentum too": { scheduler: { name: "one_cycle", max_lr: 0.05 } },
    "reduce_lr_on_plateau before its first value": {
      scheduler: { name: "reduce_lr_on_plateau", patience: 0 },
    },
    "step_lr by epochs": { scheduler: { name: "step_lr", step_size: 1, interval: "epoch" } },
    "bf16-true": { trainer: { precision: "bf16-true" } },
    "64-true": { trainer: { precision: "64-true" } },
    "bf16-mixed with clipping": { trainer: { precision: "bf16-mixed", gradient_clip_val: 0.1 } },
    "frozen weights": { prepare: (model) => void model.first.requiresGrad_(false) },
    "logging every 4 steps": { trainer: { log_every_n_steps: 4 } },
    "a validation that is not a number": { validations: [{ loss: NaN, f1: Infinity }] },
  };
  test.each(Object.entries(jobs))("of %s goes on exactly", (_, options) =>
    expectAlike({ dropout: 0.3, ...options, trainer: { max_epochs: 3, ...options.trainer } }, 7),
  );
});

test("what callbacks keep comes back as it was, numbers that JSON lacks and what looks like them", async () => {
  const kept = {
    best: -Infinity,
    last: NaN,
    number: "555",
    phone: { number: "555" },
    odd: { number: "NaN", of: 1 },
  };
  let found: unknown;
  const keeper: Callback = {
    name: "keeper",
    stateDict: () => kept,
    loadStateDict: (state) => void (found = state),
  };
  const job = { callbacks: [save], checkpoints: checkpoints(), watchers: [keeper] };
  await fitToy({ ...job, trainer: { max_steps: 1 } });
  await fitToy({
    ...job,
    trainer: { max_steps: 2 },
    resumeFrom: (await newestCheckpoint(checkpoints().dirpath))!,
  });
  expect(found).toEqual(kept);
});

describe("verifyCheckpoint", () => {
  test("says what is wrong", async () => {
    await fitToy({ trainer: { max_epochs: 1 }, callbacks: [save], checkpoints: checkpoints() });
    const folder = join(checkpoints().dirpath, "epoch=0-step=3");
    expect(readdirSync(folder).sort()).toEqual([
      "manifest.json",
      "model.safetensors",
      "optimizer.safetensors",
      "saved-by.json",
      "trainer.json",
    ]);
    expect(await verifyCheckpoint(folder)).toBeUndefined();
    const path = join(folder, "trainer.json");
    const text = readFileSync(path, "utf8");
    writeFileSync(path, text.replace('"step":3', '"step":4'));
    expect(await verifyCheckpoint(folder)).toBe("the content of trainer.json was changed");
    writeFileSync(path, `${text} `);
    expect(await verifyCheckpoint(folder)).toBe(
      `trainer.json has ${text.length + 1} bytes instead of ${text.length}`,
    );
    rmSync(path);
    expect(await verifyCheckpoint(folder)).toBe("trainer.json is missing");
    writeFileSync(join(folder, "manifest.json"), "{");
    expect(await verifyCheckpoint(folder)).toBe("it has no manifest, so it was not finished");
  });

  test("of a folder without checkpoints finds none", async () => {
    expect(await newestCheckpoint(join(root, "nowhere"))).toBeUndefined();
    mkdirSync(checkpoints().dirpath);
    expect(await newestCheckpoint(checkpoints().dirpath)).toBeUndefined();
  });
});

/** Mounts a small file system; returns undefined where that is not allowed. */
function mountSmall(folder: string, size: string): { unmount: () => void } | undefined {
  mkdirSync(folder);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "none", folder], { stdio: "pipe" });
    return { unmount: () => execFileSync("umount", ["--lazy", folder]) };
  } catch {
    return undefined;
  }
}

test("a full disk ends the run with one clear error, the checkpoints before it whole, nothing half written", async (context) => {
  const disk = join(root, "disk");
  const mounted = mountSmall(disk, "64k");
  if (mounted === undefined) return context.skip("mounting a small disk is not allowed here");
  try {
    const error = (await fitToy({
      trainer: { max_epochs: 10 },
      callbacks: [save],
      checkpoints: checkpoints(disk),
    }).catch((e: unknown) => e)) as Error;
    expect(error).toBeInstanceOf(FileError);
    expect(
      error.message.replaceAll(root, "ROOT").replace(/epoch=\d+-step=\d+/g, "CHECKPOINT"),
    ).toMatchInlineSnapshot(
      `"ROOT/disk/checkpoints/CHECKPOINT: the checkpoint cannot be written, ENOSPC: no space left on device, write. Earlier checkpoints are untouched. Free space or mend the folder, then: sconce train CONFIG --resume last"`,
    );
    const { dirpath } = checkpoints(disk);
    const names = readdirSync(dirpath);
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) expect(await verifyCheckpoint(join(dirpath, name)), name).toBeUndefined();
    const resumed = await newestCheckpoint(dirpath);
    expect(resumed).toBe(join(dirpath, `epoch=0-step=${names.length}`));
  } finally {
    mounted.unmount();
  }
});
