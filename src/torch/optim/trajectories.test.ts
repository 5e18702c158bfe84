// Optimizers against PyTorch, step by step. The golden files are written by tools/golden/optim.py.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { loadSafetensors, noGrad, optim, scope, Tensor } from "../index.ts";

type Case = {
  name: string;
  optimizer: string;
  options: Record<string, unknown>;
  groups?: { params: string[]; [option: string]: unknown }[];
  dtype?: "float32" | "float64" | "bfloat16";
  clip?: number;
  scheduler?: string;
  warmup_steps?: number;
};

const goldens = new URL("../../../tests/goldens/torch/", import.meta.url).pathname;
const cases = JSON.parse(readFileSync(`${goldens}optim-cases.json`, "utf8")) as Case[];
const golden = loadSafetensors(`${goldens}optim-trajectories.safetensors`);
const steps = 50;

function makeParams({ dtype = "float32" }: Case): Map<string, Tensor> {
  return new Map(
    ["w", "b", "late"].map((name) => [name, golden.get(name)!.to({ dtype, copy: true }).requiresGrad_()]),
  );
}

function makeOptimizer(
  { optimizer, options, groups }: Case,
  params: ReadonlyMap<string, Tensor>,
): optim.Optimizer {
  const grouped = groups?.map(({ params: names, ...rest }) => ({
    ...optim.camelCaseKeys(rest),
    params: names.map((name) => params.get(name)!),
  }));
  return optim.createOptimizer(optimizer, grouped ?? params.values(), optim.camelCaseKeys(options));
}

function makeScheduler({ scheduler, warmup_steps: warmupSteps = 0 }: Case, optimizer: optim.Optimizer) {
  return scheduler === undefined
    ? undefined
    : optim.createScheduler(scheduler, optimizer, { warmupSteps, trainingSteps: steps });
}

function trainStep(
  step: number,
  params: ReadonlyMap<string, Tensor>,
  optimizer: optim.Optimizer,
  clip?: number,
): void {
  scope(() => {
    optimizer.zeroGrad();
    const { dtype } = params.get("w")!;
    let out = golden.get("x")!.to(dtype).matmul(params.get("w")!).add(params.get("b")!).tanh();
    if (step >= 10) out = out.mul(params.get("late")!);
    out.sub(golden.get("y")!.to(dtype)).pow(2).mean().backward();
    if (clip !== undefined) optim.clipGradNorm_(params.values(), clip);
    optimizer.step();
  });
}

function flat(params: ReadonlyMap<string, Tensor>): number[] {
  return [...params.values()].flatMap((param) => param.detach().flatten().tolist() as number[]);
}

function largestDifference(a: readonly number[], b: readonly number[]): number {
  expect(a.length).toBe(b.length);
  return Math.max(...a.map((value, i) => Math.abs(value - b[i]!)));
}

describe("parameters follow PyTorch's over 50 steps", () => {
  test.each(cases)("$name", (settings) => {
    const params = makeParams(settings);
    const optimizer = makeOptimizer(settings, params);
    const scheduler = makeScheduler(settings, optimizer);
    const expected = golden.get(`trajectory.${settings.name}`)!.tolist() as number[][];
    const tolerance = settings.dtype === "bfloat16" ? 0 : 1e-6;
    for (let step = 0; step < steps; step++) {
      trainStep(step, params, optimizer, settings.clip);
      scheduler?.step();
      expect(largestDifference(flat(params), expected[step]!)).toBeLessThanOrEqual(tolerance);
    }
    // the goldens would prove little if nothing moved
    const start = golden.get("w")!.flatten().tolist() as number[];
    expect(largestDifference(flat(params).slice(0, 12), start)).toBeGreaterThan(0.01);
  });
});

describe("state dicts go both ways", () => {
  const groupsOf = JSON.parse(readFileSync(`${goldens}optim-state.json`, "utf8")) as Record<
    string,
    optim.OptimizerStateDict["param_groups"]
  >;
  const tensors = loadSafetensors(`${goldens}optim-state.safetensors`);
  const named = Object.keys(groupsOf).map((name) => cases.find((settings) => settings.name === name)!);

  function savedBy(name: string): optim.OptimizerStateDict {
    const state: Record<number, Record<string, Tensor>> = {};
    for (const [key, tensor] of tensors) {
      const match = new RegExp(`^${name}\\.state\\.(\\d+)\\.(\\w+)$`).exec(key);
      if (match !== null) (state[Number(match[1])] ??= {})[match[2]!] = tensor;
    }
    return { state, param_groups: groupsOf[name]! };
  }

  function restored(settings: Case) {
    const params = new Map(
      ["w", "b", "late"].map((key) => [
        key,
        tensors.get(`${settings.name}.before.${key}`)!.clone().requiresGrad_(),
      ]),
    );
    // other options than those saved: loading must take the saved ones over
    const optimizer = makeOptimizer({ ...settings, options: { ...settings.options, lr: 0.77 } }, params);
    optimizer.loadStateDict(savedBy(settings.name));
    return { params, optimizer };
  }

  test.each(named)("$name goes on where PyTorch stopped", (settings) => {
    const { params, optimizer } = restored(settings);
    for (let step = 15; step < 20; step++) trainStep(step, params, optimizer);
    const expected = tensors.get(`${settings.name}.after`)!.tolist() as number[];
    expect(largestDifference(flat(params), expected)).toBeLessThan(1e-6);
  });

  test.each(named)("$name gives PyTorch's own state dict back", (settings) => {
    const { optimizer } = restored(settings);
    const saved = savedBy(settings.name);
    const own = optimizer.stateDict();
    // PyTorch leaves the choice of kernel open, here it is made
    expect(own.param_groups).toEqual(saved.param_groups.map((group) => ({ ...group, fused: true })));
    expect(Object.keys(own.state)).toEqual(Object.keys(saved.state));
    for (const [index, state] of Object.entries(saved.state)) {
      const ownState = own.state[Number(index)]!;
      expect(Object.keys(ownState).sort()).toEqual(Object.keys(state).sort());
      for (const [key, tensor] of Object.entries(state)) {
        expect(ownState[key]!.tolist()).toEqual(tensor!.tolist());
        expect(ownState[key]!.dtype).toBe(tensor!.dtype);
      }
    }
  });

  test("a loaded state is a copy, so that the source may be freed or changed", () => {
    const settings = named[0]!;
    const { params } = restored(settings);
    const optimizer = makeOptimizer(settings, params);
    const saved = savedBy(settings.name);
    const copied = scope(() => {
      const state = Object.fromEntries(
        Object.entries(saved.state).map(([index, own]) => [
          index,
          Object.fromEntries(Object.entries(own).map(([key, tensor]) => [key, tensor!.clone()])),
        ]),
      );
      optimizer.loadStateDict({ ...saved, state });
      return optimizer.stateDict();
    });
    noGrad(() => expect(copied.state[0]!["exp_avg"]!.tolist()).toEqual(saved.state[0]!["exp_avg"]!.tolist()));
    for (const tensor of Object.values(copied.state[0]!)) expect(tensor!.isDisposed).toBe(false);
  });
});
