// Reads YAML 1.2 (core schema) into plain data with the place of every key and value.
import { SourceMap } from "./document.ts";
import { type ConfigNode, type Origin, valueOf } from "./node.ts";
import type { ConfigPath, ConfigValue } from "./value.ts";
import { type YamlDialect, type YamlScalar, readYamlTree } from "./yaml-tree.ts";

/**
 * Reads YAML text into a value and the places of its parts.
 * Duplicate keys, unknown tags, aliases that multiply and keys such as `__proto__` are errors, each with its place.
 */
export function parseYaml(text: string): { value: ConfigValue; places: SourceMap } {
  const node = readYamlTree(text, "", coreDialect);
  const places = new SourceMap();
  addPlaces(node, [], places);
  return { value: valueOf(node), places };
}

const coreDialect: YamlDialect = {
  schema: "core",
  tags: [],
  scalar({ value, source }): YamlScalar {
    const plain = value === null || ["boolean", "number"].includes(typeof value);
    return {
      value: plain ? (value as null | boolean | number) : String(value),
      isFloat: typeof value === "number" && /[.eE]/u.test(source ?? ""),
    };
  },
  key: ({ value }) => (value === null ? undefined : String(value)),
};

function addPlaces(node: ConfigNode, path: ConfigPath, places: SourceMap): void {
  setPlace(node.origin, (place) => places.setValue(path, place));
  if (node.kind === "scalar" && node.isFloat) places.markFloat(path);
  if (node.kind === "list") node.items.forEach((item, index) => addPlaces(item, [...path, index], places));
  if (node.kind !== "map") return;
  for (const [key, entry] of node.entries) {
    const keyPath = [...path, String(key)];
    setPlace(entry.origin, (place) => places.setKey(keyPath, place));
    addPlaces(entry.node, keyPath, places);
  }
}

function setPlace({ line, column }: Origin, set: (place: { line: number; column: number }) => void): void {
  if (line !== undefined && column !== undefined) set({ line, column });
}
