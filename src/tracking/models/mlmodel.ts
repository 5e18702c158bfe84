// The MLmodel files of the flavours that Sconce writes, and the environment files beside them.
import { randomUUID } from "node:crypto";
import { stringify } from "yaml";

/** Is one column of a signature; MLflow's type names. */
export interface ColumnSpec {
  type: "boolean" | "integer" | "long" | "float" | "double" | "string" | "binary" | "datetime";
  name?: string;
  required?: boolean;
}

/** Is a tensor of a signature. */
export interface TensorSpec {
  type: "tensor";
  /** NumPy's name, `float32`. */
  dtype: string;
  /** Sizes; -1 is any. */
  shape: readonly number[];
  name?: string;
}

/** Says what goes into a model and what comes out: columns or tensors, not both. */
export interface ModelSignature {
  inputs: readonly ColumnSpec[] | readonly TensorSpec[];
  outputs?: readonly ColumnSpec[] | readonly TensorSpec[];
}

/** Versions of the Python packages that load the model; the ones that the files are tested with. */
export const pythonVersions = {
  python: "3.11.7",
  mlflow: "3.17.2",
  torch: "2.13.0",
  transformers: "5.23.0",
  safetensors: "0.8.0",
} as const;

/** Says what every `MLmodel` file says. */
export interface ModelFileOptions {
  /** Where the model is logged, a path or URI. */
  artifactPath: string;
  /** Bytes of the weights. */
  sizeBytes: number;
  runId?: string;
  /** Id of the logged model of MLflow 3. */
  modelId?: string;
  signature?: ModelSignature;
  /** What `input_example.json` holds, where there is one. */
  inputExample?: "json_object" | "ndarray";
  /** @default now */
  createdAt?: Date;
}

/** Describes a model folder for its `MLmodel` file. */
export interface MlmodelOptions extends ModelFileOptions {
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
}

/** Writes the content of the `MLmodel` file for a folder with `model/` and `components/tokenizer/`. */
export function formatMlmodel(options: MlmodelOptions): string {
  const { tokenizerClass } = options;
  return formatModelFile(
    {
      python_function: pythonFunction({ loader_module: "mlflow.transformers" }),
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
    options,
  );
}

/** Writes the flavour by which `mlflow.pyfunc.load_model` loads. */
export function pythonFunction(loader: Readonly<Record<string, string>>): object {
  return {
    env: { conda: "conda.yaml", virtualenv: "python_env.yaml" },
    ...loader,
    python_version: pythonVersions.python,
  };
}

/** Writes the content of an `MLmodel` file with the given flavours. */
export function formatModelFile(
  flavors: Readonly<Record<string, object>>,
  options: ModelFileOptions,
): string {
  const { runId, modelId, signature, inputExample, createdAt = new Date() } = options;
  return toYaml({
    artifact_path: options.artifactPath,
    flavors,
    is_signature_from_type_hint: false,
    mlflow_version: pythonVersions.mlflow,
    ...(modelId === undefined ? {} : { model_id: modelId }),
    model_size_bytes: options.sizeBytes,
    model_uuid: modelId ?? randomUUID().replaceAll("-", ""),
    prompts: null,
    ...(runId === undefined ? {} : { run_id: runId }),
    ...(inputExample === undefined
      ? {}
      : {
          saved_input_example_info: {
            artifact_path: "input_example.json",
            serving_input_path: "serving_input_example.json",
            type: inputExample,
          },
        }),
    ...(signature === undefined ? {} : { signature: formatSignature(signature) }),
    type_hint_from_example: false,
    utc_time_created: createdAt.toISOString().replace("T", " ").replace("Z", "000"),
  });
}

/** Returns `requirements.txt`, `python_env.yaml` and `conda.yaml` for loading the model in Python. */
export function environmentFiles(packages: readonly (keyof typeof pythonVersions)[]): Record<string, string> {
  const { python } = pythonVersions;
  const requirements = ["mlflow" as const, ...packages].map((name) => `${name}==${pythonVersions[name]}`);
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
  const specs = (list: readonly (ColumnSpec | TensorSpec)[]) => JSON.stringify(list.map(formatSpec));
  return { inputs: specs(inputs), outputs: outputs === undefined ? null : specs(outputs), params: null };
}

function formatSpec(spec: ColumnSpec | TensorSpec): object {
  const { name } = spec;
  const named = name === undefined ? {} : { name };
  if (spec.type !== "tensor") return { type: spec.type, ...named, required: spec.required ?? true };
  return { type: "tensor", ...named, "tensor-spec": { dtype: spec.dtype, shape: spec.shape } };
}

// Python reads YAML 1.1, where an unquoted time or "no" is no text
function toYaml(value: object): string {
  return stringify(value, { version: "1.1" });
}
