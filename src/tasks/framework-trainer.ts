// One entry for whatever a composed config trains: a text classifier, or a registered model on a registered data set.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { ConfigError, UsageError, camelCaseKeys, snakeCase, suggestion } from "../base/index.ts";
import type { ConfigIssue, ProgressListener } from "../base/index.ts";
import {
  checkComposed,
  checkModule,
  findProjectRoot,
  isModuleConfig,
  nodeOf,
  outputFolders,
} from "../config/index.ts";
import type { ConfigMap, MapNode, ModuleConfig, ModuleReport } from "../config/index.ts";
import { registry } from "../contracts/index.ts";
import type { DataModule } from "../contracts/index.ts";
import { loadPlugins } from "../plugins/index.ts";
import { manualSeed } from "../torch/index.ts";
import { ActiveRun, openStore } from "../tracking/index.ts";
import {
  MLFlowLogger,
  Trainer,
  buildCallbacks,
  configuredCheckpoint,
  configuredOptimization,
  newestCheckpoint,
} from "../trainer/index.ts";
import type { TrainableModule } from "../trainer/index.ts";
import { BertTrainerTorch } from "./bert-trainer.ts";
import { RunFolder } from "./run-folder.ts";
import { logModel } from "./torch-model.ts";

export interface FrameworkTrainerOptions {
  /** Folder from which relative paths, plugins and outputs go. @default the project around the current folder */
  projectRoot?: string;
  progress?: ProgressListener;
}

/** What a training came to. */
export interface FrameworkResult {
  /** Of validation (`val_*`) and test. */
  metrics: Record<string, number>;
  runId: string;
  /** `runs:/ID/model`; undefined where no model was logged. */
  modelUri: string | undefined;
  /** Folder of the best checkpoint, or of the model. */
  checkpoint: string | undefined;
}

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
    this.config = isTree(config) ? config : (nodeOf(config, { source: "the config" }) as MapNode);
    this.projectRoot = projectRoot ?? findProjectRoot(process.cwd());
    this.#progress = progress;
  }

  /**
   * Trains, or goes on with a run that did not finish: `resume` is `last`, the newest one, or the path of a checkpoint.
   *
   * @throws ConfigError with everything that is wrong with the config, before anything is loaded
   */
  async train({ resume }: { resume?: string | undefined } = {}): Promise<FrameworkResult> {
    return isModuleConfig(this.config) ? this.#trainModule(resume) : this.#trainText(resume);
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
    const report = await checkModule(this.config, this.projectRoot);
    const { config, issues, source, trackingUri } = report;
    if (config === undefined) throw new ConfigError(source, issues);
    const wrong = await checkParts(report, this.projectRoot);
    if (wrong.length > 0) throw new ConfigError(source, wrong);
    manualSeed(config.seed);
    const { model, dataset } = makeParts(config, report);
    const logger = new MLFlowLogger({
      trackingUri,
      experimentName: `${config.use_case}/${config.experiment}`,
    });
    const { folder, ckptPath } = await this.#runFolder(config, resume);
    const trainer = makeTrainer(config, { logger, folder, progress: this.#progress });
    const { bestCheckpoint } = await trainer.fit(model, dataset, ckptPath === undefined ? {} : { ckptPath });
    await dataset.setup?.("test");
    if (dataset.testDataloader?.() !== undefined)
      await trainer.test(model, dataset, bestCheckpoint === undefined ? {} : { ckptPath: "best" });
    const runId = logger.runId;
    if (runId === undefined) return { metrics: {}, runId: "", modelUri: undefined, checkpoint: undefined }; // a trial run
    const modelUri = await recordModel(model, trackingUri, runId);
    return { metrics: { ...trainer.callbackMetrics }, runId, modelUri, checkpoint: bestCheckpoint };
  }

  /** Makes the run's folder under outputs/TrainedModels, or finds that of the run to go on with. */
  async #runFolder(
    { use_case, experiment }: ModuleConfig,
    resume: string | undefined,
  ): Promise<{ folder: string; ckptPath?: string }> {
    const { trainedModels } = outputFolders(this.projectRoot, use_case, experiment);
    if (resume === undefined) return { folder: RunFolder.create(trainedModels).path };
    if (resume !== "last") return { folder: join(resume, "..", ".."), ckptPath: resume };
    const runs = existsSync(trainedModels) ? readdirSync(trainedModels).sort().reverse() : [];
    for (const name of runs) {
      const folder = join(trainedModels, name);
      const ckptPath = await newestCheckpoint(join(folder, "checkpoints"));
      if (ckptPath !== undefined) return { folder, ckptPath };
    }
    throw new UsageError(`resume: there is no run with a checkpoint in ${trainedModels}. Start a new one.`);
  }
}

