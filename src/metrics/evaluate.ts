// The evaluation of a classifier from its stored probabilities: every metric, with intervals, and what plots need.
import { DataError, UsageError } from "../base/index.ts";
import { accuracyScore, balancedAccuracyScore } from "./accuracy.ts";
import { cohenKappaScore, matthewsCorrcoef } from "./agreement.ts";
import type { BootstrapOptions, Interval } from "./bootstrap.ts";
import { calibrationError } from "./calibration.ts";
import type { ClassificationMetric } from "./catalogue.ts";
import { classificationReport } from "./classification-report.ts";
import type { ClassificationReport } from "./classification-report.ts";
import { confusionMatrix, countClasses } from "./confusion.ts";
import { argmaxRows, checkIds, checkProbabilities, checkScores } from "./inputs.ts";
import type { ClassIds, Scores } from "./inputs.ts";
import { metricIntervals } from "./intervals.ts";
import { f1Score, precisionScore, recallScore } from "./precision-recall.ts";
import { brierScoreLoss, logLoss } from "./probability.ts";
import { averagePrecisionScore, rocAucScore } from "./ranking.ts";

export interface EvaluationInput {
  /** Class id of each row. */
  labels: ClassIds;
  /** Probabilities, row-major `[rows, classes]`; see `softmax`. */
  scores: Scores;
  /** Names by class id. */
  classNames: readonly string[];
  /** Class of binary precision, recall and F1, for two classes. @default 1, the second name */
  positive?: number;
  /** Settings of the 95 % intervals, or false for none. */
  bootstrap?: BootstrapOptions | false;
}

export interface ClassificationEvaluation {
  rows: number;
  classNames: readonly string[];
  /**
   * By the names under which they are logged. For two classes `precision`, `recall` and `f1` are those of the
   * positive class, for more they are macro averages; `*_macro`, `*_micro`, `*_weighted` are always what they say.
   */
  metrics: Record<ClassificationMetric, number>;
  /** Intervals of the metrics; empty without bootstrap. */
  intervals: Partial<Record<ClassificationMetric, Interval>>;
  /** Scores of every class of `classNames`, and their averages. */
  report: ClassificationReport;
  /** Counts; row = true class, column = predicted class, both by class id. */
  confusionMatrix: number[][];
  predictions: Int32Array;
  /** What is undefined in this data set, and why. */
  warnings: string[];
}

/**
 * Evaluates a classifier on rows that it has scored. The values are scikit-learn's for the same rows: averages
 * are over classes that occur, `roc_auc` is `NaN` (with a warning) when a class has no rows.
 *
 * @example
 * const { metrics } = evaluateClassification({
 *   labels: Int32Array.of(0, 1, 1),
 *   scores: Float64Array.of(0.9, 0.1, 0.2, 0.8, 0.6, 0.4),
 *   classNames: ["ham", "spam"],
 * });
 * metrics.recall; // => 0.5
 */
