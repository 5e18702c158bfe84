#!/usr/bin/env node
// Sets up everything that a run needs, each step only when it is not done: node tools/setup.mjs [STEP...]
import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { SetupFailure, closeLog, logPath, openLog, say } from "./setup/log.mjs";
import { projectRoot } from "./setup/paths.mjs";
import { steps } from "./setup/steps.mjs";

/** What the tests need: everything but the data of the use cases, which tests make for themselves. */
export const testSteps = ["node", "packages", "libtorch", "addon", "build", "weights"];

/**
 * Carries out the named steps, all by default, in order, and returns true when they are done.
 * What fails is printed with the way out and where its log is.
 */
export async function setUp(names = Object.keys(steps)) {
  const start = performance.now();
  let worked = false;
  for (const name of names) {
    const step = steps[name];
    try {
      if (step.isDone()) continue;
      worked = true;
      mkdirSync(logFolder, { recursive: true });
      openLog(resolve(logFolder, `${name}.log`));
      const stepStart = performance.now();
      say(`set-up: ${step.title}`);
      await step.run();
      say(`set-up: ${step.title} done in ${seconds(stepStart)} s`);
    } catch (error) {
      const log = logPath();
      say(error instanceof SetupFailure || isForUser(error) ? error.message : describe(error));
      say(`set-up: ${step.title} failed.${log === undefined ? "" : ` Log: ${log}`}`);
      return false;
    } finally {
      closeLog();
    }
  }
  if (worked) say(`set-up: all done in ${seconds(start)} s`);
  return true;
}

const logFolder = resolve(projectRoot, ".sconce", "logs");

// a SconceError of the compiled sources
function isForUser(error) {
  return typeof error === "object" && error !== null && Symbol.for("sconce.error") in error;
}

function seconds(start) {
  return ((performance.now() - start) / 1000).toFixed(1);
}

function describe(error) {
  if (error.code === "ENOSPC")
    return `The disk is full: ${error.message}. Free some space and run set-up again.`;
  if (error.code === "EACCES" || error.code === "EROFS") {
    return `No permission: ${error.message}. Make the folder writable, or choose another with SCONCE_CACHE.`;
  }
  return error.stack ?? String(error);
}

/** Carries out the steps named on the command line and returns the exit code. */
export async function setUpFromCommandLine(words) {
  const unknown = words.find((name) => !(name in steps));
  if (unknown === undefined) return (await setUp(words.length > 0 ? words : undefined)) ? 0 : 1;
  const isHelp = words.includes("--help") || words.includes("-h");
  const list = Object.entries(steps).map(([name, { title }]) => `  ${name.padEnd(10)}${title}`);
  if (!isHelp) say(`setup: unknown step "${unknown}".`);
  say(
    `usage: sconce setup [STEP...]   all steps by default; one that is done is skipped\n${list.join("\n")}`,
  );
  return isHelp ? 0 : 2;
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  process.exitCode = await setUpFromCommandLine(process.argv.slice(2));
}
