// When the trainer steps, validates, logs and stops, held to what Lightning does with the same flags.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { golden as rows } from "../../tests/fixtures/golden-training.ts";
import { camelCaseKeys } from "../base/index.ts";
import { BaseModel } from "../contracts/index.ts";
import type { OptimizerSetup } from "../contracts/index.ts";
import { nn, noGrad, optim, tensor, utils } from "../torch/index.ts";
import type { Tensor } from "../torch/index.ts";
import { EarlyStopping, Trainer } from "./index.ts";
import type { Callback, EarlyStoppingConfig, TrainerOptions, TrainingLogger } from "./index.ts";

type Logged = [step: number, metrics: Record<string, number>][];

interface NetOptions {
  /** A kind, its options, and when it moves on. */
  schedule?: ["step" | "plateau", Record<string, number>, Record<string, unknown>];
  /** What the validations measure, one after the other. */
  planted?: number[];
  manual?: boolean;
  /** A batch without a loss. */
  skip?: number;
  /** Logs in every hook. */
  hooks?: boolean;
}

/** A case as tools/golden/lightning_steps.py writes it: what is asked for, and what Lightning makes of it. */
interface Case {
  flags?: TrainerOptions;
  net?: NetOptions;
  stopping?: Record<string, unknown>;
  /** @default 8 */
  rows?: number;
  weights: Record<string, number[][]>;
  rates: number[];
  validated: [step: number, loss: number][];
  logged: Logged;
  steps: number;
  epochs: number;
}

const notFinite: Record<string, number> = { nan: NaN, inf: Infinity };
const cases = JSON.parse(
  readFileSync(new URL("../../tests/goldens/trainer/steps.json", import.meta.url), "utf8"),
  (_, value: unknown) => (typeof value === "string" ? (notFinite[value] ?? value) : value),
) as Record<string, Case>;

type Rows = [Tensor, Tensor];

class Net extends BaseModel<NetOptions, Rows> {
  /** Validations so far. */
  seen = 0;

  constructor(options: NetOptions) {
    super(options);
    this.automaticOptimization = options.manual !== true;
    noGrad(() => {
      this.backbone.weight.copy_(tensor(rows.backbone));
      this.head.weight.copy_(tensor(rows.head));
    });
  }

  override buildModel(): nn.Sequential {
    return new nn.Sequential(
      new nn.Linear(2, 2, { bias: false }),
      new nn.Tanh(),
      new nn.Linear(2, 1, { bias: false }),
    );
  }

  get backbone(): nn.Linear {
    return [...this.model.children()][0] as nn.Linear;
  }

  get head(): nn.Linear {
    return [...this.model.children()][2] as nn.Linear;
  }

  override trainingStep([x, y]: Rows, index: number): Tensor | undefined {
    if (index === this.config.skip) return undefined;
    const loss = nn.functional.mseLoss(this.forward(x) as Tensor, y);
    if (this.config.skip !== undefined) return loss;
    this.log("by_step", loss);
    this.log("by_epoch", loss, { onStep: false, onEpoch: true });
    this.log("both", loss, { onStep: true, onEpoch: true });
    if (this.automaticOptimization) return loss;
    for (const optimizer of this.optimizers()) optimizer.zeroGrad();
    this.manualBackward(loss);
    for (const optimizer of this.optimizers()) optimizer.step();
    return undefined;
  }

  override validationStep([x, y]: Rows): void {
    this.log("val_loss", nn.functional.mseLoss(this.forward(x) as Tensor, y));
    this.log("val_rows", y.shape[0]!);
  }

  onTrainBatchStart(): void {
    this.#logIn("train_batch_start");
  }

  onAfterBackward(): void {
    this.#logIn("after_backward");
  }

  onBeforeOptimizerStep(): void {
    this.#logIn("before_optimizer_step");
  }

  onTrainBatchEnd(): void {
    this.#logIn("train_batch_end");
  }

  onTrainEpochEnd(): void {
    this.#logIn("train_epoch_end");
  }

  onValidationBatchEnd(): void {
    this.#logIn("validation_batch_end");
  }

  onValidationEpochEnd(): void {
    this.#logIn("validation_epoch_end");
    const { planted } = this.config;
    if (planted !== undefined) this.log("planted", planted[Math.min(this.seen++, planted.length - 1)]!);
  }

  override configureOptimizers(): OptimizerSetup {
    const { schedule } = this.config;
    if (!this.automaticOptimization)
      return [this.backbone, this.head].map((part) => new optim.SGD(part.parameters(), { lr: 0.1 }));
    const optimizer = new optim.SGD(this.parameters(), { lr: 0.1, momentum: 0.5 });
    if (schedule === undefined) return optimizer;
    const [kind, { step_size, ...options }, setup] = schedule;
    const scheduler =
      kind === "step"
        ? new optim.StepLR(optimizer, step_size!, options)
        : new optim.ReduceLROnPlateau(optimizer, options);
    return { optimizer, lrScheduler: { scheduler, ...setup } };
  }

