// Arrays of numpy, both ways. The golden files are written by tools/golden/numpy_io.py.
import { copyFileSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { liveTensors } from "../../../tests/live-tensors.ts";
import { messagesOf } from "../../../tests/mistakes.ts";
import { ones, scope, tensor, viewAsReal, zeros } from "../index.ts";
import type { Dtype } from "../index.ts";
import type { Tensor } from "../tensor.ts";
import { loadNpy, loadNpz, saveNpy, saveNpz } from "./index.ts";
import { zipChunks } from "./zip-writer.ts";

const goldens = new URL("../../../tests/goldens/torch/numpy/", import.meta.url).pathname;
const golden = (name: string) => join(goldens, name);
interface Described {
  dtype: Dtype;
  shape: number[];
  strides: number[];
  values: unknown[];
}
const described = JSON.parse(readFileSync(golden("values.json"), "utf8")) as Record<string, Described>;
// numpy writes native byte order and version 1 alone
const isForeign = (name: string) => name.startsWith("big") || name.startsWith("version");
const written = Object.keys(described).filter((name) => !isForeign(name));

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sconce-"));
  path = join(folder, "x.npy");
});

function expectDescribed(name: string, found: Tensor): void {
  const { values, ...about } = described[name]!;
  const { dtype, shape, strides } = found;
  expect([name, { dtype, shape, strides }]).toEqual([name, about]);
  const real = dtype.startsWith("complex") ? viewAsReal(found) : found;
  const numbers = (real.flatten().tolist() as unknown[]).map((x) => (typeof x === "bigint" ? String(x) : x));
  expect([name, numbers]).toEqual([name, values]);
}

describe("files of numpy", () => {
  test.each(Object.keys(described))("%s.npy loads", (name) => {
    expectDescribed(name, loadNpy(golden(`${name}.npy`)));
  });

  test.each(written)("%s.npy comes out byte for byte when saved again", (name) => {
    saveNpy(path, loadNpy(golden(`${name}.npy`)));
    expect(readFileSync(path).equals(readFileSync(golden(`${name}.npy`)))).toBe(true);
  });

  test.each(["plain.npz", "compressed.npz"])("%s loads whole and in part", (name) => {
    const found = loadNpz(golden(name));
    expect([...found.keys()]).toEqual(written);
    for (const [key, value] of found) expectDescribed(key, value);
    const some = loadNpz(golden(name), { keys: ["vector", "f4"], filter: (key) => key !== "f4" });
    expect([...some.keys()]).toEqual(["vector"]);
  });
});

describe("saving", () => {
  test.each([false, true])(
    "an archive comes back as it was, and holds numpy's bytes (compressed: %s)",
    (compressed) => {
      const tensors = loadNpz(golden("plain.npz"));
      saveNpz(path, tensors, { compressed });
      const found = loadNpz(path);
      expect([...found.keys()]).toEqual(written);
      for (const [key, value] of found) expectDescribed(key, value);
      const first = readFileSync(path);
      saveNpz(path, Object.fromEntries(tensors), { compressed });
      expect([...loadNpz(path).keys()].sort()).toEqual([...written].sort());
      if (!compressed) expect(first.includes(readFileSync(golden("f4.npy")))).toBe(true);
    },
  );

  test("writes slices, recorded and transposed tensors by their elements", () => {
    const x = tensor([[1, 2, 3], [4, 5, 6]]); // prettier-ignore
    const tensors = { slice: x.narrow(1, 1, 2), t: x.t(), grad: ones([2], { requiresGrad: true }), expanded: tensor([7]).expand([3]) }; // prettier-ignore
    saveNpz(path, tensors);
    const found = loadNpz(path);
    for (const [name, value] of Object.entries(tensors))
      expect(found.get(name)!.tolist()).toEqual(value.tolist());
  });

  test("makes no tensor that stays", () => {
    const x = ones([20, 30]);
    const before = liveTensors();
    saveNpy(path, x.t());
    saveNpz(path, { x });
    expect(liveTensors()).toBe(before);
  });

  test("what cannot be written is refused before the old file is touched", () => {
    writeFileSync(path, "old");
    const disposed = ones([1]);
    disposed.dispose();
    const mistakes = [
      () => saveNpy(path, zeros([1], { dtype: "bfloat16" })),
      () => saveNpy(path, disposed),
      () => saveNpz(path, { x: zeros([1], { dtype: "float8_e5m2" }) }),
      ...["", "../x", "/x", "a\\b", "a/.."].map((name) => () => saveNpz(path, { [name]: ones([1]) })),
      () => saveNpy(join(path, "below-a-file"), ones([1])),
    ];
    expect(messagesOf(mistakes, folder)).toMatchInlineSnapshot(`
      "UsageError: saveNpy: numpy has no bfloat16. Convert the tensor, with float() for one.
      UsageError: saveNpy: the tensor must hold its memory, got one that was disposed. Save it before its scope ends.
      UsageError: saveNpz: numpy has no float8_e5m2. Convert the tensor, with float() for one.
      UsageError: saveNpz: names must be plain, got "". Rename it.
      UsageError: saveNpz: names must be plain, got "../x". Rename it.
      UsageError: saveNpz: names must be plain, got "/x". Rename it.
      UsageError: saveNpz: names must be plain, got "a\\\\b". Rename it.
      UsageError: saveNpz: names must be plain, got "a/..". Rename it.
      FileError: saveNpy: cannot write DIR/x.npy/below-a-file (132 bytes): EEXIST: file already exists, mkdir 'DIR/x.npy'. What was there before is untouched. Free space, or choose another place."
    `);
    expect(readFileSync(path, "utf8")).toBe("old");
    expect(readdirSync(folder)).toEqual(["x.npy"]);
  });
});

