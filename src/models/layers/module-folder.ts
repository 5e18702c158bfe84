// Any module as a folder: its weights as safetensors, and what it is made of as JSON. No code is saved or run.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { FileError, UsageError, writeFileAtomic } from "../../base/index.ts";
import { loadModel, loadSafetensors, readSafetensorsHeader, saveModel } from "../../torch/index.ts";
import type { nn } from "../../torch/index.ts";
import { type LayerDescription, buildLayers, describeLayers } from "./architecture.ts";

const weightsFile = "model.safetensors";
const architectureFile = "architecture.json";

/** Is the content of `architecture.json`. */
interface Architecture {
  version: 1;
  /** Name of the module's class. */
  class: string;
  /** Absent for a module that only its own class rebuilds. */
  layers?: LayerDescription;
}

/**
 * Writes `model.safetensors` and `architecture.json`. A module made of torch.nn's layers in `Sequential`s loads without
 * its code, here and in Python; of any other the weights alone do.
 *
 * @returns whether the module loads without its code.
 */
export function saveModule(module: nn.Module, folder: string): boolean {
  const weights = join(folder, weightsFile);
  saveModel(module, weights, { metadata: { format: "pt" } });
  // tied weights stand in the file once, which the layers say nothing of
  const isWhole = readSafetensorsHeader(weights).tensors.size === module.stateDict().size;
  const layers = isWhole ? describeLayers(module) : undefined;
  const architecture: Architecture = {
    version: 1,
    class: module.constructor.name,
    ...(layers && { layers }),
  };
  writeFileAtomic(join(folder, architectureFile), `${JSON.stringify(architecture, null, 2)}\n`);
  return layers !== undefined;
}

/**
 * Returns the module of a folder that `saveModule` wrote, in eval mode and with the dtypes of the file; with `into`,
 * that module with the folder's weights.
 *
 * @throws UsageError for a module of a class of its own without `into`; ShapeError where the weights do not fit it.
 *
 * @example
 * const net = new torch.nn.Sequential(new torch.nn.Linear(4, 8), new torch.nn.ReLU());
 * saveModule(net, "/tmp"); // => true
 * loadModule("/tmp").forward(torch.ones([1, 4])).shape; // => [1, 8]
 */
export function loadModule<M extends nn.Module>(folder: string, into: M): M;
export function loadModule(folder: string): nn.TensorModule;
export function loadModule(folder: string, into?: nn.Module): nn.Module {
  const weights = join(folder, weightsFile);
  if (into !== undefined) {
    loadModel(into, weights);
    return into.eval();
  }
  const { class: name, layers } = readArchitecture(join(folder, architectureFile));
  if (layers === undefined) {
    throw new UsageError(
      `${folder}: the model is a ${name}, whose code is not in the folder. Make one and give it to be filled: new ${name}(...).`,
    );
  }
  const module = buildLayers(layers);
  module.loadStateDict(loadSafetensors(weights), { assign: true });
  return module.eval();
}

function readArchitecture(path: string): Architecture {
  try {
    const file = JSON.parse(readFileSync(path, "utf8")) as Architecture;
    if (file.version === 1 && typeof file.class === "string") return file;
  } catch (error) {
    throw new FileError(
      `${path}: it must say what the model is made of, and cannot be read (${error instanceof Error ? error.message : String(error)}). Name a folder that saveModule wrote.`,
      { cause: error },
    );
  }
  throw new FileError(
    `${path}: it must be of version 1 and name a class. Name a folder that saveModule wrote, or update Sconce.`,
  );
}
