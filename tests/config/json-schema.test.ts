// The JSON Schemas that editors get, held to what is shipped and to mistakes, by a validator that editors' own is like.
import { readFileSync, readdirSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { jsonSchema, schemaKinds } from "../../src/config/json-schema.ts";

const ajv = new Ajv2020({ strict: false, inlineRefs: false });
const validators = Object.fromEntries(schemaKinds.map((kind) => [kind, ajv.compile(jsonSchema(kind))]));
const accepts = (kind: string, value: unknown): boolean => validators[kind]!(value) as boolean;

const conf = new URL("../../conf/", import.meta.url);
const tree = parse(readFileSync(new URL("../fixtures/multi-label.yaml", import.meta.url), "utf8")) as object;
const useCases = new URL("../../use_cases/", import.meta.url);

/** Says which schema a file of conf/ has: its group's, or that of whole configs where it goes to the root. */
function kindOf(group: string, text: string): string {
  return text.startsWith("# @package _global_") || group === "experiment" ? "config" : group;
}

type Shipped = readonly [group: string, file: string];
const shipped = readdirSync(conf, { withFileTypes: true }).flatMap((entry): Shipped[] => {
  if (!entry.isDirectory()) return [["config", entry.name]];
  const files = readdirSync(new URL(`${entry.name}/`, conf)).filter((file) => file.endsWith(".yaml"));
  return files.map((file) => [entry.name, `${entry.name}/${file}`]);
});

test.each(shipped.filter(([group]) => group === "experiment" || schemaKinds.includes(group)))(
  "%s accepts conf/%s",
  (group, file) => {
    const text = readFileSync(new URL(file, conf), "utf8");
    const { defaults: _, ...content } = (parse(text) ?? {}) as Record<string, unknown>;
    const kind = kindOf(group, text);
    expect([accepts(kind, content), validators[kind]!.errors]).toEqual([true, null]);
  },
);

const valid = JSON.parse(readFileSync(new URL("spam/Configurations/config.json", useCases), "utf8")) as any;
const sample = JSON.parse(readFileSync(new URL("sample.json", import.meta.url), "utf8")) as any;

describe("the schema of use cases", () => {
  test("accepts the configs that come along, and every spelling of a component", () => {
    const { dataset } = valid;
    for (const config of [
      valid,
      sample,
      { dataset },
      { $schema: "../x.json", dataset, optimizer: "AdamW", scheduler: null },
      { dataset, optimizer: { name: "AdamW", lr: 1e-4 } },
      { dataset, optimizer: { _target_: "torch.optim.AdamW", lr: 1e-4 } },
      {
        dataset,
        callbacks: ["lr_monitor", { module: "lightning.pytorch.callbacks", func: "EarlyStopping" }],
      },
      { dataset, callbacks: [{ class_path: "EarlyStopping", init_args: { patience: 2 } }] },
      { dataset, trainer: { profiler: "simple" } },
      { dataset, trainer: { profiler: { name: "pytorch", row_limit: 5 } } },
      { dataset, trainer: { profiler: { _target_: "lightning.pytorch.profilers.SimpleProfiler" } } },
      { dataset, trainer: { precision: "bf16", max_time: null, val_check_interval: 0.5 } },
      { dataset, tracking: { uri: "sqlite:///a.db" } },
    ])
      expect([accepts("use-case", config), validators["use-case"]!.errors]).toEqual([true, null]);
  });

  const mistakes: [section: string, value: unknown][] = [
    ["sed", 3],
    ["seed", "x"],
    ["seed", -1],
    ["task", "ner"],
    ["dataset", { text_column: "a" }],
    ["dataset", { train: 3 }],
    ["dataset", { train: "a.csv", batch_size: 0 }],
    ["dataset", { train: "a.csv", batchsize: 3 }],
    ["dataset", { train: "a.csv", bucketing: "words" }],
    ["optimizer", { name: "adamx" }],
    ["optimizer", "adamx"],
    ["optimizer", { name: "adamw", lr: "fast" }],
    ["optimizer", { name: "adamw", lr: 0 }],
    ["optimizer", { name: "adamw", momentum: 0.9 }],
    ["optimizer", { name: "adamw", betas: [0.9] }],
    ["scheduler", { name: "linear", warmup_ratio: 6 }],
    ["scheduler", { name: "linaer" }],
    ["trainer", { max_epoch: 3 }],
    ["trainer", { max_epochs: 2.5 }],
    ["trainer", { strategy: "ddp" }],
    ["trainer", { profiler: "xla" }],
    ["trainer", { profiler: { _target_: "lightning.pytorch.profilers.SimpleProfiler", extend: true } }],
    ["trainer", { gradient_clip_algorithm: "norms" }],
    ["callbacks", [{ name: "early_stopping", patienc: 2 }]],
    ["callbacks", [{ name: "early_stoping" }]],
    ["callbacks", { early_stopping: {} }],
    ["champion", { metrics: "f1" }],
    ["champion", { mode: "up" }],
    ["mlops", { trackin: {} }],
    ["tracking", { url: "x" }],
    ["tune", { n_trials: 0 }],
    ["tune", { space: { "optimizer.lr": { type: "real", low: 1, high: 2 } } }],
    ["retrain", { metric: "f1" }],
    ["loggers", []],
  ];
  test.each(mistakes)("refuses %s: %j", (section, value) => {
    expect(accepts("use-case", { ...valid, [section]: value })).toBe(false);
  });
});

describe("the schemas of trees of module and func", () => {
  const changed = (path: string, value: unknown): object => {
    const copy = structuredClone(tree) as Record<string, any>;
    const steps = path.split(".");
    const parent = steps.slice(0, -1).reduce((part, step) => part[step], copy["trainer_config"]);
    if (value === undefined) delete parent[steps.at(-1)!];
    else parent[steps.at(-1)!] = value;
    return copy;
  };
  const module = "lightning_module_config";
  const data = "data_module_config";
  const adamw = (kwargs: object): object => ({ module: "torch.optim", func: "AdamW", kwargs });
  const stopping = (kwargs: object): object => ({
    module: "lightning.pytorch.callbacks",
    func: "EarlyStopping",
    kwargs,
  });

  test.each<[path: string, value: unknown]>([
    ["seed", 7],
    ["seed", null],
    ["seed", "${oc.env:SEED}"],
    ["kwargs.default_root_dir", "out"],
    ["mlflow_config", undefined],
    ["callbacks.0.kwargs", null],
    ["kwargs.profiler", { module: "lightning.pytorch.profilers", func: "AdvancedProfiler" }],
    ["callbacks.0", { _target_: "lightning.pytorch.callbacks.EarlyStopping", patience: 2, verbose: true }],
    ["callbacks.0", { class_path: "EarlyStopping", init_args: { patience: 2 } }],
    ["callbacks.0.module", "lightning.pytorch.callbacks"],
    ["callbacks.1", "lr_monitor"],
    ["loggers.1", { name: "csv", save_dir: "logs" }],
    [`${module}.optimizer`, "adamw"],
    [`${module}.optimizer`, { ...adamw({ lr: "${lr}" }) }],
    [`${module}.optimizer`, { _target_: "torch.optim.adamw.AdamW", lr: 1e-3, _partial_: true }],
    [`${module}.predict`, "sigmoid"],
    [`${data}.process_data.kwargs.labels_columns`, ["home", "${second}"]],
  ])("accept %s: %j", (path, value) => {
    for (const kind of ["multi-label", "config"])
      expect([kind, accepts(kind, changed(path, value)), validators[kind]!.errors]).toEqual([
        kind,
        true,
        null,
      ]);
  });

  test("accept the whole file, also where a use case's is asked for", () => {
    for (const kind of ["multi-label", "use-case", "config"])
      expect([kind, accepts(kind, tree), validators[kind]!.errors]).toEqual([kind, true, null]);
  });

  test.each<[path: string, value: unknown]>([
    ["sed", 7],
    ["seed", "x"],
    ["kwargs.max_epoch", 3],
    ["kwargs.max_epochs", 1.5],
    ["mlflow_config.tag", {}],
    ["mlflow_config.model_path", 3],
    ["mlflow_config.model_path", undefined],
    ["callbacks", stopping({})],
    ["callbacks.0.func", "EarlyStoping"],
    ["callbacks.0.module", "pytorch_lightning.calbacks"],
    ["callbacks.0.kwarg", {}],
    ["callbacks.0.kwargs.patienc", 3],
    ["callbacks.0.kwargs.patience", "many"],
    ["callbacks.0.kwargs.mode", "up"],
    ["callbacks.0", { module: "lightning.pytorch.callbacks", kwargs: {} }],
    ["callbacks.0", { _target_: "lightning.pytorch.callbacks.EarlyStopping", patienc: 2 }],
    ["callbacks.0", { class_path: "EarlyStopping", init_args: { patienc: 2 } }],
    ["callbacks.0", { class_path: "mine.EarlyStopping" }],
    ["loggers.0.kwargs.tracking", "mlruns"],
    ["loggers.0.func", "MLflow"],
    [`${module}.model.dropout_prob`, 1],
    [`${module}.model.num_class`, 3],
    [`${module}.model.pretrained_model.path`, undefined],
    [`${module}.model.calculate_predictions.func`, "predict"],
    [`${module}.optimizer.func`, "AdamX"],
    [`${module}.optimizer.kwargs.lr`, "fast"],
    [`${module}.optimizer.kwargs.lrr`, 1],
    [`${module}.define_loss.kwargs`, { weights: 1 }],
    [`${module}.define_loss`, undefined],
    [`${module}.calculate_best_thresholds.kwargs.vmin`, -1],
    [`${data}.dataset.batch_size`, 0],
    [`${data}.dataset.tokenizer_config.output_keys`, ["inputs"]],
    [`${data}.dataset.tokenizer_config.kwargs.padding`, "left"],
    [`${data}.load_data.kwargs.file_path`, undefined],
    [`${data}.load_data.kwargs.file`, "a.csv"],
    [`${data}.load_data.kwargs`, undefined],
    [`${data}.split.kwargs.train_ratio`, 2],
    [`${data}.split.kwargs.labels_columns`, []],
    [`${data}.splits`, {}],
  ])("refuse %s: %j", (path, value) => {
    for (const kind of ["multi-label", "use-case"])
      expect([kind, accepts(kind, changed(path, value))]).toEqual([kind, false]);
  });

  test("refuse a section where it does not belong", () => {
    const { trainer_config } = tree as { trainer_config: Record<string, unknown> };
    expect(accepts("config", { lightning_module_config: trainer_config[module] })).toBe(false);
  });
});

describe("the schemas of composed configs", () => {
  test("accept interpolations, and what is still to be given", () => {
    for (const [kind, content] of [
      [
        "config",
        { seed: "${oc.env:SEED}", dataset: { name: "???", train: "${root}/a.csv" }, optimizer: { lr: 1e-4 } },
      ],
      ["config", { callbacks: { early_stopping: { patience: 3 }, stop: null, x: { _target_: "a.B" } } }],
      ["model", { name: "my_model", hidden: 4 }],
      ["dataset", { name: "points", anything: [1] }],
      ["trainer", { max_epochs: "${epochs}" }],
      ["optimizer", { name: "sgd", lr: "${lr}" }],
    ] as const)
      expect([kind, accepts(kind, content), validators[kind]!.errors]).toEqual([kind, true, null]);
  });

  test.each([
    ["config", { sed: 3 }],
    ["config", { trainer: { max_epoch: 3 } }],
    ["config", { optimizer: { lrr: 3 } }],
    ["config", { callbacks: { early_stopping: { patienc: 3 } } }],
    ["config", { callbacks: { early_stoping: { patienc: 3 } } }],
    ["config", { experiment: { nme: "x" } }],
    ["model", { name: "x", base_model: "minilm", dropuot: 0.1 }],
    ["dataset", { name: "x", train: "a.csv", text_column: "text", batch_size: "many" }],
    ["optimizer", { name: "sgd", lr: "fast" }],
    ["scheduler", { name: "linaer" }],
    ["trainer", { max_epochs: 1.5 }],
    ["callbacks", { early_stopping: { mode: "up" } }],
    ["tracking", { backend: "redis" }],
  ])("refuse in %s: %j", (kind, content) => {
    expect(accepts(kind, content)).toBe(false);
  });
});

test("fields say what they expect", () => {
  const { properties } = jsonSchema("trainer") as { properties: Record<string, { description?: string }> };
  expect(properties["max_epochs"]).toMatchObject({ description: "an integer of at least -1", default: 3 });
  expect(() => jsonSchema("use_case")).toThrow('Did you mean "use-case"?');
});
