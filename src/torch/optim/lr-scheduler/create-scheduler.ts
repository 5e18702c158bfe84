// Schedulers by the names that configs use.
import { Registry, UsageError } from "../../../base/index.ts";
import { checkNames, checkNumber } from "../options.ts";
import type { Optimizer } from "../optimizer.ts";
import type { LRScheduler } from "./lr-scheduler.ts";
import { OneCycleLR } from "./one-cycle-lr.ts";
import type { OneCycleLROptions } from "./one-cycle-lr.ts";
import { ReduceLROnPlateau } from "./reduce-lr-on-plateau.ts";
import {
  getConstantSchedule,
  getConstantScheduleWithWarmup,
  getCosineScheduleWithWarmup,
  getCosineWithHardRestartsScheduleWithWarmup,
  getCosineWithMinLrScheduleWithWarmup,
  getInverseSqrtSchedule,
  getLinearScheduleWithWarmup,
  getPolynomialDecayScheduleWithWarmup,
  getWsdSchedule,
} from "./schedules.ts";
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
schedulers.register("step_lr", {
  options: ["stepSize", "gamma"],
  required: ["stepSize"],
  create: (optimizer, { stepSize, gamma }) => new StepLR(optimizer, stepSize, { gamma }),
});
schedulers.register("multi_step_lr", {
  options: ["milestones", "gamma"],
  required: ["milestones"],
  create: (optimizer, { milestones, gamma }) => new MultiStepLR(optimizer, milestones, { gamma }),
});
schedulers.register("exponential_lr", {
  options: ["gamma"],
  required: ["gamma"],
  create: (optimizer, { gamma }) => new ExponentialLR(optimizer, gamma),
});
schedulers.register("one_cycle", {
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
