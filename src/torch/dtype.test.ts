// Every dtype in and out of JavaScript, what it can hold, and memory shared with typed arrays.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, describe, expect, test } from "vitest";
import { liveTensors } from "../../tests/live-tensors.ts";
import * as torch from "./index.ts";
import { asTensor, asarray, frombuffer, fromTypedArray, ones, tensor, zeros } from "./index.ts";
import type { Dtype, NestedNumbers } from "./index.ts";
import { dtypeCodes } from "./dtype.ts";

afterEach(() => torch.setDefaultDtype("float32"));

test("dtypes, layouts and memory formats are constants too, with Python's other names", () => {
  const constants = torch as unknown as Record<string, string>;
  expect(Object.keys(dtypeCodes).filter((name) => constants[name] !== name)).toEqual([]);
  const { short, int, long, half, float, double, chalf, cfloat, cdouble } = torch;
  expect([short, int, long, half, float, double, chalf, cfloat, cdouble]).toEqual(
    "int16 int32 int64 float16 float32 float64 complex32 complex64 complex128".split(" "),
  );
  let dtype: Dtype = torch.float32; // a variable keeps the literal's type
  const wider = torch.float64;
  dtype = wider;
  expect(torch.zeros(2, { dtype }).to(torch.bfloat16).dtype).toBe("bfloat16");

  const image = torch.zeros(1, 3, 2, 2).to({ memoryFormat: torch.channelsLast });
  expect(image.strides).toEqual([12, 1, 6, 3]);
  expect(image.contiguous({ memoryFormat: torch.contiguousFormat }).strides).toEqual([12, 4, 2, 1]);
  expect(torch.emptyLike(image, { memoryFormat: torch.preserveFormat }).strides).toEqual(image.strides);
  const volume = torch.zeros(1, 3, 2, 2, 2).contiguous({ memoryFormat: torch.channelsLast3d });
  expect(volume.strides).toEqual([24, 1, 12, 6, 3]);
  expect(torch.zeros(2, { layout: torch.strided }).layout).toBe("strided");
  const eye = torch.eye(2);
  const { sparseCoo, sparseCsr, sparseCsc } = torch;
  expect([eye.toSparse().layout, eye.toSparseCsr().layout, eye.toSparseCsc().layout]).toEqual([
    sparseCoo,
    sparseCsr,
    sparseCsc,
  ]);
  expect([eye.toSparseBsr([1, 1]).layout, eye.toSparseBsc([1, 1]).layout]).toEqual([
    torch.sparseBsr,
    torch.sparseBsc,
  ]);
});

