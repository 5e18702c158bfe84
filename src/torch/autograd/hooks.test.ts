// Hooks on tensors and nodes: order, replacement, removal, errors, and what they may do to the graph meanwhile.
import { describe, expect, test } from "vitest";
import { liveTensors } from "../../../tests/live-tensors.ts";
import * as torch from "../index.ts";
import { autograd, enableGrad, grad, ones, scope, tensor } from "../index.ts";
import type { Tensor } from "../index.ts";

const leaf = (...values: number[]) => tensor(values, { requiresGrad: true });

describe("registerHook", () => {
  test("sees the gradient, and replaces it by what it returns, in order of registration", () => {
    const x = leaf(1, 2);
    const y = x.mul(3);
    const seen: unknown[] = [];
    y.registerHook((gradient) => {
      seen.push(gradient.tolist());
    });
    y.registerHook((gradient) => gradient.mul(10));
    y.registerHook((gradient) => gradient.add(1));
    x.registerHook((gradient) => gradient.neg());
    y.sum().backward();
    expect([seen, x.grad!.tolist()]).toEqual([[[1, 1]], [-33, -33]]);
  });

  test("runs for autograd.grad too, and for one of several outputs of a node", () => {
    const x = leaf(1, 2);
    const [a, b] = x.unbind(0);
    a!.registerHook((gradient) => gradient.mul(5));
    b!.registerHook((gradient) => gradient.mul(7));
    expect(grad(a!.add(b!), x)[0]!.tolist()).toEqual([5, 7]);
  });

  test("is taken off by its handle, also from inside itself and twice", () => {
    const x = leaf(1);
    let calls = 0;
    const handle = x.registerHook(() => {
      calls++;
      handle.remove();
    });
    x.mul(2).backward();
    x.mul(2).backward();
    handle.remove();
    expect([calls, x.grad!.item()]).toEqual([1, 4]);
  });

  test("may add and remove others while it runs", () => {
    const x = leaf(1, 1);
    const [a, b] = x.unbind(0);
    const calls: string[] = [];
    a!.registerHook(() => {
      calls.push("a");
      if (calls.length > 1) return;
      second.remove();
      for (let i = 0; i < 50; i++) a!.registerHook(() => void calls.push("late"));
      for (let i = 0; i < 50; i++) b!.registerHook(() => void calls.push("b"));
    });
    const second = a!.registerHook(() => void calls.push("removed"));
    const sum = a!.add(b!);
    sum.backward(undefined, { retainGraph: true });
    expect(calls).toEqual(["a"]);
    sum.backward();
    expect(calls.filter((call) => call === "late")).toHaveLength(50);
    expect(calls.filter((call) => call === "b")).toHaveLength(50);
  });

  test("hands the object that it threw to the caller of backward", () => {
    const x = leaf(1);
    const error = new RangeError("stop");
    x.registerHook(() => {
      throw error;
    });
    let caught: unknown;
    try {
      x.mul(2).backward();
    } catch (thrown) {
      caught = thrown;
    }
    expect(caught).toBe(error);
    x.registerHook(() => {
      throw "text"; // eslint-disable-line -- anything can be thrown
    });
    expect(() => leaf(1).mul(x).backward()).toThrow(error);
  });

  test("must return a gradient that fits", () => {
    const [x, y, z] = [leaf(1), leaf(1), leaf(1)];
    x.registerHook(() => ones([2]));
    expect(() => x.mul(2).backward()).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: backward: hook 'hook' has changed the size of value]`,
    );
    y.registerHook((gradient) => gradient.double());
    expect(() => y.mul(2).backward()).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: backward: hook 'hook' has changed the type of value (was CPUFloatType got CPUDoubleType)]`,
    );
    z.registerHook(() => 3 as unknown as Tensor);
    expect(() => z.mul(2).backward()).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: registerHook: the hook must return a Tensor or nothing, got number.]`,
    );
    expect(() => ones([1]).registerHook(() => {})).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: registerHook: cannot register a hook on a tensor that doesn't require gradient]`,
    );
  });

  test("may dispose its gradient, and then not return it", () => {
    const [x, y] = [leaf(1), leaf(2)];
    x.registerHook((gradient) => gradient.dispose());
    x.mul(2).backward();
    expect(x.grad!.item()).toBe(2);
    y.registerHook((gradient) => {
      gradient.dispose();
      return gradient;
    });
    expect(() => y.mul(2).backward()).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: backward: argument is a tensor that was disposed. Return it from torch.scope(), or keep it with torch.keep().]`,
    );
  });

  test("may dispose the tensor that it is on, and run a pass of its own", () => {
    const x = leaf(3);
    const y = x.mul(2);
    let inner = 0;
    y.registerHook(() => {
      y.dispose();
      const z = leaf(5);
      enableGrad(() => z.mul(z)).backward(); // a pass records nothing unless createGraph is given
      inner = z.grad!.item();
      y.isDisposed; // eslint-disable-line -- must not throw
    });
    y.sum().backward();
    expect([inner, x.grad!.item()]).toEqual([10, 2]);
  });

  test("may differentiate the same graph again, which is refused where it was freed", () => {
    const x = leaf(3);
    const loss = x.mul(x).sum();
    x.registerHook(() => loss.backward());
    expect(() => loss.backward()).toThrow("backward through the graph a second time");
    const y = leaf(3);
    const kept = y.mul(y).sum();
    let depth = 0;
    y.registerHook(() => {
      if (depth++ < 3) kept.backward(undefined, { retainGraph: true });
    });
    kept.backward(undefined, { retainGraph: true });
    expect([depth, y.grad!.item()]).toEqual([4, 24]);
  });

  test("records what it computes where createGraph is given", () => {
    const x = leaf(2);
    const y = x.pow(3);
    y.registerHook((gradient) => gradient.mul(x));
    const [first] = grad(y.sum(), x, { createGraph: true }); // 3 x^2 * x
    expect([first!.item(), grad(first!.sum(), x)[0]!.item()]).toEqual([24, 36]);
  });

  test("leaves its tensors to the scope that is open, and nothing behind in 1,000 passes", () => {
    const x = leaf(1, 2);
    let gradient: Tensor | undefined;
    const pass = () =>
      scope(() => {
        const y = x.mul(2);
        y.registerHook((incoming) => {
          gradient = incoming;
          return incoming.mul(2);
        });
        y.sum().backward();
        x.grad = null;
      });
    pass();
    const before = liveTensors();
    for (let i = 0; i < 1000; i++) pass();
    expect(liveTensors()).toBeLessThanOrEqual(before);
    expect(gradient!.isDisposed).toBe(true);
  });
});

describe("registerPostAccumulateGradHook", () => {
  test("is called with the leaf itself once its gradient is there", () => {
    const x = leaf(1, 2);
    const seen: unknown[] = [];
    const handle = x.registerPostAccumulateGradHook((tensor) => {
      seen.push(tensor === x, tensor.grad!.tolist());
      tensor.grad = null; // an optimizer step in backward
    });
    x.mul(3).sum().backward();
    expect([seen, x.grad]).toEqual([[true, [3, 3]], null]);
    handle.remove();
    x.mul(3).sum().backward();
    expect(x.grad!.tolist()).toEqual([3, 3]);
  });

  test("is refused on what is no leaf", () => {
    expect(() =>
      leaf(1)
        .mul(2)
        .registerPostAccumulateGradHook(() => {}),
    ).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: registerPostAccumulateGradHook: post accumulate grad hooks cannot be registered on non-leaf tensors]`,
    );
  });
});

