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

test("no caller of a raw operator can leak the tensor that it changed: it gives 0 and no new handle", () => {
  const x = keep(ones([2]));
  const y = keep(ones([2]));
  const [mulInPlace, addInto, sortInto] = [
    rawOp("mul_", "Tensor"),
    rawOp("add", "out"),
    rawOp("sort", "values"),
  ];
  const indices = keep(tensor([0n, 0n]));
  const before = liveTensors();
  for (let i = 0; i < 100; i++) {
    expect(mulInPlace(x.handle, y.handle)).toBe(0);
    expect(addInto(x.handle, y.handle, 1, y.handle)).toBe(0);
    expect(sortInto(y.handle, 0, false, y.handle, indices.handle)).toEqual([0, 0]);
  }
  expect(liveTensors()).toBe(before);
});

test("operators take complex numbers, and give dtypes and exact integers", () => {
  const { aten } = ops;
  const z = aten.mul.Scalar(tensor([{ re: 0, im: 1 }]), { re: 0, im: 1 });
  expect(z.tolist()).toEqual([{ re: -1, im: 0 }]);
  expect(aten.result_type.Tensor(tensor([1]), tensor([1n]))).toBe("float32");
  expect(aten._local_scalar_dense(tensor([2n ** 60n]))).toBe(2n ** 60n);
});

test("types that JavaScript cannot express are refused by name", () => {
  expect(() => ops["aten"].set_.source_Storage(ones([1]), 7)).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: torch.ops: an argument of type Storage cannot be given from JavaScript.]`,
  );
  expect(() => ops["aten"].record_stream(ones([1]), 7)).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: torch.ops: an argument of type Stream cannot be given from JavaScript.]`,
  );
});

test("arguments by a wrong name are refused", () => {
  const x = ones([2]);
  expect(() => ops["aten"].add.Tensor(x, x, { alhpa: 2 })).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: aten::add: unknown argument "alhpa". Did you mean "alpha"? Valid: alpha.]`,
  );
  expect(() => ops["aten"].add.Tensor(x, x, { other: x })).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: aten::add: "other" is given twice, by its place and by name. Leave one out.]`,
  );
});
