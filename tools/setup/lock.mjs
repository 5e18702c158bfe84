// One set-up at a time in a shared cache. The lock is a file whose age its holder keeps fresh, so that one left
// behind by a killed process frees itself, on a shared disk too.
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { say } from "./log.mjs";

const heartbeatMs = 2_000;
const staleMs = 30_000;

/** Runs `work` while no other process holds the lock at `path`; waits, and says so, until then. */
export async function withLock(path, work) {
  await acquire(path);
  const heartbeat = setInterval(() => touch(path), heartbeatMs);
  heartbeat.unref();
  try {
    return await work();
  } finally {
    clearInterval(heartbeat);
    rmSync(path, { force: true });
  }
}

async function acquire(path) {
  mkdirSync(dirname(path), { recursive: true });
  for (let waited = 0; ; waited++) {
    try {
      writeFileSync(path, `${process.pid} ${hostname()}\n`, { flag: "wx" });
      return;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
    const holder = readHolder(path);
    if (holder === undefined) continue; // released in between
    if (isStale(holder)) removeStale(path, holder);
    else {
      if (waited === 0)
        say(`  waiting for another set-up (process ${holder.pid} on ${holder.host}), lock ${path}`);
      await sleep(500);
    }
  }
}

function readHolder(path) {
  try {
    const text = readFileSync(path, "utf8");
    const [pid, host] = text.trim().split(" ");
    return { text, pid: Number(pid), host, ageMs: Date.now() - statSync(path).mtimeMs };
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw error;
  }
}

function isStale({ pid, host, ageMs }) {
  if (ageMs > staleMs) return true;
  if (host !== hostname() || !Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return error.code === "ESRCH";
  }
}

/** Renames before removing: of several processes that find the same stale lock, one alone removes it. */
function removeStale(path, holder) {
  const aside = `${path}.${process.pid}.stale`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (error.code === "ENOENT") return;
    throw error;
  }
  // a lock that was taken anew between the look and the rename goes back
  if (readFileSync(aside, "utf8") !== holder.text) renameSync(aside, path);
  else rmSync(aside);
}

function touch(path) {
  try {
    const now = new Date();
    utimesSync(path, now, now);
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
  }
}
