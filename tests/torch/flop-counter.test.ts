// Held to PyTorch's FlopCounterMode on whole models. Golden: tools/golden/flops.py
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { bert, resnet, vit } from "../../src/models/index.ts";
import { manualSeed, memoryStats, nn, ones, rand, scope, tensor, utils } from "../../src/torch/index.ts";
import type { Tensor } from "../../src/torch/index.ts";

const { FlopCounterMode } = utils.flopCounter;

interface Golden {
  forward: Record<string, number>;
  /** Of forward and backward. */
  total: number;
  both: Record<string, number>;
  table: string;
}
const read = (path: string): unknown =>
  JSON.parse(readFileSync(new URL(`../goldens/${path}`, import.meta.url), "utf8"));
const golden = read("torch/model-flops.json") as Record<string, Golden>;

interface Case {
  model: nn.Module;
  forward: () => Tensor;
}

function bertCase(dropout: number): Case {
  const config = bert.bertConfigFromJson(read("models/bert/sequence/config.json") as never, "config.json");
  const model = new bert.BertForSequenceClassification({
    ...config,
    hiddenDropoutProb: dropout,
    attentionProbsDropoutProb: dropout,
  });
  const attentionMask = ones([3, 9], { dtype: "int64" });
  attentionMask.select(0, 1).slice(0, 5).zero_();
  return {
    model,
    forward: () => model.forward({ inputIds: ones([3, 9], { dtype: "int64" }), attentionMask }),
  };
}

function resnetCase(name: string): Case {
  const config = resnet.resnetConfigFromJson(
    read(`models/resnet/${name}/config.json`) as never,
    "config.json",
  );
  const model = new resnet.ResNetForImageClassification(config);
  return { model, forward: () => model.forward(rand([2, config.numChannels, 32, 32])) };
}

function vitCase(): Case {
  const config = vit.vitConfigFromJson(read("models/vit/square/config.json") as never, "config.json");
  const model = new vit.ViTForImageClassification(config);
  return { model, forward: () => model.forward(rand([2, config.numChannels, 16, 16])) };
}

function mlpCase(): Case {
  const inner = new nn.Sequential(new nn.Linear(30, 30), new nn.Tanh());
  const model = new nn.Sequential(new nn.Linear(20, 30), new nn.ReLU(), inner, new nn.Linear(30, 4));
  return { model, forward: () => model.forward(ones([7, 20])) };
}

const cases: Record<string, () => Case> = {
  bert: () => bertCase(0),
  "bert-dropout": () => bertCase(0.1),
  "resnet/basic": () => resnetCase("basic"),
  "resnet/bottleneck": () => resnetCase("bottleneck"),
  vit: vitCase,
  mlp: mlpCase,
};

/** Sums the counts of each module; ours are called where transformers loops over what they hold. */
const sums = (counter: InstanceType<typeof FlopCounterMode>): Record<string, number> =>
  Object.fromEntries(
    Object.entries(counter.getFlopCounts()).map(([name, counts]) => [
      name,
      Object.values(counts).reduce((a, b) => a + b, 0),
    ]),
  );

test.each(Object.entries(cases))("counts what PyTorch's does: %s", (name, make) => {
  const { forward, total, both, table } = golden[name]!;
  manualSeed(0);
  const { model, forward: run } = make();
  const counter = new FlopCounterMode(model.train(), { depth: 3 });
  counter.run(run);
  expect(sums(counter)).toMatchObject(forward);
  counter.run(() => run().sum().backward());
  expect(counter.getTotalFlops()).toBe(total);
  if (both === undefined) return;
  expect(sums(counter)).toEqual(both);
  expect(counter.getTable().replace(/aten::(\w+)/g, "aten.$1 ")).toBe(table);
});

test("takes its hooks off, also after an error, and holds no tensors", () => {
  const { model, forward } = mlpCase();
  const counter = new FlopCounterMode(model);
  const own = model.forward;
  const before = memoryStats().liveTensors;
  expect(() =>
    counter.run(() => {
      throw new Error("stopped");
    }),
  ).toThrow("stopped");
  scope(() => counter.run(() => forward().sum().backward()));
  model.zeroGrad();
  expect(memoryStats().liveTensors).toBeLessThanOrEqual(before); // others may be collected meanwhile
  expect(model.forward).toBe(own);
  expect(counter.getTotalFlops()).toBe(golden["mlp"]!.total);
});

test("what a backward outside of modules computes is counted in all alone", () => {
  const { model, forward } = mlpCase();
  const counter = new FlopCounterMode(model, { depth: 1 });
  counter.run(() => tensor([[1, 2]]).matmul(tensor([[1], [2]])));
  expect(counter.getFlopCounts()).toEqual({ Global: { "aten::mm": 4 } });
  expect(counter.getTable()).toContain("Global");
  scope(() => counter.run(forward));
  expect(Object.keys(counter.getFlopCounts()).sort()[0]).toBe("Global");
});
