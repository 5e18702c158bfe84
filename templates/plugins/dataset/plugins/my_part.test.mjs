import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { DataContract, loadPlugins, registry } from "sconce";

test("my_part gives the same batches each time, and no row in two parts", async () => {
  await loadPlugins(join(import.meta.dirname, ".."));
  const data = registry.createDataset("my_part", { rows: 60, batchSize: 8 });
  assert.deepEqual(await DataContract.check(data), []);
});
