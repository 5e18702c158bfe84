// PyTorch's own samples of its operators, forward and backward. tools/golden/opinfo.py writes the cases and tells what
// is left out.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import * as torch from "./index.ts";
import { Tensor, loadSafetensors, scope, stack } from "./index.ts";
import type { Dtype } from "./index.ts";

type Encoded = { t: [offset: number, shape: number[]]; d: Dtype };
type Case = {
  op: string;
  args: unknown[];
  kwargs: Record<string, unknown>;
  results: unknown[];
  grads?: (Encoded | null | "none")[];
};
type AnyFunction = (...args: unknown[]) => unknown;

const path = (name: string) => fileURLToPath(new URL(`../../tests/goldens/torch/${name}`, import.meta.url));
const cases = JSON.parse(readFileSync(path("opinfo.json"), "utf8")) as Case[];
// copied, as complex numbers of 16 bytes cannot be read from a mapped file in place
const pools = new Map([...loadSafetensors(path("opinfo.safetensors"))].map(([dtype, pool]) => [dtype as string, pool.clone()])); // prettier-ignore

const camelCase = (name: string) =>
  name.replace(/(?<=[A-Za-z0-9])_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

function isEncoded(value: unknown): value is Encoded {
  return typeof value === "object" && value !== null && "t" in value;
}

function decode(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(decode);
  if (typeof value !== "object" || value === null) return value;
  if ("number" in value) return { nan: NaN, inf: Infinity, "-inf": -Infinity }[value.number as string];
  if (!isEncoded(value)) return value;
  const { t, d } = value;
  const [offset, shape] = t;
  const pool = pools.get(d)!;
  const flat = d === "complex128" ? torch.viewAsComplex(pool) : pool;
  const length = shape.reduce((product, size) => product * size, 1);
  return flat.narrow(0, offset, length).reshape(shape).clone();
}

function tensorsIn(value: unknown): Tensor[] {
  if (value instanceof Tensor) return [value];
  return Array.isArray(value) ? value.flatMap(tensorsIn) : [];
}

const carriesGradients = ({ dtype }: Tensor) => torch.isFloatingPoint(dtype) || dtype.startsWith("complex");

/** Finds the function of a name; a method where PyTorch has no function. */
function lookUp(name: string): AnyFunction | undefined {
  const steps = name.split(".").map(camelCase);
  const last = steps.at(-1)!;
  const spaces: unknown[] = [
    torch,
    torch.linalg,
    torch.fft,
    torch.special,
    torch.nn.functional,
    torch.nnFunctional,
  ];
  const wanted = { linalg: 1, fft: 2, special: 3, nn: 4 }[steps[0]!];
  for (const space of steps.length === 1
    ? [torch]
    : [spaces[wanted!], ...(wanted === 4 ? [spaces[5]] : [])]) {
    const found = (space as Record<string, AnyFunction>)[last];
    if (typeof found === "function") return found;
  }
  const method = (Tensor.prototype as unknown as Record<string, AnyFunction>)[last];
  return typeof method === "function" ? (self, ...rest) => method.call(self, ...rest) : undefined;
}

function prepare({ op, args, kwargs }: Case): { leaves: Tensor[]; call: () => unknown[] } {
  const given = args.map(decode);
  const named = Object.entries(kwargs)
    .filter(([key]) => key !== "as_tuple") // nonzero has it in Python alone; the samples give its default
    .map(([key, value]) => [camelCase(key), decode(value)] as const);
  const leaves = tensorsIn([...given, ...named.map(([, value]) => value)]).filter(carriesGradients);
  const options = named.length === 0 ? [] : [Object.fromEntries(named)];
  const call = () => {
    const result = lookUp(op)!(...given, ...options);
    return Array.isArray(result) ? (result as unknown[]) : [result];
  };
  return { leaves, call };
}

function expectSame(actual: unknown, expected: unknown): void {
  if (Array.isArray(expected)) {
    expect(actual).toHaveLength(expected.length);
    for (const [i, value] of expected.entries()) expectSame((actual as unknown[])[i], value);
    return;
  }
  if (!isEncoded(expected)) {
    expect(actual).toEqual(decode(expected));
    return;
  }
  const given = actual as Tensor;
  expect([given.shape, given.dtype]).toEqual([expected.t[1], expected.d]);
  const wanted = decode(expected) as Tensor;
  const [a, b] = [given.detach(), wanted].map((x) => (carriesGradients(x) ? x : x.to("float64"))) as [
    Tensor,
    Tensor,
  ];
  const isSame = torch.allclose(a, b, { rtol: 1e-7, atol: 1e-9, equalNan: true });
  expect(isSame, `${given.toString()} instead of ${wanted.toString()}`).toBe(true);
}

function sumOf(x: Tensor): Tensor {
  return (x.dtype.startsWith("complex") ? torch.viewAsReal(x.resolveConj()) : x).sum().to("float64");
}

describe("gives PyTorch's results and gradients", () => {
  test.each(cases.map((entry, i) => [`${entry.op} #${i}`, entry] as const))("%s", (_, entry) => {
    scope(() => {
      const { leaves, call } = prepare(entry);
      for (const [i, gradient] of (entry.grads ?? []).entries())
        if (gradient !== "none") leaves[i]!.requiresGrad_();
      const results = call();
      expectSame(results, entry.results);
      if (entry.grads === undefined) return;
      const sums = tensorsIn(results).filter((result) => carriesGradients(result) && result.requiresGrad).map(sumOf); // prettier-ignore
      stack(sums).sum().backward();
      for (const [i, gradient] of entry.grads.entries()) {
        if (gradient === "none") continue;
        if (gradient === null) expect(leaves[i]!.grad).toBe(null);
        else expectSame(leaves[i]!.grad, gradient);
      }
    });
  });
});

test("for more than 400 operators, and for more than 300 of them the gradients too", () => {
  const differentiated = cases.filter(({ grads }) => grads?.some((gradient) => isEncoded(gradient)));
  expect(new Set(cases.map(({ op }) => op)).size).toBeGreaterThan(400);
  expect(new Set(differentiated.map(({ op }) => op)).size).toBeGreaterThan(300);
});
