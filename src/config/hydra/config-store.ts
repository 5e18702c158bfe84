// Configs that a program hands over instead of files.
import { ConfigError } from "../../base/index.ts";
import { type ConfigNode, cloneNode, nodeOf } from "../node.ts";
import type { ConfigMap } from "../value.ts";
import { pathProblem } from "./config-path.ts";

/** Is one config of a `ConfigStore`. */
export interface StoredConfig {
  /** Name within the group, without an ending. */
  name: string;
  /** Group, with `/` between its parts. @default the root */
  group?: string;
  /** Plain data, or a tree that was read elsewhere. It is copied. */
  node: ConfigMap | ConfigNode;
  /** Where in the whole config it goes, as `# @package` says in a file. @default the group */
  package?: string;
  /** Who provides it, for messages. @default "ConfigStore" */
  provider?: string;
}

/** Is a config as the store holds it. */
export interface StoredEntry {
  node: ConfigNode;
  package: string | undefined;
  provider: string;
}

/**
 * Holds configs by group and name. They stand at the end of every search path, so a file of the same name wins, and is
 * merged onto the stored one.
 *
 * @example
 * const store = new ConfigStore();
 * store.store({ group: "db", name: "mysql", node: { port: 3306 } });
 * store.options("db"); // => ["mysql"]
 */
export class ConfigStore {
  readonly #configs = new Map<string, StoredEntry>();
  readonly #groups = new Map<string, Set<string>>([["", new Set()]]); // group -> names of its groups

  /** Adds a config, or replaces the one of that name. A name or group that is no path throws a `ConfigError`. */
  store({ name, group = "", node, package: packageName, provider = "ConfigStore" }: StoredConfig): void {
    const base = name.endsWith(".yaml") ? name.slice(0, -".yaml".length) : name;
    const path = group === "" ? base : `${group}/${base}`;
    const problem = pathProblem(path);
    if (problem !== undefined || base.includes("/"))
      throw new ConfigError("ConfigStore", [
        { path, code: "value", message: problem ?? 'the name holds "/". Name the group apart.' },
      ]);
    this.#addGroup(group);
    const tree = isNode(node) ? cloneNode(node) : nodeOf(node, { source: `ConfigStore ${path}` });
    this.#configs.set(path, { node: tree, package: packageName, provider });
  }

  /** Returns a config by its path, `db/mysql`. */
  get(path: string): StoredEntry | undefined {
    return this.#configs.get(path);
  }

  hasGroup(group: string): boolean {
    return this.#groups.has(group);
  }

  /** Lists the names of a group's configs. */
  options(group: string): string[] {
    const prefix = group === "" ? "" : `${group}/`;
    return [...this.#configs.keys()]
      .filter((path) => path.startsWith(prefix) && !path.includes("/", prefix.length))
      .map((path) => path.slice(prefix.length))
      .sort();
  }

  /** Lists the names of the groups in a group. */
  groups(group: string): string[] {
    return [...(this.#groups.get(group) ?? [])].sort();
  }

  /** Forgets all configs. */
  clear(): void {
    this.#configs.clear();
    this.#groups.clear();
    this.#groups.set("", new Set());
  }

  #addGroup(group: string): void {
    if (group === "" || this.#groups.has(group)) return;
    const at = group.lastIndexOf("/");
    const parent = group.slice(0, Math.max(0, at));
    this.#addGroup(parent);
    this.#groups.get(parent)!.add(group.slice(at + 1));
    this.#groups.set(group, new Set());
  }
}

/** Is the store that `compose` looks into unless it is given another. */
export const configStore: ConfigStore = new ConfigStore();

function isNode(node: ConfigMap | ConfigNode): node is ConfigNode {
  return (
    (node.kind === "map" && node["entries"] instanceof Map) || (node.kind === "list" && "origin" in node)
  );
}
