// Models and data of the domain vision, on images that are made here in the layouts that real data sets have.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { makeTemporaryFolder } from "../../../tests/fixtures/temporary-folder.ts";
import "../../../tests/matchers.ts";
import { Rng } from "../../base/index.ts";
import { DataContract, ModelContract, registry } from "../../contracts/index.ts";
import type { BaseDataModule, BaseModel, VisionBatch, VisionExample } from "../../contracts/index.ts";
import { fromTypedArray, manualSeed, nn, profiler, rand, randint, scope } from "../../torch/index.ts";
import type { Tensor, utils } from "../../torch/index.ts";
import { Trainer } from "../../trainer/index.ts";
import { Cifar10DataModule, ImageFolderDataModule, ResNetClassifier, ViTClassifier } from "./domain.ts";

let root: string;
beforeEach(() => (root = makeTemporaryFolder("sconce-vision-")));
afterEach(() => rmSync(root, { recursive: true, force: true }));

const tinyResNet = { embeddingSize: 8, hiddenSizes: [8, 16], depths: [1, 1], layerType: "basic" } as const;

/** Runs `run`, which must throw; returns the message without the temporary folder. */
async function messageOf(run: () => unknown): Promise<string> {
  try {
    await run();
  } catch (error) {
    return (error as Error).message.replaceAll(root, "ROOT");
  }
  throw new Error("nothing was thrown");
}

/** Checks both contracts and trains; returns the metrics of the last validation. */
async function train(
  model: BaseModel<any>,
  data: BaseDataModule,
  maxEpochs: number,
): Promise<Record<string, number>> {
  await DataContract.validate(data);
  ModelContract.validate(model, (await data.trainDataloader().next())!);
  const trainer = new Trainer({ maxEpochs, defaultRootDir: root, logger: false });
  await trainer.fit(model, data);
  return trainer.callbackMetrics;
}

const exampleAt = async (
  part: utils.data.Dataset<VisionExample> | undefined,
  index: number,
  seed = 0,
): Promise<VisionExample> => part!.get(index, { rng: new Rng(seed), epoch: 0 });

describe("models", () => {
  test("presets have as many weights as torchvision's models of the same names", () => {
    const countOf = (name: string): number =>
      nn.init
        .skipInit(() => registry.createModel(name, { numClasses: 1000 }) as ResNetClassifier)
        .parameters()
        .reduce((sum, { numel }) => sum + numel, 0);
    expect(countOf("resnet18")).toBe(11_689_512);
    expect(countOf("resnet50")).toBe(25_557_032);
  });

  test("a config changes a preset in part, and is checked", () => {
    const model = registry.createModel("resnet18", { depths: [1, 1, 1, 1], labels: ["cat", "dog", "owl"] });
    const { config } = (model as ResNetClassifier).model as nn.Module & { config: Record<string, unknown> };
    expect(config).toMatchObject({
      depths: [1, 1, 1, 1],
      hiddenSizes: [64, 128, 256, 512],
      labels: ["cat", "dog", "owl"],
    });
    expect(() => registry.createModel("resnet18", { numClass: 3 })).toThrow("numClass");
    expect(() => registry.createModel("resnet18", {})).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: model "resnet18": ResNetClassifier: the classes must be given. Set labels, or numClasses.]`,
    );
    expect(
      () => new ViTClassifier({ numClasses: 3, labels: ["cat", "dog"] }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: ViTClassifier: numClasses must be the number of labels, got 3 and 2 labels. Leave numClasses out.]`,
    );
  });

  test("are computed again in backward where the config says so", () => {
    const shape = { depths: [1, 1], hiddenSizes: [8, 8], embeddingSize: 8, numClasses: 2 };
    const passes = (model: ResNetClassifier): number | undefined => {
      const step = () =>
        scope(() =>
          model
            .forward(rand([2, 3, 32, 32]))
            .sum()
            .backward(),
        );
      return profiler.profile({}, step).keyAverages().get("aten::convolution")?.count;
    };
    const plain = passes(registry.createModel("resnet18", shape) as ResNetClassifier)!;
    const again = passes(
      registry.createModel("resnet18", { ...shape, gradientCheckpointing: true }) as ResNetClassifier,
    )!;
    expect(again - plain).toBe(4 + 1); // of two layers, one with a convolution beside it
  });

  test("ViT keeps the contract, and takes its learning rate from the config", () => {
    const model = registry.createModel("vit", {
      imageSize: 16,
      patchSize: [8, 4],
      hiddenSize: 8,
      numHiddenLayers: 1,
      numAttentionHeads: 2,
      intermediateSize: 16,
      numClasses: 3,
      lr: 0.5,
    }) as ViTClassifier;
    ModelContract.validate(model, { image: rand([4, 3, 16, 16]), label: randint(0, 3, [4]) });
    expect(model.configureOptimizers()).toMatchObject({ paramGroups: [{ lr: 0.5 }] });
  });
});

