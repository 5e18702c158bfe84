// Composes every job that a command line asks for, without running any: what has to be right before the first one begins.
import type { MapNode } from "../node.ts";
import { parseCommandLine } from "./command-line.ts";
import { composeAll } from "./compose.ts";
import { jobConfig, registerHydraResolvers } from "./hydra-resolvers.ts";
import { type MainOptions, composeOptions, wantsSweep } from "./main.ts";
import { noteRunFolder } from "./run-folders.ts";
import { composeJob, planSweep } from "./sweep.ts";

/** Is one job that would run. */
export interface PlannedJob {
  /** Number in its sweep, from 0; undefined outside a sweep. */
  number: number | undefined;
  overrides: readonly string[];
  /** Its config without the section `hydra`; interpolations are not resolved. */
  config: MapNode;
}

/**
 * Lists the jobs of a command line, composed: one, or those of a sweep. Nothing is written.
 *
 * @throws ConfigError, OverrideError or UsageError for what cannot be composed
 */
export function planJobs(options: MainOptions): PlannedJob[] {
  registerHydraResolvers();
  const command = parseCommandLine(options.argv ?? process.argv.slice(2));
  const compose = composeOptions(command, options);
  const folders = options.baseFolder === undefined ? {} : { baseFolder: options.baseFolder };
  if (!wantsSweep(command, compose)) {
    const composition = composeAll(compose);
    noteRunFolder(composition, folders);
    return [{ number: undefined, overrides: command.overrides, config: jobConfig(composition.config) }];
  }
  const sweep = composeAll({ ...compose, isMultirun: true });
  return planSweep(sweep)
    .flat()
    .map((overrides, number) => {
      const composition = composeJob(sweep, { number, overrides }, compose);
      noteRunFolder(composition, { ...folders, isSweep: true });
      return { number, overrides, config: jobConfig(composition.config) };
    });
}
