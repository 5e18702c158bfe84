import { expect, test } from "vitest";
import { fitToy } from "../../../tests/fixtures/toy-training.ts";
import { Throughput } from "./throughput.ts";

const sleep = () => new Promise<void>((resolve) => setTimeout(resolve, 100));

test("throughput is that of taking batches and training on them, whatever callbacks and validations take", async () => {
  const throughput = new Throughput();
  const slow = { name: "slow", onTrainBatchEnd: sleep, onTrainEpochStart: sleep, onValidationStart: sleep };
  const { series } = await fitToy({
    trainer: { max_epochs: 2, log_every_n_steps: 2, val_check_interval: 2 },
    watchers: [throughput, slow],
  });
  expect(series("samples_per_second").map(([step]) => step)).toEqual([2, 4, 6, 8, 10, 12]);
  const withSleep = 8 / 0.1; // rows of a step by the sleep after it
  expect(throughput.samplesPerSecond).toBeGreaterThan(2 * withSleep);
  expect(throughput.samplesPerSecond).toBeLessThan(1e6);
});

test("throughput counts the time that batches take to come", async () => {
  const throughput = new Throughput();
  const late = { name: "late", onTrainBatchStart: sleep };
  await fitToy({ trainer: { max_epochs: 1 }, watchers: [throughput, late] });
  expect(throughput.samplesPerSecond).toBeLessThan(8 / 0.099);
});