export function evaluateClassification({
  labels,
  scores,
  classNames,
  positive = 1,
  bootstrap = {},
}: EvaluationInput): ClassificationEvaluation {
  const where = "evaluateClassification";
  const numClasses = classNames.length;
  checkInput({ labels, scores, numClasses });
  const predictions = argmaxRows(scores, numClasses);
  const warnings = new Set<string>();
  const options = { onWarning: (message: string) => void warnings.add(message) };
  if (!Number.isInteger(positive) || positive < 0 || positive >= numClasses) {
    throw new UsageError(
      `${where}: positive must be a class id below ${numClasses}, got ${positive}. Classes: ${classNames.join(", ")}.`,
    );
  }
  // explicit classes for the positive one, since the data set may hold other classes alone
  const headline =
    numClasses === 2 ? { classes: [positive], average: "macro" as const } : { average: "macro" as const };
  // the warnings of each of these calls would repeat those of the others
  for (const sentence of undefinedRatios(labels, predictions, classNames)) warnings.add(sentence);
  const ratios = (average: "macro" | "micro" | "weighted") =>
    [
      precisionScore(labels, predictions, { average, zeroDivision: 0 }),
      recallScore(labels, predictions, { average, zeroDivision: 0 }),
      f1Score(labels, predictions, { average, zeroDivision: 0 }),
    ] as const;
  const [precisionMacro, recallMacro, f1Macro] = ratios("macro");
  const [precisionMicro, recallMicro, f1Micro] = ratios("micro");
  const [precisionWeighted, recallWeighted, f1Weighted] = ratios("weighted");
  const metrics = {
    accuracy: accuracyScore(labels, predictions),
    balanced_accuracy: balancedAccuracyScore(labels, predictions, options),
    precision: precisionScore(labels, predictions, { ...headline, zeroDivision: 0 }),
    recall: recallScore(labels, predictions, { ...headline, zeroDivision: 0 }),
    f1: f1Score(labels, predictions, { ...headline, zeroDivision: 0 }),
    precision_macro: precisionMacro,
    recall_macro: recallMacro,
    f1_macro: f1Macro,
    precision_micro: precisionMicro,
    recall_micro: recallMicro,
    f1_micro: f1Micro,
    precision_weighted: precisionWeighted,
    recall_weighted: recallWeighted,
    f1_weighted: f1Weighted,
    mcc: matthewsCorrcoef(labels, predictions),
    cohen_kappa: cohenKappaScore(labels, predictions, options),
    roc_auc: rocAucScore(labels, scores, { positive, ...options }),
    average_precision: averagePrecisionScore(labels, scores, { positive, ...options }),
    log_loss: logLoss(labels, scores, options),
    brier: brierScoreLoss(labels, scores, options),
    calibration_error: calibrationError(labels, scores),
  };
  const classes = Array.from({ length: numClasses }, (_, k) => k);
  return {
    rows: labels.length,
    classNames,
    metrics,
    intervals: bootstrap === false ? {} : metricIntervals(labels, scores, { ...bootstrap, positive }),
    report: classificationReport(labels, predictions, { classes, classNames, zeroDivision: 0 }),
    confusionMatrix: confusionMatrix(labels, predictions, { classes }),
    predictions,
    warnings: [...warnings],
  };
}

/** Says of which classes precision or recall is a ratio to no rows, which counts as 0. */
function undefinedRatios(labels: ClassIds, predictions: ClassIds, classNames: readonly string[]): string[] {
  const { predicted, support } = countClasses(labels, predictions, [...classNames.keys()]);
  const occurs = (id: number) => predicted[id]! + support[id]! > 0 || classNames.length === 2;
  const namesWithout = (rows: Float64Array) =>
    classNames.filter((_, id) => rows[id] === 0 && occurs(id)).map((name) => JSON.stringify(name));
  const unpredicted = namesWithout(predicted);
  const unlabelled = namesWithout(support);
  return [
    ...(unpredicted.length > 0
      ? [`no row is predicted as ${unpredicted.join(", ")}: precision counts as 0 there`]
      : []),
    ...(unlabelled.length > 0
      ? [`no row is labelled ${unlabelled.join(", ")}: recall counts as 0 there`]
      : []),
  ];
}

function checkInput({
  labels,
  scores,
  numClasses,
}: {
  labels: ClassIds;
  scores: Scores;
  numClasses: number;
}): void {
  const where = "evaluateClassification";
  if (numClasses < 2) {
    throw new DataError(
      `${where}: there must be at least two classes, got ${numClasses}. Check the label column of the data set.`,
    );
  }
  const columns = checkScores(where, labels, scores);
  if (columns !== numClasses) {
    throw new DataError(
      `${where}: scores must have a column per class name, got ${columns} columns and ${numClasses} names. ` +
        `Evaluate with the label map that the model was trained with.`,
    );
  }
  checkIds(where, "labels", labels, numClasses);
  checkProbabilities(where, scores);
}
