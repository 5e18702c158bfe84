// Optimizers and their schedules: as a config says, or as a model configures them itself.
import { UsageError } from "../base/index.ts";
import { metricMode } from "../config/index.ts";
import type { UseCaseConfig } from "../config/index.ts";
import { optimizersOf } from "../contracts/index.ts";
import type { ITrainable, OptimizerWithScheduler } from "../contracts/index.ts";
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
    for (const { optimizer } of pairs) {
      if (optimizer instanceof optim.Optimizer) continue;
      throw new UsageError(
        `${model.constructor.name}.configureOptimizers: must return optimizers, or { optimizer, lrScheduler }, got ${String(optimizer)}.`,
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
  const { scheduler, interval = "epoch", monitor } = "scheduler" in given ? given : { scheduler: given };
  const isPlateau = scheduler instanceof optim.ReduceLROnPlateau;
  return new Schedule(scheduler, { interval, monitor: isPlateau ? (monitor ?? "val_loss") : undefined });
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
  return new Schedule(scheduler, { interval, monitor });
}
