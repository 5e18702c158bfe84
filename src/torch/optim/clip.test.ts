// Clipping against PyTorch. The golden file is written by tools/golden/optim.py.
import { readFileSync } from "node:fs";
import { beforeEach, expect, test } from "vitest";
import { liveTensors } from "../../../tests/live-tensors.ts";
import { Tensor, optim, tensor, zeros } from "../index.ts";

const golden = JSON.parse(
  readFileSync(new URL("../../../tests/goldens/torch/optim-clip.json", import.meta.url), "utf8"),
) as {
  gradients: number[][];
  norms: { norm_type: number | "inf"; max_norm: number; total: number; clipped: number[][] }[];
  values: number[][];
};
const shapes = [[3, 2], [4], [2, 2, 2]];

let params: Tensor[] = [];
beforeEach(() => {
  params = shapes.map((shape, i) => {
    const dtype = i === 2 ? "float64" : "float32";
    const param = zeros(shape, { dtype, requiresGrad: true });
    param.grad = tensor(golden.gradients[i]!, { dtype }).reshape(shape);
    return param;
  });
});

function gradients(): number[][] {
  return params.map((param) => param.grad!.flatten().tolist() as number[]);
}

test.each(golden.norms)("norm $norm_type is clipped to $max_norm as PyTorch does", (recorded) => {
  const normType = recorded.norm_type === "inf" ? Infinity : recorded.norm_type;
  const total = optim.clipGradNorm_(params, recorded.max_norm, { normType });
  expect(total.item()).toBe(recorded.total);
  expect(gradients()).toEqual(recorded.clipped);
});

test.each(golden.norms)("norm $norm_type to $max_norm in two calls does the same", (recorded) => {
  const normType = recorded.norm_type === "inf" ? Infinity : recorded.norm_type;
  const total = optim.getTotalNorm(
    params.map((param) => param.grad!),
    { normType },
  );
  expect(total.item()).toBe(recorded.total);
  optim.clipGradsWithNorm_(params, recorded.max_norm, total);
  expect(gradients()).toEqual(recorded.clipped);
});

test("values are clipped as PyTorch does", () => {
  optim.clipGradValue_(params, 0.7);
  expect(gradients()).toEqual(golden.values);
});

test("parameters without gradient are passed over", () => {
  const bare = zeros([3], { requiresGrad: true });
  expect(optim.clipGradNorm_([bare], 1).item()).toBe(0);
  optim.clipGradValue_(bare, 1);
  const expected = golden.norms[0]!;
  expect(optim.clipGradNorm_([bare, ...params], expected.max_norm).item()).toBe(expected.total);
  expect(bare.grad).toBe(null);
});

test("an iterator of parameters and a single one will do", () => {
  const [first] = params;
  const single = optim.clipGradNorm_(first!, 1e3).item();
  expect(single).toBeCloseTo(Math.hypot(...golden.gradients[0]!), 4);
  expect(optim.clipGradNorm_(params.values(), 1e3).item()).toBeGreaterThan(single);
});

test("only the norm outlives the call", () => {
  const before = liveTensors();
  const total = optim.clipGradNorm_(params, 1);
  optim.clipGradValue_(params, 1);
  expect(liveTensors()).toBe(before + 1);
  total.dispose();
});

test("a norm that is not finite throws on request, before any gradient is touched", () => {
  params[0]!.grad = tensor([1, NaN, 1, 1, 1, 1]).reshape([3, 2]);
  expect(() => optim.clipGradNorm_(params, 1, { errorIfNonfinite: true })).toThrowErrorMatchingInlineSnapshot(
    `[TrainingError: clipGradNorm_: the norm of the gradients must be finite, got NaN. Lower the learning rate, or find the loss that is not finite.]`,
  );
  expect(gradients()[1]).toEqual(golden.gradients[1]);
  expect(optim.clipGradNorm_(params, 1).item()).toBeNaN();
});

test("bounds that make no sense are refused", () => {
  expect(() => optim.clipGradNorm_(params, -1)).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: clipGradNorm_: maxNorm must be a number >= 0, got -1.]`,
  );
  expect(() => optim.clipGradNorm_(params, NaN)).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: clipGradNorm_: maxNorm must be a number >= 0, got NaN.]`,
  );
  expect(() => optim.clipGradValue_(params, -1)).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: clipGradValue_: clipValue must be a number >= 0, got -1.]`,
  );
  expect(() =>
    optim.clipGradNorm_(params, 1, { normType: "2" as unknown as number }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: clipGradNorm_: normType must be a number or Infinity, got 2.]`,
  );
});
