import { expect, test } from "vitest";
import { liveTensors } from "../../tests/live-tensors.ts";
import { Generator, keep, ones, ops, scope, tensor } from "./index.ts";
import { wrap } from "./binding.ts";
import { rawOp } from "./raw.ts";

test("a raw operator takes and gives handles", () => {
  const add = rawOp("add", "Tensor");
  const x = ones([2]);
  expect(wrap(add(x.handle, x.handle, 3) as number).tolist()).toEqual([4, 4]);
});

test("an operator that libtorch lacks is named when it is called, not when it is looked up", () => {
  const missing = rawOp("_fused_lion_");
  expect(() => missing()).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: aten::_fused_lion_: the linked libtorch (2.13.0) has no such operator. Check the name.]`,
  );
  expect(() => rawOp("add", "Tenser")()).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: aten::add.Tenser: the operator has other overloads. Did you mean "Tensor"? Valid: Scalar, Scalar_out, Tensor, out.]`,
  );
  expect(() => ops["aten"].add(1, 2)).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: aten::add: the operator has other overloads. Valid: Scalar, Scalar_out, Tensor, out.]`,
  );
});

test("operators take tensors, lists, numbers, dtypes and generators by position or name", () => {
  const x = tensor([1, 2]);
  const { aten } = ops;
  expect(aten.add.Tensor(x, x, { alpha: 2 }).tolist()).toEqual([3, 6]);
  expect(aten.stack([x, x], 1).tolist()).toEqual([[1, 1], [2, 2]]); // prettier-ignore
  expect(aten.stack.default([x, x], { dim: 1 }).tolist()).toEqual([[1, 1], [2, 2]]); // prettier-ignore
  expect(aten.zeros([2], { dtype: "int64" }).dtype).toBe("int64");
  expect(aten.clone(x, { memoryFormat: "contiguous" }).tolist()).toEqual([1, 2]);
  expect(aten.sum.dim_IntList(x, [0], true).tolist()).toEqual([3]);
  const draw = () => aten.rand.generator([2], { generator: new Generator(3) }).tolist() as number[];
  expect(draw()).toEqual(draw());
});

test("results come back as what the schema says", () => {
  const x = tensor([3, 1]);
  const { aten } = ops;
  const [values, indices] = aten.sort(x);
  expect([values.tolist(), indices.tolist()]).toEqual([[1, 3], [1, 0]]); // prettier-ignore
  expect(aten.unbind.int(x).map((part: { item(): number }) => part.item())).toEqual([3, 1]);
  expect(aten.is_set_to(x, x)).toBe(true);
  expect(aten._foreach_zero_([x])).toBe(undefined);
  expect(x.tolist()).toEqual([0, 0]);
});

test("an in-place operator returns the tensor that it changed, and no handle is left over", () => {
  const x = keep(ones([2]));
  const before = liveTensors();
  expect(ops["aten"].add_.Scalar(x, 2)).toBe(x);
  expect(liveTensors()).toBe(before);
  expect(scope(() => ops["aten"].mul_.Scalar(x, 2)).tolist()).toEqual([6, 6]);
});

test("arguments by a wrong name are refused", () => {
  const x = ones([2]);
  expect(() => ops["aten"].add.Tensor(x, x, { alhpa: 2 })).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: aten::add: unknown argument "alhpa", or given twice. Did you mean "alpha"? Valid: alpha.]`,
  );
  expect(() => ops["aten"].add.Tensor(x, x, { other: x })).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: aten::add: unknown argument "other", or given twice. Valid: alpha.]`,
  );
});
