// Transforms of functions against PyTorch's, and that no level is left behind.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import "../../../tests/matchers.ts";
import { arange, func, manualSeed, nn, ones, profiler, randn, tensor } from "../index.ts";
import type { Dtype, NestedNumbers, Tensor } from "../index.ts";
import { tensorsIn } from "../tensors-in.ts";

const { debugUnwrap, functionalize, linearize, replaceAllBatchNormModules_ } = func;
const { functionalCall, grad, gradAndValue, hessian, jacfwd, jacrev, jvp, stackModuleState, vjp, vmap } =
  func;
// written by tools/golden/func.py
const golden = JSON.parse(
  readFileSync(new URL("../../../tests/goldens/autograd/func.json", import.meta.url), "utf8"),
) as Record<string, NestedNumbers> & { inputs: Record<string, NestedNumbers>; weights: State; other: State };
type State = Record<string, NestedNumbers>;
const input = (name: string, dtype: Dtype = "float64") => tensor(golden.inputs[name]!, { dtype });
const [matrix, x, y, v, w] = ["matrix", "x", "y", "v", "w"].map((name) => input(name)) as [Tensor, Tensor, Tensor, Tensor, Tensor]; // prettier-ignore
const labels = input("labels", "int64");
const two64 = tensor(2, { dtype: "float64" });

const cubes = (a: Tensor, b: Tensor) => a.pow(3).mul(b.cos()).sum();
const two = (a: Tensor, b: Tensor): [Tensor, Tensor] => [a.mul(2).add(b.pow(3)), a.sin().mul(b).sum()];

const withAux = (a: Tensor, b: Tensor): [[Tensor, Tensor], Tensor] => [two(a, b), a.mul(b).exp()];

/** Changes a copy through a view, and its argument. */
function changing(a: Tensor): Tensor {
  const part = a.clone().reshape([-1]);
  part.narrow(0, 1, part.numel - 1).mul_(a.select(0, 0).mul(1));
  a.add_(1);
  return part.sin();
}

function auxOfVjp(): unknown {
  const [output, pullBack, aux] = vjp(withAux, [x, y], { hasAux: true });
  return [output, pullBack([v, two64]), aux];
}

function linear(): unknown {
  const [output, push] = linearize(two, [x, y]);
  return [output, push(v, w), push(w, v), vmap(push, { inDims: [0, null] })(matrix, w)];
}

function functional(): unknown {
  const changed = x.clone();
  return [functionalize(changing)(changed), changed];
}

function makeModel(state: State) {
  const model = new nn.Sequential(
    new nn.Linear(3, 5),
    new nn.Tanh(),
    new nn.LayerNorm(5),
    new nn.Linear(5, 2),
  ).double();
  const weights = Object.entries(state).map(
    ([name, values]) => [name, tensor(values, { dtype: "float64" })] as const,
  );
  model.loadStateDict(new Map(weights));
  return { model, weights: new Map(weights) };
}
const { model, weights } = makeModel(golden.weights);

function loss(given: Map<string, Tensor>, example: Tensor, label: Tensor): Tensor {
  const logits = functionalCall(model, given, [example.unsqueeze(0)]);
  return nn.functional.crossEntropy(logits, label.unsqueeze(0));
}

function randomly(randomness: "same" | "different"): Tensor {
  manualSeed(5);
  return vmap((row: Tensor) => row.add(randn([3], { dtype: "float64" })), { randomness })(matrix);
}

function expectGolden(actual: unknown, expected: unknown): void {
  if (Array.isArray(actual)) {
    expect(expected).toHaveLength(actual.length);
    for (const [i, item] of actual.entries()) expectGolden(item, (expected as unknown[])[i]);
  } else if (actual instanceof Map) {
    expect([...actual.keys()].toSorted()).toEqual(Object.keys(expected as object).toSorted());
    for (const [name, item] of actual) expectGolden(item, (expected as State)[name as string]);
  } else {
    expect(actual).toBeAllclose(expected as NestedNumbers, { atol: 1e-12 });
    expect((actual as Tensor).requiresGrad).toBe(false);
  }
}

