// Random streams against PyTorch's, bit for bit. tools/golden/torch_core.py writes the cases.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import { describe, expect, test } from "vitest";
import "../../tests/matchers.ts";
import * as torch from "./index.ts";
import {
  Generator,
  empty,
  full,
  getRngState,
  manualSeed,
  ones,
  rand,
  scope,
  setRngState,
  tensor,
} from "./index.ts";
import type { Dtype, NestedNumbers, Tensor } from "./index.ts";

// On CPUs that libtorch takes for Intel's it may draw bernoulli_, and so dropout, with MKL: from another stream than
// the goldens'. Probabilities in a tensor of doubles are drawn from the goldens' stream everywhere.
const isMkl = (() => {
  manualSeed(0);
  const drawn = empty([100]).bernoulli_(0.5);
  manualSeed(0);
  return !drawn.equal(torch.bernoulli(full([100], 0.5, { dtype: "float64" })).float());
})();

test("the stream of dropout is the generator's, on CPUs of others than Intel without exception", () => {
  expect(isMkl && cpus()[0]?.model.includes("Intel") !== true).toBe(false);
});

const golden = (name: string) =>
  JSON.parse(
    readFileSync(new URL(`../../tests/goldens/torch/${name}.json`, import.meta.url), "utf8"),
  ) as unknown;

const hash = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const stateHash = () => hash(getRngState().data() as Uint8Array);

test.skipIf(isMkl)("a seed gives PyTorch's numbers, draw after draw", () => {
  const expected = golden("random") as Record<string, NestedNumbers> & { state: string };
  manualSeed(42);
  const drawn: Record<string, Tensor> = {
    rand: rand([5]),
    randn_small: torch.randn([5]),
    randn_large: torch.randn([17]), // 16 and more are drawn by another algorithm
    rand_double: rand([3], { dtype: "float64" }),
    randint: torch.randint(0, 1000, [6]),
    randperm: torch.randperm(8),
    normal_: empty([4]).normal_(1, 2),
    uniform_: empty([4]).uniform_(-1, 1),
    exponential_: empty([3]).exponential_(2),
    bernoulli: torch.bernoulli(full([8], 0.3)),
    dropout: torch.dropout(ones([16]), 0.25, true),
    multinomial: torch.multinomial(tensor([0.1, 0.2, 0.7]), 6, { replacement: true }),
  };
  for (const [name, values] of Object.entries(drawn)) {
    expect(values, name).toBeAllclose(expected[name]!, { atol: name.startsWith("rand") ? 0 : 1e-6 });
  }
  expect(stateHash()).toBe(expected.state);
});

describe("bernoulli_, which the addon draws itself where libtorch does not draw it with MKL, follows PyTorch's stream and leaves its state", () => {
  type Case = { dtype: Dtype; shape: number[]; p: number; layout: string; hash: string; state: string };
  const cases = golden("bernoulli") as Case[];

  test.skipIf(isMkl)("in every dtype, shape and probability, from anywhere in the stream", () => {
    for (const [seed, entry] of cases.entries()) {
      scope(() => {
        manualSeed(seed);
        rand([seed % 5]);
        const x = target(entry);
        x.bernoulli_(entry.p);
        const drawn = hash(x.flatten().to("uint8").data() as Uint8Array).slice(0, 16);
        expect({ ...entry, hash: drawn, state: stateHash().slice(0, 16) }, `case ${seed}`).toEqual(entry);
      });
    }
    expect(cases.length).toBeGreaterThan(200);
  });

  function target({ layout, shape, dtype }: Case): Tensor {
    const base = torch.zeros(shape, { dtype });
    if (layout === "transposed") return base.t();
    if (layout === "strided") return base.slice(1, null, null, 2);
    if (layout === "sliced") return base.slice(1, null, null, 3).slice(0, 1);
    return base;
  }

  test("and refuses what is no probability", () => {
    expect(() => empty([2]).bernoulli_(1.5)).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: aten::bernoulli_.float: bernoulli_ expects p to be in [0, 1], but got p=1.5 (self: Float[2])]`,
    );
    expect(() => empty([2]).bernoulli_(NaN)).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: aten::bernoulli_.float: bernoulli_ expects p to be in [0, 1], but got p=nan (self: Float[2])]`,
    );
  });
});

test("a restored state continues bit for bit, within a pair of normal numbers too", () => {
  manualSeed(1);
  torch.randn([3]); // odd: the second normal of a pair is kept in the state
  const state = getRngState();
  const draw = () => [torch.randn([3]), rand([5]), torch.randn([40])].map((x) => x.tolist());
  const first = draw();
  expect(draw()).not.toEqual(first);
  setRngState(state);
  expect(draw()).toEqual(first);
  expect([state.dtype, state.shape]).toEqual(["uint8", [5056]]);
});

