// Works out interpolations: where `${a.b}` leads, what `${name:...}` gives, and whole trees with every one replaced.
import type { ConfigIssue } from "../../base/index.ts";
import { limits } from "../document.ts";
import { type ConfigNode, type ScalarNode, listNode, mapNode, scalarNode } from "../node.ts";
import { formatValue } from "../value.ts";
import { conform } from "./conform.ts";
import { NoContainer, ResolutionFailure, hint } from "./failure.ts";
import {
  type Element,
  GrammarError,
  type Interpolation,
  type ResolverInterpolation,
  type Text,
} from "./grammar.ts";
import { syntaxMessage } from "./content-issues.ts";
import { isInterpolation, isMissing } from "./kinds.ts";
import { parseText } from "./parse-interpolation.ts";
import { Position } from "./position.ts";
import { pythonInt, pythonText } from "./python-text.ts";
import { findResolver, resolverNames } from "./resolvers.ts";
import { splitKey } from "./split-key.ts";

/** Bounds how many interpolations may lead to one another. */
const maxChain = 500;
/** Bounds the characters that one pass may join, beside the size of one text. */
const maxCharacters = 16 * limits.bytes;

/**
 * Is one pass over a config. Every interpolation is worked out once in it, so that one resolver that gives another
 * value on each call is seen with one value.
 */
export class Resolution {
  readonly root: Position;
  readonly #chain: Position[] = [];
  #characters = 0;
  #nodes = 0;

  constructor(root: ConfigNode) {
    this.root = new Position(root);
  }

  /** Follows an interpolation to the part or value that it stands for; any other part is itself. */
  dereference(position: Position): Position {
    if (position.isFinal || !isInterpolation(position.node)) return position;
    if (position.resolved !== undefined) return position.resolved;
    if (position.failure !== undefined) throw position.failure;
    if (position.isOpen) this.#failCycle(position);
    this.#checkChain(position);
    position.isOpen = true;
    this.#chain.push(position);
    try {
      position.resolved = this.#typed(this.#value(this.#parse(position), position), position);
      return position.resolved;
    } catch (error) {
      if (error instanceof ResolutionFailure) position.failure = error;
      throw error;
    } finally {
      position.isOpen = false;
      this.#chain.pop();
    }
  }

  /**
   * Finds the part that a key names from a container; a key that starts with dots climbs from it, any other starts at
   * the root. Returns the part with its interpolation followed, or undefined where there is none.
   * `at` is the part that asks; a text that is "???" on the way fails where `throwOnMissing` is set.
   */
  find(
    key: string,
    { from, at, throwOnMissing = false }: { from: Position; at: Position; throwOnMissing?: boolean },
  ): { found: Position | undefined; last: Position; name: string } {
    let container = key.startsWith(".") ? from : from.root;
    let rest = key;
    while (rest.startsWith(".")) {
      rest = rest.slice(1);
      if (!rest.startsWith(".")) break;
      if (container.parent === undefined)
        throw new ResolutionFailure(at, `${key} climbs above the root of the config. Use fewer dots.`, {
          code: "unknown_key",
        });
      container = container.parent;
    }
    if (rest === "") return { found: container, last: container, name: "" };
    const keys = splitKey(rest);
    for (const [index, name] of keys.entries()) {
      const step = this.#step(container, name, { key, at, throwOnMissing });
      if (step === undefined) return { found: undefined, last: container, name };
      if (index === keys.length - 1) return { found: this.dereference(step), last: container, name };
      container = this.dereference(step);
      if (container.node.kind === "scalar") {
        const value = formatValue(container.node.value);
        const parent = keys.slice(0, index + 1).join(".");
        throw new NoContainer(
          at,
          `${key} looks for "${keys[index + 1]}" in ${parent}, which holds no keys but ${value}. Correct the key.`,
          { code: "type" },
        );
      }
    }
    return { found: container, last: container, name: "" };
  }

  /** Copies a part with every interpolation in it replaced; `onFailure` may stand in for a part that fails. */
  build(position: Position, onFailure?: (failure: ResolutionFailure) => ConfigNode): ConfigNode {
    try {
      return this.#build(position, onFailure);
    } catch (error) {
      if (onFailure === undefined || !(error instanceof ResolutionFailure)) throw error;
      return onFailure(error);
    }
  }

