// Writes trees as YAML, byte for byte as OmegaConf.to_yaml does through PyYAML.
import type { ConfigKey, ConfigNode, ListNode, MapNode, ScalarNode } from "../node.ts";
import { plainTag } from "./plain-scalar.ts";
import { floatText, pythonFloat, pythonInt } from "./python-text.ts";
import { resolve } from "./resolve.ts";
import { analyzeScalar } from "./scalar-style.ts";
import { YamlWriter } from "./yaml-writer.ts";

/** Says how YAML is written. */
export interface ToYamlOptions {
  /** Replaces interpolations; one that leads to "???" throws. @default false */
  resolve?: boolean;
  /** Sorts the keys of every mapping; keys of several types keep their order. @default false */
  sortKeys?: boolean;
}

/**
 * Writes a tree as YAML in block style. Texts that would read as something else are quoted, and long ones folded.
 *
 * @example
 * toYaml(readYaml("{lr: 1e-5, names: [a, 'yes']}", "c.yaml")); // => "lr: 1.0e-05\nnames:\n- a\n- 'yes'\n"
 */
export function toYaml(node: ConfigNode, options: ToYamlOptions = {}): string {
  const tree = options.resolve === true ? resolve(node, { throwOnMissing: true }) : node;
  const emitter = new Emitter(options.sortKeys ?? false);
  emitter.node(tree);
  return emitter.end(tree);
}

/** A key of more characters, those of its type's name included, stands after "?". */
const longestKey = 127;

class Emitter {
  readonly #writer = new YamlWriter();
  readonly #sortKeys: boolean;

  constructor(sortKeys: boolean) {
    this.#sortKeys = sortKeys;
  }

  node(node: ConfigNode, { inMapping = false } = {}): void {
    if (node.kind === "list") this.#list(node, inMapping);
    else if (node.kind === "map") this.#map(node);
    else this.#scalar(node);
  }

  end(node: ConfigNode): string {
    this.#writer.newLine();
    // a plain text alone could go on, so its end is marked
    const isOpen = node.kind === "scalar" && styleOf(represent(node.value, node.isFloat)) === "plain";
    return `${this.#writer.text}${isOpen ? "...\n" : ""}`;
  }

  #list({ items }: ListNode, inMapping: boolean): void {
    const writer = this.#writer;
    if (items.length === 0) return this.#empty("[", "]");
    // dashes below a key stand at its own indent
    const isLevel = !inMapping || writer.isAtIndent;
    writer.indented(
      () => {
        for (const item of items) {
          writer.newLine();
          writer.indicator("-", { space: true, keepsIndent: true });
          this.node(item);
        }
      },
      { isLevel },
    );
  }

  #map({ entries }: MapNode): void {
    const writer = this.#writer;
    if (entries.size === 0) return this.#empty("{", "}");
    writer.indented(() => {
      for (const [key, { node }] of this.#sortKeys ? sorted(entries) : entries) {
        writer.newLine();
        this.#key(key);
        this.node(node, { inMapping: true });
      }
    });
  }

  #key(key: ConfigKey): void {
    const writer = this.#writer;
    const scalar = represent(key, typeof key === "number" && !Number.isInteger(key));
    const { multiline } = analyzeScalar(scalar.text);
    const length = [...scalar.text].length + `!!${scalar.tag}`.length;
    if (length <= longestKey && scalar.text !== "" && !multiline) {
      this.#write(scalar, { isKey: true });
      writer.indicator(":");
      return;
    }
    writer.indicator("?", { space: true, keepsIndent: true });
    this.#write(scalar);
    writer.newLine();
    writer.indicator(":", { space: true, keepsIndent: true });
  }

  #empty(open: string, close: string): void {
    this.#writer.indicator(open, { space: true, isSpace: true });
    this.#writer.indicator(close);
  }

  #scalar({ value, isFloat }: ScalarNode): void {
    this.#write(represent(value, isFloat));
  }

  #write(scalar: Represented, { isKey = false } = {}): void {
    const style = styleOf(scalar, { isKey });
    this.#writer.indented(() => this.#writer[style](scalar.text, { fold: !isKey }), { flow: true });
  }
}

interface Represented {
  text: string;
  tag: "str" | "int" | "float" | "bool" | "null";
}

function represent(value: ScalarNode["value"], isFloat: boolean): Represented {
  if (value === null) return { text: "null", tag: "null" };
  if (typeof value === "boolean") return { text: String(value), tag: "bool" };
  if (typeof value === "string") return { text: value, tag: "str" };
  if (typeof value === "bigint" || !(isFloat || !Number.isInteger(value)))
    return { text: String(value === 0 ? 0 : value), tag: "int" };
  if (!Number.isFinite(value))
    return { text: { NaN: ".nan", Infinity: ".inf" }[String(value)] ?? "-.inf", tag: "float" };
  const text = floatText(value);
  return { text: text.includes(".") ? text : text.replace("e", ".0e"), tag: "float" };
}

function styleOf(
  { text, tag }: Represented,
  { isKey = false } = {},
): "plain" | "singleQuoted" | "doubleQuoted" {
  const { plain, singleQuoted, multiline } = analyzeScalar(text);
  const isEmptyKey = isKey && text === "";
  const isForced = tag === "str" && looksTyped(text);
  if (!isForced && plainTag(text) === tag && plain && !isEmptyKey) return "plain";
  return singleQuoted && !(isKey && multiline) ? "singleQuoted" : "doubleQuoted";
}

const booleanWord =
  /^(?:y|Y|yes|Yes|YES|n|N|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$/u;

/** Tells whether OmegaConf quotes a text because other readers take it for a boolean or a number. */
function looksTyped(text: string): boolean {
  return booleanWord.test(text) || pythonInt(text) !== undefined || pythonFloat(text) !== undefined;
}

function sorted(entries: MapNode["entries"]): MapNode["entries"] {
  const keys = [...entries.keys()];
  if (keys.every((key) => typeof key === "string")) keys.sort(byCodePoints);
  else if (keys.every((key) => typeof key === "number" || typeof key === "boolean"))
    keys.sort((a, b) => Number(a) - Number(b));
  return new Map(keys.map((key) => [key, entries.get(key)!]));
}

function byCodePoints(a: string, b: string): number {
  const left = [...a];
  const right = [...b];
  for (const [at, character] of left.entries()) {
    if (at >= right.length) return 1;
    const difference = character.codePointAt(0)! - right[at]!.codePointAt(0)!;
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}
