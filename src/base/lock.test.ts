// Locks between real processes, some of which died.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";
import { afterEach, beforeEach, expect, test } from "vitest";
import { acquireLock, isLocked } from "./lock.ts";
import { thisProcess } from "./process.ts";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sconce-lock-"));
  path = join(folder, "a.lock");
});
afterEach(() => rmSync(folder, { recursive: true }));

const deadPid = spawnSync(process.execPath, ["--version"]).pid;
const dead = JSON.stringify({ pid: deadPid, host: hostname() });
const take = () => acquireLock(path, { what: "The thing" });

test("a lock is held until it is released, and its holder is named", async () => {
  const lock = await take();
  expect(isLocked(path)).toBe(true);
  const place = `process ${process.pid} on ${hostname()}`;
  await expect(take()).rejects.toThrow(
    `The thing is in use by ${place}. Wait for it, stop it, or delete ${path} if it is gone.`,
  );
  lock.release();
  expect(isLocked(path)).toBe(false);
  (await take()).release();
  expect(readdirSync(folder)).toEqual([]);
});

test("a lock of a dead process is taken over, even if another died while taking it over", async () => {
  for (const name of [path, `${path}.takeover`, `${path}.takeover.takeover`]) writeFileSync(name, dead);
  expect(isLocked(path)).toBe(false);
  const lock = await take();
  expect(readdirSync(folder)).toEqual(["a.lock"]);
  lock.release();
});

test.runIf(existsSync("/proc/self/stat"))(
  "a later process with the same number is not the holder",
  async () => {
    writeFileSync(path, JSON.stringify({ ...thisProcess(), start: "another boot:1" }));
    expect(isLocked(path)).toBe(false);
    (await take()).release();
  },
);

test("a lock of another machine is left alone", async () => {
  writeFileSync(path, JSON.stringify({ pid: deadPid, host: "elsewhere" }));
  expect(isLocked(path)).toBe(true);
  await expect(take()).rejects.toThrow(/in use by process \d+ on elsewhere/);
});

test("a lock that was never written out is held for a moment, then abandoned", async () => {
  writeFileSync(path, "");
  await expect(take()).rejects.toThrow(/in use by another process/);
  const aMinuteAgo = Date.now() / 1000 - 60;
  utimesSync(path, aMinuteAgo, aMinuteAgo);
  (await take()).release();
});

test("of many processes that find dead locks again and again, one at a time goes in", async () => {
  await build({
    configFile: false,
    logLevel: "error",
    build: {
      lib: { entry: fileURLToPath(new URL("./lock.ts", import.meta.url)), formats: ["es"], fileName: "lock" },
      outDir: join(folder, "built"),
      target: "node20",
      rollupOptions: { external: /^node:/ },
    },
  });
  const [processes, rounds] = [8, 24];
  const script = `
    import { closeSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
    import { acquireLock } from ${JSON.stringify(join(folder, "built", "lock.js"))};
    const [path, inside, dead] = ${JSON.stringify([path, join(folder, "inside"), dead])};
    for (let round = 0; round < ${rounds}; round++) {
      const lock = await acquireLock(path, { what: "it", timeoutMs: 50_000 });
      closeSync(openSync(inside, "wx")); // throws if another is inside
      const end = performance.now() + Math.random();
      while (performance.now() < end);
      rmSync(inside);
      if (round % 4 === 3) {
        lock.release();
        continue;
      }
      // dies holding the lock, as far as others can tell
      writeFileSync(path + process.pid, dead);
      renameSync(path + process.pid, path);
    }
  `;
  const failures = await Promise.all(
    Array.from({ length: processes }, () => {
      const child = spawn(process.execPath, ["--input-type=module", "-e", script]);
      let stderr = "";
      child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
      return new Promise<string>((resolve) => child.on("close", (code) => resolve(code === 0 ? "" : stderr)));
    }),
  );
  expect(failures.filter((failure) => failure !== "")).toEqual([]);
});
