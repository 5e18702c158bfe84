// Configs of Lightning projects run as they are: a Hydra tree whose parts are named with _target_, and the file of LightningCLI.
import { execFile } from "node:child_process";
import { cpSync, existsSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { makeTemporaryFolder } from "../fixtures/temporary-folder.ts";
import { mergeLightningFiles } from "../../src/config/lightning-files.ts";
import { valueOf } from "../../src/config/node.ts";
import { writeFiles } from "../fixtures/write-files.ts";
import { sconce } from "./run.ts";

const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
const golden = readFileSync(new URL("../goldens/config/lightning-cli.yaml", import.meta.url), "utf8");

let folder: string;
beforeAll(() => (folder = makeTemporaryFolder("sconce-lightning-")));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Project {
  root: string;
  run(...words: string[]): ReturnType<typeof sconce>;
}

/** Copies a project, and returns what runs a command in it. */
function project(name: string): Project {
  const root = join(folder, name);
  cpSync(fixture(name), root, { recursive: true });
  return { root, run: (...words) => sconce(words, { cwd: root, env: { PROJECT_ROOT: undefined } }) };
}

interface Result {
  metrics: Record<string, number>;
  checkpoint: string;
}

/** Composes the config of a project with each override in turn, and returns what is wrong with it. */
async function refusals(
  place: { root: string; configPath: string; configName: string },
  overrides: readonly string[],
): Promise<Record<string, string>> {
  const script = `
    import { planJobs } from ${JSON.stringify(dist("config"))};
    import { checkRegistered } from ${JSON.stringify(dist("tasks"))};
    import { ConfigError } from ${JSON.stringify(dist("base"))};
    const { root, ...options } = ${JSON.stringify(place)};
    process.env.PROJECT_ROOT = root;
    const found = {};
    for (const override of ${JSON.stringify(overrides)}) {
      const [{ config }] = planJobs({ ...options, searchPath: [{ provider: "sconce", path: "pkg://sconce.conf" }], argv: [override] });
      const { source, issues } = await checkRegistered(config, root);
      found[override] = new ConfigError(source, issues).message.replaceAll(/ Valid: .*| Known: .*| Available: .*/gu, "");
    }
    console.log(JSON.stringify(found));`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script], {
    cwd: place.root,
  });
  return JSON.parse(stdout) as Record<string, string>;
}

const dist = (layer: string) => new URL(`../../dist/src/${layer}/index.js`, import.meta.url).href;