describe("every dtype", () => {
  test.each<[Dtype, NestedNumbers[]]>([
    ["int8", [-128, 127]],
    ["int16", [-32768, 32767]],
    ["int32", [-(2 ** 31), 2 ** 31 - 1]],
    ["int64", [-(2n ** 63n), 2n ** 63n - 1n, 2n ** 60n, 7]],
    ["uint8", [0, 255]],
    ["uint16", [0, 65535]],
    ["uint32", [0, 2 ** 32 - 1]],
    ["uint64", [0, 2n ** 64n - 1n]],
    ["float16", [0.5, -65504, NaN]],
    ["bfloat16", [0.5, -256, Infinity]],
    ["float32", [0.5, Math.fround(0.1)]],
    ["float64", [0.1, Number.MAX_VALUE, -0]],
    ["float8_e4m3fn", [0.5, -448]],
    ["float8_e5m2", [0.25, -57344]],
    ["float8_e4m3fnuz", [0.5, -240]],
    ["float8_e5m2fnuz", [0.25, -57344]],
    ["float8_e8m0fnu", [0.5, 4]],
    ["bool", [true, false]],
    ["complex32", [{ re: 0.5, im: -2 }]],
    ["complex64", [{ re: 0.5, im: Math.fround(0.1) }]],
    [
      "complex128",
      [
        { re: 0.1, im: -0.3 },
        { re: NaN, im: Infinity },
      ],
    ],
  ])("%s gives back exactly what it was made of", (dtype, values) => {
    const x = tensor(values, { dtype });
    expect([x.dtype, x.itemsize, x.tolist()]).toEqual([dtype, x.nbytes / values.length, values]);
    expect(fromTypedArray(x.data(), x.shape, dtype).tolist()).toEqual(values);
    expect(x.select(0, 0).item()).toEqual(values[0]);
    expect(x.toString()).toContain("tensor([");
  });

  test.each<[Dtype, number | bigint]>([
    ["int8", 128],
    ["uint8", -1],
    ["uint16", 65536],
    ["int32", 2 ** 31],
    ["uint64", -1n],
    ["int64", 2n ** 63n],
  ])("%s refuses %d", (dtype, value) => {
    expect(() => tensor([value], { dtype })).toThrow(`tensor: ${dtype} holds`);
  });

  test("conversions have PyTorch's names", () => {
    const x = ones([1]);
    const dtypes = [x.half(), x.bfloat16(), x.float(), x.double(), x.char(), x.short(), x.int(), x.long(), x.byte(), x.bool(), x.chalf(), x.cfloat(), x.cdouble()].map((y) => y.dtype); // prettier-ignore
    expect(dtypes).toEqual(["float16", "bfloat16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool", "complex32", "complex64", "complex128"]); // prettier-ignore
    expect(x.float()).toBe(x);
    expect(x.type()).toBe("float32");
    expect(x.type("int8").typeAs(x).dtype).toBe("float32");
    expect(x.to(zeros([1], { dtype: "int16" })).dtype).toBe("int16");
    expect(x.to("cpu", "int16").dtype).toBe("int16");
    expect(x.to("float32", { copy: true })).not.toBe(x);
  });

  test("complex numbers have parts, as views", () => {
    const z = tensor([{ re: 1, im: 2 }, 3]);
    expect([z.dtype, z.real.tolist(), z.imag.tolist()]).toEqual(["complex64", [1, 3], [2, 0]]);
    z.imag.fill_(5);
    expect(z.tolist()).toEqual([{ re: 1, im: 5 }, { re: 3, im: 5 }]); // prettier-ignore
    expect(z.mul({ re: 0, im: 1 }).tolist()).toEqual([{ re: -5, im: 1 }, { re: -5, im: 3 }]); // prettier-ignore
    expect(torch.full([1], { re: 1, im: -1 }).tolist()).toEqual([{ re: 1, im: -1 }]);
    const x = ones([1]);
    expect(x.real).toBe(x);
    expect(() => tensor([{ re: 1, im: 2 }], { dtype: "float32" })).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: tensor: float32 holds no complex numbers, got { re: 1, im: 2 }. Use complex64.]`,
    );
  });

  test("scalars are exact beyond 2^53", () => {
    expect(
      tensor([0n])
        .add(2n ** 60n + 1n)
        .item(),
    ).toBe(2n ** 60n + 1n);
    expect(torch.full([1], 2n ** 63n + 1n, { dtype: "uint64" }).item()).toBe(2n ** 63n + 1n);
    expect(torch.tensor(2n ** 60n).item()).toBe(2n ** 60n);
  });
});

describe("limits and promotion", () => {
  test("finfo and iinfo tell what PyTorch tells", () => {
    expect(torch.finfo("float16")).toEqual({
      dtype: "float16",
      bits: 16,
      eps: 0.0009765625,
      max: 65504,
      min: -65504,
      tiny: 6.103515625e-5,
      smallestNormal: 6.103515625e-5,
      resolution: 0.001,
    });
    expect([torch.finfo("bfloat16").max, torch.finfo("complex128").eps, torch.finfo().bits]).toEqual([
      3.3895313892515355e38, 2.220446049250313e-16, 32,
    ]);
    expect(torch.finfo("float8_e8m0fnu").min).toBe(5.877471754111438e-39);
    expect(torch.iinfo("uint16")).toEqual({ dtype: "uint16", bits: 16, min: 0, max: 65535 });
    expect(torch.iinfo("int64").max).toBe(2n ** 63n - 1n);
    expect(() => torch.finfo("int8")).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: finfo: needs a floating-point dtype, got int8. Use iinfo for integers.]`,
    );
    expect(() => torch.iinfo("bool")).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: iinfo: needs an integer dtype, got bool. Use finfo for floating-point numbers.]`,
    );
  });

  test("dtypes promote as in PyTorch", () => {
    expect(torch.promoteTypes("int32", "float16")).toBe("float16");
    expect(torch.promoteTypes("uint8", "int8")).toBe("int16");
    expect(torch.resultType(ones([1], { dtype: "int32" }), 1.5)).toBe("float32");
    expect(torch.resultType(ones([1], { dtype: "int8" }), 1)).toBe("int8");
    expect(torch.resultType(2, ones([1], { dtype: "float16" }))).toBe("float16");
    expect(torch.resultType(1, 1.5)).toBe("float32");
    expect([torch.canCast("float64", "float32"), torch.canCast("float32", "int64")]).toEqual([true, false]);
  });

  test("the default dtype holds for libtorch's factories and divisions too", () => {
    torch.setDefaultDtype("float64");
    expect([zeros([1]).dtype, tensor([1]).dtype, tensor([1n]).div(2).dtype]).toEqual([
      "float64",
      "float64",
      "float64",
    ]);
    expect(tensor([{ re: 1, im: 0 }]).dtype).toBe("complex128");
    expect(() => torch.setDefaultDtype("int64" as "float64")).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: setDefaultDtype: needs a floating-point dtype, got "int64". Valid: bfloat16, float16, float32, float64.]`,
    );
  });
});

