import { mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { DataContract, registry } from "../../contracts/index.ts";
import type { BaseModel, BatchLoader } from "../../contracts/index.ts";
import type { Tensor } from "../../torch/index.ts";
import { Trainer } from "../../trainer/index.ts";
import { MLPClassifier, TableDataModule, TextFileDataModule } from "../index.ts";
import type { TableDataConfig, TextFileDataConfig } from "../index.ts";

const folder = mkdtempSync(join(tmpdir(), "sconce-files-"));
const points = { features: ["x", "y"], target: "label" };

function write(name: string, rows: readonly object[]): string {
  writeFileSync(join(folder, name), rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  return join(folder, name);
}

async function batchesOf(loader: BatchLoader): Promise<unknown[]> {
  const batches: unknown[] = [];
  for await (const [numbers, labels] of loader as AsyncIterable<[Tensor, Tensor]>)
    batches.push([numbers.tolist(), labels.tolist()]);
  return batches;
}

describe("a table", () => {
  test.each(["parquet", "arrow", "jsonl"])(
    "of %s that comes along has the same rows, whole or streamed",
    async (ending) => {
      const config = { train: `files/points.${ending}`, validation: `files/points.${ending}`, ...points };
      const of = async (options: Partial<TableDataConfig>) => {
        const data = registry.createDataset("table", { ...config, ...options }) as TableDataModule;
        await data.setup("fit");
        return { data, val: await batchesOf(data.valDataloader()!) };
      };
      const [whole, streamed] = [await of({}), await of({ streaming: true, bufferRows: 50 })];
      expect(streamed.val).toEqual(whole.val);
      expect(whole.val.length).toBe(2);
      const train = streamed.data.trainDataloader();
      expect(train.length).toBe(4);
      const all = await batchesOf(train);
      train.seek({ epoch: 0, batch: 2 });
      expect(await batchesOf(train)).toEqual(all.slice(2));
      expect(await DataContract.check({ trainDataloader: () => train })).toEqual([]);
    },
  );

  test("is what a perceptron is trained on, streamed", async () => {
    const data = TableDataModule.fromConfig({
      train: "files/points.parquet",
      validation: "files/points.parquet",
      streaming: true,
      ...points,
    });
    const trainer = new Trainer({
      maxEpochs: 8,
      enableProgressBar: false,
      logger: false,
      enableCheckpointing: false,
      defaultRootDir: folder,
    });
    const model = new MLPClassifier({ lr: 0.05 });
    await trainer.fit(model as unknown as BaseModel, data);
    expect(trainer.callbackMetrics["val_accuracy"]).toBeGreaterThan(0.95);
  });

  test("mixes its training files by weights", async () => {
    const rows = (label: string, count: number) =>
      Array.from({ length: count }, (_, i) => ({ x: i, y: 0, label }));
    const data = TableDataModule.fromConfig({
      train: [write("a.jsonl", rows("a", 3000)), write("b.jsonl", rows("b", 3000))],
      weights: [3, 1],
      streaming: true,
      batchSize: 1000,
      ...points,
    });
    await data.setup("fit");
    const [, labels] = (await data.trainDataloader().next()) as [Tensor, Tensor];
    expect(labels.sum().item()).toBe(250);
    expect(data.trainDataloader().length).toBe(4);
  });

  test("mixes its validation and test files by weights of their own, the same rows each time", async () => {
    const rows = (label: string, count: number) =>
      Array.from({ length: count }, (_, i) => ({ x: i, y: 0, label }));
    const files = [write("va.jsonl", rows("a", 900)), write("vb.jsonl", rows("b", 700))];
    const data = registry.createDataset("table", {
      train: files,
      validation: files,
      validationWeights: [3, 1],
      test: files,
      testWeights: [1, 1],
      testStopping: "all_exhausted",
      streaming: true,
      evalBatchSize: 100,
      ...points,
    }) as TableDataModule;
    await data.setup("fit");
    await data.setup("test");
    const tally = (batches: unknown[]) => {
      const labels = (batches as [unknown, number[]][]).flatMap(([, batch]) => batch);
      return [0, 1].map((label) => labels.filter((other) => other === label).length);
    };
    const val = data.valDataloader()!;
    const first = await batchesOf(val);
    const [a, b] = tally(first) as [number, number];
    expect([a, Math.abs(b - 300) < 20]).toEqual([900, true]); // the last block of a thousand rows is not whole
    expect(await batchesOf(val)).toEqual(first);
    val.seek({ epoch: 7, batch: 5 });
    expect(await batchesOf(val)).toEqual(first.slice(5));
    const tested = tally(await batchesOf(data.testDataloader()!));
    expect(tested[0]).toBe(900);
    expect(tested[1]).toBeGreaterThan(880);
    expect(tally(await batchesOf(data.trainDataloader()))).toEqual([900, 700]);
  });

  test("tells what is wrong with a cell by its place, and with its config before anything is read", async () => {
    const train = write("odd.jsonl", [
      { x: 1, y: 2, label: "a" },
      { x: "one", y: 2, label: "b" },
    ]);
    const data = TableDataModule.fromConfig({ train, validationRatio: 0, ...points });
    await expect(data.setup("fit")).rejects.toThrow(
      `${train}:2: "x" must be a number, got "one". Correct the row, or leave it out.`,
    );
    const refusal = (config: object): string => {
      try {
        registry.createDataset("table", config);
      } catch (error) {
        return (error as Error).message.replaceAll(`${folder}/`, "");
      }
      throw new Error("expected an error");
    };
    expect(refusal({ train: "nothing.parquet", ...points })).toMatchInlineSnapshot(
      `"dataset "table": train: the file "nothing.parquet" does not exist. Put it there, or correct the path"`,
    );
    expect(refusal({ train, ...points, features: ["x", "z"], target: "lable" })).toMatchInlineSnapshot(
      `"dataset "table": features: "odd.jsonl" has no column "z". Did you mean "x"? It has: x, y, label; target: "odd.jsonl" has no column "lable". Did you mean "label"? It has: x, y, label"`,
    );
    expect(refusal({ train, ...points, weights: [1] })).toMatchInlineSnapshot(
      `"dataset "table": weights: weights go with streaming, one for each of 1 training files"`,
    );
    const mixed = { streaming: true, validation: [train, train], validationWeights: [1] };
    expect(refusal({ train, ...points, ...mixed, testStopping: "all_exhausted" })).toMatchInlineSnapshot(
      `"dataset "table": validationWeights: weights go with streaming, one for each of 2 validation files; testStopping: it goes with test_weights"`,
    );
  });
});

test("texts are tokens, whole or streamed", async () => {
  const tokenizer = "pretrained_models/minilm";
  const rows = Array.from({ length: 50 }, (_, i) => ({
    body: `row ${i} of a few words`,
    kind: i % 2 === 0 ? "even" : "odd",
  }));
  const train = write("texts.jsonl", rows);
  const of = async (options: Partial<TextFileDataConfig>) => {
    const data = registry.createDataset("text_files", {
      train,
      validation: train,
      textColumn: "body",
      labelColumn: "kind",
      tokenizer,
      evalBatchSize: 20,
      ...options,
    }) as TextFileDataModule;
    await data.setup("fit");
    const batches: unknown[] = [];
    for await (const batch of data.valDataloader()!)
      batches.push(Object.values(batch as Record<string, Tensor>).map((tensor) => tensor.tolist()));
    return batches;
  };
  const whole = await of({});
  expect(whole.length).toBe(3);
  expect(await of({ streaming: true })).toEqual(whole);
  const cacheFolder = join(folder, "tokens");
  for (let run = 0; run < 2; run++) {
    expect(await of({ cacheFolder })).toEqual(whole);
    expect(readdirSync(cacheFolder).length).toBe(1); // of training and validation, which are the same
  }
  await expect(of({ cacheFolder, streaming: true })).rejects.toThrow(
    "cacheFolder: tokens are kept of files that are read whole; leave it out, or set streaming to false",
  );
});
