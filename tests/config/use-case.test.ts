import { mkdirSync, mkdtempSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { ConfigError } from "../../src/base/index.ts";
import {
  type DataGuess,
  type UseCaseConfig,
  checkUseCase,
  configToJson,
  draftUseCase,
  flatten,
  formatResolved,
  loadUseCase,
  writeConfig,
  writeUseCase,
} from "sconce/config";

const root = realpathSync(mkdtempSync(join(tmpdir(), "sconce-use-case-")));
const write = (path: string, content: string): string => {
  const full = join(root, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, content);
  return full;
};
write("use_cases/banking/Datasets/train.csv", "text,category\na,b\n");
write("use_cases/banking/Datasets/test.csv", "text,category\na,b\n");
write("pretrained_models/MiniLM/config.json", "{}");
write("shared/rows.jsonl", '{"text": "a", "label": "b"}\n');
const sample = readFileSync(new URL("sample.json", import.meta.url), "utf8");
const config = write("use_cases/banking/Configurations/config.json", sample);

const short = (text: string) => text.replaceAll(root, "ROOT");
const load = async (text: string): Promise<UseCaseConfig> => {
  const dataset = "dataset: {train: Datasets/train.csv, test: Datasets/test.csv, label_column: category}";
  const path = write("use_cases/banking/Configurations/part.yaml", `${dataset}\n${text}`);
  return (await loadUseCase(path)).config;
};

test("a config from the field passes unchanged, and every default is filled in", async () => {
  const start = performance.now();
  const { issues, warnings, config: checked, resolved } = await checkUseCase(config);
  console.log(`check of a config, zod's import included: ${(performance.now() - start).toFixed(0)} ms`);
  expect([issues, warnings]).toEqual([[], []]);
  expect(checked).toMatchObject(JSON.parse(sample) as object);
  expect(checked?.callbacks[0]).toMatchObject({ check_finite: true, min_delta: 0 });
  expect(checked?.dataset.eval_batch_size).toBe(64);
  expect(checked?.register).toBe("banking");
  expect(short(formatResolved(resolved!))).toMatchInlineSnapshot(`
    "project    ROOT
    train      use_cases/banking/Datasets/train.csv
    test       use_cases/banking/Datasets/test.csv
    base model pretrained_models/MiniLM
    tracking   sqlite:///outputs/mlflow/mlflow.db
    models     outputs/TrainedModels/banking/intents
    champion   outputs/OptimumModels/banking/intents"
  `);
});

test("the smallest config is a data file", async () => {
  const path = write("use_cases/tiny/Configurations/config.yaml", "dataset: {train: shared/rows.jsonl}\n");
  const { config: checked, warnings } = await checkUseCase(path);
  expect(warnings.map(({ message }) => message)).toEqual([
    "without a test file, the final evaluation and the champion rest on validation rows.",
  ]);
  expect(checked).toMatchInlineSnapshot(`
    {
      "base_model": "Bert_base_uncased",
      "callbacks": [],
      "champion": {
        "metric": "f1",
        "min_delta": 0,
        "mode": "max",
      },
      "dataset": {
        "batch_size": 32,
        "bucketing": "length",
        "class_weights": "none",
        "eval_batch_size": 64,
        "label_column": "label",
        "max_length": 128,
        "shuffle": true,
        "text_column": "text",
        "train": "shared/rows.jsonl",
        "validation_ratio": 0.1,
      },
      "distributed": {
        "backend": "auto",
        "devices": "auto",
        "enabled": false,
        "num_nodes": 1,
        "strategy": "ddp",
      },
      "experiment": "default",
      "loggers": [
        {
          "name": "mlflow",
        },
      ],
      "loss": {
        "label_smoothing": 0,
      },
      "mlops": {
        "notifications": [],
        "tracking": {
          "backend": "mlflow",
        },
      },
      "model": {
        "freeze": "none",
        "gradient_checkpointing": false,
      },
      "optimizer": {
        "amsgrad": false,
        "betas": [
          0.9,
          0.999,
        ],
        "eps": 1e-8,
        "lr": 0.00005,
        "name": "adamw",
        "no_decay": true,
        "weight_decay": 0.01,
      },
      "register": "tiny",
      "scheduler": {
        "name": "constant",
      },
      "seed": 42,
      "task": "text_classification",
      "trainer": {
        "accelerator": "auto",
        "accumulate_grad_batches": 1,
        "auto_find_batch_size": true,
        "check_val_every_n_epoch": 1,
        "detect_anomaly": false,
        "deterministic": false,
        "devices": "auto",
        "enable_checkpointing": true,
        "enable_model_summary": true,
        "enable_progress_bar": true,
        "fast_dev_run": 0,
        "gradient_clip_algorithm": "norm",
        "log_every_n_steps": 50,
        "max_epochs": 3,
        "max_steps": -1,
        "num_sanity_val_steps": 2,
        "overfit_batches": 0,
        "precision": "32-true",
      },
      "use_case": "tiny",
    }
  `);
});

test("a config that was checked and written reads back to itself", async () => {
  const { config: first } = await loadUseCase(config, [
    "trainer.fast_dev_run=true",
    "trainer.precision=bf16",
  ]);
  for (const name of ["again.json", "again.yaml"]) {
    const path = join(root, "use_cases/banking/Configurations", name);
    await writeConfig(path, first);
    const { config: second } = await loadUseCase(path);
    expect(second).toEqual(first);
    expect(Object.keys(second)).toEqual(Object.keys(first));
  }
});

test("parameters are flat, and text stands as it is", async () => {
  const { config: checked } = await loadUseCase(config);
  expect(flatten(checked)).toMatchObject({
    "optimizer.name": "adamw",
    "optimizer.lr": "0.00005",
    "optimizer.betas.1": "0.999",
    "callbacks.0.monitor": "val_f1",
    "tune.space.optimizer.lr.log": "true",
    "trainer.max_steps": "-1",
  });
  expect(flatten({ a: [], b: {}, c: null, d: undefined })).toEqual({ a: "[]", b: "{}", c: "null" });
});

describe("a component may be spelled as in other tools", () => {
  const adamw = { name: "adamw", lr: 0.001, weight_decay: 0.1 };
  test.each([
    "{name: AdamW, lr: 0.001, weight_decay: 0.1}",
    "{name: adamw_torch, lr: 0.001, weight_decay: 0.1}",
    "{_target_: torch.optim.AdamW, lr: 0.001, weight_decay: 0.1}",
    "{_target_: torch.optim.AdamW, _partial_: true, lr: 0.001, weight_decay: 0.1}",
    "{_target_: torch.optim.adamw.AdamW, lr: 0.001, weight_decay: 0.1}",
    "{class_path: torch.optim.AdamW, init_args: {lr: 0.001, weight_decay: 0.1}}",
    "{module: torch.optim, func: AdamW, kwargs: {lr: 0.001, weight_decay: 0.1}}",
  ])("optimizer: %s", async (spelling) => {
    expect((await load(`optimizer: ${spelling}`)).optimizer).toMatchObject(adamw);
  });

  test.each([
    ["early_stopping", "early_stopping"],
    ["EarlyStopping", "early_stopping"],
    ["{class_path: lightning.pytorch.callbacks.EarlyStopping}", "early_stopping"],
    ["{module: pytorch_lightning.callbacks.early_stopping, func: EarlyStopping}", "early_stopping"],
    ["{_target_: lightning.pytorch.callbacks.ModelCheckpoint, monitor: val/loss}", "model_checkpoint"],
    ["LearningRateMonitor", "lr_monitor"],
  ])("callback: %s", async (spelling, name) => {
    expect((await load(`callbacks: [${spelling}]`)).callbacks[0]?.name).toBe(name);
  });

  test.each([
    ["linear", { name: "linear" }],
    ["{name: one_cycle, max_lr: 0.1}", { name: "one_cycle", max_lr: 0.1, pct_start: 0.3 }],
    [
      "{_target_: torch.optim.lr_scheduler.StepLR, step_size: 2}",
      { name: "step_lr", gamma: 0.1, interval: "epoch" },
    ],
    [
      "{_target_: transformers.get_cosine_schedule_with_warmup, num_warmup_steps: 3}",
      { name: "cosine", warmup_steps: 3, num_cycles: 0.5 },
    ],
  ])("scheduler: %s", async (spelling, expected) => {
    expect((await load(`scheduler: ${spelling}`)).scheduler).toMatchObject(expected);
  });
});

describe("a setting means what its owner's tool means by it", () => {
  test("1.0 is all batches and 1 is one", async () => {
    const flags =
      "val_check_interval: 1.0, limit_train_batches: 1, limit_val_batches: 0.5, limit_test_batches: 1.0";
    const { trainer } = await load(`trainer: {${flags}}`);
    expect(trainer).toMatchObject({ limit_train_batches: 1, limit_val_batches: 0.5 });
    expect(Object.keys(trainer)).not.toContain("val_check_interval");
    expect(Object.keys(trainer)).not.toContain("limit_test_batches");
  });
  test("overrides keep that difference", async () => {
    const overridden = await loadUseCase(config, [
      "trainer.limit_val_batches=1.0",
      "trainer.limit_train_batches=1",
    ]);
    expect(Object.keys(overridden.config.trainer)).not.toContain("limit_val_batches");
    expect(overridden.config.trainer.limit_train_batches).toBe(1);
  });
  test("steps alone bound the training where epochs are not given", async () => {
    expect((await load("trainer: {max_steps: 10}")).trainer.max_epochs).toBe(-1);
    expect((await load("trainer: {max_steps: 10, max_epochs: 2}")).trainer.max_epochs).toBe(2);
    expect((await load("trainer: {}")).trainer.max_epochs).toBe(3);
  });
  test("precision goes by Lightning's names, short ones too", async () => {
    for (const [given, meant] of [
      ["32", "32-true"],
      ["'64'", "64-true"],
      ["bf16", "bf16-mixed"],
      ["bf16-true", "bf16-true"],
    ]) {
      expect((await load(`trainer: {precision: ${given}}`)).trainer.precision).toBe(meant);
    }
  });
  test("the mode follows the metric", async () => {
    const text =
      "callbacks: [{name: early_stopping, monitor: val_f1}, early_stopping]\nchampion: {metric: test_loss}";
    const { callbacks, champion } = await load(text);
    expect(callbacks).toMatchObject([
      { monitor: "val_f1", mode: "max" },
      { monitor: "val_loss", mode: "min" },
    ]);
    expect(champion).toEqual({ metric: "loss", mode: "min", min_delta: 0 });
  });
  test("val/loss is val_loss, null is not set, and tracking is mlops.tracking", async () => {
    const text =
      "callbacks: [{name: early_stopping, monitor: val/loss, stopping_threshold: null}]\nretrain: null\ntracking: {uri: 'sqlite:///a/b.db'}";
    const { callbacks, retrain, mlops } = await load(text);
    expect(callbacks[0]).toMatchObject({ monitor: "val_loss" });
    expect(retrain).toBeUndefined();
    expect(mlops.tracking.uri).toBe("sqlite:///a/b.db");
  });
  test("numbers among labels are their texts", async () => {
    const { config: checked } = await loadUseCase(config, ["dataset.labels=[0, 1, yes]"]);
    expect(checked.dataset.labels).toEqual(["0", "1", "yes"]);
  });
});

test("what is odd but can run is a warning", async () => {
  const path = write(
    "use_cases/banking/Configurations/odd.yaml",
    `dataset: {train: Datasets/train.csv, test: Datasets/train.csv, label_column: category}
optimizer: {name: adamw}
callbacks: [{name: early_stopping, monitor: val_f1, mode: min}]
champion: {metric: loss, mode: max}
tune: {metric: val_loss, direction: maximize, space: {seed: {type: int, low: 1, high: 2}}}
`,
  );
  const { issues, warnings } = await checkUseCase(path);
  expect(issues).toEqual([]);
  expect(warnings.map(({ line, column, message }) => `${line}:${column} ${message}`)).toMatchInlineSnapshot(`
    [
      "1:44 this is the training file: its metrics will say nothing about new data.",
      "2:12 0.001 is high for fine-tuning a transformer. Usual: 1e-5 to 1e-4.",
      "3:59 "val_f1" improves the other way: max. Is "min" meant?",
      "4:32 "loss" improves the other way: min. Is "max" meant?",
      "5:37 "val_loss" improves the other way. Is "maximize" meant?",
    ]
  `);
});

test("a mistake in an override names the override", async () => {
  const { issues } = await checkUseCase(config, ["trainer.max_epoch=3", "optimizer.lr=fast", "nonsense"]);
  expect(new ConfigError("config.json", issues).message.replaceAll(/Valid: .*?\. \(/gu, "Valid: ... ("))
    .toMatchInlineSnapshot(`
    "config.json: override "nonsense": a value must follow the key. Write nonsense=VALUE, or ~nonsense to delete it.
    config.json: optimizer.lr: expected a number above 0, got "fast". (Override "optimizer.lr=fast".)
    config.json: trainer.max_epoch: unknown key. Did you mean "max_epochs"? Valid: ... (Override "trainer.max_epoch=3".)"
  `);
});

test("loading throws all issues as one error", async () => {
  const error = await loadUseCase(config, ["seed=-1", "task=ner"]).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ConfigError);
  expect((error as ConfigError).issues).toHaveLength(2);
});

test("a file that is no mapping is refused", async () => {
  const list = write("use_cases/banking/Configurations/list.json", "[1, 2]");
  expect((await checkUseCase(list)).issues).toMatchInlineSnapshot(`
    [
      {
        "code": "type",
        "column": 1,
        "line": 1,
        "message": "a config must be a mapping of keys to values, got [1, 2].",
        "path": "",
      },
    ]
  `);
  const text = write("use_cases/banking/Configurations/text.yaml", "just text");
  expect((await checkUseCase(text)).issues[0]?.message).toMatch(/must be a mapping/);
  expect((await checkUseCase(join(root, "no.json"))).issues[0]?.message).toMatch(/does not exist/);
});

test("outputs that differ in letter case alone are refused", async () => {
  mkdirSync(join(root, "outputs/TrainedModels/Banking"), { recursive: true });
  expect((await checkUseCase(config)).issues.map(({ path, message }) => `${path}: ${message}`))
    .toMatchInlineSnapshot(`
    [
      "use_case: outputs exist under "Banking", which differs in letter case alone. Use that spelling, or another name.",
    ]
  `);
  const { issues } = await checkUseCase(config, ["use_case=Banking"]);
  expect(issues).toEqual([]);
});

describe("a new use case", () => {
  const guess: DataGuess = {
    task: "text_classification",
    textColumn: "body",
    labelColumns: ["kind"],
    labels: ["ham", "spam"],
    maxLength: 61,
    numRows: 500,
    delimiter: ";",
  };
  const dataPath = write("mail.csv", "body;kind\nhello;ham\nbuy;spam\n");

  test("is written whole, and its config passes the check", async () => {
    const draft = draftUseCase(guess, { dataPath });
    const folder = writeUseCase(root, draft, { dataPath });
    expect(folder).toBe(join(root, "use_cases/mail"));
    const { issues, config: checked } = await checkUseCase(join(folder, "Configurations/config.json"));
    expect(issues).toEqual([]);
    expect(checked?.dataset).toMatchObject({ text_column: "body", delimiter: ";", max_length: 64 });
    expect(readFileSync(join(folder, "Datasets/mail.csv"), "utf8")).toBe(readFileSync(dataPath, "utf8"));
    expect(readFileSync(join(folder, "README.md"), "utf8")).toMatchInlineSnapshot(`
      "# mail

      Tells the \`kind\` of a text (\`body\`): 2 labels, \`ham\`, \`spam\`.

      Data: \`Datasets/mail.csv\`, 500 rows. Of them, 10 % are set aside for validation. For figures that
      can be trusted, set more rows aside in a file of their own and name it in the config: \`"test": "Datasets/test.csv"\`.

      \`\`\`sh
      sconce check use_cases/mail/Configurations/config.json
      sconce train use_cases/mail/Configurations/config.json
      sconce train use_cases/mail/Configurations/config.json trainer.max_epochs=1 optimizer.lr=2e-5
      \`\`\`
      "
    `);
  });
  test("never overwrites", () => {
    const draft = draftUseCase({ ...guess, numRows: 1 }, { dataPath });
    expect(() => writeUseCase(root, draft, { dataPath })).toThrow(
      /nothing is overwritten. Choose another name with --name NAME/,
    );
    expect(readFileSync(join(root, "use_cases/mail/README.md"), "utf8")).toMatch(/500 rows/);
  });
  test("has a name that can be a folder's", () => {
    expect(draftUseCase(guess, { dataPath: "/x/My Data (1).csv" }).name).toBe("my_data_1");
    for (const name of ["../x", "a/b", "", ".hidden", "-x", "a b"]) {
      expect(() => draftUseCase(guess, { dataPath, name })).toThrow(/a use case is named by/);
    }
  });
  test("is refused for a task that is not available", () => {
    expect(() => draftUseCase({ ...guess, task: "ner" }, { dataPath })).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: init: "mail.csv" looks like ner, which is not available yet; available: text_classification. Name the columns with --text-column and --label-column if it is one.]`,
    );
  });
});

test("JSON keeps the order of the keys", () => {
  expect(configToJson({ b: 1, a: [true, null] })).toBe(
    '{\n  "b": 1,\n  "a": [\n    true,\n    null\n  ]\n}\n',
  );
});
