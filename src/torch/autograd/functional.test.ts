// Jacobians, Hessians and products against PyTorch's, and what strict refuses.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import "../../../tests/matchers.ts";
import { autograd, grad, memoryStats, ones, scope, tensor } from "../index.ts";
import type { NestedNumbers, Tensor } from "../index.ts";

const { functional } = autograd;
// written by tools/golden/autograd.py
const golden = JSON.parse(
  readFileSync(new URL("../../../tests/goldens/autograd/functional.json", import.meta.url), "utf8"),
) as Record<string, unknown> & { inputs: Record<string, NestedNumbers> };
const f64 = (name: string) => tensor(golden.inputs[name]!, { dtype: "float64" });
const [matrix, x, y, vector, v, w] = ["matrix", "x", "y", "vector", "v", "w"].map(f64) as [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]; // prettier-ignore
const two64 = tensor(2, { dtype: "float64" });

const expSum = (a: Tensor) => a.exp().sum(1);
const two = (a: Tensor, b: Tensor) => [a.mul(2).add(b.pow(3)), a.sin().mul(b).sum()];
const unused = (a: Tensor, _b: Tensor) => [a.pow(2), a.sum()];
const scalar = (a: Tensor) =>
  a
    .pow(3)
    .mul(a.flip([0]).cos())
    .sum();
const scalarTwo = (a: Tensor, b: Tensor) => a.exp().mul(b.pow(2)).sum().add(a.prod());

function expectGolden(actual: unknown, expected: unknown): void {
  if (Array.isArray(actual)) {
    expect(expected).toHaveLength(actual.length);
    for (const [i, item] of actual.entries()) expectGolden(item, (expected as unknown[])[i]);
  } else {
    expect(actual).toBeAllclose(expected as NestedNumbers, { atol: 1e-12 });
    expect((actual as Tensor).requiresGrad).toBe(false);
  }
}

test.each([
  ["jacobian exp_sum", () => functional.jacobian(expSum, matrix)],
  ["jacobian two", () => functional.jacobian(two, [x, y])],
  ["jacobian unused", () => functional.jacobian(unused, [x, y])],
  ["vjp exp_sum", () => functional.vjp(expSum, matrix, vector)],
  ["vjp two", () => functional.vjp(two, [x, y], [v, two64])],
  ["vjp unused", () => functional.vjp(unused, [x, y], [v, two64])],
  ["jvp exp_sum", () => functional.jvp(expSum, matrix, matrix)],
  ["jvp two", () => functional.jvp(two, [x, y], [v, w])],
  ["jvp unused", () => functional.jvp(unused, [x, y], [v, w])],
  ["hessian scalar", () => functional.hessian(scalar, x)],
  ["hessian scalar_two", () => functional.hessian(scalarTwo, [x, y])],
  ["vhp scalar", () => functional.vhp(scalar, x, v)],
  ["vhp scalar_two", () => functional.vhp(scalarTwo, [x, y], [v, w])],
  ["hvp scalar", () => functional.hvp(scalar, x, v)],
  ["hvp scalar_two", () => functional.hvp(scalarTwo, [x, y], [v, w])],
])("%s is PyTorch's", (name, run) => {
  expectGolden(run(), golden[name]);
});

describe("createGraph", () => {
  test("lets results be differentiated with respect to the inputs", () => {
    const a = x.clone().requiresGrad_();
    const rows = functional.jacobian((z) => z.pow(3), a, { createGraph: true });
    expect(grad(rows.sum(), a)[0]).toBeAllclose(x.mul(6), { atol: 1e-12 });
    const [, product] = functional.vjp((z) => z.pow(3).sum(), a, undefined, { createGraph: true });
    expect(grad(product.sum(), a)[0]).toBeAllclose(x.mul(6), { atol: 1e-12 });
    const [, forward] = functional.jvp((z) => z.pow(3), a, v, { createGraph: true });
    expect(grad(forward.sum(), a)[0]).toBeAllclose(x.mul(6).mul(v), { atol: 1e-12 });
    const b = v.clone().requiresGrad_();
    const [, ofVector] = functional.jvp((z) => z.pow(3), x, b, { createGraph: true });
    expect(grad(ofVector.sum(), b)[0]).toBeAllclose(x.pow(2).mul(3), { atol: 1e-12 });
    const [, second] = functional.hvp((z) => z.pow(3).sum(), a, v, { createGraph: true });
    expect(grad(second.sum(), a)[0]).toBeAllclose(v.mul(6), { atol: 1e-12 });
    const whole = functional.hessian((z) => z.pow(3).sum(), a, { createGraph: true });
    expect(grad(whole.sum(), a)[0]).toBeAllclose(ones([3], { dtype: "float64" }).mul(6), { atol: 1e-12 });
  });
});

describe("strict", () => {
  const strict = { strict: true };

  test("refuses outputs and gradients that do not depend on an input", () => {
    expect(() => functional.jacobian(unused, [x, y], strict)).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: Output element 0 of the function is independent of input 1. This is not allowed when strict is true.]`,
    );
    expect(() => functional.vjp(unused, [x, y], [v, two64], strict)).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: The output of the function is independent of input 1. This is not allowed when strict is true.]`,
    );
    expect(() => functional.jvp(() => ones([1]), x, v, strict)).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: Output 0 of the function does not require gradients. The outputs must depend on the inputs when strict is true.]`,
    );
    expect(() => functional.hessian((a) => a.sum(), x, strict)).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: The Jacobian of the function is independent of input 0. This is not allowed when strict and createGraph are true.]`,
    );
    expect(() => functional.vhp((a) => a.sum(), x, v, strict)).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: The Jacobian of the function is independent of input 0. This is not allowed when strict and createGraph are true.]`,
    );
    expect(() =>
      functional.jacobian((a) => a.mul(2), x, { strict: true, createGraph: true }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: The Jacobian of the function is independent of input 0. This is not allowed when strict and createGraph are true.]`,
    );
  });

  test("gives the same where everything depends on everything", () => {
    expectGolden(functional.hessian(scalarTwo, [x, y], strict), golden["hessian scalar_two"]);
    expectGolden(functional.hvp(scalar, x, v, strict), golden["hvp scalar"]);
  });
});

test("a vector must fit, and may be left out for one number alone", () => {
  expect(() => functional.vjp(expSum, matrix)).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: vjp: v may be left out only for a single number. Give a vector.]`,
  );
  expect(() => functional.vjp(expSum, matrix, v)).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: vjp: v must have the shapes [2], got [3].]`,
  );
  expect(() => functional.hessian(expSum, matrix)).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: hessian: the function must return a tensor with one element, got shape [2].]`,
  );
});

test("nothing stays behind in a scope, and no input gets a gradient", () => {
  const before = memoryStats().liveTensors;
  scope(() => {
    functional.hessian(scalarTwo, [x, y]);
  });
  expect([memoryStats().liveTensors, x.grad, x.requiresGrad]).toEqual([before, null, false]);
});
