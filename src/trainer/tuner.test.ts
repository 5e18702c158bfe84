// The range test, held to Lightning's. Golden: tools/golden/lightning_callbacks.py
import { describe, expect, test } from "vitest";
import { GoldenNet, golden, goldenData } from "../../tests/fixtures/golden-training.ts";
import { PointsData, PointsModel } from "../../tests/fixtures/points.ts";
import { getRngState, hashTensors } from "../torch/index.ts";
import { Trainer, Tuner } from "./index.ts";

const tuner = () => new Tuner(new Trainer({ logger: false, enableCheckpointing: false }));

describe("Tuner.lrFind", () => {
  test.each([
    ["exponential", { minLr: 1e-4, maxLr: 1, numTraining: 40, earlyStopThreshold: undefined }],
    [
      "linear",
      { minLr: 0.001, maxLr: 0.5, numTraining: 30, mode: "linear" as const, earlyStopThreshold: undefined },
    ],
    ["diverging", { minLr: 1e-3, maxLr: 1000, numTraining: 60, earlyStopThreshold: 1.5 }],
  ])("tries the rates of Lightning's, and suggests the same: %s", async (name, options) => {
    const { lr, loss, suggestion } = golden.finders[name]!;
    const finder = await tuner().lrFind(new GoldenNet(), goldenData(), options);
    expect(finder.lr).toHaveLength(lr.length);
    for (const [i, rate] of lr.entries()) {
      expect(finder.lr[i]! / rate).toBeCloseTo(1, 6);
      expect(finder.loss[i]! / loss[i]!).toBeCloseTo(1, 4);
    }
    expect(finder.suggestion()).toEqual(suggestion === null ? undefined : expect.closeTo(suggestion, 6));
  });

  test("leaves the model and the random generators as they were", async () => {
    const model = new PointsModel({ dropout: 0.5 });
    model.eval();
    const state = () => [hashTensors(model.stateDict()), hashTensors(new Map([["rng", getRngState()]]))];
    const before = state();
    await tuner().lrFind(model, new PointsData({ batchSize: 8 }), { numTraining: 20 });
    expect(state()).toEqual(before);
    expect(model.training).toBe(false);
  });

  test("sets the rate of the config where it is asked to, and says where there is none", async () => {
    const model = new PointsModel({ lr: 1 });
    const data = new PointsData({ batchSize: 8 });
    const finder = await tuner().lrFind(model, data, { numTraining: 30, updateAttr: true });
    expect(model.config.lr).toBe(finder.suggestion());
    const finding = tuner().lrFind(new GoldenNet(), goldenData(), { updateAttr: true });
    await expect(finding).rejects.toThrowErrorMatchingInlineSnapshot(
      `[UsageError: Tuner.lrFind: to set the rate, GoldenNet or its config must have lr, and neither has. Give it one, or leave updateAttr out.]`,
    );
  });

  test("has no suggestion where too few rates were tried", async () => {
    const finder = await tuner().lrFind(new GoldenNet(), goldenData(), { numTraining: 8 });
    expect(finder.suggestion()).toBeUndefined();
  });
});
