// Merges trees as OmegaConf.merge does: mappings key by key, lists whole, and "???" never over a value.
import { ConfigError } from "../../base/index.ts";
import {
  type ConfigKey,
  type ConfigNode,
  type ListNode,
  type MapEntry,
  type MapNode,
  cloneNode,
} from "../node.ts";
import { type ConfigPath, formatPath } from "../value.ts";
import { isMissing } from "./kinds.ts";

/** Says what becomes of a list that meets another: the later one stands, or its items follow the earlier one's. */
export type ListMergeMode = "replace" | "extend" | "extend_unique";

export interface MergeOptions {
  /**
   * `extend_unique` adds only the items that the list does not hold already.
   * @default "replace"
   */
  listMergeMode?: ListMergeMode;
}

/**
 * Merges `other` over `base` to a new tree; both stay as they were. Keys keep the order in which they first came.
 * A mapping over a list, or a list over a mapping, throws a `ConfigError` that names both places.
 */
export function merge(base: ConfigNode, other: ConfigNode, options: MergeOptions = {}): ConfigNode {
  const target = cloneNode(base);
  mergeInto(target, other, options);
  return target;
}

/** Merges `other` into `target` in place; parts of `other` are copied, never shared. */
export function mergeInto(target: ConfigNode, other: ConfigNode, options: MergeOptions = {}): void {
  new Merger(options.listMergeMode ?? "replace").mergeContainers(target, other, []);
}

class Merger {
  readonly #listMergeMode: ListMergeMode;

  constructor(listMergeMode: ListMergeMode) {
    this.#listMergeMode = listMergeMode;
  }

  mergeContainers(target: ConfigNode, other: ConfigNode, path: ConfigPath): void {
    if (target.kind === "map" && other.kind === "map") {
      for (const [key, entry] of other.entries) this.#mergeEntry(target, key, entry, [...path, String(key)]);
    } else if (target.kind === "list" && other.kind === "list") this.#mergeLists(target, other);
    else this.#failKinds(target, other, path);
  }

  #mergeEntry(target: MapNode, key: ConfigKey, { origin, node }: MapEntry, path: ConfigPath): void {
    const present = target.entries.get(key)?.node;
    if (present === undefined) target.entries.set(key, { origin, node: cloneNode(node) });
    else if (isMissing(node)) return;
    else if (present.kind !== "scalar" && node.kind !== "scalar") this.mergeContainers(present, node, path);
    else target.entries.set(key, { origin, node: cloneNode(node) });
  }

  #mergeLists(target: ListNode, other: ListNode): void {
    if (this.#listMergeMode === "replace") {
      target.items.length = 0;
      target.origin = other.origin;
    }
    for (const item of other.items) {
      const isKnown =
        this.#listMergeMode === "extend_unique" && target.items.some((known) => equalNodes(known, item));
      if (!isKnown) target.items.push(cloneNode(item));
    }
  }

  #failKinds(target: ConfigNode, other: ConfigNode, path: ConfigPath): never {
    const { source, line, column } = other.origin;
    const { source: file, line: row, column: at } = target.origin;
    const first = row === undefined ? file : `${file}:${row}:${at ?? 1}`;
    const message = `${kindName(other)} cannot be merged over ${kindName(target)} (${first}). Write the same kind, or remove the earlier one.`;
    const place = line === undefined ? {} : { line, column: column ?? 1 };
    throw new ConfigError(source, [{ path: formatPath(path), code: "type", message, ...place }]);
  }
}

/** Tells whether two trees hold the same values, whatever the order of their keys. */
export function equalNodes(a: ConfigNode, b: ConfigNode): boolean {
  if (a.kind === "scalar" && b.kind === "scalar") return Object.is(a.value, b.value);
  if (a.kind === "list" && b.kind === "list")
    return a.items.length === b.items.length && a.items.every((item, at) => equalNodes(item, b.items[at]!));
  if (a.kind !== "map" || b.kind !== "map" || a.entries.size !== b.entries.size) return false;
  return [...a.entries].every(([key, { node }]) => {
    const other = b.entries.get(key)?.node;
    return other !== undefined && equalNodes(node, other);
  });
}

function kindName({ kind }: ConfigNode): string {
  return { map: "a mapping", list: "a list", scalar: "a single value" }[kind];
}
