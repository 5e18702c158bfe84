// A whole program around a task: composes its config from the command line, and runs it once or for each job of a sweep.
import { resolve as resolvePath } from "node:path";
import { SconceError, logger, sconceVersion } from "../../base/index.ts";
import { type ConfigNode, type MapNode, valueOf } from "../node.ts";
import { select } from "../omega/resolve.ts";
import { type HydraCallback, notify } from "./callbacks.ts";
import { type CommandLine, parseCommandLine } from "./command-line.ts";
import { type ComposeOptions, type ConfigLocation, absoluteConfigPath, composeAll } from "./compose.ts";
import { hydraVersion } from "./hydra-config.ts";
import { showInfo } from "./info.ts";
import { problemAt } from "./problem.ts";
import { openSweepFolder, readRunFolder } from "./run-folders.ts";
import { type JobResult, type Task, rerunJob, runJob } from "./run-job.ts";
import { hydraHelp, programHelp, showConfig, shownValue } from "./show-config.ts";
import { composeJob, composeSweep, planSweep } from "./sweep.ts";

/** Says where a program's configs are and how it runs jobs. */
export interface MainOptions extends ConfigLocation {
  /** Name of the primary config, without `.yaml`; `--config-name` replaces it. */
  configName?: string;
  /** Words of the command line. @default those of the process */
  argv?: readonly string[];
  /**
   * What a sweep does after a job that failed, which is reported at once in any case: starts no other, or goes on.
   * @default "stop"
   */
  afterFailure?: "stop" | "continue";
  /** Are told what happens, before those of `hydra.callbacks`. */
  callbacks?: readonly HydraCallback[];
  /**
   * Makes a callback of an entry of `hydra.callbacks`, as `instantiate` does with the program's table of targets.
   * @default a config with callbacks is refused
   */
  createCallback?: (config: ConfigNode) => HydraCallback;
  /** Folder that relative output folders are taken from. @default the current folder */
  baseFolder?: string;
  /** Receives what is printed for `--cfg` and the like. @default writes to standard output */
  print?: (text: string) => void;
  /** True to show configs as JSON, those of a sweep as an array. @default false: as YAML, a document each */
  json?: boolean;
  /** Flags that the program takes itself, with what each does, for `--help` and `--hydra-help`. */
  ownFlags?: Readonly<Record<string, string>>;
}

/** Is what a program came to. */
export interface MainResult<T> {
  /** 0 done, 1 a job failed, 2 the command line or the config is wrong. */
  exitCode: 0 | 1 | 2;
  /** One for each job that was started. */
  jobs: readonly JobResult<T>[];
}

/**
 * Runs a program with the flags of Hydra's: composes, opens the run folder, does the task, once or for each job of a
 * sweep. Errors are printed to standard error; the exit code of the process is set unless all went well.
 *
 * @example
 * await main({ configPath: "conf", configName: "config" }, async (config, { outputDir }) => {
 *   await train(config, outputDir);
 * });
 */
export async function main<T>(options: MainOptions, task: Task<T>): Promise<MainResult<T>> {
  const result = await runMain(options, task);
  if (result.exitCode !== 0) process.exitCode = result.exitCode;
  return result;
}

/** Does the same as `main`, but leaves the exit code of the process alone. */
export async function runMain<T>(options: MainOptions, task: Task<T>): Promise<MainResult<T>> {
  try {
    return await runCommand(parseCommandLine(options.argv ?? process.argv.slice(2)), options, task);
  } catch (error) {
    process.stderr.write(
      `${SconceError.is(error) || !(error instanceof Error) ? messageOf(error) : (error.stack ?? error.message)}\n`,
    );
    return { exitCode: SconceError.is(error) ? 2 : 1, jobs: [] };
  }
}

async function runCommand<T>(
  command: CommandLine,
  options: MainOptions,
  task: Task<T>,
): Promise<MainResult<T>> {
  const { print = (text: string) => void process.stdout.write(text), ownFlags } = options;
  const compose = composeOptions(command, options);
  const done: MainResult<T> = { exitCode: 0, jobs: [] };
  switch (command.action) {
    case "version":
      print(`Sconce ${sconceVersion}, composing as Hydra ${hydraVersion}\n`);
      return done;
    case "help":
      print(programHelp(composeAll(compose), { resolve: command.resolve, ownFlags }));
      return done;
    case "hydra-help":
      print(hydraHelp(composeAll(withoutConfig(compose)), { ownFlags }));
      return done;
    case "cfg":
      print(shownConfigs(command, compose, options));
      return done;
    case "info":
      print(showInfo(composeAll(compose), command.info!));
      return done;
    case "rerun":
      return resultOf([await rerunJob(readRunFolder(command.rerun!), task)]);
    case "run":
    case "multirun":
      return runJobs(command, compose, options, task);
  }
}

/** Writes what `--cfg` asks for: one config, or with `-m` that of each job. */
function shownConfigs(command: CommandLine, compose: ComposeOptions, { json = false }: MainOptions): string {
  const { cfg: part, package: packageName, resolve } = command;
  const show = { part: part!, package: packageName, resolve };
  const asJson = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;
  if (!command.isMultirun) {
    const composition = composeAll(compose);
    return json ? asJson(shownValue(composition, show)) : showConfig(composition, show);
  }
  const jobs = composeSweep(compose);
  if (json) return asJson(jobs.map((job) => shownValue(job, show)));
  return jobs.map((job) => `---\n${showConfig(job, show)}`).join("");
}

