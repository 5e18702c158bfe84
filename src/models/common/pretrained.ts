// Model folders in Hugging Face's layout: config.json and model.safetensors (or older weights). What a key means is the model's.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { FileError, ShapeError, writeFileAtomic } from "../../base/index.ts";
import {
  dispose,
  loadSafetensors,
  loadShardedSafetensors,
  loadShardedTorchWeights,
  loadTorchWeights,
  nn,
  saveSafetensors,
} from "../../torch/index.ts";
import type { Tensor } from "../../torch/index.ts";

/** What the weights of a folder did not fill, and what they held beyond the model. */
export interface LoadReport {
  /** Weights that got fresh values, as a new head does. */
  newlyInitialized: string[];
  /** Weights of the file that the model has no place for. */
  unused: string[];
}

export interface LoadWeightsOptions {
  /** Name under which heads hold the encoder (`bert`); files of bare encoders leave it out. */
  basePrefix: string;
  /** Gives a weight its present name; undefined drops it. */
  rename?: (name: string) => string | undefined;
  /** Weights that may be of another shape, then count as new (a head for other labels). @default none */
  mayDiffer?: (name: string) => boolean;
  /** Fills the direct weights of a module that the file does not hold. */
  initialize: (module: nn.Module) => void;
}

/** Reads and parses `config.json` of a model folder. */
export function readModelConfig(folder: string): Record<string, unknown> {
  const path = join(folder, "config.json");
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new FileError(
      existsSync(folder)
        ? `${folder}: a model folder must hold config.json, got none. Name a folder saved by savePretrained.`
        : `${folder}: the folder does not exist. Check the path.`,
      {
        cause: error,
      },
    );
  }
  try {
    const json: unknown = JSON.parse(text);
    if (typeof json === "object" && json !== null && !Array.isArray(json))
      return json as Record<string, unknown>;
  } catch (error) {
    throw new FileError(`${path}: must be JSON, got an error: ${String(error)}. Restore the file.`, {
      cause: error,
    });
  }
  throw new FileError(`${path}: must hold an object. Restore the file.`);
}

/** Fills a model that was made under `nn.init.skipInit` from a folder's weights. */
export function loadWeights(model: nn.Module, folder: string, options: LoadWeightsOptions): LoadReport {
  const weights = alignNames(readWeights(folder), model, options);
  const own = model.stateDict();
  const renewed: string[] = [];
  for (const [name, tensor] of weights) {
    const target = own.get(name);
    if (target === undefined || sameShape(tensor, target) || options.mayDiffer?.(name) !== true) continue;
    weights.delete(name);
    renewed.push(name);
  }
  try {
    const { missingKeys, unexpectedKeys } = model.loadStateDict(weights, { strict: false });
    if (missingKeys.length === own.size) {
      throw new FileError(
        `${folder}: the weights must be of a ${model.constructor.name}, but none of their names fits. Name another model.`,
      );
    }
    initializeOwners(model, missingKeys, options.initialize);
    return { newlyInitialized: missingKeys, unused: unexpectedKeys };
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    throw new FileError(`${folder}: ${error.message}`, { cause: error });
  } finally {
    dispose(weights);
  }
}

/** Writes `config.json` and `model.safetensors`, each whole or not at all; `rename` gives weights their names in the file. */
export function saveModel(
  model: nn.Module,
  folder: string,
  config: Readonly<Record<string, unknown>>,
  rename: (name: string) => string = (name) => name,
): void {
  const weights = Array.from(model.stateDict(), ([name, tensor]) => [rename(name), tensor] as const);
  saveSafetensors(new Map(weights), join(folder, "model.safetensors"), { format: "pt" });
  writeFileAtomic(join(folder, "config.json"), `${JSON.stringify(config, null, 2)}\n`);
}

/** The files that may hold a folder's weights, the safest first. */
const weightReaders: readonly [file: string, read: (path: string) => Map<string, Tensor>][] = [
  ["model.safetensors", loadSafetensors],
  ["model.safetensors.index.json", loadShardedSafetensors],
  ["pytorch_model.bin", loadTorchWeights],
  ["pytorch_model.bin.index.json", loadShardedTorchWeights],
];

function readWeights(folder: string): Map<string, Tensor> {
  for (const [file, read] of weightReaders) {
    const path = join(folder, file);
    if (existsSync(path)) return read(path);
  }
  throw new FileError(
    `${folder}: a model folder must hold model.safetensors, got none. Name a folder saved by savePretrained.`,
  );
}

function alignNames(
  weights: Map<string, Tensor>,
  model: nn.Module,
  { basePrefix, rename = (name) => name }: LoadWeightsOptions,
) {
  const prefix = `${basePrefix}.`;
  const inModel = [...model.stateDict().keys()].some((name) => name.startsWith(prefix));
  const inFile = [...weights.keys()].some((name) => name.startsWith(prefix));
  const aligned = new Map<string, Tensor>();
  for (const [name, tensor] of weights) {
    const renamed = rename(name);
    if (renamed === undefined) tensor.dispose();
    else if (inModel && !inFile) aligned.set(prefix + renamed, tensor);
    else if (!inModel && inFile && renamed.startsWith(prefix))
      aligned.set(renamed.slice(prefix.length), tensor);
    else aligned.set(renamed, tensor);
  }
  return aligned;
}

function initializeOwners(
  model: nn.Module,
  missing: readonly string[],
  initialize: (module: nn.Module) => void,
): void {
  const owners = new Set(missing.map((name) => name.slice(0, Math.max(0, name.lastIndexOf(".")))));
  for (const [name, module] of model.namedModules()) if (owners.has(name)) initialize(module);
}

function sameShape(a: Tensor, b: Tensor): boolean {
  return a.shape.join() === b.shape.join();
}
