import { expect, test } from "vitest";
import { Rng } from "../../../base/index.ts";
import { Permutation } from "./permutation.ts";

function order(length: number, seed: number): Float64Array {
  const permutation = new Permutation(length, new Rng(seed));
  return Float64Array.from({ length }, (_, place) => permutation.at(place));
}

test.each([1, 2, 3, 64, 65, 1000, 2 ** 16 + 1])("each of %i numbers comes once", (length) => {
  const sorted = order(length, 5).sort();
  expect(sorted.every((value, i) => value === i)).toBe(true);
});

test("the order is near neither the old one nor that of another seed", () => {
  const length = 2 ** 17 + 77;
  const [first, second] = [order(length, 1), order(length, 2)];
  // of a random order one example stays on average, and neighbours are a third of the length apart
  for (const values of [first, second, first.map((value, i) => (value + second[i]!) % length)]) {
    expect(values.filter((value, i) => value === i).length).toBeLessThan(8);
    let [distance, ascending] = [0, 0];
    for (let i = 1; i < length; i++) {
      distance += Math.abs(values[i]! - values[i - 1]!) / length;
      ascending += Number(values[i]! > values[i - 1]!);
    }
    expect(distance / length).toBeCloseTo(1 / 3, 2);
    expect(ascending / length).toBeCloseTo(1 / 2, 2);
  }
});

test("a place of four billion is found at once", () => {
  const permutation = new Permutation(2 ** 32, new Rng(3));
  const found = new Set(Array.from({ length: 1000 }, (_, i) => permutation.at(2 ** 32 - 1 - i)));
  expect(found.size).toBe(1000);
  expect(Math.max(...found)).toBeLessThan(2 ** 32);
});
