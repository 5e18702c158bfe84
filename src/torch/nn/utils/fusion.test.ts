// Folded batch norms against PyTorch. The golden file is written by tools/golden/nn_fusion.py.
import { expect, test } from "vitest";
import "../../../../tests/matchers.ts";
import { loadSafetensors, nn } from "../../index.ts";
import type { Tensor } from "../../index.ts";

const path = new URL("../../../../tests/goldens/nn/fusion.safetensors", import.meta.url).pathname;
const golden = loadSafetensors(path);

function part(prefix: string): Map<string, Tensor> {
  const entries = [...golden].filter(([key]) => key.startsWith(`${prefix}.`));
  return new Map(entries.map(([key, value]) => [key.slice(prefix.length + 1), value]));
}

const { fuseConvBnEval, fuseLinearBnEval } = nn.utils;
const cases: Record<string, [nn.Module, nn.Module, (layer: any, norm: any) => nn.Module]> = {
  conv2d: [new nn.Conv2d(4, 6, 3, { groups: 2, bias: false }), new nn.BatchNorm2d(6), fuseConvBnEval],
  conv1d_plain: [new nn.Conv1d(2, 3, 2), new nn.BatchNorm1d(3, { affine: false, eps: 0.1 }), fuseConvBnEval],
  transposed: [
    new nn.ConvTranspose2d(3, 4, 2, { stride: 2 }),
    new nn.BatchNorm2d(4),
    (layer, norm) => fuseConvBnEval(layer, norm, { transpose: true }),
  ],
  linear: [new nn.Linear(4, 5), new nn.BatchNorm1d(5), fuseLinearBnEval],
  linear_one: [new nn.Linear(4, 5, { bias: false }), new nn.BatchNorm1d(1), fuseLinearBnEval],
};

test.each(Object.entries(cases))("%s with its norm folded in is PyTorch's", (name, [layer, norm, fuse]) => {
  layer.loadStateDict(part(`${name}.layer`));
  norm.loadStateDict(part(`${name}.norm`));
  const fused = fuse(layer.eval(), norm.eval());
  const expected = part(`${name}.fused`);
  const state = fused.stateDict();
  expect([...state.keys()]).toEqual([...expected.keys()].sort().reverse()); // weight, bias
  for (const [key, value] of expected) expect(state.get(key)!).toBeAllclose(value, { atol: 1e-6 });
  expect((fused as nn.TensorModule).forward(golden.get(`${name}.x`)!)).toBeAllclose(
    golden.get(`${name}.y`)!,
    {
      atol: 1e-5,
    },
  );
  for (const [key, value] of part(`${name}.layer`))
    expect(layer.stateDict().get(key)!.equal(value)).toBe(true);
});

test("layers that are in training, lack statistics or do not fit are refused", () => {
  const eight = new nn.Linear(4, 8).eval();
  const bare = new nn.BatchNorm1d(8, { trackRunningStats: false }).eval();
  expect(() => fuseLinearBnEval(eight, new nn.BatchNorm1d(8))).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: fuseLinearBnEval: layer and norm must be in evaluation mode. Call eval() on both.]`,
  );
  expect(() => fuseLinearBnEval(eight, bare)).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: fuseLinearBnWeights: the norm must have running statistics, got none. Train it with them.]`,
  );
  expect(() => fuseLinearBnEval(eight, new nn.BatchNorm1d(4).eval())).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: fuseLinearBnEval: the norm must have 1 feature or the layer's 8, got 4.]`,
  );
});
