// The value grammar of Hydra's overrides: words, numbers, quoted texts, lists, mappings, functions and sweeps.
import { limits } from "../document.ts";
import { type ConfigKey, type ConfigNode, type Origin, listNode, mapNode, scalarNode } from "../node.ts";
import { keyProblem } from "../parse-json.ts";
import { formatValue } from "../value.ts";
import { type Arguments, FunctionProblem, type FunctionResult } from "./function-call.ts";
import { callFunction } from "./functions.ts";
import { readLiteral } from "./literal.ts";
import { OverrideError } from "./override-error.ts";
import { type ChoiceSweep, type QuotedNode, isSweep } from "./override.ts";

const escapable = "\\()[]{}:=, \t";
const functionStart = /[A-Za-z_][\w-]*[ \t]*\(/y;
const argumentName = /([A-Za-z_][\w-]*)[ \t]*=[ \t]*/y;

/** Ends a bare word: the bracket around it, or nothing. `:` ends a key of a mapping only. */
type Closer = "" | "]" | "}" | ")";

/** Reads the value of one override, from `start` to its end. */
export class ValueReader {
  readonly #text: string;
  readonly #origin: Origin;
  readonly #seed: number;
  #at: number;
  #nodes = 0;

  constructor(text: string, start: number, { origin, seed }: { origin: Origin; seed: number }) {
    this.#text = text;
    this.#at = start;
    this.#origin = origin;
    this.#seed = seed;
  }

  read(): FunctionResult {
    this.#skipSpace();
    if (this.#at === this.#text.length) return scalarNode(this.#origin, "");
    const start = this.#at;
    const first = this.#element("", 0);
    this.#skipSpace();
    if (this.#text[this.#at] === ",") return this.#simpleSweep(first, start);
    if (this.#at < this.#text.length) this.#fail(`${this.#found()} cannot stand there. Quote the value.`);
    return first;
  }

  #simpleSweep(first: FunctionResult, start: number): ChoiceSweep {
    const items = [this.#single(first, start)];
    while (this.#text[this.#at] === ",") {
      this.#at++;
      this.#skipSpace();
      const at = this.#at;
      items.push(this.#single(this.#element("", 0), at));
      this.#skipSpace();
    }
    if (this.#at < this.#text.length) this.#fail(`${this.#found()} cannot stand there. Quote the value.`);
    return { kind: "choice", items, isSimple: true, shuffle: false, tags: [] };
  }

  #element(closer: Closer, depth: number): FunctionResult {
    if (depth > limits.depth) this.#fail(`more than ${limits.depth} levels of nesting. Flatten the value.`);
    if (++this.#nodes > limits.nodes) this.#fail(`more than ${limits.nodes} values. Put them in a file.`);
    this.#skipSpace();
    const first = this.#text[this.#at];
    if (first === "[") return this.#list(depth);
    if (first === "{") return this.#mapping(depth);
    if (first === "'" || first === '"') return this.#quoted(first);
    functionStart.lastIndex = this.#at;
    if (functionStart.test(this.#text)) return this.#call(functionStart.lastIndex, depth);
    return this.#bare(closer, false);
  }

  #list(depth: number): ConfigNode {
    const items: ConfigNode[] = [];
    this.#at++;
    while (!this.#closes("]", items.length)) items.push(this.#nested("]", depth));
    return listNode(this.#origin, items);
  }

  #mapping(depth: number): ConfigNode {
    const mapping = mapNode(this.#origin);
    this.#at++;
    for (let count = 0; !this.#closes("}", count); count++) {
      const start = this.#at;
      const key = this.#key();
      const problem = keyProblem(String(key));
      if (problem !== undefined) this.#fail(problem, start);
      if (mapping.entries.has(key))
        this.#fail(`the key ${formatValue(key)} stands there twice. Delete one.`, start);
      this.#skipSpace();
      if (this.#text[this.#at] !== ":")
        this.#fail(`":" must follow the key ${formatValue(key)}, got ${this.#found()}. Write {key: value}.`);
      this.#at++;
      mapping.entries.set(key, { origin: this.#origin, node: this.#nested("}", depth) });
    }
    return mapping;
  }

  #key(): ConfigKey {
    const first = this.#text[this.#at];
    if (first === "'" || first === '"') return this.#quoted(first).value;
    if (first === "[" || first === "{")
      this.#fail(`a key must be a word, got ${first === "[" ? "a list" : "a mapping"}. Quote it.`);
    const { value } = this.#bare("}", true);
    return typeof value === "bigint" ? String(value) : value;
  }

  /** Reads a value inside a list or mapping, where one must be one. */
  #nested(closer: Closer, depth: number): ConfigNode {
    this.#skipSpace();
    const start = this.#at;
    return this.#single(this.#element(closer, depth + 1), start);
  }

  #single(value: FunctionResult, start: number): ConfigNode {
    if (value.kind === "extend")
      this.#fail("extend_list must be all of the value. Write KEY=extend_list(...).", start);
    if (isSweep(value)) {
      this.#fail(
        `a sweep (${value.kind}) cannot stand inside another value. Sweep over the whole value.`,
        start,
      );
    }
    return value;
  }

  #closes(bracket: "]" | "}" | ")", count: number): boolean {
    this.#skipSpace();
    const next = this.#text[this.#at];
    if (next === bracket) {
      this.#at++;
      return true;
    }
    if (count === 0) return false;
    if (next !== ",")
      this.#fail(`"," or "${bracket}" must stand there, got ${this.#found()}. Close it with "${bracket}".`);
    this.#at++;
    this.#skipSpace();
    return false;
  }

  #call(open: number, depth: number): FunctionResult {
    const start = this.#at;
    const name = this.#text.slice(start, open - 1).trimEnd();
    const given: Arguments = { positional: [], named: new Map() };
    this.#at = open;
    for (let count = 0; !this.#closes(")", count); count++) this.#argument(given, depth);
    try {
      return callFunction(name, given, { origin: this.#origin, seed: this.#seed });
    } catch (error) {
      if (error instanceof FunctionProblem) this.#fail(`${name.slice(0, 40)}: ${error.message}`, start);
      throw error;
    }
  }

  #argument({ positional, named }: Arguments, depth: number): void {
    const start = this.#at;
    argumentName.lastIndex = start;
    const name = argumentName.exec(this.#text)?.[1];
    if (name !== undefined) this.#at = argumentName.lastIndex;
    const at = this.#at;
    const value = this.#element(")", depth + 1);
    if (value.kind === "extend")
      this.#fail("extend_list must be all of the value. Write KEY=extend_list(...).", at);
    if (name !== undefined) {
      if (named.has(name))
        this.#fail(`the argument ${formatValue(name)} stands there twice. Delete one.`, start);
      named.set(name, value);
    } else {
      if (named.size > 0)
        this.#fail("an argument without a name cannot follow one with a name. Move it to the front.", start);
      positional.push(value);
    }
  }

  /** Before a quote, backslashes count in pairs as in Hydra; elsewhere each is itself. */
  #quoted(quote: "'" | '"'): QuotedNode {
    const start = this.#at;
    let value = "";
    for (this.#at++; this.#at < this.#text.length; this.#at++) {
      const character = this.#text[this.#at]!;
      if (character === quote) {
        this.#at++;
        return { ...scalarNode(this.#origin, value), value, quote };
      }
      if (character !== "\\") {
        value += character;
        continue;
      }
      const first = this.#at;
      while (this.#text[this.#at] === "\\") this.#at++;
      const count = this.#at - first;
      if (this.#text[this.#at] !== quote) {
        value += "\\".repeat(count);
        this.#at--;
      } else {
        value += "\\".repeat(count >> 1);
        if (count % 2 === 1) value += quote;
        else this.#at--;
      }
    }
    return this.#fail(`the text that starts there has no closing ${quote}. Add it.`, start);
  }

  #bare(closer: Closer, isKey: boolean): ReturnType<typeof readLiteral> {
    const start = this.#at;
    let value = "";
    let keep = 0; // length of `value` up to its last escape or colon, which trimming must keep
    let isEscaped = false;
    for (; this.#at < this.#text.length; this.#at++) {
      const character = this.#text[this.#at]!;
      if (character === "," || character === closer || (isKey && character === ":")) break;
      if (character === "\\" && escapable.includes(this.#text[this.#at + 1] ?? "end")) {
        value += this.#text[++this.#at]!;
        keep = value.length;
        isEscaped = true;
      } else if (character === "$" && this.#text[this.#at + 1] === "{") {
        if (isKey) this.#fail("a key cannot be an interpolation. Write its text.");
        value += this.#interpolation();
      } else if ("()[]{}='\"".includes(character)) {
        this.#fail(`${this.#found()} cannot stand in a bare value. Quote the value.`);
      } else if (character < " " && character !== "\t") {
        this.#fail(`${this.#found()} cannot stand in a bare value. Quote the value.`);
      } else {
        value += character;
        if (character === ":") {
          while (this.#text[this.#at + 1] === " " || this.#text[this.#at + 1] === "\t")
            value += this.#text[++this.#at]!;
          keep = value.length;
        }
      }
    }
    let end = value.length;
    while (end > keep && (value[end - 1] === " " || value[end - 1] === "\t")) end--;
    const word = value.slice(0, end);
    if (word === "")
      this.#fail(`a value must stand there, got ${this.#found()}. Write '' for an empty text.`);
    if (isEscaped) return scalarNode(this.#origin, word);
    try {
      return readLiteral(word, this.#origin);
    } catch (error) {
      if (error instanceof RangeError) this.#fail(`${error.message} Quote it.`, start);
      throw error;
    }
  }

  #interpolation(): string {
    const start = this.#at;
    for (let depth = 0; this.#at < this.#text.length; this.#at++) {
      if (this.#text[this.#at] === "{") depth++;
      if (this.#text[this.#at] !== "}" || --depth > 0) continue;
      if (this.#at === start + 2) this.#fail("the interpolation names nothing. Write ${KEY}.", start);
      return this.#text.slice(start, this.#at + 1);
    }
    return this.#fail('the interpolation "${" has no closing }. Add it.', start);
  }

  #skipSpace(): void {
    while (this.#text[this.#at] === " " || this.#text[this.#at] === "\t") this.#at++;
  }

  #found(): string {
    if (this.#at >= this.#text.length) return "the end";
    return JSON.stringify(String.fromCodePoint(this.#text.codePointAt(this.#at)!));
  }

  #fail(reason: string, at = this.#at): never {
    throw new OverrideError(this.#text, reason, { column: at + 1 });
  }
}
