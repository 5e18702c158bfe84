// torch.autograd.graph against PyTorch's: hooks on several gradients, edges, saved tensors that change.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import "../../../tests/matchers.ts";
import { add, autograd, memoryStats, nn, ones, scope, tensor } from "../index.ts";
import { rawOp } from "../raw.ts";
import type { NestedNumbers, Tensor } from "../index.ts";

const { GradientEdge, getGradientEdge, incrementVersion, registerMultiGradHook } = autograd.graph;
const { allowMutationOnSavedTensors, disableSavedTensorsHooks, savedTensorsHooks } = autograd.graph;
// written by tools/golden/autograd_graph.py
const golden = JSON.parse(
  readFileSync(new URL("../../../tests/goldens/autograd/graph.json", import.meta.url), "utf8"),
) as { all: unknown; any: unknown; edges: unknown[]; changed: NestedNumbers };
const foreachZero = rawOp("_foreach_zero_");
const leaf = (...values: number[]) => tensor(values, { dtype: "float64", requiresGrad: true });

describe("registerMultiGradHook", () => {
  test("is called with all gradients that a pass reaches", () => {
    const [a, b] = [leaf(1, 2), leaf(3, 4)];
    const [c, d] = [a.mul(b), a.add(b)];
    const seen: unknown[] = [];
    registerMultiGradHook([a, b, c, d], (all) => {
      seen.push(all.map((gradient) => gradient?.tolist() ?? null));
    });
    c.sum().backward(undefined, { retainGraph: true });
    c.sum().backward(undefined, { inputs: a, retainGraph: true });
    c.sum().add(d.sum()).backward();
    expect(seen).toEqual(golden.all);
  });

  test("is called with the first gradient alone, once in each pass", () => {
    const [a, b] = [leaf(1, 2), leaf(3, 4)];
    const c = a.mul(b);
    const seen: unknown[] = [];
    registerMultiGradHook([a, b, c, ones([1])], (first) => void seen.push(first.tolist()), { mode: "any" });
    c.sum().backward(undefined, { retainGraph: true });
    c.mul(5).sum().backward();
    expect(seen).toEqual(golden.any);
  });

  test.each(["all", "any"] as const)("counts a pass inside another apart, with %s", (mode) => {
    const [a, b] = [leaf(1), leaf(2)];
    let calls = 0;
    const hook = () => void calls++;
    if (mode === "all") registerMultiGradHook([a, b], hook);
    else registerMultiGradHook([a, b], hook, { mode });
    const [outer, inner] = [a.mul(b), a.add(b)];
    outer.registerHook(() => inner.backward());
    outer.backward();
    expect(calls).toBe(2);
  });

  test("begins anew after a pass that failed, and ends with its handle", () => {
    const [a, b] = [leaf(1), leaf(2)];
    let calls = 0;
    const handle = registerMultiGradHook([a, b], () => void calls++);
    const failing = b.mul(2);
    failing.registerHook(() => {
      throw new Error("stop");
    });
    expect(() => a.mul(3).add(failing).backward()).toThrow("stop");
    a.add(b).backward();
    expect(calls).toBe(1);
    handle.remove();
    a.add(b).backward();
    expect(calls).toBe(1);
  });

  test("refuses what PyTorch refuses", () => {
    const [a, b] = [leaf(1), leaf(2)];
    expect(() => registerMultiGradHook([a, ones([1])], () => {})).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: getGradientEdge: the tensor must require a gradient, got one that does not. Call requiresGrad_() on what it is made of.]`,
    );
    expect(() =>
      registerMultiGradHook([a], () => {}, { mode: "some" as "all" }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: registerMultiGradHook: mode must be "all" or "any", got "some".]`,
    );
    registerMultiGradHook([a, b], () => {});
    expect(() => autograd.grad(a.mul(b), a)).toThrow(/autograd.grad by a leaf/);
  });
});

describe("a GradientEdge", () => {
  test("stands for its tensor in grad and backward", () => {
    const x = leaf(1, 2);
    const y = x.mul(3);
    const edge = getGradientEdge(y);
    const z = y.pow(2).sum();
    const byEdge = autograd.grad(z, [edge, x], { retainGraph: true });
    const gradOutputs = tensor([5, 7], { dtype: "float64" });
    const fromEdge = autograd.grad(edge, x, { gradOutputs, retainGraph: true });
    autograd.backward(z, undefined, { inputs: getGradientEdge(x) });
    const gradients = [...byEdge, ...fromEdge].map((gradient) => gradient.tolist());
    // a number is one scalar type here and another in Python, and the nodes differ by it
    const name = edge.node.name.replace("MulBackward1", "MulBackward0");
    expect([...gradients, x.grad!.tolist(), name, edge.outputNr]).toEqual(golden.edges);
  });

  test("is that of one of several outputs, and lives as long as it is held", () => {
    const x = leaf(1, 2);
    const edge = scope(() => getGradientEdge(x.unbind(0)[1]!));
    expect([edge.node.name, edge.outputNr]).toEqual(["UnbindBackward0", 1]);
    autograd.backward(edge);
    expect(x.grad!.tolist()).toEqual([0, 1]);
    expect(edge).toBeInstanceOf(GradientEdge);
  });

  test("gives null where it is unused and that is allowed", () => {
    const x = leaf(1);
    const [y, z] = [x.mul(2), x.mul(3)];
    const edge = getGradientEdge(y);
    expect(autograd.grad(z, edge, { allowUnused: true, retainGraph: true })).toEqual([null]);
    expect(() => autograd.grad(z, edge, { retainGraph: true })).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: grad: the outputs do not depend on input 0. Set allowUnused to get null for it.]`,
    );
    expect(() => autograd.grad(z, edge, { materializeGrads: true })).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: grad: materializeGrads needs inputs that are tensors, got a GradientEdge at 0. Use allowUnused.]`,
    );
  });

  test("is refused where there is none, and without the gradient of many numbers", () => {
    expect(() => getGradientEdge(ones([2]))).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: getGradientEdge: the tensor must require a gradient, got one that does not. Call requiresGrad_() on what it is made of.]`,
    );
    const edge = getGradientEdge(leaf(1, 2).mul(2));
    expect(() => autograd.backward(edge)).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: runEdges: grad can be implicitly created only for scalar outputs]`,
    );
    expect(() => autograd.backward(edge, ones([3]))).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: runEdges: a gradient must have its output's shape, got [3] for [2]]`,
    );
    expect(() => autograd.backward([edge, ones([1])])).toThrow(/does not require a gradient/);
    for (const number of [1, -1, 2 ** 32]) {
      const wrong = new GradientEdge(edge.node, number);
      expect(() => autograd.backward(wrong, ones([2]))).toThrow(
        /MulBackward1 has 1 outputs, got an edge of number/,
      );
      expect(() => autograd.grad(leaf(1).mul(2), wrong)).toThrow(/got an edge of number/);
    }
  });
});

