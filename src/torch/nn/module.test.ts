// Modules: what they find in their fields, the names they give it, and how weights come in.
import { describe, expect, test } from "vitest";
import { liveTensors } from "../../../tests/live-tensors.ts";
import { nn, noGrad, ones, scope, tensor, zeros } from "../index.ts";
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
    expect(names(net.namedBuffers({ prefix: "model" }))).toEqual([
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
    (block as unknown as { mean: number }).mean = 0;
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

test("options of a walk: no recursion, duplicates, a prefix", () => {
  const tied = new Tied();
  expect(names(tied.namedParameters({ recurse: false }))).toEqual([]);
  expect(names(tied.emb.namedParameters({ recurse: false, prefix: "emb" }))).toEqual(["emb.weight"]);
  expect(names(tied.namedParameters({ removeDuplicate: false }))).toEqual(["emb.weight", "head.weight"]);
  const block = new nn.Linear(1, 1);
  const both = new nn.ModuleList([block, block]);
  expect(names(both.namedModules({ removeDuplicate: false, prefix: "m" }))).toEqual(["m", "m.0", "m.1"]);
  expect(names(both.namedChildren())).toEqual(["0"]);
  expect([...both.children()]).toEqual([block]);
  expect([...both.stateDict().keys()]).toEqual(["0.weight", "0.bias", "1.weight", "1.bias"]);
});

describe("paths", () => {
  test("find modules, parameters and buffers", () => {
    const net = new Net();
    expect(net.getSubmodule("")).toBe(net);
    expect(net.getSubmodule("blocks.1.fc")).toBe(net.blocks.at(1).fc);
    expect(net.getParameter("blocks.1.fc.bias")).toBe(net.blocks.at(1).fc.bias);
    expect(net.getBuffer("blocks.0.cache").shape).toEqual([1]);
  });

  test("that lead nowhere are answered with what there is", () => {
    const net = new Net();
    expect(() => net.getSubmodule("blocks.2.fc")).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: Net.getSubmodule: "blocks.2.fc" must be the path of a module, but ModuleList has no "2". Did you mean "0"? Valid: 0, 1.]`,
    );
    expect(() => net.getParameter("blocks.1.mean")).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: Net.getParameter: there is no "blocks.1.mean". Valid: scale.]`,
    );
    expect(() => net.getBuffer("blocks.1.men")).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: Net.getBuffer: there is no "blocks.1.men". Did you mean "mean"? Valid: cache, mean.]`,
    );
  });
});

describe("registering by name", () => {
  test("gives children, weights and buffers that the walks find; null keeps a place free", () => {
    const list = new nn.ModuleList();
    list.registerParameter("scale", new nn.Parameter(ones([2])));
    list.registerParameter("shift", null);
    list.registerBuffer("mean", null);
    list.addModule("fc", new nn.Linear(1, 1, { bias: false }));
    list.registerModule("none", null);
    expect([...list.stateDict().keys()]).toEqual(["scale", "fc.weight"]);
    expect((list as unknown as { shift: null }).shift).toBe(null);
    list.registerBuffer("mean", zeros([1]));
    list.registerParameter("shift", new nn.Parameter(ones([2])));
    expect([...list.stateDict().keys()]).toEqual(["scale", "shift", "mean", "fc.weight"]);
  });

  test("refuses names that are methods or paths", () => {
    const list = new nn.ModuleList();
    expect(() => list.addModule("forward", list)).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: ModuleList.addModule: the name must be free, not empty and without a dot, got "forward" (ModuleList has a method of that name). Take another.]`,
    );
    expect(() => list.registerBuffer("a.b", null)).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: ModuleList.registerBuffer: the name must be free, not empty and without a dot, got "a.b" (the name is part of a dotted path). Take another.]`,
    );
    expect(() => list.registerParameter("", null)).toThrow('got ""');
  });
});

describe("a state dict", () => {
  test("shares memory with the module and is cut from the graph; keepVars gives the parameters", () => {
    const layer = new nn.Linear(1, 1, { bias: false });
    const weight = layer.stateDict().get("weight")!;
    expect([weight.requiresGrad, weight.sharesStorageWith(layer.weight)]).toEqual([false, true]);
    expect(layer.stateDict({ keepVars: true }).get("weight")).toBe(layer.weight);
    expect([...layer.stateDict({ prefix: "m.fc." }).keys()]).toEqual(["m.fc.weight"]);
  });

  test("puts parameters before buffers, however they were made", () => {
    class Late extends nn.Module {
      declare running: Tensor;
      weight: nn.Parameter;
      constructor() {
        super();
        this.registerBuffer("running", zeros([1]));
        this.weight = new nn.Parameter(ones([1]));
      }
    }
    expect([...new Late().stateDict().keys()]).toEqual(["weight", "running"]);
  });

  test("assigned puts the tensors themselves in place, with their dtype", () => {
    const block = new Block().requiresGrad_(false);
    const given = new Map(Array.from(block.stateDict(), ([name, value]) => [name, value.double()]));
    block.loadStateDict(given, { assign: true });
    expect([block.scale.dtype, block.scale.requiresGrad]).toEqual(["float64", false]);
    expect(block.scale.sharesStorageWith(given.get("scale")!)).toBe(true);
    expect(block.getBuffer("mean")).toBe(given.get("mean"));
  });

  test("goes through hooks on its way out and in", () => {
    const net = new nn.Sequential(new nn.Linear(1, 1, { bias: false }));
    net.at(0).registerStateDictPostHook((_, state, prefix) => {
      state.set(`${prefix}kernel`, state.get(`${prefix}weight`)!);
      state.delete(`${prefix}weight`);
    });
    const pre = net.at(0).registerLoadStateDictPreHook((_, state, prefix) => {
      state.set(`${prefix}weight`, state.get(`${prefix}kernel`)!);
      state.delete(`${prefix}kernel`);
    });
    const saved = new Map(Array.from(net.stateDict(), ([name, value]) => [name, value.add(1)]));
    expect([...saved.keys()]).toEqual(["0.kernel"]);
    let missing: string[] | undefined;
    net.registerLoadStateDictPostHook((_, keys) => void (missing = keys.missingKeys));
    net.loadStateDict(saved);
    expect([...saved.keys(), missing]).toEqual(["0.kernel", []]);
    expect(net.getParameter("0.weight").item()).toBe(saved.get("0.kernel")!.item());
    pre.remove();
    expect(() => net.loadStateDict(saved)).toThrow("missing: 0.weight; unexpected: 0.kernel");
  });
});

describe("forward hooks", () => {
  class Doubled extends nn.ReLU {
    override forward(x: Tensor): Tensor {
      return super.forward(x).mul(2);
    }
  }
  const x = tensor([-1, 2]);

  test("see inputs and output, may change both, and run in order", () => {
    const layer = new Doubled();
    const seen: string[] = [];
    layer.registerForwardHook((module, [input], output) => {
      seen.push(`after ${module.constructor.name} ${String((input as Tensor).tolist())}`);
      return (output as Tensor).add(1);
    });
    layer.registerForwardHook(
      (_module, _inputs, output) => void seen.push(String((output as Tensor).tolist())),
    );
    layer.registerForwardPreHook((_module, [input]) => void seen.push(String((input as Tensor).tolist())));
    layer.registerForwardPreHook(
      (_module, [input]) => {
        seen.push("first");
        return (input as Tensor).neg();
      },
      { prepend: true },
    );
    expect(layer.forward(x).tolist()).toEqual([3, 1]);
    expect(seen).toEqual(["first", "1,-2", "after Doubled 1,-2", "3,1"]);
  });

  test("run when a parent calls the module, with its new inputs as a list", () => {
    const bilinear = new (class extends nn.Module {
      override forward(a: Tensor, b: Tensor): Tensor {
        return a.mul(b);
      }
    })();
    bilinear.registerForwardPreHook((_module, [a, b]) => [(a as Tensor).add(1), b]);
    expect(bilinear.forward(x, x).tolist()).toEqual([-0, 6]);
    const inner = new nn.ReLU();
    inner.registerForwardHook((_module, _inputs, output) => (output as Tensor).mul(10));
    expect(new nn.Sequential(inner, new nn.ReLU()).forward(x).tolist()).toEqual([0, 20]);
  });

  test("leave the instance as it was once the last is taken off", () => {
    const layer = new nn.ReLU();
    const plain = layer.forward;
    const [first, second] = [
      layer.registerForwardHook(() => x),
      layer.registerForwardPreHook(() => undefined),
    ];
    expect(layer.forward).not.toBe(plain);
    expect(Object.keys(layer)).toEqual(Object.keys(new nn.ReLU()));
    first.remove();
    first.remove();
    expect(layer.forward).not.toBe(plain);
    second[Symbol.dispose]();
    expect([layer.forward, Object.hasOwn(layer, "forward")]).toEqual([plain, false]);
  });

  test("give a module back its arrow function", () => {
    class Arrow extends nn.Module {
      override forward = (y: Tensor) => y.neg();
    }
    const layer = new Arrow();
    const plain = layer.forward;
    const handle = layer.registerForwardHook((_module, _inputs, output) => (output as Tensor).mul(2));
    expect(layer.forward(x).tolist()).toEqual([2, -4]);
    handle.remove();
    expect(layer.forward).toBe(plain);
  });

  test("leave a forward that was replaced meanwhile", () => {
    const layer = new nn.ReLU();
    const handle = layer.registerForwardHook(() => x);
    layer.forward = (y) => y.mul(5);
    handle.remove();
    expect(layer.forward(x).tolist()).toEqual([-5, 10]);
  });
});

describe("full backward hooks", () => {
  test("see the gradients of inputs and outputs and may change those of the inputs", () => {
    const layer = new nn.Linear(2, 1, { bias: false });
    layer.loadStateDict(new Map([["weight", tensor([[2, 3]])]]));
    const seen: unknown[] = [];
    const before = liveTensors();
    const handle = layer.registerFullBackwardHook((module, gradInputs, gradOutputs) => {
      seen.push([module.constructor.name, gradInputs[0]!.tolist(), gradOutputs[0]!.tolist()]);
      return [gradInputs[0]!.mul(10)];
    });
    const x = ones([1, 2], { requiresGrad: true });
    scope(() => layer.forward(x).mul(5).sum().backward());
    expect(seen).toEqual([["Linear", [[10, 15]], [[5]]]]);
    expect(x.grad!.tolist()).toEqual([[100, 150]]);
    expect(layer.weight.grad!.tolist()).toEqual([[5, 5]]);
    handle.remove();
    layer.zeroGrad();
    x.grad = null;
    x.dispose();
    expect(liveTensors()).toBe(before);
  });

  test("are called where no input learns; the pre hook changes what the module's backward gets", () => {
    const layer = new nn.Linear(1, 1, { bias: false });
    const seen: unknown[] = [];
    layer.registerFullBackwardHook((_module, gradInputs, gradOutputs) => {
      seen.push([gradInputs, gradOutputs[0]!.item()]);
    });
    layer.registerFullBackwardPreHook((_module, [gradient]) => gradient!.mul(3));
    layer.forward(ones([1, 1])).backward();
    expect(seen).toEqual([[[null], 3]]);
    expect(layer.weight.grad!.item()).toBe(3);
    expect(noGrad(() => layer.forward(ones([1, 1]))).requiresGrad).toBe(false);
  });

  test("get a gradient for each input and output, null for those that have none", () => {
    class Pair extends nn.Module {
      override forward(a: Tensor, b: Tensor, scale: number): Tensor[] {
        return [a.mul(scale), b.mul(2)];
      }
    }
    const pair = new Pair();
    const seen: unknown[] = [];
    const numbers = (gradients: (Tensor | null)[]) => gradients.map((gradient) => gradient?.item() ?? null);
    pair.registerFullBackwardHook((_module, gradInputs, gradOutputs) => {
      seen.push([numbers(gradInputs), numbers(gradOutputs)]);
    });
    const [a, b] = [tensor(1, { requiresGrad: true }), tensor(1)];
    pair.forward(a, b, 4)[0]!.backward();
    expect(seen).toEqual([[[4, null, null], [1, null]]]); // prettier-ignore
    pair.registerFullBackwardHook(() => [null]);
    expect(() => pair.forward(a, b, 4)[0]!.backward()).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: A backward hook must return 3 gradients, got 1. Return nothing to leave them.]`,
    );
  });
});

