// Logs torch modules into a run and loads them from where they were logged.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadModule, saveModule } from "../models/index.ts";
import { type Tensor, type nn, noGrad, scope } from "../torch/index.ts";
import { logTorchModel, torchModelFolder } from "../tracking/index.ts";
import type {
  ActiveRun,
  LogTorchModelOptions,
  LoggedModel,
  ModelSignature,
  TensorSpec,
} from "../tracking/index.ts";
import { type FindModelOptions, findModelFolder } from "./find-model.ts";

/** Says as what a module is logged. */
export interface LogModelOptions extends Omit<LogTorchModelOptions, "folder" | "inputExample"> {
  /** An input; the first dimension is that of the batch. */
  inputExample?: Tensor;
  /** @default that of the example and of the module's output for it */
  signature?: ModelSignature;
}

/**
 * Logs a module, or a folder that `saveModule` of `sconce/models` wrote, as a model of a run.
 *
 * @example
 * const model = await logModel(run, net, { inputExample: torch.ones([1, 4]) });
 * (await loadModel(`models:/${model.modelId}`)).forward(torch.ones([2, 4]));
 */
export async function logModel(
  run: ActiveRun,
  model: nn.Module | string,
  { inputExample, ...options }: LogModelOptions = {},
): Promise<LoggedModel> {
  const example = inputExample === undefined ? {} : { inputExample: inputExample.tolist() as unknown[] };
  if (typeof model === "string") return logTorchModel(run, { ...options, ...example, folder: model });
  const folder = mkdtempSync(join(tmpdir(), "sconce-model-"));
  try {
    saveModule(model, folder);
    const signature = inputExample === undefined ? {} : { signature: inferSignature(model, inputExample) };
    return await logTorchModel(run, { ...signature, ...options, ...example, folder });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * Loads a module that `logModel` logged, in eval mode: `runs:/ID/model`, `models:/NAME/1`, `models:/NAME@ALIAS`,
 * `models:/m-ID`, or a folder. No code is run: a module of a class of its own is given as `into`, to be filled.
 *
 * @throws UsageError for a module of a class of its own without `into`; FileError for a model of another flavour.
 */
export async function loadModel<M extends nn.Module>(
  uri: string,
  options: FindModelOptions & { into: M },
): Promise<M>;
export async function loadModel(uri: string, options?: FindModelOptions): Promise<nn.TensorModule>;
export async function loadModel(
  uri: string,
  { into, ...options }: FindModelOptions & { into?: nn.Module } = {},
): Promise<nn.Module> {
  const folder = torchModelFolder(await findModelFolder(uri, options));
  return into === undefined ? loadModule(folder) : loadModule(folder, into);
}

function inferSignature(model: nn.Module, example: Tensor): ModelSignature {
  using _scope = scope();
  const wasTraining = model.training;
  model.eval(); // an example must not move running statistics
  try {
    const output = noGrad(() => (model as nn.TensorModule).forward(example));
    return { inputs: [specOf(example)], outputs: [specOf(output)] };
  } finally {
    model.train(wasTraining);
  }
}

function specOf({ dtype, shape }: Tensor): TensorSpec {
  return { type: "tensor", dtype, shape: [-1, ...shape.slice(1)] };
}
