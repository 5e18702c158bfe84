// Starts a job in a process of its own and watches over it, so that a crash takes down this job alone.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { outOfMemoryKills, sqlitePath } from "../base/index.ts";
import type { Notification } from "../base/index.ts";
import type { ProcessEnd } from "../tracking/index.ts";
import { exitCodes } from "./report.ts";

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
    child.on("exit", (code, signal) => {
      for (const name of signals) process.off(name, passOn);
      process.off("SIGWINCH", passOnSize);
      if (code !== null) return resolve(code);
      const asked = signals.find((name) => name === signal && name === passedOn);
      const how = asked === undefined ? `was ended by ${signal}${adviceOn(signal)}` : "had not begun yet.";
      process.stderr.write(`sconce ${command}: the training process ${how}\n`);
      const outOfMemory = signal === "SIGKILL" && outOfMemoryKills() > killsBefore;
      tracking()
        .then((found) => markDeadRuns(found, { pid: child.pid ?? 0, exitCode: code, signal, outOfMemory }))
        .then(() => resolve(asked === undefined ? exitCodes.failed : exitCodes[asked]), reject);
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

/** Writes into the store how the run ended: the dead process could not. */
async function markDeadRuns(
  { uri, notifications }: Awaited<ReturnType<WorkerOptions["tracking"]>>,
  end: ProcessEnd,
): Promise<void> {
  const database = sqlitePath(uri);
  if (database !== undefined && !existsSync(database)) return;
  const { openNotifyingStore, repairRuns } = await import("../tracking/index.ts");
  const store = await openNotifyingStore(uri, notifications);
  await repairRuns(store, { end });
  await store.close();
}
