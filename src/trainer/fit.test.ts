// Every flag of the trainer section, shown to act.
import { describe, expect, test } from "vitest";
import { fitToy } from "../../tests/fixtures/toy-training.ts";
import type { ToyFit, ToyOptions } from "../../tests/fixtures/toy-training.ts";
import { hashTensors, scope } from "../torch/index.ts";
import type { Tensor } from "../torch/index.ts";
import { countBatches } from "./batch-limits.ts";

// unless a test says otherwise: 6 batches of 8 rows an epoch, 4 validation batches

const hash = ({ model }: ToyFit) => hashTensors(model.stateDict());

describe("how long a run takes", () => {
  const cases: [string, Record<string, unknown>, { steps: number; epochs: number; reason: string }][] = [
    ["max_epochs", { max_epochs: 2 }, { steps: 12, epochs: 2, reason: "max_epochs" }],
    ["max_epochs 0", { max_epochs: 0 }, { steps: 0, epochs: 0, reason: "max_epochs" }],
    [
      "max_steps within an epoch",
      { max_epochs: -1, max_steps: 8 },
      { steps: 8, epochs: 1, reason: "max_steps" },
    ],
    [
      "max_steps at the end of an epoch",
      { max_epochs: -1, max_steps: 12 },
      { steps: 12, epochs: 2, reason: "max_steps" },
    ],
    [
      "max_epochs before max_steps",
      { max_epochs: 1, max_steps: 8 },
      { steps: 6, epochs: 1, reason: "max_epochs" },
    ],
    ["max_time", { max_epochs: -1, max_time: "00:00:00:00" }, { steps: 0, epochs: 0, reason: "max_time" }],
    [
      "max_time after min_epochs",
      { max_epochs: 5, min_epochs: 2, max_time: "00:00:00:00" },
      { steps: 12, epochs: 2, reason: "max_time" },
    ],
    [
      "max_time after min_steps",
      { max_epochs: 5, min_steps: 8, max_time: "00:00:00:00" },
      { steps: 8, epochs: 1, reason: "max_time" },
    ],
    [
      "accumulate_grad_batches",
      { max_epochs: 2, accumulate_grad_batches: 4 },
      { steps: 4, epochs: 2, reason: "max_epochs" },
    ],
    ["fast_dev_run", { max_epochs: 50, fast_dev_run: 2 }, { steps: 2, epochs: 0, reason: "max_steps" }],
  ];
  test.each(cases)("%s", async (_, trainer, expected) => {
    const { steps, epochs, reason } = await fitToy({ trainer });
    expect({ steps, epochs, reason }).toEqual(expected);
  });

  test("max_time stops a run while it is under way", async () => {
    const slow = {
      name: "slow",
      onTrainBatchEnd: () => new Promise<void>((resolve) => setTimeout(resolve, 300)),
    };
    const { steps, reason } = await fitToy({
      trainer: { max_epochs: -1, max_time: "00:00:00:01" },
      watchers: [slow],
    });
    expect(reason).toBe("max_time");
    expect(steps).toBeGreaterThan(0);
    expect(steps).toBeLessThan(5);
  });
});

