// Writes what Python's torch.load reads with weights_only=True: a zip of one pickle and the storages.
// Layout: torch/serialization.py, caffe2/serialize/inline_container.cc.
import { createHash } from "node:crypto";
import { UsageError } from "../../base/index.ts";
import { dtypeCode } from "../dtype.ts";
import type { Dtype } from "../dtype.ts";
import { native } from "../native.ts";
import { Parameter } from "../nn/parameter.ts";
import * as ops from "../ops.generated.ts";
import { scope } from "../scope.ts";
import { Tensor } from "../tensor.ts";
import { elementBytes } from "./element-bytes.ts";
import { Pickler } from "./pickler.ts";
import { bytesOf } from "./tensor-bytes.ts";
import { storageDtypes } from "./torch-globals.ts";
import { writeChunks } from "./write-file.ts";
import { crcOf, zipChunks } from "./zip-writer.ts";
import type { ZipSource } from "./zip-writer.ts";

// as torch.save writes them; a storage's data starts at a multiple of the alignment, so that it can be mapped
const root = "archive";
const formatVersion = "3\n";
const alignment = 64;

const storageNames = new Map<Dtype, string>(
  Object.entries(storageDtypes).map(([name, dtype]) => [dtype, `torch.${name}`]),
);

/**
 * Writes tensors, and numbers, text and containers of them, to a file that Python's `torch.load` reads.
 *
 * Maps and plain objects become dicts, arrays lists, Sets sets, Uint8Arrays bytes, whole numbers ints and others
 * floats. Tensors that share memory (tied weights) share it again after loading; a slice takes the memory of all
 * that it is a slice of, so `clone()` it to save it alone. Equal input gives equal bytes, and the file replaces
 * the old one only when it is complete.
 *
 * @example
 * torch.save({ epoch: 3, model: new nn.Linear(2, 1).stateDict() }, "/tmp/checkpoint.pt");
 * [...(torch.load("/tmp/checkpoint.pt") as Map<string, unknown>).keys()]; // => ["epoch", "model"]
 */
export function save(object: unknown, path: string): void {
  scope(() => {
    const storages = new StorageWriter();
    const pickle = new Pickler((value, pickler) => {
      if (!(value instanceof Tensor)) return writeOptimizerState(value, pickler);
      writeTensor(value, pickler, storages);
      return true;
    }).dump(object);
    const entry = (name: string, content: string | Buffer): ZipSource => {
      const bytes = Buffer.from(content);
      return { name: `${root}/${name}`, open: () => bytes };
    };
    const sources: ZipSource[] = [
      entry("data.pkl", pickle),
      entry(".format_version", "1"),
      entry(".storage_alignment", String(alignment)),
      entry("byteorder", "little"),
      ...storages.all.map(({ key, bytes }) => ({ name: `${root}/data/${key}`, open: () => bytesOf(bytes) })),
      entry("version", formatVersion),
    ];
    const summed = sources.map((source) => ({ ...source, crc: crcOf(source.open()) }));
    const id = entry(".data/serialization_id", fingerprint(summed));
    writeChunks("torch.save", path, zipChunks([...summed, id], { alignment }));
  });
}

/** Writes the state dict of an optimizer with numbers as the keys of its state: Python finds no parameter under "0". */
function writeOptimizerState(value: object, pickler: Pickler): boolean {
  const { state, param_groups: groups } = value as { state?: unknown; param_groups?: unknown };
  if (value instanceof Map || state instanceof Map || !Array.isArray(groups)) return false;
  if (typeof state !== "object" || state === null) return false;
  const byIndex = new Map(Object.entries(state).map(([index, tensors]) => [Number(index), tensors]));
  pickler.write(new Map<string, unknown>(Object.entries({ ...value, state: byIndex })));
  return true;
}

interface SavedStorage {
  key: string;
  /** The whole storage as bytes. */
  bytes: Tensor;
  /** Its dtype as PyTorch names storages, or undefined where tensors say it. */
  dtype: Dtype | undefined;
}

/** Gives each storage its number, once, however many tensors lie in it. */
class StorageWriter {
  readonly #storages = new Map<number, SavedStorage>();

  get all(): SavedStorage[] {
    return [...this.#storages.values()];
  }

  add(tensor: Tensor): { storage: SavedStorage; offset: number } {
    const [id, bytes, offset] = native.storageOf(tensor.handle);
    let storage = this.#storages.get(id);
    if (storage === undefined) {
      const { dtype } = tensor;
      const isWhole = bytes % elementBytes(dtype) === 0;
      storage = {
        key: String(this.#storages.size),
        bytes: new Tensor(native.tensorOver(tensor.handle, 0, [bytes], [1], dtypeCode("uint8"))),
        dtype: storageNames.has(dtype) && isWhole ? dtype : undefined,
      };
      this.#storages.set(id, storage);
    }
    return { storage, offset };
  }
}

function writeTensor(tensor: Tensor, pickler: Pickler, storages: StorageWriter): void {
  if (tensor.isDisposed) {
    throw new UsageError(
      "torch.save: tensors must hold their memory, got one that was disposed. Save it before its scope ends.",
    );
  }
  if (tensor instanceof Parameter) {
    pickler.reduce("torch._utils._rebuild_parameter", () => {
      writeData(tensor, false, pickler, storages);
      pickler.write(tensor.requiresGrad);
      noHooks(pickler);
    });
  } else writeData(tensor, tensor.requiresGrad, pickler, storages);
}

function writeData(tensor: Tensor, requiresGrad: boolean, pickler: Pickler, storages: StorageWriter): void {
  const settled = ops.resolveNeg(ops.resolveConj(tensor.detach())); // the format has no lazy conjugates
  const { storage, offset } = storages.add(settled);
  const { dtype, shape, strides } = settled;
  const isTyped = storage.dtype === dtype;
  pickler.reduce(`torch._utils._rebuild_tensor_${isTyped ? "v2" : "v3"}`, () => {
    writeStorage(storage, pickler);
    pickler.write(offset);
    pickler.tuple(() => shape.forEach((size) => pickler.write(size)));
    pickler.tuple(() => strides.forEach((stride) => pickler.write(stride)));
    pickler.write(requiresGrad);
    noHooks(pickler);
    if (!isTyped) pickler.global(`torch.${dtype}`);
  });
}

function writeStorage({ key, bytes, dtype }: SavedStorage, pickler: Pickler): void {
  pickler.tuple(() => {
    pickler.write("storage");
    pickler.global(dtype === undefined ? "torch.storage.UntypedStorage" : storageNames.get(dtype)!);
    pickler.write(key);
    pickler.write("cpu");
    pickler.write(dtype === undefined ? bytes.numel : bytes.numel / elementBytes(dtype));
  });
  pickler.opcode("Q"); // BINPERSID
}

function noHooks(pickler: Pickler): void {
  pickler.reduce("collections.OrderedDict", () => {});
}

/** Returns 40 digits that tell files of different content apart, as PyTorch's does. */
function fingerprint(sources: readonly { name: string; crc: number }[]): string {
  const hash = createHash("sha256");
  for (const { name, crc } of sources) hash.update(`${name} ${crc}\n`);
  return (BigInt(`0x${hash.digest("hex")}`) % 10n ** 40n).toString().padStart(40, "0");
}
