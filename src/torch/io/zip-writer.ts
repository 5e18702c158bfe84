// Writes zip archives whose bytes depend on their content alone: no times, no owners. Goes to zip64 where needed.
import { crc32, deflateRawSync } from "node:zlib";

/** A file to be written into an archive. */
export interface ZipSource {
  name: string;
  /** Views the bytes, when it is their turn to be written. */
  open: () => Uint8Array;
  /** Their CRC-32. @default computed */
  crc?: number;
  /** Shrinks the bytes, which cannot be mapped from memory then. @default false */
  deflate?: boolean;
}

const limit32 = 0xffffffff;
const limit16 = 0xffff;
const utf8Flag = 0x0800;
// 1980-01-01 00:00, the first that the format has
const dosTime = 0;
const dosDate = 0x21;
const paddingId = 0x4246; // PyTorch's
const crcStep = 2 ** 30; // crc32 takes lengths of 32 bits

interface Written {
  name: Buffer;
  crc: number;
  size: number;
  packedSize: number;
  offset: number;
  deflate: boolean;
}

/**
 * Yields an archive piece by piece. Data starts at multiples of `alignment`, so that it can be used in place;
 * sizes and offsets from `limit` on are written in 64 bits.
 */
export function* zipChunks(
  sources: readonly ZipSource[],
  { alignment = 1, limit = limit32 }: { alignment?: number; limit?: number } = {},
): Iterable<Uint8Array> {
  const written: Written[] = [];
  let offset = 0;
  for (const { name, open, crc, deflate = false } of sources) {
    const bytes = open();
    const packed = deflate ? deflateRawSync(bytes) : bytes;
    const entry = {
      name: Buffer.from(name),
      crc: crc ?? crcOf(bytes),
      size: bytes.byteLength,
      packedSize: packed.byteLength,
      offset,
      deflate,
    };
    const header = localHeader(entry, alignment, limit);
    yield header;
    yield packed;
    written.push(entry);
    offset += header.byteLength + packed.byteLength;
  }
  const directory = Buffer.concat(written.map((entry) => directoryEntry(entry, limit)));
  yield directory;
  yield endRecord(written.length, directory.byteLength, offset, limit);
}

function localHeader(entry: Written, alignment: number, limit: number): Buffer {
  const wide = entry.size >= limit || entry.packedSize >= limit;
  const extra64 = wide ? extra(1, [entry.size, entry.packedSize]) : Buffer.alloc(0);
  const unpadded = 30 + entry.name.length + extra64.length;
  const header = Buffer.alloc(30);
  header.writeUInt32LE(0x04034b50, 0);
  header.writeUInt16LE(wide ? 45 : 20, 4);
  writeCommon(header, 6, entry, wide);
  const padding = alignment === 1 ? Buffer.alloc(0) : pad(entry.offset + unpadded, alignment);
  header.writeUInt16LE(entry.name.length, 26);
  header.writeUInt16LE(extra64.length + padding.length, 28);
  return Buffer.concat([header, entry.name, extra64, padding]);
}

/** Makes an extra field, as PyTorch does, that moves what follows to a multiple of `alignment`. */
function pad(position: number, alignment: number): Buffer {
  const length = (alignment - ((position + 4) % alignment)) % alignment;
  const field = Buffer.alloc(4 + length, "Z");
  field.writeUInt16LE(paddingId, 0);
  field.writeUInt16LE(length, 2);
  return field;
}

function directoryEntry(entry: Written, limit: number): Buffer {
  const wideSizes = entry.size >= limit || entry.packedSize >= limit;
  const wideOffset = entry.offset >= limit;
  const numbers = [
    ...(wideSizes ? [entry.size, entry.packedSize] : []),
    ...(wideOffset ? [entry.offset] : []),
  ];
  const extra64 = numbers.length > 0 ? extra(1, numbers) : Buffer.alloc(0);
  const header = Buffer.alloc(46);
  header.writeUInt32LE(0x02014b50, 0);
  header.writeUInt16LE(numbers.length > 0 ? 45 : 20, 4); // version that made it, version that it needs
  header.writeUInt16LE(numbers.length > 0 ? 45 : 20, 6);
  writeCommon(header, 8, entry, wideSizes);
  header.writeUInt16LE(entry.name.length, 28);
  header.writeUInt16LE(extra64.length, 30);
  header.writeUInt32LE(wideOffset ? limit32 : entry.offset, 42);
  return Buffer.concat([header, entry.name, extra64]);
}

/** Writes what both headers of an entry share: flags, method, time, sum and sizes. */
function writeCommon(header: Buffer, at: number, entry: Written, wide: boolean): void {
  header.writeUInt16LE(utf8Flag, at);
  header.writeUInt16LE(entry.deflate ? 8 : 0, at + 2);
  header.writeUInt16LE(dosTime, at + 4);
  header.writeUInt16LE(dosDate, at + 6);
  header.writeUInt32LE(entry.crc, at + 8);
  header.writeUInt32LE(wide ? limit32 : entry.packedSize, at + 12);
  header.writeUInt32LE(wide ? limit32 : entry.size, at + 16);
}

function extra(id: number, numbers: readonly number[]): Buffer {
  const field = Buffer.alloc(4 + 8 * numbers.length);
  field.writeUInt16LE(id, 0);
  field.writeUInt16LE(8 * numbers.length, 2);
  for (const [i, number] of numbers.entries()) field.writeBigUInt64LE(BigInt(number), 4 + 8 * i);
  return field;
}

function endRecord(entries: number, size: number, start: number, limit: number): Buffer {
  const end = Buffer.alloc(22);
  const wide = entries >= limit16 || size >= limit || start >= limit;
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(wide ? limit16 : entries, 8);
  end.writeUInt16LE(wide ? limit16 : entries, 10);
  end.writeUInt32LE(wide ? limit32 : size, 12);
  end.writeUInt32LE(wide ? limit32 : start, 16);
  if (!wide) return end;
  const record = Buffer.alloc(56);
  record.writeUInt32LE(0x06064b50, 0);
  record.writeBigUInt64LE(44n, 4); // bytes that follow
  record.writeUInt16LE(45, 12);
  record.writeUInt16LE(45, 14);
  record.writeBigUInt64LE(BigInt(entries), 24);
  record.writeBigUInt64LE(BigInt(entries), 32);
  record.writeBigUInt64LE(BigInt(size), 40);
  record.writeBigUInt64LE(BigInt(start), 48);
  const locator = Buffer.alloc(20);
  locator.writeUInt32LE(0x07064b50, 0);
  locator.writeBigUInt64LE(BigInt(start + size), 8);
  locator.writeUInt32LE(1, 16);
  return Buffer.concat([record, locator, end]);
}

/** Returns the CRC-32 of bytes of any length. */
export function crcOf(bytes: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < bytes.byteLength; at += crcStep) sum = crc32(bytes.subarray(at, at + crcStep), sum);
  return sum;
}
