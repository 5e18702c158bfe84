// Activation checkpointing: the gradients of the direct computation bit for bit, with less kept for backward.
import { describe, expect, test } from "vitest";
import { liveTensors } from "../../../tests/live-tensors.ts";
import {
  autocast,
  autograd,
  grad,
  keep,
  manualSeed,
  memoryStats,
  nn,
  ones,
  randn,
  scope,
  tensor,
  utils,
} from "../index.ts";
import type { Tensor } from "../index.ts";

const { checkpoint, checkpointSequential } = utils;

class Block extends nn.Module {
  readonly fc = new nn.Linear(8, 8);
  readonly dropout = new nn.Dropout(0.5);

  override forward(x: Tensor): Tensor {
    return this.dropout.forward(this.fc.forward(x).tanh()).add(x);
  }
}

const blocks = (count: number) => Array.from({ length: count }, () => new Block());

/** Gradients of all weights and the input after a seeded pass of `forward`. */
function gradients(model: readonly Block[], forward: (x: Tensor) => Tensor): number[][] {
  manualSeed(1);
  const x = randn([4, 8], { requiresGrad: true });
  scope(() => forward(x).pow(2).sum().backward());
  const leaves = [x, ...model.flatMap((block) => block.parameters())];
  const values = leaves.map((leaf) => Array.from(leaf.grad!.flatten().tolist() as number[]));
  for (const leaf of leaves) leaf.grad = null;
  return values;
}

/** Bytes of what the graph of `run` keeps for backward, each memory once. */
function savedBytes(run: () => Tensor): number {
  const saved: Tensor[] = [];
  autograd.savedTensorsHooks(
    (value) => {
      const seen = saved.some((other) => other.sharesStorageWith(value));
      if (!seen) saved.push(keep(value.detach()));
      return value;
    },
    (value) => value,
    run,
  );
  return saved.reduce((sum, value) => sum + value.nbytes, 0);
}

