// The tree of a multi-label classifier, its parts named by module and func: proved as a whole, and each mistake at its line.
import { existsSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ConfigError } from "sconce";
import { checkMultiLabel, compose } from "sconce/config";
import { makeTemporaryFolder } from "../fixtures/temporary-folder.ts";
import { writeFiles } from "../fixtures/write-files.ts";
import { librariesAfter, sconce } from "./run.ts";

const text = readFileSync(new URL("../fixtures/multi-label.yaml", import.meta.url), "utf8");
let root: string;
beforeAll(() => {
  root = makeTemporaryFolder("sconce-multi-label-");
  writeFiles(root, { "package.json": {}, "samples/multi-label.yaml": text });
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const data = process.env["SCONCE_DATA"];
const shared = data === undefined ? undefined : join(data, "..", "samples", "multi-label.yaml");

test("the file is proved by its path, and as the primary config of its folder", async () => {
  const byPath = await sconce(["check", "samples/multi-label.yaml"], { cwd: root });
  expect(byPath.code, byPath.stderr).toBe(0);
  expect(byPath.stdout).toMatchInlineSnapshot(`
    "trainer_config.lightning_module_config.model.calculate_predictions is calculate_predictions
    trainer_config.lightning_module_config.calculate_metrics is calculate_metrics
    trainer_config.lightning_module_config.optimizer is adamw
    trainer_config.lightning_module_config.define_loss is bceloss_inverse_frequency_weighted
    trainer_config.lightning_module_config.predict is sigmoid
    trainer_config.lightning_module_config.calculate_best_thresholds is calculate_best_thresholds
    trainer_config.data_module_config.load_data is load_data
    trainer_config.data_module_config.process_data is process_data
    trainer_config.data_module_config.split is split_data
    trainer_config.callbacks.0 is early_stopping
    trainer_config.callbacks.1 is model_checkpoint
    trainer_config.loggers.0 is mlflow
    trainer_config.loggers.1 is tensorboard
    the composed config: no problems
    "
  `);
  const byName = await sconce(["check", "-cp", "samples", "-cn", "multi-label", "--json"], { cwd: root });
  expect(byName.code, byName.stderr).toBe(0);
  expect(JSON.parse(byName.stdout)).toMatchObject({ issues: [] });
});

test.skipIf(shared === undefined || !existsSync(shared))("so is the file that is shared", async () => {
  const { code, stdout, stderr } = await sconce(["check", shared!], { cwd: root });
  expect(code, stderr).toBe(0);
  expect(stdout).toContain("no problems");
});

test("it is not trained, and nothing is written", async () => {
  const { code, stderr, stdout } = await sconce(["train", "samples/multi-label.yaml"], { cwd: root });
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toMatchInlineSnapshot(`
    "the composed config: nothing is wrong with it, but multi-label classifiers cannot be trained yet, so nothing was started. Until then sconce check proves such a file; one label a text is trained by a config that sconce init writes.
    "
  `);
  expect(readdirSync(root).sort()).toEqual(["package.json", "samples"]);
});

test("nothing of it loads libtorch, right or wrong", () => {
  const wrong = text.replace('"sigmoid"', '"system"').replace('module: "torch"', 'module: "os"');
  writeFiles(root, { "wrong.yaml": wrong });
  for (const file of ["samples/multi-label.yaml", "wrong.yaml"])
    expect(librariesAfter(["check", join(root, file)]).filter((path) => /torch|libc10/u.test(path))).toEqual(
      [],
    );
});

async function issuesOf(changed: string): Promise<string[]> {
  writeFiles(root, { "changed/multi-label.yaml": changed });
  const job = compose({ configPath: join(root, "changed"), configName: "multi-label" });
  const { issues, source } = await checkMultiLabel(job);
  return issues.map((issue) =>
    new ConfigError(source, [issue]).message
      .replaceAll(/^.*multi-label\.yaml:/gmu, "")
      .replaceAll(/ Valid: .*| Known: .*| Available: .*/gu, ""),
  );
}

/** Puts one line in place of another, or after it. */
function planted(line: string, instead: string): string {
  expect(text.split(line).length, `"${line}" stands there once`).toBe(2);
  return text.replace(line, instead);
}

const mistakes: [string, string][] = [
  ["patience: 4", "patiance: 4"],
  ["patience: 4", "patience: many"],
  ["n_iterations: 500", "n_iteration: 500"],
  ["n_iterations: 500", "n_iterations: 0.5"],
  ["percentile: 5", "percentile: 97.5"],
  ["lr: 0.00002", "learning_rate: 0.00002"],
  ["lr: 0.00002", "lr: -1"],
  ["lr: 0.00002", "lr: 0.00002\n        maximize: true"],
  ["max_epochs: 2", "max_epoch: 2"],
  ["max_epochs: 2", "max_epochs: 2.5"],
  ["accelerator: cpu", "accelerator: gpu"],
  ["accelerator: cpu", "strategy: ddp"],
  ["vmin: 0.2", "vmin: 0.9"],
  ["step: 0.1", "steps: 0.1"],
  ["train_ratio: 0.7", "train_ratio: 0.8"],
  ["num_classes: 3", "num_classes: 2"],
  ["dropout_prob: 0.2", "dropout: 0.2"],
  ["batch_size: 8", 'batch_size: "8"'],
  ["max_length: 64", "max_len: 64"],
  ['output_keys: ["input_ids", "attention_mask"]', 'output_keys: ["input_id"]'],
  ['padding: "max_length"', 'padding: "longst"'],
  ["num_workers: 2", "num_worker: 2"],
  ['file_path: "data/notes.csv"', "path: data/notes.csv"],
  ['text_column: "note"', "text_columns: note"],
  ["random_state: 1", "random_state: yes please"],
  ['state_file: "state.bin"', "state_file: 5"],
  ["save_dir: tensorboard", "savedir: tensorboard"],
  ["experiment_name: notes", "experiment: notes"],
  ['func: "EarlyStopping"', 'func: "EarlyStoping"'],
  ['func: "calculate_metrics"', 'func: "calculate_metric"'],
  ["func: bceloss_inverse_frequency_weighted", "func: focal_loss"],
  ['module: "torch.optim"', "module: os"],
  ["module: tmlc.components.loss", "module: tmlc.components.metrics"],
  ["model_name: Notes", ""],
  ["  data_module_config:", "  data_modul_config:"],
];

describe("a mistake is told at its line", () => {
  test.each(mistakes)("%s -> %s", async (line, instead) => {
    expect(await issuesOf(planted(line, instead))).toMatchSnapshot();
  });

  test.each([
    ["os", "system"],
    ["builtins", "eval"],
    ["subprocess", "Popen"],
    ["node:child_process", "exec"],
    ["node:fs", "rmSync"],
    ["torch", "__proto__"],
    ["torch.optim", "constructor"],
    ["https://example.org/evil.js", "run"],
    ["../../plugins/evil", "run"],
  ])("the function of no module but the known ones is taken: %s %s", async (module, func) => {
    const slots = [...text.matchAll(/module: .*\n\s+func: .*/gu)];
    expect(slots).toHaveLength(13);
    for (const { 0: slot, index } of slots) {
      const hostile = slot
        .replace(/module: .*/u, `module: "${module}"`)
        .replace(/func: .*/u, `func: "${func}"`);
      const issues = await issuesOf(text.slice(0, index) + hostile + text.slice(index + slot.length));
      const line = text.slice(0, index).split("\n").length;
      expect(issues).toHaveLength(1);
      expect(issues[0]).toMatch(new RegExp(`^${line}:\\d+: .*a config never imports code`, "u"));
    }
  });

  test("all of them at once, in one go", async () => {
    let changed = text;
    for (const [line, instead] of mistakes.slice(0, 1)) changed = changed.replace(line, instead);
    changed = changed.replace("n_iterations: 500", "n_iteration: 500").replace("vmin: 0.2", "vmin: low");
    changed = changed.replace('func: "sigmoid"', 'func: "softmax"').replace("seed: 7", "sed: 7");
    expect((await issuesOf(changed)).map((issue) => issue.split(":")[0])).toEqual([
      "3",
      "21",
      "58",
      "69",
      "75",
    ]);
  });
});
