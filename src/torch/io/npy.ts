// Arrays of numpy as tensors: .npy files of one, .npz archives of several by name.
import { FileError, UsageError } from "../../base/index.ts";
import { wrap } from "../binding.ts";
import { dtypeCode } from "../dtype.ts";
import { native } from "../native.ts";
import { scope } from "../scope.ts";
import type { Tensor } from "../tensor.ts";
import { elementBytes } from "./element-bytes.ts";
import { damagedNpy, encodeNpyHeader, maxNpyHeaderBytes, parseNpyHeader } from "./npy-header.ts";
import type { NpyHeader } from "./npy-header.ts";
import { OpenFile } from "./open-file.ts";
import { selectNames } from "./select-names.ts";
import type { SelectOptions } from "./select-names.ts";
import { bytesOf, swapElements } from "./tensor-bytes.ts";
import { writeChunks } from "./write-file.ts";
import { damagedZip, readEntryBytes, readZip } from "./zip-reader.ts";
import type { ZipEntry } from "./zip-reader.ts";
import { zipChunks } from "./zip-writer.ts";

const suffix = ".npy";
// what deflate can make of a small file
const maxUnpackedDefault = 2 ** 32;
const headerBytes = 12 + maxNpyHeaderBytes;

/**
 * Loads the array of a `.npy` file, as `numpy.load` does, with numpy's strides: Fortran order is kept.
 *
 * Nothing in the file is run: arrays of Python objects are refused. The tensor shares the file's pages and is
 * private: writing to it does not change the file.
 *
 * @example
 * torch.saveNpy("/tmp/x.npy", torch.tensor([[1, 2], [3, 4]]));
 * torch.loadNpy("/tmp/x.npy").tolist(); // => [[1, 2], [3, 4]]
 */
export function loadNpy(path: string): Tensor {
  return OpenFile.use(path, (file) => mapArray(file, path, 0, file.size));
}

/** Writes a tensor as `numpy.save` does, byte for byte, to a file that replaces the old one when it is complete. */
export function saveNpy(path: string, tensor: Tensor): void {
  scope(() => {
    const [header, data] = encode("saveNpy", tensor);
    writeChunks("saveNpy", path, [header, data], header.length + data.length);
  });
}

/** Options of `loadNpz`. */
export interface LoadNpzOptions extends SelectOptions {
  /** Most bytes that compressed arrays may take in all, against archives made to fill the memory. @default 4 GiB */
  maxUnpackedBytes?: number;
}

/**
 * Loads the arrays of a `.npz` archive by name, as `numpy.load` does; those that are not compressed share the
 * file's pages.
 *
 * @example
 * torch.saveNpz("/tmp/data.npz", { x: torch.ones([2]), y: torch.zeros([3]) });
 * [...torch.loadNpz("/tmp/data.npz").keys()]; // => ["x", "y"]
 */
export function loadNpz(
  path: string,
  { maxUnpackedBytes = maxUnpackedDefault, ...selection }: LoadNpzOptions = {},
): Map<string, Tensor> {
  return OpenFile.use(path, (file) => {
    const entries = new Map<string, ZipEntry>();
    for (const [name, entry] of readZip(file)) {
      if (!name.endsWith(suffix))
        throw damagedZip(file, `the archive must hold .npy files, got ${JSON.stringify(name)}`);
      entries.set(name.slice(0, -suffix.length), entry);
    }
    const names = selectNames(path, entries.keys(), selection);
    const unpacked = names.map((name) => entries.get(name)!).filter(({ deflated }) => deflated);
    const bytes = unpacked.reduce((sum, { size }) => sum + size, 0);
    if (bytes > maxUnpackedBytes) {
      throw new FileError(
        `${path}: the compressed arrays must unpack to at most ${maxUnpackedBytes} bytes, got ${bytes}. ` +
          `Load them with keys, or raise maxUnpackedBytes.`,
      );
    }
    return loadAll(names, (name) => loadEntry(file, entries.get(name)!));
  });
}

/** Options of `saveNpz`. */
export interface SaveNpzOptions {
  /** Shrinks the arrays, as `numpy.savez_compressed` does; they cannot be mapped then. @default false */
  compressed?: boolean;
}

