import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { loadPlugins } from "sconce";
import { ones, optim } from "sconce/torch";

test("my_part steps against the gradient, and half as far again with momentum", async () => {
  await loadPlugins(join(import.meta.dirname, ".."));
  const weight = ones([1], { requiresGrad: true });
  const optimizer = optim.createOptimizer("my_part", [weight], { lr: 0.25, momentum: 0.5 });
  for (let step = 0; step < 2; step++) {
    optimizer.zeroGrad();
    weight.sum().backward();
    optimizer.step();
  }
  assert.equal(weight.item(), 1 - 0.25 - 0.375);
});
