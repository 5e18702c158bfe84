// Modules: what they find in their fields, the names they give it, and how weights come in.
import { describe, expect, test } from "vitest";
import { liveTensors } from "../../../tests/live-tensors.ts";
import { nn, ones, scope, tensor, zeros } from "../index.ts";
import type { Tensor } from "../index.ts";

class Block extends nn.Module {
  readonly fc = new nn.Linear(2, 2);
  readonly scale = new nn.Parameter(ones([2]));
  readonly plain = ones([1]); // neither parameter nor buffer

  constructor() {
    super();
    this.registerBuffer("mean", zeros([2]));
    this.registerBuffer("cache", zeros([1]), { persistent: false });
  }
}

class Net extends nn.Module {
  readonly emb = new nn.Embedding(3, 2);
  readonly blocks = new nn.ModuleList([new Block(), new Block()]);
  readonly drop = new nn.Dropout(0.1);
  readonly head = new nn.Linear(2, 3, { bias: false });
}

class Tied extends nn.Module {
  readonly emb = new nn.Embedding(3, 2);
  readonly head = new nn.Linear(2, 3, { bias: false });

  constructor() {
    super();
    (this.head as { weight: nn.Parameter }).weight = this.emb.weight;
  }
}

const names = (entries: Iterable<[string, unknown]>) => Array.from(entries, ([name]) => name);

describe("names", () => {
  test("of a state dict are PyTorch's, a module's own weights before its children's", () => {
    expect([...new Net().stateDict().keys()]).toEqual([
      "emb.weight",
      "blocks.0.scale",
      "blocks.0.mean",
      "blocks.0.fc.weight",
      "blocks.0.fc.bias",
      "blocks.1.scale",
      "blocks.1.mean",
      "blocks.1.fc.weight",
      "blocks.1.fc.bias",
      "head.weight",
    ]);
  });

  test("of modules, parameters and buffers are dotted paths", () => {
    const net = new Net();
    expect(names(net.namedChildren())).toEqual(["emb", "blocks", "drop", "head"]);
    expect(names(net.namedModules())).toEqual([
      "", "emb", "blocks", "blocks.0", "blocks.0.fc", "blocks.1", "blocks.1.fc", "drop", "head",
    ]); // prettier-ignore
    expect(names(net.namedParameters())).toEqual([
      "emb.weight", "blocks.0.scale", "blocks.0.fc.weight", "blocks.0.fc.bias", "blocks.1.scale",
      "blocks.1.fc.weight", "blocks.1.fc.bias", "head.weight",
    ]); // prettier-ignore
    expect(names(net.namedBuffers("model"))).toEqual([
      "model.blocks.0.mean", "model.blocks.0.cache", "model.blocks.1.mean", "model.blocks.1.cache",
    ]); // prettier-ignore
  });

  test("of a shared weight: once among parameters, under each name in the state dict", () => {
    const tied = new Tied();
    expect(names(tied.namedParameters())).toEqual(["emb.weight"]);
    expect([...tied.stateDict().keys()]).toEqual(["emb.weight", "head.weight"]);
    expect(tied.countParameters()).toBe(6);
  });

  test("of a shared module: once among modules", () => {
    const block = new nn.Linear(1, 1);
    const both = new nn.ModuleList([block, block]);
    expect(names(both.namedModules())).toEqual(["", "0"]);
    expect(both.countParameters()).toBe(2);
  });
});

describe("loadStateDict", () => {
  test("copies every weight and buffer, converting the dtype", () => {
    const [from, to] = [new Net(), new Net()];
    for (const value of from.stateDict().values()) value.detach().fill_(3);
    const doubled = new Map(Array.from(from.stateDict(), ([name, value]) => [name, value.detach().double()]));
    expect(to.loadStateDict(doubled)).toEqual({ missingKeys: [], unexpectedKeys: [] });
    for (const value of to.stateDict().values()) {
      expect([value.dtype, value.detach().eq(3).all().item()]).toEqual(["float32", true]);
    }
  });

  test("copies: the source stays apart", () => {
    const layer = new nn.Linear(1, 1, { bias: false });
    const source = ones([1, 1]);
    layer.loadStateDict(new Map([["weight", source]]));
    source.fill_(9);
    expect(layer.weight.tolist()).toEqual([[1]]);
  });

  test("reports all that does not fit, and copies nothing", () => {
    const net = new Net();
    const before = net.emb.weight.tolist();
    const state = new Map<string, Tensor>([
      ["emb.weight", ones([3, 2])],
      ["blocks.0.fc.weight", ones([2, 3])],
      ["head.weight", ones([6])],
      ["tail.weight", ones([1])],
    ]);
    expect(() => net.loadStateDict(state)).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: Net.loadStateDict: the weights must be this model's; missing: blocks.0.scale, blocks.0.mean, blocks.0.fc.bias, blocks.1.scale, blocks.1.mean, blocks.1.fc.weight, blocks.1.fc.bias; unexpected: tail.weight; of another shape: blocks.0.fc.weight [2, 3] into [2, 2], head.weight [6] into [3, 2]. Load the weights of the same architecture.]`,
    );
    expect(() => net.loadStateDict(state, { strict: false })).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: Net.loadStateDict: the weights must be this model's; of another shape: blocks.0.fc.weight [2, 3] into [2, 2], head.weight [6] into [3, 2]. Load the weights of the same architecture.]`,
    );
    expect(net.emb.weight.tolist()).toEqual(before);
  });

  test("takes what there is when it is not strict, and says what was left", () => {
    const net = new Tied();
    const found = net.loadStateDict(
      new Map([
        ["emb.weight", ones([3, 2])],
        ["tail.weight", ones([1])],
      ]),
      { strict: false },
    );
    expect(found).toEqual({ missingKeys: ["head.weight"], unexpectedKeys: ["tail.weight"] });
    expect(net.head.weight.tolist()).toEqual([[1, 1], [1, 1], [1, 1]]); // prettier-ignore
  });

  test("shortens a report of many names", () => {
    const many = new nn.ModuleList(Array.from({ length: 30 }, () => new nn.Linear(1, 1)));
    expect(() => many.loadStateDict(new Map())).toThrow("and 50 more");
  });

  test("leaves gradients, requiresGrad and the number of tensors alone", () => {
    const layer = new nn.Linear(2, 2);
    const state = new Map([["weight", ones([2, 2])], ["bias", ones([2])]] as const); // prettier-ignore
    const before = liveTensors();
    layer.loadStateDict(state);
    expect(liveTensors()).toBe(before);
    expect([layer.weight.requiresGrad, layer.weight.isLeaf]).toEqual([true, true]);
  });
});

