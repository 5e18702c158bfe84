// A config as a tree whose every part knows where it was written: what composing, merging and resolving work on.
import type { ConfigDocument, Place } from "./document.ts";
import type { ConfigType } from "./omega/types.ts";
import type { ConfigMap, ConfigPath, ConfigValue } from "./value.ts";

/** Says where a part of a config was written: a file with its place, or one override of the command line. */
export interface Origin extends Partial<Place> {
  /** A path as the user knows it, or the text of an override. */
  source: string;
}

/** Is a key of a mapping; YAML allows more than text, and Python keeps `1` and `"1"` apart. */
export type ConfigKey = string | number | boolean | null;

/** Is any part of a config. */
export type ConfigNode = MapNode | ListNode | ScalarNode;

/** Is what every part may carry beside its value. */
interface NodeMarks {
  /** The type that the part is held to; without one it may be anything. */
  type?: ConfigType;
}

/** Are the locks of OmegaConf on a mapping or list; unset ones are those of the part around it. */
export interface NodeFlags {
  /** New keys are refused. */
  struct?: boolean;
  /** Every change is refused. */
  readonly?: boolean;
}

/** Is a mapping; keys keep the order in which they were written. */
export interface MapNode extends NodeMarks {
  readonly kind: "map";
  readonly entries: Map<ConfigKey, MapEntry>;
  origin: Origin;
  flags?: NodeFlags;
}

/** Is one key of a mapping with its value. */
export interface MapEntry {
  /** Where the key was written. */
  origin: Origin;
  node: ConfigNode;
}

/** Is a list. */
export interface ListNode extends NodeMarks {
  readonly kind: "list";
  readonly items: ConfigNode[];
  origin: Origin;
  flags?: NodeFlags;
}

/** Is a value that holds no others. Interpolations (`${a.b}`) and `???` are texts until they are resolved. */
export interface ScalarNode extends NodeMarks {
  readonly kind: "scalar";
  readonly value: null | boolean | number | bigint | string;
  /** True for a number that Python would read as a float: `1.0`, `1e3`, `.inf`. */
  readonly isFloat: boolean;
  origin: Origin;
}

/** Makes an empty mapping. */
export function mapNode(origin: Origin, entries: Iterable<[ConfigKey, MapEntry]> = []): MapNode {
  return { kind: "map", entries: new Map(entries), origin };
}

/** Makes a list. */
export function listNode(origin: Origin, items: ConfigNode[] = []): ListNode {
  return { kind: "list", items, origin };
}

/** Makes a scalar; a number that is not whole is a float without being told so. */
export function scalarNode(
  origin: Origin,
  value: ScalarNode["value"],
  isFloat = typeof value === "number" && !Number.isInteger(value),
): ScalarNode {
  return { kind: "scalar", value, isFloat, origin };
}

/** Copies a tree; origins are shared, since nothing changes one in place. */
export function cloneNode<T extends ConfigNode>(node: T): T;
export function cloneNode(node: ConfigNode): ConfigNode {
  if (node.kind === "scalar") return { ...node };
  if (node.kind === "list") return { ...node, items: node.items.map(cloneNode) };
  const copy: MapNode = { ...node, entries: new Map() };
  for (const [key, entry] of node.entries) copy.entries.set(key, { ...entry, node: cloneNode(entry.node) });
  return copy;
}

/** Gives an entry another key, unless something stands there. */
export function renameKey(entries: Map<ConfigKey, MapEntry>, from: ConfigKey, to: ConfigKey): void {
  const entry = entries.get(from);
  if (entry === undefined || entries.has(to)) return;
  entries.delete(from);
  entries.set(to, entry);
}

/** Makes a tree of plain data, every part with one origin. */
export function nodeOf(value: ConfigValue, origin: Origin): ConfigNode {
  if (Array.isArray(value))
    return listNode(
      origin,
      value.map((item) => nodeOf(item, origin)),
    );
  if (typeof value !== "object" || value === null) return scalarNode(origin, value);
  const node = mapNode(origin);
  for (const [key, entry] of Object.entries(value))
    node.entries.set(key, { origin, node: nodeOf(entry, origin) });
  return node;
}

/** Turns a tree to plain data: keys become texts, big integers numbers where those hold them and texts elsewhere. */
export function valueOf(node: ConfigNode): ConfigValue {
  if (node.kind === "list") return node.items.map(valueOf);
  if (node.kind === "map") {
    const value: ConfigMap = {};
    for (const [key, entry] of node.entries) {
      const part = valueOf(entry.node);
      if (key === "__proto__")
        Object.defineProperty(value, key, {
          value: part,
          enumerable: true,
          writable: true,
          configurable: true,
        });
      else value[String(key)] = part;
    }
    return value;
  }
  if (typeof node.value !== "bigint") return node.value;
  return Number.isSafeInteger(Number(node.value)) ? Number(node.value) : String(node.value);
}

/** Makes a tree of a document, every part with its place. */
export function documentNode({ source, value, places }: ConfigDocument): ConfigNode {
  const build = (part: ConfigValue, path: ConfigPath): ConfigNode => {
    const origin = { source, ...places.value(path) };
    if (Array.isArray(part))
      return listNode(
        origin,
        part.map((item, index) => build(item, [...path, index])),
      );
    if (typeof part !== "object" || part === null)
      return scalarNode(
        origin,
        part,
        typeof part === "number" && (!Number.isInteger(part) || places.isFloat(path)),
      );
    const node = mapNode(origin);
    for (const [key, entry] of Object.entries(part)) {
      const keyPath = [...path, key];
      node.entries.set(key, { origin: { source, ...places.key(keyPath) }, node: build(entry, keyPath) });
    }
    return node;
  };
  return build(value, []);
}

/** Tells a node from plain data. */
export function isConfigNode(value: unknown): value is ConfigNode {
  if (typeof value !== "object" || value === null || !("kind" in value) || !("origin" in value)) return false;
  if (value.kind === "map") return "entries" in value && value.entries instanceof Map;
  if (value.kind === "list") return "items" in value && Array.isArray(value.items);
  return value.kind === "scalar" && "isFloat" in value;
}

/** Tells whether two trees hold the same values by `isSame`, whatever the order of their keys. */
export function equalNodes(
  a: ConfigNode,
  b: ConfigNode,
  isSame: (left: ScalarNode["value"], right: ScalarNode["value"]) => boolean = Object.is,
): boolean {
  if (a.kind === "scalar" && b.kind === "scalar") return isSame(a.value, b.value);
  if (a.kind === "list" && b.kind === "list")
    return (
      a.items.length === b.items.length && a.items.every((item, at) => equalNodes(item, b.items[at]!, isSame))
    );
  if (a.kind !== "map" || b.kind !== "map" || a.entries.size !== b.entries.size) return false;
  return [...a.entries].every(([key, { node }]) => {
    const other = b.entries.get(key)?.node;
    return other !== undefined && equalNodes(node, other, isSame);
  });
}
