// What one key of a config demands of another. Files and folders are check.ts's matter.
import { UsageError } from "../base/index.ts";
import {
  bareMetricName,
  finalMetricProblem,
  metricMode,
  monitorProblem,
  normalizeMetricName,
} from "./metric-names.ts";
import { notificationIssues } from "./notifications.ts";
import { checkTune } from "./tune-rules.ts";
import { encodeSegment } from "./segments.ts";
import type { SchemaIssue } from "./schema-issues.ts";
import type { UseCaseConfig } from "./use-case.ts";
import type { ConfigPath } from "./value.ts";

/** Collects what the rules find; a warning is for something odd that can run. */
export interface RuleFindings {
  issues: SchemaIssue[];
  warnings: SchemaIssue[];
  /** Says why nothing would log a metric during training, or returns undefined. */
  unlogged: (monitor: string) => string | undefined;
}

/** Is what is common to the configs of all trainings. */
export type TrainingConfig = Pick<UseCaseConfig, "use_case" | "experiment" | "trainer" | "callbacks"> & {
  [Key in "optimizer" | "scheduler"]?: UseCaseConfig[Key] | undefined;
};

/** Applies all rules to a config whose types are right. */
export function checkRules(config: UseCaseConfig): RuleFindings {
  const unlogged = (monitor: string): string | undefined => unloggedMonitor(config, monitor);
  const findings: RuleFindings = { issues: [], warnings: [], unlogged };
  for (const rule of [...trainingRules, register, dataset, loggers, finalMetrics, checkTune, notifications])
    rule(config, findings);
  return findings;
}

/** Applies the rules that hold for the training of any module; which metrics those log, only they know. */
export function checkTrainingRules(config: TrainingConfig): RuleFindings {
  const unlogged = (monitor: string): string | undefined => {
    const name = normalizeMetricName(monitor);
    if (name.startsWith("test_"))
      return `"${monitor}" is logged only after training. Monitor "val_${bareMetricName(name)}".`;
    if (!name.startsWith("val_") || config.trainer.limit_val_batches !== 0) return undefined;
    return `nothing logs "${monitor}": trainer.limit_val_batches is 0. Set it above 0.`;
  };
  const findings: RuleFindings = { issues: [], warnings: [], unlogged };
  for (const rule of trainingRules) rule(config, findings);
  return findings;
}

type Rule = (config: TrainingConfig, findings: RuleFindings) => void;

const trainingRules: readonly Rule[] = [names, duration, optimizer, scheduler, callbacks];

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

function names({ use_case, experiment }: TrainingConfig, { issues }: RuleFindings): void {
  for (const [key, name] of Object.entries({ use_case, experiment })) {
    try {
      encodeSegment(name);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      issues.push(value([key], error.message.replace(/^encodeSegment: /u, "")));
    }
  }
}

function register({ register: name }: UseCaseConfig, { issues }: RuleFindings): void {
  if (!/[/:]|^\.{1,2}$/u.test(name)) return;
  issues.push(
    value(
      ["register"],
      `a model's name must not hold "/" or ":", nor be "." or "..", got "${name}". Rename it.`,
    ),
  );
}

function dataset({ dataset: data }: UseCaseConfig, { issues, warnings }: RuleFindings): void {
  const { text_column, text_pair_column, label_column, labels = [] } = data;
  if (text_column === label_column) {
    issues.push(
      value(
        ["dataset", "label_column"],
        `text and label must be two columns, got "${label_column}" for both.`,
      ),
    );
  }
  if (text_pair_column === text_column || text_pair_column === label_column) {
    issues.push(
      value(
        ["dataset", "text_pair_column"],
        `must be a column of its own, got "${text_pair_column}" a second time.`,
      ),
    );
  }
  const json = (["train", "test", "validation"] as const).find((key) =>
    /\.(jsonl?|ndjson)$/iu.test(data[key] ?? ""),
  );
  if (data.delimiter !== undefined && json !== undefined) {
    issues.push(
      value(["dataset", "delimiter"], `JSON has no delimiter, and dataset.${json} is JSON. Delete it.`),
    );
  }
  const repeated = labels.find((label, index) => labels.indexOf(label) !== index);
  if (repeated !== undefined)
    issues.push(value(["dataset", "labels"], `labels must differ, got "${repeated}" twice.`));
  if (data.test === undefined) {
    warnings.push(
      value(
        ["dataset"],
        "without a test file, the final evaluation and the champion rest on validation rows.",
      ),
    );
  }
  if (data.test === data.train || data.validation === data.train) {
    const key = data.test === data.train ? "test" : "validation";
    warnings.push(
      value(["dataset", key], "this is the training file: its metrics will say nothing about new data."),
    );
  }
}

