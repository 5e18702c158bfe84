export { accuracyScore, balancedAccuracyScore, topKAccuracyScore } from "./accuracy.ts";
export type { TopKAccuracyOptions } from "./accuracy.ts";
export { cohenKappaScore, matthewsCorrcoef } from "./agreement.ts";
export type { CohenKappaOptions } from "./agreement.ts";
export { bootstrap, bootstrapDistributions, confidenceInterval } from "./bootstrap.ts";
export type { BootstrapOptions, Distribution, Interval, RowStatistics } from "./bootstrap.ts";
export { calibrationError, reliabilityBins } from "./calibration.ts";
export type { CalibrationOptions, ReliabilityBin } from "./calibration.ts";
export { classificationMetrics, metricMode } from "./catalogue.ts";
export type { ClassificationMetric } from "./catalogue.ts";
export { classificationReport, formatClassificationReport } from "./classification-report.ts";
export type {
  ClassificationReport,
  ClassificationReportOptions,
  ReportRow,
} from "./classification-report.ts";
export { confusionMatrix } from "./confusion.ts";
export type { ConfusionMatrixOptions } from "./confusion.ts";
export { precisionRecallCurve, rocCurve } from "./curves.ts";
export type { CurveOptions, PrecisionRecallCurve, RocCurve } from "./curves.ts";
export { evaluateClassification } from "./evaluate.ts";
export type { ClassificationEvaluation, EvaluationInput } from "./evaluate.ts";
export { argmaxRows, classScores } from "./inputs.ts";
export type { ClassIds, Scores } from "./inputs.ts";
export { compareModels, metricIntervals } from "./intervals.ts";
export type { MetricIntervalsOptions, ModelComparison } from "./intervals.ts";
export { RunningMean } from "./online.ts";
export {
  f1Score,
  fbetaScore,
  precisionRecallFscoreSupport,
  precisionScore,
  recallScore,
} from "./precision-recall.ts";
export type { Average, PerClassOptions, PerClassScores, PrecisionRecallOptions } from "./precision-recall.ts";
export { brierScoreLoss, logLoss, softmax } from "./probability.ts";
export { averagePrecisionScore, rocAucScore } from "./ranking.ts";
export type { AveragePrecisionOptions, RocAucOptions } from "./ranking.ts";
export type { WarningOptions } from "./warning.ts";
