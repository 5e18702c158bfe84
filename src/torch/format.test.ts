// Printed tensors against Python's repr. tools/golden/printing.py writes the cases.
import { inspect } from "node:util";
import { readFileSync } from "node:fs";
import { afterEach, describe, expect, test } from "vitest";
import * as torch from "./index.ts";
import { getPrintOptions, ones, setPrintOptions, tensor, zeros } from "./index.ts";
import type { Dtype, NestedNumbers, PrintOptions } from "./index.ts";
import { exponential, fixed } from "./format-number.ts";

type Case = {
  values: unknown[];
  shape: number[];
  dtype: Dtype;
  text: string;
  requiresGrad?: boolean;
  options?: Record<string, unknown>;
};

const url = new URL("../../tests/goldens/torch/print.json", import.meta.url);
const cases = JSON.parse(readFileSync(url, "utf8")) as Case[];

const special: Record<string, number> = { nan: NaN, inf: Infinity, "-inf": -Infinity, "-0": -0 };

function decode(value: unknown): NestedNumbers {
  if (Array.isArray(value)) return { re: decode(value[0]) as number, im: decode(value[1]) as number };
  if (typeof value === "string") return special[value] ?? BigInt(value);
  return value as number;
}

afterEach(() => setPrintOptions({ profile: "default" }));

describe("prints as PyTorch does", () => {
  test.each(
    cases.map(
      (entry, i) => [`${i} ${entry.dtype} ${entry.text.slice(0, 50).replaceAll("\n", "")}`, entry] as const,
    ),
  )("%s", (_, { values, shape, dtype, requiresGrad, text, options = {} }) => {
    const { sci_mode: sciMode, ...others } = options as { sci_mode?: boolean };
    setPrintOptions({ ...others, ...(sciMode !== undefined && { sciMode }) } as Partial<PrintOptions>);
    const exact = dtype.startsWith("complex") ? "complex128" : dtype.includes("float") ? "float64" : dtype;
    const x = tensor(values.map(decode), { dtype: exact }).to(dtype).reshape(shape);
    if (requiresGrad === true) x.requiresGrad_();
    expect(x.toString()).toBe(text);
  });
});

test("the end of the line tells device, layout and how gradients come", () => {
  const x = ones([2], { requiresGrad: true });
  expect(x.add(x).toString()).toBe("tensor([2., 2.], grad_fn=<AddBackward0>)");
  expect(torch.linalg.norm(x).toString()).toBe("tensor(1.4142, grad_fn=<LinalgVectorNormBackward0>)");
  expect(zeros([2, 3], { device: "meta" }).toString()).toBe("tensor(..., device='meta', size=(2, 3))");
  expect(zeros([2], { device: "meta", dtype: "int64" }).toString()).toBe(
    "tensor(..., device='meta', size=(2,), dtype=torch.int64)",
  );
});

test("sparse tensors show their indices and values", () => {
  const x = tensor([[0, 2], [3, 0]]); // prettier-ignore
  expect(x.toSparse().toString()).toMatchInlineSnapshot(`
    "tensor(indices=tensor([[0, 1],
                           [1, 0]]),
           values=tensor([2., 3.]),
           size=(2, 2), nnz=2, layout=torch.sparse_coo)"
  `);
  expect(x.toSparseCsr().toString()).toMatchInlineSnapshot(`
    "tensor(crow_indices=tensor([0, 1, 2]),
           col_indices=tensor([1, 0]),
           values=tensor([2., 3.]), size=(2, 2), nnz=2, layout=torch.sparse_csr)"
  `);
});

test("console.log shows the numbers, and of a disposed tensor that it is one", () => {
  const x = ones([2]);
  expect(inspect(x)).toBe("tensor([1., 1.])");
  x.dispose();
  expect(inspect(x)).toBe("Tensor(disposed)");
  expect(JSON.stringify({ x })).toBe('{"x":"Tensor(disposed)"}');
});

test("a large tensor is printed without reading all of it into JavaScript", () => {
  const x = zeros([3000, 3000]);
  const start = performance.now();
  for (let i = 0; i < 20; i++) x.toString();
  expect(performance.now() - start).toBeLessThan(5_000); // nine million numbers each would take longer
});

test("a failed assertion shows a tensor in short", () => {
  const compare = () => expect({ x: ones([2]) }).toEqual({ x: zeros([1000, 1000]) });
  expect(compare).toThrow(/expected/);
  try {
    compare();
  } catch (error) {
    expect(inspect(error).length).toBeLessThan(5_000);
  }
});

test("the default dtype is not told", () => {
  torch.setDefaultDtype("float64");
  try {
    expect(tensor([0.5]).toString()).toBe("tensor([0.5000])");
    expect(tensor([{ re: 1, im: 2 }]).toString()).toBe("tensor([1.+2.j])");
    expect(tensor([0.5], { dtype: "float32" }).toString()).toBe("tensor([0.5000], dtype=torch.float32)");
  } finally {
    torch.setDefaultDtype("float32");
  }
});

test("print options are read back, and sciMode is reset unless it is given", () => {
  setPrintOptions({ precision: 2, sciMode: true });
  expect(getPrintOptions()).toEqual({
    precision: 2,
    threshold: 1000,
    edgeitems: 3,
    linewidth: 80,
    sciMode: true,
  });
  setPrintOptions({ profile: "short" });
  expect(getPrintOptions().sciMode).toBe(null);
  expect(() => setPrintOptions({ profile: "long" as "short" })).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: setPrintOptions: profile must be default, short or full, got "long".]`,
  );
});

test("halves are rounded to the even digit, as Python does", () => {
  expect([fixed(0.5, 0), fixed(1.5, 0), fixed(2.5, 0), fixed(-0.125, 2), fixed(0.375, 2)]).toEqual([
    "0",
    "2",
    "2",
    "-0.12",
    "0.38",
  ]);
  expect([exponential(2.5, 0), exponential(0, 4), exponential(1e-300, 2), exponential(1.25e100, 1)]).toEqual([
    "2e+00",
    "0.0000e+00",
    "1.00e-300",
    "1.2e+100",
  ]);
  expect(fixed(1e22, 2)).toBe("10000000000000000000000.00");
});