  /** Evaluates an element of the grammar, as an argument of a resolver or for `oc.decode`. */
  element(element: Element, at: Position): Position {
    const { origin } = at.node;
    const final = (node: ConfigNode) => new Position(node, { parent: at.parent, isFinal: true });
    switch (element.kind) {
      case "value":
        return final(scalarNode(origin, element.value, element.isFloat));
      case "text":
        return final(scalarNode(origin, this.#joined(element.parts, at)));
      case "list":
        return final(
          listNode(
            origin,
            element.items.map((item) => this.build(this.element(item, at))),
          ),
        );
      case "dict": {
        const node = mapNode(origin);
        for (const [key, item] of element.entries)
          node.entries.set(typeof key === "bigint" ? String(key) : key, {
            origin,
            node: this.build(this.element(item, at)),
          });
        return final(node);
      }
      default:
        return this.#interpolation(element, at);
    }
  }

  #build(
    position: Position,
    onFailure: ((failure: ResolutionFailure) => ConfigNode) | undefined,
  ): ConfigNode {
    if (++this.#nodes > limits.nodes) {
      throw new ResolutionFailure(
        position,
        `more than ${limits.nodes} values with all interpolations written out. Use fewer that lead to mappings or lists.`,
      );
    }
    const target = this.dereference(position);
    const node = target === position ? target.node : { ...target.node, origin: position.node.origin };
    if (node.kind === "scalar") return { ...node };
    if (target.failure !== undefined) throw target.failure;
    if (target.isOpen) this.#failCycle(target);
    this.#checkChain(target);
    target.isOpen = true;
    this.#chain.push(target);
    try {
      if (node.kind === "list") {
        const items = node.items.map((item, index) =>
          this.#isPlain(item, target) ? { ...item } : this.build(target.child(index)!, onFailure),
        );
        return { ...node, items };
      }
      const copy: ConfigNode = { ...node, entries: new Map() };
      for (const [key, entry] of node.entries)
        copy.entries.set(key, {
          origin: entry.origin,
          node: this.#isPlain(entry.node, target)
            ? { ...entry.node }
            : this.build(target.child(key)!, onFailure),
        });
      return copy;
    } finally {
      target.isOpen = false;
      this.#chain.pop();
    }
  }

  /** Tells whether a part needs no work, and counts it. */
  #isPlain(node: ConfigNode, parent: Position): boolean {
    if (node.kind !== "scalar" || (!parent.isFinal && isInterpolation(node))) return false;
    this.#nodes++;
    return true;
  }

