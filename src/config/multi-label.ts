// Proves the tree of a multi-label text classifier: every part of it by its kind, and what must fit together. Nothing is run.
import type * as z from "zod";
import type { ConfigIssue } from "../base/index.ts";
import { plainDocument } from "./composed-use-case.ts";
import type { NormalizeSink } from "./components.ts";
import type { multiLabelSchema } from "./multi-label-schema.ts";
import { inFileOrder } from "./in-file-order.ts";
import type { MapNode } from "./node.ts";
import type { SchemaIssue } from "./schema-issues.ts";
import { locateIn } from "./use-case.ts";
import {
  type ConfigMap,
  type ConfigPath,
  type ConfigValue,
  formatPath,
  isConfigMap,
  valueAt,
} from "./value.ts";

/** Is the checked tree, components in their one form. */
export type MultiLabelConfig = z.output<typeof multiLabelSchema>;

/** Holds what a check of such a tree found. */
export interface MultiLabelReport {
  source: string;
  issues: readonly ConfigIssue[];
  /** Present if there are no issues. */
  config?: MultiLabelConfig;
  /** What each component of the tree is called here, by its path. */
  named: Readonly<Record<string, string>>;
}

const sections = ["trainer_config", "lightning_module_config", "data_module_config"];

/** Tells whether a composed config is such a tree. */
export function isMultiLabelTree(job: MapNode): boolean {
  return sections.some((key) => job.entries.has(key));
}

/**
 * Checks a tree: its keys, types and values, the components that it names, and their options. All problems come back at once.
 */
export async function checkMultiLabel(job: MapNode): Promise<MultiLabelReport> {
  const [{ normalizeComponent }, { dropNulls, originalPath }, { refuse }, { checkSchema }, schema] =
    await Promise.all([
      import("./components.ts"),
      import("./normalize-use-case.ts"),
      import("./refusals.ts"),
      import("./schema-issues.ts"),
      import("./multi-label-schema.ts"),
    ]);
  const { multiLabelSchema, componentLists, componentSlots } = schema;
  const document = plainDocument(job);
  const found: SchemaIssue[] = [];
  const moves: { to: ConfigPath; from: ConfigPath }[] = [];
  const sink: NormalizeSink = {
    report: (path, code, message) => found.push({ path, code, message }),
    moved: (to, from) => moves.push({ to, from }),
  };
  const value = dropNulls(document.value, [], [], sink) as ConfigMap;
  const named: Record<string, string> = {};
  const slots = [
    ...componentSlots,
    ...componentLists.flatMap(({ path, kind }) => {
      const list = valueAt(value, path);
      return Array.isArray(list) ? list.map((_, index) => ({ path: [...path, index], kind })) : [];
    }),
  ];
  const unresolved: ConfigPath[] = [];
  for (const { path, kind } of slots) {
    const part = valueAt(value, path);
    if (part === undefined) continue;
    const component = normalizeComponent(part, kind, path, sink);
    if (component === undefined) unresolved.push(path);
    else named[formatPath(path)] = String(component["name"]);
    setAt(value, path, component ?? { name: "" });
  }
  const { data, issues } = checkSchema(multiLabelSchema, value);
  const isTold = ({ path }: SchemaIssue): boolean =>
    unresolved.some((other) => other.every((step, index) => path[index] === step));
  const own = issues.filter((issue) => !isTold(issue));
  // the reasons are known by the names of our own sections
  const view = Object.fromEntries(
    Object.entries(ownSections).map(([section, path]) => [section, valueAt(value, path) ?? {}]),
  );
  const refused = refuse(
    own.map((issue) => ({ ...issue, path: ownPath(issue.path) })),
    view,
  ).map((issue, index) => ({ ...issue, path: own[index]!.path }));
  const rules = data === undefined ? [] : checkFit(data);
  const locate = locateIn(document);
  const isBroken = ({ path }: SchemaIssue): boolean =>
    document.broken?.some((broken) => broken.every((step, index) => path[index] === step)) ?? false;
  const placed = [...found, ...refused, ...rules]
    .filter((issue) => !isBroken(issue))
    .map((issue) => locate({ ...issue, path: originalPath(issue.path, moves) }));
  const all = [...(document.issues ?? []), ...placed];
  return {
    source: document.source,
    issues: inFileOrder(all),
    ...(data !== undefined && all.length === 0 && { config: data }),
    named,
  };
}

const ownSections: Readonly<Record<string, ConfigPath>> = {
  trainer: ["trainer_config", "kwargs"],
  callbacks: ["trainer_config", "callbacks"],
  loggers: ["trainer_config", "loggers"],
  optimizer: ["trainer_config", "lightning_module_config", "optimizer"],
};

function ownPath(path: ConfigPath): ConfigPath {
  for (const [section, start] of Object.entries(ownSections))
    if (start.every((step, index) => path[index] === step)) return [section, ...path.slice(start.length)];
  return path;
}

function setAt(root: ConfigMap, path: ConfigPath, value: ConfigValue): void {
  const parent = valueAt(root, path.slice(0, -1));
  const step = path.at(-1)!;
  if (Array.isArray(parent)) parent[Number(step)] = value;
  else if (isConfigMap(parent)) parent[step] = value;
}

/** What no single key can tell: shares that make a whole, as many labels as outputs, thresholds in their order. */
function checkFit({ trainer_config }: MultiLabelConfig): SchemaIssue[] {
  const { lightning_module_config: module, data_module_config: data } = trainer_config;
  const issues: SchemaIssue[] = [];
  const report = (path: ConfigPath, message: string): void => {
    issues.push({ path: ["trainer_config", ...path], code: "value", message });
  };
  const { vmin, vmax } = module.calculate_best_thresholds;
  const thresholds = ["lightning_module_config", "calculate_best_thresholds"];
  if (vmin >= vmax) report([...thresholds, "vmin"], `must be below vmax, got ${vmin} and ${vmax}.`);
  const { train_ratio, val_ratio, test_ratio, labels_columns } = data.split;
  const sum = train_ratio + val_ratio + test_ratio;
  if (Math.abs(sum - 1) > 1e-6)
    report(
      ["data_module_config", "split", "train_ratio"],
      `the ratios of train, val and test must add up to 1, got ${Number(sum.toFixed(6))}.`,
    );
  const labels = data.process_data.labels_columns;
  if (labels.join("\0") !== labels_columns.join("\0"))
    report(
      ["data_module_config", "split", "labels_columns"],
      `must be those of process_data, ${labels.join(", ")}, got ${labels_columns.join(", ")}.`,
    );
  const { num_classes } = module.model;
  if (num_classes !== labels.length)
    report(
      ["lightning_module_config", "model", "num_classes"],
      `must be the number of process_data.labels_columns, ${labels.length}, got ${num_classes}.`,
    );
  return issues;
}
