// First values of weights against torch.nn.init. tools/golden/torch_core.py writes the numbers.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import "../../../tests/matchers.ts";
import { full, manualSeed, nn, ones, zeros } from "../index.ts";
import type { Tensor } from "../index.ts";

const url = new URL("../../../tests/goldens/torch/init.json", import.meta.url);
const golden = JSON.parse(readFileSync(url, "utf8")) as Record<string, number[][]>;
const { init } = nn;

const functions: Record<string, (tensor: Tensor) => Tensor> = {
  normal_: (x) => init.normal_(x, { mean: 0.5, std: 2 }),
  uniform_: (x) => init.uniform_(x, { low: -1, high: 3 }),
  constant_: (x) => init.constant_(x, 1.5),
  zeros_: (x) => init.zeros_(x),
  ones_: (x) => init.ones_(x),
  xavier_uniform_: (x) => init.xavierUniform_(x, { gain: 1.5 }),
  xavier_normal_: (x) => init.xavierNormal_(x),
  kaiming_uniform_: (x) => init.kaimingUniform_(x, { a: Math.sqrt(5) }),
};

test.each(Object.entries(functions))(
  "%s draws PyTorch's numbers for matrices and convolutions",
  (name, fill) => {
    manualSeed(7);
    for (const [i, shape] of [
      [3, 4],
      [2, 3, 2],
    ].entries()) {
      // prettier-ignore
      const x = full(shape, 9);
      expect(fill(x)).toBe(x);
      expect(x.flatten()).toBeAllclose(golden[name]![i]!, { atol: 1e-6 });
    }
  },
);

test("layers draw in PyTorch's order", () => {
  manualSeed(7);
  const drawn = [new nn.Linear(3, 2), new nn.Embedding(4, 2, { paddingIdx: 1 })].map((layer) =>
    layer.parameters(),
  );
  for (const [i, name] of ["linear", "embedding"].entries()) {
    for (const [k, parameter] of drawn[i]!.entries()) {
      expect(parameter.flatten()).toBeAllclose(golden[name]![k]!, { atol: 1e-6 });
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
    `[UsageError: init: fan in and fan out need at least 2 dimensions, got shape [3].]`,
  );
  expect(init.fans(ones([4, 3, 2, 2]))).toEqual({ fanIn: 12, fanOut: 16 });
});
