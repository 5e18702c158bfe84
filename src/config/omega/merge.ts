// Merges trees as OmegaConf.merge does: mappings key by key, lists whole, and "???" never over a value.
import {
  type ConfigKey,
  type ConfigNode,
  type ListNode,
  type MapEntry,
  type MapNode,
  cloneNode,
} from "../node.ts";
import { formatPath } from "../value.ts";
import { ResolutionFailure, configError, issueAt } from "./failure.ts";
import { isInterpolation, isMissing } from "./kinds.ts";
import type { Position } from "./position.ts";
import { Resolution } from "./resolution.ts";

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
export function merge<T extends ConfigNode>(base: T, other: ConfigNode, options: MergeOptions = {}): T {
  const target = cloneNode(base);
  mergeInto(target, other, options);
  return target;
}

/** Merges `other` into `target` in place; parts of `other` are copied, never shared. */
export function mergeInto(target: ConfigNode, other: ConfigNode, options: MergeOptions = {}): void {
  new Merger(target, options.listMergeMode ?? "replace").mergeContainers(target, other, []);
}

class Merger {
  readonly #root: ConfigNode;
  readonly #listMergeMode: ListMergeMode;

  constructor(root: ConfigNode, listMergeMode: ListMergeMode) {
    this.#root = root;
    this.#listMergeMode = listMergeMode;
  }

  mergeContainers(target: ConfigNode, other: ConfigNode, path: readonly ConfigKey[]): void {
    if (target.kind === "map" && other.kind === "map") {
      for (const [key, entry] of other.entries) this.#mergeEntry(target, key, entry, [...path, key]);
    } else if (target.kind === "list" && other.kind === "list") this.#mergeLists(target, other);
    else this.#failKinds(target, other, path);
  }

  #mergeEntry(target: MapNode, key: ConfigKey, { origin, node }: MapEntry, path: readonly ConfigKey[]): void {
    this.#expand(target, key, path);
    const present = target.entries.get(key)?.node;
    if (present === undefined) target.entries.set(key, { origin, node: cloneNode(node) });
    else if (isMissing(node)) return;
    else if (present.kind !== "scalar" && node.kind !== "scalar") this.mergeContainers(present, node, path);
    else target.entries.set(key, { origin, node: cloneNode(node) });
  }

  /** Writes out an interpolation that leads to a mapping or list, so that what is merged over it adds to that. */
  #expand(target: MapNode, key: ConfigKey, path: readonly ConfigKey[]): void {
    const entry = target.entries.get(key);
    if (entry === undefined || !isInterpolation(entry.node)) return;
    const found = followed(this.#root, path);
    if (found !== undefined && found.node.kind !== "scalar" && !found.isFinal)
      entry.node = cloneNode(found.node);
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

  #failKinds(target: ConfigNode, other: ConfigNode, path: readonly ConfigKey[]): never {
    const { source: file, line: row, column: at } = target.origin;
    const first = row === undefined ? file : `${file}:${row}:${at ?? 1}`;
    const message = `${kindName(other)} cannot be merged over ${kindName(target)} (${first}). Write the same kind, or remove the earlier one.`;
    throw configError([issueAt(other, formatPath(path.map(String)), message, "type")]);
  }
}

/** Follows the interpolation at a path as far as it can be followed now. */
function followed(root: ConfigNode, path: readonly ConfigKey[]): Position | undefined {
  const resolution = new Resolution(root);
  const at = path.reduce<Position | undefined>((part, key) => part?.child(key), resolution.root);
  try {
    return at && resolution.dereference(at);
  } catch (error) {
    if (error instanceof ResolutionFailure) return undefined;
    throw error;
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
