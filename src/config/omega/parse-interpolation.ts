// Parses texts with interpolations, by OmegaConf's grammar. Nothing is looked up here.
import {
  type Argument,
  type Element,
  GrammarError,
  type Interpolation,
  type ResolverInterpolation,
  type Text,
} from "./grammar.ts";
import { pythonFloat, pythonInt } from "./python-text.ts";

/** Parses the value of a config: `http://${host}:${port}`. Throws a `GrammarError`. */
export function parseText(text: string): Text {
  const known = parsed.get(text);
  if (known !== undefined) return known;
  const result = new InterpolationParser(text).text("top");
  if (parsed.size >= 10_000) parsed.clear();
  parsed.set(text, result);
  return result;
}

/** Parses one element, as `oc.decode` reads it: `[1, {a: x}]`. Throws a `GrammarError`. */
export function parseElement(text: string): Element {
  return new InterpolationParser(text).singleElement();
}

const parsed = new Map<string, Text>();

/** Bounds how far interpolations, lists and mappings stand inside one another. */
const maxDepth = 64;

const uint = "(?:0|[1-9](?:_?[0-9])*)";
const pointFloat = `(?:${uint}?\\.[0-9](?:_?[0-9])*|${uint}\\.)`;
const exponentFloat = `(?:${pointFloat}|${uint})[eE][-+]?[0-9](?:_?[0-9])*`;

// in the order of the grammar: of two that match as far, the first is taken
const tokens = {
  float: new RegExp(`[-+]?(?:${exponentFloat}|${pointFloat}|[Ii][Nn][Ff]|[Nn][Aa][Nn])`, "y"),
  int: new RegExp(`[-+]?${uint}`, "y"),
  bool: /true|false/iy,
  null: /null/iy,
  character: /[-/\\+.$%*@?|]/y,
  id: /[a-zA-Z_][a-zA-Z0-9_-]*/y,
  escape: /(?:\\[\\()[\]{}:=, \t])+/y,
  space: /[ \t]+/y,
} as const;

type TokenName = keyof typeof tokens;

interface Token {
  name: TokenName | "colon";
  text: string;
}

type TextKind = "top" | "'" | '"';

