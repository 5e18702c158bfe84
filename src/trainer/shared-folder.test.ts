// Several runs, or several callbacks of one, save into one folder: none takes another's checkpoints for its own.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { PointsData, PointsModel } from "../../tests/fixtures/points.ts";
import { makeTemporaryFolder } from "../../tests/fixtures/temporary-folder.ts";
import { hashTensors, manualSeed } from "../torch/index.ts";
import { newestCheckpoint, verifyCheckpoint } from "./checkpoint.ts";
import { ModelCheckpoint, Trainer } from "./index.ts";
import type { Callback, ModelCheckpointConfig } from "./index.ts";

let root: string;
beforeEach(() => (root = makeTemporaryFolder("sconce-shared-")));
afterEach(() => rmSync(root, { recursive: true, force: true }));

const dirpath = () => join(root, "checkpoints");
const names = () => readdirSync(dirpath()).sort();

interface TrainOptions {
  epochs: number;
  checkpoints?: readonly ModelCheckpointConfig[];
  ckptPath?: string;
  callbacks?: readonly Callback[];
}

/** Trains on 5 batches an epoch. */
async function train({
  epochs,
  checkpoints = [{}],
  ckptPath,
  callbacks = [],
}: TrainOptions): Promise<string> {
  manualSeed(1);
  const model = new PointsModel({ dropout: 0.3 });
  const trainer = new Trainer({
    maxEpochs: epochs,
    logger: false,
    enableProgressBar: false,
    enableModelSummary: false,
    defaultRootDir: root,
    callbacks: [
      ...callbacks,
      ...checkpoints.map((config) => new ModelCheckpoint({ dirpath: dirpath(), ...config })),
    ],
  });
  await trainer.fit(model, new PointsData({ batchSize: 8 }), ckptPath === undefined ? {} : { ckptPath });
  return hashTensors(model.stateDict());
}

test("a new run leaves what an earlier one saved", async () => {
  await train({ epochs: 3, checkpoints: [{ monitor: "val_loss", saveTopK: -1 }] });
  expect(names()).toEqual(["epoch=1-step=5", "epoch=2-step=10", "epoch=3-step=15"]);
  await train({ epochs: 3 });
  expect(names()).toEqual(["epoch=1-step=5", "epoch=2-step=10", "epoch=3-step=15", "epoch=3-step=15-v1"]);
});

test("the newest is of the run that began last, however far an earlier one came", async () => {
  await train({ epochs: 4 });
  await train({ epochs: 2 });
  expect(basename((await newestCheckpoint(dirpath()))!)).toBe("epoch=2-step=10");
  const whole = await train({ epochs: 3, checkpoints: [{ dirpath: join(root, "elsewhere") }] });
  expect(await train({ epochs: 3, ckptPath: "last" })).toBe(whole);
  expect(names()).toEqual(["epoch=3-step=15", "epoch=4-step=20"]); // it went on with its own, and removed that one
});

test("who goes back to an older checkpoint goes on from there, and not from what was given up", async () => {
  await train({ epochs: 4, checkpoints: [{ saveTopK: -1 }] });
  const older = join(dirpath(), "epoch=1-step=5");
  await train({ epochs: 2, checkpoints: [{ saveTopK: -1 }], ckptPath: older });
  expect(basename((await newestCheckpoint(dirpath()))!)).toBe("epoch=2-step=10");
});

test("two runs at once keep to their own", async () => {
  const other: Callback = {
    name: "other",
    onTrainEpochEnd: async ({ state }) => void (state.epoch === 2 && (await train({ epochs: 3 }))),
  };
  await train({ epochs: 4, callbacks: [other], checkpoints: [{ monitor: "val_loss", saveTopK: -1 }] });
  expect(names()).toEqual([
    "epoch=1-step=5",
    "epoch=2-step=10",
    "epoch=3-step=15",
    "epoch=3-step=15-v1",
    "epoch=4-step=20",
  ]);
  for (const name of names()) expect(await verifyCheckpoint(join(dirpath(), name))).toBeUndefined();
});

test("two callbacks keep to their own: the best, and every so many steps", async () => {
  const checkpoints = [{ monitor: "val_loss", saveTopK: 2 }, { everyNTrainSteps: 3 }];
  await train({ epochs: 3, checkpoints });
  expect(names()).toEqual(["epoch=2-step=10", "epoch=2-step=15", "epoch=3-step=15"]);
  expect(await train({ epochs: 4, checkpoints, ckptPath: "last" })).toBe(
    await train({ epochs: 4, checkpoints: [{ dirpath: join(root, "elsewhere") }] }),
  );
});

test("what a process that lives is writing is left alone; what a dead one left is not", async () => {
  const other = spawn(process.execPath, ["-e", "setTimeout(() => {}, 60000)"]);
  try {
    const underWay = join(dirpath(), `epoch=1-step=5.${other.pid}.tmp`);
    const left = join(dirpath(), "epoch=1-step=5.99999999.tmp");
    for (const folder of [underWay, left]) mkdirSync(folder, { recursive: true });
    await train({ epochs: 1 });
    expect(existsSync(underWay)).toBe(true);
    expect(existsSync(left)).toBe(false);
  } finally {
    other.kill();
  }
});
