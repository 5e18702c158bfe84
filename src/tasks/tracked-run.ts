// A training run as the tracking store sees it: opened with its config and data, closed with its reason.
import { existsSync } from "node:fs";
import { isDatabaseUri, logger } from "../base/index.ts";
import { configToYaml } from "../config/index.ts";
import type { ResolvedUseCase, UseCaseConfig } from "../config/index.ts";
import type { TextData } from "../data/index.ts";
import { ActiveRun, logsSystemMetrics, openNotifyingStore, repairRuns } from "../tracking/index.ts";
import type { ActiveRunOptions, ContextOptions, DatasetInput, RunStatus, Store } from "../tracking/index.ts";
import type { TrainingJob } from "./job.ts";
import { MetricHistory } from "./metric-history.ts";
import type { RunFolder } from "./run-folder.ts";
import { versions } from "./versions.ts";

/** A run that is open. */
export interface TrackedRun {
  run: ActiveRun;
  store: Store;
  /** Whether the store is this run's to close. */
  ownsStore: boolean;
  folder: RunFolder;
  history: MetricHistory;
}

/** Opens the store, marks runs whose process is gone, and starts or continues the job's run. */
export async function openRun(job: TrainingJob, data: TextData): Promise<TrackedRun> {
  const { config, resolved, folder, checkpoint } = job;
  const { recording } = job;
  const store =
    recording?.store ?? (await openNotifyingStore(resolved.trackingUri, config.mlops.notifications));
  if (recording === undefined) await repairRuns(store);
  const context = {
    folder: resolved.location.projectRoot,
    versions: versions(),
    logSystemMetrics: logsSystemMetrics(config.mlops.tracking.log_system_metrics, { byDefault: true }),
  };
  const resumed = checkpoint !== undefined;
  const run = resumed ? await continueRun(store, folder, context) : await beginRun(store, job, context);
  const history = resumed ? await MetricHistory.ofRun(store, run.runId) : new MetricHistory();
  if (!resumed) {
    const recorded = recordedConfig(config);
    run.logParams(recorded);
    if (recording !== undefined) run.logParams(recording.params);
    run.setTags({
      use_case: config.use_case,
      experiment: config.experiment,
      task: config.task,
      data_hash: data.hash,
      "run.folder": folder.path,
    });
    run.logText(await configToYaml(recorded), "use_case.yaml");
    run.logDict(context.versions, "versions.json");
    await run.logInputs(datasetInputs(resolved, data));
  }
  return { run, store, ownsStore: recording === undefined, folder, history };
}

/** Returns what is recorded of a config: who is told of a run is no part of it, and addresses may be secret. */
export function recordedConfig({ mlops: { tracking }, ...config }: UseCaseConfig) {
  return { ...config, mlops: { tracking } };
}

/** Closes a run with its log and, if it failed, its error; and the store with it. */
export async function closeRun(
  { run, store, ownsStore, folder }: TrackedRun,
  status: RunStatus,
  error?: unknown,
): Promise<void> {
  try {
    if (existsSync(folder.log)) run.logFile(folder.log, "logs/train.log");
  } catch (error) {
    logger.warn((error as Error).message); // a full disk, say: the run must be closed all the same
  }
  await (error === undefined ? run.end(status) : run.fail(error, status));
  if (ownsStore) await store.close();
}

function beginRun(
  store: Store,
  { config, resolved, folder, recording }: TrainingJob,
  context: ContextOptions & ActiveRunOptions,
): Promise<ActiveRun> {
  if (recording !== undefined) {
    const { experimentName, runName, tags } = recording;
    return ActiveRun.start({ store, experimentName, runName, tags, ...context });
  }
  return ActiveRun.start({
    store,
    experimentName: `${config.use_case}/${config.experiment}`,
    runName: folder.name,
    ...placeOfArtifacts(resolved),
    ...context,
  });
}

/** Databases keep no files; the other stores know where theirs are. */
function placeOfArtifacts({ trackingUri, outputs }: ResolvedUseCase): { artifactLocation?: string } {
  return isDatabaseUri(trackingUri) ? { artifactLocation: outputs.artifacts } : {};
}

function continueRun(
  store: Store,
  folder: RunFolder,
  context: ContextOptions & ActiveRunOptions,
): Promise<ActiveRun> {
  return ActiveRun.resume(store, folder.read().runId, context);
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
