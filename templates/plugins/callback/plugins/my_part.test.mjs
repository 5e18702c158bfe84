import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { Trainer, loadPlugins, registry } from "sconce";

test("my_part logs the time of an epoch", async () => {
  await loadPlugins(join(import.meta.dirname, ".."));
  const seen = [];
  const trainer = new Trainer({
    maxEpochs: 2,
    callbacks: [registry.createCallback("my_part")],
    logger: { name: "test", logMetrics: ({ epoch_seconds }) => seen.push(epoch_seconds) },
    enableCheckpointing: false,
    enableProgressBar: false,
  });
  await trainer.fit(registry.createModel("mlp"), registry.createDataset("blobs"));
  assert.equal(seen.filter((seconds) => seconds > 0).length, 2);
});
