// Lightning's Trainer: fits, validates, tests and asks a module to predict, on the batches of a data module.
import { realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { UsageError, terminalProgress } from "../base/index.ts";
import type { ProgressListener } from "../base/index.ts";
import { loadTrainerOptions } from "../config/index.ts";
import type { ProfilerName, ProfilerOptions, TrainerFlagOptions, TrainerFlags } from "../config/index.ts";
import { registry, requireCallback } from "../contracts/index.ts";
import type { BatchLoader, DataModule, DataStage, Strategy } from "../contracts/index.ts";
import { dispose, setDetectAnomaly, setNumThreads } from "../torch/index.ts";
import { barebonesOptions } from "./barebones.ts";
import { BatchSizeFinder } from "./callbacks/batch-size-finder.ts";
import { byMonitoring } from "./callbacks/callback.ts";
import type { Callback } from "./callbacks/callback.ts";
import { ModelCheckpoint } from "./callbacks/model-checkpoint.ts";
import { loadWeights, newestCheckpoint, verifyCheckpoint } from "./checkpoint.ts";
import { EvalLoaders } from "./eval-loaders.ts";
import { evaluate } from "./evaluate.ts";
import { countBatches, countTrainBatches } from "./batch-limits.ts";
import type { LimitFlag } from "./batch-limits.ts";
import { fit } from "./fit.ts";
import type { FitResult } from "./fit.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { LoggerCollection } from "./loggers/logger.ts";
import type { TrainingLogger } from "./loggers/logger.ts";
import { loggersOf, loggersState } from "./loggers/loggers-state.ts";
import { judge } from "./judge.ts";
import { LoaderSource, ModuleTask } from "./module-task.ts";
import { ownOptimization } from "./optimization.ts";
import type { MakeOptimization } from "./optimization.ts";
import { castWeights } from "./precision.ts";
import { predict } from "./predict.ts";
import { makeProfiler } from "./profilers/make-profiler.ts";
import { refuseSameLoader } from "./reloaded.ts";
import type { LimitedLoader } from "./reloaded.ts";
import { profiledCallback } from "./profilers/profiled-callback.ts";
import { Profiler, profileStage } from "./profilers/profiler.ts";
import { idleRun } from "./run.ts";
import type { Run, Trainable } from "./run.ts";
import { moduleHooks } from "./trainable-module.ts";
import type { TrainableModule } from "./trainable-module.ts";

const { readTrainerFlags } = await loadTrainerOptions();

/** Options by Lightning's flags, in camelCase. */
export interface TrainerOptions extends Omit<TrainerFlagOptions, "profiler" | "strategy"> {
  /** What measures the trainer's actions, or the name of it: `simple`, `advanced`, `pytorch`. @default nothing is measured */
  profiler?: Profiler | ProfilerName | ProfilerOptions | undefined;
  /** How steps run, or the name of a registered strategy. @default "auto", in one process on one device */
  strategy?: Strategy | string | undefined;
  callbacks?: readonly Callback[];
  /** False: none; true: `CSVLogger` in `defaultRootDir`. @default true */
  logger?: boolean | TrainingLogger | readonly TrainingLogger[];
  /** Folder of logs and checkpoints. @default "." */
  defaultRootDir?: string;
  /** Is told where training stands, unless `enableProgressBar` is false. @default draws to standard error */
  progress?: ProgressListener;
  /** Makes what moves the weights, in place of the model's `configureOptimizers`. */
  optimization?: MakeOptimization;
}

/** Says what a training or a judgement begins from. */
export interface FitModuleOptions {
  /** Checkpoint to go on from: a folder, or `last`, which is the newest that is whole. */
  ckptPath?: string;
}

/**
 * Trains modules by Lightning's flags.
 *
 * @example
 * const trainer = new Trainer({ maxEpochs: 3, defaultRootDir: "outputs" });
 * await trainer.fit(model, dataModule);
 * await trainer.test(model, dataModule); // => { test_loss: ..., test_accuracy: ... }
 */
export class Trainer {
  readonly flags: TrainerFlags;
  callbacks: readonly Callback[];
  loggers: readonly TrainingLogger[];
  readonly defaultRootDir: string;
  readonly profiler: Profiler;
  readonly strategy: Strategy;
  readonly #optimization: MakeOptimization | undefined;
  readonly #progress: ProgressListener | undefined;
  /** Optimizer steps of the last fit. */
  globalStep = 0;
  /** Last value of everything that was logged. */
  readonly callbackMetrics: Record<string, number> = {};

  constructor(options: TrainerOptions = {}) {
    const {
      callbacks = [],
      logger = true,
      defaultRootDir = ".",
      profiler,
      strategy = "auto",
      progress,
      optimization,
      ...flags
    } = options.barebones === true ? barebonesOptions(options) : options;
    const isNamed = !(profiler instanceof Profiler);
    const isUnknown = typeof strategy === "string" && !registry.has("strategy", strategy); // refused with its reason
    this.flags = readTrainerFlags({
      ...flags,
      ...(isNamed && { profiler }),
      ...(isUnknown && { strategy: strategy as "auto" }),
    });
    this.strategy = typeof strategy === "string" ? registry.createStrategy(strategy) : strategy;
    for (const [index, callback] of callbacks.entries())
      requireCallback(`Trainer: callbacks[${index}]`, callback);
    this.defaultRootDir = defaultRootDir;
    this.#optimization = optimization;
    this.#progress = progress;
    const isBrief = this.flags.fast_dev_run > 0;
    this.loggers = isBrief ? [] : loggersOf(logger, defaultRootDir);
    this.profiler = isNamed ? makeProfiler(this.flags.profiler) : profiler;
    this.profiler.dirpath ??= this.loggers[0]?.logDir ?? defaultRootDir;
    this.callbacks = isBrief
      ? callbacks.filter((callback) => !(callback instanceof ModelCheckpoint))
      : callbacks;
  }

  /** The callback that keeps checkpoints, where there is one. */
  get checkpointCallback(): ModelCheckpoint | undefined {
    return this.callbacks.find((callback) => callback instanceof ModelCheckpoint);
  }

  /** Trains a module. It is in the state of its last step afterwards; a signal ends the training after its step. */
  async fit(
    model: TrainableModule,
    data: DataModule,
    { ckptPath }: FitModuleOptions = {},
  ): Promise<FitResult> {
    const { flags } = this;
    const precision = flags.precision;
    if (flags.num_threads !== undefined) setNumThreads(flags.num_threads);
    await prepare(data, "fit", this.profiler);
    const opened: BatchLoader[] = [];
    const loadTrain = (): LimitedLoader => {
      const loader = data.trainDataloader?.();
      if (loader === undefined)
        throw new UsageError("Trainer.fit: the data must have a trainDataloader() that gives a loader.");
      opened.push(loader);
      return { loader, limit: countTrainBatches(flags, loader.length) };
    };
    const isOverfit = flags.overfit_batches !== 0;
    const loadVal = () => (flags.limit_val_batches === 0 ? [] : loadersOf(data.valDataloader?.()));
    const valFlag = isOverfit ? "overfit_batches" : "limit_val_batches";
    const limitOf = ({ length }: BatchLoader) => countBatches(flags, valFlag, length);
    let present = loadTrain();
    const { limit } = present;
    const valLoaders = loadVal();
    const everyNEpochs = isOverfit ? 0 : flags.reload_dataloaders_every_n_epochs; // its batches stay the same
    const task = new ModuleTask(model, {
      precision,
      valLoaders,
      limitOf,
      reloading: { everyNEpochs, make: loadVal },
      inferenceMode: flags.inference_mode,
      isBarebones: flags.barebones,
    });
    if (task.trainManually !== undefined) this.#refuseAutomatic(model);
    const source = new LoaderSource(present.loader, {
      limit,
      isFixed: isOverfit,
      weightOf: model.lossWeight?.bind(model),
      reloading: { everyNEpochs, make: () => (present = loadTrain()) },
    });
    const loggers = new LoggerCollection(this.loggers);
    const isSizeFound = this.callbacks.some((callback) => callback instanceof BatchSizeFinder);
    const [others, monitoring] = byMonitoring(this.callbacks.filter(isNoCheckpoint));
    const resumeFrom = await this.#resumable(ckptPath);
    const isSaved = flags.enable_checkpointing || resumeFrom !== undefined;
    const goesOn = ckptPath === "last" || (resumeFrom !== undefined && (await isNewestOfFolder(resumeFrom)));
    if (flags.detect_anomaly) setDetectAnomaly(true);
    let status: "success" | "failed" | "interrupted" = "failed";
    try {
      const result = await fit({
        config: { trainer: { ...flags, limit_val_batches: undefined }, callbacks: [] },
        task: task as Trainable,
        source,
        optimization: this.#optimization ?? ownOptimization(model),
        loaders: {
          owners: [model, data],
          isWhole: () => present.loader.length <= 1,
          reload: async () => {
            await opened.pop()?.close?.();
            const { loader } = present;
            source.reload();
            if (loader === present.loader) refuseSameLoader("trainDataloader");
            return task.reload();
          },
        },
        validationBatches: Math.max(0, ...valLoaders.map(limitOf)),
        fingerprint: fingerprintOf(model, flags, {
          batches: isSizeFound ? undefined : limit,
          // files are read for it, which is no use where no checkpoint is written or read
          data: isSaved ? await data.fingerprint?.() : undefined,
        }),
        checkpointFolder: this.#checkpointFolder(),
        resumeFrom,
        // checkpoints last, so that they hold what the others made of the same moment
        callbacks: [
          ...others,
          loggersState(loggers, {
            goesOn,
            hyperparams: () => (flags.enable_autolog_hparams ? hyperparams(model) : undefined),
          }),
          task.hooks,
          ...monitoring,
          ...this.#checkpointing(),
        ],
        progress: this.#progress ?? terminalProgress(),
        profiler: this.profiler,
        strategy: this.strategy,
        onMetrics: (metrics, step) => {
          Object.assign(this.callbackMetrics, metrics);
          this.globalStep = step;
          loggers.logMetrics(metrics, step);
        },
        flushMetrics: () => loggers.flush(),
      });
      status = result.reason === "signal" ? "interrupted" : "success";
      return result;
    } finally {
      if (flags.detect_anomaly) setDetectAnomaly(false);
      model.attach?.(undefined);
      await loggers.finalize(status);
      for (const used of opened) await used.close?.();
      await data.teardown?.("fit");
    }
  }

  /** Judges a module on the validation data, and returns its metrics. */
  validate(
    model: TrainableModule,
    data: DataModule,
    options: FitModuleOptions = {},
  ): Promise<Record<string, number>> {
    return this.#evaluate(model, data, "val", options);
  }

  /** Judges a module on the test data, and returns its metrics. */
  test(
    model: TrainableModule,
    data: DataModule,
    options: FitModuleOptions = {},
  ): Promise<Record<string, number>> {
    return this.#evaluate(model, data, "test", options);
  }

  /** Returns what `predictStep` gives for each batch; tensors in it are the caller's. */
  async predict(
    model: TrainableModule,
    data: DataModule,
    { ckptPath }: FitModuleOptions = {},
  ): Promise<unknown[]> {
    const { inference_mode: inferenceMode, precision } = this.flags;
    await prepare(data, "predict", this.profiler);
    await this.#restore(model, ckptPath);
    castWeights(model, precision);
    const loaders = new EvalLoaders("predictDataloader", () =>
      this.#limited(data.predictDataloader?.(), "limit_predict_batches"),
    );
    const run = this.#idleRun(model, "predict");
    run.sizing = loaders.sizing([model, data], async (tried) =>
      dispose(await predict({ ...run, callbacks: [] }, model, () => tried, { inferenceMode })),
    );
    try {
      const stage = { stage: "predict", model, steps: loaders.batches } as const;
      return await profileStage(this.profiler, stage, () =>
        predict(run, model, () => loaders.present, { inferenceMode }),
      );
    } finally {
      await data.teardown?.("predict");
    }
  }

  async #evaluate(
    model: TrainableModule,
    data: DataModule,
    stage: "val" | "test",
    { ckptPath }: FitModuleOptions,
  ): Promise<Record<string, number>> {
    const { flags } = this;
    const dataStage = stage === "val" ? "validate" : "test";
    await prepare(data, dataStage, this.profiler);
    const method = stage === "val" ? "valDataloader" : "testDataloader";
    const flag = stage === "val" ? "limit_val_batches" : "limit_test_batches";
    const loaders = new EvalLoaders(method, () => this.#limited(data[method]?.(), flag));
    if (loaders.present.length === 0) {
      throw new UsageError(`Trainer.${dataStage}: the data must have a ${method}() that gives a loader.`);
    }
    await this.#restore(model, ckptPath);
    castWeights(model, flags.precision);
    let collector: ((name: string, value: number, options: object) => void) | undefined;
    const noOptimizers = { optimizers: [], lrSchedulers: [], currentEpoch: 0, globalStep: 0 };
    model.attach?.({
      ...noOptimizers,
      log: (name, value, options) => {
        if (!flags.barebones) collector?.(name, value, options);
      },
      backward: () => {
        throw new UsageError(`${model.constructor.name}: nothing is trained in ${dataStage}().`);
      },
    });
    const loggers = new LoggerCollection(this.loggers);
    const run = this.#idleRun(model, dataStage, loggers);
    const options = { precision: flags.precision, inferenceMode: flags.inference_mode };
    run.sizing = loaders.sizing([model, data], async (tried) => {
      try {
        await evaluate(model, tried, stage, { ...options, collect: () => {} });
      } finally {
        model.logMetrics?.(stage); // begins them anew
      }
    });
    model.eval();
    const profiled = { stage: dataStage, model, steps: loaders.batches } as const;
    try {
      return await profileStage(this.profiler, profiled, async () => {
        for (const callback of run.callbacks) await callback.setup?.(run, dataStage);
        const metrics = await judge(run, stage === "val" ? "Validation" : "Test", (hooks) =>
          evaluate(model, loaders.present, stage, {
            ...options,
            collect: (log) => (collector = log),
            ...hooks,
          }),
        );
        run.log(metrics);
        for (const callback of run.callbacks) {
          if (stage === "val") await callback.onValidationEnd?.(run, metrics);
          else await callback.onTestEnd?.(run, metrics);
        }
        for (const callback of run.callbacks) await callback.teardown?.(run, dataStage);
        return metrics;
      });
    } finally {
      model.attach?.(undefined);
      await loggers.finalize("success");
      await data.teardown?.(dataStage);
    }
  }

  /** Lists loaders with how many batches of them count. */
  #limited(
    loaders: BatchLoader | readonly BatchLoader[] | undefined,
    flag: LimitFlag,
  ): readonly LimitedLoader[] {
    return loadersOf(loaders).map((loader) => ({
      loader,
      limit: countBatches(this.flags, flag, loader.length),
    }));
  }

  #idleRun(model: TrainableModule, stage: "validate" | "test" | "predict", loggers?: LoggerCollection): Run {
    return idleRun(stage, {
      model,
      precision: this.flags.precision,
      callbacks: [...this.callbacks.filter(isNoCheckpoint), moduleHooks(model)].map((callback) =>
        profiledCallback(callback, this.profiler),
      ),
      profiler: this.profiler,
      log: (metrics) => {
        Object.assign(this.callbackMetrics, metrics);
        loggers?.logMetrics(metrics, this.globalStep);
      },
    });
  }

  #refuseAutomatic(model: TrainableModule): void {
    const { accumulate_grad_batches, gradient_clip_val } = this.flags;
    const flag =
      accumulate_grad_batches !== 1
        ? "accumulateGradBatches"
        : gradient_clip_val !== undefined && gradient_clip_val > 0
          ? "gradientClipVal"
          : undefined;
    if (flag === undefined) return;
    throw new UsageError(
      `Trainer: ${flag} needs automatic optimisation, and ${model.constructor.name} steps its optimizers itself. Leave the flag out, and do it in trainingStep.`,
    );
  }

  #checkpointFolder(): string {
    return join(this.defaultRootDir, "checkpoints");
  }

  #checkpointing(): Callback[] {
    const { enable_checkpointing, fast_dev_run } = this.flags;
    const own = this.callbacks.filter((callback) => !isNoCheckpoint(callback));
    if (!enable_checkpointing && own.length > 0)
      throw new UsageError(
        "Trainer: enableCheckpointing is false, and callbacks hold a ModelCheckpoint. Take one out.",
      );
    if (!enable_checkpointing || fast_dev_run > 0) return [];
    return own.length > 0 ? own : [new ModelCheckpoint()];
  }

  async #resumable(ckptPath: string | undefined): Promise<string | undefined> {
    if (ckptPath === undefined) return undefined;
    if (ckptPath === "last") {
      const folder = this.checkpointCallback?.dirpath ?? this.#checkpointFolder();
      const newest = await newestCheckpoint(folder);
      if (newest !== undefined) return newest;
      throw new UsageError(
        `Trainer.fit: there is no whole checkpoint in ${folder}. Leave ckptPath out to begin anew.`,
      );
    }
    const damage = await verifyCheckpoint(ckptPath);
    if (damage === undefined) return ckptPath;
    throw new UsageError(
      `Trainer.fit: ${ckptPath} cannot be gone on from, ${damage}. Name another, or "last".`,
    );
  }

  async #restore(model: TrainableModule, ckptPath: string | undefined): Promise<void> {
    const folder = ckptPath === "best" ? this.checkpointCallback?.best : await this.#resumable(ckptPath);
    if (ckptPath === "best" && folder === undefined)
      throw new UsageError(
        "Trainer: there is no best checkpoint, as no ModelCheckpoint monitors a metric. Set its monitor.",
      );
    if (folder === undefined) return;
    loadWeights(model, folder);
  }
}

