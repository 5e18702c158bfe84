// JSON Lines and CSV in pieces: one pass finds where each thousand rows begin, and keeps nothing else.
import { open } from "node:fs/promises";
import { DataError, detectDelimiter, parseDelimited } from "../../base/index.ts";
import type { Dialect } from "../../base/index.ts";
import { damaged, readRange, sizeOfFile } from "./chunked-file.ts";
import type { ChunkedFile } from "./chunked-file.ts";
import { checkOptions, faultError, headerOf, raggedRow } from "./csv.ts";
import type { DelimitedOptions } from "./csv.ts";
import { parseLine } from "./json.ts";
import { checkBeginning, checkEncoding, nulByte } from "./text-file.ts";

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
  const names = new Set<string>();
  for (const { row } of await read(chunks[0]!)) for (const name of Object.keys(row)) names.add(name);
  const columns = headerOf(path, [...names], 1);
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
  checkOptions(path, options);
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
    if (fault !== undefined) throw faultError(path, { ...fault, line: chunk.line + fault.line - 1 });
    if (records.length !== chunk.rows)
      throw damaged(
        path,
        "text",
        `${chunk.rows} rows begin from line ${chunk.line} on, and ${records.length} end`,
      );
    return records;
  };
  const first = options.columns === undefined ? (await read(chunks[0]!))[0]! : undefined;
  const columns = headerOf(path, options.columns ?? first!.fields, first?.line ?? 1);
  const numHeaders = first === undefined ? 0 : 1;
  const places = new Map(columns.map((name, index) => [name, index]));
  return {
    path,
    columns,
    opaque: new Map(),
    rowCounts: chunks.map(({ rows }, index) => (index === 0 ? rows - numHeaders : rows)),
    unit: "line",
    async readChunk(chunk, wanted) {
      const records = (await read(chunks[chunk]!)).slice(chunk === 0 ? numHeaders : 0);
      const odd = records.find(({ fields }) => fields.length !== columns.length);
      if (odd !== undefined) throw raggedRow(path, { ...odd, columns, dialect });
      const indices = wanted.map((name) => places.get(name)!);
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

/**
 * Finds the chunks in one pass. LF, CRLF and a lone CR end a row; those within quotes end none, and a line without a
 * character is none.
 */
async function findChunks(path: string, size: number, dialect: Dialect | undefined): Promise<Place[]> {
  const head = await readRange(path, 0, Math.min(size, 16));
  checkBeginning(path, head);
  const quote = dialect?.quote?.charCodeAt(0) ?? -1;
  const separator = dialect?.delimiter.charCodeAt(0) ?? -1;
  const chunks: Place[] = [];
  const file = await open(path, "r");
  const block = Buffer.alloc(blockBytes);
  let chunk: Place = { start: 0, end: 0, rows: 0, line: 1 };
  let [line, rowStart, isQuoted, isFieldStart, isEmpty, isAfterCr] = [1, 0, false, true, true, false];
  const endLine = (end: number): void => {
    line++;
    if (isQuoted) return;
    if (end - rowStart > maxRowBytes)
      throw damaged(
        path,
        "text",
        `line ${line - 1} and what belongs to it has ${end - rowStart} bytes; a row must have less than ${maxRowBytes}`,
      );
    if (!isEmpty) chunk.rows++;
    [rowStart, isEmpty, isFieldStart] = [end, true, true];
    chunk.end = end;
    if (chunk.rows < chunkRows && end - chunk.start < chunkBytes) return;
    chunks.push(chunk);
    chunk = { start: end, end, rows: 0, line };
  };
  try {
    for (let at = markBytes(head); at < size;) {
      const { bytesRead } = await file.read(block, 0, blockBytes, at);
      if (bytesRead === 0) break;
      for (let i = 0; i < bytesRead; i++) {
        const byte = block[i]!;
        if (isAfterCr) {
          isAfterCr = false;
          endLine(at + i + (byte === lf ? 1 : 0));
          if (byte === lf) continue;
        }
        if (byte === lf) endLine(at + i + 1);
        else if (byte === cr) isAfterCr = true;
        else if (byte === 0) throw nulByte(path, { line, offset: at + i });
        else {
          if (dialect !== undefined || (byte !== space && byte !== tab)) isEmpty = false;
          if (byte === quote && (isQuoted || isFieldStart)) isQuoted = !isQuoted;
          isFieldStart = !isQuoted && (byte === separator || byte === quote);
        }
      }
      at += bytesRead;
    }
  } finally {
    await file.close();
  }
  if (isAfterCr) endLine(size);
  isQuoted = false; // a quote that is never closed is told when its chunk is read
  if (rowStart < size) endLine(size);
  if (chunk.rows > 0) chunks.push(chunk);
  const whole = chunks.filter(({ rows }) => rows > 0);
  if (whole.length === 0)
    throw new DataError(`${path}: a data file must have rows, this one is empty. Point to a file with data.`);
  return whole;
}

const [tab, lf, cr, space] = [9, 10, 13, 32];

/** Returns the length of the byte order mark that a file begins with. */
function markBytes(head: Uint8Array): number {
  return head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf ? 3 : 0;
}

async function readText(path: string, { start, end, line }: Place): Promise<string> {
  const bytes = Buffer.from((await readRange(path, start, end)).buffer);
  checkEncoding(path, bytes, { line, offset: start });
  return new TextDecoder("utf-8", { ignoreBOM: start > 0 }).decode(bytes);
}

async function readLines(path: string, chunk: Place): Promise<{ text: string; line: number }[]> {
  const lines = (await readText(path, chunk)).split(/\r\n|\n|\r/u);
  return lines.flatMap((text, index) => (/^[ \t]*$/u.test(text) ? [] : [{ text, line: chunk.line + index }]));
}

function parseObject(path: string, text: string, line: number): Record<string, unknown> {
  const row = parseLine(path, text, line);
  if (typeof row !== "object" || row === null || Array.isArray(row))
    throw new DataError(
      `${path}:${line}: expected an object like {"text": "...", "label": "..."}, got ${JSON.stringify(row)?.slice(0, 40)}.`,
    );
  return row as Record<string, unknown>;
}
