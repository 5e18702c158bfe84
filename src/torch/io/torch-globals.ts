// What the names in PyTorch's pickles mean: the allow-list of torch.load(weights_only=True), and how tensors are
// put together. Sources: torch/_weights_only_unpickler.py, torch/_utils.py.
import { FileError } from "../../base/index.ts";
import { wrap } from "../binding.ts";
import { dtypeCode, dtypeCodes, isFloatingPoint } from "../dtype.ts";
import type { Dtype } from "../dtype.ts";
import { native } from "../native.ts";
import { Parameter } from "../nn/parameter.ts";
import * as ops from "../ops.generated.ts";
import { rawOp } from "../raw.ts";
import { Tensor } from "../tensor.ts";
import { elementBytes } from "./element-bytes.ts";
import { PickledGlobal, PickledPart } from "./unpickler.ts";
import type { PickleMeanings } from "./unpickler.ts";

const negView = rawOp("_neg_view");

/** Dtypes by PyTorch's names of their storages; the newer dtypes have none and lie in untyped ones. */
export const storageDtypes = {
  FloatStorage: "float32",
  DoubleStorage: "float64",
  HalfStorage: "float16",
  BFloat16Storage: "bfloat16",
  LongStorage: "int64",
  IntStorage: "int32",
  ShortStorage: "int16",
  CharStorage: "int8",
  ByteStorage: "uint8",
  BoolStorage: "bool",
  ComplexFloatStorage: "complex64",
  ComplexDoubleStorage: "complex128",
} as const satisfies Record<string, Dtype>;

/** The bytes of one storage of a file, over which tensors are made. */
export class StoredBytes extends PickledPart {
  readonly kind = "storage";
  readonly bytes: Tensor;
  /** The dtype that tensors over it have; undefined where each says its own. */
  readonly dtype: Dtype | undefined;
  /** Offset in bytes of its first element, which is not 0 for views of the oldest files. */
  readonly start: number;

  constructor(bytes: Tensor, dtype: Dtype | undefined, start = 0) {
    super();
    this.bytes = bytes;
    this.dtype = dtype;
    this.start = start;
  }
}

/** A storage as a pickle refers to it. */
export interface StorageId {
  key: string;
  dtype: Dtype | undefined;
  bytes: number;
  /** The view of the storage that is meant; its key, first byte and length. */
  view: { start: number } | undefined;
}

const unsupported = new Map([
  ["torch._utils._rebuild_qtensor", "a quantized tensor: dequantize() it"],
  ["torch._utils._rebuild_sparse_tensor", "a sparse tensor: make it dense with to_dense()"],
  ["torch._utils._rebuild_nested_tensor", "a nested tensor: save its parts"],
  ["torch._utils._rebuild_wrapper_subclass", "a tensor subclass: save a plain tensor"],
  ["torch._utils._rebuild_meta_tensor_no_storage", "a tensor without data (meta): load its data first"],
  [
    "torch._utils._rebuild_device_tensor_from_numpy",
    "a tensor from another device's plugin: call cpu() on it",
  ],
]);

const layoutPrefix = "torch.";
type Spend = (bytes: number) => void;
type Builder = (args: readonly unknown[], spend: Spend) => unknown;

/** Knows PyTorch's names, and builds tensors over the storages that `findStorage` gives. */
export class TorchMeanings implements PickleMeanings {
  /** Every tensor that was made, so that a failure can free them. */
  readonly made: Tensor[] = [];
  readonly #path: string;
  readonly #findStorage: (id: StorageId) => StoredBytes;
  readonly #builders: ReadonlyMap<string, Builder>;

