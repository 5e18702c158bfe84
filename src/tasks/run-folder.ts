// The folder of one run under outputs/TrainedModels: its name, its state, its log.
import { appendFileSync, existsSync, mkdirSync, readFileSync, readdirSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { FileError, UsageError, logger, writeFileAtomic } from "../base/index.ts";
import { newestCheckpoint } from "../trainer/index.ts";

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
  startedAt: string;
}

const recordFile = "run.json";

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

  /** Copies every log line into the run's log until the returned function is called. */
  captureLog(): () => void {
    mkdirSync(dirname(this.log), { recursive: true });
    return logger.addSink((level, message) => {
      appendFileSync(this.log, `${new Date().toISOString()} ${level.padEnd(5)} ${message}\n`);
    });
  }
}

/**
 * Finds what to resume: `last` is the newest run of the experiment that has not finished; else the path of a run or of
 * one of its checkpoints. The checkpoint is the newest whole one, or the one named.
 */
export async function findResumable(
  trainedModels: string,
  wanted: string,
): Promise<{ folder: RunFolder; checkpoint: string }> {
  if (wanted !== "last") return resumableAt(wanted);
  const runs = existsSync(trainedModels) ? readdirSync(trainedModels).sort().reverse() : [];
  for (const name of runs) {
    const folder = new RunFolder(join(trainedModels, name));
    if (!existsSync(join(folder.path, recordFile)) || folder.read().status === "FINISHED") continue;
    const checkpoint = await newestCheckpoint(folder.checkpoints);
    if (checkpoint !== undefined) return { folder, checkpoint };
  }
  throw new UsageError(
    `--resume last: no unfinished run with a checkpoint in ${trainedModels}. Start a new run without --resume.`,
  );
}

async function resumableAt(path: string): Promise<{ folder: RunFolder; checkpoint: string }> {
  if (!existsSync(path) || !statSync(path).isDirectory()) {
    throw new UsageError(`--resume: ${path} is not a folder. Name a run, one of its checkpoints, or "last".`);
  }
  if (basename(dirname(path)) === "checkpoints")
    return { folder: new RunFolder(dirname(dirname(path))), checkpoint: path };
  const folder = new RunFolder(path);
  const checkpoint = await newestCheckpoint(folder.checkpoints);
  if (checkpoint === undefined)
    throw new UsageError(`--resume: ${path} holds no whole checkpoint. Start a new run without --resume.`);
  return { folder, checkpoint };
}
