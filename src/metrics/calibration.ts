// How far a model's confidence can be believed: reliability bins and the expected calibration error.
import { UsageError } from "../base/index.ts";
import { argmaxRows, checkProbabilities, checkScores } from "./inputs.ts";
import type { ClassIds, Scores } from "./inputs.ts";

export interface CalibrationOptions {
  /** Number of bins of equal width between 0 and 1. @default 15 */
  bins?: number;
}

/** Rows whose confidence lies in one bin `(lower, upper]`. */
export interface ReliabilityBin {
  lower: number;
  upper: number;
  rows: number;
  /** Mean confidence of the rows; `NaN` without rows. */
  confidence: number;
  /** Share of the rows that were predicted rightly; `NaN` without rows. */
  accuracy: number;
}

/**
 * Groups rows by their confidence (the probability of the predicted class).
 *
 * Shapes: `labels [rows]`, `scores [rows]` (of class 1) or `[rows, classes]`.
 */
export function reliabilityBins(
  labels: ClassIds,
  scores: Scores,
  { bins = 15 }: CalibrationOptions = {},
): ReliabilityBin[] {
  const numClasses = checkScores("reliabilityBins", labels, scores);
  checkProbabilities("reliabilityBins", scores);
  if (!Number.isInteger(bins) || bins < 1) {
    throw new UsageError(
      `reliabilityBins: bins must be a whole number from 1, got ${bins}. The usual number is 15.`,
    );
  }
  const confidence = confidences(labels, scores, numClasses);
  const sums = Array.from({ length: bins }, () => ({ rows: 0, confidence: 0, correct: 0 }));
  for (let row = 0; row < labels.length; row++) {
    const bin = sums[binOf(confidence.value[row]!, bins)]!;
    bin.rows++;
    bin.confidence += confidence.value[row]!;
    bin.correct += confidence.correct[row]!;
  }
  return sums.map(({ rows, confidence: sum, correct }, index) => ({
    lower: index / bins,
    upper: (index + 1) / bins,
    rows,
    confidence: rows === 0 ? NaN : sum / rows,
    accuracy: rows === 0 ? NaN : correct / rows,
  }));
}

/**
 * Returns the expected calibration error (Guo et al. 2017, arXiv:1706.04599, equation 3): the mean distance of
 * accuracy from confidence over the bins, weighted by their rows.
 *
 * Shapes: `labels [rows]`, `scores [rows]` (of class 1) or `[rows, classes]`.
 */
export function calibrationError(labels: ClassIds, scores: Scores, options: CalibrationOptions = {}): number {
  let error = 0;
  for (const { rows, confidence, accuracy } of reliabilityBins(labels, scores, options)) {
    if (rows > 0) error += (rows / labels.length) * Math.abs(accuracy - confidence);
  }
  return error;
}

/** Returns each row's probability of the predicted class, and 1 where that class is right, else 0. */
export function confidences(
  labels: ClassIds,
  scores: Scores,
  numClasses: number,
): { value: Float64Array; correct: Uint8Array } {
  const columns = numClasses === 1 ? bothColumns(scores) : scores;
  const width = Math.max(numClasses, 2);
  const predictions = argmaxRows(columns, width);
  return {
    value: Float64Array.from(predictions, (prediction, row) => columns[row * width + prediction]!),
    correct: Uint8Array.from(predictions, (prediction, row) => (prediction === labels[row] ? 1 : 0)),
  };
}

/** Returns the bin `(lower, upper]` of a confidence; 0 belongs to the first. */
export function binOf(confidence: number, bins: number): number {
  let bin = Math.max(0, Math.ceil(confidence * bins) - 1);
  // the product may round across an edge: the edges themselves decide
  if (confidence <= bin / bins && bin > 0) bin--;
  else if (confidence > (bin + 1) / bins) bin++;
  return Math.min(bin, bins - 1);
}

function bothColumns(scores: Scores): Float64Array {
  const columns = new Float64Array(2 * scores.length);
  for (let row = 0; row < scores.length; row++) {
    columns[2 * row] = 1 - scores[row]!;
    columns[2 * row + 1] = scores[row]!;
  }
  return columns;
}
