// Files against Hugging Face's safetensors. The golden files are written by tools/golden/safetensors_io.py.
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { liveTensors } from "../../../tests/live-tensors.ts";
import { messagesOf } from "../../../tests/mistakes.ts";
import { fromTypedArray, full, ones, randn, scope, tensor, viewAsReal, zeros } from "../index.ts";
import type { Dtype } from "../index.ts";
import {
  dropShared,
  hashTensors,
  loadSafetensors,
  loadShardedSafetensors,
  readSafetensorsHeader,
  safeOpen,
  saveSafetensors,
  saveShardedSafetensors,
} from "./index.ts";

const goldens = new URL("../../../tests/goldens/torch/", import.meta.url).pathname;
const golden = join(goldens, "safetensors-dtypes.safetensors");
const goldenNames = ["safetensors-dtypes", "safetensors-narrow"];
const described = (name: string) =>
  JSON.parse(readFileSync(join(goldens, `${name}.json`), "utf8")) as Record<
    string,
    { dtype: Dtype; shape: number[]; values: (number | boolean | string)[] }
  >;

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sconce-"));
  path = join(folder, "model.safetensors");
});

describe("files of Python's safetensors", () => {
  test.each(goldenNames)("%s loads with every dtype, shape and odd name", (file) => {
    const loaded = loadSafetensors(join(goldens, `${file}.safetensors`));
    const expected = described(file);
    expect([...loaded.keys()].sort()).toEqual(Object.keys(expected).sort());
    for (const [name, { dtype, shape, values }] of Object.entries(expected)) {
      const found = loaded.get(name)!;
      expect([name, found.dtype, found.shape]).toEqual([name, dtype, shape]);
      const flat = dtype === "complex64" ? viewAsReal(found) : found;
      const numbers = (flat.flatten().tolist() as unknown[]).map((x) =>
        typeof x === "bigint" ? String(x) : x,
      );
      expect(numbers).toEqual(values);
    }
  });

  test.each(goldenNames)("%s comes out byte for byte, in whatever order the tensors are given", (file) => {
    const golden = join(goldens, `${file}.safetensors`);
    const loaded = loadSafetensors(golden);
    const { metadata } = readSafetensorsHeader(golden);
    expect(metadata).toEqual({ format: "pt" });
    for (const tensors of [loaded, new Map([...loaded].reverse())]) {
      saveSafetensors(tensors, path, metadata);
      expect(readFileSync(path).equals(readFileSync(golden))).toBe(true);
    }
  });

  test("list tensors as they lie in the file, also those whose names are numbers", () => {
    saveSafetensors(new Map([["b", ones([1])], ["1", ones([1], { dtype: "float64" })], ["0", ones([1])]]), path); // prettier-ignore
    expect([...loadSafetensors(path).keys()]).toEqual(["1", "0", "b"]);
  });

  test("load in part, by name and in the order asked for", () => {
    const loaded = loadSafetensors(golden, { keys: ["scalar", "bool", "scalar"] });
    expect([...loaded.keys()]).toEqual(["scalar", "bool"]);
    const floats = loadSafetensors(golden, { filter: (name) => name.startsWith("float") });
    expect([...floats.keys()].sort()).toEqual(["float16", "float32", "float64"]);
  });

  test("load from shards by their index", () => {
    const index = join(goldens, "safetensors-sharded", "model.safetensors.index.json");
    const loaded = loadShardedSafetensors(index);
    expect([...loaded].map(([name, found]) => [name, found.tolist()])).toEqual([
      ["a.weight", [[0, 1, 2], [3, 4, 5]]], // prettier-ignore
      ["a.bias", [1, 1]],
      ["b.weight", [7, 7, 7]],
    ]);
    expect([...loadShardedSafetensors(index, { keys: ["b.weight"] }).keys()]).toEqual(["b.weight"]);
  });
});

