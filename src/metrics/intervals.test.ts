import { describe, expect, test } from "vitest";
import { Rng } from "../base/index.ts";
import {
  argmaxRows,
  classificationMetrics,
  compareModels,
  evaluateClassification,
  metricIntervals,
  metricMode,
  softmax,
} from "./index.ts";
import type { ClassificationMetric } from "./index.ts";
import { normalQuantile } from "./normal.ts";
import { rowMetrics } from "./row-metrics.ts";

interface SyntheticOptions {
  rows: number;
  numClasses: number;
  /** How far the logit of the right class stands out. */
  margin: number;
  seed: number;
}

function synthetic({ rows, numClasses, margin, seed }: SyntheticOptions) {
  const rng = new Rng(seed);
  const labels = Int32Array.from({ length: rows }, () => rng.below(numClasses));
  const logits = Float64Array.from(
    { length: rows * numClasses },
    (_, i) =>
      normalQuantile(rng.random()) + (i % numClasses === labels[Math.floor(i / numClasses)] ? margin : 0),
  );
  return { labels, scores: softmax(logits, numClasses) };
}

const names = (count: number) => Array.from({ length: count }, (_, k) => `class ${k}`);

describe("a metric of drawn rows equals the plain function on a copy of those rows", () => {
  const cases = [
    { rows: 40, numClasses: 2, margin: 1, seed: 1 },
    { rows: 12, numClasses: 2, margin: 3, seed: 2 },
    { rows: 60, numClasses: 4, margin: 1, seed: 3 },
    { rows: 15, numClasses: 6, margin: 0, seed: 4 }, // some classes are not drawn
  ];
  for (const options of cases) {
    test(`${options.rows} rows, ${options.numClasses} classes`, () => {
      const { numClasses } = options;
      const { labels, scores } = synthetic(options);
      for (let i = 0; i < scores.length; i++) scores[i] = Math.round(scores[i]! * 20) / 20; // ties
      for (let row = 0; row < labels.length; row++) {
        const others = scores.subarray(row * numClasses + 1, (row + 1) * numClasses);
        scores[row * numClasses] = Math.abs(1 - others.reduce((a, b) => a + b, 0));
      }
      const statistic = rowMetrics({ labels, scores, numClasses, positive: 1 }, classificationMetrics);
      const rng = new Rng(options.seed);
      for (let repeat = 0; repeat < 20; repeat++) {
        const rows = Array.from(labels, () => rng.below(labels.length));
        const draws = new Int32Array(labels.length);
        for (const row of rows) draws[row]!++;
        const values = Array.from(statistic(draws));
        const copied = evaluateClassification({
          labels: Int32Array.from(rows, (row) => labels[row]!),
          scores: Float64Array.from(
            rows.flatMap((row) => [...scores.subarray(row * numClasses, (row + 1) * numClasses)]),
          ),
          classNames: names(numClasses),
          bootstrap: false,
        }).metrics;
        classificationMetrics.forEach((name, index) => {
          if (Number.isNaN(copied[name])) expect(values[index], name).toBeNaN();
          else expect(values[index], name).toBeCloseTo(copied[name], 10);
        });
      }
    });
  }
});

test("95 % intervals of F1 and ROC-AUC hold the true value in 93 to 97 % of data sets", () => {
  const metrics: ClassificationMetric[] = ["f1", "roc_auc", "log_loss"];
  const shape = { numClasses: 2, margin: 1 };
  const truth = metricIntervals(...both(synthetic({ ...shape, rows: 200_000, seed: 99 })), {
    metrics,
    resamples: 2,
    method: "percentile",
  });
  const covered = new Map(metrics.map((name) => [name, 0]));
  const trials = 600;
  for (let trial = 0; trial < trials; trial++) {
    const intervals = metricIntervals(...both(synthetic({ ...shape, rows: 200, seed: 1000 + trial })), {
      metrics,
      resamples: 400,
      seed: trial,
    });
    for (const name of metrics) {
      const { low, high } = intervals[name];
      const value = truth[name].value;
      if (low <= value && value <= high) covered.set(name, covered.get(name)! + 1);
    }
  }
  for (const [name, count] of covered) {
    expect(count / trials, name).toBeGreaterThan(0.93);
    expect(count / trials, name).toBeLessThan(0.97);
  }
});

test("a model compared with itself is neither better nor worse", () => {
  const { labels, scores } = synthetic({ rows: 100, numClasses: 3, margin: 1, seed: 5 });
  const { accuracy } = compareModels(
    labels,
    { candidate: scores, baseline: scores },
    { metrics: ["accuracy"] },
  );
  expect(accuracy.difference).toEqual({ value: 0, low: 0, high: 0, standardError: 0 });
  expect(accuracy).toMatchObject({ probabilityBetter: 0.5, pValue: 1 });
});

