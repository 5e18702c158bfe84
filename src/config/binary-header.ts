// The columns of Parquet and Arrow files, from the schema that they begin or end with. The package for Parquet is
// loaded with the first such file: a check of other files must not wait for it.
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { createRequire } from "node:module";
import type * as Hyparquet from "hyparquet";
import { FlatTable } from "../base/index.ts";

const require = createRequire(import.meta.url);
const maxSchemaBytes = 2 ** 26;

/** Lists the endings of the files that are read here. */
export const binaryExtensions: readonly string[] = [".parquet", ".pq", ".arrow", ".feather", ".ipc"];

/** Reads column names; returns a message where they cannot be told. */
export function readBinaryHeader(
  path: string,
  extension: string,
): { columns: readonly string[] } | { problem: string } {
  const isParquet = extension === ".parquet" || extension === ".pq";
  const format = isParquet ? "Parquet" : "Arrow";
  const file = openSync(path, "r");
  try {
    const stat = fstatSync(file);
    if (!stat.isFile()) return { problem: "a data file must be a file, got a folder." };
    if (stat.size === 0) return { problem: "the file is empty. Fill it." };
    const columns = isParquet ? parquetColumns(file, stat.size) : arrowColumns(file, stat.size);
    return { columns };
  } catch (error) {
    return {
      problem: `it is not a valid ${format} file (${(error as Error).message}). Write or download it again.`,
    };
  } finally {
    closeSync(file);
  }
}

/** A Parquet file ends with its footer, the footer's length and a magic number. */
function parquetColumns(file: number, size: number): string[] {
  const length = size < 12 ? NaN : readAt(file, size - 8, 4).readUInt32LE();
  if (!(length <= Math.min(size - 12, maxSchemaBytes)))
    throw new Error("its footer is missing, or claims more bytes than there are");
  const { parquetMetadata, parquetSchema } = require("hyparquet") as typeof Hyparquet;
  const footer = readAt(file, size - 8 - length, length + 8);
  const metadata = parquetMetadata(new Uint8Array(footer).buffer);
  if (metadata.num_rows === 0n) throw new Error("it has no rows");
  return parquetSchema(metadata).children.map(({ element }) => element.name);
}

/** An Arrow file begins with its schema, a message like the others: -1, the length of its header, the header. */
function arrowColumns(file: number, size: number): string[] {
  const start = readAt(file, 0, Math.min(8, size)).toString("latin1").startsWith("ARROW1") ? 8 : 0;
  const prefix = readAt(file, start, 8);
  const length = prefix.readInt32LE(4);
  if (prefix.readInt32LE() !== -1 || !(length > 0 && length <= Math.min(size - start - 8, maxSchemaBytes)))
    throw new Error("it does not begin with a schema");
  const schema = FlatTable.root(readAt(file, start + 8, length)).table(2);
  return (schema?.tables(1) ?? []).map((field) => field.text(0));
}

function readAt(file: number, at: number, length: number): Buffer {
  const buffer = Buffer.alloc(length);
  if (readSync(file, buffer, 0, length, at) < length) throw new Error("it is cut short");
  return buffer;
}
