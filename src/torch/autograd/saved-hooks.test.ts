// Hooks on what the graph saves: what they may return and throw, and that it dies with the graph.
import { describe, expect, test } from "vitest";
import { liveTensors } from "../../../tests/live-tensors.ts";
import { autograd, keep, memoryStats, noGrad, scope, tensor } from "../index.ts";
import type { Tensor } from "../index.ts";

const { savedTensorsHooks, saveOnCpu } = autograd;
const same = (value: Tensor) => value;
const leaf = (...values: number[]) => tensor(values, { requiresGrad: true });

describe("savedTensorsHooks", () => {
  test("packs what is saved, once for each, and unpacks it for backward", () => {
    const x = leaf(1.0001, 2);
    const log: string[] = [];
    const y = savedTensorsHooks(
      (value) => {
        log.push(`pack ${value.dtype}`);
        return value.to("bfloat16");
      },
      (packed) => {
        log.push(`unpack ${packed.dtype}`);
        return packed.to("float32");
      },
      () => x.exp(),
    );
    expect(log).toEqual(["pack float32"]);
    y.sum().backward();
    expect(log).toEqual(["pack float32", "unpack bfloat16"]);
    expect(x.grad!.tolist()).toEqual(y.detach().to("bfloat16").float().tolist());
    expect(x.grad!.tolist()).not.toEqual(y.tolist());
  });

  test("may return anything, tensors within arrays and objects included, which outlive the scope", () => {
    const x = leaf(1, 2);
    const stash = new Map<string, Tensor>();
    const y = scope(() =>
      savedTensorsHooks(
        (value) => {
          stash.set(`${stash.size}`, keep(value.clone()));
          return { name: `${stash.size - 1}`, parts: [value.select(0, 0), value.select(0, 1)], note: null };
        },
        ({ name, parts, note }) => {
          expect([note, parts.map((part) => part.item())]).toEqual([null, stash.get(name)!.tolist()]);
          return stash.get(name)!;
        },
        () => x.mul(x).exp(),
      ),
    );
    y.sum().backward();
    expect(x.grad!.tolist()).toEqual([expect.closeTo(2 * Math.E, 4), expect.closeTo(4 * Math.exp(4), 3)]);
  });

  test("nest: the innermost counts, and what pack computes is saved as usual", () => {
    const x = leaf(2);
    const log: string[] = [];
    const named = (name: string, run: () => Tensor) =>
      savedTensorsHooks(
        (value) => {
          log.push(name);
          const y = leaf(3);
          y.exp(); // saves its output
          return value;
        },
        same,
        run,
      );
    named("outer", () => named("inner", () => x.exp()).mul(x));
    expect(log).toEqual(["inner", "outer", "outer"]);
    x.exp();
    expect(log).toHaveLength(3);
  });

  test("leave no trace on a throw in pack, in unpack or in between", () => {
    const x = leaf(2);
    const error = new RangeError("stop");
    const fail = (): never => {
      throw error;
    };
    expect(() => savedTensorsHooks(fail, same, () => x.exp())).toThrow(error);
    expect(() => savedTensorsHooks(same, same, fail)).toThrow(error);
    const y = savedTensorsHooks(same, fail, () => x.exp());
    expect(() => y.backward()).toThrow(error);
    x.exp().backward();
    expect(x.grad!.item()).toBeCloseTo(Math.exp(2), 4);
  });

  test("refuse what is no tensor or of another shape, and a change in place", () => {
    const x = leaf(1, 2);
    const none = savedTensorsHooks(
      same,
      () => undefined as unknown as Tensor,
      () => x.exp(),
    );
    expect(() => none.sum().backward()).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: savedTensorsHooks: unpack must return a Tensor, got undefined.]`,
    );
    const disposed = savedTensorsHooks(
      same,
      (value) => {
        value.dispose();
        return value;
      },
      () => x.exp(),
    );
    expect(() => disposed.sum().backward()).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: deliver: argument is a tensor that was disposed. Return it from torch.scope(), or keep it with torch.keep().]`,
    );
    expect(() =>
      savedTensorsHooks(
        (value) => value.mul_(2),
        same,
        () => x.exp(),
      ),
    ).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: aten::exp: A saved tensor pack hook is modifying its input in place. Tensors provided as input to pack hook cannot be modified by in-place operations as this can lead to unexpected side-effects. Please open an issue if you need to perform in-place operations on the input to a pack hook. (self: Float[2])]`,
    );
  });

  test("see custom functions too, and keep second derivatives", () => {
    class Square extends autograd.Function {
      static override forward(ctx: autograd.FunctionContext, x: Tensor) {
        ctx.saveForBackward(x);
        return x.mul(x);
      }
      static override backward(ctx: autograd.FunctionContext, gradient: Tensor) {
        return gradient.mul(ctx.savedTensors[0]!).mul(2);
      }
    }
    const x = leaf(3);
    const [first] = savedTensorsHooks(
      (value) => [value],
      ([value]) => value!,
      () => autograd.grad(Square.apply(x), x, { createGraph: true }),
    );
    expect([first!.item(), autograd.grad(first!, x)[0]!.item()]).toEqual([6, 2]);
  });

  test("leave no tensor behind in 1,000 passes", () => {
    const x = leaf(1, 2);
    const pass = () => {
      savedTensorsHooks(
        (value) => [value.to("float64"), value.mul(2)],
        ([value]) => value!.to("float32"),
        () => x.exp().mul(x),
      )
        .sum()
        .backward();
      x.grad = null;
    };
    const before = liveTensors();
    for (let i = 0; i < 1000; i++) scope(pass);
    expect(memoryStats().liveTensors).toBeLessThanOrEqual(before);
    for (let i = 0; i < 1000; i++) pass();
    expect(liveTensors()).toBeLessThanOrEqual(before);
  });
});

test("saveOnCpu keeps gradients", () => {
  const x = leaf(1);
  saveOnCpu(() => x.exp()).backward();
  expect(x.grad!.item()).toBeCloseTo(Math.E, 5);
  expect(noGrad(() => saveOnCpu(() => x.exp())).requiresGrad).toBe(false);
});
