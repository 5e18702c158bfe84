// Picks the reader for a data file by its name.
import { extname } from "node:path";
import { DataError, Registry, suggestion } from "../../base/index.ts";
import type { Table } from "../table.ts";
import { readDelimited, type DelimitedOptions } from "./csv.ts";
import { readJsonArray, readJsonLines } from "./json.ts";
import { readChunkedTable } from "./read-chunks.ts";

/** Reads one file as a table; a format that has no use for an option refuses it. */
export type TableReader = (path: string, options: DelimitedOptions) => Table | Promise<Table>;

/** Holds the readers by format; a format's name is the extension of its files. */
export const tableReaders = new Registry<TableReader>("data format");
for (const name of ["csv", "tsv", "tab"]) tableReaders.register(name, readDelimited);
for (const name of ["jsonl", "ndjson"]) tableReaders.register(name, withoutDialect(readJsonLines));
tableReaders.register("json", withoutDialect(readJsonArray));
// their packages are loaded with the first file that needs them
const readParquet = async (path: string) =>
  readChunkedTable(await (await import("./parquet.ts")).openParquet(path));
const readArrow = async (path: string) =>
  readChunkedTable(await (await import("./arrow.ts")).openArrow(path));
for (const name of ["parquet", "pq"]) tableReaders.register(name, withoutDialect(readParquet));
for (const name of ["arrow", "feather", "ipc"]) tableReaders.register(name, withoutDialect(readArrow));

/** Says what a file's name does not. */
export interface ReadTableOptions extends DelimitedOptions {
  /** Name of a reader. @default the file's extension */
  format?: string;
}

/**
 * Reads a CSV, TSV, JSONL, JSON, Parquet or Arrow file whole. Every fault throws a `DataError` with the file and line.
 *
 * @example
 * const table = await readTable("Datasets/train.csv");
 * const texts = table.column("text");
 */
export async function readTable(path: string, { format, ...options }: ReadTableOptions = {}): Promise<Table> {
  const name = format ?? extname(path).slice(1).toLowerCase();
  if (!tableReaders.has(name)) {
    throw new DataError(
      `${path}: unknown data format "${name}". ${suggestion(name, tableReaders.names())} ` +
        `Rename the file, or set format.`,
    );
  }
  return tableReaders.get(name)(path, options);
}

function withoutDialect(read: (path: string) => Table | Promise<Table>): TableReader {
  return (path, options) => {
    const given = Object.entries(options).find(([, value]) => value !== undefined)?.[0];
    if (given !== undefined) {
      throw new DataError(
        `${path}: ${given} applies to CSV and TSV files, not to ${extname(path).slice(1) || "this format"}. Remove it.`,
      );
    }
    return read(path);
  };
}
