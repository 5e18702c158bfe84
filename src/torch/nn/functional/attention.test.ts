import { describe, expect, test } from "vitest";
import * as torch from "../../index.ts";
import type { AttentionOptions } from "./attention.ts";
import { scaledDotProductAttention } from "./attention.ts";
import type { Dtype, Tensor } from "../../index.ts";
import "../../../../tests/matchers.ts";

type Attention = (q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions) => Tensor;

/** libtorch's own operator. */
const reference: Attention = (q, k, v, { attnMask, dropoutP = 0, isCausal = false, scale }) =>
  torch.ops.aten.scaled_dot_product_attention(q, k, v, attnMask ?? null, dropoutP, isCausal, scale ?? null, false); // prettier-ignore

/** Output and gradients, after one seed. */
function run(attention: Attention, inputs: readonly Tensor[], options: AttentionOptions): Tensor[] {
  const leaves = inputs.map((x) => x.detach().clone().requiresGrad_(true)) as [Tensor, Tensor, Tensor];
  torch.manualSeed(3);
  const out = attention(...leaves, options);
  out
    .mul(torch.linspace(-1, 1, out.numel).view(out.shape).to(out.dtype))
    .sum()
    .backward();
  return [out.detach(), ...leaves.map((leaf) => leaf.grad!)];
}

/** Heads split as a model splits them: `[batch, positions, heads, width]`, turned. */
function heads(batch: number, count: number, positions: number, width: number, dtype: Dtype): Tensor {
  return torch.randn([batch, positions, count, width]).to(dtype).transpose(1, 2);
}

const shapes: [string, number, number, number, number, number][] = [
  ["one of everything", 1, 1, 1, 1, 1],
  ["odd sizes", 2, 3, 5, 5, 8],
  ["a word more than the lanes", 2, 2, 17, 17, 32],
  ["fewer queries than keys", 1, 2, 16, 40, 33],
  ["more queries than keys", 2, 2, 33, 7, 16],
  ["the longest", 1, 1, 192, 192, 24],
];

describe.each<[Dtype, number]>([
  ["float32", 2e-6],
  ["bfloat16", 0.03],
])("in %s", (dtype, atol) => {
  // prettier-ignore
  test.each(shapes)("short attention equals libtorch's: %s", (_, batch, count, queries, keys, width) => {
    torch.manualSeed(1);
    const [q, k, v] = [queries, keys, keys].map((n) => heads(batch, count, n, width, dtype)) as [Tensor, Tensor, Tensor]; // prettier-ignore
    const padding = torch.arange(keys).lt(Math.ceil(keys / 2)).view([1, 1, 1, keys]).expand([batch, 1, queries, keys]); // prettier-ignore
    const variants: AttentionOptions[] = [
      {},
      { dropoutP: 0.1 },
      { dropoutP: 0.4, attnMask: padding },
      { dropoutP: 0.1, attnMask: torch.randn([queries, keys]).to(dtype) },
      { dropoutP: 0.1, scale: 0.3 },
      { dropoutP: 0.1, isCausal: true },
    ];
    for (const options of variants) {
      if (options.isCausal === true && queries !== keys) continue; // libtorch aligns those by its own rule
      const [ours, theirs] = [run(scaledDotProductAttention, [q, k, v], options), run(reference, [q, k, v], options)]; // prettier-ignore
      for (const [i, x] of ours.entries()) expect(x.to("float64")).toBeAllclose(theirs[i]!.to("float64"), { atol, rtol: atol }); // prettier-ignore
    }
  });
});

test("a position that may see nothing puts out zeros and sends no gradient", () => {
  const inputs = [0, 1, 2].map(() => heads(1, 2, 4, 8, "float32"));
  const attnMask = torch.ones([4, 4], { dtype: "bool" });
  attnMask.select(0, 2).fill_(0);
  const [out, dq] = run(scaledDotProductAttention, inputs, { attnMask, dropoutP: 0.2 });
  expect(out!.select(2, 2).abs().sum().item()).toBe(0);
  expect(dq!.select(2, 2).abs().sum().item()).toBe(0);
  expect(dq!.isfinite().all().item()).toBe(true);
});

