// Factorizations and eigenpairs of large matrices against PyTorch's. tools/golden/low_rank.py writes the goldens.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import "../../tests/matchers.ts";
import {
  diag,
  diagonal,
  eye,
  lobpcg,
  manualSeed,
  pcaLowrank,
  stack,
  svdLowrank,
  tensor,
  zeros,
} from "./index.ts";
import type { LobpcgOptions, NestedNumbers, Tensor } from "./index.ts";

const golden = JSON.parse(
  readFileSync(new URL("../../tests/goldens/torch/low-rank.json", import.meta.url), "utf8"),
) as Record<string, NestedNumbers[]> & { inputs: Record<string, NestedNumbers> };
const input = (name: string) => tensor(golden.inputs[name]!, { dtype: "float64" });
const [low, batch, matrix, other, start, pair] = ["low", "batch", "matrix", "other", "start", "pair"].map(input) as [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]; // prettier-ignore

function seeded<T>(run: () => T): T {
  manualSeed(3);
  return run();
}

/** Eigenvectors with a positive first element, as their sign is left open. */
function signed([values, vectors]: [Tensor, Tensor]): Tensor[] {
  return [values, vectors.mul(vectors.narrow(-2, 0, 1).sign())];
}

const pairs = (k: number | undefined, options: LobpcgOptions) => signed(lobpcg(matrix, k, { X: start, tol: 1e-12, ...options })); // prettier-ignore

test.each<[string, () => Tensor[], number]>([
  ["svd", () => seeded(() => svdLowrank(low, { q: 3 })), 1e-10],
  ["svd wide", () => seeded(() => svdLowrank(batch, { q: 3, niter: 1 })), 1e-10],
  ["svd shifted", () => seeded(() => svdLowrank(low, { q: 2, M: low.mean(0, { keepdim: true }) })), 1e-10],
  ["svd sparse", () => seeded(() => svdLowrank(low.toSparse(), { q: 2 })), 1e-10],
  ["pca uncentered", () => seeded(() => pcaLowrank(batch, { q: 2, center: false, niter: 0 })), 1e-10],
  ["pca sparse", () => seeded(() => pcaLowrank(low.toSparse(), { q: 2 })), 1e-10],
  ["lu", () => batch.lu(), 1e-12],
  ["ortho", () => pairs(2, {}), 1e-8],
  ["smallest", () => pairs(2, { largest: false }), 1e-8],
  ["basic", () => pairs(2, { method: "basic", tol: 1e-9 }), 1e-6],
  ["generalized", () => pairs(2, { B: other }), 1e-8],
  [
    "preconditioned",
    () => pairs(2, { iK: matrix.inverse(), largest: false, method: "basic", tol: 1e-9 }),
    1e-6,
  ],
  ["sparse", () => signed(lobpcg(matrix.toSparse(), 1, { X: start, tol: 1e-12 })), 1e-8],
  ["random", () => seeded(() => signed(lobpcg(matrix, 2, { n: 4, tol: 1e-12 }))), 1e-8],
  ["few iterations", () => signed(lobpcg(matrix, 3, { X: start, niter: 3 })), 1e-8],
  ["few basic iterations", () => signed(lobpcg(matrix, 3, { X: start, niter: 3, method: "basic" })), 1e-8],
  ["batch", () => signed(lobpcg(pair, 2, { X: stack([start, start]), tol: 1e-12 })), 1e-8],
])("%s is PyTorch's", (name, run, atol) => {
  const results = run();
  expect(results).toHaveLength(golden[name]!.length);
  for (const [i, result] of results.entries())
    expect(result).toBeAllclose(golden[name]![i]!, { atol, rtol: 1e-8 });
});

test("pca of data whose rank is below q gives PyTorch's values and what they span", () => {
  const [U, S, V] = seeded(() => pcaLowrank(low));
  expect(S).toBeAllclose(golden["pca"]![1]!, { atol: 1e-10 });
  const centred = low.sub(low.mean(0, { keepdim: true }));
  expect(U.mul(S).matmul(V.mT)).toBeAllclose(centred.tolist(), { atol: 1e-10 });
});

test("lu tells which pivot is zero", () => {
  const [, , infos] = zeros([2, 2], { dtype: "float64" }).lu({ getInfos: true });
  expect(infos.item()).toBe(golden["lu infos"]![2]);
});

describe("lobpcg", () => {
  test("has gradients of eigenvalues and eigenvectors", () => {
    const a = matrix.detach().requiresGrad_();
    const [values, vectors] = lobpcg(a, 2, { X: start, tol: 1e-12 });
    const signs = vectors.narrow(0, 0, 1).sign().detach();
    values
      .mul(input("grad_e"))
      .sum()
      .add(vectors.mul(input("grad_x")).mul(signs).sum())
      .backward();
    expect(a.grad).toBeAllclose(golden["gradient"]!, { atol: 1e-6, rtol: 1e-6 });
  });

  test("tells its tracker of each iteration, and ends when that says so", () => {
    const counts: number[] = [];
    const [values] = lobpcg(matrix, 2, { X: start, tracker: ({ converged }) => void counts.push(converged) });
    expect(counts).toEqual(golden["converged"]);
    const before = start.tolist();
    const steps: unknown[] = [];
    const [early] = lobpcg(matrix, 2, {
      X: start,
      method: "basic",
      tracker: ({ step, residuals }) => {
        steps.push([step, residuals.shape]);
        return step < 1;
      },
    });
    expect(steps).toEqual([[0, [3]], [1, [3]]]); // prettier-ignore
    expect(early.select(0, 0).item()).not.toBeCloseTo(values.select(0, 0).item() as number, 9);
    expect(start.tolist()).toEqual(before);
  });

  test("finds the same with a preconditioner and with dropped vectors", () => {
    const [values] = lobpcg(matrix, 2, { X: start, tol: 1e-12 });
    const [again] = lobpcg(matrix, 2, {
      X: start,
      tol: 1e-10,
      iK: diag(diagonal(matrix).pow(-1)),
      ortho: { useDrop: true },
    });
    expect(again).toBeAllclose(values.tolist(), { rtol: 1e-7 });
  });

  test.each<[string, () => unknown, string]>([
    ["a matrix that is not square", () => lobpcg(low), "A must be square, got shape [7, 5]"],
    ["a B of another shape", () => lobpcg(matrix, 1, { B: eye(3) }), "the shape of A, [12, 12], got [3, 3]"],
    ["a matrix that is too small", () => lobpcg(eye(5), 2), "got 5 rows, n=2 and k=2. Use linalg.eigh"],
    ["more pairs than vectors", () => lobpcg(matrix, 3, { n: 2 }), "got 12 rows, n=2 and k=3"],
    ["half precision", () => lobpcg(matrix.half(), 1), "must be float32 or float64, got float16"],
    [
      "an unknown method",
      () => lobpcg(matrix, 1, { method: "svd" as "basic" }),
      'must be "basic" or "ortho", got "svd"',
    ],
    [
      "a start of another shape",
      () => lobpcg(matrix, 1, { X: start.narrow(0, 0, 3) }),
      "X must have shape [12, 3], got [3, 3]",
    ],
    [
      "gradients with B",
      () => lobpcg(matrix.detach().requiresGrad_(), 1, { B: other }),
      "gradients are there without B alone",
    ],
    ["a q beyond the sides", () => pcaLowrank(low, { q: 6 }), "q must be a whole number in [0, 5], got 6"],
    ["a negative niter", () => pcaLowrank(low, { niter: -1 }), "niter must be a whole number from 0, got -1"],
  ])("refuses %s", (_, run, message) => {
    expect(run).toThrow(message);
  });
});
