// Attention and transformers against PyTorch. tools/golden/nn_layers.py writes the numbers.
import { describe, expect, test } from "vitest";
import { testLayers } from "../../../tests/golden-layers.ts";
import { manualSeed, nn, ones, randn, scope, tanh, tensor } from "../index.ts";
import type { Tensor } from "../index.ts";

const causal = (size: number) => nn.Transformer.generateSquareSubsequentMask(size);
const attention = (options?: nn.MultiheadAttentionOptions) => () => new nn.MultiheadAttention(6, 2, options);
const itself = (inputs?: nn.MultiheadAttentionInputs) => (layer: nn.MultiheadAttention, x: Tensor) =>
  layer.forward(x, x, x, inputs);
const encoderLayer = (options?: nn.TransformerLayerOptions) =>
  new nn.TransformerEncoderLayer(6, 2, { dimFeedforward: 5, ...options });
const decoderLayer = (options?: nn.TransformerLayerOptions) =>
  new nn.TransformerDecoderLayer(6, 2, { dimFeedforward: 5, ...options });

testLayers("transformer", {
  attention: { make: attention(), call: itself() },
  attention_cross: {
    make: attention({ bias: false }),
    call: (layer, x, y) => layer.forward(x, y, y, { averageAttnWeights: false }),
  },
  attention_sizes: {
    make: () => new nn.MultiheadAttention(6, 3, { kdim: 3, vdim: 2, addBiasKv: true, addZeroAttn: true }),
    call: (layer, q, k, v, attnMask, keyPaddingMask) => layer.forward(q, k, v, { attnMask, keyPaddingMask }),
  },
  attention_batch_first: {
    make: attention({ batchFirst: true, addZeroAttn: true }),
    call: (layer, q, k, v, attnMask) => layer.forward(q, k, v, { attnMask, needWeights: false })[0],
  },
  attention_unbatched: {
    make: attention({ batchFirst: true }),
    call: (layer, x, keyPaddingMask) => layer.forward(x, x, x, { keyPaddingMask }),
  },
  attention_causal: {
    make: attention(),
    call: (layer, x) => itself({ attnMask: causal(4), isCausal: true, needWeights: false })(layer, x)[0],
  },
  attention_dropout: { make: attention({ dropout: 0.4 }), call: itself() },
  attention_dropout_fused: {
    make: attention({ dropout: 0.4 }),
    call: (layer, x) => itself({ needWeights: false })(layer, x)[0],
  },
  encoder_layer: { make: () => encoderLayer({ dropout: 0 }) },
  encoder_layer_pre: {
    make: () =>
      encoderLayer({
        dropout: 0,
        normFirst: true,
        activation: "gelu",
        layerNormEps: 1e-3,
        bias: false,
        batchFirst: true,
      }),
    call: (layer, x) => layer.forward(x, { srcMask: causal(2).ne(0) }),
  },
  encoder_layer_dropout: {
    make: () => encoderLayer({ dropout: 0.3 }),
    call: (layer, x, srcKeyPaddingMask) => layer.forward(x, { srcKeyPaddingMask }),
  },
  decoder_layer: { make: () => decoderLayer({ dropout: 0, activation: tanh }) },
  decoder_layer_pre: {
    make: () => decoderLayer({ dropout: 0, normFirst: true }),
    call: (layer, x, memory, memoryMask, memoryKeyPaddingMask, tgtKeyPaddingMask) =>
      layer.forward(x, memory, { memoryMask, memoryKeyPaddingMask, tgtKeyPaddingMask }),
  },
  decoder_layer_dropout: {
    make: () => decoderLayer({ dropout: 0.3 }),
    call: (layer, x, memory) => layer.forward(x, memory, { tgtMask: causal(4), tgtIsCausal: true }),
  },
  encoder: {
    make: () => new nn.TransformerEncoder(encoderLayer({ dropout: 0 }), 2, { norm: new nn.LayerNorm(6) }),
    call: (layer, x) => layer.forward(x, { mask: causal(5) }),
  },
  decoder_dropout: {
    make: () => new nn.TransformerDecoder(decoderLayer({ dropout: 0.3 }), 2),
    call: (layer, x, memory) => layer.forward(x, memory, { tgtMask: causal(4) }),
  },
  transformer: {
    make: () =>
      new nn.Transformer(6, 2, {
        numEncoderLayers: 1,
        numDecoderLayers: 2,
        dimFeedforward: 5,
        dropout: 0,
      }),
    call: (layer, src, tgt, padding, tgtKeyPaddingMask) =>
      layer.forward(src, tgt, {
        tgtMask: causal(4).ne(0),
        srcKeyPaddingMask: padding,
        memoryKeyPaddingMask: padding,
        tgtKeyPaddingMask,
      }),
  },
  transformer_unbatched: {
    make: () =>
      new nn.Transformer(6, 2, {
        numEncoderLayers: 1,
        numDecoderLayers: 1,
        dimFeedforward: 5,
        dropout: 0,
        batchFirst: true,
        normFirst: true,
        bias: false,
      }),
  },
});

