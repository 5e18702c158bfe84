import { expect, test } from "vitest";
import {
  classificationMetrics,
  evaluateClassification,
  f1Score,
  precisionScore,
  recallScore,
} from "./index.ts";

const spam = {
  labels: Int32Array.of(0, 0, 0, 1, 1, 0),
  scores: Float64Array.of(0.9, 0.1, 0.4, 0.6, 0.8, 0.2, 0.3, 0.7, 0.6, 0.4, 0.7, 0.3),
  classNames: ["ham", "spam"],
};
const predictions = [0, 1, 0, 1, 0, 0];

test("of two classes, precision, recall and F1 are those of the second class", () => {
  const { metrics, predictions: predicted } = evaluateClassification(spam);
  expect([...predicted]).toEqual(predictions);
  expect(metrics.precision).toBe(precisionScore(spam.labels, predictions));
  expect(metrics.recall).toBe(recallScore(spam.labels, predictions));
  expect(metrics.f1).toBe(f1Score(spam.labels, predictions));
  expect(metrics.f1_macro).toBe(f1Score(spam.labels, predictions, { average: "macro" }));
  expect(metrics.accuracy).toBeCloseTo(4 / 6, 12);
});

test("another positive class can be named", () => {
  const { metrics } = evaluateClassification({ ...spam, positive: 0 });
  expect(metrics.f1).toBe(f1Score(spam.labels, predictions, { positive: 0 }));
  expect(metrics.roc_auc).toBeCloseTo(evaluateClassification(spam).metrics.roc_auc, 12);
});

test("of more classes, precision, recall and F1 are macro averages over classes that occur", () => {
  const { metrics, report, warnings } = evaluateClassification({
    labels: [0, 1, 1, 0],
    scores: [0.8, 0.1, 0.1, 0.2, 0.7, 0.1, 0.6, 0.3, 0.1, 0.5, 0.3, 0.2],
    classNames: ["a", "b", "never"],
  });
  expect(metrics.f1).toBe(f1Score([0, 1, 1, 0], [0, 1, 0, 0], { average: "macro" }));
  expect(metrics.f1).toBe(metrics.f1_macro);
  expect(report.classes[2]).toEqual({ name: "never", precision: 0, recall: 0, f1: 0, support: 0 });
  expect(metrics.roc_auc).toBeNaN();
  expect(warnings).toMatchInlineSnapshot(`
    [
      "rocAucScore: undefined for class 2, which no row is of; the score is NaN.",
      "averagePrecisionScore: undefined for class 2, which no row is of; the score is 0.",
    ]
  `);
});

test("a test set of one class has values where they exist, and says what is undefined", () => {
  const { metrics, intervals, warnings } = evaluateClassification({
    labels: [0, 0],
    scores: [0.9, 0.1, 0.8, 0.2],
    classNames: ["ham", "spam"],
  });
  expect(metrics).toMatchObject({
    accuracy: 1,
    f1: 0,
    recall: 0,
    mcc: 0,
    roc_auc: NaN,
    average_precision: 0,
  });
  expect(intervals.roc_auc).toEqual({ value: NaN, low: NaN, high: NaN, standardError: NaN });
  expect(warnings).toMatchInlineSnapshot(`
    [
      "no row is predicted as "spam": precision counts as 0 there",
      "no row is labelled "spam": recall counts as 0 there",
      "cohenKappaScore: undefined, since labels and predictions hold one class in common; the score is NaN.",
      "rocAucScore: undefined for class 1, which no row is of; the score is NaN.",
      "averagePrecisionScore: undefined for class 1, which no row is of; the score is 0.",
    ]
  `);
});

test("every metric has an interval around its value", () => {
  const { metrics, intervals } = evaluateClassification({ ...spam, bootstrap: { resamples: 200 } });
  for (const name of classificationMetrics) {
    expect(intervals[name]!.value, name).toBeCloseTo(metrics[name], 12);
    expect(intervals[name]!.low, name).toBeLessThanOrEqual(intervals[name]!.high);
  }
  expect(evaluateClassification({ ...spam, bootstrap: false }).intervals).toEqual({});
});

test("the confusion matrix covers all class names", () => {
  const { confusionMatrix } = evaluateClassification({
    labels: [0, 2],
    scores: [0.6, 0.2, 0.2, 0.1, 0.8, 0.1],
    classNames: ["a", "b", "c"],
    bootstrap: false,
  });
  expect(confusionMatrix).toEqual([
    [1, 0, 0],
    [0, 0, 0],
    [0, 1, 0],
  ]);
});

test("inputs that do not fit together are refused", () => {
  const evaluate = (changes: Partial<typeof spam> & { positive?: number }) => () =>
    evaluateClassification({ ...spam, ...changes });
  expect(evaluate({ classNames: ["a", "b", "c"] })).toThrowErrorMatchingInlineSnapshot(
    `[DataError: evaluateClassification: scores must have a column per class name, got 2 columns and 3 names. Evaluate with the label map that the model was trained with.]`,
  );
  expect(evaluate({ classNames: ["a"] })).toThrowErrorMatchingInlineSnapshot(
    `[DataError: evaluateClassification: there must be at least two classes, got 1. Check the label column of the data set.]`,
  );
  expect(evaluate({ labels: Int32Array.of(0, 1, 2, 0, 1, 0) })).toThrowErrorMatchingInlineSnapshot(
    `[DataError: evaluateClassification: labels must be below the number of classes, got 2 in row 2 and 2 classes. Pass one column of scores per class.]`,
  );
  expect(evaluate({ labels: Int32Array.of(0, 1, -100, 0, 1, 0) })).toThrowErrorMatchingInlineSnapshot(
    `[DataError: evaluateClassification: labels must be class ids (whole numbers from 0), got -100 in row 2. Leave out rows without a label.]`,
  );
  expect(evaluate({ labels: new Int32Array(0) })).toThrowErrorMatchingInlineSnapshot(
    `[DataError: evaluateClassification: labels must hold at least one row, got none. Pass a data set with rows.]`,
  );
  expect(evaluate({ labels: new Int32Array(5) })).toThrowErrorMatchingInlineSnapshot(
    `[ShapeError: evaluateClassification: scores must be [rows, classes] in row-major order, got 12 values for 5 rows. Pass one score per row, or one per row and class.]`,
  );
  expect(evaluate({ scores: spam.scores.map((p) => p * 5) })).toThrowErrorMatchingInlineSnapshot(
    `[DataError: evaluateClassification: scores must be probabilities between 0 and 1, got 4.5. Convert logits with softmax.]`,
  );
  expect(evaluate({ scores: spam.scores.map(() => NaN) })).toThrowErrorMatchingInlineSnapshot(
    `[DataError: evaluateClassification: scores must be finite, got NaN at position 0. Look for a loss that went to NaN.]`,
  );
  expect(evaluate({ positive: 2 })).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: evaluateClassification: positive must be a class id below 2, got 2. Classes: ham, spam.]`,
  );
});
