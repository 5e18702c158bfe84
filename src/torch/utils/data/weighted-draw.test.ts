// Draws by weights: their frequencies against what the weights say, place by place.
import { expect, test } from "vitest";
import { Rng } from "../../../base/index.ts";
import { utils } from "../../index.ts";
import { WeightedDraw } from "./weighted-draw.ts";

function count(draw: WeightedDraw, length: number, numDraws: number, seed = 1): Float64Array {
  const counts = new Float64Array(length);
  const at = draw.draws(new Rng(seed));
  for (let place = 0; place < numDraws; place++) counts[at(place)]!++;
  return counts;
}

/** Pearson's statistic of counts, whose mean is the number of weights above zero less one. */
function chiSquared(counts: Float64Array, weights: ArrayLike<number>): number {
  const total = Array.from(weights).reduce((a, b) => a + b, 0);
  const numDraws = counts.reduce((a, b) => a + b, 0);
  return counts.reduce((sum, found, index) => {
    const expected = (numDraws * weights[index]!) / total;
    return expected === 0 ? sum : sum + (found - expected) ** 2 / expected;
  }, 0);
}

const cases: Record<string, number[]> = {
  "two classes of very different size": Array.from({ length: 1000 }, (_, i) => (i < 20 ? 1 / 20 : 1 / 980)),
  "equal ones": Array(500).fill(3),
  "a slope": Array.from({ length: 700 }, (_, i) => i + 1),
  "powers of two": Array.from({ length: 12 }, (_, i) => 2 ** -i),
  "drawn ones": (() => {
    const rng = new Rng(5);
    return Array.from({ length: 900 }, () => rng.random() ** 3);
  })(),
  "zeros among them": Array.from({ length: 300 }, (_, i) => (i % 3 === 0 ? 0 : i)),
};

test.each(Object.entries(cases))("come as often as their weights say: %s", (_, weights) => {
  const draw = new WeightedDraw(weights);
  const freedom = weights.filter((weight) => weight > 0).length - 1;
  const statistics = Array.from({ length: 8 }, (__, seed) => {
    const counts = count(draw, weights.length, 200_000, seed);
    for (const [index, weight] of weights.entries()) if (weight === 0) expect(counts[index]).toBe(0);
    return chiSquared(counts, weights);
  });
  // each is below its 99.99 % quantile (Wilson and Hilferty), and their mean is near what it should be, from both sides
  const quantile = freedom * (1 - 2 / (9 * freedom) + 3.719 * Math.sqrt(2 / (9 * freedom))) ** 3;
  for (const statistic of statistics) expect(statistic).toBeLessThan(quantile);
  const mean = statistics.reduce((a, b) => a + b, 0) / statistics.length;
  expect(Math.abs(mean - freedom) / Math.sqrt((2 * freedom) / statistics.length)).toBeLessThan(4);
});

test("neighbouring places, and places of other epochs, are independent", () => {
  const draw = new WeightedDraw([1, 1, 1, 1]);
  const [one, other] = [draw.draws(new Rng(1, 0)), draw.draws(new Rng(1, 2))];
  const [next, across] = [new Float64Array(16), new Float64Array(16)];
  for (let place = 0; place < 160_000; place++) {
    next[4 * one(place) + one(place + 1)]!++;
    across[4 * one(place) + other(place)]!++;
  }
  const equal = Array(16).fill(1);
  for (const pairs of [next, across]) expect(chiSquared(pairs, equal)).toBeLessThan(44); // 99.99 % of 15
});

test("are a few sure ones whatever the range of the weights", () => {
  expect(count(new WeightedDraw([5]), 1, 100)).toEqual(Float64Array.of(100));
  expect(count(new WeightedDraw([0, 1e308, 0, 1e308]), 4, 1000)[0]).toBe(0);
  expect(count(new WeightedDraw([1e308, 1e308, 1e308]), 3, 3000).every((found) => found > 900)).toBe(true);
  expect(count(new WeightedDraw([5e-324, 0]), 2, 100)).toEqual(Float64Array.of(100, 0));
  expect(count(new WeightedDraw([1, 1e-300, 1e300]), 3, 1000)).toEqual(Float64Array.of(0, 0, 1000));
});

test("a loader goes on from any place exactly, and waits for no draws before it", async () => {
  const weights = Float64Array.from({ length: 103 }, (_, i) => (i % 7) + 0.5);
  const dataset = { length: 103, get: (index: number) => index };
  const make = () =>
    new utils.data.DataLoader<number, number[]>(dataset, {
      weights,
      batchSize: 10,
      seed: 9,
      collateFn: (rows) => rows,
    });
  const loader = make();
  const whole: number[][] = [];
  for (let epoch = 0; epoch < 3; epoch++) for await (const batch of loader) whole.push(batch);
  expect(new Set(whole.map(String)).size).toBe(33);
  for (let at = 0; at < whole.length; at++) {
    const resumed = make();
    resumed.seek({ epoch: Math.floor(at / 11), batch: at % 11 });
    const rest: number[][] = [];
    for await (const batch of resumed) rest.push(batch);
    expect(rest).toEqual(whole.slice(at, 11 * (Math.floor(at / 11) + 1)));
  }
});

test("cost two looks each at the weights to set up, and none to go on", async () => {
  let looks = 0;
  const length = 5000;
  const weights = new Proxy(
    Array.from({ length }, () => 1),
    {
      get(target, name) {
        if (typeof name === "string" && /^\d+$/u.test(name)) looks++;
        return Reflect.get(target, name, target) as unknown;
      },
    },
  );
  const draw = new WeightedDraw(weights);
  expect(looks).toBeLessThanOrEqual(2 * length);
  looks = 0;
  draw.draws(new Rng(3, 8))(4000);
  expect(looks).toBe(0);
});
