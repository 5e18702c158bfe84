// Where the parts of a logged model stand in its folder, as its MLmodel file says.
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { FileError } from "../../base/index.ts";
import { isArtifactPath } from "../artifacts/artifact-path.ts";

/** Folders in Hugging Face's layout; they may be one and the same. */
export interface ModelFolders {
  /** Holds `config.json` and the weights. */
  model: string;
  /** Holds the tokenizer's files. */
  tokenizer: string;
}

/** Finds model and tokenizer in a folder that MLflow's transformers flavour wrote, or in a plain one. */
export function modelFolders(folder: string): ModelFolders {
  const path = join(folder, "MLmodel");
  if (!existsSync(path)) return { model: folder, tokenizer: folder };
  const { transformers, ...others } = readFlavors(path);
  if (transformers === undefined) {
    const names = Object.keys(others).join(", ") || "none";
    throw new FileError(
      `${path}: the model must be of the flavor transformers, got ${names}. Log it with mlflow.transformers.`,
    );
  }
  const binary = transformers["model_binary"];
  if (typeof binary !== "string") {
    throw new FileError(
      `${path}: flavors.transformers.model_binary must name the folder of the weights, but it is missing. Log the model with its weights (save_pretrained=True).`,
    );
  }
  if (!isArtifactPath(binary)) {
    throw new FileError(
      `${path}: flavors.transformers.model_binary must name a folder beside it, got ${JSON.stringify(binary)}. Log the model anew.`,
    );
  }
  const model = join(folder, binary);
  const tokenizer = join(folder, "components", "tokenizer");
  for (const part of [model, ...(hasTokenizer(transformers) ? [tokenizer] : [])]) {
    if (statSync(part, { throwIfNoEntry: false })?.isDirectory()) continue;
    throw new FileError(`${path}: ${part} must be there, but it is gone. Restore it, or name another model.`);
  }
  return { model, tokenizer: hasTokenizer(transformers) ? tokenizer : model };
}

/** Finds weights and architecture in a folder that `logTorchModel` wrote, or in a plain one. */
export function torchModelFolder(folder: string): string {
  const path = join(folder, "MLmodel");
  if (!existsSync(path)) return folder;
  const { sconce, ...others } = readFlavors(path);
  const data = sconce?.["data"];
  if (data === "data") return join(folder, data);
  const names = Object.keys(others).join(", ") || "none";
  throw new FileError(
    `${path}: the model must be of the flavor sconce, got ${names}. Log it with logModel of sconce/tasks, or load it by its own flavor.`,
  );
}

type Flavor = Readonly<Record<string, unknown>>;

function readFlavors(path: string): Record<string, Flavor | undefined> {
  let cause: unknown;
  try {
    const file = parse(readFileSync(path, "utf8")) as { flavors?: Record<string, Flavor> } | null;
    if (typeof file?.flavors === "object") return file.flavors;
  } catch (error) {
    cause = error;
  }
  throw new FileError(`${path}: it must say which flavors the model has, but it is damaged. Restore it.`, {
    cause,
  });
}

function hasTokenizer({ components }: Flavor): boolean {
  return Array.isArray(components) && components.includes("tokenizer");
}