test("what is not a number comes out as such", () => {
  const inputs = [0, 1, 2].map(() => heads(1, 1, 3, 8, "float32")) as [Tensor, Tensor, Tensor];
  inputs[1].contiguous();
  inputs[0].select(2, 1).fill_(NaN);
  const out = scaledDotProductAttention(...inputs, { dropoutP: 0.1 });
  expect(out.isnan().any({ dim: -1 }).flatten().tolist()).toEqual([false, true, false]);
});

test("second derivatives are libtorch's", () => {
  torch.manualSeed(5);
  const leaves = [0, 1, 2].map(() => heads(1, 2, 6, 8, "float32").clone());
  const [ours, theirs] = [scaledDotProductAttention, reference].map((attention) => {
    const [q, k, v] = leaves.map((x) => x.detach().clone().requiresGrad_(true)) as [Tensor, Tensor, Tensor];
    torch.manualSeed(9);
    const out = attention(q, k, v, { dropoutP: 0.3 });
    const first = torch.autograd.grad([out.square().sum()], [q, k, v], { createGraph: true });
    return torch.autograd.grad([first[0]!.square().sum().add(first[2]!.sum())], [q, k, v]);
  }) as [Tensor[], Tensor[]];
  for (const [i, x] of ours.entries()) expect(x).toBeAllclose(theirs[i]!, { atol: 1e-4, rtol: 1e-4 });
});

test("under autocast the inputs are cast as libtorch casts them", () => {
  const inputs = [0, 1, 2].map(() => heads(1, 2, 6, 8, "float32")) as [Tensor, Tensor, Tensor];
  const out = torch.autocast({ device: "cpu", dtype: "bfloat16" }, () =>
    scaledDotProductAttention(...inputs, { dropoutP: 0.1 }),
  );
  expect(out.dtype).toBe("bfloat16");
});

test("what does not fit together is refused in libtorch's words", () => {
  const q = heads(1, 2, 6, 8, "float32");
  expect(() => scaledDotProductAttention(q, heads(1, 3, 6, 8, "float32"), q, { dropoutP: 0.1 })).toThrow(
    /size/,
  );
  expect(() => scaledDotProductAttention(q, q, q, { dropoutP: 0.1, attnMask: torch.ones([5, 5], { dtype: "bool" }) })).toThrow(/expand/); // prettier-ignore
  expect(() => scaledDotProductAttention(q, q, q, { dropoutP: 1.5 })).toThrow(/dropout probability/);
});

test("a row that a mask of large numbers leaves without a favourite sends libtorch's gradients", () => {
  torch.manualSeed(5);
  const inputs = [3, 4, 4].map((n) => torch.randn([1, 2, n, 8]));
  for (const low of [-1e9, torch.finfo("float32").min]) {
    const attnMask = torch.zeros([3, 4]);
    attnMask.select(0, 1).fill_(low);
    const options = { attnMask, dropoutP: 0.2 };
    const [ours, theirs] = [run(scaledDotProductAttention, inputs, options), run(reference, inputs, options)];
    for (const [i, x] of ours.entries()) expect(x).toBeAllclose(theirs[i]!, { atol: 2e-6 });
  }
});

test("what comes out may be changed in place", () => {
  const q = torch.ones([1, 1, 3, 4], { requiresGrad: true });
  const out = scaledDotProductAttention(q, q, q, { dropoutP: 0.5 });
  out.mul_(2).sum().backward();
  expect(q.grad!.isnan().any().item()).toBe(false);
});

test("numbers that lie in memory negated, or nowhere, are read as they are", () => {
  const one = torch.ones([1, 1, 2, 4]);
  for (const value of [torch.ops.aten._neg_view(one), torch.ops.aten._efficientzerotensor([1, 1, 2, 4])]) {
    const out = scaledDotProductAttention(one, one, value, { dropoutP: 1e-30 });
    expect(out.tolist()).toEqual(value.clone().tolist());
  }
});
