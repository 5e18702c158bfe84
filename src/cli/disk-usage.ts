// What the files of a project's outputs take up, and what of it may go.
import { existsSync, lstatSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { hostname } from "node:os";
import { basename, dirname, join, relative, sep } from "node:path";
import { isLocked, isProcessGone } from "../base/index.ts";
import { lockOf, readRunRecord, runFolders, subfolders } from "./run-record.ts";

/** Kinds of what can be deleted. */
export type FreeableKind = "leftovers" | "cache" | "checkpoints" | "unfinished" | "old";

/** One file or folder that can be deleted. */
export interface Freeable {
  kind: FreeableKind;
  path: string;
  /** The run that it is, or is of. */
  run?: string;
  /** Last sign of life in it, milliseconds since 1970. */
  modifiedAt: number;
}

/** Says which whole runs are old. */
export interface FreeableOptions {
  /** Days after its last change from which a run is old. @default no run is */
  olderThanDays?: number | undefined;
  /** Milliseconds since 1970. @default now */
  now?: number;
}

const dayMs = 86_400_000;

/**
 * Lists what may be deleted below `outputs/`: leftovers of dead processes, the cache, checkpoints of finished runs,
 * unfinished runs, old runs. Never a champion or the run that it is of, nor a run that goes on, nor what a link leads to.
 */
export function findFreeable(
  projectRoot: string,
  { olderThanDays = Infinity, now = Date.now() }: FreeableOptions = {},
): Freeable[] {
  const outputs = join(projectRoot, "outputs");
  if (!existsSync(outputs)) return [];
  const championRuns = findChampionRuns(outputs);
  const leftovers = leftoversIn(outputs);
  const items = [...leftovers];
  for (const run of runFolders(projectRoot)) {
    if (isLocked(lockOf(run)) || leftovers.some(({ path }) => path === run)) continue;
    const modifiedAt = newestChange(run);
    const checkpoints = join(run, "checkpoints");
    if (now - modifiedAt > olderThanDays * dayMs && !championRuns.has(run))
      items.push({ kind: "old", path: run, run, modifiedAt });
    else if (readRunRecord(run)?.status !== "FINISHED")
      items.push({ kind: "unfinished", path: run, run, modifiedAt });
    else if (existsSync(checkpoints)) items.push({ kind: "checkpoints", path: checkpoints, run, modifiedAt });
  }
  const cache = join(outputs, "cache");
  if (existsSync(cache)) items.push({ kind: "cache", path: cache, modifiedAt: newestChange(cache) });
  const inside = realpathSync(outputs) + sep;
  return items.filter(({ path }) => realpathSync(path).startsWith(inside));
}

/** Returns the bytes that deleting `paths` gives back: a file with a further link outside of them gives none. */
export function freedBytes(paths: readonly string[]): number {
  const files = new Map<string, { bytes: number; links: number; seen: number }>();
  for (const path of paths.flatMap(filesBelow)) {
    const { dev, ino, nlink, blocks } = lstatSync(path);
    const key = `${dev}:${ino}`;
    const file = files.get(key) ?? { bytes: blocks * 512, links: nlink, seen: 0 };
    file.seen++;
    files.set(key, file);
  }
  return [...files.values()].reduce((sum, { bytes, links, seen }) => sum + (seen >= links ? bytes : 0), 0);
}

/** The runs whose model holds a champion's place, as `champion.json` names them. */
function findChampionRuns(outputs: string): ReadonlySet<string> {
  const champions = subfolders(join(outputs, "OptimumModels")).flatMap(subfolders);
  return new Set(
    champions.flatMap((folder) => {
      const run = championRun(folder);
      const place = relative(join(outputs, "OptimumModels"), folder);
      return run === undefined ? [] : [join(outputs, "TrainedModels", place, run)];
    }),
  );
}

function championRun(folder: string): string | undefined {
  try {
    const text = readFileSync(join(folder, "champion.json"), "utf8");
    return (JSON.parse(text) as { candidate: { run: string } }).candidate.run;
  } catch {
    return undefined; // not a champion's folder
  }
}

/** Temporary files and half-done replacements whose process is gone, by the process number in their names. */
function leftoversIn(outputs: string): Freeable[] {
  const found: Freeable[] = [];
  const visit = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      const pid = Number(/\.(\d+)(?:\.\d+)?\.(?:tmp|old|new)$/.exec(entry.name)?.[1]);
      if (pid > 0) {
        if (isProcessGone({ pid, host: hostname() }) && !isOnlyChampion(path)) {
          found.push({ kind: "leftovers", path, modifiedAt: newestChange(path) });
        }
      } else if (entry.isDirectory()) visit(path);
    }
  };
  visit(outputs);
  return found;
}

/** Tells whether a crash between two renames left a champion under this name alone; the next run puts it back. */
function isOnlyChampion(path: string): boolean {
  const place = join(dirname(path), basename(path).replace(/\.\d+\.old$/, ""));
  return path.endsWith(".old") && !existsSync(place) && championRun(path) !== undefined;
}

function newestChange(path: string): number {
  return Math.max(lstatSync(path).mtimeMs, ...filesBelow(path).map((file) => lstatSync(file).mtimeMs));
}

/** All that is below a path and no folder; links are not followed. */
function filesBelow(path: string): string[] {
  if (!lstatSync(path).isDirectory()) return [path];
  return readdirSync(path, { withFileTypes: true }).flatMap((entry) => {
    const below = join(path, entry.name);
    return entry.isDirectory() ? filesBelow(below) : [below];
  });
}