test.each<[string, () => unknown]>([
  ["grad", () => grad(cubes)(x, y)],
  ["grad both", () => grad(cubes, { argnums: [0, 1] })(x, y)],
  ["grad of grad", () => grad((a: Tensor) => grad(cubes)(a, y).mul(v).sum())(x)],
  ["grad and value", () => gradAndValue(cubes)(x, y)],
  ["vjp", () => vjp(two, [x, y])[1]([v, two64])],
  ["jvp", () => jvp(two, [x, y], [v, w])],
  ["jacrev", () => jacrev(two, { argnums: [0, 1] })(x, y)],
  ["jacfwd", () => jacfwd(two, { argnums: [0, 1] })(x, y)],
  ["hessian", () => hessian(cubes, { argnums: [0, 1] })(x, y)],
  ["vjp aux", auxOfVjp],
  ["jvp aux", () => jvp(withAux, [x, y], [v, w], { hasAux: true })],
  ["jacrev aux", () => jacrev(withAux, { argnums: [0, 1], hasAux: true })(x, y)],
  ["jacfwd aux", () => jacfwd(withAux, { argnums: [0, 1], hasAux: true })(x, y)],
  ["linearize", linear],
  ["functionalize", functional],
  ["functionalize views", () => functionalize(changing, { remove: "mutations_and_views" })(x.clone())],
  ["grad of functionalize", () => grad((a: Tensor) => functionalize(changing)(a.clone()).sum())(x)],
  ["vmap dims", () => vmap((a: Tensor, b: Tensor) => a.mul(b).cumsum(0), { inDims: [1, null], outDims: 1 })(matrix, v.narrow(0, 0, 1))], // prettier-ignore
  ["vmap nested", () => vmap(vmap((a: Tensor, b: Tensor) => a.mul(b), { inDims: [null, 0] }), { inDims: [0, null] })(x, y)], // prettier-ignore
  ["vmap same", () => randomly("same")],
  ["vmap different", () => randomly("different")],
  ["per-sample gradients", () => vmap(grad(loss), { inDims: [null, 0, 0] })(weights, matrix, labels)],
  ["per-sample hessians", () => vmap(hessian(cubes), { inDims: [0, null] })(matrix, y)],
])("%s is PyTorch's", (name, run) => {
  expectGolden(run(), golden[name]);
});

test("an ensemble of stacked models gives what PyTorch's gives", () => {
  const [stacked] = stackModuleState([model, makeModel(golden.other).model]);
  const outputs = vmap((some: Map<string, Tensor>) => functionalCall(model, some, [matrix]))(stacked);
  expectGolden(outputs.detach(), golden["ensemble"]);
});

test("per-sample gradients are those of one example at a time, in chunks too", () => {
  const each = vmap(grad(loss), { inDims: [null, 0, 0], chunkSize: 3 })(weights, matrix, labels);
  for (let i = 0; i < 4; i++) {
    const alone = grad(loss)(weights, matrix.select(0, i), labels.select(0, i));
    for (const [name, gradient] of alone) {
      expect(each.get(name)!.select(0, i)).toBeAllclose(gradient.tolist(), { atol: 1e-12 });
    }
  }
});

test("further values come back beside the gradient", () => {
  const [slope, aux] = grad((a: Tensor) => [a.pow(2).sum(), a.mul(3)] as const, { hasAux: true })(x);
  expect(slope).toBeAllclose(x.mul(2).tolist());
  expect(aux).toBeAllclose(x.mul(3).tolist());
});

test("the product of vjp's function can itself be differentiated", () => {
  const leaf = x.detach().requiresGrad_();
  const [, pullBack] = vjp((a: Tensor) => a.pow(3), [leaf]);
  pullBack(v)[0].sum().backward();
  expect(leaf.grad).toBeAllclose(x.mul(6).mul(v).tolist());
});

describe("an error inside", () => {
  const fail: (x: Tensor) => Tensor = () => {
    throw new Error("inside");
  };

  test.each<[string, () => unknown]>([
    ["vmap", () => vmap(fail)(matrix)],
    ["nested vmap", () => vmap(vmap(fail))(matrix)],
    ["grad", () => grad(fail)(x)],
    ["vmap of grad", () => vmap(grad(fail))(matrix)],
    ["vjp", () => vjp(fail, [x])],
    ["jvp", () => jvp(fail, [x], [v])],
    ["hessian", () => hessian(fail)(x)],
    ["linearize", () => linearize(fail, [x])],
    ["functionalize", () => functionalize(fail)(x)],
    ["functionalCall", () => grad((a: Tensor) => functionalCall(model, { "0.bias": a.pow(2) }, [ones([9, 9])]).sum())(ones([5]))], // prettier-ignore
  ])("%s leaves no level behind", (_, run) => {
    expect(run).toThrow();
    expect(x.mul(2).tolist()).toEqual((x.tolist() as number[]).map((value) => value * 2));
    expectGolden(vmap(hessian(cubes), { inDims: [0, null] })(matrix, y), golden["per-sample hessians"]);
    expect(model.getParameter("0.bias")).toBeInstanceOf(nn.Parameter);
  });
});

