// Schedulers by the names that configs use.
import { Registry, UsageError } from "../../../base/index.ts";
import { checkNames, checkNumber } from "../options.ts";
import type { Optimizer } from "../optimizer.ts";
import type { LRScheduler } from "./lr-scheduler.ts";
import { ChainedScheduler } from "./chained-scheduler.ts";
import { CosineAnnealingLR, CosineAnnealingWarmRestarts } from "./cosine-lr.ts";
import { CyclicLR } from "./cyclic-lr.ts";
import { GreedyLR } from "./greedy-lr.ts";
import { LambdaLR, MultiplicativeLR } from "./lambda-lr.ts";
import { ConstantLR, LinearLR, PolynomialLR } from "./linear-lr.ts";
import { OneCycleLR } from "./one-cycle-lr.ts";
import type { OneCycleLROptions } from "./one-cycle-lr.ts";
import { ReduceLROnPlateau } from "./reduce-lr-on-plateau.ts";
import {
  getConstantSchedule,
  getConstantScheduleWithWarmup,
  getCosineScheduleWithWarmup,
  getCosineWithHardRestartsScheduleWithWarmup,
  getCosineWithMinLrScheduleWithWarmup,
  getCosineWithMinLrScheduleWithWarmupLrRate,
  getInverseSqrtSchedule,
  getLinearScheduleWithWarmup,
  getPolynomialDecayScheduleWithWarmup,
  getWsdSchedule,
} from "./schedules.ts";
import { SequentialLR } from "./sequential-lr.ts";
import { ExponentialLR, MultiStepLR, StepLR } from "./step-lr.ts";

/** What a run knows of itself, and the options of one kind of scheduler. */
export interface SchedulerOptions {
  /** Updates in which the rate rises. @default 0 */
  warmupSteps?: number;
  /** Updates in the whole run. */
  trainingSteps?: number;
  [option: string]: unknown;
}

/** One kind of scheduler in the registry. */
export interface SchedulerKind {
  /** Names of its options beside `warmupSteps` and `trainingSteps`. */
  options: readonly string[];
  /** Names of those that must be given; `trainingSteps` among them where the schedule has an end. */
  required?: readonly string[];
  /** Whether it can raise the rate at the start. @default false */
  warmup?: boolean;
  /** Makes it; `warmupSteps` is a number, and names are checked. */
  create(optimizer: Optimizer, options: any): LRScheduler;
}

/** Kinds of schedulers by name; register one to use it in a config. */
export const schedulers = new Registry<SchedulerKind>("scheduler");

/**
 * Makes a scheduler by the name that configs use. Throws for an option that the kind does not have, also for
 * a warm-up that it cannot do.
 *
 * @example
 * const optimizer = new optim.AdamW([torch.ones([1])], { lr: 1 });
 * const scheduler = optim.createScheduler("linear", optimizer, { warmupSteps: 2, trainingSteps: 10 });
 * scheduler.step();
 * scheduler.getLastLr(); // => [0.5]
 */
export function createScheduler(
  name: string,
  optimizer: Optimizer,
  options: SchedulerOptions = {},
): LRScheduler {
  const kind = schedulers.get(name);
  const where = `scheduler "${name}"`;
  const { warmupSteps = 0, trainingSteps: _, ...specific } = options;
  checkNames(where, specific, kind.options);
  checkNumber(where, "warmupSteps", warmupSteps, { min: 0, integer: true });
  if (warmupSteps > 0 && kind.warmup !== true) {
    throw new UsageError(
      `${where}: has no warm-up, got warmupSteps=${warmupSteps}. Set it to 0, or use ${warmingKinds().join(", ")}.`,
    );
  }
  for (const required of kind.required ?? []) {
    if (options[required] === undefined)
      throw new UsageError(`${where}: ${required} must be given, got nothing.`);
  }
  return kind.create(optimizer, { ...options, warmupSteps });
}

function warmingKinds(): string[] {
  return schedulers.names().filter((name) => schedulers.get(name).warmup === true);
}

/** Registers a scheduler of torch.optim under its snake_case name, and under that of its class. */
function registerTorch(name: string, className: string, kind: SchedulerKind): void {
  schedulers.register(name, kind, [className]);
}

