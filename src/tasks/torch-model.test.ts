import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import "../../tests/matchers.ts";
import { saveModule } from "../models/index.ts";
import { nn, ones, randn } from "../torch/index.ts";
import type { Tensor } from "../torch/index.ts";
import {
  ActiveRun,
  RestStore,
  SqliteStore,
  TrackingServer,
  registerModelVersion,
} from "../tracking/index.ts";
import { loadModel, logModel } from "./torch-model.ts";

let store: SqliteStore;
let run: ActiveRun;

beforeEach(async () => {
  const root = mkdtempSync(join(tmpdir(), "sconce-"));
  store = await SqliteStore.open({ path: join(root, "mlflow.db") });
  run = await ActiveRun.start({ store, experimentName: "nets", artifactLocation: join(root, "nets") });
});

afterEach(async () => {
  await run.end();
  await store.close();
});

test("a module is logged and loads by run, by name, by id and from its folder", async () => {
  const net = new nn.Sequential(new nn.Linear(4, 8), new nn.BatchNorm1d(8), new nn.Dropout());
  const statistics = net.stateDict().get("1.num_batches_tracked")!.item();
  const model = await logModel(run, net, { inputExample: ones([1, 4]) });
  expect(net.training).toBe(true);
  expect(net.stateDict().get("1.num_batches_tracked")!.item()).toBe(statistics);
  await registerModelVersion(store, { name: "net", source: `models:/${model.modelId}`, aliases: ["best"] });
  const x = randn([3, 4]);
  const expected = net.eval().forward(x);
  const uris = [`runs:/${run.runId}/model`, `models:/${model.modelId}`, "models:/net/1", "models:/net@best"];
  for (const uri of uris)
    expect((await loadModel(uri, { store })).forward(x), uri).toBeAllclose(expected, { atol: 0, rtol: 0 });
  expect((await loadModel(model.artifactLocation)).forward(x)).toBeAllclose(expected, { atol: 0, rtol: 0 });
  expect(run.artifacts.list("model").map(({ path }) => path.slice(6))).toEqual([
    "MLmodel",
    "README.md",
    "code",
    "conda.yaml",
    "data",
    "input_example.json",
    "python_env.yaml",
    "requirements.txt",
    "serving_input_example.json",
  ]);
});

test("a model of attention layers is logged through a server and loads from it, without its code", async () => {
  const root = mkdtempSync(join(tmpdir(), "sconce-"));
  const behind = await SqliteStore.open({
    path: join(root, "mlflow.db"),
    artifactRoot: "mlflow-artifacts:/",
  });
  const server = await TrackingServer.start({
    store: behind,
    port: 0,
    artifacts: { destination: join(root, "artifacts") },
  });
  const client = RestStore.open(server.url);
  const remote = await ActiveRun.start({
    store: client,
    experimentName: "nets",
    journalFolder: join(root, "j"),
  });
  const layer = new nn.TransformerEncoderLayer(8, 2, { dimFeedforward: 16, batchFirst: true });
  const net = new nn.Sequential(
    new nn.Linear(4, 8),
    new nn.TransformerEncoder(layer, 2),
    new nn.Linear(8, 3),
  );
  const x = randn([2, 5, 4]);
  const model = await logModel(remote, net, { inputExample: x });
  expect(await remote.end()).toEqual({ unwritten: 0 });
  await registerModelVersion(client, { name: "net", source: `models:/${model.modelId}` });
  const expected = net.eval().forward(x);
  for (const uri of [`runs:/${remote.runId}/model`, `models:/${model.modelId}`, "models:/net/1"]) {
    const loaded = await loadModel(uri, { store: client });
    expect(loaded.forward(x), uri).toBeAllclose(expected, { atol: 0, rtol: 0 });
  }
  await client.close();
  await server.close();
  await behind.close();
});

class Net extends nn.Module {
  readonly fc = new nn.Linear(4, 2);
  override forward(x: Tensor): Tensor {
    return this.fc.forward(x).relu();
  }
}

test("a module of a class of its own is filled, from a saved folder as well", async () => {
  const net = new Net();
  const folder = mkdtempSync(join(tmpdir(), "sconce-"));
  saveModule(net, folder);
  const model = await logModel(run, folder, { artifactPath: "own" });
  const uri = `models:/${model.modelId}`;
  const loaded = await loadModel(uri, { store, into: new Net() });
  expect(loaded.fc.weight).toBeAllclose(net.fc.weight, { atol: 0, rtol: 0 });
  await expect(loadModel(uri, { store })).rejects.toThrow(
    /the model is a Net, whose code is not in the folder/,
  );
  expect(run.artifacts.readFile("own/MLmodel").toString()).not.toContain("python_function");
});

test("a folder without a module and a model of another flavour are refused", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sconce-"));
  await expect(logModel(run, folder)).rejects.toThrow(
    /architecture\.json must say what the model is made of/,
  );
  run.logText("flavors:\n  transformers: {}\n", "other/MLmodel");
  await expect(loadModel(run.artifacts.resolve("other"))).rejects.toThrow(
    /the model must be of the flavor sconce, got transformers/,
  );
});
