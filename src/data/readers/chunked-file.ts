// Data files in pieces that are read on their own, so that a file need not fit into memory.
import { open, stat } from "node:fs/promises";
import { DataError } from "../../base/index.ts";

/** Holds some rows of a file by column. */
export interface Chunk {
  /** `values[c][r]` is the cell of row `r` in the `c`-th of the columns that were asked for; null is an empty cell. */
  values: readonly (readonly unknown[])[];
  /** Where each row stands: 1-based line of the file, or 1-based row where a file has no lines. */
  positions: ArrayLike<number>;
}

/** Is a data file in pieces: row groups of Parquet, record batches of Arrow, some thousand lines of a text file. */
export interface ChunkedFile {
  readonly path: string;
  readonly columns: readonly string[];
  /** What a column holds, where that is neither text, number, truth value, time nor a list of them. */
  readonly opaque: ReadonlyMap<string, string>;
  /** Rows of each chunk. */
  readonly rowCounts: readonly number[];
  readonly unit: "line" | "row";
  /** Reads columns of a chunk; a column that the file lacks, and a damaged file, throw a `DataError`. */
  readChunk(chunk: number, columns: readonly string[]): Promise<Chunk>;
}

/** Most bytes of a chunk once it is decompressed, and most cells. What claims more is damaged, or hostile. */
export const maxChunkBytes = 2 ** 30;
export const maxChunkCells = 2 ** 25;

/** Reads bytes of a file; one that is gone or shorter than it was throws a `DataError`. */
export async function readRange(path: string, start: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
  const file = await open(path, "r").catch((cause: unknown) => {
    throw new DataError(`${path}: cannot be opened (${(cause as Error).message}).`, { cause });
  });
  try {
    const bytes = new Uint8Array(end - start);
    let done = 0;
    while (done < bytes.length) {
      const { bytesRead } = await file.read(bytes, done, bytes.length - done, start + done);
      if (bytesRead === 0) {
        throw new DataError(
          `${path}: the file ends at byte ${start + done}, and bytes up to ${end} were expected. It is cut short: copy or write it again.`,
        );
      }
      done += bytesRead;
    }
    return bytes;
  } finally {
    await file.close();
  }
}

/** Returns the size of a data file in bytes; what is no file throws a `DataError`. */
export async function sizeOfFile(path: string): Promise<number> {
  const found = await stat(path).catch(() => undefined); // opening a pipe would wait for who writes into it
  if (found !== undefined && !found.isFile()) {
    const remedy = found.isDirectory()
      ? "a folder. Name the file in it"
      : "a pipe or device. Write it to a file";
    throw new DataError(`${path}: expected a file, got ${remedy}.`);
  }
  const file = await open(path, "r").catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") throw new DataError(`${path}: no such file. Check the path.`, { cause });
    if (cause.code === "EACCES" || cause.code === "EPERM")
      throw new DataError(`${path}: no permission to read it. Run chmod u+r on it.`, { cause });
    throw new DataError(`${path}: cannot be read (${cause.message}).`, { cause });
  });
  try {
    const { size } = await file.stat();
    if (size === 0)
      throw new DataError(
        `${path}: a data file must have rows, this one is empty. Point to a file with data.`,
      );
    return size;
  } finally {
    await file.close();
  }
}

/** Refuses a file whose content breaks its format's rules. */
export function damaged(path: string, format: string, what: string, cause?: unknown): DataError {
  return new DataError(`${path}: not a valid ${format} file: ${what}. Write or download it again.`, {
    cause,
  });
}

/** Refuses a chunk that would take more memory than a chunk may. */
export function tooLargeChunk(path: string, chunk: string, what: string, remedy: string): DataError {
  return new DataError(
    `${path}: ${chunk} must stay within ${maxChunkBytes / 2 ** 20} MiB and ${maxChunkCells} cells, it has ${what}. ${remedy}`,
  );
}
