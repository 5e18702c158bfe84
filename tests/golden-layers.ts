// Compares layers with PyTorch's as tools/golden/nn_recurrent.py wrote them: text, first values, outputs, gradients.
import { readFileSync } from "node:fs";
import { arange, loadSafetensors, manualSeed } from "sconce/torch";
import type { Tensor, nn } from "sconce/torch";
import { expect, test } from "vitest";
import { drawsSerially } from "./draws-serially.ts";
import "./matchers.ts";

const printed = JSON.parse(
  readFileSync(new URL("./goldens/nn/printed.json", import.meta.url), "utf8"),
) as Record<string, string>;

export interface LayerCase<M extends nn.Module = any> {
  make: () => M;
  /** @default the layer's forward with all inputs */
  call?: (layer: M, ...inputs: Tensor[]) => unknown;
}

/** Adds a test for each case in `cases`, which must be all that the golden file holds. */
export function testLayers(file: string, cases: Record<string, LayerCase>): void {
  const golden = loadSafetensors(new URL(`./goldens/nn/${file}.safetensors`, import.meta.url).pathname);

  test(`${file}: every golden case is tested`, () => {
    const names = [...golden.keys()].map((key) => key.split(".", 1)[0]!);
    expect(Object.keys(cases).sort()).toEqual([...new Set(names)].sort());
  });

  const runnable = Object.entries(cases).filter(([name]) => !name.includes("dropout") || drawsSerially());
  test.each(runnable)("%s starts, computes and learns as PyTorch's", (name, { make, call }) => {
    const part = (kind: string) => {
      const prefix = `${name}.${kind}`;
      const entries = [...golden].filter(([key]) => key.startsWith(prefix));
      return new Map(entries.map(([key, value]) => [key.slice(prefix.length), value]));
    };
    manualSeed(7);
    const layer = make();
    expect(String(layer)).toBe(printed[name]);
    expectAll(layer.stateDict(), part("init."));

    const inputs: Tensor[] = [];
    for (let i = 0, input = golden.get(`${name}.in0`); input; input = golden.get(`${name}.in${++i}`)) {
      inputs.push(golden.has(`${name}.in${i}.grad`) ? input.clone().requiresGrad_() : input);
    }
    manualSeed(11); // of the dropout
    const outputs = flat(call ? call(layer, ...inputs) : forward(layer, ...inputs));
    expectAll(new Map(outputs.map((output, i) => [String(i), output])), part("out"));

    const learned = outputs.filter((output) => output.requiresGrad).map(weighted);
    learned.reduce((sum, loss) => sum.add(loss)).backward();
    for (const [i, input] of inputs.entries()) {
      const expected = golden.get(`${name}.in${i}.grad`);
      if (expected) expect(input.grad!).toBeAllclose(expected, { atol: 1e-6, rtol: 1e-6 });
    }
    const withGrad = [...layer.namedParameters()].filter(([, parameter]) => parameter.grad !== null);
    expectAll(new Map(withGrad.map(([key, parameter]) => [key, parameter.grad!])), part("grad."));
  });
}

function expectAll(actual: ReadonlyMap<string, Tensor>, expected: ReadonlyMap<string, Tensor>): void {
  expect([...actual.keys()].sort()).toEqual([...expected.keys()].sort());
  for (const [key, value] of expected) {
    expect(actual.get(key)!, key).toBeAllclose(value, { atol: 1e-6, rtol: 1e-6 });
  }
}

function forward(layer: nn.Module, ...inputs: Tensor[]): unknown {
  return (layer.forward as (...inputs: Tensor[]) => unknown).call(layer, ...inputs);
}

function weighted(output: Tensor): Tensor {
  return output.mul(arange(output.numel).reshape(output.shape).cos()).sum();
}

function flat(outputs: unknown): Tensor[] {
  if (!Array.isArray(outputs)) return outputs === undefined ? [] : [outputs as Tensor];
  return outputs.flatMap(flat);
}
