// Steps in little memory: the batch is computed in parts, and its loss and gradients stay those of the whole.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { liveTensors } from "../../tests/live-tensors.ts";
import { makeTemporaryFolder } from "../../tests/fixtures/temporary-folder.ts";
import { TrainingError, logger } from "../base/index.ts";
import { BaseModel } from "../contracts/index.ts";
import type { DataModule } from "../contracts/index.ts";
import { arange, hashTensors, isOutOfMemory, manualSeed, memoryStats, nn, ones, optim, randint, randn, scope, setMemoryLimit, stack, tensor, utils } from "../torch/index.ts"; // prettier-ignore
import type { Tensor } from "../torch/index.ts";
import { ModelCheckpoint, Trainer } from "./index.ts";
import type { Callback, Run, TrainerOptions } from "./index.ts";

const width = 16384; // a row's activations are 64 KB: what the limit counts
const weights = [0.2, 1, 5];

let root: string;
beforeEach(() => (root = makeTemporaryFolder("sconce-micro-")));
afterEach(() => {
  setMemoryLimit(undefined);
  rmSync(root, { recursive: true, force: true });
});

/** Sees three classes in four numbers, by way of many. */
abstract class Wide extends BaseModel<object, [Tensor, Tensor]> {
  override buildModel(): nn.Sequential {
    return new nn.Sequential(new nn.Linear(4, width), new nn.Tanh(), new nn.Linear(width, 3));
  }

  override configureOptimizers(): optim.Optimizer {
    return new optim.SGD(this.parameters(), { lr: 0.002 });
  }
}

class ByRows extends Wide {
  override lossOf(logits: Tensor, labels: Tensor): Tensor {
    this.log("first_logit", logits.mean());
    return nn.functional.crossEntropy(logits, labels);
  }
}

class ByClassWeights extends Wide {
  override lossOf(logits: Tensor, labels: Tensor): Tensor {
    return nn.functional.crossEntropy(logits, labels, { weight: tensor(weights) });
  }

  lossWeight([, labels]: [Tensor, Tensor]): number {
    return (labels.tolist() as number[]).reduce((sum, label) => sum + weights[label]!, 0);
  }
}

/** Labels `[rows, 2]`, of which -100 counts for nothing: rows have 0, 1 or 2 tokens. */
class ByTokens extends Wide {
  override lossOf(logits: Tensor, labels: Tensor): Tensor {
    const both = logits.unsqueeze(1).expand([-1, 2, -1]).reshape([-1, 3]);
    return nn.functional.crossEntropy(both, labels.reshape([-1]));
  }

  lossWeight([, labels]: [Tensor, Tensor]): number {
    return scope(() => labels.ne(-100).sum().item());
  }
}

const models = {
  "the mean over rows": ByRows,
  "class weights": ByClassWeights,
  "tokens that count": ByTokens,
};

/** 72 rows: at 32 a batch, two full ones and one of 8. */
function rows(model: Wide): utils.data.TensorDataset {
  manualSeed(4);
  const labels = randint(0, 3, [72]);
  const x = randn([72, 4]).add(nn.functional.oneHot(labels, { numClasses: 4 } as never));
  if (!(model instanceof ByTokens)) return new utils.data.TensorDataset(x, labels);
  const second = labels.add(1).remainder(3);
  const index = arange(72);
  const pairs = [
    labels.maskedFill(index.remainder(5).eq(0), -100),
    second.maskedFill(index.remainder(3).ne(0), -100),
  ];
  return new utils.data.TensorDataset(x, stack(pairs, 1));
}

interface FitOptions extends TrainerOptions {
  batchSize?: number;
  /** Bytes that tensors may take beside those that there are when training begins. */
  limit?: number;
  collateFn?: (examples: Tensor[][]) => Tensor[];
  ckptPath?: string;
}

interface Fitted {
  losses: number[];
  gradients: Float32Array[];
  microBatchSize: number | undefined;
  logged: number[];
  warnings: string[];
  /** Hash of what was trained. */
  weights: string;
}

