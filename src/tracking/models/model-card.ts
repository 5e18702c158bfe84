// The model card of a logged model, README.md in Hugging Face's format: metadata as YAML, then what a reader wants to know.
import { stringify } from "yaml";
import type { DatasetInput, Run } from "../types.ts";
import type { ModelSignature } from "./mlmodel.ts";

/** What only the author of a model knows of it. */
export interface ModelCardMetadata {
  /** Languages of the data, `en`. */
  language?: string | readonly string[];
  /** Name of the licence on the hub, `apache-2.0`. */
  license?: string;
  /** Added to the tag `sconce`. */
  tags?: readonly string[];
}

/** What a flavour knows of its model. */
export interface ModelCardFacts {
  /** What loads the model, `transformers`. */
  library: string;
  /** Task of the Hugging Face pipeline. */
  task?: string;
  /** The model that this one was trained from. */
  baseModel?: string;
  signature?: ModelSignature;
  /** Code that loads the model from a URI, by language. */
  loading: (uri: string) => { typescript: string; python: string };
}

export interface ModelCardOptions extends ModelCardFacts, ModelCardMetadata {
  name: string;
  modelId: string;
  /** The run that logs the model, as the store has it. */
  run: Run;
}

/** Writes the card. Text of users stands in it as YAML strings and code spans, where it means nothing but itself. */
export function formatModelCard(options: ModelCardOptions): string {
  const { name, run, library, task, baseModel, language, license, tags = [], signature, loading } = options;
  const metrics = Object.entries(run.data.metrics)
    .filter(([key, value]) => !key.startsWith("system/") && Number.isFinite(value))
    .sort(([one], [other]) => (one < other ? -1 : 1));
  const results = metrics.flatMap(([key, value]) => {
    const dataset = datasetOf(key, run.inputs.datasetInputs);
    return dataset === undefined ? [] : [{ key, value, dataset }];
  });
  const metadata = {
    ...(language === undefined ? {} : { language }),
    ...(license === undefined ? {} : { license }),
    library_name: library,
    // the hub takes ids alone
    ...(baseModel !== undefined && isHubId(baseModel) ? { base_model: baseModel } : {}),
    ...(task === undefined ? {} : { pipeline_tag: task }),
    tags: ["sconce", ...tags],
    ...(results.length === 0 ? {} : { metrics: [...new Set(results.map(({ key }) => bareName(key)))] }),
    ...(results.length === 0
      ? {}
      : { "model-index": [{ name, results: results.map((result) => entryOf(result, task)) }] }),
  };
  const { typescript, python } = loading(`models:/${options.modelId}`);
  const sections = [
    `# ${code(name)}`,
    introduction(options),
    section("Data", datasetTable(run.inputs.datasetInputs)),
    section(
      "Metrics",
      table(
        ["metric", "value", "data"],
        metrics.map(([key, value]) => {
          const dataset = datasetOf(key, run.inputs.datasetInputs)?.dataset.name;
          return [code(key), String(value), dataset === undefined ? "not recorded" : code(dataset)];
        }),
      ),
    ),
    section(
      "Hyperparameters",
      table(
        ["name", "value"],
        Object.entries(run.data.params).map(([key, value]) => [code(key), code(value)]),
      ),
    ),
    section("Input and output", signature === undefined ? "" : signatureTable(signature)),
    section("Loading", `${block("ts", typescript)}\n\n${block("python", python)}`),
    section(
      "Limits",
      metrics.length === 0
        ? "This run measured nothing on the model."
        : "The metrics above were measured on the data that they name. How the model does on other data, or on parts of this data, was not measured by this run.",
    ),
  ];
  return `---\n${stringify(metadata, { version: "1.1", lineWidth: 0 })}---\n\n${sections.filter(Boolean).join("\n\n")}\n`;
}

/** Returns the Python that loads a model by a flavour of MLflow. */
export function pythonLoading(flavour: string, uri: string): string {
  return `import mlflow\n\nmodel = mlflow.${flavour}.load_model("${uri}")`;
}

function introduction({ run, baseModel, task }: ModelCardOptions): string {
  const what = task === undefined ? "A model" : `A model for ${code(task)}`;
  const from = baseModel === undefined ? "" : `, trained from ${code(baseModel)}`;
  return `${what}${from}, logged by the run ${code(run.info.runName)} (${code(run.info.runId)}).`;
}

/** Returns the data that a metric is of, as its name says: `test_f1` is of what was recorded for testing. */
function datasetOf(key: string, inputs: readonly DatasetInput[]): DatasetInput | undefined {
  const contexts: Record<string, string> = {
    train: "training",
    val: "validation",
    validation: "validation",
    test: "testing",
  };
  const context = contexts[/^([a-z]+)_/.exec(key)?.[1] ?? ""];
  return context === undefined
    ? undefined
    : inputs.find(({ tags }) => tags["mlflow.data.context"] === context);
}

function entryOf(
  { key, value, dataset: { dataset } }: { key: string; value: number; dataset: DatasetInput },
  task = "other",
) {
  return {
    task: { type: task },
    dataset: { name: dataset.name, type: dataset.sourceType, revision: dataset.digest },
    metrics: [{ type: bareName(key), name: key, value }],
  };
}

function bareName(key: string): string {
  return key.replace(/^(train|val|validation|test)_/, "");
}

function datasetTable(inputs: readonly DatasetInput[]): string {
  const rows = inputs.map(({ dataset, tags }) => [
    code(dataset.name),
    code(tags["mlflow.data.context"] ?? ""),
    code(dataset.digest),
    code(dataset.profile ?? ""),
  ]);
  return table(["name", "use", "digest", "size"], rows);
}

function signatureTable({ inputs, outputs = [] }: ModelSignature): string {
  const rows = (direction: string, specs: ModelSignature["inputs"]) =>
    specs.map((spec) => [
      direction,
      code(spec.name ?? ""),
      code(spec.type === "tensor" ? `${spec.dtype} [${spec.shape.join(", ")}]` : spec.type),
    ]);
  return table(["", "name", "type"], [...rows("input", inputs), ...rows("output", outputs)]);
}

function section(title: string, content: string): string {
  return content === "" ? "" : `## ${title}\n\n${content}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return "";
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

/** Writes text as a code span, in which nothing but backticks has a meaning. */
function code(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  if (line === "") return "";
  const longest = Math.max(0, ...Array.from(line.matchAll(/`+/g), ([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  return longest === 0 ? `${fence}${line}${fence}` : `${fence} ${line} ${fence}`;
}

function block(language: string, text: string): string {
  return ["```" + language, text, "```"].join("\n");
}

function isHubId(name: string): boolean {
  return /^[\w.-]+(\/[\w.-]+)?$/.test(name);
}