describe("CIFAR-10", () => {
  /** Writes files of `count` images each; image `i` of a file has the class `i % 10`. */
  function writeCifar(count: number, change: (pixels: Buffer) => void = () => {}): void {
    const folder = join(root, "cifar-10-batches-bin");
    mkdirSync(folder);
    const rng = new Rng(3);
    for (const name of [
      "data_batch_1",
      "data_batch_2",
      "data_batch_3",
      "data_batch_4",
      "data_batch_5",
      "test_batch",
    ]) {
      const records = Array.from({ length: count }, (_, i) => {
        const pixels = Buffer.from(Uint8Array.from({ length: 3072 }, () => rng.below(256)));
        change(pixels);
        return Buffer.concat([Buffer.from([i % 10]), pixels]);
      });
      writeFileSync(join(folder, `${name}.bin`), Buffer.concat(records));
    }
  }

  test("a ResNet is trained on the binary files, a tenth of them held out", async () => {
    writeCifar(12);
    const data = registry.createDataset("cifar10", { root, batchSize: 18 }) as Cifar10DataModule;
    const model = new ResNetClassifier({ ...tinyResNet, labels: data.classes });
    const metrics = await train(model, data, 1);
    expect(metrics["val_loss"]).toBeGreaterThan(0);
    expect([data.parts.train!.length, data.parts.val!.length, data.parts.test!.length]).toEqual([54, 6, 12]);
  });

  test("what is judged is the image of the file; what is trained on is shifted and mirrored, with zeros around", async () => {
    // red is the column and green the row, from 1 on
    writeCifar(2, (pixels) => {
      for (let i = 0; i < 1024; i++) {
        pixels[i] = (i % 32) + 1;
        pixels[1024 + i] = Math.floor(i / 32) + 1;
      }
    });
    const data = new Cifar10DataModule({ root, valSize: 1 });
    await data.setup("fit");
    await data.setup("test");
    const { image, label } = await exampleAt(data.parts.test, 1);
    expect(label).toBe(1);
    expect(image.shape).toEqual([3, 32, 32]);
    const across = Array.from({ length: 32 }, (_, i) => i + 1);
    expect(rowOf(image, 0, 5)).toEqual(across);
    expect(rowOf(image, 1, 5)).toEqual(across.map(() => 6));

    const seen = new Set<string>();
    for (let seed = 0; seed < 200; seed++) {
      const { image: drawn } = await exampleAt(data.parts.train, 0, seed);
      const middle = rowOf(drawn, 0, 16);
      const green = rowOf(drawn, 1, 16)[16]!;
      const isMirrored = middle[10]! > middle[20]!;
      const columns = isMirrored ? middle.toReversed() : middle;
      const shift = columns[16]! - 17;
      const expected = across.map((column) =>
        column + shift < 1 || column + shift > 32 ? 0 : column + shift,
      );
      expect(columns).toEqual(expected);
      seen
        .add(`${shift} across`)
        .add(`${green - 17} down`)
        .add(`mirrored ${isMirrored}`);
      if (seed < 10) {
        const { image: again } = await exampleAt(data.parts.train, 0, seed);
        expect(again.equal(drawn)).toBe(true);
      }
    }
    expect(seen.size).toBe(9 + 9 + 2); // -4 to 4 in both directions
  });

  test("images are enlarged to the size that a model takes", async () => {
    writeCifar(2, (pixels) => pixels.fill(7).fill(200, 512, 1024)); // the lower half is red
    const data = new Cifar10DataModule({ root, valSize: 1, size: 64, augment: false });
    await data.setup("fit");
    const { image } = await exampleAt(data.parts.train, 0);
    expect([image.shape, image.dtype]).toEqual([[3, 64, 64], "uint8"]);
    const red = [0, 30, 31, 32, 33, 63].map((row) => rowOf(image, 0, row)[5]);
    expect(red).toEqual([7, 7, 55, 152, 200, 200]); // a quarter and three quarters of the way
  });

  test("batches are normalised by the mean and deviation of CIFAR-10, or as the config says", async () => {
    writeCifar(2);
    const batchOf = async (config: object): Promise<Tensor> => {
      const data = new Cifar10DataModule({ root, ...config });
      await data.setup("test");
      return ((await data.testDataloader()!.next()) as VisionBatch).image;
    };
    const plain = await batchOf({ mean: [0, 0, 0], std: [1, 1, 1] });
    const mean = fromTypedArray(Float32Array.of(0.4914, 0.4822, 0.4465), [3, 1, 1]);
    const std = fromTypedArray(Float32Array.of(0.247, 0.2435, 0.2616), [3, 1, 1]);
    expect(await batchOf({})).toBeAllclose(plain.sub(mean).div(std), { atol: 1e-6 });
    expect(plain.max().item()).toBeLessThanOrEqual(1);
  });

  test("missing and damaged files are named", async () => {
    const data = new Cifar10DataModule({ root });
    expect(await messageOf(() => data.setup("fit"))).toMatchInlineSnapshot(
      `"Cifar10DataModule: ROOT must hold cifar-10-batches-bin/ with data_batch_1.bin to data_batch_5.bin and test_batch.bin, it lacks data_batch_1.bin, data_batch_2.bin, data_batch_3.bin, data_batch_4.bin, data_batch_5.bin. Unpack the binary version of CIFAR-10 there (cifar-10-binary.tar.gz of https://www.cs.toronto.edu/~kriz/cifar.html), or set root."`,
    );
    writeCifar(1);
    const file = join(root, "cifar-10-batches-bin", "test_batch.bin");
    writeFileSync(file, Buffer.alloc(3074));
    expect(await messageOf(() => data.setup("test"))).toMatchInlineSnapshot(
      `"Cifar10DataModule: ROOT/cifar-10-batches-bin/test_batch.bin must have 3073 bytes for each image, got 3074 bytes. Unpack it again."`,
    );
    writeFileSync(file, Buffer.alloc(3073, 77));
    expect(await messageOf(() => data.setup("test"))).toMatchInlineSnapshot(
      `"Cifar10DataModule: ROOT/cifar-10-batches-bin/test_batch.bin must have classes from 0 to 9, image 0 has 77. Unpack it again."`,
    );
    const greedy = new Cifar10DataModule({ root, valSize: 5 });
    expect(await messageOf(() => greedy.setup("fit"))).toMatchInlineSnapshot(
      `"Cifar10DataModule: valSize must leave images to train on, got 5 of 5 images."`,
    );
  });
});

