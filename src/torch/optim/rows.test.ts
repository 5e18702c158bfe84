import { expect, test } from "vitest";
import * as torch from "../index.ts";
import { nn, optim } from "../index.ts";
import "../../../tests/matchers.ts";

const indices = [[1n, 5n, 5n], [0n, 7n, 1n], [2n, 2n, 2n], [1n, 9n, 0n]]; // prettier-ignore

/** Trains a table for some steps with sparse or dense gradients and returns it with its optimizer's state. */
function train(
  sparse: boolean,
  make: (params: nn.Parameter[]) => optim.Optimizer,
  { clip = Infinity, accumulate = 1, steps = 12 } = {},
) {
  torch.manualSeed(4);
  const table = new nn.Embedding(12, 20, { paddingIdx: 9, sparse });
  const head = new nn.Linear(20, 3);
  const optimizer = make([table.weight, ...head.parameters()]);
  for (let step = 0; step < steps; step++) {
    torch.scope(() => {
      for (let i = 0; i < accumulate; i++) {
        const rows = torch.tensor(indices[(step + i) % indices.length]!);
        head.forward(table.forward(rows)).square().sum().backward();
      }
      optim.clipGradNorm_([table.weight, ...head.parameters()], clip);
      optimizer.step();
      optimizer.zeroGrad();
    });
  }
  return { weight: table.weight, state: optimizer.state.get(table.weight)!, optimizer, table };
}

const adamW = (params: nn.Parameter[]) => new optim.AdamW(params, { lr: 0.05, weightDecay: 0.1 });

test("the gradient of a sparse table holds the rows that were looked up", () => {
  const table = new nn.Embedding(6, 2, { sparse: true });
  table
    .forward(torch.tensor([4n, 1n, 4n]))
    .sum()
    .backward();
  optim.clipGradNorm_([table.weight], Infinity); // brings each row together
  expect(table.weight.grad!.toDense().tolist()).toEqual([[0, 0], [1, 1], [0, 0], [0, 0], [2, 2], [0, 0]]); // prettier-ignore
  expect(torch.ops.aten._nnz(table.weight.grad)).toBe(2);
});

test.each<[string, (params: nn.Parameter[]) => optim.Optimizer]>([
  ["AdamW", adamW],
  ["AdamW without weight decay", (params) => new optim.AdamW(params, { lr: 0.05, weightDecay: 0 })],
  [
    "AdamW with a large share of the gradient",
    (params) => new optim.AdamW(params, { lr: 0.05, betas: [0.3, 0.9] }),
  ],
  ["AdamW that maximizes", (params) => new optim.AdamW(params, { lr: 0.05, maximize: true })],
  ["AdamW with amsgrad", (params) => new optim.AdamW(params, { lr: 0.05, amsgrad: true })],
  ["Adam", (params) => new optim.Adam(params, { lr: 0.05 })],
  ["Adam with weight decay", (params) => new optim.Adam(params, { lr: 0.05, weightDecay: 0.1 })],
  ["SGD", (params) => new optim.SGD(params, { lr: 0.002, momentum: 0.9 })],
])("%s gives the same weights and state with sparse gradients as with dense ones", (_, make) => {
  for (const options of [{}, { clip: 0.5 }, { accumulate: 3 }]) {
    const [rows, dense] = [train(true, make, options), train(false, make, options)];
    expect(rows.weight).toBeAllclose(dense.weight, { atol: 1e-5, rtol: 1e-4 });
    for (const [name, value] of Object.entries(dense.state)) expect(rows.state[name]!).toBeAllclose(value, { atol: 1e-5, rtol: 1e-4 }); // prettier-ignore
  }
});

