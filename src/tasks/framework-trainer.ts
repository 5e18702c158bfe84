// One entry for whatever a composed config trains: a text classifier, or a registered model on a registered data set.
import { join, resolve } from "node:path";
import { ConfigError, UsageError, absoluteStoreUri, camelCaseKeys, logger } from "../base/index.ts";
import type { ProgressListener } from "../base/index.ts";
import {
  OmegaConf,
  checkComposed,
  findProjectRoot,
  isModuleConfig,
  nodeOf,
  outputFolders,
  treeOf,
} from "../config/index.ts";
import type { ConfigMap, MapNode, ModuleConfig } from "../config/index.ts";
import { registry } from "../contracts/index.ts";
import type { TaskResult } from "../contracts/index.ts";
import { manualSeed } from "../torch/index.ts";
import { ActiveRun, logsSystemMetrics, openStore } from "../tracking/index.ts";
import {
  CSVLogger,
  JSONLLogger,
  MLFlowLogger,
  TensorBoardLogger,
  Trainer,
  buildCallbacks,
  configuredCheckpoint,
  configuredOptimization,
  newestCheckpoint,
} from "../trainer/index.ts";
import type { Callback, MLFlowLoggerOptions, TrainableModule, TrainingLogger } from "../trainer/index.ts";
import { BertTrainerTorch } from "./bert-trainer.ts";
import { camelCaseDeep, checkRegistered, makeParts } from "./module-parts.ts";
import { profilerAt } from "./profiler-at.ts";
import { RunFolder, newestFirst } from "./run-folder.ts";
import { logModel } from "./torch-model.ts";

/** Says where a training stands, and who is shown how far it is. */
export interface FrameworkTrainerOptions {
  /** Folder from which relative paths, plugins and outputs go. @default the project around the current folder */
  projectRoot?: string;
  progress?: ProgressListener;
}

/** What a training came to. */
export type FrameworkResult = TaskResult;

/**
 * Trains as a composed config says. With `model.base_model` it fine-tunes a text classifier; else `model.name` and
 * `dataset.name` are looked up in the registry, plugins included, and trained by `Trainer`.
 *
 * @example
 * await main({ configPath: "conf", configName: "config" }, async (config) => new FrameworkTrainer(config).train());
 */
export class FrameworkTrainer {
  readonly config: MapNode;
  readonly projectRoot: string;
  readonly #progress: ProgressListener | undefined;

  /** Takes the plain data that a task gets, or the tree whose parts know where they were written. */
  constructor(config: ConfigMap | MapNode, { projectRoot, progress }: FrameworkTrainerOptions = {}) {
    this.config = isTree(config)
      ? config
      : (treeOf(config) ?? (nodeOf(config, { source: "the config" }) as MapNode));
    this.projectRoot = projectRoot ?? findProjectRoot(process.cwd());
    this.#progress = progress;
  }

  /**
   * Trains, or goes on with a run that did not finish: `resume` is `last`, the newest one, or the path of a checkpoint.
   *
   * @throws ConfigError with everything that is wrong with the config, before anything is loaded
   */
  async train({ resume }: { resume?: string | undefined } = {}): Promise<FrameworkResult> {
    const result = await (isModuleConfig(this.config) ? this.#trainModule(resume) : this.#trainText(resume));
    if (result.runId !== "") logger.info(`run ${result.runId} is done: ${judgements(result.metrics)}`);
    return result;
  }

  async #trainText(resume: string | undefined): Promise<FrameworkResult> {
    const { config, resolved, issues, source } = await checkComposed(this.config, this.projectRoot);
    if (config === undefined || resolved === undefined) throw new ConfigError(source, issues);
    const options = this.#progress === undefined ? {} : { progress: this.#progress };
    const { metrics, runId, modelUri, modelFolder } = await new BertTrainerTorch(
      { config, resolved, source },
      options,
    ).train({ resume });
    return { metrics, runId, modelUri, checkpoint: modelFolder };
  }

