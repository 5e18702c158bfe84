// Runs a grid of trainings as runs of one experiment, each run once: what is done already is left alone.
import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Notification } from "../../base/index.ts";
import { UsageError, logger, sha256File, suggestion, writeFileAtomic, silent } from "../../base/index.ts";
import { configToJson, defaultTrackingUri, findProjectRoot, resolveBaseModel } from "../../config/index.ts";
import { eachPage, getOrCreateExperiment, openNotifyingStore, runTypeTag } from "../../tracking/index.ts";
import type { Run, Store } from "../../tracking/index.ts";
import { fetchBaseModel } from "../base-model.ts";
import type { Recording } from "../job.ts";
import { cellLocation, loadCell } from "./cell-config.ts";
import { gridCells, withHyperparameters } from "./grid.ts";
import type { Cell, GridOptions } from "./grid.ts";
import { evaluatePretrained } from "./pretrained.ts";
import { runInProcess, trainCell } from "./run-cell.ts";

/** Says which experiments are run, on what, and by whom. */
export interface ExperimentManagerOptions extends Omit<GridOptions, "evaluatePretrainedModel"> {
  /** First part of the experiment's name. */
  baseName: string;
  /** Second part of the experiment's name: where the data comes from. */
  dataSrc: string;
  /** Whose experiments they are: `/Users/{userId}/...`. */
  userId: string;
  /** `YYYYMMDD`, the last part of the name. @default the day on which this grid was begun, else today */
  runDate?: string;
  /** @default "text_classification" */
  task?: "text_classification";
  /** Also evaluates each base model as it is. @default false */
  evaluatePretrainedModel?: boolean;
  /** Sections of a use case's config that hold for all cells. @default {} */
  config?: Readonly<Record<string, unknown>>;
  /** URI of the tracking store. @default `MLFLOW_TRACKING_URI`, else the project's `outputs/mlflow/mlflow.db` */
  trackingUri?: string;
  /** Cells that run at the same time, in processes of their own. @default 1, in this process */
  workers?: number;
  /** Where relative paths begin, and the default store is. @default the project around the current folder */
  projectRoot?: string;
  /** Ends at the first cell that fails. @default false */
  failFast?: boolean;
  /** Runs only cells of these names, finished or not. @default all that are not finished */
  only?: readonly string[];
}

/** Says what became of one cell. */
export interface CellResult {
  name: string;
  status: "finished" | "failed" | "done before";
  /** Absent where it failed before it had a run. */
  runId?: string;
  metrics: Record<string, number>;
  error?: string;
}

/** Says what became of a grid. */
export interface ExperimentResult {
  experimentName: string;
  cells: CellResult[];
}

const cellTag = "sconce.cell";

/**
 * Trains every base model on every version of the data with every set of hyperparameters.
 *
 * Each is a run `{base model}_{data set}_param_set{i}` in the experiment `/Users/{userId}/{baseName}_{dataSrc}_{date}`.
 * A cell is known by what it is made of (config, data, weights): one that has a finished run is never run again, so a
 * grid that was interrupted or grew goes on where it was.
 *
 * @example
 * const manager = new ExperimentManager({
 *   baseName: "intents",
 *   dataSrc: "banking77",
 *   datasetVersions: ["v1", "v2"],
 *   hyperparameters: [{ n_epochs: 3, learning_rate: 5e-5, weight_decay: 0.01, train_batch_size: 32, eval_batch_size: 64 }],
 *   baseModelVersions: ["pretrained_models/minilm"],
 *   outputDir: "outputs/experiments",
 *   trainFile: "data/train_{data_version}.csv",
 *   validationFile: "data/validation.csv",
 *   userId: "ada@example.org",
 * });
 * const { cells } = await manager.runExperiments();
 */
export class ExperimentManager {
  readonly cells: readonly Cell[];
  readonly #options: ExperimentManagerOptions;
  readonly #root: string;

