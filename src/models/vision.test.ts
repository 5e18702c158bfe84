// ResNet and ViT against transformers, whose folders tools/golden/vision_models.py wrote.
import { cpSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { makeTemporaryFolder } from "../../tests/fixtures/temporary-folder.ts";
import "../../tests/matchers.ts";
import { Tensor, loadSafetensors, manualSeed, nn, noGrad, ones, rand, save } from "../torch/index.ts";
import {
  ResNetForImageClassification,
  ResNetModel,
  ViTForImageClassification,
  ViTModel,
  resnet,
  resnetConfig,
  resnetPresets,
  vit,
  vitConfig,
} from "./index.ts";
import type { Architecture, Configured } from "./common/model-family.ts";
import type { ResNetConfig, ViTConfig } from "./index.ts";

const goldens = fileURLToPath(new URL("../../tests/goldens/models", import.meta.url));

let folder: string;
beforeEach(() => (folder = makeTemporaryFolder("sconce-vision-")));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

type Network = nn.Module & { forward(pixels: Tensor): Tensor | { pooled: Tensor | null } };
interface Case {
  load: (folder: string) => { model: Network; report: object };
  save: (model: Network, folder: string) => void;
}

const ofResnet = (Model: Architecture<ResNetConfig, Configured<ResNetConfig> & Network>): Case => ({
  load: (path) => resnet.fromPretrained(Model, path),
  save: (model, path) => resnet.savePretrained(model as never, path),
});
const ofVit = (Model: Architecture<ViTConfig, Configured<ViTConfig> & Network>): Case => ({
  load: (path) => vit.fromPretrained(Model, path),
  save: (model, path) => vit.savePretrained(model as never, path),
});

const cases: [string, Case][] = [
  ["resnet/bottleneck", ofResnet(ResNetForImageClassification)],
  ["resnet/basic", ofResnet(ResNetForImageClassification)],
  ["resnet/bottleneck-stride-first", ofResnet(ResNetForImageClassification)],
  ["resnet/bare", ofResnet(ResNetModel)],
  ["vit/square", ofVit(ViTForImageClassification)],
  ["vit/wide", ofVit(ViTForImageClassification)],
  ["vit/bare", ofVit(ViTModel)],
];

describe.each(cases)("%s", (name, { load, save: savePretrained }) => {
  const source = join(goldens, name);

  test("outputs, gradients and batch statistics are transformers' to 1e-5", () => {
    const golden = loadSafetensors(join(source, "golden.safetensors"));
    const { model, report } = load(source);
    expect(report).toEqual({ newlyInitialized: [], unused: [] });
    const output = () => outputOf(model, golden.get("pixels")!);
    expect(noGrad(() => (model.eval(), output()))).toBeAllclose(golden.get("eval")!, { atol: 1e-5 });

    model.train();
    const loss = nn.functional.crossEntropy(output(), golden.get("labels")!);
    expect(loss).toBeAllclose(golden.get("loss")!, { atol: 1e-5 });
    loss.backward();
    const parameters = new Map(model.namedParameters());
    const buffers = new Map(model.namedBuffers());
    const compared = [
      ...Array.from(parameters.keys(), (key) => `grad.${key}`),
      ...Array.from(buffers.keys(), (key) => `buffer.${key}`),
      "eval",
      "labels",
      "loss",
      "pixels",
    ];
    expect(compared.sort()).toEqual([...golden.keys()].sort());
    for (const [key, { grad }] of parameters)
      expect(grad!, key).toBeAllclose(golden.get(`grad.${key}`)!, { atol: 1e-5, rtol: 5e-5 });
    for (const [key, buffer] of buffers)
      expect(buffer, key).toBeAllclose(golden.get(`buffer.${key}`)!, { atol: 1e-5 });
  });

  test("what is saved has transformers' own names and loads again", () => {
    const { model } = load(source);
    savePretrained(model, folder);
    const names = (path: string) => [...loadSafetensors(join(path, "model.safetensors")).keys()].sort();
    expect(names(folder)).toEqual(names(source));
    const { id2label, label2id, ...config } = configOf(folder);
    expect({ id2label, label2id, ...configOf(source) }).toEqual({ id2label, label2id, ...config });
    const again = load(folder).model.stateDict();
    for (const [key, value] of model.stateDict()) expect(again.get(key)!.equal(value), key).toBe(true);
  });
});

describe("loading", () => {
  test("a bare model gets a new head, which is reported", () => {
    const { model, report } = resnet.fromPretrained(
      ResNetForImageClassification,
      join(goldens, "resnet/bare"),
      { labels: ["a", "b", "c", "d"] },
    );
    expect(report.newlyInitialized).toEqual(["classifier.1.weight", "classifier.1.bias"]);
    expect(model.forward(rand([1, 3, 32, 32])).shape).toEqual([1, 4]);
    const { report: vitReport } = vit.fromPretrained(ViTForImageClassification, join(goldens, "vit/bare"));
    expect(vitReport).toEqual({
      newlyInitialized: ["classifier.weight", "classifier.bias"],
      unused: ["pooler.dense.bias", "pooler.dense.weight"].map((name) => `vit.${name}`),
    });
  });

  test("weights that carry the names of transformers' state dict load as those of its files", () => {
    const source = join(goldens, "vit/square");
    const { model } = vit.fromPretrained(ViTForImageClassification, source);
    cpSync(join(source, "config.json"), join(folder, "config.json"));
    save(model.stateDict(), join(folder, "pytorch_model.bin"));
    const { report } = vit.fromPretrained(ViTForImageClassification, folder);
    expect(report).toEqual({ newlyInitialized: [], unused: [] });
  });

  const damages: [string, string, () => void][] = [
    ["another model type", "resnet", () => edit({ model_type: "vit" })],
    ["an unknown layer", "resnet", () => edit({ layer_type: "wide" })],
    ["depths for other stages", "resnet", () => edit({ depths: [1] })],
    ["sizes that are no list", "resnet", () => edit({ hidden_sizes: 8 })],
    ["a width that is no number", "resnet", () => edit({ embedding_size: "4" })],
    ["other channels than the weights", "resnet", () => edit({ num_channels: 1 })],
    ["truncated weights", "resnet", () => truncateSync(join(folder, "model.safetensors"), 3000)],
    ["no weights", "vit", () => rmSync(join(folder, "model.safetensors"))],
    ["heads that do not divide the width", "vit", () => edit({ num_attention_heads: 5 })],
    ["a size of three numbers", "vit", () => edit({ image_size: [1, 2, 3] })],
    ["a switch that is no boolean", "vit", () => edit({ qkv_bias: "yes" })],
    ["an unknown activation", "vit", () => edit({ hidden_act: "mish" })],
  ];
  test.each(damages)("a folder with %s is refused with its name", (_, family, damage) => {
    const isVit = family === "vit";
    cpSync(join(goldens, isVit ? "vit/square" : "resnet/bottleneck"), folder, { recursive: true });
    damage();
    const load = () =>
      isVit
        ? vit.fromPretrained(ViTForImageClassification, folder)
        : resnet.fromPretrained(ResNetForImageClassification, folder);
    expect(load).toThrow(folder);
  });
});

test("resnet18 and resnet50 have torchvision's numbers of weights, and ViT those of vit-base", () => {
  const count = (make: () => nn.Module) =>
    nn.init
      .skipInit(make)
      .parameters()
      .reduce((sum, { numel }) => sum + numel, 0);
  const labels = Array.from({ length: 1000 }, (_, i) => String(i));
  const resnetOf = (preset: keyof typeof resnetPresets) => () =>
    new ResNetForImageClassification(resnetConfig({ ...resnetPresets[preset], labels }));
  expect(count(resnetOf("resnet18"))).toBe(11_689_512);
  expect(count(resnetOf("resnet50"))).toBe(25_557_032);
  expect(count(() => new ViTForImageClassification(vitConfig({ labels })))).toBe(86_567_656);
});

test("models made without weights follow their authors' initial distributions", () => {
  manualSeed(3);
  const { resnet: body, classifier } = new ResNetForImageClassification(
    resnetConfig({ hiddenSizes: [64, 128], depths: [1, 1], layerType: "basic" }),
  );
  const first = body.embedder.embedder.convolution.weight;
  expect(first.std().item()).toBeCloseTo(Math.sqrt(2 / (64 * 49)), 3); // fan out
  const { weight, bias } = classifier.at(1) as nn.Linear;
  expect(weight.abs().max().item()).toBeLessThanOrEqual(1 / Math.sqrt(128));
  expect(weight.std().item()).toBeCloseTo(1 / Math.sqrt(3 * 128), 2);
  expect(bias!.abs().sum().item()).toBeGreaterThan(0);

  const { vit: encoder, classifier: head } = new ViTForImageClassification(
    vitConfig({ hiddenSize: 64, numHiddenLayers: 1, numAttentionHeads: 4, imageSize: 32, patchSize: 4 }),
  );
  for (const drawn of [
    encoder.embeddings.position_embeddings,
    encoder.embeddings.patch_embeddings.projection.weight,
    encoder.layers.at(0).attention.q_proj.weight,
  ])
    expect(drawn.std().item()).toBeCloseTo(0.02, 2);
  expect(encoder.embeddings.cls_token.abs().sum().item()).toBeGreaterThan(0);
  expect(head.bias!.equal(head.bias!.mul(0))).toBe(true);
});

test("ViT: images of another size are refused, and dropout follows the seed", () => {
  const config = vitConfig({
    hiddenSize: 8,
    numHiddenLayers: 1,
    numAttentionHeads: 2,
    intermediateSize: 8,
    imageSize: 16,
    patchSize: 8,
    hiddenDropoutProb: 0.5,
    attentionProbsDropoutProb: 0.5,
  });
  const model = new ViTForImageClassification(config);
  expect(() => model.forward(ones([1, 3, 16, 24]))).toThrowErrorMatchingInlineSnapshot(
    `[ShapeError: ViT: images must be of 16x16 pixels as image_size says, got 16x24. Resize them.]`,
  );
  const draw = (seed: number) => (
    manualSeed(seed),
    noGrad(() => model.train().forward(ones([1, 3, 16, 16])))
  );
  expect(draw(1).equal(draw(1))).toBe(true);
  expect(draw(1).equal(draw(2))).toBe(false);
});

function outputOf(model: Network, pixels: Tensor): Tensor {
  const output = model.forward(pixels);
  return output instanceof Tensor ? output : output.pooled!.flatten(1);
}

function configOf(path: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(path, "config.json"), "utf8")) as Record<string, unknown>;
}

function edit(changes: Record<string, unknown>): void {
  writeFileSync(join(folder, "config.json"), JSON.stringify({ ...configOf(folder), ...changes }));
}