  async #trainModule(resume: string | undefined): Promise<FrameworkResult> {
    const report = await checkRegistered(this.config, this.projectRoot);
    const { config, issues, source, trackingUri } = report;
    if (config === undefined) throw new ConfigError(source, issues);
    if (config.task !== undefined) return this.#runTask(config.task, resume);
    manualSeed(config.seed);
    const { model, dataset } = makeParts(config, report);
    const loggers = makeLoggers(config, { trackingUri, projectRoot: this.projectRoot });
    const { folder, ckptPath } = await this.#runFolder(config, resume ?? config.ckpt_path);
    const trainer = makeTrainer(config, {
      loggers,
      folder,
      projectRoot: this.projectRoot,
      progress: this.#progress,
      recorded: recordedParams(report.value),
    });
    const from = ckptPath === undefined ? {} : { ckptPath };
    const best = config.train ? (await trainer.fit(model, dataset, from)).bestCheckpoint : undefined;
    if (config.test) {
      await dataset.setup?.("test");
      const judged = config.train ? (best === undefined ? {} : { ckptPath: "best" }) : from;
      if (dataset.testDataloader?.() !== undefined) await trainer.test(model, dataset, judged);
    }
    const { runId } = loggers[0];
    if (runId === undefined) return { metrics: {}, runId: "", modelUri: undefined, checkpoint: undefined }; // a trial run
    const modelUri = await recordModel(model, trackingUri, runId);
    return { metrics: { ...trainer.callbackMetrics }, runId, modelUri, checkpoint: best };
  }

  /** Hands the config, as it was composed, to the task that it names. */
  async #runTask(
    { name, ...options }: NonNullable<ModuleConfig["task"]>,
    resume: string | undefined,
  ): Promise<FrameworkResult> {
    const { task: _, ...config } = OmegaConf.toContainer(this.config, { resolve: true }) as ConfigMap;
    const task = registry.createTask(name, camelCaseDeep(options));
    return task.train({ config, projectRoot: this.projectRoot, resume, progress: this.#progress });
  }

  /** Makes the run's folder under outputs/TrainedModels, or finds that of the run to go on with. */
  async #runFolder(
    { use_case, experiment, trainer: { default_root_dir } }: ModuleConfig,
    resume: string | undefined,
  ): Promise<{ folder: string; ckptPath?: string }> {
    const { trainedModels } = outputFolders(this.projectRoot, use_case, experiment);
    if (default_root_dir !== undefined) {
      const folder = resolve(this.projectRoot, default_root_dir);
      return resume === undefined ? { folder } : { folder, ckptPath: resume };
    }
    if (resume === undefined) return { folder: RunFolder.create(trainedModels).path };
    if (resume !== "last") return { folder: join(resume, "..", ".."), ckptPath: resume };
    for (const name of newestFirst(trainedModels)) {
      const folder = join(trainedModels, name);
      const ckptPath = await newestCheckpoint(join(folder, "checkpoints"));
      if (ckptPath !== undefined) return { folder, ckptPath };
    }
    throw new UsageError(`resume: there is no run with a checkpoint in ${trainedModels}. Start a new one.`);
  }
}

/** Makes the loggers of a run: first that of its tracking store, which is always there. */
function makeLoggers(
  { use_case, experiment, loggers, tags, mlops }: ModuleConfig,
  { trackingUri, projectRoot }: { trackingUri: string; projectRoot: string },
): readonly [MLFlowLogger, ...TrainingLogger[]] {
  const own = loggers.find((logger) => logger.name === "mlflow");
  const tracked = own?.name === "mlflow" ? own : { name: "mlflow" as const, tags: {} };
  const at = (path: string): string => resolve(projectRoot, path);
  const beside = loggers.flatMap((logger): TrainingLogger[] => {
    if (registry.added("logger").includes(logger.name)) {
      const { name, ...options } = logger as { name: string };
      return [registry.createLogger(name, camelCaseDeep(options)) as TrainingLogger];
    }
    if (logger.name === "jsonl") return [new JSONLLogger({ path: at(logger.path) })];
    if (logger.name === "mlflow") {
      if (logger === own) return [];
      const uri = logger.tracking_uri && absoluteStoreUri(logger.tracking_uri, projectRoot);
      return [new MLFlowLogger(mlflowOptions(logger, uri ?? trackingUri))];
    }
    const { name, directory, save_dir, ...options } = logger;
    const files = { saveDir: at(save_dir), ...(directory !== undefined && { name: directory }) };
    const given = { ...files, ...defined(options) };
    return [name === "csv" ? new CSVLogger(given) : new TensorBoardLogger(given)];
  });
  const options = mlflowOptions(
    { experiment_name: `${use_case}/${experiment}`, ...defined(tracked) },
    trackingUri,
  );
  const named = tags.length === 0 ? {} : { tags: tags.join(", ") };
  const logSystemMetrics = logsSystemMetrics(mlops.tracking.log_system_metrics, { byDefault: true });
  return [new MLFlowLogger({ ...options, logSystemMetrics, tags: { ...named, ...options.tags } }), ...beside];
}

