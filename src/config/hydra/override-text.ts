// Writes overrides as text again, in Hydra's spelling: what a job of a sweep is started with.
import { pythonFloat } from "../../base/index.ts";
import { type ConfigKey, type ConfigNode, scalarNode } from "../node.ts";
import { readLiteral } from "./literal.ts";
import { type Override, isQuoted, keyElement } from "./override.ts";

/** Writes an override with one value: `a=1`, `+b=[1,'x y']`, `~c`, `d=extend_list(1)`. */
export function overrideText(override: Override): string {
  const { action, value } = override;
  const key = keyElement(override);
  if (value === undefined) return key;
  if (action === "extend") return `${key}=extend_list(${valueText(value).slice(1, -1)})`;
  return `${key}=${valueText(value)}`;
}

/** Writes a value such that it reads back as the same one; `separator` comes after commas and colons. */
export function valueText(node: ConfigNode, { separator = "" }: { separator?: string } = {}): string {
  switch (node.kind) {
    case "list":
      return `[${node.items.map((item) => innerText(item, separator)).join(`,${separator}`)}]`;
    case "map":
      return `{${Array.from(node.entries, ([key, entry]) => `${keyText(key)}:${separator}${innerText(entry.node, separator)}`).join(`,${separator}`)}}`;
    case "scalar":
      if (isQuoted(node)) return quoted(node.value, node.quote);
      if (typeof node.value === "string") return bare(node.value);
      if (node.value === null) return "null";
      if (typeof node.value === "boolean") return node.value ? "True" : "False"; // as Python writes them
      return node.isFloat ? pythonFloat(Number(node.value)) : String(node.value);
  }
}

/** Inside a list or mapping an empty text needs its quotes. */
function innerText(node: ConfigNode, separator: string): string {
  return valueText(node, { separator }) || "''";
}

function keyText(key: ConfigKey): string {
  return typeof key === "string" ? escaped(key) : valueText(scalarNode({ source: "" }, key));
}

/** Writes a text without quotes where it reads back as itself, as Hydra does always. */
function bare(text: string): string {
  const isText = typeof readLiteral(text, { source: "" }).value === "string";
  return isText && !/['"\p{Cc}]/u.test(text.replaceAll("\t", "")) ? escaped(text) : quoted(text, "'");
}

function escaped(text: string): string {
  return text.replaceAll(/[\\()[\]{}:=, \t]/gu, "\\$&");
}

/** Backslashes are doubled before a quote only, the closing one included. */
function quoted(text: string, quote: "'" | '"'): string {
  let inner = "";
  let slashes = 0;
  for (const character of text) {
    if (character === quote) inner += `${"\\".repeat(slashes)}\\`;
    slashes = character === "\\" ? slashes + 1 : 0;
    inner += character;
  }
  return `${quote}${inner}${"\\".repeat(slashes)}${quote}`;
}
