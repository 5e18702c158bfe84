// The generated operators against PyTorch, and how a call finds its overload. tools/golden/ops.py writes the cases.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { liveTensors } from "../../tests/live-tensors.ts";
import "../../tests/matchers.ts";
import * as torch from "./index.ts";
import { Tensor, scope, tensor } from "./index.ts";
import type { Dtype, NestedNumbers } from "./index.ts";

type Encoded = { tensor: (number | string)[]; shape: number[]; dtype: Dtype };
type Case = {
  call: "torch" | "nn" | "linalg" | "fft" | "special" | "method";
  name: string;
  args: unknown[];
  options: Record<string, unknown>;
  results: unknown[];
  grads?: Encoded[];
};
type AnyFunction = (...args: unknown[]) => unknown;

const url = new URL("../../tests/goldens/torch/ops.json", import.meta.url);
const cases = JSON.parse(readFileSync(url, "utf8")) as Case[];
const spaces = {
  torch,
  nn: torch.nnFunctional,
  linalg: torch.linalg,
  fft: torch.fft,
  special: torch.special,
} as unknown as Record<string, Record<string, AnyFunction>>;

const camelCase = (name: string) => name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

function decode(value: unknown): unknown {
  if (value === "nan") return NaN;
  if (value === "inf") return Infinity;
  if (value === "-inf") return -Infinity;
  if (Array.isArray(value)) return value.map(decode);
  if (typeof value === "object" && value !== null) {
    const { tensor: values, shape, dtype } = value as Encoded;
    return tensor(decode(values) as number[], { dtype }).reshape(shape);
  }
  return value;
}

function floats(values: readonly unknown[]): Tensor[] {
  return values
    .flat()
    .filter((value): value is Tensor => value instanceof Tensor && torch.isFloatingPoint(value.dtype));
}

function call({ call: space, name, options }: Case, args: readonly unknown[]): unknown[] {
  const named = Object.entries(options).map(([key, value]) => [camelCase(key), decode(value)]);
  const given = named.length === 0 ? args : [...args, Object.fromEntries(named)];
  const [first, ...rest] = given;
  const result =
    space === "method"
      ? (first as Record<string, AnyFunction>)[camelCase(name)]!(...rest)
      : spaces[space]![camelCase(name)]!(...given);
  return Array.isArray(result) ? result : [result];
}

describe("every operator gives what PyTorch gives", () => {
  test.each(cases.map((entry, i) => [`${entry.call}.${entry.name} #${i}`, entry] as const))(
    "%s",
    (_, entry) => {
      scope(() => {
        const args = entry.args.map(decode);
        const leaves = entry.grads === undefined ? [] : floats(args).map((leaf) => leaf.requiresGrad_());
        const results = call(entry, args);
        expect(results.length).toBe(entry.results.length);
        for (const [i, expected] of entry.results.entries()) expectSame(results[i], expected);
        if (entry.grads === undefined) return;
        torch
          .stack(floats(results).map((result) => result.square().sum()))
          .sum()
          .backward();
        for (const [i, leaf] of leaves.entries()) expectSame(leaf.grad, entry.grads[i]);
      });
    },
  );

  test("for over a hundred operators, dozens of them with gradients", () => {
    expect(new Set(cases.map(({ call, name }) => `${call}.${name}`)).size).toBeGreaterThan(120);
    expect(cases.filter(({ grads }) => grads !== undefined).length).toBeGreaterThan(36);
  });
});

function expectSame(actual: unknown, expected: unknown): void {
  if (typeof expected !== "object" || expected === null || !("tensor" in expected)) {
    expect(actual).toEqual(decode(expected));
    return;
  }
  const { shape, dtype, tensor: values } = expected as Encoded;
  const given = actual as Tensor;
  expect([given.shape, given.dtype]).toEqual([shape, dtype]);
  const flat = given.detach().reshape([-1]);
  const tolerance = dtype === "bfloat16" ? 4e-3 : 1e-5; // kernels of other CPUs add in another order
  expect(flat.to("float64")).toBeAllclose(decode(values) as NestedNumbers, {
    atol: tolerance,
    rtol: tolerance,
  });
}

