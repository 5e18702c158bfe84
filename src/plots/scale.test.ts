import { expect, test } from "vitest";
import { linearScale, logScale } from "./scale.ts";

const linear = (low: number, high: number, options = {}) =>
  linearScale({ domain: [low, high], range: [0, 100], ...options }).ticks.map(({ label }) => label);
const log = (low: number, high: number) =>
  logScale({ domain: [low, high], range: [0, 100] }).ticks.map(({ label }) => label);

test("linear ticks are round, with as many decimals as they need", () => {
  expect(linear(0, 1)).toEqual(["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
  expect(linear(0.021, 0.034)).toEqual(["0.022", "0.024", "0.026", "0.028", "0.030", "0.032", "0.034"]);
  expect(linear(-3, 3)).toEqual(["−3", "−2", "−1", "0", "1", "2", "3"]);
  expect(linear(0, 60_000)).toEqual(["0", "10,000", "20,000", "30,000", "40,000", "50,000", "60,000"]);
  expect(linear(0, 3e9)).toEqual(["0", "5×10⁸", "10⁹", "1.5×10⁹", "2×10⁹", "2.5×10⁹", "3×10⁹"]);
  expect(linear(-2e-5, 2e-5, { count: 4 })).toEqual(["−2×10⁻⁵", "−10⁻⁵", "0", "10⁻⁵", "2×10⁻⁵"]);
  expect(linear(1e9, 1e9 + 2)).toContain("1,000,000,000.5"); // close values keep the digits that differ
});

test("whole-number axes have no ticks between", () => {
  expect(linear(0, 3, { integer: true })).toEqual(["0", "1", "2", "3"]);
  expect(linear(0, 3)).toContain("0.5");
});

test("nice axes end at ticks", () => {
  expect(linear(0.03, 0.97, { nice: true })).toEqual(["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
});

test("ticks of one axis differ from each other, whatever its range", () => {
  const ranges: [number, number][] = [[0.1, 0.30000000000000004], [-1e-9, 1e12], [1e15, 1e15 + 8], [99.99, 100.01], [0, 7e-12]]; // prettier-ignore
  for (const [low, high] of ranges) {
    const labels = linear(low, high);
    expect(labels.length).toBeGreaterThan(1);
    expect(new Set(labels).size, labels.join(" ")).toBe(labels.length);
  }
});

test("log ticks are powers of ten, with round values between where there is room", () => {
  expect(log(1e-7, 1e-2)).toEqual(["10⁻⁷", "10⁻⁶", "10⁻⁵", "10⁻⁴", "10⁻³", "10⁻²"]);
  expect(log(0.05, 1)).toEqual(["0.05", "0.1", "0.2", "0.5", "1"]);
  expect(log(1, 100)).toEqual(["1", "3", "10", "30", "100"]);
  expect(log(2, 4)).toEqual(["2.0", "2.5", "3.0", "3.5", "4.0"]);
  expect(log(1e-300, 1e300).length).toBeLessThan(9);
  expect(log(5, 5).length).toBeGreaterThan(1);
});

test("positions run from one end of the range to the other", () => {
  const { position } = linearScale({ domain: [10, 20], range: [300, 100] });
  expect([position(10), position(15), position(20)]).toEqual([300, 200, 100]);
  const scale = logScale({ domain: [1, 100], range: [0, 50] });
  expect([scale.position(1), scale.position(10), scale.position(100)]).toEqual([0, 25, 50]);
});
