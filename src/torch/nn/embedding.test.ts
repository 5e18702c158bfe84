// Embeddings and bags of them against PyTorch. tools/golden/nn_layers.py writes the numbers.
import { describe, expect, test } from "vitest";
import { testLayers } from "../../../tests/golden-layers.ts";
import { nn, ones, tensor } from "../index.ts";
import type { Tensor } from "../index.ts";

const withOffsets = (layer: nn.EmbeddingBag, indices: Tensor, offsets: Tensor) =>
  layer.forward(indices, { offsets });

testLayers("embedding", {
  embedding: { make: () => new nn.Embedding(5, 3) },
  embedding_options: {
    make: () => new nn.Embedding(5, 3, { paddingIdx: 2, maxNorm: 0.7, normType: 1, scaleGradByFreq: true }),
  },
  bag_mean: { make: () => new nn.EmbeddingBag(5, 3, { paddingIdx: -1 }) },
  bag_offsets: {
    make: () => new nn.EmbeddingBag(5, 3, { maxNorm: 1.5, scaleGradByFreq: true }),
    call: withOffsets,
  },
  bag_sum: {
    make: () => new nn.EmbeddingBag(5, 3, { mode: "sum", paddingIdx: 2 }),
    call: (layer, indices, perSampleWeights) => layer.forward(indices, { perSampleWeights }),
  },
  bag_max: {
    make: () => new nn.EmbeddingBag(5, 3, { mode: "max", includeLastOffset: true }),
    call: withOffsets,
  },
});

describe("fromPretrained", () => {
  const table = tensor([[1, 2], [3, 4]]); // prettier-ignore

  test("shares the table, frozen unless told otherwise", () => {
    const layer = nn.Embedding.fromPretrained(table, { paddingIdx: 0 });
    expect(layer.weight.sharesStorageWith(table)).toBe(true);
    expect([layer.weight.requiresGrad, layer.paddingIdx, layer.numEmbeddings]).toEqual([false, 0, 2]);
    expect(layer.weight.tolist()).toEqual([[1, 2], [3, 4]]); // prettier-ignore
    const bag = nn.EmbeddingBag.fromPretrained(table, { freeze: false, mode: "sum" });
    expect([bag.weight.requiresGrad, bag.mode]).toEqual([true, "sum"]);
  });

  test("refuses what is no table", () => {
    expect(() => nn.Embedding.fromPretrained(ones([3]))).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: Embedding.fromPretrained: the table must be [numEmbeddings, embeddingDim], got [3].]`,
    );
  });
});

describe("mistakes", () => {
  test("bags that do not fit are refused", () => {
    const bag = new nn.EmbeddingBag(4, 2);
    const flat = tensor([0n, 1n, 2n]);
    const offsets = tensor([0n, 1n]);
    expect(() => bag.forward(flat)).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: embeddingBag: flat indices need offsets [bags], got none, for indices [3].]`,
    );
    expect(() => bag.forward(flat, { offsets: offsets.view([1, 2]) })).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: embeddingBag: flat indices need offsets [bags], got [1, 2], for indices [3].]`,
    );
    expect(() => bag.forward(flat.view([1, 3]), { offsets })).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: embeddingBag: indices [bags, length] are whole bags and take no offsets, for indices [1, 3].]`,
    );
    expect(() => bag.forward(flat.view([1, 1, 3]))).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: embeddingBag: indices must be [bags, length], or [indices] with offsets, for indices [1, 1, 3].]`,
    );
    const weights = ones([3]);
    expect(() =>
      bag.forward(flat, { offsets, perSampleWeights: weights }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: embeddingBag: perSampleWeights are for mode "sum", got mode "mean", for indices [3].]`,
    );
    const sum = new nn.EmbeddingBag(4, 2, { mode: "sum" });
    const two = ones([2]);
    expect(() => sum.forward(flat, { offsets, perSampleWeights: two })).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: embeddingBag: perSampleWeights must be shaped as the indices, got [2], for indices [3].]`,
    );
  });

  test("modes that make no sense are refused", () => {
    expect(() => new nn.EmbeddingBag(4, 2, { mode: "avg" as "mean" })).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: EmbeddingBag: unknown mode "avg". Valid: max, mean, sum.]`,
    );
    const max = { mode: "max", scaleGradByFreq: true } as const;
    expect(() => new nn.EmbeddingBag(4, 2, max)).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: EmbeddingBag: mode "max" has no such gradient, got scaleGradByFreq: true. Leave it out.]`,
    );
  });
});
