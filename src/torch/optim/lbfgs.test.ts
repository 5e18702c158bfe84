// L-BFGS against PyTorch's. The golden files are written by tools/golden/optim_rules.py.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { liveTensors } from "../../../tests/live-tensors.ts";
import { messagesOf } from "../../../tests/mistakes.ts";
import { loadSafetensors, noGrad, ones, optim, scope, tensor } from "../index.ts";
import type { Dtype, Tensor } from "../index.ts";

const goldens = new URL("../../../tests/goldens/torch/", import.meta.url).pathname;
const { lbfgs: cases, lbfgs_state: saved } = JSON.parse(
  readFileSync(`${goldens}optim-rules.json`, "utf8"),
) as {
  lbfgs: { options: Record<string, unknown> & { dtype?: Dtype }; func_evals: number }[];
  lbfgs_state: { param_groups: optim.OptimizerStateDict["param_groups"]; numbers: Record<string, number> };
};
const golden = loadSafetensors(`${goldens}optim-rules.safetensors`);
const names = ["w", "b", "late", "cube", "u"];

function problem({ dtype = "float32", ...options }: (typeof cases)[number]["options"]) {
  const read = (name: string) => golden.get(name)!.to({ dtype, copy: true });
  const params = names.map((name) => read(name).requiresGrad_());
  const [w, b, late, cube, u] = params as [Tensor, Tensor, Tensor, Tensor, Tensor];
  const [x, y] = [read("x"), read("y")];
  const optimizer = new optim.LBFGS(params, optim.camelCaseKeys(options));
  const closure = () => {
    optimizer.zeroGrad();
    const [first, second] = cube.unbind(0) as [Tensor, Tensor];
    const inner = x.matmul(w).add(b).tanh().mul(late);
    const hidden = inner.add(inner.matmul(first).tanh().matmul(second));
    const loss = hidden.matmul(u).sub(y).pow(2).mean();
    loss.backward();
    return loss;
  };
  return { params, optimizer, step: () => scope(() => optimizer.step(closure).item()) };
}

function flat(params: readonly Tensor[]): number[] {
  return params.flatMap((param) => param.detach().flatten().tolist() as number[]);
}

function largestDifference(a: readonly number[], b: readonly number[]): number {
  expect(a.length).toBe(b.length);
  return Math.max(...a.map((value, i) => Math.abs(value - b[i]!)));
}

function stateOf(optimizer: optim.LBFGS): Record<string, any> {
  return optimizer.stateDict().state[0]!;
}

describe("LBFGS follows PyTorch's", () => {
  test.each(cases)("over 6 steps with $options", ({ options, func_evals }) => {
    const { params, optimizer, step } = problem(options);
    const course = golden.get(`lbfgs.${cases.findIndex((each) => each.options === options)}.course`)!;
    // a line search amplifies rounding, so its cases are in float64
    const tolerance = options.dtype === "float64" ? 1e-9 : 1e-6;
    for (const expected of course.tolist() as number[][]) {
      step();
      expect(largestDifference(flat(params), expected)).toBeLessThan(tolerance);
    }
    expect(stateOf(optimizer)["func_evals"]).toBe(func_evals);
  });

  test("from a state that PyTorch saved, and gives its keys back", () => {
    const { params, optimizer, step } = problem(cases[1]!.options);
    const state: Record<string, unknown> = { ...saved.numbers };
    for (const [key, value] of golden) {
      const name = key.replace("lbfgs.state.", "");
      if (name !== key) state[name] = ["old_dirs", "old_stps", "ro"].includes(name) ? value.unbind(0) : value;
    }
    optimizer.loadStateDict({ state: { 0: state as never }, param_groups: saved.param_groups });
    expect(Object.keys(stateOf(optimizer)).sort()).toEqual(Object.keys(state).sort());
    expect(optimizer.stateDict().param_groups).toEqual(saved.param_groups);
    let offset = 0;
    noGrad(() => {
      for (const param of params) {
        param.copy_(golden.get("lbfgs.before")!.narrow(0, offset, param.numel).view(param.shape));
        offset += param.numel;
      }
    });
    step();
    step();
    expect(largestDifference(flat(params), golden.get("lbfgs.after")!.tolist() as number[])).toBeLessThan(
      1e-9,
    );
  });
});

test("a step returns the loss before it, and lowers it", () => {
  const { step } = problem({ max_iter: 5, line_search_fn: "strong_wolfe" });
  const losses = [step(), step(), step()];
  expect(losses[1]).toBeLessThan(losses[0]!);
  expect(losses[2]).toBeLessThan(losses[1]!);
});

test("the history is all that a step leaves behind, and loading replaces it", () => {
  const { optimizer, step } = problem({ max_iter: 5, history_size: 3, line_search_fn: "strong_wolfe" });
  const before = liveTensors();
  for (let i = 0; i < 4; i++) step();
  const kept = 2 + 2 * 3; // direction, last gradient, and the history
  expect(liveTensors()).toBe(before + kept);
  optimizer.loadStateDict(optimizer.stateDict());
  expect(liveTensors()).toBe(before + kept);
});

test("a weight without gradient stays where it is", () => {
  const [w, frozen] = [tensor([4], { requiresGrad: true }), ones([2], { requiresGrad: true })];
  const optimizer = new optim.LBFGS([w, frozen], { lineSearchFn: "strong_wolfe" });
  optimizer.step(() => {
    optimizer.zeroGrad();
    const loss = w.sub(3).pow(2).sum();
    loss.backward();
    return loss;
  });
  expect(w.item()).toBeCloseTo(3, 5);
  expect(frozen.tolist()).toEqual([1, 1]);
});

test("mistakes are named", () => {
  const w = ones([2], { requiresGrad: true });
  const mistakes: (() => unknown)[] = [
    () => new optim.LBFGS([w]).step(),
    () => new optim.LBFGS([w]).step(() => undefined),
    () => new optim.LBFGS([{ params: [w] }, { params: [ones([1], { requiresGrad: true })] }]),
    () => new optim.LBFGS([w], { lineSearchFn: "armijo" as "strong_wolfe" }),
    () => new optim.LBFGS([w], { maxIter: 0 }),
    () => new optim.LBFGS([w]).loadStateDict({ state: { 0: { d: ones([3]) } }, param_groups: [] }),
  ];
  expect(messagesOf(mistakes)).toMatchInlineSnapshot(`
    "UsageError: LBFGS.step: a closure must be given, got none. Write optimizer.step(() => { optimizer.zeroGrad(); ...; return loss; }).
    UsageError: LBFGS.step: the closure must return the loss, got undefined. Write return loss.
    UsageError: LBFGS: takes one group of parameters, got another. Put them into one.
    UsageError: LBFGS: lineSearchFn must be one of "strong_wolfe", got "armijo".
    UsageError: LBFGS: maxIter must be a whole number >= 1, got 0.
    UsageError: LBFGS.loadStateDict: func_evals must be a number, got undefined."
  `);
});
