// Logs the folder of a torch module: weights as safetensors, layers as JSON. No pickle is written, which MLflow's own
// pytorch flavour would ask for: its file runs code when it is read.
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { FileError, sconceVersion } from "../../base/index.ts";
import type { ActiveRun } from "../client/run.ts";
import type { LoggedModel } from "../types.ts";
import { type ModelSignature, formatModelFile, pythonFunction } from "./mlmodel.ts";
import { pythonLoading } from "./model-card.ts";
import { pythonLoader, pythonLoaderModule } from "./python-loader.ts";
import { type RecordModelOptions, recordModel, writeSurroundings } from "./record-model.ts";

/** Says which module is logged. */
export interface LogTorchModelOptions extends RecordModelOptions {
  /** Folder with `model.safetensors` and `architecture.json`, as `saveModule` of `sconce/models` writes it. */
  folder: string;
  signature?: ModelSignature;
  /** An input as nested lists of numbers, as the model takes it. */
  inputExample?: readonly unknown[];
}

/**
 * Logs a torch module under a flavour of Sconce's own. One that is made of torch.nn's layers alone has MLflow's
 * python_function flavour as well, so that `mlflow.pyfunc.load_model` loads it; of others Python reads the weights,
 * `data/model.safetensors`. Files are hard links where the file system allows it: the folder must not be changed in
 * place later.
 */
export async function logTorchModel(run: ActiveRun, options: LogTorchModelOptions): Promise<LoggedModel> {
  const { folder, signature, inputExample } = options;
  const architecture = readArchitecture(join(folder, "architecture.json"));
  const weights = join(folder, "model.safetensors");
  const size = statSync(weights, { throwIfNoEntry: false })?.size;
  if (size === undefined) {
    throw new FileError(`logTorchModel: the folder must hold model.safetensors, got none in ${folder}.`);
  }
  const loadsInPython = architecture["layers"] !== undefined;
  const facts = {
    library: "sconce",
    ...(signature === undefined ? {} : { signature }),
    loading: (uri: string) => ({
      typescript: `import { loadModel } from "sconce/tasks";\n\nconst model = await loadModel("${uri}"${loadsInPython ? "" : `, { into: new ${String(architecture["class"])}() }`});`,
      python: loadsInPython ? pythonLoading("pyfunc", uri) : weightsLoading(uri),
    }),
  };
  return recordModel(run, options, facts, (artifacts, { modelId, artifactLocation }) => {
    for (const file of ["architecture.json", "model.safetensors"])
      artifacts.logFile(join(folder, file), `data/${file}`, { link: true });
    if (loadsInPython) artifacts.writeFile(`code/${pythonLoaderModule}.py`, pythonLoader);
    writeSurroundings(artifacts, { packages: ["torch", "safetensors"], inputExample });
    const loader = { code: "code", data: "data", loader_module: pythonLoaderModule };
    const flavors = {
      ...(loadsInPython && { python_function: pythonFunction(loader) }),
      sconce: { code: null, data: "data", model_class: architecture["class"], sconce_version: sconceVersion },
    };
    const mlmodel = formatModelFile(flavors, {
      artifactPath: artifactLocation,
      sizeBytes: size,
      runId: run.runId,
      modelId,
      ...(signature === undefined ? {} : { signature }),
      ...(inputExample === undefined ? {} : { inputExample: "ndarray" }),
    });
    artifacts.writeFile("MLmodel", mlmodel); // last: a folder with this file is whole
  });
}

function weightsLoading(uri: string): string {
  return [
    "import mlflow",
    "from safetensors.torch import load_file",
    "",
    `folder = mlflow.artifacts.download_artifacts("${uri}")`,
    'state_dict = load_file(f"{folder}/data/model.safetensors")',
  ].join("\n");
}

function readArchitecture(path: string): Record<string, unknown> {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
  } catch (error) {
    throw new FileError(
      `logTorchModel: ${path} must say what the model is made of, and it cannot be read. Save the module with saveModule.`,
      { cause: error },
    );
  }
}