class InterpolationParser {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** Parses a text to the end, or to the quote that closes it. */
  text(kind: TextKind): Text {
    const parts: (string | Interpolation)[] = [];
    const add = (part: string) => {
      if (typeof parts.at(-1) === "string") parts.push(`${parts.pop() as string}${part}`);
      else parts.push(part);
    };
    while (this.#at < this.#text.length && this.#text[this.#at] !== kind) {
      const [plain] = this.#match(kind === "top" ? /[^\\$]*/y : kind === "'" ? /[^\\$']*/y : /[^\\$"]*/y)!;
      const [slashes] = this.#match(/\\*/y)!;
      if (plain !== "") add(plain);
      if (slashes !== "") add(this.#unescape(slashes, kind));
      else if (this.#startsInterpolation()) parts.push(this.interpolation());
      else if (this.#text[this.#at] === "$") {
        this.#at++;
        add("$");
      }
    }
    return parts;
  }

  /** Reads backslashes: they count by pairs before `${` and quotes, and stand for themselves elsewhere. */
  #unescape(slashes: string, kind: TextKind): string {
    const pairs = "\\".repeat(slashes.length >> 1);
    const isOdd = slashes.length % 2 === 1;
    const next = this.#text[this.#at];
    if (this.#startsInterpolation()) {
      if (!isOdd) return pairs;
      this.#at += 2;
      return `${pairs}\${`;
    }
    if (kind !== "top" && next === kind) {
      if (!isOdd) return pairs;
      this.#at++;
      return `${pairs}${next}`;
    }
    return slashes;
  }

  interpolation(): Interpolation {
    const start = this.#at;
    this.#enter(start);
    this.#match(/\$\{[ \t]*/y);
    const parts: (string | Interpolation)[] = [];
    let isName = true; // could still be the name of a resolver
    for (let first = true; ; first = false) {
      const end = this.#match(/[ \t]*([}:])/y);
      if (end?.[1] === ":" && !first && isName && this.#endsInKey(parts)) {
        this.#match(/[ \t]*/y);
        const args = this.#arguments();
        this.#depth--;
        return this.#resolver(parts, args, start);
      }
      if (end?.[1] === ":" && first) {
        this.#fail("a name must stand before the colon", this.#at - 1);
      }
      if (end?.[1] === ":") this.#fail('":" may follow only the name of a resolver', this.#at - 1);
      if (end !== null) {
        if (!this.#endsInKey(parts)) this.#fail("a key must stand before the closing brace", this.#at - 1);
        this.#depth--;
        return { kind: "node", parts: joined(parts), source: this.#text.slice(start, this.#at) };
      }
      isName = this.#keyPart(parts) && isName;
    }
  }

  /** Reads a dot, `[key]` or a key; true where the name of a resolver may hold it. */
  #keyPart(parts: (string | Interpolation)[]): boolean {
    const last = parts.at(-1);
    const afterKey = last !== undefined && last !== ".";
    if (this.#text[this.#at] === ".") {
      if (last === "." && parts.some((part) => part !== ".")) this.#fail("a key must stand between two dots");
      this.#at++;
      parts.push(".");
      return parts.length > 1 && last !== ".";
    }
    if (this.#text[this.#at] === "[") {
      if (last === "." && parts.some((part) => part !== ".")) this.#fail("a key must follow the dot");
      this.#at++;
      const key = this.#key();
      if (this.#match(/\]/y) === null) this.#fail('"]" must close the bracket');
      parts.push("[", key, "]");
      return false;
    }
    if (afterKey) this.#fail("a dot, a bracket or the closing brace must follow a key");
    const key = this.#key();
    parts.push(key);
    return typeof key !== "string" || /^[a-zA-Z_][a-zA-Z0-9_-]*$/.test(key);
  }

  #endsInKey(parts: readonly (string | Interpolation)[]): boolean {
    return parts.length > 0 && parts.at(-1) !== ".";
  }

  #key(): string | Interpolation {
    if (this.#startsInterpolation()) return this.interpolation();
    const key = this.#match(/[^\\{}()[\]:. \t'"]+/y);
    return key === null ? this.#fail("a key must stand here") : key[0];
  }

  #resolver(
    parts: (string | Interpolation)[],
    args: readonly Argument[],
    start: number,
  ): ResolverInterpolation {
    return { kind: "resolver", name: joined(parts), args, source: this.#text.slice(start, this.#at) };
  }

  #arguments(): Argument[] {
    const args: Argument[] = [];
    if (this.#match(/[ \t]*\}/y) !== null) return args;
    for (;;) {
      const start = this.#at;
      const isEmpty = this.#peek(/[ \t]*[,}]/y);
      const element: Element = isEmpty ? emptyText : this.#element();
      args.push({ element, source: this.#text.slice(start, this.#at) });
      if (this.#match(/[ \t]*\}/y) !== null) return args;
      if (this.#match(/[ \t]*,[ \t]*/y) === null) this.#fail('"," or "}" must stand here');
    }
  }

  singleElement(): Element {
    const element = this.#element();
    if (this.#at < this.#text.length) this.#fail("one value must stand here, and nothing after it");
    return element;
  }

  #element(): Element {
    const first = this.#text[this.#at];
    if (first === "'" || first === '"') return this.#quoted(first);
    if (first === "[") return this.#list();
    if (first === "{") return this.#dict();
    return this.#primitive();
  }

  #quoted(quote: "'" | '"'): Element {
    const start = this.#at++;
    const parts = this.text(quote);
    if (this.#text[this.#at] !== quote)
      this.#fail(`the quote that opens here has no closing ${quote}`, start);
    this.#at++;
    return { kind: "text", parts };
  }

  #list(): Element {
    this.#enter(this.#at++);
    this.#match(/[ \t]*/y);
    const items: Element[] = [];
    if (this.#match(/[ \t]*\]/y) === null) {
      for (;;) {
        items.push(this.#peek(/[ \t]*[,\]]/y) ? emptyText : this.#element());
        if (this.#match(/[ \t]*\]/y) !== null) break;
        if (this.#match(/[ \t]*,[ \t]*/y) === null) this.#fail('"," or "]" must stand here');
      }
    }
    this.#depth--;
    return { kind: "list", items };
  }

  #dict(): Element {
    this.#enter(this.#at++);
    this.#match(/[ \t]*/y);
    const entries: [null | boolean | number | bigint | string, Element][] = [];
    if (this.#match(/[ \t]*\}/y) === null) {
      for (;;) {
        const key = this.#dictKey();
        entries.push([key, this.#element()]);
        if (this.#match(/[ \t]*\}/y) !== null) break;
        if (this.#match(/[ \t]*,[ \t]*/y) === null) this.#fail('"," or "}" must stand here');
      }
    }
    this.#depth--;
    return { kind: "dict", entries };
  }

  #dictKey(): null | boolean | number | bigint | string {
    const key: Token[] = [];
    while (!this.#peek(/[ \t]*:/y))
      key.push(this.#token() ?? this.#fail("a key with a colon must stand here"));
    this.#match(/[ \t]*:[ \t]*/y);
    if (key.length === 0) this.#fail("a key must stand before the colon");
    return key.length === 1 ? typed(key[0]!).value : key.map(plainText).join("");
  }

  #primitive(): Element {
    const start = this.#at;
    const parts: (Token | Interpolation)[] = [];
    while (this.#at < this.#text.length && !this.#peek(/[ \t]*[,\]}]/y)) {
      if (this.#startsInterpolation()) {
        parts.push(this.interpolation());
        continue;
      }
      const colon = this.#match(/[ \t]*:[ \t]*/y);
      const token: Token | undefined = colon === null ? this.#token() : { name: "colon", text: colon[0] };
      if (token === undefined) break;
      parts.push(token);
    }
    const [only] = parts;
    if (only === undefined) return this.#fail("a value must stand here", start);
    if (parts.length === 1) return "kind" in only ? only : { kind: "value", ...typed(only) };
    return {
      kind: "text",
      parts: joined(
        parts.map((part) => ("kind" in part ? part : plainText(part))),
        true,
      ),
    };
  }

  /** Reads the longest token. */
  #token(): Token | undefined {
    let best: Token | undefined;
    for (const name of Object.keys(tokens) as TokenName[]) {
      const pattern = tokens[name];
      pattern.lastIndex = this.#at;
      const text = pattern.exec(this.#text)?.[0];
      if (text !== undefined && text.length > (best?.text.length ?? 0)) best = { name, text };
    }
    if (best !== undefined) this.#at += best.text.length;
    return best;
  }

  #startsInterpolation(): boolean {
    return this.#text.startsWith("${", this.#at);
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match !== null) this.#at += match[0].length;
    return match;
  }

  #peek(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at;
    return pattern.test(this.#text);
  }

  #enter(at: number): void {
    if (++this.#depth > maxDepth) this.#fail(`more than ${maxDepth} levels of nesting`, at);
  }

  #fail(message: string, at = this.#at): never {
    const rest = this.#text.slice(at, at + 20);
    const found = rest === "" ? "the end" : JSON.stringify(rest);
    throw new GrammarError(`${message}, got ${found}`, at);
  }
}

const emptyText: Element = { kind: "value", value: "", isFloat: false };

/** Gives a lone token its type. */
function typed(token: Token): { value: null | boolean | number | bigint | string; isFloat: boolean } {
  const { name, text } = token;
  if (name === "null") return { value: null, isFloat: false };
  if (name === "bool") return { value: text.toLowerCase() === "true", isFloat: false };
  if (name === "int") return { value: pythonInt(text)!, isFloat: false };
  if (name === "float") return { value: pythonFloat(text)!, isFloat: true };
  return { value: plainText(token), isFloat: false };
}

function plainText({ name, text }: Token): string {
  return name === "escape" ? text.replaceAll(/\\(.)/gsu, "$1") : text;
}

/** Joins neighbouring texts; `keepText` keeps a lone interpolation among empty texts a text. */
function joined(parts: readonly (string | Interpolation)[], keepText = false): Text {
  const result: (string | Interpolation)[] = [];
  for (const part of parts) {
    const last = result.at(-1);
    if (typeof part === "string" && typeof last === "string") result[result.length - 1] = last + part;
    else result.push(part);
  }
  if (keepText && result.length === 1 && typeof result[0] !== "string") result.push("");
  return result;
}
