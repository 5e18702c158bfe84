// A Trainer that stops anywhere and goes on ends where one ends that never stopped, and so do its logs.
import { readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { PointsData, PointsModel } from "../../tests/fixtures/points.ts";
import { makeTemporaryFolder } from "../../tests/fixtures/temporary-folder.ts";
import { hashTensors, manualSeed, utils } from "../torch/index.ts";
import type { Tensor } from "../torch/index.ts";
import { openStore } from "../tracking/index.ts";
import { CSVLogger, EMAWeightAveraging, EarlyStopping, JSONLLogger, LearningRateMonitor, MLFlowLogger, ModelCheckpoint, TensorBoardLogger, Trainer } from "./index.ts"; // prettier-ignore
import type { Callback } from "./index.ts";

let root: string;
beforeEach(() => (root = makeTemporaryFolder("sconce-resume-")));
afterEach(() => rmSync(root, { recursive: true, force: true }));

class Stop extends Error {}

// 40 rows, shuffled and jittered: 5 batches an epoch, two a step, so that the third step has one
const steps = 6;

/** Answers later, as a data set that reads files on other threads does: batches are on their way when a run stops. */
class SlowData extends PointsData {
  override setup(stage: string): void {
    super.setup(stage);
    const { train } = this.parts;
    this.parts.train = {
      length: train!.length,
      get: async (index, context) => {
        await new Promise((resolve) => setTimeout(resolve, index % 3));
        return train!.get(index, context);
      },
    };
  }
}

interface Logs {
  csv: string;
  jsonl: unknown[];
  /** Bytes of the event files: times differ, and nothing else. */
  events: number[];
  stored: Record<string, [step: number, value: number][]>;
}

interface Outcome {
  weights: string;
  logs: Logs;
}

interface TrainOptions {
  folder: string;
  stop?: Callback;
  ckptPath?: string;
  isSlow?: boolean;
}

/** Trains by loggers and callbacks that are made anew, as a new process does. */
async function train({ folder, stop, ckptPath, isSlow = false }: TrainOptions): Promise<PointsModel> {
  manualSeed(1);
  const model = new PointsModel({ dropout: 0.3, lr: 0.01 });
  const trackingUri = `sqlite:///${folder}/mlflow.db`;
  const trainer = new Trainer({
    maxEpochs: 2,
    accumulateGradBatches: 2,
    valCheckInterval: 2,
    logEveryNSteps: 1,
    gradientClipVal: 1,
    enableProgressBar: false,
    defaultRootDir: folder,
    logger: [
      new CSVLogger({ saveDir: folder }),
      new JSONLLogger({ path: join(folder, "log.jsonl") }),
      new TensorBoardLogger({ saveDir: join(folder, "tb") }),
      new MLFlowLogger({ trackingUri }),
    ],
    callbacks: [
      ...(stop === undefined ? [] : [stop]),
      new LearningRateMonitor(),
      new EarlyStopping({ monitor: "val_loss", mode: "min", patience: 50 }),
      new EMAWeightAveraging({ decay: 0.5 }),
      new ModelCheckpoint({ everyNTrainSteps: 1 }),
    ],
  });
  const data = new (isSlow ? SlowData : PointsData)({ batchSize: 8 });
  await trainer.fit(model, data, ckptPath === undefined ? {} : { ckptPath });
  return model;
}

async function outcomeOf(folder: string, model: PointsModel): Promise<Outcome> {
  const versions = join(folder, "tb", "lightning_logs");
  const store = await openStore(`sqlite:///${folder}/mlflow.db`);
  const runs = await store.searchRuns();
  expect(runs.map(({ info }) => info.status)).toEqual(["FINISHED"]);
  const stored: Logs["stored"] = {};
  for (const { key } of runs[0]!.data.latestMetrics) {
    const points = await store.metricHistory(runs[0]!.info.runId, key);
    stored[key] = points.map(({ step, value }) => [step, value]);
  }
  await store.close();
  expect(readdirSync(join(folder, "lightning_logs"))).toEqual(["version_0"]);
  expect(readdirSync(versions)).toEqual(["version_0"]);
  const lines = readFileSync(join(folder, "log.jsonl"), "utf8").trimEnd().split("\n");
  return {
    weights: hashTensors(model.stateDict()),
    logs: {
      csv: readFileSync(join(folder, "lightning_logs", "version_0", "metrics.csv"), "utf8"),
      jsonl: lines.map((line) => ({ ...(JSON.parse(line) as object), time: undefined })),
      events: readdirSync(join(versions, "version_0"))
        .filter((name) => name.startsWith("events"))
        .map((name) => statSync(join(versions, "version_0", name)).size),
      stored,
    },
  };
}

/** Ways to end in a step: within it, between its batches; after it, before its checkpoint; while that is written. */
const moments: Record<string, (step: number) => Callback> = {
  "between the batches of": (step) => {
    let batches = 0;
    return {
      name: "stop",
      onTrainBatchStart: () => void (batches = 0),
      onBeforeBackward({ state, source }) {
        const isLast = ++batches === Math.min(2, source.batchesPerEpoch - state.batch);
        if (state.step + 1 === step && isLast) throw new Stop();
      },
    };
  },
  after: (step) => ({
    name: "stop",
    onTrainBatchEnd({ state }) {
      if (state.step === step) throw new Stop();
    },
  }),
  "while it saves": (step) => {
    let present = 0;
    return {
      name: "stop",
      onTrainBatchEnd: ({ state }) => void (present = state.step),
      stateDict() {
        if (present === step) throw new Stop();
        return {};
      },
    };
  },
};

describe.each([
  ["at once", false],
  ["later", true],
] as const)("with data that answers %s", (_, isSlow) => {
  test.each(Object.entries(moments))(
    "a run stopped %s any step ends as one that was not",
    async (_name, at) => {
      const wholeFolder = join(root, "whole");
      const whole = await outcomeOf(wholeFolder, await train({ folder: wholeFolder, isSlow }));
      expect(whole.logs.stored["train_loss"]).toHaveLength(steps);
      for (let step = 2; step <= steps; step++) {
        const folder = join(root, `stopped-${step}`);
        await expect(train({ folder, isSlow, stop: at(step) })).rejects.toThrow(Stop);
        const resumed = await outcomeOf(folder, await train({ folder, isSlow, ckptPath: "last" }));
        expect(resumed, `step ${step}`).toEqual(whole);
      }
    },
  );
});

test("stopped in every step, one after the other, it still ends there", async () => {
  const [wholeFolder, folder] = [join(root, "whole"), join(root, "stopped")];
  const whole = await outcomeOf(wholeFolder, await train({ folder: wholeFolder }));
  for (let step = 2; step <= steps; step++) {
    const from = step === 2 ? {} : { ckptPath: "last" };
    await expect(train({ folder, stop: moments["after"]!(step), ...from })).rejects.toThrow(Stop);
  }
  expect(await outcomeOf(folder, await train({ folder, ckptPath: "last" }))).toEqual(whole);
});

test("who goes back to an older checkpoint begins new logs, and the old ones stay", async () => {
  const folder = join(root, "run");
  const keepAll: Callback = {
    name: "keep",
    setup: ({ callbacks }) =>
      void Object.assign(callbacks.find((c) => c instanceof ModelCheckpoint)!.config, { saveTopK: -1 }),
  };
  await train({ folder, stop: keepAll });
  const before = readFileSync(join(folder, "lightning_logs", "version_0", "metrics.csv"), "utf8");
  await train({ folder, ckptPath: join(folder, "checkpoints", "epoch=0-step=2") });
  expect(readdirSync(join(folder, "lightning_logs")).sort()).toEqual(["version_0", "version_1"]);
  expect(readFileSync(join(folder, "lightning_logs", "version_0", "metrics.csv"), "utf8")).toBe(before);
});

test("going on at step 1,000,000 of an epoch asks for its rows alone, within a second", async () => {
  let asked = 0;
  const length = 8_000_000;
  const dataset = { length, get: (index: number) => (asked++, index) };
  const loader = new utils.data.DataLoader<number, Tensor>(dataset as never, {
    batchSize: 8,
    shuffle: true,
    seed: 3,
  });
  const start = performance.now();
  loader.seek({ epoch: 1, batch: 999_999 });
  const batch = await loader.next();
  expect(performance.now() - start).toBeLessThan(1000);
  expect(batch!.shape).toEqual([8]);
  expect(asked).toBeLessThanOrEqual(9);
  batch!.dispose();
});
