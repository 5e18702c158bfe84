// The option `out` of the generated functions: what is written is what the plain call returns.
import { expect, test } from "vitest";
import { liveTensors } from "../../tests/live-tensors.ts";
import * as torch from "./index.ts";
import { empty, ones, tensor } from "./index.ts";
import type { Dtype, Tensor } from "./index.ts";

const { fft, linalg, special } = torch;
const x = tensor([
  [3, 1, 2],
  [5, 4, 6],
  [9, 7, 8],
]);
const y = tensor([
  [2, 0.5, 1],
  [1, 3, 0.25],
  [0.5, 1, 4],
]);
const hidden = (dtype: Dtype = "float32") => empty([0], { dtype });

test.each<[string, (options?: torch.Out) => Tensor, Dtype?]>([
  ["abs(x)", (o) => torch.abs(x.neg(), o)],
  ["add(x, y)", (o) => torch.add(x, y, o)],
  ["add(x, y) with alpha", (o) => torch.add(x, y, { alpha: 3, ...o })],
  ["add(x, number)", (o) => torch.add(x, 2, { alpha: 3, ...o })],
  ["sub(x, bigint)", (o) => torch.sub(x, 2n, o)],
  ["add(x, complex)", (o) => torch.add(x, { re: 1, im: -2 }, o), "complex64"],
  ["trueDivide(x, number)", (o) => torch.trueDivide(x, 4, o)],
  ["mul(x > 2, boolean)", (o) => torch.mul(x.gt(2), true, o), "bool"],
  ["add(whole numbers, number)", (o) => torch.add(x.to("int32"), 2, o), "int32"],
  ["mul(x, number)", (o) => torch.mul(x, 2.5, o)],
  ["div(x, y) with rounding", (o) => torch.div(x, y, { roundingMode: "floor", ...o })],
  ["pow(number, x)", (o) => torch.pow(2, x, o)],
  ["gt(x, number)", (o) => torch.gt(x, 4, o), "bool"],
  ["clamp(x, min, max)", (o) => torch.clamp(x, { min: 2, max: 6, ...o })],
  ["matmul(x, y)", (o) => torch.matmul(x, y, o)],
  ["addmm(x, x, y)", (o) => torch.addmm(x, x, y, { beta: 2, ...o })],
  ["cat([x, y], dim)", (o) => torch.cat([x, y], 1, o)],
  ["sum(x, { dim })", (o) => torch.sum(x, { dim: 0, ...o })],
  ["sum(x, dim, keepdim)", (o) => torch.sum(x, 1, true, o)],
  ["mean(x, dim)", (o) => torch.mean(x, [0, 1], o)],
  ["std(x, { dim, correction })", (o) => torch.std(x, { dim: 1, correction: 0, ...o })],
  ["max(x)", (o) => torch.max(x, o)],
  ["max(x, y)", (o) => torch.max(x, y, o)],
  ["argmax(x, dim)", (o) => torch.argmax(x, { dim: 1, ...o }), "int64"],
  ["cumsum(x, dim)", (o) => torch.cumsum(x, 0, o)],
  ["gather(x, dim, index)", (o) => torch.gather(x, 1, torch.argsort(x, 1), o)],
  ["linalg.inv(y)", (o) => linalg.inv(y, o)],
  ["fft.fft(x)", (o) => fft.fft(x, o), "complex64"],
  ["special.erf(y)", (o) => special.erf(y, o)],
])("%s fills an empty tensor, resized, and returns it", (_, run, dtype) => {
  const out = hidden(dtype);
  expect(run({ out })).toBe(out);
  const expected = run();
  expect(out.shape).toEqual(expected.shape);
  expect(out.tolist()).toEqual(expected.tolist());
});

