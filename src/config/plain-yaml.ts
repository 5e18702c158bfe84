// Reads the YAML that configs are mostly written in: block mappings and lists, and values that end in their line. Whatever is
// beyond that, or wrong, is left to ./yaml-tree.ts, which takes ten times as long.
import { limits } from "./document.ts";
import {
  type ConfigKey,
  type ConfigNode,
  type ListNode,
  type MapNode,
  type Origin,
  listNode,
  mapNode,
  scalarNode,
} from "./node.ts";
import { keyProblem } from "./parse-json.ts";
import type { YamlDialect, YamlScalar } from "./yaml-tree.ts";

/** Reads text to the tree that `readYamlTree` would make of it, or returns undefined where that must look at it. */
export function readPlainYaml(text: string, source: string, dialect: YamlDialect): ConfigNode | undefined {
  if (unusual.test(text)) return undefined;
  try {
    return new PlainYamlReader(text, source, dialect).read();
  } catch (error) {
    if (error === beyond) return undefined;
    throw error;
  }
}

/** Tabs, other control characters, and what some take for the end of a line. */
// oxlint-disable-next-line no-control-regex
const unusual = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]|[\ud800-\udfff]/;

/** Is thrown where something is beyond this reader. */
const beyond = new Error("beyond plain YAML");

/** A key, up to the colon; keys of other characters are rare. */
const key = /([\w/](?:[\w./@$-]| (?=[\w./@$-]))*):(?= |$)/y;

