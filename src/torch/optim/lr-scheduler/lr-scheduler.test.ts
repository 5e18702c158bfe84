// Learning rates against PyTorch and transformers. The golden file is written by tools/golden/optim_schedules.py.
import { readFileSync } from "node:fs";
import { beforeEach, describe, expect, test } from "vitest";
import { messagesOf } from "../../../../tests/mistakes.ts";
import { optim, tensor } from "../../index.ts";

type Recorded = { args: Record<string, any>; rates: number[][]; beta1?: number[] };

const golden = JSON.parse(
  readFileSync(new URL("../../../../tests/goldens/torch/optim-schedules.json", import.meta.url), "utf8"),
) as {
  metric: number[];
  classes: (Recorded & { scheduler: string })[];
  created: (Recorded & { name: string; warmup_steps: number })[];
  disturbed: number[][];
};

function makeOptimizer(): optim.AdamW {
  const [w, b] = [tensor([0], { requiresGrad: true }), tensor([0], { requiresGrad: true })];
  return new optim.AdamW([{ params: [w] }, { params: [b], lr: 0.02 }], { lr: 0.1 });
}

let optimizer = makeOptimizer();
beforeEach(() => {
  optimizer = makeOptimizer();
});

const makers: Record<string, (optimizer: optim.Optimizer, args: any) => optim.LRScheduler> = {
  LambdaLR: (optimizer) => new optim.LambdaLR(optimizer, (epoch) => 0.95 ** epoch),
  StepLR: (optimizer, { stepSize, ...options }) => new optim.StepLR(optimizer, stepSize, options),
  MultiStepLR: (optimizer, { milestones, ...options }) =>
    new optim.MultiStepLR(optimizer, milestones, options),
  ConstantLR: (optimizer, options) => new optim.ConstantLR(optimizer, options),
  LinearLR: (optimizer, options) => new optim.LinearLR(optimizer, options),
  ExponentialLR: (optimizer, { gamma }) => new optim.ExponentialLR(optimizer, gamma),
  PolynomialLR: (optimizer, options) => new optim.PolynomialLR(optimizer, options),
  CosineAnnealingLR: (optimizer, { tMax, ...options }) =>
    new optim.CosineAnnealingLR(optimizer, tMax, options),
  CosineAnnealingWarmRestarts: (optimizer, { t0, ...options }) =>
    new optim.CosineAnnealingWarmRestarts(optimizer, t0, options),
  OneCycleLR: (optimizer, { maxLr, ...options }) => new optim.OneCycleLR(optimizer, maxLr, options),
  ReduceLROnPlateau: (optimizer, options) => new optim.ReduceLROnPlateau(optimizer, options),
  SequentialLR: (optimizer, { restarts = false }) =>
    restarts ? restartsLast(optimizer) : sequential(optimizer),
  MultiplicativeLR: (optimizer) =>
    new optim.MultiplicativeLR(optimizer, (epoch) => (epoch % 3 === 0 ? 1.1 : 0.9)),
  CyclicLR: (optimizer, { baseLr, maxLr, ...options }) =>
    new optim.CyclicLR(optimizer, baseLr, maxLr, options),
  SWALR: (optimizer, { swaLr, ...options }) => new optim.swaUtils.SWALR(optimizer, swaLr, options),
  ChainedScheduler: (optimizer) => chained(optimizer),
  GreedyLR: (optimizer, options) => new optim.GreedyLR(optimizer, options),
};

function sequential(optimizer: optim.Optimizer): optim.SequentialLR {
  const first = new optim.LinearLR(optimizer, { startFactor: 0.1, totalIters: 8 });
  const second = new optim.CosineAnnealingLR(optimizer, 20);
  const third = new optim.ExponentialLR(optimizer, 0.8);
  return new optim.SequentialLR(optimizer, [first, second, third], [8, 28]);
}

function restartsLast(optimizer: optim.Optimizer): optim.SequentialLR {
  const first = new optim.ConstantLR(optimizer, { factor: 0.5, totalIters: 30 });
  const second = new optim.CosineAnnealingWarmRestarts(optimizer, 7);
  return new optim.SequentialLR(optimizer, [first, second], [10]);
}