  constructor(options: ExperimentManagerOptions) {
    const { evaluatePretrainedModel = false, task = "text_classification" } = options;
    if (task !== "text_classification") {
      throw new UsageError(`experiments: task must be "text_classification", got ${JSON.stringify(task)}.`);
    }
    if (options.runDate !== undefined && !/^\d{8}$/.test(options.runDate)) {
      throw new UsageError(`experiments: runDate must be YYYYMMDD, got ${JSON.stringify(options.runDate)}.`);
    }
    this.#options = options;
    this.#root = options.projectRoot ?? findProjectRoot(process.cwd());
    const outputDir = resolve(this.#root, options.outputDir);
    this.cells = gridCells({ ...options, outputDir, evaluatePretrainedModel });
    const names = this.cells.map(({ name }) => name);
    for (const name of options.only ?? []) {
      if (!names.includes(name))
        throw new UsageError(`experiments: no cell is named "${name}". ${suggestion(name, names)}`);
    }
  }

  get #trackingUri(): string {
    return this.#options.trackingUri ?? defaultTrackingUri(this.#root);
  }

  /** Checks all cells first, then runs those that have no finished run; a cell that fails does not end the others. */
  async runExperiments(): Promise<ExperimentResult> {
    const { workers = 1, failFast = false, only } = this.#options;
    const prepared = await this.#prepare();
    const uri = this.#trackingUri;
    const notifications = prepared[0]?.notifications ?? []; // equal in all cells
    const store = await openNotifyingStore(uri, notifications);
    try {
      const experimentName = await this.#experimentName(store, prepared);
      const { experimentId } = await getOrCreateExperiment(store, experimentName);
      logger.info(`experiments: ${experimentName}, ${prepared.length} cells`);
      const finished = await finishedRuns(store, experimentId);
      const results = new Map<string, CellResult>();
      const waiting = prepared.filter(({ cell, key }) => {
        const run = finished.get(key);
        if (only !== undefined) return only.includes(cell.name);
        if (run !== undefined) results.set(cell.name, resultOf(cell, run, "done before"));
        return run === undefined;
      });
      let stopped = false;
      const work = async (): Promise<void> => {
        for (let next = waiting.shift(); next !== undefined && !stopped; next = waiting.shift()) {
          const result = await this.#runOne(store, { ...next, experimentName, uri });
          results.set(next.cell.name, result);
          if (result.status === "failed" && failFast) stopped = true;
        }
      };
      await Promise.all(Array.from({ length: workers }, work));
      return {
        experimentName,
        cells: this.cells.flatMap(({ name }) => results.get(name) ?? []),
      };
    } finally {
      await store.close();
    }
  }

