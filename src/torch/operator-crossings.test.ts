// What the generated surface asks of the addon: the crossings of a small operator call and of loading, counted. How long
// they take is measured by bench/torch.bench.ts and bench/startup.bench.ts.
import { expect, test } from "vitest";
import { loadNative } from "./native.ts";

type AnyFunction = (...args: unknown[]) => unknown;
const functions = loadNative() as unknown as Record<string, AnyFunction>;
let crossings: Record<string, number> = {};

// before anything else is loaded, as ./binding.ts keeps the functions themselves
for (const [name, original] of Object.entries(functions)) {
  if (name === "setErrorClass") continue;
  functions[name] = (...args) => {
    crossings[name] = (crossings[name] ?? 0) + 1;
    return original(...args);
  };
}
await import("./random.ts");
crossings = {};
await import("./ops.generated.ts");
const whileLoading = crossings;
const { add, linalg, ones, scope } = await import("./index.ts");

/** Counts what one call of `run` asks of the addon. */
function count(run: () => unknown): Record<string, number> {
  run(); // an operator is looked up by its first call
  crossings = {};
  run();
  return crossings;
}

test("the generated operators load with one list of names, and are neither looked up nor called", () => {
  const { defineOps, call, findOp = 0 } = whileLoading;
  expect({ defineOps, call }).toEqual({ defineOps: 1, call: undefined });
  expect(findOp).toBeLessThan(10); // those of hand-written files
});

test("a call of an operator crosses into the addon once, in every form", () => {
  const [x, y] = [ones([4]), ones([4])];
  scope(() => {
    expect(count(() => add(x, y))).toEqual({ call: 1 });
    expect(count(() => x.add(y))).toEqual({ call: 1 });
    expect(count(() => x.add(y, { alpha: 2 }))).toEqual({ call: 1 });
    expect(count(() => x.add_(1))).toEqual({ call: 1 });
    expect(count(() => linalg.vectorNorm(x))).toEqual({ call: 1 });
    expect(count(() => ones([4], { dtype: "int64" }))).toEqual({ call: 1 });
    expect(count(() => x.unbind(0))).toEqual({ call: 1 });
  });
});

test("outside of scopes a result is also given to the garbage collector, once", () => {
  const [x, y] = [ones([4]), ones([4])];
  expect(count(() => add(x, y))).toEqual({ call: 1, track: 1 });
});
