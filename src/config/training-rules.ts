// What one key of a training's config demands of another, whatever is trained.
import { UsageError } from "../base/index.ts";
import { bareMetricName, normalizeMetricName } from "./metric-names.ts";
import { RuleFindings } from "./rule-findings.ts";
import { encodeSegment } from "./segments.ts";
import type { UseCaseConfig } from "./use-case.ts";

/** Is what is common to the configs of all trainings. */
export type CommonConfig = Pick<UseCaseConfig, "use_case" | "experiment" | "callbacks"> & {
  trainer: Omit<UseCaseConfig["trainer"], "strategy">;
} & {
  [Key in "optimizer" | "scheduler"]?: UseCaseConfig[Key] | undefined;
};

type Optimizer = UseCaseConfig["optimizer"];
type Scheduler = UseCaseConfig["scheduler"];

/** Applies the rules that hold for the training of any module; which metrics those log, only they know. */
export function checkTrainingRules(config: CommonConfig): RuleFindings {
  const findings = new RuleFindings((monitor) => {
    const name = normalizeMetricName(monitor);
    if (name.startsWith("test_"))
      return `"${monitor}" is logged only after training. Monitor "val_${bareMetricName(name)}".`;
    if (!name.startsWith("val_") || config.trainer.limit_val_batches !== 0) return undefined;
    return `nothing logs "${monitor}": trainer.limit_val_batches is 0. Set it above 0.`;
  });
  applyTrainingRules(config, findings);
  return findings;
}

/** Applies the rules of every training. */
export function applyTrainingRules(config: CommonConfig, findings: RuleFindings): void {
  for (const rule of [checkNames, checkDuration, checkOptimizer, checkScheduler, checkCallbacks])
    rule(config, findings);
}

function checkNames({ use_case, experiment }: CommonConfig, findings: RuleFindings): void {
  for (const [key, name] of Object.entries({ use_case, experiment })) {
    try {
      encodeSegment(name);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      findings.report([key], error.message.replace(/^encodeSegment: /u, ""));
    }
  }
}

function checkDuration({ trainer }: CommonConfig, findings: RuleFindings): void {
  const { max_epochs, min_epochs = 0, max_steps, min_steps = 0, max_time } = trainer;
  const report = (flag: string, message: string): void => findings.report(["trainer", flag], message);
  if (max_epochs === -1 && max_steps === -1 && max_time === undefined)
    report("max_epochs", "training would never end. Set max_epochs, max_steps or max_time.");
  for (const [flag, count] of Object.entries({ max_epochs, max_steps })) {
    if (count === 0) report(flag, "training would take no step. Set it to 1 or more, or to -1 for no limit.");
  }
  if (max_epochs !== -1 && min_epochs > max_epochs)
    report("min_epochs", `must be at most max_epochs (${max_epochs}), got ${min_epochs}.`);
  if (max_steps !== -1 && min_steps > max_steps)
    report("min_steps", `must be at most max_steps (${max_steps}), got ${min_steps}.`);
}

// rates of these are alike: each weight moves by about the rate at each step
const adaptive = new Set(["adamw", "adam", "adamax", "nadam", "radam", "rmsprop", "lion", "adafactor"]);

function checkOptimizer({ optimizer }: CommonConfig, findings: RuleFindings): void {
  if (optimizer === undefined) return;
  if (optimizer.name === "sgd") {
    const { nesterov, momentum, dampening } = optimizer;
    if (nesterov && (momentum === 0 || dampening !== 0))
      findings.report(
        ["optimizer", "nesterov"],
        `needs momentum above 0 and dampening 0, got ${momentum} and ${dampening}.`,
      );
  } else if (optimizer.lr >= 1e-3 && adaptive.has(optimizer.name)) {
    findings.warn(
      ["optimizer", "lr"],
      `${optimizer.lr} is high for fine-tuning a transformer. Usual: 1e-5 to 1e-4.`,
    );
  }
}