test("a better model is found better by every metric, whichever way that metric points", () => {
  const good = synthetic({ rows: 800, numClasses: 2, margin: 2.5, seed: 6 });
  const poor = synthetic({ rows: 800, numClasses: 2, margin: 1, seed: 6 }); // same labels and noise
  expect(good.labels).toEqual(poor.labels);
  const comparisons = compareModels(good.labels, { candidate: good.scores, baseline: poor.scores });
  for (const name of classificationMetrics) {
    if (name === "calibration_error") continue; // says nothing of which model is better here
    const { difference, probabilityBetter, pValue } = comparisons[name];
    const gain =
      metricMode(name) === "max" ? difference : { low: -difference.high, value: -difference.value };
    expect(gain.low, name).toBeGreaterThan(0);
    expect(probabilityBetter, name).toBeGreaterThan(0.99);
    expect(pValue, name).toBeLessThan(0.01);
  }
});

test("pairing makes the interval of a difference narrower than its two models' intervals", () => {
  const a = synthetic({ rows: 500, numClasses: 2, margin: 1.1, seed: 8 });
  const b = synthetic({ rows: 500, numClasses: 2, margin: 1, seed: 8 });
  const { accuracy } = compareModels(
    a.labels,
    { candidate: a.scores, baseline: b.scores },
    { metrics: ["accuracy"] },
  );
  const { candidate, difference } = accuracy;
  expect(difference.value).toBeCloseTo(candidate.value - accuracy.baseline.value, 12);
  expect(difference.high - difference.low).toBeLessThan(0.6 * (candidate.high - candidate.low));
});

test("without a true difference, p is below 0.05 in about 5 % of comparisons", () => {
  let significant = 0;
  const trials = 400;
  for (let trial = 0; trial < trials; trial++) {
    const { labels, scores } = synthetic({ rows: 150, numClasses: 2, margin: 1, seed: 10_000 + trial });
    // an equally good model that errs on other rows
    const rng = new Rng(trial, 9);
    const other = softmax(
      Float64Array.from(
        { length: 300 },
        (_, i) => normalQuantile(rng.random()) + (i % 2 === labels[i >> 1] ? 1 : 0),
      ),
      2,
    );
    const { accuracy } = compareModels(
      labels,
      { candidate: scores, baseline: other },
      { metrics: ["accuracy"], resamples: 300, seed: trial, method: "percentile" },
    );
    if (accuracy.pValue < 0.05) significant++;
  }
  expect(significant / trials).toBeGreaterThan(0.015);
  expect(significant / trials).toBeLessThan(0.085);
});

test("a metric that is named twice is computed once", () => {
  const { labels, scores } = synthetic({ rows: 30, numClasses: 2, margin: 1, seed: 1 });
  const twice = metricIntervals(labels, scores, { metrics: ["roc_auc", "f1", "roc_auc"] });
  expect(twice).toEqual(metricIntervals(labels, scores, { metrics: ["roc_auc", "f1"] }));
});

test("an unknown metric and scores of another shape are refused", () => {
  const { labels, scores } = synthetic({ rows: 10, numClasses: 2, margin: 1, seed: 1 });
  const metrics = ["acuracy" as "accuracy"];
  expect(() => metricIntervals(labels, scores, { metrics })).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: metricIntervals: unknown metric "acuracy". Did you mean "accuracy"? Valid: accuracy, average_precision, balanced_accuracy, brier, calibration_error, cohen_kappa, f1, f1_macro, f1_micro, f1_weighted, log_loss, mcc, precision, precision_macro, precision_micro, precision_weighted, recall, recall_macro, recall_micro, recall_weighted, roc_auc.]`,
  );
  expect(() =>
    compareModels(labels, { candidate: scores, baseline: scores.subarray(2) }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[ShapeError: compareModels: both models must score the same rows and classes, got 20 and 18 scores. Evaluate both on the same data set.]`,
  );
  expect(() => metricIntervals(labels, scores.subarray(10))).toThrowErrorMatchingInlineSnapshot(
    `[ShapeError: metricIntervals: scores must have a column per class, got one column. Pass [rows, classes].]`,
  );
  expect(() => metricIntervals(labels, scores, { positive: 2 })).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: metricIntervals: positive must be a class id below 2, got 2. Usually it is 1.]`,
  );
  expect(() => metricMode("toString" as "f1")).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: metricMode: unknown metric "toString". Valid: accuracy, average_precision, balanced_accuracy, brier, calibration_error, cohen_kappa, f1, f1_macro, f1_micro, f1_weighted, log_loss, mcc, precision, precision_macro, precision_micro, precision_weighted, recall, recall_macro, recall_micro, recall_weighted, roc_auc.]`,
  );
});

test("1000 resamples of 3,000 rows take a fraction of a second", () => {
  const { labels, scores } = synthetic({ rows: 3000, numClasses: 2, margin: 1, seed: 2 });
  const metrics: ClassificationMetric[] = ["accuracy", "f1", "precision", "recall"];
  metricIntervals(labels, scores, { metrics, resamples: 100 });
  const start = performance.now();
  metricIntervals(labels, scores, { metrics });
  expect(performance.now() - start).toBeLessThan(1000); // about 100 ms on a free core
  expect(argmaxRows(scores, 2).length).toBe(3000);
});

function both({ labels, scores }: { labels: Int32Array; scores: Float64Array }): [Int32Array, Float64Array] {
  return [labels, scores];
}
