// A file in pieces as one table: for data that fits into memory.
import { DataError } from "../../base/index.ts";
import { Table } from "../table.ts";
import { cellOf } from "./cell.ts";
import { maxChunkCells } from "./chunked-file.ts";
import type { ChunkedFile } from "./chunked-file.ts";

/** Reads all chunks of a file; null is an empty cell, as in JSON. */
export async function readChunkedTable(file: ChunkedFile): Promise<Table> {
  const { path, columns, rowCounts, opaque, unit } = file;
  const numRows = rowCounts.reduce((sum, rows) => sum + rows, 0);
  if (numRows === 0)
    throw new DataError(`${path}: a data file must have rows, this one has none. Add rows to it.`);
  const readable = columns.filter((name) => !opaque.has(name));
  if (numRows * readable.length > maxChunkCells) {
    throw new DataError(
      `${path}: a table must have at most ${maxChunkCells} cells, this one has ${numRows} rows and ${readable.length} columns. Split it, or stream it.`,
    );
  }
  const cells = new Map<string, string[]>(columns.map((name) => [name, []]));
  const positions: number[] = [];
  for (const chunk of rowCounts.keys()) {
    const { values, positions: places } = await file.readChunk(chunk, readable);
    for (const [index, name] of readable.entries()) {
      const target = cells.get(name)!;
      for (const value of values[index]!) target.push(cellOf(value));
    }
    for (let row = 0; row < places.length; row++) positions.push(places[row]!);
  }
  return new Table({ source: path, columns, values: [...cells.values()], positions, unit, opaque });
}