function notifications({ mlops }: UseCaseConfig, { issues }: RuleFindings): void {
  issues.push(...notificationIssues(mlops.notifications, ["mlops", "notifications"]));
}

function duration({ trainer }: TrainingConfig, { issues }: RuleFindings): void {
  const { max_epochs, min_epochs = 0, max_steps, min_steps = 0, max_time } = trainer;
  if (max_epochs === -1 && max_steps === -1 && max_time === undefined) {
    issues.push(
      value(["trainer", "max_epochs"], "training would never end. Set max_epochs, max_steps or max_time."),
    );
  }
  for (const [key, count] of Object.entries({ max_epochs, max_steps })) {
    if (count === 0) {
      issues.push(
        value(["trainer", key], "training would take no step. Set it to 1 or more, or to -1 for no limit."),
      );
    }
  }
  if (max_epochs !== -1 && min_epochs > max_epochs) {
    issues.push(
      value(["trainer", "min_epochs"], `must be at most max_epochs (${max_epochs}), got ${min_epochs}.`),
    );
  }
  if (max_steps !== -1 && min_steps > max_steps) {
    issues.push(
      value(["trainer", "min_steps"], `must be at most max_steps (${max_steps}), got ${min_steps}.`),
    );
  }
}

// rates of these are alike: each weight moves by about the rate at each step
const adaptive = new Set(["adamw", "adam", "adamax", "nadam", "radam", "rmsprop", "lion", "adafactor"]);

function optimizer({ optimizer: chosen }: TrainingConfig, { issues, warnings }: RuleFindings): void {
  if (chosen === undefined) return;
  if (chosen.name === "sgd") {
    if (chosen.nesterov && (chosen.momentum === 0 || chosen.dampening !== 0)) {
      issues.push(
        value(
          ["optimizer", "nesterov"],
          `needs momentum above 0 and dampening 0, got ${chosen.momentum} and ${chosen.dampening}.`,
        ),
      );
    }
  } else if (chosen.lr >= 1e-3 && adaptive.has(chosen.name)) {
    const message = `${chosen.lr} is high for fine-tuning a transformer. Usual: 1e-5 to 1e-4.`;
    warnings.push(value(["optimizer", "lr"], message));
  }
}

function scheduler(config: TrainingConfig, findings: RuleFindings): void {
  const { scheduler: chosen, trainer, optimizer: driven } = config;
  const { issues } = findings;
  if (chosen === undefined) return;
  if (driven === undefined) {
    issues.push(
      value(["scheduler"], "drives the optimizer of the config, and there is none. Add one, or delete it."),
    );
    return;
  }
  if (driven.name.startsWith("schedule_free") && chosen.name !== "constant") {
    issues.push(
      value(
        ["scheduler", "name"],
        `${driven.name} needs no schedule and must have none, got ${chosen.name}. Set it to constant, and ` +
          "optimizer.warmup_steps where the rate is to rise first.",
      ),
    );
  }
  if ("warmup_steps" in chosen && chosen.warmup_steps !== undefined) {
    if (chosen.warmup_ratio !== undefined) {
      issues.push(value(["scheduler", "warmup_ratio"], "warmup_steps is set too. Delete one of the two."));
    }
    const decay = "num_decay_steps" in chosen ? chosen.num_decay_steps : 0;
    if (trainer.max_steps > 0 && chosen.warmup_steps + decay > trainer.max_steps) {
      const what =
        decay === 0
          ? `warm-up takes ${chosen.warmup_steps}`
          : `warm-up and decay take ${chosen.warmup_steps + decay}`;
      issues.push(
        value(
          ["scheduler", "warmup_steps"],
          `${what} steps, longer than training (trainer.max_steps ${trainer.max_steps}). Lower it.`,
        ),
      );
    }
  }
  if (chosen.name === "cosine_with_min_lr" || chosen.name === "cosine_warmup_with_min_lr") {
    if ((chosen.min_lr === undefined) === (chosen.min_lr_rate === undefined)) {
      issues.push(value(["scheduler"], "exactly one of min_lr and min_lr_rate must be set."));
    }
    if (chosen.min_lr !== undefined && chosen.min_lr > driven.lr) {
      issues.push(
        value(["scheduler", "min_lr"], `must be at most optimizer.lr (${driven.lr}), got ${chosen.min_lr}.`),
      );
    }
  }
  if ("cycle_momentum" in chosen && chosen.cycle_momentum && !("betas" in driven || "momentum" in driven)) {
    issues.push(
      value(
        ["scheduler", "cycle_momentum"],
        `needs an optimizer with momentum or betas, got ${driven.name}. Set it to false.`,
      ),
    );
  }
  if (chosen.name === "cyclic_lr" && chosen.base_lr > chosen.max_lr) {
    issues.push(
      value(["scheduler", "base_lr"], `must be at most max_lr (${chosen.max_lr}), got ${chosen.base_lr}.`),
    );
  }
  if (chosen.name === "reduce_lr_on_plateau" || chosen.name === "greedy")
    monitored(chosen, ["scheduler"], findings);
}

