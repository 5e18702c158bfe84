// Decoded images on disk: what is read back, what is made anew, and how much of them is kept. From the built package,
// as its worker threads are.
import { mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { afterEach, beforeEach, expect, test } from "vitest";
import type * as Base from "../../src/base/index.ts";
import type { ImageFolderConfig } from "../../src/tasks/vision/image-folder.ts";
import type { VisionBatch } from "../../src/contracts/index.ts";
import type * as Tasks from "../../src/tasks/index.ts";
import { makeTemporaryFolder } from "../fixtures/temporary-folder.ts";

const built = (name: string) => new URL(`../../dist/src/${name}/index.js`, import.meta.url).href;
const { Rng, logger } = (await import(built("base"))) as typeof Base;
const { ImageFolderDataModule } = (await import(built("tasks"))) as typeof Tasks;

const numImages = 12;
const entryBytes = 40 + 3 * 24 * 16; // of images of 24 x 16 pixels

let root: string;
let folder: string;
let told: string[];
let stop: () => void;
beforeEach(async () => {
  root = makeTemporaryFolder("sconce-image-cache-");
  folder = join(root, "cache");
  told = [];
  stop = logger.addSink((level, message) => void told.push(`${level}: ${message.replaceAll(root, "ROOT")}`));
  for (let i = 0; i < numImages; i++) await writeImage(i, i);
});
afterEach(() => {
  stop();
  rmSync(root, { recursive: true, force: true });
});

const pathOf = (index: number) => join(root, "train", index % 2 === 0 ? "a" : "b", `${10 + index}.png`);

async function writeImage(index: number, seed: number): Promise<void> {
  mkdirSync(join(pathOf(index), ".."), { recursive: true });
  const rng = new Rng(seed);
  const pixels = Uint8Array.from({ length: 48 * 32 * 3 }, () => rng.below(256));
  await sharp(pixels, { raw: { width: 48, height: 32, channels: 3 } }).toFile(pathOf(index));
}

/** Takes epochs of batches, and says where their images came from. */
async function epochs(count: number, config: Partial<ImageFolderConfig> = {}) {
  const data = ImageFolderDataModule.fromConfig({
    root,
    size: 14,
    resize: 16,
    batchSize: 5,
    valShare: 0,
    numWorkers: 1,
    ...config,
  });
  data.setup("fit");
  const loader = data.trainDataloader();
  const batches: unknown[] = [];
  for (let epoch = 0; epoch < count; epoch++) {
    for await (const batch of loader as AsyncIterable<VisionBatch>) {
      batches.push([batch.image.tolist(), batch.label.tolist()]);
      batch.image.dispose();
    }
  }
  await loader.close?.();
  const { kept, ...others } = data.cacheCounts;
  data.teardown();
  return { batches, kept, others };
}

const entries = () =>
  readdirSync(folder, { recursive: true })
    .map(String)
    .filter((name) => name.endsWith(".pixels"))
    .sort();

const none = { decoded: 0, damaged: 0, full: 0, unwritable: 0 };

test("are decoded once for all epochs and runs, whoever asks, and are the images of the files", async () => {
  const plain = await epochs(2);
  expect([plain.kept, plain.others]).toEqual([0, none]);
  const first = await epochs(2, { cacheFolder: folder });
  expect(first.batches).toEqual(plain.batches);
  expect([first.kept, first.others]).toEqual([numImages, { ...none, decoded: numImages }]);
  expect(entries().length).toBe(numImages);
  for (const numWorkers of [0, 2]) {
    const second = await epochs(2, { cacheFolder: folder, numWorkers });
    expect([second.batches, second.others]).toEqual([plain.batches, none]);
  }
  expect(told).toEqual([
    "info: 50.0 % of 24 images came out of ROOT/cache, the others were decoded",
    "info: 100.0 % of 25 images came out of ROOT/cache, the others were decoded", // one asked for to see if it is there at once
    "info: 100.0 % of 24 images came out of ROOT/cache, the others were decoded",
  ]);
});

test("an image that changes, and another size, are decoded anew; equal images share an entry", async () => {
  await epochs(1, { cacheFolder: folder });
  await writeImage(3, 1000);
  const changed = await epochs(1, { cacheFolder: folder });
  expect(changed.others).toEqual({ ...none, decoded: 1 });
  expect(changed.batches).toEqual((await epochs(1)).batches);
  expect((await epochs(1, { cacheFolder: folder, resize: 15 })).others.decoded).toBe(numImages);
  expect(entries().length).toBe(2 * numImages + 1);
  writeFileSync(pathOf(5), readFileSync(pathOf(3)));
  expect((await epochs(1, { cacheFolder: folder })).others).toEqual(none);
});

test("what is damaged is noticed, told, and made anew", async () => {
  const { batches } = await epochs(1, { cacheFolder: folder });
  const [cut, turned, emptied, other] = entries().map((name) => join(folder, name));
  const whole = entries().map((name) => readFileSync(join(folder, name)));
  writeFileSync(cut!, whole[0]!.subarray(0, 500));
  const bits = Buffer.from(whole[1]!);
  bits[1000]! ^= 1;
  writeFileSync(turned!, bits);
  writeFileSync(emptied!, "");
  writeFileSync(other!, whole[3]!.subarray(0, 36));
  told.length = 0;
  const again = await epochs(1, { cacheFolder: folder, numWorkers: 2 });
  expect(again).toEqual({ batches, kept: numImages - 4, others: { ...none, damaged: 4 } });
  expect(told[1]).toBe("warn: 4 images in ROOT/cache were damaged and have been made anew");
  expect(entries().map((name) => readFileSync(join(folder, name)))).toEqual(whole);
});

test("several runs at once leave one whole entry an image", async () => {
  const plain = await epochs(1);
  const runs = await Promise.all([
    epochs(1, { cacheFolder: folder, numWorkers: 2 }),
    epochs(1, { cacheFolder: folder }),
    epochs(1, { cacheFolder: folder, numWorkers: 0 }),
  ]);
  for (const { batches } of runs) expect(batches).toEqual(plain.batches);
  expect(entries().length).toBe(numImages);
  expect(readdirSync(folder, { recursive: true }).filter((name) => String(name).endsWith(".tmp"))).toEqual(
    [],
  );
  expect((await epochs(1, { cacheFolder: folder })).others).toEqual(none);
});

test("a folder takes no more than it may, and the rest is decoded each time", async () => {
  const cacheGb = (5 * entryBytes + 10) / 1e9;
  const plain = await epochs(2);
  const limited = await epochs(2, { cacheFolder: folder, cacheGb });
  expect(limited).toEqual({
    batches: plain.batches,
    kept: 5,
    others: { ...none, decoded: 5, full: 2 * (numImages - 5) },
  });
  expect(entries().map((name) => statSync(join(folder, name)).size)).toEqual(Array(5).fill(entryBytes));
  expect(told.at(-1)).toBe(
    "warn: ROOT/cache: 14 images did not fit in and were decoded each time. Raise dataset.cache_gb.",
  );
  // another run reads what the first one kept, and has room for two more
  const wider = { cacheFolder: folder, cacheGb: cacheGb + (2 * entryBytes) / 1e9 };
  expect((await epochs(1, { ...wider })).others).toEqual({ ...none, decoded: 2, full: 5 });
  rmSync(folder, { recursive: true });
  expect((await epochs(1, { cacheFolder: folder })).others.decoded).toBe(numImages);
});

test("a folder that cannot be written to is told of once, and images are decoded", async () => {
  writeFileSync(join(root, "file"), "");
  const inFile = await epochs(1, { cacheFolder: join(root, "file", "below") });
  expect(inFile.batches).toEqual((await epochs(1)).batches);
  expect(inFile.others).toEqual({ ...none, unwritable: numImages });
  expect(told.filter((message) => message.startsWith("warn"))).toEqual(
    [
      "warn: images are not kept for later epochs: ENOTDIR: not a directory, mkdir 'ROOT/file/below/XX'. Make room, or leave out cache_folder.",
    ].map((message) => message.replace("XX", told[0]!.match(/below\/(..)/)![1]!)),
  );
});

test("an image that cannot be read is named, and a limit goes with a folder", async () => {
  writeFileSync(pathOf(0), "no image");
  await expect(epochs(1, { cacheFolder: folder })).rejects.toThrow(
    `${pathOf(0)} must be a PNG or JPEG image, it cannot be read`,
  );
  rmSync(pathOf(0));
  mkdirSync(pathOf(0));
  await expect(epochs(1, { cacheFolder: folder })).rejects.toThrow(
    `${pathOf(0)} must be a PNG or JPEG image, it cannot be read: EISDIR`,
  );
  await expect(epochs(1, { cacheGb: 1 })).rejects.toThrow(
    "it goes with cache_folder; name the folder, or leave it out",
  );
});
