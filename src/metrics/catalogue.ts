// The names under which evaluations report and log classification metrics, and which way each is better.
import { UsageError, suggestion } from "../base/index.ts";

const modes = {
  accuracy: "max",
  balanced_accuracy: "max",
  precision: "max",
  recall: "max",
  f1: "max",
  precision_macro: "max",
  recall_macro: "max",
  f1_macro: "max",
  precision_micro: "max",
  recall_micro: "max",
  f1_micro: "max",
  precision_weighted: "max",
  recall_weighted: "max",
  f1_weighted: "max",
  mcc: "max",
  cohen_kappa: "max",
  roc_auc: "max",
  average_precision: "max",
  log_loss: "min",
  brier: "min",
  calibration_error: "min",
} as const satisfies Record<string, "max" | "min">;

/**
 * Name of a classification metric, as logged. `precision`, `recall` and `f1` are those of the positive class for
 * two classes, and macro averages for more; `roc_auc` and `average_precision` are macro averages of one class
 * against the rest for more than two.
 */
export type ClassificationMetric = keyof typeof modes;

/** All metrics of an evaluation, in the order of reports. */
export const classificationMetrics = Object.keys(modes) as ClassificationMetric[];

/** Says whether a metric is better when higher (`max`) or lower (`min`). */
export function metricMode(name: ClassificationMetric): "max" | "min" {
  checkMetric("metricMode", name);
  return modes[name];
}

/** Throws with the nearest name unless `name` is a metric. */
export function checkMetric(where: string, name: string): asserts name is ClassificationMetric {
  if (!Object.hasOwn(modes, name)) {
    throw new UsageError(`${where}: unknown metric "${name}". ${suggestion(name, classificationMetrics)}`);
  }
}
