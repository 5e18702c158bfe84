// Readers of files against bytes that nobody meant: thousands of small damages to sound files, from a fixed seed.
// SCONCE_FUZZ_CASES runs more, and SCONCE_FUZZ_SEED others.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { liveTensors } from "../../../tests/live-tensors.ts";
import { Rng, SconceError } from "../../base/index.ts";
import { Tensor, scope } from "../index.ts";
import {
  load,
  loadNpy,
  loadNpz,
  loadSafetensors,
  loadShardedSafetensors,
  loadTorchWeights,
} from "./index.ts";
import { OpenFile } from "./open-file.ts";
import { readEntryBytes, readZip } from "./zip-reader.ts";
import { zipChunks } from "./zip-writer.ts";

const cases = Number(process.env["SCONCE_FUZZ_CASES"] ?? 300); // for each sound file
const seed = Number(process.env["SCONCE_FUZZ_SEED"] ?? 1);
const memory = "/dev/shm"; // files in memory are written much faster
const folder = mkdtempSync(join(existsSync(memory) ? memory : tmpdir(), "sconce-fuzz-"));
afterAll(() => rmSync(folder, { recursive: true }));

const goldens = new URL("../../../tests/goldens/torch/", import.meta.url).pathname;
const golden = (name: string) => readFileSync(join(goldens, name));

interface Reader {
  bytes: Buffer;
  read: (path: string) => unknown;
  /** Puts the damaged bytes into a file, where they are only a part of one. */
  wrap?: (bytes: Buffer) => Buffer;
}

const readers: Record<string, Reader> = {
  "pickle of tensors": pickleOf("tensors.pt"),
  "pickle of a checkpoint": pickleOf("checkpoint.pt"),
  "pickle of plain data, protocol 2": pickleOf("plain-2.pt"),
  "pickle of plain data, protocol 4": pickleOf("plain-4.pt"),
  "safetensors": { bytes: golden("safetensors-dtypes.safetensors"), read: loadSafetensors },
  "shard index": { bytes: golden("safetensors-hub/model.safetensors.index.json"), read: loadShardedSafetensors },
  "zip of tensors": { bytes: golden("io/tensors.pt"), read: load },
  "zip of a checkpoint": { bytes: golden("io/checkpoint.pt"), read: loadTorchWeights },
  "zip64": { bytes: golden("io/zip64.pt"), read: load },
  "legacy": { bytes: golden("io/legacy.pt"), read: load },
  "npy": { bytes: golden("numpy/fortran.npy"), read: loadNpy },
  "npy, version 3": { bytes: golden("numpy/version-3.npy"), read: loadNpy },
  "npz": { bytes: golden("numpy/plain.npz"), read: loadNpz },
  "npz, compressed": { bytes: golden("numpy/compressed.npz"), read: loadNpz },
}; // prettier-ignore

test.each(Object.keys(readers))(
  "%s: any damage is an error of ours or a sound result",
  (name) => {
    const { bytes, read, wrap = (damaged) => damaged } = readers[name]!;
    const random = new Rng(seed);
    const path = join(folder, "file");
    const before = liveTensors();
    const heap = process.memoryUsage.rss();
    let refused = 0;
    for (let i = 0; i < cases; i++) {
      const damaged = wrap(damage(bytes, random));
      writeFileSync(path, damaged);
      const error = scope(() => errorOf(() => touch(read(path))));
      if (error === undefined) continue;
      refused += 1;
      if (!SconceError.is(error) || error.code === "usage") {
        const kept = join(tmpdir(), `sconce-fuzz-${name.replace(/\W+/g, "-")}-${seed}-${i}`);
        writeFileSync(kept, damaged);
        throw new Error(`case ${i} (${kept}) must give a SconceError, got ${String(error)}`, {
          cause: error,
        });
      }
    }
    expect(refused).toBeGreaterThan(cases / 4); // the damage does reach the readers
    expect(liveTensors()).toBe(before);
    expect(process.memoryUsage.rss() - heap).toBeLessThan(2 ** 29);
  },
  60_000 + 100 * cases,
);

/** A pickle inside its archive, whose sums are made anew: they would hide the damage. */
function pickleOf(name: string): Reader {
  const path = join(goldens, "io", name);
  const entries = OpenFile.use(path, (file) =>
    Array.from(readZip(file).values(), (entry) => ({ name: entry.name, bytes: readEntryBytes(file, entry) })),
  );
  const isPickle = (name: string) => name.endsWith("/data.pkl");
  return {
    bytes: entries.find(({ name }) => isPickle(name))!.bytes,
    read: load,
    wrap: (pickle) => {
      const sources = entries.map(({ name, bytes }) => ({
        name,
        open: () => (isPickle(name) ? pickle : bytes),
      }));
      return Buffer.concat([...zipChunks(sources)]);
    },
  };
}

/** Changes, inserts, removes, copies or cuts off a few bytes. */
function damage(sound: Buffer, random: Rng): Buffer {
  let bytes: Buffer = Buffer.from(sound);
  const below = (limit: number) => random.uint32() % limit;
  for (let edits = 1 + below(3); edits > 0 && bytes.length > 0; edits--) {
    const at = below(bytes.length);
    const [head, tail] = [bytes.subarray(0, at), bytes.subarray(at)];
    const kind = below(7);
    if (kind === 0) bytes[at]! ^= 1 << below(8);
    else if (kind === 1) bytes[at] = [0, 1, 0x7f, 0x80, 0xff, 0x28, 0x52][below(7)]!;
    else if (kind === 2) bytes = Buffer.concat([head, Buffer.from([below(256)]), tail]);
    else if (kind === 3) bytes = Buffer.concat([head, tail.subarray(1 + below(4))]);
    else if (kind === 4)
      bytes = Buffer.concat([head, bytes.subarray(below(bytes.length)).subarray(0, 16), tail]);
    else if (kind === 5) bytes = Buffer.concat([head, Buffer.alloc(8, 0xff), tail.subarray(8)]);
    else bytes = Buffer.from(head);
  }
  return bytes;
}

/** Reads every element that was loaded, but of tensors that show one many times. */
function touch(value: unknown, seen = new Set<unknown>()): void {
  if (typeof value !== "object" || value === null || seen.has(value)) return;
  seen.add(value);
  if (value instanceof Tensor) {
    if (value.numel < 100_000) value.data();
  } else if (Array.isArray(value) || value instanceof Set || value instanceof Map) {
    for (const item of value.values()) touch(item, seen);
  }
}

function errorOf(run: () => void): unknown {
  try {
    run();
    return undefined;
  } catch (error) {
    return error;
  }
}
