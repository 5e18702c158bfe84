// Checks and views of what metrics take: class ids, one per row, and scores, row-major [rows, classes].
import { DataError, ShapeError, UsageError } from "../base/index.ts";

/** Class ids (whole numbers from 0), one per row. */
export type ClassIds = ArrayLike<number>;

/** Scores or probabilities, row-major: one per row, or one per row and class. */
export type Scores = ArrayLike<number>;

/** Throws unless both hold one class id per row and there is at least one row. */
export function checkPairs(where: string, labels: ClassIds, predictions: ClassIds): void {
  if (labels.length !== predictions.length) {
    throw new ShapeError(
      `${where}: labels and predictions must have one value per row, got ${labels.length} labels and ` +
        `${predictions.length} predictions. Pass both for the same rows.`,
    );
  }
  checkIds(where, "labels", labels);
  checkIds(where, "predictions", predictions);
}

/** Throws unless `ids` is not empty and holds whole numbers from 0 (and below `numClasses`). */
export function checkIds(where: string, name: string, ids: ClassIds, numClasses?: number): void {
  if (ids.length === 0) {
    throw new DataError(`${where}: ${name} must hold at least one row, got none. Pass a data set with rows.`);
  }
  for (let row = 0; row < ids.length; row++) {
    const id = ids[row]!;
    if (!Number.isInteger(id) || id < 0) {
      throw new DataError(
        `${where}: ${name} must be class ids (whole numbers from 0), got ${id} in row ${row}. ` +
          `Leave out rows without a label.`,
      );
    }
    if (numClasses !== undefined && id >= numClasses) {
      throw new DataError(
        `${where}: ${name} must be below the number of classes, got ${id} in row ${row} and ${numClasses} classes. ` +
          `Pass one column of scores per class.`,
      );
    }
  }
}

/** Throws unless there is one finite score per row. */
export function checkBinaryScores(where: string, labels: ClassIds, scores: Scores): void {
  checkIds(where, "labels", labels);
  if (scores.length !== labels.length) {
    throw new ShapeError(
      `${where}: scores must have one value per row, got ${scores.length} scores for ${labels.length} labels. ` +
        `Take one column of a score matrix with classScores.`,
    );
  }
  checkFinite(where, scores);
}

/** Returns the number of columns of a score matrix, after checking it against the labels. */
export function checkScores(where: string, labels: ClassIds, scores: Scores): number {
  if (labels.length === 0) checkIds(where, "labels", labels);
  const numClasses = scores.length / labels.length;
  if (!Number.isInteger(numClasses) || numClasses < 1) {
    throw new ShapeError(
      `${where}: scores must be [rows, classes] in row-major order, got ${scores.length} values for ` +
        `${labels.length} rows. Pass one score per row, or one per row and class.`,
    );
  }
  checkIds(where, "labels", labels, Math.max(numClasses, 2));
  checkFinite(where, scores);
  return numClasses;
}

/** Throws unless every score is a probability. */
export function checkProbabilities(where: string, scores: Scores): void {
  for (let i = 0; i < scores.length; i++) {
    const score = scores[i]!;
    if (score < 0 || score > 1) {
      throw new DataError(
        `${where}: scores must be probabilities between 0 and 1, got ${score}. Convert logits with softmax.`,
      );
    }
  }
}

/** Throws unless `value` is one of `valid`. */
export function checkChoice<T extends string>(
  where: string,
  name: string,
  value: T,
  valid: readonly T[],
): void {
  if (!valid.includes(value)) {
    throw new UsageError(
      `${where}: ${name} must be one of ${valid.join(", ")}, got "${value}". Choose one of them.`,
    );
  }
}

/** Copies the column of one class out of row-major scores `[rows, numClasses]`. */
export function classScores(scores: Scores, numClasses: number, classId: number): Float64Array {
  const column = new Float64Array(scores.length / numClasses);
  for (let row = 0; row < column.length; row++) column[row] = scores[row * numClasses + classId]!;
  return column;
}

/** Returns the class with the highest score of each row; the first of equals. */
export function argmaxRows(scores: Scores, numClasses: number): Int32Array {
  const predictions = new Int32Array(scores.length / numClasses);
  for (let row = 0; row < predictions.length; row++) {
    const start = row * numClasses;
    let best = 0;
    for (let k = 1; k < numClasses; k++) if (scores[start + k]! > scores[start + best]!) best = k;
    predictions[row] = best;
  }
  return predictions;
}

/** Returns the mean. */
export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
}

function checkFinite(where: string, scores: Scores): void {
  for (let i = 0; i < scores.length; i++) {
    if (!Number.isFinite(scores[i]!)) {
      throw new DataError(
        `${where}: scores must be finite, got ${scores[i]} at position ${i}. Look for a loss that went to NaN.`,
      );
    }
  }
}
