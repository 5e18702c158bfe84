// Reads zip archives (Python wheels) without a library. Not for archives over 4 GB: wheels are not.
import { createWriteStream } from "node:fs";
import { chmod, mkdir, open, writeFile } from "node:fs/promises";
import { dirname, join, normalize, sep } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { crc32, createInflateRaw, inflateRawSync } from "node:zlib";

const smallBytes = 1 << 20;

/**
 * Extracts the entries whose name `wanted` accepts, checking each against its CRC-32.
 * `onProgress` gets the bytes written so far and in all.
 */
export async function extractZip(archive, folder, { wanted = () => true, onProgress = () => {} } = {}) {
  const file = await open(archive, "r");
  try {
    const entries = (await readDirectory(file, archive)).filter(
      ({ name }) => !name.endsWith("/") && wanted(name),
    );
    const total = entries.reduce((sum, { size }) => sum + size, 0);
    const folders = new Set();
    let done = 0;
    for (const entry of entries) {
      const target = join(folder, safeName(entry.name, archive));
      if (!folders.has(dirname(target))) await mkdir(dirname(target), { recursive: true });
      folders.add(dirname(target));
      await extractEntry(file, entry, target, archive, (bytes) => onProgress((done += bytes), total));
    }
    return entries.length;
  } finally {
    await file.close();
  }
}

async function extractEntry(file, entry, target, archive, onBytes) {
  const { name, method, crc, compressedSize, mode, headerOffset } = entry;
  const header = await read(file, headerOffset, 30, archive);
  if (header.readUInt32LE(0) !== 0x04034b50) throw damaged(archive, `no entry header for ${name}`);
  if (method !== 0 && method !== 8) throw damaged(archive, `${name} has the unknown compression ${method}`);
  const offset = headerOffset + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);

  let actual = 0;
  if (compressedSize <= smallBytes) {
    const packed = await read(file, offset, compressedSize, archive);
    const content = method === 8 ? inflateRawSync(packed) : packed;
    actual = crc32(content);
    await writeFile(target, content);
    onBytes(content.length);
  } else {
    const check = new Transform({
      transform(chunk, _encoding, callback) {
        actual = crc32(chunk, actual);
        onBytes(chunk.length);
        callback(null, chunk);
      },
    });
    const source = file.createReadStream({
      start: offset,
      end: offset + compressedSize - 1,
      autoClose: false,
      highWaterMark: smallBytes,
    });
    const unpack = method === 8 ? [createInflateRaw({ chunkSize: smallBytes })] : [];
    await pipeline([source, ...unpack, check, createWriteStream(target)]);
  }
  if (actual !== crc) throw damaged(archive, `${name} has another checksum than the archive says`);
  if (mode & 0o111) await chmod(target, 0o755);
}

async function readDirectory(file, archive) {
  const { size } = await file.stat();
  const tailLength = Math.min(size, 65_557); // the longest comment and the 22 bytes of the end record
  const tail = await read(file, size - tailLength, tailLength, archive);
  const end = tail.lastIndexOf(Buffer.from("504b0506", "hex"));
  if (end < 0) throw damaged(archive, "it has no directory, as when a download was cut off");
  const count = tail.readUInt16LE(end + 10);
  const start = tail.readUInt32LE(end + 16);
  if (count === 0xffff || start === 0xffffffff) throw damaged(archive, "zip64 is not supported");
  const directory = await read(file, start, tail.readUInt32LE(end + 12), archive);

  const entries = [];
  for (let at = 0; entries.length < count;) {
    if (directory.readUInt32LE(at) !== 0x02014b50) throw damaged(archive, "its directory is cut off");
    const nameLength = directory.readUInt16LE(at + 28);
    entries.push({
      name: directory.toString("utf8", at + 46, at + 46 + nameLength),
      method: directory.readUInt16LE(at + 10),
      crc: directory.readUInt32LE(at + 16),
      compressedSize: directory.readUInt32LE(at + 20),
      size: directory.readUInt32LE(at + 24),
      mode: directory.readUInt32LE(at + 38) >>> 16,
      headerOffset: directory.readUInt32LE(at + 42),
    });
    at += 46 + nameLength + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
  return entries;
}

async function read(file, position, length, archive) {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await file.read(buffer, 0, length, position);
  if (bytesRead !== length) throw damaged(archive, "it ends too early");
  return buffer;
}

function safeName(name, archive) {
  const path = normalize(name);
  if (path.startsWith(sep) || path.startsWith(".."))
    throw damaged(archive, `${name} points outside the archive`);
  return path;
}

function damaged(archive, reason) {
  return new Error(`${archive} is not a usable zip archive: ${reason}.`);
}
