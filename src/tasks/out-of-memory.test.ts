// A config's training in little memory: the longest texts are tried first, and what does not fit is computed in parts.
import { afterEach, expect, test } from "vitest";
import { liveTensors } from "../../tests/live-tensors.ts";
import { outcomeOf } from "../../tests/fixtures/outcome.ts";
import { makeTinyProject, tinyRows } from "../../tests/fixtures/tiny-project.ts";
import type { TinyProject } from "../../tests/fixtures/tiny-project.ts";
import { logger } from "../base/index.ts";
import { memoryStats, setMemoryLimit } from "../torch/index.ts";
import type { Callback } from "../trainer/index.ts";
import { BertTrainerTorch } from "./index.ts";

let project: TinyProject;
afterEach(() => {
  setMemoryLimit(undefined);
  project?.remove();
});

// tensors of 256 rows of 14 tokens and 16 numbers are large enough to be counted
const config = {
  dataset: { batch_size: 256, class_weights: "inverse_frequency" },
  model: { dropout: 0, attention_dropout: 0 },
  trainer: { max_epochs: 2, log_every_n_steps: 1, gradient_clip_val: 1 },
  loss: { label_smoothing: 0.1 },
};

// twice as much rain as sun or wind: the class weights differ
const rows = tinyRows(1800, 1).filter(({ label }, i) => label === "rain" || i % 2 === 0);

/** Trains with so many bytes beside what there is when training begins, and returns the losses and what was said. */
async function train({ limit, overrides = [] }: { limit?: number; overrides?: string[] } = {}) {
  project = makeTinyProject({ config, train: rows });
  const said: string[] = [];
  const firstSteps: number[] = [];
  const stop = logger.addSink((level, message) => {
    if (level === "warn" && message.includes("memory ran out")) said.push(message);
  });
  const watch: Callback = {
    name: "watch",
    onTrainStart() {
      liveTensors(); // collects garbage, which the limit would count
      if (limit !== undefined) setMemoryLimit(memoryStats().allocated + limit);
    },
    onTrainBatchEnd: ({ state }) => void firstSteps.push(said.length > 0 ? state.step : NaN),
    onValidationStart: () => setMemoryLimit(undefined),
  };
  try {
    const trainer = await BertTrainerTorch.fromFile(project.config, { overrides, callbacks: [watch] });
    const { metrics } = await outcomeOf(project, await trainer.train());
    return { losses: metrics["train_loss"]!.map(([, value]) => value), said, firstSteps };
  } finally {
    stop();
    setMemoryLimit(undefined);
    project.remove();
  }
}

test("keeps the losses of the whole batch, and says once, before the first step, that it is cut", async () => {
  const whole = await train();
  expect(whole.said).toEqual([]);
  const cut = await train({ limit: 5_000_000 });
  expect(cut.said).toEqual([
    "train: memory ran out with 256 rows at once; from here on 128 are computed at a time. A step still has all its rows, its loss and gradients are theirs; only layers that look across rows, as BatchNorm, see fewer",
  ]);
  expect(cut.firstSteps[0]).toBe(1); // it was said by then
  expect(cut.losses).toHaveLength(whole.losses.length);
  for (const [step, loss] of whole.losses.entries())
    expect(Math.abs(cut.losses[step]! - loss), `step ${step}`).toBeLessThan(1e-6);
});

test("ends with one clear error where the config switches it off", async () => {
  await expect(
    train({ limit: 5_000_000, overrides: ["trainer.auto_find_batch_size=false"] }),
  ).rejects.toThrow("DefaultCPUAllocator: can't allocate memory");
});