describe("checkpoint", () => {
  const model = blocks(3);
  const direct = (x: Tensor) => model.reduce((value, block) => block.forward(value), x);
  const forms: [string, (x: Tensor) => Tensor][] = [
    [
      "each block",
      (x) => model.reduce((value, block) => checkpoint((h: Tensor) => block.forward(h), value), x),
    ],
    ["each block, to its end", (x) => model.reduce((value, block) => checkpoint((h: Tensor) => block.forward(h), value, { earlyStop: false }), x)], // prettier-ignore
    ["each block, reentrant", (x) => model.reduce((value, block) => checkpoint((h: Tensor) => block.forward(h), value, { useReentrant: true }), x)], // prettier-ignore
    [
      "a chain in segments",
      (x) =>
        checkpointSequential(
          model.map((block) => (h: Tensor) => block.forward(h)),
          2,
          x,
        ),
    ],
  ];

  test.each(forms)("of %s gives the direct gradients bit for bit, dropout on", (_, forward) => {
    expect(gradients(model, forward)).toEqual(gradients(model, direct));
  });

  test("of blocks within blocks gives the direct gradients bit for bit, dropout on", () => {
    const [first, second] = model as [Block, Block];
    const inner = (x: Tensor) => checkpoint((h: Tensor) => second.forward(h), first.forward(x));
    const outer = (x: Tensor) => checkpoint(inner, checkpoint(inner, x));
    const plain = (x: Tensor) => second.forward(first.forward(second.forward(first.forward(x))));
    expect(gradients([first, second], outer)).toEqual(gradients([first, second], plain));
  });

  test("keeps the state of autocast", () => {
    const run = (form: (x: Tensor) => Tensor) => gradients(model, (x) => autocast({}, () => form(x)).float());
    expect(run(forms[0]![1])).toEqual(run(direct));
    expect(run(forms[2]![1])).toEqual(run(direct));
    expect(run(direct)).not.toEqual(gradients(model, direct));
  });

  test("leaves the random numbers that follow as they would be", () => {
    const after = (form: (x: Tensor) => Tensor) => {
      gradients(model, form);
      return randn([2]).tolist();
    };
    expect(after(forms[0]![1])).toEqual(after(direct));
    expect(after(forms[2]![1])).toEqual(after(direct));
  });

  test("draws other numbers when it need not keep them", () => {
    const form = (x: Tensor) =>
      checkpoint((h: Tensor) => model[0]!.forward(h), x, { preserveRngState: false });
    expect(gradients([model[0]!], form)).not.toEqual(gradients([model[0]!], (x) => model[0]!.forward(x)));
  });

  test("keeps less for backward", () => {
    const x = randn([256, 8], { requiresGrad: true });
    const deep = blocks(6).map((block) => (h: Tensor) => block.forward(h));
    const plain = savedBytes(() => deep.reduce((value, run) => run(value), x));
    const all = savedBytes(() => checkpoint((h: Tensor) => deep.reduce((value, run) => run(value), h), x));
    expect(plain).toBeGreaterThan(6 * 2 * x.nbytes);
    expect(all).toBeLessThan(2 * x.nbytes); // the input and the state of the generator
  });

  test("needs its inputs' handles no longer", () => {
    const w = tensor([2], { requiresGrad: true });
    const loss = scope(() => {
      const h = w.mul(3);
      return checkpoint((value: Tensor) => value.mul(w).exp(), h).sum();
    });
    loss.backward();
    expect(w.grad!.item()).toBeCloseTo(Math.exp(12) * 12, -1);
  });

  test("works with autograd.grad, of higher order, and for a graph that is kept", () => {
    const x = tensor([1, 2], { requiresGrad: true });
    const y = checkpoint((value: Tensor) => value.pow(3).mul(2), x);
    const [first] = grad(y.sum(), x, { createGraph: true });
    expect(first!.tolist()).toEqual([6, 24]);
    expect(grad(first!.sum(), x)[0]!.tolist()).toEqual([12, 24]);
    expect(grad(y.sum(), x, { retainGraph: true })[0]!.tolist()).toEqual([6, 24]);
    expect(grad(y.sum(), x)[0]!.tolist()).toEqual([6, 24]);
    expect(() => grad(y.sum(), x)).toThrow("second time");
  });

  test("takes other arguments and several outputs, and trains weights though no input needs a gradient", () => {
    const w = tensor([3], { requiresGrad: true });
    const [y, text] = checkpoint(
      (x: Tensor, factor: number) => [x.mul(w).mul(factor), "kept"] as const,
      ones([1]),
      2,
    );
    y.backward();
    expect([w.grad!.item(), text]).toEqual([2, "kept"]);
  });

  test("refuses a function that computes something else the second time", () => {
    const x = ones([2], { requiresGrad: true });
    let calls = 0;
    const changing = (value: Tensor) =>
      calls++ === 0 ? value.exp() : value.exp().unsqueeze(0).exp().squeeze(0);
    const shrinking = (value: Tensor) => (calls++ === 0 ? value.exp().exp() : value.mul(1));
    const reshaping = (value: Tensor) => (calls++ === 0 ? value.exp() : value.unsqueeze(0).exp());
    checkpoint(changing, x).sum().backward(); // the first tensor is right, and the rest is not looked at
    calls = 0;
    expect(() => checkpoint(shrinking, x).sum().backward()).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: checkpoint: a different number of tensors was saved during the original forward and recomputation, 2 and 0. Make the function compute the same each time.]`,
    );
    calls = 0;
    expect(() => checkpoint(reshaping, x).sum().backward()).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: checkpoint: the recomputation must save the tensors of the forward pass, got float32 [1, 2] on cpu instead of float32 [2] on cpu at position 0. Make the function compute the same each time.]`,
    );
  });

  test("refuses an input that was changed in place, and hands on what the function throws", () => {
    const x = ones([2], { requiresGrad: true }).mul(2);
    const y = checkpoint((value: Tensor) => value.exp(), x);
    x.add_(1);
    expect(() => y.sum().backward()).toThrow("modified by an inplace operation");
    let calls = 0;
    const z = checkpoint(
      (value: Tensor) => {
        if (calls++ > 0) throw new RangeError("stop");
        return value.exp();
      },
      ones([2], { requiresGrad: true }),
    );
    expect(() => z.sum().backward()).toThrow(RangeError);
  });

  test("says what the reentrant form cannot do", () => {
    const run = (value: Tensor) => value.exp();
    expect(() => checkpoint(run, ones([1]), { useReentrant: true })).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: checkpoint: with useReentrant, some input must need a gradient, else the weights get none. Leave useReentrant out.]`,
    );
    const x = ones([1], { requiresGrad: true });
    const y = checkpoint(run, x, { useReentrant: true });
    expect(() => grad(y, x)).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: checkpoint: with useReentrant, only backward() without inputs can differentiate it. Leave useReentrant out.]`,
    );
    expect(() => checkpointSequential([run], 2, x)).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: checkpointSequential: segments must be a whole number from 1 to the number of functions, got 2 for 1.]`,
    );
  });

  test("leaves no tensor behind in 300 passes, in scopes and without", () => {
    const x = ones([2], { requiresGrad: true });
    const pass = () => {
      const inner = (value: Tensor) => checkpoint((h: Tensor) => h.sin().exp(), value.cos());
      checkpoint(
        inner,
        checkpoint((h: Tensor) => h.exp(), x, { useReentrant: true }),
      )
        .sum()
        .backward();
      x.grad = null;
    };
    const before = liveTensors();
    for (let i = 0; i < 300; i++) scope(pass);
    expect(memoryStats().liveTensors).toBeLessThanOrEqual(before);
    for (let i = 0; i < 300; i++) pass();
    liveTensors();
    ones([1]).dispose(); // references are dropped on the next call
    expect(liveTensors()).toBeLessThanOrEqual(before);
  });
});
