import { describe, expect, test } from "vitest";
import { PointsModel } from "../../tests/fixtures/points.ts";
import {
  hashTensors,
  manualSeed,
  memoryStats,
  nn,
  noGrad,
  optim,
  rand,
  randn,
  tensor,
  zeros,
} from "../torch/index.ts";
import type { Tensor } from "../torch/index.ts";
import { ModelContract } from "./index.ts";
import type { OptimizerSetup, StepOutput } from "./index.ts";

const sample = (): [Tensor, Tensor] => [randn([6, 4]), tensor([0, 1, 2, 0, 1, 2], { dtype: "int64" })];

/** Checks a model that breaks one rule, and returns what is said of it. */
function broken(change: (model: PointsModel) => void): string[] {
  const model = new PointsModel({});
  change(model);
  return ModelContract.check(model, sample());
}

describe("ModelContract", () => {
  test("passes a model that keeps its rules, and leaves it as it was", () => {
    manualSeed(1);
    const model = new PointsModel({ dropout: 0.5 });
    model.model.eval();
    const before = [hashTensors(model.stateDict()), model.training, model.model.training];
    const next = () => rand([1]).item();
    manualSeed(2);
    const expected = next();
    manualSeed(2);
    const batch = sample();
    manualSeed(2);
    const live = memoryStats().liveTensors;
    ModelContract.validate(model, batch);
    expect(memoryStats().liveTensors).toBe(live);
    expect(next()).toBe(expected);
    expect([hashTensors(model.stateDict()), model.training, model.model.training]).toEqual(before);
    expect(model.parameters().every(({ grad }) => grad === null)).toBe(true);
  });

  test("asks for a model where it is given a class", () => {
    expect(ModelContract.check(PointsModel, [])).toEqual([
      "must be a model, got its class. Make one: new PointsModel(config).",
    ]);
  });

  test("names the members that are missing", () => {
    class Bare extends nn.Module {
      trainingStep(): Tensor {
        return zeros([]);
      }
    }
    expect(ModelContract.missingMembers(Bare)).toMatchInlineSnapshot(`
      [
        "the method validationStep is missing, which judges a batch.",
        "the method configureOptimizers is missing, which returns the optimizer.",
      ]
    `);
    expect(ModelContract.check({}, [])).toHaveLength(6);
    expect(ModelContract.check(null, [])).toMatchInlineSnapshot(`
      [
        "must be a model, or the class of one.",
      ]
    `);
    expect(() => ModelContract.validate(new Bare(), [])).toThrowErrorMatchingInlineSnapshot(`
      [ContractError: Bare: the method validationStep is missing, which judges a batch.
      Bare: the method configureOptimizers is missing, which returns the optimizer.]
    `);
  });

  test.each<[string, (model: PointsModel) => void]>([
    ["no loss", (model) => (model.trainingStep = () => undefined)],
    ["a loss of several numbers", (model) => (model.trainingStep = ([x]) => model.forward(x) as Tensor)],
    ["a loss that is not finite", (model) => (model.trainingStep = ([x]) => x.sum().mul(Infinity))],
    ["a loss without gradient", (model) => (model.trainingStep = ([x]) => x.sum())],
    ["a weight that is not used", (model) => model.registerParameter("spare", new nn.Parameter(zeros([2])))],
    [
      "an optimizer without all weights",
      (model) => (model.configureOptimizers = () => new optim.SGD(model.parameters().slice(1), { lr: 1 })),
    ],
    [
      "two optimizers without manual optimisation",
      (model) =>
        (model.configureOptimizers = () =>
          model.parameters().map((parameter) => new optim.SGD([parameter], { lr: 1 }))),
    ],
    ["no optimizer", (model) => (model.configureOptimizers = () => [] as unknown as OptimizerSetup)],
    [
      "a validation that changes the model",
      (model) =>
        (model.validationStep = (): StepOutput => {
          noGrad(() => model.parameters()[0]!.add_(1));
          return zeros([]);
        }),
    ],
    ["a step that throws", (model) => (model.lossOf = () => model.forward(zeros([2, 5])) as Tensor)],
    [
      "a state dict that forgets",
      (model) => (model.stateDict = () => new Map([...nn.Module.prototype.stateDict.call(model)].slice(1))),
    ],
    ["a state dict that does not come back", (model) => (model.loadStateDict = () => ({}) as never)],
  ])("tells of %s", (_, change) => {
    expect(broken(change)).toMatchSnapshot();
  });
});
