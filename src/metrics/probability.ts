// Scores of probabilities: log loss and Brier score, and softmax to get probabilities from logits.
import { checkProbabilities, checkScores, mean } from "./inputs.ts";
import type { ClassIds, Scores } from "./inputs.ts";
import { warn } from "./warning.ts";
import type { WarningOptions } from "./warning.ts";

/**
 * Returns the mean negative log likelihood of the labels. Probabilities of 0 and 1 are moved inwards by the
 * epsilon of the scores' type (float64, or float32 for a `Float32Array`), as in scikit-learn.
 *
 * Shapes: `labels [rows]`, `scores [rows]` (of class 1) or `[rows, classes]`.
 *
 * @example
 * logLoss([1, 0], [0.5, 0.5]); // => 0.6931471805599453
 */
export function logLoss(labels: ClassIds, scores: Scores, options: WarningOptions = {}): number {
  const numClasses = checkScores("logLoss", labels, scores);
  checkProbabilities("logLoss", scores);
  warnOfRowSums("logLoss", scores, { ...options, numClasses });
  return mean(logLosses(labels, scores, numClasses));
}

/**
 * Returns the Brier score: the mean squared distance of the probabilities from the label's 0s and 1s, halved
 * for two classes, as in scikit-learn.
 *
 * Shapes: `labels [rows]`, `scores [rows]` (of class 1) or `[rows, classes]`.
 */
export function brierScoreLoss(labels: ClassIds, scores: Scores, options: WarningOptions = {}): number {
  const numClasses = checkScores("brierScoreLoss", labels, scores);
  checkProbabilities("brierScoreLoss", scores);
  warnOfRowSums("brierScoreLoss", scores, { ...options, numClasses });
  return mean(brierScores(labels, scores, numClasses));
}

/** Returns the negative log likelihood of each row's label. */
export function logLosses(labels: ClassIds, scores: Scores, numClasses: number): Float64Array {
  const epsilon = epsilonOf(scores);
  return Float64Array.from({ length: labels.length }, (_, row) => {
    const probability = probabilityOf(scores, { numClasses, row, classId: labels[row]! });
    return -Math.log(Math.min(Math.max(probability, epsilon), 1 - epsilon));
  });
}

/** Returns the Brier score of each row. */
export function brierScores(labels: ClassIds, scores: Scores, numClasses: number): Float64Array {
  return Float64Array.from({ length: labels.length }, (_, row) => {
    let sum = 0;
    for (let classId = 0; classId < Math.max(numClasses, 2); classId++) {
      const target = labels[row] === classId ? 1 : 0;
      sum += (target - probabilityOf(scores, { numClasses, row, classId })) ** 2;
    }
    return numClasses <= 2 ? sum / 2 : sum;
  });
}

/**
 * Turns logits `[rows, numClasses]` into probabilities, in float64, so that rows sum to 1 and confident rows
 * do not tie.
 */
export function softmax(logits: Scores, numClasses: number): Float64Array {
  const probabilities = Float64Array.from(logits);
  for (let start = 0; start < probabilities.length; start += numClasses) {
    const row = probabilities.subarray(start, start + numClasses);
    const highest = row.reduce((a, b) => Math.max(a, b), -Infinity);
    let sum = 0;
    for (let k = 0; k < numClasses; k++) sum += row[k] = Math.exp(row[k]! - highest);
    for (let k = 0; k < numClasses; k++) row[k]! /= sum;
  }
  return probabilities;
}

function probabilityOf(
  scores: Scores,
  { numClasses, row, classId }: { numClasses: number; row: number; classId: number },
): number {
  if (numClasses > 1) return scores[row * numClasses + classId]!;
  return classId === 1 ? scores[row]! : 1 - scores[row]!;
}

function epsilonOf(scores: Scores): number {
  return scores instanceof Float32Array ? 2 ** -23 : Number.EPSILON;
}

function warnOfRowSums(
  where: string,
  scores: Scores,
  { numClasses, ...options }: WarningOptions & { numClasses: number },
): void {
  if (numClasses === 1) return;
  const tolerance = Math.sqrt(epsilonOf(scores));
  for (let row = 0; row * numClasses < scores.length; row++) {
    let sum = 0;
    for (let k = 0; k < numClasses; k++) sum += scores[row * numClasses + k]!;
    if (Math.abs(sum - 1) > tolerance) {
      warn(
        options,
        `${where}: the probabilities of row ${row} sum to ${sum}, not 1. Convert logits with softmax.`,
      );
      return;
    }
  }
}
