// The arithmetic of the loop: losses, accumulation, and what it does when they go wrong.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import "../../tests/matchers.ts";
import { fitToy } from "../../tests/fixtures/toy-training.ts";
import type { ToyFit, ToyOptions } from "../../tests/fixtures/toy-training.ts";
import { TrainingError } from "../base/index.ts";
import { nn, noGrad, scope, tensor } from "../torch/index.ts";
import type { Run } from "./index.ts";

interface LossCase {
  logits: number[][];
  target: number[];
  weight: number[] | null;
  smoothing: number;
  mean: number;
  gradient: number[][];
}

const losses = JSON.parse(
  readFileSync(new URL("../../tests/goldens/trainer/loss.json", import.meta.url), "utf8"),
) as LossCase[];

describe("the loss of a step", () => {
  test.each(losses.map((golden, i) => [i, golden] as const))(
    "is torch's weighted mean, also when the rows come in uneven batches (case %i)",
    (_, { logits, target, weight, smoothing, mean, gradient }) => {
      const total = target.reduce((sum, label) => sum + (weight?.[label] ?? 1), 0);
      const all = tensor(logits, { dtype: "float64", requiresGrad: true });
      let loss = 0;
      for (const [start, end] of [
        [0, 3],
        [3, 4],
        [4, 7],
      ] as const) {
        const part = nn.functional
          .crossEntropy(
            all.narrow(0, start, end - start),
            tensor(target.slice(start, end), { dtype: "int64" }),
            {
              reduction: "sum",
              labelSmoothing: smoothing,
              ...(weight && { weight: tensor(weight, { dtype: "float64" }) }),
            },
          )
          .div(total);
        part.backward();
        loss += part.item();
      }
      expect(loss).toBeCloseTo(mean, 12);
      expect(all.grad!).toBeAllclose(gradient, { atol: 1e-12 });
    },
  );
});

describe("accumulating 4 batches of 8", () => {
  // 53 rows: a step of 32 and one of 21, the last batch with 5 rows
  const small = { sizes: [8, 8, 8, 8, 8, 8, 5], accumulate: 4 };
  const large = { sizes: [32, 21], accumulate: 1 };
  const jobs: Record<string, ToyOptions> = {
    sgd: { optimizer: { name: "sgd", lr: 0.5 } },
    "sgd with class weights and label smoothing": {
      optimizer: { name: "sgd", lr: 0.5 },
      classWeights: [0.2, 1, 5],
      labelSmoothing: 0.1,
    },
    "adamw with clipping, in double precision": {
      trainer: { precision: "64-true", gradient_clip_val: 0.1 },
      classWeights: [0.2, 1, 5],
      labelSmoothing: 0.1,
    },
  };
  test.each(Object.entries(jobs))("is as one batch of 32: %s", async (_, options) => {
    const run = ({ sizes, accumulate }: typeof small) =>
      fitToy({
        ...options,
        sizes,
        trainer: { max_epochs: 5, accumulate_grad_batches: accumulate, ...options.trainer },
      });
    const [accumulated, whole] = [await run(small), await run(large)];
    expect(accumulated.steps).toBe(10);
    for (const [name, weight] of whole.model.stateDict())
      expect(accumulated.model.stateDict().get(name)!, name).toBeAllclose(weight, { atol: 1e-6 });
    for (const [i, [step, loss]] of whole.series("train_loss").entries()) {
      const [accumulatedStep, accumulatedLoss] = accumulated.series("train_loss")[i]!;
      expect(accumulatedStep).toBe(step);
      expect(Math.abs(accumulatedLoss - loss)).toBeLessThan(1e-6);
    }
  });

  test("is not as one batch of 32 if each batch weighed the same: the test can fail", async () => {
    const uneven = await fitToy({
      optimizer: { name: "sgd", lr: 0.5 },
      sizes: [32, 21],
      trainer: { max_epochs: 1 },
    });
    const other = await fitToy({
      optimizer: { name: "sgd", lr: 0.5 },
      sizes: [21, 32],
      trainer: { max_epochs: 1 },
    });
    const difference = uneven.model.second.weight.sub(other.model.second.weight).abs().max().item();
    expect(difference).toBeGreaterThan(1e-4);
  });
});

describe("numbers that are not finite", () => {
  const fail = (options: ToyOptions): Promise<TrainingError> =>
    fitToy({ trainer: { max_epochs: 3 }, ...options }).then(
      () => {
        throw new Error("the run went on");
      },
      (error: unknown) => {
        if (error instanceof TrainingError) return error;
        throw error;
      },
    );
  const fill = (weight: nn.Parameter, value: number) => noGrad(() => void weight.fill_(value));

  test("in a weight stop the run with its name", async () => {
    const error = await fail({ prepare: ({ second }) => fill(second.weight, NaN) });
    expect(error.message).toMatchInlineSnapshot(
      `"train: the loss must be finite, got NaN at step 1 (epoch 1, batch 1). The weight "second.weight" holds NaN. The weights of step 0 are untouched. Lower optimizer.lr, set trainer.gradient_clip_val, or use precision 32-true."`,
    );
  });

  test("that a middle module puts out stop the run with the module's name", async () => {
    const error = await fail({
      prepare({ norm }) {
        fill(norm.weight!, 3e38);
        fill(norm.bias!, 3e38);
      },
    });
    expect(error.message).toContain('"norm" was the first module to put out infinity.');
  });

  test("that come later leave what was before: the step and the place are named", async () => {
    const error = await fail({
      watchers: [
        {
          name: "plant",
          onTrainBatchEnd({ state, task }: Run) {
            if (state.step === 8) fill((task.model as ToyFit["model"]).second.bias!, Infinity);
          },
        },
      ],
    });
    expect(error.message).toContain("got NaN at step 9 (epoch 2, batch 3)");
    expect(error.message).toContain('The weight "second.bias" holds infinity.');
  });

  test("are told to the callbacks, which may clean up", async () => {
    const seen: unknown[] = [];
    const error = await fail({
      prepare: ({ second }) => fill(second.weight, NaN),
      watchers: [{ name: "watch", onException: (_, thrown) => void seen.push(thrown) }],
    });
    expect(seen).toEqual([error]);
  });

  test("detect_anomaly names the operator whose backward put them out", async () => {
    const { setDetectAnomaly } = await import("../torch/index.ts");
    setDetectAnomaly(true);
    try {
      scope(() => {
        const x = tensor([0], { requiresGrad: true });
        expect(() => x.mul(0).div(x.mul(0).sqrt()).sum().backward()).toThrow(/returned nan values/i);
      });
    } finally {
      setDetectAnomaly(false);
    }
  });
});