describe("safeOpen", () => {
  const rows = () => tensor([[0, 1, 2], [3, 4, 5], [6, 7, 8]]); // prettier-ignore

  test("gives names, metadata, tensors and slices, which outlive it", () => {
    saveSafetensors(new Map([["x", rows()]]), path, { step: "3" });
    const file = safeOpen(path);
    expect([file.keys(), file.metadata]).toEqual([["x"], { step: "3" }]);
    const slices = [
      file.getSlice("x", [[1, 3]]),
      file.getSlice("x", [[1], [0, 2]]),
      file.getSlice("x", [[0], [2, 3]]),
      file.getSlice("x", [[1, 1]]),
      file.getSlice("x", []),
      file.getTensor("x"),
    ];
    file.close();
    file.close();
    expect(slices.map((slice) => slice.tolist())).toEqual([
      [[3, 4, 5], [6, 7, 8]],
      [[3, 4], [6, 7]],
      [[2], [5], [8]],
      [],
      rows().tolist(),
      rows().tolist(),
    ]); // prettier-ignore
  });

  test("a slice reads nothing but itself", () => {
    saveSafetensors(new Map([["x", ones([64, 1024, 1024], { dtype: "uint8" })]]), path);
    const before = liveTensors();
    const rss = process.memoryUsage.rss();
    scope(() => {
      const slice = safeOpen(path).getSlice("x", [[10, 11]]);
      expect(slice.sum().item()).toBe(2 ** 20);
      expect(process.memoryUsage.rss() - rss).toBeLessThan(2 ** 24);
    });
    expect(liveTensors()).toBe(before);
  });

  test("says what cannot be taken", () => {
    saveSafetensors(new Map([["x", rows()]]), path);
    const file = safeOpen(path);
    const closed = safeOpen(path);
    closed.close();
    const mistakes = [
      () => file.getTensor("y"),
      () => file.getSlice("x", [[0], [0], [0]]),
      () => file.getSlice("x", [[1, 4]]),
      () => file.getSlice("x", [[2, 1]]),
      () => file.getSlice("x", [[0], [-1]]),
      () => file.getSlice("x", [[0.5]]),
      () => closed.getTensor("x"),
      () => safeOpen(folder),
    ];
    expect(messagesOf(mistakes, folder)).toMatchInlineSnapshot(`
      "FileError: DIR/model.safetensors: has no tensor "y". Did you mean "x"?
      UsageError: getSlice: "x" has 2 dimensions, got 3 ranges. Leave some out.
      UsageError: getSlice: "x" must be sliced within its shape [3, 3], got 1 to 4 in dimension 0. Count from 0.
      UsageError: getSlice: "x" must be sliced within its shape [3, 3], got 2 to 1 in dimension 0. Count from 0.
      UsageError: getSlice: "x" must be sliced within its shape [3, 3], got -1 to 3 in dimension 1. Count from 0.
      UsageError: getSlice: "x" must be sliced within its shape [3, 3], got 0.5 to 3 in dimension 0. Count from 0.
      UsageError: safeOpen: DIR/model.safetensors must be open, got it closed. Take tensors before close().
      FileError: DIR: must be a file, got a folder or device. Name the file itself."
    `);
    file.close();
  });
});

