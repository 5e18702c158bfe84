// Settings that users of the peers know and that do not work here: each is refused with its reason, never ignored.
import { normalizeName, own } from "../base/index.ts";
import { type SectionKinds, componentKindAt } from "./normalize-use-case.ts";
import type { SchemaIssue } from "./schema-issues.ts";
import { refusedFlags, refusedValues } from "./trainer-flags.ts";
import { type ConfigMap, type ConfigPath, isConfigMap, valueAt } from "./value.ts";

/** Gives the issues that concern such a setting its reason in place of the schema's words. */
export function refuse(
  issues: readonly SchemaIssue[],
  value: ConfigMap,
  kinds?: SectionKinds,
): SchemaIssue[] {
  return issues.map((issue) => {
    const reason = refusal(issue, value, kinds);
    return reason === undefined ? issue : { ...issue, code: "value", message: reason };
  });
}

const notYet = "it is not available yet";

/** Reasons by key, as `section.key`. */
const refusedKeys: Readonly<Record<string, string>> = {
  defaults: "a config in JSON is one whole file; those in YAML are composed",
  hydra: "it belongs to configs with a defaults list, which are composed",
  plugins: "they belong to a model and a data set of your own, model.name and dataset.name",
  "dataset.num_workers": "batches are always prepared on other threads",
  "retrain.window": notYet,
  "retrain.cooldown": notYet,
  "retrain.budget": notYet,
  "tune.storage": notYet,
  "tune.n_jobs": notYet,
  ...Object.fromEntries(Object.entries(refusedFlags).map(([flag, reason]) => [`trainer.${flag}`, reason])),
};

/** Reasons by key and value. */
const refusedSettings: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  task: notYetValues(
    [
      "ner",
      "token_classification",
      "multi_label",
      "multi_label_classification",
      "nli",
      "zero_shot",
      "regression",
    ],
    "text_classification",
  ),
  "distributed.enabled": { true: "training in several processes is not available yet. Use false" },
  "tune.sampler": notYetValues(
    ["brute_force", "cmaes", "gp", "nsgaii", "nsgaiii", "qmc"],
    "tpe, random, grid",
  ),
  "tune.pruner": notYetValues(
    ["percentile", "patient", "successive_halving", "hyperband", "threshold", "wilcoxon"],
    "median, none",
  ),
  ...Object.fromEntries(Object.entries(refusedValues).map(([flag, reasons]) => [`trainer.${flag}`, reasons])),
};

function refusal(
  { path, code }: SchemaIssue,
  value: ConfigMap,
  kinds: SectionKinds | undefined,
): string | undefined {
  const key = path.join(".");
  if (code === "unknown_key") {
    const reason = own(refusedKeys, key) ?? refusedOption(path, value, kinds);
    return reason && `known, but not used here: ${reason}. Delete it.`;
  }
  const reasons = own(refusedSettings, key);
  const setting = String(valueAt(value, path));
  const reason = own(reasons, setting) ?? own(reasons, normalizeName(setting));
  return reason && `"${setting}" is refused: ${reason}.`;
}

function refusedOption(
  path: ConfigPath,
  value: ConfigMap,
  kinds: SectionKinds | undefined,
): string | undefined {
  const kind = componentKindAt(path, kinds);
  const component = valueAt(value, path.slice(0, -1));
  const option = String(path.at(-1));
  if (kind === undefined || !isConfigMap(component)) return undefined;
  const refused = kind.components.find(({ name }) => name === component["name"])?.refusedOptions;
  return own(refused, option);
}

function notYetValues(names: readonly string[], available: string): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, `${notYet}. Available: ${available}`]));
}
