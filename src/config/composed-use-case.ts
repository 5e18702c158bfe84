// A composed config as the document of a use case: its groups `model`, `dataset`, `experiment` and the like say the same
// in other places. Every part keeps the file, line and column, or the override, that wrote it.
import { type ConfigDocument, SourceMap } from "./document.ts";
import {
  type ConfigKey,
  type ConfigNode,
  type MapEntry,
  type MapNode,
  listNode,
  mapNode,
  scalarNode,
  valueOf,
} from "./node.ts";
import { resolve } from "./omega/resolve.ts";
import { type ConfigPath } from "./value.ts";

/**
 * Turns a composed job config into a use case's document; interpolations are resolved. `model.base_model` becomes
 * `base_model`, `experiment.name` the experiment, `dataset.name` the use case where nothing else names it; callbacks and
 * loggers by key (`callbacks: {early_stopping: {patience: 2}}`) become lists.
 *
 * @throws ConfigError for interpolations that cannot be resolved
 */
export function composedUseCase(job: MapNode): ConfigDocument {
  const root = resolve(job) as MapNode;
  const { entries } = root;
  move(entries, "model", "base_model", "base_model");
  move(entries, "dataset", "name", "use_case");
  take(entries, "model", "name");
  return documentOf(root);
}

/**
 * Turns a composed job config into the document of a training of registered parts, in which model and data set keep their
 * names; the data set's names the use case where nothing else does.
 *
 * @throws ConfigError for interpolations that cannot be resolved
 */
export function composedModule(job: MapNode): ConfigDocument {
  const root = resolve(job) as MapNode;
  const dataset = root.entries.get("dataset")?.node;
  const name = dataset?.kind === "map" ? dataset.entries.get("name") : undefined;
  if (name !== undefined && !root.entries.has("use_case")) root.entries.set("use_case", name);
  return documentOf(root);
}

function documentOf(root: MapNode): ConfigDocument {
  const { entries } = root;
  const experiment = entries.get("experiment");
  const name = experiment?.node.kind === "map" ? experiment.node.entries.get("name") : undefined;
  if (experiment !== undefined && name !== undefined)
    entries.set("experiment", { ...experiment, node: name.node });
  rename(entries, "logger", "loggers");
  for (const key of ["callbacks", "loggers"]) {
    const entry = entries.get(key);
    if (entry?.node.kind === "map") entries.set(key, { ...entry, node: listOf(entry.node) });
  }
  const places = new SourceMap();
  place(root, [], places);
  return { source: root.origin.source, value: valueOf(root), places };
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

function rename(entries: Map<ConfigKey, MapEntry>, from: string, to: string): void {
  const entry = entries.get(from);
  if (entry === undefined || entries.has(to)) return;
  entries.delete(from);
  entries.set(to, entry);
}

/** Turns components by key into a list; the key is the name of one that names itself in no other way. */
function listOf(map: MapNode): ConfigNode {
  const items = [...map.entries].flatMap(([key, { node, origin }]): ConfigNode[] => {
    if (node.kind === "scalar" && node.value === null) return []; // switched off
    if (node.kind !== "map") return [node];
    const isNamed = ["name", "_target_", "class_path", "module"].some((mark) => node.entries.has(mark));
    if (isNamed) return [node];
    const name: [ConfigKey, MapEntry] = ["name", { origin, node: scalarNode(origin, String(key)) }];
    return [mapNode(node.origin, [name, ...node.entries])];
  });
  return listNode(map.origin, items);
}

function place(node: ConfigNode, path: ConfigPath, places: SourceMap): void {
  places.setValue(path, node.origin);
  if (node.kind === "list") {
    for (const [index, item] of node.items.entries()) place(item, [...path, index], places);
  } else if (node.kind === "map") {
    for (const [key, entry] of node.entries) {
      const at = [...path, String(key)];
      places.setKey(at, entry.origin);
      place(entry.node, at, places);
    }
  } else if (node.isFloat) places.markFloat(path);
}
