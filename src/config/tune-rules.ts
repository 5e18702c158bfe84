// Checks of the tune section: its metric, and that each key of its space is a setting that may take those values.
import { didYouMean } from "../base/index.ts";
import { metricMode } from "./metric-names.ts";
import type { RuleFindings } from "./rule-findings.ts";
import { type SchemaIssue, checkSchema, fieldPaths, schemaAt } from "./schema-issues.ts";
import type { UseCaseConfig } from "./use-case.ts";
import { useCaseSchema } from "./use-case-schema.ts";
import { type ConfigMap, type ConfigPath, formatPath, isConfigMap, setAt, valueAt } from "./value.ts";

type Space = NonNullable<UseCaseConfig["tune"]>["space"];

/** Applies the rules of the tune section. */
export function checkTune(config: UseCaseConfig, findings: RuleFindings): void {
  const { tune } = config;
  if (tune === undefined) return;
  const problem = findings.unlogged(tune.metric);
  if (problem !== undefined) findings.report(["tune", "metric"], problem);
  else if (`${metricMode(tune.metric)}imize` !== tune.direction)
    findings.warn(
      ["tune", "direction"],
      `"${tune.metric}" improves the other way. Is "${tune.direction}" meant?`,
    );
  if (Object.keys(tune.space).length === 0)
    findings.report(["tune", "space"], 'nothing to search. Add a key such as "optimizer.lr".', "missing");
  for (const [key, dimension] of Object.entries(tune.space)) {
    const wrong = rangeIssues(dimension, ["tune", "space", key]);
    findings.issues.push(...(wrong.length > 0 ? wrong : targetIssues(config, key, dimension)));
  }
}

function rangeIssues(dimension: Space[string], path: ConfigPath): SchemaIssue[] {
  if (dimension.type === "categorical") return [];
  const { low, high, log, step } = dimension;
  const issue = (key: string, message: string): SchemaIssue => ({
    path: [...path, key],
    code: "value",
    message,
  });
  if (low > high) return [issue("high", `must be at least low (${low}), got ${high}.`)];
  if (log && low <= 0) return [issue("low", `must be above 0 where log is true, got ${low}.`)];
  if (log && step !== undefined && (dimension.type === "float" || step !== 1)) {
    return [issue("step", "a step and log cannot go together. Delete one.")];
  }
  return [];
}

/** Puts the ends of a range, or each choice, into the config, and sees whether the schema still accepts it. */
function targetIssues(config: UseCaseConfig, key: string, dimension: Space[string]): SchemaIssue[] {
  const path = ["tune", "space", key];
  const target = key.split(".").map((step) => (/^\d+$/u.test(step) ? Number(step) : step));
  const root = structuredClone(config) as unknown as ConfigMap;
  if (["tune", "use_case", "experiment", "register"].includes(String(target[0]))) {
    return [
      { path, code: "value", message: `"${target[0]}" cannot be searched. Name a setting of the training.` },
    ];
  }
  if (schemaAt(useCaseSchema, root, target) === undefined || !isReachable(root, target)) {
    const hint = didYouMean(key, fieldPaths(useCaseSchema));
    return [{ path, code: "unknown_key", message: `the config has no key "${key}" to search.${hint}` }];
  }
  const values = dimension.type === "categorical" ? dimension.choices : [dimension.low, dimension.high];
  for (const candidate of values) {
    setAt(root, target, candidate);
    const [wrong] = checkSchema(useCaseSchema, root).issues;
    if (wrong === undefined) continue;
    const where = dimension.type === "categorical" ? "choices" : candidate === dimension.low ? "low" : "high";
    return [{ ...wrong, path: [...path, where], message: `${formatPath(target)}: ${wrong.message}` }];
  }
  return [];
}

/** Tells whether there is something that holds what a path leads to; the lists of a config do not grow in a search. */
function isReachable(root: ConfigMap, target: ConfigPath): boolean {
  const parent = valueAt(root, target.slice(0, -1));
  return Array.isArray(parent) ? Number(target.at(-1)) < parent.length : isConfigMap(parent);
}