test("the kernel for weights and the fused one give the same output", () => {
  const layer = new nn.MultiheadAttention(8, 2, { batchFirst: true });
  const x = randn([2, 5, 8]);
  for (const attnMask of [undefined, causal(5)]) {
    const isCausal = attnMask !== undefined;
    const [slow, weights] = layer.forward(x, x, x, { attnMask, isCausal });
    const [fast, none] = layer.forward(x, x, x, { attnMask, isCausal, needWeights: false });
    expect(fast).toBeAllclose(slow, { atol: 1e-6 });
    expect([weights?.shape, none]).toEqual([[2, 5, 5], null]);
  }
});

test("nobody attends to padding", () => {
  const layer = new nn.TransformerEncoder(encoderLayer({ batchFirst: true }), 2).eval();
  const x = randn([1, 4, 6]);
  const srcKeyPaddingMask = tensor([[false, false, true, true]]);
  const padded = layer.forward(x, { srcKeyPaddingMask }).narrow(1, 0, 2);
  expect(padded).toBeAllclose(layer.forward(x.narrow(1, 0, 2)), { atol: 1e-6 });
});

test("weights are made in the dtype and on the device asked for", () => {
  const factory = { dtype: "bfloat16", device: "meta" } as const;
  const small = { numEncoderLayers: 1, numDecoderLayers: 1, dimFeedforward: 5, ...factory };
  const layers = [
    new nn.Transformer(6, 2, small),
    new nn.MultiheadAttention(6, 2, { kdim: 3, addBiasKv: true, ...factory }),
    new nn.LSTM(3, 4, { projSize: 2, ...factory }),
    new nn.GRUCell(3, 4, factory),
    new nn.Embedding(3, 4, factory),
    new nn.EmbeddingBag(3, 4, { mode: "sum", ...factory }),
  ];
  const kinds = layers
    .flatMap((layer) => layer.parameters())
    .map(({ dtype, device }) => `${dtype} ${device}`);
  expect([...new Set(kinds)]).toEqual(["bfloat16 meta"]);
});

test("custom halves take the places of a transformer's own", () => {
  const encoder = new nn.TransformerEncoder(encoderLayer(), 1);
  const model = new nn.Transformer(6, 2, {
    customEncoder: encoder,
    numDecoderLayers: 1,
    dimFeedforward: 5,
  });
  expect(model.encoder).toBe(encoder);
  expect(model.forward(ones([5, 2, 6]), ones([4, 2, 6])).shape).toEqual([4, 2, 6]);
});

