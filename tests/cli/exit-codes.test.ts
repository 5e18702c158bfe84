import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { makeTinyProject } from "../fixtures/tiny-project.ts";
import type { TinyProject } from "../fixtures/tiny-project.ts";
import { sconce, sconceBin, startSconce } from "./run.ts";

let project: TinyProject;
beforeEach(() => {
  project = makeTinyProject({ config: { trainer: { max_epochs: 100_000 } } });
});
afterEach(() => project.remove());

async function until(condition: () => boolean): Promise<void> {
  for (const deadline = performance.now() + 30_000; !condition();) {
    if (performance.now() > deadline) throw new Error("waited 30 s in vain");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe("sconce train exits with", () => {
  test("0 when it is done, with a summary of 80 columns but for paths", async () => {
    const { code, stdout } = await sconce(["train", project.config, "trainer.max_epochs=1"], {
      cwd: project.root,
    });
    expect(code).toBe(0);
    const wide = stdout.split("\n").filter((line) => line.length > 80);
    expect(wide.filter((line) => !line.includes("outputs/"))).toEqual([]);
    expect(stdout).toMatch(/^Trained {4}1 epoch, 8 steps in .* samples\/s$/m);
    expect(stdout).toMatch(/\nNext\n {2}sconce predict .*\n {2}sconce evaluate .*\n {2}sconce train .*\n$/);
  });

  test("0 and nothing but JSON on standard output with --json", async () => {
    const { code, stdout } = await sconce(["train", project.config, "trainer.max_epochs=1", "--json"]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      runId: expect.stringMatching(/^[\da-f]{32}$/),
      modelFolder: project.runs()[0],
      metrics: { accuracy: expect.any(Number), val_loss: expect.any(Number) },
      champion: { promoted: true },
    });
  });

  test("1 when it fails: a loss that is not finite", async () => {
    const { code, stderr } = await sconce([
      "train",
      project.config,
      "optimizer.lr=1e30",
      "optimizer.name=sgd",
    ]);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/(NaN|finite|inf)/i)]);
  });

  test("2 for bad input", async () => {
    expect((await sconce(["train", project.config, "optimizer.lr=fast"])).code).toBe(2);
  });

  test.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("the code of %s when it is stopped, saved", async (signal, code) => {
    const { child, ended, output } = startSconce(["train", project.config]);
    await until(() => existsSync(project.trainedModels) && output().includes("new weights"));
    await new Promise((resolve) => setTimeout(resolve, 500));
    child.kill(signal);
    const { code: actual, stderr } = await ended;
    expect([actual, stderr]).toEqual([
      code,
      expect.stringContaining("Go on with: sconce train CONFIG --resume last"),
    ]);
  });

  test("the code of the signal too when it has not begun yet", async () => {
    const { child, ended } = startSconce(["train", project.config]);
    await new Promise((resolve) => setTimeout(resolve, 250)); // its worker is loading libtorch
    child.kill("SIGINT");
    const { code, signal, stderr } = await ended;
    expect(code ?? signal).toSatisfy((end) => end === 130 || end === "SIGINT");
    expect(stderr).not.toMatch(/Please report|^ +at /m);
  });
});

describe.runIf(existsSync("/dev/full"))("an output that takes no more is a failure with a message", () => {
  test.each([
    ["of the command line", () => "--help"],
    ["of training", () => `train "${project.config}" trainer.max_epochs=1`],
  ])("%s", async (_, words) => {
    const child = spawn("bash", ["-c", `"${process.execPath}" "${sconceBin}" ${words()} > /dev/full`]);
    let stderr = "";
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    expect(await new Promise((resolve) => child.on("close", resolve))).toBe(1);
    expect(stderr).toMatch(/no space is left on the disk/);
    expect(stderr).not.toMatch(/^ +at /m);
  });
});
