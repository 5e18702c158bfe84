// What holds for every optimizer in the registry.
import { describe, expect, test } from "vitest";
import { liveTensors } from "../../../tests/live-tensors.ts";
import { messagesOf } from "../../../tests/mistakes.ts";
import { Tensor, isGradEnabled, ones, optim, scope, tensor, zeros } from "../index.ts";

// L-BFGS steps with a closure alone, and has tests of its own
const names = optim.optimizers.names().filter((name) => name !== "lbfgs");
const weight = () => ones([2, 2], { requiresGrad: true });

function make(name: string, params: Tensor[]): optim.Optimizer {
  const optimizer = optim.createOptimizer(name, params, { lr: 0.1 });
  optimizer.train();
  return optimizer;
}

describe.each(names)("%s", (name) => {
  test("lowers a loss, with a closure whose loss it returns", () => {
    const w = weight();
    const optimizer = make(name, [w]);
    const losses = Array.from({ length: 20 }, () =>
      optimizer.step(() => {
        expect(isGradEnabled()).toBe(true);
        optimizer.zeroGrad();
        const loss = w.add(1).pow(2).mean();
        loss.backward();
        return loss.item();
      }),
    );
    expect(losses[0]).toBe(4);
    expect(losses.at(-1)).toBeLessThan(3.99);
  });

  test("passes over a parameter without gradient", () => {
    const [trained, frozen] = [weight(), weight()];
    const optimizer = make(name, [trained, frozen]);
    trained.grad = ones([2, 2]);
    optimizer.step();
    expect(frozen.tolist()).toEqual([[1, 1], [1, 1]]); // prettier-ignore
    expect(trained.tolist()).not.toEqual(frozen.tolist());
  });

  test("carries NaN from a gradient to its own parameter, not to others", () => {
    const [spoilt, sound] = [weight(), weight()];
    const optimizer = make(name, [spoilt, sound]);
    spoilt.grad = tensor([[NaN, NaN], [NaN, NaN]]); // prettier-ignore
    sound.grad = ones([2, 2]);
    optimizer.step();
    // the sign that Lion moves by is 0 for NaN: there the state alone shows it
    const spoilts = [spoilt, ...Object.values(optimizer.state.get(spoilt) ?? {})];
    expect(spoilts.some((each) => each.isnan().any().item())).toBe(true);
    expect(sound.isfinite().all().item()).toBe(true);
  });

  test("leaves its state alone behind, also after it was loaded again", () => {
    const w = weight();
    const optimizer = make(name, [w]);
    w.grad = ones([2, 2]);
    optimizer.step();
    const before = liveTensors();
    for (let i = 0; i < 3; i++) optimizer.step();
    optimizer.loadStateDict(optimizer.stateDict());
    expect(liveTensors()).toBe(before);
  });

  test("calls hooks around each step until they are taken off", () => {
    const optimizer = make(name, [weight()]);
    const calls: string[] = [];
    const pre = optimizer.registerStepPreHook((given) => calls.push(`before ${given.name}`));
    const post = optimizer.registerStepPostHook(() => calls.push("after"));
    optimizer.step(() => calls.push("closure"));
    pre.remove();
    post.remove();
    optimizer.step();
    expect(calls).toEqual([`before ${optimizer.name}`, "closure", "after"]);
  });

  test("refuses a rate below 0, an unknown option, no parameters and the same one twice", () => {
    const w = weight();
    const create = (params: Tensor[], options: object) => () =>
      optim.createOptimizer(name, params, { ...options });
    expect(create([w], { lr: -1 })).toThrow(/lr must be a number >= 0, got -1/);
    expect(create([w], { lrr: 1 })).toThrow(/unknown option "lrr"/);
    expect(create([], {})).toThrow(/must have at least one parameter/);
    expect(create([w, w], {})).toThrow(/in one group once/);
    expect(create([w.mul(2)], {})).toThrow(/must be a leaf/);
  });
});

