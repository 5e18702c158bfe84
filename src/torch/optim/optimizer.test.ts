import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { liveTensors } from "../../../tests/live-tensors.ts";
import { messagesOf } from "../../../tests/mistakes.ts";
import {
  Tensor,
  dispose,
  isGradEnabled,
  keep,
  load,
  memoryStats,
  ones,
  optim,
  randn,
  save,
  scope,
  tensor,
  zeros,
} from "../index.ts";

function weight(...shape: number[]): Tensor {
  return randn(shape, { requiresGrad: true });
}

function backward(...params: Tensor[]): void {
  scope(() => {
    let loss = zeros([]);
    for (const param of params) loss = loss.add(param.pow(2).sum().to("float32"));
    loss.backward();
  });
}

describe("groups", () => {
  test("a group has its own options, and the optimizer's where it names none", () => {
    const [w, b] = [weight(2, 2), weight(2)];
    const optimizer = new optim.AdamW(
      [
        { params: [w], weightDecay: 0.5 },
        { params: b, lr: 0.25 },
      ],
      { lr: 0.125 },
    );
    const options = optimizer.paramGroups.map(({ lr, weightDecay, betas }) => ({ lr, weightDecay, betas }));
    expect(options).toEqual([
      { lr: 0.125, weightDecay: 0.5, betas: [0.9, 0.999] },
      { lr: 0.25, weightDecay: 0.01, betas: [0.9, 0.999] },
    ]);
    expect(optimizer.paramGroups[1]!.params).toEqual([b]);
  });

  test("a change of lr in a group counts from the next step on", () => {
    const w = ones([1], { requiresGrad: true });
    const optimizer = new optim.SGD([w], { lr: 0.5 });
    w.sum().backward();
    optimizer.step();
    optimizer.paramGroups[0]!.lr = 0.25;
    optimizer.step();
    expect(w.tolist()).toEqual([0.25]);
  });

  test("names stand in the state dict", () => {
    const optimizer = new optim.SGD(Object.entries({ "a.weight": weight(1), "a.bias": weight(1) }));
    expect(optimizer.stateDict().param_groups[0]!["param_names"]).toEqual(["a.weight", "a.bias"]);
  });

  test("a group added later is trained too", () => {
    const [w, late] = [ones([1], { requiresGrad: true }), ones([1], { requiresGrad: true })];
    const optimizer = new optim.SGD([w], { lr: 0.5 });
    optimizer.addParamGroup({ params: [late], lr: 0.25 });
    w.add(late).sum().backward();
    optimizer.step();
    expect([w.item(), late.item()]).toEqual([0.5, 0.75]);
    expect(optimizer.stateDict().param_groups.map(({ params }) => params)).toEqual([[0], [1]]);
  });
});

describe("step", () => {
  test("passes over parameters without gradient, and keeps no state of them", () => {
    const [trained, frozen] = [weight(2), zeros([2])];
    const optimizer = new optim.AdamW([trained, frozen]);
    backward(trained);
    optimizer.step();
    expect(optimizer.state.has(trained)).toBe(true);
    expect(optimizer.state.has(frozen)).toBe(false);
    expect(frozen.tolist()).toEqual([0, 0]);
    expect(Object.keys(optimizer.stateDict().state)).toEqual(["0"]);
  });

  test("does nothing without any gradient", () => {
    const w = ones([1], { requiresGrad: true });
    for (const Kind of [optim.AdamW, optim.Adam, optim.SGD]) new Kind([w]).step();
    expect(w.item()).toBe(1);
  });

  test("updates parameters of several dtypes in one group", () => {
    const dtypes = ["float32", "float64", "bfloat16"] as const;
    for (const Kind of [optim.AdamW, optim.SGD]) {
      const params = dtypes.map((dtype) => ones([3], { dtype, requiresGrad: true }));
      const optimizer = new Kind(params, { lr: 0.25, weightDecay: 0 });
      backward(...params);
      optimizer.step();
      for (const param of params) {
        const expected = Kind === optim.SGD ? 0.5 : 0.75;
        for (const value of param.tolist() as number[]) expect(value).toBeCloseTo(expected, 3);
      }
    }
  });

  test("reads a gradient by its strides, not as it lies in memory", () => {
    const gradient = tensor([[1, 2, 3], [4, 5, 6]]); // prettier-ignore
    for (const Kind of [optim.SGD, optim.AdamW]) {
      const results = [gradient, gradient.t().contiguous().t()].map((laidOut) => {
        const w = zeros([2, 3], { requiresGrad: true });
        w.grad = laidOut;
        new Kind([w], { lr: 1, weightDecay: 0, ...(Kind === optim.AdamW && { eps: 1 }) }).step();
        return w.tolist();
      });
      expect(results[1]).toEqual(results[0]);
    }
  });

  test("works on a parameter that is a transposed view, and restores its state", () => {
    const w = tensor([[1, 2], [3, 4], [5, 6]]).t().requiresGrad_(); // prettier-ignore
    const straight = w.detach().contiguous().requiresGrad_();
    const optimizers = [w, straight].map((param) => new optim.AdamW([param], { lr: 0.1 }));
    const step = () => {
      for (const [i, param] of [w, straight].entries()) {
        optimizers[i]!.zeroGrad();
        param.mul(tensor([[1, 2, 3], [4, 5, 6]])).pow(2).sum().backward(); // prettier-ignore
        optimizers[i]!.step();
      }
    };
    step();
    optimizers[0]!.loadStateDict(optimizers[1]!.stateDict());
    step();
    expect(w.tolist()).toEqual(straight.tolist());
  });

  test("leaves the gradient mode as it was", () => {
    const w = weight(1);
    backward(w);
    new optim.SGD([w]).step();
    expect(isGradEnabled()).toBe(true);
  });

  test("steps parameters that outlived the scope in which the optimizer was made", () => {
    const { w, optimizer } = scope(() => {
      const made = keep(ones([1], { requiresGrad: true }));
      const own = new optim.SGD([made], { lr: 0.5, momentum: 0.5 });
      backward(made);
      own.step();
      return { w: made, optimizer: own };
    });
    optimizer.zeroGrad();
    backward(w);
    optimizer.step();
    expect(w.item()).toBe(-0.5);
  });
});