/** A value without quotes: no sign of YAML begins it. */
const word =
  /(?:[^\s\-?:,[\]{}#&*!|>'"%@`]|-(?=[\w.])|\?(?=[\w?]))(?:[^\s:#]|:(?=\S)|(?<=\S)#| +(?=[^\s#]))*/y;

/** The same within brackets. */
const flowWord =
  /(?:[^\s\-?:,[\]{}#&*!|>'"%@`]|-(?=[\w.])|\?(?=[\w?]))(?:[^\s:#,[\]{}]| +(?=[^\s:#,[\]{}]))*/y;

/** A quoted value in which nothing is escaped. */
const quoted = /"([^"\\]*)"|'([^']*)'(?!')/y;

/** What may follow a value in its line. */
const lineEnd = /(?: +#.*| *)$/y;

interface Line {
  text: string;
  /** Columns before the first character that counts. */
  indent: number;
  number: number;
}

class PlainYamlReader {
  readonly #source: string;
  readonly #dialect: YamlDialect;
  readonly #lines: Line[] = [];
  /** The line that comes next, of those that hold something. */
  #next = 0;
  readonly #keys = new Map<string, ConfigKey>();
  #nodes = 0;
  #depth = 0;

  constructor(text: string, source: string, dialect: YamlDialect) {
    this.#source = source;
    this.#dialect = dialect;
    let number = 0;
    for (const line of text.split("\n")) {
      number++;
      const indent = line.search(/[^ ]/);
      if (indent !== -1 && line[indent] !== "#") this.#lines.push({ text: line, indent, number });
    }
  }

  read(): ConfigNode {
    if (this.#lines[0]?.indent !== 0) throw beyond;
    const node = this.#block(0);
    if (this.#next < this.#lines.length) throw beyond;
    return node;
  }

  /** Reads the mapping or list that begins in the next line, at `indent`. */
  #block(indent: number): ConfigNode {
    const line = this.#lines[this.#next]!;
    if (++this.#depth > limits.depth || indent > 4 * limits.depth) throw beyond;
    const node = isItem(line.text, indent) ? this.#list(indent) : this.#map(indent);
    this.#depth--;
    return node;
  }

  /** Returns the line of a block's next entry, undefined at the block's end. The first may begin after the dash of a list. */
  #entryAt(indent: number, isFirst: boolean): Line | undefined {
    const line = this.#lines[this.#next];
    if (line === undefined || (!isFirst && line.indent < indent)) return undefined;
    if (!isFirst && line.indent > indent) throw beyond;
    return line;
  }

  /** Reads the lines of a mapping from the next one on. The first may have begun with the dash of a list. */
  #map(indent: number): MapNode {
    const node = mapNode(this.#origin(this.#lines[this.#next]!, indent));
    this.#count();
    for (let isFirst = true; ; isFirst = false) {
      const line = this.#entryAt(indent, isFirst);
      if (line === undefined) return node;
      const written = matchAt(key, line.text, indent) ?? fail();
      const origin = this.#origin(line, indent);
      this.#add(node, this.#key(written[1]!), origin, this.#value(line, key.lastIndex, indent));
    }
  }

  #list(indent: number): ListNode {
    const node = listNode(this.#origin(this.#lines[this.#next]!, indent));
    this.#count();
    for (let isFirst = true; ; isFirst = false) {
      const line = this.#entryAt(indent, isFirst);
      if (line === undefined) return node;
      if (!isItem(line.text, indent)) {
        if (isFirst) throw beyond;
        return node; // the mapping around a list may be as far to the left
      }
      const at = afterSpaces(line.text, indent + 1);
      const isMap = matchAt(key, line.text, at) !== undefined;
      node.items.push(isMap ? this.#block(at) : this.#value(line, indent + 1, indent));
    }
  }

  /** Reads what follows a key, or the dash of an item, in its line or below it. */
  #value(line: Line, at: number, indent: number): ConfigNode {
    this.#next++;
    const below = this.#lines[this.#next];
    if (matchAt(lineEnd, line.text, at) !== undefined) {
      if (below !== undefined && below.indent > indent) return this.#block(below.indent);
      const isItemHere = isItem(line.text, indent);
      if (!isItemHere && below?.indent === indent && isItem(below.text, indent)) return this.#block(indent);
      throw beyond;
    }
    if (below !== undefined && below.indent > indent) throw beyond; // the value goes on there
    const [node, end] = this.#inLine(line, afterSpaces(line.text, at), word);
    return matchAt(lineEnd, line.text, end) === undefined ? fail() : node;
  }

  /** Reads a value that ends in its line; returns it with the column behind it. */
  #inLine(line: Line, at: number, plain: RegExp): [ConfigNode, number] {
    const first = line.text[at];
    if (first === "[") return this.#flowList(line, at);
    if (first === "{") return this.#flowMap(line, at);
    this.#count();
    const origin = this.#origin(line, at);
    const inQuotes = matchAt(quoted, line.text, at);
    if (inQuotes !== undefined) {
      const type = first === '"' ? "QUOTE_DOUBLE" : "QUOTE_SINGLE";
      const { value, isFloat } = this.#scalar(inQuotes[1] ?? inQuotes[2]!, type);
      return [scalarNode(origin, value, isFloat), quoted.lastIndex];
    }
    const [text] = matchAt(plain, line.text, at) ?? fail();
    const { value, isFloat } = this.#scalar(text, "PLAIN");
    return [scalarNode(origin, value, isFloat), at + text.length];
  }

  #flowList(line: Line, start: number): [ListNode, number] {
    const node = listNode(this.#origin(line, start));
    const end = this.#flow(line, start, "]", (at) => {
      const [item, next] = this.#inLine(line, at, flowWord);
      node.items.push(item);
      return next;
    });
    return [node, end];
  }

  #flowMap(line: Line, start: number): [MapNode, number] {
    const node = mapNode(this.#origin(line, start));
    const end = this.#flow(line, start, "}", (at) => {
      const written = matchAt(key, line.text, at) ?? fail();
      const [value, next] = this.#inLine(line, afterSpaces(line.text, key.lastIndex), flowWord);
      this.#add(node, this.#key(written[1]!), this.#origin(line, at), value);
      return next;
    });
    return [node, end];
  }

  /** Reads what stands between brackets with `entry`, which returns the column behind one; so does this. */
  #flow(line: Line, start: number, closing: string, entry: (at: number) => number): number {
    this.#count();
    if (++this.#depth > limits.depth) throw beyond;
    let at = afterSpaces(line.text, start + 1);
    while (line.text[at] !== closing) {
      at = afterSpaces(line.text, entry(at));
      if (line.text[at] === closing) break;
      if (line.text[at] !== ",") throw beyond;
      at = afterSpaces(line.text, at + 1);
      if (line.text[at] === closing) throw beyond;
    }
    this.#depth--;
    return at + 1;
  }

  #add(map: MapNode, name: ConfigKey, origin: Origin, node: ConfigNode): void {
    if (map.entries.has(name)) throw beyond;
    map.entries.set(name, { origin, node });
  }

  #key(text: string): ConfigKey {
    const known = this.#keys.get(text);
    if (known !== undefined) return known;
    const name = this.#dialect.key(this.#scalar(text, "PLAIN"));
    if (name === undefined || keyProblem(String(name)) !== undefined) throw beyond;
    this.#keys.set(text, name);
    return name;
  }

  #scalar(value: string, type: "PLAIN" | "QUOTE_DOUBLE" | "QUOTE_SINGLE"): YamlScalar {
    const scalar = this.#dialect.scalar({ value, type }, false);
    return typeof scalar === "string" ? fail() : scalar;
  }

  #origin({ number }: Line, at: number): Origin {
    return { source: this.#source, line: number, column: at + 1 };
  }

  #count(): void {
    if (++this.#nodes > limits.nodes) throw beyond;
  }
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text) ?? undefined;
}

/** Tells whether an item of a list begins there. */
function isItem(text: string, at: number): boolean {
  return text[at] === "-" && (text[at + 1] === " " || at + 1 === text.length);
}

function afterSpaces(text: string, at: number): number {
  while (text[at] === " ") at++;
  return at;
}

function fail(): never {
  throw beyond;
}