  constructor(path: string, findStorage: (id: StorageId) => StoredBytes) {
    this.#path = path;
    this.#findStorage = findStorage;
    this.#builders = new Map<string, Builder>([
      ["collections.OrderedDict", (args, spend) => this.#dict(args, spend)],
      ["collections.Counter", (args, spend) => this.#dict(args, spend)],
      ["builtins.set", (args, spend) => this.#set(args, spend)],
      ["builtins.bytearray", (args, spend) => this.#bytes(args, spend)],
      ["builtins.complex", (args) => this.#complex(args)],
      ["_codecs.encode", (args, spend) => this.#bytes(args, spend)],
      ["torch.Size", (args, spend) => this.#size(args, spend)],
      ["torch.device", (args) => this.#device(args)],
      ["torch.serialization._get_layout", (args) => this.#layout(args)],
      ["torch.nn.parameter.Parameter", (args) => this.#parameter(args)],
      ["torch._utils._rebuild_parameter", (args) => this.#parameter(args)],
      ["torch._utils._rebuild_parameter_with_state", (args) => this.#parameter(args)],
      ["torch._utils._rebuild_tensor", ([storage, offset, size, stride]) => this.#tensor({ storage, offset, size, stride })], // prettier-ignore
      ["torch._utils._rebuild_tensor_v2", ([storage, offset, size, stride, requiresGrad, , metadata]) => this.#tensor({ storage, offset, size, stride, requiresGrad, metadata })], // prettier-ignore
      ["torch._utils._rebuild_tensor_v3", ([storage, offset, size, stride, requiresGrad, , dtype, metadata]) => this.#tensor({ storage, offset, size, stride, requiresGrad, dtype, metadata })], // prettier-ignore
      ["torch._utils._rebuild_device_tensor_from_cpu_tensor", ([data, , , requiresGrad]) => this.#withGrad(this.#isTensor(data), requiresGrad === true)], // prettier-ignore
      ["torch._tensor._rebuild_from_type_v2", (args, spend) => this.#fromType(args, spend)],
    ]);
  }

  global(name: string): unknown {
    const modern = name.replace(/^__builtin__\./, "builtins.");
    if (this.#builders.has(modern) || unsupported.has(modern) || modern === "torch.Tensor")
      return new PickledGlobal(modern);
    if (storageName(modern) !== undefined) return new PickledGlobal(modern);
    const dtype = modern.startsWith("torch.") ? modern.slice("torch.".length) : "";
    return Object.hasOwn(dtypeCodes, dtype) ? dtype : undefined;
  }

  call({ name }: PickledGlobal, args: readonly unknown[], spend: Spend): unknown {
    const builder = this.#builders.get(name);
    if (builder !== undefined) return builder(args, spend);
    const reason = unsupported.get(name);
    if (reason === undefined) throw this.#wrong(`${name} cannot be called`);
    throw new FileError(`${this.#path}: holds ${reason} in Python before it is saved.`);
  }

  persistent(id: unknown): unknown {
    if (!Array.isArray(id) || id[0] !== "storage" || !(id[1] instanceof PickledGlobal)) {
      throw this.#wrong("an object outside the pickle must be a storage");
    }
    const [, type, key, , count, view] = id as [unknown, PickledGlobal, ...unknown[]];
    const name = storageName(type.name);
    if (name === undefined || typeof key !== "string" || !isSize(count)) {
      throw this.#wrong(`a storage must have a type, a key and a size, got ${type.name}`);
    }
    const dtype = name === "UntypedStorage" ? undefined : storageDtypes[name];
    const width = dtype === undefined ? 1 : elementBytes(dtype);
    if (view === undefined || view === null) {
      return this.#findStorage({ key, dtype, bytes: count * width, view: undefined });
    }
    if (!Array.isArray(view) || !isSize(view[1]))
      throw this.#wrong("a view of a storage must have an offset");
    return this.#findStorage({ key, dtype, bytes: count * width, view: { start: view[1] * width } });
  }

  build(target: unknown, _state: unknown): unknown {
    // attributes of a state dict (its _metadata) and of tensors mean nothing here
    if (target instanceof Map || target instanceof Tensor) return target;
    throw this.#wrong("only dicts and tensors can have attributes");
  }

  // plain data

  #dict([source]: readonly unknown[], spend: Spend): Map<unknown, unknown> {
    if (source === undefined) return new Map();
    const pairs = source instanceof Map ? [...source] : source;
    if (!Array.isArray(pairs) || !pairs.every((pair) => Array.isArray(pair) && pair.length === 2)) {
      throw this.#wrong("a dict must be made of pairs");
    }
    spend(64 * pairs.length);
    return new Map(pairs as [unknown, unknown][]);
  }

  #set([source = []]: readonly unknown[], spend: Spend): Set<unknown> {
    if (!Array.isArray(source)) throw this.#wrong("a set must be made of a list");
    spend(64 * source.length);
    return new Set(source);
  }

  #bytes([source = "", encoding = "latin1"]: readonly unknown[], spend: Spend): Uint8Array {
    const isLatin1 = encoding === "latin1" || encoding === "latin-1";
    if (typeof source === "string" && isLatin1) {
      spend(source.length);
      return Uint8Array.from(Buffer.from(source, "latin1"));
    }
    if (!(source instanceof Uint8Array))
      throw this.#wrong("bytes must be made of text in latin1 or of bytes");
    spend(source.length);
    return Uint8Array.from(source);
  }

  #complex([real = 0, imaginary = 0]: readonly unknown[]): Tensor {
    if (typeof real !== "number" || typeof imaginary !== "number") {
      throw this.#wrong("a complex number must have two parts");
    }
    const pair = Float64Array.of(real, imaginary);
    return this.#keep(wrap(native.fromData(pair, [], dtypeCode("complex128"))));
  }

  #size([sizes]: readonly unknown[], spend: Spend): number[] {
    const checked = this.#sizes(sizes);
    spend(16 * checked.length);
    return [...checked];
  }

  #device([type, index]: readonly unknown[]): string {
    if (typeof type !== "string" || !/^[a-z]+(:\d+)?$/.test(type))
      throw this.#wrong("a device must have a name");
    return isSize(index) ? `${type}:${index}` : type;
  }

  #layout([name]: readonly unknown[]): string {
    if (typeof name !== "string") throw this.#wrong("a layout must have a name");
    return name.startsWith(layoutPrefix) ? name.slice(layoutPrefix.length) : name;
  }

  // tensors

  #tensor(parts: {
    storage: unknown;
    offset: unknown;
    size: unknown;
    stride: unknown;
    requiresGrad?: unknown;
    dtype?: unknown;
    metadata?: unknown;
  }): Tensor {
    const { storage, offset } = parts;
    if (!(storage instanceof StoredBytes) || !isSize(offset)) {
      throw this.#wrong("a tensor must have a storage and an offset of at least 0");
    }
    const dtype = parts.dtype ?? storage.dtype;
    if (typeof dtype !== "string" || !Object.hasOwn(dtypeCodes, dtype))
      throw this.#wrong("a tensor must have a dtype");
    const [shape, strides] = [this.#sizes(parts.size), this.#sizes(parts.stride)];
    const first = offset + storage.start / elementBytes(dtype as Dtype);
    let made: Tensor;
    try {
      made = wrap(native.tensorOver(storage.bytes.handle, first, shape, strides, dtypeCode(dtype as Dtype)));
    } catch (error) {
      throw new FileError(
        `${this.#path}: a tensor of shape [${shape.join(", ")}], strides [${strides.join(", ")}] and offset ${offset} ` +
          `must lie in its storage of ${storage.bytes.nbytes} bytes. The file is damaged: download or save it again.`,
        { cause: error },
      );
    }
    return this.#withGrad(this.#withBits(this.#keep(made), parts.metadata), parts.requiresGrad === true);
  }

  /** Applies the marks of a tensor whose elements are still to be conjugated or negated. */
  #withBits(tensor: Tensor, metadata: unknown): Tensor {
    if (!(metadata instanceof Map)) return tensor;
    const conjugated = metadata.get("conj") === true ? this.#keep(ops.conj(tensor)) : tensor;
    return metadata.get("neg") === true ? this.#keep(wrap(negView(conjugated.handle) as number)) : conjugated;
  }

  #withGrad<T extends Tensor>(tensor: T, flag: boolean): T {
    if (!flag) return tensor;
    if (!isFloatingPoint(tensor.dtype) && !tensor.dtype.startsWith("complex")) {
      throw this.#wrong(`a tensor of ${tensor.dtype} must have no gradients`);
    }
    return tensor.requiresGrad_();
  }

  #parameter([data, requiresGrad = true]: readonly unknown[]): Parameter {
    const parameter = this.#keep(new Parameter(this.#isTensor(data), { requiresGrad: false }));
    return this.#withGrad(parameter, requiresGrad === true);
  }

  /** A tensor with attributes: a function, the class, the function's arguments, and the attributes, which go. */
  #fromType([rebuild, type, args]: readonly unknown[], spend: Spend): unknown {
    if (!(rebuild instanceof PickledGlobal) || !Array.isArray(args)) {
      throw this.#wrong("a tensor with attributes must say how it is built");
    }
    if (!rebuild.name.startsWith("torch._utils._rebuild_"))
      throw this.#wrong(`${rebuild.name} builds no tensor`);
    const tensor = this.#isTensor(this.call(rebuild, args, spend));
    const isParameter = type instanceof PickledGlobal && type.name === "torch.nn.parameter.Parameter";
    return isParameter && !(tensor instanceof Parameter)
      ? this.#parameter([tensor, tensor.requiresGrad])
      : tensor;
  }

  #isTensor(value: unknown): Tensor {
    if (value instanceof Tensor) return value;
    throw this.#wrong("a parameter must be made of a tensor");
  }

  #sizes(value: unknown): number[] {
    if (Array.isArray(value) && value.length <= 64 && value.every(isSize)) return value;
    throw this.#wrong("sizes and strides must be whole numbers of at least 0");
  }

  #keep<T extends Tensor>(tensor: T): T {
    this.made.push(tensor);
    return tensor;
  }

  #wrong(fault: string): FileError {
    return new FileError(`${this.#path}: the pickle is not one of weights: ${fault}. Save it again.`);
  }
}

function storageName(name: string): keyof typeof storageDtypes | "UntypedStorage" | undefined {
  const match = /^torch(?:\.storage|\.cuda)?\.(\w+Storage)$/.exec(name);
  const short = match?.[1] ?? "";
  if (short === "UntypedStorage" || Object.hasOwn(storageDtypes, short)) {
    return short as keyof typeof storageDtypes | "UntypedStorage";
  }
  return undefined;
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
