// Lets one process at a time do something to a folder; a lock of a process that died is taken over.
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { FileError } from "./errors.ts";

/** Holds a lock until `release` is called. */
export interface Lock {
  release(): void;
}

/**
 * Takes the lock file `path`, waiting up to `timeoutMs` (default 0) for its holder.
 *
 * @throws FileError naming the holder when it does not let go in time.
 */
export async function acquireLock(
  path: string,
  { what, timeoutMs = 0 }: { what: string; timeoutMs?: number },
): Promise<Lock> {
  mkdirSync(dirname(path), { recursive: true });
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    if (tryLock(path)) return { release: () => rmSync(path, { force: true }) };
    const holder = readHolder(path);
    if (holder !== undefined && isGone(holder)) rmSync(path, { force: true });
    else if (Date.now() >= deadline) {
      const by = holder === undefined ? "another process" : `process ${holder.pid} on ${holder.host}`;
      throw new FileError(
        `${what} is in use by ${by}. Wait for it, stop it, or delete ${path} if it is gone.`,
      );
    } else await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Tells whether a lock is held by a process that lives, or that another machine may run. */
export function isLocked(path: string): boolean {
  const holder = readHolder(path);
  return holder === undefined ? existsSync(path) : !isGone(holder);
}

interface Holder {
  pid: number;
  host: string;
}

function tryLock(path: string): boolean {
  try {
    const fd = openSync(path, "wx");
    writeSync(fd, JSON.stringify({ pid: process.pid, host: hostname() } satisfies Holder));
    closeSync(fd);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

function readHolder(path: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Holder;
  } catch {
    return undefined; // released, or being written, just now
  }
}

function isGone({ pid, host }: Holder): boolean {
  if (host !== hostname()) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}
