import { describe, expect, test } from "vitest";
import * as z from "zod";
import { PointsData, PointsModel } from "../../tests/fixtures/points.ts";
import { nn, optim } from "../torch/index.ts";
import type { Tensor } from "../torch/index.ts";
import {
  Accuracy,
  BaseModel,
  ModelContract,
  registerAs,
  registerCallback,
  registerDataset,
  registerDomain,
  registerLoss,
  registerMetric,
  registerModel,
  registerOptimizer,
  registry,
} from "./index.ts";

class Scaled extends BaseModel<{ hidden: number; scale: number }> {
  static override readonly schema = z.strictObject({ hidden: z.int().min(1), scale: z.number().default(2) });
  override buildModel({ hidden }: { hidden: number }): nn.Module {
    return new nn.Linear(4, hidden);
  }
  override lossOf(outputs: Tensor): Tensor {
    return outputs.mean();
  }
}

describe("registerModel", () => {
  test("makes a model known by its name, whatever its case", () => {
    registerModel("scaled-model", Scaled);
    const model = registry.createModel("Scaled_Model", { hidden: 3 });
    expect(model).toBeInstanceOf(Scaled);
    expect((model as Scaled).config).toEqual({ hidden: 3, scale: 2 });
    expect(ModelContract.missingMembers(model)).toEqual([]);
    expect(registry.names("model")).toContain("scaled-model");
    expect(registry.schema("model", "scaled-model")).toBe(Scaled.schema);
  });

  test("is a class decorator with a name alone", () => {
    const Decorated = registerModel("decorated_model")(class extends PointsModel {});
    expect(registry.createModel("decorated_model")).toBeInstanceOf(Decorated);
  });

  test("names the members that a class lacks", () => {
    class Half extends nn.Module {
      trainingStep(): void {}
    }
    expect(() => registerModel("half", Half as never)).toThrowErrorMatchingInlineSnapshot(`
      [ContractError: registerModel("half", Half): the method validationStep is missing, which judges a batch.
      registerModel("half", Half): the method configureOptimizers is missing, which returns the optimizer.]
    `);
    expect(registry.has("model", "half")).toBe(false);
  });

  test("refuses a name that is taken, odd or reserved", async () => {
    await registerAs("sconce-plugin-one", () => Promise.resolve(registerModel("taken", PointsModel)));
    expect(registry.owner("model", "Taken")).toBe("sconce-plugin-one");
    expect(() => registerModel("TAKEN", PointsModel)).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: register model: the name "TAKEN" is taken by the plugin sconce-plugin-one. Choose another name.]`,
    );
    for (const name of ["", "__proto__", "a b", "../x", "1st"])
      expect(() => registerModel(name, PointsModel)).toThrow("a name starts with a letter");
  });
});

describe("createModel", () => {
  test("says which config a model cannot be made of", () => {
    expect(() =>
      registry.createModel("scaled_model", { hidden: 0, sclae: 1 }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: model "scaled_model": hidden: Too small: expected number to be >=1; sclae: unknown option. Did you mean "scale"? Valid: hidden, scale.]`,
    );
    expect(() => registry.createModel("scaled_modle")).toThrow(
      'unknown name "scaled_modle". Did you mean "scaled-model"?',
    );
    expect(() => registry.createModel("constructor")).toThrow('unknown name "constructor"');
  });
});

