// Lets one process at a time do something to a folder; a lock of a process that died is taken over.
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { FileError } from "./errors.ts";
import { isProcessGone, thisProcess } from "./process.ts";
import type { ProcessIdentity } from "./process.ts";

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
  while (!tryLock(path)) {
    if (Date.now() >= deadline) {
      const holder = readHolder(path);
      const by = typeof holder === "object" ? `process ${holder.pid} on ${holder.host}` : "another process";
      throw new FileError(
        `${what} is in use by ${by}. Wait for it, stop it, or delete ${path} if it is gone.`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return { release: () => rmSync(path, { force: true }) };
}

/** Tells whether a lock is held by a process that lives, or that another machine may run. */
export function isLocked(path: string): boolean {
  return readHolder(path) !== "free" && !isAbandoned(path);
}

/** Takes a lock that nobody holds, or whose holder is gone. */
function tryLock(path: string): boolean {
  if (create(path)) return true;
  if (!isAbandoned(path)) return false;
  // only who has this second lock removes the first one: it is then still the dead one, not that of a faster waiter
  const takeover = `${path}.takeover`;
  if (!tryLock(takeover)) return false;
  try {
    if (isAbandoned(path)) rmSync(path, { force: true });
    return create(path);
  } finally {
    rmSync(takeover, { force: true });
  }
}

function create(path: string): boolean {
  try {
    const fd = openSync(path, "wx");
    writeSync(fd, JSON.stringify(thisProcess()));
    closeSync(fd);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

const writingMs = 10_000; // more than it takes from making a lock file to having written it

function isAbandoned(path: string): boolean {
  const holder = readHolder(path);
  if (holder === "free") return false;
  if (holder !== "unreadable") return isProcessGone(holder);
  const modifiedAt = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
  return modifiedAt !== undefined && Date.now() - modifiedAt > writingMs;
}

/** Reads who holds a lock; one that is being written, or was when its process died, is unreadable. */
function readHolder(path: string): ProcessIdentity | "free" | "unreadable" {
  try {
    const holder = JSON.parse(readFileSync(path, "utf8")) as ProcessIdentity | null;
    return typeof holder?.pid === "number" ? holder : "unreadable";
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT" ? "free" : "unreadable";
  }
}
