// Trains one cell of a grid: in this process, or in one of its own.
import { spawn } from "node:child_process";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { TrainingError } from "../../base/index.ts";
import type { Notification } from "../../base/index.ts";
import { BertTrainerTorch } from "../bert-trainer.ts";
import type { Recording } from "../job.ts";
import { loadCell } from "./cell-config.ts";

/** Says what is trained and how it is recorded. */
export interface CellJob {
  configFile: string;
  /** Relative paths of the config begin here. */
  root: string;
  recording: Recording;
}

/** Trains a cell, and returns the id of its run. */
export async function trainCell({ configFile, root, recording }: CellJob): Promise<string> {
  const checked = await loadCell({ configFile, root });
  const trainer = new BertTrainerTorch({ ...checked, source: configFile }, { recording });
  return (await trainer.train()).runId;
}

/** Is a cell as it travels to another process. */
export interface CellMessage {
  configFile: string;
  root: string;
  /** URI of the tracking store. */
  uri: string;
  /** Who is told of the run's end. */
  notifications: readonly Notification[];
  recording: Omit<Recording, "store">;
}

/** Trains a cell in a process of its own, with its share of the processors, and returns the id of its run. */
export function runInProcess({ workers, ...message }: CellMessage & { workers: number }): Promise<string> {
  const extension = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
  const worker = fileURLToPath(new URL(`./cell-worker${extension}`, import.meta.url));
  const threads = String(Math.max(1, Math.floor(availableParallelism() / workers)));
  const child = spawn(process.execPath, [worker, JSON.stringify(message)], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    env: { OMP_NUM_THREADS: threads, SCONCE_NUM_THREADS: threads, ...process.env },
  });
  return new Promise((done, fail) => {
    let answer: { runId?: string; error?: string } = {};
    child.on("message", (received: typeof answer) => (answer = received));
    child.once("error", fail);
    child.once("exit", (code, signal) => {
      if (answer.runId !== undefined) return done(answer.runId);
      fail(new TrainingError(answer.error ?? `its process ended with ${signal ?? `exit code ${code}`}.`));
    });
  });
}
