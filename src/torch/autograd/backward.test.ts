// autograd.backward and grad with all their options, and the modes in which nothing is recorded.
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import {
  autograd,
  grad,
  inferenceMode,
  isGradEnabled,
  isInferenceModeEnabled,
  ones,
  setGradEnabled,
  tensor,
} from "../index.ts";

const leaf = (...values: number[]) => tensor(values, { requiresGrad: true });

test("backward takes several roots, with a gradient for each or null for a scalar", () => {
  const x = leaf(1, 2);
  autograd.backward([x.mul(2), x.pow(2).sum()], [tensor([1, 10]), null]);
  expect(x.grad!.tolist()).toEqual([4, 24]);
  autograd.backward(x.sum());
  expect(x.grad!.tolist()).toEqual([5, 25]);
  expect(() => autograd.backward([x.sum(), x.sum()], [ones([])])).toThrowErrorMatchingInlineSnapshot(
    `[TorchError: backward: got 2 tensors and 1 gradients]`,
  );
});

test("backward accumulates into the given inputs alone, leaves or not", () => {
  const [x, y] = [leaf(2), leaf(3)];
  const inner = x.mul(y);
  inner.retainGrad();
  inner.mul(5).backward(undefined, { inputs: [y, inner] });
  expect([x.grad, y.grad!.item(), inner.grad!.item()]).toEqual([null, 10, 5]);
  x.mul(y).backward(undefined, { inputs: x });
  expect([x.grad!.item(), y.grad!.item()]).toEqual([3, 10]);
  expect(() => x.mul(y).backward(undefined, { inputs: [] })).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: backward: inputs must not be empty. Leave the option out to reach every leaf.]`,
  );
});

test("backward with createGraph gives gradients that have a graph", () => {
  const x = leaf(3);
  x.pow(3).backward(undefined, { createGraph: true });
  const first = x.grad!;
  expect([first.item(), first.requiresGrad, grad(first, x)[0]!.item()]).toEqual([27, true, 18]);
});

test("grad takes one tensor or several, and gives zeros for unused inputs when asked", () => {
  const [x, unused] = [leaf(1, 2), ones([3], { requiresGrad: true })];
  expect(grad(x.mul(2), x, { gradOutputs: tensor([1, 10]) })[0]!.tolist()).toEqual([2, 20]);
  const [dx, zero] = grad(x.sum(), [x, unused], { materializeGrads: true });
  expect([dx!.tolist(), zero!.tolist()]).toEqual([[1, 1], [0, 0, 0]]); // prettier-ignore
  expect(grad(x.sum(), [x, unused], { allowUnused: true })[1]).toBe(null);
  expect(() =>
    grad(x.sum(), x, { materializeGrads: true, allowUnused: false } as autograd.GradOptions),
  ).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: grad: allowUnused must be true or left out when materializeGrads is true, got false.]`,
  );
});

test("setGradEnabled switches recording for good, or for a function", () => {
  expect(setGradEnabled(false, () => [isGradEnabled(), leaf(1).mul(2).requiresGrad])).toEqual([false, false]);
  setGradEnabled(false);
  try {
    expect([isGradEnabled(), setGradEnabled(true, isGradEnabled), leaf(1).mul(2).requiresGrad]).toEqual([false, true, false]); // prettier-ignore
  } finally {
    setGradEnabled(true);
  }
  expect(isGradEnabled()).toBe(true);
});

test("inferenceMode makes tensors that no graph takes, nests, and is undone after a throw", () => {
  const x = leaf(2);
  const y = inferenceMode(() => {
    expect([isInferenceModeEnabled(), isGradEnabled()]).toEqual([true, false]);
    expect(inferenceMode(() => x.mul(2).requiresGrad, { enabled: false })).toBe(true);
    return x.mul(3);
  });
  expect([y.isInference(), y.requiresGrad, isInferenceModeEnabled()]).toEqual([true, false, false]);
  expect(() => x.mul(y)).toThrow("Inference tensors cannot be saved for backward");
  expect(() =>
    inferenceMode(() => {
      throw new RangeError("stop");
    }),
  ).toThrow(RangeError);
  expect(isInferenceModeEnabled()).toBe(false);
});

test("a worker has hooks and functions of its own, and may end with its graphs alive", async () => {
  const addon = new URL("../../../native/build/sconce.node", import.meta.url).pathname;
  const run = `
    const { parentPort } = require("node:worker_threads");
    const native = require(${JSON.stringify(addon)});
    const leaf = native.fromData(new Float32Array([1, 2]), [2], 6);
    native.setRequiresGrad(leaf, true);
    const calls = [];
    native.registerHook(leaf, (gradient) => void calls.push(native.numel(gradient)));
    const [y] = native.applyFunction("F", [leaf], [native.fromData(new Float32Array([3]), [1], 6)], [], [], [leaf], true,
      (id) => native.deliver(native.savedTensors(id)));
    native.backward([y], [0], true, false, []);
    parentPort.postMessage([calls, Array.from(native.toData(native.grad(leaf)))]);`;
  for (let i = 0; i < 3; i++) {
    const worker = new Worker(run, { eval: true });
    const message = await new Promise((resolve, reject) =>
      worker.once("message", resolve).once("error", reject),
    );
    expect(message).toEqual([[2], [1, 2]]);
    await worker.terminate();
  }
  const x = leaf(1);
  x.registerHook((gradient) => gradient.mul(2));
  x.mul(1).backward();
  expect(x.grad!.item()).toBe(2);
});
