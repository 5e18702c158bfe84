// A training run as the tracking store sees it: opened with its config and data, closed with its reason.
import { existsSync } from "node:fs";
import { logger } from "../base/index.ts";
import { configToYaml } from "../config/index.ts";
import type { ResolvedUseCase, UseCaseConfig } from "../config/index.ts";
import {
  ActiveRun,
  SqliteStore,
  contextTags,
  endReasonTag,
  repairRuns,
  startRun,
  startSystemMetrics,
} from "../tracking/index.ts";
import type { ContextOptions, DatasetInput, RunStatus, TrackingStore } from "../tracking/index.ts";
import type { TextData } from "../data/index.ts";
import type { RunFolder } from "./run-folder.ts";

/** Every point of every metric, for plots. */
export class MetricHistory {
  readonly points = new Map<string, { steps: number[]; values: number[] }>();

  /** Reads what a run has logged so far. */
  static async ofRun(store: TrackingStore, runId: string): Promise<MetricHistory> {
    const history = new MetricHistory();
    const { latestMetrics } = (await store.getRun(runId)).data;
    for (const { key } of latestMetrics.filter(({ key }) => !key.startsWith("system/"))) {
      for (const { step, value } of await store.metricHistory(runId, key))
        history.add({ [key]: value }, step);
    }
    return history;
  }

  /** Adds a point of each metric. A run that goes back to a checkpoint logs its later steps anew: they replace. */
  add(metrics: Readonly<Record<string, number>>, step: number): void {
    for (const [name, value] of Object.entries(metrics)) {
      let series = this.points.get(name);
      if (series === undefined) this.points.set(name, (series = { steps: [], values: [] }));
      while (series.steps.length > 0 && series.steps.at(-1)! >= step) {
        series.steps.pop();
        series.values.pop();
      }
      series.steps.push(step);
      series.values.push(value);
    }
  }

  /** Last value of each metric. */
  last(): Record<string, number> {
    return Object.fromEntries([...this.points].map(([name, { values }]) => [name, values.at(-1)!]));
  }
}

/** A run that is open, with what must be stopped when it ends. */
export interface TrackedRun {
  run: ActiveRun;
  store: SqliteStore;
  folder: RunFolder;
  stopSystemMetrics: () => void;
}

export interface OpenRunOptions {
  config: UseCaseConfig;
  resolved: ResolvedUseCase;
  folder: RunFolder;
  data: TextData;
  versions: Record<string, string>;
  /** Continues the run that the folder records, instead of starting one. */
  resumed: boolean;
}

/** Opens the store, marks runs whose process is gone, and starts or continues this one. */
export async function openRun(options: OpenRunOptions): Promise<TrackedRun> {
  const { config, resolved, folder, resumed, data, versions } = options;
  const store = await SqliteStore.open({ path: resolved.trackingDatabase });
  await repairRuns(store);
  const context = { folder: resolved.location.projectRoot, versions };
  const run = resumed ? await continueRun(store, folder, context) : await beginRun(store, options, context);
  if (!resumed) {
    run.logParams(config);
    run.setTags({
      use_case: config.use_case,
      experiment: config.experiment,
      task: config.task,
      data_hash: data.hash,
      "run.folder": folder.path,
    });
    run.logText(await configToYaml(config), "use_case.yaml");
    run.logDict(versions, "versions.json");
    await run.logInputs(datasetInputs(resolved, data));
  }
  const stopSystemMetrics = startSystemMetrics({ log: (metrics, step) => run.logMetrics(metrics, step) });
  return { run, store, folder, stopSystemMetrics };
}

/** Closes a run with its log, and the store with it. */
export async function closeRun(
  { run, store, folder, stopSystemMetrics }: TrackedRun,
  status: RunStatus,
  reason?: string,
): Promise<void> {
  stopSystemMetrics();
  try {
    if (existsSync(folder.log)) run.logFile(folder.log, "logs/train.log");
  } catch (error) {
    logger.warn((error as Error).message); // a full disk, say: the run must be closed all the same
  }
  await run.end(status, reason);
  await store.close();
}

function beginRun(
  store: SqliteStore,
  { config, resolved, folder }: OpenRunOptions,
  context: ContextOptions,
): Promise<ActiveRun> {
  return startRun({
    store,
    experimentName: `${config.use_case}/${config.experiment}`,
    runName: folder.name,
    artifactLocation: resolved.outputs.artifacts,
    ...context,
  });
}

async function continueRun(
  store: SqliteStore,
  folder: RunFolder,
  context: ContextOptions,
): Promise<ActiveRun> {
  const { runId } = folder.read();
  // it is this process's now: the old one is gone, and why it ended is history
  await store.setTags(runId, { ...contextTags(context), [endReasonTag]: "" });
  await store.updateRun({ runId, status: "RUNNING" });
  return new ActiveRun(store, (await store.getRun(runId)).info);
}

function datasetInputs(resolved: ResolvedUseCase, data: TextData): DatasetInput[] {
  const contexts = { train: "training", validation: "validation", test: "testing" };
  return (["train", "validation", "test"] as const).flatMap((name) => {
    const path = resolved[name];
    if (path === undefined) return [];
    return [
      {
        // the files are known by the hash of all of them: MLflow shows it, and equal data looks equal
        dataset: {
          name,
          digest: data.hash.slice(0, 36),
          sourceType: "local",
          source: JSON.stringify({ uri: path }),
          profile: JSON.stringify({ num_rows: data[name]?.labels.length }),
        },
        tags: { "mlflow.data.context": contexts[name] },
      },
    ];
  });
}
