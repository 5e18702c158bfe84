// Writing a large file whole or not at all, with an error that says what to do.
import { FileError, writeFileAtomic } from "../../base/index.ts";

/** Writes chunks to a file that replaces the old one only when it is complete; `bytes` is what they take. */
export function writeChunks(
  writer: string,
  path: string,
  chunks: Iterable<Uint8Array>,
  bytes?: number,
): void {
  try {
    writeFileAtomic(path, chunks);
  } catch (error) {
    const { code, syscall, message } = error as NodeJS.ErrnoException;
    if (code === undefined || syscall === undefined) throw error;
    const size = bytes === undefined ? "" : ` (${bytes} bytes)`;
    throw new FileError(
      `${writer}: cannot write ${path}${size}: ${message}. ` +
        `What was there before is untouched. Free space, or choose another place.`,
      { cause: error },
    );
  }
}
