// Sets one part of a config by its dotted key, as OmegaConf.update does.
import { type ConfigIssue, ConfigError } from "../../base/index.ts";
import {
  type ConfigKey,
  type ConfigNode,
  type ListNode,
  type MapNode,
  type Origin,
  isConfigNode,
  mapNode,
  nodeOf,
  cloneNode,
} from "../node.ts";
import { limits } from "../document.ts";
import { keyProblem } from "../parse-json.ts";
import { type ConfigValue, formatPath, formatValue } from "../value.ts";
import { type Locks, assign, listItem, locksWithin, refuseChange, unlocked } from "./assign.ts";
import { checkDepth } from "./create.ts";
import { configError, issueAt } from "./failure.ts";
import { contentIssues } from "./content-issues.ts";
import { mergeAt } from "./merge.ts";
import { pythonInt } from "./python-text.ts";
import { splitKey } from "./split-key.ts";

/** Says how a value is put in place. */
export interface UpdateOptions {
  /** Merges a mapping or list into the one that is there; otherwise it takes its place. @default true */
  merge?: boolean;
  /** Adds keys where the struct lock or a type refuses them. @default false */
  forceAdd?: boolean;
  /** Where the value was written, for messages. @default the key */
  origin?: Origin;
}

/**
 * Sets the part that `a.b[0]` names, in place. Mappings that are absent on the way are made, and single values there
 * are replaced by them; items of lists must exist. A value that may not stand there throws and changes nothing.
 */
export function update(
  root: ConfigNode,
  key: string,
  value: ConfigValue | ConfigNode,
  options: UpdateOptions = {},
): void {
  const { merge = true, forceAdd = false, origin = { source: key } } = options;
  const keys = splitKey(key);
  if (keys.length > limits.depth) {
    const message = `more than ${limits.depth} keys in one path. Flatten the config.`;
    throw new ConfigError(origin.source, [{ path: `${key.slice(0, 40)}...`, code: "syntax", message }]);
  }
  if (!isConfigNode(value)) checkDepth(value, origin.source);
  const node = isConfigNode(value) ? cloneNode(value) : nodeOf(value, origin);
  const problems = contentIssues(node);
  if (problems.length > 0) throw new ConfigError(origin.source, problems);
  new Updater(root, { merge, forceAdd, origin }).set(keys, node);
}

class Updater {
  readonly #root: ConfigNode;
  readonly #options: Required<UpdateOptions>;
  readonly #issues: ConfigIssue[] = [];

  constructor(root: ConfigNode, options: Required<UpdateOptions>) {
    this.#root = root;
    this.#options = options;
  }

  set(keys: readonly string[], value: ConfigNode): void {
    const path: ConfigKey[] = [];
    let parent = this.#root;
    let locks = locksWithin(parent, unlocked);
    // what is absent is made beside the config and set at the end, so that a refusal leaves no traces
    for (const [index, name] of keys.slice(0, -1).entries()) {
      const key = this.#key(parent, name, path);
      const next = childOf(parent, key);
      if (next === undefined || next.kind === "scalar") {
        for (const inner of keys.slice(index + 1))
          this.#key(mapNode(this.#options.origin), inner, [...path, key]);
        const made = nested(keys.slice(index + 1), value, this.#options.origin);
        return this.#put(parent, key, made, { path, locks });
      }
      path.push(key);
      parent = next;
      locks = locksWithin(parent, locks);
    }
    const key = this.#key(parent, keys.at(-1)!, path);
    const present = childOf(parent, key);
    const merges = this.#options.merge && value.kind !== "scalar" && present !== undefined;
    if (!merges || present.kind === "scalar") return this.#put(parent, key, value, { path, locks });
    const merged = cloneNode(present);
    const inner = { path: [...path, key], locks: locksWithin(present, locks) };
    mergeAt(this.#root, merged, value, inner);
    if (parent.kind === "map") parent.entries.get(key)!.node = merged;
    else (parent as ListNode).items[key as number] = merged;
  }

  #put(
    parent: ConfigNode,
    key: ConfigKey,
    node: ConfigNode,
    { path, locks }: { path: readonly ConfigKey[]; locks: Locks },
  ): void {
    const at = { path, issues: this.#issues };
    if (parent.kind === "map") {
      const { origin, forceAdd } = this.#options;
      const flags = parent.flags;
      if (forceAdd) parent.flags = { ...flags, struct: false };
      const struct = !forceAdd && locks.struct;
      assign(
        parent,
        key,
        { origin: parent.entries.get(key)?.origin ?? origin, node },
        { ...at, locks: { ...locks, struct } },
      );
      if (forceAdd) restoreFlags(parent, flags);
    } else {
      if (locks.readonly) refuseChange(node, { ...at, path: [...path, key] });
      const item = listItem(parent as ListNode, key as number, node, at);
      if (this.#issues.length === 0) (parent as ListNode).items[key as number] = item;
    }
    if (this.#issues.length > 0) throw configError(this.#issues);
  }

  /** Reads a key of a mapping, or an index of a list that is there. */
  #key(parent: ConfigNode, name: string, path: readonly ConfigKey[]): ConfigKey {
    if (parent.kind === "map") {
      const problem = keyProblem(name);
      return problem === undefined ? name : this.#fail(problem, [...path, name]);
    }
    if (parent.kind === "list") {
      const index = pythonInt(name);
      const { length } = parent.items;
      if (typeof index === "number" && index >= 0 && index < length) return index;
      const range = length === 0 ? "The list is empty." : `Use a number from 0 to ${length - 1}.`;
      return this.#fail(`the list has no item ${JSON.stringify(name)}. ${range}`, path);
    }
    return this.#fail(`the config is a single value, ${formatValue(parent.value)}, and holds no keys.`, path);
  }

  #fail(message: string, path: readonly ConfigKey[]): never {
    const { origin } = this.#options;
    throw configError([issueAt({ origin }, formatPath(path.map(String)), message, "value")]);
  }
}

function childOf(node: ConfigNode, key: ConfigKey): ConfigNode | undefined {
  if (node.kind === "map") return node.entries.get(key)?.node;
  return node.kind === "list" ? node.items[key as number] : undefined;
}

/** Wraps a value in a mapping for each of the keys. */
function nested(keys: readonly string[], value: ConfigNode, origin: Origin): ConfigNode {
  return keys.reduceRight<ConfigNode>((node, key) => mapNode(origin, [[key, { origin, node }]]), value);
}

function restoreFlags(node: MapNode, flags: MapNode["flags"]): void {
  if (flags === undefined) delete node.flags;
  else node.flags = flags;
}
