import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync, cpSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import "../../../tests/matchers.ts";
import {
  loadSafetensors,
  manualSeed,
  memoryStats,
  nn,
  noGrad,
  save,
  saveShardedSafetensors,
  scope,
  tensor,
} from "../../torch/index.ts";
import type { Tensor } from "../../torch/index.ts";
import {
  BertForMaskedLM,
  BertForSequenceClassification,
  BertForTokenClassification,
  BertModel,
  bertConfig,
  fromPretrained,
  savePretrained,
} from "./index.ts";
import type { BertConfig, BertHead, BertInput } from "./index.ts";

const goldens = fileURLToPath(new URL("../../../tests/goldens/models/bert", import.meta.url));
const minilm =
  process.env["SCONCE_MINILM"] ??
  fileURLToPath(new URL("../../../pretrained_models/minilm", import.meta.url));

type Head = nn.Module & { config: BertConfig; forward(input: BertInput): Tensor };

const cases: [string, BertHead<Head>][] = [
  ["sequence", BertForSequenceClassification],
  ["sequence-gelu-new", BertForSequenceClassification],
  ["token", BertForTokenClassification],
  ["masked-lm", BertForMaskedLM],
];

// other processors add in another order: up to 2.2e-5 of a gradient of 1.1 was seen
const gradients = { atol: 1e-5, rtol: 5e-5 };

describe("against transformers", () => {
  test.each(cases)("%s: logits and gradients are equal to 1e-5", (name, Model) => {
    const folder = join(goldens, name);
    const golden = loadSafetensors(join(folder, "golden.safetensors"));
    const { model, report } = fromPretrained(Model, folder);
    expect(report).toEqual({ newlyInitialized: [], unused: [] });
    const logits = model.eval().forward({
      inputIds: golden.get("input_ids")!,
      attentionMask: golden.get("attention_mask")!,
      tokenTypeIds: golden.get("token_type_ids")!,
    });
    expect(logits).toBeAllclose(golden.get("logits")!, { atol: 1e-5 });
    logits.backward(golden.get("seed")!);
    const names = [...model.namedParameters()].map(([parameter]) => parameter);
    expect(names.length).toBeGreaterThan(30);
    for (const [parameter, { grad }] of model.namedParameters()) {
      expect(grad, parameter).not.toBeNull();
      expect(grad!, parameter).toBeAllclose(golden.get(`grad.${parameter}`)!, gradients);
    }
  });

  test("folders of pytorch_model.bin, and of shards of either format, load like model.safetensors", () => {
    const source = join(goldens, "sequence");
    const weights = loadSafetensors(join(source, "model.safetensors"));
    const written: Record<string, (folder: string) => void> = {
      "pytorch_model.bin": (folder) => save(weights, join(folder, "pytorch_model.bin")),
      "pytorch_model.bin.index.json": (folder) => {
        const names = [...weights.keys()];
        const shardOf = (i: number) => `pytorch_model-0000${(i % 2) + 1}-of-00002.bin`;
        for (const odd of [0, 1]) {
          const part = names
            .filter((_, i) => i % 2 === odd)
            .map((name) => [name, weights.get(name)!] as const);
          save(new Map(part), join(folder, shardOf(odd)));
        }
        const weightMap = Object.fromEntries(names.map((name, i) => [name, shardOf(i)]));
        const index = JSON.stringify({ metadata: {}, weight_map: weightMap });
        writeFileSync(join(folder, "pytorch_model.bin.index.json"), index);
      },
      "model.safetensors.index.json": (folder) =>
        void saveShardedSafetensors(weights, folder, { maxShardSize: "10KB" }),
    };
    for (const [file, write] of Object.entries(written)) {
      const folder = mkdtempSync(join(tmpdir(), "sconce-"));
      cpSync(join(source, "config.json"), join(folder, "config.json"));
      write(folder);
      expect([file, existsSync(join(folder, file))]).toEqual([file, true]);
      const { model, report } = fromPretrained(BertForSequenceClassification, folder);
      expect([file, report]).toEqual([file, { newlyInitialized: [], unused: [] }]);
      for (const [name, found] of model.stateDict())
        expect(found, name).toBeAllclose(weights.get(name)!, { atol: 0 });
    }
  });

  test.each(cases)("%s: what is saved has transformers' own names and loads again", (name, Model) => {
    const folder = mkdtempSync(join(tmpdir(), "sconce-"));
    const { model } = fromPretrained(Model, join(goldens, name));
    savePretrained(model, folder);
    const names = (path: string) => [...loadSafetensors(path).keys()].sort();
    expect(names(join(folder, "model.safetensors"))).toEqual(names(join(goldens, name, "model.safetensors")));
    const config = (path: string) =>
      JSON.parse(readFileSync(join(path, "config.json"), "utf8")) as Record<string, unknown>;
    expect(config(folder)).toEqual({ ...config(join(goldens, name)), ...labelsOf(config(folder)) });
    const again = fromPretrained(Model, folder).model;
    for (const [key, value] of model.stateDict())
      expect(again.stateDict().get(key)!.equal(value), key).toBe(true);
  });

  test.skipIf(!existsSync(minilm))(
    "MiniLM: hidden states, pooled output and gradient norms are equal",
    () => {
      const golden = JSON.parse(readFileSync(join(goldens, "minilm.json"), "utf8")) as {
        input_ids: number[][];
        attention_mask: number[][];
        hidden: number[][];
        pooled: number[][];
        gradient_norms: Record<string, number>;
      };
      const { model, report } = fromPretrained(BertModel as unknown as BertHead<BertModel>, minilm);
      expect(report.newlyInitialized).toEqual([]);
      const { hidden, pooled } = model.eval().forward({
        inputIds: tensor(golden.input_ids, { dtype: "int64" }),
        attentionMask: tensor(golden.attention_mask, { dtype: "int64" }),
      });
      expect(hidden.select(1, 0)).toBeAllclose(golden.hidden, { atol: 1e-5 });
      expect(pooled!).toBeAllclose(golden.pooled, { atol: 1e-5 });
      pooled!.sum().add(hidden.select(1, 0).pow(2).sum()).backward();
      for (const [name, { grad }] of model.namedParameters()) {
        const norm = grad!.double().norm().item();
        const expected = golden.gradient_norms[name]!;
        // the gradient of a key's bias is zero but for rounding
        expect(Math.abs(norm - expected), name).toBeLessThan(1e-4 * expected + 1e-4);
      }
    },
  );
});

