// MLflow's own client against our server and against MLflow's: both give the same answers.
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  ActiveRun,
  RestStore,
  SqliteStore,
  TrackingServer,
  logTransformersModel,
  registerModelVersion,
} from "sconce/tracking";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type MlflowServer, startMlflowServer } from "../mlflow-server.ts";
import { compatSkipReason, runPythonBeside } from "../python.ts";

const script = readFileSync(new URL("./server_client.py", import.meta.url), "utf8");

describe.skipIf(compatSkipReason !== undefined)(`servers (${compatSkipReason ?? "on"})`, () => {
  let theirs: MlflowServer;
  let ours: TrackingServer;
  let store: SqliteStore;

  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), "sconce-"));
    theirs = await startMlflowServer(folder);
    store = await SqliteStore.open({ path: join(folder, "ours.db"), artifactRoot: "mlflow-artifacts:/" });
    ours = await TrackingServer.start({ store, port: 0, artifacts: { destination: join(folder, "ours") } });
  }, 150_000);

  afterAll(async () => {
    await ours.close();
    await store.close();
    await theirs.stop();
  });

  test("MLflow's client sees no difference between our server and MLflow's", async () => {
    const expected = await runPythonBeside(script, theirs.url);
    expect(Object.keys(expected as object).length).toBeGreaterThan(30);
    expect(await runPythonBeside(script, ours.url)).toEqual(expected);
  }, 300_000);

  test("a model that our client sends to a server, ours or MLflow's, is loaded there by Python", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sconce-"));
    await runPythonBeside(makeModel, folder);
    for (const url of [ours.url, theirs.url]) {
      const client = RestStore.open(url);
      const run = await ActiveRun.start({
        store: client,
        experimentName: "sent",
        journalFolder: join(folder, "journal"),
      });
      run.logText("hello", "notes.txt");
      const model = await logTransformersModel(run, { folder, task: "text-classification" });
      expect(await run.end()).toEqual({ unwritten: 0 });
      await registerModelVersion(client, {
        name: "sent",
        source: `models:/${model.modelId}`,
        runId: run.runId,
        modelId: model.modelId,
        aliases: ["champion"],
      });
      await client.close();
      expect([url, await runPythonBeside(loadModel, url, `${run.runId} ${model.modelId}`, folder)]).toEqual([
        url,
        [true, true, true],
      ]);
    }
  }, 300_000);

  test("our client does on MLflow's server what it does on our own", async () => {
    const answers = await Promise.all([theirs.url, ours.url].map((url) => useStore(RestStore.open(url))));
    expect(answers[0]).toEqual(answers[1]);
    expect(answers[0]).toMatchObject({ history: [NaN, 2, Infinity], renamed: "again" });
  }, 300_000);
});

const makeModel = `
import sys, torch, transformers
torch.manual_seed(0)
words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "buy", "now"]
open(sys.argv[1] + "/vocab.txt", "w").write("\\n".join(words) + "\\n")
transformers.BertTokenizerFast(sys.argv[1] + "/vocab.txt").save_pretrained(sys.argv[1])
config = transformers.BertConfig(vocab_size=7, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8)
transformers.BertForSequenceClassification(config).save_pretrained(sys.argv[1])
print("null")
`;

const loadModel = `
import json, sys, mlflow, transformers
mlflow.set_tracking_uri(sys.argv[1])
direct = transformers.pipeline("text-classification", model=sys.argv[3])("buy now")
run, model = sys.argv[2].split(" ")
uris = [f"runs:/{run}/model", f"models:/{model}", "models:/sent@champion"]
print(json.dumps([mlflow.transformers.load_model(uri)("buy now") == direct for uri in uris]))
`;

/** Does a little of everything through the REST store, and returns what does not depend on chance. */
async function useStore(client: RestStore) {
  const experimentId = await client.createExperiment({ name: "by our client", tags: { a: "1" } });
  const { info } = await client.createRun({ experimentId, runName: "one", tags: { b: "2" } });
  const { runId } = info;
  await client.logBatch({
    runId,
    metrics: [NaN, 2, Infinity].map((value, step) => ({ key: "m", value, timestamp: step + 1, step })),
    params: [{ key: "lr", value: "0.1" }],
    tags: [{ key: "c", value: "3" }],
  });
  await client.logBatch({ runId, metrics: [{ key: "m", value: 2, timestamp: 2, step: 1 }] });
  await client.logInputs(runId, [
    {
      dataset: { name: "d", digest: "1", sourceType: "local", source: "{}", profile: '{"num_rows":1}' },
      tags: { "mlflow.data.context": "training" },
    },
  ]);
  await client.updateRun({ runId, status: "FINISHED", endTime: 9, runName: "again" });
  const model = await client.createLoggedModel({
    experimentId,
    name: "net",
    sourceRunId: runId,
    params: { p: "1" },
  });
  await client.finalizeLoggedModel(model.modelId, "READY");
  await client.logOutputs(runId, [{ modelId: model.modelId, step: 2 }]);
  await client.createRegisteredModel({ name: "our model", description: "d" });
  const version = await client.createModelVersion({
    name: "our model",
    source: `models:/${model.modelId}`,
    runId,
    modelId: model.modelId,
  });
  await client.setModelAlias("our model", "champion", version.version);
  await client.transitionStage({ name: "our model", version: version.version, stage: "Staging" });
  const run = await client.getRun(runId);
  const code = (call: Promise<unknown>) =>
    call.then(
      () => "no error",
      (error: { code: string }) => error.code,
    );
  return {
    experiment: (await client.getExperimentByName("by our client"))?.name,
    none: await client.getExperimentByName("none"),
    renamed: run.info.runName,
    status: run.info.status,
    endTime: run.info.endTime,
    metrics: run.data.metrics,
    params: run.data.params,
    tags: [run.data.tags["b"], run.data.tags["c"]],
    inputs: run.inputs.datasetInputs,
    outputs: run.outputs.modelOutputs.map(({ step }) => step),
    history: (await client.metricHistory(runId, "m")).map(({ value }) => value),
    points: (await client.metricHistories({ runIds: [runId], key: "m" })).length,
    found: (await client.searchRuns({ filter: "params.lr = '0.1' AND tags.c = '3'" })).length,
    models: (await client.searchLoggedModels({ experimentIds: [experimentId] })).map(({ name, params }) => ({
      name,
      params,
    })),
    datasets: (await client.searchDatasets([experimentId])).map(({ name, context }) => ({ name, context })),
    stage: (await client.getModelVersionByAlias("our model", "champion")).currentStage,
    latest: (await client.latestModelVersions("our model", ["Staging"])).map(({ version: number }) => number),
    registered: (await client.searchRegisteredModels({ filter: "name LIKE 'our%'" })).map(
      ({ aliases }) => aliases,
    ),
    errors: [
      await code(client.getRun("0".repeat(32))),
      await code(client.createExperiment({ name: "by our client" })),
      await code(client.logBatch({ runId, params: [{ key: "lr", value: "0.2" }] })),
      await code(client.getModelVersion("our model", 7)),
      await code(client.searchRuns({ filter: "metrix.a = 1" })),
    ],
  };
}