describe("memory shared with a typed array", () => {
  test("is written from both sides", () => {
    const array = new Float32Array([1, 2, 3, 4]);
    const x = fromTypedArray(array, [2, 2], { copy: false });
    array[0] = 9;
    x.mul_(2);
    expect([x.tolist(), [...array]]).toEqual([[[18, 4], [6, 8]], [18, 4, 6, 8]]); // prettier-ignore
    expect(asTensor(array.subarray(1)).add_(1).tolist()).toEqual([5, 7, 9]);
    expect(array[1]).toBe(5);
    expect(tensor(array).add_(1).tolist()).not.toEqual([...array]);
  });

  test("lives as long as the tensor or the array", () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    let x = fromTypedArray(new Float64Array(100_000).fill(3), [100_000], { copy: false });
    collect();
    for (let i = 0; i < 20; i++) new Float64Array(100_000).fill(9);
    expect(x.sum().item()).toBe(300_000);
    const array = new Int32Array(1000).fill(4);
    x = fromTypedArray(array, [1000], { copy: false });
    x.dispose();
    collect();
    expect([array[0], array[999]]).toEqual([4, 4]);
  });

  test("is given back: no array is held after its tensor", async () => {
    liveTensors();
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 200; i++)
      fromTypedArray(new Float64Array(100_000), [100_000], { copy: false }).dispose();
    fromTypedArray(new Float64Array(1), [1], { copy: false }).dispose(); // deletes the references that wait
    await new Promise((resolve) => setImmediate(resolve));
    liveTensors();
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(40e6); // of 160e6
  });

  test("cannot be moved away: not to another thread, not by resizing the tensor", () => {
    const array = new Float32Array(4);
    const x = fromTypedArray(array, [4], { copy: false });
    try {
      structuredClone(array, { transfer: [array.buffer] }); // Node 20 copies, later ones throw
    } catch {}
    array[0] = 5;
    expect(x.tolist()).toEqual([5, 0, 0, 0]);
    expect(() => x.resize_([1000])).toThrow("not resizable");
    expect(x.shape).toEqual([4]); // libtorch alone leaves the shape of what could not grow
    const y = zeros([4]);
    y.dataView();
    expect(() => y.resize_([1000])).toThrow("not resizable");
    const resizable = new (ArrayBuffer as unknown as new (n: number, o: object) => ArrayBuffer)(8, {
      maxByteLength: 16,
    });
    expect(() =>
      fromTypedArray(new Float32Array(resizable), [2], { copy: false }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: fromTypedArray: a resizable buffer cannot be shared with a tensor. Leave out copy: false.]`,
    );
  });

  test("asarray shares where it may, and says where it must not", () => {
    const array = new Float32Array([1, 2]);
    const x = tensor([1]);
    expect(asarray(x)).toBe(x);
    expect(asarray(x, { copy: true })).not.toBe(x);
    asarray(array).zero_();
    expect([...array]).toEqual([0, 0]);
    asarray(array, { copy: true }).fill_(7);
    expect([...array]).toEqual([0, 0]);
    expect(asarray([1, 2], { dtype: "int8", requiresGrad: false }).dtype).toBe("int8");
    expect(() => asarray([1], { copy: false })).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: asarray: copy: false needs a tensor or a typed array of the wanted dtype and device. Leave copy out to allow a copy.]`,
    );
    expect(() => asarray(array, { copy: false, dtype: "int8" })).toThrow("copy: false");
  });

  test("frombuffer reads a part of a buffer", () => {
    const array = new Float32Array([1, 2, 3]);
    const x = frombuffer(array.buffer, { dtype: "float32", offset: 4 });
    x.add_(1);
    expect([...array]).toEqual([1, 3, 4]);
    expect(frombuffer(array.buffer, { dtype: "int16", count: 2 }).shape).toEqual([2]);
    expect(() =>
      frombuffer(array.buffer, { dtype: "float32", offset: 8, count: 2 }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: frombuffer: offset and count must lie in the buffer, got offset 8 and count 2 of 4 bytes each for 12 bytes.]`,
    );
  });

  test("half precision is read as bits, or as a Float16Array where there is one", () => {
    const bits = tensor([1, -2], { dtype: "float16" }).data();
    expect([...bits]).toEqual("Float16Array" in globalThis ? [1, -2] : [0x3c00, 0xc000]);
    expect(fromTypedArray(bits, [2], "float16").tolist()).toEqual([1, -2]);
  });
});

test("a gradient of zeros without memory of its own is read as zeros", () => {
  const x = ones([3], { requiresGrad: true });
  torch.sgn(x).sum().backward();
  expect([x.grad!.tolist(), x.grad!.sum().item()]).toEqual([[0, 0, 0], 0]);
});

test("complex128 is not read from memory where it cannot be", () => {
  const pairs = fromTypedArray(new Float64Array(5).subarray(1), [2, 2], { copy: false });
  expect(() => torch.viewAsComplex(pairs)).toThrowErrorMatchingInlineSnapshot(
    `[TorchError: aten::view_as_complex: complex128 needs memory at a multiple of 16 bytes. Call x.clone() first (self: Double[2, 2])]`,
  );
  expect(torch.viewAsComplex(pairs.clone()).tolist()).toHaveLength(2);
});

test("elements can be changed one by one", () => {
  const x = tensor([1, 2]);
  expect(x.apply_((value) => (value as number) * 10).tolist()).toEqual([10, 20]);
  expect(x.map_(tensor([1]), (own, other) => (own as number) + (other as number)).tolist()).toEqual([11, 21]);
  expect(x.map2_(x, x, (a, b, c) => Number(a) + Number(b) + Number(c)).tolist()).toEqual([33, 63]);
  expect(x.newTensor([1], { requiresGrad: true }).requiresGrad).toBe(true);
});

test("what is no string is refused as a dtype at once, a list with 2^32 holes too", () => {
  const list = Object.assign([1], { length: 2 ** 32 - 1 }) as never;
  for (const run of [
    () => torch.promoteTypes(list, "int8"),
    () => torch.finfo(list),
    () => torch.iinfo(list),
  ])
    expect(run).toThrow("dtype: unknown name of type object.");
});
