// What a plain word of YAML 1.1 stands for, as PyYAML and OmegaConf read it.
import type { YamlScalar } from "../yaml-tree.ts";

/** Names the type of a plain word, as YAML tags do without `tag:yaml.org,2002:`. */
export type PlainTag = "bool" | "float" | "int" | "merge" | "null" | "timestamp" | "value" | "str";

const patterns: readonly [PlainTag, RegExp][] = [
  ["bool", /^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$/],
  [
    "float",
    /^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/,
  ],
  [
    "int",
    /^(?:[-+]?0b[01_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$/,
  ],
  ["merge", /^<<$/],
  ["null", /^(?:~|null|Null|NULL|)$/],
  [
    "timestamp",
    /^(?:\d{4}-\d\d-\d\d|\d{4}-\d\d?-\d\d?(?:[Tt]|[ \t]+)\d\d?:\d\d:\d\d(?:\.\d*)?(?:[ \t]*(?:Z|[-+]\d\d?(?::\d\d)?))?)$/,
  ],
  ["value", /^=$/],
];

// OmegaConf adds floats without a point (1e3) and with an exponent that has no sign (1.5e3)
const omegaFloat =
  /^(?:[-+]?[0-9]+(?:_[0-9]+)*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+(?:_[0-9]+)*[eE][-+]?[0-9]+)$/;

/** What begins so is a text, but for these words. */
const begunLikeText = /^[A-Za-z_$/]/;
const words = new Set(
  ["yes", "no", "true", "false", "on", "off", "null"].flatMap((word) => [
    word,
    word[0]!.toUpperCase() + word.slice(1),
    word.toUpperCase(),
  ]),
);

/** Names the type that PyYAML gives a plain word when it writes. */
export function plainTag(text: string): PlainTag {
  if (begunLikeText.test(text) && !words.has(text)) return "str";
  return patterns.find(([, pattern]) => pattern.test(text))?.[0] ?? "str";
}

/** Names the type that OmegaConf gives a plain word when it reads: no dates, and more floats. */
export function omegaTag(text: string): PlainTag {
  const tag = plainTag(text);
  if (tag === "timestamp") return "str";
  return tag === "str" && omegaFloat.test(text) ? "float" : tag;
}

/** Reads text as the type that its tag names; undefined where the text is none. */
export function readTagged(tag: PlainTag, text: string): YamlScalar | undefined {
  if (tag === "null") return { value: null, isFloat: false };
  if (tag === "bool") {
    const value = { yes: true, on: true, true: true, no: false, off: false, false: false }[
      text.toLowerCase()
    ];
    return value === undefined ? undefined : { value, isFloat: false };
  }
  if (tag === "int") {
    const value = readInt(text.replaceAll("_", ""));
    return value === undefined ? undefined : { value, isFloat: false };
  }
  if (tag === "float") {
    const value = readFloat(text.replaceAll("_", "").toLowerCase());
    return value === undefined ? undefined : { value, isFloat: true };
  }
  return { value: text, isFloat: false };
}

/** Gives a whole number the type that holds it: `bigint` beyond 2^53. */
export function wholeNumber(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function readInt(text: string): number | bigint | undefined {
  const negative = text.startsWith("-");
  const digits = text.replace(/^[-+]/u, "");
  const value = unsigned(digits);
  return value === undefined ? undefined : wholeNumber(negative ? -value : value);
}

/** Bounds the digits of a number, as Python does. */
const maxDigits = 4300;

function unsigned(digits: string): bigint | undefined {
  if (digits.length > maxDigits) return undefined;
  if (/^(?:0b[01]+|0x[0-9a-fA-F]+|0|[1-9]\d*)$/u.test(digits)) return BigInt(digits);
  if (/^0o?[0-7]+$/u.test(digits)) return BigInt(`0o${digits.replace(/^0o?/u, "")}`);
  if (/^\d+(?::\d+)+$/u.test(digits))
    return digits.split(":").reduce((total, part) => total * 60n + BigInt(part), 0n);
  return undefined;
}

function readFloat(text: string): number | undefined {
  const sign = text.startsWith("-") ? -1 : 1;
  const digits = text.replace(/^[-+]/u, "");
  if (digits === ".inf") return sign * Infinity;
  if (digits === ".nan") return NaN;
  const parts = digits.split(":");
  if (!parts.every((part) => /^(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?$/u.test(part))) return undefined;
  return sign * parts.reduce((total, part) => total * 60 + Number(part), 0);
}
