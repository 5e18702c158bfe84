import { mkdtempSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { goldenCases, layerOf } from "../../../tests/golden-layers.ts";
import { liveTensors } from "../../../tests/live-tensors.ts";
import "../../../tests/matchers.ts";
import { getRngState, manualSeed, nn, ones, randn, tensor } from "../../torch/index.ts";
import type { Tensor } from "../../torch/index.ts";
import { buildLayers, describeLayers } from "./architecture.ts";
import { loadModule, saveModule } from "./module-folder.ts";
import { knownLayers } from "./settings.ts";

const cases = goldenCases("layers").filter(
  ({ target, text }) => text !== undefined && knownLayers.has(target),
);
const encoderLayer = (options: object = {}) =>
  new nn.TransformerEncoderLayer(8, 2, { dimFeedforward: 16, ...options });
const coded = {
  Embedding: () => new nn.Embedding(5, 3, { paddingIdx: 1, maxNorm: 1, normType: 3 }),
  EmbeddingBag: () => new nn.EmbeddingBag(5, 3, { mode: "sum", includeLastOffset: true }),
  GRU: () => new nn.GRU(3, 4, { numLayers: 2, dropout: 0.5 }),
  GRUCell: () => new nn.GRUCell(3, 4),
  LSTM: () => new nn.LSTM(3, 4, { batchFirst: true, bidirectional: true, projSize: 2 }),
  LSTMCell: () => new nn.LSTMCell(3, 4, { bias: false }),
  RNN: () => new nn.RNN(3, 4, { nonlinearity: "relu", bias: false }),
  RNNCell: () => new nn.RNNCell(3, 4, { nonlinearity: "relu" }),
  MultiheadAttention: () => new nn.MultiheadAttention(8, 2, { dropout: 0.1, kdim: 3, addBiasKv: true }),
  TransformerEncoderLayer: () =>
    new nn.TransformerEncoderLayer(8, 2, { dimFeedforward: 16, activation: "gelu" }),
  TransformerDecoderLayer: () =>
    new nn.TransformerDecoderLayer(8, 2, { normFirst: true, layerNormEps: 1e-6 }),
  TransformerEncoder: () =>
    new nn.TransformerEncoder(encoderLayer({ batchFirst: true }), 2, { norm: new nn.RMSNorm([8]) }),
  TransformerDecoder: () =>
    new nn.TransformerDecoder(new nn.TransformerDecoderLayer(8, 2, { bias: false }), 3),
  Transformer: () =>
    new nn.Transformer(8, 2, {
      numEncoderLayers: 1,
      numDecoderLayers: 2,
      dimFeedforward: 16,
      normFirst: true,
    }),
};

test("every known layer is tried", () => {
  const tried = new Set([...cases.map(({ target }) => target), ...Object.keys(coded)]);
  expect([...knownLayers.keys()].filter((name) => !tried.has(name))).toEqual([]);
});

test.each(cases.map((entry) => [entry.name, entry] as const))("%s is described and rebuilt", (_, entry) => {
  const layer = layerOf("layers", entry);
  const description = describeLayers(layer);
  if (/inf/i.test(JSON.stringify([entry.args, entry.options]))) {
    expect(description).toBeUndefined(); // not a number of JSON
    return;
  }
  expectRebuilt(layer);
});

test.each(Object.entries(coded))("%s is described and rebuilt", (_, make) => expectRebuilt(make()));

function expectRebuilt(layer: nn.Module): void {
  const rebuilt = buildLayers(JSON.parse(JSON.stringify(describeLayers(layer))));
  expect(String(rebuilt)).toBe(String(layer));
  expect(settings(rebuilt)).toEqual(settings(layer));
}

/** All fields but the weights, also those that a layer does not print. */
function settings(layer: nn.Module): object {
  const plain = Object.entries(layer).filter(
    ([, value]) => typeof value !== "object" || Array.isArray(value),
  );
  return { ...Object.fromEntries(plain), ...(layer as { options?: object }).options };
}

class Net extends nn.Module {
  readonly fc = new nn.Linear(4, 2);
  override forward(x: Tensor): Tensor {
    return this.fc.forward(x).relu();
  }
}

test("a module of torch.nn's layers is saved and loads without its code, with its dtypes and in eval mode", () => {
  const folder = mkdtempSync(join(tmpdir(), "sconce-"));
  const net = new nn.Sequential({
    conv: new nn.Conv2d(3, 4, 3, { padding: "same", bias: false }),
    norm: new nn.BatchNorm2d(4),
    block: new nn.Sequential(new nn.ReLU(), new nn.MaxPool2d(2), new nn.Dropout(0.9), new nn.Flatten()),
    head: new nn.Linear(16, 2),
  });
  net.forward(randn([8, 3, 4, 4])); // the running statistics are state as well
  expect(saveModule(net, folder)).toBe(true);
  expect(readdirSync(folder).sort()).toEqual(["architecture.json", "model.safetensors"]);
  const seed = getRngState().tolist();
  const loaded = loadModule(folder);
  expect(getRngState().tolist()).toEqual(seed);
  expect(String(loaded)).toBe(String(net));
  const x = ones([2, 3, 4, 4]);
  expect(loaded.forward(x)).toBeAllclose(net.eval().forward(x), { atol: 0, rtol: 0 });
  expect(loaded.parameters().every(({ requiresGrad }) => requiresGrad)).toBe(true);
  saveModule(net.to("float64"), folder);
  expect(loadModule(folder).parameters()[0]!.dtype).toBe("float64");
});

test("a text classifier of attention layers loads without its code, and answers alike", () => {
  const folder = mkdtempSync(join(tmpdir(), "sconce-"));
  const net = new nn.Sequential({
    words: new nn.Embedding(20, 8),
    encoder: new nn.TransformerEncoder(encoderLayer({ batchFirst: true, activation: "gelu" }), 2),
    flat: new nn.Flatten(),
    head: new nn.Linear(40, 3),
  });
  expect(saveModule(net, folder)).toBe(true);
  const loaded = loadModule(folder);
  const x = tensor([[1, 2, 3, 4, 5]], { dtype: "int64" });
  expect(loaded.forward(x)).toBeAllclose(net.eval().forward(x), { atol: 0, rtol: 0 });
  expect(String(loaded)).toBe(String(net));
});

test("a transformer that is loaded takes its several inputs", () => {
  const folder = mkdtempSync(join(tmpdir(), "sconce-"));
  const net = new nn.Transformer(8, 2, { numEncoderLayers: 1, numDecoderLayers: 1, dimFeedforward: 16 });
  expect(saveModule(net, folder)).toBe(true);
  const loaded = loadModule(folder) as nn.Module as nn.Transformer;
  const [src, tgt] = [randn([5, 2, 8]), randn([3, 2, 8])];
  expect(loaded.forward(src, tgt)).toBeAllclose(net.eval().forward(src, tgt), { atol: 0, rtol: 0 });
});

test("a module of a class of its own is given to be filled", () => {
  const folder = mkdtempSync(join(tmpdir(), "sconce-"));
  const net = new Net();
  expect(saveModule(net, folder)).toBe(false);
  const filled = loadModule(folder, new Net());
  expect(filled.fc.weight).toBeAllclose(net.fc.weight, { atol: 0, rtol: 0 });
  expect(() => loadModule(folder, new nn.Linear(4, 2))).toThrow(
    /missing: bias, weight; unexpected: fc\.bias/,
  );
  expect(() => loadModule(folder)).toThrow(
    /: the model is a Net, whose code is not in the folder. Make one and give it to be filled: new Net\(...\)\.$/,
  );
});

test("what layers alone do not tell is not described: classes, weights that are shared or have other names, layers used twice", () => {
  class Mine extends nn.Linear {}
  const twice = new nn.ReLU();
  const tied = new nn.Sequential(new nn.Linear(2, 2), new nn.Linear(2, 2));
  tied.at(1).registerParameter("weight", tied.at(0).getParameter("weight"));
  const described = (module: nn.Module) => saveModule(module, mkdtempSync(join(tmpdir(), "sconce-")));
  expect(described(tied)).toBe(false);
  for (const module of [
    new nn.Sequential(new Mine(2, 2)),
    new nn.Sequential(twice, twice),
    new nn.Sequential(nn.utils.parametrizations.weightNorm(new nn.Linear(2, 2))),
    new nn.ModuleList([new nn.ReLU()]),
    encoderLayer({ activation: (x: Tensor) => x.tanh() }),
    changed(encoderLayer(), (layer) => ((layer.self_attn as { dropout: number }).dropout = 0.3)),
    changed(new nn.TransformerEncoder(encoderLayer(), 2), (stack) => {
      (stack.layers.at(1) as nn.Module as Mutable).activation = (x: Tensor) => x.tanh();
    }),
    new nn.Transformer(8, 2, {
      dimFeedforward: 16,
      customEncoder: new nn.TransformerEncoder(encoderLayer(), 1),
    }),
  ]) {
    expect(described(module), String(module)).toBe(false);
  }
});

type Mutable = nn.Module & { activation: unknown };

function changed<M>(module: M, change: (module: M) => void): M {
  change(module);
  return module;
}

test("a description that is damaged or of an unknown layer is refused", () => {
  const folder = mkdtempSync(join(tmpdir(), "sconce-"));
  saveModule(new nn.Linear(1, 1), folder);
  const file = join(folder, "architecture.json");
  const text = readFileSync(file, "utf8");
  writeFileSync(file, text.replaceAll('"Linear"', '"Liner"'));
  expect(() => loadModule(folder)).toThrow(
    /every layer must be one of torch.nn that Sconce knows, got "Liner". Did you mean "Linear"\?/,
  );
  writeFileSync(file, text.replaceAll('"Linear"', '"constructor"'));
  expect(() => loadModule(folder)).toThrow(/got "constructor"/);
  writeFileSync(file, text.replace('"version": 1', '"version": 2'));
  expect(() => loadModule(folder)).toThrow(/must be of version 1/);
  writeFileSync(file, "{");
  expect(() => loadModule(folder)).toThrow(/cannot be read/);
});

test("describing and loading leave no tensor behind", () => {
  manualSeed(0);
  const folder = mkdtempSync(join(tmpdir(), "sconce-"));
  const net = new nn.Sequential(new nn.Linear(2, 2), new nn.BatchNorm1d(2));
  saveModule(net, folder);
  const before = liveTensors();
  for (let i = 0; i < 5; i++) saveModule(net, folder);
  expect(liveTensors()).toBe(before);
});
