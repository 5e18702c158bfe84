// Reads what a config file says about composing: its `# @package` line and its `defaults:` list.
import { nearest } from "../../base/index.ts";
import { type ConfigNode, type MapNode, type Origin, type ScalarNode, mapNode } from "../node.ts";
import { formatValue } from "../value.ts";
import { pathProblem } from "./config-path.ts";
import { type DefaultItem, configItem, groupItem } from "./default-item.ts";
import { problemAt } from "./problem.ts";

/** Holds a config apart from its defaults list. */
export interface SplitConfig {
  /** The config without `defaults`. */
  content: ConfigNode;
  /** Undefined where the config has no list. */
  defaults: readonly DefaultItem[] | undefined;
}

/** Is what `# @package` says, and where. */
export interface PackageHeader {
  name: string;
  origin: Origin;
}

/** Takes the defaults list out of a config; the tree itself stays as it is. */
export function splitDefaults(config: ConfigNode, { isLegacy = false } = {}): SplitConfig {
  const list = config.kind === "map" ? config.entries.get("defaults") : undefined;
  if (config.kind !== "map" || list === undefined) return { content: config, defaults: undefined };
  if (list.node.kind !== "list")
    throw problemAt(
      list.origin,
      `defaults must be a list of configs, got ${describe(list.node)}. Begin each line with "- ".`,
    );
  const content = mapNode(
    config.origin,
    [...config.entries].filter(([key]) => key !== "defaults"),
  );
  return { content, defaults: list.node.items.map((item) => readItem(item, isLegacy)) };
}

/**
 * Returns the package that the first lines of a file name: `# @package trainer.optimizer`.
 * Only lines that begin with `# @` are looked at, up to the first other one.
 */
export function readHeader(text: string, source: string): PackageHeader | undefined {
  let found: PackageHeader | undefined;
  if (!/^\s*#\s*@/u.test(text)) return found; // most files have none
  const lines = text.slice(0, 512).split(/\r\n|[\n\r\v\f\u0085\u2028\u2029]/u);
  for (const [index, line] of lines.entries()) {
    if (line.trim() === "") continue;
    if (!/^\s*#\s*@/u.test(line)) break;
    const words = line.trim().replace(/^#+/u, "").split(/\s+/u).filter(Boolean);
    if (words.length !== 2)
      throw problemAt(
        { source, line: index + 1, column: 1 },
        `a line that begins with "# @" is "# @package NAME", got "${line.trim().slice(0, 60)}".`,
        "syntax",
      );
    const [word, name] = words as [string, string];
    if (word === "@package") found = { name, origin: { source, line: index + 1, column: 1 } };
    else if (nearest(word, ["@package"]) !== undefined)
      throw problemAt(
        { source, line: index + 1, column: 1 },
        `"${word}" is read by nobody. Did you mean "@package"?`,
        "syntax",
      );
  }
  return found;
}

function readItem(node: ConfigNode, isLegacy: boolean): DefaultItem {
  if (node.kind === "map") return readChoice(node, isLegacy);
  if (node.kind === "scalar" && typeof node.value === "string") {
    const [path, packageName] = splitPackage(node.value, node.origin);
    if (path === "") throw problemAt(node.origin, "an item of defaults names a config, got an empty text.");
    checkPath(path, node.origin);
    if (path === "_self_" && packageName !== undefined)
      throw problemAt(
        node.origin,
        `_self_ goes where the config goes, so it has no package of its own, got "@${packageName}". Write _self_ alone.`,
      );
    return configItem(path, { package: packageName, origin: node.origin });
  }
  throw problemAt(
    node.origin,
    `an item of defaults is a config, "- db/mysql", or a choice, "- db: mysql", got ${describe(node)}.`,
  );
}

function readChoice(map: MapNode, isLegacy: boolean): DefaultItem {
  // Hydra 1.1 still took `optional: true` beside the group
  const isOptional = isLegacy && map.entries.size > 1 && map.entries.has("optional");
  const [first, second] = [...map.entries].filter(([key]) => !isOptional || key !== "optional");
  if (first === undefined || second !== undefined)
    throw problemAt(
      second?.[1].origin ?? map.origin,
      `an item of defaults has one key, got ${map.entries.size}. Begin the next choice with "- ".`,
    );
  const [key, { node, origin }] = first;
  if (typeof key !== "string")
    throw problemAt(origin, `a group is a text, got ${formatValue(key)}. Quote it.`);
  const { group, optional, isOverride, packageName } = readKey(key, origin);
  return groupItem(group, readValue(group, node), {
    package: packageName,
    optional: optional || (isOptional && isTrue(map.entries.get("optional")!.node)),
    isOverride,
    origin,
  });
}

function isTrue(node: ConfigNode): boolean {
  return node.kind === "scalar" && node.value === true;
}

function readKey(
  key: string,
  origin: Origin,
): { group: string; optional: boolean; isOverride: boolean; packageName: string | undefined } {
  const [words, packageName] = splitPackage(key, origin);
  const keywords = words.split(" ");
  const group = keywords.pop()!;
  for (const keyword of keywords) {
    if (keyword !== "optional" && keyword !== "override")
      throw problemAt(
        origin,
        `only "optional" and "override" may stand before a group, got "${keyword}" before "${group}". Delete it.`,
      );
  }
  if (group === "" || group === "/")
    throw problemAt(origin, `a choice names its group, got "${key}". Write it as "- db: mysql".`);
  checkPath(group, origin);
  return {
    group,
    optional: keywords.includes("optional"),
    isOverride: keywords.includes("override"),
    packageName,
  };
}

function readValue(group: string, node: ConfigNode): string | null | string[] {
  if (node.kind === "list") return node.items.map((item) => readOption(group, item));
  if (node.kind === "scalar" && node.value === null) return null;
  return readOption(group, node);
}

function readOption(group: string, node: ConfigNode): string {
  if (node.kind !== "scalar" || typeof node.value !== "string")
    throw problemAt(
      node.origin,
      `${group}: an option is a text, a list of texts, or null, got ${describe(node)}.${isPlain(node) ? " Quote it." : ""}`,
    );
  if (node.value === "_self_")
    throw problemAt(node.origin, `_self_ is no option of "${group}". Write it alone, as "- _self_".`);
  checkPath(node.value, node.origin);
  return node.value;
}

function splitPackage(text: string, origin: Origin): [string, string | undefined] {
  const at = text.indexOf("@");
  if (at === -1) return [text, undefined];
  const packageName = text.slice(at + 1);
  if (packageName.includes(":"))
    throw problemAt(
      origin,
      `"${text}" renames a package, which Hydra does not know any more. Write ${text.slice(0, at)}@${packageName.slice(packageName.indexOf(":") + 1)}.`,
    );
  return [text.slice(0, at), packageName];
}

function checkPath(path: string, origin: Origin): void {
  if (path.includes("${")) return; // it is checked once it is resolved
  const problem = pathProblem(path);
  if (problem !== undefined) throw problemAt(origin, `"${path}": ${problem}`);
}

function isPlain(node: ConfigNode): node is ScalarNode {
  return node.kind === "scalar" && node.value !== null;
}

function describe(node: ConfigNode): string {
  if (node.kind === "map") return "a mapping";
  if (node.kind === "list") return "a list";
  return formatValue(typeof node.value === "bigint" ? String(node.value) : node.value);
}
