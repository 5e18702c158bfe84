// Layers against PyTorch: outputs and gradients of inputs and weights. tools/golden/torch_core.py writes them.
import { cpus } from "node:os";
import { describe, expect, test } from "vitest";
import "../../../tests/matchers.ts";
import { loadSafetensors, manualSeed, nn, ones, tensor } from "../index.ts";
import type { Tensor } from "../index.ts";

const golden = loadSafetensors(
  new URL("../../../tests/goldens/torch/layers.safetensors", import.meta.url).pathname,
);

const layers: Record<string, () => nn.Module> = {
  linear: () => new nn.Linear(4, 3),
  linear_no_bias: () => new nn.Linear(4, 3, { bias: false }),
  embedding: () => new nn.Embedding(5, 3, { paddingIdx: 2 }),
  layer_norm: () => new nn.LayerNorm(4, { eps: 1e-3 }),
  layer_norm_2d: () => new nn.LayerNorm([3, 4]),
  layer_norm_plain: () => new nn.LayerNorm(4, { elementwiseAffine: false }),
  layer_norm_no_bias: () => new nn.LayerNorm(4, { bias: false }),
  relu: () => new nn.ReLU(),
  tanh: () => new nn.Tanh(),
  sigmoid: () => new nn.Sigmoid(),
  gelu: () => new nn.GELU(),
  gelu_tanh: () => new nn.GELU({ approximate: "tanh" }),
  sequential: () => new nn.Sequential(new nn.Linear(4, 5), new nn.ReLU(), new nn.Linear(5, 2)),
  cross_entropy: () => new nn.CrossEntropyLoss(),
  cross_entropy_sum: () => new nn.CrossEntropyLoss({ reduction: "sum", labelSmoothing: 0.1 }),
  cross_entropy_none: () => new nn.CrossEntropyLoss({ reduction: "none", ignoreIndex: 1 }),
  cross_entropy_weight: () => new nn.CrossEntropyLoss({ weight: tensor([1, 2, 0.5]) }),
  dropout: () => new nn.Dropout(0.4),
};

// on Intel CPUs libtorch draws dropout with MKL, from another stream than on those that wrote the goldens
if (cpus()[0]?.model.includes("Intel") === true) delete layers["dropout"];

test.each(Object.entries(layers))("%s computes and learns as PyTorch's", (name, make) => {
  const part = (key: string) => golden.get(`${name}.${key}`);
  const layer = make();
  const names = [...layer.namedParameters()].map(([key]) => key);
  expect([...golden.keys()].filter((key) => key.startsWith(`${name}.param.`)).sort()).toEqual(
    names.map((key) => `${name}.param.${key}`).sort(),
  );
  layer.loadStateDict(new Map(names.map((key) => [key, part(`param.${key}`)!])));

  const inputs: Tensor[] = [];
  for (let i = 0, input = part("in0"); input !== undefined; input = part(`in${++i}`)) {
    const copy = input.clone();
    inputs.push(part(`in${i}.grad`) ? copy.requiresGrad_() : copy);
  }
  manualSeed(11); // of the dropout
  const y = (layer.forward as (...inputs: Tensor[]) => Tensor).call(layer, ...inputs);
  y.mul(part("weight")!).sum().backward();

  expect(y).toBeAllclose(part("out")!, { atol: 1e-6 });
  for (const [i, input] of inputs.entries()) {
    if (input.requiresGrad) expect(input.grad!).toBeAllclose(part(`in${i}.grad`)!, { atol: 1e-6 });
  }
  for (const [key, parameter] of layer.namedParameters()) {
    expect(parameter.grad!).toBeAllclose(part(`grad.${key}`)!, { atol: 1e-6 });
  }
});

describe("Embedding", () => {
  test("starts its padding row at zero and gives it no gradient; negative rows count from the end", () => {
    const layer = new nn.Embedding(4, 2, { paddingIdx: -1 });
    expect(layer.paddingIdx).toBe(3);
    expect(layer.weight.select(0, 3).tolist()).toEqual([0, 0]);
    layer
      .forward(tensor([0n, 3n, 3n]))
      .sum()
      .backward();
    expect(layer.weight.grad!.tolist()).toEqual([[1, 1], [0, 0], [0, 0], [0, 0]]); // prettier-ignore
  });

  test("gives its last row a gradient where there is no padding row", () => {
    const layer = new nn.Embedding(2, 1);
    layer
      .forward(tensor([1n]))
      .sum()
      .backward();
    expect(layer.weight.grad!.tolist()).toEqual([[0], [1]]);
  });

  test("refuses a padding row or an index beyond the table", () => {
    expect(() => new nn.Embedding(4, 2, { paddingIdx: 4 })).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: Embedding: paddingIdx must be within 4 rows, got 4.]`,
    );
    expect(() => new nn.Embedding(4, 2).forward(tensor([4n]))).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: aten::embedding: index out of range in self (weight: Float[4, 2], indices: Long[1])]`,
    );
    expect(() => new nn.Embedding(4, 2).forward(tensor([-1n]))).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: aten::embedding: index out of range in self (weight: Float[4, 2], indices: Long[1])]`,
    );
    expect(() => new nn.Embedding(4, 2).forward(tensor([1]))).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: aten::embedding: Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got CPUFloatType instead (while checking arguments for embedding) (weight: Float[4, 2], indices: Float[1])]`,
    );
  });
});

describe("Dropout", () => {
  test("drops only while training and scales what stays", () => {
    const layer = new nn.Dropout(0.25);
    const values = new Set(layer.forward(ones([1000])).tolist() as number[]);
    expect([...values].sort()).toEqual([0, Math.fround(4 / 3)]);
    expect(
      layer
        .eval()
        .forward(ones([3]))
        .tolist(),
    ).toEqual([1, 1, 1]);
    expect(new nn.Dropout(1).forward(ones([2])).tolist()).toEqual([0, 0]);
    expect(new nn.Dropout(0).forward(ones([2])).tolist()).toEqual([1, 1]);
  });

  test("refuses what is no probability", () => {
    expect(() => new nn.Dropout(1.5)).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: Dropout: p must be a probability in [0, 1], got 1.5.]`,
    );
    expect(() => new nn.Dropout(NaN)).toThrow("got NaN");
  });
});

test("layers say in libtorch's words which shapes do not fit", () => {
  expect(() => new nn.Linear(4, 3).forward(ones([2, 5]))).toThrowErrorMatchingInlineSnapshot(
    `[TorchError: aten::linear: mat1 and mat2 shapes cannot be multiplied (2x5 and 4x3) (input: Float[2, 5], weight: Float[3, 4], bias: Float[3])]`,
  );
  expect(() => new nn.LayerNorm(4).forward(ones([2, 5]))).toThrowErrorMatchingInlineSnapshot(
    `[TorchError: aten::layer_norm: Given normalized_shape=[4], expected input with shape [*, 4], but got input of size[2, 5] (input: Float[2, 5], weight: Float[4], bias: Float[4])]`,
  );
  expect(() => nn.functional.crossEntropy(ones([2, 3]), tensor([0n, 3n]))).toThrowErrorMatchingInlineSnapshot(
    `[TorchError: aten::cross_entropy_loss: Target 3 is out of bounds. (self: Float[2, 3], target: Long[2])]`,
  );
  expect(() =>
    nn.functional.crossEntropy(ones([2, 3]), tensor([0n, 1n]), { reduction: "avg" as "mean" }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: reduction: unknown name "avg". Valid: mean, none, sum.]`,
  );
});
