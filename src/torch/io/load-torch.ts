// Reads what Python's torch.save wrote: a zip of one pickle and the storages, or the older stream of pickles.
// Layout: torch/serialization.py, caffe2/serialize/inline_container.cc.
import { FileError, UsageError } from "../../base/index.ts";
import { wrap } from "../binding.ts";
import type { Device, Dtype } from "../dtype.ts";
import { native } from "../native.ts";
import type { Tensor } from "../tensor.ts";
import { elementBytes } from "./element-bytes.ts";
import { OpenFile } from "./open-file.ts";
import { swapElements } from "./tensor-bytes.ts";
import { StoredBytes, TorchMeanings } from "./torch-globals.ts";
import type { StorageId } from "./torch-globals.ts";
import { maxPickleBytes, unpickle } from "./unpickler.ts";
import { damagedZip, readEntryBytes, readZip } from "./zip-reader.ts";
import type { ZipEntry } from "./zip-reader.ts";

/** Options of `torch.load`. */
export interface LoadOptions {
  /** Where the tensors go, whatever device they were saved from. @default "cpu" */
  mapLocation?: Device;
  /** Keeps tensors on the file's pages, which are read when they are used, instead of in memory. @default true */
  mmap?: boolean;
  /** Loads data alone and runs nothing of the file; there is no other way. @default true */
  weightsOnly?: true;
}

/**
 * Loads what Python's `torch.save` or ours wrote: `.pt`, `.pth`, `.bin`, `.ckpt`.
 *
 * Nothing in the file is run: tensors, numbers, text and containers of them load, all else is an error, as with
 * `weights_only=True` in Python. Dicts become Maps, lists and tuples arrays, sets Sets, bytes Uint8Arrays, None
 * null, dtypes and devices their names, and complex numbers tensors. Tensors that shared memory do so again.
 *
 * With `mmap` the file must be replaced by renaming another over it, never in place.
 *
 * @example
 * torch.save(new Map([["weight", torch.ones([2, 3])]]), "/tmp/weights.pt");
 * const weights = torch.load("/tmp/weights.pt") as Map<string, torch.Tensor>;
 * weights.get("weight")!.shape; // => [2, 3]
 */
export function load(
  path: string,
  { mapLocation = "cpu", mmap = true, weightsOnly = true }: LoadOptions = {},
): unknown {
  if (!(weightsOnly as boolean)) {
    throw new UsageError(
      `torch.load: weightsOnly must be true, got false: ${path} could run any code. Load it in Python and save its state_dict() alone.`,
    );
  }
  return OpenFile.use(path, (file) => {
    const storages = new Storages(file, { mapLocation, mmap });
    const format = detectFormat(file);
    const meanings = new TorchMeanings(path, (id) => storages.find(id));
    try {
      return format === "zip" ? loadZip(file, storages, meanings) : loadLegacy(file, storages, meanings);
    } catch (error) {
      for (const tensor of meanings.made) tensor.dispose();
      throw error;
    } finally {
      storages.dispose(); // tensors over them keep their memory
    }
  });
}

/** Where the bytes of a storage lie in the file. */
interface Place {
  start: number;
  bytes: number;
}

/** The storages of one file, each made once, so that tensors that shared memory share it again. */
class Storages {
  /** Finds a storage in the file, or undefined. */
  locate: (key: string) => Place | undefined = () => undefined;
  littleEndian = true;
  readonly #file: OpenFile;
  readonly #options: { mapLocation: Device; mmap: boolean };
  readonly #made = new Map<string, Tensor>();

  constructor(file: OpenFile, options: { mapLocation: Device; mmap: boolean }) {
    this.#file = file;
    this.#options = options;
  }

  find({ key, dtype, bytes, view }: StorageId): StoredBytes {
    const place = this.locate(key);
    if (place === undefined || place.bytes !== bytes) {
      throw new FileError(
        `${this.#file.path}: storage ${JSON.stringify(key)} must take ${bytes} bytes, got ${place?.bytes ?? "none"}. ` +
          `The file is damaged: download or save it again.`,
      );
    }
    let made = this.#made.get(key);
    if (made === undefined) {
      made = this.#make(place, dtype);
      this.#made.set(key, made);
    }
    return new StoredBytes(made, dtype, view?.start);
  }