function chained(optimizer: optim.Optimizer): optim.ChainedScheduler {
  const first = new optim.ConstantLR(optimizer, { factor: 0.5, totalIters: 7 });
  return new optim.ChainedScheduler([first, new optim.ExponentialLR(optimizer, 0.95)]);
}

function ratesOf(optimizer: optim.Optimizer): number[] {
  return optimizer.paramGroups.map(({ lr }) => lr);
}

function advance(scheduler: optim.LRScheduler, i: number): void {
  scheduler.step(scheduler.needsMetric ? golden.metric[i] : undefined);
}

/** Equal to 1e-12 of the value, or of the highest rate where a cosine cancels to almost nothing. */
function expectRates(actual: readonly number[], expected: readonly number[]): void {
  expect(actual.length).toBe(expected.length);
  actual.forEach((rate, i) => {
    const tolerance = 1e-12 * Math.max(Math.abs(expected[i]!), 1e-3);
    if (!(Math.abs(rate - expected[i]!) <= tolerance)) expect(rate).toBe(expected[i]);
  });
}

function expectCourse(scheduler: optim.LRScheduler, { rates, beta1 }: Recorded): void {
  expectRates(ratesOf(optimizer), rates[0]!);
  for (let i = 1; i < rates.length; i++) {
    advance(scheduler, i - 1);
    expectRates(ratesOf(optimizer), rates[i]!);
    expectRates(scheduler.getLastLr(), rates[i]!);
    if (beta1 !== undefined) expectRates([optimizer.paramGroups[0]!.betas[0]], [beta1[i]!]);
  }
  expect(scheduler.lastEpoch).toBe(rates.length - 1);
}

test("every recorded schedule is tested", () => {
  expect(golden.classes.length).toBe(31);
  expect(golden.created.length).toBe(31);
});

describe("classes give PyTorch's rates", () => {
  test.each(golden.classes)("$scheduler $args", (recorded) => {
    expectCourse(makers[recorded.scheduler]!(optimizer, optim.camelCaseKeys(recorded.args)), recorded);
  });
});

describe("schedules by name give the rates of transformers and PyTorch", () => {
  test.each(golden.created)("$name $args, warm-up $warmup_steps", (recorded) => {
    const scheduler = optim.createScheduler(recorded.name, optimizer, {
      ...optim.camelCaseKeys(recorded.args),
      warmupSteps: recorded.warmup_steps,
      trainingSteps: 50,
    });
    expectCourse(scheduler, recorded);
  });
});

describe("a scheduler goes on from its state", () => {
  test.each(golden.classes)("$scheduler $args", (recorded) => {
    const make = () => makers[recorded.scheduler]!(optimizer, optim.camelCaseKeys(recorded.args));
    const first = make();
    for (let i = 0; i < 20; i++) advance(first, i);
    // through JSON, as a checkpoint keeps it
    const saved = JSON.parse(
      JSON.stringify({ scheduler: first.stateDict(), groups: optimizer.stateDict().param_groups }),
    ) as { scheduler: optim.SchedulerStateDict; groups: optim.OptimizerStateDict["param_groups"] };

    optimizer = makeOptimizer();
    const second = make();
    second.loadStateDict(saved.scheduler);
    optimizer.loadStateDict({ state: {}, param_groups: saved.groups });
    expectRates(second.getLastLr(), recorded.rates[20]!);
    for (let i = 20; i < recorded.rates.length - 1; i++) {
      advance(second, i);
      expectRates(ratesOf(optimizer), recorded.rates[i + 1]!);
    }
  });
});