function makeTrainer(
  config: ModuleConfig,
  {
    logger,
    folder,
    progress,
  }: { logger: MLFlowLogger; folder: string; progress: ProgressListener | undefined },
): Trainer {
  const { optimizer, scheduler = { name: "constant" }, callbacks, trainer: flags } = config;
  return new Trainer({
    ...camelCaseKeys(flags),
    callbacks: [
      ...buildCallbacks(callbacks),
      ...(flags.enable_checkpointing ? [configuredCheckpoint(callbacks, { monitor: "val_loss" })] : []),
    ],
    logger,
    defaultRootDir: folder,
    ...(progress !== undefined && { progress }),
    ...(optimizer !== undefined && { optimization: configuredOptimization({ optimizer, scheduler }) }),
  });
}

/**
 * Checks the names and options of model and data set against the registered classes, plugins included: what `checkModule`
 * cannot know. Loads the plugins.
 */
export async function checkParts(
  { config, locate }: ModuleReport,
  projectRoot: string,
): Promise<ConfigIssue[]> {
  if (config === undefined) return [];
  const plugins = await loadPlugins(projectRoot, { listed: config.plugins });
  const issues = plugins.flatMap(({ name, from, error }) =>
    from === "config" && error !== undefined ? [locate(["plugins"], `${name}: ${error}`)] : [],
  );
  for (const kind of ["model", "dataset"] as const) {
    const { name, ...options } = config[kind];
    if (!registry.has(kind, name)) {
      const hint = suggestion(name, registry.names(kind));
      issues.push(locate([kind, "name"], `unknown ${kind} "${name}". ${hint}`));
      continue;
    }
    const schema = registry.schema(kind, name);
    const given = camelCaseDeep(options);
    try {
      schema?.parse(given);
    } catch (error) {
      const refused = refusals(error, given, Object.keys((schema as { shape?: object }).shape ?? {}));
      issues.push(...refused.map(({ path, message }) => locate([kind, ...path], message)));
    }
  }
  return issues;
}

/** Makes model and data set of a config that `checkParts` passed; what a constructor refuses is told with its place. */
function makeParts(
  config: ModuleConfig,
  { locate, source }: ModuleReport,
): { model: TrainableModule; dataset: DataModule } {
  const issues: ConfigIssue[] = [];
  const attempt = <T>(
    key: "model" | "dataset",
    make: (name: string, options: object) => T,
  ): T | undefined => {
    const { name, ...options } = config[key];
    try {
      return make(name, camelCaseDeep(options));
    } catch (error) {
      issues.push(locate([key], (error as Error).message.replace(/^(model|dataset) ("[^"]*"): /u, "$2: ")));
      return undefined;
    }
  };
  const model = attempt("model", (name, options) => registry.createModel(name, options));
  const dataset = attempt("dataset", (name, options) => registry.createDataset(name, options));
  if (issues.length > 0) throw new ConfigError(source, issues);
  return { model: model as TrainableModule, dataset: dataset! };
}

/** Parts the refusal of a class's schema into one issue an option, by its name in the file. */
function refusals(
  error: unknown,
  given: object,
  known: readonly string[],
): { path: (string | number)[]; message: string }[] {
  const { issues, message } = error as {
    issues?: { path: (string | number)[]; message: string; keys?: string[] }[];
    message: string;
  };
  if (!Array.isArray(issues)) return [{ path: [], message }];
  return issues.flatMap((issue) => {
    const path = issue.path.map((step) => (typeof step === "string" ? snakeCase(step) : step));
    if (issue.keys !== undefined) {
      return issue.keys.map((key) => ({
        path: [...path, snakeCase(key)],
        message: `unknown option. ${suggestion(snakeCase(key), known.map(snakeCase))}`,
      }));
    }
    const value = issue.path.reduce<unknown>(
      (part, step) => (part as Record<string, unknown> | undefined)?.[step],
      given,
    );
    const got = value === undefined ? "" : `, got ${JSON.stringify(value)}`;
    return [{ path, message: `${issue.message}${got}.` }];
  });
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

/** Spells the options of a component as code does. */
function camelCaseDeep(value: object): Record<string, unknown> {
  const deep = (part: unknown): unknown =>
    Array.isArray(part) ? part.map(deep) : isPlain(part) ? camelCaseDeep(part) : part;
  return Object.fromEntries(
    Object.entries(camelCaseKeys({ ...value })).map(([key, part]) => [key, deep(part)]),
  );
}

function isPlain(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function isTree(config: ConfigMap | MapNode): config is MapNode {
  return config["kind" as never] === "map" && (config as MapNode).entries instanceof Map;
}
