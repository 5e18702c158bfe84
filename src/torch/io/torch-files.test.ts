// Files of torch.save, both ways. The golden files are written by tools/golden/torch_io.py.
import { copyFileSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { liveTensors } from "../../../tests/live-tensors.ts";
import { messagesOf } from "../../../tests/mistakes.ts";
import { nn, ones, resolveConj, scope, tensor, viewAsReal } from "../index.ts";
import type { Dtype } from "../index.ts";
import { Tensor } from "../tensor.ts";
import { load, loadShardedTorchWeights, loadTorchWeights, save } from "./index.ts";
import { zipChunks } from "./zip-writer.ts";
import type { ZipSource } from "./zip-writer.ts";

const goldens = new URL("../../../tests/goldens/torch/io/", import.meta.url).pathname;
const golden = (name: string) => join(goldens, name);
type Described = {
  dtype: Dtype;
  shape: number[];
  strides: number[];
  requiresGrad: boolean;
  values: unknown[];
};
const described = JSON.parse(readFileSync(golden("values.json"), "utf8")) as Record<
  string,
  Record<string, Described>
>;

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sconce-"));
  path = join(folder, "file.pt");
});

const loadMap = (name: string) => load(name) as Map<string, Tensor>;

function valuesOf(found: Tensor): unknown[] {
  const real = found.dtype.startsWith("complex") ? viewAsReal(resolveConj(found)) : found;
  const flat = real.detach().flatten().tolist() as unknown[];
  return flat.map((value) => (typeof value === "bigint" ? String(value) : value));
}

function expectDescribed(found: Map<string, Tensor>, expected: Record<string, Described>): void {
  expect([...found.keys()]).toEqual(Object.keys(expected));
  for (const [name, { values, ...about }] of Object.entries(expected)) {
    const { dtype, shape, strides, requiresGrad } = found.get(name)!;
    expect([name, { dtype, shape, strides, requiresGrad }]).toEqual([name, about]);
    expect([name, valuesOf(found.get(name)!)]).toEqual([name, values]);
  }
}

describe("files of Python's torch.save", () => {
  test.each(["tensors.pt", "legacy.pt"])("%s loads with every dtype, stride and flag", (name) => {
    const found = loadMap(golden(name));
    expectDescribed(found, described[name]!);
    expect(found.get("parameter")).toBeInstanceOf(nn.Parameter);
    expect(found.get("frozen")).toBeInstanceOf(nn.Parameter);
    expect(found.get("leaf")).not.toBeInstanceOf(nn.Parameter);
  });

  test.each(["tensors.pt", "legacy.pt"])("%s: views of one tensor share its memory again", (name) => {
    const found = loadMap(golden(name));
    found.get("base")!.fill_(7);
    for (const view of ["transposed", "sliced"]) expect(found.get(view)!.sum().item() % 7).toBe(0);
    expect(found.get("sliced")!.sharesStorageWith(found.get("base")!)).toBe(true);
    expect(found.get("float32")!.sharesStorageWith(found.get("base")!)).toBe(false);
  });

  test.each([2, 3, 4, 5])("plain data loads from protocol %i", (protocol) => {
    const found = load(golden(`plain-${protocol}.pt`)) as Map<string, unknown>;
    const { complex, cycle, ...others } = Object.fromEntries(
      [...found].filter(([key]) => key !== "__proto__"),
    );
    expect(valuesOf(complex as Tensor)).toEqual([1, -2]);
    expect((cycle as unknown[])[0]).toBe(cycle);
    expect(others).toEqual({
      int: 3,
      negative: -70000,
      large: 2 ** 40,
      huge: -(2n ** 70n),
      float: 0.1,
      infinite: -Infinity,
      true: true,
      none: null,
      text: "é 🕯 __proto__",
      bytes: Uint8Array.of(0, 255),
      bytearray: Uint8Array.of(97, 98),
      list: [1, [2, "x"]],
      tuple: [1, [2]],
      set: new Set([1]),
      dict: new Map<unknown, unknown>([[1, "one"], [null, 0], [[1, 2], "pair"]]), // prettier-ignore
      ordered: new Map([["b", 1], ["a", 2]]), // prettier-ignore
      counter: new Map([["a", 2], ["b", 1]]), // prettier-ignore
      dtype: "bfloat16",
      device: "cuda:1",
      size: [2, 3],
      layout: "strided",
    });
    expect(found.get("__proto__")).toEqual(new Map([["polluted", true]]));
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });

  test("a checkpoint of a model and its optimizer: tied weights are one tensor", () => {
    const checkpoint = load(golden("checkpoint.pt")) as Map<string, Map<string, unknown>>;
    const model = checkpoint.get("model") as Map<string, Tensor>;
    expect([...model.keys()]).toEqual(["weight", "bias", "tied"]);
    expect(model.get("tied")!.sharesStorageWith(model.get("weight")!)).toBe(true);
    const [group] = checkpoint.get("optimizer")!.get("param_groups") as Map<string, unknown>[];
    expect([group!.get("lr"), group!.get("momentum"), group!.get("params")]).toEqual([0.001, 0.9, [0, 1]]);
    const linear = new nn.Linear(2, 2);
    model.delete("tied");
    linear.loadStateDict(model);
    expect(linear.weight.tolist()).toEqual(model.get("weight")!.tolist());
  });

  test.each(["big-endian.pt", "zip64.pt"])("%s loads", (name) => {
    const found = loadMap(golden(name));
    expect([...found].map(([key, value]) => [key, valuesOf(value)])).toEqual([
      ["x", [1, -2.5]],
      ["z", [1, 2]],
      ["n", [258]],
    ]);
  });
});

