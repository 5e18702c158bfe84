import { mkdtempSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parse } from "yaml";
import { ActiveRun } from "../client/run.ts";
import { SqliteStore } from "../stores/sql/sqlite-store.ts";
import { logTransformersModel } from "./log-model.ts";
import { formatMlmodel } from "./mlmodel.ts";

let folder: string;
let store: SqliteStore;
let run: ActiveRun;

beforeEach(async () => {
  const root = mkdtempSync(join(tmpdir(), "sconce-"));
  folder = mkdtempSync(join(root, "model-"));
  writeFileSync(
    join(folder, "config.json"),
    JSON.stringify({ architectures: ["BertForSequenceClassification"], dtype: "bfloat16" }),
  );
  writeFileSync(join(folder, "model.safetensors"), "weights");
  writeFileSync(join(folder, "tokenizer.json"), "{}");
  writeFileSync(join(folder, "tokenizer_config.json"), '{"tokenizer_class": "BertTokenizer"}');
  writeFileSync(join(folder, "vocab.txt"), "[PAD]");
  writeFileSync(join(folder, "notes.txt"), "not part of the model");
  store = await SqliteStore.open({ path: join(root, "mlflow.db") });
  run = await ActiveRun.start({ store, experimentName: "spam", runName: "a/b:1.0" });
});

afterEach(async () => {
  await run.end();
  await store.close();
});

test("the folder is laid out as MLflow's transformers flavour, shares the weights, and is an output of the run", async () => {
  const model = await logTransformersModel(run, {
    folder,
    task: "text-classification",
    inputExample: ["hi"],
  });
  const files = (path: string) => run.artifacts.list(path).map((entry) => entry.path.slice(path.length + 1));
  expect(files("model")).toEqual([
    "MLmodel",
    "README.md",
    "components",
    "conda.yaml",
    "input_example.json",
    "model",
    "python_env.yaml",
    "requirements.txt",
    "serving_input_example.json",
  ]);
  expect(files("model/model")).toEqual(["config.json", "model.safetensors"]);
  expect(files("model/components/tokenizer")).toEqual([
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
  ]);
  const weights = run.artifacts.resolve("model/model/model.safetensors");
  expect(statSync(weights).ino).toBe(statSync(join(folder, "model.safetensors")).ino);
  expect(run.artifacts.readFile("model/serving_input_example.json").toString()).toBe('{"inputs":["hi"]}');
  expect(model).toMatchObject({
    name: "a_b_1_0",
    status: "READY",
    sourceRunId: run.runId,
    artifactLocation: join(run.info.artifactUri, "model"),
  });
  expect((await store.getRun(run.runId)).outputs.modelOutputs).toEqual([{ modelId: model.modelId, step: 0 }]);
  const mlmodel = parse(run.artifacts.readFile("model/MLmodel").toString()) as Record<string, unknown>;
  expect(mlmodel).toMatchObject({
    model_id: model.modelId,
    run_id: run.runId,
    model_size_bytes: 7,
    flavors: {
      transformers: {
        components: ["tokenizer"],
        instance_type: "TextClassificationPipeline",
        pipeline_model_type: "BertForSequenceClassification",
        tokenizer_type: "BertTokenizer",
        torch_dtype: "torch.bfloat16",
      },
    },
  });
});

test("an unknown task, a folder without weights and a broken config are refused, and leave no logged model READY", async () => {
  await expect(
    logTransformersModel(run, { folder, task: "text-clasification" }),
  ).rejects.toThrowErrorMatchingInlineSnapshot(
    `[UsageError: logTransformersModel: unknown task "text-clasification". Did you mean "text-classification"? Valid: feature-extraction, fill-mask, text-classification, token-classification, zero-shot-classification.]`,
  );
  writeFileSync(join(folder, "config.json"), "{");
  await expect(logTransformersModel(run, { folder, task: "fill-mask" })).rejects.toThrow(
    /config\.json: it must hold JSON/,
  );
  const empty = mkdtempSync(join(tmpdir(), "sconce-"));
  writeFileSync(join(empty, "config.json"), "{}");
  await expect(logTransformersModel(run, { folder: empty, task: "fill-mask" })).rejects.toThrow(
    /must hold model.safetensors/,
  );
  expect((await store.getRun(run.runId)).outputs.modelOutputs).toEqual([]);
});

test("a model whose files cannot be stored is recorded as FAILED", async () => {
  writeFileSync(join(folder, "..", "blocked"), "");
  const blocked = await ActiveRun.start({
    store,
    experimentName: "blocked",
    artifactLocation: join(folder, "..", "blocked"),
  });
  await expect(logTransformersModel(blocked, { folder, task: "fill-mask" })).rejects.toThrow(
    /cannot be stored/,
  );
  const [model] = await store.searchLoggedModels({ experimentIds: [blocked.info.experimentId] });
  expect(model?.status).toBe("FAILED");
  await blocked.end("FAILED");
});

test("the MLmodel file is what MLflow 3.17.2 writes, key for key", () => {
  const text = formatMlmodel({
    task: "text-classification",
    pipelineClass: "TextClassificationPipeline",
    modelClass: "BertForSequenceClassification",
    tokenizerClass: "BertTokenizer",
    dtype: "float32",
    sourceModelName: "minilm",
    artifactPath: "/artifacts/model",
    sizeBytes: 91580961,
    runId: "41f26ff1f88a4a54b2314b987b815444",
    modelId: "m-e8531eb2906c4abe996608789ae29380",
    signature: { inputs: [{ type: "string" }], outputs: [{ type: "string", name: "label" }] },
    inputExample: "json_object",
    createdAt: new Date(Date.UTC(2026, 0, 2, 3, 4, 5, 678)),
  });
  const golden = readFileSync(
    new URL("../../../tests/goldens/tracking/MLmodel.yaml", import.meta.url),
    "utf8",
  );
  expect(keys(parse(text))).toEqual(keys(parse(golden)));
  expect(text).toMatchInlineSnapshot(`
    "artifact_path: /artifacts/model
    flavors:
      python_function:
        env:
          conda: conda.yaml
          virtualenv: python_env.yaml
        loader_module: mlflow.transformers
        python_version: 3.11.7
      transformers:
        code: null
        components:
          - tokenizer
        tokenizer_type: BertTokenizer
        instance_type: TextClassificationPipeline
        model_binary: model
        pipeline_model_type: BertForSequenceClassification
        source_model_name: minilm
        task: text-classification
        torch_dtype: torch.float32
        transformers_version: 5.23.0
    is_signature_from_type_hint: false
    mlflow_version: 3.17.2
    model_id: m-e8531eb2906c4abe996608789ae29380
    model_size_bytes: 91580961
    model_uuid: m-e8531eb2906c4abe996608789ae29380
    prompts: null
    run_id: 41f26ff1f88a4a54b2314b987b815444
    saved_input_example_info:
      artifact_path: input_example.json
      serving_input_path: serving_input_example.json
      type: json_object
    signature:
      inputs: '[{"type":"string","required":true}]'
      outputs: '[{"type":"string","name":"label","required":true}]'
      params: null
    type_hint_from_example: false
    utc_time_created: "2026-01-02 03:04:05.678000"
    "
  `);
});

function keys(value: unknown, prefix = ""): string[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [prefix];
  return Object.entries(value)
    .flatMap(([key, child]) => keys(child, `${prefix}.${key}`))
    .sort();
}
