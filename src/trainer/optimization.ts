// Optimizers and their schedules: as a config says, or as a model configures them itself.
import { UsageError, suggestion } from "../base/index.ts";
import { metricMode } from "../config/index.ts";
import type { UseCaseConfig } from "../config/index.ts";
import { optimizersOf } from "../contracts/index.ts";
import type { ITrainable, OptimizerWithScheduler, SchedulerSetup } from "../contracts/index.ts";
import { nn, optim } from "../torch/index.ts";
import { Schedule } from "./schedule.ts";

/** What moves the weights. */
export interface Optimization {
  optimizers: readonly optim.Optimizer[];
  schedules: readonly Schedule[];
}

/** Makes what moves the weights of a model, for a run of so many steps. */
export type MakeOptimization = (model: nn.Module, trainingSteps: number) => Optimization;

/** Makes the optimizer and schedule that a config describes. */
export function configuredOptimization({
  optimizer,
  scheduler,
}: Pick<UseCaseConfig, "optimizer" | "scheduler">): MakeOptimization {
  return (model, trainingSteps) => {
    const built = buildOptimizer(model, optimizer);
    if (built.paramGroups.every((group) => built.updatesRows(group))) gradientsByRows(model);
    return { optimizers: [built], schedules: [buildSchedule(scheduler, built, trainingSteps)] };
  };
}

/** Takes the optimizers and schedules that a model configures. */
export function ownOptimization(model: ITrainable): MakeOptimization {
  return () => {
    const pairs = optimizersOf(model.configureOptimizers());
    const { automaticOptimization } = model as { automaticOptimization?: boolean };
    if (automaticOptimization !== false && pairs.length > 1) {
      throw new UsageError(
        `${model.constructor.name}.configureOptimizers: returns ${pairs.length} optimizers, and the trainer steps one. Set automaticOptimization = false, and step them in trainingStep.`,
      );
    }
    for (const pair of pairs) {
      refuseUnknown(pair, ["optimizer", "lrScheduler"]);
      if (pair.optimizer instanceof optim.Optimizer) continue;
      throw new UsageError(
        `${model.constructor.name}.configureOptimizers: must return optimizers, or { optimizer, lrScheduler }, got ${String(pair.optimizer)}.`,
      );
    }
    return {
      optimizers: pairs.map(({ optimizer }) => optimizer),
      schedules: pairs.flatMap(({ lrScheduler }) =>
        lrScheduler === undefined ? [] : [ownSchedule(lrScheduler)],
      ),
    };
  };
}

function ownSchedule(given: NonNullable<OptimizerWithScheduler["lrScheduler"]>): Schedule {
  const setup: SchedulerSetup = "scheduler" in given ? given : { scheduler: given };
  refuseUnknown(setup, ["scheduler", "interval", "frequency", "monitor", "strict"]);
  const { scheduler, interval = "epoch", frequency = 1, monitor = "val_loss", strict = true } = setup;
  if (!["epoch", "step"].includes(interval))
    throw new UsageError(`configureOptimizers: interval must be "epoch" or "step", got "${interval}".`);
  if (!Number.isInteger(frequency) || frequency < 1)
    throw new UsageError(
      `configureOptimizers: frequency must be an integer of at least 1, got ${frequency}.`,
    );
  const isPlateau = scheduler instanceof optim.ReduceLROnPlateau || scheduler instanceof optim.GreedyLR;
  return new Schedule(scheduler, {
    interval,
    frequency,
    strict,
    monitor: isPlateau ? monitor : undefined,
  });
}

function refuseUnknown(given: object, keys: readonly string[]): void {
  const unknown = Object.keys(given).find((key) => !keys.includes(key));
  if (unknown !== undefined)
    throw new UsageError(`configureOptimizers: unknown key "${unknown}". ${suggestion(unknown, keys)}`);
}

function buildOptimizer(model: nn.Module, config: UseCaseConfig["optimizer"]): optim.Optimizer {
  // every kernel here is fused; some optimizers have no weight decay
  const { name, no_decay, fused: _, ...options } = { fused: true, no_decay: false, ...config };
  const trained = [...model.namedParameters()].filter(([, parameter]) => parameter.requiresGrad);
  if (trained.length === 0)
    throw new UsageError("optimizer: the model has no weights to train. Set model.freeze to less.");
  const plain = new Set(no_decay ? undecayed(model) : []);
  const groups = [
    { params: trained.flatMap(([, p]) => (plain.has(p) ? [] : [p])) },
    { params: trained.flatMap(([, p]) => (plain.has(p) ? [p] : [])), weightDecay: 0 },
  ].filter(({ params }) => params.length > 0);
  return optim.createOptimizer(name, groups, optim.camelCaseKeys(options));
}

const largeTable = 4096;

/** Keeps gradients and state of large embeddings to the rows that batches look up; the results are the same. */
function gradientsByRows(model: nn.Module): void {
  for (const module of model.modules()) {
    if (module instanceof nn.Embedding && module.numEmbeddings >= largeTable) module.sparse = true;
  }
}

/** Weights that Hugging Face leaves out of weight decay: biases and those of LayerNorms. */
function undecayed(model: nn.Module): nn.Parameter[] {
  const norms = [...model.modules()].flatMap((module) =>
    module instanceof nn.LayerNorm ? module.parameters() : [],
  );
  const biases = [...model.namedParameters()].flatMap(([name, parameter]) =>
    name.endsWith("bias") ? [parameter] : [],
  );
  return [...norms, ...biases];
}

function buildSchedule(
  config: UseCaseConfig["scheduler"],
  optimizer: optim.Optimizer,
  trainingSteps: number,
): Schedule {
  const { name, ...rest } = config;
  const {
    interval = "step",
    monitor,
    mode,
    warmup_ratio,
    warmup_steps,
    ...options
  } = rest as Record<string, unknown> & {
    interval?: "epoch" | "step";
    monitor?: string;
    mode?: "min" | "max";
    warmup_ratio?: number;
    warmup_steps?: number;
  };
  // as transformers counts it: a share is rounded up
  const warmupSteps =
    warmup_steps ?? (warmup_ratio === undefined ? 0 : Math.ceil(warmup_ratio * trainingSteps));
  const plateau = monitor === undefined ? {} : { mode: mode ?? metricMode(monitor) ?? "min" };
  const scheduler = optim.createScheduler(name, optimizer, {
    ...optim.camelCaseKeys(options),
    ...plateau,
    warmupSteps,
    trainingSteps,
  });
  return new Schedule(scheduler, { interval: monitor === undefined ? interval : "validation", monitor });
}