describe("memory", () => {
  test("a tensor may be written to without changing the file, mapped or not", () => {
    copyFileSync(golden("tensors.pt"), path);
    const before = readFileSync(path);
    for (const mmap of [true, false]) {
      const base = (load(path, { mmap }) as Map<string, Tensor>).get("base")!;
      expect(base.fill_(9).sum().item()).toBe(108);
    }
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  test("loading reads no weights, and scopes free what was loaded", () => {
    save({ x: ones([64, 1024, 1024], { dtype: "uint8" }) }, path);
    const before = liveTensors();
    const rss = process.memoryUsage.rss();
    scope(() => {
      expect(loadMap(path).get("x")!.numel).toBe(2 ** 26);
      expect(process.memoryUsage.rss() - rss).toBeLessThan(2 ** 24);
    });
    expect(liveTensors()).toBe(before);
  });

  test("without mmap the file may change afterwards", () => {
    save([ones([4])], path);
    const [x] = load(path, { mmap: false }) as Tensor[];
    writeFileSync(path, Buffer.alloc(readFileSync(path).length));
    expect(x!.tolist()).toEqual([1, 1, 1, 1]);
  });

  test("mapLocation places tensors", () => {
    save([ones([4])], path);
    const [x] = load(path, { mapLocation: "meta" }) as Tensor[];
    expect(x!.device).toBe("meta");
  });

  test("saving makes no tensor that stays", () => {
    const x = ones([20, 30]);
    const before = liveTensors();
    save({ x, y: x.t() }, path);
    expect(liveTensors()).toBe(before);
  });
});

describe("saving", () => {
  test.each(["tensors.pt", "plain-2.pt"])(
    "%s comes back as it was, and equal bytes when saved again",
    (name) => {
      const original = load(golden(name));
      save(original, path);
      const again = load(path);
      if (name === "tensors.pt") expectDescribed(again as Map<string, Tensor>, described[name]!);
      else
        expect((again as Map<string, unknown>).get("dict")).toEqual(
          (original as Map<string, unknown>).get("dict"),
        );
      const first = readFileSync(path);
      save(again, path);
      expect(readFileSync(path).equals(first)).toBe(true);
    },
  );

  test("keeps tied weights, slices and parameters", () => {
    const linear = new nn.Linear(3, 2);
    const state = { weight: linear.weight, same: linear.weight, row: linear.weight.detach().select(0, 1) };
    save(state, path);
    const found = loadMap(path);
    expect(found.get("weight")).toBeInstanceOf(nn.Parameter);
    expect(found.get("same")).toBe(found.get("weight"));
    expect(found.get("row")!.sharesStorageWith(found.get("weight")!)).toBe(true);
    expect(found.get("row")!.tolist()).toEqual(state.row.tolist());
    expect(readFileSync(path).length).toBeLessThan(1600); // one storage of 24 bytes
  });

  test("one storage under two dtypes", () => {
    const x = tensor([1, 2]);
    save([x, x.view({ dtype: "int32" } as never)], path);
    const [floats, integers] = load(path) as Tensor[];
    expect([floats!.tolist(), integers!.tolist()]).toEqual([[1, 2], [0x3f800000, 0x40000000]]); // prettier-ignore
    expect(integers!.sharesStorageWith(floats!)).toBe(true);
  });

  test("plain objects become dicts and come back as Maps", () => {
    const shared = [1];
    save({ epoch: 3, lr: 0.5, zero: -0, names: ["a"], shared: [shared, shared], none: null }, path);
    const found = load(path) as Map<string, unknown>;
    expect(found.get("epoch")).toBe(3);
    expect(Object.is(found.get("zero"), -0)).toBe(true);
    const [first, second] = found.get("shared") as unknown[];
    expect(first).toBe(second);
  });

  test("aligns every storage to 64 bytes", () => {
    save({ a: ones([3], { dtype: "uint8" }), b: ones([3]) }, path);
    const bytes = readFileSync(path);
    for (let at = bytes.indexOf("archive/data/"); at !== -1; at = bytes.indexOf("archive/data/", at + 1)) {
      const header = at - 30;
      if (bytes.readUInt32LE(header) !== 0x04034b50) continue;
      expect((at + bytes.readUInt16LE(header + 26) + bytes.readUInt16LE(header + 28)) % 64).toBe(0);
    }
  });

  test("what cannot be written is refused before the old file is touched", () => {
    writeFileSync(path, "old");
    const disposed = ones([1]);
    disposed.dispose();
    let deep: unknown = [];
    for (let i = 0; i < 2000; i++) deep = [deep];
    const mistakes: (() => unknown)[] = [
      () => save({ a: [1, () => {}] }, path),
      () => save({ model: new nn.Linear(1, 1) }, path),
      () => save({ x: undefined }, path),
      () => save(new Date(0), path),
      () => save(Float32Array.of(1), path),
      () => save(new Map([[{}, 1]]), path),
      () => save([disposed], path),
      () => save(2n ** 3000n, path),
      () => save("\ud800", path),
      () => save(deep, path),
      () => save([], join(path, "below-a-file")),
    ];
    expect(messagesOf(mistakes, folder)).toMatchInlineSnapshot(`
      "UsageError: torch.save: the object["a"][1] must be a tensor, number, text, bytes, null, or a Map, Set, array or plain object of them, got function. Save module.stateDict() of a module, and torch.tensor(x) of a typed array.
      UsageError: torch.save: the object["model"] must be a tensor, number, text, bytes, null, or a Map, Set, array or plain object of them, got a Linear. Save module.stateDict() of a module, and torch.tensor(x) of a typed array.
      UsageError: torch.save: the object["x"] must be a tensor, number, text, bytes, null, or a Map, Set, array or plain object of them, got undefined. Save module.stateDict() of a module, and torch.tensor(x) of a typed array.
      UsageError: torch.save: the object must be a tensor, number, text, bytes, null, or a Map, Set, array or plain object of them, got a Date. Save module.stateDict() of a module, and torch.tensor(x) of a typed array.
      UsageError: torch.save: the object must be a tensor, number, text, bytes, null, or a Map, Set, array or plain object of them, got a Float32Array. Save module.stateDict() of a module, and torch.tensor(x) of a typed array.
      UsageError: torch.save: the object[{}] must be a tensor, number, text, bytes, null, or a Map, Set, array or plain object of them, got a key that is an object. Save module.stateDict() of a module, and torch.tensor(x) of a typed array.
      UsageError: torch.save: tensors must hold their memory, got one that was disposed. Save it before its scope ends.
      UsageError: torch.save: the object must be a tensor, number, text, bytes, null, or a Map, Set, array or plain object of them, got an integer of more than 2040 bits. Save module.stateDict() of a module, and torch.tensor(x) of a typed array.
      UsageError: torch.save: the object must be a tensor, number, text, bytes, null, or a Map, Set, array or plain object of them, got text that is no valid Unicode. Save module.stateDict() of a module, and torch.tensor(x) of a typed array.
      UsageError: torch.save: the object[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]... must be a tensor, number, text, bytes, null, or a Map, Set, array or plain object of them, got containers that are nested more than 900 deep. Save module.stateDict() of a module, and torch.tensor(x) of a typed array.
      FileError: torch.save: cannot write DIR/file.pt/below-a-file: EEXIST: file already exists, mkdir 'DIR/file.pt'. What was there before is untouched. Free space, or choose another place."
    `);
    expect(readFileSync(path, "utf8")).toBe("old");
    expect(readdirSync(folder)).toEqual(["file.pt"]);
  });
});

describe("weights by name", () => {
  test("load from one file, in part too, with tied weights", () => {
    scope(() => {
      const x = ones([2]);
      save({ a: x, b: x, c: ones([3]) }, path);
    }); // prettier-ignore
    const before = liveTensors();
    const found = loadTorchWeights(path, { keys: ["b"] });
    expect([...found].map(([name, { shape }]) => [name, shape])).toEqual([["b", [2]]]);
    expect(liveTensors()).toBe(before + 1);
    expect([...loadTorchWeights(path, { filter: (name) => name > "a" }).keys()]).toEqual(["b", "c"]);
  });

  test("load from shards by their index", () => {
    save({ a: ones([1]), b: ones([2]) }, join(folder, "pytorch_model-00001-of-00002.bin"));
    save({ c: ones([3]) }, join(folder, "pytorch_model-00002-of-00002.bin"));
    const [one, two] = ["pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"];
    const index = join(folder, "pytorch_model.bin.index.json");
    writeFileSync(index, JSON.stringify({ weight_map: { c: two, a: one, b: one } }));
    const found = loadShardedTorchWeights(index);
    expect([...found].map(([name, { numel }]) => [name, numel])).toEqual([["c", 3], ["a", 1], ["b", 2]]); // prettier-ignore
  });

  test("what is no state dict is refused", () => {
    const refused = (object: unknown) => () => {
      save(object, path);
      loadTorchWeights(path);
    };
    const mistakes = [refused([ones([1])]), refused({ epoch: 3 }), refused(new Map([[1, ones([1])]]))];
    expect(messagesOf(mistakes, folder)).toMatchInlineSnapshot(`
      "FileError: DIR/file.pt: must hold a state dict, got another object. Use torch.load.
      FileError: DIR/file.pt: must hold a state dict, got an entry "epoch" that is no tensor. Use torch.load and take the state dict out.
      FileError: DIR/file.pt: must hold a state dict, got an entry 1 that is no tensor. Use torch.load and take the state dict out."
    `);
  });
});

/** Puts an archive together; `pickle` is what a hostile file would hold. */
function archive(
  pickle: string | Buffer,
  others: Record<string, Buffer> = {},
  rest: Partial<ZipSource> = {},
): Buffer {
  const data = typeof pickle === "string" ? Buffer.from(pickle, "latin1") : pickle;
  const sources = Object.entries({
    "archive/data.pkl": data,
    "archive/version": Buffer.from("3\n"),
    ...others,
  });
  return Buffer.concat([
    ...zipChunks(sources.map(([name, bytes]) => ({ name, open: () => bytes, ...rest }))),
  ]);
}

const u32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes.toString("latin1");
};
const integer = (value: number) => `J${u32(value >>> 0)}`;
const text = (value: string) => `X${u32(value.length)}${value}`;
const sizes = (...values: number[]) => `(${values.map(integer).join("")}t`;
const storage = (count: number, type = "FloatStorage", key = "0") =>
  `(${text("storage")}ctorch\n${type}\n${text(key)}${text("cpu")}${integer(count)}tQ`;
const rebuild = (inner: string) =>
  `ctorch._utils\n_rebuild_tensor_v2\n(${inner}\x89ccollections\nOrderedDict\n)RtR`;

describe("hostile files", () => {
  const floats = { "archive/data/0": Buffer.alloc(16) };

  test("a sound one loads, so that the faults below are the only ones", () => {
    writeFileSync(
      path,
      archive(`\x80\x02${rebuild(storage(4) + integer(0) + sizes(2, 2) + sizes(2, 1))}.`, floats),
    );
    expect((load(path) as Tensor).tolist()).toEqual([[0, 0], [0, 0]]); // prettier-ignore
  });

  test("pickles that would run code are refused by name, and run nothing", () => {
    const pickles: Record<string, string> = {
      "os.system": `\x80\x02cos\nsystem\n${text("touch /tmp/pwned")}\x85R.`,
      "posix.system": `\x80\x02cposix\nsystem\n${text("id")}\x85R.`,
      "builtins.eval": `\x80\x02cbuiltins\neval\n${text("1")}\x85R.`,
      "__builtin__.exec": `\x80\x02c__builtin__\nexec\n${text("1")}\x85R.`,
      "builtins.getattr": `\x80\x02cbuiltins\ngetattr\n.`,
      "a stack global": `\x80\x04\x8c\x02os\x8c\x06system\x93.`,
      "a stack global of odd kinds": `\x80\x04]]\x93.`,
      "INST": `(${text("id")}ios\nsystem\n.`,
      "OBJ": `(cos\nsystem\n${text("id")}o.`,
      "torch.load": `\x80\x02ctorch\nload\n.`,
      "torch.nn.Linear": `\x80\x02ctorch.nn.modules.linear\nLinear\n)\x81.`,
      "__main__.Net": `\x80\x02c__main__\nNet\n)\x81.`,
      "a name of an object's method": `\x80\x02ctoString\nconstructor\n.`,
      "torch.constructor": `\x80\x02ctorch\nconstructor\n)R.`,
      "a name with line breaks": `\x80\x04${text("a\nb")}${text("c\u001b[31m")}\x93.`,
      "a call of text": `\x80\x02${text("os.system")})R.`,
      "a call of a dtype": `\x80\x02ctorch\nfloat32\n)R.`,
      "a call of a storage": `\x80\x02ctorch\nFloatStorage\n)R.`,
      "state for a list": `\x80\x02]}b.`,
      "a function as a value": `\x80\x02]ctorch\nSize\na.`,
      "a function in a tuple": `\x80\x02ctorch\nSize\n\x85.`,
      "a persistent id of text": `\x80\x02${text("os")}Q.`,
      "a persistent id in a line": "Pos.system\n.",
      "an extension": `\x80\x02\x82\x01.`,
      "a buffer from outside": `\x80\x05\x97.`,
      "a builder within": `\x80\x02ctorch._tensor\n_rebuild_from_type_v2\n(ccollections\nOrderedDict\nctorch\nTensor\n)}tR.`,
    }; // prettier-ignore
    expect(faultsOf(pickles)).toMatchInlineSnapshot(`
      "os.system: FileError: DIR/file.pt: names os.system (at byte 2 of the pickle), which is not among what weights need, and nothing of it was run. If you trust the file, load it in Python and save its state_dict() alone, best with safetensors.torch.save_file.
      posix.system: FileError: DIR/file.pt: names posix.system (at byte 2 of the pickle), which is not among what weights need, and nothing of it was run. If you trust the file, load it in Python and save its state_dict() alone, best with safetensors.torch.save_file.
      builtins.eval: FileError: DIR/file.pt: names builtins.eval (at byte 2 of the pickle), which is not among what weights need, and nothing of it was run. If you trust the file, load it in Python and save its state_dict() alone, best with safetensors.torch.save_file.
      __builtin__.exec: FileError: DIR/file.pt: names __builtin__.exec (at byte 2 of the pickle), which is not among what weights need, and nothing of it was run. If you trust the file, load it in Python and save its state_dict() alone, best with safetensors.torch.save_file.
      builtins.getattr: FileError: DIR/file.pt: names builtins.getattr (at byte 2 of the pickle), which is not among what weights need, and nothing of it was run. If you trust the file, load it in Python and save its state_dict() alone, best with safetensors.torch.save_file.
      a stack global: FileError: DIR/file.pt: names os.system (at byte 14 of the pickle), which is not among what weights need, and nothing of it was run. If you trust the file, load it in Python and save its state_dict() alone, best with safetensors.torch.save_file.
      a stack global of odd kinds: FileError: DIR/file.pt: names . (at byte 4 of the pickle), which is not among what weights need, and nothing of it was run. If you trust the file, load it in Python and save its state_dict() alone, best with safetensors.torch.save_file.
      INST: FileError: DIR/file.pt: names os.system (at byte 8 of the pickle), which is not among what weights need, and nothing of it was run. If you trust the file, load it in Python and save its state_dict() alone, best with safetensors.torch.save_file.
      OBJ: FileError: DIR/file.pt: names os.system (at byte 1 of the pickle), which is not among what weights need, and nothing of it was run. If you trust the file, load it in Python and save its state_dict() alone, best with safetensors.torch.save_file.
      torch.load: FileError: DIR/file.pt: names torch.load (at byte 2 of the pickle), which is not among what weights need, and nothing of it was run. If you trust the file, load it in Python and save its state_dict() alone, best with safetensors.torch.save_file.
      torch.nn.Linear: FileError: DIR/file.pt: names torch.nn.modules.linear.Linear (at byte 2 of the pickle), which is not among what weights need, and nothing of it was run. If you trust the file, load it in Python and save its state_dict() alone, best with safetensors.torch.save_file.
      __main__.Net: FileError: DIR/file.pt: names __main__.Net (at byte 2 of the pickle), which is not among what weights need, and nothing of it was run. If you trust the file, load it in Python and save its state_dict() alone, best with safetensors.torch.save_file.
      a name of an object's method: FileError: DIR/file.pt: names toString.constructor (at byte 2 of the pickle), which is not among what weights need, and nothing of it was run. If you trust the file, load it in Python and save its state_dict() alone, best with safetensors.torch.save_file.
      torch.constructor: FileError: DIR/file.pt: names torch.constructor (at byte 2 of the pickle), which is not among what weights need, and nothing of it was run. If you trust the file, load it in Python and save its state_dict() alone, best with safetensors.torch.save_file.
      a name with line breaks: FileError: DIR/file.pt: names a\\nb.c\\u001b[31m (at byte 21 of the pickle), which is not among what weights need, and nothing of it was run. If you trust the file, load it in Python and save its state_dict() alone, best with safetensors.torch.save_file.
      a call of text: FileError: DIR/file.pt: the pickle is not one of weights: only a global can be called, got a string (at byte 17). Save it again.
      a call of a dtype: FileError: DIR/file.pt: the pickle is not one of weights: only a global can be called, got a string (at byte 18). Save it again.
      a call of a storage: FileError: DIR/file.pt: the pickle is not one of weights: torch.FloatStorage cannot be called. Save it again.
      state for a list: FileError: DIR/file.pt: the pickle is not one of weights: only dicts and tensors can have attributes. Save it again.
      a function as a value: FileError: DIR/file.pt: the pickle is not one of weights: torch.Size must be part of a tensor, got it as a value (at byte 16). Save it again.
      a function in a tuple: FileError: DIR/file.pt: the pickle is not one of weights: torch.Size must be part of a tensor, got it as a value (at byte 15). Save it again.
      a persistent id of text: FileError: DIR/file.pt: the pickle is not one of weights: an object outside the pickle must be a storage. Save it again.
      a persistent id in a line: FileError: DIR/file.pt: the pickle is not one of weights: an object outside the pickle must be a storage. Save it again.
      an extension: FileError: DIR/file.pt: the pickle is not one of weights: opcode 0x82 is not one that weights need (at byte 2). Save it again.
      a buffer from outside: FileError: DIR/file.pt: the pickle is not one of weights: opcode 0x97 is not one that weights need (at byte 2). Save it again.
      a builder within: FileError: DIR/file.pt: the pickle is not one of weights: collections.OrderedDict builds no tensor. Save it again."
    `);
  });

  test("pickles that are damaged are refused", () => {
    const pickles: Record<string, string> = {
      nothing: "",
      "no end": `\x80\x02]`,
      "text cut off": `\x80\x02X\xff\xff\xff\x7fab.`,
      "text of 2^64 bytes": `\x80\x04\x8d${"\xff".repeat(8)}.`,
      "bytes of 2^63 bytes": `\x80\x04\x8e${"\0".repeat(7)}\x80.`,
      "a frame beyond the end": `\x80\x04\x95${"\xff".repeat(8)}N.`,
      "an integer of 2^31 bytes": `\x80\x02\x8b\xff\xff\xff\x7f.`,
      "an integer of many digits": `I${"9".repeat(5000)}\n.`,
      "no UTF-8": `\x80\x02X\x01\0\0\0\xff.`,
      "protocol 6": `\x80\x06N.`,
      "nothing on the stack": ".",
      "more taken than is there": `\x80\x02\x86.`,
      "taken from below a mark": `\x80\x02N(\x85.`,
      "no mark": `\x80\x02t.`,
      "an empty memo": `\x80\x02h\x05.`,
      "a memo index that is no number": `g__proto__\n.`,
      "a key without a value": `\x80\x02}(Nu.`,
      "items for a dict": `\x80\x02}Na.`,
      "keys for a list": `\x80\x02]NNs.`,
      "a dict of numbers": `\x80\x02ccollections\nOrderedDict\n(](K\x01K\x02etR.`,
      "an unknown opcode": `\x80\x02\xfe.`,
      "marks in marks": `\x80\x02${"(".repeat(5000)}.`,
      "tuples in tuples": `\x80\x02)${"\x85".repeat(5000)}.`,
      "lists in lists, outermost first": `\x80\x02]${chain(5000)}.`,
      "lists by the million": `\x80\x02(${"]".repeat(3_000_000)}l.`,
      "one list copied over and over": `\x80\x02](${"N".repeat(100_000)}eq\0(${"ccollections\nCounter\n0cbuiltins\nset\nh\0\x85R".repeat(200)}l.`,
    };
    expect(faultsOf(pickles)).toMatchInlineSnapshot(`
      "nothing: FileError: DIR/file.pt: the pickle is not one of weights: 1 bytes must follow, got 0: it is cut off (at byte 0). Save it again.
      no end: FileError: DIR/file.pt: the pickle is not one of weights: 1 bytes must follow, got 0: it is cut off (at byte 3). Save it again.
      text cut off: FileError: DIR/file.pt: the pickle is not one of weights: 2147483647 bytes must follow, got 3: it is cut off (at byte 2). Save it again.
      text of 2^64 bytes: FileError: DIR/file.pt: the pickle is not one of weights: 18446744073709552000 bytes must follow, got 1: it is cut off (at byte 2). Save it again.
      bytes of 2^63 bytes: FileError: DIR/file.pt: the pickle is not one of weights: 9223372036854776000 bytes must follow, got 1: it is cut off (at byte 2). Save it again.
      a frame beyond the end: FileError: DIR/file.pt: the pickle is not one of weights: 18446744073709552000 bytes must follow, got 2: it is cut off (at byte 2). Save it again.
      an integer of 2^31 bytes: FileError: DIR/file.pt: the pickle is not one of weights: a whole number must take at most 1000 bytes, got 2147483647 (at byte 2). Save it again.
      an integer of many digits: FileError: DIR/file.pt: the pickle is not one of weights: a whole number must follow, got "9999999999999999999999999999999999999999" (at byte 0). Save it again.
      no UTF-8: FileError: DIR/file.pt: the pickle is not one of weights: text must be UTF-8, got other bytes (at byte 2). Save it again.
      protocol 6: FileError: DIR/file.pt: the pickle is not one of weights: the protocol must be at most 5, got 6 (at byte 0). Save it again.
      nothing on the stack: FileError: DIR/file.pt: the pickle is not one of weights: the stack must hold a value, got none (at byte 0). Save it again.
      more taken than is there: FileError: DIR/file.pt: the pickle is not one of weights: the stack must hold a value, got none (at byte 2). Save it again.
      taken from below a mark: FileError: DIR/file.pt: the pickle is not one of weights: the stack must hold a value, got none (at byte 4). Save it again.
      no mark: FileError: DIR/file.pt: the pickle is not one of weights: the stack must hold a mark, got none (at byte 2). Save it again.
      an empty memo: FileError: DIR/file.pt: the pickle is not one of weights: the memo must hold 5, got nothing (at byte 2). Save it again.
      a memo index that is no number: FileError: DIR/file.pt: the pickle is not one of weights: a number must follow, got "__proto__" (at byte 0). Save it again.
      a key without a value: FileError: DIR/file.pt: the pickle is not one of weights: a dict needs a value for each key, got one without (at byte 5). Save it again.
      items for a dict: FileError: DIR/file.pt: the pickle is not one of weights: only lists take items, got a dict (at byte 4). Save it again.
      keys for a list: FileError: DIR/file.pt: the pickle is not one of weights: only dicts take keys, got a list or tuple (at byte 5). Save it again.
      a dict of numbers: FileError: DIR/file.pt: the pickle is not one of weights: a dict must be made of pairs. Save it again.
      an unknown opcode: FileError: DIR/file.pt: the pickle is not one of weights: opcode 0xfe is not one that weights need (at byte 2). Save it again.
      marks in marks: FileError: DIR/file.pt: the pickle is not one of weights: containers must be nested at most 1000 deep, got more (at byte 1002). Save it again.
      tuples in tuples: FileError: DIR/file.pt: the pickle is not one of weights: containers must be nested at most 1000 deep, got more (at byte 5003). Save it again.
      lists in lists, outermost first: FileError: DIR/file.pt: the pickle is not one of weights: containers must be nested at most 1000 deep, got more (at byte 65013). Save it again.
      lists by the million: FileError: DIR/file.pt: the pickle must unpack to at most 536870912 bytes besides its tensors, got more. Save large data as tensors.
      one list copied over and over: FileError: DIR/file.pt: the pickle must unpack to at most 536870912 bytes besides its tensors, got more. Save large data as tensors."
    `);
  });

  test("tensors outside their storages, and storages outside the file, are refused", () => {
    const one = (inner: string) => `\x80\x02${rebuild(inner)}.`;
    const whole = integer(0) + sizes(4) + sizes(1);
    const pickles: Record<string, string> = {
      "beyond the end": one(storage(4) + integer(0) + sizes(5) + sizes(1)),
      "an offset beyond the end": one(storage(4) + integer(4) + sizes(1) + sizes(1)),
      "an offset beyond the end, without elements": one(storage(4) + integer(5) + sizes(0) + sizes(1)),
      "a negative offset": one(storage(4) + integer(-1) + sizes(1) + sizes(1)),
      "a negative size": one(storage(4) + integer(0) + sizes(-1) + sizes(1)),
      "a negative stride": one(storage(4) + integer(3) + sizes(4) + sizes(-1)),
      "a stride beyond the end": one(storage(4) + integer(0) + sizes(2) + sizes(4)),
      "a product beyond 64 bits": one(storage(4) + integer(0) + sizes(...Array<number>(5).fill(2 ** 30)) + sizes(...Array<number>(5).fill(2 ** 30))),
      "more strides than sizes": one(storage(4) + integer(0) + sizes(4) + sizes(1, 1)),
      "sizes that are no numbers": one(`${storage(4)}${integer(0)}(${text("4")}t${sizes(1)}`),
      "100 dimensions": one(storage(4) + integer(0) + sizes(...Array<number>(100).fill(1)) + sizes(...Array<number>(100).fill(1))),
      "a storage of another size": one(storage(5) + whole),
      "a storage of another width": one(storage(4, "DoubleStorage") + whole),
      "a storage that is not there": one(storage(4, "FloatStorage", "1") + whole),
      "a storage outside": one(storage(4, "FloatStorage", "../data.pkl") + whole),
      "a quantized storage": one(storage(4, "QInt8Storage") + whole),
      "no storage": one(`N${whole}`),
      "a storage as a value": `\x80\x02${storage(4)}\x85.`,
      "a sparse tensor": `\x80\x02ctorch._utils\n_rebuild_sparse_tensor\n)R.`,
      "a parameter of text": `\x80\x02ctorch._utils\n_rebuild_parameter\n(${text("x")}\x88NtR.`,
      "gradients of integers": `\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(${storage(4, "IntStorage")}${whole}\x88NtR.`,
    }; // prettier-ignore
    expect(faultsOf(pickles, floats)).toMatchInlineSnapshot(`
      "beyond the end: FileError: DIR/file.pt: a tensor of shape [5], strides [1] and offset 0 must lie in its storage of 16 bytes. The file is damaged: download or save it again.
      an offset beyond the end: FileError: DIR/file.pt: a tensor of shape [1], strides [1] and offset 4 must lie in its storage of 16 bytes. The file is damaged: download or save it again.
      an offset beyond the end, without elements: FileError: DIR/file.pt: a tensor of shape [0], strides [1] and offset 5 must lie in its storage of 16 bytes. The file is damaged: download or save it again.
      a negative offset: FileError: DIR/file.pt: the pickle is not one of weights: a tensor must have a storage and an offset of at least 0. Save it again.
      a negative size: FileError: DIR/file.pt: the pickle is not one of weights: sizes and strides must be whole numbers of at least 0. Save it again.
      a negative stride: FileError: DIR/file.pt: the pickle is not one of weights: sizes and strides must be whole numbers of at least 0. Save it again.
      a stride beyond the end: FileError: DIR/file.pt: a tensor of shape [2], strides [4] and offset 0 must lie in its storage of 16 bytes. The file is damaged: download or save it again.
      a product beyond 64 bits: FileError: DIR/file.pt: a tensor of shape [1073741824, 1073741824, 1073741824, 1073741824, 1073741824], strides [1073741824, 1073741824, 1073741824, 1073741824, 1073741824] and offset 0 must lie in its storage of 16 bytes. The file is damaged: download or save it again.
      more strides than sizes: FileError: DIR/file.pt: a tensor of shape [4], strides [1, 1] and offset 0 must lie in its storage of 16 bytes. The file is damaged: download or save it again.
      sizes that are no numbers: FileError: DIR/file.pt: the pickle is not one of weights: sizes and strides must be whole numbers of at least 0. Save it again.
      100 dimensions: FileError: DIR/file.pt: the pickle is not one of weights: sizes and strides must be whole numbers of at least 0. Save it again.
      a storage of another size: FileError: DIR/file.pt: storage "0" must take 20 bytes, got 16. The file is damaged: download or save it again.
      a storage of another width: FileError: DIR/file.pt: storage "0" must take 32 bytes, got 16. The file is damaged: download or save it again.
      a storage that is not there: FileError: DIR/file.pt: storage "1" must take 16 bytes, got none. The file is damaged: download or save it again.
      a storage outside: FileError: DIR/file.pt: storage "../data.pkl" must take 16 bytes, got none. The file is damaged: download or save it again.
      a quantized storage: FileError: DIR/file.pt: names torch.QInt8Storage (at byte 49 of the pickle), which is not among what weights need, and nothing of it was run. If you trust the file, load it in Python and save its state_dict() alone, best with safetensors.torch.save_file.
      no storage: FileError: DIR/file.pt: the pickle is not one of weights: a tensor must have a storage and an offset of at least 0. Save it again.
      a storage as a value: FileError: DIR/file.pt: the pickle is not one of weights: a storage must be part of a tensor, got it as a value (at byte 57). Save it again.
      a sparse tensor: FileError: DIR/file.pt: holds a sparse tensor: make it dense with to_dense() in Python before it is saved.
      a parameter of text: FileError: DIR/file.pt: the pickle is not one of weights: a parameter must be made of a tensor. Save it again.
      gradients of integers: FileError: DIR/file.pt: the pickle is not one of weights: a tensor of int32 must have no gradients. Save it again."
    `);
  });

  test("a tensor may see one element many times, as expand makes them", () => {
    writeFileSync(
      path,
      archive(`\x80\x02${rebuild(storage(4) + integer(0) + sizes(2 ** 30) + sizes(0))}.`, floats),
    );
    expect((load(path) as Tensor).numel).toBe(2 ** 30);
  });

  test("archives that no writer makes are refused", () => {
    const sound = archive(`\x80\x02${rebuild(storage(4) + integer(0) + sizes(4) + sizes(1))}.`, floats);
    const edit = (change: (bytes: Buffer) => void) => {
      const bytes = Buffer.from(sound);
      change(bytes);
      return bytes;
    };
    const directory = (bytes: Buffer, name: string) => bytes.lastIndexOf(name) - 46;
    const archives: Record<string, Buffer> = {
      "cut off": sound.subarray(0, sound.length - 30),
      "cut off at the start of the directory": sound.subarray(0, directory(sound, "archive/data.pkl")),
      "a beginning alone": sound.subarray(0, 4),
      "no pickle": Buffer.concat([...zipChunks([{ name: "a/b", open: () => Buffer.alloc(1) }])]),
      "two pickles": archive("N.", { "other/data.pkl": Buffer.from("N.") }),
      "a program": archive("N.", { "archive/constants.pkl": Buffer.from("N.") }),
      "a name that leads outside": archive("N.", { "archive/../../x": Buffer.from("N.") }),
      "an absolute name": archive("N.", { "/etc/passwd": Buffer.from("N.") }),
      "a name twice": Buffer.concat([...zipChunks([1, 2].map(() => ({ name: "a/data.pkl", open: () => Buffer.from("N.") })))]),
      "compressed entries": archive("N.", {}, { deflate: true }),
      "an entry that is encrypted": edit((bytes) => bytes.writeUInt16LE(0x801, directory(bytes, "archive/version") + 8)),
      "an unknown method": edit((bytes) => bytes.writeUInt16LE(12, directory(bytes, "archive/version") + 10)),
      "another sum": edit((bytes) => void bytes.write("X", bytes.indexOf("torch._utils"))),
      "a size beyond the file": edit((bytes) => {
        bytes.writeUInt32LE(2 ** 31, directory(bytes, "archive/data/0") + 20);
        bytes.writeUInt32LE(2 ** 31, directory(bytes, "archive/data/0") + 24);
      }),
      "two sizes of a stored entry": edit((bytes) => bytes.writeUInt32LE(2 ** 31, directory(bytes, "archive/data/0") + 24)),
      "an offset beyond the file": edit((bytes) => bytes.writeUInt32LE(2 ** 31, directory(bytes, "archive/data/0") + 42)),
      "entries in one place": edit((bytes) => bytes.writeUInt32LE(0, directory(bytes, "archive/version") + 42)),
      "a directory beyond the file": edit((bytes) => bytes.writeUInt32LE(2 ** 31, bytes.length - 6)),
      "more entries than there are": edit((bytes) => bytes.writeUInt16LE(9, bytes.length - 12)),
      "a zip64 record that is not there": edit((bytes) => bytes.writeUInt16LE(0xffff, bytes.length - 12)),
    }; // prettier-ignore
    const before = liveTensors();
    const found = Object.entries(archives).map(([fault, bytes]) => {
      writeFileSync(path, bytes);
      return `${fault}: ${messagesOf([() => load(path)], folder)}`;
    });
    expect(found.join("\n")).toMatchInlineSnapshot(`
      "cut off: FileError: DIR/file.pt: the archive must end with its directory, got none: it is cut off. The file is damaged: download or save it again.
      cut off at the start of the directory: FileError: DIR/file.pt: the archive must end with its directory, got none: it is cut off. The file is damaged: download or save it again.
      a beginning alone: FileError: DIR/file.pt: the archive must end with its directory, got none: it is cut off. The file is damaged: download or save it again.
      no pickle: FileError: DIR/file.pt: the archive must hold one data.pkl, got 0. The file is damaged: download or save it again.
      two pickles: FileError: DIR/file.pt: the archive must hold one data.pkl, got 2. The file is damaged: download or save it again.
      a program: FileError: DIR/file.pt: is a TorchScript program. Save its state_dict() with torch.save in Python and load that.
      a name that leads outside: FileError: DIR/file.pt: entries must have plain names, got "archive/../../x". The file is damaged: download or save it again.
      an absolute name: FileError: DIR/file.pt: entries must have plain names, got "/etc/passwd". The file is damaged: download or save it again.
      a name twice: FileError: DIR/file.pt: the archive must name each entry once, got "a/data.pkl" twice. The file is damaged: download or save it again.
      compressed entries: FileError: DIR/file.pt: entry "archive/data.pkl" must be stored, got it compressed, which torch.save never does. Save it again.
      an entry that is encrypted: FileError: DIR/file.pt: entry "archive/version" is encrypted. Save the file without a password.
      an unknown method: FileError: DIR/file.pt: entry "archive/version" must be stored or deflated, got method 12. Save the file again.
      another sum: FileError: DIR/file.pt: the bytes of entry "archive/data.pkl" must match their CRC-32, got others. The file is damaged: download or save it again.
      a size beyond the file: FileError: DIR/file.pt: entry "archive/data/0" must end before the directory at 293, got 2147483925. The file is damaged: download or save it again.
      two sizes of a stored entry: FileError: DIR/file.pt: entry "archive/data/0" must have a size that fits its 16 bytes, got 2147483648. The file is damaged: download or save it again.
      an offset beyond the file: FileError: DIR/file.pt: entry "archive/data/0" must lie before the directory, got offset 2147483648. The file is damaged: download or save it again.
      entries in one place: FileError: DIR/file.pt: entry "archive/version" must have its name in both places, got another. The file is damaged: download or save it again.
      a directory beyond the file: FileError: DIR/file.pt: the archive's directory must lie before its end, got 183 bytes at 2147483648. The file is damaged: download or save it again.
      more entries than there are: FileError: DIR/file.pt: the archive must list 9 entries, got 3. The file is damaged: download or save it again.
      a zip64 record that is not there: FileError: DIR/file.pt: the archive must list 65535 entries, got 3. The file is damaged: download or save it again."
    `);
    expect(liveTensors()).toBe(before);
  });

  test("files of another kind say what they are", () => {
    const tar = Buffer.alloc(1024);
    tar.write("ustar", 257);
    const legacy = readFileSync(golden("legacy.pt"));
    const kinds: Record<string, Buffer> = {
      empty: Buffer.alloc(0),
      text: Buffer.from("not a model\n"),
      tar,
      "a pickle": Buffer.from("\x80\x02].", "latin1"),
      "a legacy file cut off": legacy.subarray(0, legacy.length - 3),
      "a legacy file cut off in its pickle": legacy.subarray(0, 300),
    };
    const found = Object.entries(kinds).map(([kind, bytes]) => {
      writeFileSync(path, bytes);
      return `${kind}: ${messagesOf([() => load(path)], folder)}`;
    });
    found.push(`compressed: ${messagesOf([() => load(golden("compressed.pt"))], goldens.slice(0, -1))}`);
    found.push(`no file: ${messagesOf([() => load(join(folder, "missing.pt"))], folder)}`);
    found.push(`weightsOnly: ${messagesOf([() => load(path, { weightsOnly: false as true })], folder)}`);
    expect(found.join("\n")).toMatchInlineSnapshot(`
      "empty: FileError: DIR/file.pt: must be a file of torch.save, got something else. For safetensors use loadSafetensors, for .npy loadNpy.
      text: FileError: DIR/file.pt: must be a file of torch.save, got something else. For safetensors use loadSafetensors, for .npy loadNpy.
      tar: FileError: DIR/file.pt: is in PyTorch's oldest format (tar), which may run code. Load it in Python and save it again.
      a pickle: FileError: DIR/file.pt: must be a file of torch.save, got another pickle, which may run code. Load it in Python and save tensors with torch.save.
      a legacy file cut off: FileError: DIR/file.pt: the file must hold storage "94869029549040" of 4 bytes once, got 9 bytes left. It is cut off or damaged: download or save it again.
      a legacy file cut off in its pickle: FileError: DIR/file.pt: the pickle is not one of weights: a line must end, got none: it is cut off (at byte 285). Save it again.
      compressed: FileError: DIR/compressed.pt: entry "little/byteorder" must be stored, got it compressed, which torch.save never does. Save it again.
      no file: FileError: DIR/missing.pt: the file does not exist. Check the path.
      weightsOnly: UsageError: torch.load: weightsOnly must be true, got false: DIR/file.pt could run any code. Load it in Python and save its state_dict() alone."
    `);
  });

  function faultsOf(pickles: Record<string, string>, others: Record<string, Buffer> = {}): string {
    const before = liveTensors();
    const found = Object.entries(pickles).map(([fault, pickle]) => {
      writeFileSync(path, archive(pickle, others));
      return `${fault}: ${messagesOf([() => load(path)], folder)}`;
    });
    expect(liveTensors()).toBe(before);
    return found.join("\n");
  }
});

/** Pickles lists of which each is put into the one before, which is complete only at the end. */
function chain(length: number): string {
  let pickle = `r${u32(0)}`;
  for (let i = 1; i <= length; i++) pickle += `j${u32(i - 1)}]r${u32(i)}a0`;
  return `${pickle}j${u32(0)}`;
}
