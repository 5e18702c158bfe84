// The worked examples of plugins/, copied to a project and trained there by the compiled package.
import { execFile } from "node:child_process";
import { cpSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeTemporaryFolder } from "../fixtures/temporary-folder.ts";

const packageRoot = new URL("../../", import.meta.url);
const dist = (layer: string) => JSON.stringify(new URL(`dist/src/${layer}/index.js`, packageRoot).href);

let root: string;
beforeAll(() => {
  root = makeTemporaryFolder("sconce-plugin-examples-");
  cpSync(new URL("plugins/examples", packageRoot), join(root, "plugins/examples"), { recursive: true });
  symlinkSync(fileURLToPath(new URL("node_modules", packageRoot)), join(root, "node_modules"));
  writeFileSync(join(root, "package.json"), "{}");
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Loads the examples in a process of its own, evaluates `body` there and returns its `result`. */
async function run<T>(body: string): Promise<T> {
  const script = `
    import { readFileSync, rmSync } from "node:fs";
    import { loadPlugins } from ${dist("plugins")};
    import { DataContract, ModelContract, registry } from ${dist("contracts")};
    import { FrameworkTrainer } from ${dist("tasks")};
    import * as torch from ${dist("torch")};
    import { ModelCheckpoint, Trainer } from ${dist("trainer")};
    const root = ${JSON.stringify(root)};
    const plugins = await loadPlugins(root);
    const quiet = { enableProgressBar: false, logger: false, defaultRootDir: root };
    let result;
    ${body}
    console.log("\\n" + JSON.stringify(result));`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script], {
    cwd: root,
  });
  return JSON.parse(stdout.trimEnd().split("\n").at(-1)!) as T;
}

