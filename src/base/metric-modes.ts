// Which way each classification metric is better. Configs are checked by it without loading the metrics themselves.

/** Maps the name of a metric, as evaluations log it, to the way it improves. */
export const metricModes = {
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
