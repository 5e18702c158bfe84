// Weights that are computed from others: against PyTorch, and what may be done with them.
import { describe, expect, test } from "vitest";
import "../../../../tests/matchers.ts";
import { messagesOf } from "../../../../tests/mistakes.ts";
import { arange, loadSafetensors, manualSeed, nn, ones, tensor, zeros } from "../../index.ts";
import type { Tensor } from "../../index.ts";

const { parametrizations, parametrize, parametersToVector, vectorToParameters } = nn.utils;
const { weightNorm, spectralNorm, orthogonal } = parametrizations;
const path = new URL("../../../../tests/goldens/nn/parametrizations.safetensors", import.meta.url).pathname;
const golden = loadSafetensors(path);

const cases: Record<string, () => nn.TensorModule & { weight: Tensor }> = {
  weight_norm: () => weightNorm(new nn.Linear(4, 3)),
  weight_norm_dim: () => weightNorm(new nn.Conv2d(2, 3, 2), { dim: 1 }),
  weight_norm_whole: () => weightNorm(new nn.Linear(4, 3), { dim: null }),
  spectral_norm: () => spectralNorm(new nn.Linear(4, 3)),
  spectral_norm_conv: () => spectralNorm(new nn.ConvTranspose2d(2, 3, 2), { nPowerIterations: 2 }),
  orthogonal: () => orthogonal(new nn.Linear(4, 4)),
  orthogonal_tall: () => orthogonal(new nn.Linear(4, 6)),
  orthogonal_wide: () => orthogonal(new nn.Linear(4, 3)),
  orthogonal_cayley: () => orthogonal(new nn.Linear(4, 6), { orthogonalMap: "cayley" }),
  orthogonal_exp: () =>
    orthogonal(new nn.Linear(4, 3), { orthogonalMap: "matrix_exp", useTrivialization: false }),
  orthogonal_plain: () => orthogonal(new nn.Linear(4, 3), { useTrivialization: false }),
};

function expectAll(name: string, kind: string, entries: Iterable<[string, Tensor]>): void {
  const actual = new Map(entries);
  const prefix = `${name}.${kind}.`;
  const keys = [...golden.keys()]
    .filter((key) => key.startsWith(prefix))
    .map((key) => key.slice(prefix.length));
  expect([...actual.keys()].sort()).toEqual(keys.sort());
  for (const [key, value] of actual)
    expect(value, key).toBeAllclose(golden.get(prefix + key)!, { atol: 2e-6 });
}

test.each(Object.entries(cases))("%s starts, computes and learns as PyTorch's", (name, make) => {
  manualSeed(7);
  const layer = make();
  expectAll(name, "init", layer.stateDict());
  const y = layer.forward(golden.get(`${name}.in0`)!);
  expect(y).toBeAllclose(golden.get(`${name}.out0`)!, { atol: 2e-6 });
  y.mul(arange(y.numel).reshape(y.shape).cos()).sum().backward();
  expectAll(
    name,
    "grad",
    Array.from(layer.namedParameters(), ([key, { grad }]) => [key, grad!]),
  );
  expectAll(name, "after", layer.stateDict());
  parametrize.removeParametrizations(layer.eval(), "weight");
  expect(layer.weight).toBeAllclose(golden.get(`${name}.weight`)!, { atol: 2e-6 });
  expect([...layer.stateDict().keys()].sort()).toEqual(["bias", "weight"]);
});

class Doubled extends nn.Module {
  calls = 0;

  override forward(x: Tensor): Tensor {
    this.calls++;
    return x.mul(2);
  }

  rightInverse(value: Tensor): Tensor {
    return value.div(2);
  }
}

