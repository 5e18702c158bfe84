import { describe, expect, test } from "vitest";
import { fitToy } from "../../../tests/fixtures/toy-training.ts";
import { EarlyStopping } from "./early-stopping.ts";

/** Trains up to 8 epochs of 6 steps whose validations measure `values`, and returns after how many it stopped. */
async function epochsOf(
  values: readonly number[],
  options: Record<string, unknown> = {},
  trainer: Record<string, unknown> = {},
): Promise<{ epochs: number; reason: string }> {
  const { epochs, reason } = await fitToy({
    trainer: { max_epochs: 8, num_sanity_val_steps: 0, ...trainer },
    callbacks: [{ name: "early_stopping", monitor: "val_loss", mode: "min", ...options }],
    validations: values.map((loss) => ({ loss })),
  });
  return { epochs, reason };
}

describe("early stopping", () => {
  const cases: [string, number[], Record<string, unknown>, number][] = [
    ["waits 3 validations by default", [1, 1, 1, 1], {}, 4],
    ["begins to wait anew after an improvement", [3, 3, 2, 2, 1, 1, 1], { patience: 2 }, 7],
    ["with patience 0 stops at the first that is not better", [3, 2, 2], { patience: 0 }, 3],
    ["does not take an equal value for better", [1, 1], { patience: 1 }, 2],
    ["asks for more than min_delta", [3, 2.5, 2], { patience: 1, min_delta: 0.5 }, 2],
    ["takes more than min_delta for better", [3, 2.4, 1.8, 1.8], { patience: 1, min_delta: 0.5 }, 4],
    [
      "measures min_delta from the best, not from the last",
      [3, 2.7, 2.4, 2.1],
      { patience: 2, min_delta: 0.5 },
      5,
    ],
    ["watches a metric that rises in mode max", [1, 2, 3, 3], { mode: "max", patience: 1 }, 4],
    ["stops when stopping_threshold is passed", [3, 2, 0.9, 0.8], { stopping_threshold: 1 }, 3],
    ["does not stop at stopping_threshold itself", [3, 1, 0.9], { stopping_threshold: 1 }, 3],
    ["stops when divergence_threshold is passed", [3, 5, 1], { divergence_threshold: 4 }, 2],
    ["stops when the metric is not finite", [3, NaN, 1], {}, 2],
    ["stops when the metric is infinite", [3, Infinity, 1], {}, 2],
    [
      "goes on with check_finite false, and counts it as no improvement",
      [3, NaN, NaN, 1],
      { check_finite: false, patience: 2 },
      3,
    ],
  ];
  test.each(cases)("%s", async (_, values, options, epochs) => {
    expect(await epochsOf(values, options)).toEqual({ epochs, reason: "early_stopping" });
  });

  test("does not stop a run that improves to the end", async () => {
    expect(await epochsOf([8, 7, 6, 5, 4, 3, 2, 1], { patience: 1 })).toEqual({
      epochs: 8,
      reason: "max_epochs",
    });
  });

  test("waits for min_epochs, and then stops though the metric has improved since", async () => {
    const ending = await epochsOf([1, 1, 0.5, 0.4, 0.3], { patience: 1 }, { min_epochs: 4 });
    expect(ending).toEqual({ epochs: 4, reason: "early_stopping" });
  });

  test("held back by min_steps, does not keep a run from its max_epochs", async () => {
    const ending = await epochsOf([1, 1, 1], { patience: 1 }, { max_epochs: 3, min_steps: 1000 });
    expect(ending).toEqual({ epochs: 3, reason: "max_epochs" });
  });

  test("of a metric that nothing measures names those that there are", async () => {
    await expect(epochsOf([1], { monitor: "val_f1" })).rejects.toThrowErrorMatchingInlineSnapshot(
      `[TrainingError: early_stopping: nothing has logged its monitor "val_f1". Valid: epoch, lr, train_loss, val_loss.]`,
    );
  });

  test("remembers in a checkpoint how long it has waited, also before its first value", () => {
    const copy = (from: EarlyStopping) => {
      const to = new EarlyStopping(from.config);
      to.loadStateDict(from.stateDict());
      return to;
    };
    const callback = copy(new EarlyStopping({ monitor: "val_loss", mode: "min", patience: 2 }));
    const run = {
      stage: "fit",
      config: { hasValidation: true },
      state: { step: 1 },
      stop: undefined,
    } as never;
    callback.onValidationEnd(run, { val_loss: 1 });
    callback.onValidationEnd(run, { val_loss: 1 });
    const later = copy(callback);
    later.onTrainStart(run);
    expect(run).toMatchObject({ stop: undefined });
    later.onValidationEnd(run, { val_loss: 1 });
    expect(run).toMatchObject({ stop: "early_stopping" });
  });

  test("judges what the epoch logged with check_on_train_epoch_end, and where nothing is validated", async () => {
    const fit = (options: object, validationBatches: number) =>
      fitToy({
        trainer: { max_epochs: 9, num_sanity_val_steps: 0 },
        validationBatches,
        watchers: [
          {
            name: "level",
            onTrainEpochEnd: (run) => run.log({ level: run.state.epoch < 3 ? 1 / run.state.epoch : 1 }),
          },
          new EarlyStopping({ monitor: "level", mode: "min", patience: 2, ...options }),
        ],
      });
    expect((await fit({ checkOnTrainEpochEnd: true }, 4)).epochs).toBe(4);
    expect((await fit({}, 0)).epochs).toBe(4);
  });

  test("watches the loss of training, though it is logged more rarely than validations come", async () => {
    const options = { monitor: "train_loss", min_delta: 1e9, patience: 2 };
    const trainer = { log_every_n_steps: 1000 };
    const validations = Array<number>(9).fill(1);
    expect(await epochsOf(validations, options, trainer)).toEqual({ epochs: 3, reason: "early_stopping" });
  });

  test("with strict false waits for a metric that is not there yet", async () => {
    const fitted = await fitToy({
      trainer: { max_epochs: 9, num_sanity_val_steps: 0 },
      validations: [{ loss: 1 }, { loss: 1 }, { loss: 1, f1: 0.5 }, { loss: 1, f1: 0.5 }],
      watchers: [
        new EarlyStopping({ monitor: "val_f1", mode: "max", patience: 1, strict: false, verbose: true }),
      ],
    });
    expect(fitted.epochs).toBe(4);
  });
});
