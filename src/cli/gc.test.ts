import { expect, test } from "vitest";
import { ageOf } from "./gc.ts";

test("an age is read as MLflow reads it", () => {
  expect(ageOf("30d2h")).toBe((30 * 24 + 2) * 3_600_000);
  expect(ageOf("2d8h5m20s")).toBe((((2 * 24 + 8) * 60 + 5) * 60 + 20) * 1000);
  expect(ageOf("0.5m")).toBe(30_000);
  expect(ageOf("0s")).toBe(0);
  for (const text of ["", "30", "2h1d", "-1d", "1 d", "d", "1w", "1.d"]) {
    expect(() => ageOf(text), text).toThrow(/--older-than: must be an age such as 30d/);
  }
});
