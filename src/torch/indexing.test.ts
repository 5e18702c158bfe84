// x.at(...) and x.setAt(...) against Python's x[...]. tools/golden/indexing.py writes the cases.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { liveTensors } from "../../tests/live-tensors.ts";
import { arange, ellipsis, keep, ones, scope, slice, tensor, zeros } from "./index.ts";
import type { Dtype, Index, NestedNumbers } from "./index.ts";

type EncodedPlace =
  | number
  | boolean
  | null
  | "..."
  | { slice: [number | null, number | null, number] }
  | { list: NestedNumbers[] }
  | { tensor: NestedNumbers; dtype: Dtype };
type Case = {
  shape: number[];
  index: EncodedPlace[];
  set?: number | number[];
  result?: [values: number[], shape: number[]];
  isView?: boolean;
  error?: true;
};

const url = new URL("../../tests/goldens/torch/indexing.json", import.meta.url);
const cases = JSON.parse(readFileSync(url, "utf8")) as Case[];

function decode(place: EncodedPlace): Index {
  if (place === "...") return ellipsis;
  if (typeof place !== "object" || place === null) return place;
  if ("slice" in place) return slice(...place.slice);
  return "list" in place ? place.list : tensor(place.tensor, { dtype: place.dtype });
}

const count = (shape: readonly number[]) => shape.reduce((product, length) => product * length, 1);

describe("takes and writes what PyTorch does", () => {
  test.each(
    cases.map((entry, i) => [`${i} [${entry.shape.join()}] ${JSON.stringify(entry.index)}`, entry] as const),
  )("%s", (_, { shape, index, set, result, isView, error }) => {
    scope(() => {
      const x = arange(count(shape), { dtype: "int64" }).reshape(shape);
      const places = index.map(decode);
      if (error === true) {
        expect(() => x.at(...places)).toThrow();
        return;
      }
      const value = Array.isArray(set) ? arange(100, 100 + count(set)).reshape(set) : set;
      const taken = value === undefined ? x.at(...places) : x.setAt(places, value);
      expect([taken.reshape([-1]).tolist(), taken.shape]).toEqual(result);
      if (isView !== undefined) expect(taken.sharesStorageWith(x)).toBe(isView);
    });
  });
});

describe("errors are told in Python's sense", () => {
  const x = arange(12).reshape([3, 4]);

  test("for places outside the tensor and wrong kinds", () => {
    expect(() => x.at(3)).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: at: index 3 is out of bounds for dimension 0 with size 3.]`,
    );
    expect(() => x.at(0, -5)).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: at: index -5 is out of bounds for dimension 1 with size 4.]`,
    );
    expect(() => x.at(0, 0, 0)).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: at: too many indices for a tensor of dimension 2, got 3.]`,
    );
    expect(() => tensor(1).at(0)).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: at: too many indices for a tensor of dimension 0, got 1.]`,
    );
    expect(() => x.at(1.5)).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: at: an index must be a whole number, slice(), null, ellipsis, a boolean, a list or a tensor, got 1.5.]`,
    );
    expect(() => x.at("0" as never)).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: at: an index must be a whole number, slice(), null, ellipsis, a boolean, a list or a tensor, got "0".]`,
    );
    expect(() => x.at({} as never)).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: at: an index must be a whole number, slice(), null, ellipsis, a boolean, a list or a tensor, got a value of type object.]`,
    );
    expect(() => x.at(ellipsis, ellipsis)).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: at: an index can have one ellipsis, got several.]`,
    );
    expect(() => x.at(ones([1]))).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: at: tensors used as indices must hold integers or booleans, got float32. Use x.long().]`,
    );
    expect(() => x.at([9])).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: aten::index.Tensor: index 9 is out of bounds for dimension 0 with size 3 (self: Long[3, 4])]`,
    );
    expect(() => x.at([true, false])).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: aten::index.Tensor: The shape of the mask [2] at index 0 does not match the shape of the indexed tensor [3, 4] at index 0 (self: Long[3, 4])]`,
    );
    expect(() => x.setAt([0], [1, 2, 3])).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: aten::copy_: The size of tensor a (4) must match the size of tensor b (3) at non-singleton dimension 0 (self: Long[4], src: Long[3])]`,
    );
  });

  test("places to write are given as an array", () => {
    expect(() => arange(3).setAt(0 as never, 1)).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: setAt: the index must be an array of places, got 0. Write x.setAt([0], value).]`,
    );
  });

  test("a slice goes forward in whole steps", () => {
    expect(() => slice(0, 4, -1)).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: slice: step must be greater than zero, got -1. Use x.flip() to turn around.]`,
    );
    expect(() => slice(0, 4, 0)).toThrow("greater than zero");
    expect(() => slice(0.5)).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: slice: start and stop must be whole numbers or null, got 0.5.]`,
    );
  });
});

test("gradients flow through what was taken", () => {
  const x = arange(4, { dtype: "float32" }).requiresGrad_();
  x.at([1, 1, 3]).sum().backward();
  expect(x.grad?.tolist()).toEqual([0, 2, 0, 1]);
});

test("no handle is left over, whether it works or not", () => {
  const x = keep(zeros([3, 4, 5]));
  const before = liveTensors();
  scope(() => {
    x.at(0, slice(1, 3), null).dispose();
    x.setAt([0, slice(1, 3)], 7);
    expect(() => x.at(0, 1, 9)).toThrow();
  });
  expect(liveTensors()).toBe(before);
});
