// The folder of one run under outputs/TrainedModels: its name, its state, its log.
import { appendFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { FileError, UsageError, acquireLock, logger, writeFileAtomic } from "../base/index.ts";
import type { Lock } from "../base/index.ts";
import { newestCheckpoint, refuseOtherJob, verifyCheckpoint } from "../trainer/index.ts";

/** What `run.json` says of a run. */
export interface RunRecord {
  runId: string;
  /** The config file that it was started with, relative to the project root. */
  config: string;
  status: "RUNNING" | "FINISHED" | "FAILED" | "KILLED";
  /** Identifies config and data, for checkpoints. */
  fingerprint: string;
  dataHash: string;
  versions: Record<string, string>;
  /** Threads that one operator used; another number sums in another order. */
  threads: number;
  startedAt: string;
}

/** Name of the file that says how far a run is; see `RunRecord`. */
export const recordFile = "run.json";

/** Name of the file that says which process trains in a folder. */
export const lockFile = "run.lock";

/** A run's folder; the model's own files stand in it once training has ended. */
export class RunFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** Makes the folder of a new run, named by its start in local time. */
  static create(trainedModels: string, now = new Date()): RunFolder {
    mkdirSync(trainedModels, { recursive: true });
    const pad = (value: number) => String(value).padStart(2, "0");
    const date = [now.getFullYear(), pad(now.getMonth() + 1), pad(now.getDate())].join("-");
    const stem = `${date}_${pad(now.getHours())}-${pad(now.getMinutes())}-${pad(now.getSeconds())}`;
    for (let n = 1; ; n++) {
      const path = join(trainedModels, n === 1 ? stem : `${stem}_${n}`);
      try {
        mkdirSync(path);
        return new RunFolder(path);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error; // another run of this second
      }
    }
  }

  /** Makes a folder, or empties the one that is there. */
  static empty(path: string): RunFolder {
    rmSync(path, { recursive: true, force: true });
    mkdirSync(path, { recursive: true });
    return new RunFolder(path);
  }

  get name(): string {
    return basename(this.path);
  }

  get checkpoints(): string {
    return join(this.path, "checkpoints");
  }

  get log(): string {
    return join(this.path, "logs", "train.log");
  }

  read(): RunRecord {
    const path = join(this.path, recordFile);
    try {
      return JSON.parse(readFileSync(path, "utf8")) as RunRecord;
    } catch (error) {
      throw new FileError(`${path}: a run's folder must hold a readable ${recordFile}. Name another run.`, {
        cause: error,
      });
    }
  }

  write(record: RunRecord): void {
    writeFileAtomic(join(this.path, recordFile), `${JSON.stringify(record, null, 2)}\n`);
  }

  /** Changes what the folder says of the run's state. */
  mark(status: RunRecord["status"]): void {
    this.write({ ...this.read(), status });
  }

  /** Keeps other processes from training in this folder until it is released, or this process is gone. */
  lock(): Promise<Lock> {
    return acquireLock(join(this.path, lockFile), { what: `The run ${this.name}` });
  }

  /** Copies every log line into the run's log until the returned function is called. */
  captureLog(): () => void {
    mkdirSync(dirname(this.log), { recursive: true });
    const removeSink = logger.addSink((level, message) => {
      try {
        appendFileSync(this.log, `${new Date().toISOString()} ${level.padEnd(5)} ${message}\n`);
      } catch (error) {
        removeSink(); // before it is logged: a full disk must not end the run for want of a log line
        logger.warn(`${this.log}: the log ends here, ${(error as Error).message}`);
      }
    });
    return removeSink;
  }
}

/** A run that can go on, and the checkpoint that it goes on from. */
export interface Resumable {
  folder: RunFolder;
  checkpoint: string;
}

/**
 * Finds what to resume: `last` is the newest run of the experiment that has not finished; else the path of a run or of
 * one of its checkpoints. The checkpoint is the newest whole one, or the one named, and must be of the job that
 * `fingerprint` identifies. Nothing is changed.
 */
export async function findResumable(
  trainedModels: string,
  wanted: string,
  fingerprint: string,
): Promise<Resumable> {
  const found = wanted === "last" ? await lastUnfinished(trainedModels) : await resumableAt(resolve(wanted));
  refuseOtherJob(found.checkpoint, fingerprint);
  return found;
}

/** Lists the runs of a folder by name, the one that began last first. */
export function newestFirst(trainedModels: string): string[] {
  const byName = new Intl.Collator("en", { numeric: true }).compare; // ..._10 is newer than ..._9
  return existsSync(trainedModels) ? readdirSync(trainedModels).sort(byName).reverse() : [];
}

async function lastUnfinished(trainedModels: string): Promise<Resumable> {
  for (const name of newestFirst(trainedModels)) {
    const folder = new RunFolder(join(trainedModels, name));
    if (!isUnfinished(folder)) continue;
    const checkpoint = await newestCheckpoint(folder.checkpoints);
    if (checkpoint !== undefined) return { folder, checkpoint };
  }
  throw new UsageError(
    `--resume last: there is nothing to resume, no unfinished run with a whole checkpoint in ${trainedModels}. Start a new run without --resume.`,
  );
}

function isUnfinished(folder: RunFolder): boolean {
  if (!existsSync(join(folder.path, recordFile))) return false;
  try {
    return folder.read().status !== "FINISHED";
  } catch (error) {
    logger.warn(`${(error as Error).message} It is passed over.`); // one damaged run must not hide the others
    return false;
  }
}

async function resumableAt(path: string): Promise<Resumable> {
  if (!existsSync(path) || !statSync(path).isDirectory()) {
    throw new UsageError(`--resume: ${path} is not a folder. Name a run, one of its checkpoints, or "last".`);
  }
  const isCheckpoint = basename(dirname(path)) === "checkpoints";
  const folder = new RunFolder(isCheckpoint ? dirname(dirname(path)) : path);
  if (folder.read().status === "FINISHED") {
    throw new UsageError(
      `--resume: there is nothing to resume, ${folder.path} is finished. Start a new run without --resume.`,
    );
  }
  if (isCheckpoint) {
    const damage = await verifyCheckpoint(path);
    if (damage === undefined) return { folder, checkpoint: path };
    throw new FileError(
      `${path}: the checkpoint must be whole: ${damage}. Name ${folder.path} to go on from the newest whole one.`,
    );
  }
  const checkpoint = await newestCheckpoint(folder.checkpoints);
  if (checkpoint !== undefined) return { folder, checkpoint };
  throw new UsageError(`--resume: ${path} holds no whole checkpoint. Start a new run without --resume.`);
}
