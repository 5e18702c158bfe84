import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ActiveRun } from "../client/run.ts";
import { ModelTransition } from "../registry/model-transition.ts";
import { SqliteStore } from "../stores/sql/sqlite-store.ts";
import { logTransformersModel } from "./log-model.ts";
import { registerModelUri } from "./register-model-uri.ts";

let root: string;
let store: SqliteStore;
let run: ActiveRun;
let modelId: string;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "sconce-"));
  const folder = join(root, "model");
  mkdirSync(folder);
  writeFileSync(join(folder, "config.json"), JSON.stringify({ architectures: ["BertModel"] }));
  writeFileSync(join(folder, "model.safetensors"), "weights");
  writeFileSync(join(folder, "tokenizer.json"), "{}");
  store = await SqliteStore.open({ path: join(root, "mlflow.db") });
  run = await ActiveRun.start({ store, experimentName: "mail", runName: "one" });
  ({ modelId } = await logTransformersModel(run, { folder, task: "text-classification" }));
  await run.end();
});

afterEach(async () => {
  await store.close();
  rmSync(root, { recursive: true });
});

test("a model is registered by its run, by its id and by another version, with its origin", async () => {
  const uris = [`runs:/${run.runId}/model`, `models:/${modelId}`, "models:/spam/1"];
  const versions = [];
  for (const uri of uris) versions.push(await registerModelUri(store, { uri, name: "spam" }));
  expect(
    versions.map(({ version, source, runId, modelId: model }) => [version, source, runId, model]),
  ).toEqual([
    [1, uris[0], run.runId, undefined],
    [2, uris[1], run.runId, modelId],
    [3, uris[2], run.runId, undefined],
  ]);
});

test("what leads to no model is refused, and nothing is registered", async () => {
  const missing = "0".repeat(32);
  const refusal = (uri: string) =>
    registerModelUri(store, { uri, name: "spam" }).then(
      () => "registered",
      (error: Error) => error.message.replaceAll(run.runId, "RUN"),
    );
  expect(await refusal(`runs:/${missing}/model`)).toMatchInlineSnapshot(
    `"runs:/00000000000000000000000000000000/model: the run must be in the store, but there is no "00000000000000000000000000000000". The newest runs: RUN."`,
  );
  expect(await refusal(`runs:/${run.runId}/modle`)).toMatchInlineSnapshot(
    `"runs:/RUN/modle: the run must have logged a model as "modle", but it logged model. Name one of these."`,
  );
  expect(await refusal(`runs:/${run.runId}`)).toMatchInlineSnapshot(
    `"runs:/RUN: the model must be named in one of the forms runs:/RUN_ID/model, models:/NAME/VERSION, models:/NAME/STAGE, models:/NAME/latest, models:/NAME@ALIAS, models:/m-ID. Correct it."`,
  );
  expect(await refusal(`models:/m-${missing}`)).toMatchInlineSnapshot(
    `"models:/m-00000000000000000000000000000000: the logged model must be in the store, but there is no "m-00000000000000000000000000000000". Name its run, runs:/RUN_ID/model."`,
  );
  expect(await refusal("models:/other/1")).toMatchInlineSnapshot(
    `"models:/other/1: the model must be registered, but there is no "other". The registry is empty."`,
  );
  expect(await store.searchRegisteredModels()).toEqual([]);
});

test("a model is looked for among the runs, and registered in a registry that stands elsewhere", async () => {
  const registryUri = `sqlite:///${join(root, "registry.db")}`;
  const transition = await ModelTransition.open({ modelName: "spam", trackingUri: store.uri, registryUri });
  try {
    await expect(transition.registerModel(`runs:/${"0".repeat(32)}/model`)).rejects.toThrow(
      /the run must be/,
    );
    expect(await transition.registerModel(`runs:/${run.runId}/model`)).toMatchObject({
      name: "spam",
      version: 1,
      runId: run.runId,
    });
  } finally {
    await transition.close();
  }
  expect(await store.searchRegisteredModels()).toEqual([]);
});