async function prepare(data: DataModule, stage: DataStage, profiler: Profiler): Promise<void> {
  if (typeof (data as unknown) !== "object" || (data as unknown) === null) {
    throw new UsageError(
      `Trainer: the data must be a data module, or an object with trainDataloader() and the like, got ${String(data)}.`,
    );
  }
  const { name } = data.constructor;
  await profiler.profile(`[DataModule]${name}.prepare_data`, () => data.prepareData?.());
  await profiler.profile(`[DataModule]${name}.setup`, () => data.setup?.(stage));
}

function loadersOf(loaders: BatchLoader | readonly BatchLoader[] | undefined): readonly BatchLoader[] {
  if (loaders === undefined) return [];
  return Array.isArray(loaders) ? loaders : [loaders as BatchLoader];
}

function isNoCheckpoint(callback: Callback): boolean {
  return !(callback instanceof ModelCheckpoint);
}

/** Whether a checkpoint is the newest of its folder: who goes back to an older one begins something new. */
async function isNewestOfFolder(checkpoint: string): Promise<boolean> {
  const newest = await newestCheckpoint(dirname(checkpoint));
  return newest !== undefined && realpathSync(newest) === realpathSync(checkpoint);
}

function hyperparams(model: TrainableModule): Record<string, unknown> {
  const { config } = model as { config?: unknown };
  return typeof config === "object" && config !== null ? { ...config } : {};
}
