// Precision, recall and F-scores: per class and averaged, after scikit-learn's precision_recall_fscore_support.
import { DataError, UsageError } from "../base/index.ts";
import { checkClasses, countClasses, presentClasses } from "./confusion.ts";
import type { ClassCounts } from "./confusion.ts";
import { checkChoice, checkPairs } from "./inputs.ts";
import type { ClassIds } from "./inputs.ts";
import { warn } from "./warning.ts";
import type { WarningOptions } from "./warning.ts";

/**
 * How the classes' scores become one: `binary` takes the positive class alone, `micro` counts over all classes,
 * `macro` is the plain mean, `weighted` the mean by the classes' rows.
 */
export type Average = "binary" | "micro" | "macro" | "weighted";

export interface PerClassOptions extends WarningOptions {
  /** Classes to score, in their order. @default all that occur in labels or predictions, ascending */
  classes?: ClassIds;
  /** Value of a ratio whose divisor is zero; setting it silences the warning. `NaN` leaves it out of means. @default 0 */
  zeroDivision?: 0 | 1 | typeof NaN;
}

export interface PrecisionRecallOptions extends PerClassOptions {
  /** @default "binary" */
  average?: Average;
  /** Positive class of `average: "binary"`. @default 1 */
  positive?: number;
}

/** Scores of each class, in the order of `classes`. */
export interface PerClassScores {
  classes: readonly number[];
  precision: Float64Array;
  recall: Float64Array;
  fscore: Float64Array;
  /** Rows of the class in `labels`. */
  support: Float64Array;
}

/** Returns the share of the rows predicted as a class that are of it. */
export function precisionScore(
  labels: ClassIds,
  predictions: ClassIds,
  options: PrecisionRecallOptions = {},
): number {
  return averagedScore("precisionScore", labels, predictions, { ...options, ratio: "precision" });
}

/** Returns the share of the rows of a class that were predicted as it. */
export function recallScore(
  labels: ClassIds,
  predictions: ClassIds,
  options: PrecisionRecallOptions = {},
): number {
  return averagedScore("recallScore", labels, predictions, { ...options, ratio: "recall" });
}

/**
 * Returns the harmonic mean of precision and recall.
 *
 * @example
 * f1Score([0, 1, 2, 0, 1, 2], [0, 1, 2, 0, 0, 2], { average: "micro" }); // => 0.8333333333333334
 */
export function f1Score(
  labels: ClassIds,
  predictions: ClassIds,
  options: PrecisionRecallOptions = {},
): number {
  return averagedScore("f1Score", labels, predictions, { ...options, ratio: "fscore" });
}

/** Returns the F-score that weighs recall `beta` times as much as precision. */
export function fbetaScore(
  labels: ClassIds,
  predictions: ClassIds,
  options: PrecisionRecallOptions & { beta: number },
): number {
  if (!(options.beta >= 0)) {
    throw new UsageError(`fbetaScore: beta must be at least 0, got ${options.beta}. F1 has beta 1.`);
  }
  return averagedScore("fbetaScore", labels, predictions, { ...options, ratio: "fscore" });
}

/** Returns precision, recall, F-score and rows of each class. */
export function precisionRecallFscoreSupport(
  labels: ClassIds,
  predictions: ClassIds,
  options: PerClassOptions & { /** @default 1 */ beta?: number } = {},
): PerClassScores {
  const where = "precisionRecallFscoreSupport";
  checkPairs(where, labels, predictions);
  const counts = countClasses(labels, predictions, chosenClasses(where, labels, predictions, options));
  const [precision, recall, fscore] = (["precision", "recall", "fscore"] as const).map((ratio) => {
    warnOfZeroDivision(where, counts, { ...options, ratio });
    return ratioOf(counts, { ...options, ratio });
  }) as [Float64Array, Float64Array, Float64Array];
  return { classes: counts.classes, precision, recall, fscore, support: counts.support };
}

export type Ratio = "precision" | "recall" | "fscore";

export interface RatioOptions {
  ratio: Ratio;
  beta?: number;
  zeroDivision?: number;
}