test.each<[string, (options?: torch.Out<[Tensor, Tensor]>) => [Tensor, Tensor], Dtype[]]>([
  ["max(x, dim)", (o) => torch.max(x, 1, o), ["float32", "int64"]],
  ["max(x, { dim })", (o) => torch.max(x, { dim: 0, keepdim: true, ...o }), ["float32", "int64"]],
  ["sort(x, { stable })", (o) => torch.sort(x, { stable: true, dim: 0, ...o }), ["float32", "int64"]],
  ["topk(x, k)", (o) => torch.topk(x, 2, o), ["float32", "int64"]],
  ["aminmax(x, { dim })", (o) => torch.aminmax(x, { dim: 1, ...o }), ["float32", "float32"]],
  ["linalg.qr(y)", (o) => linalg.qr(y, o), ["float32", "float32"]],
])("%s fills both tensors of a list and returns it", (_, run, [first, second]) => {
  const out: [Tensor, Tensor] = [hidden(first), hidden(second)];
  expect(run({ out })).toBe(out);
  for (const [i, expected] of run().entries()) expect(out[i]!.tolist()).toEqual(expected.tolist());
});

test.each<[string, (options?: torch.Out) => Tensor]>([
  ["zeros([2, 3])", (o) => torch.zeros([2, 3], o)],
  ["ones(2, 3)", (o) => torch.ones(2, 3, o ?? {})],
  ["full([2], 3)", (o) => torch.full([2], 3, o)],
  ["eye(2)", (o) => torch.eye(2, o)],
  ["eye(2, 3)", (o) => torch.eye(2, 3, o)],
  ["arange(4)", (o) => torch.arange(4, { dtype: "float32", ...o })],
  ["arange(1, 4)", (o) => torch.arange(1, 4, { dtype: "float32", ...o })],
  ["arange(1, 4, 2)", (o) => torch.arange(1, 4, 2, { dtype: "float32", ...o })],
  ["linspace(0, 1, 3)", (o) => torch.linspace(0, 1, 3, o)],
  ["logspace(0, 1, 3)", (o) => torch.logspace(0, 1, 3, o)],
  ["rand([3])", (o) => torch.rand([3], o)],
  ["randn(3)", (o) => torch.randn(3, { generator: new torch.Generator().manualSeed(5), ...o })],
  ["randint(9, [3])", (o) => torch.randint(9, [3], { dtype: "float32", ...o })],
  ["randint(2, 9, [3])", (o) => torch.randint(2, 9, [3], { dtype: "float32", ...o })],
  ["randperm(5)", (o) => torch.randperm(5, { dtype: "float32", ...o })],
])("%s fills a tensor that it is given", (_, run) => {
  const out = hidden();
  torch.manualSeed(3);
  expect(run({ out })).toBe(out);
  torch.manualSeed(3);
  const expected = run();
  expect(out.shape).toEqual(expected.shape);
  expect(out.tolist()).toEqual(expected.tolist());
});