describe("when a run is validated", () => {
  const cases: [string, Record<string, unknown>, number[]][] = [
    ["at the end of each epoch", {}, [6, 12]],
    ["check_val_every_n_epoch 2", { max_epochs: 5, check_val_every_n_epoch: 2 }, [12, 24]],
    ["val_check_interval 4", { val_check_interval: 4 }, [4, 10]],
    ["val_check_interval 0.5", { val_check_interval: 0.5 }, [3, 6, 9, 12]],
    [
      "val_check_interval of less than a batch",
      { max_epochs: 1, val_check_interval: 0.01 },
      [1, 2, 3, 4, 5, 6],
    ],
    ["val_check_interval beyond an epoch", { val_check_interval: 100 }, [6, 12]],
    [
      "val_check_interval in every second epoch",
      { max_epochs: 4, val_check_interval: 3, check_val_every_n_epoch: 2 },
      [9, 12, 21, 24],
    ],
    [
      "val_check_interval counts batches, not steps",
      { val_check_interval: 4, accumulate_grad_batches: 2 },
      [2, 5],
    ],
    ["limit_val_batches 0", { limit_val_batches: 0 }, []],
  ];
  test.each(cases)("%s", async (_, trainer, expected) => {
    const { validated } = await fitToy({ trainer: { max_epochs: 2, num_sanity_val_steps: 0, ...trainer } });
    expect(validated.map(({ step }) => step)).toEqual(expected);
  });

  const limits: [string, Record<string, unknown>, (number | undefined)[]][] = [
    ["by default tries 2 batches first, then takes all", {}, [2, undefined]],
    ["num_sanity_val_steps -1 tries all", { num_sanity_val_steps: -1 }, [undefined, undefined]],
    ["num_sanity_val_steps 0 tries none", { num_sanity_val_steps: 0 }, [undefined]],
    ["limit_val_batches counts", { limit_val_batches: 3, num_sanity_val_steps: 0 }, [3]],
    ["limit_val_batches is a share", { limit_val_batches: 0.5, num_sanity_val_steps: 0 }, [2]],
    [
      "limit_val_batches beyond the data means all",
      { limit_val_batches: 9, num_sanity_val_steps: 0 },
      [undefined],
    ],
    ["overfit_batches tries none", { overfit_batches: 2 }, [undefined]],
    ["limit_val_batches 0 tries none", { limit_val_batches: 0 }, []],
  ];
  test.each(limits)("%s", async (_, trainer, expected) => {
    const { validated } = await fitToy({ trainer: { max_epochs: 1, ...trainer } });
    expect(validated.map(({ limit }) => limit)).toEqual(expected);
  });

  test("without validation data it never is", async () => {
    const { validated } = await fitToy({
      trainer: { max_epochs: 2, val_check_interval: 2 },
      validationBatches: 0,
    });
    expect(validated).toEqual([]);
  });

  test("the model is in evaluation mode meanwhile, and in training mode afterwards", async () => {
    const modes: boolean[] = [];
    await fitToy({
      trainer: { max_epochs: 1 },
      watchers: [
        {
          name: "modes",
          onTrainBatchEnd: ({ task }) => void modes.push(task.model.training),
          onValidationEnd: ({ task, isSanityChecking }) =>
            void modes.push(task.model.training !== isSanityChecking),
        },
      ],
    });
    expect(modes).toEqual(Array.from({ length: 8 }, () => true));
  });

  test("a share that comes to no batch is an error and not silence", async () => {
    await expect(fitToy({ trainer: { limit_val_batches: 0.1 } })).rejects.toThrowErrorMatchingInlineSnapshot(
      `[UsageError: trainer.limit_val_batches: must come to one batch at least, got 0.1 of 4. Set it to the number of batches, or to a larger share.]`,
    );
    expect(() =>
      countBatches({ fast_dev_run: 0, limit_train_batches: 0 }, "limit_train_batches", 10),
    ).toThrow("trainer.limit_train_batches");
  });
});

describe("countBatches", () => {
  test.each([
    [undefined, 0, 7],
    [3, 0, 3],
    [30, 0, 7],
    [0.5, 0, 3],
    [0.99, 0, 6],
    [3, 2, 2],
    [3, 20, 7],
  ])("of a limit of %s and fast_dev_run %i it is %i of 7", (limit, fast_dev_run, expected) => {
    expect(countBatches({ fast_dev_run, limit_train_batches: limit }, "limit_train_batches", 7)).toBe(
      expected,
    );
  });
});

