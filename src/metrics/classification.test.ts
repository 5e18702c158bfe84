import { expect, test } from "vitest";
import { logger } from "../base/index.ts";
import {
  RunningMean,
  accuracyScore,
  calibrationError,
  classificationReport,
  cohenKappaScore,
  confusionMatrix,
  f1Score,
  fbetaScore,
  logLoss,
  precisionScore,
  reliabilityBins,
  rocAucScore,
  rocCurve,
  softmax,
  topKAccuracyScore,
} from "./index.ts";

test("a warning goes to the logger unless the caller takes it", () => {
  const logged: string[] = [];
  const remove = logger.addSink((level, message) => logged.push(`${level}: ${message}`));
  precisionScore([0, 1], [0, 0], { onWarning: () => {} });
  expect(logged).toEqual([]);
  precisionScore([0, 1], [0, 0]);
  remove();
  expect(logged).toMatchInlineSnapshot(`
    [
      "warn: precisionScore: precision is undefined (no predicted rows) and counts as 0. Set zeroDivision to choose its value.",
    ]
  `);
});

test("a warning names the classes that it is about", () => {
  const warnings: string[] = [];
  const onWarning = (message: string) => warnings.push(message);
  precisionScore([0, 1, 2, 2], [0, 0, 0, 0], { average: "macro", onWarning });
  rocAucScore([1, 1], [0.2, 0.3], { onWarning });
  cohenKappaScore([1, 1], [1, 1], { onWarning });
  topKAccuracyScore([0, 1], [0.1, 0.9, 0.2, 0.8], { onWarning });
  logLoss([0], [0.5, 0.6], { onWarning });
  expect(warnings).toMatchInlineSnapshot(`
    [
      "precisionScore: precision of class 1, 2 is undefined (no predicted rows) and counts as 0. Set zeroDivision to choose its value.",
      "rocAucScore: undefined for class 1, which every row is of; the score is NaN.",
      "cohenKappaScore: undefined, since labels and predictions hold one class in common; the score is NaN.",
      "topKAccuracyScore: k (2) is not below the number of classes (2); the score is 1.",
      "logLoss: the probabilities of row 0 sum to 1.1, not 1. Convert logits with softmax.",
    ]
  `);
});

