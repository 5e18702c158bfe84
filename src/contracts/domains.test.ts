// The bases of each domain, trained for an epoch on data that is made here.
import { rmSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { makeTemporaryFolder } from "../../tests/fixtures/temporary-folder.ts";
import { arange, manualSeed, nn, rand, randint, stack, utils } from "../torch/index.ts";
import type { Tensor } from "../torch/index.ts";
import { Trainer } from "../trainer/index.ts";
import {
  BaseAudioDataModule,
  BaseAudioModel,
  BaseNLPDataModule,
  BaseNLPModel,
  BaseTimeSeriesDataModule,
  BaseTimeSeriesModel,
  BaseVisionDataModule,
  BaseVisionModel,
  DataContract,
  ModelContract,
} from "./index.ts";
import type { BaseDataModule, BaseModel, NLPBatch } from "./index.ts";

let root: string;
beforeEach(() => (root = makeTemporaryFolder("sconce-domains-")));
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** Checks both contracts and trains for two epochs; returns the metrics of the last validation. */
async function train(model: BaseModel<any>, data: BaseDataModule): Promise<Record<string, number>> {
  await DataContract.validate(data);
  ModelContract.validate(model, (await data.trainDataloader().next())!);
  const trainer = new Trainer({
    maxEpochs: 2,
    defaultRootDir: root,
    logger: false,
    enableProgressBar: false,
  });
  await trainer.fit(model, data);
  return trainer.callbackMetrics;
}

const seeded = <T>(make: () => T): T => {
  manualSeed(7);
  return make();
};

test("vision: bytes become normalised floats, and a network of convolutions learns brightness", async () => {
  class Squares extends BaseVisionDataModule {
    override setup(): void {
      const part = (length: number, seed: number): utils.data.Dataset<{ image: Tensor; label: number }> => {
        manualSeed(seed);
        const images = Array.from({ length }, (_, i) =>
          randint(i % 2 === 0 ? 0 : 128, i % 2 === 0 ? 128 : 256, [1, 4, 4]).to("uint8"),
        );
        return { length, get: (i) => ({ image: images[i]!, label: i % 2 }) };
      };
      this.parts = { train: part(64, 1), val: part(16, 2) };
    }
  }
  class Small extends BaseVisionModel {
    override buildModel(): nn.Module {
      return new nn.Sequential(new nn.Conv2d(1, 4, 3), new nn.ReLU(), new nn.Flatten(), new nn.Linear(16, 2));
    }
  }
  const data = new Squares({ batchSize: 8, mean: [0.5], std: [0.25] });
  const metrics = await train(
    seeded(() => new Small({ lr: 0.05 })),
    data,
  );
  expect(metrics["val_accuracy"]).toBeGreaterThan(0.9);
  expect(metrics["val_f1"]).toBeGreaterThan(0.9);
  const { image } = (await data.valDataloader()!.next()) as { image: Tensor };
  expect([image.dtype, image.shape]).toEqual(["float32", [16, 1, 4, 4]]);
  expect(image.min().item()).toBeGreaterThanOrEqual(-2);
  expect(image.max().item()).toBeLessThanOrEqual(2);
});

test("nlp: texts become padded tokens, and a bag of words tells two topics apart", async () => {
  class Topics extends BaseNLPDataModule {
    override async setup(): Promise<void> {
      const words = [
        ["sun", "rain", "cloud", "wind"],
        ["goal", "team", "match", "ball"],
      ];
      const part = (offset: number) =>
        this.tokenize(
          Array.from({ length: 24 }, (_, i) => ({
            text: `${words[i % 2]![i % 4]!} ${words[i % 2]![(i + offset) % 4]!} number ${offset + i}`,
            label: i % 2,
          })),
        );
      this.parts = { train: await part(1), val: await part(30) };
    }
  }
  class Bag extends BaseNLPModel {
    override buildModel(): nn.Module {
      return new nn.ModuleDict({ embed: new nn.Embedding(30522, 8), head: new nn.Linear(8, 2) });
    }
    override forward({ inputIds, attentionMask }: NLPBatch): Tensor {
      const { embed, head } = Object.fromEntries(this.model.namedChildren()) as Record<
        string,
        nn.Embedding & nn.Linear
      >;
      const mask = attentionMask.to("float32").unsqueeze(-1);
      return head!.forward(embed!.forward(inputIds).mul(mask).sum(1).div(mask.sum(1)));
    }
  }
  const data = new Topics({ tokenizer: "pretrained_models/minilm", maxLength: 16, batchSize: 4 });
  const metrics = await train(
    seeded(() => new Bag({ lr: 0.1 })),
    data,
  );
  expect(metrics["val_accuracy"]).toBeGreaterThan(0.9);
  await expect(
    data.tokenize([
      { text: "a", label: 0 },
      { text: "b", pair: "c", label: 0 },
    ]),
  ).rejects.toThrowErrorMatchingInlineSnapshot(
    `[UsageError: Topics.tokenize: all examples must have a pair, or none, got 1 of 2.]`,
  );
});

test("time series: windows do not reach into what is judged, and a linear model continues a wave", async () => {
  class Wave extends BaseTimeSeriesDataModule {
    override setup(): void {
      const series = arange(200).to("float32").mul(0.3).sin().unsqueeze(1); // [200, 1]
      const [train, val] = this.splitInTime(series, [0.7, 0.3]);
      this.parts = { train: this.windows(train!), val: this.windows(val!) };
    }
  }
  class Linear extends BaseTimeSeriesModel {
    override buildModel(): nn.Module {
      return new nn.Linear(12, 4);
    }
    override forward(past: Tensor): Tensor {
      return (this.model as nn.Linear).forward(past.squeeze(-1)).unsqueeze(-1);
    }
  }
  const data = new Wave({ contextLength: 12, horizon: 4, batchSize: 8 });
  const metrics = await train(
    seeded(() => new Linear({ lr: 0.02 })),
    data,
  );
  expect(metrics["val_mae"]).toBeLessThan(0.1);
  expect(metrics["val_mse"]).toBeCloseTo(metrics["val_loss"]!, 5);
  expect([data.parts.train!.length, data.parts.val!.length]).toEqual([140 - 15, 72 - 15]);
  expect(() => data.windows(rand([10, 1]))).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: Wave.windows: a series must be [time, features] with 16 time steps at least, got [10,1]. Shorten contextLength or horizon.]`,
  );
});

test("audio: sounds come to one length, and a network tells high from low", async () => {
  class Tones extends BaseAudioDataModule {
    override setup(): void {
      const part = (
        length: number,
        phase: number,
      ): utils.data.Dataset<{ waveform: Tensor; label: number }> => ({
        length,
        get: (i) => ({
          waveform: arange(50 + (i % 3) * 10)
            .to("float32")
            .mul(i % 2 === 0 ? 0.1 : 1.2)
            .add(i + phase)
            .sin()
            .unsqueeze(0),
          label: i % 2,
        }),
      });
      this.parts = { train: part(40, 0), val: part(12, 0.5) };
    }
  }
  class Ear extends BaseAudioModel {
    override buildModel(): nn.Module {
      return new nn.Sequential(
        new nn.Conv1d(1, 8, 5),
        new nn.ReLU(),
        new nn.AdaptiveMaxPool1d(1),
        new nn.Flatten(),
        new nn.Linear(8, 2),
      );
    }
  }
  const data = new Tones({ sampleRate: 60, seconds: 1, batchSize: 4 });
  const metrics = await train(
    seeded(() => new Ear({ lr: 0.05 })),
    data,
  );
  expect(metrics["val_accuracy"]).toBeGreaterThan(0.9);
  const { waveform } = (await data.trainDataloader().next()) as { waveform: Tensor };
  expect(waveform.shape).toEqual([4, 1, 60]);
});

test("a loader fills its batches as the config says", () => {
  const data = new (class extends BaseVisionDataModule {
    override setup(): void {
      const image = stack([rand([1, 2, 2])]).squeeze(0);
      const rows = { length: 10, get: () => ({ image, label: 0 }) };
      this.parts = { train: rows, val: rows };
    }
  })({ batchSize: 4, dropLast: true });
  expect(() => data.trainDataloader()).toThrow('setup("fit") must fill parts.train');
  data.setup();
  expect([data.trainDataloader().length, data.valDataloader()!.length]).toEqual([2, 2]);
  expect(data.testDataloader()).toBeUndefined();
});
