import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { loadPlugins, registry } from "sconce";
import { tensor } from "sconce/torch";

test("my_part counts what is wrong, over all batches", async () => {
  await loadPlugins(join(import.meta.dirname, ".."));
  const metric = registry.createMetric("my_part");
  metric.update(
    tensor([
      [2, 0],
      [0, 1],
    ]),
    tensor([0, 0], { dtype: "int64" }),
  );
  metric.update(
    tensor([
      [3, 1],
      [0, 1],
    ]),
    tensor([0, 1], { dtype: "int64" }),
  );
  assert.equal(metric.compute(), 0.25);
  metric.reset();
  assert.ok(Number.isNaN(metric.compute()));
});
