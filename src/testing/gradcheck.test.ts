// gradcheck and gradgradcheck: right gradients pass, wrong ones are named by output, input and element.
import { describe, expect, test } from "vitest";
import { autograd, memoryStats, ones, randn, scope } from "../torch/index.ts";
import type { Tensor } from "../torch/index.ts";
import { gradcheck, gradgradcheck } from "./index.ts";

const f64 = (...shape: number[]) => randn(shape, { dtype: "float64", requiresGrad: true });

/** x^2 with the gradient `2 x + error`. */
const square = (error: (x: Tensor) => Tensor) =>
  class Square extends autograd.Function {
    static override forward(ctx: autograd.FunctionContext, x: Tensor) {
      ctx.saveForBackward(x);
      return x.mul(x);
    }
    static override backward(ctx: autograd.FunctionContext, gradient: Tensor) {
      const [x] = ctx.savedTensors;
      return gradient.mul(x!.mul(2).add(error(x!)));
    }
  };

describe("gradcheck", () => {
  test("passes for right gradients, of several inputs and outputs", () => {
    const [x, y] = [f64(2, 3), f64(3)];
    expect(gradcheck((a, b) => [a.mul(b!).sin(), a.exp().sum(), a.argmax()], [x, y])).toBe(true);
    expect(gradcheck((a) => square((s) => s.mul(0)).apply(a), [x])).toBe(true);
    expect(gradcheck((a, b) => a.mul(b!), [x, y.detach()])).toBe(true);
    expect([x.grad, y.grad]).toEqual([null, null]);
  });

  test("names the worst element of a wrong gradient", () => {
    const x = ones([2, 2], { dtype: "float64", requiresGrad: true });
    const wrong = square((s) => s.mul(0).add(0.5));
    const run = (a: Tensor) => [a.sum(), wrong.apply(a)];
    let message = "";
    try {
      gradcheck(run, [x]);
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message.replace(/(\.\d{3})\d+/g, "$1")).toMatchInlineSnapshot(
      `"gradcheck: Jacobian mismatch for output 1 with respect to input 0: d output[0, 0] / d input[0, 0] is 2.000 by finite differences and 2.5 by backward (eps 0.000, atol 0.000, rtol 0.001)."`,
    );
    expect(gradcheck(run, [x], { raiseException: false })).toBe(false);
    expect(gradcheck(run, [x], { atol: 0.6 })).toBe(true);
  });

  test("sees a gradient that is missing, and one that is not the same twice", () => {
    expect(() => gradcheck((a) => a.detach().mul(2), [f64(1)])).toThrow(
      /by finite differences and 0 by backward/,
    );
    let calls = 0;
    const moving = square((s) => s.mul(0).add(calls++ * 1e-7));
    expect(() => gradcheck((a) => moving.apply(a), [f64(1)])).toThrow(
      "backward gives different values for the same input",
    );
    calls = 0;
    expect(gradcheck((a) => moving.apply(a), [f64(1)], { nondetTol: 1e-6 })).toBe(true);
  });

  test("refuses inputs that it cannot check", () => {
    expect(() => gradcheck((a) => a, [ones([1], { requiresGrad: true })])).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: gradcheck: inputs that need a gradient must be float64, as differences of others are too coarse, got float32. Use x.double().]`,
    );
    expect(() => gradcheck((a) => a, [ones([1])])).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: gradcheck: at least one input must need a gradient, got none of 1.]`,
    );
  });

  test("leaves no tensor behind", () => {
    const x = f64(3);
    const before = memoryStats().liveTensors;
    gradcheck((a) => a.exp(), [x]);
    scope(() => gradgradcheck((a) => a.exp(), [x]));
    expect(memoryStats().liveTensors).toBe(before);
  });
});

describe("gradgradcheck", () => {
  test("passes for right second derivatives, with given gradients of the outputs too", () => {
    const [x, y] = [f64(2), f64(2)];
    expect(gradgradcheck((a, b) => [a.mul(b!).sin(), a.exp().sum()], [x, y])).toBe(true);
    expect(gradgradcheck((a) => a.pow(3), [x], { gradOutputs: [ones([2], { dtype: "float64" })] })).toBe(
      true,
    );
    expect(gradgradcheck((a) => square((s) => s.mul(0)).apply(a), [x])).toBe(true);
  });

  test("sees a backward whose own gradient is wrong", () => {
    // the value of the first derivative is right, its graph is not
    const wrong = square((s) => s.detach().mul(s).sub(s.mul(s).detach()));
    expect(gradcheck((a) => wrong.apply(a), [f64(2)])).toBe(true);
    expect(() => gradgradcheck((a) => wrong.apply(a), [f64(2)])).toThrow("gradgradcheck: Jacobian mismatch for output 0 with respect to input 0"); // prettier-ignore
  });
});
