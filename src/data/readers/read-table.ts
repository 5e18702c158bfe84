// Picks the reader for a data file by its name.
import { extname } from "node:path";
import { DataError, Registry, suggestion } from "../../base/index.ts";
import type { Table } from "../table.ts";
import { readDelimited, type DelimitedOptions } from "./csv.ts";
import { readJsonArray, readJsonLines } from "./json.ts";

/** Reads one file as a table; a format that has no use for an option refuses it. */
export type TableReader = (path: string, options: DelimitedOptions) => Table;

/** Holds the readers by format; a format's name is the extension of its files. */
export const tableReaders = new Registry<TableReader>("data format");
for (const name of ["csv", "tsv", "tab"]) tableReaders.register(name, readDelimited);
for (const name of ["jsonl", "ndjson"]) tableReaders.register(name, withoutDialect(readJsonLines));
tableReaders.register("json", withoutDialect(readJsonArray));

/** Says what a file's name does not. */
export interface ReadTableOptions extends DelimitedOptions {
  /** Name of a reader. @default the file's extension */
  format?: string;
}

/**
 * Reads a CSV, TSV, JSONL or JSON file. Every fault throws a `DataError` with the file and line.
 *
 * @example
 * const table = readTable("Datasets/train.csv");
 * const texts = table.column("text");
 */
export function readTable(path: string, { format, ...options }: ReadTableOptions = {}): Table {
  const name = format ?? extname(path).slice(1);
  if (!tableReaders.has(name)) {
    throw new DataError(
      `${path}: unknown data format "${name}". ${suggestion(name, tableReaders.names())} ` +
        `Rename the file, or set format.`,
    );
  }
  return tableReaders.get(name)(path, options);
}

function withoutDialect(read: (path: string) => Table): TableReader {
  return (path, options) => {
    const given = Object.entries(options).find(([, value]) => value !== undefined)?.[0];
    if (given !== undefined) {
      throw new DataError(`${path}: ${given} applies to CSV and TSV files, not to JSON. Remove it.`);
    }
    return read(path);
  };
}