describe("what is logged", () => {
  test("log_every_n_steps averages the steps between", async () => {
    const every = await fitToy({ trainer: { max_epochs: 1 } });
    const third = await fitToy({ trainer: { max_epochs: 1, log_every_n_steps: 3 } });
    const losses = every.series("train_loss").map(([, loss]) => loss);
    expect(third.series("train_loss").map(([step]) => step)).toEqual([3, 6]);
    for (const [i, [, mean]] of third.series("train_loss").entries()) {
      const part = losses.slice(3 * i, 3 * i + 3);
      expect(mean).toBeCloseTo(part.reduce((a, b) => a + b) / 3, 12);
    }
  });

  test("the rate of a step, and the epoch as a fraction", async () => {
    const { series } = await fitToy({
      trainer: { max_epochs: 2, accumulate_grad_batches: 3 },
      scheduler: { name: "linear", warmup_steps: 2 },
    });
    expect(series("lr").map(([, lr]) => lr)).toEqual([0, 0.005, 0.01, 0.005]);
    expect(series("epoch")).toEqual([
      [1, 0.5],
      [2, 1],
      [3, 1.5],
      [4, 2],
    ]);
  });

  test("lr_monitor logs the rate that comes, for each group", async () => {
    const run = (logging_interval?: string) =>
      fitToy({
        trainer: { max_epochs: 2, accumulate_grad_batches: 3 },
        scheduler: { name: "linear", warmup_steps: 2 },
        callbacks: [{ name: "lr_monitor", ...(logging_interval && { logging_interval }) }],
      });
    const both = await run();
    expect(both.series("lr-AdamW/pg1").map(([step]) => step)).toEqual([0, 1, 2, 2, 3, 4]);
    expect(both.series("lr-AdamW/pg2").at(-1)).toEqual([4, 0]);
    expect((await run("epoch")).series("lr-AdamW/pg1").map(([step]) => step)).toEqual([0, 2]);
    expect((await run("step")).series("lr-AdamW/pg1").map(([step]) => step)).toEqual([1, 2, 3, 4]);
  });
});

describe("gradient clipping", () => {
  // SGD of rate 1 moves a weight by its clipped gradient
  const moved = async (trainer: Record<string, unknown>) => {
    let before: Tensor[] = [];
    const { model, series } = await fitToy({
      trainer: { max_epochs: -1, max_steps: 1, ...trainer },
      optimizer: { name: "sgd", lr: 1 },
      prepare: (toy) => (before = toy.parameters().map((parameter) => parameter.detach().clone())),
    });
    const moves = model.parameters().map((parameter, i) => parameter.detach().sub(before[i]!));
    return {
      norm: Math.hypot(...moves.map((move) => move.norm().item())),
      largest: Math.max(...moves.map((move) => move.abs().max().item())),
      logged: series("grad_norm")[0]?.[1],
    };
  };

  test("by norm bounds the norm of all gradients and logs what it was", async () => {
    const free = await moved({});
    expect(free.logged).toBeUndefined();
    const clipped = await moved({ gradient_clip_val: 0.01 });
    expect(free.norm).toBeGreaterThan(0.1);
    expect(clipped.norm).toBeCloseTo(0.01, 5);
    expect(clipped.logged).toBeCloseTo(free.norm, 5);
    expect((await moved({ gradient_clip_val: 100 })).norm).toBeCloseTo(free.norm, 6);
  });

  test("by value bounds each gradient", async () => {
    const clipped = await moved({ gradient_clip_val: 0.01, gradient_clip_algorithm: "value" });
    expect(clipped.largest).toBeCloseTo(0.01, 6);
    expect(clipped.norm).toBeGreaterThan(0.01);
  });
});

describe("precision", () => {
  const dtypes = async (precision: string) => {
    const seen = new Set<string>();
    const fitted = await fitToy({
      trainer: { max_epochs: 30, precision },
      prepare(model) {
        const forward = model.second.forward.bind(model.second);
        Object.defineProperty(model.second, "forward", {
          value: (x: Tensor) => {
            const y = forward(x);
            seen.add(y.dtype);
            return y;
          },
        });
      },
    });
    const losses = fitted.series("train_loss");
    return {
      weights: fitted.model.first.weight.dtype,
      products: [...seen],
      learned: losses.at(-1)![1] < 0.8 * losses[0]![1],
    };
  };

  test.each([
    ["32-true", "float32", "float32"],
    ["bf16-mixed", "float32", "bfloat16"],
    ["bf16-true", "bfloat16", "bfloat16"],
    ["64-true", "float64", "float64"],
  ])("%s keeps weights in %s, multiplies in %s, and learns", async (precision, weights, product) => {
    expect(await dtypes(precision)).toEqual({ weights, products: [product], learned: true });
  });
});

