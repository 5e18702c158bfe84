import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ConfigError, DataError, SetupError, TrainingError, UsageError } from "../base/index.ts";
import { report } from "./report.ts";

let written = "";
beforeEach(() => {
  written = "";
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    written += String(text);
    return true;
  });
});
afterEach(() => vi.restoreAllMocks());

describe("an error is reported", () => {
  test.each([
    ["of the command line", new UsageError("train: no config."), 2],
    ["of data", new DataError("a.csv:2: no label."), 2],
    ["of training", new TrainingError("the loss is NaN."), 1],
    ["of the installation", new SetupError("no addon. Run: sconce setup"), 1],
    ["that names its own exit code", Object.assign(new TrainingError("stopped."), { exitCode: 143 }), 143],
  ])("%s by its message alone", (_, error, code) => {
    expect([report(error), written]).toEqual([code, `${error.message}\n`]);
  });

  test("of a config with the number of problems", () => {
    const issue = { path: "seed", code: "type", message: "must be a number.", line: 3, column: 9 } as const;
    expect(report(new ConfigError("a.json", [issue]))).toBe(2);
    expect(written).toBe("a.json:3:9: seed: must be a number.\n1 problem\n");
    expect(report(new ConfigError("a.json", [issue, issue]))).toBe(2);
    expect(written).toMatch(/\n2 problems\n$/);
  });

  test("of the file system with what to do about it", () => {
    const fault = (code: string, path?: string) => Object.assign(new Error(`${code}: raw`), { code, path });
    expect(report(fault("ENOSPC"))).toBe(1);
    expect(report(fault("EACCES", "/data/x"))).toBe(1);
    expect(report(fault("EROFS", "/data/x"))).toBe(1);
    expect(written).toMatchInlineSnapshot(`
      "the disk: no space is left on the disk. Free some (sconce clean shows what can go), then go on.
      /data/x: permission is denied. Change the permissions, or run as the owner.
      /data/x: the file system is read-only. Move the project to one that can be written to.
      "
    `);
  });

  test("of our own with its stack, which a report of it needs", () => {
    expect(report(new TypeError("x is undefined"))).toBe(1);
    expect(written).toMatch(/^TypeError: x is undefined\n +at /);
    expect([report("odd"), written.endsWith("odd\n")]).toEqual([1, true]);
  });
});