describe("shards", () => {
  const sizes = Object.entries({ b: 6, a: 6, c: 2, d: 6, e: 2, f: 2, g: 11 });
  const tensors = () =>
    new Map(sizes.map(([name, size]) => [name, full([size], size, { dtype: "float32" })]));

  test("are split and written as huggingface_hub does, and load again", () => {
    const files = saveShardedSafetensors(tensors(), folder, { maxShardSize: 40 });
    expect(readdirSync(folder).sort()).toEqual([...files].sort());
    const hub = join(goldens, "safetensors-hub");
    expect(readdirSync(hub).sort()).toEqual([...files].sort());
    const shards = files.filter((file) => file.endsWith(".safetensors"));
    for (const file of shards) {
      expect(readFileSync(join(folder, file)).equals(readFileSync(join(hub, file)))).toBe(true);
    }
    const index = "model.safetensors.index.json";
    const parse = (folder: string): unknown => JSON.parse(readFileSync(join(folder, index), "utf8"));
    expect(parse(folder)).toEqual(parse(hub));
    const loaded = loadShardedSafetensors(join(folder, index), { filter: (name) => name !== "g" });
    expect([...loaded].map(([name, { numel }]) => [name, numel]).sort()).toEqual(
      sizes.filter(([name]) => name !== "g").sort(),
    );
  });

  test("what fits one file is one file, and the files of an earlier save go", () => {
    saveShardedSafetensors(tensors(), folder, { maxShardSize: "0.04 KB" });
    writeFileSync(join(folder, "model.safetensors.backup"), "");
    expect(saveShardedSafetensors(tensors(), folder)).toEqual(["model.safetensors"]);
    expect(readdirSync(folder).sort()).toEqual(["model.safetensors", "model.safetensors.backup"]);
    expect(readSafetensorsHeader(path).metadata).toEqual({ format: "pt" });
    saveShardedSafetensors(tensors(), folder, { maxShardSize: 140 });
    saveShardedSafetensors(tensors(), folder, { maxShardSize: 139 });
    expect(readdirSync(folder)).not.toContain("model.safetensors");
    expect(saveShardedSafetensors(new Map(), folder)).toEqual(["model.safetensors"]);
  });

  test("tied weights and sizes without sense are refused", () => {
    const x = ones([2]);
    const tied = new Map([["a", x], ["b", x]]); // prettier-ignore
    const save = (maxShardSize: string | number) => () =>
      saveShardedSafetensors(new Map(), folder, { maxShardSize });
    const mistakes = [
      () => saveShardedSafetensors(tied, folder, { maxShardSize: 8 }),
      ...[0, -1, NaN, "5", "GB", "5 GiB", "-1GB"].map(save),
    ];
    expect(messagesOf(mistakes, folder)).toMatchInlineSnapshot(`
      "UsageError: saveShardedSafetensors: tensors must not share their memory, got "a" and "b". Save dropShared(tensors).tensors and tie the weights again after loading, or clone() one.
      UsageError: saveShardedSafetensors: maxShardSize must be bytes or a size in KB, MB, GB or TB, got 0. Write "5GB".
      UsageError: saveShardedSafetensors: maxShardSize must be bytes or a size in KB, MB, GB or TB, got -1. Write "5GB".
      UsageError: saveShardedSafetensors: maxShardSize must be bytes or a size in KB, MB, GB or TB, got null. Write "5GB".
      UsageError: saveShardedSafetensors: maxShardSize must be bytes or a size in KB, MB, GB or TB, got "5". Write "5GB".
      UsageError: saveShardedSafetensors: maxShardSize must be bytes or a size in KB, MB, GB or TB, got "GB". Write "5GB".
      UsageError: saveShardedSafetensors: maxShardSize must be bytes or a size in KB, MB, GB or TB, got "5 GiB". Write "5GB".
      UsageError: saveShardedSafetensors: maxShardSize must be bytes or a size in KB, MB, GB or TB, got "-1GB". Write "5GB"."
    `);
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe("memory", () => {
  test("a tensor may be written to without changing the file", () => {
    copyFileSync(golden, path);
    const before = readFileSync(path);
    const loaded = loadSafetensors(path);
    loaded.get("float32")!.fill_(9);
    expect(loaded.get("float32")!.tolist()).toEqual([[9, 9, 9], [9, 9, 9]]); // prettier-ignore
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  test("tensors keep their values when another file is renamed over theirs", () => {
    saveSafetensors(new Map([["x", ones([1000])]]), path);
    const x = loadSafetensors(path).get("x")!;
    saveSafetensors(new Map([["x", zeros([1000])]]), path);
    expect(x.sum().item()).toBe(1000);
    expect(loadSafetensors(path).get("x")!.sum().item()).toBe(0);
  });

  test("loading reads no weights, and scopes free what was loaded", () => {
    saveSafetensors(new Map([["x", ones([64, 1024, 1024], { dtype: "uint8" })]]), path);
    const before = liveTensors();
    const rss = process.memoryUsage.rss();
    scope(() => {
      expect(loadSafetensors(path).get("x")!.numel).toBe(2 ** 26);
      expect(process.memoryUsage.rss() - rss).toBeLessThan(2 ** 24);
    });
    expect(liveTensors()).toBe(before);
  });

  test("saving makes no tensor that stays", () => {
    const x = randn([20, 30]);
    const before = liveTensors();
    saveSafetensors(new Map([["x", x]]), path);
    expect(liveTensors()).toBe(before);
  });
});

describe("saving", () => {
  test("writes transposed, sliced, expanded and recorded tensors by their elements", () => {
    const x = tensor([[1, 2, 3], [4, 5, 6]]); // prettier-ignore
    const tensors = new Map([
      ["transposed", x.t()],
      ["sliced", x.narrow(1, 1, 2)],
      ["row", x.select(0, 1)],
      ["expanded", tensor([7]).expand([3])],
      ["parameter", ones([2], { requiresGrad: true }).mul(2)],
    ]);
    saveSafetensors(tensors, path);
    const loaded = loadSafetensors(path);
    for (const [name, expected] of tensors) expect(loaded.get(name)!.tolist()).toEqual(expected.tolist());
  });

  test("sorts metadata, so that equal input gives equal bytes", () => {
    const tensors = new Map([["x", ones([1])]]);
    saveSafetensors(tensors, path, { b: "2", a: 'ü "1"\n' });
    const first = readFileSync(path);
    saveSafetensors(tensors, path, { a: 'ü "1"\n', b: "2" });
    expect(readFileSync(path).equals(first)).toBe(true);
    expect(readSafetensorsHeader(path).metadata).toEqual({ a: 'ü "1"\n', b: "2" });
  });

  test("aligns every tensor to its own width", () => {
    const tensors = new Map([
      ["a", ones([3], { dtype: "uint8" })],
      ["b", ones([3], { dtype: "float64" })],
      ["c", ones([3], { dtype: "bfloat16" })],
      ["d", ones([3])],
    ]);
    saveSafetensors(tensors, path, { padding: "1" });
    const { tensors: entries, dataStart } = readSafetensorsHeader(path);
    for (const [name, { start }] of entries) {
      const width = tensors.get(name)!.nbytes / 3;
      expect((dataStart + start) % width).toBe(0);
    }
  });

  test("makes folders that are missing, and an empty map is a file of no tensors", () => {
    const deep = join(folder, "a", "b", "empty.safetensors");
    saveSafetensors(new Map(), deep);
    expect(loadSafetensors(deep).size).toBe(0);
    expect(readFileSync(deep, "latin1")).toBe("\b\0\0\0\0\0\0\0{}      ");
  });

  test("tied tensors throw; dropShared leaves the first of them and says which went", () => {
    const embedding = randn([4, 3]);
    const tied = new Map([
      ["embedding", embedding],
      ["decoder", embedding.detach()],
      ["slice", embedding.narrow(0, 1, 2)],
      ["transposed", embedding.t()],
      ["copy", embedding.clone()],
      ["none", zeros([0])],
      ["none too", zeros([0])],
    ]);
    expect(() => saveSafetensors(tied, path)).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: saveSafetensors: tensors must not share their memory, got "embedding" and "decoder". Save dropShared(tensors).tensors and tie the weights again after loading, or clone() one.]`,
    );
    const { tensors, dropped } = dropShared(tied);
    expect([...dropped]).toEqual([["decoder", "embedding"]]);
    expect([...tensors.keys()]).toEqual(["embedding", "slice", "transposed", "copy", "none", "none too"]);
    saveSafetensors(tensors, path);
    expect(loadSafetensors(path).get("slice")!.tolist()).toEqual(embedding.narrow(0, 1, 2).tolist());
  });

  test("rows of one tensor are not tied to each other", () => {
    const rows = randn([2, 3]).unbind(0);
    expect(dropShared(new Map(rows.map((row, i) => [`row${i}`, row]))).dropped.size).toBe(0);
  });

  test("what cannot be written is refused before the old file is touched", () => {
    writeFileSync(path, "old");
    const x = ones([1]);
    const disposed = ones([1]);
    disposed.dispose();
    const mistakes: (() => unknown)[] = [
      () => saveSafetensors(new Map([["__metadata__", x]]), path),
      () => saveSafetensors(new Map([["\ud800", x]]), path),
      () => saveSafetensors(new Map([["x", zeros([1], { dtype: "complex128" })]]), path),
      () => saveSafetensors(new Map([["x", x]]), path, { step: 3 as unknown as string }),
      () => saveSafetensors(new Map([["x", disposed]]), path),
      () => saveSafetensors(new Map([["x", x]]), join(path, "below-a-file")),
      () => saveSafetensors(path as never, new Map([["x", x]]) as never),
    ];
    expect(messagesOf(mistakes, folder)).toMatchInlineSnapshot(`
      "UsageError: saveSafetensors: "__metadata__" must not be a tensor's name: the format uses it. Rename it.
      UsageError: saveSafetensors: names must be valid Unicode, got "\\ud800". Rename it.
      UsageError: saveSafetensors: "x" must have a dtype of the format, got complex128. Convert it to one of uint64, int64, float64, complex64, float32, uint32, int32, bfloat16, float16, uint16, int16, float8_e5m2fnuz, float8_e4m3fnuz, float8_e8m0fnu, float8_e4m3fn, float8_e5m2, int8, uint8, bool.
      UsageError: saveSafetensors: metadata.step must be a string, got number. Use JSON.stringify.
      UsageError: saveSafetensors: "x" must hold its memory, got a tensor that was disposed. Save it before its scope ends.
      FileError: saveSafetensors: cannot write DIR/model.safetensors/below-a-file (68 bytes): EEXIST: file already exists, mkdir 'DIR/model.safetensors'. What was there before is untouched. Free space, or choose another place.
      UsageError: saveSafetensors: the path must be a string, got object. Write saveSafetensors(tensors, path)."
    `);
    expect(readFileSync(path, "utf8")).toBe("old");
    expect(readdirSync(folder)).toEqual(["model.safetensors"]);
  });
});

const prlimit = spawnable("prlimit", ["--version"]);

describe.skipIf(!prlimit)("a disk that fills up while a file is written", () => {
  const limit = (bytes: string) =>
    execFileSync("prlimit", ["--pid", String(process.pid), `--fsize=${bytes}:`]);
  afterEach(() => void limit("unlimited"));

  test("leaves the old file and no other", () => {
    saveSafetensors(new Map([["x", ones([4])]]), path);
    const before = readFileSync(path);
    const large = new Map([["x", ones([4])], ["y", ones([1000, 1000])]]); // prettier-ignore
    limit("65536");
    const mistake = () => saveSafetensors(large, path);
    expect(messagesOf([mistake], folder)).toMatchInlineSnapshot(
      `"FileError: saveSafetensors: cannot write DIR/model.safetensors (4000152 bytes): EFBIG: file too large, write. What was there before is untouched. Free space, or choose another place."`,
    );
    limit("unlimited");
    expect(readFileSync(path).equals(before)).toBe(true);
    expect(readdirSync(folder)).toEqual(["model.safetensors"]);
  });
});

describe("damaged files", () => {
  const entry = (fields: object) => ({ dtype: "F32", shape: [2], data_offsets: [0, 8], ...fields });

  function writeBytes(bytes: string | Buffer): string {
    writeFileSync(path, bytes);
    return path;
  }

  function write(header: object | string | Buffer, data = 8): string {
    const json = Buffer.isBuffer(header)
      ? header
      : Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(json.length));
    return writeBytes(Buffer.concat([length, json, Buffer.alloc(data)]));
  }

  test("a sound one loads, so that the faults below are the only ones", () => {
    const sound = loadSafetensors(write({ a: entry({}) }));
    expect(sound.get("a")!.tolist()).toEqual([0, 0]);
    // brackets and quotes inside names are not structure
    const odd = { 'a{"b":[': entry({}), "a\\": entry({ shape: [0], data_offsets: [8, 8] }) };
    expect([...loadSafetensors(write(odd)).keys()]).toEqual(Object.keys(odd));
  });

  test("each fault is named with the file, the tensor and what was found", () => {
    const faults: Record<string, () => string> = {
      "an empty file": () => writeBytes(""),
      text: () => writeBytes("not a model\n"),
      "a header beyond the end": () => writeBytes(readFileSync(write({ a: entry({}) })).subarray(0, 20)),
      "a header of 100 MB and a byte": () => writeBytes(Buffer.from([1, 0xe1, 0xf5, 5, 0, 0, 0, 0])),
      "a header of 2^64 - 1": () => writeBytes(Buffer.alloc(8, 255)),
      "no JSON": () => write("{nothing"),
      "no object": () => write("[1]"),
      "no UTF-8": () => write(Buffer.from([0x7b, 0xff, 0x7d])),
      "a byte order mark": () => write(`\ufeff${JSON.stringify({ a: entry({}) })}`),
      "the same name twice": () =>
        write(`{"a":${JSON.stringify(entry({}))},"a":${JSON.stringify(entry({}))}}`),
      "the same name twice, spelt apart": () =>
        write(`{"a":${JSON.stringify(entry({}))},"\\u0061":${JSON.stringify(entry({}))}}`),
      "the same field twice": () =>
        write('{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}'),
      "metadata of numbers": () => write({ __metadata__: { step: 3 }, a: entry({}) }),
      "metadata as a list": () => write({ __metadata__: [], a: entry({}) }),
      "a tensor that is a list": () => write({ a: [] }),
      "an unknown dtype": () => write({ a: entry({ dtype: "F31" }) }),
      "a dtype named like a method": () => write({ a: entry({ dtype: "toString" }) }),
      "a dtype that sconce lacks": () => write({ a: entry({ dtype: "F4" }) }),
      "no dtype": () => write({ a: { shape: [2], data_offsets: [0, 8] } }),
      "a negative length": () => write({ a: entry({ shape: [-2] }) }),
      "a fraction of a length": () => write({ a: entry({ shape: [1.5] }) }),
      "a product beyond all files": () => write({ a: entry({ shape: [2 ** 40, 2 ** 40] }) }),
      "another size than the shape": () => write({ a: entry({ shape: [3] }) }),
      "offsets the wrong way round": () => write({ a: entry({ data_offsets: [8, 0] }) }),
      "one offset": () => write({ a: entry({ data_offsets: [8] }) }),
      "a hole at the start": () => write({ a: entry({ data_offsets: [4, 12] }) }, 12),
      "a hole between": () => write({ a: entry({}), b: entry({ data_offsets: [12, 20] }) }, 20),
      "an overlap": () => write({ a: entry({}), b: entry({ data_offsets: [4, 12] }) }, 12),
      "two tensors in one place": () => write({ a: entry({}), b: entry({}) }),
      "data cut off": () => write({ a: entry({}) }, 7),
      "data left over": () => write({ a: entry({}) }, 9),
      "a folder": () => folder,
      "no file": () => join(folder, "missing.safetensors"),
    };
    const before = liveTensors();
    const found = Object.entries(faults).map(([fault, make]) => {
      const file = make();
      return `${fault}: ${messagesOf([() => loadSafetensors(file)], folder)}`;
    });
    expect(found.join("\n")).toMatchInlineSnapshot(`
      "an empty file: FileError: DIR/model.safetensors: the file must start with 8 bytes that give the header's length, got 0 bytes. The file is damaged or no safetensors file: download or save it again.
      text: FileError: DIR/model.safetensors: the header must be at most 100000000 bytes long, got 8029109312199881000. The file is damaged or no safetensors file: download or save it again.
      a header beyond the end: FileError: DIR/model.safetensors: the header must fit the file: it takes 54 bytes, got 12. The file is damaged or no safetensors file: download or save it again.
      a header of 100 MB and a byte: FileError: DIR/model.safetensors: the header must be at most 100000000 bytes long, got 100000001. The file is damaged or no safetensors file: download or save it again.
      a header of 2^64 - 1: FileError: DIR/model.safetensors: the header must be at most 100000000 bytes long, got 18446744073709552000. The file is damaged or no safetensors file: download or save it again.
      no JSON: FileError: DIR/model.safetensors: the header must be JSON, got other text. The file is damaged or no safetensors file: download or save it again.
      no object: FileError: DIR/model.safetensors: the header must be a JSON object, got [1]. The file is damaged or no safetensors file: download or save it again.
      no UTF-8: FileError: DIR/model.safetensors: the header must be UTF-8, got other bytes. The file is damaged or no safetensors file: download or save it again.
      a byte order mark: FileError: DIR/model.safetensors: the header must be JSON, got other text. The file is damaged or no safetensors file: download or save it again.
      the same name twice: FileError: DIR/model.safetensors: the header must name each key once, got "a" twice. The file is damaged or no safetensors file: download or save it again.
      the same name twice, spelt apart: FileError: DIR/model.safetensors: the header must name each key once, got "a" twice. The file is damaged or no safetensors file: download or save it again.
      the same field twice: FileError: DIR/model.safetensors: the header must name each key once, got "dtype" twice. The file is damaged or no safetensors file: download or save it again.
      metadata of numbers: FileError: DIR/model.safetensors: __metadata__.step must be a string, got 3. The file is damaged or no safetensors file: download or save it again.
      metadata as a list: FileError: DIR/model.safetensors: __metadata__ must be an object of strings, got []. The file is damaged or no safetensors file: download or save it again.
      a tensor that is a list: FileError: DIR/model.safetensors: tensor "a" must be an object, got []. The file is damaged or no safetensors file: download or save it again.
      an unknown dtype: FileError: DIR/model.safetensors: tensor "a": dtype must be one of U64, I64, F64, C64, F32, U32, I32, BF16, F16, U16, I16, F8_E5M2FNUZ, F8_E4M3FNUZ, F8_E8M0, F8_E4M3, F8_E5M2, I8, U8, BOOL, got "F31". The file is damaged or no safetensors file: download or save it again.
      a dtype named like a method: FileError: DIR/model.safetensors: tensor "a": dtype must be one of U64, I64, F64, C64, F32, U32, I32, BF16, F16, U16, I16, F8_E5M2FNUZ, F8_E4M3FNUZ, F8_E8M0, F8_E4M3, F8_E5M2, I8, U8, BOOL, got "toString". The file is damaged or no safetensors file: download or save it again.
      a dtype that sconce lacks: FileError: DIR/model.safetensors: tensor "a" has the dtype F4, which sconce cannot hold. Convert it to one of U64, I64, F64, C64, F32, U32, I32, BF16, F16, U16, I16, F8_E5M2FNUZ, F8_E4M3FNUZ, F8_E8M0, F8_E4M3, F8_E5M2, I8, U8, BOOL.
      no dtype: FileError: DIR/model.safetensors: tensor "a": dtype must be one of U64, I64, F64, C64, F32, U32, I32, BF16, F16, U16, I16, F8_E5M2FNUZ, F8_E4M3FNUZ, F8_E8M0, F8_E4M3, F8_E5M2, I8, U8, BOOL, got nothing. The file is damaged or no safetensors file: download or save it again.
      a negative length: FileError: DIR/model.safetensors: tensor "a": shape must be whole numbers >= 0, got [-2]. The file is damaged or no safetensors file: download or save it again.
      a fraction of a length: FileError: DIR/model.safetensors: tensor "a": shape must be whole numbers >= 0, got [1.5]. The file is damaged or no safetensors file: download or save it again.
      a product beyond all files: FileError: DIR/model.safetensors: tensor "a": F32 [1099511627776, 1099511627776] must take 4.835703278458517e+24 bytes, got 8. The file is damaged or no safetensors file: download or save it again.
      another size than the shape: FileError: DIR/model.safetensors: tensor "a": F32 [3] must take 12 bytes, got 8. The file is damaged or no safetensors file: download or save it again.
      offsets the wrong way round: FileError: DIR/model.safetensors: tensor "a": data_offsets must be [start, end] with start <= end, got [8,0]. The file is damaged or no safetensors file: download or save it again.
      one offset: FileError: DIR/model.safetensors: tensor "a": data_offsets must be [start, end] with start <= end, got [8]. The file is damaged or no safetensors file: download or save it again.
      a hole at the start: FileError: DIR/model.safetensors: tensor "a" must start at byte 0 of the data, got 4: it leaves a hole before it. The file is damaged or no safetensors file: download or save it again.
      a hole between: FileError: DIR/model.safetensors: tensor "b" must start at byte 8 of the data, got 12: it leaves a hole before it. The file is damaged or no safetensors file: download or save it again.
      an overlap: FileError: DIR/model.safetensors: tensor "b" must start at byte 8 of the data, got 4: it overlaps the tensor before it. The file is damaged or no safetensors file: download or save it again.
      two tensors in one place: FileError: DIR/model.safetensors: tensor "b" must start at byte 8 of the data, got 0: it overlaps the tensor before it. The file is damaged or no safetensors file: download or save it again.
      data cut off: FileError: DIR/model.safetensors: the tensors must fit the file: they take 8 bytes, got 7. The file is cut off: download or copy it again.
      data left over: FileError: DIR/model.safetensors: the tensors must fill the file: they take 8 bytes, got 9. The file is damaged or no safetensors file: download or save it again.
      a folder: FileError: DIR: must be a file, got a folder or device. Name the file itself.
      no file: FileError: DIR/missing.safetensors: the file does not exist. Check the path."
    `);
    expect(liveTensors()).toBe(before);
  });

  test("a tensor that the file does not have is answered with the nearest", () => {
    write({ "layer.weight": entry({}) });
    const load = (key: string) => () => loadSafetensors(path, { keys: [key] });
    expect(messagesOf([load("layer.wieght"), load("zebra")], folder)).toMatchInlineSnapshot(`
      "FileError: DIR/model.safetensors: has no tensor "layer.wieght". Did you mean "layer.weight"?
      FileError: DIR/model.safetensors: has no tensor "zebra". It has 1: layer.weight ..."
    `);
  });

  test("an index that names what is not there, or leads elsewhere", () => {
    const index = join(folder, "model.safetensors.index.json");
    const load = (text: string, keys?: string[]) => {
      writeFileSync(index, text);
      return () => loadShardedSafetensors(index, keys === undefined ? {} : { keys });
    };
    saveSafetensors(new Map([["a", ones([1])]]), join(folder, "one.safetensors"));
    const mistakes = [
      () => load("{")(),
      () => load("{}")(),
      () => load('{"weight_map": {"a": "../one.safetensors"}}')(),
      () => load('{"weight_map": {"a": 3}}')(),
      () => load('{"weight_map": {"a": "two.safetensors"}}')(),
      () => load('{"weight_map": {"b": "one.safetensors"}}')(),
      () => load('{"weight_map": {"a": "one.safetensors"}}', ["toString"])(),
      () => loadShardedSafetensors(join(folder, "no.json")),
    ];
    expect(messagesOf(mistakes, folder)).toMatchInlineSnapshot(`
      "FileError: DIR/model.safetensors.index.json: the index must be JSON, got other text. Download it again.
      FileError: DIR/model.safetensors.index.json: the index must have weight_map, an object from tensor to file. Download it again.
      FileError: DIR/model.safetensors.index.json: weight_map["a"] must be a file beside the index, got "../one.safetensors".
      FileError: DIR/model.safetensors.index.json: weight_map["a"] must be a file beside the index, got 3.
      FileError: DIR/two.safetensors: the file does not exist. Check the path.
      FileError: DIR/one.safetensors: has no tensor "b". Did you mean "a"?
      FileError: DIR/model.safetensors.index.json: has no tensor "toString". It has 1: a ...
      FileError: DIR/no.json: the index cannot be read: ENOENT: no such file or directory, open 'DIR/no.json'. Check the path."
    `);
  });
});

describe("hashTensors", () => {
  const weights = () => new Map([["a", tensor([1, 2])], ["b", tensor([3])]]); // prettier-ignore

  test("is the same for the same weights, in any order and layout", () => {
    const expected = hashTensors(weights());
    expect(expected).toMatchInlineSnapshot(
      `"db71d5c0eccbfb8e0302eb17c8901ee1d383d9b4a15b385f27193a2db8966769"`,
    );
    expect(hashTensors(new Map([...weights()].reverse()))).toBe(expected);
    expect(hashTensors(weights().set("a", tensor([[1, 2], [0, 0]]).t().select(1, 0)))).toBe(expected); // prettier-ignore
  });

  test("differs by name, dtype, shape and the last bit", () => {
    const others = [
      new Map([["a", tensor([1, 2])], ["c", tensor([3])]]), // prettier-ignore
      weights().set("a", tensor([1, 2], { dtype: "float64" })),
      weights().set("a", tensor([[1, 2]])),
      weights().set("a", tensor([1, 2 + 2 ** -22])),
      weights()
        .set("a", fromTypedArray(Float32Array.of(1), [1]))
        .set("b", tensor([2, 3])),
      weights().set("a", tensor([1, 2]).to("int32")),
    ];
    const hashes = new Set([weights(), ...others].map((tensors) => hashTensors(tensors)));
    expect(hashes.size).toBe(others.length + 1);
  });
});

function spawnable(command: string, args: string[]): boolean {
  try {
    execFileSync(command, args, { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
