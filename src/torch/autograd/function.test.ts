// Custom functions: their gradients and second derivatives, what they may return, save and change, and that
// nothing stays behind.
import { describe, expect, test } from "vitest";
import "../../../tests/matchers.ts";
import { liveTensors } from "../../../tests/live-tensors.ts";
import { autograd, enableGrad, grad, memoryStats, noGrad, ones, scope, tensor, zeros } from "../index.ts";
import type { Tensor } from "../index.ts";

type Context = autograd.FunctionContext;

const leaf = (...values: number[]) => tensor(values, { requiresGrad: true });

class Cube extends autograd.Function {
  static override forward(ctx: Context, x: Tensor) {
    ctx.saveForBackward(x);
    return x.pow(3);
  }
  static override backward(ctx: Context, gradient: Tensor) {
    const [x] = ctx.savedTensors;
    return gradient.mul(x!.pow(2)).mul(3);
  }
}

class Exp extends autograd.Function {
  static override forward(ctx: Context, x: Tensor) {
    const y = x.exp();
    ctx.saveForBackward(y);
    return y;
  }
  static override backward(ctx: Context, gradient: Tensor) {
    return gradient.mul(ctx.savedTensors[0]!);
  }
}

/** Returns what it was told to. */
class Returns extends autograd.Function {
  static override forward(ctx: autograd.FunctionContext<{ result: unknown }>, x: Tensor, result: unknown) {
    ctx.result = result;
    return x.mul(1);
  }
  static override backward(ctx: autograd.FunctionContext<{ result: unknown }>) {
    return ctx.result as Tensor;
  }
}

