// Reads the directory of a zip archive and refuses what no writer of ours or of PyTorch's and numpy's makes.
// Format: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
import { crc32, inflateRawSync } from "node:zlib";
import { FileError } from "../../base/index.ts";
import type { OpenFile } from "./open-file.ts";

/** Where one file of an archive lies. */
export interface ZipEntry {
  name: string;
  /** Bytes after unpacking. */
  size: number;
  /** Bytes in the archive. */
  packedSize: number;
  /** Offset of the first byte in the archive. */
  start: number;
  deflated: boolean;
  crc: number;
}

const endSignature = 0x06054b50;
const end64Signature = 0x06064b50;
const locator64Signature = 0x07064b50;
const directorySignature = 0x02014b50;
const localSignature = 0x04034b50;
const endBytes = 22;
const locatorBytes = 20;
const directoryEntryBytes = 46;
const localHeaderBytes = 30;
const maxEntries = 1_000_000;
const maxDirectoryBytes = 1 << 28;
const encryptedFlag = 1;
// deflate cannot shrink more than this
const maxRatio = 1032;

/** Reads and checks the directory of an archive: names, and that every entry lies in the file, apart from the others. */
export function readZip(file: OpenFile): Map<string, ZipEntry> {
  const directory = findDirectory(file);
  const bytes = file.read(directory.start, directory.size);
  const entries = new Map<string, ZipEntry>();
  const spans: { name: string; from: number; to: number }[] = [];
  let at = 0;
  for (let i = 0; i < directory.entries; i++) {
    if (at + directoryEntryBytes > bytes.length || bytes.readUInt32LE(at) !== directorySignature) {
      throw damagedZip(file, `the archive must list ${directory.entries} entries, got ${i}`);
    }
    const { entry, localStart, next } = readEntry(file, bytes, at);
    at = next;
    if (entries.has(entry.name)) {
      throw damagedZip(file, `the archive must name each entry once, got ${show(entry.name)} twice`);
    }
    locate(file, entry, localStart, directory.start);
    entries.set(entry.name, entry);
    spans.push({ name: entry.name, from: localStart, to: entry.start + entry.packedSize });
  }
  spans.sort((a, b) => a.from - b.from);
  for (const [i, { name, from }] of spans.entries()) {
    if (i > 0 && from < spans[i - 1]!.to) {
      throw damagedZip(file, `entry ${show(name)} must not overlap ${show(spans[i - 1]!.name)}`);
    }
  }
  return entries;
}

/** Copies an entry out, unpacked, and checks its sum. */
export function readEntryBytes(file: OpenFile, entry: ZipEntry): Buffer {
  const packed = file.read(entry.start, entry.packedSize);
  const bytes = entry.deflated ? inflate(file, entry, packed) : packed;
  if (crc32(bytes) !== entry.crc) {
    throw damagedZip(file, `the bytes of entry ${show(entry.name)} must match their CRC-32, got others`);
  }
  return bytes;
}

function inflate(file: OpenFile, entry: ZipEntry, packed: Buffer): Buffer {
  let bytes: Buffer;
  try {
    bytes = inflateRawSync(packed, { maxOutputLength: Math.max(1, entry.size) });
  } catch (error) {
    throw damagedZip(file, `entry ${show(entry.name)} must unpack to ${entry.size} bytes, got an error`, {
      cause: error,
    });
  }
  if (bytes.length === entry.size) return bytes;
  throw damagedZip(file, `entry ${show(entry.name)} must unpack to ${entry.size} bytes, got ${bytes.length}`);
}

/** Makes the error of an archive that breaks a rule of the format. */
export function damagedZip(file: OpenFile, fault: string, options?: ErrorOptions): FileError {
  return new FileError(`${file.path}: ${fault}. The file is damaged: download or save it again.`, options);
}

function findDirectory(file: OpenFile): { start: number; size: number; entries: number } {
  // the end record is last, but for a comment of at most 65,535 bytes
  const tailStart = Math.max(0, file.size - endBytes - 0xffff);
  const tail = file.read(tailStart, file.size - tailStart);
  let end = tail.length - endBytes;
  while (end >= 0 && !(tail.readUInt32LE(end) === endSignature && isEnd(tail, end))) end--;
  if (end < 0) throw damagedZip(file, "the archive must end with its directory, got none: it is cut off");
  const record = {
    entries: tail.readUInt16LE(end + 10),
    size: tail.readUInt32LE(end + 12),
    start: tail.readUInt32LE(end + 16),
  };
  const wide = record.entries === 0xffff || record.size === 0xffffffff || record.start === 0xffffffff;
  const found = wide ? (readEnd64(file, tailStart + end) ?? record) : record;
  if (found.entries > maxEntries || found.size > maxDirectoryBytes) {
    throw damagedZip(file, `the archive must hold at most ${maxEntries} entries, got ${found.entries}`);
  }
  if (found.start + found.size > tailStart + end) {
    throw damagedZip(
      file,
      `the archive's directory must lie before its end, got ${found.size} bytes at ${found.start}`,
    );
  }
  return found;
}

