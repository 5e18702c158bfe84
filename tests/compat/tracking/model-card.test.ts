// Hugging Face's reader on the card of a logged model.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { logModel } from "sconce/tasks";
import { nn } from "sconce/torch";
import { ActiveRun, SqliteStore } from "sconce/tracking";
import { describe, expect, test } from "vitest";
import { compatSkipReason, runPython } from "../python.ts";

const read = `
import json, sys
from huggingface_hub import ModelCard
card = ModelCard.load(sys.argv[1])
result = card.data.eval_results[0]
print(json.dumps({
    **{key: value for key, value in card.data.to_dict().items() if key != "model-index"},
    "name": card.data.model_name,
    "result": [result.task_type, result.dataset_name, result.dataset_revision, result.metric_type, result.metric_value],
    "heading": card.text.strip().split("\\n")[0],
}))
`;

describe.skipIf(compatSkipReason !== undefined)(`model cards (${compatSkipReason ?? "asked for"})`, () => {
  test("huggingface_hub reads the metadata and the results, whatever users wrote", async () => {
    const root = mkdtempSync(join(tmpdir(), "sconce-compat-"));
    const store = await SqliteStore.open({ path: join(root, "mlflow.db") });
    const run = await ActiveRun.start({
      store,
      experimentName: "nets",
      artifactLocation: join(root, "nets"),
    });
    run.logMetrics({ test_f1: 0.75, loss: NaN });
    const dataset = { name: "no: |\n---\n", digest: "0123", sourceType: "local", source: "{}" };
    await run.logInputs([{ dataset, tags: { "mlflow.data.context": "testing" } }]);
    await logModel(run, new nn.Linear(2, 1), {
      name: "yes",
      modelCard: { language: ["en", "no"], license: "apache-2.0", tags: ["- x: {"] },
    });
    await run.end();
    await store.close();
    expect(runPython(read, run.artifacts.resolve("model/README.md"))).toEqual({
      language: ["en", "no"],
      license: "apache-2.0",
      library_name: "sconce",
      tags: ["sconce", "- x: {"],
      metrics: ["f1"],
      name: "yes",
      result: ["other", "no: |\n---\n", "0123", "f1", 0.75],
      heading: "# `yes`",
    });
  });
});