function checkScheduler({ scheduler, trainer, optimizer }: CommonConfig, findings: RuleFindings): void {
  if (scheduler === undefined) return;
  if (optimizer === undefined) {
    findings.report(
      ["scheduler"],
      "drives the optimizer of the config, and there is none. Add one, or delete it.",
    );
    return;
  }
  if (optimizer.name.startsWith("schedule_free") && scheduler.name !== "constant") {
    findings.report(
      ["scheduler", "name"],
      `${optimizer.name} needs no schedule and must have none, got ${scheduler.name}. Set it to constant, and ` +
        "optimizer.warmup_steps where the rate is to rise first.",
    );
  }
  checkWarmup(scheduler, trainer.max_steps, findings);
  checkRates(scheduler, optimizer, findings);
  if ("cycle_momentum" in scheduler && scheduler.cycle_momentum && !hasMomentum(optimizer)) {
    findings.report(
      ["scheduler", "cycle_momentum"],
      `needs an optimizer with momentum or betas, got ${optimizer.name}. Set it to false.`,
    );
  }
  if (scheduler.name === "reduce_lr_on_plateau" || scheduler.name === "greedy")
    findings.checkMonitor(scheduler, ["scheduler"]);
}

function checkWarmup(scheduler: Scheduler, maxSteps: number, findings: RuleFindings): void {
  if (!("warmup_steps" in scheduler) || scheduler.warmup_steps === undefined) return;
  if (scheduler.warmup_ratio !== undefined)
    findings.report(["scheduler", "warmup_ratio"], "warmup_steps is set too. Delete one of the two.");
  const decay = "num_decay_steps" in scheduler ? scheduler.num_decay_steps : 0;
  const steps = scheduler.warmup_steps + decay;
  if (maxSteps <= 0 || steps <= maxSteps) return;
  const what = decay === 0 ? "warm-up takes" : "warm-up and decay take";
  findings.report(
    ["scheduler", "warmup_steps"],
    `${what} ${steps} steps, longer than training (trainer.max_steps ${maxSteps}). Lower it.`,
  );
}

function checkRates(scheduler: Scheduler, { lr }: Optimizer, findings: RuleFindings): void {
  if (scheduler.name === "cosine_with_min_lr" || scheduler.name === "cosine_warmup_with_min_lr") {
    const { min_lr, min_lr_rate } = scheduler;
    if ((min_lr === undefined) === (min_lr_rate === undefined))
      findings.report(["scheduler"], "exactly one of min_lr and min_lr_rate must be set.");
    if (min_lr !== undefined && min_lr > lr)
      findings.report(["scheduler", "min_lr"], `must be at most optimizer.lr (${lr}), got ${min_lr}.`);
  }
  if (scheduler.name === "cyclic_lr" && scheduler.base_lr > scheduler.max_lr) {
    const { base_lr, max_lr } = scheduler;
    findings.report(["scheduler", "base_lr"], `must be at most max_lr (${max_lr}), got ${base_lr}.`);
  }
}

function hasMomentum(optimizer: Optimizer): boolean {
  return "betas" in optimizer || "momentum" in optimizer;
}

function checkCallbacks({ callbacks, trainer }: CommonConfig, findings: RuleFindings): void {
  for (const [index, callback] of callbacks.entries()) {
    const path = ["callbacks", index];
    if (callback.name === "early_stopping") findings.checkMonitor(callback, path);
    if (isProgressBar(callback)) {
      if (callbacks.findIndex(isProgressBar) < index)
        findings.report(path, "one progress bar can be drawn. Delete this one.");
      if (!trainer.enable_progress_bar)
        findings.report(
          path,
          "trainer.enable_progress_bar is false. Delete this callback, or set it to true.",
        );
    }
    if (callback.name !== "model_checkpoint") continue;
    const { monitor, mode, save_top_k, every_n_train_steps, every_n_epochs } = callback;
    if (monitor !== undefined) findings.checkMonitor({ monitor, mode }, path);
    else if (save_top_k > 1)
      findings.report(
        [...path, "save_top_k"],
        `keeping the best ${save_top_k} needs a metric. Set monitor, or use -1, 0 or 1.`,
      );
    if (every_n_train_steps !== undefined && every_n_epochs !== undefined)
      findings.report([...path, "every_n_train_steps"], "every_n_epochs is set too. Delete one of the two.");
    if (!trainer.enable_checkpointing)
      findings.report(
        path,
        "trainer.enable_checkpointing is false. Delete this callback, or set it to true.",
      );
  }
}

function isProgressBar({ name }: CommonConfig["callbacks"][number]): boolean {
  return name === "tqdm_progress_bar" || name === "rich_progress_bar";
}
