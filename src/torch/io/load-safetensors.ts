// Reads safetensors files, memory-mapped: pages come from the disk when a tensor is first used.
import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import type { Stats } from "node:fs";
import { FileError } from "../../base/index.ts";
import { wrap } from "../binding.ts";
import { dtypeCode } from "../dtype.ts";
import { native } from "../native.ts";
import type { Tensor } from "../tensor.ts";
import { damaged, maxHeaderBytes, notFound, parseHeader } from "./safetensors-header.ts";
import type { SafetensorsHeader } from "./safetensors-header.ts";

/** Options of `loadSafetensors`. */
export interface LoadSafetensorsOptions {
  /** Names of the tensors to load. @default all */
  keys?: Iterable<string>;
}

/**
 * Loads the tensors of a safetensors file by name, in the order of their data.
 *
 * Tensors share the file's pages and are private: writing to one does not change the file. Replace such a
 * file by renaming another over it, never in place.
 */
export function loadSafetensors(path: string, { keys }: LoadSafetensorsOptions = {}): Map<string, Tensor> {
  const { header, status } = readHeader(path);
  const names = keys === undefined ? [...header.tensors.keys()] : [...new Set(keys)];
  for (const name of names) {
    if (!header.tensors.has(name)) throw notFound(path, name, header.tensors.keys());
  }
  const mapping = native.mapFile(path);
  try {
    // the header was read from what the path named a moment ago
    const now = statSync(path);
    if (now.ino !== status.ino || now.size !== status.size || now.mtimeMs !== status.mtimeMs) {
      throw new FileError(
        `${path}: the file must stay as it is while it is read, got another one. Load it again.`,
      );
    }
    return new Map(
      names.map((name) => {
        const { dtype, shape, start } = header.tensors.get(name)!;
        return [name, wrap(native.mapTensor(mapping, header.dataStart + start, shape, dtypeCode(dtype)))];
      }),
    );
  } finally {
    native.unmapFile(mapping); // the tensors keep the pages
  }
}

/** Reads names, dtypes, shapes and metadata of a safetensors file, without its weights. */
export function readSafetensorsHeader(path: string): SafetensorsHeader {
  return readHeader(path).header;
}

function readHeader(path: string): { header: SafetensorsHeader; status: Stats } {
  const file = open(path);
  try {
    const status = fstatSync(file);
    if (!status.isFile())
      throw new FileError(`${path}: must be a file, got a folder or device. Name the file itself.`);
    if (status.size < 8) {
      throw damaged(
        path,
        `the file must start with 8 bytes that give the header's length, got ${status.size} bytes`,
      );
    }
    const length = Number(read(file, path, 0, 8).readBigUInt64LE());
    if (length > maxHeaderBytes) {
      throw damaged(path, `the header must be at most ${maxHeaderBytes} bytes long, got ${length}`);
    }
    if (length > status.size - 8) {
      throw damaged(path, `the header must fit the file: it takes ${length} bytes, got ${status.size - 8}`);
    }
    return { header: parseHeader(path, read(file, path, 8, length), status.size - 8 - length), status };
  } finally {
    closeSync(file);
  }
}

function open(path: string): number {
  try {
    return openSync(path, "r");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reason = code === "ENOENT" ? "the file does not exist" : message;
    throw new FileError(`${path}: ${reason}. Check the path.`, { cause: error });
  }
}

function read(file: number, path: string, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let done = 0; done < length;) {
    const count = readSync(file, bytes, done, length - done, position + done);
    if (count === 0)
      throw new FileError(`${path}: the file became shorter while it was read. Load it again.`);
    done += count;
  }
  return bytes;
}
