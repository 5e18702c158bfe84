// The bytes of a data file as text, or an error that says which byte is wrong.
import { isUtf8 } from "node:buffer";
import { readFileSync } from "node:fs";
import { DataError, compressionOf } from "../../base/index.ts";

/** Largest file that is read whole: V8's strings end at 2^29 - 24 characters. */
const maxBytes = 2 ** 29 - 24;

/** Reads a UTF-8 file without its byte order mark; anything else throws a `DataError`. */
export function readTextFile(path: string): string {
  const bytes = readBytes(path);
  checkBeginning(path, bytes);
  checkEncoding(path, bytes);
  const text = bytes.toString("utf8", startsWith(bytes, [0xef, 0xbb, 0xbf]) ? 3 : 0);
  if (text.trim() === "") {
    throw new DataError(`${path}: a data file must have rows, this one is empty. Point to a file with data.`);
  }
  return text;
}

function readBytes(path: string): Buffer {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT") throw new DataError(`${path}: no such file. Check the path.`, { cause });
    if (code === "EISDIR") {
      throw new DataError(`${path}: expected a file, got a folder. Name the file in it.`, { cause });
    }
    if (code === "EACCES" || code === "EPERM") {
      throw new DataError(`${path}: no permission to read it. Run chmod u+r on it.`, { cause });
    }
    if (code === "ERR_FS_FILE_TOO_LARGE") throw tooLarge(path, cause);
    throw new DataError(`${path}: cannot be read (${(cause as Error).message}).`, { cause });
  }
  if (bytes.length > maxBytes) throw tooLarge(path);
  return bytes;
}

function tooLarge(path: string, cause?: unknown): DataError {
  return new DataError(`${path}: a data file must be under 512 MiB. Split it, or train on a sample.`, {
    cause,
  });
}

/** Refuses what the first bytes of a file tell to be no UTF-8 text. */
export function checkBeginning(path: string, bytes: Uint8Array): void {
  const compression = compressionOf(bytes);
  if (compression !== undefined)
    throw new DataError(
      `${path}: expected text, the file is compressed with ${compression}. Unpack it, and name what comes out of it.`,
    );
  if (startsWith(bytes, [0xff, 0xfe]) || startsWith(bytes, [0xfe, 0xff])) {
    throw new DataError(`${path}: expected UTF-8, got UTF-16. Save the file as UTF-8.`);
  }
}

/** Refuses bytes that are no UTF-8 text; `line` and `offset` are those of their first in the file. */
export function checkEncoding(path: string, bytes: Buffer, { line = 1, offset: first = 0 } = {}): void {
  const nul = bytes.indexOf(0);
  if (nul !== -1) throw nulByte(path, { line: line - 1 + lineAt(bytes, nul), offset: first + nul });
  if (!isUtf8(bytes)) {
    const offset = firstInvalid(bytes);
    const byte = bytes[offset]!.toString(16).padStart(2, "0");
    throw new DataError(
      `${path}:${line - 1 + lineAt(bytes, offset)}: expected UTF-8, got byte 0x${byte} at offset ${first + offset}. ` +
        `Convert the file: iconv -f WINDOWS-1252 -t UTF-8 (or from whatever it is in).`,
    );
  }
}

/** Says where a NUL stands. */
export function nulByte(path: string, { line, offset }: { line: number; offset: number }): DataError {
  return new DataError(
    `${path}:${line}: NUL byte at offset ${offset}; text must not contain it. Save the file as UTF-8 text.`,
  );
}

function startsWith(bytes: Uint8Array, prefix: readonly number[]): boolean {
  return prefix.every((byte, i) => bytes[i] === byte);
}

/** Finds the first byte that no UTF-8 text continues with, by halving over `isUtf8` of whole characters. */
function firstInvalid(bytes: Buffer): number {
  let valid = 0;
  let end = bytes.length;
  while (end - valid > 4) {
    const middle = characterStart(bytes, (valid + end) >> 1, valid);
    if (middle === valid) break; // only continuation bytes: the fault is near
    if (isUtf8(bytes.subarray(valid, middle))) valid = middle;
    else end = middle;
  }
  while (valid < bytes.length) {
    const length = [1, 2, 3, 4].find((size) => isUtf8(bytes.subarray(valid, valid + size)));
    if (length === undefined || valid + length > bytes.length) break;
    valid += length;
  }
  return valid;
}

/** Moves back from `offset` to where a character begins, but not before `minimum`. */
function characterStart(bytes: Buffer, offset: number, minimum: number): number {
  let start = offset;
  while (start > minimum && (bytes[start]! & 0xc0) === 0x80) start--;
  return start;
}

/** Returns the 1-based line on which a byte stands; LF, CRLF and a lone CR end a line. */
function lineAt(bytes: Buffer, offset: number): number {
  let line = 1;
  for (let i = 0; i < offset; i++) {
    if (bytes[i] === 0x0a || (bytes[i] === 0x0d && bytes[i + 1] !== 0x0a)) line++;
  }
  return line;
}
