import { expect, test } from "vitest";
import { Arrivals } from "./arrivals.ts";

test("what waits in the same turn of the event loop goes on together, and what comes later does not hold it up", async () => {
  const arrivals = new Arrivals();
  const seen: string[] = [];
  const request = async (name: string): Promise<void> => {
    await arrivals.wait();
    seen.push(`${name} reads`);
    await Promise.resolve();
    seen.push(`${name} writes`);
  };
  const early = [request("a"), request("b")];
  await Promise.all(early);
  await request("c");
  expect(seen).toEqual(["a reads", "b reads", "a writes", "b writes", "c reads", "c writes"]);
});