function mlflowOptions(
  {
    experiment_name,
    run_name,
    tags,
  }: { experiment_name?: string | undefined; run_name?: string | undefined; tags: Record<string, string> },
  trackingUri: string,
): MLFlowLoggerOptions {
  return {
    trackingUri,
    tags,
    ...(experiment_name !== undefined && { experimentName: experiment_name }),
    ...(run_name !== undefined && { runName: run_name }),
  };
}

function makeTrainer(
  config: ModuleConfig,
  {
    loggers,
    folder,
    projectRoot,
    progress,
    recorded,
  }: {
    loggers: readonly [MLFlowLogger, ...TrainingLogger[]];
    folder: string;
    projectRoot: string;
    progress: ProgressListener | undefined;
    /** What the run records of its config. */
    recorded: ConfigMap;
  },
): Trainer {
  const { optimizer, scheduler = { name: "constant" }, trainer } = config;
  const {
    default_root_dir: _,
    profiler,
    strategy: { name: strategyName, ...strategyOptions },
    ...flags
  } = trainer;
  const isRecorded = flags.fast_dev_run === 0 && !flags.barebones;
  const record: Callback = { name: "config", onFitStart: () => loggers[0].logHyperparams(recorded) };
  return new Trainer({
    ...camelCaseKeys(flags),
    strategy: registry.createStrategy(strategyName, camelCaseDeep(strategyOptions)),
    profiler: profiler && profilerAt(profiler, projectRoot),
    callbacks: [...makeCallbacks(config, projectRoot), ...(isRecorded ? [record] : [])],
    logger: loggers,
    defaultRootDir: folder,
    ...(progress !== undefined && { progress }),
    ...(optimizer !== undefined && { optimization: configuredOptimization({ optimizer, scheduler }) }),
  });
}

/** Picks what decides how a training goes, `optimizer.lr` and so on; addresses of stores may be secret. */
function recordedParams(value: ConfigMap): ConfigMap {
  const keys = ["model", "dataset", "optimizer", "scheduler", "trainer", "callbacks", "seed"];
  return Object.fromEntries(keys.flatMap((key) => (value[key] === undefined ? [] : [[key, value[key]]])));
}

/** Makes the callbacks of a config, registered ones too; without a checkpoint among them there is the usual one. */
function makeCallbacks({ callbacks, trainer }: ModuleConfig, projectRoot: string): Callback[] {
  const made = callbacks.flatMap((callback): Callback[] => {
    if (registry.added("callback").includes(callback.name)) {
      const { name, ...options } = callback as { name: string };
      return [registry.createCallback(name, camelCaseDeep(options)) as Callback];
    }
    if (callback.name !== "model_checkpoint") return buildCallbacks([callback]);
    const { dirpath, ...options } = callback;
    const at = dirpath === undefined ? {} : { dirpath: resolve(projectRoot, dirpath) };
    return [configuredCheckpoint([{ ...options, ...at }], { monitor: "val_loss" })];
  });
  const isUsual = trainer.enable_checkpointing && !callbacks.some(({ name }) => name === "model_checkpoint");
  return isUsual ? [...made, configuredCheckpoint([], { monitor: "val_loss" })] : made;
}

/** Leaves out what is undefined. */
function defined<T extends object>(options: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never;
}

async function recordModel(model: TrainableModule, trackingUri: string, runId: string): Promise<string> {
  const store = await openStore(trackingUri);
  try {
    const run = await ActiveRun.resume(store, runId);
    await logModel(run, model, { name: "model" });
    await run.end();
    return `runs:/${runId}/model`;
  } finally {
    await store.close();
  }
}

function isTree(config: ConfigMap | MapNode): config is MapNode {
  return config["kind" as never] === "map" && (config as MapNode).entries instanceof Map;
}

/** Lays out on one line what came of the test, or of validation where nothing was tested. */
function judgements(metrics: Readonly<Record<string, number>>): string {
  const of = (stage: string) => Object.entries(metrics).filter(([name]) => name.startsWith(stage));
  const [tested, validated] = [of("test_"), of("val_")];
  return (
    (tested.length > 0 ? tested : validated)
      .map(([name, value]) => `${name} ${value.toPrecision(4)}`)
      .join(", ") || "nothing was judged"
  );
}
