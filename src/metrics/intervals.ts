// Confidence intervals of classification metrics, and the paired comparison of two models on the same rows.
import { ShapeError, UsageError } from "../base/index.ts";
import { bootstrap, bootstrapDistributions, confidenceInterval } from "./bootstrap.ts";
import type { BootstrapOptions, Interval } from "./bootstrap.ts";
import { checkMetric, classificationMetrics, metricMode } from "./catalogue.ts";
import type { ClassificationMetric } from "./catalogue.ts";
import { checkProbabilities, checkScores } from "./inputs.ts";
import type { ClassIds, Scores } from "./inputs.ts";
import { rowMetrics } from "./row-metrics.ts";

export interface MetricIntervalsOptions<
  Metric extends ClassificationMetric = ClassificationMetric,
> extends BootstrapOptions {
  /** Metrics to compute. @default all of `classificationMetrics` */
  metrics?: readonly Metric[];
  /** Class of binary precision, recall and F1. @default 1 */
  positive?: number;
}

/**
 * Returns metrics with bootstrap intervals, all from the same resamples.
 *
 * Shapes: `labels [rows]`, `scores [rows, classes]`, probabilities.
 */
export function metricIntervals<Metric extends ClassificationMetric = ClassificationMetric>(
  labels: ClassIds,
  scores: Scores,
  options: MetricIntervalsOptions<Metric> = {},
): Record<Metric, Interval> {
  const metrics = chosenMetrics("metricIntervals", options);
  const rows = scoredRows("metricIntervals", labels, scores, options);
  const intervals = bootstrap(labels.length, rowMetrics(rows, metrics), options);
  return Object.fromEntries(metrics.map((name, index) => [name, intervals[index]!])) as Record<
    Metric,
    Interval
  >;
}

/** What the same rows say of two models by one metric. */
export interface ModelComparison {
  candidate: Interval;
  baseline: Interval;
  /** Candidate minus baseline. */
  difference: Interval;
  /** Share of resamples in which the candidate is better; equal ones count half. */
  probabilityBetter: number;
  /** Two-sided, of no difference: twice the smaller share of resamples on either side of zero. */
  pValue: number;
}

/**
 * Compares two models by each metric on the same rows: every resample draws the same rows for both, so what makes
 * a row hard cancels out.
 *
 * Shapes: `labels [rows]`, both scores `[rows, classes]`, probabilities.
 */
export function compareModels<Metric extends ClassificationMetric = ClassificationMetric>(
  labels: ClassIds,
  { candidate, baseline }: { candidate: Scores; baseline: Scores },
  options: MetricIntervalsOptions<Metric> = {},
): Record<Metric, ModelComparison> {
  const metrics = chosenMetrics("compareModels", options);
  if (candidate.length !== baseline.length) {
    throw new ShapeError(
      `compareModels: both models must score the same rows and classes, got ${candidate.length} and ` +
        `${baseline.length} scores. Evaluate both on the same data set.`,
    );
  }
  const ofCandidate = rowMetrics(scoredRows("compareModels", labels, candidate, options), metrics);
  const ofBaseline = rowMetrics(scoredRows("compareModels", labels, baseline, options), metrics);
  const values = new Float64Array(3 * metrics.length);
  const distributions = bootstrapDistributions(
    labels.length,
    (draws) => {
      const a = ofCandidate(draws);
      const b = ofBaseline(draws);
      for (let i = 0; i < metrics.length; i++) values.set([a[i]!, b[i]!, a[i]! - b[i]!], 3 * i);
      return values;
    },
    options,
  );
  const comparisons = metrics.map((name, index): [Metric, ModelComparison] => {
    const [a, b, difference] = distributions.slice(3 * index, 3 * index + 3);
    const intervalOf = (distribution: typeof a) => confidenceInterval(distribution!, options);
    return [
      name,
      {
        candidate: intervalOf(a),
        baseline: intervalOf(b),
        difference: intervalOf(difference),
        ...evidence(difference!.samples, metricMode(name)),
      },
    ];
  });
  return Object.fromEntries(comparisons) as Record<Metric, ModelComparison>;
}

function chosenMetrics<Metric extends ClassificationMetric>(
  where: string,
  { metrics }: MetricIntervalsOptions<Metric>,
): Metric[] {
  const chosen = [...new Set(metrics ?? (classificationMetrics as Metric[]))];
  for (const name of chosen) checkMetric(where, name);
  return chosen;
}

function evidence(
  differences: Float64Array,
  mode: "max" | "min",
): Pick<ModelComparison, "probabilityBetter" | "pValue"> {
  if (differences.length === 0) return { probabilityBetter: NaN, pValue: NaN };
  let above = 0;
  let below = 0;
  for (const difference of differences) {
    if (difference > 0) above++;
    else if (difference < 0) below++;
  }
  const total = differences.length;
  const equal = total - above - below;
  const better = mode === "max" ? above : below;
  return {
    probabilityBetter: (better + equal / 2) / total,
    // plus one, since the data set itself is one more draw: no finite number of resamples proves p = 0
    pValue: Math.min(1, (2 * (Math.min(above, below) + equal + 1)) / (total + 1)),
  };
}

function scoredRows(
  where: string,
  labels: ClassIds,
  scores: Scores,
  { positive = 1 }: MetricIntervalsOptions,
) {
  const numClasses = checkScores(where, labels, scores);
  checkProbabilities(where, scores);
  if (numClasses < 2) {
    throw new ShapeError(
      `${where}: scores must have a column per class, got one column. Pass [rows, classes].`,
    );
  }
  if (!Number.isInteger(positive) || positive < 0 || positive >= numClasses) {
    throw new UsageError(
      `${where}: positive must be a class id below ${numClasses}, got ${positive}. Usually it is 1.`,
    );
  }
  return { labels, scores, numClasses, positive };
}
