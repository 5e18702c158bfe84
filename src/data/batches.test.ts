import { expect, test } from "vitest";
import { Rng } from "../base/index.ts";
import { BatchPlan, type BatchPlanOptions } from "./batches.ts";

const base: BatchPlanOptions = {
  numRows: 1003,
  batchSize: 8,
  seed: 42,
  epoch: 0,
  shuffle: true,
  groupByLength: true,
  dropLast: false,
  chunkBatches: 25,
};
const lengths = Array.from(
  { length: 1003 },
  (
    (rng) => () =>
      3 + rng.below(60)
  )(new Rng(1)),
);

function batchesOf(options: Partial<BatchPlanOptions> = {}): number[][] {
  const plan = new BatchPlan({ ...base, ...options });
  return Array.from({ length: plan.numChunks }, (_, chunk) => plan.batchesOf(chunk, (row) => lengths[row]!))
    .flat()
    .map((batch) => [...batch]);
}

const sorted = (rows: number[]) => rows.toSorted((a, b) => a - b);
const allRows = Array.from({ length: 1003 }, (_, row) => row);

function paddingShare(batches: readonly number[][]): number {
  const used = batches.flat().reduce((sum, row) => sum + lengths[row]!, 0);
  return (
    1 - used / batches.reduce((sum, rows) => sum + rows.length * Math.max(...rows.map((r) => lengths[r]!)), 0)
  );
}

test("every row stands in exactly one batch, whatever the order", () => {
  for (const shuffle of [true, false]) {
    for (const groupByLength of [true, false]) {
      const batches = batchesOf({ shuffle, groupByLength });
      expect(batches.length).toBe(126);
      expect(sorted(batches.map((batch) => batch.length))).toEqual([3, ...Array<number>(125).fill(8)]);
      expect(sorted(batches.flat())).toEqual(allRows);
    }
  }
});

test("without shuffling and grouping rows keep their order", () => {
  expect(batchesOf({ shuffle: false, groupByLength: false }).flat()).toEqual(allRows);
});

test("for evaluation each chunk goes from long to short", () => {
  const batches = batchesOf({ shuffle: false });
  const inChunk = batches.slice(25, 50).flat();
  expect(sorted(inChunk)).toEqual(allRows.slice(200, 400));
  expect(inChunk.map((row) => lengths[row]!)).toEqual(sorted(inChunk.map((row) => lengths[row]!)).reverse());
});

test("a plan depends on seed and epoch alone, and differs between them", () => {
  expect(batchesOf()).toEqual(batchesOf());
  expect(batchesOf({ epoch: 1 })).not.toEqual(batchesOf());
  expect(batchesOf({ seed: 43 })).not.toEqual(batchesOf());
});

test("grouping pads little and still mixes lengths over the epoch", () => {
  expect(paddingShare(batchesOf({ groupByLength: false }))).toBeGreaterThan(0.35);
  expect(paddingShare(batchesOf())).toBeLessThan(0.05);
  // the order of batches within a chunk does not follow their length
  const longest = batchesOf()
    .slice(0, 25)
    .map((batch) => lengths[batch[0]!]!);
  expect(longest).not.toEqual(sorted(longest).reverse());
  expect(longest).not.toEqual(sorted(longest));
});

test("rows change places and neighbours from epoch to epoch", () => {
  const placeOf = (epoch: number) => {
    const place = Array<number>(1003);
    for (const [index, row] of batchesOf({ epoch }).flat().entries()) place[row] = index;
    return place;
  };
  const correlation = (a: number[], b: number[]) => {
    const mean = 501;
    const covariance = a.reduce((sum, x, i) => sum + (x - mean) * (b[i]! - mean), 0);
    return covariance / a.reduce((sum, x) => sum + (x - mean) ** 2, 0);
  };
  const places = [0, 1, 2, 3].map(placeOf);
  for (let i = 0; i < 4; i++) {
    expect(Math.abs(correlation(places[i]!, allRows))).toBeLessThan(0.12);
    for (let j = 0; j < i; j++) expect(Math.abs(correlation(places[i]!, places[j]!))).toBeLessThan(0.12);
  }
});

test("dropping the last batch leaves other rows out each epoch", () => {
  const left = [0, 1].map((epoch) => {
    const batches = batchesOf({ dropLast: true, epoch });
    expect(batches.length).toBe(125);
    expect(new Set(batches.map((batch) => batch.length))).toEqual(new Set([8]));
    const used = new Set(batches.flat());
    return allRows.filter((row) => !used.has(row));
  });
  expect(left.map((rows) => rows.length)).toEqual([3, 3]);
  expect(left[0]).not.toEqual(left[1]);
});

test("a chunk asks only for the lengths of its own rows", () => {
  const plan = new BatchPlan(base);
  const asked = new Set<number>();
  plan.batchesOf(2, (row) => {
    asked.add(row);
    return lengths[row]!;
  });
  expect(asked).toEqual(new Set(plan.rowsOf(2)));
  expect(plan.firstBatchOf(2)).toBe(50);
  expect([plan.chunkOf(49), plan.chunkOf(50)]).toEqual([1, 2]);
});

test("batches that cannot be are refused", () => {
  for (const batchSize of [0, -1, 1.5, Number.NaN]) {
    expect(() => new BatchPlan({ ...base, batchSize })).toThrow(/batch_size: must be a whole number from 1/);
  }
  expect(
    () => new BatchPlan({ ...base, batchSize: 2000, dropLast: true }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: dataset.batch_size: 2000 rows make a batch, the data has 1003 and drop_last is on. Lower batch_size, or turn drop_last off.]`,
  );
});
