// Gradients on, off and of gradients; mixed precision; each restored after a throw.
import { describe, expect, test } from "vitest";
import "../../tests/matchers.ts";
import * as torch from "./index.ts";
import { native } from "./native.ts";
import { autocast, enableGrad, grad, isGradEnabled, matmul, noGrad, ones, tensor } from "./index.ts";

const fail = () => {
  throw new Error("stop");
};

describe("noGrad and enableGrad", () => {
  test("nest, return what is made inside, and are undone after a throw", () => {
    const x = ones([1], { requiresGrad: true });
    const inside = noGrad(() => {
      expect(enableGrad(() => [isGradEnabled(), x.mul(2).requiresGrad])).toEqual([true, true]);
      expect(isGradEnabled()).toBe(false);
      return x.mul(2);
    });
    expect([inside.requiresGrad, inside.isLeaf]).toEqual([false, true]);
    expect(() => noGrad(fail)).toThrow("stop");
    expect(() => noGrad(() => enableGrad(fail))).toThrow("stop");
    expect(isGradEnabled()).toBe(true);
  });

  test("let a leaf be changed in place only without gradients", () => {
    const x = ones([1], { requiresGrad: true });
    expect(() => x.add_(1)).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: aten::add_.Scalar: a leaf Variable that requires grad is being used in an in-place operation. (self: Float[1])]`,
    );
    expect(noGrad(() => x.add_(1)).item()).toBe(2);
  });
});

describe("backward", () => {
  test("accumulates into leaves, and into others that retain theirs", () => {
    const x = tensor([1, 2], { requiresGrad: true });
    const y = x.mul(x);
    y.retainGrad();
    y.sum().backward();
    expect(x.grad!.tolist()).toEqual([2, 4]);
    expect(y.grad!.tolist()).toEqual([1, 1]);
  });

  test("takes the gradient of an output that is no scalar", () => {
    const x = tensor([1, 2], { requiresGrad: true });
    const y = x.mul(3);
    expect(() => y.backward()).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: backward: grad can be implicitly created only for scalar outputs]`,
    );
    expect(() => y.backward(ones([3]))).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: backward: invalid gradient at index 0 - got [3] but expected shape compatible with [2]]`,
    );
    y.backward(tensor([1, 10]));
    expect(x.grad!.tolist()).toEqual([3, 30]);
  });

  test("refuses a second pass unless the graph was retained, and a tensor without graph", () => {
    const x = tensor([1, 2], { requiresGrad: true });
    const y = x.mul(x).sum();
    y.backward(undefined, { retainGraph: true });
    y.backward();
    expect(x.grad!.tolist()).toEqual([4, 8]);
    expect(() => y.backward()).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: backward: Trying to backward through the graph a second time (or directly access saved tensors after they have already been freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify retain_graph=True if you need to backward through the graph a second time or if you need to access saved tensors after calling backward.]`,
    );
    expect(() => ones([]).backward()).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: backward: element 0 of tensors does not require grad and does not have a grad_fn]`,
    );
  });
});

describe("grad", () => {
  test("gives derivatives of every order with createGraph, and leaves .grad alone", () => {
    const x = tensor([3], { requiresGrad: true });
    const [first] = grad([x.pow(3).sum()], [x], { createGraph: true });
    const [second] = grad([first!.sum()], [x], { createGraph: true });
    const [third] = grad([second!.sum()], [x]);
    expect([first!.item(), second!.item(), third!.item()]).toEqual([27, 18, 6]);
    expect([x.grad, third!.requiresGrad]).toEqual([null, false]);
  });

  test("weighs outputs, reaches tensors within the graph, and says which input is unused", () => {
    const [x, other] = [tensor([1, 2], { requiresGrad: true }), ones([1], { requiresGrad: true })];
    const inner = x.mul(2);
    const y = inner.mul(inner);
    const [dx, dInner] = grad([y], [x, inner], { gradOutputs: [tensor([1, 0])], retainGraph: true });
    expect([dx!.tolist(), dInner!.tolist()]).toEqual([[8, 0], [4, 0]]); // prettier-ignore
    expect(grad([y.sum()], [x, other], { allowUnused: true, retainGraph: true })[1]).toBe(null);
    expect(() => grad([y.sum()], [x, other])).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: gradOf: element 1of the differentiated Tensors appears to not have been used in the graph. Set allow_unused=True if this is the desired behavior.]`,
    );
  });
});

