import { cpSync, existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { writeFiles } from "../../tests/fixtures/write-files.ts";
import * as z from "zod";
import { PointsData, PointsModel } from "../../tests/fixtures/points.ts";
import { makeTinyProject } from "../../tests/fixtures/tiny-project.ts";
import type { TinyProject } from "../../tests/fixtures/tiny-project.ts";
import { compose, runMain } from "../config/index.ts";
import { registerDataset, registerModel } from "../contracts/index.ts";
import { openStore } from "../tracking/index.ts";
import { FrameworkTrainer } from "./index.ts";

class SchemedModel extends PointsModel {
  static override readonly schema = z.strictObject({ hidden: z.int().min(1), lr: z.number().optional() });
}
registerModel("points_model", SchemedModel);
registerDataset("points", PointsData);

let project: TinyProject;
beforeAll(() => {
  project = makeTinyProject();
  write({
    "conf/config.yaml": `
defaults: [model: points, dataset: points, optimizer: adamw, _self_]
seed: 3
experiment: {name: "\${model.name}"}
trainer: {max_epochs: 4, log_every_n_steps: 5, enable_progress_bar: false}
callbacks: {early_stopping: {monitor: val_loss, patience: 2}}
`,
    "conf/model/points.yaml": "name: points_model\nhidden: 6\n",
    "conf/model/tiny.yaml": "name: tiny\nbase_model: tiny\n",
    "conf/dataset/points.yaml": "name: points\nbatch_size: 8\n",
    "conf/dataset/demo.yaml":
      "name: demo\ntrain: Datasets/train.csv\ntest: Datasets/test.csv\nmax_length: 16\nbatch_size: 8\n",
    "conf/optimizer/adamw.yaml": "name: adamw\nlr: 0.05\n",
  });
});
afterAll(() => project.remove());

const write = (files: Record<string, string>): void => writeFiles(project.root, files);

function trainer(...overrides: string[]): FrameworkTrainer {
  const config = compose({ configPath: join(project.root, "conf"), configName: "config", overrides });
  return new FrameworkTrainer(config, { projectRoot: project.root });
}

describe("FrameworkTrainer", () => {
  test("trains a registered model on a registered data set, tracks and logs it", async () => {
    const { metrics, runId, modelUri, checkpoint } = await trainer().train();
    expect(metrics["test_accuracy"]).toBeGreaterThan(0.9);
    expect(Object.keys(metrics)).toEqual(expect.arrayContaining(["train_loss", "val_loss", "test_loss"]));
    expect(modelUri).toBe(`runs:/${runId}/model`);
    expect(checkpoint).toContain(join("TrainedModels", "points", "points_model"));
    expect(existsSync(join(checkpoint!, "model.safetensors"))).toBe(true);
    const store = await openStore(`sqlite:///${project.database}`);
    const { info, data } = await store.getRun(runId);
    expect(info.status).toBe("FINISHED");
    expect(data.params).toMatchObject({
      hidden: "6",
      "model.name": "points_model",
      "trainer.max_epochs": "4",
    });
    expect(data.metrics["test_accuracy"]).toBe(metrics["test_accuracy"]);
    expect((await store.getExperiment(info.experimentId)).name).toBe("points/points_model");
    await store.close();
  });

  test("stores the share of the peak, counted, where a config names a throughput monitor", async () => {
    const { metrics } = await trainer("+callbacks.throughput_monitor={window_size: 3}").train();
    const [flops, share] = [metrics["train/device/flops_per_sec"]!, metrics["train/device/mfu"]!];
    expect(flops).toBeGreaterThan(0);
    expect(share).toBeGreaterThan(0);
    expect(share).toBeLessThan(1);
  });

  test("trains a text classifier by the same entry", async () => {
    const { metrics, checkpoint } = await trainer(
      "model=tiny",
      "dataset=demo",
      "~callbacks",
      "trainer.max_epochs=1",
    ).train();
    expect(metrics["f1"]).toBeGreaterThanOrEqual(0);
    expect(existsSync(join(checkpoint!, "model.safetensors"))).toBe(true);
  });

  test("keeps each run's checkpoints apart, and goes on with the newest", async () => {
    const { checkpoint: first } = await trainer("trainer.max_epochs=1").train();
    const { checkpoint: second, runId } = await trainer("trainer.max_epochs=1").train();
    expect(dirname(second!)).not.toBe(dirname(first!));
    expect(existsSync(first!)).toBe(true);
    const resumed = await trainer("trainer.max_epochs=3").train({ resume: "last" });
    expect(dirname(resumed.checkpoint!)).toBe(dirname(second!));
    expect(resumed.metrics["epoch"]).toBeGreaterThan(2);
    expect(resumed.runId).toBe(runId); // and its points stand there once
    const store = await openStore(`sqlite:///${project.database}`);
    for (const [name, steps] of [
      ["train_loss", [5, 10, 15]],
      ["val_loss", [5, 10, 15]],
      ["test_loss", [5, 15]],
    ] as const)
      // prettier-ignore
      expect((await store.metricHistory(runId, name)).map(({ step }) => step), name).toEqual(steps);
    await store.close();
    // ten runs in a second: the tenth began last
    const runs = dirname(dirname(dirname(second!)));
    cpSync(dirname(dirname(second!)), join(runs, "2099-01-01_00-00-00_9"), { recursive: true });
    cpSync(dirname(dirname(second!)), join(runs, "2099-01-01_00-00-00_10"), { recursive: true });
    const newest = await trainer("trainer.max_epochs=4").train({ resume: "last" });
    expect(newest.checkpoint).toContain("2099-01-01_00-00-00_10");
    await expect(trainer("experiment.name=none").train({ resume: "last" })).rejects.toThrow(
      "there is no run with a checkpoint in",
    );
  });

  const rate = "num_training_steps: 20, early_stop_threshold: null";
  const size = "init_val: 4, max_trials: 2";
  test.each([
    ["name", `[{name: learning_rate_finder, ${rate}}, {name: batch_size_finder, ${size}}]`],
    [
      "_target_",
      `{lr: {_target_: lightning.pytorch.callbacks.LearningRateFinder, ${rate}},
  size: {_target_: lightning.pytorch.callbacks.BatchSizeFinder, ${size}}}`,
    ],
    [
      "class_path",
      `[{class_path: LearningRateFinder, init_args: {${rate}}},
  {class_path: pytorch_lightning.callbacks.BatchSizeFinder, init_args: {${size}}}]`,
    ],
    [
      "module",
      `[{module: lightning.pytorch.callbacks, func: LearningRateFinder, kwargs: {${rate}}},
  {module: lightning.pytorch.callbacks, func: BatchSizeFinder, kwargs: {${size}}}]`,
    ],
  ])("finds the rate and the size of batches, by %s", async (spelling, callbacks) => {
    write({
      [`conf/find_${spelling}.yaml`]: `
defaults: [model: points, dataset: points, optimizer: adamw, _self_]
experiment: {name: found}
dataset: {batch_size: 2}
trainer: {max_epochs: 2, log_every_n_steps: 1, enable_progress_bar: false}
callbacks: ${callbacks}
`,
    });
    const config = compose({ configPath: join(project.root, "conf"), configName: `find_${spelling}` });
    const { runId } = await new FrameworkTrainer(config, { projectRoot: project.root }).train();
    const store = await openStore(`sqlite:///${project.database}`);
    const rates = (await store.metricHistory(runId, "lr")).map(({ value }) => value);
    await store.close();
    expect(rates).toHaveLength(10); // of batches of 8 rows
    expect(rates).toEqual(rates.map(() => rates[0]));
    expect(rates[0]).not.toBe(0.05);
  });

  test("finds them for a text classifier too", async () => {
    const { runId } = await trainer(
      "model=tiny",
      "dataset=demo",
      "~callbacks",
      `+callbacks=[{name: batch_size_finder, ${size}}, {name: learning_rate_finder, ${rate}}]`,
      "dataset.batch_size=2",
      "trainer.max_epochs=1",
      "trainer.log_every_n_steps=1",
      "+scheduler={name: constant}",
    ).train();
    const store = await openStore(`sqlite:///${project.database}`);
    const rates = (await store.metricHistory(runId, "lr")).map(({ value }) => value);
    await store.close();
    expect(rates).toHaveLength(8); // of batches of 8 rows
    expect(rates).toEqual(rates.map(() => rates[0]));
    expect(rates[0]).not.toBe(0.05);
  });

  test("is what a program's main runs", async () => {
    const { exitCode, jobs } = await runMain(
      {
        configPath: join(project.root, "conf"),
        configName: "config",
        argv: ["-m", "model.hidden=2,3", "trainer.max_epochs=1", "hydra.sweep.dir=outputs/sweep"],
        baseFolder: project.root,
      },
      (config) => new FrameworkTrainer(config, { projectRoot: project.root }).train(),
    );
    expect(exitCode).toBe(0);
    expect(jobs.map((job) => job.status === "completed" && job.value.metrics["val_loss"]! > 0)).toEqual([
      true,
      true,
    ]);
    expect(readFileSync(join(project.root, "outputs/sweep/1/.hydra/overrides.yaml"), "utf8")).toContain(
      "model.hidden=3",
    );
  });

  test("loads the plugins that the config lists, and names one that is broken", async () => {
    write({
      "lib/fine.js": "export const register = () => { globalThis.isFine = true; };",
      "lib/broken.js": "throw new Error('no luck');",
    });
    const listed = (name: string) => trainer(`+plugins=[lib/${name}]`, "trainer.max_epochs=1").train();
    expect((await listed("fine.js")).metrics["val_loss"]).toBeGreaterThan(0);
    expect((globalThis as { isFine?: boolean }).isFine).toBe(true);
    await expect(listed("broken.js")).rejects.toThrow("plugins: lib/broken.js: no luck");
  });

  test("names everything that is wrong, with its place", async () => {
    await expect(trainer("trainer.max_epochs=x", "+nothing=1").train()).rejects
      .toThrowErrorMatchingInlineSnapshot(`
      [ConfigError: trainer.max_epochs=x: trainer.max_epochs: expected an integer of at least -1, got "x".
      +nothing=1: nothing: unknown key. Valid: callbacks, ckpt_path, dataset, distributed, experiment, loggers, mlops, model, optimizer, plugins, scheduler, seed, tags, task, test, train, trainer, use_case.]
    `);
    await expect(trainer("model.hidden=0", "+model.hiden=1").train()).rejects
      .toThrowErrorMatchingInlineSnapshot(`
      [ConfigError: model.hidden=0: model.hidden: Too small: expected number to be >=1, got 0.
      +model.hiden=1: model.hiden: unknown option. Did you mean "hidden"? Valid: hidden, lr.]
    `);
    await expect(trainer("model.name=points_modle").train()).rejects.toThrow(
      'unknown model "points_modle". Did you mean "points_model"?',
    );
  });
});
