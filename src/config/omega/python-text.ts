// How Python reads numbers from text and writes values as text: `int()`, `float()`, `str()` and `repr()`.
import type { ConfigKey, ConfigNode, ScalarNode } from "../node.ts";
import { wholeNumber } from "./plain-scalar.ts";

const digits = "[0-9](?:_?[0-9])*";
const intPattern = new RegExp(`^\\s*([-+]?)(${digits})\\s*$`);
const floatPattern = new RegExp(
  `^\\s*[-+]?(?:${digits}(?:\\.(?:${digits})?)?|\\.${digits})(?:[eE][-+]?${digits})?\\s*$`,
);
const wordPattern = /^\s*([-+]?)(inf|infinity|nan)\s*$/i;

/** Reads a whole number as `int()` does, `" 1_000 "` included; undefined where it raises. */
export function pythonInt(text: string): number | bigint | undefined {
  const match = intPattern.exec(asciiDigits(text));
  if (match === null) return undefined;
  const value = BigInt(match[2]!.replaceAll("_", ""));
  return wholeNumber(match[1] === "-" ? -value : value);
}

/** Reads a number as `float()` does, `1_0.5` and `inf` included; undefined where it raises. */
export function pythonFloat(text: string): number | undefined {
  const word = wordPattern.exec(text);
  if (word !== null) {
    const value = word[2]!.toLowerCase() === "nan" ? NaN : Infinity;
    return word[1] === "-" ? -value : value;
  }
  const digitsOnly = asciiDigits(text);
  return floatPattern.test(digitsOnly) ? Number(digitsOnly.replaceAll("_", "")) : undefined;
}

/** Writes the digits of other scripts as ASCII; Unicode has them in runs of ten. */
function asciiDigits(text: string): string {
  return text.replace(/(?![0-9])\p{Nd}/gu, (digit) => {
    const code = digit.codePointAt(0)!;
    let first = code;
    while (/\p{Nd}/u.test(String.fromCodePoint(first - 1))) first--;
    return String((code - first) % 10);
  });
}

/** Writes a float as `repr()` does: the shortest digits that read back, always with a point or an exponent. */
export function floatText(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  const text = String(value);
  const size = Math.abs(value);
  if (size >= 1e-4 && size < 1e16) return text.includes(".") ? text : `${text}.0`; // JavaScript agrees
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  const [mantissa, exponentText] = size.toExponential().split("e") as [string, string];
  const exponent = Number(exponentText);
  const all = mantissa.replace(".", "");
  if (exponent < -4 || exponent >= 16) {
    const power = String(Math.abs(exponent)).padStart(2, "0");
    return `${sign}${mantissa}e${exponent < 0 ? "-" : "+"}${power}`;
  }
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${all}`;
  const whole = all.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  return `${sign}${whole}.${all.slice(exponent + 1) || "0"}`;
}

/** Writes a value as `str()` does: `True`, `None`, `1.0`, `{'a': [1, 'x']}`. */
export function pythonText(node: ConfigNode): string {
  return node.kind === "scalar" && typeof node.value === "string" ? node.value : pythonRepr(node);
}

/** Writes a value as `repr()` does. */
function pythonRepr(node: ConfigNode): string {
  if (node.kind === "list") return `[${node.items.map(pythonRepr).join(", ")}]`;
  if (node.kind === "map") {
    const entries = [...node.entries].map(
      ([key, entry]) => `${scalarRepr(key, false)}: ${pythonRepr(entry.node)}`,
    );
    return `{${entries.join(", ")}}`;
  }
  return scalarRepr(node.value, node.isFloat);
}

function scalarRepr(value: ScalarNode["value"] | ConfigKey, isFloat: boolean): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "string") return stringRepr(value);
  if (typeof value === "number" && (isFloat || !Number.isInteger(value))) return floatText(value);
  return String(value);
}

function stringRepr(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text.replace(/[\\'"\p{C}\p{Zl}\p{Zp}\p{Zs}]/gu, (character) => {
    if (character === "\\" || character === quote) return `\\${character}`;
    if (character === " " || character === "'" || character === '"') return character;
    return { "\n": "\\n", "\r": "\\r", "\t": "\\t" }[character] ?? codeEscape(character.codePointAt(0)!);
  });
  return `${quote}${escaped}${quote}`;
}

function codeEscape(code: number): string {
  if (code <= 0xff) return `\\x${code.toString(16).padStart(2, "0")}`;
  if (code <= 0xffff) return `\\u${code.toString(16).padStart(4, "0")}`;
  return `\\U${code.toString(16).padStart(8, "0")}`;
}
