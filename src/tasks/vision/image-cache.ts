// Decoded images on disk, named by what they follow from: a file's bytes, the size and the decoder. Runs share them.
// It imports nothing of torch: worker threads load it.
import { createHash } from "node:crypto";
import {
  appendFileSync,
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { partialPath } from "../../base/index.ts";
import { decodeImage, decoderVersion, readImageFile } from "./decode.ts";
import type { Pixels } from "./pixels.ts";

/** Says where decoded images are kept, and how much of them. */
export interface ImageCacheOptions {
  folder: string;
  /** Images that would take more are decoded each time. */
  maxBytes: number;
}

/** Where an image came from: out of the cache, or decoded, and why it is not kept, if it is not. */
export type ImageOrigin = "kept" | "decoded" | "damaged" | "full" | "unwritable";

export interface CachedImage {
  pixels: Pixels;
  /** `damaged`: what was kept was not whole, and has been made anew. */
  origin: ImageOrigin;
  /** Why it could not be written. */
  problem?: string;
}

/** Of an entry's layout: another one makes older entries unknown. */
const layout = "sconce images 1";
const digestBytes = 32;
const headerBytes = digestBytes + 8;

/**
 * Keeps decoded images in a folder, any number of threads and processes at once. An entry is the SHA-256 of what
 * follows, width and height (4 bytes each), and red, green and blue of each pixel. `manifest.txt` has a line with the
 * bytes of each entry, appended before it is written, from which all of them know how full the folder is.
 */
export class ImageCache {
  readonly #folder: string;
  readonly #maxBytes: number;
  readonly #manifest: string;
  /** Of the manifest: how far it was read, and the sum up to there. */
  #read = 0;
  #usedBytes = 0;

  constructor({ folder, maxBytes }: ImageCacheOptions) {
    this.#folder = folder;
    this.#maxBytes = maxBytes;
    this.#manifest = join(folder, "manifest.txt");
  }

  /** Reads an image whose shorter side is brought to a length: out of the folder, or decoded and then kept there. */
  async read(path: string, shorterSide: number): Promise<CachedImage> {
    const bytes = await readImageFile(path);
    const key = createHash("sha256")
      .update(JSON.stringify([layout, await decoderVersion(), shorterSide]))
      .update(bytes)
      .digest("hex");
    const file = join(this.#folder, key.slice(0, 2), `${key}.pixels`);
    const kept = await readFile(file).catch(() => undefined);
    const found = kept && pixelsOf(kept);
    if (found !== undefined) return { pixels: found, origin: "kept" };
    const pixels = await decodeImage(path, shorterSide, bytes);
    return { pixels, ...this.#keep(file, pixels, { isKnown: kept !== undefined }) };
  }

  #keep(file: string, pixels: Pixels, { isKnown }: { isKnown: boolean }): Omit<CachedImage, "pixels"> {
    const size = headerBytes + pixels.data.length;
    const partial = partialPath(file);
    let reserved = 0;
    try {
      if (!isKnown) {
        if (this.#countBytes() + size > this.#maxBytes) return { origin: "full" };
        mkdirSync(dirname(file), { recursive: true });
        appendFileSync(this.#manifest, `${size}\n`);
        reserved = size;
      }
      writeFileSync(partial, entryOf(pixels), { flag: "wx" });
      renameSync(partial, file); // no fsync: an entry that a crash damages is made anew
      return { origin: isKnown ? "damaged" : "decoded" };
    } catch (error) {
      this.#giveUp(partial, reserved);
      return { origin: "unwritable", problem: (error as Error).message };
    }
  }

  #giveUp(partial: string, reserved: number): void {
    try {
      rmSync(partial, { force: true });
      if (reserved > 0) appendFileSync(this.#manifest, `-${reserved}\n`);
    } catch {
      // the first failure is the one to tell
    }
  }

  /** Sums up what others have appended to the manifest since it was last read. */
  #countBytes(): number {
    let manifest: number;
    try {
      manifest = openSync(this.#manifest, "r");
    } catch {
      return ([this.#read, this.#usedBytes] = [0, 0])[1]!; // new, or deleted meanwhile
    }
    try {
      const { size } = fstatSync(manifest);
      if (size < this.#read) [this.#read, this.#usedBytes] = [0, 0];
      const bytes = Buffer.alloc(size - this.#read);
      const text = bytes.toString("latin1", 0, readSync(manifest, bytes, 0, bytes.length, this.#read));
      const end = text.lastIndexOf("\n") + 1;
      for (const line of text.slice(0, end).split("\n")) this.#usedBytes += Number(line) || 0;
      this.#read += end;
      return this.#usedBytes;
    } finally {
      closeSync(manifest);
    }
  }
}

function entryOf({ data, width, height }: Pixels): Buffer {
  const entry = Buffer.alloc(headerBytes + data.length);
  entry.writeUInt32LE(width, digestBytes);
  entry.writeUInt32LE(height, digestBytes + 4);
  entry.set(data, headerBytes);
  createHash("sha256").update(entry.subarray(digestBytes)).digest().copy(entry);
  return entry;
}

/** Reads an entry; undefined where it is not whole. */
function pixelsOf(entry: Buffer): Pixels | undefined {
  if (entry.length < headerBytes) return undefined;
  const digest = createHash("sha256").update(entry.subarray(digestBytes)).digest();
  if (!digest.equals(entry.subarray(0, digestBytes))) return undefined;
  const width = entry.readUInt32LE(digestBytes);
  const height = entry.readUInt32LE(digestBytes + 4);
  return { data: entry.subarray(headerBytes), channels: 3, height, width, strides: [1, 3 * width, 3] };
}
