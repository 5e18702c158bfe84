// Curves over all thresholds of one class's scores: ROC and precision-recall. Areas: ranking.ts.
import { checkBinaryScores } from "./inputs.ts";
import type { ClassIds, Scores } from "./inputs.ts";
import { warn } from "./warning.ts";
import type { WarningOptions } from "./warning.ts";

export interface CurveOptions extends WarningOptions {
  /** The class that the scores speak for; all others are negative. @default 1 */
  positive?: number;
  /** Leaves out points that do not change the curve's shape. @default true for ROC, false for precision-recall */
  dropIntermediate?: boolean;
}

/** Points of a ROC curve, by falling threshold. */
export interface RocCurve {
  /** False positive rates. */
  fpr: Float64Array;
  /** True positive rates. */
  tpr: Float64Array;
  thresholds: Float64Array;
}

/** Points of a precision-recall curve, by rising threshold; the last point (1, 0) has no threshold. */
export interface PrecisionRecallCurve {
  precision: Float64Array;
  recall: Float64Array;
  thresholds: Float64Array;
}

/**
 * Returns the ROC curve of one class; rates without rows to divide by are `NaN`, with a warning.
 *
 * Shapes: `labels [rows]`, `scores [rows]`.
 */
export function rocCurve(labels: ClassIds, scores: Scores, options: CurveOptions = {}): RocCurve {
  const { positive = 1, dropIntermediate = true } = options;
  checkBinaryScores("rocCurve", labels, scores);
  let curve = countsByThreshold(labels, scores, positive);
  if (dropIntermediate) curve = keepPoints(curve, (i) => isCorner(curve.fps, i) || isCorner(curve.tps, i));
  const negatives = curve.fps.at(-1)!;
  const positives = curve.tps.at(-1)!;
  if (negatives === 0) warn(options, "rocCurve: no negative rows in labels; the false positive rate is NaN.");
  if (positives === 0) warn(options, "rocCurve: no positive rows in labels; the true positive rate is NaN.");
  const rate = (counts: Float64Array, total: number) =>
    Float64Array.from([0, ...counts], (count) => (total === 0 ? NaN : count / total));
  return {
    fpr: rate(curve.fps, negatives),
    tpr: rate(curve.tps, positives),
    thresholds: Float64Array.from([Infinity, ...curve.thresholds]),
  };
}

/**
 * Returns the precision-recall curve of one class; without a positive row recall is 1, with a warning.
 *
 * Shapes: `labels [rows]`, `scores [rows]`.
 */
export function precisionRecallCurve(
  labels: ClassIds,
  scores: Scores,
  options: CurveOptions = {},
): PrecisionRecallCurve {
  const { positive = 1, dropIntermediate = false } = options;
  checkBinaryScores("precisionRecallCurve", labels, scores);
  let curve = countsByThreshold(labels, scores, positive);
  if (dropIntermediate) {
    const { tps } = curve;
    curve = keepPoints(curve, (i) => tps[i] !== tps[i - 1] || tps[i] !== tps[i + 1]);
  }
  const positives = curve.tps.at(-1)!;
  if (positives === 0) {
    warn(options, "precisionRecallCurve: no positive rows in labels; recall is 1 at every threshold.");
  }
  return {
    precision: withLast(curve.tps.map((tp, i) => tp / (tp + curve.fps[i]!)).reverse(), 1),
    recall: withLast(curve.tps.map((tp) => (positives === 0 ? 1 : tp / positives)).reverse(), 0),
    thresholds: curve.thresholds.reverse(),
  };
}

interface ThresholdCounts {
  /** Negative rows at or above each threshold. */
  fps: Float64Array;
  /** Positive rows at or above each threshold. */
  tps: Float64Array;
  thresholds: Float64Array;
}

/** Counts rows at or above each distinct score, by falling score. */
export function countsByThreshold(labels: ClassIds, scores: Scores, positive: number): ThresholdCounts {
  const order = descendingOrder(scores);
  const fps: number[] = [];
  const tps: number[] = [];
  const thresholds: number[] = [];
  let tp = 0;
  for (let i = 0; i < order.length; i++) {
    if (labels[order[i]!] === positive) tp++;
    const score = scores[order[i]!]!;
    if (i + 1 < order.length && scores[order[i + 1]!] === score) continue; // equal scores are one point
    tps.push(tp);
    fps.push(i + 1 - tp);
    thresholds.push(score);
  }
  return {
    fps: Float64Array.from(fps),
    tps: Float64Array.from(tps),
    thresholds: Float64Array.from(thresholds),
  };
}

/** Returns the rows by falling score. */
export function descendingOrder(scores: Scores): Int32Array {
  return Int32Array.from({ length: scores.length }, (_, row) => row).sort((a, b) => scores[b]! - scores[a]!);
}

/** Keeps the first and last point, and those that `keep`. */
function keepPoints(curve: ThresholdCounts, keep: (index: number) => boolean): ThresholdCounts {
  const last = curve.tps.length - 1;
  const filter = (values: Float64Array) => values.filter((_, i) => i === 0 || i === last || keep(i));
  return { fps: filter(curve.fps), tps: filter(curve.tps), thresholds: filter(curve.thresholds) };
}

function withLast(values: Float64Array, last: number): Float64Array {
  return Float64Array.from([...values, last]);
}

function isCorner(values: Float64Array, i: number): boolean {
  return values[i + 1]! - 2 * values[i]! + values[i - 1]! !== 0;
}
