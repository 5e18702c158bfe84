// Packages: where in the whole config the content of a file goes, `trainer.optimizer`, and how it is put there.
import { type ConfigNode, type MapNode, type Origin, mapNode } from "../node.ts";
import { forbiddenKeys } from "../value.ts";
import { problemAt } from "./problem.ts";

const root = "_global_";

/** Joins a package to that of the config around it; what follows the last `_global_` counts from the root. */
export function inParentPackage(parent: string, own: string): string {
  const joined = [parent, own].filter((part) => part !== "").join(".");
  const at = joined.lastIndexOf(root);
  return at === -1 ? joined : joined.slice(at + root.length + 1);
}

/** Makes what stands behind `# @package` absolute: it always counts from the root. */
export function absolutePackage(header: string): string {
  if (header === root || header.startsWith(`${root}.`)) return header;
  return header === "" ? root : `${root}.${header}`;
}

/** Puts content below the keys of a package; without one, content is returned as it is. */
export function embed(content: ConfigNode, packageName: string, origin: Origin): ConfigNode {
  if (packageName === "") return content;
  const keys = packageName.split(".");
  const wrong = keys.find((key) => key === "" || forbiddenKeys.includes(key));
  if (wrong !== undefined) {
    const what = wrong === "" ? "an empty key" : `the reserved key "${wrong}"`;
    throw problemAt(origin, `the package "${packageName}" holds ${what}. Name keys as in db.backup.`);
  }
  return keys.reduceRight<ConfigNode>(
    (node, key): MapNode => mapNode(origin, [[key, { origin, node }]]),
    content,
  );
}
