// Proves the tree of a multi-label text classifier: every part of it by its kind, and what must fit together. Nothing is run.
import type * as z from "zod";
import type { ConfigIssue } from "../base/index.ts";
import { plainDocument } from "./composed-use-case.ts";
import { NormalizeSink, normalizeComponent } from "./components.ts";
import { isBrokenAt } from "./document.ts";
import type { multiLabelSchema } from "./multi-label-schema.ts";
import { inFileOrder } from "./in-file-order.ts";
import type { MapNode } from "./node.ts";
import type { SchemaIssue } from "./schema-issues.ts";
import { locateIn } from "./use-case.ts";
import { type ConfigMap, type ConfigPath, formatPath, setAt, startsWith, valueAt } from "./value.ts";

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
  const [{ dropNulls }, { checkSchema }, { multiLabelSchema }] = await Promise.all([
    import("./normalize-use-case.ts"), // all of these load zod (50 ms), which reading a config need not
    import("./schema-issues.ts"),
    import("./multi-label-schema.ts"),
  ]);
  const document = plainDocument(job);
  const sink = new NormalizeSink();
  const value = dropNulls(document.value, [], [], sink) as ConfigMap;
  const { named, unresolved } = await nameComponents(value, sink);
  const { data, issues } = checkSchema(multiLabelSchema, value);
  const untold = issues.filter(({ path }) => !unresolved.some((told) => startsWith(path, told)));
  const rules = data === undefined ? [] : checkFit(data);
  const locate = locateIn(document);
  const placed = [...sink.issues, ...(await withReasons(untold, value)), ...rules]
    .filter(({ path }) => !isBrokenAt(document, path))
    .map((issue) => locate({ ...issue, path: sink.original(issue.path) }));
  const all = [...(document.issues ?? []), ...placed];
  return {
    source: document.source,
    issues: inFileOrder(all),
    ...(data !== undefined && all.length === 0 && { config: data }),
    named,
  };
}

/** Brings every component of a tree to its one form in place; what stands for one that is unknown is told already. */
async function nameComponents(
  value: ConfigMap,
  sink: NormalizeSink,
): Promise<{ named: Record<string, string>; unresolved: readonly ConfigPath[] }> {
  const { componentLists, componentSlots } = await import("./multi-label-schema.ts");
  const items = componentLists.flatMap(({ path, kind }) => {
    const list = valueAt(value, path);
    return Array.isArray(list) ? list.map((_, index) => ({ path: [...path, index], kind })) : [];
  });
  const named: Record<string, string> = {};
  const unresolved: ConfigPath[] = [];
  for (const { path, kind } of [...componentSlots, ...items]) {
    const part = valueAt(value, path);
    if (part === undefined) continue;
    const component = normalizeComponent(part, kind, path, sink);
    if (component === undefined) unresolved.push(path);
    else named[formatPath(path)] = String(component["name"]);
    setAt(value, path, component ?? { name: "" });
  }
  return { named, unresolved };
}

/** Gives refused settings their reasons, which are known by the names of our own sections. */
async function withReasons(issues: readonly SchemaIssue[], value: ConfigMap): Promise<SchemaIssue[]> {
  const { refuse } = await import("./refusals.ts");
  const sections = Object.entries(ownSections).map(([name, path]) => [name, valueAt(value, path) ?? {}]);
  const moved = issues.map((issue) => ({ ...issue, path: ownPath(issue.path) }));
  const refused = refuse(moved, Object.fromEntries(sections) as ConfigMap);
  return refused.map((issue, index) => ({ ...issue, path: issues[index]!.path }));
}

const ownSections: Readonly<Record<string, ConfigPath>> = {
  trainer: ["trainer_config", "kwargs"],
  callbacks: ["trainer_config", "callbacks"],
  loggers: ["trainer_config", "loggers"],
  optimizer: ["trainer_config", "lightning_module_config", "optimizer"],
};

function ownPath(path: ConfigPath): ConfigPath {
  for (const [section, start] of Object.entries(ownSections))
    if (startsWith(path, start)) return [section, ...path.slice(start.length)];
  return path;
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