describe("moving", () => {
  test("has short names for dtypes, takes a tensor as pattern, and moves gradients along", () => {
    const layer = new nn.Linear(2, 1);
    layer.forward(ones([1, 2])).backward();
    expect(layer.double().weight.grad!.dtype).toBe("float64");
    expect(layer.weight.grad!.tolist()).toEqual([[1, 1]]);
    expect(layer.half().weight.dtype).toBe("float16");
    expect(layer.bfloat16().cpu().weight.dtype).toBe("bfloat16");
    expect(layer.to(ones([1])).weight.dtype).toBe("float32");
    expect(layer.double().float().bias!.dtype).toBe("float32");
  });

  test("lets a module live without memory until its weights come", () => {
    const layer = new nn.Linear(2, 2).to("meta");
    expect([layer.weight.device, layer.weight.isLeaf]).toEqual(["meta", true]);
    const state = new Map([["weight", ones([2, 2])], ["bias", ones([2])]] as const); // prettier-ignore
    expect(() => layer.loadStateDict(state)).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: Linear.loadStateDict: "weight" is on the device meta and has no memory to copy into. Load with assign: true, or call toEmpty first.]`,
    );
    layer.loadStateDict(state, { assign: true });
    expect(layer.forward(ones([1, 2])).tolist()).toEqual([[3, 3]]);
    expect(new nn.Linear(2, 2).to("meta").toEmpty({ device: "cpu" }).weight.device).toBe("cpu");
  });
});

test("train reaches children through their own method", () => {
  class Frozen extends nn.Dropout {
    override train(): this {
      return super.train(false);
    }
  }
  const net = new nn.Sequential(new Frozen(0.5), new nn.Dropout(0.5)).train();
  expect([...net].map(({ training }) => training)).toEqual([false, true]);
});

test("a printed module is PyTorch's text", () => {
  const net = new nn.Sequential(
    new nn.Linear(4, 8),
    new nn.ModuleList([new nn.ReLU(), new nn.ReLU(), new nn.Tanh()]) as unknown as nn.TensorModule,
    new nn.Dropout(0.1),
  );
  expect(net.toString()).toMatchInlineSnapshot(`
    "Sequential(
      (0): Linear(in_features=4, out_features=8, bias=True)
      (1): ModuleList(
        (0-1): 2 x ReLU()
        (2): Tanh()
      )
      (2): Dropout(p=0.1, inplace=False)
    )"
  `);
});

test("what is no state dict is refused", () => {
  const layer = new nn.Linear(2, 2);
  const before = layer.weight.tolist();
  expect(() => layer.loadStateDict({ weight: layer.weight } as never)).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: Linear.loadStateDict: the state must be a Map of tensors by name, as stateDict() gives, got object. Make one: new Map(Object.entries(weights)).]`,
  );
  expect(() => layer.loadStateDict(new Map([["weight", 1 as never]]))).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: Linear.loadStateDict: "weight" must be a Tensor, got number.]`,
  );
  expect(layer.weight.tolist()).toEqual(before);
});

test("a linear layer without inputs gives its bias, which is zero", () => {
  expect(new nn.Linear(0, 2).forward(zeros([1, 0])).equal(zeros([1, 2]))).toBe(true);
});
