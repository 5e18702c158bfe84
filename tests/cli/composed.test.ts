// `sconce train` and `sconce check` on configs that are composed, as Hydra users write them.
import { existsSync, mkdtempSync, readFileSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { writeFiles } from "../fixtures/write-files.ts";
import { makeTinyProject } from "../fixtures/tiny-project.ts";
import type { TinyProject } from "../fixtures/tiny-project.ts";
import { librariesAfter, sconce } from "./run.ts";

let project: TinyProject;
beforeAll(() => {
  project = makeTinyProject();
  write({
    "conf/config.yaml": `
defaults:
  - model: tiny
  - dataset: demo
  - optimizer: adamw
  - trainer: short
  - callbacks: lightning
  - _self_
seed: 3
experiment:
  name: \${model.name}_\${dataset.name}
champion: {metric: f1}
`,
    "conf/model/tiny.yaml": "name: tiny\nbase_model: tiny\n",
    "conf/dataset/demo.yaml":
      "name: demo\ntrain: Datasets/train.csv\ntest: Datasets/test.csv\nmax_length: 16\nbatch_size: 8\n",
    "conf/trainer/short.yaml": "max_epochs: 1\nenable_progress_bar: false\n",
    "conf/callbacks/lightning.yaml": `
stop:
  _target_: lightning.pytorch.callbacks.EarlyStopping
  monitor: val_f1
  mode: max
off: null
lr_monitor: {}
`,
    "conf/experiment/slow.yaml": "# @package _global_\noptimizer:\n  lr: 1e-6\n",
  });
});
afterAll(() => project.remove());

const write = (files: Record<string, string>): void => writeFiles(project.root, files);

const run = (...words: string[]) => sconce(words, { cwd: project.root });

describe("sconce train", () => {
  test("composes the project's conf/, trains and keeps how the config came about", async () => {
    const { code, stderr, stdout } = await run(
      "train",
      "+experiment=slow",
      "seed=4",
      "hydra.run.dir=outputs/one",
    );
    expect(code, stderr).toBe(0);
    expect(stdout).toContain("outputs/TrainedModels/demo/tiny_demo/");
    const folder = join(project.root, "outputs", "one");
    expect(readdirSync(join(folder, ".hydra")).sort()).toEqual([
      "config.yaml",
      "hydra.yaml",
      "overrides.yaml",
    ]);
    expect(parse(readFileSync(join(folder, ".hydra/overrides.yaml"), "utf8"))).toEqual([
      "+experiment=slow",
      "seed=4",
    ]);
    const used = parse(readFileSync(join(folder, "use_case.yaml"), "utf8")) as Record<string, any>;
    expect(used).toMatchObject({
      use_case: "demo",
      experiment: "tiny_demo",
      seed: 4,
      optimizer: { name: "adamw", lr: 1e-6 },
    });
    expect(used["callbacks"].map(({ name }: { name: string }) => name)).toEqual([
      "early_stopping",
      "lr_monitor",
    ]);
  });

  test("trains each job of a sweep, with a folder each", async () => {
    const words = ["train", "-m", "optimizer.lr=1e-3,1e-4", "hydra.sweep.dir=outputs/sweep", "--json"];
    const { code, stderr, stdout } = await run(...words);
    expect(code, stderr).toBe(0);
    const results = stdout
      .trim()
      .split(/\n(?=\{)/)
      .map((text) => JSON.parse(text) as { steps: number });
    expect(results).toHaveLength(2);
    const lr = (job: number) =>
      (parse(readFileSync(join(project.root, "outputs/sweep", String(job), "use_case.yaml"), "utf8")) as any)
        .optimizer.lr;
    expect([lr(0), lr(1)]).toEqual([1e-3, 1e-4]);
  });

  test("begins no job of a sweep in which one is wrong", async () => {
    const { code, stderr } = await run("train", "-m", "optimizer.lr=1e-3,-1", "hydra.sweep.dir=outputs/none");
    expect(code).toBe(2);
    expect(stderr).toContain(
      "job 2 of the sweep (optimizer.lr=-1):\noptimizer.lr=-1: optimizer.lr: expected a number above 0, got -1.",
    );
    expect(existsSync(join(project.root, "outputs/none"))).toBe(false);
  });

  test("shows the config instead, as Hydra does, and has the groups that come along", async () => {
    const { stdout } = await run("train", "--cfg", "job", "--resolve", "optimizer=sgd", "-p", "optimizer");
    expect(stdout).toBe("# @package optimizer\nname: sgd\nlr: 0.01\nmomentum: 0.9\n");
    const info = await run("train", "--info", "searchpath");
    expect(info.stdout).toContain("sconce");
  });

  test("shows the config of each job of a sweep, as JSON too", async () => {
    const words = ["train", "--cfg", "job", "-m", "optimizer.lr=1e-3,1e-4", "--json"];
    const { code, stdout } = await run(...words);
    expect(code).toBe(0);
    const jobs = JSON.parse(stdout) as { optimizer: { lr: number } }[];
    expect(jobs.map(({ optimizer }) => optimizer.lr)).toEqual([1e-3, 1e-4]);
  });

  test("names its own flags beside Hydra's", async () => {
    expect((await run("train", "--hydra-help")).stdout).toMatch(/^--resume : .*\n--json : /m);
    const { code, stderr } = await run("train", "-x");
    expect(code).toBe(2);
    expect(stderr).toMatch(/^sconce train: unknown flag -x\. Valid: .*--json.*--multirun.*--resume/);
  });

  test("takes a file with a defaults list by its name", async () => {
    const { code, stdout, stderr } = await run("check", "conf/config.yaml", "seed=9", "--resolve");
    expect(code, stderr).toBe(0);
    expect(stdout).toContain("seed: 9\n");
  });

  test("names the options of a group that has no such file", async () => {
    const { code, stderr } = await run("train", "model=tinny");
    expect(code).toBe(2);
    expect(stderr).toContain("tinny");
    expect(stderr).toContain("tiny");
    expect(stderr).not.toContain("    at ");
  });
});

test("a model and a data set of the project's plugins are trained by their names", async () => {
  write({
    "package.json": "{}",
    "plugins/points.ts": `
      import { BaseDataModule, BaseModel, registerDataset, registerModel, torch } from "sconce";
      type Rows = { x: torch.Tensor; y: number };
      class Net extends BaseModel<{ hiddenSize: number }> {
        override buildModel({ hiddenSize }: { hiddenSize: number }): torch.nn.Module {
          const { nn } = torch;
          return new nn.Sequential(new nn.Linear(2, hiddenSize), new nn.Tanh(), new nn.Linear(hiddenSize, 2));
        }
        override lossOf(logits: torch.Tensor, labels: torch.Tensor): torch.Tensor {
          return torch.nn.functional.crossEntropy(logits, labels);
        }
      }
      class Points extends BaseDataModule<Rows> {
        override setup(): void {
          const part = (length: number, shift: number) => ({
            length,
            get: (i: number): Rows => ({ x: torch.tensor([i % 2, shift + i / length]), y: i % 2 }),
          });
          this.parts = { train: part(32, 0), val: part(8, 1), test: part(8, 2) };
        }
      }
      registerModel("net", Net);
      registerDataset("points", Points);`,
    "conf/model/net.yaml": "name: net\nhidden_size: 4\n",
    "conf/dataset/points.yaml": "name: points\nbatch_size: 4\n",
  });
  const words = ["model=net", "dataset=points", "callbacks=none", "~champion", "trainer.max_epochs=3"];
  expect((await run("check", ...words)).stdout).toBe("the composed config: no problems\n");
  const { code, stdout, stderr } = await run("train", ...words, "--json", "hydra.run.dir=outputs/net");
  expect(code, stderr).toBe(0);
  const result = JSON.parse(stdout) as { metrics: Record<string, number>; runId: string; checkpoint: string };
  expect(result.metrics["test_loss"]).toBeGreaterThan(0);
  expect(existsSync(join(result.checkpoint, "model.safetensors"))).toBe(true);
  expect(result.checkpoint).toContain("outputs/TrainedModels/points/net_points/");
  expect(readFileSync(join(project.root, "outputs/net/train.log"), "utf8")).toContain(
    `run ${result.runId} is done: test_loss ${result.metrics["test_loss"]!.toPrecision(4)}`,
  );
  const trial = await run("train", ...words, "+trainer.fast_dev_run=1");
  expect([trial.code, trial.stdout]).toEqual([
    0,
    "Trial run: all steps work. Nothing was recorded or kept.\n",
  ]);
  const wrong = await run("train", ...words, "+model.hidden_sise=3", "model.name=nett");
  expect(wrong.code).toBe(2);
  expect(wrong.stderr).toContain('model.name=nett: model.name: unknown model "nett". Did you mean "net"?');
  expect((await run("check", ...words, "model.name=nett")).stderr).toContain('unknown model "nett"');
});

test("a data set that is not there is named with the layout wanted", async () => {
  const words = [
    "train",
    "model=resnet18",
    "dataset=cifar10",
    "callbacks=none",
    "~champion",
    "hydra.run.dir=outputs/x",
  ];
  const { code, stderr } = await run(...words);
  expect(code).toBe(2);
  expect(stderr).toContain("data_batch_1.bin");
  expect(stderr).not.toContain("    at ");
});

describe("sconce check", () => {
  test("proves the composed config without libtorch", async () => {
    const { code, stdout } = await run("check");
    expect(code).toBe(0);
    expect(stdout).toMatch(/train +use_cases\/demo\/Datasets\/train\.csv/);
    const before = process.cwd();
    process.chdir(project.root);
    try {
      expect(librariesAfter(["check"]).filter((path) => /libtorch|libc10/.test(path))).toEqual([]);
    } finally {
      process.chdir(before);
    }
  });

  test("names the file, line and column of each group's mistakes, and the override that made one", async () => {
    write({
      "conf/trainer/broken.yaml": "max_epochs: many\n\nmax_epocs: 3\n",
      "conf/dataset/broken.yaml": "name: demo\ntrain: Datasets/absent.csv\nlabel_column: ${nothing.here}\n",
    });
    const trainer = await run("check", "trainer=broken", "dataset.batch_size=0");
    expect(trainer.code).toBe(2);
    expect(trainer.stderr).toMatchInlineSnapshot(`
      "conf/trainer/broken.yaml:1:13: trainer.max_epochs: expected an integer of at least -1, got "many".
      conf/trainer/broken.yaml:3:1: trainer.max_epocs: unknown key. Did you mean "max_epochs"? Valid: accelerator, accumulate_grad_batches, auto_find_batch_size, barebones, benchmark, check_val_every_n_epoch, detect_anomaly, deterministic, devices, enable_autolog_hparams, enable_checkpointing, enable_model_summary, enable_progress_bar, fast_dev_run, gradient_clip_algorithm, gradient_clip_val, inference_mode, limit_test_batches, limit_train_batches, limit_val_batches, log_every_n_steps, max_epochs, max_steps, max_time, min_epochs, min_steps, num_nodes, num_sanity_val_steps, num_threads, overfit_batches, plugins, precision, profiler, reload_dataloaders_every_n_epochs, strategy, sync_batchnorm, use_distributed_sampler, val_check_interval.
      dataset.batch_size=0: dataset.batch_size: expected an integer of at least 1, got 0.
      "
    `);
    const dataset = await run("check", "dataset=broken");
    expect(dataset.stderr.replaceAll(project.root, "ROOT")).toMatchInlineSnapshot(`
      "warning: conf/dataset/broken.yaml:1:1: dataset: without a test file, the final evaluation and the champion rest on validation rows.
      conf/dataset/broken.yaml:2:8: dataset.train: the file "Datasets/absent.csv" does not exist; looked in ROOT/use_cases/demo and in ROOT. Put it there, or correct the path.
      conf/dataset/broken.yaml:3:15: dataset.label_column: \${nothing.here} leads nowhere: the config has no "nothing". Valid: model, dataset, optimizer, trainer, callbacks, seed, experiment, champion.
      "
    `);
  });

  test("refuses flags that show something instead", async () => {
    const { code, stderr } = await run("check", "--cfg", "job");
    expect([code, stderr]).toEqual([
      2,
      "sconce check: --cfg belongs to sconce train. Take it out, or use that command.\n",
    ]);
  });

  test("checks every job of a sweep", async () => {
    const { code, stdout } = await run("check", "-m", "seed=1,-2", "--json");
    expect(code).toBe(2);
    const jobs = JSON.parse(stdout) as { job: number; overrides: string[]; issues: { path: string }[] }[];
    expect(
      jobs.map(({ job, overrides, issues }) => [job, overrides, issues.map(({ path }) => path)]),
    ).toEqual([
      [1, ["seed=1"], []],
      [2, ["seed=-2"], ["seed"]],
    ]);
  });
});

test("what comes along composes with every file of its groups", async () => {
  const conf = new URL("../../conf/", import.meta.url);
  const { compose } = await import("sconce/config");
  const folders = readdirSync(conf, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const groups = folders.flatMap(({ name }) =>
    name === "hydra" ? readdirSync(new URL("hydra/", conf)).map((inner) => `hydra/${inner}`) : [name],
  );
  for (const name of groups) {
    for (const file of readdirSync(new URL(`${name}/`, conf)).filter((entry) => entry.endsWith(".yaml"))) {
      const option = file.replace(/\.yaml$/, "");
      const override = name === "experiment" ? `+experiment=${option}` : `${name}=${option}`;
      expect(compose({ configPath: conf.pathname, configName: "config", overrides: [override] }).kind).toBe(
        "map",
      );
    }
  }
});

test("the data files that come along are checked and trained on, from any folder", async () => {
  const root = mkdtempSync(join(tmpdir(), "sconce-files-"));
  writeFiles(root, { "package.json": "{}" });
  const there = (...words: string[]) => sconce(words, { cwd: root });
  for (const dataset of ["parquet", "arrow", "jsonl"])
    expect((await there("check", "model=mlp", `dataset=${dataset}`, "dataset.streaming=true")).code).toBe(0);
  const wrong = await there("check", "model=mlp", "dataset=parquet", "dataset.target=lable");
  expect([wrong.code, wrong.stdout]).toEqual([2, ""]);
  expect(wrong.stderr).toMatchInlineSnapshot(`
    "dataset.target=lable: dataset.target: "files/points.parquet" has no column "lable". Did you mean "label"? It has: x, y, label.
    "
  `);
  const words = [
    "model=mlp",
    "dataset=parquet",
    "trainer.max_epochs=1",
    "+trainer.enable_progress_bar=false",
  ];
  const { code, stderr } = await there("train", ...words);
  expect(code, stderr).toBe(0);
}, 240_000);