async function fit(
  Model: new (config: object) => Wide,
  { batchSize = 32, limit, collateFn, ckptPath, ...options }: FitOptions = {},
): Promise<Fitted> {
  manualSeed(1);
  const model = new Model({});
  const dataset = rows(model);
  const data: DataModule = {
    trainDataloader: () =>
      new utils.data.DataLoader(dataset, {
        batchSize,
        shuffle: true,
        seed: 2,
        ...(collateFn && { collateFn }),
      }),
  };
  const fitted: Fitted = {
    losses: [],
    gradients: [],
    microBatchSize: undefined,
    logged: [],
    warnings: [],
    weights: "",
  };
  const watch: Callback = {
    name: "watch",
    onTrainStart() {
      liveTensors(); // collects garbage, which the limit would count
      if (limit !== undefined) setMemoryLimit(memoryStats().allocated + limit);
    },
    onBeforeOptimizerStep({ task }) {
      const parts = task.model.parameters().map((parameter) => parameter.grad!.data() as Float32Array);
      const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
      parts.reduce((start, part) => (all.set(part, start), start + part.length), 0);
      fitted.gradients.push(all);
    },
    onTrainBatchEnd({ state }, { loss }) {
      fitted.losses.push(loss);
      fitted.microBatchSize = state.microBatchSize;
      fitted.logged.push(state.metrics["first_logit"] ?? NaN);
    },
  };
  const stop = logger.addSink((level, message) => {
    if (level === "warn") fitted.warnings.push(message);
  });
  try {
    await new Trainer({
      maxEpochs: 2,
      logEveryNSteps: 1,
      logger: false,
      enableProgressBar: false,
      enableCheckpointing: false,
      defaultRootDir: root,
      autoFindBatchSize: true,
      ...options,
      callbacks: [watch, ...(options.callbacks ?? [])],
    }).fit(model, data, ckptPath === undefined ? {} : { ckptPath });
    fitted.weights = hashTensors(model.stateDict());
  } finally {
    stop();
    setMemoryLimit(undefined);
  }
  return fitted;
}

/** Norm of the difference of a step's gradients, as a share of their norm; the largest of all steps. */
function relativeError(given: Fitted, expected: Fitted): number {
  return Math.max(
    ...expected.gradients.map((gradient, step) => {
      let [difference, whole] = [0, 0];
      for (const [i, value] of gradient.entries()) {
        difference += (value - given.gradients[step]![i]!) ** 2;
        whole += value ** 2;
      }
      return Math.sqrt(difference / whole);
    }),
  );
}

const row = width * 4;
/** Limits under which so many rows fit: weights and gradients take 16 rows' worth, each row 4 more. */
const limits = { 8: 60 * row, 1: 18 * row };

describe.each(Object.entries(models))("with a loss that is a mean over %s", (_, Model) => {
  test("32 rows computed 8 or 1 at a time give the same losses and gradients", async () => {
    const whole = await fit(Model);
    expect(whole.microBatchSize).toBeUndefined();
    expect(whole.losses).toHaveLength(6);
    for (const [rowsAtOnce, limit] of Object.entries(limits)) {
      const cut = await fit(Model, { limit });
      expect(cut.microBatchSize).toBe(Number(rowsAtOnce));
      expect(cut.warnings).toEqual([
        `train: memory ran out with 32 rows at once; from here on ${rowsAtOnce} are computed at a time. A step still has all its rows, its loss and gradients are theirs; only layers that look across rows, as BatchNorm, see fewer`,
      ]);
      for (const [step, loss] of whole.losses.entries())
        expect(Math.abs(cut.losses[step]! - loss), `step ${step}`).toBeLessThan(1e-6);
      expect(relativeError(cut, whole)).toBeLessThan(1e-6);
    }
  });

  test("4 accumulated batches of 8 are as one of 32", async () => {
    const whole = await fit(Model);
    const accumulated = await fit(Model, { batchSize: 8, accumulateGradBatches: 4 });
    expect(accumulated.losses).toHaveLength(6);
    expect(relativeError(accumulated, whole)).toBeLessThan(1e-6);
    for (const [step, loss] of whole.losses.entries())
      expect(Math.abs(accumulated.losses[step]! - loss), `step ${step}`).toBeLessThan(1e-6);
  });
});

test("a mean of means is another loss: the tests above can fail", async () => {
  class Careless extends ByTokens {
    override lossWeight([, labels]: [Tensor, Tensor]): number {
      return labels.shape[0]!;
    }
  }
  const careless = await fit(Careless, { batchSize: 8, accumulateGradBatches: 4 });
  expect(relativeError(careless, await fit(ByTokens))).toBeGreaterThan(1e-3);
});