test("wrong inputs are refused with what was found", () => {
  expect(() => accuracyScore([0, 1], [0])).toThrowErrorMatchingInlineSnapshot(
    `[ShapeError: accuracyScore: labels and predictions must have one value per row, got 2 labels and 1 predictions. Pass both for the same rows.]`,
  );
  expect(() => accuracyScore([], [])).toThrowErrorMatchingInlineSnapshot(
    `[DataError: accuracyScore: labels must hold at least one row, got none. Pass a data set with rows.]`,
  );
  expect(() => accuracyScore([0.5], [0])).toThrowErrorMatchingInlineSnapshot(
    `[DataError: accuracyScore: labels must be class ids (whole numbers from 0), got 0.5 in row 0. Leave out rows without a label.]`,
  );
  expect(() => f1Score([0, 1, 2], [0, 1, 2])).toThrowErrorMatchingInlineSnapshot(
    `[DataError: f1Score: average "binary" must have at most two classes, got 3. Set average to "macro", "micro" or "weighted".]`,
  );
  expect(() => f1Score([0, 2], [0, 2])).toThrowErrorMatchingInlineSnapshot(
    `[DataError: f1Score: positive must be a class of the data, got 1 and classes 0, 2. Set positive to one of them.]`,
  );
  expect(() => f1Score([0], [0], { average: "samples" as "macro" })).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: f1Score: average must be one of binary, micro, macro, weighted, got "samples". Choose one of them.]`,
  );
  expect(() => fbetaScore([0], [0], { beta: -1 })).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: fbetaScore: beta must be at least 0, got -1. F1 has beta 1.]`,
  );
  expect(() => confusionMatrix([0], [0], { classes: [0, 0] })).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: confusionMatrix: classes must name at least one class and none twice, got [0, 0]. Leave it out to take all classes that occur.]`,
  );
  expect(() => confusionMatrix([0], [0], { classes: [4] })).toThrowErrorMatchingInlineSnapshot(
    `[DataError: confusionMatrix: at least one of classes must occur in labels, got classes 4. Pass classes of this data set.]`,
  );
  expect(() =>
    classificationReport([0, 1], [0, 1], { classNames: ["a"] }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: classificationReport: classNames must name each class, got 1 names for 2 classes. Pass classes with the ids that the names stand for.]`,
  );
  expect(() => rocCurve([0, 1], [0.1, 0.2, 0.3, 0.4])).toThrowErrorMatchingInlineSnapshot(
    `[ShapeError: rocCurve: scores must have one value per row, got 4 scores for 2 labels. Take one column of a score matrix with classScores.]`,
  );
  expect(() => rocAucScore([0, 1, 2], [1, 2, 3, 4, 5, 6, 7, 8, 9])).toThrowErrorMatchingInlineSnapshot(
    `[DataError: rocAucScore: scores of more than two classes must be probabilities that sum to 1, got the sum 6 in row 0. Convert logits with softmax.]`,
  );
  expect(() => rocAucScore([0, 1], [0.1, 0.9, 0.2, 0.8], { positive: 2 })).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: rocAucScore: positive must be 0 or 1 for two classes, got 2. It names the column to score.]`,
  );
  expect(() => logLoss([0], [1.5])).toThrowErrorMatchingInlineSnapshot(
    `[DataError: logLoss: scores must be probabilities between 0 and 1, got 1.5. Convert logits with softmax.]`,
  );
  expect(() => topKAccuracyScore([0], [0.2, 0.3, 0.5], { k: 0 })).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: topKAccuracyScore: k must be a whole number from 1, got 0. Pass 1 for plain accuracy.]`,
  );
  expect(() => reliabilityBins([0], [0.5], { bins: 0 })).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: reliabilityBins: bins must be a whole number from 1, got 0. The usual number is 15.]`,
  );
});

test("a confidence on the edge of two bins belongs to the lower, and 1 to the last", () => {
  const rows = (confidence: number, bins: number) =>
    reliabilityBins([0], [confidence, 1 - confidence], { bins }).findIndex((bin) => bin.rows === 1);
  expect(rows(0.6, 10)).toBe(5);
  expect(rows(0.7, 10)).toBe(6); // 0.7 * 10 rounds to 7.000000000000001 in some orders
  expect(rows(0.61, 10)).toBe(6);
  expect(rows(1, 15)).toBe(14);
  for (let bins = 1; bins <= 200; bins++) {
    for (let edge = Math.ceil(bins / 2); edge <= bins; edge++) expect(rows(edge / bins, bins)).toBe(edge - 1);
  }
});

test("one column of scores is calibrated as two", () => {
  const scores = [0.2, 0.9, 0.6, 0.4];
  const both = scores.flatMap((score) => [1 - score, score]);
  expect(calibrationError([0, 1, 0, 1], scores)).toBeCloseTo(calibrationError([0, 1, 0, 1], both), 12);
});

test("log loss of float32 scores clips by the float32 epsilon", () => {
  expect(logLoss([1], Float32Array.of(0))).toBeCloseTo(-Math.log(2 ** -23), 12);
  expect(logLoss([1], Float64Array.of(0))).toBeCloseTo(-Math.log(2 ** -52), 12);
});

test("softmax keeps huge logits finite and rows summing to 1", () => {
  const probabilities = softmax(Float32Array.of(1000, 999, -1000, 0, 0, 0), 3);
  expect(probabilities[0]).toBeCloseTo(Math.E / (1 + Math.E), 12);
  expect(probabilities[2]).toBe(0);
  expect([...probabilities.subarray(3)]).toEqual([1 / 3, 1 / 3, 1 / 3]);
});

test("a running mean weighs batches by their items", () => {
  const loss = new RunningMean();
  expect(loss.value).toBeNaN();
  loss.add(1, 32);
  loss.add(4, 16);
  loss.add(NaN, 0); // an empty batch says nothing
  expect([loss.value, loss.items]).toEqual([2, 48]);
  loss.add(NaN, 1);
  expect(loss.value).toBeNaN();
  loss.reset();
  loss.add(3);
  expect(loss.value).toBe(3);
  expect(() => loss.add(1, -1)).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: RunningMean: items must be at least 0, got -1. Pass the size of the batch.]`,
  );
});