describe("a call finds its overload", () => {
  const x = tensor([[1, 2], [3, 4]]); // prettier-ignore
  const i = tensor([[1n, 2n], [3n, 4n]]); // prettier-ignore

  // each row: what is called, what it is equal to
  test.each<[string, () => Tensor, NestedNumbers]>([
    // rule a: the keyword-only option that is present decides
    [
      "div by rounding mode",
      () => torch.div(x, 2, { roundingMode: "floor" }),
      [
        [0, 1],
        [1, 2],
      ],
    ],
    ["std by correction", () => torch.std(x, { correction: 0 }), 1.118034],
    ["std by correction and dim", () => x.std([1], { correction: 0 }), [0.5, 0.5]],
    [
      "sort by stable",
      () => torch.sort(x, { stable: true, dim: 1, descending: true })[0],
      [
        [2, 1],
        [4, 3],
      ],
    ],
    ["round by decimals", () => torch.round(tensor([1.26]), { decimals: 1 }), [1.3]],
    // rule b: everything optional left out takes the shorter schema
    ["sum of all", () => torch.sum(x), 10],
    ["mean of all", () => x.mean(), 2.5],
    ["any of all", () => x.gt(3).any(), true],
    ["std of all", () => torch.std(x), 1.290994],
    ["max of all", () => torch.max(x), 4],
    ["empty options are no options", () => torch.sum(x, {}), 10],
    // kinds of values
    ["sum over one dim", () => torch.sum(x, 0), [4, 6]],
    ["sum over dims by name", () => torch.sum(x, { dim: [0, 1], keepdim: true }), [[10]]],
    [
      "max with a tensor",
      () => torch.max(x, i),
      [
        [1, 2],
        [3, 4],
      ],
    ],
    ["max along a dim", () => torch.max(x, 1)[0], [2, 4]],
    [
      "pow with a number in front",
      () => torch.pow(2, x),
      [
        [2, 4],
        [8, 16],
      ],
    ],
    [
      "pow with tensors",
      () => x.pow(i),
      [
        [1, 4],
        [27, 256],
      ],
    ],
    [
      "where with a number",
      () => torch.where(x.gt(2), x, 0),
      [
        [0, 0],
        [3, 4],
      ],
    ],
    ["arange to an end", () => torch.arange(3), [0, 1, 2]],
    ["arange from a start", () => torch.arange(1, 3), [1, 2]],
    ["arange with steps", () => torch.arange(1, 2, 0.5), [1, 1.5]],
    ["split by size", () => x.split(1, 1)[1]!, [[2], [4]]],
    ["split by sizes", () => x.split([1, 1], 1)[0]!, [[1], [3]]],
    [
      "clamp by numbers",
      () => x.clamp(2, 3),
      [
        [2, 2],
        [3, 3],
      ],
    ],
    [
      "clamp by one name",
      () => x.clamp({ max: 2 }),
      [
        [1, 2],
        [2, 2],
      ],
    ],
    [
      "clamp by a tensor",
      () => x.clamp({ min: tensor([2]) }),
      [
        [2, 2],
        [3, 4],
      ],
    ],
    // the options object at each trailing place
    ["no name", () => torch.softmax(x, 0, "float32").sum(0), [1, 1]],
    ["one name", () => torch.softmax(x, 0, { dtype: "float32" }).sum(0), [1, 1]],
    ["two names", () => torch.softmax(x, { dim: 0, dtype: "float32" }).sum(0), [1, 1]],
    ["undefined stands for a default", () => torch.sum(x, 0, undefined, { dtype: undefined }), [4, 6]],
    [
      "alpha",
      () => x.add(x, { alpha: 2 }),
      [
        [3, 6],
        [9, 12],
      ],
    ],
    [
      "alpha with a number",
      () => x.add(1, { alpha: 2 }),
      [
        [3, 4],
        [5, 6],
      ],
    ],
  ])("%s", (_, run, expected) => {
    // prettier-ignore
    expect(scope(run).to("float64")).toBeAllclose(expected, { atol: 1e-6 });
  });

  test("numbers without a dtype fill with the default dtype, whole or not", () => {
    expect(torch.full([1], 3).dtype).toBe("float32");
    expect(torch.full([1], 3, { requiresGrad: true }).requiresGrad).toBe(true);
    expect(torch.full([1], true).dtype).toBe("bool");
    expect(torch.full([1], 3n).dtype).toBe("int64");
    expect(torch.full([1], 3, { dtype: "int32" }).dtype).toBe("int32");
    expect(torch.fullLike(i, 3).dtype).toBe("int64");
    expect(i.newFull([1], 3).dtype).toBe("int64");
  });

  test("in-place operators return what they change", () => {
    const y = torch.zeros([2]);
    expect(y.add_(1)).toBe(y);
    expect(torch.relu_(y)).toBe(y);
    expect(y.tolist()).toEqual([1, 1]);
  });

  test("in-place operators leave no second handle behind, so that dispose frees the memory", () => {
    const y = torch.zeros([2]);
    const before = liveTensors();
    for (let i = 0; i < 10; i++) torch.relu_(y.add_(1).mul_(y));
    expect(liveTensors()).toBe(before);
    y.dispose();
    expect(liveTensors()).toBe(before - 1);
  });

  test("several results come as an array, in-place names and reserved words included", () => {
    const [q, r] = torch.linalg.qr(x);
    expect(q.matmul(r)).toBeAllclose(x, { atol: 1e-5 });
    expect(torch.var(x).item()).toBeCloseTo(1.6666666);
    expect([x.T.shape, x.mT.tolist()]).toEqual([[2, 2], [[1, 3], [2, 4]]]); // prettier-ignore
  });
});