describe("a batch that did not fit", () => {
  test("logs the mean of its parts", async () => {
    const [whole, cut] = [await fit(ByRows), await fit(ByRows, { limit: limits[8] })];
    for (const [step, value] of whole.logged.entries()) expect(cut.logged[step]).toBeCloseTo(value, 5);
  });

  test("leaves random generators, buffers and counts as if it had never been tried", async () => {
    class Moving extends ByRows {
      override buildModel(): nn.Sequential {
        return new nn.Sequential(super.buildModel(), new nn.BatchNorm1d(3), new nn.Dropout(0.5));
      }

      override lossOf(logits: Tensor, labels: Tensor): Tensor {
        const loss = nn.functional.crossEntropy(logits, labels);
        this.log("seen", loss, { onStep: false, onEpoch: true });
        return loss;
      }
    }
    // memory runs out in the first step of the one; the other knows from before it how many rows fit
    const known: Callback = { name: "known", onTrainStart: ({ state }) => void (state.microBatchSize = 8) };
    const means: number[] = [];
    const look: Callback = {
      name: "look",
      onTrainEpochEnd: ({ state }: Run) => void means.push(state.metrics["seen"]!),
    };
    const found = await fit(Moving, { limit: limits[8], callbacks: [look] });
    const told = await fit(Moving, { callbacks: [known, look] });
    expect(found.microBatchSize).toBe(8);
    expect(found.losses).toEqual(told.losses);
    expect(relativeError(found, told)).toBe(0);
    expect(means.slice(0, 2)).toEqual(means.slice(2));
  });

  test("ends the run where autoFindBatchSize is off, with libtorch's words", async () => {
    const error = (await fit(ByRows, { limit: limits[8], autoFindBatchSize: false }).catch(
      (e: unknown) => e,
    )) as Error;
    expect(isOutOfMemory(error)).toBe(true);
    expect(error.message).toContain("DefaultCPUAllocator: can't allocate memory: you tried to allocate");
  });

  test("ends the run where a single row does not fit, or it cannot be cut", async () => {
    const told = async (options: Parameters<typeof fit>[1]): Promise<string> => {
      const error = (await fit(ByRows, options).catch((e: unknown) => e)) as Error;
      expect(error).toBeInstanceOf(TrainingError);
      return error.message.replace(/tensors hold \d+ of the \d+/, "tensors hold N of the M");
    };
    expect(await told({ limit: row })).toMatchInlineSnapshot(
      `"train: memory ran out at step 1 for a single row of 1 position: aten::linear: DefaultCPUAllocator: can't allocate memory: you tried to allocate 65536 bytes, and tensors hold N of the M bytes that they may (input: Float[1, 4], weight: Float[16384, 4], bias: Float[16384]) The weights of step 0 are untouched. Shorten the rows (dataset.max_length), lower dataset.batch_size, or take a smaller model."`,
    );
    const packed = (examples: Tensor[][]) => [
      ...utils.data.defaultCollate(examples),
      arange(examples.length + 1), // where each row begins
    ];
    expect(await told({ limit: limits[8], collateFn: packed })).toMatchInlineSnapshot(
      `"train: memory ran out at step 1 with 32 rows, and the batch cannot be cut, as its tensors do not all have one row for each of its rows: aten::tanh: DefaultCPUAllocator: can't allocate memory: you tried to allocate 2097152 bytes, and tensors hold N of the M bytes that they may (self: Float[32, 16384]) The weights of step 0 are untouched. Shorten the rows (dataset.max_length), lower dataset.batch_size, or take a smaller model."`,
    );
  });

  test("is computed as before after resuming", async () => {
    const save = () => new ModelCheckpoint({ everyNTrainSteps: 1, saveTopK: -1 });
    const options = { enableCheckpointing: true };
    const whole = await fit(ByRows, { ...options, limit: limits[8], callbacks: [save()] });
    const ckptPath = join(root, "checkpoints", "epoch=0-step=2");
    const resumed = await fit(ByRows, { ...options, ckptPath, callbacks: [save()] });
    expect(resumed.microBatchSize).toBe(8);
    expect(resumed.losses).toEqual(whole.losses.slice(2));
    expect(resumed.weights).toBe(whole.weights);
  });
});

test("a limit of memory is libtorch's own refusal, and can be lifted", () => {
  expect(() => setMemoryLimit(0)).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: setMemoryLimit: must be a whole number of bytes from 1, or undefined for no limit, got 0.]`,
  );
  liveTensors();
  setMemoryLimit(memoryStats().allocated + 2 ** 20);
  scope(() => {
    ones([2 ** 17]); // half of it
    let error: unknown;
    try {
      ones([2 ** 18]);
    } catch (thrown) {
      error = thrown;
    }
    expect(isOutOfMemory(error)).toBe(true);
    expect((error as Error).message).toContain("you tried to allocate 1048576 bytes");
  });
  setMemoryLimit(undefined);
  scope(() =>
    expect(
      ones([2 ** 18])
        .sum()
        .item(),
    ).toBe(2 ** 18),
  );
  expect(isOutOfMemory(new Error("no such file"))).toBe(false);
});
