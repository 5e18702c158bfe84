import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { classWeights, countClasses } from "./class-weights.ts";
import { randomSplit, stratifiedSplit } from "./split.ts";

// written by tools/golden/data_split.py
const golden = JSON.parse(
  readFileSync(new URL("../../tests/goldens/data/split.json", import.meta.url), "utf8"),
) as {
  splits: { counts: number[]; ratio: number; held_out: number[] }[];
  weights: { counts: number[]; balanced: number[] }[];
};

const namesOf = (counts: readonly number[]) => counts.map((_, id) => `c${id}`);
const labelsOf = (counts: readonly number[]) =>
  Int32Array.from(counts.flatMap((count, id) => Array<number>(count).fill(id)));

test("each class gets the share that scikit-learn gives it", () => {
  for (const { counts, ratio, held_out } of golden.splits) {
    const labels = labelsOf(counts);
    const { heldOut } = stratifiedSplit(labels, { ratio, seed: 1, names: namesOf(counts) });
    const found = countClasses(
      Int32Array.from(heldOut, (row) => labels[row]!),
      counts.length,
    );
    expect(found, JSON.stringify({ counts, ratio })).toEqual(held_out);
  }
});

test("the parts are disjoint, whole, ascending, and depend on the seed alone", () => {
  const labels = labelsOf([50, 30, 21]);
  const names = ["a", "b", "c"];
  const split = stratifiedSplit(labels, { ratio: 0.2, seed: 7, names });
  expect([...split.train, ...split.heldOut].sort((a, b) => a - b)).toEqual([...labels.keys()]);
  expect([...split.heldOut]).toEqual([...split.heldOut].sort((a, b) => a - b));
  expect(stratifiedSplit(labels, { ratio: 0.2, seed: 7, names })).toEqual(split);
  expect(stratifiedSplit(labels, { ratio: 0.2, seed: 8, names }).heldOut).not.toEqual(split.heldOut);
});

test("a random split is disjoint, whole and seeded", () => {
  const split = randomSplit(101, { ratio: 0.2, seed: 7 });
  expect(split.heldOut.length).toBe(21);
  expect([...split.train, ...split.heldOut].sort((a, b) => a - b)).toEqual(
    Array.from({ length: 101 }, (_, i) => i),
  );
  expect(randomSplit(101, { ratio: 0.2, seed: 7 })).toEqual(split);
  expect(randomSplit(101, { ratio: 0.2, seed: 8 })).not.toEqual(split);
});

test("every row is held out about equally often", () => {
  const times = new Uint32Array(20);
  for (let seed = 0; seed < 2000; seed++) {
    for (const row of stratifiedSplit(labelsOf([10, 10]), { ratio: 0.3, seed, names: ["a", "b"] }).heldOut)
      times[row]!++;
  }
  // 600 expected, standard deviation 20
  expect(Math.min(...times)).toBeGreaterThan(500);
  expect(Math.max(...times)).toBeLessThan(700);
});

test("what cannot be split is told", () => {
  const split = (counts: number[], ratio: number) => () =>
    stratifiedSplit(labelsOf(counts), { ratio, seed: 0, names: namesOf(counts) });
  expect(split([9, 1], 0.2)).toThrowErrorMatchingInlineSnapshot(
    `[DataError: split: each class needs at least two rows to stand in both parts, "c1" has one. Add rows of that class, remove it, or set dataset.validation_ratio to 0 and name a dataset.validation file.]`,
  );
  expect(split([9, 1, 1, 1, 1, 1, 1], 0.2)).toThrowErrorMatchingInlineSnapshot(
    `[DataError: split: each class needs at least two rows to stand in both parts, "c1", "c2", "c3", "c4", "c5" and 1 more have one. Add rows of that class, remove it, or set dataset.validation_ratio to 0 and name a dataset.validation file.]`,
  );
  expect(split([5, 5, 5], 0.1)).toThrowErrorMatchingInlineSnapshot(
    `[DataError: split: the held-out part must have a row for each of 3 classes, it would have 2. Raise dataset.validation_ratio, or add rows.]`,
  );
  expect(split([5, 5, 5], 0.9)).toThrowErrorMatchingInlineSnapshot(
    `[DataError: split: the training part must have a row for each of 3 classes, it would have 1. Lower dataset.validation_ratio, or add rows.]`,
  );
  expect(split([2, 2], 0)).toThrowErrorMatchingInlineSnapshot(
    `[DataError: dataset.validation_ratio: must be between 0 and 1, got 0. Set it to 0.1, say.]`,
  );
  expect(split([2, 2], Number.NaN)).toThrow(/between 0 and 1, got NaN/);
  expect(() => randomSplit(1, { ratio: 0.5, seed: 0 })).toThrowErrorMatchingInlineSnapshot(
    `[DataError: split: holding out 1 of 1 rows leaves none to train on. Add rows, or lower dataset.validation_ratio.]`,
  );
});

test("a class without rows is left out of a split", () => {
  const { heldOut } = stratifiedSplit(labelsOf([10, 0, 10]), { ratio: 0.2, seed: 0, names: ["a", "b", "c"] });
  expect(heldOut.length).toBe(4);
});

test("half a million rows of one class are split", () => {
  const { heldOut } = stratifiedSplit(labelsOf([500_000, 10]), { ratio: 0.5, seed: 0, names: ["a", "b"] });
  expect(heldOut.length).toBe(250_005);
});

test("inverse frequency is scikit-learn's balanced", () => {
  for (const { counts, balanced } of golden.weights) {
    const weights = classWeights(counts, "inverse_frequency", { names: namesOf(counts) });
    for (const [id, weight] of balanced.entries()) expect(weights[id]).toBeCloseTo(weight, 12);
  }
});

test("the other weightings follow their formulas", () => {
  const names = ["a", "b"];
  expect([...classWeights([90, 10], "none", { names })]).toEqual([1, 1]);
  expect([...classWeights([90, 10], "sqrt", { names })]).toEqual([Math.sqrt(100 / 180), Math.sqrt(5)]);
  const [many, few] = classWeights([90, 10], "effective_number", { names, beta: 0.9 });
  expect(many! + few!).toBeCloseTo(2, 12);
  expect(few! / many!).toBeCloseTo((1 - 0.9 ** 90) / (1 - 0.9 ** 10), 12);
  expect([...classWeights([5, 0], "none", { names })]).toEqual([1, 1]);
});

test("weights that cannot be are refused", () => {
  const names = ["a", "b"];
  expect(() => classWeights([5, 0], "sqrt", { names })).toThrowErrorMatchingInlineSnapshot(
    `[DataError: class weights: each class must have training rows, "b" has none. Add rows of it, or turn class weights off.]`,
  );
  expect(() =>
    classWeights([5, 1], "effective_number", { names, beta: 1 }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[DataError: class weights: beta must be in [0, 1), got 1. Set it to 0.9999, say.]`,
  );
});
