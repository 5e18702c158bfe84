// Going on from any step of any kind of source: the batches are those of a run that never stopped, and no rows before
// the place are read.
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { Rng } from "../../base/index.ts";
import type { BaseModel, BatchLoader } from "../../contracts/index.ts";
import { FileStream, MixedStream, StreamLoader } from "../../data/index.ts";
import { dispose, hashTensors, manualSeed } from "../../torch/index.ts";
import type { Tensor } from "../../torch/index.ts";
import { ModelCheckpoint, Trainer } from "../../trainer/index.ts";
import { MLPClassifier, TableDataModule, TextFileDataModule } from "../index.ts";
import type { TableDataConfig } from "../index.ts";

const folder = mkdtempSync(join(tmpdir(), "sconce-resume-files-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const shipped = (ending: string) =>
  fileURLToPath(new URL(`../../../conf/dataset/files/points.${ending}`, import.meta.url));

/** Writes rows in three pieces of a thousand lines, as CSV, TSV or JSON Lines. */
function write(name: string, count = 2500, seed = 1): string {
  const rng = new Rng(seed);
  const separator = name.endsWith("tsv") ? "\t" : ",";
  const rows = Array.from({ length: count }, () => {
    const row = { x: rng.random(), y: rng.random(), label: "abc"[rng.below(3)]! };
    return name.endsWith("jsonl") ? JSON.stringify(row) : Object.values(row).join(separator);
  });
  if (!name.endsWith("jsonl")) rows.unshift(["x", "y", "label"].join(separator));
  writeFileSync(join(folder, name), `${rows.join("\n")}\n`);
  return join(folder, name);
}

const streamed = { streaming: true, bufferRows: 300, batchSize: 97 };
const many = (ending: string) => Array.from({ length: 5 }, () => shipped(ending)); // five pieces
const csv = write("a.csv");
const mixture = [csv, write("b.jsonl", 1400, 2), shipped("parquet")];

const tables: Record<string, Partial<TableDataConfig> & Pick<TableDataConfig, "train">> = {
  "a CSV file, whole": { train: csv, batchSize: 97 },
  "a CSV stream": { train: csv, ...streamed },
  "a TSV stream": { train: write("a.tsv"), ...streamed },
  "a JSON Lines stream": { train: write("a.jsonl"), ...streamed },
  "a Parquet stream": { train: many("parquet"), ...streamed, batchSize: 23 },
  "an Arrow stream": { train: many("arrow"), ...streamed, batchSize: 23 },
  "a stream of several formats, the last batch left out": { train: mixture, ...streamed, dropLast: true },
  "a mixture until the first is out": { train: mixture, ...streamed, weights: [5, 3, 2], batchSize: 31 },
  "a mixture until all are out": {
    train: mixture,
    ...streamed,
    weights: [5, 3, 2],
    stopping: "all_exhausted",
    batchSize: 400,
  },
};

const features = { features: ["x", "y"], target: "label", seed: 3 };

async function loaderOf(config: (typeof tables)[string]): Promise<BatchLoader> {
  const data = TableDataModule.fromConfig({
    ...features,
    classes: ["a", "b", "c", "east", "north", "south"],
    validationRatio: 0,
    ...config,
  });
  await data.setup("fit");
  return data.trainDataloader();
}

/** Takes the batches up to the end of an epoch as hashes. */
async function hashesUpTo(loader: BatchLoader, epochs: number, from = 0): Promise<string[]> {
  const hashes: string[] = [];
  for (let epoch = from; epoch < epochs; epoch++) {
    for await (const batch of loader as AsyncIterable<Tensor[]>) {
      hashes.push(hashOf(batch));
      dispose(batch);
    }
  }
  return hashes;
}

const hashOf = (batch: readonly Tensor[]) =>
  createHash("sha256")
    .update(JSON.stringify(batch.map((tensor) => tensor.tolist())))
    .digest("hex");

describe("batches go on from every step as if the run had not stopped", () => {
  test.each(Object.entries(tables))(
    "%s",
    async (_, config) => {
      const loader = await loaderOf(config);
      const whole = await hashesUpTo(loader, 2);
      expect(whole.length).toBe(2 * loader.length);
      expect(new Set(whole).size).toBe(whole.length);
      for (let step = 0; step < whole.length; step++) {
        const epoch = Math.floor(step / loader.length);
        const resumed = await loaderOf(config); // as another process does
        resumed.seek({ epoch, batch: step % loader.length });
        expect(await hashesUpTo(resumed, 2, epoch), `step ${step}`).toEqual(whole.slice(step));
      }
    },
    60_000,
  );

  test("a stream of texts", async () => {
    const rows = Array.from({ length: 90 }, (_, i) => ({
      text: `row ${i} of a few words`,
      label: "ab"[i % 2],
    }));
    const train = join(folder, "texts.jsonl");
    writeFileSync(train, rows.map((row) => JSON.stringify(row)).join("\n"));
    const make = async () => {
      const tokenizer = "pretrained_models/minilm";
      const data = new TextFileDataModule({
        train,
        tokenizer,
        streaming: true,
        bufferRows: 40,
        batchSize: 8,
      });
      await data.setup("fit");
      return data.trainDataloader();
    };
    const take = async (loader: BatchLoader, epochs: number, from = 0) => {
      const batches: string[] = [];
      for (let epoch = from; epoch < epochs; epoch++)
        for await (const batch of loader as AsyncIterable<Record<string, Tensor>>)
          batches.push(hashOf(Object.values(batch)));
      return batches;
    };
    const whole = await take(await make(), 2);
    for (let step = 0; step < whole.length; step++) {
      const resumed = await make();
      resumed.seek({ epoch: Math.floor(step / 12), batch: step % 12 });
      expect(await take(resumed, 2, Math.floor(step / 12)), `step ${step}`).toEqual(whole.slice(step));
    }
  }, 60_000);
});

describe("going on reads the buffer that it stands in, and nothing before", () => {
  const [path, other] = [write("long.csv", 20_000, 5), write("other.jsonl", 20_000, 6)];
  const batchSize = 50;
  const of = (stream: FileStream | MixedStream) =>
    new StreamLoader(stream, { batchSize, prepare: (rows) => rows.length, collate: (count) => count });

  test.each([0, 1, 57, 200, 399])("batch %i of a stream", async (batch) => {
    for (const [shuffle, bound] of [
      [false, 1024 + 2 * batchSize],
      [true, 1000 + 2 * 1024 + 1000 + 1024], // the buffer, the pieces that it begins and ends in, and one ahead
    ] as const) {
      const stream = await FileStream.open(path, { shuffle, bufferRows: 1000, seed: 2 });
      const loader = of(stream);
      loader.seek({ epoch: 3, batch });
      expect(await loader.next()).toBe(batchSize);
      await loader.next(); // what is read ahead is in
      expect(stream.rowsRead, `shuffle ${shuffle}`).toBeLessThanOrEqual(bound);
    }
  });

  test.each([0, 57, 399])("batch %i of a mixture", async (batch) => {
    const sources = await Promise.all(
      [path, other].map((name) => FileStream.open(name, { shuffle: true, bufferRows: 1000, seed: 2 })),
    );
    const loader = of(new MixedStream(sources, { weights: [2, 1], stopping: "all_exhausted" }));
    expect(loader.length).toBeGreaterThan(400);
    loader.seek({ epoch: 1, batch });
    expect(await loader.next()).toBe(batchSize);
    await loader.next();
    for (const { rowsRead } of sources) expect(rowsRead).toBeLessThanOrEqual(2 * (1000 + 2 * 1024));
  });
});

describe("a training on streams", () => {
  const root = join(folder, "runs");
  const maxSteps = 9;

  async function train(
    train: string[],
    {
      name,
      steps = maxSteps,
      ckptPath,
      ...options
    }: { name: string; steps?: number; ckptPath?: string; seed?: number },
  ): Promise<string> {
    manualSeed(1);
    const data = TableDataModule.fromConfig({
      ...features,
      ...streamed,
      train,
      weights: [2, 1],
      batchSize: 300,
      ...options,
    });
    const model = new MLPClassifier({ lr: 0.05 });
    const trainer = new Trainer({
      maxSteps: steps,
      logger: false,
      enableProgressBar: false,
      defaultRootDir: join(root, name),
      callbacks: [new ModelCheckpoint({ everyNTrainSteps: 1, filename: "at", enableVersionCounter: false })],
    });
    await trainer.fit(model as unknown as BaseModel, data, ckptPath === undefined ? {} : { ckptPath });
    return hashTensors(model.stateDict());
  }

  const checkpointOf = (name: string) => join(root, name, "checkpoints", "at");

  test("has the same weights from whatever step it goes on", async () => {
    const files = [csv, write("c.jsonl", 900, 7)];
    const whole = await train(files, { name: "whole" });
    for (let steps = 1; steps < maxSteps; steps++) {
      await train(files, { name: `to-${steps}`, steps });
      const ckptPath = checkpointOf(`to-${steps}`);
      expect(await train(files, { name: `from-${steps}`, ckptPath }), `step ${steps}`).toBe(whole);
    }
  }, 60_000);

  test("does not go on with files that changed, nor with another order", async () => {
    const files = [write("d.csv", 900, 8), write("d.jsonl", 900, 9)];
    await train(files, { name: "changed", steps: 2 });
    const ckptPath = checkpointOf("changed");
    const refusal =
      `${ckptPath}: the checkpoint is of another config or other data. ` +
      "Resume with the config and data that it began with, or start a new run.";
    await expect(train(files, { name: "seed", ckptPath, seed: 4 })).rejects.toThrow(refusal);
    const before = readFileSync(files[1]!, "utf8");
    writeFileSync(files[1]!, before.replace(/0\.\d/u, "0.0"));
    await expect(train(files, { name: "other", ckptPath })).rejects.toThrow(refusal);
    writeFileSync(files[1]!, before); // the same content at another time
    expect(await train(files, { name: "same", ckptPath })).toBe(await train(files, { name: "anew" }));
  });

  test("is told of a file that changes while it is read", async () => {
    const path = write("e.csv", 4000, 10);
    const stream = await FileStream.open(path);
    const rows = stream.read(0);
    await rows.next();
    const before = readFileSync(path, "utf8");
    writeFileSync(path, before.replaceAll("\n", "\n\n"));
    const readAll = async () => {
      for await (const row of rows) expect(row.cells["x"]).toBeDefined();
    };
    await expect(readAll()).rejects.toThrow(
      new RegExp(
        `${path}: changed while it was read: \\d+ bytes of \\S+ when it was opened, \\d+ bytes of \\S+ now. ` +
          "Put the old content back and go on from the last checkpoint, or start a new run with the new one.",
        "u",
      ),
    );
    rmSync(path);
    await expect(stream.read(0, 3000).next()).rejects.toThrow(/when it was opened, no file now/);
  });
});