describe("a module", () => {
  test("switches itself and all below between training and evaluation", () => {
    const net = new Net();
    const modes = () => new Set(Array.from(net.modules(), (module) => module.training));
    expect(net.eval()).toBe(net);
    expect(modes()).toEqual(new Set([false]));
    expect([...net.train().modules()].every((module) => module.training)).toBe(true);
  });

  test("freezes and counts its weights", () => {
    const net = new Net();
    expect([net.countParameters(), net.countParameters({ trainable: true })]).toEqual([28, 28]);
    net.emb.requiresGrad_(false);
    expect([net.countParameters(), net.countParameters({ trainable: true })]).toEqual([28, 22]);
  });

  test("calls apply with children before parents", () => {
    const seen: string[] = [];
    new Net().apply((module) => seen.push(module.constructor.name));
    expect(seen.join(" ")).toBe("Embedding Linear Block Linear Block ModuleList Dropout Linear Net");
  });

  test("changes the dtype of floating weights and buffers in place, tied ones once", () => {
    const tied = new Tied();
    tied.registerBuffer("ids", tensor([1n, 2n]));
    const { weight } = tied.emb;
    expect(tied.to({ dtype: "bfloat16" })).toBe(tied);
    expect([weight.dtype, tied.head.weight === weight]).toEqual(["bfloat16", true]);
    expect(tied.stateDict().get("ids")!.dtype).toBe("int64");
    expect([weight.isLeaf, weight.requiresGrad]).toEqual([true, true]);
    const y = tied.head.forward(ones([1, 2], { dtype: "bfloat16" }));
    y.sum().backward();
    expect(weight.grad!.dtype).toBe("bfloat16");
    tied.zeroGrad();
    expect(weight.grad).toBe(null);
  });

  test("says that it has no forward, or that a buffer is no tensor any more", () => {
    expect(() => new Net().forward()).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: Net: has no forward. Give the class one, or loop over its children.]`,
    );
    const block = new Block();
    (block as unknown as { mean: null }).mean = null;
    expect(() => [...block.namedBuffers()]).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: Block: the buffer "mean" is not a tensor any more.]`,
    );
  });

  test("made inside a scope survives it, weights and buffers", () => {
    const net = scope(() => new Net());
    for (const value of net.stateDict().values()) expect(value.isDisposed).toBe(false);
    expect(net.blocks.at(0).scale.tolist()).toEqual([1, 1]);
  });
});

describe("containers", () => {
  test("ModuleList holds, grows and iterates in order", () => {
    const [a, b] = [new nn.ReLU(), new nn.Tanh()];
    const list = new nn.ModuleList<nn.Module>([a]);
    list.push(b);
    expect([list.length, list.at(-1), [...list]]).toEqual([2, b, [a, b]]);
    expect(() => list.at(2)).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: ModuleList.at: index must be within 2 modules, got 2.]`,
    );
    const many = new nn.ModuleList(Array.from({ length: 12 }, () => new nn.Linear(1, 1, { bias: false })));
    expect([...many.stateDict().keys()].at(-1)).toBe("11.weight");
  });

  test("Sequential passes on what each gives; an empty one its input", () => {
    const x = tensor([[-1, 2]]);
    expect(new nn.Sequential(new nn.ReLU(), new nn.ReLU()).forward(x).tolist()).toEqual([[0, 2]]);
    expect(new nn.Sequential().forward(x)).toBe(x);
  });
});
