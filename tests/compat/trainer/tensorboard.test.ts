// TensorBoard's own reader on the event files that TensorBoardLogger writes.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TensorBoardLogger } from "sconce/trainer";
import { afterAll, describe, expect, test } from "vitest";
import { compatSkipReason, runPython } from "../python.ts";

const script = `
import json, math, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2
events = EventAccumulator(sys.argv[1]).Reload()
tags = events.Tags()
scalars = {tag: [[e.step, None if math.isnan(e.value) else e.value] for e in events.Scalars(tag)] for tag in tags["scalars"]}
content = events.summary_metadata["_hparams_/session_start_info"].plugin_data.content
start = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info.hparams
values = {name: getattr(value, value.WhichOneof("kind")) for name, value in start.items()}
content = events.summary_metadata["_hparams_/experiment"].plugin_data.content
infos = plugin_data_pb2.HParamsPluginData.FromString(content).experiment.hparam_infos
print(json.dumps({"scalars": scalars, "hparams": values, "types": {i.name: i.type for i in infos}}))
`;

describe.skipIf(compatSkipReason !== undefined)(`TensorBoard (${compatSkipReason ?? "on"})`, () => {
  const folder = mkdtempSync(join(tmpdir(), "sconce-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("reads scalars, NaN and large steps among them, and hyperparameters", async () => {
    const logger = new TensorBoardLogger({ saveDir: folder, name: "run" });
    await logger.logHyperparams({ lr: 0.001, amsgrad: true, optimizer: { name: "adamw" }, note: "größer" });
    for (let step = 0; step < 300; step++)
      logger.logMetrics({ train_loss: 1 / (step + 1), [`größe ${step % 2}`]: step }, step);
    logger.logMetrics({ val_loss: NaN }, 5_000_000_000);
    const read = runPython(script, logger.logDir) as {
      scalars: Record<string, [number, number | null][]>;
      hparams: Record<string, unknown>;
      types: Record<string, number>;
    };
    expect(read.scalars["train_loss"]!.map(([step]) => step)).toEqual(
      Array.from({ length: 300 }, (_, i) => i),
    );
    expect(read.scalars["train_loss"]![2]![1]).toBe(Math.fround(1 / 3));
    expect(read.scalars["größe 1"]).toHaveLength(150);
    expect(read.scalars["val_loss"]).toEqual([[5_000_000_000, null]]);
    expect(read.hparams).toEqual({ lr: 0.001, amsgrad: true, "optimizer.name": "adamw", note: "größer" });
    expect(read.types).toEqual({ lr: 3, amsgrad: 2, "optimizer.name": 1, note: 1 });
  });
});
