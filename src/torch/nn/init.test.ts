// First values of weights against torch.nn.init. tools/golden/nn_init.py writes the numbers.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import "../../../tests/matchers.ts";
import { Generator, full, manualSeed, nn, ones, zeros } from "../index.ts";
import type { Tensor } from "../index.ts";

interface Golden {
  cases: { name: string; shape: number[]; argument: unknown; values: number[] }[];
  layers: Record<string, number[][]>;
  gains: Record<nn.init.Nonlinearity, number>;
}

const url = new URL("../../../tests/goldens/nn/init.json", import.meta.url);
const golden = JSON.parse(readFileSync(url, "utf8")) as Golden;
const { init } = nn;

test.each(golden.cases.map((entry) => [entry.name, entry.shape, entry.argument, entry.values] as const))(
  "%s draws PyTorch's numbers for %j with %j",
  (name, shape, argument, values) => {
    const camel = name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    const fill = init[camel as "normal_"] as (tensor: Tensor, argument: unknown) => Tensor;
    manualSeed(7);
    const x = full([...shape], 9);
    expect(fill(x, argument)).toBe(x);
    expect(x.flatten()).toBeAllclose([...values], { atol: 1e-6 });
  },
);

test("calculateGain knows PyTorch's nonlinearities and names them for others", () => {
  for (const [name, gain] of Object.entries(golden.gains))
    expect(init.calculateGain(name as nn.init.Nonlinearity)).toBeCloseTo(gain, 12);
  expect(() => init.calculateGain("gelu" as "relu")).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: init.calculateGain: unknown nonlinearity "gelu". Did you mean "relu"? Valid: conv1d, conv2d, conv3d, conv_transpose1d, conv_transpose2d, conv_transpose3d, leaky_relu, linear, relu, selu, sigmoid, tanh.]`,
  );
});

test("a generator of one's own leaves the default stream alone", () => {
  manualSeed(7);
  const expected = init.normal_(zeros([3])).tolist();
  manualSeed(0);
  const drawn = init.normal_(zeros([3]), { generator: new Generator(7) });
  expect(drawn.tolist()).toEqual(expected);
  manualSeed(7);
  init.orthogonal_(zeros([3, 3]), { generator: new Generator(1) });
  expect(init.normal_(zeros([3])).tolist()).toEqual(expected);
});

test("functions for matrices and kernels refuse other shapes", () => {
  expect(() => init.eye_(ones([3]))).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: init.eye_: needs a matrix, got shape [3].]`,
  );
  expect(() => init.dirac_(ones([3, 2, 2]), { groups: 2 })).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: init.dirac_: needs 3 to 5 dimensions whose first 2 groups divide, got shape [3, 2, 2].]`,
  );
  expect(() =>
    init.kaimingNormal_(ones([2, 2]), { mode: "fan" as "fan_in" }),
  ).toThrowErrorMatchingInlineSnapshot(`[UsageError: init: mode must be "fan_in" or "fan_out", got "fan".]`);
});

test("layers draw in PyTorch's order", () => {
  manualSeed(7);
  const drawn = [new nn.Linear(3, 2), new nn.Embedding(4, 2, { paddingIdx: 1 })].map((layer) =>
    layer.parameters(),
  );
  for (const [i, name] of ["linear", "embedding"].entries()) {
    for (const [k, parameter] of drawn[i]!.entries()) {
      expect(parameter.flatten()).toBeAllclose(golden.layers[name]![k]!, { atol: 1e-6 });
    }
  }
});

test("weights that require gradients are filled without recording", () => {
  const weight = new nn.Parameter(zeros([2, 2]));
  init.normal_(weight);
  expect([weight.isLeaf, weight.requiresGrad]).toEqual([true, true]);
});

test("skipInit leaves memory and the random stream alone, also after a throw", () => {
  manualSeed(7);
  const expected = new nn.Linear(3, 2).weight.tolist();
  manualSeed(7);
  init.skipInit(() => new nn.Linear(30, 20));
  expect(() => init.skipInit(() => { throw new Error("stop"); })).toThrow("stop"); // prettier-ignore
  expect(new nn.Linear(3, 2).weight.tolist()).toEqual(expected);
});

test("a vector has no fan in", () => {
  expect(() => init.xavierUniform_(ones([3]))).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: init: needs at least 2 dimensions, got shape [3].]`,
  );
  expect(init.fans(ones([4, 3, 2, 2]))).toEqual({ fanIn: 12, fanOut: 16 });
});