describe("a call that fits no overload says so", () => {
  const x = torch.ones([2, 3]);
  const loose = torch as unknown as Record<string, AnyFunction>;

  test("with the kinds that it got and the signatures that there are", () => {
    expect(() => loose["add"]!(x, "1")).toThrowErrorMatchingInlineSnapshot(`
      [UsageError: add: no signature takes (Tensor, "1"). Call it as:
        add(input: Tensor, other: Tensor, { alpha = 1, out? })
        add(input: Tensor, other: Scalar, { alpha = 1, out? })]
    `);
    expect(() => loose["add"]!(1, x)).toThrowErrorMatchingInlineSnapshot(`
      [UsageError: add: no signature takes (number, Tensor). Call it as:
        add(input: Tensor, other: Tensor, { alpha = 1, out? })
        add(input: Tensor, other: Scalar, { alpha = 1, out? })]
    `);
    expect(() => loose["cat"]!(x)).toThrowErrorMatchingInlineSnapshot(`
      [UsageError: cat: no signature takes (Tensor). Call it as:
        cat(tensors: Tensor[], dim = 0, { out? })]
    `);
    expect(() => loose["sum"]!(x, true)).toThrowErrorMatchingInlineSnapshot(`
      [UsageError: sum: no signature takes (Tensor, boolean). Call it as:
        sum(input: Tensor, { dtype? })
        sum(input: Tensor, dim: number | number[] | null, keepdim = false, { dtype?, out? })]
    `);
    expect(() => loose["matmul"]!(x, [[1]])).toThrowErrorMatchingInlineSnapshot(`
      [UsageError: matmul: no signature takes (Tensor, number[][]). Call it as:
        matmul(input: Tensor, other: Tensor, { out? })]
    `);
    expect(() => loose["relu"]!()).toThrowErrorMatchingInlineSnapshot(`
      [UsageError: relu: no signature takes (). Call it as:
        relu(input: Tensor)]
    `);
    expect(() => loose["div"]!(x, 2, { roundingMode: 1 })).toThrowErrorMatchingInlineSnapshot(`
      [UsageError: div: no signature takes (Tensor, number, { roundingMode: number }). Call it as:
        div(input: Tensor, other: Tensor, { out? })
        div(input: Tensor, other: Scalar, { out? })
        div(input: Tensor, other: Tensor, { roundingMode: string | null, out? })
        div(input: Tensor, other: Scalar, { roundingMode: string | null, out? })]
    `);
  });

  test("with the place in a list of tensors that holds something else", () => {
    expect(() => torch.cat([x, 1 as unknown as Tensor])).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: A list of tensors must hold tensors alone, got number at index 1.]`,
    );
    expect(() => torch.index(x, [null, 5 as unknown as Tensor])).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: A list of tensors must hold tensors alone, got number at index 1.]`,
    );
    expect(torch.index(x, [null, tensor([0n])]).tolist()).toEqual([[1], [1]]);
  });

  test("with the nearest name of an unknown option", () => {
    expect(() => loose["sum"]!(x, { dmi: 0 })).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: sum: unknown option "dmi". Did you mean "dim"? Valid: dim, dtype, keepdim, out.]`,
    );
    expect(() => loose["softmax"]!(x, { dimension: 0 })).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: softmax: unknown option "dimension". Valid: dim, dtype, out.]`,
    );
    expect(() => loose["add"]!(x, x, { aplha: 2 })).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: add: unknown option "aplha". Did you mean "alpha"? Valid: alpha, out.]`,
    );
    expect(() => loose["zeros"]!([2], { dytpe: "int64" })).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: zeros: unknown option "dytpe". Did you mean "dtype"? Valid: device, dtype, layout, out, pinMemory, requiresGrad.]`,
    );
  });

  test("and refuses an option that is given by place too, or beside one of another overload", () => {
    expect(() => loose["softmax"]!(x, 0, { dim: 1 })).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: softmax: "dim" is given twice, by its place and as an option. Leave one out.]`,
    );
    expect(() => loose["std"]!(x, { unbiased: true, correction: 1 })).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: std: no signature takes the options unbiased, correction together after 1 positional arguments. Signatures take: input, unbiased | input, dim, correction, keepdim, out | input, dim, unbiased, keepdim, out.]`,
    );
    expect(() => loose["sum"]!(x, 0, false, 7)).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: sum: the last argument must be an options object, got number.]`,
    );
  });

  test("with the kind of a dtype that is no name", () => {
    expect(() => loose["softmax"]!(x, 0, 3)).toThrow(/dtype: unknown name of type number\. .*float32/);
    expect(() => loose["softmax"]!(x, 0, "toString")).toThrow(/dtype: unknown name "toString"/);
  });

  test("with what stands where the options should end the call", () => {
    expect(() => loose["sum"]!(x, { dim: 0 }, true)).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: sum: the last argument must be an options object, got boolean.]`,
    );
    expect(() => loose["zeros"]!([2], 3)).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: zeros: the last argument must be an options object, got number.]`,
    );
    expect(() => loose["add"]!(x, x, null)).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: add: the last argument must be an options object, got null.]`,
    );
    expect(() => loose["argsort"]!(x, true, 1, true, 5)).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: argsort: the last argument must be an options object, got boolean.]`,
    );
    expect(() => loose["std"]!(x, { correction: 1 }, true)).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: std: the last argument must be an options object, got boolean.]`,
    );
  });

  // rule c: neither tensor nor number
  test("as clamp without bounds does, in PyTorch's words", () => {
    expect(() => x.clamp()).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: aten::clamp.Tensor: torch.clamp: At least one of 'min' or 'max' must not be None (self: Float[2, 3])]`,
    );
  });

  test("in libtorch's words with operator and shapes where the values are wrong", () => {
    expect(() => x.add(torch.ones([4]))).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: aten::add.Tensor: The size of tensor a (3) must match the size of tensor b (4) at non-singleton dimension 1 (self: Float[2, 3], other: Float[4])]`,
    );
    expect(() => torch.matmul(x, x)).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: aten::matmul: mat1 and mat2 shapes cannot be multiplied (2x3 and 2x3) (self: Float[2, 3], other: Float[2, 3])]`,
    );
    expect(() => torch.cat([x, torch.ones([2])])).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: aten::cat: Tensors must have same number of dimensions: got 2 and 1 (tensors: [Float[2, 3], Float[2]])]`,
    );
    expect(() => x.sum(7)).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: aten::sum.dim_IntList: Dimension out of range (expected to be in range of [-2, 1], but got 7) (self: Float[2, 3])]`,
    );
    expect(() => x.sum(0.5)).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: aten::sum.dim_IntList: argument "dim" must be a whole number within 2^53 (or a bigint), got 0.5.]`,
    );
    expect(() => torch.zeros([-1])).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: aten::zeros: zeros: Dimension size must be non-negative.]`,
    );
    expect(() => torch.einsum("ij,kl", [x])).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: aten::einsum: einsum(): fewer operands were provided than specified in the equation (tensors: [Float[2, 3]])]`,
    );
    expect(() => torch.zeros([2], { dtype: "float33" as Dtype })).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: dtype: unknown name "float33". Did you mean "float32"? Valid: bfloat16, bool, complex128, complex32, complex64, float16, float32, float64, float8_e4m3fn, float8_e4m3fnuz, float8_e5m2, float8_e5m2fnuz, float8_e8m0fnu, int16, int32, int64, int8, uint16, uint32, uint64, uint8.]`,
    );
    expect(() => torch.zeros([2], { device: "cuda:0" })).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: aten::zeros: Could not run 'aten::empty.memory_format' with arguments from the 'CUDA' backend.]`,
    );
  });

  test("and a tensor that was disposed is an error, never a crash", () => {
    const gone = torch.ones([2]);
    gone.dispose();
    expect(() => x.add(gone)).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: aten::add.Tensor: argument "other" is a tensor that was disposed. Return it from torch.scope(), or keep it with torch.keep().]`,
    );
    expect(() => torch.cat([gone])).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: aten::cat: argument "tensors" is a tensor that was disposed. Return it from torch.scope(), or keep it with torch.keep().]`,
    );
  });
});

test("indices outside a sparse tensor are refused", () => {
  expect(() => torch.sparseCooTensor(torch.tensor([[9n]]), torch.ones([1]), [3])).toThrow("found index 9");
  expect(() => torch.sparseCooTensor(torch.tensor([[-1n]]), torch.ones([1]), [3])).toThrow(
    "negative index -1",
  );
});