describe("zeroGrad", () => {
  test("forgets gradients, or fills them with zeros", () => {
    const [w, b] = [weight(2), weight(2)];
    const optimizer = new optim.SGD([w, b]);
    backward(w);
    const held = w.grad!;
    optimizer.zeroGrad({ setToNone: false });
    expect(held.tolist()).toEqual([0, 0]);
    // also those that do not lie as their parameter does
    const m = weight(2, 3);
    m.grad = ones([3, 2]).t();
    const other = new optim.SGD([m]);
    other.zeroGrad({ setToNone: false });
    expect(m.grad!.sum().item()).toBe(0);
    m.grad = null;
    other.zeroGrad({ setToNone: false });
    expect(m.grad).toBe(null);
    expect(b.grad).toBe(null);
    optimizer.zeroGrad();
    expect(w.grad).toBe(null);
  });
});

describe("memory", () => {
  test.each([
    ["AdamW", (params: Tensor[]) => new optim.AdamW(params, { amsgrad: true })],
    ["SGD", (params: Tensor[]) => new optim.SGD(params, { momentum: 0.9 })],
  ])("2,000 steps of %s leave the live tensors and the memory of the process as they were", (_, make) => {
    const params = [weight(32, 32), weight(32)];
    const optimizer = make(params);
    const x = randn([16, 32]);
    const step = () =>
      scope(() => {
        x.matmul(params[0]!).add(params[1]!).tanh().pow(2).mean().backward();
        optim.clipGradNorm_(params, 1);
        optimizer.step();
        optimizer.zeroGrad();
      });
    // V8 lets its heap grow by some MB before it is steady
    for (let i = 0; i < 5000; i++) step();
    const before = liveTensors();
    const rss = process.memoryUsage.rss();
    for (let i = 0; i < 2000; i++) step();
    expect(liveTensors()).toBe(before);
    expect(memoryStats().openScopes).toBe(0);
    expect(process.memoryUsage.rss() / rss).toBeLessThan(1.02);
  });

  test("a step without a scope around it leaves its state alone behind", () => {
    const w = weight(4);
    const optimizer = new optim.AdamW([w]);
    w.grad = ones([4]);
    const before = liveTensors();
    for (let i = 0; i < 3; i++) optimizer.step();
    expect(liveTensors()).toBe(before + 3); // step, expAvg, expAvgSq
    optimizer.loadStateDict(optimizer.stateDict());
    expect(liveTensors()).toBe(before + 3);
  });
});

describe("createOptimizer", () => {
  test("makes each kind by its name", () => {
    for (const [name, Kind] of Object.entries({ adamw: optim.AdamW, Adam: optim.Adam, SGD: optim.SGD })) {
      const options = optim.camelCaseKeys({ lr: 0.5, weight_decay: 0.25 });
      const optimizer = optim.createOptimizer(name, [weight(1)], options);
      expect(optimizer).toBeInstanceOf(Kind);
      expect(optimizer.defaults).toMatchObject({ lr: 0.5, weightDecay: 0.25 });
    }
  });

  test("names of configs turn into names of code, and back", () => {
    const config = { lr: 1, weight_decay: 2, T_max: 3, T_0: 4, num_cycles: 5, maxLr: 6 };
    expect(optim.camelCaseKeys(config)).toEqual({
      lr: 1,
      weightDecay: 2,
      tMax: 3,
      t0: 4,
      numCycles: 5,
      maxLr: 6,
    });
    expect(optim.snakeCaseKeys({ weightDecay: 1, maxExpAvgSq: 2 })).toEqual({
      weight_decay: 1,
      max_exp_avg_sq: 2,
    });
  });
});

