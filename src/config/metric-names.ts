// The metrics that a run logs, by name; monitors, champion rules and searches may name these alone.
import { metricModes as measuredModes, nearest } from "../base/index.ts";

/** Says which way a metric improves. */
export type MetricMode = "min" | "max";

/** Maps the loss and each metric that src/metrics measures, by its bare name, to the way it improves. */
export const metricModes: Readonly<Record<string, MetricMode>> = {
  loss: "min",
  ...measuredModes,
};

/** Lists what is logged while training: `train_loss`, and `val_` with each metric. */
export const monitorNames: readonly string[] = [
  "train_loss",
  ...Object.keys(metricModes).map((name) => `val_${name}`),
];

/** Brings `val/loss` and `test/f1` to the form that is logged. */
export function normalizeMetricName(name: string): string {
  return name.replace(/^(train|val|test)\//u, "$1_");
}

/** Drops the `train_`, `val_` or `test_` before a metric's bare name. */
export function bareMetricName(name: string): string {
  return normalizeMetricName(name).replace(/^(train|val|test)_/u, "");
}

/** Returns the way in which a metric improves, `val_loss` as `loss`; undefined for an unknown one. */
export function metricMode(name: string): MetricMode | undefined {
  const bare = bareMetricName(name);
  return Object.hasOwn(metricModes, bare) ? metricModes[bare] : undefined;
}

/** Says why a monitor names nothing that is logged during training, or returns undefined. */
export function monitorProblem(name: string): string | undefined {
  const known = normalizeMetricName(name);
  if (monitorNames.includes(known)) return undefined;
  if (known.startsWith("test_") && metricMode(known) !== undefined) {
    return `"${name}" is logged only after training. Monitor "val_${bareMetricName(known)}".`;
  }
  const hint = Object.hasOwn(metricModes, known) ? `val_${known}` : nearestMetric(known, monitorNames);
  return `nothing logs "${name}" during training.${asked(hint)} Logged: ${monitorNames.join(", ")}.`;
}

/** Says why a rule names no metric of the final evaluation, or returns undefined. */
export function finalMetricProblem(name: string): string | undefined {
  const known = normalizeMetricName(name);
  const bare = bareMetricName(known);
  if (Object.hasOwn(metricModes, bare) && (known === bare || known.startsWith("test_"))) return undefined;
  if (Object.hasOwn(metricModes, bare)) {
    return `"${name}" is not a metric of the final evaluation. Write "${bare}", which is measured on the test set.`;
  }
  const near = nearestMetric(bare, Object.keys(metricModes));
  return `nothing logs "${name}".${asked(near)} Logged: ${Object.keys(metricModes).join(", ")}.`;
}

/** Takes a beginning for the whole, `val_acc` for `val_accuracy`, before it counts letters. */
function nearestMetric(name: string, valid: readonly string[]): string | undefined {
  const begun = valid.find((other) => other.startsWith(name) && /[a-z]{3}$/u.test(name));
  return begun ?? nearest(name, valid);
}

function asked(near: string | undefined): string {
  return near === undefined ? "" : ` Did you mean "${near}"?`;
}
