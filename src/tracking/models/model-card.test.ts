import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { ActiveRun } from "../client/run.ts";
import { SqliteStore } from "../stores/sql/sqlite-store.ts";
import { formatModelCard } from "./model-card.ts";

async function cardOf(name: string, params: Record<string, unknown>, language?: string): Promise<string> {
  const root = mkdtempSync(join(tmpdir(), "sconce-"));
  const store = await SqliteStore.open({ path: join(root, "mlflow.db") });
  const run = await ActiveRun.start({ store, experimentName: "spam", runName: name });
  run.logParams(params);
  run.logMetrics({ test_f1: 0.75, val_loss: Infinity, train_loss: 0.25, f1: 0.5, "system/cpu": 3 });
  const dataset = {
    name: "mails",
    digest: "abc",
    sourceType: "local",
    source: "{}",
    profile: '{"num_rows":5}',
  };
  await run.logInputs([{ dataset, tags: { "mlflow.data.context": "testing" } }]);
  await run.flush();
  const card = formatModelCard({
    name,
    modelId: "m-1",
    run: await store.getRun(run.runId),
    library: "transformers",
    task: "text-classification",
    baseModel: "org/base",
    signature: {
      inputs: [{ type: "string" }],
      outputs: [{ type: "tensor", dtype: "float32", shape: [-1, 2] }],
    },
    loading: (uri) => ({ typescript: `load("${uri}");`, python: `load("${uri}")` }),
    ...(language === undefined ? {} : { language }),
  });
  await run.end();
  await store.close();
  return card.replaceAll(run.runId, "RUN_ID");
}

test("a card tells data, metrics with their data, hyperparameters, signature, loading and limits", async () => {
  expect(await cardOf("v1", { lr: 0.1, epochs: 3 }, "en")).toMatchInlineSnapshot(`
    "---
    language: en
    library_name: transformers
    base_model: org/base
    pipeline_tag: text-classification
    tags:
      - sconce
    metrics:
      - f1
    model-index:
      - name: v1
        results:
          - task:
              type: text-classification
            dataset:
              name: mails
              type: local
              revision: abc
            metrics:
              - type: f1
                name: test_f1
                value: 0.75
    ---

    # \`v1\`

    A model for \`text-classification\`, trained from \`org/base\`, logged by the run \`v1\` (\`RUN_ID\`).

    ## Data

    | name | use | digest | size |
    | --- | --- | --- | --- |
    | \`mails\` | \`testing\` | \`abc\` | \`{"num_rows":5}\` |

    ## Metrics

    | metric | value | data |
    | --- | --- | --- |
    | \`f1\` | 0.5 | not recorded |
    | \`test_f1\` | 0.75 | \`mails\` |
    | \`train_loss\` | 0.25 | not recorded |

    ## Hyperparameters

    | name | value |
    | --- | --- |
    | \`epochs\` | \`3\` |
    | \`lr\` | \`0.1\` |

    ## Input and output

    |  | name | type |
    | --- | --- | --- |
    | input |  | \`string\` |
    | output |  | \`float32 [-1, 2]\` |

    ## Loading

    \`\`\`ts
    load("models:/m-1");
    \`\`\`

    \`\`\`python
    load("models:/m-1")
    \`\`\`

    ## Limits

    The metrics above were measured on the data that they name. How the model does on other data, or on parts of this data, was not measured by this run.
    "
  `);
});

test("text of users is data in the YAML and in the Markdown", async () => {
  const evil = "x: |\n---\n# <script>alert(1)</script> `a` ``b`` [c](d) | e";
  const card = await cardOf("n", { [`key`]: evil }, evil);
  const [, front = "", body = ""] = /^---\n([\s\S]*?)\n---\n([\s\S]*)$/.exec(card)!;
  expect(parse(front)).toMatchObject({ language: evil, tags: ["sconce"] });
  expect(body).toContain("| `key` | ``` x: \\| --- # <script>alert(1)</script> `a` ``b`` [c](d) \\| e ``` |");
});

test("a card of a run that measured nothing says so", async () => {
  const store = await SqliteStore.open({ path: join(mkdtempSync(join(tmpdir(), "sconce-")), "mlflow.db") });
  const run = await ActiveRun.start({ store, experimentName: "mail" });
  await run.end();
  const card = formatModelCard({
    name: "net",
    modelId: "m-1",
    run: await store.getRun(run.runId),
    library: "sconce",
    loading: (uri) => ({ typescript: uri, python: uri }),
  });
  await store.close();
  expect(card).not.toContain("## Metrics");
  expect(card).toContain("## Limits\n\nThis run measured nothing on the model.\n");
});