function isEnd(tail: Buffer, end: number): boolean {
  return end + endBytes + tail.readUInt16LE(end + 20) === tail.length;
}

/** Returns what the zip64 record says, or undefined where there is none. */
function readEnd64(
  file: OpenFile,
  end: number,
): { start: number; size: number; entries: number } | undefined {
  if (end < locatorBytes) return undefined;
  const locator = file.read(end - locatorBytes, locatorBytes);
  if (locator.readUInt32LE() !== locator64Signature) return undefined;
  const at = Number(locator.readBigUInt64LE(8));
  if (at + 56 > end) throw damagedZip(file, `the archive's zip64 record must lie before its end, got ${at}`);
  const record = file.read(at, 56);
  if (record.readUInt32LE() !== end64Signature) {
    throw damagedZip(file, `the archive must have a zip64 record at ${at}, got none`);
  }
  return {
    entries: Number(record.readBigUInt64LE(32)),
    size: Number(record.readBigUInt64LE(40)),
    start: Number(record.readBigUInt64LE(48)),
  };
}

function readEntry(
  file: OpenFile,
  bytes: Buffer,
  at: number,
): { entry: ZipEntry; localStart: number; next: number } {
  const nameEnd = at + directoryEntryBytes + bytes.readUInt16LE(at + 28);
  const extraEnd = nameEnd + bytes.readUInt16LE(at + 30);
  const next = extraEnd + bytes.readUInt16LE(at + 32);
  if (next > bytes.length) throw damagedZip(file, "the archive's directory must fit its size, got more");
  const name = bytes.toString("utf8", at + directoryEntryBytes, nameEnd);
  checkName(file, name);
  const method = bytes.readUInt16LE(at + 10);
  if ((bytes.readUInt16LE(at + 8) & encryptedFlag) !== 0) {
    throw new FileError(`${file.path}: entry ${show(name)} is encrypted. Save the file without a password.`);
  }
  if (method !== 0 && method !== 8) {
    throw new FileError(
      `${file.path}: entry ${show(name)} must be stored or deflated, got method ${method}. Save the file again.`,
    );
  }
  const wide = readExtra64(bytes.subarray(nameEnd, extraEnd));
  const field = (offset: number) => {
    const value = bytes.readUInt32LE(at + offset);
    return value === 0xffffffff ? (wide.shift() ?? value) : value;
  };
  const size = field(24);
  const packedSize = field(20);
  const localStart = field(42);
  const deflated = method === 8;
  if (deflated ? size > packedSize * maxRatio : size !== packedSize) {
    throw damagedZip(
      file,
      `entry ${show(name)} must have a size that fits its ${packedSize} bytes, got ${size}`,
    );
  }
  const entry = { name, size, packedSize, deflated, crc: bytes.readUInt32LE(at + 16), start: 0 };
  return { entry, localStart, next };
}

/** Returns the 64-bit numbers that stand for what 32 bits cannot hold, in the order of the format. */
function readExtra64(extra: Buffer): number[] {
  for (let at = 0; at + 4 <= extra.length;) {
    const length = extra.readUInt16LE(at + 2);
    const end = Math.min(extra.length, at + 4 + length);
    if (extra.readUInt16LE(at) === 1) {
      const numbers: number[] = [];
      for (let i = at + 4; i + 8 <= end; i += 8) numbers.push(Number(extra.readBigUInt64LE(i)));
      return numbers;
    }
    at = end;
  }
  return [];
}

/** Fills in where the data of an entry starts, which its local header alone says. */
function locate(file: OpenFile, entry: ZipEntry, localStart: number, directoryStart: number): void {
  const { name, packedSize } = entry;
  if (localStart + localHeaderBytes > directoryStart) {
    throw damagedZip(file, `entry ${show(name)} must lie before the directory, got offset ${localStart}`);
  }
  // one read for both, since large models have thousands of entries
  const expected = localHeaderBytes + Buffer.byteLength(name);
  const header = file.read(localStart, Math.min(expected, directoryStart - localStart));
  if (header.readUInt32LE() !== localSignature) {
    throw damagedZip(file, `entry ${show(name)} must have a header at ${localStart}, got other bytes`);
  }
  const nameLength = header.readUInt16LE(26);
  entry.start = localStart + localHeaderBytes + nameLength + header.readUInt16LE(28);
  if (entry.start + packedSize > directoryStart) {
    throw damagedZip(
      file,
      `entry ${show(name)} must end before the directory at ${directoryStart}, got ${entry.start + packedSize}`,
    );
  }
  if (localHeaderBytes + nameLength !== expected || header.toString("utf8", localHeaderBytes) !== name) {
    throw damagedZip(file, `entry ${show(name)} must have its name in both places, got another`);
  }
}

function checkName(file: OpenFile, name: string): void {
  const parts = name.split("/");
  if (name === "" || name.startsWith("/") || /[\\\0]/.test(name) || parts.includes("..")) {
    throw damagedZip(file, `entries must have plain names, got ${show(name)}`);
  }
}

function show(name: string): string {
  return JSON.stringify(name.length > 100 ? `${name.slice(0, 97)}...` : name);
}