describe("deepCopy", () => {
  test("stacked layers start equal and learn apart", () => {
    const layer = encoderLayer();
    const [first, second] = new nn.TransformerEncoder(layer, 2).layers;
    const [a, b] = [first!, second!].map((copy) => copy.parameters()[0]!);
    expect([a!.equal(layer.parameters()[0]!), a!.equal(b!)]).toEqual([true, true]);
    scope(() => a!.detach().fill_(0));
    expect(b!.abs().sum().item()).toBeGreaterThan(0);
  });

  test("keeps buffers, shared weights, flags and containers, and draws nothing", () => {
    class Net extends nn.Module {
      readonly body = new nn.Sequential(new nn.Linear(2, 2), new nn.ReLU());
      readonly list = new nn.ModuleList([new nn.Linear(2, 2, { bias: false })]);
      readonly tied: nn.Parameter;
      readonly sizes = { widths: [1, 2] };
      constructor() {
        super();
        this.registerBuffer("steps", tensor([3]));
        this.registerBuffer("scratch", tensor([4]), { persistent: false });
        this.tied = this.list.at(0).parameters()[0]!;
        this.body.requiresGrad_(false);
        this.eval();
      }
      override forward(x: Tensor): Tensor {
        return this.body.forward(x);
      }
    }
    const net = new Net();
    manualSeed(1);
    const expected = randn([2]).tolist();
    manualSeed(1);
    const copy = nn.deepCopy(net);
    expect(randn([2]).tolist()).toEqual(expected);
    expect(copy).toBeInstanceOf(Net);
    expect(copy.training).toBe(false);
    expect([...copy.stateDict().keys()]).toEqual([...net.stateDict().keys()]);
    expect([...copy.namedBuffers()].map(([name, buffer]) => [name, buffer.tolist()])).toEqual([["steps", [3]], ["scratch", [4]]]); // prettier-ignore
    expect(copy.tied).toBe(copy.list.at(0).parameters()[0]);
    expect(copy.body.parameters().map((weight) => weight.requiresGrad)).toEqual([false, false]);
    expect(copy.sizes).toEqual(net.sizes);
    expect(copy.sizes).not.toBe(net.sizes);
    expect(copy.body.length).toBe(2);
    const x = ones([1, 2]);
    expect(copy.forward(x)).toBeAllclose(net.forward(x), { atol: 0 });
  });
});

describe("mistakes", () => {
  test("inputs and masks of other shapes are refused", () => {
    const layer = new nn.MultiheadAttention(6, 2, { batchFirst: true });
    const x = ones([2, 4, 6]);
    const run = (q: Tensor, k: Tensor, v: Tensor, inputs?: nn.MultiheadAttentionInputs) => () =>
      layer.forward(q, k, v, inputs);
    expect(run(ones([2]), x, x)).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: MultiheadAttention: query must be [batch, seq, features] or [seq, features], got [2].]`,
    );
    expect(run(ones([2, 4, 5]), x, x)).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: MultiheadAttention: query must have 3 dimensions, as query has, and 6 features, got [2, 4, 5].]`,
    );
    expect(run(x, ones([4, 6]), x)).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: MultiheadAttention: key must have 3 dimensions, as query has, and 6 features, got [4, 6].]`,
    );
    expect(run(x, x, ones([2, 3, 6]))).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: MultiheadAttention: value must be as long as key [2, 4, 6], and of its batch, got [2, 3, 6].]`,
    );
    expect(run(x, ones([3, 4, 6]), ones([3, 4, 6]))).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: MultiheadAttention: key must have query's batch of 2, got [3, 4, 6].]`,
    );
    expect(run(x, x, x, { attnMask: ones([4, 5]) })).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: MultiheadAttention: attnMask must be [4, 4] or [4, 4, 4], got [4, 5].]`,
    );
    expect(run(x, x, x, { attnMask: ones([4, 4], { dtype: "int64" }) })).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: A mask must be of bool or of a floating-point dtype, got int64.]`,
    );
    expect(run(x, x, x, { keyPaddingMask: ones([4, 2]) })).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: MultiheadAttention: keyPaddingMask must be [2, 4], got [4, 2].]`,
    );
    expect(run(x, x, x, { isCausal: true })).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: MultiheadAttention: isCausal says what attnMask is, but attnMask is missing. Give nn.Transformer.generateSquareSubsequentMask(length) as attnMask too.]`,
    );
    const model = new nn.Transformer(6, 2, { numEncoderLayers: 1, numDecoderLayers: 1, dimFeedforward: 5 });
    expect(() => model.forward(ones([5, 2, 6]), ones([5, 3, 6]))).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: Transformer: src and tgt must be [seq, batch, dModel] or [seq, dModel] of one batch size and dModel=6, got [5, 2, 6] and [5, 3, 6].]`,
    );
  });

  test("options that make no sense are refused", () => {
    expect(() => new nn.MultiheadAttention(6, 4)).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: MultiheadAttention: embedDim must be a positive multiple of numHeads, got embedDim=6 and numHeads=4.]`,
    );
    expect(() => new nn.MultiheadAttention(6, 2, { dropout: -1 })).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: MultiheadAttention: dropout must be a probability in [0, 1], got -1.]`,
    );
    expect(() => encoderLayer({ activation: "silu" as "gelu" })).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: TransformerEncoderLayer: activation must be "relu", "gelu" or a function from tensor to tensor, got "silu".]`,
    );
  });
});