describe("randomness", () => {
  test("equal seeds give equal weights, dropout included", async () => {
    const options: ToyOptions = { trainer: { max_epochs: 2 }, dropout: 0.5 };
    expect(hash(await fitToy(options))).toBe(hash(await fitToy(options)));
    expect(hash(await fitToy({ ...options, dropout: 0.4 }))).not.toBe(hash(await fitToy(options)));
  });

  test("validating draws nothing: the weights do not depend on how often", async () => {
    const options: ToyOptions = { dropout: 0.5 };
    const often = await fitToy({ ...options, trainer: { max_epochs: 2, val_check_interval: 1 } });
    const never = await fitToy({ ...options, trainer: { max_epochs: 2, limit_val_batches: 0 } });
    expect(hash(often)).toBe(hash(never));
  });

  test("deterministic refuses operators that are not, during the run alone", async () => {
    // put_ without accumulation is one of them: which of two writes wins depends on timing
    const { tensor } = await import("../torch/index.ts");
    const put = () =>
      scope(() =>
        tensor([0, 0])
          .put_(tensor([0, 0], { dtype: "int64" }), tensor([1, 2]), false)
          .toString(),
      );
    const watchers = [{ name: "put", onTrainBatchEnd: () => void put() }];
    await expect(fitToy({ trainer: { max_epochs: 1, deterministic: true }, watchers })).rejects.toThrow(
      /deterministic/,
    );
    await fitToy({ trainer: { max_epochs: 1 }, watchers });
  });
});

describe("what is trained", () => {
  test("weights without gradients keep their values", async () => {
    let before = "";
    const { model } = await fitToy({
      trainer: { max_epochs: 1 },
      prepare(toy) {
        toy.first.requiresGrad_(false);
        before = hashTensors(toy.first.stateDict());
      },
    });
    expect(hashTensors(model.first.stateDict())).toBe(before);
  });

  test("a model without any is an error", async () => {
    await expect(fitToy({ prepare: (model) => void model.requiresGrad_(false) })).rejects.toThrow(
      "optimizer: the model has no weights to train.",
    );
  });

  test("biases and LayerNorm weights are left out of weight decay, unless no_decay is false", async () => {
    // with a rate of 1 and no gradient to speak of, decay of 1 wipes a weight out
    const run = (no_decay: boolean) =>
      fitToy({
        trainer: { max_epochs: -1, max_steps: 1 },
        optimizer: { name: "sgd", lr: 1e-3, weight_decay: 999, no_decay },
      });
    const norm = ({ model }: ToyFit, name: "weight" | "bias") =>
      name === "weight" ? model.first.weight.norm().item() : model.first.bias!.norm().item();
    const [spared, decayed] = [await run(true), await run(false)];
    expect(norm(spared, "weight")).toBeLessThan(0.01);
    expect(norm(spared, "bias")).toBeGreaterThan(0.1);
    expect(spared.model.norm.weight!.mean().item()).toBeCloseTo(1, 2);
    expect(norm(decayed, "bias")).toBeLessThan(0.01);
    expect(decayed.model.norm.weight!.mean().item()).toBeLessThan(0.01);
  });
});

describe("schedules", () => {
  test("warmup_ratio is a share of all steps, rounded up", async () => {
    const { series } = await fitToy({
      trainer: { max_epochs: -1, max_steps: 10 },
      scheduler: { name: "constant_with_warmup", warmup_ratio: 0.21 },
    });
    const rates = series("lr").map(([, lr]) => lr);
    expect(rates.slice(0, 4)).toEqual([0, 0.01 / 3, 0.02 / 3, 0.01].map((lr) => expect.closeTo(lr, 12)));
  });

  test("reduce_lr_on_plateau follows the validations", async () => {
    const { series } = await fitToy({
      trainer: { max_epochs: 4, accumulate_grad_batches: 6 },
      scheduler: { name: "reduce_lr_on_plateau", monitor: "val_loss", patience: 0, factor: 0.5 },
      validations: [{ loss: 1 }, { loss: 2 }, { loss: 0.5 }, { loss: 0.5 }],
    });
    expect(series("lr").map(([, lr]) => lr)).toEqual([0.01, 0.01, 0.005, 0.005]);
  });
});
