// Training as processes: killed at any moment, asked to stop, watched over. Runs what is built in dist/.
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import { BertTrainerTorch, readChampion } from "../src/tasks/index.ts";
import type { TrainResult } from "../src/tasks/index.ts";
import { hashTensors, loadSafetensors } from "../src/torch/index.ts";
import { SqliteStore } from "../src/tracking/index.ts";
import { newestCheckpoint } from "../src/trainer/index.ts";
import { outcomeOf } from "./fixtures/outcome.ts";
import { makeTemporaryFolder } from "./fixtures/temporary-folder.ts";
import { makeTinyProject } from "./fixtures/tiny-project.ts";
import type { TinyProject } from "./fixtures/tiny-project.ts";

const sconce = fileURLToPath(new URL("../bin/sconce", import.meta.url));
const killedRun = fileURLToPath(new URL("fixtures/killed-run.mjs", import.meta.url));

interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
  seconds: number;
}

interface Started {
  process: ChildProcess;
  ended: Promise<Ended>;
  output: () => string;
}

function start(...args: string[]): Started {
  return startWith({}, ...args);
}

function startWith(env: NodeJS.ProcessEnv, ...args: string[]): Started {
  const child = spawn(process.execPath, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, SCONCE_LOG_LEVEL: "info", ...env },
  });
  const startedAt = performance.now();
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const ended = new Promise<Ended>((resolve) =>
    child.on("close", (code, signal) =>
      resolve({ code, signal, stdout, stderr, seconds: (performance.now() - startedAt) / 1000 }),
    ),
  );
  return { process: child, ended, output: () => stdout + stderr };
}