describe("a parametrized weight", () => {
  test("keeps its value and its parameter object, and can be set", () => {
    const layer = new nn.Linear(2, 1, { bias: false });
    const { weight } = layer;
    const before = weight.tolist();
    parametrize.registerParametrization(layer, "weight", new Doubled());
    expect(layer.weight.tolist()).toEqual(before);
    expect([...layer.namedParameters()]).toEqual([["parametrizations.weight.original", weight]]);
    (layer as { weight: Tensor }).weight = tensor([[4, 6]]);
    expect([weight.tolist(), layer.weight.tolist()]).toEqual([[[2, 3]], [[4, 6]]]);
    expect([parametrize.isParametrized(layer), parametrize.isParametrized(layer, "bias")]).toEqual([
      true,
      false,
    ]);
    parametrize.removeParametrizations(layer, "weight", { leaveParametrized: false });
    expect([layer.weight, layer.weight.tolist()]).toEqual([weight, [[2, 3]]]);
    expect(parametrize.isParametrized(layer)).toBe(false);
  });

  test("goes through several in turn, and is computed once inside cached", () => {
    const layer = new nn.Linear(1, 1, { bias: false });
    layer.loadStateDict(new Map([["weight", tensor([[3]])]]));
    const [first, second] = [new Doubled(), new Doubled()];
    parametrize.registerParametrization(layer, "weight", first);
    parametrize.registerParametrization(layer, "weight", second);
    expect(layer.weight.item()).toBe(6); // the first keeps the value, the second changes it
    (layer as { weight: Tensor }).weight = tensor([[8]]);
    expect(layer.weight.item()).toBe(8);
    const { calls } = second;
    const [a, b] = parametrize.cached(() => [layer.weight, layer.weight]);
    expect([a === b, second.calls - calls]).toEqual([true, 1]);
  });

  test("is copied with its module", () => {
    const layer = weightNorm(new nn.Linear(2, 2));
    const copy = nn.deepCopy(layer);
    expect([...copy.stateDict().keys()]).toEqual([...layer.stateDict().keys()]);
    expect(copy.weight).toBeAllclose(layer.weight);
    copy.getParameter("parametrizations.weight.original0").detach().mul_(2);
    expect(copy.weight).toBeAllclose(layer.weight.mul(2));
  });

  test("is read from weights that the older weight norm saved", () => {
    const layer = weightNorm(new nn.Linear(2, 1, { bias: false }));
    layer.loadStateDict(new Map([["weight_g", tensor([[5]])], ["weight_v", tensor([[3, 4]])]])); // prettier-ignore
    expect(layer.weight.tolist()).toEqual([[3, 4]]);
  });
});

test("mistakes are named", () => {
  class Row extends nn.Module {
    override forward(x: Tensor): Tensor {
      return x.select(0, 0);
    }
  }
  const normed = weightNorm(new nn.Linear(2, 2));
  const exponential = orthogonal(new nn.Linear(2, 2), { useTrivialization: false });
  const rowed = parametrize.registerParametrization(new nn.Linear(2, 1), "weight", new Row(), {
    unsafe: true,
  });
  const mistakes = [
    () => parametrize.registerParametrization(new nn.Linear(2, 2), "weights", new Doubled()),
    () => parametrize.registerParametrization(new nn.Linear(2, 2), "weight", new Row()),
    () => parametrize.removeParametrizations(new nn.Linear(2, 2), "weight"),
    () => parametrize.removeParametrizations(normed, "weight", { leaveParametrized: false }),
    () => ((exponential as { weight: Tensor }).weight = ones([2, 2])),
    () => ((rowed as { weight: Tensor }).weight = ones([2])),
    () => spectralNorm(new nn.Linear(2, 2), { nPowerIterations: 0 }),
    () => spectralNorm(new nn.ReLU()),
    () => orthogonal(new nn.Linear(2, 2), { name: "bias" }),
    () => orthogonal(new nn.Linear(2, 2), { orthogonalMap: "caley" as "cayley" }),
    () => vectorToParameters(zeros([3]), new nn.Linear(1, 1).parameters()),
  ];
  expect(messagesOf(mistakes)).toMatchInlineSnapshot(`
    "UsageError: Linear: needs a weight to parametrize, got "weights". Weights: weight, bias.
    ShapeError: Linear: a parametrization must leave shape and dtype of "weight", got float32 [2] from float32 [2, 2]. Register it with unsafe: true if that is meant.
    UsageError: Linear: "weight" has no parametrizations to remove.
    UsageError: Linear: "weight" comes from 2 tensors, none of which is the weight. Leave it parametrized.
    NotInvertible: orthogonal: a weight made by matrix_exp cannot be set. Use useTrivialization, or householder.
    UsageError: Row: has no rightInverse, so that the weight cannot be set. Set its originals.
    UsageError: spectralNorm: nPowerIterations must be positive, got 0.
    UsageError: spectralNorm: ReLU has no weight "weight". Weights: .
    ShapeError: orthogonal: needs a matrix or a batch of them, got shape [2].
    UsageError: orthogonal: unknown orthogonalMap "caley". Did you mean "cayley"? Valid: cayley, householder, matrix_exp.
    ShapeError: vectorToParameters: the vector must have the parameters' 2 elements, got shape [3]."
  `);
});

test("parameters become a vector and come back", () => {
  const layer = new nn.Linear(2, 1);
  vectorToParameters(tensor([1, 2, 3]), layer.parameters());
  expect([layer.weight.tolist(), layer.bias!.tolist()]).toEqual([[[1, 2]], [3]]);
  expect(parametersToVector(layer.parameters()).tolist()).toEqual([1, 2, 3]);
});