test("incrementVersion makes backward refuse what it has saved", () => {
  const x = leaf(1, 2);
  const [y, z] = [x.exp(), x.exp()];
  const before = y.version;
  incrementVersion(y);
  incrementVersion(new Set([z]));
  expect([y.version, z.version]).toEqual([before + 1, before + 1]);
  expect(() => y.sum().backward()).toThrow(/modified by an inplace operation/);
});

describe("disableSavedTensorsHooks", () => {
  test("refuses hooks inside, also by what stands on them, and allows them afterwards", () => {
    const refused = [
      () => savedTensorsHooks((x) => x, (x) => x, () => 1), // prettier-ignore
      () => autograd.saveOnCpu(() => 1),
      () => allowMutationOnSavedTensors(() => 1),
    ];
    for (const run of refused) {
      expect(() => disableSavedTensorsHooks("Not here.", run)).toThrow("Not here.");
      expect(run()).toBe(1);
    }
    disableSavedTensorsHooks("outer", () => {
      disableSavedTensorsHooks("inner", () => {
        expect(refused[1]).toThrow("inner");
      });
      expect(refused[1]).toThrow("outer");
    });
  });

  test("is refused itself inside of hooks", () => {
    expect(() => autograd.saveOnCpu(() => disableSavedTensorsHooks("Not here.", () => 1))).toThrow(
      "Not here.",
    );
  });
});

describe("allowMutationOnSavedTensors", () => {
  test("gives the gradients of the values that were saved", () => {
    const gradient = allowMutationOnSavedTensors(() => {
      const x = leaf(1, 2, 3);
      const y = x.clone();
      const z = y
        .pow(2)
        .sum()
        .add(y.narrow(0, 1, 2).exp().sum());
      y.sin_();
      const u = y.mul(y).sum();
      y.mul_(2);
      z.add(u).add(y.sum()).backward();
      return x.grad!;
    });
    expect(gradient).toBeAllclose(golden.changed, { atol: 1e-12 });
  });

  test("sees changes through views, indexing, out and lists", () => {
    const changes: ((y: Tensor) => void)[] = [
      (y) => void y.narrow(0, 1, 1).zero_(),
      (y) => void y.setAt([0], 9),
      (y) => void add(ones([2], { dtype: "float64" }), 1, { out: y }),
      (y) => void foreachZero([y.handle]),
    ];
    for (const change of changes) {
      allowMutationOnSavedTensors(() => {
        const x = leaf(3, 4);
        const y = x.detach().clone();
        const z = x.mul(y).sum();
        change(y);
        z.backward();
        expect(x.grad!.tolist()).toEqual([3, 4]);
      });
    }
  });

  test("copies once, and only what is changed", () => {
    allowMutationOnSavedTensors(() => {
      const x = leaf(1, 2);
      const y = x.clone();
      const z = y.mul(y).mul(y).sum(); // y is saved three times
      const before = memoryStats().liveTensors;
      y.add_(1).add_(1);
      expect(memoryStats().liveTensors).toBe(before);
      z.backward();
      expect(x.grad!.tolist()).toEqual([3, 12]);
    });
  });

  test("works with modules that change their inputs, over many passes", () => {
    const layer = new nn.Linear(4, 4);
    allowMutationOnSavedTensors(() => {
      for (let i = 0; i < 1500; i++) {
        scope(() => {
          const y = layer.forward(ones([2, 4]));
          const z = y.mul(y).sum();
          y.zero_();
          z.backward();
        });
      }
    });
    expect(Number.isFinite(layer.weight.grad!.sum().item())).toBe(true);
  });

  test("must hold both passes and cannot be nested", () => {
    const z = allowMutationOnSavedTensors(() => leaf(2).exp());
    expect(() => z.backward()).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: backward: the graph was recorded inside allowMutationOnSavedTensors, which has ended. Call backward inside it too]`,
    );
    expect(() => allowMutationOnSavedTensors(() => allowMutationOnSavedTensors(() => 1))).toThrow(/nested/);
    const x = leaf(2);
    const y = x.exp();
    y.zero_();
    expect(() => y.backward()).toThrow(/modified by an inplace operation/);
  });
});