  #logIn(hook: string): void {
    if (this.config.hooks === true) this.log(`at_${hook}`, this.globalStep);
  }
}

/** Runs that end within an epoch, which Lightning ends there: here it stays open, and a longer run goes on with it. */
const endWithin = new Set([
  "max_steps within an epoch",
  "accumulate_grad_batches with max_steps",
  "schedule by epochs with max_steps",
  "early stopping held back by min_steps",
  "manual optimisation with max_steps",
]);

/** Takes out of a case what Lightning does at the early end of an epoch. */
function withoutEnd({ steps, epochs, validated, logged, ...rest }: Case): Case {
  return {
    ...rest,
    steps,
    epochs: epochs - 1,
    validated: validated.filter(([step]) => step < steps),
    logged: logged.filter(([step, metrics]) => step < steps || "by_step" in metrics),
  };
}

/** Counts batches, as steps are here where the model itself steps: Lightning counts the steps of both optimizers. */
function inBatches({ flags, steps, validated, ...rest }: Case): Case {
  const { max_steps } = (flags ?? {}) as { max_steps?: number };
  return {
    ...rest,
    rates: [], // the hook of the optimizer's step is not called where the model itself steps
    flags: { ...flags, ...(max_steps !== undefined && { max_steps: max_steps / 2 }) } as TrainerOptions,
    steps: steps / 2,
    validated: validated.map(([step, loss]) => [step / 2, loss]),
  };
}

/** Puts what was logged at a step together: the trainer logs more often and more than Lightning. */
function byStep(logged: Logged, names: ReadonlySet<string>): Record<number, Record<string, number>> {
  const steps: Record<number, Record<string, number>> = {};
  for (const [step, metrics] of logged) {
    const known = Object.entries(metrics).filter(([name]) => names.has(name));
    if (known.length > 0) Object.assign((steps[step] ??= {}), Object.fromEntries(known));
  }
  return steps;
}

const rounded = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (_, item: unknown) =>
      typeof item === "number" ? (Number.isFinite(item) ? Number(item.toPrecision(5)) : String(item)) : item,
    ),
  );

test.each(Object.entries(cases))("%s", async (name, told) => {
  const inOurs = told.net?.manual === true ? inBatches(told) : told;
  const wanted = endWithin.has(name) ? withoutEnd(inOurs) : inOurs;
  const { flags, net = {}, stopping, rows: count = 8, ...expected } = wanted;
  const model = new Net(net);
  const logged: Logged = [];
  const memory: TrainingLogger = {
    name: "memory",
    logMetrics: (metrics, step) => void logged.push([step, { ...metrics }]),
  };
  const rates: number[] = [];
  const validated: Case["validated"] = [];
  const watcher: Callback = {
    name: "watcher",
    onBeforeOptimizerStep: (_run, optimizer) => void rates.push(optimizer.paramGroups[0]!.lr),
    onValidationEnd: ({ state }, metrics) => void validated.push([state.step, metrics["val_loss"]!]),
  };
  const trainer = new Trainer({
    maxEpochs: 3,
    logEveryNSteps: 1,
    numSanityValSteps: 0,
    enableCheckpointing: false,
    enableProgressBar: false,
    enableModelSummary: false,
    ...camelCaseKeys(flags ?? {}),
    logger: memory,
    callbacks: [
      watcher,
      ...(stopping === undefined
        ? []
        : [new EarlyStopping({ mode: "min", ...camelCaseKeys(stopping) } as unknown as EarlyStoppingConfig)]),
    ],
  });
  const [x, y] = [rows.x, rows.y].map((part) => [...part, ...part].slice(0, count));
  const data = { length: count, get: (i: number): Rows => [tensor(x![i]!), tensor(y![i]!)] };
  const { steps, epochs } = await trainer.fit(model, {
    trainDataloader: () => new utils.data.DataLoader(data, { batchSize: 2 }),
    valDataloader: () => new utils.data.DataLoader(data, { batchSize: 4 }),
  });
  const names = new Set(expected.logged.flatMap(([, metrics]) => Object.keys(metrics)));
  const weights = {
    "backbone.weight": model.backbone.weight.tolist(),
    "head.weight": model.head.weight.tolist(),
  };
  expect(rounded({ steps, epochs, rates, validated, logged: byStep(logged, names), weights })).toEqual(
    rounded({ ...expected, logged: byStep(expected.logged, names) }),
  );
});
