import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { quiet, temporaryFolder } from "../fixtures/setup.ts";
import { withLock } from "./lock.mjs";

beforeEach(quiet);

const lockModule = new URL("./lock.mjs", import.meta.url).href;

/** Starts a process that notes when it enters and leaves the lock. */
function locker(path: string, journal: string, milliseconds: number) {
  const program = `
    import { appendFileSync } from "node:fs";
    import { setTimeout } from "node:timers/promises";
    import { withLock } from "${lockModule}";
    const [path, journal, milliseconds] = process.argv.slice(1);
    await withLock(path, async () => {
      appendFileSync(journal, "enter " + process.pid + "\\n");
      await setTimeout(Number(milliseconds));
      appendFileSync(journal, "leave " + process.pid + "\\n");
    });`;
  const args = ["--input-type=module", "-e", program, path, journal, String(milliseconds)];
  return spawn(process.execPath, args, { stdio: "ignore" });
}

const lines = (path: string) => (existsSync(path) ? readFileSync(path, "utf8").trim().split("\n") : []);

test("of several processes one at a time holds the lock", async () => {
  const folder = temporaryFolder();
  const journal = join(folder, "journal");
  const children = [1, 2, 3].map(() => locker(join(folder, "lock"), journal, 100));
  await Promise.all(children.map((child) => once(child, "close")));
  const words = lines(journal).map((line) => line.split(" "));
  expect(words).toHaveLength(6);
  for (let i = 0; i < 6; i += 2)
    expect([words[i], words[i + 1]]).toEqual([
      ["enter", words[i]![1]],
      ["leave", words[i]![1]],
    ]);
  expect(existsSync(join(folder, "lock"))).toBe(false);
});

test("the lock of a killed process is taken over", async () => {
  const folder = temporaryFolder();
  const [path, journal] = [join(folder, "lock"), join(folder, "journal")];
  const child = locker(path, journal, 60_000);
  while (lines(journal).length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  child.kill("SIGKILL");
  await once(child, "close");
  expect(existsSync(path)).toBe(true);
  await expect(withLock(path, () => "mine")).resolves.toBe("mine");
});

test("the lock of another machine is taken over once nobody keeps it fresh", async () => {
  const path = join(temporaryFolder(), "lock");
  writeFileSync(path, "1 elsewhere\n");
  const halfMinuteAgo = new Date(Date.now() - 31_000);
  utimesSync(path, halfMinuteAgo, halfMinuteAgo);
  await expect(withLock(path, () => "mine")).resolves.toBe("mine");
});

test("the lock of another machine that is kept fresh is waited for", async () => {
  const path = join(temporaryFolder(), "lock");
  writeFileSync(path, "1 elsewhere\n");
  const work = withLock(path, () => "mine");
  const outcome = await Promise.race([work, new Promise((resolve) => setTimeout(resolve, 700, "waiting"))]);
  expect(outcome).toBe("waiting");
  rmSync(path);
  await expect(work).resolves.toBe("mine");
});

test("work that fails releases the lock", async () => {
  const path = join(temporaryFolder(), "lock");
  await expect(withLock(path, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(existsSync(path)).toBe(false);
});

test("the lock names its holder", async () => {
  const path = join(temporaryFolder(), "lock");
  const text = await withLock(path, () => readFileSync(path, "utf8"));
  expect(text).toBe(`${process.pid} ${hostname()}\n`);
});
