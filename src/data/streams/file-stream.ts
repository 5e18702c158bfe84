// The rows of data files that need not fit into memory, in their order or shuffled.
import { DataError, Rng, UsageError, suggestion } from "../../base/index.ts";
import type { ChunkedFile } from "../readers/chunked-file.ts";
import { openChunks } from "../readers/open-chunks.ts";
import type { ReadTableOptions } from "../readers/read-table.ts";
import type { RowStream, StreamRow } from "./row-stream.ts";

/** Says which columns are read, and in which order the rows come. */
export interface FileStreamOptions extends ReadTableOptions {
  /** @default all that can be read */
  columns?: readonly string[];
  /** Draws the rows anew each epoch: pieces of the files in another order, and rows within a buffer. @default false */
  shuffle?: boolean;
  /** Rows that are shuffled among each other, all of which are in memory. @default 10000 */
  bufferRows?: number;
  /** @default 0 */
  seed?: number;
}

interface Piece {
  file: ChunkedFile;
  chunk: number;
  rows: number;
}

/**
 * Opens files as one stream. Of each only one piece is in memory at a time (a row group of Parquet, a record batch of
 * Arrow, a thousand lines), and the rows of the buffer; a stream goes on from any row without reading those before.
 *
 * @throws DataError for a file that cannot be read, a column that is missing, or files without rows
 *
 * @example
 * const stream = await FileStream.open(["part-0.parquet", "part-1.parquet"], { shuffle: true, seed: 1 });
 * for await (const { cells } of stream.read(0)) console.log(cells.text);
 */
export class FileStream implements RowStream {
  readonly columns: readonly string[];
  readonly length: number;
  readonly #pieces: readonly Piece[];
  readonly #options: Required<Pick<FileStreamOptions, "shuffle" | "bufferRows" | "seed">>;
  #rowsRead = 0;
  #present: { piece: Piece; rows: Promise<StreamRow[]> } | undefined;

  private constructor(files: readonly ChunkedFile[], columns: readonly string[], options: FileStreamOptions) {
    const { shuffle = false, bufferRows = 10_000, seed = 0 } = options;
    if (!Number.isInteger(bufferRows) || bufferRows < 1)
      throw new UsageError(`FileStream: bufferRows must be a whole number from 1, got ${bufferRows}.`);
    this.columns = columns;
    this.#options = { shuffle, bufferRows, seed };
    this.#pieces = files.flatMap((file) =>
      file.rowCounts.flatMap((rows, chunk) => (rows === 0 ? [] : [{ file, chunk, rows }])),
    );
    this.length = this.#pieces.reduce((sum, { rows }) => sum + rows, 0);
    if (this.length === 0)
      throw new DataError(
        `${files.map(({ path }) => path).join(", ")}: there must be rows, there are none. Add rows.`,
      );
  }

  static async open(
    paths: string | readonly string[],
    { columns, ...options }: FileStreamOptions = {},
  ): Promise<FileStream> {
    const files = await Promise.all([paths].flat().map((path) => openChunks(path, options)));
    if (files.length === 0) throw new UsageError("FileStream: there must be a file, got none.");
    const first = files[0]!;
    const wanted = columns ?? first.columns.filter((name) => !first.opaque.has(name));
    for (const { path, columns: present } of files) {
      const names = new Set(present);
      const missing = wanted.find((name) => !names.has(name));
      if (missing !== undefined)
        throw new DataError(`${path}: no column "${missing}". ${suggestion(missing, [...present])}`);
    }
    return new FileStream(files, wanted, options);
  }

  /** Rows that were read from the files so far, those of pieces that are read again included. */
  get rowsRead(): number {
    return this.#rowsRead;
  }

  async *read(epoch: number, start = 0): AsyncGenerator<StreamRow> {
    const { shuffle, bufferRows, seed } = this.#options;
    const pieces = [...this.#pieces];
    if (!shuffle) {
      yield* this.#rows(pieces, start, this.length);
      return;
    }
    new Rng(seed, 2 * epoch).shuffle(pieces);
    for (let at = start; at < this.length;) {
      // a buffer is drawn whole, so that its order does not depend on where the reading began
      const number = Math.floor(at / bufferRows);
      const [from, to] = [number * bufferRows, Math.min(this.length, (number + 1) * bufferRows)];
      const buffer: StreamRow[] = [];
      for await (const row of this.#rows(pieces, from, to)) buffer.push(row);
      new Rng(seed + 0x9e3779b9 * (number + 1), 2 * epoch + 1).shuffle(buffer);
      yield* buffer.slice(at - from);
      at = to;
    }
  }

  /** Gives the rows `from` to `to` of pieces in an order. */
  async *#rows(pieces: readonly Piece[], from: number, to: number): AsyncGenerator<StreamRow> {
    let start = 0;
    for (const piece of pieces) {
      const end = start + piece.rows;
      if (end > from && start < to) {
        const rows = await this.#load(piece);
        yield* rows.slice(Math.max(0, from - start), to - start);
      }
      if (end >= to) return;
      start = end;
    }
  }

  /** Reads a piece, unless it is the one that was read last. */
  #load(piece: Piece): Promise<StreamRow[]> {
    if (this.#present?.piece !== piece) this.#present = { piece, rows: this.#readPiece(piece) };
    return this.#present.rows;
  }

  async #readPiece({ file, chunk, rows }: Piece): Promise<StreamRow[]> {
    const { values, positions } = await file.readChunk(chunk, this.columns);
    this.#rowsRead += rows;
    return Array.from({ length: rows }, (_, row) => ({
      cells: Object.fromEntries(this.columns.map((name, column) => [name, values[column]![row]])),
      place: file.unit === "line" ? `${file.path}:${positions[row]}` : `${file.path}, row ${positions[row]}`,
    }));
  }
}
