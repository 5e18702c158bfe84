// What one key of a use case's config demands of another. Files and folders are check.ts's matter.
import { finalMetricProblem, monitorProblem } from "./metric-names.ts";
import { notificationIssues } from "./notifications.ts";
import { RuleFindings } from "./rule-findings.ts";
import { applyTrainingRules } from "./training-rules.ts";
import { checkTune } from "./tune-rules.ts";
import type { UseCaseConfig } from "./use-case.ts";

/** Applies all rules to a config whose types are right. */
export function checkRules(config: UseCaseConfig): RuleFindings {
  const findings = new RuleFindings((monitor) => unloggedMonitor(config, monitor));
  applyTrainingRules(config, findings);
  for (const rule of [checkRegister, checkDataset, checkLoggers, checkFinalMetrics, checkTune])
    rule(config, findings);
  findings.issues.push(...notificationIssues(config.mlops.notifications, ["mlops", "notifications"]));
  return findings;
}

/** Says whether a run of this config measures anything on validation rows. */
function hasValidation({ dataset, trainer }: UseCaseConfig): boolean {
  const hasRows = dataset.validation !== undefined || dataset.validation_ratio > 0;
  return hasRows && trainer.limit_val_batches !== 0;
}

/** Says why nothing would log a metric that is monitored, or returns undefined. */
function unloggedMonitor(config: UseCaseConfig, monitor: string): string | undefined {
  const problem = monitorProblem(monitor);
  if (problem !== undefined || !monitor.startsWith("val_") || hasValidation(config)) return problem;
  const cause =
    config.trainer.limit_val_batches === 0
      ? "trainer.limit_val_batches is 0"
      : "there are no validation rows";
  return `nothing logs "${monitor}": ${cause}. Set dataset.validation, or dataset.validation_ratio above 0.`;
}

function checkRegister({ register }: UseCaseConfig, findings: RuleFindings): void {
  if (/[/:]|^\.{1,2}$/u.test(register))
    findings.report(
      ["register"],
      `a model's name must not hold "/" or ":", nor be "." or "..", got "${register}". Rename it.`,
    );
}

function checkDataset({ dataset }: UseCaseConfig, findings: RuleFindings): void {
  const { text_column, text_pair_column, label_column, delimiter, labels = [] } = dataset;
  const report = (key: string, message: string): void => findings.report(["dataset", key], message);
  if (text_column === label_column)
    report("label_column", `text and label must be two columns, got "${label_column}" for both.`);
  if (text_pair_column === text_column || text_pair_column === label_column)
    report("text_pair_column", `must be a column of its own, got "${text_pair_column}" a second time.`);
  const json = (["train", "test", "validation"] as const).find((key) =>
    /\.(jsonl?|ndjson)$/iu.test(dataset[key] ?? ""),
  );
  if (delimiter !== undefined && json !== undefined)
    report("delimiter", `JSON has no delimiter, and dataset.${json} is JSON. Delete it.`);
  const repeated = labels.find((label, index) => labels.indexOf(label) !== index);
  if (repeated !== undefined) report("labels", `labels must differ, got "${repeated}" twice.`);
  const { train, test, validation } = dataset;
  if (test === undefined)
    findings.warn(
      ["dataset"],
      "without a test file, the final evaluation and the champion rest on validation rows.",
    );
  if (test === train || validation === train)
    findings.warn(
      ["dataset", test === train ? "test" : "validation"],
      "this is the training file: its metrics will say nothing about new data.",
    );
}

function checkLoggers({ loggers }: UseCaseConfig, findings: RuleFindings): void {
  for (const [index, { name }] of loggers.entries()) {
    if (loggers.findIndex((other) => other.name === name) < index)
      findings.report(["loggers", index], `the logger "${name}" stands here a second time. Delete one.`);
  }
}

function checkFinalMetrics({ champion, retrain }: UseCaseConfig, findings: RuleFindings): void {
  const problem = finalMetricProblem(champion.metric);
  if (problem !== undefined) findings.report(["champion", "metric"], problem);
  else findings.checkMode(champion, ["champion", "mode"]);
  const retrainProblem = retrain && finalMetricProblem(retrain.metric);
  if (retrainProblem !== undefined) findings.report(["retrain", "metric"], retrainProblem);
}
