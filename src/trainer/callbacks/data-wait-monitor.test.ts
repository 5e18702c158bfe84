import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { ToySource, fitToy } from "../../../tests/fixtures/toy-training.ts";
import type { ToyBatch } from "../../../tests/fixtures/toy-training.ts";
import { DataWaitMonitor } from "../index.ts";

class SlowSource extends ToySource {
  override async next(): Promise<ToyBatch | undefined> {
    await sleep(30);
    return super.next();
  }
}

const trainer = { max_epochs: 1, log_every_n_steps: 3, val_check_interval: 2 };
const values = (series: [number, number][]) => series.map(([, value]) => value);

test("a slow source shows as waiting, whatever validations and callbacks take", async () => {
  const others = { name: "others", onTrainBatchEnd: () => sleep(30), onValidationEpochEnd: () => sleep(30) };
  const watchers = [new DataWaitMonitor(), others];
  const { series } = await fitToy({ trainer, watchers, source: (sizes) => new SlowSource(sizes) });
  expect(series("train/data_wait_share").map(([step]) => step)).toEqual([3, 6]);
  for (const seconds of values(series("train/data_wait_seconds"))) {
    expect(seconds).toBeGreaterThan(0.028);
    expect(seconds).toBeLessThan(0.3);
  }
  const share = series("train/data_wait_share").at(-1)![1]; // the first steps warm up
  expect(share).toBeGreaterThan(0.6);
  expect(share).toBeLessThanOrEqual(1);
});

test("where batches are there at once, steps compute", async () => {
  const busy = {
    name: "busy",
    onBeforeBackward() {
      const until = performance.now() + 10;
      while (performance.now() < until);
    },
  };
  const { series } = await fitToy({ trainer, watchers: [new DataWaitMonitor(), busy] });
  for (const share of values(series("train/data_wait_share"))) expect(share).toBeLessThan(0.2);
});
