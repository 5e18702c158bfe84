// Starts a job in a process of its own and watches over it, so that a crash takes down this job alone.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { outOfMemoryKills, sqlitePath } from "../base/index.ts";
import type { Notification } from "../base/index.ts";
import type { ProcessEnd } from "../tracking/index.ts";
import { exitCodes } from "./report.ts";
import { doneMessage } from "./worker.ts";

/** Says what to start, and where what it may leave behind is recorded. */
export interface WorkerOptions {
  /** Name of the command, for messages. */
  command: string;
  /** Name of the worker's file in this folder, without its ending. */
  worker: string;
  words: readonly string[];
  /** Returns the tracking store in which a killed worker leaves runs that look as if they went on, and who is told. */
  tracking: () => Promise<{ uri: string; notifications: readonly Notification[] }>;
}

/** Runs a worker until its end, passing signals on to it, and returns the exit code. */
export function supervise({ command, worker, words, tracking }: WorkerOptions): Promise<number> {
  const extension = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
  const file = fileURLToPath(new URL(`./${worker}${extension}`, import.meta.url));
  const killsBefore = outOfMemoryKills();
  const child = spawn(process.execPath, [file, ...words], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    // a group of its own: a terminal's Ctrl-C then reaches it once, through us
    detached: true,
  });
  let isDone = false;
  child.on("message", (message) => (isDone ||= message === doneMessage));
  let passedOn: NodeJS.Signals | undefined;
  const passOn = (signal: NodeJS.Signals): void => {
    passedOn = signal;
    child.kill(signal);
  };
  const signals = ["SIGINT", "SIGTERM"] as const;
  for (const signal of signals) process.on(signal, passOn);
  // without a terminal of its own the worker is not told when the window changes
  const passOnSize = (): void => void child.kill("SIGWINCH");
  process.on("SIGWINCH", passOnSize);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    // not "exit", which may come before the last message
    child.on("close", (code, signal) => {
      for (const name of signals) process.off(name, passOn);
      process.off("SIGWINCH", passOnSize);
      if (code !== null && isDone) return resolve(code);
      const asked = signals.find((name) => name === signal && name === passedOn);
      const how =
        code !== null
          ? `ended with exit code ${code} before it was done.`
          : asked === undefined
            ? `was ended by ${signal}${adviceOn(signal)}`
            : "had not begun yet.";
      const outOfMemory = signal === "SIGKILL" && outOfMemoryKills() > killsBefore;
      tracking()
        .then((found) => markDeadRuns(found, { pid: child.pid ?? 0, exitCode: code, signal, outOfMemory }))
        .then((repaired) => {
          // a reader of its output that has seen enough ends it with 0, when its run is over
          if (code === 0 && repaired.length === 0) return resolve(code);
          process.stderr.write(`sconce ${command}: the training process ${how}\n`);
          resolve(asked === undefined ? code || exitCodes.failed : exitCodes[asked]);
        }, reject);
    });
  });
}

function adviceOn(signal: NodeJS.Signals | null): string {
  if (signal !== "SIGKILL") return ". Please report this with the command that led to it.";
  return (
    ", which is what the system does when memory runs out.\n" +
    "Lower dataset.batch_size or dataset.max_length, then go on with --resume last."
  );
}

/** Writes into the store how the run ended, as the dead process could not, and returns the runs that it left. */
async function markDeadRuns(
  { uri, notifications }: Awaited<ReturnType<WorkerOptions["tracking"]>>,
  end: ProcessEnd,
): Promise<string[]> {
  const database = sqlitePath(uri);
  if (database !== undefined && !existsSync(database)) return [];
  const { openNotifyingStore, repairRuns } = await import("../tracking/index.ts");
  const store = await openNotifyingStore(uri, notifications);
  const repaired = await repairRuns(store, { end });
  await store.close();
  return repaired;
}