describe("a Hydra tree", () => {
  let root: string;
  let run: Project["run"];
  beforeAll(() => ({ root, run } = project("lightning-hydra")));
  const runs = (): string[] => readdirSync(join(root, "logs/train/runs")).sort();

  test("trains by its conf/train.yaml: model, data, trainer, callbacks, optimizer and schedule", async () => {
    const { code, stderr, stdout } = await run("train", "logger=many_loggers", "--json");
    expect(code, stderr).toBe(0);
    const { metrics, checkpoint } = JSON.parse(stdout) as Result;
    expect(metrics["test_acc"]).toBeGreaterThan(0.6);
    const [name] = runs();
    const output = join(root, "logs/train/runs", name!);
    expect(checkpoint).toMatch(new RegExp(`^${join(output, "checkpoints")}/epoch_00\\d$`, "u"));
    expect(readdirSync(output)).toEqual(
      expect.arrayContaining([".hydra", "checkpoints", "csv", "tensorboard", "train.log"]),
    );
    const csv = readFileSync(join(output, "csv/version_0/metrics.csv"), "utf8");
    expect(csv).toContain("val_acc");
    expect(existsSync(join(root, "logs/mlflow/mlruns"))).toBe(true);
  });

  test("is changed on the command line, and by its experiments", async () => {
    const words = ["experiment=wide", "trainer.max_epochs=1", "model.net.lin1_size=5"];
    const { code, stderr, stdout } = await run("train", ...words, "--json");
    expect(code, stderr).toBe(0);
    const { checkpoint } = JSON.parse(stdout) as Result;
    expect(checkpoint).toContain("epoch_001");
    const state = readFileSync(join(checkpoint, "model.safetensors"));
    const length = Number(state.readBigUInt64LE(0));
    const shapes = JSON.parse(state.toString("utf8", 8, 8 + length)) as Record<string, { shape: number[] }>;
    expect(shapes["model.model.0.weight"]!.shape).toEqual([5, 2]);
    const used = parse(readFileSync(join(checkpoint, "../../.hydra/config.yaml"), "utf8")) as any;
    expect(used.model.optimizer.lr).toBe(0.002);
  });

  test("goes on from a checkpoint, or judges one", async () => {
    const output = join(root, "logs/train/runs", runs()[0]!);
    const ckpt = `ckpt_path=${join(output, "checkpoints/epoch_003")}`;
    const judged = await run("train", ckpt, "train=false", "--json");
    expect(judged.code, judged.stderr).toBe(0);
    expect(Object.keys((JSON.parse(judged.stdout) as Result).metrics)).toEqual(
      expect.arrayContaining(["test_loss", "test_acc"]),
    );
    const more = await run("train", ckpt, "trainer.max_epochs=4", "test=false", "--json");
    expect(more.code, more.stderr).toBe(0);
    const { metrics } = JSON.parse(more.stdout) as Result;
    expect(metrics["test_loss"]).toBeUndefined();
    expect(more.stderr).toMatch(/resumed from .*epoch_003: epoch 4/u);
  });

  test.each([
    ["_target_", "+trainer.profiler.filename=report"],
    ["class_path", "+trainer.profiler.init_args.filename=report"],
  ])("takes a profiler by %s", async (key, filename) => {
    const named = `+trainer.profiler.${key}=lightning.pytorch.profilers.SimpleProfiler`;
    const folder = filename.replace("filename=report", `dirpath=${key}`);
    const words = [named, filename, folder, "trainer.max_epochs=1", "test=false"];
    const { code, stderr } = await run("train", ...words);
    expect(code, stderr).toBe(0);
    expect(readFileSync(join(root, key, "fit-report.txt"), "utf8")).toContain("run_training_batch");
  });

  test("sweeps", async () => {
    const { code, stderr } = await run("train", "-m", "model.optimizer.lr=0.1,0.01", "trainer.max_epochs=1");
    expect(code, stderr).toBe(0);
    const [sweep] = readdirSync(join(root, "logs/train/multiruns"));
    for (const job of ["0", "1"])
      expect(existsSync(join(root, "logs/train/multiruns", sweep!, job, "checkpoints"))).toBe(true);
  });

  test("runs in a program's own main, unchanged", async () => {
    writeFiles(root, {
      "train.mjs": `
        import { FrameworkTrainer, main } from ${JSON.stringify(new URL("../../dist/src/index.js", import.meta.url).href)};
        process.env.PROJECT_ROOT = import.meta.dirname;
        const searchPath = [{ provider: "sconce", path: "pkg://sconce.conf" }]; // has hydra/job_logging=colorlog
        await main({ configPath: "conf", configName: "train", searchPath }, async (config) => {
          const { metrics } = await new FrameworkTrainer(config, { projectRoot: import.meta.dirname }).train();
          console.log(JSON.stringify(metrics));
        });`,
    });
    const words = ["train.mjs", "trainer.max_epochs=1", "callbacks=none"];
    const { stdout } = await promisify(execFile)(process.execPath, words, { cwd: root });
    expect(JSON.parse(stdout.trim().split("\n").at(-1)!)).toHaveProperty("test_acc");
  });

  const overrides = [
    "+trainer.profiler={_target_: lightning.pytorch.profilers.XLAProfiler}",
    "logger=wandb",
    "trainer=gpu",
    "+trainer.strategy=ddp",
    "trainer._target_=os.system",
    "model._target_=os.system",
    "model._target_=src.models.moons_module.MoonsLitModul",
    "model.net._target_=subprocess.Popen",
    "model.optimizer._target_=builtins.eval",
    "model.optimizer._target_=torch.optim.LBFGS",
    "model.scheduler._target_=torch.optim.lr_scheduler.LambdaLR",
    "callbacks.early_stopping._target_=node:child_process.exec",
    "+callbacks.rich_progress_bar.theme=dark",
    "+model.optimizer.lrr=1",
    "+model.net.depth=2",
    "model.net.lin1_size=wide",
    "data.rows=many",
    "data._target_=shutil.rmtree",
    "extras.print_config=maybe",
    "tags=[]",
    "+taks_name=x",
    "+optimizer={_target_: torch.optim.SGD, lr: 0.1}",
  ];
  let refused: Promise<Record<string, string>> | undefined;

  test.each(overrides)("%s is refused with its place", async (override) => {
    refused ??= refusals({ root, configPath: join(root, "conf"), configName: "train" }, overrides);
    expect((await refused)[override]).toMatchSnapshot();
  });

  test("everything that is wrong is told at once, in the order of the files", async () => {
    const words = ["model.net.lin1_size=wide", "data.rows=many", "logger=wandb", "trainer=gpu"];
    const { stderr } = await run("check", ...words);
    expect(
      stderr
        .trim()
        .split("\n")
        .map((line) => line.split(": ")[0]),
    ).toEqual([
      "conf/logger/wandb.yaml:2:13",
      "conf/trainer/gpu.yaml:4:14",
      "data.rows=many",
      "model.net.lin1_size=wide",
    ]);
  });
});

