// Reads safetensors files, memory-mapped: pages come from the disk when a tensor is first used.
import { wrap } from "../binding.ts";
import { dtypeCode } from "../dtype.ts";
import { native } from "../native.ts";
import type { Tensor } from "../tensor.ts";
import { OpenFile } from "./open-file.ts";
import { damaged, maxHeaderBytes, parseHeader } from "./safetensors-header.ts";
import type { SafetensorsHeader } from "./safetensors-header.ts";
import { selectNames } from "./select-names.ts";
import type { SelectOptions } from "./select-names.ts";

/**
 * Loads the tensors of a safetensors file by name, in the order of their data.
 *
 * Tensors share the file's pages and are private: writing to one does not change the file. Replace such a
 * file by renaming another over it, never in place: a file that is cut off under its tensors kills the process.
 *
 * @example
 * torch.saveSafetensors(new Map([["a", torch.ones([2])], ["b", torch.zeros([3])]]), "/tmp/pair.safetensors");
 * torch.loadSafetensors("/tmp/pair.safetensors", { filter: (name) => name.startsWith("a") }).size; // => 1
 */
export function loadSafetensors(path: string, selection: SelectOptions = {}): Map<string, Tensor> {
  return OpenFile.use(path, (file) => {
    const header = readHeader(file);
    const names = selectNames(path, header.tensors.keys(), selection);
    return new Map(names.map((name) => [name, mapEntry(file, header, name)]));
  });
}

/** Reads names, dtypes, shapes and metadata of a safetensors file, without its weights. */
export function readSafetensorsHeader(path: string): SafetensorsHeader {
  return OpenFile.use(path, readHeader);
}

/** Reads the header of an open file. */
export function readHeader(file: OpenFile): SafetensorsHeader {
  const { path, size } = file;
  if (size < 8) {
    throw damaged(path, `the file must start with 8 bytes that give the header's length, got ${size} bytes`);
  }
  const length = Number(file.read(0, 8).readBigUInt64LE());
  if (length > maxHeaderBytes) {
    throw damaged(path, `the header must be at most ${maxHeaderBytes} bytes long, got ${length}`);
  }
  if (length > size - 8) {
    throw damaged(path, `the header must fit the file: it takes ${length} bytes, got ${size - 8}`);
  }
  return parseHeader(path, file.read(8, length), size - 8 - length);
}

/** Maps one tensor of an open file into memory. */
export function mapEntry(file: OpenFile, header: SafetensorsHeader, name: string): Tensor {
  const { dtype, shape, start } = header.tensors.get(name)!;
  return wrap(native.mapTensor(file.mapping, header.dataStart + start, shape, dtypeCode(dtype)));
}
