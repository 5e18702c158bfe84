// Graphs with nodes on a device: the engine's thread of the device calls JavaScript, whose own thread serves it.
// The device is native/testing/fake-device.cc; build it with: node native/testing/build.mjs
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import {
  autocast,
  autograd,
  enableGrad,
  grad,
  isGradEnabled,
  memoryStats,
  scope,
  tensor,
  utils,
} from "sconce/torch";
import type { Tensor } from "sconce/torch";
import { liveTensors } from "../live-tensors.ts";

const library = fileURLToPath(new URL("../../native/build/testing/sconce.node", import.meta.url));
const leaf = (...values: number[]) => tensor(values, { requiresGrad: true });
const onDevice = (x: Tensor) => x.to({ device: "fake:0" });

describe.skipIf(!existsSync(library))("on a device", () => {
  beforeAll(() => void createRequire(import.meta.url)(library));

  /** x^2 by JavaScript's backward, which may do more. */
  const square = (more: (x: Tensor) => void = () => {}) =>
    class Square extends autograd.Function {
      static override forward(ctx: autograd.FunctionContext, x: Tensor) {
        ctx.saveForBackward(x);
        return x.mul(x);
      }
      static override backward(ctx: autograd.FunctionContext, gradient: Tensor) {
        const [x] = ctx.savedTensors;
        more(x!);
        return gradient.mul(x!).mul(2);
      }
    };

  test("hooks and custom functions run, and see the device", () => {
    const x = leaf(1, 2);
    const devices: string[] = [];
    const y = square((saved) => void devices.push(saved.device)).apply(onDevice(x));
    y.registerHook((gradient) => {
      devices.push(gradient.device);
      return gradient.mul(10);
    });
    x.registerPostAccumulateGradHook((value) => void devices.push(value.device));
    y.sum().backward();
    expect([x.grad!.tolist(), devices]).toEqual([[20, 40], ["fake:0", "fake:0", "cpu"]]); // prettier-ignore
  });

  test("a hook on several gradients is told of its own pass, also with one inside", () => {
    const [x, y] = [leaf(1, 2), leaf(3, 4)];
    const [a, b] = [onDevice(x).mul(onDevice(y)), onDevice(x).mul(5)];
    const seen: (boolean | number)[][] = [];
    const inner = onDevice(x).mul(onDevice(y)).sum();
    autograd.graph.registerMultiGradHook([x, a, b], (all) => {
      seen.push(all.map((gradient) => gradient !== null));
    });
    autograd.graph.registerMultiGradHook([x, a], ({ shape }) => void seen.push(shape), { mode: "any" });
    let runsInner = true;
    a.registerHook(() => {
      if (runsInner) inner.backward();
      runsInner = false;
    });
    a.sum().backward();
    expect(seen).toEqual([[2], [true, false, false], [2], [true, true, false]]);
  });

  test("second derivatives follow, and gradient mode is the pass's", () => {
    const x = leaf(3);
    const modes: boolean[] = [];
    const y = square(() => void modes.push(isGradEnabled()))
      .apply(onDevice(x))
      .cpu();
    const [first] = grad(y.sum(), x, { createGraph: true });
    expect(grad(first!.sum(), x)[0]!.item()).toBe(2);
    expect(modes).toEqual([true]);
  });

  test("a throw arrives as the same object, and the next pass works", () => {
    const x = leaf(3);
    const error = new RangeError("stop");
    const throwing = square(() => {
      throw error;
    });
    expect(() => throwing.apply(onDevice(x)).sum().backward()).toThrow(error);
    square().apply(onDevice(x)).sum().backward();
    expect(x.grad!.item()).toBe(6);
  });

  test("a pass inside a callback works, three deep, on the device and off", () => {
    const x = leaf(3);
    const inner: number[] = [];
    const nest = (depth: number): typeof autograd.Function & ReturnType<typeof square> =>
      square(() => {
        if (depth === 0) return;
        const z = leaf(depth);
        const input = () => (depth % 2 === 0 ? z : onDevice(z));
        enableGrad(() =>
          nest(depth - 1)
            .apply(input())
            .sum(),
        ).backward();
        inner.push(z.grad!.item());
      });
    nest(3).apply(onDevice(x)).sum().backward();
    expect([x.grad!.item(), inner]).toEqual([6, [2, 4, 6]]);
  });

  test("checkpoints and saved-tensor hooks work, by either form", () => {
    for (const useReentrant of [false, true]) {
      const x = leaf(1, 2);
      const block = (h: Tensor) => h.exp().mul(h);
      utils.checkpoint(block, onDevice(x), { useReentrant }).sum().backward();
      const direct = leaf(1, 2);
      block(onDevice(direct)).sum().backward();
      expect(x.grad!.tolist()).toEqual(direct.grad!.tolist());
    }
    const x = leaf(1);
    const devices: string[] = [];
    const y = autograd.savedTensorsHooks(
      (value): [string, Tensor] => [value.device, value.cpu()],
      ([device, value]) => {
        devices.push(device, value.device);
        return value.to({ device });
      },
      () => onDevice(x).exp(),
    );
    y.sum().backward();
    expect([x.grad!.item(), devices]).toEqual([expect.closeTo(Math.E, 5), ["fake:0", "cpu"]]);
  });

  test("anomaly mode names the place", () => {
    const run = () => onDevice(leaf(0)).sqrt().mul(0).sum().backward();
    expect(() => autograd.detectAnomaly(run)).toThrow(/SqrtBackward0.* Forward: \(at .*device-callbacks/);
  });

  test("the state of autocast reaches a callback", () => {
    let dtype = "";
    const y = square((x) => void (dtype = x.cpu().unsqueeze(0).matmul(x.cpu().unsqueeze(1)).dtype)).apply(
      onDevice(leaf(1, 2)),
    );
    autocast({}, () => y.sum().backward());
    expect(dtype).toBe("bfloat16");
  });

  test("nothing stays behind in 300 passes", () => {
    const x = leaf(1, 2);
    const Square = square();
    const pass = () => {
      Square.apply(onDevice(x)).sum().backward();
      x.grad = null;
    };
    const before = liveTensors();
    for (let i = 0; i < 300; i++) scope(pass);
    expect(memoryStats().liveTensors).toBeLessThanOrEqual(before);
    for (let i = 0; i < 300; i++) pass();
    expect(liveTensors()).toBeLessThanOrEqual(before);
  });
});
