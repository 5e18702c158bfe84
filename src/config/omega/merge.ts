// Merges trees as OmegaConf.merge does: mappings key by key, lists whole, and "???" never over a value.
import type { ConfigIssue } from "../../base/index.ts";
import {
  type ConfigKey,
  type ConfigNode,
  type ListNode,
  type MapEntry,
  type MapNode,
  cloneNode,
  equalNodes,
} from "../node.ts";
import { formatPath } from "../value.ts";
import { type Locks, assign, listItem, locksWithin, refuseChange, unlocked } from "./assign.ts";
import { conform } from "./conform.ts";
import { ResolutionFailure, configError, issueAt } from "./failure.ts";
import { isMissing } from "./kinds.ts";
import type { Position } from "./position.ts";
import { Resolution } from "./resolution.ts";

/** Says what becomes of a list that meets another: the later one stands, or its items follow the earlier one's. */
export type ListMergeMode = "replace" | "extend" | "extend_unique";

/** Says how lists are merged. */
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
  // the lock of the root keeps others from changing it, and this is a copy of our own
  new Merger(target, options).run(target, other, [], { ...locksWithin(target, unlocked), readonly: false });
  return target;
}

/**
 * Merges `other` into `target` in place; parts of `other` are copied, never shared. Where it throws, what came before
 * the problem is merged already.
 */
export function mergeInto(target: ConfigNode, other: ConfigNode, options: MergeOptions = {}): void {
  new Merger(target, options).run(target, other, [], locksWithin(target, unlocked));
}

/** Merges into a part that stands at a path of `root`, under the locks of what is around it. */
export function mergeAt(
  root: ConfigNode,
  target: ConfigNode,
  other: ConfigNode,
  { path, locks }: { path: readonly ConfigKey[]; locks: Locks },
): void {
  new Merger(root, {}).run(target, other, path, locks);
}

class Merger {
  readonly #root: ConfigNode;
  readonly #listMergeMode: ListMergeMode;
  readonly #issues: ConfigIssue[] = [];

  constructor(root: ConfigNode, { listMergeMode = "replace" }: MergeOptions) {
    this.#root = root;
    this.#listMergeMode = listMergeMode;
  }

  run(target: ConfigNode, other: ConfigNode, path: readonly ConfigKey[], locks: Locks): void {
    this.#mergeContainers(target, other, path, locks);
    if (this.#issues.length > 0) throw configError(this.#issues);
  }

  #mergeContainers(target: ConfigNode, other: ConfigNode, path: readonly ConfigKey[], locks: Locks): void {
    if (target.kind === "map" && other.kind === "map") {
      this.#checkTypes(target, other, path);
      for (const [key, entry] of other.entries) this.#mergeEntry(target, key, entry, { path, locks });
      if (target.type === undefined && other.type !== undefined) target.type = other.type;
    } else if (target.kind === "list" && other.kind === "list") this.#mergeLists(target, other, path, locks);
    else return this.#failKinds(target, other, path);
    if (other.flags !== undefined) target.flags = { ...target.flags, ...other.flags };
  }

  #mergeEntry(
    target: MapNode,
    key: ConfigKey,
    entry: MapEntry,
    { path, locks }: { path: readonly ConfigKey[]; locks: Locks },
  ): void {
    const inner = [...path, key];
    this.#expand(target, key, inner);
    const present = target.entries.get(key);
    const { node } = entry;
    if (present !== undefined && isMissing(node)) this.#takeType(present, node, inner);
    else if (present !== undefined && present.node.kind !== "scalar" && node.kind !== "scalar")
      this.#mergeContainers(present.node, node, inner, locksWithin(present.node, locks));
    else assign(target, key, entry, { path, locks, issues: this.#issues });
  }

  /** Holds a value to the type of a "???" that is merged over it. */
  #takeType(present: MapEntry, { type }: ConfigNode, path: readonly ConfigKey[]): void {
    if (type !== undefined && present.node.type === undefined)
      present.node = conform(present.node, type, { path, issues: this.#issues });
  }

  #checkTypes(target: MapNode, other: MapNode, path: readonly ConfigKey[]): void {
    if (target.type?.kind !== "object" || other.type?.kind !== "object") return;
    const [into, from] = [target.type.name, other.type.name];
    if (into === from) return;
    const message = `a ${from} cannot be merged into a ${into}. Give a ${into}, or a plain mapping.`;
    this.#issues.push(issueAt(other, formatPath(path.map(String)), message, "type"));
  }

  /** Writes out an interpolation that leads to a mapping or list, so that what is merged over it adds to that. */
  #expand(target: MapNode, key: ConfigKey, path: readonly ConfigKey[]): void {
    const entry = target.entries.get(key);
    if (entry === undefined || !mayBeContainer(entry.node)) return;
    const found = followed(this.#root, path);
    if (found !== undefined && found.node.kind !== "scalar" && !found.isFinal)
      entry.node = cloneNode(found.node);
  }

  #mergeLists(target: ListNode, other: ListNode, path: readonly ConfigKey[], { readonly }: Locks): void {
    const at = { path, issues: this.#issues };
    if (readonly) return refuseChange(other, at);
    if (this.#listMergeMode === "replace") {
      target.items.length = 0;
      target.origin = other.origin;
    }
    for (const item of other.items) {
      const isKnown =
        this.#listMergeMode === "extend_unique" && target.items.some((known) => equalNodes(known, item));
      if (!isKnown) target.items.push(listItem(target, target.items.length, item, at));
    }
  }

  #failKinds(target: ConfigNode, other: ConfigNode, path: readonly ConfigKey[]): void {
    const { source: file, line: row, column: at } = target.origin;
    const first = row === undefined ? file : `${file}:${row}:${at ?? 1}`;
    const message = `${kindName(other)} cannot be merged over ${kindName(target)} (${first}). Write the same kind, or remove the earlier one.`;
    this.#issues.push(issueAt(other, formatPath(path.map(String)), message, "type"));
  }
}

/** Tells whether an interpolation may lead to a mapping or list: beside other text it gives a text. */
function mayBeContainer(node: ConfigNode): boolean {
  return node.kind === "scalar" && typeof node.value === "string" && /^\$\{.*\}$/su.test(node.value);
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

function kindName({ kind }: ConfigNode): string {
  return { map: "a mapping", list: "a list", scalar: "a single value" }[kind];
}