test("a factory's out decides dtype, layout and device, and may record gradients", () => {
  const out = hidden("float64");
  expect(torch.ones([2], { out, dtype: "float64", device: "cpu", layout: "strided" }).dtype).toBe("float64");
  expect(torch.empty(2, 3, { out: hidden() }).shape).toEqual([2, 3]);
  expect(torch.zeros([2], { out: hidden(), requiresGrad: true }).requiresGrad).toBe(true);
  expect(() => torch.zeros([2], { out, dtype: "float32" })).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: The option dtype must be that of out, float64, got float32. Leave dtype out, or give another out.]`,
  );
  expect(() => torch.zeros([2], { out, device: "meta" })).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: The option device must be that of out, cpu, got meta. Leave device out, or give another out.]`,
  );
  expect(() => torch.zeros([2], { out: 3 as unknown as Tensor })).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: The option out must be a tensor, or a list of tensors for several results, got number.]`,
  );
});

test("out may be a view, a wider dtype and an input, and undefined is no out", () => {
  const rows = torch.zeros([2, 3]);
  torch.sum(x, { dim: 0, out: rows.select(0, 1) });
  expect(rows.tolist()).toEqual([
    [0, 0, 0],
    [17, 12, 16],
  ]);
  expect(torch.add(ones([1]), ones([1]), { out: hidden("float64") }).dtype).toBe("float64");
  const total = ones([2]);
  torch.add(total, total, { out: total });
  expect(total.tolist()).toEqual([2, 2]);
  expect(torch.add(total, 1, { out: undefined }).tolist()).toEqual([3, 3]);
});

test("out makes no new tensor", () => {
  const out = hidden();
  const before = liveTensors();
  for (let i = 0; i < 10; i++) torch.matmul(x, y, { out });
  expect(torch.memoryStats().liveTensors).toBe(before);
});

test("an out that cannot hold the result, or would need a gradient, is refused with PyTorch's words", () => {
  expect(() => torch.add(x, y, { out: hidden("int64") })).toThrowErrorMatchingInlineSnapshot(
    `[TorchError: aten::add.out: result type Float can't be cast to the desired output type Long (self: Float[3, 3], other: Float[3, 3], out: Long[0])]`,
  );
  expect(() => torch.add(x, 0.5, { out: hidden("int64") })).toThrowErrorMatchingInlineSnapshot(
    `[TorchError: aten::add.out: result type Float can't be cast to the desired output type Long (self: Float[3, 3], other: Double[], out: Long[0])]`,
  );
  expect(() => torch.max(x, 1, { out: [hidden(), hidden()] })).toThrowErrorMatchingInlineSnapshot(
    `[TorchError: aten::max.dim_max: Expected out tensor to have dtype long int, but got float instead (self: Float[3, 3], max: Float[3], max_values: Float[0])]`,
  );
  const leaf = ones([3, 3], { requiresGrad: true });
  expect(() => torch.add(leaf, 2, { out: hidden() })).toThrow("don't support automatic differentiation");
  expect(() => torch.matmul(x, y, { out: leaf })).toThrowErrorMatchingInlineSnapshot(
    `[TorchError: aten::matmul.out: matmul(): functions with out=... arguments don't support automatic differentiation, but one of the arguments requires grad. (self: Float[3, 3], other: Float[3, 3], out: Float[3, 3])]`,
  );
  expect(() => torch.matmul(leaf, y, { out: hidden() })).toThrowErrorMatchingInlineSnapshot(
    `[TorchError: aten::matmul.out: matmul(): functions with out=... arguments don't support automatic differentiation, but one of the arguments requires grad. (self: Float[3, 3], other: Float[3, 3], out: Float[0])]`,
  );
});

test("an out of the wrong kind or number is refused", () => {
  const add = torch.add as (...given: unknown[]) => unknown;
  const max = torch.max as (...given: unknown[]) => unknown;
  expect(() => add(x, y, { out: 3 })).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: The option out must be a tensor, or a list of tensors for several results, got number.]`,
  );
  expect(() => add(x, y, { out: [hidden(), hidden()] })).toThrowErrorMatchingInlineSnapshot(
    `[TorchError: aten::add.out: takes 4 arguments, got 5 (self: Float[3, 3], other: Float[3, 3], out: Float[0])]`,
  );
  expect(() => max(x, 1, { out: hidden() })).toThrowErrorMatchingInlineSnapshot(
    `[TorchError: aten::max.dim_max: argument "max_values" is missing.]`,
  );
  expect(() => max(x, 1, { out: [hidden(), null] })).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: A list of tensors must hold tensors alone, got null at index 1.]`,
  );
});

test("functions and overloads that write nowhere refuse out", () => {
  const call = (f: unknown, ...given: unknown[]) => (f as (...all: unknown[]) => unknown)(...given);
  expect(() => call(torch.nnFunctional.elu, x, { out: hidden() })).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: nn.elu: unknown option "out". Valid: alpha, inputScale, scale.]`,
  );
  expect(() => call(torch.chunk, x, 3, { out: hidden() })).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: chunk: unknown option "out". Valid: dim.]`,
  );
  expect(() => call(torch.std, x, true, { out: hidden() })).toThrowErrorMatchingInlineSnapshot(`
    [UsageError: std: no signature takes (Tensor, boolean, undefined, undefined, { out: Tensor }). Call it as:
      std(input: Tensor, unbiased = true)
      std(input: Tensor, dim?, { correction?, keepdim = false, out? })
      std(input: Tensor, dim: number | number[] | null, unbiased = true, keepdim = false, { out? })]
  `);
});
