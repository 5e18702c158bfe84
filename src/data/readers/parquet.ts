// Parquet files, row group by row group. hyparquet decodes; what a file claims of itself is held against its bytes first.
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { parquetMetadata, parquetRead, parquetSchema } from "hyparquet";
import type { ColumnMetaData, Compressors, FileMetaData, ParquetParsers, SchemaTree } from "hyparquet";
import { DataError } from "../../base/index.ts";
import {
  damaged,
  maxChunkBytes,
  maxChunkCells,
  readRange,
  sizeOfFile,
  tooLargeChunk,
} from "./chunked-file.ts";
import type { ChunkedFile } from "./chunked-file.ts";
import { decompressLz4Block } from "./lz4.ts";
import { readPageClaims } from "./parquet-pages.ts";
import { isoDate, isoTime, plainValue } from "./values.ts";

const maxFooterBytes = 2 ** 26;
const remedy = "Write it with smaller row groups (row_group_size=100_000 in pyarrow).";

/** Opens a Parquet file: reads its footer, and nothing else yet. Throws `DataError`. */
export async function openParquet(path: string): Promise<ChunkedFile> {
  const size = await sizeOfFile(path);
  const metadata = await readFooter(path, size);
  const children = schemaOf(path, metadata);
  checkRowGroups(path, size, metadata, children);
  const columns = children.map(({ element }) => element.name);
  const twice = columns.find((column, index) => columns.indexOf(column) !== index);
  if (twice !== undefined)
    throw new DataError(
      `${path}: column names must differ, ${JSON.stringify(twice)} stands twice. Rename one.`,
    );
  const opaque = new Map(
    children.flatMap((child) => {
      const what = opaqueContent(child);
      return what === undefined ? [] : [[child.element.name, what] as const];
    }),
  );
  const rowCounts = metadata.row_groups.map(({ num_rows }) => Number(num_rows));
  const starts = startsOf(rowCounts);
  return {
    path,
    columns,
    opaque,
    rowCounts,
    unit: "row",
    async readChunk(chunk, wanted) {
      const group = metadata.row_groups[chunk]!;
      checkSize(path, { chunk, rows: rowCounts[chunk]!, group, wanted });
      const ranges = await readColumns(path, group, wanted);
      const values = await decode(path, {
        metadata,
        ranges,
        size,
        wanted,
        start: starts[chunk]!,
        rows: rowCounts[chunk]!,
      });
      for (const [index, name] of wanted.entries())
        finish(
          values[index]!,
          children.find(({ element }) => element.name === name)!,
        );
      return {
        values,
        positions: Float64Array.from({ length: rowCounts[chunk]! }, (_, row) => starts[chunk]! + row + 1),
      };
    },
  };
}

function startsOf(rowCounts: readonly number[]): number[] {
  let start = 0;
  return rowCounts.map((rows) => (start += rows) - rows);
}

async function readFooter(path: string, size: number): Promise<FileMetaData> {
  if (size < 12) throw damaged(path, "Parquet", `it has ${size} bytes, and the smallest has 12`);
  const tail = await readRange(path, size - 8, size);
  const magic = Buffer.from(tail.buffer, 4).toString("latin1");
  if (magic === "PARE")
    throw new DataError(`${path}: encrypted Parquet files cannot be read. Decrypt it, with pyarrow say.`);
  if (magic !== "PAR1") throw damaged(path, "Parquet", `it must end with PAR1, got ${JSON.stringify(magic)}`);
  const length = new DataView(tail.buffer).getUint32(0, true);
  if (length > size - 12 || length > maxFooterBytes)
    throw damaged(path, "Parquet", `its footer claims ${length} bytes of a file of ${size}`);
  const footer = await readRange(path, size - 8 - length, size);
  try {
    return parquetMetadata(footer.buffer);
  } catch (cause) {
    throw damaged(path, "Parquet", `its footer cannot be read (${(cause as Error).message})`, cause);
  }
}

function schemaOf(path: string, metadata: FileMetaData): SchemaTree[] {
  try {
    return parquetSchema(metadata).children;
  } catch (cause) {
    throw damaged(path, "Parquet", `its schema cannot be read (${(cause as Error).message})`, cause);
  }
}

/** Lists the paths of the leaves, which are the columns of each row group. */
function leavesOf(children: readonly SchemaTree[]): string[] {
  return children.flatMap((child) =>
    child.children.length > 0 ? leavesOf(child.children) : [child.path.join(".")],
  );
}

