import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { loadPlugins, registry } from "sconce";
import { tensor } from "sconce/torch";

test("my_part takes a share of the entropy off the cross entropy", async () => {
  await loadPlugins(join(import.meta.dirname, ".."));
  const [scores, classes] = [
    tensor([
      [0, 0],
      [0, 0],
    ]),
    tensor([0, 1], { dtype: "int64" }),
  ];
  const lossOf = (beta) => registry.createLoss("my_part", { beta }).forward(scores, classes).item();
  assert.ok(Math.abs(lossOf(0) - Math.LN2) < 1e-6);
  assert.ok(Math.abs(lossOf(0.5) - 0.5 * Math.LN2) < 1e-6);
});
