// Products of 8-bit numbers with scales. Those of groups: ../golden.test.ts.
import { expect, test } from "vitest";
import "../../../../tests/matchers.ts";
import { manualSeed, nn, ones, rand, randn, tensor } from "../../index.ts";

const F = nn.functional;

test("scaledMm is the product of what the 8-bit numbers stand for", () => {
  manualSeed(5);
  const a = randn(16, 32).to("float8_e4m3fn");
  const b = randn(16, 32).to("float8_e4m3fn").t();
  const [wholeA, wholeB] = [a.to("float32"), b.to("float32")];
  const [two, three] = [tensor([2]), tensor([3])];
  const outputDtype = "float32";
  const exact = { atol: 1e-4, rtol: 1e-5 };
  expect(F.scaledMm(a, b, two, "TensorWise", three, "TensorWise", { outputDtype })).toBeAllclose(
    wholeA.matmul(wholeB).mul(6),
    exact,
  );
  const [rows, columns] = [rand(16, 1), rand(1, 16)];
  expect(F.scaledMm(a, b, [rows], ["RowWise"], [columns], ["RowWise"], { outputDtype })).toBeAllclose(
    wholeA.mul(rows).matmul(wholeB.mul(columns)),
    exact,
  );
  const bias = ones([16], { dtype: "bfloat16" });
  const shifted = F.scaledMm(a, b, two, "TensorWise", three, "TensorWise", { bias });
  expect(shifted.dtype).toBe("bfloat16");
  expect(shifted.float()).toBeAllclose(wholeA.matmul(wholeB).mul(6).add(1), { atol: 0.02, rtol: 0.01 });
});

test("mistakes are named", () => {
  const a = ones([16, 16]).to("float8_e4m3fn");
  const one = ones([1]);
  expect(() =>
    F.scaledMm(a, a, one, "TensorWise", one, "Rowwise" as "RowWise"),
  ).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: nn.functional.scaledMm: unknown scaling "Rowwise". Did you mean "RowWise"? Valid: BlockWise128x128, BlockWise1x128, BlockWise1x16, BlockWise1x32, RowWise, TensorWise.]`,
  );
  expect(() => F.groupedMm(one, one, { off: one } as object)).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: nn.functional.groupedMm: unknown option "off". Did you mean "offs"? Valid: offs, outDtype.]`,
  );
  expect(() => F.groupedMm(ones([2, 4]), ones([1, 4, 4]))).toThrowErrorMatchingInlineSnapshot(
    `[TorchError: aten::_grouped_mm: Have to provide offsets if there is a 2d matrix, or no offset if both matrices are 3d (self: Float[2, 4], mat2: Float[1, 4, 4])]`,
  );
});
