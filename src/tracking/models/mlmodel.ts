// The MLmodel file of MLflow's transformers flavour, and the environment files beside it.
import { randomUUID } from "node:crypto";
import { stringify } from "yaml";

/** Is one column of a signature; MLflow's type names. */
export interface ColumnSpec {
  type: "boolean" | "integer" | "long" | "float" | "double" | "string" | "binary" | "datetime";
  name?: string;
  required?: boolean;
}

/** Says what goes into a model and what comes out. */
export interface ModelSignature {
  inputs: readonly ColumnSpec[];
  outputs?: readonly ColumnSpec[];
}

/** Versions of the Python packages that load the model; the ones that the files are tested with. */
export const pythonVersions = {
  python: "3.11.7",
  mlflow: "3.17.2",
  torch: "2.13.0",
  transformers: "5.23.0",
} as const;

/** Describes a model folder for its `MLmodel` file. */
export interface MlmodelOptions {
  /** Task of the Hugging Face pipeline, `text-classification`. */
  task: string;
  /** Class of the pipeline, `TextClassificationPipeline`. */
  pipelineClass: string;
  /** Class of the model, the first of `architectures` in config.json. */
  modelClass: string;
  /** Class of the tokenizer; absent for a model without one. */
  tokenizerClass?: string;
  /** Dtype of the weights, `float32`. */
  dtype: string;
  /** Where the model came from: a hub id or a name. */
  sourceModelName: string;
  /** Where the model is logged, a path or URI. */
  artifactPath: string;
  /** Bytes of the weights. */
  sizeBytes: number;
  runId?: string;
  /** Id of the logged model of MLflow 3. */
  modelId?: string;
  signature?: ModelSignature;
  /** Whether `input_example.json` is there. @default false */
  hasInputExample?: boolean;
  /** @default now */
  createdAt?: Date;
}

/** Writes the content of the `MLmodel` file for a folder with `model/` and `components/tokenizer/`. */
export function formatMlmodel(options: MlmodelOptions): string {
  const { runId, modelId, signature, tokenizerClass, createdAt = new Date() } = options;
  return toYaml({
    artifact_path: options.artifactPath,
    flavors: {
      python_function: {
        env: { conda: "conda.yaml", virtualenv: "python_env.yaml" },
        loader_module: "mlflow.transformers",
        python_version: pythonVersions.python,
      },
      transformers: {
        code: null,
        ...(tokenizerClass === undefined
          ? {}
          : { components: ["tokenizer"], tokenizer_type: tokenizerClass }),
        instance_type: options.pipelineClass,
        model_binary: "model",
        pipeline_model_type: options.modelClass,
        source_model_name: options.sourceModelName,
        task: options.task,
        torch_dtype: `torch.${options.dtype}`,
        transformers_version: pythonVersions.transformers,
      },
    },
    is_signature_from_type_hint: false,
    mlflow_version: pythonVersions.mlflow,
    ...(modelId === undefined ? {} : { model_id: modelId }),
    model_size_bytes: options.sizeBytes,
    model_uuid: modelId ?? randomUUID().replaceAll("-", ""),
    prompts: null,
    ...(runId === undefined ? {} : { run_id: runId }),
    ...(options.hasInputExample === true
      ? {
          saved_input_example_info: {
            artifact_path: "input_example.json",
            serving_input_path: "serving_input_example.json",
            type: "json_object",
          },
        }
      : {}),
    ...(signature === undefined ? {} : { signature: formatSignature(signature) }),
    type_hint_from_example: false,
    utc_time_created: createdAt.toISOString().replace("T", " ").replace("Z", "000"),
  });
}

/** Returns `requirements.txt`, `python_env.yaml` and `conda.yaml` for loading the model in Python. */
export function environmentFiles(): Record<string, string> {
  const { python, mlflow, torch, transformers } = pythonVersions;
  const requirements = [`mlflow==${mlflow}`, `torch==${torch}`, `transformers==${transformers}`];
  return {
    "requirements.txt": `${requirements.join("\n")}\n`,
    "python_env.yaml": toYaml({
      python,
      build_dependencies: ["pip", "setuptools", "wheel"],
      dependencies: ["-r requirements.txt"],
    }),
    "conda.yaml": toYaml({
      channels: ["conda-forge"],
      dependencies: [`python=${python}`, "pip", { pip: requirements }],
      name: "mlflow-env",
    }),
  };
}

function formatSignature({ inputs, outputs }: ModelSignature): Record<string, string | null> {
  const columns = (specs: readonly ColumnSpec[]) =>
    JSON.stringify(
      specs.map(({ type, name, required = true }) => ({
        type,
        ...(name === undefined ? {} : { name }),
        required,
      })),
    );
  return { inputs: columns(inputs), outputs: outputs === undefined ? null : columns(outputs), params: null };
}

// Python reads YAML 1.1, where an unquoted time or "no" is no text
function toYaml(value: object): string {
  return stringify(value, { version: "1.1" });
}
