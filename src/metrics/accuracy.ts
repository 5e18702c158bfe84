// Shares of rows that were predicted rightly.
import { UsageError } from "../base/index.ts";
import { countClasses } from "./confusion.ts";
import type { ClassCounts } from "./confusion.ts";
import { checkPairs, checkScores, mean } from "./inputs.ts";
import type { ClassIds, Scores } from "./inputs.ts";
import { warn } from "./warning.ts";
import type { WarningOptions } from "./warning.ts";

/**
 * Returns the share of rows whose prediction is their label.
 *
 * @example
 * accuracyScore([0, 1, 2, 3], [0, 2, 1, 3]); // => 0.5
 */
export function accuracyScore(labels: ClassIds, predictions: ClassIds): number {
  checkPairs("accuracyScore", labels, predictions);
  return accuracyOf(countClasses(labels, predictions), labels.length);
}

/** Returns the mean recall of the classes that occur in `labels`. */
export function balancedAccuracyScore(
  labels: ClassIds,
  predictions: ClassIds,
  options: WarningOptions = {},
): number {
  checkPairs("balancedAccuracyScore", labels, predictions);
  const counts = countClasses(labels, predictions);
  const unlabelled = counts.classes.filter((_, k) => counts.support[k] === 0);
  if (unlabelled.length > 0) {
    warn(
      options,
      `balancedAccuracyScore: no row has the label of predicted class ${unlabelled.join(", ")}; left out of the mean.`,
    );
  }
  return balancedAccuracyOf(counts);
}

/** Returns accuracy from the counts of all classes. */
export function accuracyOf({ hits }: ClassCounts, rows: number): number {
  return hits.reduce((a, b) => a + b, 0) / rows;
}

/** Returns balanced accuracy from the counts of all classes. */
export function balancedAccuracyOf({ hits, support }: ClassCounts): number {
  let sum = 0;
  let classes = 0;
  for (let k = 0; k < hits.length; k++) {
    if (support[k] === 0) continue;
    sum += hits[k]! / support[k]!;
    classes++;
  }
  return sum / classes;
}

export interface TopKAccuracyOptions extends WarningOptions {
  /** How many guesses count. @default 2, as in scikit-learn */
  k?: number;
}

/**
 * Returns the share of rows whose label is among the `k` classes with the highest scores.
 * Of classes with equal scores the last ranks first, as in scikit-learn.
 *
 * Shapes: `labels [rows]`, `scores [rows, classes]`.
 */
export function topKAccuracyScore(
  labels: ClassIds,
  scores: Scores,
  options: TopKAccuracyOptions = {},
): number {
  const { k = 2 } = options;
  const numClasses = checkScores("topKAccuracyScore", labels, scores);
  if (!Number.isInteger(k) || k < 1) {
    throw new UsageError(
      `topKAccuracyScore: k must be a whole number from 1, got ${k}. Pass 1 for plain accuracy.`,
    );
  }
  if (k >= numClasses) {
    warn(
      options,
      `topKAccuracyScore: k (${k}) is not below the number of classes (${numClasses}); the score is 1.`,
    );
  }
  return mean(topKHits(labels, scores, { numClasses, k }));
}

/** Returns 1 for each row whose label is among the `k` best classes, else 0. */
export function topKHits(
  labels: ClassIds,
  scores: Scores,
  { numClasses, k }: { numClasses: number; k: number },
): Float64Array {
  return Float64Array.from({ length: labels.length }, (_, row) => {
    const label = labels[row]!;
    const own = scores[row * numClasses + label]!;
    let ahead = 0;
    for (let j = 0; j < numClasses; j++) {
      const other = scores[row * numClasses + j]!;
      if (other > own || (other === own && j > label)) ahead++;
    }
    return ahead < k ? 1 : 0;
  });
}
