// The folder of a job, and what Hydra writes into it: `.hydra/config.yaml`, `hydra.yaml` and `overrides.yaml`.
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join, resolve as resolvePath } from "node:path";
import { FileError, writeFileAtomic } from "../../base/index.ts";
import { type MapNode, type Origin, listNode, mapNode, scalarNode, valueOf } from "../node.ts";
import { readYaml } from "../omega/read-yaml.ts";
import { select } from "../omega/resolve.ts";
import { toYaml } from "../omega/to-yaml.ts";
import type { Composition } from "./compose.ts";
import { jobConfig } from "./hydra-resolvers.ts";
import { problemAt } from "./problem.ts";

/** Says where the folder of a job is. */
export interface RunFolderOptions {
  /** True for a job of a sweep: its folder is `hydra.sweep.dir`/`hydra.sweep.subdir`, else `hydra.run.dir`. */
  isSweep?: boolean;
  /** Folder that a relative one is taken from. @default the current folder */
  baseFolder?: string;
}

/** Notes the folder of a job as `hydra.runtime.output_dir`, and returns it; nothing is made. */
export function noteRunFolder({ config, hydra }: Composition, options: RunFolderOptions = {}): string {
  const folder = runFolderOf(config, options);
  setRuntime(hydra, "output_dir", folder);
  return folder;
}

/**
 * Makes the folder of a job, notes it as `hydra.runtime.output_dir`, and writes the three files into its
 * `hydra.output_subdir`, byte for byte as Hydra does. Returns the absolute path.
 */
export function openRunFolder(composition: Composition, options: RunFolderOptions = {}): string {
  const { config, hydra } = composition;
  const folder = noteRunFolder(composition, options);
  mkdirSync(folder, { recursive: true });
  const subfolder = select(config, "hydra.output_subdir");
  if (subfolder === undefined || valueOf(subfolder) === null) return folder;
  const place = resolvePath(folder, String(valueOf(subfolder)));
  const overrides = select(config, "hydra.overrides.task", { resolve: false }) ?? listNode(config.origin);
  const shown = mapNode(config.origin, [["hydra", { origin: hydra.origin, node: hydra }]]);
  writeFileAtomic(join(place, "config.yaml"), toYaml(jobConfig(config)));
  writeFileAtomic(join(place, "hydra.yaml"), toYaml(shown));
  writeFileAtomic(join(place, "overrides.yaml"), toYaml(overrides));
  return folder;
}

/** Makes the folder of a sweep and writes `multirun.yaml` into it. Returns the absolute path. */
export function openSweepFolder(
  { config }: Composition,
  { baseFolder = process.cwd() }: Pick<RunFolderOptions, "baseFolder"> = {},
): string {
  const folder = resolvePath(baseFolder, textAt(config, "hydra.sweep.dir"));
  writeFileAtomic(join(folder, "multirun.yaml"), toYaml(config));
  return folder;
}

/** Returns the folder that a job's config names, as an absolute path. */
function runFolderOf(
  config: MapNode,
  { isSweep = false, baseFolder = process.cwd() }: RunFolderOptions = {},
): string {
  if (!isSweep) return resolvePath(baseFolder, textAt(config, "hydra.run.dir"));
  return resolvePath(baseFolder, textAt(config, "hydra.sweep.dir"), textAt(config, "hydra.sweep.subdir"));
}

/** Reads back what `openRunFolder` wrote: the whole config, with its section `hydra`. */
export function readRunFolder(path: string): MapNode {
  const places = [path, join(path, ".hydra")];
  const place = places.find(
    (each) => existsSync(join(each, "config.yaml")) && existsSync(join(each, "hydra.yaml")),
  );
  if (place === undefined)
    throw new FileError(
      `${path}: holds no .hydra/config.yaml and hydra.yaml. Name the folder of a job that ran, or its .hydra folder.`,
    );
  const [config, hydra] = ["config.yaml", "hydra.yaml"].map((name) => {
    const file = join(place, name);
    const node = readYaml(readFileSync(file, "utf8"), file);
    if (node.kind !== "map") throw new FileError(`${file}: must hold a mapping. Was the file changed?`);
    return node;
  });
  return mapNode(config!.origin, [...config!.entries, ...hydra!.entries]);
}

/** Notes what is known only when a job starts. */
function setRuntime(hydra: MapNode, key: string, text: string): void {
  setIn(hydra, ["runtime", key], text);
}

/** Notes the number of a job in its sweep. */
export function setJobNumber(hydra: MapNode, number: number): void {
  setIn(hydra, ["job", "id"], String(number));
  setIn(hydra, ["job", "num"], number);
}

function setIn(hydra: MapNode, [group, key]: readonly [string, string], value: string | number): void {
  const origin: Origin = { source: "hydra" };
  const section = hydra.entries.get(group)?.node;
  if (section?.kind === "map") section.entries.set(key, { origin, node: scalarNode(origin, value) });
}

function textAt(config: MapNode, key: string): string {
  const node = select(config, key, { throwOnMissing: true });
  const value = node && valueOf(node);
  if (typeof value === "string" || typeof value === "number") return String(value);
  throw problemAt(
    node?.origin ?? config.origin,
    `must be a folder, got ${JSON.stringify(value ?? null)}. Set it to a path.`,
    "type",
    key,
  );
}