/** What `sequential_lr` and `chained_scheduler` are made of: a scheduler by name, with its options. */
type SchedulerPart = SchedulerOptions & { name: string };

function createParts(
  optimizer: Optimizer,
  parts: readonly SchedulerPart[],
  trainingSteps: number | undefined,
): LRScheduler[] {
  return parts.map(({ name, ...options }) =>
    createScheduler(name, optimizer, { ...(trainingSteps !== undefined && { trainingSteps }), ...options }),
  );
}

const withEnd = { warmup: true, required: ["trainingSteps"] } as const;

schedulers.register("linear", {
  ...withEnd,
  options: [],
  create: (optimizer, { warmupSteps, trainingSteps }) =>
    getLinearScheduleWithWarmup(optimizer, warmupSteps, trainingSteps),
});
schedulers.register("cosine", {
  ...withEnd,
  options: ["numCycles"],
  create: (optimizer, { warmupSteps, trainingSteps, ...options }) =>
    getCosineScheduleWithWarmup(optimizer, warmupSteps, trainingSteps, options),
});
schedulers.register("cosine_with_restarts", {
  ...withEnd,
  options: ["numCycles"],
  create: (optimizer, { warmupSteps, trainingSteps, ...options }) =>
    getCosineWithHardRestartsScheduleWithWarmup(optimizer, warmupSteps, trainingSteps, options),
});
schedulers.register("cosine_with_min_lr", {
  ...withEnd,
  options: ["numCycles", "minLr", "minLrRate"],
  create: (optimizer, { warmupSteps, trainingSteps, ...options }) =>
    getCosineWithMinLrScheduleWithWarmup(optimizer, warmupSteps, trainingSteps, options),
});
schedulers.register("cosine_warmup_with_min_lr", {
  ...withEnd,
  options: ["numCycles", "minLr", "minLrRate", "warmupLrRate"],
  create: (optimizer, { warmupSteps, trainingSteps, ...options }) =>
    getCosineWithMinLrScheduleWithWarmupLrRate(optimizer, warmupSteps, trainingSteps, options),
});
schedulers.register("polynomial", {
  ...withEnd,
  options: ["lrEnd", "power"],
  create: (optimizer, { warmupSteps, trainingSteps, ...options }) =>
    getPolynomialDecayScheduleWithWarmup(optimizer, warmupSteps, trainingSteps, options),
});
schedulers.register("warmup_stable_decay", {
  warmup: true,
  required: ["numDecaySteps"],
  options: ["numDecaySteps", "numStableSteps", "warmupType", "decayType", "minLrRatio", "numCycles"],
  create: (optimizer, { warmupSteps, trainingSteps, numDecaySteps, ...options }) =>
    getWsdSchedule(optimizer, warmupSteps, numDecaySteps, {
      ...options,
      // the stable steps, where given, say where the decay starts
      ...(options.numStableSteps === undefined && { numTrainingSteps: trainingSteps }),
    }),
});
schedulers.register("constant", { options: [], create: (optimizer) => getConstantSchedule(optimizer) });
schedulers.register("constant_with_warmup", {
  warmup: true,
  options: [],
  create: (optimizer, { warmupSteps }) => getConstantScheduleWithWarmup(optimizer, warmupSteps),
});
schedulers.register("inverse_sqrt", {
  warmup: true,
  options: ["timescale"],
  create: (optimizer, { warmupSteps, timescale }) =>
    getInverseSqrtSchedule(optimizer, warmupSteps, timescale === undefined ? {} : { timescale }),
});
schedulers.register("reduce_lr_on_plateau", {
  options: ["mode", "factor", "patience", "threshold", "thresholdMode", "cooldown", "minLr", "eps"],
  create: (optimizer, options) => new ReduceLROnPlateau(optimizer, options),
});
schedulers.register("greedy", {
  options: [
    "mode",
    "factor",
    "patience",
    "threshold",
    "thresholdMode",
    "cooldown",
    "warmup",
    "minLr",
    "maxLr",
    "eps",
    "smooth",
    "windowSize",
    "resetStart",
  ],
  create: (optimizer, options) => new GreedyLR(optimizer, options),
});
registerTorch("step_lr", "StepLR", {
  options: ["stepSize", "gamma"],
  required: ["stepSize"],
  create: (optimizer, { stepSize, gamma }) => new StepLR(optimizer, stepSize, { gamma }),
});
registerTorch("multi_step_lr", "MultiStepLR", {
  options: ["milestones", "gamma"],
  required: ["milestones"],
  create: (optimizer, { milestones, gamma }) => new MultiStepLR(optimizer, milestones, { gamma }),
});
registerTorch("exponential_lr", "ExponentialLR", {
  options: ["gamma"],
  required: ["gamma"],
  create: (optimizer, { gamma }) => new ExponentialLR(optimizer, gamma),
});
registerTorch("constant_lr", "ConstantLR", {
  options: ["factor", "totalIters"],
  create: (optimizer, options) => new ConstantLR(optimizer, options),
});
registerTorch("linear_lr", "LinearLR", {
  options: ["startFactor", "endFactor", "totalIters"],
  create: (optimizer, options) => new LinearLR(optimizer, options),
});
registerTorch("polynomial_lr", "PolynomialLR", {
  options: ["totalIters", "power"],
  create: (optimizer, options) => new PolynomialLR(optimizer, options),
});
registerTorch("cosine_annealing_lr", "CosineAnnealingLR", {
  options: ["tMax", "etaMin"],
  required: ["tMax"],
  create: (optimizer, { tMax, ...options }) => new CosineAnnealingLR(optimizer, tMax, options),
});
registerTorch("cosine_annealing_warm_restarts", "CosineAnnealingWarmRestarts", {
  options: ["t0", "tMult", "etaMin"],
  required: ["t0"],
  create: (optimizer, { t0, ...options }) => new CosineAnnealingWarmRestarts(optimizer, t0, options),
});
registerTorch("cyclic_lr", "CyclicLR", {
  options: [
    "baseLr",
    "maxLr",
    "stepSizeUp",
    "stepSizeDown",
    "mode",
    "gamma",
    "scaleFn",
    "scaleMode",
    "cycleMomentum",
    "baseMomentum",
    "maxMomentum",
  ],
  required: ["baseLr", "maxLr"],
  create: (optimizer, { baseLr, maxLr, ...options }) => new CyclicLR(optimizer, baseLr, maxLr, options),
});
registerTorch("lambda_lr", "LambdaLR", {
  options: ["lrLambda"],
  required: ["lrLambda"],
  create: (optimizer, { lrLambda }) => new LambdaLR(optimizer, lrLambda),
});
registerTorch("multiplicative_lr", "MultiplicativeLR", {
  options: ["lrLambda"],
  required: ["lrLambda"],
  create: (optimizer, { lrLambda }) => new MultiplicativeLR(optimizer, lrLambda),
});
registerTorch("sequential_lr", "SequentialLR", {
  options: ["schedulers", "milestones"],
  required: ["schedulers", "milestones"],
  create: (optimizer, { schedulers: parts, milestones, trainingSteps }) =>
    new SequentialLR(optimizer, createParts(optimizer, parts, trainingSteps), milestones),
});
registerTorch("chained_scheduler", "ChainedScheduler", {
  options: ["schedulers"],
  required: ["schedulers"],
  create: (optimizer, { schedulers: parts, trainingSteps }) =>
    new ChainedScheduler(createParts(optimizer, parts, trainingSteps)),
});
registerTorch("one_cycle", "OneCycleLR", {
  options: [
    "maxLr",
    "totalSteps",
    "pctStart",
    "annealStrategy",
    "cycleMomentum",
    "baseMomentum",
    "maxMomentum",
    "divFactor",
    "finalDivFactor",
    "threePhase",
  ],
  create(optimizer, { maxLr, trainingSteps, totalSteps = trainingSteps, ...options }) {
    const peaks = (maxLr ?? optimizer.paramGroups.map((group) => group.lr)) as number | number[];
    return new OneCycleLR(optimizer, peaks, { ...options, totalSteps } as OneCycleLROptions);
  },
});
