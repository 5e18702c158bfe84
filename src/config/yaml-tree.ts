// Reads YAML text to a tree of nodes. What a plain word means is the dialect's matter; aliases are counted, never trusted.
import { createRequire } from "node:module";
import type { Alias, Node, Pair, Scalar, Schema, YAMLMap, YAMLSeq } from "yaml";
import type { ConfigIssue } from "../base/index.ts";
import { LineIndex, SyntaxIssues, limits, syntaxIssue } from "./document.ts";
import {
  type ConfigKey,
  type ConfigNode,
  type ListNode,
  type MapNode,
  type Origin,
  type ScalarNode,
  listNode,
  mapNode,
  scalarNode,
} from "./node.ts";
import { keyProblem } from "./parse-json.ts";
import { type ConfigPath, formatPath } from "./value.ts";

/** Is what a scalar of YAML text stands for. */
export type YamlScalar = Pick<ScalarNode, "value" | "isFloat">;

/** Gives plain words and tags their meaning. */
export interface YamlDialect {
  /** The schema of the `yaml` package; failsafe leaves every scalar a text. */
  schema: "core" | "failsafe";
  /** Tags of scalars, without `tag:yaml.org,2002:`, that the schema lacks and `scalar` reads. */
  tags: readonly string[];
  /** Reads a scalar; a text says why it cannot stand here. `isCutOff` is true at the end of text without a newline. */
  scalar(node: Pick<Scalar, "value" | "type" | "tag" | "source">, isCutOff: boolean): YamlScalar | string;
  /** Reads the key that a scalar is; undefined where it can be none. */
  key(scalar: YamlScalar): ConfigKey | undefined;
}

/**
 * Reads YAML text to a tree. Duplicate keys, unknown tags, aliases that multiply and keys such as `__proto__` throw
 * `SyntaxIssues`, each with its place.
 */
export function readYamlTree(text: string, source: string, dialect: YamlDialect): ConfigNode {
  return new YamlTreeReader(text, source, dialect).read();
}

let library: typeof import("yaml") | undefined;

/** Loads the package at its first use, for it takes 30 ms. */
function yaml(): typeof import("yaml") {
  return (library ??= createRequire(import.meta.url)("yaml") as typeof import("yaml"));
}

const schemas = new Map<YamlDialect, Schema>();

/** Makes the schema of a dialect once: it takes longer than to read a small file. */
function schemaOf(dialect: YamlDialect): Schema {
  let schema = schemas.get(dialect);
  if (schema === undefined) {
    const { Schema } = yaml();
    schema = new Schema({
      schema: dialect.schema,
      resolveKnownTags: true,
      customTags: (tags) =>
        tags.concat(
          dialect.tags.map((name) => ({
            tag: `tag:yaml.org,2002:${name}`,
            resolve: (value: string) => value,
          })),
        ),
      merge: false, // "<<" is merged below, within the node limit
    });
    schemas.set(dialect, schema);
  }
  return schema;
}

