// Several files of LightningCLI as one, as jsonargparse merges them (4.53): later ones win, mappings key by key, lists whole.
import { existsSync, readFileSync } from "node:fs";
import { UsageError, logger } from "../base/index.ts";
import type { ComponentKind } from "./components.ts";
import { ConfigStore } from "./hydra/config-store.ts";
import { type ConfigKey, type ConfigNode, type MapNode, cloneNode, listNode, mapNode } from "./node.ts";
import { readJson, readYaml } from "./omega/read-yaml.ts";
import type * as z from "zod";

/** Maps the section of a class to the options that its classes take; undefined for a class that is not known. */
type KnownOptions = Readonly<Record<string, (classPath: string) => readonly string[] | undefined>>;

/**
 * Reads files and merges them; every part keeps its file and line. A file for all subcommands counts with what it says of
 * `fit`, `key+` adds to a list, and where another class is named, options that it does not take are left out with a warning.
 *
 * @throws ConfigError for what cannot be read, UsageError for a file that is not there or has a defaults list
 */
export async function mergeLightningFiles(files: readonly string[]): Promise<MapNode> {
  const known = await knownOptions();
  const result = mapNode({ source: files.join(", ") });
  for (const file of files) mergeMap(result, readFile(file), { path: [], known });
  return result;
}

/** Merges files, and returns them as the config `lightning-cli` of a store, for composing. */
export async function storeLightningFiles(files: readonly string[]): Promise<ConfigStore> {
  const store = new ConfigStore();
  store.store({ name: "lightning-cli", node: await mergeLightningFiles(files), provider: "--config" });
  return store;
}

function readFile(path: string): MapNode {
  if (!existsSync(path)) throw new UsageError(`--config: there is no file "${path}". Check the path.`);
  const text = readFileSync(path, "utf8");
  const node = path.endsWith(".json") ? readJson(text, path) : readYaml(text, path);
  if (node.kind !== "map") throw new UsageError(`--config: ${path} holds no mapping of keys to values.`);
  if (node.entries.has("defaults"))
    throw new UsageError(
      `--config: ${path} has a defaults list, so it is composed alone. Name the others in that list.`,
    );
  const fit = node.entries.get("fit")?.node;
  return fit?.kind === "map" ? fit : node;
}

interface Place {
  path: readonly ConfigKey[];
  known: KnownOptions;
}

function mergeMap(target: MapNode, other: MapNode, { path, known }: Place): void {
  leaveOptionsOut(target, other, { path, known });
  for (const [key, entry] of other.entries) {
    if (typeof key === "string" && key.endsWith("+")) {
      addToList(target, key.slice(0, -1), entry);
      continue;
    }
    const present = target.entries.get(key)?.node;
    if (present?.kind === "map" && entry.node.kind === "map")
      mergeMap(present, entry.node, { path: [...path, key], known });
    else target.entries.set(key, { ...entry, node: cloneNode(entry.node) });
  }
}

function addToList(
  target: MapNode,
  key: string,
  { origin, node }: { origin: ConfigNode["origin"]; node: ConfigNode },
): void {
  const present = target.entries.get(key)?.node;
  const before =
    present === undefined || isNull(present) ? [] : present.kind === "list" ? present.items : [present];
  const added = node.kind === "list" ? node.items : [node];
  target.entries.set(key, {
    origin,
    node: listNode(
      origin,
      [...before, ...added].map((item) => cloneNode(item)),
    ),
  });
}

function leaveOptionsOut(target: MapNode, other: MapNode, { path, known }: Place): void {
  const name = classOf(other);
  const options = target.entries.get("init_args")?.node;
  if (name === undefined || name === classOf(target) || options?.kind !== "map") return;
  const taken = known[path.join(".")]?.(name);
  if (taken === undefined) return; // the check tells of what the class does not know
  for (const [key, { origin }] of options.entries) {
    if (taken.includes(String(key))) continue;
    options.entries.delete(key);
    const { source, line } = origin;
    logger.warn(
      `--config: ${path.join(".")}.${key} of ${source}:${line} is left out, as ${name} does not take it.`,
    );
  }
}

function classOf({ entries }: MapNode): string | undefined {
  const node = entries.get("class_path")?.node;
  return node?.kind === "scalar" ? String(node.value) : undefined;
}

function isNull(node: ConfigNode): boolean {
  return node.kind === "scalar" && node.value === null;
}

async function knownOptions(): Promise<KnownOptions> {
  const [{ optimizerKind, optimizerSchema }, { schedulerKind, schedulerSchema }, { keysAt }] =
    await Promise.all([import("./optimizers.ts"), import("./schedulers.ts"), import("./schema-issues.ts")]);
  const optionsOf =
    (schema: z.ZodType, { components }: ComponentKind) =>
    (classPath: string) => {
      const className = classPath.slice(classPath.lastIndexOf(".") + 1);
      const found = components.find(({ classes }) => classes.includes(className));
      if (found === undefined) return undefined;
      const { name, neutralOptions = {}, renamedOptions = {}, refusedOptions = {} } = found;
      const other = Object.keys({ ...neutralOptions, ...renamedOptions, ...refusedOptions });
      return [...keysAt(schema, { name }, []), ...other];
    };
  return {
    optimizer: optionsOf(optimizerSchema, optimizerKind),
    lr_scheduler: optionsOf(schedulerSchema, schedulerKind),
  };
}
