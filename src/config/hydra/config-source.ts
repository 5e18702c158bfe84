// One place of the search path: a folder or a store of configs.
import { closeSync, fstatSync, openSync, readFileSync, readdirSync, statSync } from "node:fs";
import type { Stats } from "node:fs";
import { isUtf8 } from "node:buffer";
import { join } from "node:path";
import { limits } from "../document.ts";
import { firstInvalidLine } from "../load.ts";
import { type ConfigNode, mapNode, valueOf } from "../node.ts";
import { formatValue } from "../value.ts";
import { readJson, readYaml } from "../omega/read-yaml.ts";
import { shownPath } from "./config-path.ts";
import type { ConfigStore } from "./config-store.ts";
import { problemAt } from "./problem.ts";
import { type PackageHeader, readHeader } from "./read-defaults.ts";

/** Is one place where configs are looked for. */
export interface ConfigSource {
  /** Who named the place: `main`, `command-line`, `hydra.searchpath in main`. */
  readonly provider: string;
  readonly scheme: "file" | "pkg" | "structured";
  /** What follows the scheme. */
  readonly path: string;
  /** Tells whether the place is there at all. */
  isAvailable(): boolean;
  hasGroup(group: string): boolean;
  /** Reads a config by its path without an ending; undefined where it is not there. */
  read(path: string): Reading | undefined;
  /** Lists the configs of a group by name, or the groups in it. */
  list(group: string, kind: "configs" | "groups"): string[];
}

/** Is a config as it was read, with its defaults list still in it. Nobody may change its tree. */
interface Reading {
  node: ConfigNode;
  package: PackageHeader | undefined;
  /** The file as the user knows it. */
  source: string;
}

/** Looks for configs in a folder. Readings are kept for as long as a file stays as it was. */
export function folderSource(
  folder: string,
  { provider, scheme, path }: Pick<ConfigSource, "provider" | "scheme" | "path">,
): ConfigSource {
  const at = (group: string): string => join(folder, group);
  return {
    provider,
    scheme,
    path,
    isAvailable: () => isFolder(folder),
    hasGroup: (group) => isFolder(at(group)),
    read: (config) => readConfigFile(at(withEnding(config))),
    list(group, kind) {
      const names = new Set<string>();
      for (const name of orProblem(shownPath(at(group)), () => readdirSync(at(group)))) {
        if (kind === "configs" && name.endsWith(".yaml") && statsOf(join(at(group), name))?.isFile() === true)
          names.add(name.slice(0, -".yaml".length));
        if (kind === "groups" && name !== "__pycache__" && isFolder(join(at(group), name))) names.add(name);
      }
      return [...names].sort();
    },
  };
}

/** Looks for configs in a store. */
export function storeSource(
  store: ConfigStore,
  { provider, scheme, path }: Pick<ConfigSource, "provider" | "scheme" | "path">,
): ConfigSource {
  return {
    provider,
    scheme,
    path,
    isAvailable: () => true,
    hasGroup: (group) => store.hasGroup(group),
    read(config) {
      const entry = store.get(config.endsWith(".yaml") ? config.slice(0, -".yaml".length) : config);
      if (entry === undefined) return undefined;
      const { node, package: name, provider: owner } = entry;
      const source = `${owner} ${config}`;
      return { node, package: name === undefined ? undefined : { name, origin: node.origin }, source };
    },
    list: (group, kind) => (kind === "configs" ? store.options(group) : store.groups(group)),
  };
}

function withEnding(path: string): string {
  return /\.(?:ya?ml|json)$/u.test(path) ? path : `${path}.yaml`;
}

interface KeptReading extends Pick<Stats, "mtimeMs" | "size" | "ino"> {
  reading: Reading;
}

const readings = new Map<string, KeptReading>();
const maxReadings = 10_000;

function readConfigFile(file: string): Reading | undefined {
  const stats = statsOf(file);
  if (stats?.isFile() !== true) return undefined;
  const source = shownPath(file);
  const kept = readings.get(file);
  if (kept !== undefined && isSame(kept, stats) && kept.reading.source === source) return kept.reading;
  const { text, read } = readText(file, source);
  const reading = { node: parse(text, source, file), package: readHeader(text, source), source };
  if (readings.size >= maxReadings) readings.clear();
  readings.set(file, { mtimeMs: read.mtimeMs, size: read.size, ino: read.ino, reading });
  return reading;
}

function parse(text: string, source: string, file: string): ConfigNode {
  const node = file.endsWith(".json") ? readJson(text, source) : readYaml(text, source);
  if (node.kind !== "scalar") return node;
  if (node.value === null) return mapNode(node.origin); // an empty file
  throw problemAt(
    node.origin,
    `a config is a mapping of keys to values, got ${formatValue(valueOf(node))}. Write KEY: before it.`,
    "type",
  );
}

function readText(file: string, source: string): { text: string; read: Stats } {
  const { bytes, read } = readBytes(file, source);
  if (!isUtf8(bytes))
    throw problemAt(
      { source, line: firstInvalidLine(bytes), column: 1 },
      "the text must be UTF-8. Save the file in that encoding.",
      "syntax",
    );
  return { text: bytes.toString("utf8").replace(/^\uFEFF/u, ""), read };
}

function readBytes(file: string, source: string): { bytes: Buffer; read: Stats } {
  const descriptor = orProblem(source, () => openSync(file, "r"));
  try {
    const read = fstatSync(descriptor); // of the very file that is read, should it be replaced meanwhile
    if (read.size > limits.bytes)
      throw problemAt(
        { source },
        `a config has at most ${limits.bytes} bytes, got ${read.size}. Is this a data file?`,
        "file",
      );
    return { bytes: orProblem(source, () => readFileSync(descriptor)), read };
  } finally {
    closeSync(descriptor);
  }
}

/** Turns a refusal of the system into one that names the file as the user knows it. */
function orProblem<T>(source: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const message = `cannot be read (${code ?? String(error)}). Check its permissions.`;
    throw problemAt({ source }, message, "file", "", error);
  }
}

function isSame(kept: KeptReading, { mtimeMs, size, ino }: Stats): boolean {
  return kept.mtimeMs === mtimeMs && kept.size === size && kept.ino === ino;
}

function isFolder(path: string): boolean {
  return statsOf(path)?.isDirectory() === true;
}

/** Returns undefined for what cannot be reached, links that lead in a circle among it. */
function statsOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}
