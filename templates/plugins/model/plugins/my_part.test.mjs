import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { ModelContract, loadPlugins, registry } from "sconce";
import { randint, randn } from "sconce/torch";

test("my_part can be trained, judged, saved and restored", async () => {
  await loadPlugins(join(import.meta.dirname, ".."));
  const model = registry.createModel("my_part", { hidden: 8 });
  assert.deepEqual(ModelContract.check(model, [randn([4, 2]), randint(0, 3, [4])]), []);
});
