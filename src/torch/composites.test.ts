// The functions that PyTorch writes in Python; the values are Python's. More of them: ./opinfo.test.ts.
import { describe, expect, test } from "vitest";
import * as torch from "./index.ts";
import { arange, ones, tensor } from "./index.ts";

describe("lists of tensors may be given as arguments or as one list", () => {
  const [a, b] = [tensor([1, 2]), tensor([3])];

  test("by einsum, meshgrid, blockDiag, cartesianProd, broadcastTensors and chainMatmul", () => {
    expect(torch.einsum("i,j->ij", a, b).tolist()).toEqual([[3], [6]]);
    expect(torch.einsum("i,j->ij", [a, b]).tolist()).toEqual([[3], [6]]);
    expect(torch.meshgrid(a, b).map((x) => x.tolist())).toEqual([[[1], [2]], [[3], [3]]]); // prettier-ignore
    expect(torch.meshgrid([a, b], { indexing: "xy" }).map((x) => x.tolist())).toEqual([[[1, 2]], [[3, 3]]]); // prettier-ignore
    expect(torch.blockDiag(a, b).tolist()).toEqual([[1, 2, 0], [0, 0, 3]]); // prettier-ignore
    expect(torch.cartesianProd(a, b).tolist()).toEqual([[1, 3], [2, 3]]); // prettier-ignore
    expect(torch.broadcastTensors(a, b)[1]!.tolist()).toEqual([3, 3]);
    expect(torch.chainMatmul(ones([1, 2]), ones([2, 3]), ones([3, 1])).tolist()).toEqual([[6]]);
  });
});

test("broadcastShapes follows the rules of broadcasting", () => {
  expect(torch.broadcastShapes([2, 1], [3], [])).toEqual([2, 3]);
  expect(torch.broadcastShapes([0], [1])).toEqual([0]);
  expect(torch.broadcastShapes()).toEqual([]);
  expect(() => torch.broadcastShapes(Object.assign([1], { length: 2 ** 32 - 1 }))).toThrow("whole numbers");
  expect(() => torch.broadcastShapes([2], [3])).toThrowErrorMatchingInlineSnapshot(
    `[ShapeError: broadcastShapes: shapes must agree or be 1 in each dimension, got [2] and [3].]`,
  );
});

test("tensordot contracts by a count or by two lists", () => {
  const [x, y] = [arange(6).reshape([2, 3]).float(), arange(12).reshape([3, 4]).float()];
  expect(torch.tensordot(x, y, 1).tolist()).toEqual(x.matmul(y).tolist());
  expect(torch.tensordot(x, y, [[1], [0]]).tolist()).toEqual(x.matmul(y).tolist());
  expect(torch.tensordot(x, x, { dims: 2 }).item()).toBe(55);
  expect(torch.tensordot(x, x).item()).toBe(55);
  expect(torch.tensordot(x, x, 0).shape).toEqual([2, 3, 2, 3]);
  expect(() => torch.tensordot(x, y, 3)).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: tensordot: dims must be between 0 and 2, got 3.]`,
  );
});

test("norm takes numbers, fro and nuc", () => {
  const x = tensor([[3, 4], [0, 0]]); // prettier-ignore
  expect([torch.norm(x).item(), x.norm(1).item(), x.norm("nuc").item(), x.norm(Infinity).item()]).toEqual([
    5, 7, 5, 4,
  ]);
  expect(x.norm(2, { dim: 1, keepdim: true }).tolist()).toEqual([[5], [0]]);
  expect(x.norm({ dim: 0 }).tolist()).toEqual([3, 4]);
  expect(torch.norm(x, 2, [1], true).tolist()).toEqual([[5], [0]]);
  expect(torch.norm(x, "fro", 0, { dtype: "float64" }).tolist()).toEqual([3, 4]);
  expect(x.norm(2, { dtype: "float64" }).dtype).toBe("float64");
  expect(() => x.norm("one" as "fro")).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: norm: p must be a number, "fro" or "nuc", got "one".]`,
  );
});

test("unique gives what it was asked for", () => {
  const x = tensor([3n, 1n, 3n, 3n]);
  expect(x.unique().tolist()).toEqual([1, 3]);
  expect(x.unique({ returnCounts: true }).map((y) => y.tolist())).toEqual([[1, 3], [1, 3]]); // prettier-ignore
  expect(x.unique({ returnInverse: true, returnCounts: true }).map((y) => y.tolist())).toEqual([[1, 3], [1, 0, 1, 1], [1, 3]]); // prettier-ignore
  expect(torch.unique(tensor([[1, 2], [1, 2]]), { dim: 0 }).tolist()).toEqual([[1, 2]]); // prettier-ignore
  expect(x.uniqueConsecutive().tolist()).toEqual([3, 1, 3]);
  expect(torch.uniqueConsecutive(x, { returnCounts: true })[1]!.tolist()).toEqual([1, 1, 2]);
});

test("unravelIndex finds the coordinates", () => {
  expect(torch.unravelIndex(tensor([0n, 5n, 23n]), [2, 3, 4]).map((x) => x.tolist())).toEqual([
    [0, 0, 1],
    [0, 1, 2],
    [0, 1, 3],
  ]);
  expect(torch.unravelIndex(tensor([7n]), 10)[0]!.item()).toBe(7);
  expect(() => torch.unravelIndex(ones([1]), [2])).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: unravelIndex: needs integer indices, got float32. Use x.long().]`,
  );
});

test("cdist takes the name of its way to compute", () => {
  const [x, y] = [tensor([[0, 0]]), tensor([[3, 4]])];
  expect(torch.cdist(x, y).item()).toBe(5);
  expect(torch.cdist(x, y, 1).item()).toBe(7);
  expect(torch.cdist(x, y, { p: 2, computeMode: "donot_use_mm_for_euclid_dist" }).item()).toBe(5);
  expect(() => torch.cdist(x, y, 2, { computeMode: "fast" })).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: cdist: computeMode must be one of use_mm_for_euclid_dist_if_necessary, use_mm_for_euclid_dist, donot_use_mm_for_euclid_dist, got fast.]`,
  );
});

test("isTensor and numel", () => {
  expect([torch.isTensor(ones([1])), torch.isTensor({ handle: 1 })]).toEqual([true, false]);
  expect(torch.numel(ones([2, 3]))).toBe(6);
});
