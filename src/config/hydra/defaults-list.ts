// The defaults list of a composition: every config with its package, in the order of merging.
import type { Origin } from "../node.ts";
import { configPathOf, isMissing, isSelf, nameOf, overrideKeyOf, packageOf } from "./default-item.ts";
import { type DefaultsNode, emptyConfig } from "./defaults-tree.ts";
import { problemAt } from "./problem.ts";

/** Names what holds the primary config and `hydra/config`. */
export const rootPath = "<root>";

/** Is one config of the final list. */
export interface DefaultsEntry {
  /** Path of the config from the root of the search path, without an ending. */
  configPath: string;
  /** Where in the whole config it goes; empty for the root. */
  package: string;
  /** The config whose defaults list named it. */
  parent: string;
  /** True for the content of a config that has a defaults list itself. */
  isSelf: boolean;
  isPrimary: boolean;
  /** Where it was named. */
  origin: Origin;
  /** Where its package was named. */
  packageOrigin: Origin;
}

/** Lists what the trees name, from the first to the last to merge; a choice that is there twice is an error. */
export function listDefaults(trees: readonly DefaultsNode[]): DefaultsEntry[] {
  const entries: DefaultsEntry[] = [];
  const keys = new Set<string>();
  const visit = (node: DefaultsNode): void => {
    if (node.children !== undefined) {
      for (const child of node.children) visit(child);
      return;
    }
    const { item, parent } = node;
    if (item.isDeleted || isMissing(item) || nameOf(item) === null) return;
    const holder = isSelf(item) ? parent! : node;
    const configPath = configPathOf(holder.item);
    if (configPath === emptyConfig) return;
    if (item.kind === "group") {
      const key = overrideKeyOf(item);
      if (keys.has(key))
        throw problemAt(item.origin, `"${key}" stands in the defaults lists a second time. Delete one.`);
      keys.add(key);
    }
    entries.push({
      configPath,
      package: packageOf(holder.item),
      parent: holder.parent === undefined ? rootPath : configPathOf(holder.parent.item),
      isSelf: isSelf(item),
      isPrimary: holder.item.isPrimary,
      origin: item.origin,
      packageOrigin:
        holder.item.package === undefined ? (holder.item.headerOrigin ?? item.origin) : item.origin,
    });
  };
  for (const tree of trees) visit(tree);
  return entries;
}
