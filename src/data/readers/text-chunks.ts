// JSON Lines and CSV in pieces: one pass finds where each thousand rows begin, and keeps nothing else.
import { open } from "node:fs/promises";
import { DataError, detectDelimiter, parseDelimited } from "../../base/index.ts";
import type { Dialect } from "../../base/index.ts";
import { damaged, readRange, sizeOfFile } from "./chunked-file.ts";
import type { ChunkedFile } from "./chunked-file.ts";
import type { DelimitedOptions } from "./csv.ts";

/** Most rows of a chunk, and most bytes, but for a row that is longer by itself. */
const chunkRows = 1024;
const chunkBytes = 2 ** 22;
const maxRowBytes = 2 ** 28;
const blockBytes = 2 ** 20;

/** Opens a file with one JSON object a line; the first rows name the columns. Throws `DataError`. */
export async function openJsonLines(path: string): Promise<ChunkedFile> {
  const size = await sizeOfFile(path);
  const chunks = await findChunks(path, size, undefined);
  const read = async (chunk: Place): Promise<{ row: Record<string, unknown>; line: number }[]> =>
    (await readLines(path, chunk)).map(({ text, line }) => ({ row: parseObject(path, text, line), line }));
  const columns = [...new Set((await read(chunks[0]!)).flatMap(({ row }) => Object.keys(row)))];
  return {
    path,
    columns,
    opaque: new Map(),
    rowCounts: chunks.map(({ rows }) => rows),
    unit: "line",
    async readChunk(chunk, wanted) {
      const rows = await read(chunks[chunk]!);
      return {
        values: wanted.map((name) => rows.map(({ row }) => row[name] ?? null)),
        positions: rows.map(({ line }) => line),
      };
    },
  };
}

/** Opens a CSV or TSV file, whose first record names the columns (or `columns` does). Throws `DataError`. */
export async function openDelimited(path: string, options: DelimitedOptions = {}): Promise<ChunkedFile> {
  const size = await sizeOfFile(path);
  const isTabbed = /\.(tsv|tab)$/iu.test(path);
  const sample = new TextDecoder().decode(await readRange(path, 0, Math.min(size, 2 ** 16)));
  const delimiter = options.delimiter ?? (isTabbed ? "\t" : detectDelimiter(sample));
  const dialect = { delimiter, quote: options.quote !== undefined ? options.quote : isTabbed ? null : '"' };
  const chunks = await findChunks(path, size, dialect);
  const read = async (chunk: Place): Promise<{ fields: string[]; line: number }[]> => {
    const records: { fields: string[]; line: number }[] = [];
    const text = await readText(path, chunk);
    const fault = parseDelimited(
      text,
      dialect,
      (fields, line) => records.push({ fields, line: chunk.line + line - 1 }) > 0,
    );
    if (fault !== undefined)
      throw new DataError(
        `${path}:${chunk.line + fault.line - 1}: the quote opened here is never closed. Close it, or double it ("").`,
      );
    return records;
  };
  const header = options.columns ?? (await read(chunks[0]!))[0]?.fields.map((field) => field.trim()) ?? [];
  const numHeaders = options.columns === undefined ? 1 : 0;
  return {
    path,
    columns: header,
    opaque: new Map(),
    rowCounts: chunks.map(({ rows }, index) => (index === 0 ? rows - numHeaders : rows)),
    unit: "line",
    async readChunk(chunk, wanted) {
      const records = (await read(chunks[chunk]!)).slice(chunk === 0 ? numHeaders : 0);
      const odd = records.find(({ fields }) => fields.length !== header.length);
      if (odd !== undefined)
        throw new DataError(
          `${path}:${odd.line}: expected ${header.length} fields as in the header, got ${odd.fields.length}. Put values that contain ${delimiter === "\t" ? "a tab" : delimiter} in quotes.`,
        );
      const indices = wanted.map((name) => header.indexOf(name));
      return {
        values: indices.map((index) => records.map(({ fields }) => fields[index])),
        positions: records.map(({ line }) => line),
      };
    },
  };
}

/** Is a run of rows of the file. */
interface Place {
  start: number;
  end: number;
  rows: number;
  /** Its first line, from 1. */
  line: number;
}

/** Finds the chunks in one pass; a newline within quotes ends no row, a line without a character is none. */
async function findChunks(path: string, size: number, dialect: Dialect | undefined): Promise<Place[]> {
  const quote = dialect?.quote?.charCodeAt(0) ?? -1;
  const separator = dialect?.delimiter.charCodeAt(0) ?? -1;
  const chunks: Place[] = [];
  const file = await open(path, "r");
  const block = Buffer.alloc(blockBytes);
  let chunk: Place = { start: 0, end: 0, rows: 0, line: 1 };
  let [line, rowStart, isQuoted, isFieldStart, isEmpty] = [1, 0, false, true, true];
  const endRow = (end: number): void => {
    if (end - rowStart > maxRowBytes)
      throw damaged(
        path,
        "text",
        `line ${line} and what belongs to it has ${end - rowStart} bytes; a row must have less than ${maxRowBytes}`,
      );
    if (!isEmpty) chunk.rows++;
    [rowStart, isEmpty, isFieldStart] = [end, true, true];
    chunk.end = end;
    if (chunk.rows < chunkRows && end - chunk.start < chunkBytes) return;
    chunks.push(chunk);
    chunk = { start: end, end, rows: 0, line: line + 1 };
  };
  try {
    for (let at = 0; at < size;) {
      const { bytesRead } = await file.read(block, 0, blockBytes, at);
      if (bytesRead === 0) break;
      for (let i = 0; i < bytesRead; i++) {
        const byte = block[i]!;
        if (byte === 10) {
          if (!isQuoted) endRow(at + i + 1);
          line++;
          continue;
        }
        if (byte === quote && (isQuoted || isFieldStart)) isQuoted = !isQuoted;
        if (byte !== 13) isEmpty = false;
        isFieldStart = byte === separator && !isQuoted ? true : byte === quote && !isQuoted;
      }
      at += bytesRead;
    }
  } finally {
    await file.close();
  }
  if (rowStart < size) endRow(size);
  if (chunk.rows > 0) chunks.push(chunk);
  const whole = chunks.filter(({ rows }) => rows > 0);
  if (whole.length === 0)
    throw new DataError(`${path}: a data file must have rows, this one is empty. Point to a file with data.`);
  return whole;
}

async function readText(path: string, { start, end, line }: Place): Promise<string> {
  const bytes = await readRange(path, start, end);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new DataError(
      `${path}: expected UTF-8, and a row from line ${line} on is not. Convert the file: iconv -f WINDOWS-1252 -t UTF-8.`,
      { cause },
    );
  }
}

async function readLines(path: string, chunk: Place): Promise<{ text: string; line: number }[]> {
  const lines = (await readText(path, chunk)).split("\n");
  return lines.flatMap((text, index) => (text.trim() === "" ? [] : [{ text, line: chunk.line + index }]));
}

function parseObject(path: string, text: string, line: number): Record<string, unknown> {
  let row: unknown;
  try {
    row = JSON.parse(text);
  } catch (cause) {
    throw new DataError(
      `${path}:${line}: not valid JSON (${(cause as Error).message}). Each line must be one whole object.`,
      { cause },
    );
  }
  if (typeof row !== "object" || row === null || Array.isArray(row))
    throw new DataError(
      `${path}:${line}: expected an object like {"text": "...", "label": "..."}, got ${JSON.stringify(row)?.slice(0, 40)}.`,
    );
  return row as Record<string, unknown>;
}