test("a callback is told of hooks that do not exist, and of a name that is missing", () => {
  class Misspelt {
    readonly name = "misspelt";
    onTrainEpochEndd(): void {}
    on_train_start(): void {}
    tearDown(): void {}
    onSave(): void {}
    ownMethod(): void {}
  }
  expect(() => registerCallback("misspelt", Misspelt)).toThrowErrorMatchingInlineSnapshot(`
    [ContractError: registerCallback("misspelt", Misspelt): the hook "onTrainEpochEndd" does not exist, so nothing would call it. Did you mean "onTrainEpochEnd"?
    registerCallback("misspelt", Misspelt): the hook "on_train_start" does not exist, so nothing would call it. Did you mean "onTrainStart"?
    registerCallback("misspelt", Misspelt): the hook "tearDown" does not exist, so nothing would call it. Did you mean "teardown"?
    registerCallback("misspelt", Misspelt): the hook "onSave" does not exist, so nothing would call it. Valid: setup, teardown, onFitStart, onFitEnd, onSanityCheckStart, onSanityCheckEnd, onTrainStart, onTrainEpochStart, onTrainBatchStart, onBeforeBackward, onAfterBackward, onBeforeOptimizerStep, onBeforeZeroGrad, onTrainBatchEnd, onValidationStart, onValidationEpochStart, onValidationBatchStart, onValidationBatchEnd, onValidationEpochEnd, onValidationEnd, onTestStart, onTestEpochStart, onTestBatchStart, onTestBatchEnd, onTestEpochEnd, onTestEnd, onPredictStart, onPredictEpochStart, onPredictBatchStart, onPredictBatchEnd, onPredictEpochEnd, onPredictEnd, onTrainEpochEnd, onTrainEnd, onException, onSaveCheckpoint, onLoadCheckpoint, stateDict, loadStateDict.]
  `);
  const field = class {
    readonly name = "field";
    readonly onTrainEndd = (): void => {};
  };
  registerCallback("field", field);
  expect(() => registry.createCallback("field")).toThrowErrorMatchingInlineSnapshot(
    `[ContractError: callback "field": the hook "onTrainEndd" does not exist, so nothing would call it. Did you mean "onTrainEnd"?]`,
  );
  registerCallback("nameless", class {} as never);
  expect(() => registry.createCallback("nameless")).toThrowErrorMatchingInlineSnapshot(
    `[ContractError: callback "nameless": it has no name, by which a checkpoint keeps its state. Give it one.]`,
  );
});

test("every kind can be added to", () => {
  registerDataset("points", PointsData);
  registerMetric("my_accuracy", Accuracy);
  registerLoss("my_loss", nn.CrossEntropyLoss);
  registerCallback(
    "my_callback",
    class {
      readonly name = "my_callback";
      readonly options: unknown;
      constructor(options: unknown) {
        this.options = options;
      }
    },
  );
  registerOptimizer("my_sgd", (params, options) => new optim.SGD(params, options));
  expect(registry.createDataset("points", { batchSize: 4 })).toBeInstanceOf(PointsData);
  expect(registry.createMetric("my_accuracy")).toBeInstanceOf(Accuracy);
  expect(registry.createLoss("my_loss")).toBeInstanceOf(nn.CrossEntropyLoss);
  expect(registry.createCallback("my_callback", { a: 1 })).toMatchObject({ options: { a: 1 } });
  expect(
    optim.createOptimizer("my_sgd", [new nn.Parameter(nn.init.ones_(new nn.Linear(1, 1).weight))], { lr: 1 }),
  ).toBeInstanceOf(optim.SGD);
  expect(() => registerDataset("no_data", class {} as never)).toThrowErrorMatchingInlineSnapshot(
    `[ContractError: registerDataset("no_data", ): the method trainDataloader is missing.]`,
  );
  expect(() => registerMetric("no_metric", class {} as never)).toThrow("the method compute is missing");
});

test("a domain is registered whole, or not at all", () => {
  registerDomain("robotics", {
    description: "learns to move arms",
    models: { arm: class extends PointsModel {} },
    datasets: { arm_moves: class extends PointsData {} },
  });
  expect(registry.domain("robotics").description).toBe("learns to move arms");
  expect(registry.has("model", "arm")).toBe(true);
  const second = () =>
    registerDomain("kitchen", {
      description: "",
      models: { oven: PointsModel },
      datasets: { arm_moves: PointsData },
    });
  expect(second).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: register dataset: the name "arm_moves" is taken by this program. Choose another name.]`,
  );
  expect([registry.has("model", "oven"), registry.has("domain", "kitchen")]).toEqual([false, false]);
});
