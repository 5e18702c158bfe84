// A composed config as the document of a use case: its groups `model`, `dataset`, `experiment` and the like say the same
// in other places. Every part keeps the file, line and column, or the override, that wrote it.
import { type ConfigIssue, suggestion } from "../base/index.ts";
import { type ConfigDocument, SourceMap } from "./document.ts";
import {
  type ConfigKey,
  type ConfigNode,
  type MapEntry,
  type MapNode,
  listNode,
  mapNode,
  renameKey,
  scalarNode,
  valueOf,
} from "./node.ts";
import { type Translated, helperKeys, isLightningTree, translateLightning } from "./lightning-tree.ts";
import { issueAt } from "./omega/failure.ts";
import { resolve } from "./omega/resolve.ts";
import { type ConfigPath, formatPath } from "./value.ts";

/**
 * Turns a composed job config into a use case's document; interpolations are resolved. `model.base_model` becomes
 * `base_model`, `experiment.name` the experiment, `dataset.name` the use case where nothing else names it; callbacks and
 * loggers by key (`callbacks: {early_stopping: {patience: 2}}`) become lists.
 */
export function composedUseCase(job: MapNode): ConfigDocument {
  const parts = partsOf(job);
  const { entries } = parts.root;
  const twice = entries.has("base_model") ? take(entries, "model", "base_model") : undefined;
  if (twice !== undefined) {
    const message = '"base_model" stands at the top of the config too. Delete one of the two.';
    parts.issues.push(issueAt(twice.node, "model.base_model", message, "value"));
  }
  move(entries, "model", "base_model", "base_model");
  move(entries, "dataset", "name", "use_case");
  take(entries, "model", "name");
  return documentOf(parts);
}

/**
 * Turns a composed job config into the document of a training of registered parts, in which model and data set keep their
 * names; the data set's names the use case where nothing else does. Lightning's own trees are brought to that form first.
 */
export function composedModule(job: MapNode): { document: ConfigDocument } & Pick<Translated, "components"> {
  const parts = partsOf(job);
  const { root } = parts;
  const translated = isLightningTree(root)
    ? translateLightning(root, helperKeys(job))
    : { issues: [], components: [] };
  parts.issues.push(...translated.issues);
  const dataset = root.entries.get("dataset")?.node;
  const entry = dataset?.kind === "map" ? dataset.entries.get("name") : undefined;
  if (entry?.node.kind === "scalar" && !root.entries.has("use_case")) {
    const { value, origin } = entry.node;
    const name = typeof value === "string" ? value.slice(value.lastIndexOf(".") + 1) : value;
    root.entries.set("use_case", { ...entry, node: scalarNode(origin, name) });
  }
  return { document: documentOf(parts), components: translated.components };
}

/** Turns a composed job config into a document as it stands; interpolations are resolved. */
export function plainDocument(job: MapNode): ConfigDocument {
  return placedDocument(partsOf(job));
}

/** Is a resolved config while it is brought to its other form. */
interface Parts {
  root: MapNode;
  /** Says of every part where it stood before anything was moved. */
  written: Map<ConfigNode, ConfigPath>;
  issues: ConfigIssue[];
  /** Stand for interpolations that failed. */
  broken: Set<ConfigNode>;
}

function partsOf(job: MapNode): Parts {
  const failed = { issues: [], nodes: new Set<ConfigNode>() };
  const root = resolve(job, { failed }) as MapNode;
  return { root, written: pathsOf(root), issues: failed.issues, broken: failed.nodes };
}

function pathsOf(root: MapNode): Map<ConfigNode, ConfigPath> {
  const paths = new Map<ConfigNode, ConfigPath>();
  const visit = (node: ConfigNode, path: ConfigPath): void => {
    paths.set(node, path);
    if (node.kind === "list") node.items.forEach((item, index) => visit(item, [...path, index]));
    if (node.kind === "map")
      for (const [key, entry] of node.entries) visit(entry.node, [...path, String(key)]);
  };
  visit(root, []);
  return paths;
}

function documentOf({ root, written, issues, broken }: Parts): ConfigDocument {
  const { entries } = root;
  nameExperiment(entries, issues);
  renameKey(entries, "logger", "loggers");
  for (const key of ["callbacks", "loggers"]) {
    const entry = entries.get(key);
    if (entry?.node.kind === "map") entries.set(key, { ...entry, node: listOf(entry.node, written) });
  }
  return placedDocument({ root, written, issues, broken });
}

function placedDocument({ root, written, issues, broken }: Parts): ConfigDocument {
  const places = new SourceMap();
  const brokenPaths: ConfigPath[] = [];
  place(root, [], { places, written, broken, brokenPaths });
  return { source: root.origin.source, value: valueOf(root), places, issues, broken: brokenPaths };
}

/** Puts the name of the section `experiment` in its place; nothing else may stand there. */
function nameExperiment(entries: Map<ConfigKey, MapEntry>, issues: ConfigIssue[]): void {
  const experiment = entries.get("experiment");
  if (experiment?.node.kind !== "map") return;
  const name = experiment.node.entries.get("name");
  for (const [key, entry] of experiment.node.entries) {
    if (key === "name") continue;
    const message = `unknown key. ${suggestion(String(key), ["name"])}`;
    issues.push(issueAt(entry, formatPath(["experiment", String(key)]), message, "unknown_key"));
  }
  if (name === undefined) entries.delete("experiment");
  else entries.set("experiment", { ...experiment, node: name.node });
}

/** Moves an entry of a section to the top, unless something stands there. */
function move(entries: Map<ConfigKey, MapEntry>, section: string, key: string, target: string): void {
  const entry = take(entries, section, key);
  if (entry !== undefined && !entries.has(target)) entries.set(target, entry);
}

function take(entries: Map<ConfigKey, MapEntry>, section: string, key: string): MapEntry | undefined {
  const part = entries.get(section)?.node;
  if (part?.kind !== "map") return undefined;
  const entry = part.entries.get(key);
  part.entries.delete(key);
  return entry;
}

/** Turns components by key into a list; the key is the name of one that names itself in no other way. */
function listOf(map: MapNode, written: Map<ConfigNode, ConfigPath>): ConfigNode {
  const items = [...map.entries].flatMap(([key, { node, origin }]): ConfigNode[] => {
    if (node.kind === "scalar" && node.value === null) return []; // switched off
    if (node.kind !== "map") return [node];
    const isNamed = ["name", "_target_", "class_path", "module"].some((mark) => node.entries.has(mark));
    if (isNamed) return [node];
    const name: [ConfigKey, MapEntry] = ["name", { origin, node: scalarNode(origin, String(key)) }];
    const named = mapNode(node.origin, [name, ...node.entries]);
    written.set(named, written.get(node)!);
    return [named];
  });
  return listNode(map.origin, items);
}

function place(
  node: ConfigNode,
  path: ConfigPath,
  into: Pick<Parts, "written" | "broken"> & { places: SourceMap; brokenPaths: ConfigPath[] },
): void {
  const { places, written, broken, brokenPaths } = into;
  if (broken.has(node)) brokenPaths.push(path);
  places.setValue(path, node.origin);
  const writtenPath = written.get(node);
  if (writtenPath !== undefined) places.setWritten(path, writtenPath);
  if (node.kind === "list") {
    for (const [index, item] of node.items.entries()) place(item, [...path, index], into);
  } else if (node.kind === "map") {
    for (const [key, entry] of node.entries) {
      const at = [...path, String(key)];
      places.setKey(at, entry.origin);
      place(entry.node, at, into);
    }
  } else if (node.isFloat) places.markFloat(path);
}