test("a restored state goes on bit for bit, with the rows that had moved", () => {
  const whole = train(true, adamW, { steps: 12 });
  const first = train(true, adamW, { steps: 5 });
  const restored = adamW(first.optimizer.paramGroups[0]!.params as nn.Parameter[]);
  restored.loadStateDict(first.optimizer.stateDict());
  const [weight, ...head] = restored.paramGroups[0]!.params as [nn.Parameter, nn.Parameter, nn.Parameter];
  for (let step = 5; step < 12; step++) {
    torch.scope(() => {
      const rows = torch.tensor(indices[step % indices.length]!);
      const x = first.table.forward(rows);
      nn.functional.linear(x, head[0]!, head[1]).square().sum().backward();
      restored.step();
      restored.zeroGrad();
    });
  }
  expect(weight.equal(whole.weight)).toBe(true);
});

test("state of a large table takes memory only where rows moved, and lives as long as it is used", () => {
  const table = new nn.Embedding(200_000, 64, { sparse: true });
  const optimizer = new optim.AdamW([table.weight], { lr: 0.1 });
  const before = process.memoryUsage().rss;
  torch.scope(() => {
    table
      .forward(torch.tensor([3n, 199_999n]))
      .sum()
      .backward();
    optimizer.step();
    optimizer.zeroGrad();
  });
  const grown = (process.memoryUsage().rss - before) / 2 ** 20;
  expect(grown).toBeLessThan(60); // the moments would be 98 MB, the gradient 49
  const { expAvg } = optimizer.state.get(table.weight)!;
  expect(torch.scope(() => expAvg!.ne(0).any({ dim: 1 }).nonzero().flatten().tolist())).toEqual([3, 199_999]);
});

/** Trains a tied table for some steps; every other one gives it a dense gradient too. */
function trainTied(sparse: boolean, change: (state: optim.ParamState, step: number) => void = () => {}) {
  torch.manualSeed(4);
  const table = new nn.Embedding(12, 4, { sparse });
  const { weight } = table;
  const optimizer = adamW([weight]);
  for (let step = 0; step < 8; step++) {
    torch.scope(() => {
      const rows = table.forward(torch.tensor(indices[step % 4]!));
      (step % 2 === 1 ? nn.functional.linear(rows, weight) : rows).square().sum().backward();
      optimizer.step();
      optimizer.zeroGrad();
      torch.noGrad(() => change(optimizer.state.get(weight)!, step));
    });
  }
  return weight;
}

test("rows go on moving after dense gradients in between, and after their averages were set", () => {
  expect(trainTied(true)).toBeAllclose(trainTied(false), { atol: 1e-5, rtol: 1e-4 });
  const change = ({ expAvg, expAvgSq }: optim.ParamState, step: number) => {
    if (step !== 2) return;
    expAvg!.select(0, 11).fill_(0.5);
    expAvgSq!.select(0, 11).fill_(0.5);
  };
  expect(trainTied(true, change)).toBeAllclose(trainTied(false, change), { atol: 1e-5, rtol: 1e-4 });
});

test("L-BFGS takes sparse gradients", () => {
  const minimize = (sparse: boolean) => {
    const table = new nn.Embedding(3, 2, { sparse });
    torch.noGrad(() => table.weight.fill_(2));
    const optimizer = new optim.LBFGS(table.parameters());
    optimizer.step(() => {
      optimizer.zeroGrad();
      const loss = table
        .forward(torch.tensor([0n, 2n]))
        .sub(1)
        .square()
        .sum();
      loss.backward();
      return loss;
    });
    return table.weight.tolist();
  };
  expect(minimize(true)).toEqual(minimize(false));
});

test("a sparse gradient of single elements, of no rows or of a number is taken as a dense one", () => {
  for (const [shape, dims] of [
    [[4, 3], 2],
    [[0, 3], 1],
    [[], 0],
  ] as const) {
    // prettier-ignore
    const [weight, other] = [0, 1].map(() => new nn.Parameter(torch.ones(shape))) as [nn.Parameter, nn.Parameter]; // prettier-ignore
    weight.grad = torch.ones(shape).toSparse(dims);
    other.grad = torch.ones(shape);
    new optim.AdamW([weight, other]).step();
    expect(weight.tolist()).toEqual(other.tolist());
  }
});
