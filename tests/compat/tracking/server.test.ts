// MLflow's own clients against our server on each store and against MLflow's: all give the same answers.
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  ActiveRun,
  RestStore,
  type Store,
  TrackingServer,
  logTransformersModel,
  openStore,
  registerModelVersion,
} from "sconce/tracking";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type MongoTestServer, mongoSkipReason, startMongo } from "../../mongo.ts";
import { type PostgresServer, postgresSkipReason, startPostgres } from "../../postgres.ts";
import { type MlflowServer, startMlflowServer } from "../mlflow-server.ts";
import { compatSkipReason, runPythonBeside } from "../python.ts";

const scripts = ["server_client.py", "lifecycle_client.py"].map((name) =>
  readFileSync(new URL(name, import.meta.url), "utf8"),
);
const stores = {
  SQLite: undefined,
  mlruns: undefined,
  PostgreSQL: postgresSkipReason,
  MongoDB: mongoSkipReason,
};
type StoreName = keyof typeof stores;

describe.skipIf(compatSkipReason !== undefined)(`servers (${compatSkipReason ?? "on"})`, () => {
  const folder = mkdtempSync(join(tmpdir(), "sconce-"));
  let theirs: MlflowServer;
  let ours: OurServer;
  let postgres: PostgresServer | undefined;
  let mongo: MongoTestServer | undefined;
  let expected: object[];

  beforeAll(async () => {
    theirs = await startMlflowServer(folder);
    ours = await startOurs(`sqlite:///${join(folder, "mixed.db")}`);
    if (postgresSkipReason === undefined) postgres = await startPostgres();
    if (mongoSkipReason === undefined) mongo = await startMongo();
    expected = [];
    for (const script of scripts) expected.push((await runPythonBeside(script, theirs.url)) as object);
  }, 400_000);

  afterAll(async () => {
    await ours.stop();
    await Promise.all([theirs.stop(), postgres?.stop(), mongo?.stop()]);
  });

  const uris: Record<StoreName, () => Promise<string>> = {
    SQLite: async () => `sqlite:///${join(mkdtempSync(join(folder, "sqlite-")), "ours.db")}`,
    mlruns: async () => join(mkdtempSync(join(folder, "file-")), "mlruns"),
    PostgreSQL: () => postgres!.createDatabase(),
    MongoDB: async () => mongo!.newDatabase(),
  };
  for (const [name, reason] of Object.entries(stores)) {
    const title = `MLflow's client sees no difference between MLflow's server and ours on ${name}`;
    test.skipIf(reason !== undefined)(
      reason === undefined ? title : `${title} (${reason})`,
      async () => {
        const newUri = uris[name as StoreName];
        expect(await Promise.all(scripts.map((script) => answersOnEmpty(newUri, script)))).toEqual(expected);
      },
      300_000,
    );
  }

  test("the comparison is of many answers", () => {
    for (const answers of expected) expect(Object.keys(answers).length).toBeGreaterThan(40);
  });

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

interface OurServer {
  url: string;
  stop(): Promise<void>;
}

/** Serves a store that is empty, with the artifacts in a folder of their own. */
async function startOurs(uri: string): Promise<OurServer> {
  const store: Store = await openStore(uri, { artifactRoot: "mlflow-artifacts:/" });
  const destination = mkdtempSync(join(tmpdir(), "sconce-artifacts-"));
  const server = await TrackingServer.start({ store, port: 0, artifacts: { destination } });
  return {
    url: server.url,
    stop: async () => {
      await server.close();
      await store.close();
    },
  };
}

/** Runs a script against our server on a store that it makes. */
async function answersOnEmpty(newUri: () => Promise<string>, script: string): Promise<unknown> {
  const server = await startOurs(await newUri());
  const answers = await runPythonBeside(script, server.url);
  await server.stop();
  return answers;
}

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
