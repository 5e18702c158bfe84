// Which process is meant by a number that was written down, and whether it still runs.
import { readFileSync } from "node:fs";
import { hostname } from "node:os";

/** Names a process beyond the life of its number, which the system gives out anew. */
export interface ProcessIdentity {
  pid: number;
  host: string;
  /** Boot and start time; absent where `/proc` is missing. */
  start?: string | undefined;
}

/** Names this process. */
export function thisProcess(): ProcessIdentity {
  return { pid: process.pid, host: hostname(), start: processStart(process.pid) };
}

/** Tells whether a process has ended; one of another host counts as running. */
export function isProcessGone({ pid, host, start }: ProcessIdentity): boolean {
  if (host !== hostname()) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // no such process; any other answer (no permission) means that it is there
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
  const present = processStart(pid);
  return start !== undefined && present !== undefined && start !== present;
}

/** Returns boot and start time of a process, which tell it from a later one with the same number. */
export function processStart(pid: number): string | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/stat`, "utf8");
    const startTicks = status.slice(status.lastIndexOf(")") + 2).split(" ")[19]; // field 22 of proc(5)
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return `${boot}:${startTicks}`;
  } catch {
    return undefined;
  }
}
