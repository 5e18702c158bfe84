// What the steps of one training share from its beginning on: config, folder, and who may stop it.
import type { ProgressListener } from "../base/index.ts";
import { createHash } from "node:crypto";
import { join, relative, resolve } from "node:path";
import { logger, writeFileAtomic } from "../base/index.ts";
import { configToYaml } from "../config/index.ts";
import type { ResolvedUseCase, UseCaseConfig } from "../config/index.ts";
import type { Store } from "../tracking/index.ts";
import { getNumThreads, setDetectAnomaly, setNumThreads } from "../torch/index.ts";
import { catchSignals } from "../trainer/index.ts";
import type { Interrupt } from "../trainer/index.ts";
import { readChampion } from "./champion.ts";
import { InterruptedError } from "./interrupted.ts";
import { RunFolder, findResumable } from "./run-folder.ts";
import { closeRun, recordedConfig } from "./tracked-run.ts";
import type { TrackedRun } from "./tracked-run.ts";
import { versions } from "./versions.ts";

/** One training, of whatever kind of model. */
export interface TrainingJob {
  config: UseCaseConfig;
  resolved: ResolvedUseCase;
  /** The config's file. */
  source: string;
  progress: ProgressListener;
  folder: RunFolder;
  /** What to go on from; undefined for a new run. */
  checkpoint: string | undefined;
  dataHash: string;
  /** Identifies data and config, for checkpoints. */
  fingerprint: string;
  interrupt: Interrupt;
  /** Where and as what it is recorded; undefined: as the config says. */
  recording: Recording | undefined;
  /** Lets go of the folder, the log and the signals. */
  release: () => void;
}

/** Records a training elsewhere than its config says: as one of many, which does not compete for champion. */
export interface Recording {
  /** Is left open. */
  store: Store;
  experimentName: string;
  runName: string;
  tags: Record<string, string>;
  /** Are logged beside the config. */
  params: Record<string, unknown>;
  /** The run's folder, which is emptied first. */
  folder: string;
}

/** Says what is trained, and whether it goes on. */
export interface BeginJobOptions extends Pick<
  TrainingJob,
  "config" | "resolved" | "source" | "progress" | "dataHash"
> {
  /** `last`, or the path of a run or checkpoint to go on from. */
  resume: string | undefined;
  recording: Recording | undefined;
}

/** Finds or makes the run's folder, holds it against other processes, and prepares this one. */
export async function beginJob({ resume, ...given }: BeginJobOptions): Promise<TrainingJob> {
  const { config, resolved, dataHash } = given;
  const { trainedModels, optimumModel } = resolved.outputs;
  const fingerprint = fingerprintOf(config, dataHash);
  const resumable =
    resume === undefined ? undefined : await findResumable(trainedModels, resume, fingerprint);
  readChampion(optimumModel); // a damaged one is better known now than after the training
  const { recording } = given;
  const folder =
    resumable?.folder ??
    (recording === undefined ? RunFolder.create(trainedModels) : RunFolder.empty(recording.folder));
  const lock = await folder.lock();
  const stopLog = folder.captureLog();
  const interrupt = catchSignals();
  if (config.trainer.num_threads !== undefined) setNumThreads(config.trainer.num_threads);
  if (config.trainer.detect_anomaly) setDetectAnomaly(true);
  const release = () => {
    setDetectAnomaly(false);
    interrupt.release();
    stopLog();
    lock.release();
  };
  return { ...given, folder, checkpoint: resumable?.checkpoint, fingerprint, interrupt, release };
}

/** Writes into the folder which run it is of, with what, and that it goes on. */
export async function recordStart(job: TrainingJob, runId: string): Promise<void> {
  const { config, resolved, source, folder, fingerprint, dataHash } = job;
  folder.write({
    runId,
    config: relative(resolved.location.projectRoot, resolve(source)),
    fingerprint,
    dataHash,
    versions: versions(),
    threads: getNumThreads(),
    startedAt: new Date().toISOString(),
    status: "RUNNING",
  });
  writeFileAtomic(join(folder.path, "use_case.yaml"), await configToYaml(recordedConfig(config)));
}

/** Writes into the folder and the tracking store, as far as they were reached, why a training ended early. */
export async function recordFailure(
  error: unknown,
  { folder }: TrainingJob,
  tracked: TrackedRun | undefined,
): Promise<void> {
  const status = error instanceof InterruptedError ? "KILLED" : "FAILED";
  const reason = error instanceof Error ? error.message : String(error);
  if (status === "FAILED") logger.debug(error instanceof Error ? (error.stack ?? reason) : reason);
  try {
    folder.mark(status);
  } catch {
    // it failed before there was a record
  }
  if (tracked === undefined) return;
  try {
    await closeRun(tracked, status, error);
  } catch (closing) {
    // the error that ended the run is the one to report
    logger.error(`the run could not be closed as ${status}: ${(closing as Error).message}`);
  }
}

/** Identifies what must be equal for a checkpoint to fit: the data, and all that shapes weights and their course. */
function fingerprintOf(config: UseCaseConfig, dataHash: string): string {
  const { seed, base_model, model, dataset, loss, optimizer, scheduler, trainer } = config;
  const {
    precision,
    accumulate_grad_batches,
    gradient_clip_val,
    gradient_clip_algorithm,
    limit_train_batches,
    overfit_batches,
  } = trainer;
  const shaping = {
    precision,
    accumulate_grad_batches,
    gradient_clip_val,
    gradient_clip_algorithm,
    limit_train_batches,
    overfit_batches,
  };
  const { eval_batch_size: _, train: __, test: ___, ...data } = dataset;
  const { gradient_checkpointing: ____, ...shape } = model;
  return createHash("sha256")
    .update(
      JSON.stringify({ seed, base_model, model: shape, data, loss, optimizer, scheduler, shaping, dataHash }),
    )
    .digest("hex");
}
