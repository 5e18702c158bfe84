// Files written so that a crash leaves the old content or the new, never a half.
import { createHash, randomBytes } from "node:crypto";
import {
  closeSync,
  createReadStream,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";

/**
 * Returns a new name beside a file for what is still coming. It is short, as the file's own may be as long as it can be,
 * and has the number of the process, so that `sconce clean` can tell what a dead one left.
 */
export function partialPath(file: string): string {
  return join(dirname(file), `.part-${randomBytes(6).toString("hex")}.${process.pid}.tmp`);
}

/** Tells whether a file is one that is still coming, or was when its writer died. */
export function isPartial(name: string): boolean {
  return /^\.part-[0-9a-f]{12}\.\d+\.tmp$/.test(name);
}

/**
 * Writes a file through a temporary neighbour, fsync and rename; takes chunks one by one as it writes them.
 * A device or a pipe is written to as it is.
 */
export function writeFileAtomic(path: string, content: string | Uint8Array | Iterable<Uint8Array>): void {
  const chunks =
    typeof content === "string" ? [Buffer.from(content)] : ArrayBuffer.isView(content) ? [content] : content;
  mkdirSync(dirname(path), { recursive: true });
  const old = statSync(path, { throwIfNoEntry: false });
  if (old !== undefined && !old.isFile() && !old.isDirectory()) {
    // a rename would put a file in the place of /dev/null
    writeChunks(path, chunks, { flags: "w" });
    return;
  }
  const temporary = partialPath(path);
  try {
    writeChunks(temporary, chunks, { flags: "wx", finish: fsyncSync }); // never through a link that stands there
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  fsyncDirectory(dirname(path));
}

/** Makes a rename inside a directory durable. */
export function fsyncDirectory(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Returns the SHA-256 of a file in hex, read as a stream. */
export async function sha256File(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

function writeChunks(
  path: string,
  chunks: Iterable<Uint8Array>,
  { flags, finish }: { flags: "w" | "wx"; finish?: (fd: number) => void },
): void {
  const fd = openSync(path, flags);
  try {
    for (const chunk of chunks) writeAll(fd, chunk);
    finish?.(fd);
  } finally {
    closeSync(fd);
  }
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.byteLength;) {
    written += writeSync(fd, bytes, written, Math.min(bytes.byteLength - written, 1 << 30));
  }
}
