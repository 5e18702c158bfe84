// The metrics of a data set in which rows occur any number of times: what the bootstrap computes a thousand times.
// Everything that does not depend on the draws is prepared once. The values equal those of the plain functions.
import { accuracyOf, balancedAccuracyOf } from "./accuracy.ts";
import { cohenKappaOf, matthewsOf } from "./agreement.ts";
import type { RowStatistics } from "./bootstrap.ts";
import { binOf, confidences } from "./calibration.ts";
import type { ClassificationMetric } from "./catalogue.ts";
import { emptyCounts } from "./confusion.ts";
import type { ClassCounts } from "./confusion.ts";
import { descendingOrder } from "./curves.ts";
import { argmaxRows, classScores } from "./inputs.ts";
import type { ClassIds, Scores } from "./inputs.ts";
import { averageOf, ratioOf } from "./precision-recall.ts";
import type { Ratio } from "./precision-recall.ts";
import { brierScores, logLosses } from "./probability.ts";

/** A data set with a model's probabilities, row-major `[rows, numClasses]`. */
export interface ScoredRows {
  labels: ClassIds;
  scores: Scores;
  numClasses: number;
  /** The class of binary precision, recall and F1. */
  positive: number;
}

/** Returns a statistic that computes the named metrics, in their order. */
export function rowMetrics(rows: ScoredRows, names: readonly ClassificationMetric[]): RowStatistics {
  const families = [countMetrics, rankingMetrics, meanMetrics, calibrationMetrics];
  const parts = families.map((family) => family(rows, names)).filter((part) => part !== undefined);
  const values = new Float64Array(names.length);
  return (draws) => {
    for (const part of parts) part(draws, values);
    return values;
  };
}

/** Writes its own metrics to their places among all values. */
type Part = (draws: Int32Array, values: Float64Array) => void;

type Family = (rows: ScoredRows, names: readonly ClassificationMetric[]) => Part | undefined;

// metrics of predicted classes: one pass to count, then a formula each
const countMetrics: Family = (rows, names) => {
  const formulas = names.flatMap((name, index) => {
    const formula = countFormula(name, rows);
    return formula === undefined ? [] : [{ formula, index }];
  });
  if (formulas.length === 0) return undefined;
  const { numClasses } = rows;
  const labels = Int32Array.from(rows.labels);
  const predictions = argmaxRows(rows.scores, numClasses);
  const counts = emptyCounts(Array.from({ length: numClasses }, (_, k) => k));
  const { hits, predicted, support } = counts;
  return (draws, values) => {
    hits.fill(0);
    predicted.fill(0);
    support.fill(0);
    let total = 0;
    for (let row = 0; row < labels.length; row++) {
      const times = draws[row]!;
      const label = labels[row]!;
      const prediction = predictions[row]!;
      total += times;
      support[label]! += times;
      predicted[prediction]! += times;
      if (label === prediction) hits[label]! += times;
    }
    const present = presentCounts(counts);
    for (const { formula, index } of formulas) values[index] = formula({ all: counts, present, total });
  };
};

interface Counted {
  all: ClassCounts;
  /** Without classes that neither labels nor predictions hold. */
  present: ClassCounts;
  /** Number of rows. */
  total: number;
}

type CountFormula = (counted: Counted) => number;

function countFormula(
  name: ClassificationMetric,
  { numClasses, positive }: ScoredRows,
): CountFormula | undefined {
  switch (name) {
    case "accuracy":
      return ({ present, total }) => accuracyOf(present, total);
    case "balanced_accuracy":
      return ({ present }) => balancedAccuracyOf(present);
    case "mcc":
      return ({ present, total }) => matthewsOf(present, total);
    case "cohen_kappa":
      return ({ present, total }) => cohenKappaOf(present, total);
  }
  const match = /^(precision|recall|f1)(?:_(macro|micro|weighted))?$/.exec(name);
  if (match === null) return undefined;
  const ratio: Ratio = match[1] === "f1" ? "fscore" : (match[1] as Ratio);
  const average = match[2] as "macro" | "micro" | "weighted" | undefined;
  if (average === undefined && numClasses === 2) return ({ all }) => ratioOf(all, { ratio })[positive]!;
  return ({ present }) => averageOf(present, { ratio, average: average ?? "macro" });
}

