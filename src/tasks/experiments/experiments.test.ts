// A grid of trainings on tiny models: names, tags, what is run again and what is not.
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { makeTinyProject, tinyRows } from "../../../tests/fixtures/tiny-project.ts";
import type { TinyProject } from "../../../tests/fixtures/tiny-project.ts";
import { logger } from "../../base/index.ts";
import { ModelSelector, ModelTransition, SqliteStore } from "../../tracking/index.ts";
import { TextClassifier } from "../text-classification/classifier.ts";
import { ExperimentManager } from "./experiment-manager.ts";
import type { ExperimentManagerOptions } from "./experiment-manager.ts";
import { gridCells } from "./grid.ts";

let project: TinyProject;
let lines: string[];
let removeSink: () => void;

beforeEach(() => {
  project = makeTinyProject();
  const csv = (seed: number) =>
    ["text,label", ...tinyRows(40, seed).map(({ text, label }) => `"${text}",${label}`)].join("\n");
  for (const [index, version] of ["v1", "v2"].entries())
    writeFileSync(join(project.root, `train_${version}.csv`), csv(index + 1));
  writeFileSync(join(project.root, "validation.csv"), csv(9));
  cpSync(project.baseModel, join(project.root, "models", "other"), { recursive: true });
  lines = [];
  removeSink = logger.addSink((level, message) => lines.push(`${level}: ${message}`));
});

afterEach(() => {
  removeSink();
  project.remove();
});

const sets = [
  {
    n_epochs: 1,
    learning_rate: 3e-3,
    weight_decay: 0.01,
    train_batch_size: 8,
    eval_batch_size: 16,
    max_length: 16,
  },
  {
    n_epochs: 1,
    learning_rate: 1e-3,
    weight_decay: 0,
    train_batch_size: 8,
    eval_batch_size: 16,
    max_length: 16,
  },
];

function options(changes: Partial<ExperimentManagerOptions> = {}): ExperimentManagerOptions {
  return {
    baseName: "weather",
    dataSrc: "tiny",
    datasetVersions: ["v1", "v2"],
    hyperparameters: sets,
    baseModelVersions: ["pretrained_models/tiny", "models/other"],
    outputDir: "outputs/grid",
    trainFile: "train_{data_version}.csv",
    validationFile: "validation.csv",
    userId: "ada@example.org",
    runDate: "20260101",
    projectRoot: project.root,
    trackingUri: `sqlite:///${project.database}`,
    ...changes,
  };
}

const openStore = () => SqliteStore.open({ path: project.database });

test("every cell is a run with its name, tags, params, metrics and model, chosen and promoted afterwards", async () => {
  const { experimentName, cells } = await new ExperimentManager(
    options({ evaluatePretrainedModel: true }),
  ).runExperiments();
  expect(experimentName).toBe("/Users/ada@example.org/weather_tiny_20260101");
  expect(cells.map(({ name, status }) => [name, status])).toEqual(
    ["tiny", "other"].flatMap((model) =>
      ["train_v1", "train_v2"].flatMap((data) =>
        ["pretrained", "param_set1", "param_set2"].map((set) => [`${model}_${data}_${set}`, "finished"]),
      ),
    ),
  );
  const store = await openStore();
  const { experimentId } = (await store.getExperimentByName(experimentName))!;
  const runs = await store.searchRuns({ experimentIds: [experimentId] });
  expect(runs).toHaveLength(12);
  const run = runs.find(({ info }) => info.runName === "other_train_v2_param_set2")!;
  expect(run.info.status).toBe("FINISHED");
  expect(run.data.tags).toMatchObject({ base_model_name: "other", dataset_name: "train_v2", param_set: "2" });
  expect(run.data.params).toMatchObject({
    learning_rate: "0.001",
    "optimizer.lr": "0.001",
    n_epochs: "1",
    "trainer.max_epochs": "1",
  });
  for (const name of ["accuracy", "f1", "precision", "recall", "roc_auc"])
    expect(run.data.metrics[name]).toBeTypeOf("number");
  const folder = join(project.root, "outputs", "grid", "other_train_v2_param_set2");
  expect(existsSync(join(folder, "model.safetensors"))).toBe(true);
  const plain = runs.find(({ info }) => info.runName === "tiny_train_v1_pretrained")!;
  expect(plain.data.tags).toMatchObject({ run_type: "pretrained", head: "untrained" });
  expect(lines.filter((line) => line.includes("no trained head for these labels"))).toHaveLength(4);

  const selector = new ModelSelector({ store, experimentName, metric: "f1" });
  const best = await selector.getBestModel();
  expect(best.data.tags["run_type"]).toBeUndefined();
  expect([...(await selector.getBestModelsByTag("base_model_name")).keys()].sort()).toEqual([
    "other",
    "tiny",
  ]);
  const transition = await ModelTransition.open({
    modelName: "weather",
    trackingUri: `sqlite:///${project.database}`,
  });
  const version = await transition.transitionModel({ stage: "Production", experimentName, metric: "f1" });
  expect(version).toMatchObject({ version: 1, currentStage: "Production", runId: best.info.runId });
  await transition.close();
  const classifier = await TextClassifier.fromPretrained("models:/weather/Production", {
    trackingUri: `sqlite:///${project.database}`,
  });
  expect(await classifier.predict(["wet cloud"])).toHaveLength(1);
  await store.close();
});