function checkRowGroups(
  path: string,
  size: number,
  metadata: FileMetaData,
  children: readonly SchemaTree[],
): void {
  const groups = metadata.row_groups;
  const leaves = leavesOf(children).join("\n");
  const total = groups.reduce((sum, { num_rows }) => sum + num_rows, 0n);
  if (groups.some(({ num_rows }) => num_rows < 0n) || total !== metadata.num_rows)
    throw damaged(path, "Parquet", `it claims ${metadata.num_rows} rows, its row groups ${total}`);
  for (const [number, { columns }] of groups.entries()) {
    if (columns.map(({ meta_data }) => meta_data?.path_in_schema?.join(".")).join("\n") !== leaves)
      throw damaged(path, "Parquet", `the columns of row group ${number} are not those of its schema`);
    for (const { meta_data, file_path } of columns) {
      if (file_path !== undefined || meta_data === undefined)
        throw new DataError(
          `${path}: its row group ${number} lies in another file, which is not read. Write all of it into one file.`,
        );
      const [start, end] = rangeOf(meta_data);
      if (!(start >= 4 && end >= start && end <= size))
        throw damaged(
          path,
          "Parquet",
          `column ${JSON.stringify(meta_data.path_in_schema.join("."))} of row group ${number} claims bytes ${start} to ${end} of ${size}`,
        );
    }
  }
}

function rangeOf(part: ColumnMetaData): [number, number] {
  const [dictionary, data] = [Number(part.dictionary_page_offset ?? 0), Number(part.data_page_offset)];
  const first = dictionary > 0 && dictionary < data ? dictionary : data;
  return [first, first + Number(part.total_compressed_size)];
}

type Group = FileMetaData["row_groups"][number];

function checkSize(
  path: string,
  { chunk, rows, group, wanted }: { chunk: number; rows: number; group: Group; wanted: readonly string[] },
): void {
  const parts = wantedParts(group, wanted);
  const bytes = parts.reduce((sum, { total_uncompressed_size }) => sum + Number(total_uncompressed_size), 0);
  const cells = Math.max(rows * wanted.length, ...parts.map(({ num_values }) => Number(num_values)));
  if (bytes > maxChunkBytes || cells > maxChunkCells)
    throw tooLargeChunk(
      path,
      `row group ${chunk}`,
      `${bytes} bytes and ${cells} cells in the columns that are read`,
      remedy,
    );
}

function wantedParts({ columns }: Group, wanted: readonly string[]): ColumnMetaData[] {
  return columns.flatMap(({ meta_data }) =>
    meta_data !== undefined && wanted.includes(meta_data.path_in_schema[0]!) ? [meta_data] : [],
  );
}

interface Range {
  start: number;
  bytes: Uint8Array<ArrayBuffer>;
}

/** Reads the bytes of columns, and refuses pages that claim more than the footer says. */
async function readColumns(path: string, group: Group, wanted: readonly string[]): Promise<Range[]> {
  const ranges: Range[] = [];
  for (const part of wantedParts(group, wanted)) {
    const [start, end] = rangeOf(part);
    const bytes = await readRange(path, start, end);
    const name = JSON.stringify(part.path_in_schema.join("."));
    let claims;
    try {
      claims = readPageClaims(bytes);
    } catch (cause) {
      throw damaged(path, "Parquet", `column ${name}: ${(cause as Error).message}`, cause);
    }
    const values = Number(part.num_values);
    if (claims.values !== values)
      throw damaged(path, "Parquet", `column ${name} claims ${values} values, its pages ${claims.values}`);
    if (claims.bytes > maxChunkBytes || claims.dictionaryEntries > claims.bytes)
      throw damaged(
        path,
        "Parquet",
        `the pages of column ${name} claim ${claims.bytes} bytes and ${claims.dictionaryEntries} dictionary entries`,
      );
    ranges.push({ start, bytes });
  }
  return ranges;
}

interface Decoding {
  metadata: FileMetaData;
  ranges: readonly Range[];
  size: number;
  wanted: readonly string[];
  start: number;
  rows: number;
}

