// CIFAR-10 (Krizhevsky, 2009) from its binary version, whose records are a byte of the class and 3 x 32 x 32 of the image.
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { FileError, UsageError } from "../../base/index.ts";
import { BaseVisionDataModule } from "../../contracts/index.ts";
import type { ConfigSchema, DataStage, VisionDataConfig, VisionExample } from "../../contracts/index.ts";
import { fromTypedArray, nn, scope } from "../../torch/index.ts";
import type { Tensor, utils } from "../../torch/index.ts";
import { holdOut } from "./hold-out.ts";
import { cutOut, drawSquare, middleSquare } from "./pixels.ts";
import type { Pixels } from "./pixels.ts";
import { imageDataOptions } from "./schema.ts";

/** Options of `Cifar10DataModule`. */
export interface Cifar10Config extends VisionDataConfig {
  /** Folder that holds `cifar-10-batches-bin`. */
  root: string;
  /** Images of the training files that are held out for validation. @default a tenth of them */
  valSize?: number;
  /** Pixels of a side, to which images are enlarged, bilinearly, for models that take larger ones. @default 32 */
  size?: number;
  /** Trains on windows of images that are 4 pixels wider on every side, half of them mirrored. @default true */
  augment?: boolean;
}

const folder = "cifar-10-batches-bin";
const trainFiles = [1, 2, 3, 4, 5].map((number) => `data_batch_${number}.bin`);
const testFile = "test_batch.bin";
const side = 32;
const recordBytes = 1 + 3 * side * side;
const padding = 4;
const classes = [
  "airplane",
  "automobile",
  "bird",
  "cat",
  "deer",
  "dog",
  "frog",
  "horse",
  "ship",
  "truck",
] as const;

/**
 * Holds CIFAR-10: training images, some of them held out for validation, and the test images. They are normalised by the
 * mean and standard deviation of the training images, if the config has no others.
 *
 * @throws FileError when `root` lacks a file, or one is damaged.
 */
export class Cifar10DataModule extends BaseVisionDataModule<Cifar10Config> {
  static override readonly schema: ConfigSchema<any> = z
    .strictObject({
      ...imageDataOptions,
      valSize: z.int().min(0).exactOptional(),
      size: z.int().min(side).exactOptional(),
    })
    .superRefine(({ root }, { addIssue }) => {
      const problem = layoutProblem(root);
      if (problem !== undefined) addIssue({ code: "custom", path: ["root"], message: problem });
    });

  /** Names of the classes, in the order of the labels. */
  readonly classes: readonly string[] = classes;

  constructor(config: Cifar10Config) {
    super({ mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616], ...config });
  }

  override async setup(stage: DataStage): Promise<void> {
    const { root, augment = true, size = side, seed = 42 } = this.config;
    if (stage === "test" || stage === "predict") {
      this.parts = { ...this.parts, [stage]: examplesOf(await readRecords(root, [testFile]), { size }) };
      return;
    }
    if (this.parts.train !== undefined) return;
    const records = await readRecords(root, trainFiles);
    const judged = examplesOf(records, { size });
    const { valSize = Math.floor(judged.length / 10) } = this.config;
    if (valSize >= judged.length) {
      throw new UsageError(
        `Cifar10DataModule: valSize must leave images to train on, got ${valSize} of ${judged.length} images.`,
      );
    }
    const trained = augment ? examplesOf(records, { size, augment }) : judged;
    this.parts = { ...this.parts, ...holdOut({ trained, judged }, valSize, seed) };
  }
}

function examplesOf(
  records: Uint8Array,
  { size, augment = false }: { size: number; augment?: boolean },
): utils.data.Dataset<VisionExample> {
  return {
    length: records.length / recordBytes,
    get: (index, { rng }) => {
      const start = index * recordBytes;
      const image: Pixels = {
        data: records.subarray(start + 1, start + recordBytes),
        channels: 3,
        height: side,
        width: side,
        strides: [side * side, side, 1],
      };
      const square = augment ? drawSquare(image, side, { rng, padding }) : middleSquare(image, side);
      const pixels = fromTypedArray(cutOut(image, square), [3, side, side]);
      return { image: size === side ? pixels : enlarged(pixels, size), label: records[start]! };
    },
  };
}

/** Shapes: bytes `[3, 32, 32]` -> `[3, size, size]`. */
function enlarged(pixels: Tensor, size: number): Tensor {
  return scope(() => {
    const image = pixels.unsqueeze(0).to("float32");
    return nn.functional
      .interpolate(image, { size: [size, size], mode: "bilinear" })
      .round()
      .squeeze(0)
      .to("uint8");
  });
}

/** Says what a folder lacks, with the remedy; undefined where nothing is missing. */
function layoutProblem(
  root: string,
  names: readonly string[] = [...trainFiles, testFile],
): string | undefined {
  const missing = names.filter((name) => !existsSync(join(root, folder, name)));
  if (missing.length === 0) return undefined;
  return `${root} must hold ${folder}/ with data_batch_1.bin to data_batch_5.bin and test_batch.bin, it lacks ${missing.join(", ")}. Unpack the binary version of CIFAR-10 there (cifar-10-binary.tar.gz of https://www.cs.toronto.edu/~kriz/cifar.html), or set root`;
}

/** Reads files of records, one behind the other. */
async function readRecords(root: string, names: readonly string[]): Promise<Uint8Array> {
  const problem = layoutProblem(root, names);
  if (problem !== undefined) throw new FileError(`Cifar10DataModule: ${problem}.`);
  return Buffer.concat(await Promise.all(names.map((name) => readRecordFile(join(root, folder, name)))));
}

async function readRecordFile(file: string): Promise<Uint8Array> {
  const records = await readFile(file);
  if (records.length === 0 || records.length % recordBytes !== 0) {
    throw new FileError(
      `Cifar10DataModule: ${file} must have ${recordBytes} bytes for each image, got ${records.length} bytes. Unpack it again.`,
    );
  }
  for (let start = 0; start < records.length; start += recordBytes) {
    if (records[start]! < classes.length) continue;
    throw new FileError(
      `Cifar10DataModule: ${file} must have classes from 0 to ${classes.length - 1}, image ${start / recordBytes} has ${records[start]}. Unpack it again.`,
    );
  }
  return records;
}
