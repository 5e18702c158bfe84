// Whole models as safetensors files, in which tensors share no memory; after safetensors/torch.py.
import { ShapeError, UsageError } from "../../base/index.ts";
import { native } from "../native.ts";
import type { IncompatibleKeys, Module } from "../nn/index.ts";
import type { Tensor } from "../tensor.ts";
import { loadSafetensors } from "./load-safetensors.ts";
import { saveSafetensors } from "./save-safetensors.ts";

/**
 * Writes the weights and buffers of a module as `save_model` of Python's safetensors does. Of tensors that share memory,
 * as tied weights do, it writes the first by name that covers all of it; the metadata then name it for each that was left
 * out, unless they hold that name already. A part of a larger memory that overlaps no other is written alone, which
 * Python refuses.
 *
 * @example
 * const model = new torch.nn.Linear(2, 1);
 * torch.saveModel(model, "/tmp/linear.safetensors", { metadata: { format: "pt" } });
 * torch.loadModel(new torch.nn.Linear(2, 1), "/tmp/linear.safetensors").missingKeys; // => []
 */
export function saveModel(
  model: Module,
  path: string,
  { metadata = {} }: { metadata?: Readonly<Record<string, string>> } = {},
): void {
  const state = new Map(model.stateDict());
  const written: Record<string, string> = { ...metadata };
  for (const [kept, dropped] of dropOverlaps("saveModel", state)) {
    for (const name of dropped) {
      written[name] ??= kept;
      state.delete(name);
    }
  }
  saveSafetensors(state, path, written);
}

/**
 * Loads a file that `saveModel`, or Python's `save_model`, wrote into a module, and returns the names that did not fit.
 * Of tensors that share memory in the module, the file may hold any one. With `strict` it throws where the names differ,
 * after it has loaded those that are there.
 */
export function loadModel(
  model: Module,
  path: string,
  {
    strict = true,
  }: {
    /** Demands that the file holds every tensor of the module and no other. @default true */
    strict?: boolean;
  } = {},
): IncompatibleKeys {
  const state = loadSafetensors(path);
  const overlaps = dropOverlaps("loadModel", model.stateDict(), new Set(state.keys()));
  const found = model.loadStateDict(state, { strict: false });
  const missing = new Set(found.missingKeys);
  const unexpectedKeys = [...found.unexpectedKeys];
  for (const name of [...overlaps.values()].flat()) {
    if (!missing.delete(name)) unexpectedKeys.push(name); // its memory is already that of another name
  }
  if (strict && (missing.size > 0 || unexpectedKeys.length > 0)) {
    const problems = [
      ...(missing.size > 0 ? [`missing: ${[...missing].toSorted().join(", ")}`] : []),
      ...(unexpectedKeys.length > 0 ? [`unexpected: ${unexpectedKeys.toSorted().join(", ")}`] : []),
    ];
    throw new ShapeError(
      `loadModel: ${path} must hold the tensors of ${model.constructor.name}; ${problems.join("; ")}. ` +
        "Load the file of the same architecture, or set strict to false.",
    );
  }
  return { missingKeys: [...missing], unexpectedKeys };
}

interface Span {
  name: string;
  start: number;
  end: number;
  /** Whether it is all of the memory that the tensors share. */
  isWhole: boolean;
}

/** For each name that is kept, the names of the tensors in its memory that are left out. */
function dropOverlaps(
  where: string,
  state: ReadonlyMap<string, Tensor>,
  preferred: ReadonlySet<string> = new Set(),
): Map<string, string[]> {
  const byStorage = new Map<number, Span[]>();
  for (const [name, tensor] of state) {
    if (tensor.layout !== "strided" || tensor.device === "meta") continue;
    const [storage, bytes, offset] = native.storageOf(tensor.handle);
    if (bytes === 0) continue;
    const { shape, strides, itemsize, nbytes } = tensor;
    const last = shape.reduce((sum, size, i) => sum + (size - 1) * strides[i]!, 0);
    const start = offset * itemsize;
    const end = tensor.numel === 0 ? start : start + (last + 1) * itemsize;
    const span = { name, start, end, isWhole: start === 0 && nbytes === bytes };
    byStorage.set(storage, [...(byStorage.get(storage) ?? []), span]);
  }
  const dropped = new Map<string, string[]>();
  for (const group of [...byStorage.values()].flatMap(overlapping)) {
    const whole = group.filter(({ isWhole }) => isWhole).map(({ name }) => name);
    const names = group.map(({ name }) => name).toSorted();
    const wanted = whole.filter((name) => preferred.has(name));
    const [kept] = (wanted.length > 0 ? wanted : whole).toSorted();
    if (kept === undefined) {
      throw new UsageError(
        `${where}: of tensors that share memory one must cover all of it, got ${names.join(", ")}, which are parts. ` +
          "Give each its own memory with clone().",
      );
    }
    dropped.set(
      kept,
      names.filter((name) => name !== kept),
    );
  }
  return dropped;
}

/** Groups the parts of one memory that overlap, of two and more. */
function overlapping(spans: readonly Span[]): Span[][] {
  const sorted = spans.toSorted((a, b) => a.start - b.start || a.end - b.end || (a.name < b.name ? -1 : 1));
  const groups: Span[][] = [];
  let stop = -1;
  for (const span of sorted) {
    if (groups.length === 0 || span.start >= stop) groups.push([span]);
    else groups.at(-1)!.push(span);
    stop = span.end;
  }
  return groups.filter(({ length }) => length > 1);
}