describe("memory", () => {
  test("a tensor may be written to without changing the file", () => {
    copyFileSync(golden("big.npy"), path);
    const before = readFileSync(path);
    loadNpy(path).fill_(9);
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  test("loading reads no elements, and scopes free what was loaded", () => {
    scope(() => saveNpz(path, { x: ones([64, 1024, 1024], { dtype: "uint8" }) }));
    const before = liveTensors();
    const rss = process.memoryUsage.rss();
    scope(() => {
      expect(loadNpz(path).get("x")!.numel).toBe(2 ** 26);
      expect(process.memoryUsage.rss() - rss).toBeLessThan(2 ** 24);
    });
    expect(liveTensors()).toBe(before);
  });
});

describe("hostile files", () => {
  /** Makes a file of a header's text and some data. */
  function npy(header: string, data = 8, version = 1): Buffer {
    const start = Buffer.alloc(version === 1 ? 10 : 12);
    start.write("\x93NUMPY", "latin1");
    start[6] = version;
    if (version === 1) start.writeUInt16LE(header.length, 8);
    else start.writeUInt32LE(header.length, 8);
    return Buffer.concat([start, Buffer.from(header, "latin1"), Buffer.alloc(data)]);
  }
  const dict = ({ descr = "'<f4'", order = "False", shape = "(2,)" }) =>
    `{'descr': ${descr}, 'fortran_order': ${order}, 'shape': ${shape}, }\n`;

  test("a sound one loads, so that the faults below are the only ones", () => {
    for (const header of [
      dict({}),
      "{'shape':(2L,),'fortran_order':False,'descr':'<f4'}",
      dict({ shape: "(1, 2)" }),
    ]) {
      writeFileSync(path, npy(header));
      expect(loadNpy(path).flatten().tolist()).toEqual([0, 0]);
    }
  });

  test("each fault is named", () => {
    const files: Record<string, Buffer> = {
      nothing: Buffer.alloc(0),
      text: Buffer.from("not an array"),
      "a length without a header": Buffer.from("\x93NUMPY\x01\0\xff\xff", "latin1"),
      "a header of 4 GB": npy(dict({}), 8, 2).fill(255, 8, 12),
      "version 4": npy(dict({}), 8, 4),
      "version 0": npy(dict({}), 8, 0),
      code: npy("__import__('os').system('id')"),
      "code for a shape": npy(dict({ shape: "(__import__('os').system('id'),)" })),
      "a key too many": npy(`${dict({}).trim().slice(0, -1)}'x': (1,)}`),
      "a key twice": npy("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}"),
      "a key too few": npy("{'descr': '<f4', 'fortran_order': False}"),
      "no dict": npy("['descr']"),
      "text after it": npy(`${dict({})} + 1`),
      "many spaces": npy(`{${" ".repeat(60_000)}x`),
      "a flag that is a number": npy(dict({ order: "1" })),
      "a shape that is a number": npy(dict({ shape: "2" })),
      "a shape without a comma": npy(dict({ shape: "(2)" })),
      "a negative size": npy(dict({ shape: "(-2,)" })),
      "a product beyond all files": npy(dict({ shape: "(4294967296, 4294967296)" })),
      "65 dimensions": npy(dict({ shape: `(${"1,".repeat(65)})` })),
      "an unknown dtype": npy(dict({ descr: "'<f3'" })),
      "a dtype named like a method": npy(dict({ descr: "'<toString'" })),
      "too few bytes": npy(dict({}), 7),
      "too many bytes": npy(dict({}), 9),
      "no elements but bytes": npy(dict({ shape: "(0,)" })),
    };
    const before = liveTensors();
    const found = Object.entries(files).map(([fault, bytes]) => {
      writeFileSync(path, bytes);
      return `${fault}: ${messagesOf([() => loadNpy(path)], folder)}`;
    });
    for (const name of readdirSync(goldens).filter((name) => name.startsWith("refused"))) {
      found.push(`${name}: ${messagesOf([() => loadNpy(golden(name))], goldens.slice(0, -1))}`);
    }
    expect(found.join("\n")).toMatchInlineSnapshot(`
      "nothing: FileError: DIR/x.npy: the file must start with \\x93NUMPY, got something else. The file is damaged or no array of numpy: download or save it again.
      text: FileError: DIR/x.npy: the file must start with \\x93NUMPY, got something else. The file is damaged or no array of numpy: download or save it again.
      a length without a header: FileError: DIR/x.npy: the header must take at most 0 bytes, got 65535. The file is damaged or no array of numpy: download or save it again.
      a header of 4 GB: FileError: DIR/x.npy: the header must take at most 66 bytes, got 4294967295. The file is damaged or no array of numpy: download or save it again.
      version 4: FileError: DIR/x.npy: the version must be 1, 2 or 3, got 4. The file is damaged or no array of numpy: download or save it again.
      version 0: FileError: DIR/x.npy: the version must be 1, 2 or 3, got 0. The file is damaged or no array of numpy: download or save it again.
      code: FileError: DIR/x.npy: the header must hold descr, fortran_order and shape alone, got "__import__('os').system('id')". The file is damaged or no array of numpy: download or save it again.
      code for a shape: FileError: DIR/x.npy: the header must hold descr, fortran_order and shape alone, got "{'descr': '<f4', 'fortran_order': False, 'shape': (__import__('os').system('id'),), }\\n". The file is damaged or no array of numpy: download or save it again.
      a key too many: FileError: DIR/x.npy: the header must hold descr, fortran_order and shape alone, got "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'x': (1,)}". The file is damaged or no array of numpy: download or save it again.
      a key twice: FileError: DIR/x.npy: the header must hold descr, fortran_order and shape alone, got "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}". The file is damaged or no array of numpy: download or save it again.
      a key too few: FileError: DIR/x.npy: the header must hold descr, fortran_order and shape alone, got "{'descr': '<f4', 'fortran_order': False}". The file is damaged or no array of numpy: download or save it again.
      no dict: FileError: DIR/x.npy: the header must hold descr, fortran_order and shape alone, got "['descr']". The file is damaged or no array of numpy: download or save it again.
      text after it: FileError: DIR/x.npy: the header must hold descr, fortran_order and shape alone, got "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\\n + 1". The file is damaged or no array of numpy: download or save it again.
      many spaces: FileError: DIR/x.npy: the header must hold descr, fortran_order and shape alone, got "{                                                                                                ...". The file is damaged or no array of numpy: download or save it again.
      a flag that is a number: FileError: DIR/x.npy: the header must hold descr, fortran_order and shape alone, got "{'descr': '<f4', 'fortran_order': 1, 'shape': (2,), }\\n". The file is damaged or no array of numpy: download or save it again.
      a shape that is a number: FileError: DIR/x.npy: the header must hold descr, fortran_order and shape alone, got "{'descr': '<f4', 'fortran_order': False, 'shape': 2, }\\n". The file is damaged or no array of numpy: download or save it again.
      a shape without a comma: FileError: DIR/x.npy: the shape must be a tuple of whole numbers, got (2). The file is damaged or no array of numpy: download or save it again.
      a negative size: FileError: DIR/x.npy: the header must hold descr, fortran_order and shape alone, got "{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }\\n". The file is damaged or no array of numpy: download or save it again.
      a product beyond all files: FileError: DIR/x.npy: an array of shape [4294967296, 4294967296] must take fewer bytes. The file is damaged or no array of numpy: download or save it again.
      65 dimensions: FileError: DIR/x.npy: the shape must be a tuple of whole numbers, got (1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,). The file is damaged or no array of numpy: download or save it again.
      an unknown dtype: FileError: DIR/x.npy: has the dtype "<f3", which no tensor has. Convert it to one of b1, i1, i2, i4, i8, u1, u2, u4, u8, f2, f4, f8, c8, c16.
      a dtype named like a method: FileError: DIR/x.npy: has the dtype "<toString", which no tensor has. Convert it to one of b1, i1, i2, i4, i8, u1, u2, u4, u8, f2, f4, f8, c8, c16.
      too few bytes: FileError: DIR/x.npy: an array of shape [2] must take 8 bytes, got 7. The file is damaged or no array of numpy: download or save it again.
      too many bytes: FileError: DIR/x.npy: an array of shape [2] must take 8 bytes, got 9. The file is damaged or no array of numpy: download or save it again.
      no elements but bytes: FileError: DIR/x.npy: an array of shape [0] must take 0 bytes, got 8. The file is damaged or no array of numpy: download or save it again.
      refused-date.npy: FileError: DIR/refused-date.npy: has the dtype "<M8[D]", which no tensor has. Convert it to one of b1, i1, i2, i4, i8, u1, u2, u4, u8, f2, f4, f8, c8, c16.
      refused-long.npy: FileError: DIR/refused-long.npy: has the dtype "<f16", which no tensor has. Convert it to one of b1, i1, i2, i4, i8, u1, u2, u4, u8, f2, f4, f8, c8, c16.
      refused-object.npy: FileError: DIR/refused-object.npy: holds Python objects, which are a pickle and may run code. Save numbers with another dtype.
      refused-structured.npy: FileError: DIR/refused-structured.npy: holds a structured array, which no tensor is. Save each field as an array of its own.
      refused-text.npy: FileError: DIR/refused-text.npy: has the dtype "<U2", which no tensor has. Convert it to one of b1, i1, i2, i4, i8, u1, u2, u4, u8, f2, f4, f8, c8, c16."
    `);
    expect(liveTensors()).toBe(before);
  });

  test("archives that fill the memory or hold something else are refused", () => {
    const zip = (name: string, bytes: Buffer, deflate = false) =>
      Buffer.concat([...zipChunks([{ name, open: () => bytes, deflate }])]);
    const bomb = npy(dict({ shape: "(25000000,)" }), 100_000_000);
    const shortened = zip("x.npy", npy(dict({})), true);
    shortened.writeUInt32LE(50, shortened.lastIndexOf("x.npy") - 46 + 24); // less than it unpacks to
    const files: Record<string, Buffer> = {
      "a bomb": zip("x.npy", bomb, true),
      "a size that is too small": shortened,
      "another kind of file": zip("x.txt", npy(dict({}))),
      "a damaged array": zip("x.npy", npy(dict({}), 7), true),
    };
    const found = Object.entries(files).map(([fault, bytes]) => {
      writeFileSync(path, bytes);
      return `${fault}: ${messagesOf([() => loadNpz(path, { maxUnpackedBytes: 50_000_000 })], folder)}`;
    });
    expect(found.join("\n")).toMatchInlineSnapshot(`
      "a bomb: FileError: DIR/x.npy: the compressed arrays must unpack to at most 50000000 bytes, got 100000075. Load them with keys, or raise maxUnpackedBytes.
      a size that is too small: FileError: DIR/x.npy: entry "x.npy" must unpack to 50 bytes, got an error. The file is damaged: download or save it again.
      another kind of file: FileError: DIR/x.npy: the archive must hold .npy files, got "x.txt". The file is damaged: download or save it again.
      a damaged array: FileError: DIR/x.npy: x.npy: an array of shape [2] must take 8 bytes, got 7. The file is damaged or no array of numpy: download or save it again."
    `);
  });
});
