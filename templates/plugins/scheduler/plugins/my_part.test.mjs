import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { loadPlugins } from "sconce";
import { ones, optim } from "sconce/torch";

test("my_part lowers the rate step by step", async () => {
  await loadPlugins(join(import.meta.dirname, ".."));
  const optimizer = new optim.SGD([ones([1], { requiresGrad: true })], { lr: 1 });
  const scheduler = optim.createScheduler("my_part", optimizer, { decay: 1 });
  const rates = [0, 1, 2].map(() => {
    const [rate] = scheduler.getLastLr();
    optimizer.step();
    scheduler.step();
    return rate;
  });
  assert.deepEqual(rates, [1, 1 / 2, 1 / 3]);
});