test("options out of range are named", () => {
  const w = [weight()];
  const mistakes: (() => unknown)[] = [
    () => new optim.RMSprop(w, { alpha: 2 }),
    () => new optim.RMSprop(w, { momentum: -1 }),
    () => new optim.Adagrad(w, { lrDecay: -1 }),
    () => new optim.Adadelta(w, { rho: 1.5 }),
    () => new optim.Adamax(w, { betas: [1, 0.9] }),
    () => new optim.NAdam(w, { momentumDecay: -1 }),
    () => new optim.RAdam(w, { decoupledWeightDecay: 1 as unknown as boolean }),
    () => new optim.Rprop(w, { etas: [1.2, 0.5] }),
    () => new optim.Rprop(w, { stepSizes: [2, 1] }),
    () => new optim.ASGD(w, { t0: NaN }),
    () => new optim.Adafactor(w, { d: 0.5 }),
    () => new optim.Adafactor(w, { eps: [1] as unknown as [number, number] }),
    () => new optim.TransformersAdafactor(w, { lr: 0.1 }),
    () => new optim.TransformersAdafactor(w, { relativeStep: false, warmupInit: true }),
    () => new optim.Muon([["bias", zeros([3], { requiresGrad: true })]]),
    () => new optim.Muon(w, { adjustLrFn: "shape" as "original" }),
    () => new optim.Lion(w, { betas: [0.9, 1.1] }),
    () => new optim.LAMB(w, { eps: -1 }),
    () => new optim.AdamWScheduleFree(w, { betas: [0, 0.9] }),
    () => new optim.AdamWScheduleFree(w).step(),
    () => new optim.SGDScheduleFree(w, { k: 3 } as object),
  ];
  expect(messagesOf(mistakes)).toMatchInlineSnapshot(`
    "UsageError: RMSprop: alpha must be a number >= 0 and <= 1, got 2.
    UsageError: RMSprop: momentum must be a number >= 0, got -1.
    UsageError: Adagrad: lrDecay must be a number >= 0, got -1.
    UsageError: Adadelta: rho must be a number >= 0 and <= 1, got 1.5.
    UsageError: Adamax: betas[0] must be a number >= 0 and < 1, got 1.
    UsageError: NAdam: momentumDecay must be a number >= 0, got -1.
    UsageError: RAdam: decoupledWeightDecay must be true or false, got 1.
    UsageError: Rprop: etas[0] must be a number > 0 and < 1, got 1.2.
    UsageError: Rprop: stepSizes must be the smallest and the largest, got [2, 1].
    UsageError: ASGD: t0 must be a number, got NaN.
    UsageError: Adafactor: d must be a number >= 1, got 0.5.
    UsageError: Adafactor: eps must be two numbers, got [1]. Write [null, 1e-3].
    UsageError: TransformersAdafactor: lr and relativeStep exclude each other, got lr=0.1. Leave lr out, or set relativeStep: false.
    UsageError: TransformersAdafactor: warmupInit needs relativeStep, got false. Use a schedule to warm up.
    UsageError: Muon: bias must be a matrix, got the shape [3]. Give it to another optimizer, AdamW.
    UsageError: Muon: adjustLrFn must be one of "original", "match_rms_adamw", got "shape".
    UsageError: Lion: betas[1] must be a number >= 0 and < 1, got 1.1.
    UsageError: LAMB: eps must be a number >= 0, got -1.
    UsageError: AdamWScheduleFree: betas[0] must be a number > 0 and < 1, got 0.
    UsageError: AdamWScheduleFree.step: the optimizer must be in train mode, got eval mode. Call train() before training.
    UsageError: SGDScheduleFree: unknown option "k". Did you mean "r"? Valid: lr, momentum, r, warmupSteps, weightDecay, weightLrPower."
  `);
});

test("a schedule-free optimizer gives the same weights back when it evaluates in between", () => {
  const w = weight();
  const optimizer = new optim.AdamWScheduleFree([w], { lr: 0.1 });
  optimizer.train();
  for (let i = 0; i < 3; i++) {
    scope(() => w.pow(2).sum().backward());
    optimizer.step();
    optimizer.zeroGrad();
  }
  const trained = w.clone().detach();
  optimizer.eval();
  expect(w.sub(trained).abs().max().item()).toBeGreaterThan(1e-3);
  optimizer.train();
  expect(w.sub(trained).abs().max().item()).toBeLessThan(1e-6);
});
