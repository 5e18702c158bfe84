// Memory of a long run: no tensor and no page more after 2,000 steps than after 400.
import { afterEach, expect, test } from "vitest";
import { liveTensors } from "../../tests/live-tensors.ts";
import { makeTinyProject } from "../../tests/fixtures/tiny-project.ts";
import type { TinyProject } from "../../tests/fixtures/tiny-project.ts";
import { trimMemory } from "../torch/index.ts";
import type { Callback } from "../trainer/index.ts";
import { BertTrainerTorch } from "./index.ts";

let project: TinyProject;
afterEach(() => project?.remove());

test("stays within 2 % between step 400 and step 2,000", async () => {
  project = makeTinyProject({
    config: {
      dataset: { batch_size: 4, validation_ratio: 0 },
      trainer: {
        max_epochs: -1,
        max_steps: 2000,
        log_every_n_steps: 50,
        gradient_clip_val: 1,
        accumulate_grad_batches: 1,
      },
    },
  });
  const measured = new Map<number, { tensors: number; bytes: number }>();
  const watch: Callback = {
    name: "watch",
    onTrainBatchEnd({ state: { step } }) {
      if (step !== 400 && step !== 2000) return;
      const tensors = liveTensors(); // collects garbage
      trimMemory();
      measured.set(step, { tensors, bytes: process.memoryUsage.rss() });
    },
  };
  const overrides = ["trainer.enable_checkpointing=false", "trainer.enable_progress_bar=false"];
  await (await BertTrainerTorch.fromFile(project.config, { overrides, callbacks: [watch] })).train();
  const [early, late] = [measured.get(400)!, measured.get(2000)!];
  expect(late.tensors).toBe(early.tensors);
  expect(late.bytes / early.bytes).toBeGreaterThan(0.9);
  expect(late.bytes / early.bytes).toBeLessThan(1.02);
});
