// Writes safetensors files, tensor by tensor, byte for byte as Hugging Face's library does.
import { UsageError } from "../../base/index.ts";
import { native } from "../native.ts";
import { rawOp } from "../raw.ts";
import type { Tensor } from "../tensor.ts";
import { formatDtypes, maxHeaderBytes } from "./safetensors-header.ts";
import { bytesOf } from "./tensor-bytes.ts";
import { writeChunks } from "./write-file.ts";

const isSetTo = rawOp("is_set_to");

/**
 * Writes tensors to a file that replaces the old one only when it is complete.
 *
 * Equal input gives equal bytes: tensors are laid out widest dtype first, then by name. Tensors that share
 * all their memory (tied weights) throw, since the file could not say so: see `dropShared`.
 */
export function saveSafetensors(
  tensors: ReadonlyMap<string, Tensor>,
  path: string,
  metadata: Readonly<Record<string, string>> = {},
): void {
  if (typeof path !== "string") {
    throw new UsageError(
      `saveSafetensors: the path must be a string, got ${typeof path}. Write saveSafetensors(tensors, path).`,
    );
  }
  const entries = layOut(tensors);
  refuseShared("saveSafetensors", tensors);
  const header = encodeHeader(entries, metadata);
  writeChunks("saveSafetensors", path, chunks(header, entries), header.length + (entries.at(-1)?.end ?? 0));
}

/** Throws where two tensors are the same memory, which safetensors cannot say. */
export function refuseShared(writer: string, tensors: ReadonlyMap<string, Tensor>): void {
  const shared = [...dropShared(tensors).dropped][0];
  if (shared === undefined) return;
  throw new UsageError(
    `${writer}: tensors must not share their memory, got "${shared[1]}" and "${shared[0]}". ` +
      `Save dropShared(tensors).tensors and tie the weights again after loading, or clone() one.`,
  );
}

/** Tensors of which each has its own memory, and the names that were left out with the names that hold their data. */
export interface Unshared {
  tensors: Map<string, Tensor>;
  dropped: Map<string, string>;
}

/**
 * Leaves out tensors that are the same memory as an earlier one, as tied weights are. Slices that share only
 * a part stay: each is written as it is.
 */
export function dropShared(tensors: ReadonlyMap<string, Tensor>): Unshared {
  const kept = new Map<string, Tensor>();
  const dropped = new Map<string, string>();
  // only tensors of one shape can be the same: comparing all pairs would take a second for large models
  const byShape = new Map<string, string[]>();
  for (const [name, tensor] of tensors) {
    const key = `${tensor.dtype} ${tensor.shape.join(",")}`;
    const others = byShape.get(key) ?? [];
    const same = tensor.numel === 0 ? undefined : others.find((other) => isSame(tensors.get(other)!, tensor));
    if (same !== undefined) {
      dropped.set(name, same);
      continue;
    }
    byShape.set(key, [...others, name]);
    kept.set(name, tensor);
  }
  return { tensors: kept, dropped };
}

function isSame(a: Tensor, b: Tensor): boolean {
  return native.sameStorage(a.handle, b.handle) && (isSetTo(a.handle, b.handle) as boolean);
}

interface Entry {
  name: string;
  tensor: Tensor;
  format: string;
  shape: number[];
  start: number;
  end: number;
}

function layOut(tensors: ReadonlyMap<string, Tensor>): Entry[] {
  const formats = Object.keys(formatDtypes);
  const formatOf = new Map<string, string>(
    Object.entries(formatDtypes).map(([format, dtype]) => [dtype, format]),
  );
  const entries = [...tensors].map(([name, tensor]) => {
    checkName(name);
    if (tensor.isDisposed) {
      throw new UsageError(
        `saveSafetensors: "${name}" must hold its memory, got a tensor that was disposed. Save it before its scope ends.`,
      );
    }
    const format = formatOf.get(tensor.dtype);
    if (format === undefined) {
      throw new UsageError(
        `saveSafetensors: "${name}" must have a dtype of the format, got ${tensor.dtype}. ` +
          `Convert it to one of ${[...formatOf.keys()].join(", ")}.`,
      );
    }
    return { name, tensor, format, shape: tensor.shape, start: 0, end: 0, utf8: Buffer.from(name) };
  });
  entries.sort(
    (a, b) => formats.indexOf(a.format) - formats.indexOf(b.format) || Buffer.compare(a.utf8, b.utf8),
  );
  let offset = 0;
  for (const entry of entries) {
    entry.start = offset;
    offset += entry.tensor.nbytes;
    entry.end = offset;
  }
  return entries;
}

function checkName(name: string): void {
  if (name === "__metadata__") {
    throw new UsageError(
      `saveSafetensors: "__metadata__" must not be a tensor's name: the format uses it. Rename it.`,
    );
  }
  if (/\p{Surrogate}/u.test(name)) {
    throw new UsageError(
      `saveSafetensors: names must be valid Unicode, got ${JSON.stringify(name)}. Rename it.`,
    );
  }
}

function encodeHeader(entries: readonly Entry[], metadata: Readonly<Record<string, string>>): Buffer {
  const parts: string[] = [];
  const keys = Object.keys(metadata).sort();
  for (const key of keys) {
    if (typeof metadata[key] !== "string") {
      throw new UsageError(
        `saveSafetensors: metadata.${key} must be a string, got ${typeof metadata[key]}. Use JSON.stringify.`,
      );
    }
  }
  if (keys.length > 0) {
    const pairs = keys.map((key) => `${JSON.stringify(key)}:${JSON.stringify(metadata[key])}`);
    parts.push(`"__metadata__":{${pairs.join(",")}}`);
  }
  for (const { name, format, shape, start, end } of entries) {
    const entry = JSON.stringify({ dtype: format, shape, data_offsets: [start, end] });
    parts.push(`${JSON.stringify(name)}:${entry}`);
  }
  const json = Buffer.from(`{${parts.join(",")}}`);
  const length = Math.ceil(json.length / 8) * 8; // the data is aligned to its widest dtype
  if (length > maxHeaderBytes) {
    throw new UsageError(
      `saveSafetensors: the header must be at most ${maxHeaderBytes} bytes long, got ${length}. Shorten the metadata.`,
    );
  }
  const header = Buffer.alloc(8 + length, " ");
  header.writeBigUInt64LE(BigInt(length));
  json.copy(header, 8);
  return header;
}

function* chunks(header: Buffer, entries: readonly Entry[]): Iterable<Uint8Array> {
  yield header;
  for (const { tensor } of entries) if (tensor.nbytes > 0) yield bytesOf(tensor);
}
