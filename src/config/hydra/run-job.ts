// Runs one composed job: opens its folder and log, sets what the config asks for around it, and keeps what came of it.
import { isDeepStrictEqual } from "node:util";
import { type ConfigNode, type MapNode, valueOf } from "../node.ts";
import { resolve, select } from "../omega/resolve.ts";
import { type ConfigMap, isConfigMap } from "../value.ts";
import { type HydraCallback, notify } from "./callbacks.ts";
import type { Composition } from "./compose.ts";
import { jobConfig } from "./hydra-resolvers.ts";
import { openJobLog } from "./job-log.ts";
import { openRunFolder } from "./run-folders.ts";

/** Is a job as its task sees it. */
export interface Job {
  /** Number in its sweep, from 0; undefined outside a sweep. */
  number: number | undefined;
  /** The overrides that it was composed with, without those of the section `hydra`. */
  overrides: readonly string[];
  /** Folder of the job, absolute. */
  outputDir: string;
  /** Its config as a tree that knows where each part was written; interpolations are not resolved. */
  config: MapNode;
  /** The whole config, with the section `hydra`. */
  whole: MapNode;
}

/** Does the work of a job. `config` is plain data with all interpolations resolved. */
export type Task<T> = (config: ConfigMap, job: Job) => T | Promise<T>;

/** Is what came of a job: what its task returned, or the error that it threw. */
export type JobResult<T> = Job & ({ status: "completed"; value: T } | { status: "failed"; error: unknown });

/** Says which job of a sweep it is, where it runs, and who is told of it. */
export interface RunJobOptions {
  number?: number | undefined;
  baseFolder?: string | undefined;
  callbacks?: readonly HydraCallback[];
}

/** Runs the task of one composed job. An error of the task is part of the result; one of the config is thrown. */
export async function runJob<T>(
  composition: Composition,
  task: Task<T>,
  { number, baseFolder = process.cwd(), callbacks = [] }: RunJobOptions = {},
): Promise<JobResult<T>> {
  const { config: whole } = composition;
  const outputDir = openRunFolder(composition, { isSweep: number !== undefined, baseFolder });
  const config = jobConfig(whole);
  const overrides = textsAt(whole, "hydra.overrides.task");
  const job: Job = { number, overrides, outputDir, config, whole };
  const closeLog = openJobLog(whole);
  const restore = enter(whole, outputDir);
  try {
    await notify(callbacks, "onJobStart", (callback) => callback.onJobStart?.(whole, job));
    const result = await attempt(job, task);
    await notify(callbacks, "onJobEnd", (callback) => callback.onJobEnd?.(whole, result));
    return result;
  } finally {
    restore();
    closeLog();
  }
}

/** Does the task of a job that ran before, with the config that its folder holds; nothing is written. */
export async function rerunJob<T>(whole: MapNode, task: Task<T>): Promise<JobResult<T>> {
  const outputDir = String(plainAt(whole, "hydra.runtime.output_dir"));
  const number = plainAt(whole, "hydra.job.num");
  const job: Job = {
    number: typeof number === "number" ? number : undefined,
    overrides: textsAt(whole, "hydra.overrides.task"),
    outputDir,
    config: jobConfig(whole),
    whole,
  };
  return attempt(job, task);
}

async function attempt<T>(job: Job, task: Task<T>): Promise<JobResult<T>> {
  try {
    const plain = valueOf(resolve(job.config)) as ConfigMap;
    trees.set(plain, job.config);
    const value = await task(plain, job);
    return { ...job, status: "completed", value };
  } catch (error) {
    return { ...job, status: "failed", error };
  }
}

/** Sets `hydra.job.env_set` and, with `hydra.job.chdir`, the current folder; the returned function undoes both. */
function enter(whole: MapNode, outputDir: string): () => void {
  const set = plainAt(whole, "hydra.job.env_set");
  const before = new Map<string, string | undefined>();
  for (const [name, value] of Object.entries(isConfigMap(set) ? set : {})) {
    before.set(name, process.env[name]);
    process.env[name] = String(value);
  }
  const folder = process.cwd();
  const isLegacy = plainAt(whole, "hydra.runtime.version_base") === "1.1"; // jobs moved then unless told not to
  const moves = plainAt(whole, "hydra.job.chdir") ?? isLegacy;
  if (moves) process.chdir(outputDir);
  return () => {
    if (moves) process.chdir(folder);
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  };
}

/** The trees of the configs that tasks were given. */
const trees = new WeakMap<ConfigMap, MapNode>();

/** Returns the tree of a config that a task was given, whose parts know where they were written, unless it was changed. */
export function treeOf(plain: ConfigMap): MapNode | undefined {
  const tree = trees.get(plain);
  return tree !== undefined && isDeepStrictEqual(valueOf(resolve(tree)), plain) ? tree : undefined;
}

function textsAt(whole: MapNode, key: string): string[] {
  const value = plainAt(whole, key);
  return Array.isArray(value) ? value.map(String) : [];
}

function plainAt(whole: ConfigNode, key: string): unknown {
  const node = select(whole, key);
  return node && valueOf(node);
}