describe("the file of LightningCLI", () => {
  let root: string;
  let run: Project["run"];
  beforeAll(() => {
    ({ root, run } = project("lightning-cli"));
    writeFiles(root, { "config.yaml": golden });
  });

  test("is checked as Lightning printed it, and trains as fit does", async () => {
    const checked = await run("check", "--config", "config.yaml");
    expect(checked.code, checked.stderr).toBe(0);
    const { code, stderr, stdout } = await run("train", "--config", "config.yaml", "--json");
    expect(code, stderr).toBe(0);
    const { metrics, checkpoint } = JSON.parse(stdout) as Result;
    expect(metrics["val_loss"]).toBeGreaterThan(0);
    expect(checkpoint).toMatch(
      /outputs\/TrainedModels\/Points\/default\/.*\/checkpoints\/epoch=\d-step=\d+$/u,
    );
    const [version] = readdirSync(join(root, "logs/lightning_logs"));
    const csv = readFileSync(join(root, "logs/lightning_logs", version!, "metrics.csv"), "utf8");
    expect(csv.split("\n")[0]).toContain("lr-AdamW");
  });

  test("takes the flags of fit, with or without init_args", async () => {
    const words = [
      "--config=config.yaml",
      "--trainer.max_epochs",
      "1",
      "--model.hidden=3",
      "--seed_everything",
      "5",
    ];
    const { code, stderr, stdout } = await run("train", ...words, "--data.init_args.batch_size=16", "--json");
    expect(code, stderr).toBe(0);
    expect((JSON.parse(stdout) as Result).checkpoint).toContain("epoch=1-step=2");
  });

  const flags = [
    ["--trainer.max_epoch", "3"],
    ["--trainer.accelerator", "gpu"],
    ["--model.class_path", "os.system"],
    ["--model.hiden", "3"],
    ["--optimizer.class_path", "subprocess.run"],
    ["--lr_scheduler.T_max", "zero"],
    ["--data.rows", "few"],
    ["--trainer.strategy", "ddp"],
    ["--seed_everything", "often"],
  ] as const;

  test("refuses flags that name or give what is not there, all at once", async () => {
    const { code, stderr } = await run("check", "--config", "config.yaml", ...flags.flat());
    expect(code).toBe(2);
    expect(stderr.replaceAll(/ Valid: .*| Known: .*/gu, "")).toMatchSnapshot();
  });

  const files = ["base.yaml", "change.yaml"];

  test("is several files as jsonargparse merges them, a later one over those before it", async () => {
    const text = readFileSync(new URL("../goldens/config/lightning-cli-files.yaml", import.meta.url), "utf8");
    const printed = parse(text) as object;
    const merged = await mergeLightningFiles(files.map((file) => join(root, file)));
    expect(printed).toMatchObject(valueOf(merged) as object);
    const printedSingly = await mergeLightningFiles([join(root, "base.yaml")]);
    expect(printed).not.toMatchObject(valueOf(printedSingly) as object);
  });

  test("trains by several files, of fit or of all subcommands, and tells of options that are left out", async () => {
    const [first, second] = files.map((file) => readFileSync(join(root, file), "utf8"));
    writeFiles(root, { "second.yaml": `fit:\n${second!.replaceAll(/^/gmu, "  ")}` });
    expect(first).toContain("amsgrad");
    const words = [
      "fit",
      "--config",
      "base.yaml",
      "--config=second.yaml",
      "--trainer.limit_val_batches",
      "1",
    ];
    const { code, stderr, stdout } = await run("train", ...words, "--json");
    expect(code, stderr).toBe(0);
    expect(stderr).toContain(
      "optimizer.amsgrad of base.yaml:6 is left out, as torch.optim.SGD does not take it.",
    );
    expect((JSON.parse(stdout) as Result).checkpoint).toContain("epoch=1-step=");
  });

  test.each([
    [["--config", "base.yaml", "--config", "none.yaml"], 'there is no file "none.yaml"'],
    [["--trainer.max_epochs", "3", "--config", "base.yaml"], "Put the files first"],
    [["validate", "--config", "base.yaml"], 'Leave out "validate"'],
    [["--config", "base.yaml", "--config", "wrong.yaml"], "wrong.yaml:1:12: trainer.max_epoch: unknown key"],
    [["--config", "base.yaml", "--config", "composed.yaml"], "has a defaults list"],
    [["--config", "base.yaml", "--config", "list.yaml"], "holds no mapping"],
  ])("refuses %j", async (words, says) => {
    writeFiles(root, {
      "wrong.yaml": "trainer: { max_epoch: 3 }",
      "composed.yaml": "defaults: []",
      "list.yaml": "[1]",
    });
    const { code, stderr } = await run("check", ...words);
    expect([code, stderr]).toEqual([2, expect.stringContaining(says)]);
  });

  test("one without names of classes is asked for them, one for all subcommands is read as that of fit", async () => {
    const content = parse(golden) as Record<string, any>;
    const { class_path: _, ...unnamed } = content["model"] as Record<string, unknown>;
    writeFiles(root, { "unnamed.yaml": JSON.stringify({ ...content, model: unnamed }) });
    const { code, stderr } = await run("check", "--config", "unnamed.yaml");
    expect([code, stderr]).toEqual([2, expect.stringContaining("model.name: must be set")]);
    writeFiles(root, { "all.yaml": `fit:\n${golden.replaceAll(/^/gmu, "  ")}` });
    expect((await run("check", "all.yaml")).stdout).toContain("no problems");
  });
});
