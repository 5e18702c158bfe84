// int(), float(), str(), bool() and json_str() of the override grammar, with the conversions of Python.
import { pythonFloat } from "../../base/index.ts";
import { type ConfigNode, type ListNode, type ScalarNode, listNode, mapNode, scalarNode } from "../node.ts";
import { type Argument, FunctionProblem, argumentType } from "./function-call.ts";
import { parseInteger } from "./literal.ts";
import type { NumberNode } from "./override.ts";

/** Converts to a whole number: floats are cut, texts must spell one. */
export function castInt(value: Argument): Argument {
  return convert(value, { scalar: integer, range: integer, interval: integer });
}

/** Converts to a float. */
export function castFloat(value: Argument): Argument {
  return convert(value, { scalar: float, range: float, interval: float });
}

/** Converts to a text: `true`, `1.0`, `1e-05`. */
export function castText(value: Argument): Argument {
  return convert(value, { scalar: (node) => scalarNode(node.origin, text(node)) });
}

/** Converts to true or false: numbers but 0 are true, texts must say which. */
export function castBool(value: Argument): Argument {
  return convert(value, { scalar: (node) => scalarNode(node.origin, truth(node)) });
}

/** Writes a value as JSON in the spelling of Python's `json.dumps`; of a choice, each of its items. */
export function castJsonText(value: Argument): Argument {
  if (value.kind === "choice")
    return { ...value, items: value.items.map((item) => scalarNode(item.origin, json(item))) };
  if (value.kind === "range" || value.kind === "interval" || value.kind === "glob")
    throw new FunctionProblem(`${argumentType(value)} cannot be written as JSON.`);
  return scalarNode(value.origin, json(value));
}

interface Conversions {
  scalar: (node: ScalarNode) => ScalarNode;
  range?: (node: NumberNode) => NumberNode;
  interval?: (node: NumberNode) => NumberNode;
}

function convert(value: Argument, conversions: Conversions): Argument {
  const { range, interval } = conversions;
  switch (value.kind) {
    case "choice":
      return { ...value, items: value.items.map((item) => convertNode(item, conversions.scalar)) };
    case "range":
      if (range !== undefined)
        return { ...value, start: range(value.start), stop: range(value.stop), step: range(value.step) };
      break;
    case "interval":
      if (interval !== undefined) return { ...value, start: interval(value.start), end: interval(value.end) };
      break;
    case "glob":
      break;
    default:
      return convertNode(value, conversions.scalar);
  }
  throw new FunctionProblem(`${argumentType(value)} cannot be converted.`);
}

/** Converts the values of lists and mappings, however deep; keys stay. */
function convertNode(node: ConfigNode, scalar: (node: ScalarNode) => ScalarNode): ConfigNode {
  if (node.kind === "scalar") return scalar(node);
  if (node.kind === "list") return mapList(node, (item) => convertNode(item, scalar));
  const converted = mapNode(node.origin);
  for (const [key, entry] of node.entries)
    converted.entries.set(key, { ...entry, node: convertNode(entry.node, scalar) });
  return converted;
}

function mapList(list: ListNode, change: (item: ConfigNode) => ConfigNode): ListNode {
  return listNode(list.origin, list.items.map(change));
}

function integer(node: ScalarNode): NumberNode {
  const { value, origin } = node;
  if (typeof value === "string") {
    const word = value.trim();
    if (/^[+-]?\d+(_\d+)*$/u.test(word)) return number(origin, parseWhole(word), false);
  } else if (typeof value === "bigint" || typeof value === "boolean") {
    return number(origin, typeof value === "bigint" ? value : Number(value), false);
  } else if (typeof value === "number" && Number.isFinite(value)) {
    const whole = Math.trunc(value) + 0;
    return number(origin, Number.isSafeInteger(whole) ? whole : BigInt(whole), false);
  }
  throw new FunctionProblem(`${argumentType(node)} is no whole number.`);
}

function parseWhole(word: string): number | bigint {
  try {
    return parseInteger(word);
  } catch (error) {
    throw new FunctionProblem((error as Error).message);
  }
}

function float(node: ScalarNode): NumberNode {
  const { value, origin } = node;
  if (typeof value === "string") {
    const word = value.trim().toLowerCase();
    const special = /^([+-]?)(inf|infinity|nan)$/u.exec(word);
    if (special !== null) {
      const size = special[2] === "nan" ? Number.NaN : Infinity;
      return number(origin, special[1] === "-" ? -size : size, true);
    }
    if (/^[+-]?(\d+(_\d+)*\.?(\d+(_\d+)*)?|\.\d+(_\d+)*)(e[+-]?\d+(_\d+)*)?$/u.test(word))
      return number(origin, Number(word.replaceAll("_", "")), true);
  } else if (value !== null) return number(origin, Number(value), true);
  throw new FunctionProblem(`${argumentType(node)} is no number.`);
}

function text(node: ScalarNode): string {
  const { value, isFloat } = node;
  if (value === null) throw new FunctionProblem("null has no text.");
  return isFloat ? pythonFloat(value as number) : String(value);
}

function truth(node: ScalarNode): boolean {
  const { value } = node;
  if (typeof value !== "string") return value !== null && value !== false && Number(value) !== 0;
  if (/^(true|false)$/iu.test(value)) return value.toLowerCase() === "true";
  throw new FunctionProblem(`${argumentType(node)} is neither true nor false.`);
}

function json(node: ConfigNode): string {
  if (node.kind === "list") return `[${node.items.map(json).join(", ")}]`;
  if (node.kind === "map") {
    const entries = Array.from(
      node.entries,
      ([key, { node: value }]) => `${jsonText(String(key))}: ${json(value)}`,
    );
    return `{${entries.join(", ")}}`;
  }
  if (typeof node.value === "string") return jsonText(node.value);
  if (!node.isFloat) return String(node.value);
  const value = node.value as number;
  return Number.isFinite(value) ? pythonFloat(value) : String(value); // JSON of Python has NaN and Infinity
}

/** Escapes all but ASCII, as Python does by default. */
function jsonText(value: string): string {
  return JSON.stringify(value).replaceAll(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function number(origin: ScalarNode["origin"], value: number | bigint, isFloat: boolean): NumberNode {
  return { ...scalarNode(origin, value, isFloat), value };
}