/** Returns one ratio of every class. */
export function ratioOf(
  { hits, predicted, support }: ClassCounts,
  { ratio, beta = 1, zeroDivision = 0 }: RatioOptions,
): Float64Array {
  // the limits of the F-score: beta 0 is precision, infinite beta is recall
  const kind =
    ratio !== "fscore" ? ratio : beta === 0 ? "precision" : beta === Infinity ? "recall" : "fscore";
  const beta2 = beta * beta;
  return hits.map((hit, k) => {
    const numerator = kind === "fscore" ? (1 + beta2) * hit : hit;
    const divisor =
      kind === "precision"
        ? predicted[k]!
        : kind === "recall"
          ? support[k]!
          : beta2 * support[k]! + predicted[k]!;
    return divisor === 0 ? zeroDivision : numerator / divisor;
  });
}

/** Returns one ratio over all classes of the counts. */
export function averageOf(
  counts: ClassCounts,
  { average, ...options }: RatioOptions & { average: Average },
): number {
  if (average === "micro") return ratioOf(summed(counts), options)[0]!;
  const values = ratioOf(counts, options);
  return meanIgnoringNaN(values, average === "weighted" ? counts.support : undefined);
}

function averagedScore(
  where: string,
  labels: ClassIds,
  predictions: ClassIds,
  options: PrecisionRecallOptions & RatioOptions,
): number {
  const { average = "binary", positive = 1 } = options;
  checkPairs(where, labels, predictions);
  checkChoice(where, "average", average, ["binary", "micro", "macro", "weighted"]);
  const classes =
    average === "binary"
      ? [positiveClass(where, positive, presentClasses(labels, predictions))]
      : chosenClasses(where, labels, predictions, options);
  const counts = countClasses(labels, predictions, classes);
  warnOfZeroDivision(where, average === "micro" ? summed(counts) : counts, options);
  return averageOf(counts, { ...options, average });
}

function positiveClass(where: string, positive: number, present: readonly number[]): number {
  if (present.length > 2) {
    throw new DataError(
      `${where}: average "binary" must have at most two classes, got ${present.length}. ` +
        `Set average to "macro", "micro" or "weighted".`,
    );
  }
  if (present.length === 2 && !present.includes(positive)) {
    throw new DataError(
      `${where}: positive must be a class of the data, got ${positive} and classes ${present.join(", ")}. ` +
        `Set positive to one of them.`,
    );
  }
  return positive;
}

function chosenClasses(
  where: string,
  labels: ClassIds,
  predictions: ClassIds,
  { classes }: PerClassOptions,
): number[] {
  return classes === undefined ? presentClasses(labels, predictions) : checkClasses(where, classes);
}

function warnOfZeroDivision(
  where: string,
  counts: ClassCounts,
  options: PerClassOptions & RatioOptions,
): void {
  if (options.zeroDivision !== undefined) return;
  const defined = ratioOf(counts, { ...options, zeroDivision: NaN });
  const undefinedClasses = counts.classes.filter((_, k) => Number.isNaN(defined[k]!));
  if (undefinedClasses.length === 0) return;
  const { missing, name } = zeroDivisionWords[options.ratio];
  const subject = counts.classes.length === 1 ? "" : ` of class ${undefinedClasses.join(", ")}`;
  warn(
    options,
    `${where}: ${name}${subject} is undefined (no ${missing} rows) and counts as 0. ` +
      `Set zeroDivision to choose its value.`,
  );
}

const zeroDivisionWords: Record<Ratio, { name: string; missing: string }> = {
  precision: { name: "precision", missing: "predicted" },
  recall: { name: "recall", missing: "labelled" },
  fscore: { name: "the F-score", missing: "labelled or predicted" },
};

function summed({ hits, predicted, support }: ClassCounts): ClassCounts {
  const sum = (values: Float64Array) => Float64Array.of(values.reduce((a, b) => a + b, 0));
  return { classes: [0], hits: sum(hits), predicted: sum(predicted), support: sum(support) };
}

function meanIgnoringNaN(values: Float64Array, weights?: Float64Array): number {
  let sum = 0;
  let total = 0;
  for (let k = 0; k < values.length; k++) {
    if (Number.isNaN(values[k]!)) continue;
    const weight = weights === undefined ? 1 : weights[k]!;
    sum += values[k]! * weight;
    total += weight;
  }
  if (total > 0) return sum / total;
  // no rows at all weigh: the plain mean, as in scikit-learn
  return weights === undefined ? NaN : meanIgnoringNaN(values);
}
