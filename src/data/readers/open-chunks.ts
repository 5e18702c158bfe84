// Picks how a data file is read in pieces, by its name.
import { extname } from "node:path";
import { DataError, suggestion } from "../../base/index.ts";
import type { ChunkedFile } from "./chunked-file.ts";
import type { ReadTableOptions } from "./read-table.ts";
import { openDelimited, openJsonLines } from "./text-chunks.ts";
import { openUnchanged } from "./unchanged.ts";

const openers: Record<string, (path: string, options: ReadTableOptions) => Promise<ChunkedFile>> = {
  csv: openDelimited,
  tsv: openDelimited,
  tab: openDelimited,
  jsonl: openJsonLines,
  ndjson: openJsonLines,
  parquet: async (path) => (await import("./parquet.ts")).openParquet(path),
  pq: async (path) => (await import("./parquet.ts")).openParquet(path),
  arrow: async (path) => (await import("./arrow.ts")).openArrow(path),
  feather: async (path) => (await import("./arrow.ts")).openArrow(path),
  ipc: async (path) => (await import("./arrow.ts")).openArrow(path),
};

/** Opens a data file that need not fit into memory; a JSON array, which has no pieces, is refused. */
export async function openChunks(path: string, options: ReadTableOptions = {}): Promise<ChunkedFile> {
  const name = (options.format ?? extname(path).slice(1)).toLowerCase();
  const opener = openers[name];
  if (opener === undefined)
    throw new DataError(
      `${path}: a file of format "${name}" cannot be read in pieces. ${suggestion(name, Object.keys(openers))} Write it as one of these, or read it whole.`,
    );
  return openUnchanged(path, () => opener(path, options));
}