describe("gradFn", () => {
  test("shows the graph, each node as one object", () => {
    const x = leaf(1);
    const y = x.mul(2).add(x);
    const node = y.gradFn!;
    expect([node.name, x.gradFn]).toEqual(["AddBackward0", null]);
    const [[mul], [accumulate, input]] = node.nextFunctions as [
      [autograd.Node, number],
      [autograd.Node, number],
    ];
    expect([mul.name, accumulate.name, input]).toEqual(["MulBackward1", "AccumulateGrad", 0]);
    expect(mul.nextFunctions[0]![0]).toBe(accumulate);
    expect(y.gradFn).toBe(node);
  });

  test("takes hooks before and after the node runs", () => {
    const x = leaf(2);
    const y = x.mul(tensor([3]));
    const seen: unknown[] = [];
    const before = y.gradFn!.registerPrehook(([gradient]) => [gradient!.mul(10)]);
    y.gradFn!.registerHook((inputs, outputs) => {
      seen.push(
        inputs.map((gradient) => gradient?.item() ?? null),
        outputs.map((gradient) => gradient?.item() ?? null),
      );
      return [inputs[0]!.add(1), null];
    });
    y.backward(undefined, { retainGraph: true });
    expect([seen, x.grad!.item()]).toEqual([[[30, null], [10]], 31]); // prettier-ignore
    before.remove();
    x.grad = null;
    y.backward();
    expect(x.grad!.item()).toBe(4);
  });

  test("refuses a hook that returns another number of gradients", () => {
    const y = leaf(2).mul(3);
    y.gradFn!.registerHook(() => [null, null]);
    expect(() => y.backward()).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: backward: hook has returned an incorrect number of values (got 2, but expected 1)]`,
    );
  });
});

test("outputNr, version and detach_ are PyTorch's", () => {
  const x = leaf(1, 2);
  const [, second] = x.unbind(0);
  expect(second!.outputNr).toBe(1);
  const y = x.mul(2);
  expect(y.version).toBe(0);
  const z = y.exp();
  y.add_(1);
  expect([y.version, z.requiresGrad]).toEqual([1, true]);
  y.detach_();
  expect([y.requiresGrad, y.isLeaf, y.gradFn]).toEqual([false, true, null]);
  expect(torch.isGradEnabled()).toBe(true);
});