describe("loading", () => {
  test("a bare encoder gets a new head, which is reported and drawn by BERT's rule", () => {
    manualSeed(1);
    const base = mkdtempSync(join(tmpdir(), "sconce-"));
    const { model: token } = fromPretrained(BertForTokenClassification, join(goldens, "token"));
    savePretrained(token, base);
    const { model, report } = fromPretrained(BertForSequenceClassification, base, {
      labels: ["a", "b", "c"],
    });
    expect(report.newlyInitialized).toEqual([
      "bert.pooler.dense.weight",
      "bert.pooler.dense.bias",
      "classifier.weight",
      "classifier.bias",
    ]);
    expect(model.classifier.weight.shape).toEqual([3, 16]);
    expect(model.classifier.weight.std().item()).toBeGreaterThan(0.1); // initializer_range is 0.3 here
    expect(model.classifier.bias!.abs().sum().item()).toBe(0);
  });

  test("names of old files and prefixes are understood", () => {
    const { model } = fromPretrained(BertForSequenceClassification, join(goldens, "sequence"));
    const bare = fromPretrained(BertModel as unknown as BertHead<BertModel>, join(goldens, "sequence"));
    expect(bare.report.unused).toEqual(["classifier.bias", "classifier.weight"]);
    expect(bare.model.pooler!.dense.weight.equal(model.bert.pooler!.dense.weight)).toBe(true);
  });

  test.each([
    ["no config.json", (folder: string) => rmSync(join(folder, "config.json"))],
    ["a config.json that is no JSON", (folder: string) => writeFileSync(join(folder, "config.json"), "{")],
    ["another model type", (folder: string) => edit(folder, { model_type: "roberta" })],
    ["heads that do not divide the width", (folder: string) => edit(folder, { num_attention_heads: 5 })],
    ["a size that is no number", (folder: string) => edit(folder, { hidden_size: "16" })],
    ["another width than the weights", (folder: string) => edit(folder, { hidden_size: 32 })],
    ["no weights", (folder: string) => rmSync(join(folder, "model.safetensors"))],
    ["truncated weights", (folder: string) => truncateSync(join(folder, "model.safetensors"), 5000)],
  ])("a folder with %s is refused with its name", (_, damage) => {
    const folder = mkdtempSync(join(tmpdir(), "sconce-"));
    cpSync(join(goldens, "sequence"), folder, { recursive: true });
    damage(folder);
    const before = memoryStats().liveTensors;
    expect(() => scope(() => void fromPretrained(BertForSequenceClassification, folder))).toThrow(folder);
    expect(() => scope(() => void fromPretrained(BertForSequenceClassification, folder))).toThrow(
      /\. [A-Z].*\.$/s,
    );
    expect(memoryStats().liveTensors - before).toBeLessThan(200); // parameters are the garbage collector's
  });
});

test("a model made without weights follows BERT's initial distribution, and dropout follows the seed", () => {
  manualSeed(3);
  const model = new BertForSequenceClassification(
    bertConfig({
      hiddenSize: 64,
      numAttentionHeads: 4,
      intermediateSize: 64,
      numHiddenLayers: 1,
      vocabSize: 200,
    }),
  );
  expect(model.bert.encoder.layer.at(0).attention.self.query.weight.std().item()).toBeCloseTo(0.02, 2);
  expect(model.bert.embeddings.word_embeddings.weight.select(0, 0).abs().sum().item()).toBe(0);
  const inputIds = tensor([[1, 2, 3]], { dtype: "int64" });
  const draw = (seed: number) => (manualSeed(seed), noGrad(() => model.train().forward({ inputIds })));
  expect(draw(1).equal(draw(1))).toBe(true);
  expect(draw(1).equal(draw(2))).toBe(false);
});

function edit(folder: string, changes: Record<string, unknown>): void {
  const path = join(folder, "config.json");
  writeFileSync(path, JSON.stringify({ ...(JSON.parse(readFileSync(path, "utf8")) as object), ...changes }));
}

/** transformers leaves the labels out where they are its defaults. */
function labelsOf({ id2label, label2id }: Record<string, unknown>): Record<string, unknown> {
  return { id2label, label2id };
}
