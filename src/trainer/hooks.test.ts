// The order of hooks, held to Lightning's. Golden: tools/golden/lightning_hooks.py
import { readFileSync, rmSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { PointsModel, points } from "../../tests/fixtures/points.ts";
import { makeTemporaryFolder } from "../../tests/fixtures/temporary-folder.ts";
import { manualSeed, utils } from "../torch/index.ts";
import { ModelCheckpoint, Trainer } from "./index.ts";
import type { Callback, TrainerOptions } from "./index.ts";

const golden = JSON.parse(
  readFileSync(new URL("../../tests/goldens/trainer/hooks.json", import.meta.url), "utf8"),
) as Record<"fit" | "validate" | "test" | "predict" | "resume" | "exception", string[]>;

let root: string;
beforeEach(() => (root = makeTemporaryFolder("sconce-hooks-")));
afterEach(() => rmSync(root, { recursive: true, force: true }));

const camelCase = (name: string) => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());

/** Lightning's order, but that gradients are forgotten after the optimizer's step and not before backward. */
function expected(calls: readonly string[]): string[] {
  const ours: string[] = [];
  for (const call of calls.map(camelCase)) {
    if (call.endsWith("onBeforeZeroGrad")) continue;
    ours.push(call);
    if (call === "model.onBeforeOptimizerStep") ours.push("onBeforeZeroGrad", "model.onBeforeZeroGrad");
  }
  return ours;
}

const hooks = [...new Set(Object.values(golden).flat().map(camelCase))].filter(
  (name) => !name.startsWith("model.") || /\.(on[A-Z]|setup|teardown)/.test(name),
);
const steps = ["trainingStep", "validationStep", "testStep", "predictStep", "configureOptimizers"] as const;

/** Makes a callback and a model that write down each call. */
function recorders(calls: string[]): { callback: Callback; model: PointsModel } {
  manualSeed(3);
  const model = new PointsModel({});
  for (const step of steps) {
    const method = (model[step] as (...args: unknown[]) => unknown).bind(model);
    Object.assign(model, {
      [step]: (...args: unknown[]) => {
        calls.push(`model.${step}`);
        return method(...args);
      },
    });
  }
  const callback: Callback = { name: "recorder" };
  for (const name of hooks) {
    const target = name.startsWith("model.") ? model : callback;
    Object.assign(target, { [name.replace("model.", "")]: () => void calls.push(name) });
  }
  return { callback, model };
}

const loader = () => new utils.data.DataLoader(points(4), { batchSize: 2 });
const data = {
  trainDataloader: loader,
  valDataloader: loader,
  testDataloader: loader,
  predictDataloader: loader,
};

describe("hooks come in Lightning's order", () => {
  const trainer = (callback: Callback, options: TrainerOptions) =>
    new Trainer({
      defaultRootDir: root,
      logger: false,
      callbacks: [callback, new ModelCheckpoint()],
      ...options,
    });

  test("in fit, validate, test and predict, and in a run that goes on", async () => {
    const calls: string[] = [];
    const { callback, model } = recorders(calls);
    const first = trainer(callback, { maxEpochs: 2, numSanityValSteps: 1 });
    const { reason } = await first.fit(model, data);
    expect(reason).toBe("max_epochs");
    expect(calls.splice(0)).toEqual(expected(golden.fit));
    await first.validate(model, data);
    expect(calls.splice(0)).toEqual(expected(golden.validate));
    await first.test(model, data);
    expect(calls.splice(0)).toEqual(expected(golden.test));
    await first.predict(model, data);
    expect(calls.splice(0)).toEqual(expected(golden.predict));
    const longer = trainer(callback, { maxEpochs: 3, limitValBatches: 0 });
    await longer.fit(model, data, { ckptPath: "last" });
    expect(calls).toEqual(expected(golden.resume));
  });

  test("up to an error, after which onException alone is called", async () => {
    const calls: string[] = [];
    const { callback, model } = recorders(calls);
    Object.assign(model, {
      onTrainBatchEnd: () => {
        throw new Error("broken");
      },
    });
    const failing = trainer(callback, { maxEpochs: 1, limitValBatches: 0 });
    await expect(failing.fit(model, data)).rejects.toThrow("broken");
    expect(calls).toEqual(expected(golden.exception));
  });
});