function callbacks(config: TrainingConfig, findings: RuleFindings): void {
  const { issues } = findings;
  for (const [index, callback] of config.callbacks.entries()) {
    const path = ["callbacks", index];
    if (callback.name === "early_stopping") monitored(callback, path, findings);
    if (callback.name !== "model_checkpoint") continue;
    const { monitor, save_top_k, every_n_train_steps, every_n_epochs } = callback;
    if (monitor !== undefined) monitored({ ...callback, monitor }, path, findings);
    else if (save_top_k > 1) {
      issues.push(
        value(
          [...path, "save_top_k"],
          `keeping the best ${save_top_k} needs a metric. Set monitor, or use -1, 0 or 1.`,
        ),
      );
    }
    if (every_n_train_steps !== undefined && every_n_epochs !== undefined) {
      issues.push(
        value([...path, "every_n_train_steps"], "every_n_epochs is set too. Delete one of the two."),
      );
    }
    if (!config.trainer.enable_checkpointing) {
      issues.push(
        value(path, "trainer.enable_checkpointing is false. Delete this callback, or set it to true."),
      );
    }
  }
}

function monitored(
  { monitor, mode }: { monitor: string; mode: "min" | "max" },
  path: ConfigPath,
  { issues, warnings, unlogged }: RuleFindings,
): void {
  const problem = unlogged(monitor);
  if (problem !== undefined) issues.push(value([...path, "monitor"], problem));
  else wrongWay(monitor, mode, [...path, "mode"], warnings);
}

function wrongWay(metric: string, mode: "min" | "max", path: ConfigPath, warnings: SchemaIssue[]): void {
  const usual = metricMode(metric);
  if (usual !== undefined && usual !== mode) {
    warnings.push(value(path, `"${metric}" improves the other way: ${usual}. Is "${mode}" meant?`));
  }
}

function loggers({ loggers: chosen }: UseCaseConfig, { issues }: RuleFindings): void {
  for (const [index, { name }] of chosen.entries()) {
    if (chosen.findIndex((other) => other.name === name) < index) {
      issues.push(value(["loggers", index], `the logger "${name}" stands here a second time. Delete one.`));
    }
  }
}

function finalMetrics({ champion, retrain }: UseCaseConfig, { issues, warnings }: RuleFindings): void {
  const problem = finalMetricProblem(champion.metric);
  if (problem !== undefined) issues.push(value(["champion", "metric"], problem));
  else wrongWay(champion.metric, champion.mode, ["champion", "mode"], warnings);
  const retrainProblem = retrain && finalMetricProblem(retrain.metric);
  if (retrainProblem !== undefined) issues.push(value(["retrain", "metric"], retrainProblem));
}

function value(path: ConfigPath, message: string): SchemaIssue {
  return { path, code: "value", message };
}
