// Models named by MLflow's URIs instead of folders.
import { mkdirSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BertTrainerTorch, TextClassifier } from "../../src/tasks/index.ts";
import { SqliteStore } from "../../src/tracking/index.ts";
import { makeTemporaryFolder } from "../fixtures/temporary-folder.ts";
import { makeTinyProject } from "../fixtures/tiny-project.ts";
import type { TinyProject } from "../fixtures/tiny-project.ts";
import { sconce } from "./run.ts";

let project: TinyProject;
let elsewhere: string;
let runId: string;
let modelId: string;
let artifacts: string;

beforeAll(async () => {
  project = makeTinyProject();
  elsewhere = makeTemporaryFolder("sconce-elsewhere-");
  const { code, stderr } = await sconce(["train", project.config]);
  expect(code, stderr).toBe(0);
  const store = await SqliteStore.open({ path: project.database });
  const [run] = await store.searchRuns();
  runId = run!.info.runId;
  artifacts = run!.info.artifactUri;
  modelId = run!.outputs.modelOutputs[0]!.modelId;
  await store.close();
});
afterAll(() => {
  project?.remove();
  rmSync(elsewhere, { recursive: true });
});

const predict = (model: string, options: Parameters<typeof sconce>[1] = {}) =>
  sconce(["predict", "-m", model, "--text", "wet cloud in our town"], {
    cwd: join(project.root, "use_cases", "demo"),
    ...options,
    env: { MLFLOW_TRACKING_URI: undefined, ...options.env },
  });

test("predict answers alike for a model's folder, its run, its id, its version and its alias", async () => {
  const expected = await predict(project.champion);
  expect(expected.code, expected.stderr).toBe(0);
  const models = [
    `runs:/${runId}/model`,
    `models:/${modelId}`,
    "models:/demo/1",
    "models:/demo/latest",
    "models:/demo@champion",
    join(artifacts, "model"),
  ];
  for (const model of models) {
    const { code, stdout, stderr } = await predict(model);
    expect([model, code, stderr, stdout]).toEqual([model, 0, "", expected.stdout]);
  }
});

test("the database of MLFLOW_TRACKING_URI goes before the project's", async () => {
  const at = (path: string) => ({ cwd: elsewhere, env: { MLFLOW_TRACKING_URI: `sqlite:///${path}` } });
  expect(await predict("models:/demo@champion", at(project.database))).toMatchObject({ code: 0 });
  expect(await predict("models:/demo@champion", at("none.db"))).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(`${join(elsewhere, "none.db")} does not exist`),
  });
});

test("evaluate gives a tracked model the metrics that its training found", async () => {
  const data = join(project.datasets, "test.csv");
  const words = ["evaluate", "-m", "models:/demo@champion", "-d", data, "--json"];
  const { code, stdout, stderr } = await sconce(words, { cwd: project.root });
  expect(code, stderr).toBe(0);
  const { metrics } = JSON.parse(stdout) as { metrics: Record<string, number> };
  const recorded = JSON.parse(readFileSync(join(project.runs()[0]!, "metrics.json"), "utf8")) as {
    metrics: Record<string, number>;
  };
  for (const [name, value] of Object.entries(metrics))
    expect(value, name).toBeCloseTo(recorded.metrics[name]!, 6);
});

test("the library takes the same names, a trainer from its config's store", async () => {
  const trainer = await BertTrainerTorch.fromFile(project.config);
  const ofUri = await trainer.evaluate({ model: `runs:/${runId}/model` });
  const ofFolder = await trainer.evaluate({ model: project.champion });
  expect(ofUri.metrics).toEqual(ofFolder.metrics);
  const classifier = await TextClassifier.fromPretrained("models:/demo/1", {
    trackingUri: `sqlite:///${project.database}`,
  });
  expect(classifier.labels.names).toEqual(["rain", "sun", "wind"]);
});

describe("predict refuses", () => {
  const refusal = async (model: string, options: Parameters<typeof sconce>[1] = {}) => {
    const { code, stdout, stderr } = await predict(model, options);
    expect([code, stdout], stderr).toEqual([2, ""]);
    return stderr
      .replaceAll(project.root, "ROOT")
      .replaceAll(elsewhere, "ELSEWHERE")
      .replaceAll(runId, "RUN");
  };

  test("an unknown run, name, version, stage or alias, with what there is", async () => {
    expect(await refusal("runs:/0000/model")).toMatchInlineSnapshot(`
      "runs:/0000/model: the run must be in the store, but there is no "0000". The newest runs: RUN.
      "
    `);
    expect(await refusal(`runs:/${runId}/mode`)).toContain("Name one of these.");
    expect(await refusal("models:/dem@champion")).toMatchInlineSnapshot(`
      "models:/dem@champion: the model must be registered, but there is no "dem". Did you mean "demo"? Valid: demo.
      "
    `);
    expect(await refusal("models:/demo/2")).toMatchInlineSnapshot(`
      "models:/demo/2: "demo" must have version 2. Valid: 1.
      "
    `);
    expect(await refusal("models:/demo/Production")).toMatchInlineSnapshot(`
      "models:/demo/Production: a version of "demo" must be in stage "Production". Valid: None.
      "
    `);
    expect(await refusal("models:/demo@best")).toMatchInlineSnapshot(`
      "models:/demo@best: "demo" must have the alias "best". Valid: champion.
      "
    `);
  });

  test("a store that is not there, or that cannot be opened, and makes none", async () => {
    expect(await refusal("models:/demo/1", { cwd: elsewhere })).toMatchInlineSnapshot(`
      "models:/demo/1: there must be a tracking database, but ELSEWHERE/outputs/mlflow/mlflow.db does not exist. Train in this project first, go to the project's folder, or set MLFLOW_TRACKING_URI.
      "
    `);
    expect(readdirSync(elsewhere)).toEqual([]);
    const unknown = { MLFLOW_TRACKING_URI: "redis://me:secret@localhost" };
    expect(await refusal("models:/demo/1", { env: unknown })).toMatchInlineSnapshot(`
      "tracking URI: it must be sqlite:///path, postgresql://user@host/database, mongodb://host/database, http://host:port, databricks or a folder (./name, file:///absolute/path), got "redis://localhost".
      "
    `);
  });

  test("a model whose files are gone", async () => {
    const folder = join(artifacts, "model");
    rmSync(join(folder, "model"), { recursive: true });
    expect(await refusal("models:/demo/1")).toMatchInlineSnapshot(`
      "ROOT/outputs/mlflow/Artifacts/demo/first/RUN/artifacts/model/MLmodel: ROOT/outputs/mlflow/Artifacts/demo/first/RUN/artifacts/model/model must be there, but it is gone. Restore it, or name another model.
      "
    `);
    rmSync(folder, { recursive: true });
    expect(await refusal("models:/demo/1")).toMatchInlineSnapshot(`
      "models:/demo/1: the model's files must be in ROOT/outputs/mlflow/Artifacts/demo/first/RUN/artifacts/model, but that folder is gone. Restore it, or name another model.
      "
    `);
    mkdirSync(folder);
    expect(await refusal(`models:/${modelId}`)).toMatch(/that folder has no file MLmodel/);
  });
});
