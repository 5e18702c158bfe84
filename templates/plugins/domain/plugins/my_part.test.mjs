import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { DataContract, ModelContract, loadPlugins, registry } from "sconce";

test("the model and the data set of my_part fit each other", async () => {
  await loadPlugins(join(import.meta.dirname, ".."));
  const data = registry.createDataset("my_part_data", { rows: 60, batchSize: 8 });
  assert.deepEqual(await DataContract.check(data), []);
  const batch = await data.trainDataloader().next();
  assert.deepEqual(ModelContract.check(registry.createModel("my_part_net"), batch), []);
});