describe("is refused", () => {
  const square = (a: Tensor) => a.pow(2);

  test.each<[string, () => unknown, RegExp]>([
    ["a value read out of a batch", () => vmap((a: Tensor) => a.sum().item())(matrix), /vmap/],
    ["elements read out of a batch", () => vmap((a: Tensor) => a.tolist())(matrix), /storage|vmap/i],
    ["a random operator", () => vmap((a: Tensor) => a.add(randn([3])))(matrix), /randomness/],
    ["unequal batches", () => vmap((a: Tensor, b: Tensor) => a.add(b))(matrix, x), /one size, got 4, 3/],
    ["a dimension out of range", () => vmap(square, { inDims: 2 })(matrix), /\[-2, 1\]/],
    ["no batch at all", () => vmap(square, { inDims: null })(matrix), /at least one input/],
    ["a nesting that differs", () => vmap(square, { inDims: [0, 0] })(matrix), /nested/],
    ["a batch as a shared output", () => vmap(square, { outDims: null })(matrix), /outDims null/],
    ["no tensor", () => vmap((a: Tensor) => a.ndim)(matrix), /must return tensors, got number/],
    ["a promise", () => vmap(async (a: Tensor) => Promise.resolve(a))(matrix), /synchronous/],
    ["a gradient of many numbers", () => grad(square)(x), /shape \[\], got shape \[3\]/],
    ["a place without an argument", () => grad(cubes, { argnums: 2 })(x, y), /argnums/],
    ["a chunk of nothing", () => vmap(square, { chunkSize: 0 }), /positive integer/],
    ["an unknown weight", () => functionalCall(model, { "0.wieght": x }, [matrix]), /"0\.weight"/],
    ["a leaf of its own", () => grad((a: Tensor) => a.requiresGrad_().sum())(x), /requires_grad_\(\).* inside of a function being transformed/], // prettier-ignore
    ["a gradient to keep", () => grad((a: Tensor) => { a.retainGrad(); return a.sum(); })(x), /retain_grad\(\) inside of a function/], // prettier-ignore
    ["no aux", () => vjp(square as unknown as () => [Tensor, Tensor], [], { hasAux: true }), /undefined|aux/],
    ["no aux for jacrev", () => jacrev(square as unknown as (a: Tensor) => [Tensor, Tensor], { hasAux: true })(x), /\[output, aux\]/], // prettier-ignore
    ["tangents of another shape", () => linearize(square, [x])[1](matrix), /float64 \[3\] on cpu, got float64 \[4, 3\]/], // prettier-ignore
    [
      "tangents too few",
      () => linearize(cubes, [x, y])[1](...([x] as unknown as [Tensor, Tensor])),
      /2 primals/,
    ],
    ["an unknown removal", () => functionalize(square, { remove: "views" as "mutations" }), /got "views"/],
    ["a weight left out", () => functionalCall(model, {}, [matrix], { strict: true }), /0\.weight/],
  ])("%s", (_, run, message) => {
    expect(run).toThrow(message);
  });
});

test("leaves may be made inside a transform by factories", () => {
  const slope = grad((a: Tensor) => {
    const made = [ones([3], { requiresGrad: true }), tensor([1, 2, 3], { requiresGrad: true })];
    return a.mul(made[0]!).add(made[1]!.detach()).sum();
  })(x);
  expect(slope.tolist()).toEqual([1, 1, 1]);
});

test("functionalize replaces operators that change in place", () => {
  const operators = (run: () => unknown) => {
    const recorded = profiler.profile({}, run);
    return new Set([...recorded.keyAverages()].map(({ key }) => key));
  };
  const run = (a: Tensor) => a.clone().neg_();
  expect(operators(() => run(x)).has("aten::neg")).toBe(false);
  const names = operators(() => functionalize(run)(x));
  expect(names.has("aten::neg")).toBe(true);
  const views = (a: Tensor) => a.clone().t().neg_();
  expect(operators(() => functionalize(views)(x)).has("aten::t_copy")).toBe(false);
  expect([...operators(() => functionalize(views, { remove: "mutations_and_views" })(x))].join()).toMatch(
    /_copy/,
  );
});

test("values can be read under grad and jvp, and tensors be made of them", () => {
  const seen: unknown[] = [];
  const read = (a: Tensor) => {
    seen.push(a.tolist(), tensor(a.tolist(), { dtype: "float64" }).tolist());
    return a.mul(tensor([1, 2, 3])).sum();
  };
  expect(grad(read)(x).tolist()).toEqual([1, 2, 3]);
  jvp(read, [x], [v]);
  expect(seen).toEqual(Array.from({ length: 4 }, () => x.tolist()));
  expect(vmap((a: Tensor) => a.add(tensor([1, 2, 3])))(matrix).shape).toEqual([4, 3]);
});

test("debugUnwrap gives what each level holds", () => {
  const seen: number[][] = [];
  vmap(
    vmap((a: Tensor) => {
      seen.push(debugUnwrap(a).shape, debugUnwrap(a, { recurse: false }).shape);
      return a;
    }),
  )(matrix);
  expect(seen).toEqual([[4, 3], [3]]);
  grad((a: Tensor) => {
    expect(debugUnwrap(a).tolist()).toEqual(x.tolist());
    return a.sum();
  })(x);
  expect(debugUnwrap(x)).toBe(x);
});