async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`waited 30 s for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Starts `sconce train` on a run without end, and waits for its first checkpoint. */
async function startEndless(): Promise<Started> {
  project = makeTinyProject({ config: { trainer: { max_epochs: 100_000, enable_progress_bar: false } } });
  const started = start(sconce, "train", project.config);
  await until(() => firstCheckpoint() !== undefined, `a checkpoint; the output was: ${started.output()}`);
  return started;
}

function firstCheckpoint(): string | undefined {
  if (!existsSync(project.trainedModels)) return undefined;
  const folder = join(project.runs()[0] ?? project.root, "checkpoints");
  return existsSync(folder)
    ? readdirSync(folder).find((name) => /^epoch=\d+-step=\d+$/.test(name))
    : undefined;
}

async function stored(): Promise<{
  status: string;
  reason: string | undefined;
  tags: Record<string, string>;
}> {
  const store = await SqliteStore.open({ path: project.database });
  const [run] = await store.searchRuns();
  await store.close();
  const { tags } = run!.data;
  return { status: run!.info.status, reason: tags["sconce.end_reason"], tags };
}

function record(): { status: string } {
  return JSON.parse(readFileSync(join(project.runs()[0]!, "run.json"), "utf8")) as { status: string };
}

function workerPid(): number {
  const lock = readFileSync(join(project.runs()[0]!, "run.lock"), "utf8");
  return (JSON.parse(lock) as { pid: number }).pid;
}

let project: TinyProject;
afterEach(() => project?.remove());

test("killed again and again, within epochs and while saving, a run ends as one that was not", async () => {
  const config = {
    trainer: { max_epochs: 2, accumulate_grad_batches: 2, log_every_n_steps: 1, enable_progress_bar: false },
    callbacks: [{ name: "model_checkpoint", every_n_train_steps: 1 }],
  };
  const whole = makeTinyProject({ config });
  const uninterrupted = await outcomeOf(whole, await (await BertTrainerTorch.fromFile(whole.config)).train());
  whole.remove();

  project = makeTinyProject({ config });
  const moments = [
    ["after-step", "2"],
    ["saving", "3", "last"],
    ["validating", "4", "last"],
    ["saving", "7", "last"],
  ];
  for (const moment of moments) {
    const { signal, stderr } = await start(killedRun, project.config, ...moment).ended;
    expect(signal, stderr).toBe("SIGKILL");
  }
  const { code, stdout, stderr } = await start(sconce, "train", project.config, "--resume", "last", "--json")
    .ended;
  expect(code, stderr).toBe(0);
  expect(stderr).toContain("epoch=1-step=6: epoch 2, step 6"); // step 7 was never whole
  const result = JSON.parse(stdout) as TrainResult;
  expect(project.runs()).toEqual([result.modelFolder]);
  expect(await outcomeOf(project, result)).toEqual(uninterrupted);
});

test("a Trainer that is killed at any moment, its examples made by threads, ends as one that was not", async () => {
  const root = makeTemporaryFolder("sconce-killed-");
  const trainer = (...args: string[]) => start(fileURLToPath(new URL("fixtures/killed-trainer.mjs", import.meta.url)), ...args).ended; // prettier-ignore
  const logged = (folder: string) =>
    readFileSync(join(folder, "lightning_logs", "version_0", "metrics.csv"), "utf8");
  const [wholeFolder, folder] = [join(root, "whole"), join(root, "killed")];
  const whole = await trainer(wholeFolder, "never", "0");
  expect(whole.code, whole.stderr).toBe(0);
  const moments = [
    ["within-step", "2"],
    ["after-step", "3", "last"],
    ["saving", "4", "last"],
    ["within-step", "6", "last"],
  ];
  for (const moment of moments) {
    const { signal, stderr } = await trainer(folder, ...moment);
    expect(signal, stderr).toBe("SIGKILL");
  }
  const { code, stdout, stderr } = await trainer(folder, "never", "0", "last");
  expect(code, stderr).toBe(0);
  expect(stdout).toBe(whole.stdout);
  expect(logged(folder)).toBe(logged(wholeFolder));
  expect(readdirSync(join(folder, "lightning_logs"))).toEqual(["version_0"]);
  rmSync(root, { recursive: true, force: true });
});

describe("a signal", () => {
  test.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)(
    "%s ends sconce train with %i, the run saved and recorded as killed",
    async (signal, exitCode) => {
      const { process: command, ended } = await startEndless();
      const before = performance.now();
      command.kill(signal);
      const { code, stderr } = await ended;
      expect(code, stderr).toBe(exitCode);
      expect(performance.now() - before).toBeLessThan(10_000);
      expect(stderr).toMatch(
        new RegExp(`train: stopped by ${signal} after step \\d+; everything is saved in`),
      );
      const { status, reason } = await stored();
      expect(status).toBe("KILLED");
      expect(reason).toMatch(new RegExp(`^train: stopped by ${signal}`));
      expect(record().status).toBe("KILLED");
      const step = Number(/after step (\d+)/.exec(stderr)![1]);
      const checkpoint = await newestCheckpoint(join(project.runs()[0]!, "checkpoints"));
      expect(checkpoint).toMatch(new RegExp(`step=${step}$`));
    },
  );

  test("a second time ends at once, though the saving is not done", async () => {
    project = makeTinyProject({ config: { trainer: { max_epochs: 100_000 } } });
    const run = start(killedRun, project.config, "slow-end", "0");
    await until(() => firstCheckpoint() !== undefined, "a checkpoint");
    run.process.kill("SIGTERM");
    await until(() => run.output().includes("saving"), "the end of the step");
    const before = performance.now();
    run.process.kill("SIGTERM");
    expect((await run.ended).code).toBe(143);
    expect(performance.now() - before).toBeLessThan(2000);
  });
});

describe("when the process that trains", () => {
  test("is killed, the command says so and the store knows; the run can go on", async () => {
    const { ended } = await startEndless();
    const pid = workerPid();
    process.kill(pid, "SIGKILL");
    const { code, stderr } = await ended;
    expect(code).toBe(1);
    expect(stderr).toContain("the training process was ended by SIGKILL");
    expect(await stored()).toMatchObject({
      status: "KILLED",
      reason: `process ${pid} on ${hostname()} was ended by SIGKILL`,
    });
    const again = await start(sconce, "train", project.config, "trainer.max_epochs=1", "--resume", "last")
      .ended;
    expect(again.code, again.stderr).toBe(0);
    expect((await stored()).status).toBe("FINISHED");
  });

  // loaded into every process of the command; only the one that trains does it, when there is a checkpoint
  const fault = (act: string) => `
    import { existsSync, readdirSync } from "node:fs";
    const folder = process.env.RUNS;
    if (process.argv[1].includes("train-worker")) {
      const timer = setInterval(() => {
        const runs = existsSync(folder) ? readdirSync(folder) : [];
        if (!runs.some((run) => existsSync(folder + "/" + run + "/checkpoints"))) return;
        clearInterval(timer);
        ${act}
      }, 5);
      timer.unref();
    }
  `;

  test.each([
    ["process.exit(0);", 1, /ended with exit code 0$/, undefined],
    ["process.exit(3);", 3, /ended with exit code 3$/, undefined],
    [
      'throw new RangeError("out of thin air");',
      1,
      /exit code 1: RangeError: out of thin air$/,
      "RangeError: out of thin air",
    ],
    [
      'Promise.reject(new TypeError("nobody waits"));',
      1,
      /exit code 1: TypeError: nobody waits$/,
      "TypeError: nobody waits",
    ],
  ] as const)("does %s, the command fails and the run is FAILED", async (act, exitCode, reason, error) => {
    project = makeTinyProject({ config: { trainer: { max_epochs: 100_000, enable_progress_bar: false } } });
    const file = join(project.root, "fault.mjs");
    writeFileSync(file, fault(act));
    const { code, stderr } = await startWith(
      { NODE_OPTIONS: `--import ${pathToFileURL(file).href}`, RUNS: project.trainedModels },
      sconce,
      "train",
      project.config,
    ).ended;
    expect(code, stderr).toBe(exitCode);
    expect(stderr).toContain(
      `ended with exit code ${act.includes("exit(0)") ? 0 : exitCode} before it was done`,
    );
    const { status, reason: why, tags } = await stored();
    expect([status, tags["sconce.last_error"]?.split("\n")[0]]).toEqual(["FAILED", error]);
    expect(why).toMatch(reason);
  });

  test("loses the command that started it, it saves and ends", async () => {
    const { process: command } = await startEndless();
    const pid = workerPid();
    command.kill("SIGKILL");
    await until(() => record().status === "KILLED", "the end of the run");
    expect((await stored()).reason).toMatch(/^train: stopped by SIGTERM/);
    await until(() => !isAlive(pid), "the end of the process");
  });
});

test("two runs that end together leave one champion, the better one", async () => {
  project = makeTinyProject({ config: { trainer: { max_epochs: 3 }, optimizer: { lr: 5e-3 } } });
  const runs = [1, 2].map((seed) => start(sconce, "train", project.config, `seed=${seed}`, "--json"));
  const ended = await Promise.all(runs.map((run) => run.ended));
  for (const { code, stderr } of ended) expect(code, stderr).toBe(0);
  const results = ended.map(({ stdout }) => JSON.parse(stdout) as TrainResult);
  expect(new Set(project.runs())).toEqual(new Set(results.map(({ modelFolder }) => modelFolder)));

  const promoted = results.filter(({ champion }) => champion!.promoted);
  const { candidate } = readChampion(project.champion)!;
  const holder = results.find(({ runId }) => runId === candidate.runId)!;
  expect(candidate.value).toBe(Math.max(...results.map(({ metrics }) => metrics["f1"]!)));
  expect(weightsIn(project.champion)).toBe(weightsIn(holder.modelFolder));
  const store = await SqliteStore.open({ path: project.database });
  const version = await store.getModelVersionByAlias("demo", "champion");
  await store.close();
  expect(version.runId).toBe(holder.runId);
  expect(version.version).toBe(promoted.length);
});

function weightsIn(folder: string): string {
  return hashTensors(loadSafetensors(join(folder, "model.safetensors")));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
