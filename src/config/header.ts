// The first line of a data file, which tells its columns. The rows are src/data's matter.
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { extname } from "node:path";

/** Holds what the first line of a data file tells. */
export interface DataHeader {
  columns: readonly string[];
  /** Absent in JSON lines. */
  delimiter?: string;
}

/** Lists the endings of the data files that can be read. */
export const dataExtensions = [".csv", ".tsv", ".jsonl"] as const;

const headBytes = 1 << 16;

/**
 * Reads the column names of a CSV, TSV or JSONL file, from its first 64 KiB.
 * Returns a message where they cannot be told, or where no row follows them.
 */
export function readDataHeader(
  path: string,
  { delimiter }: { delimiter?: string | undefined } = {},
): DataHeader | { problem: string } {
  const extension = extname(path).toLowerCase();
  if (!dataExtensions.includes(extension as (typeof dataExtensions)[number])) {
    return { problem: `a data file ends in ${dataExtensions.join(", ")}, got "${extension}". Convert it.` };
  }
  const head = readHead(path);
  if ("problem" in head) return head;
  if (extension === ".jsonl") return jsonColumns(head.text);
  const separator = delimiter ?? (extension === ".tsv" ? "\t" : guessDelimiter(head.text));
  const { fields, rest } = firstRecord(head.text, separator);
  if (rest.trim() === "") return { problem: "the file has a header and no rows. Add rows." };
  return { columns: fields, delimiter: separator };
}

function readHead(path: string): { text: string } | { problem: string } {
  const file = openSync(path, "r");
  try {
    if (!fstatSync(file).isFile()) return { problem: "a data file must be a file, got a folder." };
    const buffer = Buffer.alloc(headBytes);
    const length = readSync(file, buffer, 0, headBytes, 0);
    const head = buffer.subarray(0, length);
    if (head.subarray(0, 2).toString("latin1") === "PK")
      return { problem: "the file is an archive. Unpack it." };
    const text = decode(head);
    if (text === undefined) return { problem: "the text must be UTF-8. Save the file in that encoding." };
    return text.trim() === "" ? { problem: "the file is empty. Fill it." } : { text };
  } finally {
    closeSync(file);
  }
}

/** Decodes the beginning of a text, without a byte order mark; a character that the cut divides is left out. */
function decode(head: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(head, { stream: true });
  } catch {
    return undefined;
  }
}

function jsonColumns(text: string): DataHeader | { problem: string } {
  const line = text.split("\n", 1)[0]!;
  try {
    const row: unknown = JSON.parse(line);
    if (typeof row === "object" && row !== null && !Array.isArray(row)) return { columns: Object.keys(row) };
  } catch {
    // told below
  }
  return { problem: "the first line must be a JSON object, as every line of JSON lines." };
}

/** Takes the separator that occurs most often in the first line, outside quotes. */
function guessDelimiter(text: string): string {
  const counts = [",", ";", "\t", "|"].map((separator) => ({
    separator,
    count: firstRecord(text, separator).fields.length,
  }));
  return counts.reduce((best, next) => (next.count > best.count ? next : best)).separator;
}

/** Reads one CSV record (RFC 4180): quoted fields may hold separators, newlines and doubled quotes. */
function firstRecord(text: string, separator: string): { fields: string[]; rest: string } {
  const fields: string[] = [];
  let field = "";
  let quoted = false;
  let at = 0;
  for (; at < text.length; at++) {
    const character = text[at]!;
    if (quoted) {
      if (character !== '"') field += character;
      else if (text[at + 1] === '"') field += text[++at];
      else quoted = false;
    } else if (character === '"' && field === "") quoted = true;
    else if (character === separator) {
      fields.push(field);
      field = "";
    } else if (character === "\n" || character === "\r") break;
    else field += character;
  }
  return { fields: [...fields, field], rest: text.slice(at) };
}
