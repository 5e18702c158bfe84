// Runs as they lie under outputs/TrainedModels, read without loading libtorch.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { UsageError } from "../base/index.ts";
import type { RunRecord } from "../tasks/index.ts";

/** Reads what `run.json` says of a run; undefined where there is none that can be read. */
export function readRunRecord(folder: string): RunRecord | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, "run.json"), "utf8")) as RunRecord;
  } catch {
    return undefined;
  }
}

/** The file by which the process that trains a run holds it. */
export function lockOf(folder: string): string {
  return join(folder, "run.lock");
}

/** Lists the folders of all runs of a project: `outputs/TrainedModels/<use_case>/<experiment>/<run>`. */
export function runFolders(projectRoot: string): string[] {
  return subfolders(join(projectRoot, "outputs", "TrainedModels"))
    .flatMap(subfolders)
    .flatMap(subfolders);
}

/** Lists the folders in a folder, by name; links to folders are left out. */
export function subfolders(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(folder, entry.name))
    .sort();
}

/** Finds a run by its folder, or by its id among the project's runs. */
export function findRun(word: string, projectRoot: string): string {
  if (readRunRecord(word) !== undefined) return resolve(word);
  const folders = runFolders(projectRoot);
  const found = folders.find((folder) => readRunRecord(folder)?.runId === word);
  if (found !== undefined) return found;
  if (existsSync(word)) {
    throw new UsageError(
      `reproduce: ${word} holds no readable run.json. Name the folder of a run, outputs/TrainedModels/USE_CASE/EXPERIMENT/RUN.`,
    );
  }
  const newest = folders.at(-1);
  throw new UsageError(
    `reproduce: no run "${word}" among the ${folders.length} of ${join(projectRoot, "outputs", "TrainedModels")}. ` +
      (newest === undefined
        ? "Train one first: sconce train CONFIG"
        : `Name a run's folder, or its id: the last one is ${newest}.`),
  );
}