test("a sequence and a chain may be parts of a sequence", () => {
  const make = (kind: string) =>
    optim.createScheduler("SequentialLR", optimizer, {
      schedulers: [
        { name: "constant_lr", factor: 0.5, totalIters: 9 },
        {
          name: kind,
          schedulers: [
            { name: "exponential_lr", gamma: 0.5 },
            { name: "ConstantLR", factor: 0.1, totalIters: 9 },
          ],
          ...(kind === "sequential_lr" && { milestones: [2] }),
        },
      ],
      milestones: [3],
    });
  const course = (scheduler: optim.LRScheduler) =>
    Array.from({ length: 6 }, () => {
      scheduler.step();
      return scheduler.getLastLr()[0]!;
    });
  expectRates(course(make("sequential_lr")), [0.05, 0.05, 0.1, 0.05, 0.01, 0.01]);
  optimizer = makeOptimizer();
  expectRates(course(make("chained_scheduler")), [0.05, 0.05, 0.01, 0.005, 0.0025, 0.00125]);
});

test("every name of transformers' SchedulerType is known", () => {
  const names = [
    "linear",
    "cosine",
    "cosine_with_restarts",
    "polynomial",
    "constant",
    "constant_with_warmup",
  ];
  const others = ["inverse_sqrt", "reduce_lr_on_plateau", "cosine_with_min_lr", "cosine_warmup_with_min_lr"];
  for (const name of [...names, ...others, "warmup_stable_decay", "greedy"]) {
    expect(optim.schedulers.has(name)).toBe(true);
  }
});

