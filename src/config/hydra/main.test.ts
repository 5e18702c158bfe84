import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { writeFiles } from "../../../tests/fixtures/write-files.ts";
import { UsageError, logger } from "../../base/index.ts";
import { toYaml } from "../omega/to-yaml.ts";
import { parseCommandLine } from "./command-line.ts";
import { type MainOptions, main, runMain } from "./main.ts";
import type { Task } from "./run-job.ts";

let root: string;
let before: string;
let told: string;

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "sconce-main-")));
  before = process.cwd();
  process.chdir(root);
  told = "";
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    told += String(text);
    return true;
  });
  write({
    "config.yaml": "defaults:\n  - db: mysql\n  - _self_\nseed: 1\nfolder: ${hydra:runtime.output_dir}\n",
    "db/mysql.yaml": "name: mysql\n",
    "db/sqlite.yaml": "name: sqlite\n",
  });
});

afterEach(() => {
  vi.restoreAllMocks();
  process.chdir(before);
  rmSync(root, { recursive: true });
});

const write = (files: Record<string, string>): void => writeFiles("conf", files);

const run = <T>(argv: string[], task: Task<T>, options: Partial<MainOptions> = {}) =>
  runMain({ configPath: "conf", configName: "config", argv, ...options }, task);

describe("a run", () => {
  test("gives the task its config and its folder, and returns what it returns", async () => {
    const { exitCode, jobs } = await run(["seed=2", "hydra.run.dir=out"], (config, job) => ({ config, job }));
    const [result] = jobs;
    expect(exitCode).toBe(0);
    expect(result).toMatchObject({
      status: "completed",
      outputDir: join(root, "out"),
      overrides: ["seed=2"],
    });
    expect(result).toMatchObject({
      value: { config: { seed: 2, db: { name: "mysql" }, folder: join(root, "out") } },
    });
  });

  test("goes to its folder and sets the environment, and undoes both", async () => {
    const argv = ["hydra.run.dir=out", "hydra.job.chdir=true", "+hydra.job.env_set.SCONCE_TEST_SET=x"];
    const { jobs } = await run(argv, () => [process.cwd(), process.env["SCONCE_TEST_SET"]]);
    expect(jobs).toMatchObject([{ value: [join(root, "out"), "x"] }]);
    expect([process.cwd(), process.env["SCONCE_TEST_SET"]]).toEqual([root, undefined]);
  });

  test("logs to the file of hydra.job_logging, debug lines too when it is verbose", async () => {
    const task = () => {
      logger.debug("a detail");
      logger.info("a line");
    };
    await run(["hydra.run.dir=quiet"], task);
    await run(["hydra.run.dir=loud", "hydra.verbose=true"], task);
    await run(["hydra.run.dir=none", "hydra/job_logging=none"], task);
    logger.info("after the job");
    expect(readFileSync("quiet/app.log", "utf8")).toMatch(
      /^\[\d{4}-\d\d-\d\d [\d:]{8},\d{3}\]\[app\]\[INFO\] - a line\n$/u,
    );
    expect(readFileSync("loud/app.log", "utf8")).toContain("[DEBUG] - a detail\n");
    expect(existsSync("none/app.log")).toBe(false);
  });

  test("fails with 1 for an error of the task, with 2 for one of the config or the command line", async () => {
    const failing = await run(["hydra.run.dir=out"], () => {
      throw new UsageError("no data");
    });
    expect([failing.exitCode, failing.jobs]).toMatchObject([
      1,
      [{ status: "failed", error: { message: "no data" } }],
    ]);
    expect(told).toContain("the job failed: no data");
    expect(await run(["sed=2"], () => 0)).toEqual({ exitCode: 2, jobs: [] });
    expect(told).toContain('override "sed=2": there is no sed to set. Did you mean "seed"?');
    expect(await run(["--cgf", "job"], () => 0)).toEqual({ exitCode: 2, jobs: [] });
    expect(told).toContain("unknown flag --cgf");
  });

  test("does not begin when an interpolation leads nowhere", async () => {
    write({ "config.yaml": "a: ${b}\n" });
    const task = vi.fn();
    const { exitCode, jobs } = await run(["hydra.run.dir=out"], task);
    expect([exitCode, jobs.length, task.mock.calls.length]).toEqual([1, 1, 0]);
    expect(told).toContain("conf/config.yaml:1:4");
  });

  test("can be done again from its folder", async () => {
    await run(["seed=5", "hydra.run.dir=out"], () => 0);
    write({ "config.yaml": "seed: changed\n" });
    for (const place of ["out", "out/.hydra"]) {
      const { jobs } = await run(["--experimental-rerun", place], (config, { outputDir }) => [
        config["seed"],
        outputDir,
      ]);
      expect(jobs).toMatchObject([{ value: [5, join(root, "out")], overrides: ["seed=5"] }]);
    }
    expect((await run(["--experimental-rerun", "conf"], () => 0)).exitCode).toBe(2);
    expect(told).toContain("conf: holds no .hydra/config.yaml");
  });

  test("sets the exit code of the process in main alone", async () => {
    const saved = process.exitCode;
    await main({ configPath: "conf", configName: "config", argv: ["hydra.run.dir=out"] }, () => 0);
    expect(process.exitCode).toBe(saved);
    await main({ configPath: "conf", configName: "absent", argv: [] }, () => 0);
    expect(process.exitCode).toBe(2);
    process.exitCode = saved;
  });
});

