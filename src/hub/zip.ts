// Takes files out of a zip archive (a Python wheel). Not for archives of 4 GB and more.
import { createWriteStream, mkdirSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { dirname } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { crc32, createInflateRaw } from "node:zlib";
import { FileError } from "../base/index.ts";

/** Describes one file in an archive. */
export interface ZipEntry {
  name: string;
  /** Bytes when unpacked. */
  size: number;
  compressedSize: number;
  method: number;
  crc: number;
  headerOffset: number;
}

/** Reads a zip archive's directory, and its files one by one. */
export class ZipReader {
  readonly entries: readonly ZipEntry[];
  readonly #path: string;
  readonly #file: FileHandle;

  private constructor(path: string, file: FileHandle, entries: ZipEntry[]) {
    this.#path = path;
    this.#file = file;
    this.entries = entries;
  }

  /** Opens an archive. @throws FileError where it is none, or cut off. */
  static async open(path: string): Promise<ZipReader> {
    const file = await open(path);
    try {
      return new ZipReader(path, file, await readDirectory(path, file));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  /**
   * Unpacks an entry to the file `target`, where the caller wants it: the archive's own name is not used.
   *
   * @throws FileError where its size or CRC-32 is another than the directory says.
   */
  async extract(entry: ZipEntry, target: string, onBytes: (done: number) => void = () => {}): Promise<void> {
    const { name, size, method, compressedSize, headerOffset } = entry;
    const header = await read(this.#path, this.#file, headerOffset, 30);
    if (header.readUInt32LE(0) !== 0x04034b50) throw damaged(this.#path, `no header for ${name}`);
    if (method !== 0 && method !== 8) throw damaged(this.#path, `compression ${method} for ${name}`);
    const start = headerOffset + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
    const source =
      compressedSize === 0
        ? Readable.from([])
        : this.#file.createReadStream({
            start,
            end: start + compressedSize - 1,
            autoClose: false,
            highWaterMark: 1 << 20,
          });
    let done = 0;
    let crc = 0;
    const check = new Transform({
      transform(chunk: Buffer, _encoding, callback) {
        done += chunk.length;
        crc = crc32(chunk, crc);
        onBytes(done);
        callback(done > size ? new Error("more bytes than announced") : null, chunk);
      },
    });
    mkdirSync(dirname(target), { recursive: true });
    try {
      const unpack = method === 8 ? [createInflateRaw({ chunkSize: 1 << 20 })] : [];
      await pipeline([source, ...unpack, check, createWriteStream(target, { flush: true })]);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).syscall !== undefined) throw error; // of the disk
      throw damaged(this.#path, `"${(error as Error).message}" in ${name}`, error);
    }
    if (done !== size || crc !== entry.crc) {
      throw damaged(this.#path, `${done} bytes of CRC-32 ${crc.toString(16)} for ${name}`);
    }
  }
}

async function readDirectory(path: string, file: FileHandle): Promise<ZipEntry[]> {
  const { size } = await file.stat();
  const tailLength = Math.min(size, 65_557); // the longest comment and the 22 bytes of the end record
  const tail = await read(path, file, size - tailLength, tailLength);
  const end = tail.lastIndexOf(Buffer.from("504b0506", "hex"));
  if (end < 0 || end + 22 > tail.length) throw damaged(path, "no directory at its end");
  const count = tail.readUInt16LE(end + 10);
  const length = tail.readUInt32LE(end + 12);
  const start = tail.readUInt32LE(end + 16);
  if (count === 0xffff || start === 0xffffffff) throw damaged(path, "the zip64 format");
  const directory = await read(path, file, start, length);

  const entries: ZipEntry[] = [];
  for (let at = 0; entries.length < count;) {
    if (at + 46 > length || directory.readUInt32LE(at) !== 0x02014b50)
      throw damaged(path, "half a directory");
    const nameEnd = at + 46 + directory.readUInt16LE(at + 28);
    entries.push({
      name: directory.toString("utf8", at + 46, nameEnd),
      method: directory.readUInt16LE(at + 10),
      crc: directory.readUInt32LE(at + 16),
      compressedSize: directory.readUInt32LE(at + 20),
      size: directory.readUInt32LE(at + 24),
      headerOffset: directory.readUInt32LE(at + 42),
    });
    at = nameEnd + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
  return entries;
}

async function read(path: string, file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { size } = await file.stat();
  if (position + length > size) throw damaged(path, `${size} bytes, which end too early`);
  const buffer = Buffer.alloc(length);
  await file.read(buffer, 0, length, position);
  return buffer;
}

function damaged(path: string, got: string, cause?: unknown): FileError {
  return new FileError(`${path}: must be a whole zip archive, got ${got}. Download it again.`, { cause });
}
