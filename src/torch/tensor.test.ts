// Tensors from JavaScript values and back, and what becomes of them when they are disposed.
import { describe, expect, test } from "vitest";
import "../../tests/matchers.ts";
import { liveTensors } from "../../tests/live-tensors.ts";
import * as torch from "./index.ts";
import { Tensor, fromTypedArray, ones, tensor, zeros } from "./index.ts";
import type { Dtype, NestedNumbers } from "./index.ts";

describe("tensor()", () => {
  test.each<[NestedNumbers | Float32Array | Uint8Array | BigInt64Array, Dtype, number[]]>([
    [1.5, "float32", []],
    [true, "bool", []],
    [3n, "int64", []],
    [[], "float32", [0]],
    [[[], []], "float32", [2, 0]],
    [[1, 2], "float32", [2]],
    [[[1], [2], [3]], "float32", [3, 1]],
    [[true, false], "bool", [2]],
    [[true, 2], "float32", [2]],
    [[1n, 2], "int64", [2]],
    [new Float32Array([1, 2]), "float32", [2]],
    [new Uint8Array([1]), "uint8", [1]],
    [new BigInt64Array(0), "int64", [0]],
  ])("reads %o as %s of %o", (values, dtype, shape) => {
    const x = tensor(values);
    expect([x.dtype, x.shape, x.requiresGrad]).toEqual([dtype, shape, false]);
  });

  test.each<Dtype>([
    "float64",
    "float32",
    "bfloat16",
    "float16",
    "int64",
    "int32",
    "int16",
    "int8",
    "uint8",
    "bool",
  ])("makes %s and gives its numbers back", (dtype) => {
    const x = tensor([[1, 0], [0, 1]], { dtype }); // prettier-ignore
    expect(x.dtype).toBe(dtype);
    expect((x.tolist() as number[][]).map((row) => row.map(Number))).toEqual([[1, 0], [0, 1]]); // prettier-ignore
  });

  test("copies: changing the array afterwards changes nothing", () => {
    const array = new Float32Array([1, 2]);
    const x = tensor(array);
    array[0] = 9;
    expect(x.tolist()).toEqual([1, 2]);
  });

  test("takes a typed array that begins inside its buffer, and a shape for it", () => {
    const array = new Int32Array([0, 1, 2, 3, 4]).subarray(1);
    expect(fromTypedArray(array, [2, 2]).tolist()).toEqual([[1, 2], [3, 4]]); // prettier-ignore
    expect(fromTypedArray(new Uint16Array([0x3f80]), [1], "bfloat16").tolist()).toEqual([1]);
  });

  test("records gradients when told to", () => {
    expect(tensor([1], { requiresGrad: true }).requiresGrad).toBe(true);
    expect(() => tensor([1n], { requiresGrad: true })).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: setRequiresGrad: Only Tensors of floating point and complex dtype can require gradients]`,
    );
  });

  test("refuses rows of unequal length or depth, and numbers that the dtype cannot hold", () => {
    expect(() => tensor([[1, 2], [3]])).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: tensor: expected 2 at depth 1, got an array of 1. Make all rows equally long.]`,
    );
    expect(() => tensor([[1], 2])).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: tensor: expected an array of 1 at depth 1, got 2. Make all rows equally deep.]`,
    );
    expect(() => tensor([1, [2]])).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: tensor: expected a number at depth 1, got an array of 1. Make all rows equally long.]`,
    );
    expect(() => tensor([1.5], { dtype: "int64" })).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: tensor: int64 needs whole numbers, got 1.5. Round it, or use another dtype.]`,
    );
    expect(() => tensor([2n ** 63n])).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: tensor: int64 holds 64 bits, got 9223372036854775808. Use float64, which rounds.]`,
    );
    expect(() => tensor(["1"] as unknown as number[])).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: tensor: needs numbers, booleans or bigints, got "1". Convert the values first.]`,
    );
    expect(() => tensor([null] as unknown as number[])).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: tensor: needs numbers, booleans or bigints, got null. Convert the values first.]`,
    );
    expect(() => tensor(undefined as unknown as number[])).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: tensor: needs numbers, booleans or bigints, got undefined. Convert the values first.]`,
    );
    expect(() => tensor(new DataView(new ArrayBuffer(4)) as never)).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: tensor: no dtype holds a DataView. Convert it to a Float32Array, or name the dtype.]`,
    );
    expect(() => tensor([1], { dtype: "float" as Dtype })).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: dtype: unknown name "float". Did you mean "float16"? Valid: bfloat16, bool, complex128, complex32, complex64, float16, float32, float64, float8_e4m3fn, float8_e4m3fnuz, float8_e5m2, float8_e5m2fnuz, float8_e8m0fnu, int16, int32, int64, int8, uint16, uint32, uint64, uint8.]`,
    );
  });

  test("refuses a shape that its data does not fill", () => {
    expect(() => fromTypedArray(new Float32Array(3), [2, 2])).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: fromData: argument has 3 elements, but the shape needs 4.]`,
    );
    expect(() => fromTypedArray(new Float32Array(0), [-1])).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: fromData: argument has a shape that is too large or negative.]`,
    );
    expect(() => fromTypedArray(new Float32Array(1), [2 ** 40, 2 ** 40])).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: fromData: argument has a shape that is too large or negative.]`,
    );
    expect(() => fromTypedArray(new Float32Array(1), [1], "int64")).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: fromData: argument must be the typed array of Long, got one of another type.]`,
    );
  });
});

describe("numbers out of a tensor", () => {
  test("item gives a number, a boolean, or a bigint where a number would round", () => {
    expect(tensor([2.5]).item()).toBe(2.5);
    expect(tensor([[true]]).item()).toBe(true);
    expect(tensor([2n ** 53n]).item()).toBe(2 ** 53);
    expect(tensor([2n ** 53n + 1n]).item()).toBe(2n ** 53n + 1n);
    expect(tensor([-(2n ** 63n)]).item()).toBe(-(2n ** 63n));
    expect(tensor([1.5], { dtype: "bfloat16" }).item()).toBe(1.5);
    expect(() => ones([2]).item()).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: item: the tensor must have one element, got shape [2]]`,
    );
    expect(torch.complex(ones([1]), ones([1])).item()).toEqual({ re: 1, im: 1 });
    expect(tensor([2n ** 64n - 1n], { dtype: "uint64" }).item()).toBe(2n ** 64n - 1n);
  });

  test("isContiguousIn tells the order of each memory format", () => {
    const formats = ["contiguous", "channels_last", "channels_last_3d"] as const;
    const orders = (x: Tensor) => formats.map((format) => x.isContiguousIn(format));
    const image = ones(2, 3, 4, 5);
    expect(orders(image)).toEqual([true, false, false]);
    expect(orders(image.to({ memoryFormat: "channels_last" }))).toEqual([false, true, false]);
    expect(orders(image.transpose(2, 3))).toEqual([false, false, false]);
    expect(orders(ones(2, 1, 4, 5))).toEqual([true, true, false]); // one channel lies both ways
    const volume = ones(2, 3, 4, 5, 6).contiguous({ memoryFormat: "channels_last_3d" });
    expect(orders(volume)).toEqual([false, false, true]);
    expect(() => image.isContiguousIn("rows" as "contiguous")).toThrow(/memory format: unknown name "rows"/);
  });

  test("tolist and data read views in their own order", () => {
    const x = tensor([[1, 2], [3, 4]]).t(); // prettier-ignore
    expect(x.isContiguous).toBe(false);
    expect(x.tolist()).toEqual([[1, 3], [2, 4]]); // prettier-ignore
    expect(x.data()).toEqual(new Float32Array([1, 3, 2, 4]));
    expect(tensor([2n ** 60n, 1n]).tolist()).toEqual([2n ** 60n, 1]);
    expect(zeros([2, 0]).tolist()).toEqual([[], []]);
    expect(tensor([1], { requiresGrad: true }).data()).toEqual(new Float32Array([1]));
    expect(torch.complex(ones([1, 1]), zeros([1, 1])).tolist()).toEqual([[{ re: 1, im: 0 }]]);
  });

  test("dataView shares memory in both directions and outlives the tensor", () => {
    const x = zeros([1000]);
    const view = x.dataView() as Float32Array;
    view[0] = 7;
    expect(x.select(0, 0).item()).toBe(7);
    x.add_(1);
    expect(view[0]).toBe(8);
    x.dispose();
    liveTensors(); // collects garbage
    ones([1000]).dispose();
    expect([view[0], view[999]]).toEqual([8, 1]);
    expect(() => zeros([2, 2]).t().dataView()).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: viewData: argument must be a contiguous CPU tensor to be viewed. Call x.contiguous() or x.cpu() first.]`,
    );
    expect(zeros([0]).dataView().length).toBe(0);
  });
});

describe("properties", () => {
  test("tell shape, strides, bytes and device", () => {
    const x = zeros([2, 3], { dtype: "float64" });
    expect([x.shape, x.strides, x.ndim, x.numel, x.nbytes, x.device]).toEqual([
      [2, 3],
      [3, 1],
      2,
      6,
      48,
      "cpu",
    ]);
    expect([x.size(0), x.size(-1)]).toEqual([2, 3]);
    expect(() => x.size(2)).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: size: dim must be in [-2, 1], got 2 for shape [2, 3].]`,
    );
  });

  test("to() gives the tensor itself where nothing changes", () => {
    const x = ones([2]);
    expect(x.to({})).toBe(x);
    expect(x.to("cpu")).toBe(x);
    expect(x.to("float64").dtype).toBe("float64");
    expect(x.to({ copy: true }).sharesStorageWith(x)).toBe(false);
    expect(x.view([2, 1]).sharesStorageWith(x)).toBe(true);
    expect([x.long().dtype, x.bool().dtype, x.double().dtype]).toEqual(["int64", "bool", "float64"]);
    expect(() => x.to("float" as Dtype)).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: dtype: unknown name "float". Did you mean "float16"? Valid: bfloat16, bool, complex128, complex32, complex64, float16, float32, float64, float8_e4m3fn, float8_e4m3fnuz, float8_e5m2, float8_e5m2fnuz, float8_e8m0fnu, int16, int32, int64, int8, uint16, uint32, uint64, uint8.]`,
    );
  });
});

describe("grad", () => {
  test("can be set to a tensor of the same shape, dtype and device, and to null", () => {
    const x = zeros([2], { requiresGrad: true });
    x.grad = ones([2]);
    expect(x.grad.tolist()).toEqual([1, 1]);
    x.grad = null;
    expect(x.grad).toBe(null);
  });

  test("refuses any other, since fused kernels would read beyond its end", () => {
    const x = zeros([2], { requiresGrad: true });
    expect(() => (x.grad = ones([1]))).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: setGrad: a gradient must have its tensor's shape, dtype and device, got Float[1] on cpu for Float[2] on cpu. Convert it with x.to() and x.reshape() first.]`,
    );
    expect(() => (x.grad = ones([2, 1]))).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: setGrad: a gradient must have its tensor's shape, dtype and device, got Float[2, 1] on cpu for Float[2] on cpu. Convert it with x.to() and x.reshape() first.]`,
    );
    expect(() => (x.grad = ones([2], { dtype: "float64" }))).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: setGrad: a gradient must have its tensor's shape, dtype and device, got Double[2] on cpu for Float[2] on cpu. Convert it with x.to() and x.reshape() first.]`,
    );
    expect(() => (x.grad = ones([2], { device: "meta" }))).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: setGrad: a gradient must have its tensor's shape, dtype and device, got Float[2] on meta for Float[2] on cpu. Convert it with x.to() and x.reshape() first.]`,
    );
    expect(() => (x.grad = x)).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: setGrad: a tensor cannot be its own gradient. Give a clone.]`,
    );
    expect(x.grad).toBe(null);
  });
});

describe("a disposed tensor", () => {
  test("is refused by everything that reads it, and can be disposed again", () => {
    const x = ones([2]);
    x.dispose();
    x.dispose();
    expect(x.isDisposed).toBe(true);
    for (const use of [
      () => x.shape,
      () => x.dtype,
      () => x.numel,
      () => x.device,
      () => x.strides,
      () => x.grad,
      () => x.item(),
      () => x.tolist(),
      () => x.data(),
      () => x.dataView(),
      () => x.backward(),
      () => x.requiresGrad_(),
      () => x.add(1),
      () => x.add_(1),
      () => ones([2]).add(x),
      () => torch.stack([x]),
      () => x.toString(),
      () => torch.keep(x),
      () => torch.saveSafetensors(new Map([["x", x]]), "unused"),
      () => (ones([2]).grad = x),
      () => new torch.nn.Parameter(x),
      () => torch.grad([x], [x]),
      () => ones([2]).sharesStorageWith(x),
    ]) {
      // prettier-ignore
      expect(use).toThrow(/disposed/);
    }
  });

  test("is recognised after thousands of later tensors took slots", () => {
    const x = ones([1]);
    x.dispose();
    for (let i = 0; i < 20_000; i++) ones([1]).dispose();
    expect(x.isDisposed).toBe(true);
  });

  test("frees views one by one: the memory stays while one is left", () => {
    const x = ones([4]);
    const view = x.view([2, 2]);
    x.dispose();
    expect(view.tolist()).toEqual([[1, 1], [1, 1]]); // prettier-ignore
  });

  test("a number that is no handle never crashes", () => {
    for (const handle of [-1, 1e6, 2 ** 30, 0, 0.5, NaN, 2 ** 40]) {
      expect(() => new Tensor(handle).add(1).tolist(), String(handle)).toThrow();
    }
  });
});
