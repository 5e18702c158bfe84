// The tables that Lightning prints of the same models. Golden: tools/golden/model_summary.py
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { PointsData, PointsModel } from "../../tests/fixtures/points.ts";
import { fitToy } from "../../tests/fixtures/toy-training.ts";
import { logger } from "../base/index.ts";
import { memoryStats, nn, ones, zeros } from "../torch/index.ts";
import type { Tensor } from "../torch/index.ts";
import { ModelSummary, RichModelSummary, Trainer, summarize } from "./index.ts";
import { humanCount } from "./model-summary.ts";

const golden = JSON.parse(
  readFileSync(new URL("../../tests/goldens/trainer/model-summary.json", import.meta.url), "utf8"),
) as {
  tables: Record<string, Record<string, string>>;
  framed: Record<string, string[]>;
  counts: Record<string, string>;
};

class Documented extends nn.Module {
  readonly exampleInputArray = zeros([10, 256]);
  readonly net = new nn.Sequential(new nn.Linear(256, 512), new nn.BatchNorm1d(512));

  override forward(x: Tensor): Tensor {
    return this.net.forward(x);
  }
}

class Mixed extends nn.Module {
  readonly conv = new nn.Conv2d(3, 8, 3);
  readonly blocks = new nn.ModuleList([
    new nn.Sequential(new nn.Linear(36, 36), new nn.ReLU()),
    new nn.Linear(36, 1250),
  ]);
  readonly scale = new nn.Parameter(ones([2500]));
  readonly unused = new nn.Linear(7, 7);
  readonly exampleInputArray: Tensor[] | undefined;

  constructor(hasExample: boolean) {
    super();
    this.conv.requiresGrad_(false);
    this.conv.eval();
    this.exampleInputArray = hasExample ? [zeros([2, 3, 8, 8]), zeros([2, 1])] : undefined;
  }

  override forward(x: Tensor, y: Tensor): Tensor {
    let z = this.conv.forward(x).flatten(2);
    for (const block of this.blocks) z = (block as nn.Linear).forward(z);
    return z.add(y.unsqueeze(-1));
  }
}

const models: Record<string, () => nn.Module> = {
  documented: () => new Documented(),
  mixed: () => new Mixed(true),
  bare: () => new Mixed(false),
};

/** Collects what is logged while `run` runs. */
async function logged(run: () => Promise<unknown>): Promise<string[]> {
  const lines: string[] = [];
  const remove = logger.addSink((_, message) => lines.push(message));
  await run().finally(remove);
  return lines;
}

describe.each(Object.entries(models))("the summary of a model: %s", (name, make) => {
  test.each(Object.entries(golden.tables[name]!))("is Lightning's at depth %s", (depth, table) => {
    const model = make();
    const before = memoryStats().liveTensors;
    expect(String(summarize(model, { maxDepth: Number(depth) }))).toBe(table);
    expect(memoryStats().liveTensors).toBeLessThanOrEqual(before); // others may be collected meanwhile
  });

  test("is Lightning's in a frame", () => {
    const lines = new RichModelSummary().format(summarize(make(), { maxDepth: 2 })).split("\n");
    expect(lines.map((line) => line.trimEnd())).toEqual(golden.framed[name]!.slice(0, -1));
  });
});

test("counts are abbreviated as Lightning's", () => {
  for (const [count, text] of Object.entries(golden.counts)) expect(humanCount(Number(count))).toBe(text);
});

test("the summary is data, and leaves modes and hooks as they were", () => {
  const model = new Mixed(true);
  const own = model.conv.forward;
  const { layers, hasExample, modelSizeMb } = summarize(model.to("float64"), { precision: "64-true" });
  expect(layers[0]).toEqual({
    name: "conv",
    type: "Conv2d",
    params: 224,
    mode: "eval",
    flops: 31104,
    inSize: [2, 3, 8, 8],
    outSize: [2, 8, 6, 6],
  });
  expect(hasExample).toBe(true);
  expect(modelSizeMb).toBeCloseTo(0.403, 3); // 8 bytes each
  expect([model.training, model.conv.training]).toEqual([true, false]);
  expect(model.conv.forward).toBe(own);
});

test("what cannot be summarized is said", () => {
  expect(() => summarize(new Documented(), { maxDepth: -2 })).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: summarize: maxDepth must be -1, 0 or above, got -2. -1 lists all layers.]`,
  );
  const model = Object.assign(new nn.Linear(2, 2), { exampleInputArray: 7 });
  expect(() => summarize(model)).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: summarize: Linear.exampleInputArray must be a tensor, a list of what forward takes, or a plain object, got 7.]`,
  );
});

describe("a training", () => {
  const fit = (options: object) =>
    logged(() =>
      new Trainer({ maxSteps: 1, logger: false, enableCheckpointing: false, ...options }).fit(
        new PointsModel({}),
        new PointsData({ batchSize: 8 }),
      ),
    );
  const tables = (lines: readonly string[]) => lines.filter((line) => line.includes("Trainable params"));

  test("logs the summary as it begins, unless it is told not to", async () => {
    expect(tables(await fit({}))).toEqual([expect.stringContaining("0 | model |")]);
    expect(tables(await fit({ enableModelSummary: false }))).toEqual([]);
  });

  test("logs the summary of its own callback instead", async () => {
    const deeper = await fit({ callbacks: [new ModelSummary({ maxDepth: -1 })] });
    expect(tables(deeper)).toEqual([expect.stringContaining("1 | model.0 |")]);
    expect(tables(await fit({ callbacks: [new RichModelSummary()] }))).toEqual([
      expect.stringContaining("┃ Name  ┃"),
    ]);
    expect(tables(await fit({ callbacks: [new ModelSummary({ maxDepth: 0 })] }))).toEqual([]);
  });

  test("of a config names them", async () => {
    const of = async (...callbacks: Record<string, unknown>[]) =>
      tables(await logged(() => fitToy({ trainer: { max_steps: 1 }, callbacks })));
    expect(await of()).toEqual([expect.stringContaining("0 | first   | Linear")]);
    expect(await of({ name: "rich_model_summary" })).toEqual([expect.stringContaining("│ 0 │ first")]);
    expect(await of({ name: "model_summary", max_depth: 0 })).toEqual([]);
  });
});
