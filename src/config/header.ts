// The first rows of a data file, which tell its columns. Reading it whole is src/data's matter.
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { extname } from "node:path";
import { compressionOf, detectDelimiter, parseDelimited } from "../base/index.ts";
import { binaryExtensions, readBinaryHeader } from "./binary-header.ts";

/** Holds what the first rows of a data file tell. */
export interface DataHeader {
  columns: readonly string[];
  /** Of CSV and TSV alone. */
  delimiter?: string;
}

/** Lists the endings of the data files that can be read. */
const dataExtensions: readonly string[] = [
  ".csv",
  ".tsv",
  ".tab",
  ".jsonl",
  ".ndjson",
  ".json",
  ...binaryExtensions,
];

const jsonExtensions: readonly string[] = [".jsonl", ".ndjson", ".json"];

const headBytes = 1 << 16;

/**
 * Reads the column names of a data file: of text from its first 64 KiB, of Parquet and Arrow from its schema.
 * Returns a message where they cannot be told, or where no row follows them.
 */
export function readDataHeader(
  path: string,
  { delimiter }: { delimiter?: string | undefined } = {},
): DataHeader | { problem: string } {
  const extension = extname(path).toLowerCase();
  if (!dataExtensions.includes(extension)) {
    return { problem: `a data file ends in ${dataExtensions.join(", ")}, got "${extension}". Convert it.` };
  }
  if (binaryExtensions.includes(extension)) return readBinaryHeader(path, extension);
  const head = readHead(path);
  if ("problem" in head) return head;
  if (jsonExtensions.includes(extension)) return jsonColumns(head.text, extension === ".json");
  return delimitedColumns(head.text, delimiter ?? (extension === ".csv" ? detectDelimiter(head.text) : "\t"));
}

function delimitedColumns(text: string, delimiter: string): DataHeader | { problem: string } {
  const records: string[][] = [];
  const fault = parseDelimited(text, { delimiter, quote: '"' }, (fields) => records.push(fields) < 2);
  const [columns, firstRow] = records;
  // the cut may divide a quoted field of the first row
  if (columns === undefined || (firstRow === undefined && fault === undefined)) {
    return { problem: "the file has a header and no rows. Add rows." };
  }
  return { columns: columns.map((name) => name.trim()), delimiter };
}

function readHead(path: string): { text: string } | { problem: string } {
  const file = openSync(path, "r");
  try {
    if (!fstatSync(file).isFile()) return { problem: "a data file must be a file, got a folder." };
    const buffer = Buffer.alloc(headBytes);
    const head = buffer.subarray(0, readSync(file, buffer, 0, headBytes, 0));
    const compression = compressionOf(head);
    if (compression !== undefined) {
      return { problem: `the file is compressed with ${compression}. Unpack it.` };
    }
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

/** Collects the keys of the objects at the beginning: any row may bring in a column. */
function jsonColumns(text: string, isArray: boolean): DataHeader | { problem: string } {
  const columns = new Set<string>();
  let count = 0;
  const rows = isArray ? /^\s*\[(.*)$/su.exec(text)?.[1] : text;
  for (const object of objectsOf(rows ?? "")) {
    for (const key of Object.keys(object)) columns.add(key);
    count++;
  }
  if (count > 0) return { columns: [...columns] };
  return {
    problem: isArray
      ? "the file must hold a JSON array of objects, [{...}, ...]; one object a line is .jsonl."
      : "the first line must be a JSON object, as every line of JSON lines.",
  };
}

function* objectsOf(text: string): Generator<object> {
  // an object ends at the brace that makes what is read so far whole; braces inside strings do not
  for (let start = text.search(/\S/u); text[start] === "{";) {
    const end = objectEnd(text, start);
    if (end === undefined) return;
    try {
      yield JSON.parse(text.slice(start, end)) as object;
    } catch {
      return;
    }
    start = end + text.slice(end).search(/[^\s,]/u);
  }
}

function objectEnd(text: string, start: number): number | undefined {
  const mark = /"(?:[^"\\]|\\.)*"|[{}]/gsu;
  mark.lastIndex = start;
  let depth = 0;
  for (let match = mark.exec(text); match !== null; match = mark.exec(text)) {
    if (match[0] === "{") depth++;
    if (match[0] === "}" && --depth === 0) return mark.lastIndex;
  }
  return undefined;
}
