import { describe, expect, test } from "vitest";
import { liveTensors } from "../../../tests/live-tensors.ts";
import { messagesOf } from "../../../tests/mistakes.ts";
import { nn, noGrad, optim, tensor, zeros } from "../index.ts";
import type { Tensor } from "../index.ts";

const { AveragedModel, getEmaAvgFn, getEmaMultiAvgFn, getSwaAvgFn, updateBn } = optim.swaUtils;

/** A weight, a buffer of its dtype, and a whole number. */
class Net extends nn.Module {
  readonly weight = new nn.Parameter(zeros([2]));
  declare readonly mean: Tensor;
  declare readonly count: Tensor;
  constructor() {
    super();
    this.registerBuffer("mean", zeros([2]));
    this.registerBuffer("count", tensor(0, { dtype: "int64" }));
  }
  override forward(x: Tensor): Tensor {
    return x.mul(this.weight);
  }
  set(value: number): void {
    noGrad(() => {
      for (const state of [this.weight, this.mean, this.count]) state.fill_(value);
    });
  }
}

function averageOf(values: readonly number[], options: optim.swaUtils.AveragedModelOptions) {
  const model = new Net();
  const average = new AveragedModel(model, options);
  for (const value of values) {
    model.set(value);
    average.updateParameters(model);
  }
  return average;
}

describe("AveragedModel", () => {
  test("averages equally by default, from the first update on", () => {
    const average = averageOf([1, 2, 6], {});
    expect(average.module.weight.tolist()).toEqual([3, 3]);
    expect(average.n_averaged.item()).toBe(3);
    expect(averageOf([1, 2, 6], { avgFn: getSwaAvgFn() }).module.weight.tolist()).toEqual([3, 3]);
  });

  test("averages with a decay", () => {
    for (const options of [{ avgFn: getEmaAvgFn(0.5) }, { multiAvgFn: getEmaMultiAvgFn(0.5) }]) {
      expect(averageOf([1, 2, 6], options).module.weight.tolist()).toEqual([3.75, 3.75]);
    }
  });

  test("copies buffers, or averages them too", () => {
    const copied = averageOf([1, 2, 6], {});
    expect([copied.module.mean.tolist(), copied.module.count.item()]).toEqual([[6, 6], 6]);
    const averaged = averageOf([1, 2, 6], { useBuffers: true });
    expect([averaged.module.mean.tolist(), averaged.module.count.item()]).toEqual([[3, 3], 2]); // whole numbers are cut
  });

  test("is a model of its own, with PyTorch's names", () => {
    const model = new Net();
    model.set(2);
    const average = new AveragedModel(model);
    model.set(5);
    expect((average.forward(tensor([1, 3]) as never) as Tensor).tolist()).toEqual([2, 6]);
    expect([...average.stateDict().keys()]).toEqual([
      "n_averaged",
      "module.weight",
      "module.mean",
      "module.count",
    ]);
    const other = new AveragedModel(new Net());
    other.loadStateDict(averageOf([1, 2, 6], {}).stateDict());
    other.updateParameters(model);
    expect(other.module.weight.tolist()).toEqual([3.5, 3.5]);
    expect(other.n_averaged.item()).toBe(4);
  });

  test("an update leaves no tensor behind", () => {
    const model = new Net();
    const average = new AveragedModel(model, { useBuffers: true });
    average.updateParameters(model);
    const before = liveTensors();
    for (let i = 0; i < 3; i++) average.updateParameters(model);
    expect(liveTensors()).toBe(before);
  });
});

/** Keeps a running mean as batch normalisation does. */
class Statistics extends nn.Module {
  momentum: number | null = 0.1;
  declare readonly running_mean: Tensor;
  #batches = 0;
  constructor() {
    super();
    this.registerBuffer("running_mean", tensor([9]));
  }
  resetRunningStats(): void {
    this.running_mean.zero_();
    this.#batches = 0;
  }
  override forward(x: Tensor): Tensor {
    if (!this.training) return x;
    this.#batches++;
    this.running_mean.lerp_(x.mean({ dim: [0] }), this.momentum ?? 1 / this.#batches);
    return x;
  }
}

test("updateBn replaces the statistics by those of one pass, and puts all else back", () => {
  const statistics = new Statistics();
  const model = new nn.Sequential(statistics).eval();
  updateBn([tensor([[1]]), [tensor([[2]]), "label"], tensor([[6]])], model); // prettier-ignore
  expect(statistics.running_mean.item()).toBeCloseTo(3, 6);
  expect([statistics.momentum, statistics.training, model.training]).toEqual([0.1, false, false]);
});

test("updateBn reads no data for a model without statistics", () => {
  const loader = {
    [Symbol.iterator](): Iterator<Tensor> {
      throw new Error("read");
    },
  };
  updateBn(loader, new Net());
});

test("mistakes are named", () => {
  const average = new AveragedModel(new Net());
  const mistakes: (() => unknown)[] = [
    () => new AveragedModel(new Net(), { avgFn: getEmaAvgFn(), multiAvgFn: getEmaMultiAvgFn() }),
    () => getEmaAvgFn(1.5),
    () => getEmaMultiAvgFn(-1),
    () => average.updateParameters(new nn.Linear(2, 2)),
  ];
  expect(messagesOf(mistakes)).toMatchInlineSnapshot(`
    "UsageError: AveragedModel: give avgFn or multiAvgFn, got both.
    UsageError: getEmaAvgFn: decay must be a number >= 0 and <= 1, got 1.5.
    UsageError: getEmaMultiAvgFn: decay must be a number >= 0 and <= 1, got -1.
    UsageError: AveragedModel.updateParameters: the model must have the 1 tensors of the one that was copied, got 2."
  `);
});
