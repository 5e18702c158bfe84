// Logs a model folder in Hugging Face layout so that Python's mlflow.transformers.load_model loads it.
import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { FileError, UsageError, suggestion } from "../../base/index.ts";
import type { ActiveRun } from "../client/run.ts";
import type { LoggedModel } from "../types.ts";
import { type ModelSignature, formatMlmodel } from "./mlmodel.ts";
import { pythonLoading } from "./model-card.ts";
import { type RecordModelOptions, recordModel, writeSurroundings } from "./record-model.ts";

/** Says which folder is logged and as what. */
export interface LogTransformersModelOptions extends RecordModelOptions {
  /** Folder with `config.json`, `model.safetensors` and the tokenizer's files. */
  folder: string;
  /** Task of the Hugging Face pipeline, `text-classification`. */
  task: string;
  signature?: ModelSignature;
  /** A list of texts or rows, as the model takes them. */
  inputExample?: readonly unknown[];
  /** Where the weights came from: a hub id or a name. @default the folder's path */
  sourceModelName?: string;
}

const pipelineClasses: Record<string, string> = {
  "text-classification": "TextClassificationPipeline",
  "token-classification": "TokenClassificationPipeline",
  "fill-mask": "FillMaskPipeline",
  "feature-extraction": "FeatureExtractionPipeline",
  "zero-shot-classification": "ZeroShotClassificationPipeline",
};

/**
 * Logs a model to `<run's artifacts>/model` and records it as MLflow 3 does, so that `runs:/ID/model` and
 * `models:/m-ID` both load it. Files are hard links where the file system allows it: the folder must not be
 * changed in place later.
 */
export async function logTransformersModel(
  run: ActiveRun,
  options: LogTransformersModelOptions,
): Promise<LoggedModel> {
  const { folder, task, signature, inputExample, sourceModelName = folder } = options;
  const pipelineClass = pipelineClasses[task];
  if (pipelineClass === undefined) {
    throw new UsageError(
      `logTransformersModel: unknown task "${task}". ${suggestion(task, Object.keys(pipelineClasses))}`,
    );
  }
  const config = readJson(join(folder, "config.json"));
  const weights = readdirSync(folder).filter((file) => file.endsWith(".safetensors"));
  if (weights.length === 0) {
    throw new FileError(
      `logTransformersModel: the folder must hold model.safetensors, got none in ${folder}.`,
    );
  }
  const files = modelFiles(folder);
  const facts = {
    library: "transformers",
    task,
    ...(options.sourceModelName === undefined ? {} : { baseModel: options.sourceModelName }),
    ...(signature === undefined ? {} : { signature }),
    loading: (uri: string) => ({
      typescript: loadingOf(task, uri),
      python: pythonLoading("transformers", uri),
    }),
  };
  return recordModel(run, options, facts, (artifacts, { modelId, artifactLocation }) => {
    for (const file of files.model) artifacts.logFile(join(folder, file), `model/${file}`, { link: true });
    for (const file of files.tokenizer)
      artifacts.logFile(join(folder, file), `components/tokenizer/${file}`, { link: true });
    writeSurroundings(artifacts, { packages: ["torch", "transformers"], inputExample });
    const mlmodel = formatMlmodel({
      task,
      pipelineClass,
      modelClass: firstText(config["architectures"]) ?? "PreTrainedModel",
      ...(files.tokenizer.length === 0 ? {} : { tokenizerClass: tokenizerClass(folder) }),
      dtype: firstText([config["dtype"] ?? config["torch_dtype"]]) ?? "float32",
      sourceModelName,
      artifactPath: artifactLocation,
      sizeBytes: weights.reduce((sum, file) => sum + statSync(join(folder, file)).size, 0),
      runId: run.runId,
      modelId,
      ...(signature === undefined ? {} : { signature }),
      ...(inputExample === undefined ? {} : { inputExample: "json_object" }),
    });
    artifacts.writeFile("MLmodel", mlmodel); // last: a folder with this file is whole
  });
}

function loadingOf(task: string, uri: string): string {
  return task === "text-classification"
    ? `import { TextClassifier } from "sconce/tasks";\n\nconst model = await TextClassifier.fromPretrained("${uri}");`
    : `import { findModel } from "sconce/tasks";\n\nconst { model, tokenizer } = await findModel("${uri}"); // folders`;
}

function modelFiles(folder: string): { model: string[]; tokenizer: string[] } {
  const isTokenizerFile = (file: string) =>
    /^(tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab)\.(json|txt|model)$|^merges\.txt$|^spiece\.model$/.test(
      file,
    );
  const names = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name);
  return {
    model: names.filter((file) => !isTokenizerFile(file) && /\.(safetensors|json)$/.test(file)),
    tokenizer: names.filter(isTokenizerFile),
  };
}

function tokenizerClass(folder: string): string {
  const file = join(folder, "tokenizer_config.json");
  const config = existsSync(file) ? readJson(file) : {};
  return firstText([config["tokenizer_class"]]) ?? "PreTrainedTokenizerFast";
}

function readJson(file: string): Record<string, unknown> {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    throw new FileError(
      `${file}: it must hold JSON, and it cannot be read (${detail}). Save the model again.`,
      {
        cause: error,
      },
    );
  }
}

function firstText(value: unknown): string | undefined {
  const first: unknown = Array.isArray(value) ? value[0] : undefined;
  return typeof first === "string" ? first : undefined;
}