test("what is done is not run again: a grid goes on where it stopped, grows, and keeps its date", async () => {
  const small = {
    datasetVersions: ["v1"],
    baseModelVersions: ["pretrained_models/tiny"],
    hyperparameters: sets.slice(0, 1),
  };
  const first = await new ExperimentManager(options({ ...small, runDate: "20250101" })).runExperiments();
  expect(first.cells.map(({ status }) => status)).toEqual(["finished"]);
  const { runDate: _, ...undated } = options({ ...small, hyperparameters: sets });
  const grown = await new ExperimentManager(undated).runExperiments();
  expect(grown.experimentName).toBe(first.experimentName);
  expect(grown.cells.map(({ name, status }) => [name, status])).toEqual([
    ["tiny_train_v1_param_set1", "done before"],
    ["tiny_train_v1_param_set2", "finished"],
  ]);
  expect(grown.cells[0]?.runId).toBe(first.cells[0]?.runId);
  const again = await new ExperimentManager({
    ...undated,
    only: ["tiny_train_v1_param_set1"],
  }).runExperiments();
  expect(again.cells.map(({ name, status }) => [name, status])).toEqual([
    ["tiny_train_v1_param_set1", "finished"],
  ]);
  writeFileSync(
    join(project.root, "train_v1.csv"),
    `${readFileSync(join(project.root, "train_v1.csv"), "utf8")}\n"wet drop",rain`,
  );
  const changed = await new ExperimentManager({ ...undated, runDate: "20250101" }).runExperiments();
  expect(changed.cells.map(({ status }) => status)).toEqual(["finished", "finished"]);
});

test("a cell that fails is said at once and run alone later; the others go on unless failFast", async () => {
  const broken = join(project.root, "models", "other", "model.safetensors");
  const content = readFileSync(broken);
  writeFileSync(broken, content.subarray(0, 100));
  const grid = options({
    datasetVersions: ["v1"],
    hyperparameters: sets.slice(0, 1),
    baseModelVersions: ["models/other", "pretrained_models/tiny"],
  });
  const stopped = await new ExperimentManager({ ...grid, failFast: true }).runExperiments();
  expect(stopped.cells.map(({ status }) => status)).toEqual(["failed"]);
  const result = await new ExperimentManager(grid).runExperiments();
  expect(result.cells.map(({ status }) => status)).toEqual(["failed", "finished"]);
  expect(result.cells[0]?.error).toMatch(/model\.safetensors/);
  expect(
    lines.find((line) => line.startsWith("error: experiments: other_train_v1_param_set1 failed.")),
  ).toBeDefined();
  writeFileSync(broken, content);
  const mended = await new ExperimentManager(grid).runExperiments();
  expect(mended.cells.map(({ status }) => status)).toEqual(["finished", "done before"]);
});

test("every mistake shows before the first cell is trained", async () => {
  const run = (changes: Partial<ExperimentManagerOptions>) =>
    new ExperimentManager(options(changes)).runExperiments();
  await expect(run({ hyperparameters: [sets[0]!, { learning_rat: 1 }] })).rejects.toThrow(
    /learning_rat: unknown key/,
  );
  await expect(run({ datasetVersions: ["v1", "v3"] })).rejects.toThrow(/train_v3\.csv/);
  await expect(run({ hyperparameters: [{ ...sets[0]!, learning_rate: -1 }] })).rejects.toThrow(
    /optimizer\.lr/,
  );
  rmSync(join(project.root, "outputs", "grid", ".cells"), { recursive: true });
  expect(existsSync(project.database)).toBe(false);
  expect(() => new ExperimentManager(options({ datasetVersions: [] }))).toThrow(
    /datasetVersions must have at least one/,
  );
  expect(() => new ExperimentManager(options({ runDate: "1.1.26" }))).toThrow(/runDate must be YYYYMMDD/);
  expect(() => new ExperimentManager(options({ only: ["tiny_train_v1_param_set3"] }))).toThrow(
    /Did you mean "tiny_train_v1_param_set/,
  );
  expect(() => new ExperimentManager(options({ task: "nli" as "text_classification" }))).toThrow(
    /task must be/,
  );
});

test("two models or data sets of one name get a hash of their own", () => {
  const cells = gridCells({
    datasetVersions: ["a/x", "b/x"],
    hyperparameters: [{}],
    baseModelVersions: ["m/bert", "n/bert/", "m/bert"],
    outputDir: "out",
    trainFile: "{data_version}.csv",
    validationFile: "v.csv",
    evaluatePretrainedModel: false,
  });
  const names = cells.map(({ name }) => name);
  expect(names).toHaveLength(4);
  expect(new Set(names).size).toBe(4);
  for (const name of names) expect(name).toMatch(/^bert-[0-9a-f]{6}_x-[0-9a-f]{6}_param_set1$/);
});

test("the end of each run is told, and who is told does not make it another run", async () => {
  const told = join(project.root, "told.txt");
  const hook = `require("node:fs").appendFileSync(${JSON.stringify(told)}, process.env.SCONCE_EVENT + "\\n")`;
  const small = options({
    baseModelVersions: ["pretrained_models/tiny"],
    datasetVersions: ["v1"],
    config: {
      mlops: { notifications: [{ on: ["run_finished"], command: [process.execPath, "-e", hook] }] },
    },
  });
  const { cells } = await new ExperimentManager(small).runExperiments();
  expect(cells.map(({ status }) => status)).toEqual(["finished", "finished"]);
  expect(readFileSync(told, "utf8").trim().split("\n")).toHaveLength(2);
  rmSync(told);
  const again = await new ExperimentManager({ ...small, config: {} }).runExperiments();
  expect(again.cells.map(({ status }) => status)).toEqual(["done before", "done before"]);
  expect(existsSync(told)).toBe(false);
});