/** Tells whether text may hold more levels than are allowed: each takes a bracket, or columns of its line. */
function mayNestDeeply(text: string): boolean {
  return /[^\n]{256}/u.test(text) || (text.match(/[[{]/gu)?.length ?? 0) > limits.depth;
}

class YamlTreeReader {
  readonly #text: string;
  readonly #source: string;
  readonly #dialect: YamlDialect;
  readonly #lines: LineIndex;
  readonly #anchors = new Map<string, Node>();
  #nodes = 0;

  constructor(text: string, source: string, dialect: YamlDialect) {
    this.#text = text;
    this.#source = source;
    this.#dialect = dialect;
    this.#lines = new LineIndex(text);
  }

  read(): ConfigNode {
    if (mayNestDeeply(this.#text)) this.#checkNesting();
    const document = yaml().parseDocument<Node>(this.#text, {
      schema: schemaOf(this.#dialect).clone(), // the library adds tags that it meets
      version: "1.2",
      uniqueKeys: false, // quadratic in the library; #map checks it
      prettyErrors: false,
    });
    const problems = [...document.errors, ...document.warnings];
    if (problems.length > 0) throw new SyntaxIssues(this.#syntaxIssues(problems, document.contents));
    if (document.contents === null) return scalarNode(this.#origin(0), null);
    return this.#node(document.contents, []);
  }

  /** Tells the first fault of each line, up to one that makes nonsense of all that follows. */
  #syntaxIssues(
    problems: readonly { code: string; message: string; pos: [number, number] }[],
    root: Node | null,
  ): ConfigIssue[] {
    const issues = new Map<number, ConfigIssue>();
    for (const { code, message, pos } of problems.slice(0, 20)) {
      const isOpen = /^(missing closing|flow \w+ in block)/iu.test(message);
      const place = this.#lines.place((isOpen ? this.#opening(root, pos[0]) : undefined) ?? pos[0]);
      if (!issues.has(place.line)) issues.set(place.line, syntaxIssue(yamlMessage(code, message), place));
      if (code === "UNEXPECTED_TOKEN" || isOpen) break;
    }
    return [...issues.values()];
  }

  /** Finds where the innermost quoted text or bracket begins that reaches as far as a place. */
  #opening(root: Node | null, end: number): number | undefined {
    let found: number | undefined;
    yaml().visit(root, {
      Node: (_, node) => {
        const [start, stop] = node.range ?? [0, 0];
        const isOpened =
          "flow" in node ? node.flow === true : "type" in node && String(node.type).startsWith("QUOTE");
        if (isOpened && start <= end && stop >= end) found = start;
      },
    });
    return found;
  }

  /** Refuses deep nesting before the library meets it: it recurses, and V8 may abort where its stack ends. */
  #checkNesting(): void {
    const { CST, Lexer } = yaml();
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

  #node(node: Node, path: ConfigPath): ConfigNode {
    const at = node.range?.[0] ?? 0;
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
    const { isAlias, isMap, isScalar, isSeq } = yaml();
    if (isAlias(node)) return this.#alias(node, path, at);
    if (isMap(node)) return this.#map(node, path, at);
    if (isSeq(node)) return this.#sequence(node, path, at);
    if (!isScalar(node)) return this.#fail("YAML of this kind cannot stand in a config.", path, at);
    const { value, isFloat } = this.#scalar(node, path, at);
    return scalarNode(this.#origin(at), value, isFloat);
  }

  #map(map: YAMLMap, path: ConfigPath, at: number): MapNode {
    const own = mapNode(this.#origin(at));
    const merged = mapNode(own.origin);
    for (const { key: keyNode, value } of map.items as Pair<Node, Node | null>[]) {
      const keyAt = keyNode.range?.[0] ?? 0;
      if (isMergeKey(keyNode)) {
        this.#merge(value, merged, path, keyAt);
        continue;
      }
      const key = this.#key(keyNode, path, keyAt);
      const keyPath = [...path, String(key)];
      const first = own.entries.get(key)?.origin;
      if (first !== undefined) {
        this.#fail(
          `the key stands here a second time (first in line ${first.line}). Delete one.`,
          keyPath,
          keyAt,
        );
      }
      const node = value === null ? scalarNode(this.#origin(keyAt), null) : this.#node(value, keyPath);
      own.entries.set(key, { origin: this.#origin(keyAt), node });
    }
    if (merged.entries.size === 0) return own;
    for (const [key, entry] of own.entries) merged.entries.set(key, entry);
    return merged;
  }

  #sequence(sequence: YAMLSeq, path: ConfigPath, at: number): ListNode {
    const items = (sequence.items as Node[]).map((item, index) => this.#node(item, [...path, index]));
    return listNode(this.#origin(at), items);
  }

  #alias(alias: Alias, path: ConfigPath, at: number): ConfigNode {
    const target = this.#anchors.get(alias.source);
    if (target === undefined)
      return this.#fail(`the alias *${alias.source} has no anchor &${alias.source} above it.`, path, at);
    const node = this.#node(target, path);
    node.origin = this.#origin(at);
    return node;
  }

  /** Adds what `<<: *anchor` or `<<: [*a, *b]` names; earlier mappings win, and keys beside it win over all. */
  #merge(node: Node | null, merged: MapNode, path: ConfigPath, at: number): void {
    const value = node === null ? undefined : this.#node(node, path);
    for (const source of value?.kind === "list" ? value.items : [value]) {
      if (source?.kind !== "map")
        return this.#fail('"<<" merges mappings: name one as *anchor.', [...path, "<<"], at);
      for (const [key, entry] of source.entries) if (!merged.entries.has(key)) merged.entries.set(key, entry);
    }
  }

  #key(node: Node, path: ConfigPath, at: number): ConfigKey {
    const { isAlias, isScalar } = yaml();
    const target = isAlias(node) ? this.#anchors.get(node.source) : node;
    const anchor = (node as { anchor?: string }).anchor;
    if (anchor !== undefined) this.#anchors.set(anchor, node);
    const key = isScalar(target) ? this.#dialect.key(this.#scalar(target, path, at)) : undefined;
    if (key === undefined) return this.#fail("a key must be a word or a number. Quote it.", path, at);
    const problem = keyProblem(String(key));
    return problem === undefined ? key : this.#fail(problem, [...path, String(key)], at);
  }

  #scalar(node: Scalar, path: ConfigPath, at: number): YamlScalar {
    const isCutOff = (node.range?.[1] ?? 0) >= this.#text.length && !this.#text.endsWith("\n");
    const scalar = this.#dialect.scalar(node, isCutOff);
    return typeof scalar === "string" ? this.#fail(scalar, path, at) : scalar;
  }

  #origin(at: number): Origin {
    return { source: this.#source, ...this.#lines.place(at) };
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

function isMergeKey(node: Node): boolean {
  return yaml().isScalar(node) && node.type === "PLAIN" && node.source === "<<" && node.tag === undefined;
}

function yamlMessage(code: string, message: string): string {
  if (code === "MULTIPLE_DOCS") return 'a config file holds one document. Delete what follows "---".';
  if (code === "TAG_RESOLVE_FAILED")
    return `${message.replace(/^Unresolved tag: /u, "unknown tag ")}. Delete the tag.`;
  if (/^missing closing/iu.test(message)) return "the text that begins there has no closing quote. Add it.";
  if (/^flow \w+ in block/iu.test(message))
    return "the bracket that opens there is not closed, or what it holds is not indented. Close it.";
  if (code === "BLOCK_AS_IMPLICIT_KEY")
    return 'a second "key: value" cannot follow in one line, nor below a value. Quote the text, or correct the indentation.';
  if (code === "MULTILINE_IMPLICIT_KEY" || /^implicit (map )?keys need/iu.test(message))
    return 'a key must be followed by ": " in its line. Write KEY: VALUE.';
  if (code === "TAB_AS_INDENT") return "YAML is indented with spaces, got a tab.";
  return `${message.charAt(0).toLowerCase()}${message.slice(1)}.`.replace(/\.\.$/u, ".");
}
