// One safetensors file kept open, for tensors and slices taken one by one, as safetensors.safe_open does.
import { UsageError } from "../../base/index.ts";
import { scope } from "../scope.ts";
import type { Tensor } from "../tensor.ts";
import { mapEntry, readHeader } from "./load-safetensors.ts";
import { OpenFile } from "./open-file.ts";
import type { SafetensorsHeader } from "./safetensors-header.ts";
import { notFound } from "./select-names.ts";

/** Part of one dimension: from `start` up to `end`, which is the length where left out. */
export type SliceRange = readonly [start: number, end?: number];

/**
 * Opens a safetensors file and takes tensors out one by one. Nothing is read but the header and what is used.
 *
 * @example
 * torch.saveSafetensors(new Map([["x", torch.arange(6).view([3, 2])]]), "/tmp/rows.safetensors");
 * const file = torch.safeOpen("/tmp/rows.safetensors");
 * file.keys(); // => ["x"]
 * file.getSlice("x", [[1, 3]]).tolist(); // => [[2, 3], [4, 5]]
 * file.close();
 */
export function safeOpen(path: string): SafetensorsFile {
  const file = OpenFile.open(path);
  try {
    return new SafetensorsFile(file, readHeader(file));
  } catch (error) {
    file.close();
    throw error;
  }
}

/** Is one open safetensors file; made by `safeOpen`. Tensors taken from it stay when it is closed. */
export class SafetensorsFile implements Disposable {
  readonly header: SafetensorsHeader;
  readonly #file: OpenFile;
  #isOpen = true;

  constructor(file: OpenFile, header: SafetensorsHeader) {
    this.#file = file;
    this.header = header;
  }

  /** Returns the names of the tensors, in the order of their data. */
  keys(): string[] {
    return [...this.header.tensors.keys()];
  }

  /** The text that the file carries. */
  get metadata(): Readonly<Record<string, string>> {
    return this.header.metadata;
  }

  /** Returns a tensor over the file's pages. */
  getTensor(name: string): Tensor {
    if (!this.#isOpen) {
      throw new UsageError(
        `safeOpen: ${this.#file.path} must be open, got it closed. Take tensors before close().`,
      );
    }
    if (!this.header.tensors.has(name)) throw notFound(this.#file.path, name, this.header.tensors.keys());
    return mapEntry(this.#file, this.header, name);
  }

  /** Returns part of a tensor, with a range for each of its first dimensions; the rest is not read. */
  getSlice(name: string, ranges: readonly SliceRange[]): Tensor {
    return scope(() => {
      let part = this.getTensor(name);
      const { shape } = part;
      if (ranges.length > shape.length) {
        throw new UsageError(
          `getSlice: "${name}" has ${shape.length} dimensions, got ${ranges.length} ranges. Leave some out.`,
        );
      }
      for (const [dim, [start, end = shape[dim]!]] of ranges.entries()) {
        const isWithin = 0 <= start && start <= end && end <= shape[dim]!;
        if (!Number.isInteger(start) || !Number.isInteger(end) || !isWithin) {
          throw new UsageError(
            `getSlice: "${name}" must be sliced within its shape [${shape.join(", ")}], ` +
              `got ${start} to ${end} in dimension ${dim}. Count from 0.`,
          );
        }
        part = part.narrow(dim, start, end - start);
      }
      return part;
    });
  }

  /** Closes the file; does nothing when it is closed. */
  close(): void {
    if (this.#isOpen) this.#file.close();
    this.#isOpen = false;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