describe("the examples of plugins", () => {
  test("register one component of each kind, and a domain", async () => {
    const plugins = await run<{ name: string; registered: string[]; error?: string }[]>("result = plugins;");
    expect(plugins.map(({ name, registered, error }) => [name, error ?? registered])).toEqual([
      ["plugins/examples/callback.ts", ["callback stop_at"]],
      ["plugins/examples/dataset.ts", ["dataset spirals"]],
      [
        "plugins/examples/domain.ts",
        ["model matrix_factorization", "dataset ratings", "metric rmse", "domain recommendation"],
      ],
      ["plugins/examples/logger.ts", ["logger best_values"]],
      ["plugins/examples/loss.ts", ["loss focal"]],
      ["plugins/examples/metric.ts", ["metric top_k_accuracy"]],
      ["plugins/examples/model.ts", ["model residual_mlp"]],
      ["plugins/examples/optimizer.ts", ["optimizer sign_sgd"]],
      ["plugins/examples/sampler.ts", ["sampler curriculum"]],
      ["plugins/examples/scheduler.ts", ["scheduler half_sine"]],
      ["plugins/examples/store.ts", ["store journal"]],
      ["plugins/examples/strategy.ts", ["strategy sign_gradients"]],
      ["plugins/examples/task.ts", ["task seeds"]],
    ]);
  });

  test("meet the contracts", async () => {
    const problems = await run<string[][]>(`
      result = [];
      for (const [name, dataset] of [["residual_mlp", "spirals"], ["matrix_factorization", "ratings"]]) {
        const data = registry.createDataset(dataset);
        result.push(await DataContract.check(data));
        result.push(ModelContract.check(registry.createModel(name), await data.trainDataloader().next()));
      }`);
    expect(problems).toEqual([[], [], [], []]);
  });

  test("train by a config", async () => {
    const [spirals, ratings] = await run<Record<string, number>[]>(`
      const train = async (model, dataset, max_epochs) => {
        const config = { use_case: "examples", model, dataset, trainer: { max_epochs, enable_progress_bar: false } };
        return (await new FrameworkTrainer(config, { projectRoot: root }).train()).metrics;
      };
      result = [
        await train({ name: "residual_mlp", loss: { name: "focal", gamma: 1 } }, { name: "spirals", batch_size: 16 }, 40),
        await train({ name: "matrix_factorization", factors: 6 }, { name: "ratings" }, 40),
      ];`);
    expect(spirals!["test_accuracy"]).toBeGreaterThan(0.9);
    expect(spirals!["test_top2"]).toBeGreaterThanOrEqual(spirals!["test_accuracy"]!);
    expect(ratings!["test_rmse"]).toBeLessThan(0.4); // the ratings' own deviation is about 0.7
    expect(ratings!["test_rmse"]! ** 2).toBeCloseTo(ratings!["test_loss"]!, 5);
  });

  test("schedule, sampler, strategy and logger train by a config, and each does its part", async () => {
    const { accuracy, best, rates, orders } = await run<{
      accuracy: number;
      best: string[][];
      rates: number[];
      orders: number[][];
    }>(`
      const config = {
        use_case: "examples",
        seed: 3,
        model: { name: "residual_mlp", loss: { name: "focal", gamma: 1 } },
        dataset: { name: "blobs", features: 2, classes: 3, sampler: { name: "curriculum", start: 0.5, epochs: 2 } },
        optimizer: { name: "sgd", lr: 0.02, momentum: 0.9 },
        scheduler: { name: "half_sine", floor: 0.2 },
        trainer: { max_epochs: 4, enable_progress_bar: false, strategy: "sign_gradients", log_every_n_steps: 1 },
        loggers: [
          { name: "best_values", path: root + "/best/values.tsv" },
          { name: "jsonl", path: root + "/best/all.jsonl" },
        ],
      };
      const { metrics } = await new FrameworkTrainer(config, { projectRoot: root }).train();
      const lines = (file) => readFileSync(root + "/best/" + file, "utf8").trim().split("\\n");
      const sampler = registry.createSampler("curriculum", { start: 0.5, epochs: 2 });
      const order = (epoch) => {
        const loader = new torch.utils.data.DataLoader({ length: 100, get: (i) => i }, { sampler, batchSize: 100, collateFn: (x) => x });
        loader.seek({ epoch, batch: 0 });
        return loader.next();
      };
      result = {
        accuracy: metrics.test_accuracy,
        best: lines("values.tsv").map((line) => line.split("\\t")),
        rates: lines("all.jsonl").map((line) => JSON.parse(line).metrics?.lr).filter((rate) => rate !== undefined),
        orders: [await order(0), await order(0), await order(2)],
      };`);
    expect(accuracy).toBeGreaterThan(0.9);
    const losses = best.filter(([name]) => name === "val_loss");
    expect(losses).toHaveLength(1);
    const highest = Math.max(...rates);
    expect(highest).toBeCloseTo(0.02, 4);
    expect(Math.abs(rates.indexOf(highest) - rates.length / 2)).toBeLessThan(3);
    const [first, again, later] = orders;
    expect(again).toEqual(first);
    expect(Math.max(...first!)).toBeLessThan(50);
    expect(Math.max(...later!)).toBeGreaterThan(90);
  });

  test("the task trains by the rest of its config, and a mistake in its options is told at its place", async () => {
    const { metrics, runs, refusals } = await run<{
      metrics: Record<string, number>;
      runs: Record<string, number>[];
      refusals: string[];
    }>(`
      const config = {
        use_case: "seeds",
        model: { name: "residual_mlp" },
        dataset: { name: "spirals" },
        trainer: { max_epochs: 1, enable_progress_bar: false },
      };
      const train = async (more) => (await new FrameworkTrainer({ ...config, ...more }, { projectRoot: root }).train()).metrics;
      const refusals = [];
      for (const task of ["sedes", { name: "seeds", count: 1 }, { name: "seeds", folds: 3 }])
        await train({ task }).catch((error) => refusals.push(error.message));
      const metrics = await train({ task: { name: "seeds", count: 2 }, seed: 7 });
      result = { metrics, runs: [await train({ seed: 7 }), await train({ seed: 8 })], refusals };`);
    const [one, other] = runs;
    expect(metrics["test_loss"]).toBeCloseTo((one!["test_loss"]! + other!["test_loss"]!) / 2, 10);
    const std = Math.abs(one!["test_loss"]! - other!["test_loss"]!) / Math.SQRT2;
    expect(metrics["test_loss_std"]).toBeCloseTo(std, 10);
    expect(std).toBeGreaterThan(0);
    expect(refusals).toMatchInlineSnapshot(`
      [
        "the config: task: unknown task "sedes". Did you mean "seeds"? Valid: seeds.",
        "the config: task.count: Too small: expected number to be >=2, got 1.",
        "the config: task.folds: unknown option. Valid: count, monitor.",
      ]
    `);
  });

  test("the store is opened by its scheme, in a training and by commands", async () => {
    const { runId, changes } = await run<{ runId: string; changes: string[] }>(`
      const uri = "journal:sqlite:///" + root + "/journalled.db";
      const config = {
        use_case: "journalled",
        model: { name: "residual_mlp" },
        dataset: { name: "spirals" },
        trainer: { max_epochs: 1, enable_progress_bar: false },
        mlops: { tracking: { uri } },
      };
      const { runId } = await new FrameworkTrainer(config, { projectRoot: root }).train();
      const lines = readFileSync("journal.jsonl", "utf8").trim().split("\\n");
      result = { runId, changes: lines.map((line) => JSON.parse(line).change) };`);
    expect(changes[0]).toBe("createExperiment");
    expect(changes).toEqual(expect.arrayContaining(["createRun", "logBatch", "updateRun"]));
    const sconce = fileURLToPath(new URL("bin/sconce", packageRoot));
    const uri = `journal:sqlite:///${root}/journalled.db`;
    const list = (trackingUri: string) =>
      promisify(execFile)(sconce, ["runs", "--json", "--tracking-uri", trackingUri], { cwd: root });
    const { stdout } = await list(uri);
    expect(stdout).toContain(runId);
    await expect(list(uri.replace("journal", "diary"))).rejects.toThrow(/it must be sqlite:/u);
  });

  test("the strategy loses nothing for good, and goes on from a checkpoint with what it still owes", async () => {
    const { sum, owed, resumed, whole } = await run<Record<string, number[]>>(`
      const strategy = registry.createStrategy("sign_gradients");
      const layer = new torch.nn.Linear(2, 1, { bias: false });
      strategy.setup(layer);
      const sent = torch.zeros([1, 2]);
      for (const given of [[3, 1], [-1, 0.5], [0.25, 4]]) {
        layer.weight.grad = torch.tensor([given]);
        strategy.reduceGradients(layer.parameters());
        sent.add_(layer.weight.grad);
      }
      const owed = strategy.stateDict().get("weight");
      const hashOf = (model) => model.parameters().flatMap((weight) => weight.flatten().tolist());
      const fit = async (maxSteps, ckptPath) => {
        torch.manualSeed(4);
        const model = registry.createModel("residual_mlp");
        const data = registry.createDataset("spirals", { batchSize: 16 });
        const trainer = new Trainer({ ...quiet, maxSteps, strategy: "sign_gradients", callbacks: [new ModelCheckpoint({ everyNTrainSteps: 5 })] });
        await trainer.fit(model, data, ckptPath === undefined ? {} : { ckptPath });
        return { weights: hashOf(model), trainer };
      };
      const whole = await fit(9);
      rmSync(root + "/checkpoints", { recursive: true, force: true });
      await fit(5);
      const resumed = await fit(9, "last");
      result = { sum: sent.add(owed).flatten().tolist(), owed: owed.flatten().tolist(), whole: whole.weights, resumed: resumed.weights };`);
    expect(sum![0]).toBeCloseTo(3 - 1 + 0.25, 5);
    expect(sum![1]).toBeCloseTo(1 + 0.5 + 4, 5);
    expect(owed).not.toEqual([0, 0]);
    expect(resumed).toEqual(whole);
  });

  test("the callback ends a training, and a checkpoint holds the optimizer's state", async () => {
    const { reason, epochs, accuracy, stepped } = await run<Record<string, unknown>>(`
      torch.manualSeed(1);
      const model = registry.createModel("residual_mlp");
      const callbacks = [registry.createCallback("stop_at", { monitor: "val_accuracy", value: 0.8 })];
      const trainer = new Trainer({ ...quiet, maxEpochs: 100, callbacks });
      const { reason, epochs } = await trainer.fit(model, registry.createDataset("spirals"));
      const weight = torch.ones([2], { requiresGrad: true });
      const make = () => torch.optim.createOptimizer("sign_sgd", [weight], { lr: 0.25, momentum: 0.5 });
      const optimizer = make();
      weight.mul(torch.tensor([3, -2])).sum().backward();
      optimizer.step();
      const saved = optimizer.stateDict();
      const restored = make();
      restored.loadStateDict(saved);
      const stepped = JSON.stringify([weight.tolist(), restored.state.get(weight).momentumBuffer.tolist()]);
      result = { reason, epochs, accuracy: trainer.callbackMetrics.val_accuracy, stepped };`);
    expect(reason).toBe("early_stopping");
    expect(epochs).toBeLessThan(100);
    expect(accuracy).toBeGreaterThanOrEqual(0.8);
    expect(stepped).toBe("[[0.75,1.25],[1.5,-1]]");
  });

  test("the loss is cross entropy where nothing is easy, and less where it is", async () => {
    const [plain, cross, focal, refusal] = await run<[number, number, number, string]>(`
      const [scores, classes] = [torch.tensor([[2, 0, -1], [0, 1, 3]]), torch.tensor([0n, 2n])];
      const focal = (gamma) => registry.createLoss("focal", { gamma }).forward(scores, classes).item();
      result = [focal(0), torch.nn.functional.crossEntropy(scores, classes).item(), focal(2)];
      try { focal(-1); } catch (error) { result.push(error.message); }`);
    expect(plain).toBeCloseTo(cross, 6);
    expect(focal).toBeLessThan(cross / 10);
    expect(refusal).toMatchInlineSnapshot(`"loss "focal": gamma: Too small: expected number to be >=0"`);
  });
});
