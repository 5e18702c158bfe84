// SparseAdam against PyTorch. The golden file is written by tools/golden/optim_sparse.py.
import { describe, expect, test } from "vitest";
import "../../../tests/matchers.ts";
import { loadSafetensors, nn, ones, optim, scope } from "../index.ts";
import type { Tensor } from "../index.ts";

const path = new URL("../../../tests/goldens/torch/optim-sparse.safetensors", import.meta.url).pathname;
const golden = loadSafetensors(path);
const indices = golden.get("indices")!;
const target = golden.get("target")!;

function trainStep(step: number, table: nn.Embedding, optimizer: optim.SparseAdam): void {
  scope(() => {
    optimizer.zeroGrad();
    const count = step === 5 ? 0 : 4;
    const rows = indices.select(0, step).narrow(0, 0, count);
    table
      .forward(rows)
      .sub(target.narrow(0, 0, count))
      .pow(2)
      .sum()
      .backward();
    optimizer.step();
  });
}

function tableOf(weight: Tensor): nn.Embedding {
  return nn.Embedding.fromPretrained(weight.clone(), { freeze: false, sparse: true });
}

describe.each([
  ["default", { lr: 0.1 }],
  ["all", { lr: 0.05, betas: [0.8, 0.95], eps: 1e-3, maximize: true }],
] as [string, Partial<optim.SparseAdamOptions>][])("with options %s", (name, options) => {
  const course = golden.get(`${name}.course`)!;

  test("the table follows PyTorch's, a step without an entry included", () => {
    const table = tableOf(golden.get("table")!);
    const optimizer = new optim.SparseAdam(table.parameters(), options);
    for (let step = 0; step < course.size(0); step++) {
      trainStep(step, table, optimizer);
      expect(table.weight.detach()).toBeAllclose(course.select(0, step), { atol: 1e-5 });
    }
  });

  test("a state dict of PyTorch's goes on where it stopped", () => {
    const table = tableOf(course.select(0, 9));
    const optimizer = new optim.SparseAdam(table.parameters());
    const { param_groups } = new optim.SparseAdam(table.parameters(), options).stateDict();
    const [exp_avg, exp_avg_sq] = [golden.get(`${name}.exp_avg`)!, golden.get(`${name}.exp_avg_sq`)!];
    const state = { 0: { step: 10, exp_avg, exp_avg_sq } };
    optimizer.loadStateDict({ state, param_groups } as unknown as optim.OptimizerStateDict);
    for (let step = 10; step < course.size(0); step++) trainStep(step, table, optimizer);
    expect(table.weight.detach()).toBeAllclose(course.select(0, -1), { atol: 1e-5 });
    expect(optimizer.stateDict().state[0]!["step"]!.item()).toBe(course.size(0));
  });
});

test("the options of its state dict are PyTorch's", () => {
  const optimizer = new optim.SparseAdam([ones([1], { requiresGrad: true })]);
  expect(optimizer.stateDict().param_groups).toEqual([
    { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, maximize: false, params: [0] },
  ]);
});

test("dense gradients and an eps of zero are refused", () => {
  const weight = ones([2], { requiresGrad: true });
  weight.sum().backward();
  expect(() => new optim.SparseAdam([weight]).step()).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: SparseAdam: gradients must be sparse, got a dense one. Use Adam, or an embedding with sparse: true.]`,
  );
  expect(() => new optim.SparseAdam([weight], { eps: 0 })).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: SparseAdam: eps must be a number > 0, got 0.]`,
  );
});
