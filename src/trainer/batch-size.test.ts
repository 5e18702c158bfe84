import { expect, test } from "vitest";
import { arange, tensor } from "../torch/index.ts";
import { splitRows } from "./batch-size.ts";

test("a batch is cut by its rows: tensors, texts and typed arrays, however they are nested", () => {
  const batch = {
    x: arange(10).view([5, 2]),
    texts: ["a", "b", "c", "d", "e"],
    pair: [tensor([1, 2, 3, 4, 5]), ["v", "w", "x", "y", "z"]],
    ids: Int32Array.of(9, 8, 7, 6, 5),
    scale: tensor(3),
    name: "five",
    classes: ["yes", "no"],
  };
  const parts = splitRows(batch, { rows: 2, items: 5 }) as (typeof batch)[];
  expect(parts.map(({ x }) => x.tolist())).toEqual([
    [
      [0, 1],
      [2, 3],
    ],
    [
      [4, 5],
      [6, 7],
    ],
    [[8, 9]],
  ]);
  expect(parts.map(({ texts }) => texts)).toEqual([["a", "b"], ["c", "d"], ["e"]]);
  expect(parts.map(({ pair }) => pair[1])).toEqual([["v", "w"], ["x", "y"], ["z"]]);
  expect(parts.map(({ ids }) => [...ids])).toEqual([[9, 8], [7, 6], [5]]);
  for (const { scale, name, classes } of parts)
    expect([scale, name, classes]).toEqual([batch.scale, "five", ["yes", "no"]]);
});

test("a batch with a tensor of other rows cannot be cut", () => {
  expect(splitRows([arange(4), arange(9)], { rows: 2, items: 4 })).toBeUndefined();
});
