// Python's mlflow.transformers on a model folder that Sconce logged.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TextClassifier } from "sconce/tasks";
import { ActiveRun, SqliteStore, logTransformersModel, registerModelVersion } from "sconce/tracking";
import { describe, expect, test } from "vitest";
import { compatSkipReason, runPython } from "../python.ts";

const makeTinyModel = `
import json, sys, torch
from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast
torch.manual_seed(0)
words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "buy", "now", "hello", "friend"]
open(sys.argv[1] + "/vocab.txt", "w").write("\\n".join(words) + "\\n")
tokenizer = BertTokenizerFast(sys.argv[1] + "/vocab.txt")
config = BertConfig(vocab_size=9, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
    id2label={0: "ham", 1: "spam"}, label2id={"ham": 0, "spam": 1})
BertForSequenceClassification(config).save_pretrained(sys.argv[1])
tokenizer.save_pretrained(sys.argv[1])
print("null")
`;

const logModel = `
import json, sys, mlflow, transformers
mlflow.set_tracking_uri("sqlite:///" + sys.argv[1])
mlflow.create_experiment("python", artifact_location=sys.argv[3])
mlflow.set_experiment("python")
pipeline = transformers.pipeline("text-classification", model=sys.argv[2])
with mlflow.start_run() as run:
    info = mlflow.transformers.log_model(pipeline, name="model", registered_model_name="spam",
        pip_requirements=["torch", "transformers"])
client = mlflow.MlflowClient()
client.set_registered_model_alias("spam", "champion", 1)
client.transition_model_version_stage("spam", 1, "Production")
source = f"runs:/{run.info.run_id}/model"
client.create_model_version("spam", source, run.info.run_id)
answer = pipeline("buy now")[0]
uris = [source, f"models:/{info.model_id}", "models:/spam/1", "models:/spam/2", "models:/spam/latest",
    "models:/spam/production", "models:/spam@champion"]
print(json.dumps({"uris": uris, **answer}))
`;

const loadModel = `
import json, sys, mlflow, transformers
mlflow.set_tracking_uri("sqlite:///" + sys.argv[1])
run, model, folder = sys.argv[2:5]
texts = ["buy now", "hello friend"]
direct = transformers.pipeline("text-classification", model=folder)(texts)
result = {"direct": [x["label"] for x in direct]}
for name, uri in {"runs": f"runs:/{run}/model", "models": f"models:/{model}", "alias": "models:/spam@champion"}.items():
    pipeline = mlflow.transformers.load_model(uri)
    answers = pipeline(texts)
    result[name] = [x["label"] for x in answers]
    result[name + "Error"] = max(abs(x["score"] - y["score"]) for x, y in zip(answers, direct))
pyfunc = mlflow.pyfunc.load_model(f"runs:/{run}/model")
result["pyfunc"] = list(pyfunc.predict(texts)["label"])
info = mlflow.models.get_model_info(f"runs:/{run}/model")
result["signature"] = [str(info.signature.inputs), info.model_id == model]
result["example"] = pyfunc.input_example
client = mlflow.MlflowClient()
result["files"] = sorted(f.path for f in client.list_artifacts(run, "model"))
result["logged"] = [(m.name, str(m.status), m.model_id == model) for m in client.search_logged_models(["1"])]
result["outputs"] = [o.model_id == model for o in client.get_run(run).outputs.model_outputs]
print(json.dumps(result))
`;

describe.skipIf(compatSkipReason !== undefined)(
  `MLflow's transformers flavour (${compatSkipReason ?? "asked for"})`,
  () => {
    test("a logged model loads by run, by model id and by alias, and answers as the folder does", async () => {
      const root = mkdtempSync(join(tmpdir(), "sconce-compat-"));
      const folder = process.env["SCONCE_COMPAT_MODEL"] ?? mkdtempSync(join(root, "tiny-"));
      if (process.env["SCONCE_COMPAT_MODEL"] === undefined) runPython(makeTinyModel, folder);
      const path = join(root, "mlflow.db");
      const store = await SqliteStore.open({ path });
      const run = await ActiveRun.start({
        store,
        experimentName: "spam/first",
        runName: "v1.0",
        artifactLocation: join(root, "spam", "first"),
      });
      const model = await logTransformersModel(run, {
        folder,
        task: "text-classification",
        signature: { inputs: [{ type: "string" }], outputs: [{ type: "string" }] },
        inputExample: ["buy now"],
      });
      await run.end();
      expect(model).toMatchObject({ name: "v1_0", status: "READY", sourceRunId: run.runId });
      const version = await registerModelVersion(store, {
        name: "spam",
        source: `models:/${model.modelId}`,
        aliases: ["champion"],
      });
      expect(version).toMatchObject({
        version: 1,
        runId: run.runId,
        storageLocation: model.artifactLocation,
      });
      await store.close();

      const seen = runPython(loadModel, path, run.runId, model.modelId, folder) as Record<string, unknown>;
      for (const name of ["runs", "models", "alias", "pyfunc"])
        expect(seen[name], name).toEqual(seen["direct"]);
      for (const name of ["runsError", "modelsError", "aliasError"])
        expect(seen[name], name).toBeLessThan(1e-6);
      expect(seen).toMatchObject({
        signature: ["[string (required)]", true],
        logged: [["v1_0", "READY", true]],
        outputs: [true],
        example: ["buy now"],
        files: [
          "model/MLmodel",
          "model/README.md",
          "model/components",
          "model/conda.yaml",
          "model/input_example.json",
          "model/model",
          "model/python_env.yaml",
          "model/registered_model_meta", // MLflow's own note when it loads a local model by alias
          "model/requirements.txt",
          "model/serving_input_example.json",
        ],
      });
    });

    test("a model that Python logged and staged is found by all of its URIs, and answers as there", async () => {
      const root = mkdtempSync(join(tmpdir(), "sconce-compat-"));
      const folder = mkdtempSync(join(root, "tiny-"));
      runPython(makeTinyModel, folder);
      const path = join(root, "mlflow.db");
      const seen = runPython(logModel, path, folder, join(root, "artifacts")) as PythonModel;
      const trackingUri = `sqlite:///${path}`;
      for (const uri of seen.uris) {
        const classifier = await TextClassifier.fromPretrained(uri, { trackingUri });
        const [answer] = await classifier.predict(["buy now"]);
        expect(answer!.label, uri).toBe(seen.label);
        expect(answer!.score, uri).toBeCloseTo(seen.score, 6);
      }
    }, 240_000);
  },
);

interface PythonModel {
  uris: string[];
  label: string;
  score: number;
}
