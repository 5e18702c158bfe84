import { spawnSync } from "node:child_process";
import { hostname } from "node:os";
import { expect, test } from "vitest";
import { isProcessGone, processStart, thisProcess } from "./process.ts";

test.runIf(process.platform === "linux")("a process is known by its start, a missing one is not", () => {
  expect(processStart(process.pid)).toBe(processStart(process.pid));
  expect(processStart(process.pid)).not.toBe(processStart(process.ppid));
  expect(processStart(2 ** 22 + 1)).toBeUndefined();
});

test("a process is gone when it has ended, or its number is another's now; elsewhere it may run", () => {
  const ended = { pid: spawnSync(process.execPath, ["--version"]).pid, host: hostname() };
  expect(isProcessGone(thisProcess())).toBe(false);
  expect(isProcessGone({ ...thisProcess(), start: undefined })).toBe(false);
  expect(isProcessGone(ended)).toBe(true);
  expect(isProcessGone({ ...ended, host: "elsewhere" })).toBe(false);
  if (process.platform === "linux") expect(isProcessGone({ ...thisProcess(), start: "boot:1" })).toBe(true);
});
