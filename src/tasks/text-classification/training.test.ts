// The loss of a text classifier: what is trained on, what validations report, and what a batch weighs.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { makeTinyProject, tinyLabels, tinyRows } from "../../../tests/fixtures/tiny-project.ts";
import type { TinyProject } from "../../../tests/fixtures/tiny-project.ts";
import { LabelMap, TextLoader } from "../../data/index.ts";
import { manualSeed, scope } from "../../torch/index.ts";
import { TextClassifier } from "./classifier.ts";
import { TextBatchSource, TextTraining } from "./training.ts";

let project: TinyProject | undefined;
afterEach(() => project?.remove());

function setUp({ classWeights, labelSmoothing }: { classWeights?: number[]; labelSmoothing: number }) {
  project?.remove();
  project = makeTinyProject();
  manualSeed(1);
  const labelMap = new LabelMap(tinyLabels);
  const { classifier } = TextClassifier.fromBaseModel(
    { model: project.baseModel, tokenizer: project.baseModel },
    labelMap,
    {
      maxLength: 16,
      precision: "32-true",
      overrides: { hiddenDropoutProb: 0, attentionProbsDropoutProb: 0 },
    },
  );
  const rows = tinyRows(30, 3);
  const texts = rows.map(({ text }) => text);
  const labels = labelMap.encode(
    rows.map(({ label }) => label),
    (row) => `row ${row}`,
  );
  const training = new TextTraining({
    classifier,
    precision: "32-true",
    labelSmoothing,
    classWeights: classWeights && Float64Array.from(classWeights),
    validation: { part: { texts, labels }, batchSize: 7 },
  });
  const loader = new TextLoader({
    texts,
    labels,
    tokenizer: classifier.tokenizer,
    maxLength: 16,
    batchSize: 8,
  });
  const source = (limit: number) =>
    new TextBatchSource(loader, { limitOf: () => limit, weightOf: (batch) => training.weightOf(batch) });
  return { classifier, training, source, labels };
}

test("validations keep their tokens for later trainings where they are told where", async () => {
  const { classifier, labels } = setUp({ labelSmoothing: 0 });
  const texts = tinyRows(30, 3).map(({ text }) => text);
  const cacheFolder = join(project!.root, "tokens");
  let tokenized = 0;
  const encode = classifier.tokenizer.encodeBatch.bind(classifier.tokenizer);
  classifier.tokenizer.encodeBatch = (all, how) => ((tokenized += all.length), encode(all, how));
  const validate = (limit?: number) =>
    new TextTraining({
      classifier,
      precision: "32-true",
      labelSmoothing: 0,
      classWeights: undefined,
      validation: { part: { texts, labels }, batchSize: 7, cacheFolder },
    }).validate({ limit });
  const first = await validate();
  expect([tokenized, readdirSync(cacheFolder).length]).toEqual([30, 1]);
  expect(await validate()).toEqual(first);
  expect(tokenized).toBe(30);
  await validate(2); // other rows: a part of them
  expect([tokenized, readdirSync(cacheFolder).length]).toEqual([44, 2]);
});

const jobs: [string, { classWeights?: number[]; labelSmoothing: number }][] = [
  ["plain", { labelSmoothing: 0 }],
  ["with label smoothing", { labelSmoothing: 0.2 }],
  ["with class weights", { classWeights: [0.3, 1, 4], labelSmoothing: 0 }],
  ["with both", { classWeights: [0.3, 1, 4], labelSmoothing: 0.2 }],
];

test.each(jobs)(
  "%s: val_loss is the mean of what is trained on, though batched otherwise",
  async (_, options) => {
    const { classifier, training, source } = setUp(options);
    classifier.model.train();
    const batches = source(4);
    let loss = 0;
    let weight = 0;
    for (let batch = await batches.next(); batch !== undefined; batch = await batches.next()) {
      const present = batch;
      loss += scope(() => training.lossSum(present).item());
      weight += batch.weight;
    }
    const validated = await training.validate({});
    expect(validated["val_loss"]).toBeCloseTo(loss / weight, 5);
  },
);

test("a batch weighs as its rows, or as their classes", () => {
  const { training } = setUp({ classWeights: [0.5, 1, 4], labelSmoothing: 0 });
  expect(training.weightOf([0n, 0n, 2n])).toBe(5);
  expect(setUp({ labelSmoothing: 0 }).training.weightOf([0n, 0n, 2n])).toBe(3);
});

test("validating a part judges the first rows alone", async () => {
  const { training, labels } = setUp({ labelSmoothing: 0 });
  const whole = await training.validate({});
  const part = await training.validate({ limit: 2 });
  expect(part["val_loss"]).not.toBe(whole["val_loss"]);
  expect(labels.length).toBe(30);
  expect(await training.validate({ limit: 5 })).toEqual(whole); // 5 batches of 7 hold all
});

test("a source ends after its limit, at any place it is sent to", async () => {
  const { source } = setUp({ labelSmoothing: 0 });
  const batches = source(3);
  const count = async () => {
    let taken = 0;
    while ((await batches.next()) !== undefined) taken++;
    return taken;
  };
  expect(await count()).toBe(3);
  batches.seek({ epoch: 1, batch: 2 });
  expect(await count()).toBe(1);
  batches.seek({ epoch: 1, batch: 3 }); // where a checkpoint at the very end of an epoch stands
  expect(await count()).toBe(0);
});
