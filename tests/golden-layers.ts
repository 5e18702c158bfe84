// Compares layers, losses and functions of nn with PyTorch's as tools/golden/layer_golden.py wrote them: keys and
// values of the first state, printed text, outputs, gradients of inputs and weights, and the state afterwards.
import { readFileSync } from "node:fs";
import { Tensor, arange, loadSafetensors, manualSeed, nn } from "sconce/torch";
import { expect, test } from "vitest";
import { drawsSerially } from "./draws-serially.ts";
import "./matchers.ts";

/** How a test makes and calls a layer whose case in the golden file does not say it. */
export interface LayerCase<M extends nn.Module = any> {
  make: () => M;
  /** @default the layer's forward with all inputs */
  call?: (layer: M, ...inputs: Tensor[]) => unknown;
}

interface GoldenCase {
  name: string;
  /** The layer's class, or the function. */
  target: string;
  args?: unknown[];
  options?: Record<string, unknown>;
  /** Options of the layer's forward. */
  call?: Record<string, unknown>;
  /** Keys of the layer's state dict. */
  state?: string[];
  /** What the layer prints. */
  text?: string;
}

type Tensors = ReadonlyMap<string, Tensor>;

const folder = new URL("./goldens/nn/", import.meta.url);

/** Returns the cases of a golden file, such as `"recurrent"`. */
export function goldenCases(file: string): GoldenCase[] {
  return JSON.parse(readFileSync(new URL(`${file}.json`, folder), "utf8")) as GoldenCase[];
}

/** Makes the layer of a golden case that its table describes. */
export function layerOf(file: string, entry: GoldenCase): nn.Module {
  return described(
    entry,
    loadSafetensors(new URL(`${file}.safetensors`, folder).pathname),
  ).make() as nn.Module;
}

/** Adds a test for each case of a golden file; `coded` has those that the file's table does not describe. */
export function testLayers(file: string, coded: Record<string, LayerCase> = {}): void {
  const golden = loadSafetensors(new URL(`${file}.safetensors`, folder).pathname);
  const cases = goldenCases(file);

  test(`${file}: every golden case is tested`, () => {
    const undescribed = cases.filter(({ args }) => args === undefined).map(({ name }) => name);
    expect(Object.keys(coded).sort()).toEqual(undescribed.sort());
  });

  const runnable = cases.filter(({ name }) => !/dropout/i.test(name) || drawsSerially());
  test.each(runnable.map((entry) => [entry.name, entry] as const))("%s is PyTorch's", (name, entry) => {
    if (entry.text === undefined) {
      testCall(name, golden, (...inputs) => callFunction(entry, inputs, golden));
      return;
    }
    const { make, call } = coded[name] ?? described(entry, golden);
    manualSeed(7);
    const layer = make();
    expect(String(layer)).toBe(entry.text);
    const state = layer.stateDict();
    expect([...state.keys()]).toEqual(entry.state);
    expectAll(initialized(state), partsOf(golden, `${name}.init.`));
    const weights = new Set(initialized(layer.namedParameters()).keys());

    testCall(name, golden, (...inputs) => (call ?? forward)(layer, ...inputs));
    const learned = [...layer.namedParameters()].filter(([, { grad }]) => grad !== null);
    expectAll(new Map(learned.map(([key, { grad }]) => [key, grad!])), partsOf(golden, `${name}.grad.`));
    const after = [...layer.stateDict()].filter(([key]) => !weights.has(key));
    expectAll(new Map(after), partsOf(golden, `${name}.after.`));
  });
}

/** Compares the outputs of a call with the golden ones, and the gradients of its inputs. */
function testCall(name: string, golden: Tensors, call: (...inputs: Tensor[]) => unknown): void {
  const given = partsOf(golden, `${name}.in`);
  const inputs: Tensor[] = [];
  for (let i = 0, input = given.get("0"); input !== undefined; input = given.get(String(++i)))
    inputs.push(given.has(`${i}.grad`) ? input.clone().requiresGrad_() : input.clone());

  manualSeed(11);
  const outputs = tensorsOf(call(...inputs));
  expectAll(new Map(outputs.map((output, i) => [String(i), output])), partsOf(golden, `${name}.out`));

  const losses = outputs.filter((output) => output.requiresGrad).map(weighted);
  if (losses.length > 0) losses.reduce((sum, loss) => sum.add(loss)).backward();
  const gradients = inputs.flatMap(({ grad }, i) => (grad === null ? [] : [[`${i}.grad`, grad] as const]));
  const expected = new Map([...given].filter(([key]) => key.endsWith(".grad")));
  expectAll(new Map(gradients), expected);
}

function expectAll(actual: Tensors, expected: Tensors): void {
  expect([...actual.keys()].sort()).toEqual([...expected.keys()].sort());
  for (const [key, value] of expected)
    expect(actual.get(key)!.detach(), key).toBeAllclose(value, { atol: 1e-6, rtol: 1e-6 });
}

/** Returns the tensors whose names start with `prefix`, without it. */
function partsOf(tensors: Tensors, prefix: string): Map<string, Tensor> {
  const found = [...tensors].filter(([key]) => key.startsWith(prefix));
  return new Map(found.map(([key, value]) => [key.slice(prefix.length), value]));
}

function initialized(state: Iterable<[string, Tensor]>): Map<string, Tensor> {
  return new Map([...state].filter(([, value]) => !nn.isLazy(value)));
}

function described({ target, args = [], options = {}, call }: GoldenCase, golden: Tensors): LayerCase {
  const Layer = nn[target as "Linear"] as unknown as new (...args: unknown[]) => nn.Module;
  return {
    make: () => new Layer(...[...args, ...lastOptions(options)].map((value) => decode(value, golden))),
    call: (layer, ...inputs) => forward(layer, ...inputs, ...lastOptions(call ?? {})),
  };
}

function callFunction({ target, args = [], options = {} }: GoldenCase, inputs: Tensor[], golden: Tensors) {
  const call = nn.functional[target as "relu"] as unknown as (...args: unknown[]) => unknown;
  return call(...inputs, ...[...args, ...lastOptions(options)].map((value) => decode(value, golden)));
}

function forward(layer: nn.Module, ...given: unknown[]): unknown {
  return (layer.forward as (...given: unknown[]) => unknown).call(layer, ...given);
}

function lastOptions(options: Record<string, unknown>): unknown[] {
  return Object.keys(options).length === 0 ? [] : [options];
}

/** Reads what the table writes as text: infinities, and tensors by their names. */
function decode(value: unknown, golden: Tensors): unknown {
  if (value === "inf") return Infinity;
  if (typeof value === "string" && value.startsWith("@")) return golden.get(value.slice(1))!;
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => decode(item, golden));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, decode(item, golden)]));
}

function weighted(output: Tensor): Tensor {
  return output.mul(arange(output.numel).reshape(output.shape).cos()).sum();
}

function tensorsOf(outputs: unknown): Tensor[] {
  if (outputs === undefined || outputs === null) return [];
  return outputs instanceof Tensor ? [outputs] : Object.values(outputs as object).flatMap(tensorsOf);
}
