// Reads YAML 1.2 (core schema) with the place of every key and value. Aliases are counted, never trusted.
import {
  type Alias,
  CST,
  Lexer,
  type Node,
  type Pair,
  type YAMLMap,
  type YAMLSeq,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  parseDocument,
} from "yaml";
import { LineIndex, SourceMap, SyntaxIssues, limits, syntaxIssue } from "./document.ts";
import { keyProblem } from "./parse-json.ts";
import { type ConfigMap, type ConfigPath, type ConfigValue, formatPath, isConfigMap } from "./value.ts";

/**
 * Reads YAML text into a value and the places of its parts.
 * Duplicate keys, unknown tags, aliases that multiply and keys such as `__proto__` are errors, each with its place.
 */
export function parseYaml(text: string): { value: ConfigValue; places: SourceMap } {
  return new YamlReader(text).read();
}

class YamlReader {
  readonly #text: string;
  readonly #lines: LineIndex;
  readonly #places = new SourceMap();
  readonly #anchors = new Map<string, Node>();
  #nodes = 0;

  constructor(text: string) {
    this.#text = text;
    this.#lines = new LineIndex(text);
  }

  read(): { value: ConfigValue; places: SourceMap } {
    this.#checkNesting();
    const document = parseDocument<Node>(this.#text, {
      schema: "core",
      version: "1.2",
      merge: false, // "<<" is merged below, within the node limit
      uniqueKeys: false, // quadratic in the library; #map checks it
      prettyErrors: false,
    });
    const problems = [...document.errors, ...document.warnings];
    if (problems.length > 0) {
      throw new SyntaxIssues(
        problems
          .slice(0, 20)
          .map(({ code, message, pos }) =>
            syntaxIssue(yamlMessage(code, message), this.#lines.place(pos[0])),
          ),
      );
    }
    const value = document.contents === null ? null : this.#value(document.contents, []);
    return { value, places: this.#places };
  }

  /** Refuses deep nesting before the library meets it: it recurses, and V8 may abort where its stack ends. */
  #checkNesting(): void {
    let depth = 0;
    let at = 0;
    let lineStart = 0;
    let indented = true;
    for (const token of new Lexer().lex(this.#text)) {
      const type = CST.tokenType(token);
      if (type === "flow-map-start" || type === "flow-seq-start") depth++;
      if (type === "flow-map-end" || type === "flow-seq-end") depth--;
      const opensBlock = indented || type === "seq-item-ind" || type === "explicit-key-ind";
      const tooWide = depth === 0 && type !== "space" && opensBlock && at - lineStart > 4 * limits.depth;
      if (depth > limits.depth || tooWide) this.#failDepth(at);
      if (type !== "space") indented = false;
      if (!"\u0002\u0018\u001f".includes(token)) at += token.length; // marks of the lexer, not of the text
      if (token.endsWith("\n")) [lineStart, indented] = [at, true];
    }
  }

  #value(node: Node, path: ConfigPath): ConfigValue {
    const at = node.range?.[0] ?? 0;
    this.#places.setValue(path, this.#lines.place(at));
    if (path.length > limits.depth) this.#failDepth(at, path);
    if (++this.#nodes > limits.nodes) {
      this.#fail(
        `more than ${limits.nodes} values, aliases written out. Use fewer aliases, or split the config.`,
        path,
        at,
      );
    }
    const anchor = (node as { anchor?: string }).anchor;
    if (anchor !== undefined) this.#anchors.set(anchor, node);
    if (isAlias(node)) return this.#alias(node, path, at);
    if (isMap(node)) return this.#map(node, path);
    if (isSeq(node)) return this.#sequence(node, path);
    if (isScalar(node)) {
      if (typeof node.value === "number" && /[.eE]/u.test(node.source ?? "")) this.#places.markFloat(path);
      return scalar(node.value);
    }
    return this.#fail("YAML of this kind cannot stand in a config.", path, at);
  }

  #map(map: YAMLMap, path: ConfigPath): ConfigMap {
    const object: ConfigMap = {};
    const merged: ConfigMap = {};
    for (const pair of map.items as Pair<Node, Node | null>[]) {
      const at = pair.key.range?.[0] ?? 0;
      const key = this.#key(pair.key, path, at);
      const keyPath = [...path, key];
      if (key === "<<") {
        this.#merge(pair.value, merged, path, at);
        continue;
      }
      if (Object.hasOwn(object, key)) {
        const first = this.#places.key(keyPath);
        this.#fail(
          `the key stands here a second time (first in line ${first?.line}). Delete one.`,
          keyPath,
          at,
        );
      }
      this.#places.setKey(keyPath, this.#lines.place(at));
      object[key] = pair.value === null ? null : this.#value(pair.value, keyPath);
    }
    return { ...merged, ...object };
  }

  #sequence(sequence: YAMLSeq, path: ConfigPath): ConfigValue[] {
    return (sequence.items as Node[]).map((item, index) => this.#value(item, [...path, index]));
  }

  #alias(alias: Alias, path: ConfigPath, at: number): ConfigValue {
    const target = this.#anchors.get(alias.source);
    if (target === undefined)
      return this.#fail(`the alias *${alias.source} has no anchor &${alias.source} above it.`, path, at);
    const value = this.#value(target, path);
    this.#places.setValue(path, this.#lines.place(at));
    return value;
  }

  /** Adds what `<<: *anchor` or `<<: [*a, *b]` names; earlier mappings win, and keys beside it win over all. */
  #merge(node: Node | null, merged: ConfigMap, path: ConfigPath, at: number): void {
    const value = node === null ? null : this.#value(node, path);
    for (const source of Array.isArray(value) ? value : [value]) {
      if (!isConfigMap(source)) this.#fail('"<<" merges mappings: name one as *anchor.', [...path, "<<"], at);
      for (const [key, entry] of Object.entries(source)) if (!Object.hasOwn(merged, key)) merged[key] = entry;
    }
  }

  #key(node: Node, path: ConfigPath, at: number): string {
    if (isAlias(node) || !isScalar(node) || node.value === null || typeof node.value === "object") {
      return this.#fail("a key must be a word or a number. Quote it.", path, at);
    }
    const key = String(node.value);
    const problem = keyProblem(key);
    return problem === undefined ? key : this.#fail(problem, [...path, key], at);
  }

  #failDepth(at: number, path: ConfigPath = []): never {
    return this.#fail(
      `more than ${limits.depth} levels of nesting. Flatten the config.`,
      path.slice(0, 3),
      at,
    );
  }

  #fail(message: string, path: ConfigPath, at: number): never {
    throw new SyntaxIssues([syntaxIssue(message, this.#lines.place(at), formatPath(path))]);
  }
}

function scalar(value: unknown): ConfigValue {
  if (value === null || typeof value === "boolean" || typeof value === "number") return value;
  return String(value);
}

function yamlMessage(code: string, message: string): string {
  if (code === "MULTIPLE_DOCS") return 'a config file holds one document. Delete what follows "---".';
  if (code === "TAG_RESOLVE_FAILED")
    return `${message.replace(/^Unresolved tag: /u, "unknown tag ")}. Delete the tag.`;
  if (code === "TAB_AS_INDENT") return "YAML is indented with spaces, got a tab.";
  return `${message.charAt(0).toLowerCase()}${message.slice(1)}.`.replace(/\.\.$/u, ".");
}