describe("folders of images", () => {
  /** Writes an image whose pixels are near one colour. */
  async function writeImage(
    path: string,
    colour: readonly number[],
    seed: number,
    width = 24,
  ): Promise<void> {
    mkdirSync(join(root, path, ".."), { recursive: true });
    const rng = new Rng(seed);
    const channels = colour.length as 1 | 3 | 4;
    const data = Uint8Array.from({ length: width * 20 * channels }, (_, i) =>
      Math.min(255, colour[i % channels]! + rng.below(40)),
    );
    await sharp(data, { raw: { width, height: 20, channels } })
      .toColourspace(channels === 1 ? "b-w" : "srgb")
      .toFile(join(root, path));
  }

  async function writeSkies(part: string, count: number, seed: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const type = i % 3 === 0 ? "jpg" : "png";
      await writeImage(`${part}/noon/${i}.${type}`, [40, 90, 200], seed + i);
      await writeImage(`${part}/sunset/${i}.${type}`, [200, 90, 40], seed + 100 + i);
    }
  }

  test("a tiny ResNet learns to tell skies apart", async () => {
    await writeSkies("train", 16, 1);
    await writeSkies("val", 6, 1000);
    await writeSkies("test", 3, 2000);
    const data = registry.createDataset("image_folder", {
      root,
      size: 16,
      batchSize: 8,
    }) as ImageFolderDataModule;
    expect(data.classes).toEqual(["noon", "sunset"]);
    manualSeed(7);
    const model = new ResNetClassifier({ ...tinyResNet, labels: data.classes, lr: 0.01 });
    const metrics = await train(model, data, 4);
    expect(metrics["val_accuracy"]).toBeGreaterThan(0.9);
    expect(metrics["val_loss"]).toBeLessThan(0.4);
    expect([data.parts.train!.length, data.parts.val!.length, data.parts.test!.length]).toEqual([32, 12, 6]);
  });

  test("images of any form become red, green and blue of one size, the same ones from the same seed", async () => {
    await writeImage("train/any/1-grey.png", [100], 1);
    await writeImage("train/any/2-clear.png", [10, 60, 200, 0], 2);
    await writeImage("train/any/3-wide.png", [200, 60, 10], 3, 90);
    const data = new ImageFolderDataModule({ root, size: 10, resize: 10, valShare: 0 });
    data.setup("fit");
    expect(Object.keys(data.parts)).toEqual(["train"]);
    const images = await Promise.all([0, 1, 2].map((i) => exampleAt(data.parts.train, i)));
    const means = images.map(({ image }) => image.to("float32").mean([1, 2]).tolist() as number[]);
    const near = [
      [120, 120, 120],
      [30, 80, 220],
      [220, 80, 30],
    ];
    for (const [i, { image }] of images.entries()) {
      expect([image.dtype, image.shape]).toEqual(["uint8", [3, 10, 10]]);
      for (const [channel, value] of near[i]!.entries()) {
        expect(Math.abs(means[i]![channel]! - value)).toBeLessThan(8);
      }
    }
    const again = await exampleAt(data.parts.train, 2);
    expect(again.image.equal(images[2]!.image)).toBe(true);
    const other = await exampleAt(data.parts.train, 2, 5);
    expect(other.image.equal(images[2]!.image)).toBe(false);
  });

  test("without val, a share of train is held out, and judged without augmentation", async () => {
    await writeSkies("train", 10, 1);
    const data = new ImageFolderDataModule({ root, size: 12, valShare: 0.25 });
    await DataContract.validate(data);
    expect([data.parts.train!.length, data.parts.val!.length]).toEqual([15, 5]);
    const [one, two] = [await exampleAt(data.parts.val, 0, 1), await exampleAt(data.parts.val, 0, 2)];
    expect(one.image.equal(two.image)).toBe(true);
    expect(data.testDataloader()).toBeUndefined();
  });

  test("missing folders, empty classes, unknown classes and broken images are named", async () => {
    const make = (config: object = {}): ImageFolderDataModule =>
      new ImageFolderDataModule({ root, size: 8, ...config });
    expect(await messageOf(make)).toMatchInlineSnapshot(
      `"ImageFolderDataModule: ROOT/train must be a folder with a folder of images for each class, as ROOT/train/cat/1.png, there is no such folder. Put the images there, or set root."`,
    );
    mkdirSync(join(root, "train"));
    expect(await messageOf(make)).toMatchInlineSnapshot(
      `"ImageFolderDataModule: ROOT/train must be a folder with a folder of images for each class, as ROOT/train/cat/1.png, it has none. Put the images there, or set root."`,
    );
    mkdirSync(join(root, "train", "noon"), { recursive: true });
    writeFileSync(join(root, "train", "noon", "notes.txt"), "none yet");
    expect(await messageOf(() => make().setup("fit"))).toMatchInlineSnapshot(
      `"ImageFolderDataModule: each class must have an image, ROOT/train/noon has no .png or .jpg file. Add images, or remove the folder."`,
    );
    await writeImage("train/noon/1.png", [40, 90, 200], 1);
    await writeImage("val/non/1.png", [40, 90, 200], 2);
    expect(await messageOf(() => make().setup("fit"))).toMatchInlineSnapshot(
      `"ImageFolderDataModule: the classes of val must be among those of train, got ROOT/val/non. Did you mean "noon"? Valid: noon. Rename the folder, or give train/non images."`,
    );
    rmSync(join(root, "val"), { recursive: true });
    writeFileSync(join(root, "train", "noon", "2.png"), "not an image");
    const data = make();
    data.setup("fit");
    expect(await messageOf(() => exampleAt(data.parts.train, 1))).toMatchInlineSnapshot(
      `"ImageFolderDataModule: ROOT/train/noon/2.png must be a PNG or JPEG image, it cannot be read: Input file contains unsupported image format. Replace it, or remove it."`,
    );
    expect(await messageOf(() => make({ resize: 4 }))).toMatchInlineSnapshot(
      `"ImageFolderDataModule: resize must be size at least, so that there is enough to cut out, got 4 and 8."`,
    );
  });
});

function rowOf(image: Tensor, channel: number, row: number): number[] {
  return image.select(0, channel).select(0, row).tolist() as number[];
}
