// The names under which evaluations report and log classification metrics, and which way each is better.
import { UsageError, metricModes as modes, suggestion } from "../base/index.ts";

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