describe("autocast", () => {
  const [a, b] = [ones([2, 2]), ones([2, 2])];
  const product = () => matmul(a, b).dtype;

  test("computes products in bfloat16 and what needs range in float32", () => {
    expect(autocast({}, product)).toBe("bfloat16");
    expect(autocast({ dtype: "float16" }, product)).toBe("float16");
    expect(autocast({}, () => torch.nnFunctional.mseLoss(matmul(a, b), a).dtype)).toBe("float32");
    expect(product()).toBe("float32");
  });

  test("nests, is switched off inside, and is undone after a throw", () => {
    autocast({}, () => {
      expect(autocast({ enabled: false }, product)).toBe("float32");
      expect(autocast({ dtype: "float16" }, product)).toBe("float16");
      expect(() => autocast({ enabled: false }, fail)).toThrow("stop");
      expect(product()).toBe("bfloat16");
    });
    expect(() => autocast({}, fail)).toThrow("stop");
    expect(product()).toBe("float32");
  });

  test("gives gradients in the dtype of the weights", () => {
    const weight = ones([2, 2], { requiresGrad: true });
    const loss = autocast({}, () => matmul(a, weight).sum());
    loss.backward();
    expect(weight.grad!.dtype).toBe("float32");
    expect(weight.grad!.tolist()).toEqual([[2, 2], [2, 2]]); // prettier-ignore
  });

  test("casts a weight anew in each region, after an update", () => {
    const weight = ones([2, 2], { requiresGrad: true });
    const value = () =>
      autocast({}, () => matmul(a, weight).detach().float().select(0, 0).select(0, 0).item());
    expect(value()).toBe(2);
    noGrad(() => weight.mul_(3));
    expect(value()).toBe(6);
  });

  test("refuses a device that is none", () => {
    expect(() => autocast({ device: "cpux" }, product)).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: autocastState: Expected one of cpu, cuda, ipu, xpu, mkldnn, opengl, opencl, ideep, hip, ve, fpga, maia, xla, lazy, vulkan, mps, meta, hpu, mtia, privateuseone device type at start of device string: cpux]`,
    );
  });
});

describe("the layout of accumulated gradients", () => {
  const { enforceGradLayoutPolicy } = torch.autograd;
  const strides = () => {
    const x = torch.empty([2, 3, 4]).permute([2, 0, 1]).requiresGrad_();
    x.mul(ones([4, 2, 3]))
      .sum()
      .backward();
    return x.grad!.strides;
  };

  test("is the leaf's unless the policy is off, as in PyTorch", () => {
    expect(strides()).toEqual([1, 12, 4]);
    expect(enforceGradLayoutPolicy(false, strides)).toEqual([6, 3, 1]);
    expect(() => enforceGradLayoutPolicy(false, fail)).toThrow("stop");
    expect(strides()).toEqual([1, 12, 4]);
    enforceGradLayoutPolicy(false);
    expect(strides()).toEqual([6, 3, 1]);
    enforceGradLayoutPolicy(true);
    expect(strides()).toEqual([1, 12, 4]);
  });
});

test("multithreading is set for a run or from there on", () => {
  const { gradMode } = torch.autograd;
  const isOn = () => native.multithreading();
  expect(isOn()).toBe(true);
  expect(gradMode.setMultithreadingEnabled(false, isOn)).toBe(false);
  expect(() => gradMode.setMultithreadingEnabled(false, fail)).toThrow("stop");
  expect(isOn()).toBe(true);
  gradMode.setMultithreadingEnabled(false);
  const x = ones([2], { requiresGrad: true });
  x.exp().sum().backward();
  expect([isOn(), x.grad!.tolist()]).toEqual([false, [Math.fround(Math.E), Math.fround(Math.E)]]);
  gradMode.setMultithreadingEnabled(true);
});