test("Adafactor's own rates are shown, and left alone", () => {
  const w = tensor([[1, 1]], { requiresGrad: true }); // prettier-ignore
  const adafactor = new optim.TransformersAdafactor([w]);
  const scheduler = optim.getAdafactorSchedule(adafactor, 0.25);
  expect(scheduler.getLastLr()).toEqual([0.25]);
  w.sum().backward();
  adafactor.step();
  scheduler.step();
  expect(scheduler.getLastLr()).toEqual([adafactor.paramGroups[0]!.lr]);
  expect(scheduler.getLastLr()[0]).toBeCloseTo(0.01, 8);
  expect(() => new optim.StepLR(adafactor, 2)).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: StepLR: the optimizer must leave the rate to a schedule, got TransformersAdafactor, which sets its own. Use getAdafactorSchedule(), or make it with relativeStep: false.]`,
  );
});

test("a plateau without any metric yet survives JSON, which has no infinity", () => {
  const scheduler = new optim.ReduceLROnPlateau(optimizer, { mode: "max", patience: 0 });
  const saved = JSON.parse(JSON.stringify(scheduler.stateDict())) as optim.SchedulerStateDict;
  expect(saved["best"]).toBe(null);
  scheduler.loadStateDict(saved);
  expect(scheduler.best).toBe(-Infinity);
});

test("a rate changed from outside stays changed in the schedules that build on the present rate", () => {
  const scheduler = new optim.CosineAnnealingLR(optimizer, 20);
  golden.disturbed.forEach((expected, i) => {
    scheduler.step();
    if (i === 5) optimizer.paramGroups[0]!.lr *= 0.5;
    expectRates(ratesOf(optimizer), expected);
  });
});

test("a scheduler made at a later epoch goes on from the initial rates", () => {
  for (const group of optimizer.paramGroups) group.initialLr = 1;
  const scheduler = new optim.LambdaLR(optimizer, (epoch) => 1 / (1 + epoch), { lastEpoch: 3 });
  expect(scheduler.getLastLr()).toEqual([0.2, 0.2]);
});

test("a metric that is not a number counts as no improvement", () => {
  const scheduler = new optim.ReduceLROnPlateau(optimizer, { patience: 1, factor: 0.5 });
  for (const loss of [1, NaN, NaN]) scheduler.step(loss);
  expect(ratesOf(optimizer)).toEqual([0.05, 0.01]);
});

test("state dicts have PyTorch's names", () => {
  expect(new optim.CosineAnnealingLR(optimizer, 9).stateDict()).toEqual({
    base_lrs: [0.1, 0.02],
    last_epoch: 0,
    _step_count: 1,
    _last_lr: [0.1, 0.02],
    T_max: 9,
    eta_min: 0,
  });
  expect(new optim.LambdaLR(makeOptimizer(), () => 1).stateDict()["lr_lambdas"]).toEqual([null, null]);
});

test("the state handed out is a copy", () => {
  const scheduler = new optim.StepLR(optimizer, 2);
  (scheduler.stateDict()["base_lrs"] as number[])[0] = 99;
  scheduler.getLastLr()[0] = 99;
  expect(scheduler.baseLrs[0]).toBe(0.1);
  expect(scheduler.getLastLr()[0]).toBe(0.1);
});

test("mistakes are named", () => {
  const step = () => new optim.StepLR(optimizer, 2);
  const stepped = (scheduler: optim.LRScheduler, times: number) => {
    for (let i = 0; i < times; i++) scheduler.step();
  };
  const create = (name: string, options: optim.SchedulerOptions) =>
    optim.createScheduler(name, optimizer, options);
  const mistakes: (() => unknown)[] = [
    () => create("liner", {}),
    () => create("cosine", { trainingSteps: 9, numCycle: 1 }),
    () => create("linear", { warmupSteps: 5 }),
    () => create("linear", { warmupSteps: 0.1, trainingSteps: 5 }),
    () => create("linear", { trainingSteps: 0 }),
    () => create("constant", { warmupSteps: 5 }),
    () => create("one_cycle", {}),
    () => create("cosine_with_min_lr", { trainingSteps: 5, minLr: 0, minLrRate: 0 }),
    () => create("cosine_with_min_lr", { trainingSteps: 5, minLr: 1 }),
    () => create("polynomial", { trainingSteps: 5, lrEnd: 1 }),
    () => create("warmup_stable_decay", { trainingSteps: 5, numDecaySteps: 9 }),
    () => new optim.StepLR(optimizer, 0),
    () => new optim.LinearLR(optimizer, { startFactor: 2 }),
    () => new optim.LambdaLR(optimizer, [() => 1]),
    () => new optim.CosineAnnealingLR(optimizer, NaN),
    () => new optim.OneCycleLR(optimizer, 1, { totalSteps: 5, annealStrategy: "sine" as "cos" }),
    () => new optim.OneCycleLR(optimizer, [1, 2, 3], { totalSteps: 5 }),
    () => stepped(new optim.OneCycleLR(optimizer, 1, { totalSteps: 2 }), 3),
    () => new optim.ReduceLROnPlateau(optimizer).step(),
    () => new optim.ReduceLROnPlateau(optimizer, { factor: 1 }),
    () => new optim.StepLR(makeOptimizer(), 2, { lastEpoch: 3 }),
    () => new optim.CosineAnnealingLR(optimizer, 5).loadStateDict(step().stateDict()),
    () => new optim.LambdaLR(optimizer, () => 1).loadStateDict(step().stateDict()),
    () => step().loadStateDict({ ...step().stateDict(), base_lrs: [1] }),
    () => new optim.SequentialLR(optimizer, [step(), step(), step()], [5, 5]),
    () => new optim.SequentialLR(optimizer, [step(), step()], []),
    () => new optim.SequentialLR(optimizer, [step(), new optim.StepLR(makeOptimizer(), 2)], [5]),
    () => new optim.SequentialLR(optimizer, [step(), new optim.ReduceLROnPlateau(optimizer)], [5]),
    () => new optim.ChainedScheduler([]),
    () => new optim.ChainedScheduler([step(), new optim.GreedyLR(optimizer)]),
    () => chained(optimizer).loadStateDict(new optim.ChainedScheduler([step()]).stateDict()),
    () => new optim.MultiplicativeLR(optimizer, [() => 1]),
    () => new optim.CyclicLR(optimizer, 0.1, [1], {}),
    () => new optim.CyclicLR(optimizer, 0.1, 1, { mode: "square" as "exp_range" }),
    () => new optim.CyclicLR(new optim.Rprop([tensor([0])]), 0.1, 1),
    () => new optim.GreedyLR(optimizer, { factor: 1 }),
    () => new optim.GreedyLR(optimizer).step(),
    () => new optim.swaUtils.SWALR(optimizer, 0.1, { annealEpochs: -1 }),
    () => create("sequential_lr", { schedulers: [{ name: "liner" }], milestones: [] }),
    () => create("cosine_warmup_with_min_lr", { trainingSteps: 5 }),
    () => sequential(optimizer).loadStateDict(restartsLast(makeOptimizer()).stateDict()),
  ];
  expect(messagesOf(mistakes)).toMatchInlineSnapshot(`
    "UsageError: scheduler: unknown name "liner". Did you mean "linear"? Valid: chained_scheduler, constant, constant_lr, constant_with_warmup, cosine, cosine_annealing_lr, cosine_annealing_warm_restarts, cosine_warmup_with_min_lr, cosine_with_min_lr, cosine_with_restarts, cyclic_lr, exponential_lr, greedy, inverse_sqrt, lambda_lr, linear, linear_lr, multi_step_lr, multiplicative_lr, one_cycle, polynomial, polynomial_lr, reduce_lr_on_plateau, sequential_lr, step_lr, warmup_stable_decay.
    UsageError: scheduler "cosine": unknown option "numCycle". Did you mean "numCycles"? Valid: numCycles.
    UsageError: scheduler "linear": trainingSteps must be given, got nothing.
    UsageError: scheduler "linear": warmupSteps must be a whole number >= 0, got 0.1.
    UsageError: getLinearScheduleWithWarmup: numTrainingSteps must be a whole number >= 1, got 0.
    UsageError: scheduler "constant": has no warm-up, got warmupSteps=5. Set it to 0, or use constant_with_warmup, cosine, cosine_warmup_with_min_lr, cosine_with_min_lr, cosine_with_restarts, inverse_sqrt, linear, polynomial, warmup_stable_decay.
    UsageError: OneCycleLR: totalSteps must be a whole number >= 1, got undefined.
    UsageError: getCosineWithMinLrScheduleWithWarmup: give minLr or minLrRate, got both.
    UsageError: getCosineWithMinLrScheduleWithWarmup: minLr / lr must be a number >= 0 and <= 1, got 10.
    UsageError: getPolynomialDecayScheduleWithWarmup: lrEnd must be a number >= 0 and < 0.1, got 1.
    UsageError: getWsdSchedule: numTrainingSteps - numWarmupSteps - numDecaySteps must be a whole number >= 0, got -4.
    UsageError: StepLR: stepSize must be a whole number >= 1, got 0.
    UsageError: LinearLR: startFactor must be a number > 0 and <= 1, got 2.
    UsageError: LambdaLR: lrLambda must have one function for each of 2 groups, got 1.
    UsageError: CosineAnnealingLR: tMax must be a whole number >= 1, got NaN.
    UsageError: OneCycleLR: annealStrategy must be one of "cos", "linear", got "sine".
    UsageError: OneCycleLR: maxLr must be one number or 2, one for each group, got 3.
    UsageError: OneCycleLR: the cycle has 2 steps, got step 3. Set totalSteps to all updates of the run.
    UsageError: ReduceLROnPlateau.step: the metric must be a number, got undefined. Write scheduler.step(loss).
    UsageError: ReduceLROnPlateau: factor must be a number >= 0 and < 1, got 1.
    UsageError: StepLR: group 0 must have initialLr to go on from epoch 3, got none. Load the optimizer's state first, or leave lastEpoch out.
    UsageError: CosineAnnealingLR.loadStateDict: the state must have T_max, eta_min, got base_lrs, last_epoch, _step_count, _last_lr, step_size, gamma. Load the state of the same kind of scheduler.
    UsageError: LambdaLR.loadStateDict: the state must have lr_lambdas, got base_lrs, last_epoch, _step_count, _last_lr, step_size, gamma. Load the state of the same kind of scheduler.
    UsageError: StepLR.loadStateDict: base_lrs must be like [0.04,0.04], got [1]. Load the state of a scheduler over the same groups.
    UsageError: SequentialLR: milestones[1] must be a whole number > 5, got 5.
    UsageError: SequentialLR: milestones must be one fewer than schedulers, got 0 and 2.
    UsageError: SequentialLR: scheduler 1 must be over the same optimizer, got another one.
    UsageError: SequentialLR: scheduler 1 must not need a metric, got ReduceLROnPlateau. Step it by itself.
    UsageError: ChainedScheduler: schedulers must have at least one, got none.
    UsageError: ChainedScheduler: scheduler 1 must not need a metric, got GreedyLR. Step it by itself.
    UsageError: ChainedScheduler.loadStateDict: the state must have 2 schedulers, got 1. Load the state of the same chain.
    UsageError: MultiplicativeLR: lrLambda must have one function for each of 2 groups, got 1.
    UsageError: CyclicLR: maxLr must be one number or 2, one for each group, got 1.
    UsageError: CyclicLR: mode must be one of "triangular", "triangular2", "exp_range", got "square".
    UsageError: CyclicLR: cycleMomentum needs an optimizer with momentum or betas, got Rprop. Set cycleMomentum: false.
    UsageError: GreedyLR: factor must be a number > 0 and < 1, got 1.
    UsageError: GreedyLR.step: the metric must be a number, got undefined. Write scheduler.step(loss).
    UsageError: SWALR: annealEpochs must be a whole number >= 0, got -1.
    UsageError: scheduler: unknown name "liner". Did you mean "linear"? Valid: chained_scheduler, constant, constant_lr, constant_with_warmup, cosine, cosine_annealing_lr, cosine_annealing_warm_restarts, cosine_warmup_with_min_lr, cosine_with_min_lr, cosine_with_restarts, cyclic_lr, exponential_lr, greedy, inverse_sqrt, lambda_lr, linear, linear_lr, multi_step_lr, multiplicative_lr, one_cycle, polynomial, polynomial_lr, reduce_lr_on_plateau, sequential_lr, step_lr, warmup_stable_decay.
    UsageError: getCosineWithMinLrScheduleWithWarmupLrRate: give minLr or minLrRate, got neither.
    UsageError: SequentialLR.loadStateDict: the state must have 3 schedulers, got 2. Load the state of the same sequence."
  `);
});

const kindsByGroup: Record<string, (optimizer: optim.Optimizer) => optim.LRScheduler> = {
  lambda: (optimizer) => new optim.LambdaLR(optimizer, (epoch) => 0.5 ** epoch),
  multiplicative: (optimizer) => new optim.MultiplicativeLR(optimizer, () => 0.5),
  linear: (optimizer) => optim.getLinearScheduleWithWarmup(optimizer, 0, 4),
  cosine: (optimizer) => new optim.CosineAnnealingWarmRestarts(optimizer, 4),
  cyclic: (optimizer) => new optim.CyclicLR(optimizer, 0.1, 1, { stepSizeUp: 3 }),
  one_cycle: (optimizer) => new optim.OneCycleLR(optimizer, 1, { totalSteps: 8 }),
};

test.each(Object.entries(kindsByGroup))(
  "%s leaves a group that is added later at its own rate, and the others on their way",
  (_, make) => {
    const [alone, joined] = [0, 1].map(() => new optim.SGD([tensor([0])], { lr: 1, momentum: 0.5 })) as [
      optim.SGD,
      optim.SGD,
    ];
    const [expected, scheduler] = [make(alone), make(joined)];
    for (let epoch = 0; epoch < 4; epoch++) {
      if (epoch === 2) joined.addParamGroup({ params: [tensor([0])], lr: 0.03 });
      expected.step();
      scheduler.step();
      expect(joined.paramGroups[0]!.lr).toBe(alone.paramGroups[0]!.lr);
    }
    expect(scheduler.getLastLr()).toEqual([...expected.getLastLr(), 0.03]);
    const again = new optim.SGD([tensor([0])], { lr: 1, momentum: 0.5 });
    const restored = make(again);
    again.addParamGroup({ params: [tensor([0])] });
    again.loadStateDict(joined.stateDict());
    restored.loadStateDict(scheduler.stateDict());
    expected.step();
    restored.step();
    expect(restored.getLastLr()).toEqual([...expected.getLastLr(), 0.03]);
  },
);
