// The value grammar of Hydra's overrides: words, numbers, quoted strings, lists and mappings.
import { keyProblem } from "./parse-json.ts";
import { type ConfigMap, type ConfigValue, typeName } from "./value.ts";
import { limits } from "./document.ts";

/**
 * Reads what stands after `=` in an override, with the types that Hydra gives it:
 * `1` is a number, `null` is null, `'1'` and `007` are strings, `[1, 2]` is a list.
 * Throws an `Error` whose message is one sentence without the override's name.
 */
export function parseOverrideValue(text: string): ConfigValue {
  const reader = new ValueReader(text);
  return reader.read();
}

/** Tells `1.0` from `1`: where a flag counts batches, the first is a share and the second a number of them. */
export function isFloatLiteral(text: string): boolean {
  return floatPattern.test(text.trim()) && !integerPattern.test(text.trim());
}

const integerPattern = /^[+-]?(0|[1-9](_?\d)*)$/u;
const floatPattern =
  /^[+-]?(((\d(_?\d)*)?\.\d(_?\d)*|\d(_?\d)*\.)(e[+-]?\d(_?\d)*)?|\d(_?\d)*e[+-]?\d(_?\d)*)$/iu;
const escapable = "\\()[]{}:=, \t";

class ValueReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(): ConfigValue {
    this.#skipSpace();
    if (this.#at === this.#text.length) return "";
    const value = this.#element("", 0);
    this.#skipSpace();
    if (this.#text[this.#at] === ",") {
      throw new Error(
        'a list of values is a sweep, which needs multirun. Quote a text ("a,b"), or write a list as [a,b].',
      );
    }
    if (this.#at < this.#text.length)
      throw new Error(`${this.#found()} cannot stand there. Quote the value.`);
    return value;
  }

  /** `closers` are the characters that end a bare word in the list or mapping around it. */
  #element(closers: string, depth: number): ConfigValue {
    if (depth > limits.depth)
      throw new Error(`more than ${limits.depth} levels of nesting. Flatten the value.`);
    this.#skipSpace();
    const first = this.#text[this.#at];
    if (first === "[") return this.#list(depth);
    if (first === "{") return this.#mapping(depth);
    if (first === "'" || first === '"') return this.#quoted(first);
    return this.#bare(closers);
  }

  #list(depth: number): ConfigValue[] {
    const list: ConfigValue[] = [];
    this.#at++;
    while (!this.#closes("]", list.length)) list.push(this.#element("]", depth + 1));
    return list;
  }

  #mapping(depth: number): ConfigMap {
    const mapping: ConfigMap = {};
    this.#at++;
    for (let count = 0; !this.#closes("}", count); count++) {
      const key = this.#element(":}", depth + 1);
      if (key === null || typeof key === "object") {
        throw new Error(`a key must be a word, got ${typeName(key)}. Quote it.`);
      }
      const problem = keyProblem(String(key));
      if (problem !== undefined) throw new Error(problem);
      this.#skipSpace();
      if (this.#text[this.#at] !== ":")
        throw new Error(`":" must follow the key "${key}", got ${this.#found()}.`);
      this.#at++;
      mapping[String(key)] = this.#element("}", depth + 1);
    }
    return mapping;
  }

  #closes(bracket: "]" | "}", count: number): boolean {
    this.#skipSpace();
    const next = this.#text[this.#at];
    if (next === bracket) {
      this.#at++;
      return true;
    }
    if (count === 0) return false;
    if (next !== ",") throw new Error(`"," or "${bracket}" must stand there, got ${this.#found()}.`);
    this.#at++;
    return false;
  }

  /** Before a quote, backslashes count in pairs as in Hydra; elsewhere each is itself. */
  #quoted(quote: string): string {
    let value = "";
    for (this.#at++; this.#at < this.#text.length; this.#at++) {
      const character = this.#text[this.#at]!;
      if (character === quote) {
        this.#at++;
        return value;
      }
      if (character !== "\\") {
        value += character;
        continue;
      }
      const start = this.#at;
      while (this.#text[this.#at] === "\\") this.#at++;
      const count = this.#at - start;
      if (this.#text[this.#at] !== quote) {
        value += "\\".repeat(count);
        this.#at--;
      } else {
        value += "\\".repeat(count >> 1);
        if (count % 2 === 1) value += quote;
        else this.#at--;
      }
    }
    throw new Error(`the string has no closing ${quote}.`);
  }

  #bare(closers: string): ConfigValue {
    let value = "";
    let escaped = 0; // length of `value` up to its last escape, which trimming must keep
    const start = this.#at;
    for (; this.#at < this.#text.length; this.#at++) {
      const character = this.#text[this.#at]!;
      const next = this.#text[this.#at + 1];
      if (character === "," || closers.includes(character)) break;
      if (character === "\\" && next !== undefined && escapable.includes(next)) {
        value += next;
        escaped = value.length;
        this.#at++;
      } else if (character === "$" && next === "{") {
        value += this.#interpolation();
      } else if ("()[]{}='\"".includes(character)) {
        throw new Error(
          `${this.#found()} cannot stand in a bare value${this.#call(start)}. Quote the value.`,
        );
      } else value += character;
    }
    if (escaped > 0) return value.slice(0, escaped) + value.slice(escaped).trimEnd();
    const word = value.trim();
    if (word === "") throw new Error(`a value must stand there, got ${this.#found()}.`);
    return typed(word);
  }

  #interpolation(): string {
    const start = this.#at;
    for (let depth = 0; this.#at < this.#text.length; this.#at++) {
      if (this.#text[this.#at] === "{") depth++;
      if (this.#text[this.#at] === "}" && --depth === 0) return this.#text.slice(start, this.#at + 1);
    }
    throw new Error('the interpolation "${" has no closing }.');
  }

  #call(start: number): string {
    const name = this.#text.slice(start, this.#at);
    return this.#text[this.#at] === "(" && /^\w+$/u.test(name)
      ? ` (the function ${name} is not available)`
      : "";
  }

  #skipSpace(): void {
    while (this.#text[this.#at] === " " || this.#text[this.#at] === "\t") this.#at++;
  }

  #found(): string {
    return this.#at >= this.#text.length ? "the end" : JSON.stringify(this.#text[this.#at]);
  }
}

function typed(word: string): ConfigValue {
  if (integerPattern.test(word)) return Number(word.replaceAll("_", "")) + 0; // -0 is no integer
  if (floatPattern.test(word)) return Number(word.replaceAll("_", ""));
  if (/^[+-]?inf$/iu.test(word)) return word.startsWith("-") ? -Infinity : Infinity;
  if (/^[+-]?nan$/iu.test(word)) return Number.NaN;
  if (/^(true|false)$/iu.test(word)) return word.toLowerCase() === "true";
  return /^null$/iu.test(word) ? null : word;
}