async function decode(
  path: string,
  { metadata, ranges, size, wanted, start, rows }: Decoding,
): Promise<unknown[][]> {
  const values = wanted.map(() => Array.from<unknown>({ length: rows }));
  const codecs = new Set(
    metadata.row_groups.flatMap((group) => wantedParts(group, wanted).map(({ codec }) => codec)),
  );
  const compressors = await compressorsFor(path, codecs);
  try {
    await parquetRead({
      file: {
        byteLength: size,
        slice(from, to = size) {
          const range = ranges.find(({ start: first, bytes }) => first <= from && to <= first + bytes.length);
          if (range === undefined) return readRange(path, from, to).then(({ buffer }) => buffer);
          return range.bytes.buffer.slice(from - range.start, to - range.start);
        },
      },
      metadata,
      columns: [...wanted],
      rowStart: start,
      rowEnd: start + rows,
      utf8: false,
      geoparquet: false,
      compressors,
      parsers,
      onChunk({ columnName, columnData, rowStart }) {
        const target = values[wanted.indexOf(columnName)];
        if (target === undefined) return;
        for (let i = 0; i < columnData.length; i++) {
          const row = rowStart - start + i;
          if (row >= 0 && row < rows) target[row] = columnData[i];
        }
      },
    });
  } catch (cause) {
    throw damaged(
      path,
      "Parquet",
      `rows ${start + 1} to ${start + rows} cannot be decoded (${(cause as Error).message})`,
      cause,
    );
  }
  return values;
}

/** hyparquet has Snappy itself, Node.js gzip and Brotli; a second package is loaded with the first file that needs it. */
async function compressorsFor(path: string, codecs: ReadonlySet<string>): Promise<Compressors> {
  const known: Compressors = {
    GZIP: (input, length) => gunzipSync(input, { maxOutputLength: Math.max(1, length) }),
    BROTLI: (input, length) => brotliDecompressSync(input, { maxOutputLength: Math.max(1, length) }),
    LZ4_RAW: decompressLz4Block,
  };
  if (codecs.has("ZSTD") || codecs.has("LZ4")) {
    const { compressors } = await import("hyparquet-compressors");
    for (const codec of ["ZSTD", "LZ4"] as const) known[codec] = compressors[codec]!;
  }
  const unknown = [...codecs].find(
    (codec) => !["UNCOMPRESSED", "SNAPPY", ...Object.keys(known)].includes(codec),
  );
  if (unknown !== undefined)
    throw new DataError(
      `${path}: the compression ${unknown} cannot be read. Write the file with snappy or zstd.`,
    );
  return known;
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** What the types of Parquet become; a text that is not UTF-8 is no text. */
const parsers: Partial<ParquetParsers> = {
  timestampFromMilliseconds: (count: bigint) => isoTime(count, 1e3),
  timestampFromMicroseconds: (count: bigint) => isoTime(count, 1e6),
  timestampFromNanoseconds: (count: bigint) => isoTime(count, 1e9),
  dateFromDays: isoDate,
  stringFromBytes: (bytes: Uint8Array | undefined) => bytes && utf8.decode(bytes),
  uuidFromBytes: (bytes: Uint8Array | undefined) =>
    bytes &&
    Buffer.from(bytes)
      .toString("hex")
      .replace(/^(.{8})(.{4})(.{4})(.{4})/u, "$1-$2-$3-$4-"),
};

/** Returns what a column holds where that cannot be told as text, a number, a time, or lists of them. */
function opaqueContent({ element, children }: SchemaTree): string | undefined {
  if (children.length > 0) return children.map(opaqueContent).find((what) => what !== undefined);
  const { type, converted_type, logical_type, precision = 0 } = element;
  const meaning = converted_type ?? logical_type?.type;
  if (meaning === "DECIMAL") return precision > 15 ? `decimals of ${precision} digits` : undefined;
  if (["BSON", "INTERVAL", "TIME", "TIME_MILLIS", "TIME_MICROS", "VARIANT"].includes(meaning ?? ""))
    return `values of type ${meaning}`;
  const isBytes = type === "BYTE_ARRAY" || type === "FIXED_LEN_BYTE_ARRAY";
  const isRead = ["UTF8", "STRING", "ENUM", "JSON", "UUID", "FLOAT16"].includes(meaning ?? "");
  return isBytes && !isRead ? "bytes" : undefined;
}

/** Makes of a column what the other formats give: numbers where they are exact, null for what is missing. */
function finish(cells: unknown[], { element, children }: SchemaTree): void {
  const { logical_type, scale } = element;
  const isUtc = logical_type?.type === "TIMESTAMP" && logical_type.isAdjustedToUTC;
  const isDecimal =
    children.length === 0 && (element.converted_type === "DECIMAL" || logical_type?.type === "DECIMAL");
  for (let row = 0; row < cells.length; row++) {
    const value = cells[row];
    if (isUtc && typeof value === "string") cells[row] = `${value}Z`;
    else if (isDecimal && typeof value === "number") cells[row] = Number(value.toFixed(scale ?? 0));
    else if (typeof value !== "string") cells[row] = plainValue(value);
  }
}