describe("a sweep", () => {
  const sweep = ["-m", "seed=1,2,3", "hydra.sweep.dir=out"];
  const unlucky: Task<unknown> = ({ seed }) => {
    if (seed === 2) throw new Error("unlucky");
    return seed;
  };

  test("stops at a job that fails, and says so at once", async () => {
    const { exitCode, jobs } = await run(sweep, unlucky);
    expect([exitCode, ...jobs.map(({ status }) => status)]).toEqual([1, "completed", "failed"]);
    expect(told).toContain("job 2 (seed=2) failed: Error: unlucky");
    expect(existsSync("out/2")).toBe(false);
  });

  test("goes on when it is told to", async () => {
    const { exitCode, jobs } = await run(sweep, unlucky, { afterFailure: "continue" });
    expect([exitCode, ...jobs.map(({ status }) => status)]).toEqual([1, "completed", "failed", "completed"]);
    expect(jobs.map(({ number, outputDir }) => [number, outputDir])).toEqual(
      [0, 1, 2].map((number) => [number, join(root, "out", String(number))]),
    );
  });

  test("begins only when every job can be composed", async () => {
    const task = vi.fn();
    const { exitCode } = await run(["-m", "db=mysql,sqlite,oracle"], task);
    expect([exitCode, task.mock.calls.length]).toEqual([2, 0]);
    expect(told).toContain('db=oracle: there is no config "oracle" in the group "db"');
  });

  test("stays where it is when a task changes the current folder", async () => {
    mkdirSync("elsewhere");
    const { exitCode, jobs } = await run(sweep, () => process.chdir(join(root, "elsewhere")));
    expect([exitCode, ...jobs.map(({ outputDir }) => outputDir)]).toEqual([
      0,
      ...[0, 1, 2].map((number) => join(root, "out", String(number))),
    ]);
  });

  test("is refused to launchers and sweepers of others", async () => {
    const { exitCode } = await run(["-m", "seed=1,2", "hydra.launcher._target_=joblib"], () => 0);
    expect(exitCode).toBe(2);
    expect(told).toContain('hydra.launcher._target_: "joblib" cannot run jobs here.');
  });

  test("has one folder, and its jobs see the moment that names it", async () => {
    write({ "config.yaml": "seed: 1\nmoment: ${now:%f}\n" });
    const { jobs } = await run(
      ["-m", "seed=1,2", "hydra.sweep.dir=out/${now:%f}"],
      async ({ moment }, { outputDir }) => {
        await new Promise((done) => setTimeout(done, 5));
        return [moment, dirname(outputDir)];
      },
    );
    const [first, second] = jobs as unknown as { value: unknown }[];
    expect(first!.value).toEqual(second!.value);
  });
});

test("callbacks are told what happens, the program's own around those of the config", async () => {
  const calls: string[] = [];
  const callback = (name: string) => ({
    onRunStart: () => void calls.push(`${name} run start`),
    onRunEnd: () => void calls.push(`${name} run end`),
    onMultirunStart: () => void calls.push(`${name} sweep start`),
    onMultirunEnd: () => void calls.push(`${name} sweep end`),
    onJobStart: () => void calls.push(`${name} job start`),
    onJobEnd: () => void calls.push(`${name} job end`),
  });
  write({ "config.yaml": "hydra:\n  callbacks:\n    mine: {_target_: mine}\n" });
  const options = {
    callbacks: [callback("a")],
    createCallback: (config: Parameters<typeof toYaml>[0]) =>
      callback(toYaml(config).slice("_target_: ".length).trim()),
  };
  await run(["hydra.run.dir=out"], () => void calls.push("task"), options);
  expect(calls).toEqual([
    "a run start",
    "mine run start",
    "a job start",
    "mine job start",
    "task",
    "mine job end",
    "a job end",
    "mine run end",
    "a run end",
  ]);
  calls.length = 0;
  await run(["-m", "+x=1", "hydra.sweep.dir=out"], () => 0, options);
  expect(calls.filter((call) => call.includes("sweep"))).toEqual([
    "a sweep start",
    "mine sweep start",
    "mine sweep end",
    "a sweep end",
  ]);
  expect((await run([], () => 0)).exitCode).toBe(2);
  expect(told).toContain("hydra.callbacks: this program makes no callbacks of its config.");
});

