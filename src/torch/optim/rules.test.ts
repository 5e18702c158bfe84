// Every rule against PyTorch and the other packages it comes from. The golden files are written by
// tools/golden/optim_rules.py.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { Tensor, loadSafetensors, optim, scope } from "../index.ts";

type Case = {
  name: string;
  optimizer: string;
  options: Record<string, unknown>;
  param_groups?: optim.OptimizerStateDict["param_groups"];
  numbers?: Record<string, number>;
};

const goldens = new URL("../../../tests/goldens/torch/", import.meta.url).pathname;
const { recorded, cases } = JSON.parse(readFileSync(`${goldens}optim-rules.json`, "utf8")) as {
  recorded: number[];
  cases: Case[];
};
const golden = loadSafetensors(`${goldens}optim-rules.safetensors`);
const names = ["w", "b", "late", "cube", "u"];

type Params = Record<string, Tensor>;

function startingParams(): Params {
  return Object.fromEntries(names.map((name) => [name, golden.get(name)!.clone().requiresGrad_()]));
}

function makeOptimizer({ optimizer, options }: Case, params: Params): optim.Optimizer {
  // Muon takes matrices alone: the rest stays as it is
  const trained = Object.values(params).filter((p) => optimizer !== "muon" || p.shape.length === 2);
  const made = optim.createOptimizer(optimizer, trained, optim.camelCaseKeys(options));
  made.train();
  return made;
}

function lossOf(params: Params, step: number): Tensor {
  let hidden = golden.get("x")!.matmul(params["w"]!).add(params["b"]!).tanh();
  if (step >= 10) hidden = hidden.mul(params["late"]!);
  const [first, second] = params["cube"]!.unbind(0) as [Tensor, Tensor];
  hidden = hidden.add(hidden.matmul(first).tanh().matmul(second));
  return hidden.matmul(params["u"]!).sub(golden.get("y")!).pow(2).mean();
}

function trainStep(step: number, params: Params, optimizer: optim.Optimizer): void {
  scope(() => {
    for (const param of Object.values(params)) param.grad = null;
    lossOf(params, step).backward();
    optimizer.step();
  });
}

function flat(params: Params): number[] {
  return Object.values(params).flatMap((param) => param.detach().flatten().tolist() as number[]);
}

/** Largest difference, relative to values above 1. */
function difference(actual: readonly number[], expected: readonly number[]): number {
  expect(actual.length).toBe(expected.length);
  return Math.max(
    ...actual.map((value, i) => Math.abs(value - expected[i]!) / Math.max(1, Math.abs(expected[i]!))),
  );
}

describe("parameters follow the reference over 50 steps", () => {
  test.each(cases)("$name $options", (settings) => {
    const params = startingParams();
    const optimizer = makeOptimizer(settings, params);
    const course = golden.get(`${settings.name}.course`)!.tolist() as number[][];
    for (let step = 0; step <= recorded.at(-1)!; step++) {
      trainStep(step, params, optimizer);
      const expected = course[recorded.indexOf(step)];
      if (expected !== undefined) expect(difference(flat(params), expected)).toBeLessThan(1e-6);
    }
    const average = golden.get(`${settings.name}.average`);
    if (average === undefined) return;
    optimizer.eval();
    expect(difference(flat(params), average.tolist() as number[])).toBeLessThan(1e-6);
  });
});

describe("state dicts go both ways", () => {
  const saved = cases.filter((settings) => settings.param_groups !== undefined);

  function savedBy({ name, param_groups, numbers }: Case): optim.OptimizerStateDict {
    const state: Record<number, Record<string, unknown>> = {};
    for (const [key, tensor] of golden) {
      const match = new RegExp(`^${name}\\.state\\.(\\d+)\\.(\\w+)$`).exec(key);
      if (match !== null) (state[Number(match[1])] ??= {})[match[2]!] = tensor;
    }
    for (const [key, value] of Object.entries(numbers!)) {
      const [index, entry] = key.split(".") as [string, string];
      (state[Number(index)] ??= {})[entry] = value;
    }
    return { state, param_groups: param_groups! } as optim.OptimizerStateDict;
  }

  function restored(settings: Case) {
    const values = golden.get(`${settings.name}.before`)!;
    const shapes = names.map((name) => golden.get(name)!.shape);
    const parts = values.split(shapes.map((shape) => shape.reduce((a, b) => a * b, 1)));
    const params = Object.fromEntries(
      names.map((name, i) => [name, parts[i]!.view(shapes[i]!).clone().requiresGrad_()]),
    );
    // other options than those saved: loading must take the saved ones over
    const lr = settings.options["relative_step"] === true ? {} : { lr: 0.77 };
    const optimizer = makeOptimizer({ ...settings, options: { ...settings.options, ...lr } }, params);
    optimizer.loadStateDict(savedBy(settings));
    return { params, optimizer };
  }

  test("one case of each kind is saved", () => {
    expect(saved.map(({ optimizer }) => optimizer)).toEqual([
      ...new Set(cases.map(({ optimizer }) => optimizer)),
    ]);
  });

  test.each(saved)("$name goes on where the reference stopped", (settings) => {
    const { params, optimizer } = restored(settings);
    for (let step = 15; step < 20; step++) trainStep(step, params, optimizer);
    expect(difference(flat(params), golden.get(`${settings.name}.after`)!.tolist() as number[])).toBeLessThan(
      1e-6,
    );
  });

  test.each(saved)("$name gives the reference's own state dict back", (settings) => {
    const { optimizer } = restored(settings);
    const expected = savedBy(settings);
    const own = optimizer.stateDict();
    // the kernel that the reference ran is a choice of the golden file
    const comparable = (groups: optim.OptimizerStateDict["param_groups"]) =>
      groups.map((group) => ({ ...group, foreach: null, fused: null }));
    expect(comparable(own.param_groups)).toEqual(comparable(expected.param_groups));
    expect(Object.keys(own.param_groups[0]!).sort()).toEqual(Object.keys(expected.param_groups[0]!).sort());
    expect(Object.keys(own.state)).toEqual(Object.keys(expected.state));
    for (const [index, state] of Object.entries(expected.state)) {
      const ownState = own.state[Number(index)]!;
      expect(Object.keys(ownState).sort()).toEqual(Object.keys(state).sort());
      for (const [key, value] of Object.entries(state)) {
        if (value instanceof Tensor) {
          expect(ownState[key]!.tolist()).toEqual(value.tolist());
          expect(ownState[key]!.dtype).toBe(value.dtype);
        } else expect(ownState[key]!.item()).toBeCloseTo(value as unknown as number, 6);
      }
    }
  });
});
