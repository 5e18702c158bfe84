import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { Rng } from "../base/index.ts";
import { bootstrap, confidenceInterval } from "./bootstrap.ts";
import type { RowStatistics } from "./bootstrap.ts";
import { normalCdf, normalQuantile } from "./normal.ts";

function meanOf(values: ArrayLike<number>): RowStatistics {
  return (draws) => {
    let sum = 0;
    let total = 0;
    for (let i = 0; i < values.length; i++) {
      sum += draws[i]! * values[i]!;
      total += draws[i]!;
    }
    return [sum / total];
  };
}

test("intervals of a given distribution equal scipy's, percentile and BCa", () => {
  interface Case {
    rows: number[];
    samples: number[];
    method: "bca" | "percentile";
    confidence: number;
    low: number;
    high: number;
    standardError: number;
  }
  const url = new URL("../../tests/goldens/metrics/intervals.json", import.meta.url);
  const { cases } = JSON.parse(readFileSync(url, "utf8")) as { cases: Case[] };
  expect(cases.length).toBe(12);
  for (const { rows, samples, method, confidence, ...expected } of cases) {
    const sum = rows.reduce((a, b) => a + b, 0);
    const interval = confidenceInterval(
      {
        value: sum / rows.length,
        samples: Float64Array.from(samples),
        jackknife: Float64Array.from(rows, (row) => (sum - row) / (rows.length - 1)),
      },
      { method, confidence },
    );
    expect(interval.low).toBeCloseTo(expected.low, 9);
    expect(interval.high).toBeCloseTo(expected.high, 9);
    expect(interval.standardError).toBeCloseTo(expected.standardError, 9);
  }
});

test("95 % intervals hold the true accuracy in 93 to 97 % of data sets", () => {
  const truth = 0.85;
  const rng = new Rng(7);
  for (const method of ["percentile", "bca"] as const) {
    let covered = 0;
    const trials = 1000;
    for (let trial = 0; trial < trials; trial++) {
      const correct = Uint8Array.from({ length: 200 }, () => (rng.random() < truth ? 1 : 0));
      const [interval] = bootstrap(200, meanOf(correct), { resamples: 400, seed: trial, method });
      if (interval!.low <= truth && truth <= interval!.high) covered++;
    }
    expect(covered / trials, method).toBeGreaterThan(0.93);
    expect(covered / trials, method).toBeLessThan(0.97);
  }
});

test("95 % BCa intervals hold the mean of a skewed distribution more often than percentile ones", () => {
  const rng = new Rng(11);
  const covered = { percentile: 0, bca: 0 };
  const trials = 600;
  for (let trial = 0; trial < trials; trial++) {
    const values = Float64Array.from({ length: 60 }, () => Math.exp(1.2 * normalQuantile(rng.random())));
    for (const method of ["percentile", "bca"] as const) {
      const [interval] = bootstrap(60, meanOf(values), { resamples: 400, seed: trial, method });
      if (interval!.low <= Math.exp(0.72) && Math.exp(0.72) <= interval!.high) covered[method]++;
    }
  }
  expect(covered.bca).toBeGreaterThan(covered.percentile);
  expect(covered.percentile / trials).toBeGreaterThan(0.8);
});

test("leaving out groups of rows estimates the acceleration of leaving out each", () => {
  const rng = new Rng(3);
  const values = Float64Array.from({ length: 2000 }, () => -Math.log(1 - rng.random()));
  const [grouped] = bootstrap(2000, meanOf(values), { resamples: 2000 });
  const sum = values.reduce((a, b) => a + b, 0);
  const resampled: number[] = [];
  const statistic = meanOf(values);
  bootstrap(2000, (draws) => [resampled[resampled.push(statistic(draws)[0]!) - 1]!], {
    resamples: 2000,
    method: "percentile",
  });
  const exact = confidenceInterval({
    value: sum / 2000,
    samples: Float64Array.from(resampled.slice(1)),
    jackknife: values.map((value) => (sum - value) / 1999),
  });
  const width = exact.high - exact.low;
  expect(Math.abs(grouped!.low - exact.low)).toBeLessThan(0.02 * width);
  expect(Math.abs(grouped!.high - exact.high)).toBeLessThan(0.02 * width);
});

test("the same seed gives the same interval, another seed another", () => {
  const statistic = meanOf([1, 5, 2, 8, 3, 9, 4]);
  expect(bootstrap(7, statistic, { seed: 1 })).toEqual(bootstrap(7, statistic, { seed: 1 }));
  expect(bootstrap(7, statistic, { seed: 1 })).not.toEqual(bootstrap(7, statistic, { seed: 2 }));
});

test("a statistic that never changes has an interval of one point", () => {
  expect(bootstrap(5, meanOf([1, 1, 1, 1, 1]))).toEqual([{ value: 1, low: 1, high: 1, standardError: 0 }]);
  expect(bootstrap(1, meanOf([3]))).toEqual([{ value: 3, low: 3, high: 3, standardError: 0 }]);
});

test("an undefined statistic has no interval, a rarely undefined one keeps it", () => {
  const [never, rarely, mostly] = bootstrap(20, (draws) => [
    NaN,
    draws[0]! + draws[1]! + draws[2]! === 0 ? NaN : draws[3]!,
    draws[0]! > 0 && draws[1]! > 0 ? draws[3]! : NaN,
  ]);
  expect(never).toEqual({ value: NaN, low: NaN, high: NaN, standardError: NaN });
  expect(rarely!.low).toBeLessThanOrEqual(1);
  expect(rarely!.high).toBeGreaterThanOrEqual(1);
  expect(mostly).toEqual({ value: 1, low: NaN, high: NaN, standardError: NaN });
});

test("impossible settings are refused", () => {
  const statistic = meanOf([1, 2]);
  expect(() => bootstrap(0, statistic)).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: bootstrap: rows must be a whole number from 1, got 0. Pass a data set with rows.]`,
  );
  expect(() => bootstrap(2, statistic, { resamples: 1 })).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: bootstrap: resamples must be a whole number from 2, got 1. 1000 is usual for an interval.]`,
  );
  expect(() => bootstrap(2, statistic, { confidence: 95 })).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: bootstrap: confidence must be between 0 and 1, got 95. 0.95 is usual.]`,
  );
  expect(() => bootstrap(2, statistic, { method: "basic" as "bca" })).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: bootstrap: method must be one of bca, percentile, got "basic". Choose one of them.]`,
  );
});

test("the normal distribution agrees with its tables", () => {
  const table: [number, number][] = [
    [0, 0.5],
    [1, 0.8413447460685429],
    [-1, 0.15865525393145705],
    [1.959963984540054, 0.975],
    [-3, 0.0013498980316300946],
    [5, 0.9999997133484281],
    [-6, 9.86587645037698e-10],
  ];
  for (const [x, p] of table) {
    expect(Math.abs(normalCdf(x) - p)).toBeLessThan(1e-14);
    expect(Math.abs(normalQuantile(p) - x)).toBeLessThan(1e-8);
  }
  expect(normalQuantile(1e-300)).toBeCloseTo(-37.0471, 4);
  expect([normalQuantile(0), normalQuantile(1), normalCdf(-9), normalCdf(9)]).toEqual([
    -Infinity,
    Infinity,
    0,
    1,
  ]);
});
