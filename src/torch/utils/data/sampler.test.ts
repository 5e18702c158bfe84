import { describe, expect, test } from "vitest";
import { DataLoader, RandomSampler, SequentialSampler, WeightedRandomSampler } from "./index.ts";
import type { Sampler } from "./index.ts";

const numbers = (length: number) => ({ length, get: (index: number) => index });
const collateFn = (examples: number[]) => examples;

async function epochOf(loader: DataLoader<number, number[]>): Promise<number[]> {
  const all: number[] = [];
  for await (const batch of loader) all.push(...batch);
  return all;
}

describe("a sampler", () => {
  test("says which examples an epoch has, and in which order", async () => {
    const sampler: Sampler = { order: (_dataset, { epoch }) => [3, epoch, 3] };
    const loader = new DataLoader(numbers(4), { sampler, batchSize: 2, collateFn });
    expect(loader.length).toBe(2);
    expect(await epochOf(loader)).toEqual([3, 0, 3]);
    expect(await epochOf(loader)).toEqual([3, 1, 3]);
  });

  test.each<[string, Sampler]>([
    ["SequentialSampler", new SequentialSampler()],
    ["RandomSampler", new RandomSampler()],
    ["RandomSampler with replacement", new RandomSampler({ replacement: true, numSamples: 13 })],
    ["WeightedRandomSampler", new WeightedRandomSampler({ weights: [1, 2, 3, 0, 5, 6, 7], numSamples: 9 })],
  ])("%s is taken up at any batch", async (_name, sampler) => {
    const options = { sampler, batchSize: 3, seed: 5, collateFn };
    const whole = new DataLoader(numbers(7), options);
    const batches: number[][] = [];
    for (let epoch = 0; epoch < 3; epoch++) for await (const batch of whole) batches.push(batch);
    for (const [place, batch] of batches.entries()) {
      const resumed = new DataLoader(numbers(7), options);
      resumed.seek({ epoch: Math.floor(place / whole.length), batch: place % whole.length });
      expect(await resumed.next()).toEqual(batch);
    }
  });

  test("RandomSampler takes each example once a pass, and others each epoch", async () => {
    const loader = new DataLoader(numbers(6), { sampler: new RandomSampler(), collateFn });
    const [first, second] = [await epochOf(loader), await epochOf(loader)];
    expect([...first].sort()).toEqual([0, 1, 2, 3, 4, 5]);
    expect(second).not.toEqual(first);
    const long = new DataLoader(numbers(2), { sampler: new RandomSampler({ numSamples: 5 }), collateFn });
    const drawn = await epochOf(long);
    expect(drawn).toHaveLength(5);
    expect([drawn.slice(0, 2), drawn.slice(2, 4)].map((pass) => [...pass].sort())).toEqual([
      [0, 1],
      [0, 1],
    ]);
  });

  test("is refused where it cannot be followed", async () => {
    const loaderOf = (sampler: Sampler, rest = {}) =>
      new DataLoader(numbers(3), { sampler, collateFn, ...rest });
    class Odd implements Sampler {
      order(): number[] {
        return [0, 3];
      }
    }
    await expect(epochOf(loaderOf(new Odd()))).rejects.toThrowErrorMatchingInlineSnapshot(
      `[UsageError: Odd.order: indices must lie within the 3 examples of the data set, got 3.]`,
    );
    class Growing implements Sampler {
      order(_dataset: unknown, { epoch }: { epoch: number }): number[] {
        return epoch === 0 ? [0] : [0, 1];
      }
    }
    const growing = loaderOf(new Growing());
    await epochOf(growing);
    await expect(epochOf(growing)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[UsageError: Growing.order: every epoch must have 1 examples as the first, got 2 in epoch 1.]`,
    );
    expect(() => loaderOf(new Odd(), { weights: [1, 1, 1] })).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: DataLoader: sampler and weights each say which examples come. Leave one out.]`,
    );
    expect(() => new RandomSampler({ numSamples: 0.5 })).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: RandomSampler: numSamples must be a whole number from 1, got 0.5.]`,
    );
    expect(() => loaderOf(new RandomSampler(), { shuffle: true })).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: DataLoader: sampler and shuffle each say which examples come. Leave one out.]`,
    );
  });
});
