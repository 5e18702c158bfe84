import { describe, expect, test } from "vitest";
import { arange, memoryStats, ones, tensor, utils, zeros } from "../../index.ts";
import type { Tensor } from "../../index.ts";

const { ConcatDataset, DataLoader, Subset, TensorDataset, defaultCollate, randomSplit } = utils.data;

const numbers = (length: number) => ({ length, get: (index: number) => index });

async function epochOf(loader: AsyncIterable<Tensor>): Promise<number[][]> {
  const batches: number[][] = [];
  for await (const batch of loader) batches.push(batch.tolist() as number[]);
  return batches;
}

describe("DataLoader", () => {
  test("keeps the order, and a last batch that is not full unless dropLast", async () => {
    expect(await epochOf(new DataLoader(numbers(5), { batchSize: 2 }))).toEqual([[0, 1], [2, 3], [4]]);
    expect(await epochOf(new DataLoader(numbers(5), { batchSize: 2, dropLast: true }))).toEqual([
      [0, 1],
      [2, 3],
    ]);
  });

  test("shuffles each epoch anew, every example once, the same for the same seed", async () => {
    const options = { batchSize: 4, shuffle: true, seed: 3 };
    const loader = new DataLoader(numbers(10), options);
    const first = (await epochOf(loader)).flat();
    const second = (await epochOf(loader)).flat();
    expect(first).not.toEqual(second);
    expect(first.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect((await epochOf(new DataLoader(numbers(10), options))).flat()).toEqual(first);
    expect((await epochOf(new DataLoader(numbers(10), { ...options, seed: 4 }))).flat()).not.toEqual(first);
  });

  test.each(["at once", "later"])(
    "goes on at any position as if it had come there, answering %s",
    async (when) => {
      const dataset = {
        length: 7,
        get: (index: number, { rng, epoch }: utils.data.ExampleContext) => {
          const value = tensor([index, epoch, rng.random()]);
          return when === "later" ? Promise.resolve(value) : value;
        },
      };
      const options = { batchSize: 2, shuffle: true, seed: 1 };
      const whole: unknown[] = [];
      const loader = new DataLoader<Tensor>(dataset, options);
      for (let epoch = 0; epoch < 2; epoch++) for await (const batch of loader) whole.push(batch.tolist());
      for (let at = 0; at < whole.length; at++) {
        const resumed = new DataLoader<Tensor>(dataset, options);
        resumed.seek({ epoch: Math.floor(at / 4), batch: at % 4 });
        expect((await resumed.next())!.tolist()).toEqual(whole[at]);
      }
    },
  );

  test("draws by weights in their proportion", async () => {
    const loader = new DataLoader(numbers(3), { weights: [1, 0, 3], batchSize: 3 });
    const drawn: number[] = [];
    for (let epoch = 0; epoch < 1000; epoch++) drawn.push(...(await epochOf(loader)).flat());
    const share = (value: number) => drawn.filter((other) => other === value).length / drawn.length;
    expect(share(1)).toBe(0);
    expect(share(2)).toBeGreaterThan(0.72);
    expect(share(2)).toBeLessThan(0.78);
  });

  test("asks for examples of the next batches while one is used", async () => {
    let asked = 0;
    const slow = { length: 20, get: (index: number) => (asked++, Promise.resolve(index)) };
    const loader = new DataLoader<number>(slow, { batchSize: 2, prefetchFactor: 3 });
    await loader.next();
    expect(asked).toBe(1 + 2 * 4); // one to see that it answers later
  });

  test("leaves tensors that the data set holds alone, and frees what was made on the way", async () => {
    const held = [ones([2]), zeros([2])];
    const loader = new DataLoader({ length: 2, get: (index: number) => held[index]! }, { batchSize: 2 });
    for (let epoch = 0; epoch < 2; epoch++) for await (const batch of loader) batch.dispose();
    expect(held.map((row) => row.tolist())).toEqual([
      [1, 1],
      [0, 0],
    ]);
    const made = new DataLoader({ length: 4, get: () => ones([2]).mul(3) }, { batchSize: 2 });
    (await made.next())!.dispose(); // the first example of all is the collector's
    const before = memoryStats().liveTensors;
    for await (const batch of made) batch.dispose();
    expect(memoryStats().liveTensors).toBe(before);
  });

  test("passes the error of an example on", async () => {
    const broken = { length: 2, get: () => Promise.reject(new Error("no such image")) };
    await expect(new DataLoader<number>(broken).next()).rejects.toThrow("no such image");
  });

  test("a cache that answers at once and then later is asked anew", async () => {
    const cached = { length: 4, get: (index: number) => (index < 3 ? index : Promise.resolve(index)) };
    expect(await epochOf(new DataLoader<number>(cached, { batchSize: 2 }))).toEqual([
      [0, 1],
      [2, 3],
    ]);
  });

  test("refuses what makes no sense", () => {
    expect(() => new DataLoader(numbers(3), { batchSize: 0 })).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: DataLoader: batchSize must be a whole number from 1, got 0.]`,
    );
    expect(
      () => new DataLoader(numbers(3), { batchSize: 4, dropLast: true }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: DataLoader: there must be one batch at least, got 3 examples at a batchSize of 4, and dropLast leaves out what is not full.]`,
    );
    expect(() => new DataLoader(numbers(0))).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: DataLoader: there must be one batch at least, got 0 examples at a batchSize of 1.]`,
    );
    expect(() => new DataLoader(numbers(3), { weights: [1, 2] })).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: WeightedRandomSampler: there must be one weight an example, got 2 for 3 examples.]`,
    );
    expect(() => new DataLoader(numbers(2), { weights: [1, NaN] })).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: WeightedRandomSampler: weights must be finite numbers from 0, and one above it, got NaN.]`,
    );
    expect(() => new DataLoader(numbers(2), { weights: [0, 0] })).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: WeightedRandomSampler: weights must be finite numbers from 0, and one above it, got zeros.]`,
    );
    expect(
      () => new DataLoader(numbers(2), { weights: [1, 1], shuffle: true }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: DataLoader: weights and shuffle each say which examples come. Leave one out.]`,
    );
  });
});

describe("defaultCollate", () => {
  test("makes tensors of numbers, lists of texts, and goes into lists and objects", () => {
    const batch = defaultCollate([
      { x: tensor([1, 2]), label: 1, share: 0.5, isNew: true, id: 7n, name: "a", pair: [1, "b"] as const },
      { x: tensor([3, 4]), label: 0, share: 1, isNew: false, id: 8n, name: "c", pair: [2, "d"] as const },
    ]);
    expect(batch.x.tolist()).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect([batch.label.dtype, batch.share.dtype, batch.isNew.dtype, batch.id.dtype]).toEqual([
      "int64",
      "float32",
      "bool",
      "int64",
    ]);
    expect(batch.isNew.tolist()).toEqual([true, false]);
    expect(batch.name).toEqual(["a", "c"]);
    expect(batch.pair[0].tolist()).toEqual([1, 2]);
    expect(batch.pair[1]).toEqual(["b", "d"]);
  });

  test("names the place of what does not fit together", () => {
    const collate =
      (...examples: unknown[]) =>
      () =>
        defaultCollate(examples);
    expect(collate({ x: ones([2]) }, { x: ones([3]) })).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: DataLoader: "x" of the examples must have one shape to be stacked, got [2] and [3]. Pad them, or give the loader a collateFn.]`,
    );
    expect(collate({ a: [1, 2] }, { a: [1] })).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: DataLoader: "a" of the examples must be of one kind, got a list of 2 and a list of 1. Give the loader a collateFn.]`,
    );
    expect(collate({ a: 1 }, { b: 1 })).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: DataLoader: the examples must be of one kind, got an object with a and an object with b. Give the loader a collateFn.]`,
    );
    expect(collate(1, "a")).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: DataLoader: the examples must be of one kind, got a number and a string. Give the loader a collateFn.]`,
    );
    expect(collate(new Date(0))).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: DataLoader: the examples must be tensors, numbers, texts, or lists and plain objects of these, got a Date. Give the loader a collateFn.]`,
    );
    expect(collate(null)).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: DataLoader: the examples must be tensors, numbers, texts, or lists and plain objects of these, got null. Give the loader a collateFn.]`,
    );
  });
});

describe("data sets", () => {
  test("TensorDataset gives rows", () => {
    const rows = new TensorDataset(arange(6).view([3, 2]), arange(3));
    expect(rows.get(2).map((row) => row.tolist())).toEqual([[4, 5], 2]);
    expect(() => new TensorDataset(ones([2]), ones([3]))).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: TensorDataset: the tensors must have equally many rows, got 2, 3.]`,
    );
  });

  test("ConcatDataset and Subset lead to the example", () => {
    const both = new ConcatDataset([numbers(2), new Subset(numbers(10), [9, 8, 7])]);
    const context = {} as utils.data.ExampleContext;
    expect(Array.from({ length: both.length }, (_, i) => both.get(i, context))).toEqual([0, 1, 9, 8, 7]);
    expect(() => new Subset(numbers(2), [2])).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: Subset: indices must lie within the 2 examples of the data set, got 2.]`,
    );
  });

  test("randomSplit deals every example to one part", () => {
    const parts = randomSplit(numbers(10), [0.55, 0.45], { seed: 2 });
    expect(parts.map((part) => part.length)).toEqual([6, 4]);
    const all = parts.flatMap((part) => Array.from(part.indices)).sort((a, b) => a - b);
    expect(all).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(randomSplit(numbers(3), [1, 2]).map((part) => part.length)).toEqual([1, 2]);
    expect(() => randomSplit(numbers(10), [3, 3])).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: randomSplit: the lengths must come to the 10 examples of the data set, or as shares to 1, got 3 + 3 = 6.]`,
    );
  });
});