/** Writes tensors by name to an archive that `numpy.load` reads; equal input gives equal bytes. */
export function saveNpz(
  path: string,
  tensors: ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>,
  { compressed = false }: SaveNpzOptions = {},
): void {
  scope(() => {
    const entries = tensors instanceof Map ? [...tensors] : Object.entries(tensors as Record<string, Tensor>);
    const sources = entries.map(([name, tensor]) => {
      if (name === "" || /[\\\0]|^\/|(^|\/)\.\.(\/|$)/.test(name)) {
        throw new UsageError(`saveNpz: names must be plain, got ${JSON.stringify(name)}. Rename it.`);
      }
      const [header] = encode("saveNpz", tensor); // refuse before the old file is touched
      const open = () => Buffer.concat([header, scope(() => encode("saveNpz", tensor)[1])]);
      return { name: `${name}${suffix}`, open, deflate: compressed };
    });
    writeChunks("saveNpz", path, zipChunks(sources, { alignment: 64 }));
  });
}

function loadAll(names: readonly string[], loadOne: (name: string) => Tensor): Map<string, Tensor> {
  const loaded = new Map<string, Tensor>();
  try {
    for (const name of names) loaded.set(name, loadOne(name));
    return loaded;
  } catch (error) {
    for (const tensor of loaded.values()) tensor.dispose();
    throw error;
  }
}

function loadEntry(file: OpenFile, entry: ZipEntry): Tensor {
  const where = `${file.path}: ${entry.name}`;
  if (!entry.deflated) return mapArray(file, where, entry.start, entry.size);
  const bytes = readEntryBytes(file, entry);
  const header = parseNpyHeader(where, bytes.subarray(0, headerBytes));
  checkLength(where, header, bytes.length);
  const data = bytes.subarray(header.dataStart);
  return shapeArray(header, native.fromData(data, [data.length], dtypeCode("uint8")));
}

function mapArray(file: OpenFile, where: string, start: number, length: number): Tensor {
  const header = parseNpyHeader(where, file.read(start, Math.min(length, headerBytes)));
  checkLength(where, header, length);
  const { dtype, dataStart, dataBytes } = header;
  return shapeArray(header, native.mapBytes(file.mapping, start + dataStart, dataBytes, elementBytes(dtype)));
}

function checkLength(where: string, { shape, dataStart, dataBytes }: NpyHeader, length: number): void {
  if (length - dataStart === dataBytes) return;
  throw damagedNpy(
    where,
    `an array of shape [${shape.join(", ")}] must take ${dataBytes} bytes, got ${length - dataStart}`,
  );
}

function shapeArray({ dtype, shape, bigEndian, fortranOrder }: NpyHeader, bytes: number): Tensor {
  try {
    if (bigEndian) swapElements(bytes, dtype);
    const sizes = fortranOrder ? shape.toReversed() : shape;
    const strides = sizes.map((_, dim) =>
      sizes.slice(dim + 1).reduce((product, size) => product * Math.max(1, size), 1),
    );
    if (fortranOrder) strides.reverse();
    return wrap(native.tensorOver(bytes, 0, shape, strides, dtypeCode(dtype)));
  } finally {
    native.dispose(bytes); // the tensor keeps the memory
  }
}

/** Returns the header and the elements; like numpy, keeps Fortran order where the tensor has it. */
function encode(writer: string, tensor: Tensor): [header: Buffer, data: Uint8Array] {
  if (tensor.isDisposed) {
    throw new UsageError(
      `${writer}: the tensor must hold its memory, got one that was disposed. Save it before its scope ends.`,
    );
  }
  const { dtype, shape } = tensor;
  const reversed = tensor.detach().permute(shape.map((_, dim) => shape.length - 1 - dim));
  const fortranOrder = !tensor.isContiguous && reversed.isContiguous;
  const header = encodeNpyHeader(dtype, shape, fortranOrder);
  if (header === undefined) {
    throw new UsageError(`${writer}: numpy has no ${dtype}. Convert the tensor, with float() for one.`);
  }
  return [header, bytesOf(fortranOrder ? reversed : tensor)];
}