function presentCounts(counts: ClassCounts): ClassCounts {
  const { hits, predicted, support } = counts;
  const classes = counts.classes.filter((k) => predicted[k]! + support[k]! > 0);
  if (classes.length === counts.classes.length) return counts;
  const pick = (values: Float64Array) => Float64Array.from(classes, (k) => values[k]!);
  return { classes, hits: pick(hits), predicted: pick(predicted), support: pick(support) };
}

// ROC-AUC and average precision: rows are sorted once per class, each resample is one walk
const rankingMetrics: Family = (rows, names) => {
  const rocAuc = names.indexOf("roc_auc");
  const averagePrecision = names.indexOf("average_precision");
  if (rocAuc < 0 && averagePrecision < 0) return undefined;
  const { numClasses, positive } = rows;
  const ranked = numClasses === 2 ? [positive] : Array.from({ length: numClasses }, (_, k) => k);
  const walks = ranked.map((classId) => rankedRows(rows, classId));
  const areas = { rocAuc: 0, averagePrecision: 0 };
  return (draws, values) => {
    let rocAucSum = 0;
    let averagePrecisionSum = 0;
    for (const walk of walks) {
      walkRanking(walk, draws, areas);
      rocAucSum += areas.rocAuc;
      averagePrecisionSum += areas.averagePrecision;
    }
    if (rocAuc >= 0) values[rocAuc] = rocAucSum / walks.length;
    if (averagePrecision >= 0) values[averagePrecision] = averagePrecisionSum / walks.length;
  };
};

/** Rows by falling score of a class, each as `row * 4 + isLastOfEqualScores * 2 + isOfClass`. */
function rankedRows({ labels, scores, numClasses }: ScoredRows, classId: number): Int32Array {
  const column = classScores(scores, numClasses, classId);
  const order = descendingOrder(column);
  return order.map((row, i) => {
    const last = i + 1 === order.length || column[order[i + 1]!] !== column[row];
    return row * 4 + (last ? 2 : 0) + (labels[row] === classId ? 1 : 0);
  });
}

function walkRanking(
  ranked: Int32Array,
  draws: Int32Array,
  areas: { rocAuc: number; averagePrecision: number },
): void {
  let positives = 0;
  let negatives = 0;
  let groupPositives = 0;
  let groupNegatives = 0;
  let area = 0;
  let steps = 0;
  for (let i = 0; i < ranked.length; i++) {
    const entry = ranked[i]!;
    const times = draws[entry >> 2]!;
    if ((entry & 1) === 1) groupPositives += times;
    else groupNegatives += times;
    if ((entry & 2) === 0) continue;
    area += groupNegatives * (positives + groupPositives / 2);
    positives += groupPositives;
    negatives += groupNegatives;
    if (groupPositives > 0) steps += (groupPositives * positives) / (positives + negatives);
    groupPositives = 0;
    groupNegatives = 0;
  }
  areas.rocAuc = positives === 0 || negatives === 0 ? NaN : area / (positives * negatives);
  areas.averagePrecision = positives === 0 ? 0 : steps / positives;
}

// metrics that are a mean over rows
const meanMetrics: Family = ({ labels, scores, numClasses }, names) => {
  const perRow = { log_loss: logLosses, brier: brierScores };
  const columns = Object.entries(perRow).flatMap(([name, compute]) => {
    const index = names.indexOf(name as keyof typeof perRow);
    return index < 0 ? [] : [{ index, losses: compute(labels, scores, numClasses) }];
  });
  if (columns.length === 0) return undefined;
  return (draws, values) => {
    for (const { index, losses } of columns) {
      let sum = 0;
      let total = 0;
      for (let row = 0; row < losses.length; row++) {
        const times = draws[row]!;
        sum += times * losses[row]!;
        total += times;
      }
      values[index] = sum / total;
    }
  };
};

const calibrationMetrics: Family = ({ labels, scores, numClasses }, names) => {
  const index = names.indexOf("calibration_error");
  if (index < 0) return undefined;
  const bins = 15; // the default of calibrationError
  const { value, correct } = confidences(labels, scores, numClasses);
  const bin = Uint8Array.from(value, (confidence) => binOf(confidence, bins));
  const surplus = value.map((confidence, row) => correct[row]! - confidence); // accuracy minus confidence
  const sums = new Float64Array(bins);
  return (draws, values) => {
    sums.fill(0);
    let total = 0;
    for (let row = 0; row < surplus.length; row++) {
      const times = draws[row]!;
      sums[bin[row]!]! += times * surplus[row]!;
      total += times;
    }
    values[index] = sums.reduce((sum, gap) => sum + Math.abs(gap), 0) / total;
  };
};