describe("a custom function", () => {
  test("has the gradients of its backward, of every order", () => {
    const x = leaf(2, 3);
    const y = Cube.apply(x);
    expect([y.gradFn!.name, y.tolist()]).toEqual(["CubeBackward", [8, 27]]);
    const [first] = grad(y.sum(), x, { createGraph: true });
    const [second] = grad(first!.sum(), x, { createGraph: true });
    const [third] = grad(second!.sum(), x);
    expect([first, second, third].map((t) => t!.tolist())).toEqual([[12, 27], [12, 18], [6, 6]]); // prettier-ignore
  });

  test("may save its output, whose second derivative then follows", () => {
    const x = zeros([2], { requiresGrad: true });
    const [first] = grad(Exp.apply(x).sum(), x, { createGraph: true });
    expect(grad(first!.sum(), x)[0]!.tolist()).toEqual([1, 1]);
  });

  test("takes other arguments, and knows which inputs need a gradient", () => {
    const needs: (readonly boolean[])[] = [];
    class Scale extends autograd.Function {
      static override forward(
        ctx: autograd.FunctionContext<{ factor: number }>,
        x: Tensor,
        factor: number,
        bias: Tensor | null,
      ) {
        ctx.factor = factor;
        needs.push(ctx.needsInputGrad);
        return bias === null ? x.mul(factor) : x.mul(factor).add(bias);
      }
      static override backward(ctx: autograd.FunctionContext<{ factor: number }>, gradient: Tensor) {
        return [gradient.mul(ctx.factor), null, ctx.needsInputGrad[2] ? gradient : null];
      }
    }
    const [x, bias] = [leaf(1, 2), leaf(1, 1)];
    Scale.apply(x, 5, null).sum().backward();
    Scale.apply(x.detach(), 5, bias).sum().backward();
    expect([x.grad!.tolist(), bias.grad!.tolist(), needs]).toEqual([
      [5, 5],
      [1, 1],
      [
        [true, false, false],
        [false, false, true],
      ],
    ]);
    expect([Scale.apply(x.detach(), 5, null).requiresGrad, noGrad(() => Scale.apply(x, 5, null)).requiresGrad]).toEqual([false, false]); // prettier-ignore
  });

  test("has several outputs, some without gradient", () => {
    const got: unknown[] = [];
    class Sorted extends autograd.Function {
      static override forward(ctx: Context, x: Tensor): [Tensor, Tensor, string] {
        const [values, indices] = x.sort();
        ctx.markNonDifferentiable(indices!);
        ctx.saveForBackward(indices!);
        return [values!, indices!, "kept"];
      }
      static override backward(ctx: Context, gradient: Tensor, none: Tensor) {
        got.push(none.tolist());
        const [indices] = ctx.savedTensors;
        return zeros([3]).scatter(0, indices!, gradient);
      }
    }
    const x = leaf(3, 1, 2);
    const [values, indices, text] = Sorted.apply(x);
    expect([values.requiresGrad, indices.requiresGrad, text]).toEqual([true, false, "kept"]);
    values
      .mul(tensor([1, 10, 100]))
      .sum()
      .backward();
    expect([x.grad!.tolist(), got]).toEqual([[100, 1, 10], [[0, 0, 0]]]);
  });

  test("gets zeros, or null when it asks for that, for an output that was not used", () => {
    const got: unknown[] = [];
    const twice = (materialize: boolean) => {
      class Twice extends autograd.Function {
        static override forward(ctx: Context, x: Tensor) {
          ctx.setMaterializeGrads(materialize);
          return [x.mul(2), x.mul(3)];
        }
        static override backward(_ctx: Context, first: Tensor, second: Tensor | null) {
          got.push(second?.tolist() ?? null);
          return first.mul(2);
        }
      }
      return Twice;
    };
    for (const materialize of [true, false]) {
      const x = leaf(1);
      twice(materialize).apply(x)[0]!.backward();
      expect(x.grad!.item()).toBe(2);
    }
    expect(got).toEqual([[0], null]);
  });

  test("may change an input in place when it says so", () => {
    class Double_ extends autograd.Function {
      static override forward(ctx: Context, x: Tensor) {
        ctx.markDirty(x);
        return x.mul_(2);
      }
      static override backward(_ctx: Context, gradient: Tensor) {
        return gradient.mul(2);
      }
    }
    const x = leaf(1, 2);
    const y = x.mul(3);
    const z = Double_.apply(y);
    expect([z === y, y.gradFn!.name]).toEqual([true, "Double_Backward"]);
    z.sum().backward();
    expect(x.grad!.tolist()).toEqual([6, 6]);
    expect(() => Double_.apply(leaf(1))).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: applyFunction: a leaf Variable that requires grad has been used in an in-place operation.]`,
    );
  });

  test("may return an input, as a tensor of its own", () => {
    class Reverse extends autograd.Function {
      static override forward(_ctx: Context, x: Tensor) {
        return x;
      }
      static override backward(_ctx: Context, gradient: Tensor) {
        return gradient.neg();
      }
    }
    const x = leaf(1);
    const y = Reverse.apply(x);
    expect(y).not.toBe(x);
    y.backward();
    expect(x.grad!.item()).toBe(-1);
  });

  test("refuses a saved tensor that was changed in place", () => {
    const x = leaf(0);
    const y = Exp.apply(x);
    y.add_(1);
    expect(() => y.backward()).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: savedTensors: one of the variables needed for gradient computation has been modified by an inplace operation: [CPUFloatType [1]], which is output 0 of Exp, is at version 1; expected version 0 instead. Hint: enable anomaly detection to find the operation that failed to compute its gradient, with torch.autograd.set_detect_anomaly(True, check_nan=False).]`,
    );
  });

  test("refuses a second pass through a freed graph, and savedTensors outside of backward", () => {
    const x = leaf(2);
    const y = Cube.apply(x);
    y.backward();
    expect(() => y.backward()).toThrow("backward through the graph a second time");
    let ctx: Context | undefined;
    class Leaks extends autograd.Function {
      static override forward(context: Context, input: Tensor) {
        ctx = context;
        return input.mul(1);
      }
    }
    const z = Leaks.apply(x);
    expect(() => ctx!.savedTensors).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: savedTensors: is there while backward runs. Read it inside backward.]`,
    );
    expect(() => z.backward()).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: Leaks.backward: must be given by the class. Add \`static backward(ctx, ...)\`.]`,
    );
  });

  test("names what is wrong with the gradients that it returns", () => {
    const returns = (result: unknown) => Returns.apply(leaf(1, 2), result).sum().backward();
    expect(() => returns([ones([2])])).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: backward: function ReturnsBackward returned an incorrect number of gradients (expected 2, got 1)]`,
    );
    expect(() => returns([ones([2]), null, ones([2])])).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: backward: function ReturnsBackward returned an incorrect number of gradients (expected 2, got 3)]`,
    );
    expect(() => returns([ones([2]), ones([2])])).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: backward: function ReturnsBackward returned a gradient different than null at position 2, but the corresponding forward input was not a Tensor]`,
    );
    expect(() => returns([ones([3]), null])).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: backward: Function ReturnsBackward returned an invalid gradient at index 0 - got [3] but expected shape compatible with [2]]`,
    );
    expect(() => returns(undefined)).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: Returns.backward: must return a Tensor or null for each input of forward, got undefined at position 1.]`,
    );
    expect(() => returns([4, null])).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: Returns.backward: must return a Tensor or null for each input of forward, got number at position 1.]`,
    );
    expect(() => returns([Promise.resolve(), null])).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: Returns.backward: must return a Tensor or null for each input of forward, got a promise at position 1.]`,
    );
    returns([null, null, null, null]); // more are harmless when null
  });

  test("hands on what backward throws", () => {
    class Throws extends autograd.Function {
      static override forward(_ctx: Context, x: Tensor) {
        return x.mul(1);
      }
      static override backward(): never {
        throw new RangeError("stop");
      }
    }
    const depth = memoryStats().openScopes;
    expect(() => Throws.apply(leaf(1)).backward()).toThrow(RangeError);
    expect(memoryStats().openScopes).toBe(depth);
  });

  test("can run passes of its own, also through the same graph", () => {
    class Nested extends autograd.Function {
      static override forward(ctx: Context, x: Tensor) {
        ctx.saveForBackward(x);
        return x.pow(2);
      }
      static override backward(ctx: Context, gradient: Tensor) {
        const x = ctx.savedTensors[0]!.detach().requiresGrad_();
        enableGrad(() => Cube.apply(x).sum().div(3)).backward(); // x^2
        const [again] = ctx.savedTensors;
        return gradient.mul(x.grad!.div(again!)).mul(2);
      }
    }
    const x = leaf(3);
    Nested.apply(Nested.apply(x)).backward(); // x^4
    expect(x.grad!.item()).toBeCloseTo(108, 3);
  });

  test("marked as once differentiable, refuses a second derivative", () => {
    class Square extends autograd.Function {
      static override forward(ctx: Context, x: Tensor) {
        ctx.saveForBackward(x);
        return x.mul(x);
      }
      static override backward = autograd.onceDifferentiable((ctx, gradient) =>
        gradient.mul(ctx.savedTensors[0]!).mul(2),
      );
    }
    const x = leaf(3);
    expect(grad(Square.apply(x), x)[0]!.item()).toBe(6);
    const [first] = grad(Square.apply(x).pow(2), x, { createGraph: true }); // the gradient of Square needs one too
    expect(first!.item()).toBe(108);
    expect(() => grad(first!, x)).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: gradOf: element 0of the differentiated Tensors appears to not have been used in the graph. Set allow_unused=True if this is the desired behavior.]`,
    );
  });

  test("leaves no tensor behind in 1,000 passes, in scopes and without", () => {
    const x = leaf(1, 2);
    const pass = () => {
      Cube.apply(Exp.apply(x)).sum().backward();
      x.grad = null;
    };
    scope(pass);
    let before = liveTensors();
    for (let i = 0; i < 1000; i++) scope(pass);
    expect(liveTensors()).toBeLessThanOrEqual(before);
    before = liveTensors();
    for (let i = 0; i < 1000; i++) pass();
    expect(liveTensors()).toBeLessThanOrEqual(before);
  });

  test("lets go of its context when the graph dies", async () => {
    let context: WeakRef<Context> | undefined;
    class Watched extends autograd.Function {
      static override forward(ctx: Context, x: Tensor) {
        context = new WeakRef(ctx);
        return x.mul(1);
      }
    }
    const [x, z] = [leaf(1), ones([1])];
    let y: Tensor | undefined = Watched.apply(x);
    liveTensors();
    await new Promise((resolve) => setImmediate(resolve));
    liveTensors();
    expect(context!.deref()).toBeDefined();
    y.dispose();
    y = undefined;
    z.add(1); // references are dropped on the next call
    await new Promise((resolve) => setImmediate(resolve));
    liveTensors();
    expect(context!.deref()).toBeUndefined();
  });
});