test("batch norms without running statistics go through vmap", () => {
  const norms = new nn.Sequential(
    new nn.Linear(3, 2),
    new nn.BatchNorm1d(2),
    new nn.InstanceNorm1d(2, { trackRunningStats: true }),
  ).double();
  expect(replaceAllBatchNormModules_(norms)).toBe(norms);
  expect([...norms.namedBuffers()].map(([name]) => name)).toEqual(["2.running_mean", "2.running_var", "2.num_batches_tracked"]); // prettier-ignore
  const [linear2, norm] = [norms.at(0), norms.at(1)] as [nn.Linear, nn.BatchNorm1d];
  expect(norm.trackRunningStats).toBe(false);
  const forward = (rows: Tensor) => norm.forward(linear2.forward(rows));
  const batches = matrix.reshape([2, 2, 3]);
  expect(vmap(forward)(batches).select(0, 1)).toBeAllclose(forward(batches.select(0, 1)).detach());
  norm.eval();
  expect(forward(matrix).mean().item()).toBeCloseTo(0, 6);
});

describe("rearrange", () => {
  const cube = arange(24, { dtype: "float64" }).reshape([2, 3, 4]);
  const { rearrange } = func;

  test.each(golden["rearrange"] as unknown as [string, Record<string, number>, NestedNumbers][])(
    "%s gives what PyTorch's does",
    (pattern, axes, expected) => {
      expect(rearrange(cube, pattern, axes).tolist()).toEqual(expected);
    },
  );

  test("works under vmap and has gradients", () => {
    const turn = (a: Tensor) => rearrange(a, "b c -> (c b)");
    expect(vmap(turn)(cube).tolist()).toEqual(rearrange(cube, "a b c -> a (c b)").tolist());
    expect(grad((a: Tensor) => turn(a).narrow(0, 0, 2).sum())(matrix).tolist()).toEqual([[1, 0, 0], [1, 0, 0], [0, 0, 0], [0, 0, 0]]); // prettier-ignore
  });

  test.each<[string, Record<string, number>, string]>([
    ["a b c -> a b", {}, "names must be on both sides, got c on one"],
    ["a b c -> a b c d", {}, "got d on one"],
    ["a b c -> a b a", {}, '"a" must not be there twice'],
    ["a b -> b a", {}, "got 2 for shape [2, 3, 4]"],
    ["a b c d ... -> ... a b c d", {}, "got 4 for shape [2, 3, 4]"],
    ["(a b) c d -> a b c d", {}, "Give the sizes of all but one of a, b"],
    ["(a b) c d -> a b c d", { a: 3 }, "dimension 0 of size 2 must be made of (a b)"],
    ["a b c -> a b c", { a: 3 }, "dimension 0 of size 2 must be made of (a)"],
    ["1 b c -> b c", {}, "dimension 0 of size 2 must be made of 1"],
    ["a b c -> (a (b c))", {}, "brackets must not be inside brackets"],
    ["(a b c -> a b c", {}, 'a "(" must have its ")"'],
    ["a b c -> a b c)", {}, 'a ")" must have its "("'],
    ["a _ c -> c a _", {}, 'got "_"'],
    ["2 b c -> b c 2", {}, 'got "2"'],
    ["a b c - a", {}, 'one "->"'],
    ["a b c -> (...) a b c", {}, "got ... on one"],
    ["a (b ...) -> ... b a", { b: 1 }, "an ellipsis must not be in brackets on the left"],
    ["a b c -> a b c", { z: 2 }, "axes must name what is in the pattern, got z"],
    ["a b c -> a b c", { a: 1.5 }, "the size of a must be a whole number, got 1.5"],
  ])("refuses %s with %o", (pattern, axes, message) => {
    expect(() => rearrange(cube, pattern, axes)).toThrow(message);
  });
});

test("weights that a module shares are tied", () => {
  class Tied extends nn.Module {
    readonly first = new nn.Linear(2, 2, { bias: false });
    readonly second = new nn.Linear(2, 2, { bias: false });
    constructor() {
      super();
      (this.second as { weight: nn.Parameter }).weight = this.first.weight;
    }
    override forward(a: Tensor): Tensor {
      return this.second.forward(this.first.forward(a));
    }
  }
  const [tied, twos] = [new Tied(), ones([2, 2]).mul(2)];
  expect(functionalCall(tied, { "first.weight": twos }, [ones([2])]).tolist()).toEqual([16, 16]);
  expect([...tensorsIn([...tied.namedParameters()])]).toHaveLength(1);
});