test("a generator of one's own leaves the default stream alone", () => {
  manualSeed(5);
  const expected = rand([4]).tolist();
  manualSeed(5);
  const generator = new Generator(5);
  const own = rand([4], { generator });
  expect(own.tolist()).toEqual(expected);
  expect(rand([4]).tolist()).toEqual(expected);
  const state = generator.getState();
  const next = rand([4], { generator }).tolist();
  generator.setState(state);
  expect(empty([4]).uniform_(0, 1, { generator }).tolist()).toEqual(next);
  expect(rand([4], { generator: generator.manualSeed(5) }).tolist()).toEqual(expected);
});

test("a state that is none is refused, and the stream goes on", () => {
  manualSeed(5);
  const expected = rand([2]).tolist();
  manualSeed(5);
  expect(() => setRngState(torch.zeros([10], { dtype: "uint8" }))).toThrowErrorMatchingInlineSnapshot(
    `[TorchError: setGeneratorState: Expected a CPUGeneratorImplState of size 5056 but found the input RNG state size to be 10]`,
  );
  expect(() => setRngState(ones([5056]))).toThrowErrorMatchingInlineSnapshot(
    `[TorchError: setGeneratorState: RNG state must be a torch.ByteTensor]`,
  );
  expect(() => manualSeed(1.5)).toThrowErrorMatchingInlineSnapshot(
    `[TorchError: manualSeed: argument must be a whole number within 2^53 (or a bigint), got 1.5.]`,
  );
  expect(rand([2]).tolist()).toEqual(expected);
});

test("forkRng gives the stream back as it was, also after an error or a promise", async () => {
  manualSeed(11);
  const expected = rand([3]).tolist();
  const disturb = () => rand([7]).tolist();
  manualSeed(11);
  scope(() => torch.random.forkRng(disturb));
  expect(() =>
    torch.random.forkRng(() => {
      disturb();
      throw new Error("stop");
    }),
  ).toThrow("stop");
  await torch.random.forkRng(async () => {
    await Promise.resolve();
    return disturb();
  });
  expect(rand([3]).tolist()).toEqual(expected);
  manualSeed(11);
  torch.random.forkRng(disturb, { enabled: false });
  expect(rand([3]).tolist()).not.toEqual(expected);
});

test("a seed is told, and one that the system draws gives another stream each time", () => {
  manualSeed(123);
  expect(torch.initialSeed()).toBe(123);
  manualSeed(2n ** 62n + 1n);
  expect(torch.initialSeed()).toBe(2n ** 62n + 1n);
  const seed = torch.seed();
  const drawn = rand([3]).tolist();
  expect(torch.initialSeed()).toBe(seed);
  expect(torch.seed()).not.toBe(seed);
  manualSeed(seed);
  expect(rand([3]).tolist()).toEqual(drawn);
  const generator = new Generator(5);
  expect(generator.initialSeed()).toBe(5);
  expect(generator.seed()).toBe(generator.initialSeed());
});

test("a seeded training with dropout follows PyTorch's losses", () => {
  // written by tools/golden/runtime.py
  const expected = golden("dropout-loop") as number[];
  const run = (dropout: (x: Tensor) => Tensor) => {
    manualSeed(20);
    const { nn, optim } = torch;
    const [first, last] = [new nn.Linear(16, 32), new nn.Linear(32, 4)];
    const [x, y] = [torch.randn([64, 16]), torch.randint(0, 4, [64])];
    const optimizer = new optim.AdamW([...first.parameters(), ...last.parameters()], {
      lr: 1e-2,
      weightDecay: 0.1,
    });
    return Array.from({ length: 100 }, () =>
      scope(() => {
        optimizer.zeroGrad();
        const loss = nn.functional.crossEntropy(last.forward(dropout(first.forward(x).relu())), y);
        loss.backward();
        optimizer.step();
        return loss.item();
      }),
    );
  };
  // the same masks; 1e-4 for sums that another processor adds up in another order
  const tolerance = { atol: 1e-4, rtol: 0 };
  const native = new torch.nn.Dropout(0.3);
  if (!isMkl) expect(tensor(run((x) => native.forward(x)))).toBeAllclose(expected, tolerance);
  const drawn = run((x) =>
    x.mul(
      torch
        .bernoulli(full(x.shape, 0.7, { dtype: "float64" }))
        .float()
        .div(0.7),
    ),
  );
  expect(tensor(drawn)).toBeAllclose(expected, tolerance);
  expect(drawn.at(-1)).toBeLessThan(0.5 * drawn[0]!);
});
