// Layers, losses and functions against PyTorch, case by case from the table that tools/golden/nn.py wrote: first values,
// printed text, outputs, gradients of inputs and weights, and running statistics.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { drawsSerially } from "../../../tests/draws-serially.ts";
import "../../../tests/matchers.ts";
import { Tensor, arange, loadSafetensors, manualSeed, nn } from "../index.ts";

interface Case {
  name: string;
  target: string;
  args: unknown[];
  options: Record<string, unknown>;
  /** What the layer prints; a function has none. */
  text?: string;
  /** Options of the layer's forward. */
  call?: Record<string, unknown>;
}

const folder = new URL("../../../tests/goldens/nn/", import.meta.url);
const golden = loadSafetensors(new URL("layers.safetensors", folder).pathname);
const cases = JSON.parse(readFileSync(new URL("layers.json", folder), "utf8")) as Case[];

const drawn = cases.filter(({ name }) => !/dropout/i.test(name) || drawsSerially());

test.each(drawn.map((entry) => [entry.name, entry] as const))("%s is PyTorch's", (name, entry) => {
  const expectAll = (kind: string, actual: Iterable<[string, Tensor]>) => {
    const found = new Map(actual);
    expect([...found.keys()].sort()).toEqual(partsOf(name, kind));
    for (const [key, value] of found)
      expect(value.detach(), key).toBeAllclose(golden.get(`${name}.${kind}${key}`)!, {
        atol: 1e-6,
        rtol: 1e-6,
      });
  };
  manualSeed(7);
  const layer = entry.text === undefined ? undefined : makeLayer(entry);
  if (layer !== undefined) {
    expect(layer.toString()).toBe(entry.text);
    expectAll("init.", layer.stateDict());
  }

  const inputs = partsOf(name, "in")
    .filter((key) => !key.endsWith(".grad"))
    .map((key) => {
      const input = golden.get(`${name}.in${key}`)!.clone();
      return golden.has(`${name}.in${key}.grad`) ? input.requiresGrad_() : input;
    });
  manualSeed(11);
  const outputs = [
    layer === undefined ? callFunction(entry, inputs) : callLayer(layer, entry, inputs),
  ].flat();
  expectAll("out", outputs.map((output, i) => [String(i), output])); // prettier-ignore

  const learned = outputs.filter((output) => output.requiresGrad);
  const losses = learned.map((y) => y.mul(arange(y.numel).reshape(y.shape).cos()).sum());
  if (losses.length > 0) losses.reduce((sum, loss) => sum.add(loss)).backward();
  const gradients = inputs.flatMap(({ grad }, i): [string, Tensor][] =>
    grad === null ? [] : [[`${i}.grad`, grad]],
  );
  for (const [key, gradient] of gradients)
    expect(gradient, key).toBeAllclose(golden.get(`${name}.in${key}`)!, { atol: 1e-6, rtol: 1e-6 });
  expect(gradients.map(([key]) => key)).toEqual(partsOf(name, "in").filter((key) => key.endsWith(".grad")));
  if (layer === undefined) return;
  const weights = [...layer.namedParameters()].filter(([, parameter]) => parameter.grad !== null);
  expectAll("grad.", weights.map(([key, parameter]) => [key, parameter.grad!])); // prettier-ignore
  expectAll("after.", layer.namedBuffers());
});

test("the table holds every layer and loss without weights of its own kind of test", () => {
  const elsewhere =
    /^(Module|Sequential|Parameter|Embedding|RNN|LSTM|GRU|Multihead|Transformer|Lazy|LinearCrossEntropy)|Bag$|List$|Dict$/;
  const layers = Object.entries(nn).flatMap(([name, value]) =>
    typeof value === "function" && value.prototype instanceof nn.Module && !elsewhere.test(name)
      ? [name]
      : [],
  );
  const tested = new Set(cases.map(({ target }) => target));
  expect(layers.filter((name) => !tested.has(name))).toEqual([]);
});

function makeLayer({ target, args, options }: Case): nn.Module {
  const Layer = nn[target as "Linear"] as unknown as new (...args: unknown[]) => nn.Module;
  return new Layer(...args.map(decode), ...lastOptions(options));
}

function callLayer(layer: nn.Module, { call }: Case, inputs: Tensor[]): Tensor | Tensor[] {
  const forward = layer.forward as (...args: unknown[]) => Tensor | Tensor[] | Record<string, Tensor>;
  const output = forward.call(layer, ...inputs, ...(call === undefined ? [] : [call]));
  return Array.isArray(output) || output instanceof Tensor ? output : Object.values(output);
}

function callFunction({ target, args, options }: Case, inputs: Tensor[]): Tensor | Tensor[] {
  const call = nn.functional[target as "relu"] as unknown as (...args: unknown[]) => Tensor | Tensor[];
  return call(...inputs, ...args.map(decode), ...lastOptions(options));
}

function lastOptions(options: Record<string, unknown>): unknown[] {
  const entries = Object.entries(options);
  return entries.length === 0
    ? []
    : [Object.fromEntries(entries.map(([key, value]) => [key, decode(value)]))];
}

function decode(value: unknown): unknown {
  if (value === "inf") return Infinity;
  if (typeof value === "string" && value.startsWith("@")) return golden.get(value.slice(1))!;
  return value;
}

function partsOf(name: string, kind: string): string[] {
  const prefix = `${name}.${kind}`;
  const keys = [...golden.keys()]
    .filter((key) => key.startsWith(prefix))
    .map((key) => key.slice(prefix.length));
  return (kind === "in" ? keys.filter((key) => /^\d/.test(key)) : keys).sort();
}