/** Says what a command line asks to compose. */
export function composeOptions(command: CommandLine, options: MainOptions): ComposeOptions {
  const { searchPath = [] } = options;
  const configPath = command.configPath ?? options.configPath;
  const configName = command.configName ?? options.configName;
  const further =
    command.configDir === undefined
      ? []
      : [{ provider: "command-line", path: `file://${resolvePath(command.configDir)}` }];
  return {
    searchPath: [...searchPath, ...further],
    overrides: command.overrides,
    // a task may change the current folder
    ...(configPath === undefined ? {} : { configPath: absoluteConfigPath(configPath) }),
    ...(configName === undefined ? {} : { configName }),
    ...(options.store === undefined ? {} : { store: options.store }),
    ...(options.versionBase === undefined ? {} : { versionBase: options.versionBase }),
    ...(options.jobName === undefined ? {} : { jobName: options.jobName }),
  };
}

/** Help must come although the primary config is broken. */
function withoutConfig(options: ComposeOptions): ComposeOptions {
  const rest = { ...options };
  delete rest.configName;
  return rest;
}

async function runJobs<T>(
  command: CommandLine,
  compose: ComposeOptions,
  options: MainOptions,
  task: Task<T>,
): Promise<MainResult<T>> {
  const wanted = modeOf(compose);
  const isMultirun = command.action === "multirun" || wanted === "MULTIRUN";
  if (command.action === "multirun" && wanted === "RUN")
    logger.warn("--multirun runs a sweep, although the config says hydra.mode: RUN.");
  const mode = isMultirun ? "MULTIRUN" : "RUN";
  const overrides = [...(compose.overrides ?? []), ...(wanted === mode ? [] : [`hydra.mode=${mode}`])];
  const all = { ...compose, overrides };
  return isMultirun ? runSweep(all, options, task) : runOne(all, options, task);
}

/** Tells whether a command line asks for a sweep, by its flag or by `hydra.mode`. */
export function wantsSweep(command: CommandLine, compose: ComposeOptions): boolean {
  return command.action === "multirun" || modeOf(compose) === "MULTIRUN";
}

/** Returns `hydra.mode`, or null where nothing sets it; what is wrong with the config is told when it is composed again. */
function modeOf(compose: ComposeOptions): unknown {
  try {
    const mode = select(composeAll({ ...compose, isMultirun: true }).config, "hydra.mode");
    return mode === undefined ? null : valueOf(mode);
  } catch {
    return null;
  }
}

async function runOne<T>(
  compose: ComposeOptions,
  options: MainOptions,
  task: Task<T>,
): Promise<MainResult<T>> {
  const composition = composeAll(compose);
  const callbacks = callbacksOf(composition.config, options);
  const { config } = composition;
  await notify(callbacks, "onRunStart", (callback) => callback.onRunStart?.(config));
  const result = await runJob(composition, task, { baseFolder: options.baseFolder, callbacks });
  await notify(callbacks, "onRunEnd", (callback) => callback.onRunEnd?.(config, result));
  if (result.status === "failed") reportFailure(result);
  return resultOf([result]);
}

async function runSweep<T>(
  compose: ComposeOptions,
  options: MainOptions,
  task: Task<T>,
): Promise<MainResult<T>> {
  const { afterFailure = "stop", baseFolder = process.cwd() } = options;
  const sweep = composeAll({ ...compose, isMultirun: true });
  const batches = planSweep(sweep);
  const plans = batches.flat().map((overrides, number) => ({ number, overrides }));
  for (const plan of plans) composeJob(sweep, plan, compose); // a mistake in the last job is found before the first runs
  const callbacks = callbacksOf(sweep.config, options);
  await notify(callbacks, "onMultirunStart", (callback) => callback.onMultirunStart?.(sweep.config));
  openSweepFolder(sweep, { baseFolder });
  const results: JobResult<T>[] = [];
  for (const plan of plans) {
    logger.info(`job ${plan.number + 1} of ${plans.length}: ${plan.overrides.join(" ")}`);
    const result = await runJob(composeJob(sweep, plan, compose), task, {
      number: plan.number,
      baseFolder,
      callbacks,
    });
    results.push(result);
    if (result.status === "completed") continue;
    reportFailure(result);
    if (afterFailure === "stop") break;
  }
  await notify(callbacks, "onMultirunEnd", (callback) => callback.onMultirunEnd?.(sweep.config, results));
  return resultOf(results);
}

function callbacksOf(config: MapNode, { callbacks = [], createCallback }: MainOptions): HydraCallback[] {
  const named = select(config, "hydra.callbacks");
  if (named?.kind !== "map" || named.entries.size === 0) return [...callbacks];
  if (createCallback === undefined)
    throw problemAt(
      named.origin,
      "this program makes no callbacks of its config. Take them out.",
      "value",
      "hydra.callbacks",
    );
  return [...callbacks, ...Array.from(named.entries.values(), ({ node }) => createCallback(node))];
}

function reportFailure<T>({ number, overrides, error }: JobResult<T> & { status: "failed" }): void {
  const which = number === undefined ? "the job" : `job ${number + 1}`;
  const lines = overrides.length === 0 ? "" : ` (${overrides.join(" ")})`;
  const isOurs = SconceError.is(error) || !(error instanceof Error);
  logger.error(`${which}${lines} failed: ${isOurs ? messageOf(error) : (error.stack ?? error.message)}`);
}

function resultOf<T>(jobs: readonly JobResult<T>[]): MainResult<T> {
  return { exitCode: jobs.every(({ status }) => status === "completed") ? 0 : 1, jobs };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
