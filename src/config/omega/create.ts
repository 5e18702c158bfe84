// Makes trees as OmegaConf.create does, of text or of data.
import { ConfigError } from "../../base/index.ts";
import { type ConfigNode, type ListNode, type MapNode, mapNode, scalarNode } from "../node.ts";
import { formatValue } from "../value.ts";
import { readYaml } from "./read-yaml.ts";

/** Reads YAML text to a mapping or a list: nothing is an empty mapping, and a lone word the key of null. */
export function createFromText(text: string, source: string): MapNode | ListNode {
  const node = readYaml(text, source);
  if (node.kind !== "scalar") return node;
  const { origin, value } = node;
  if (value === null) return mapNode(origin);
  if (typeof value === "string")
    return mapNode(origin, [[value, { origin, node: scalarNode(origin, null) }]]);
  const { line = 1, column = 1 } = origin;
  throw new ConfigError(source, [
    {
      path: "",
      code: "type",
      message: `a config is a mapping or a list, got ${formatValue(value)}.`,
      line,
      column,
    },
  ]);
}

/** Tells whether a tree is a config of its own: a mapping or a list. */
export function isContainer(node: ConfigNode): node is MapNode | ListNode {
  return node.kind !== "scalar";
}
