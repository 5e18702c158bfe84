// Makes trees as OmegaConf.create does, of text or of data.
import { ConfigError } from "../../base/index.ts";
import { type ConfigNode, type ListNode, type MapNode, mapNode, scalarNode } from "../node.ts";
import { limits } from "../document.ts";
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

/** Refuses data that is nested too deep, or that holds itself, before anything walks it. */
export function checkDepth(data: unknown, source: string): void {
  const rest: { value: unknown; depth: number }[] = [{ value: data, depth: 0 }];
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    const { value, depth } = next;
    if (typeof value !== "object" || value === null) continue;
    if (depth > limits.depth) {
      const message = `more than ${limits.depth} levels of nesting. Flatten the config.`;
      throw new ConfigError(source, [{ path: "", code: "syntax", message }]);
    }
    const parts = value instanceof Map ? [...value.values()] : Object.values(value);
    for (const part of parts) rest.push({ value: part, depth: depth + 1 });
  }
}

/** Tells whether a tree is a config of its own: a mapping or a list. */
export function isContainer(node: ConfigNode): node is MapNode | ListNode {
  return node.kind !== "scalar";
}