  dispose(): void {
    for (const tensor of this.#made.values()) tensor.dispose();
  }

  #make({ start, bytes }: Place, dtype: Dtype | undefined): Tensor {
    // an untyped storage may hold any dtype
    const alignment = dtype === undefined ? 16 : elementBytes(dtype);
    const mapped = wrap(native.mapBytes(this.#file.mapping, start, bytes, alignment));
    const ordered = this.littleEndian ? mapped : this.#swap(mapped, dtype);
    const { mapLocation, mmap } = this.#options;
    if (mapLocation === "cpu" && mmap) return ordered;
    const placed = ordered.to({ device: mapLocation, copy: true });
    ordered.dispose();
    return placed;
  }

  #swap(bytes: Tensor, dtype: Dtype | undefined): Tensor {
    if (dtype === undefined) {
      throw new FileError(
        `${this.#file.path}: was saved on a big-endian machine with a dtype that is not converted. Save it again as float32.`,
      );
    }
    swapElements(bytes.handle, dtype); // the pages are private
    return bytes;
  }
}

function detectFormat(file: OpenFile): "zip" | "legacy" {
  const start = file.read(0, Math.min(file.size, 512));
  if (start.subarray(0, 4).equals(Buffer.from("PK\x03\x04", "latin1"))) return "zip";
  if (start.subarray(257, 262).toString("latin1") === "ustar") {
    throw new FileError(
      `${file.path}: is in PyTorch's oldest format (tar), which may run code. Load it in Python and save it again.`,
    );
  }
  if (start[0] !== 0x80) {
    throw new FileError(
      `${file.path}: must be a file of torch.save, got something else. For safetensors use loadSafetensors, for .npy loadNpy.`,
    );
  }
  return "legacy";
}

function loadZip(file: OpenFile, storages: Storages, meanings: TorchMeanings): unknown {
  const entries = readZip(file);
  const root = findRoot(file, entries);
  const byteOrder = entries.get(`${root}/byteorder`);
  if (byteOrder !== undefined) {
    storages.littleEndian = smallEntry(file, byteOrder).toString("latin1").trim() !== "big";
  }
  storages.locate = (key) => {
    const entry = entries.get(`${root}/data/${key}`);
    if (entry === undefined) return undefined;
    requireStored(file, entry);
    return { start: entry.start, bytes: entry.size };
  };
  const pickle = entries.get(`${root}/data.pkl`)!;
  return unpickle(file.path, smallEntry(file, pickle), meanings).value;
}

function findRoot(file: OpenFile, entries: ReadonlyMap<string, ZipEntry>): string {
  const roots = [...entries.keys()].flatMap((name) => /^([^/]+)\/data\.pkl$/.exec(name)?.[1] ?? []);
  const [root] = roots;
  if (root === undefined || roots.length > 1) {
    throw damagedZip(file, `the archive must hold one data.pkl, got ${roots.length}`);
  }
  if (entries.has(`${root}/constants.pkl`)) {
    throw new FileError(
      `${file.path}: is a TorchScript program. Save its state_dict() with torch.save in Python and load that.`,
    );
  }
  return root;
}

function smallEntry(file: OpenFile, entry: ZipEntry): Buffer {
  requireStored(file, entry);
  if (entry.size > maxPickleBytes) throw tooLong(file, entry.size);
  return readEntryBytes(file, entry);
}

function requireStored(file: OpenFile, entry: ZipEntry): void {
  if (!entry.deflated) return;
  throw new FileError(
    `${file.path}: entry ${JSON.stringify(entry.name)} must be stored, got it compressed, which torch.save never does. Save it again.`,
  );
}

function tooLong(file: OpenFile, size: number): FileError {
  return new FileError(
    `${file.path}: the pickle must take at most ${maxPickleBytes} bytes, got ${size}. Save large data as tensors.`,
  );
}

// The form before PyTorch 1.6: five pickles, then each storage after its number of elements.

const magicNumber = 0x1950a86a20f9469cfc6cn;
const legacyVersion = 1001;

function loadLegacy(file: OpenFile, storages: Storages, meanings: TorchMeanings): unknown {
  const { path } = file;
  const bytes = file.read(0, Math.min(file.size, maxPickleBytes));
  let at = 0;
  const next = (how: TorchMeanings | Survey) => {
    const { value, end } = unpickle(path, bytes, how, at);
    at = end;
    return value;
  };
  if (next(meanings) !== magicNumber || next(meanings) !== legacyVersion) {
    throw new FileError(
      `${path}: must be a file of torch.save, got another pickle, which may run code. Load it in Python and save tensors with torch.save.`,
    );
  }
  const system = next(meanings);
  storages.littleEndian = !(system instanceof Map && system.get("little_endian") === false);

  // storages lie behind the pickle that uses them, so it is read twice
  const objectAt = at;
  const survey = new Survey(path);
  next(survey);
  const keys = next(meanings);
  const places = locateLegacy(file, at, keys, survey);
  storages.locate = (key) => places.get(key);
  at = objectAt;
  return next(meanings);
}

/** Notes the storages of a pickle and builds nothing. */
class Survey extends TorchMeanings {
  readonly storages: Map<string, StorageId>;

  constructor(path: string) {
    const storages = new Map<string, StorageId>();
    super(path, (id) => {
      storages.set(id.key, id);
      return new StoredBytes(undefined as never, id.dtype);
    });
    this.storages = storages;
  }

  override call(): unknown {
    return new Map();
  }

  override build(target: unknown): unknown {
    return target;
  }
}

function locateLegacy(file: OpenFile, start: number, keys: unknown, survey: Survey): Map<string, Place> {
  const places = new Map<string, Place>();
  let at = start;
  for (const key of Array.isArray(keys) ? keys : []) {
    const id = survey.storages.get(String(key));
    const bytes = id?.bytes;
    if (bytes === undefined || at + 8 + bytes > file.size || places.has(String(key))) {
      throw new FileError(
        `${file.path}: the file must hold storage ${JSON.stringify(key)} of ${bytes ?? "no"} bytes once, got ${file.size - at} bytes left. ` +
          `It is cut off or damaged: download or save it again.`,
      );
    }
    const elements = Number(file.read(at, 8).readBigInt64LE());
    const width = id!.dtype === undefined ? 1 : elementBytes(id!.dtype);
    if (elements * width !== bytes) {
      throw new FileError(
        `${file.path}: storage ${JSON.stringify(key)} must hold ${bytes / width} elements, got ${elements}. ` +
          `The file is damaged: download or save it again.`,
      );
    }
    places.set(String(key), { start: at + 8, bytes });
    at += 8 + bytes;
  }
  return places;
}
