// Printed tensors against Python's repr. tools/golden/torch_core.py writes the cases.
import { inspect } from "node:util";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { complex, ones, tensor, zeros } from "./index.ts";
import type { Dtype, NestedNumbers } from "./index.ts";

type Case = { values: unknown; shape: number[]; dtype: Dtype; requiresGrad: boolean; text: string };

const url = new URL("../../tests/goldens/torch/print.json", import.meta.url);
const cases = JSON.parse(readFileSync(url, "utf8")) as Case[];

function numbers(value: unknown): NestedNumbers {
  if (Array.isArray(value)) return value.map(numbers);
  return value === "nan"
    ? NaN
    : value === "inf"
      ? Infinity
      : value === "-inf"
        ? -Infinity
        : (value as number);
}

test.each(cases.map((entry) => [entry.text.slice(0, 60).replaceAll("\n", ""), entry] as const))(
  "%s",
  (_, entry) => {
    const { values, shape, dtype, requiresGrad, text } = entry;
    const x = tensor(numbers(values), { dtype }).reshape(shape);
    if (requiresGrad) x.requiresGrad_();
    const expected = text
      .replaceAll(/dtype=torch\.(\w+)/g, "dtype=$1")
      .replaceAll("True", "true")
      .replaceAll("False", "false");
    expect(x.toString()).toBe(expected);
  },
);

test("console.log shows the numbers, and of a disposed tensor that it is one", () => {
  const x = ones([2]);
  expect(inspect(x)).toBe("tensor([1., 1.])");
  x.dispose();
  expect(inspect(x)).toBe("Tensor(disposed)");
});

test("bigints beyond 2^53 print all their digits, complex numbers none", () => {
  expect(tensor([2n ** 53n + 1n]).toString()).toBe("tensor([9007199254740993])");
  expect(complex(zeros([2]), zeros([2])).toString()).toBe("tensor(..., dtype=complex64)");
});
