// Text of modules, exactly as PyTorch prints them, so that two printed models can be compared line by line.
import { pythonFloat } from "../../base/index.ts";
import type { Module } from "./module.ts";

export { pythonFloat };

/** Writes constructor arguments as Python does: `repr({ in_features: 4, bias: true })` is `in_features=4, bias=True`. */
export function repr(values: Readonly<Record<string, unknown>>): string {
  return Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${pythonValue(value)}`)
    .join(", ");
}

/** Writes sizes by position, then the options that are given by name: `4, 8, bias=False`. */
export function sized(sizes: readonly number[], options: Readonly<Record<string, unknown>>): string {
  const named = repr(options);
  return [...sizes, ...(named === "" ? [] : [named])].join(", ");
}

/** Writes a value as Python's `repr` does; arrays are tuples, and whole numbers are integers. */
export function pythonValue(value: unknown): string {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "string") return value;
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : pythonFloat(value);
  if (Array.isArray(value)) {
    const items = value.map(pythonValue);
    return items.length === 1 ? `(${items[0]},)` : `(${items.join(", ")})`;
  }
  return String(value);
}

/** Writes a module's name with its arguments and children in brackets. */
export function bracketed(
  module: Module,
  extra: string,
  children: Iterable<readonly [string, string]>,
): string {
  const name = module.constructor.name;
  const own = extra === "" ? [] : extra.split("\n");
  const inner = Array.from(children, ([key, text]) => `(${key}): ${indent(text)}`);
  if (own.length === 1 && inner.length === 0) return `${name}(${own[0]})`;
  const lines = [...own, ...inner];
  return lines.length === 0 ? `${name}()` : `${name}(\n  ${lines.join("\n  ")}\n)`;
}

function indent(text: string): string {
  return text.replaceAll("\n", "\n  ");
}
