// The plots of a run.
import type { ClassificationEvaluation } from "../../metrics/index.ts";
import { classScores, precisionRecallCurve, reliabilityBins, rocCurve } from "../../metrics/index.ts";
import {
  barChart,
  confusionPlot,
  lineChart,
  precisionRecallPlot,
  reliabilityPlot,
  rocPlot,
} from "../../plots/index.ts";
import type { MetricPoints } from "../metric-history.ts";

/** Draws a run's plots; keys are file names. */
export function drawPlots(
  history: MetricPoints,
  evaluation: ClassificationEvaluation,
  scores: Float64Array,
  labels: Int32Array,
): Record<string, string> {
  const { classNames, confusionMatrix, metrics, report } = evaluation;
  const positive = classNames.length === 2 ? [1] : classNames.map((_, id) => id).slice(0, 8);
  const shown = positive.filter((id) => labels.includes(id) && labels.some((label) => label !== id));
  const column = (id: number) => classScores(scores, classNames.length, id);
  return {
    "loss.svg": curves(history, "Loss", ["train_loss", "val_loss"], "cross entropy"),
    "metrics.svg": curves(
      history,
      "Validation metrics",
      ["val_accuracy", "val_f1", "val_precision", "val_recall"],
      "score",
    ),
    "learning_rate.svg": curves(history, "Learning rate", ["lr"], "learning rate"),
    "confusion_matrix.svg": confusionPlot({ matrix: confusionMatrix, classNames }),
    "per_class_f1.svg": barChart({
      title: "F1 by class",
      valueLabel: "F1",
      domain: [0, 1],
      bars: report.classes.map(({ name, f1, support }) => ({
        label: name,
        value: f1,
        note: `${support} rows`,
      })),
    }),
    "reliability.svg": reliabilityPlot({
      bins: reliabilityBins(labels, scores),
      calibrationError: metrics.calibration_error,
    }),
    ...(shown.length > 0 && {
      "roc.svg": rocPlot({
        curves: shown.map((id) => ({
          name: classNames[id]!,
          ...rocCurve(labels, column(id), { positive: id }),
        })),
      }),
      "precision_recall.svg": precisionRecallPlot({
        curves: shown.map((id) => ({
          name: classNames[id]!,
          ...precisionRecallCurve(labels, column(id), { positive: id }),
        })),
      }),
    }),
  };
}

function curves(history: MetricPoints, title: string, names: readonly string[], yLabel: string): string {
  const series = names.flatMap((name) => {
    const points = history.get(name);
    return points === undefined ? [] : [{ name, x: points.steps, y: points.values }];
  });
  return lineChart({ title, xLabel: "step", yLabel, series });
}
