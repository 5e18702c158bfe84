// The meta.yaml files of MLflow's folders: flat mappings, which Python writes and reads as YAML 1.1.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Node, isMap, isScalar, isSeq, parseDocument } from "yaml";
import { TrackingError } from "../../../base/index.ts";
import type { Transaction } from "./transaction.ts";

/** Is the content of a meta.yaml; keys that we do not know are kept when it is written anew. */
export type Meta = Record<string, unknown>;

/** Is the name of the file in each folder that says what the folder is. */
export const metaFile = "meta.yaml";

const emptyReads = 5;
const emptyReadMs = 10;

/** Reads a meta.yaml; undefined where there is none. One that cannot be read throws INVALID_STATE. */
export function readMeta(path: string): Meta | undefined {
  for (let attempt = 1; ; attempt++) {
    const text = readText(path);
    if (text === undefined) return undefined;
    if (text.trim() !== "") return parseMeta(text, path);
    // MLflow empties a file before it writes it anew
    if (attempt === emptyReads) throw damaged(path, "it is empty");
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, emptyReadMs);
  }
}

/** Plans to write the meta.yaml of a folder. */
export function writeMeta(transaction: Transaction, folder: string, meta: Meta): void {
  transaction.write(join(folder, metaFile), formatMeta(meta));
}

/** Plans to change some fields of the meta.yaml of a folder. */
export function changeMeta(transaction: Transaction, folder: string, changes: Meta): void {
  writeMeta(transaction, folder, { ...readMeta(join(folder, metaFile)), ...changes });
}

/** Writes a mapping as YAML that both 1.1 and 1.2 read alike: every text in double quotes. */
export function formatMeta(meta: Meta): string {
  const keys = Object.keys(meta).sort();
  return keys.map((key) => `${/^\w+$/.test(key) ? key : quote(key)}: ${formatValue(meta[key])}\n`).join("");
}

/** Returns the content of a file, or undefined where there is none. */
export function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR" || code === "ENAMETOOLONG" || code === "EISDIR")
      return undefined;
    throw error;
  }
}

/** Returns a text as it comes back from a file: UTF-8 has no half surrogate pairs. */
export function wellFormed(text: string): string {
  return Buffer.from(text).toString("utf8");
}

/** Reads a text field of a meta.yaml. */
export function textField(meta: Meta, key: string): string | undefined {
  const value = meta[key];
  return value === null || value === undefined ? undefined : String(value);
}

/** Reads a field that holds a whole number. */
export function numberField(meta: Meta, key: string): number | undefined {
  const value = meta[key];
  if (value === null || value === undefined || value === "") return undefined;
  const number = Number(value);
  return Number.isFinite(number) ? number : undefined;
}

function parseMeta(text: string, path: string): Meta {
  const simple = parseSimple(text);
  if (simple !== undefined) return simple;
  const document = parseDocument<Node>(text, { version: "1.1", schema: "failsafe", prettyErrors: false });
  if (document.errors.length > 0) throw damaged(path, document.errors[0]!.message);
  const value = toValue(document.contents);
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw damaged(path, "no mapping");
  return value as Meta;
}

/** Reads what most files are, one plain or simply quoted value a line, some twenty times faster than the parser. */
function parseSimple(text: string): Meta | undefined {
  const meta: Meta = {};
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const [, key, plain, single, double] =
      /^(\w+): (?:([\w/.][\w/.-]*(?::\/\/[\w/.-]+)?)|'([^'\\\r]*)'|"([^"\\\r]*)"|\[\])$/.exec(line) ?? [];
    if (key === undefined) return undefined;
    meta[key] = plain === undefined ? (single ?? double ?? []) : plainValue(plain);
  }
  return meta;
}

function toValue(node: Node | null): unknown {
  if (isMap(node)) {
    return Object.fromEntries(
      node.items.map(({ key, value }) => [
        String(isScalar(key) ? key.value : key),
        toValue(value as Node | null),
      ]),
    );
  }
  if (isSeq(node)) return node.items.map((item) => toValue(item as Node));
  if (!isScalar(node)) return null;
  return node.type === "PLAIN" ? plainValue(String(node.value)) : node.value;
}

/** Reads an unquoted value; Python quotes every text that would read as something else. */
function plainValue(text: string): string | number | boolean | null {
  if (/^(?:|~|null|Null|NULL)$/.test(text)) return null;
  if (text === "true" || text === "false") return text === "true";
  const number = /^[-+]?\d+$/.test(text) ? Number(text) : NaN;
  return Number.isSafeInteger(number) ? number : text;
}

function formatValue(value: unknown): string {
  if (value === null || value === undefined) return "null";
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (Array.isArray(value)) return `[${value.map(formatValue).join(", ")}]`;
  if (typeof value === "object") {
    const entries = Object.entries(value).map(([key, entry]) => `${quote(key)}: ${formatValue(entry)}`);
    return `{${entries.join(", ")}}`;
  }
  return quote(String(value));
}

/** Quotes a text as JSON does, with escapes for all that YAML does not print. */
function quote(text: string): string {
  return JSON.stringify(wellFormed(text)).replace(
    /[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function damaged(path: string, why: string): TrackingError {
  return new TrackingError(
    `file store: ${path} must be a mapping in YAML, but ${why}. Mend it, or move its folder away.`,
    { code: "INVALID_STATE" },
  );
}
