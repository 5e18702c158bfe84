// What a model's configureOptimizers may return, and what is refused rather than ignored.
import { expect, test } from "vitest";
import { PointsData, PointsModel } from "../../tests/fixtures/points.ts";
import type { OptimizerSetup } from "../contracts/index.ts";
import { optim } from "../torch/index.ts";
import { Trainer } from "./index.ts";

class Net extends PointsModel {
  made: ((optimizer: optim.Optimizer) => unknown) | undefined;

  override configureOptimizers(): OptimizerSetup {
    const optimizer = new optim.SGD(this.parameters(), { lr: 1 });
    return this.made!(optimizer) as OptimizerSetup;
  }
}

/** Trains three epochs of five batches, and returns the rate that is left. */
async function rateOf(setup: Net["made"], manual = false): Promise<number> {
  const model = new Net({});
  model.made = setup;
  if (manual) {
    model.automaticOptimization = false;
    model.trainingStep = () => undefined;
  }
  let rate = NaN;
  const watcher = {
    name: "watcher",
    onTrainEnd: ({ optimizers }: { optimizers: readonly optim.Optimizer[] }) =>
      void (rate = optimizers[0]!.paramGroups[0]!.lr),
  };
  const flags = {
    maxEpochs: 3,
    logger: false,
    enableCheckpointing: false,
    enableProgressBar: false,
  } as const;
  await new Trainer({ ...flags, callbacks: [watcher] }).fit(model, new PointsData({ batchSize: 8 }));
  return rate;
}

const halves = (optimizer: optim.Optimizer) => new optim.StepLR(optimizer, 1, { gamma: 0.5 });

test("a schedule moves at each epoch, unless it is told when", async () => {
  expect(await rateOf((optimizer) => ({ optimizer, lrScheduler: halves(optimizer) }))).toBe(1 / 8);
  const every = (setup: object) =>
    rateOf((optimizer) => ({ optimizer, lrScheduler: { scheduler: halves(optimizer), ...setup } }));
  expect(await every({ frequency: 2 })).toBe(1 / 2);
  expect(await every({ interval: "step" })).toBe(2 ** -15);
  expect(await every({ interval: "step", frequency: 2 })).toBe(2 ** -6); // two in each epoch of five
});

test("in manual optimisation the model moves it", async () => {
  expect(await rateOf((optimizer) => ({ optimizer, lrScheduler: halves(optimizer) }), true)).toBe(1);
});

const broken: Record<string, (optimizer: optim.Optimizer) => unknown> = {
  "two optimizers": (optimizer) => [optimizer, optimizer],
  "the key of a schedule": (optimizer) => ({ optimizer, lr_scheduler: halves(optimizer) }),
  "a key of its setup": (optimizer) => ({
    optimizer,
    lrScheduler: { scheduler: halves(optimizer), intervall: "step" },
  }),
  "an interval": (optimizer) => ({
    optimizer,
    lrScheduler: { scheduler: halves(optimizer), interval: "epochs" },
  }),
  "a frequency": (optimizer) => ({ optimizer, lrScheduler: { scheduler: halves(optimizer), frequency: 0 } }),
  "a monitor": (optimizer) => ({
    optimizer,
    lrScheduler: { scheduler: new optim.ReduceLROnPlateau(optimizer), monitor: "val_los" },
  }),
  "an optimizer": () => ({ optimizer: "adam" }),
};

test("what would be ignored is refused", async () => {
  const told: Record<string, string> = {};
  for (const [name, setup] of Object.entries(broken))
    told[name] = await rateOf(setup).then(String, (error: Error) => error.message);
  expect(told).toMatchInlineSnapshot(`
    {
      "a frequency": "configureOptimizers: frequency must be an integer of at least 1, got 0.",
      "a key of its setup": "configureOptimizers: unknown key "intervall". Did you mean "interval"? Valid: frequency, interval, monitor, scheduler, strict.",
      "a monitor": "ReduceLROnPlateau: nothing has logged its monitor "val_los". Did you mean "val_loss"? Valid: train_loss, val_accuracy, val_loss.",
      "an interval": "configureOptimizers: interval must be "epoch" or "step", got "epochs".",
      "an optimizer": "Net.configureOptimizers: must return optimizers, or { optimizer, lrScheduler }, got adam.",
      "the key of a schedule": "configureOptimizers: unknown key "lr_scheduler". Did you mean "lrScheduler"? Valid: lrScheduler, optimizer.",
      "two optimizers": "Net.configureOptimizers: returns 2 optimizers, and the trainer steps one. Set automaticOptimization = false, and step them in trainingStep.",
    }
  `);
});