  /** Holds the result of an interpolation to the type of the part that it stands in. */
  #typed(result: Position, { node, parent, key }: Position): Position {
    const { type } = node;
    if (type === undefined || type === result.node.type) return result;
    const issues: ConfigIssue[] = [];
    const value = conform({ ...result.node, origin: node.origin }, type, { path: [], issues });
    const [issue] = issues;
    if (issue !== undefined) {
      const at = new Position(node, { parent, ...(key === undefined ? {} : { key }) });
      throw new ResolutionFailure(at, `${formatValue((node as ScalarNode).value)} ${issue.message}`, {
        code: "type",
      });
    }
    return value.kind === "scalar" ? new Position(value, { parent, isFinal: true }) : result;
  }

  #parse(position: Position): Text {
    const text = (position.node as ScalarNode).value as string;
    try {
      return parseText(text);
    } catch (error) {
      if (!(error instanceof GrammarError)) throw error;
      throw new ResolutionFailure(position, syntaxMessage(error), { code: "syntax" });
    }
  }

  #value(text: Text, at: Position): Position {
    const [only] = text;
    if (text.length === 1 && typeof only === "object") return this.#interpolation(only, at);
    const node = scalarNode(at.node.origin, this.#joined(text, at));
    return new Position(node, { parent: at.parent, isFinal: true });
  }

  #joined(text: Text, at: Position): string {
    let joined = "";
    for (const part of text)
      joined += typeof part === "string" ? part : pythonText(this.#interpolation(part, at).node);
    const { length } = joined;
    this.#characters += length;
    if (length > limits.bytes || this.#characters > maxCharacters) {
      throw new ResolutionFailure(
        at,
        `joining its interpolations gives more than ${length > limits.bytes ? limits.bytes : maxCharacters} characters. Shorten it.`,
      );
    }
    return joined;
  }

  #interpolation(interpolation: Interpolation, at: Position): Position {
    if (interpolation.kind === "resolver") return this.#call(interpolation, at);
    const { parent } = at;
    if (parent === undefined)
      throw new ResolutionFailure(at, `${interpolation.source} stands alone, so it leads nowhere.`);
    const key = this.#name(interpolation.parts, at, "the key");
    const { found, last, name } = this.find(key, { from: parent, at, throwOnMissing: true });
    if (found === undefined) {
      const where = last.fullKey === "" ? "the config" : last.fullKey;
      throw new ResolutionFailure(
        at,
        `${interpolation.source} leads nowhere: ${where} has no ${JSON.stringify(name)}. ${hint(name, keysOf(last))}`,
        { code: "unknown_key" },
      );
    }
    if (found.holds(parent)) {
      const part = found.fullKey === "" ? "the whole config" : found.fullKey;
      throw new ResolutionFailure(
        at,
        `${interpolation.source} leads to ${part}, in which it stands itself. Point it at a part beside it.`,
      );
    }
    return found;
  }

  #call({ name, args, source }: ResolverInterpolation, at: Position): Position {
    const resolverName = this.#name(name, at, "the name of a resolver");
    const resolver = findResolver(resolverName);
    if (resolver === undefined) {
      throw new ResolutionFailure(
        at,
        `${source} calls the resolver ${JSON.stringify(resolverName)}, which is not registered. ${hint(resolverName, resolverNames())}`,
        { code: "unknown_key" },
      );
    }
    const values = args.map(({ element }) => this.element(element, at));
    try {
      return resolver({ args: values, sources: args.map((arg) => arg.source.trim()), at, resolution: this });
    } catch (error) {
      if (error instanceof ResolutionFailure) throw error;
      const reason = error instanceof GrammarError ? syntaxMessage(error) : (error as Error).message;
      throw new ResolutionFailure(at, `${source} failed: ${reason}`, { cause: error });
    }
  }

  /** Joins a key or name whose parts may be interpolations; those must give texts. */
  #name(parts: Text, at: Position, what: string): string {
    const [only] = parts;
    if (parts.length === 1 && typeof only === "string") return only;
    return parts
      .map((part) => {
        if (typeof part === "string") return part;
        const { node } = this.#interpolation(part, at);
        if (node.kind === "scalar" && typeof node.value === "string") return node.value;
        const value = pythonText(node).slice(0, 60);
        throw new ResolutionFailure(
          at,
          `${part.source} stands in ${what}, so it must give a text, got ${value}. Quote that value.`,
          { code: "type" },
        );
      })
      .join("");
  }

  #step(
    container: Position,
    name: string,
    { key, at, throwOnMissing }: { key: string; at: Position; throwOnMissing: boolean },
  ): Position | undefined {
    let step: Position | undefined;
    if (container.node.kind === "list") {
      const index = pythonInt(name);
      if (index === undefined) {
        throw new ResolutionFailure(
          at,
          `${key} looks for ${JSON.stringify(name)} in the list ${container.fullKey}, which has numbers for keys. Use one from 0 to ${container.node.items.length - 1}.`,
          { code: "type" },
        );
      }
      step = container.child(Number(index));
    } else step = container.child(name);
    if (step !== undefined && throwOnMissing && isMissing(step.node)) {
      throw new ResolutionFailure(
        at,
        `${key} leads to ${step.fullKey}, whose value "???" has yet to be given. Set ${step.fullKey}.`,
        { code: "missing", isMissing: true },
      );
    }
    return step;
  }

  #checkChain(position: Position): void {
    if (this.#chain.length < maxChain) return;
    throw new ResolutionFailure(
      position,
      `more than ${maxChain} interpolations lead to one another. Point them at the value itself.`,
    );
  }

  #failCycle(position: Position): never {
    const circle = this.#chain.slice(this.#chain.indexOf(position));
    const names = [...circle, position].map(({ fullKey }) => fullKey || "(root)");
    const shown = names.length > 12 ? [...names.slice(0, 6), "...", ...names.slice(-5)] : names;
    const failure = new ResolutionFailure(
      position,
      `the interpolations lead in a circle: ${shown.join(" -> ")}. Give one of them a value.`,
    );
    for (const part of circle) part.failure = failure; // told once, whichever part is asked for next
    throw failure;
  }
}

function keysOf({ node }: Position): string[] {
  if (node.kind === "map") return [...node.entries.keys()].map(String);
  return node.kind === "list" ? node.items.map((_, index) => String(index)) : [];
}