test("a callback that throws does not stop a job", async () => {
  class Nosy {
    onJobStart() {
      throw new Error("no network");
    }
  }
  const { exitCode, jobs } = await run(["hydra.run.dir=out"], () => 7, { callbacks: [new Nosy()] });
  expect([exitCode, jobs]).toMatchObject([0, [{ value: 7 }]]);
  expect(told).toContain("onJobStart of Nosy failed: Error: no network");
});

test("--hydra-help and --version need no config", async () => {
  let printed = "";
  const print = (text: string) => void (printed += text);
  for (const flag of ["--hydra-help", "--version"])
    expect(await run([flag], () => 0, { configName: "absent", print })).toMatchObject({ exitCode: 0 });
  expect(printed).toContain("--multirun,-m : ");
  expect(printed).toContain("hydra: config\nhydra/env: default\n");
  expect(printed).toContain("composing as Hydra 1.3.8");
});

test("--cfg with -m shows the config of each job, as YAML documents or a JSON array", async () => {
  let printed = "";
  const print = (text: string) => void (printed += text);
  const argv = ["--cfg", "job", "-m", "db=mysql,sqlite", "seed=5"];
  expect(await run([...argv, "-p", "db"], () => 0, { print })).toMatchObject({ exitCode: 0, jobs: [] });
  expect(printed).toBe("---\n# @package db\nname: mysql\n---\n# @package db\nname: sqlite\n");
  printed = "";
  await run(argv, () => 0, { print, json: true });
  expect(JSON.parse(printed)).toMatchObject([
    { db: { name: "mysql" }, seed: 5 },
    { db: { name: "sqlite" }, seed: 5 },
  ]);
  printed = "";
  await run(["--cfg", "job", "-p", "db.name"], () => 0, { print, json: true });
  expect(printed).toBe('"mysql"\n');
  expect(await run(["--cfg", "job", "db=mysql,sqlite"], () => 0, { print })).toMatchObject({ exitCode: 2 });
  expect(existsSync(join(root, "outputs"))).toBe(false);
});

test("--hydra-help lists the flags that a program takes itself", async () => {
  let printed = "";
  const print = (text: string) => void (printed += text);
  await run(["--hydra-help"], () => 0, { print, ownFlags: { "--json": "prints JSON" } });
  expect(printed).toContain("\n--json : prints JSON\n");
});

describe("a command line", () => {
  test.each([
    [["a=1", "-m", "~b"], { action: "multirun", overrides: ["a=1", "~b"] }],
    [["--info", "a=1"], { action: "info", info: "all", overrides: ["a=1"] }],
    [["--info", "defaults", "a=1"], { action: "info", info: "defaults", overrides: ["a=1"] }],
    [["-i=plugins"], { action: "info", info: "plugins" }],
    [["--cfg", "job", "-m", "a=1,2"], { action: "cfg", isMultirun: true, cfg: "job" }],
    [["-c", "job", "-p", "db", "--resolve"], { action: "cfg", cfg: "job", package: "db", resolve: true }],
    [
      ["-cp", "a", "-cn=b", "--config-dir", "c"],
      { action: "run", configPath: "a", configName: "b", configDir: "c" },
    ],
    [["--", "-x=1"], { action: "run", overrides: ["-x=1"] }],
  ])("%j", (words, expected) => {
    expect(parseCommandLine(words)).toMatchObject(expected);
  });

  test.each([
    [["--mutlirun"], 'unknown flag --mutlirun. Did you mean "--multirun"?'],
    [["--cfg"], "--cfg: a value must follow."],
    [["--cfg", "jobs"], '--cfg: unknown value "jobs". Did you mean "job"?'],
    [["-m=1"], '-m: takes no value, got "1". Delete it.'],
    [["--cfg", "job", "-r"], "only one of --run and --cfg can be given."],
    [["--resolve"], "--resolve: goes with --cfg or --help only."],
    [["-p", "db"], "--package: goes with --cfg only."],
    [["--experimental-rerun", "x", "a=1"], '"a=1" cannot be applied.'],
  ])("%j is refused", (words, message) => {
    expect(() => parseCommandLine(words)).toThrow(message);
  });
});