test("mistakes are named", () => {
  const w = weight(2);
  const loadInto = (optimizer: optim.Optimizer, saved: optim.Optimizer) =>
    optimizer.loadStateDict(saved.stateDict());
  const stepped = (optimizer: optim.Optimizer) => {
    for (const { params } of optimizer.paramGroups) backward(...params);
    optimizer.step();
    return optimizer;
  };
  const mistakes: (() => unknown)[] = [
    () => new optim.AdamW([]),
    () => new optim.AdamW(w as unknown as Tensor[]),
    () => new optim.AdamW([w, w]),
    () => new optim.AdamW([{ params: [w] }, { params: [w] }]),
    () => new optim.AdamW([{ params: [w], learningRate: 1 } as object as { params: Tensor[] }]),
    () => new optim.AdamW([{ lr: 1 } as object as { params: Tensor[] }]),
    () => new optim.AdamW([w], { weigthDecay: 0 } as object),
    () => new optim.AdamW([w], { lr: -1 }),
    () => new optim.AdamW([w], { lr: "1e-3" as unknown as number }),
    () => new optim.AdamW([w], { lr: NaN }),
    () => new optim.AdamW([w], { betas: [0.9, 1] }),
    () => new optim.AdamW([w], { betas: [0.9] as unknown as [number, number] }),
    () => new optim.AdamW([w], { weightDecay: -0.5 }),
    () => new optim.AdamW([w], { eps: -1 }),
    () => new optim.AdamW([w], { amsgrad: 1 as unknown as boolean }),
    () => new optim.SGD([w], { momentum: -1 }),
    () => new optim.SGD([w], { nesterov: true }),
    () => new optim.SGD([w, 3 as unknown as Tensor]),
    () => new optim.SGD([w.mul(2)]),
    () => new optim.SGD([["w", w], weight(1)] as unknown as Tensor[]),
    () => new optim.SGD([{ params: [["w", w]] as [string, Tensor][] }, { params: [weight(1)] }]),
    () => new optim.SGD([randn([4, 4]).select(1, 0).requiresGrad_()]),
    () => optim.createOptimizer("adamwx", [w]),
    () => loadInto(new optim.SGD([w]), new optim.SGD([{ params: [w] }, { params: [weight(2)] }])),
    () => loadInto(new optim.SGD([w]), new optim.SGD([w, weight(2)])),
    () => loadInto(new optim.SGD([["a", w]]), new optim.SGD([["b", w]])),
    () => loadInto(new optim.Adam([w]), new optim.AdamW([w])),
    () => loadInto(new optim.AdamW([w]), stepped(new optim.SGD([w], { momentum: 0.5 }))),
    () => loadInto(new optim.AdamW([w]), stepped(new optim.AdamW([weight(3)]))),
    () => new optim.SGD([w]).loadStateDict({ state: { 5: {} }, param_groups: [{ lr: 1, params: [0] }] }),
    () => new optim.SGD([w]).loadStateDict({ state: {}, param_groups: [{ params: [0] }] }),
    () => new optim.SGD([w]).loadStateDict({ state: {}, param_groups: [{ lr: -1, params: [0] }] }),
  ];
  expect(messagesOf(mistakes)).toMatchInlineSnapshot(`
    "UsageError: AdamW: params must have at least one parameter, got none. Pass model.parameters().
    UsageError: AdamW: params must be a list, got one Tensor. Pass [parameter] or model.parameters().
    UsageError: AdamW: parameter 1 must be in one group once, got it twice. Remove one.
    UsageError: AdamW: parameter 0 must be in one group once, got it twice. Remove one.
    UsageError: AdamW: unknown option "learningRate". Valid: amsgrad, betas, eps, initialLr, lr, maximize, weightDecay.
    UsageError: AdamW: a group must have params, got none. Write { params: [...], lr: ... }.
    UsageError: AdamW: unknown option "weigthDecay". Did you mean "weightDecay"? Valid: amsgrad, betas, eps, lr, maximize, weightDecay.
    UsageError: AdamW: lr must be a number >= 0, got -1.
    UsageError: AdamW: lr must be a number >= 0, got "1e-3".
    UsageError: AdamW: lr must be a number >= 0, got NaN.
    UsageError: AdamW: betas[1] must be a number >= 0 and < 1, got 1.
    UsageError: AdamW: betas must be two numbers, got [0.9]. Write [0.9, 0.999].
    UsageError: AdamW: weightDecay must be a number >= 0, got -0.5.
    UsageError: AdamW: eps must be a number >= 0, got -1.
    UsageError: AdamW: amsgrad must be true or false, got 1.
    UsageError: SGD: momentum must be a number >= 0, got -1.
    UsageError: SGD: nesterov needs momentum > 0 and dampening 0, got momentum=0 and dampening=0.
    UsageError: SGD: parameter 1 must be a Tensor, got number.
    UsageError: SGD: parameter 0 must be a leaf, got the result of an operator. Pass the weights themselves, or detach() it.
    UsageError: SGD: parameters must be named all or none, got 1 names for 2.
    UsageError: SGD: parameters must be named in all groups or in none, got both. Pass namedParameters() to each.
    UsageError: SGD: parameter 0 must fill its memory without holes or overlap, got shape [4] with strides [4]. Pass x.contiguous().
    UsageError: optimizer: unknown name "adamwx". Did you mean "adamax"? Valid: adadelta, adafactor, adafactor_torch, adagrad, adam, adamax, adamw, asgd, lamb, lbfgs, lion, muon, nadam, radam, rmsprop, rprop, schedule_free_adamw, schedule_free_sgd, sgd.
    UsageError: SGD.loadStateDict: the state must have 1 parameter groups, got 2. Make the optimizer with the groups that it was saved with.
    UsageError: SGD.loadStateDict: group 0 must have 1 parameters, got 2. Load the state of an optimizer over the same model.
    UsageError: SGD.loadStateDict: parameter 0 of group 0 must be "a", got "b". Load the state of an optimizer over the same parameters in the same order.
    UsageError: Adam.loadStateDict: the state was saved by AdamW. Load it into that optimizer.
    UsageError: AdamW.loadStateDict: parameter 0 must have step, exp_avg, exp_avg_sq, got momentum_buffer. Load the state of the same kind of optimizer.
    ShapeError: AdamW.loadStateDict: parameter 0: exp_avg must have the shape [2], got [3]. Load the state of an optimizer over the same model.
    UsageError: SGD.loadStateDict: state 5 must belong to a parameter, got none of that number in param_groups.
    UsageError: SGD.loadStateDict: a parameter group must have lr, got params.
    UsageError: SGD: lr must be a number >= 0, got -1."
  `);
});