  async #runOne(
    store: Store,
    prepared: Prepared & { experimentName: string; uri: string },
  ): Promise<CellResult> {
    const { cell, key, configFile, notifications, experimentName, uri } = prepared;
    const { workers = 1 } = this.#options;
    const recording: Omit<Recording, "store"> = {
      experimentName,
      runName: cell.name,
      folder: cell.folder,
      params: cell.hyperparameters,
      tags: {
        [cellTag]: key,
        base_model_name: cell.baseModelName,
        dataset_name: cell.datasetName,
        ...(cell.paramSet === undefined
          ? { [runTypeTag.key]: runTypeTag.pretrained }
          : { param_set: String(cell.paramSet) }),
      },
    };
    logger.info(`experiments: ${cell.name} begins`);
    try {
      const runId =
        cell.paramSet === undefined
          ? await evaluatePretrained({ configFile, root: this.#root, recording: { ...recording, store } })
          : workers > 1
            ? await runInProcess({ configFile, root: this.#root, uri, notifications, recording, workers })
            : await trainCell({ configFile, root: this.#root, recording: { ...recording, store } });
      const result = resultOf(cell, await store.getRun(runId), "finished");
      logger.info(`experiments: ${cell.name} is done, ${inWords(result.metrics)}`);
      return result;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      logger.error(`experiments: ${cell.name} failed. ${message}`);
      return { name: cell.name, status: "failed", metrics: {}, error: message };
    }
  }

  /** Writes and checks the config of every cell, so that a mistake in any of them shows before the first is trained. */
  async #prepare(): Promise<Prepared[]> {
    const folder = join(resolve(this.#root, this.#options.outputDir), ".cells");
    mkdirSync(folder, { recursive: true });
    const prepared: Prepared[] = [];
    for (const cell of this.cells) {
      const configFile = join(folder, `${cell.name}.json`);
      const config = this.#configOf(cell);
      writeFileAtomic(configFile, configToJson(config));
      const { mlops } = (await loadCell({ configFile, root: this.#root })).config;
      const { notifications } = mlops;
      prepared.push({ cell, configFile, notifications, key: await this.#keyOf(cell, config) });
    }
    return prepared;
  }

  #configOf(cell: Cell): Record<string, unknown> {
    const { baseName, dataSrc, config = {} } = this.#options;
    const base = structuredClone(config) as Record<string, Record<string, unknown>>;
    return withHyperparameters(
      {
        ...base,
        use_case: baseName,
        experiment: dataSrc,
        base_model: cell.baseModel,
        dataset: { ...base["dataset"], train: cell.trainFile, validation: cell.validationFile },
        optimizer: { name: "adamw", ...base["optimizer"] },
      },
      cell.hyperparameters,
    );
  }

  /** Identifies a cell by what its result depends on. */
  async #keyOf(cell: Cell, config: Record<string, unknown>): Promise<string> {
    const source = resolveBaseModel(cell.baseModel, cellLocation(this.#root));
    const folder =
      "problem" in source || source.kind === "hub"
        ? undefined
        : (await fetchBaseModel(source, { trackingUri: this.#trackingUri }, silent)).model; // what an alias means may change
    const weights =
      folder === undefined
        ? cell.baseModel
        : await sha256File(join(folder, "model.safetensors")).catch(() => folder);
    const files = await Promise.all(
      [cell.trainFile, cell.validationFile].map((path) => sha256File(resolve(this.#root, path))),
    );
    // where files stand does not matter, what is in them does
    const { dataset, mlops: ___, ...rest } = config as { dataset: Record<string, unknown>; mlops?: unknown };
    const { train: _, validation: __, ...settings } = dataset;
    const content = JSON.stringify([cell.paramSet === undefined, rest, settings, weights, files]);
    return createHash("sha256").update(content).digest("hex").slice(0, 32);
  }

  /** Takes up the experiment in which a cell of this grid has run, so that it keeps the date on which it began. */
  async #experimentName(store: Store, prepared: readonly Prepared[]): Promise<string> {
    const { userId, baseName, dataSrc, runDate } = this.#options;
    const stem = `/Users/${userId}/${baseName}_${dataSrc}_`;
    if (runDate !== undefined) return stem + runDate;
    const keys = new Set(prepared.map(({ key }) => key));
    const quote = stem.includes("'") ? '"' : "'";
    const search = (pageToken: string | undefined) =>
      store.searchExperiments({
        filter: `name LIKE ${quote}${stem}%${quote}`,
        ...(pageToken !== undefined && { pageToken }),
      });
    for await (const { experimentId, name } of eachPage(search)) {
      if (!/^\d{8}$/.test(name.slice(stem.length))) continue;
      const finished = await finishedRuns(store, experimentId);
      if ([...finished.keys()].some((key) => keys.has(key))) return name;
    }
    return stem + today();
  }
}

interface Prepared {
  cell: Cell;
  key: string;
  configFile: string;
  notifications: readonly Notification[];
}

/** Returns the finished runs of an experiment by the keys of their cells. */
async function finishedRuns(store: Store, experimentId: string): Promise<Map<string, Run>> {
  const finished = new Map<string, Run>();
  const search = (pageToken: string | undefined) =>
    store.searchRuns({
      experimentIds: [experimentId],
      filter: "attributes.status = 'FINISHED'",
      ...(pageToken !== undefined && { pageToken }),
    });
  for await (const run of eachPage(search)) {
    const key = run.data.tags[cellTag];
    if (key !== undefined) finished.set(key, run);
  }
  return finished;
}

function resultOf({ name }: Cell, { info, data }: Run, status: "finished" | "done before"): CellResult {
  return { name, status, runId: info.runId, metrics: data.metrics };
}

function inWords(metrics: Record<string, number>): string {
  return ["accuracy", "f1"].map((name) => `${name} ${(metrics[name] ?? NaN).toFixed(3)}`).join(", ");
}

/** Returns the local date as `YYYYMMDD`. */
function today(now = new Date()): string {
  const pad = (value: number) => String(value).padStart(2, "0");
  return `${now.getFullYear()}${pad(now.getMonth() + 1)}${pad(now.getDate())}`;
}