test("a state that does not fit changes nothing", () => {
  const [w, b] = [weight(2), weight(2)];
  const optimizer = new optim.AdamW([w, b], { lr: 0.25 });
  backward(w, b);
  optimizer.step();
  const before = optimizer.stateDict();
  const values = Object.values(before.state).map((state) => state["exp_avg"]!.tolist());
  const unfit = { ...before.state, 1: { ...before.state[1]!, exp_avg: zeros([3]) } };
  const groups = before.param_groups.map((group) => ({ ...group, lr: 99 }));
  expect(() => optimizer.loadStateDict({ state: unfit, param_groups: groups })).toThrow(
    /exp_avg must have the shape/,
  );
  expect(Object.values(optimizer.stateDict().state).map((state) => state["exp_avg"]!.tolist())).toEqual(
    values,
  );
  expect(optimizer.paramGroups[0]!.lr).toBe(0.25);
  dispose(before);
});

test("what is no state dict is refused", () => {
  const optimizer = new optim.AdamW([ones([1], { requiresGrad: true })]);
  const groups = [{ params: [0], lr: 1 }];
  for (const wrong of [
    null,
    {},
    { state: {}, param_groups: [null] },
    { state: { 0: null }, param_groups: groups },
  ]) {
    expect(() => optimizer.loadStateDict(wrong as never)).toThrow("AdamW.loadStateDict: the state must be {");
  }
});

test("a state goes through a file of torch.save", () => {
  const path = join(mkdtempSync(join(tmpdir(), "sconce-")), "optimizer.pt");
  const weight = ones([2], { requiresGrad: true });
  const optimizer = new optim.AdamW([weight], { lr: 0.5 });
  weight.sum().backward();
  optimizer.step();
  save(optimizer.stateDict(), path);
  const restored = new optim.AdamW([weight]);
  restored.loadStateDict(load(path) as optim.OptimizerStateDict);
  expect(restored.paramGroups[0]!.lr).toBe(0.5);
  for (const [name, value] of Object.entries(optimizer.state.get(weight)!))
    expect(restored.state.get(weight)![name]!.equal(value)).toBe(true);
});
