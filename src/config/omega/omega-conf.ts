// The object `OmegaConf`: the field's names over trees whose parts know where they were written.
import { extname } from "node:path";
import { ConfigError, type ConfigIssue, writeFileAtomic } from "../../base/index.ts";
import type { ZodType } from "zod";
import {
  type ConfigNode,
  type ListNode,
  type MapNode,
  cloneNode,
  isConfigNode,
  mapNode,
  nodeOf,
  valueOf,
} from "../node.ts";
import { readText } from "../load.ts";
import { type ConfigValue, formatValue } from "../value.ts";
import { checkDepth, createFromText, isContainer } from "./create.ts";
import { prototype } from "./conform.ts";
import { configError, issueAt } from "./failure.ts";
import { contentIssues } from "./content-issues.ts";
import { isInterpolation, isMissing } from "./kinds.ts";
import { type MergeOptions, merge as mergeTwo, mergeInto } from "./merge.ts";
import { missingKeys } from "./missing-keys.ts";
import { readJson, readYaml } from "./read-yaml.ts";
import { type ResolveOptions, resolve as resolved, select } from "./resolve.ts";
import {
  clearCache,
  clearResolver,
  clearResolvers,
  copyCache,
  hasResolver,
  registerNewResolver,
} from "./resolvers.ts";
import { type ToYamlOptions, toYaml } from "./to-yaml.ts";
import type { ObjectType } from "./types.ts";
import { update } from "./update.ts";
import { isZodSchema, typeOfZod } from "./zod-type.ts";

/** Is a config: a mapping or a list, with all that it holds. */
export type Config = MapNode | ListNode;

/** Is what a config can be made of: a tree, plain data, or text of YAML. */
export type ConfigInput = ConfigNode | ConfigValue;

/** Says what becomes of interpolations and missing values. */
export interface ToContainerOptions extends ResolveOptions {
  /** Replaces interpolations. @default false */
  resolve?: boolean;
}

/** Makes a config of YAML text, of data, or of nothing. Interpolations are checked, not followed. */
function create(input: ConfigInput = null, source = "config"): Config {
  if (typeof input === "string") return createFromText(input, source);
  if (input === null) return mapNode({ source });
  if (!isConfigNode(input)) checkDepth(input, source);
  const node = isConfigNode(input) ? cloneNode(input) : nodeOf(input, { source });
  const issues = contentIssues(node);
  if (issues.length > 0) throw new ConfigError(source, issues);
  return container(node);
}

/** Reads a config from a YAML or JSON file of at most 1 MiB. */
function load(path: string): Config {
  const text = readText(path);
  return extname(path).toLowerCase() === ".json"
    ? container(readJson(text, path))
    : createFromText(text, path);
}

/** Writes a config to a YAML file, atomically. */
function save(config: ConfigNode, path: string, options: ToYamlOptions = {}): void {
  writeFileAtomic(path, toYaml(config, options));
}

/** Makes a config of a type: keys, conversions and defaults are those of a zod object or of an `ObjectType`. */
function structured(type: ObjectType | ZodType, name = "Config"): MapNode {
  const issues: ConfigIssue[] = [];
  const object = isZodSchema(type) ? typeOfZod(type, name) : type;
  const source = object.kind === "object" ? object.name : name;
  if (object.kind !== "object")
    throw configError([
      issueAt({ origin: { source } }, "", "a structured config must be an object.", "type"),
    ]);
  const node = prototype(object, { source }, { path: [], issues });
  if (issues.length > 0) throw configError(issues);
  return node;
}

/** Makes a config of lines `a.b=value`; values are YAML, and a key alone is null. */
function fromDotlist(lines: readonly string[]): MapNode {
  const config = mapNode({ source: "dotlist" });
  for (const line of lines) {
    const at = line.indexOf("=");
    const [key, value] = at === -1 ? [line, ""] : [line.slice(0, at), line.slice(at + 1)];
    update(config, key, readYaml(value, line), { origin: { source: line } });
  }
  return config;
}

/** Merges configs, later over earlier, to a new one; all stay as they were. */
function merge(first: ConfigInput, ...others: readonly ConfigInput[]): Config {
  return mergeWith({}, first, ...others);
}

/** Merges as `merge` does, with a say in what becomes of lists. */
function mergeWith(options: MergeOptions, first: ConfigInput, ...others: readonly ConfigInput[]): Config {
  return others.reduce<Config>((target, other) => mergeTwo(target, create(other), options), create(first));
}

/** Merges configs into the first, in place and without a copy of it, which for large configs saves time. */
function unsafeMerge(target: Config, ...others: readonly ConfigInput[]): Config {
  for (const other of others) mergeInto(target, isConfigNode(other) ? other : create(other));
  return target;
}

/** Replaces every interpolation in a config, in place. */
function resolve(config: Config, options: ResolveOptions = {}): void {
  const copy = resolved(config, options);
  if (config.kind === "map" && copy.kind === "map") {
    for (const [key, entry] of copy.entries) config.entries.set(key, entry);
  } else if (config.kind === "list" && copy.kind === "list") config.items.splice(0, Infinity, ...copy.items);
}

/** Turns a config to plain data; keys become texts. */
function toContainer(config: ConfigNode, options: ToContainerOptions = {}): ConfigValue {
  const { resolve: follows = false, throwOnMissing = false } = options;
  if (throwOnMissing) {
    const issues = missingKeys(config).map((key) =>
      issueAt(select(config, key, { resolve: false }) ?? config, key, "a value must be given.", "missing"),
    );
    if (issues.length > 0) throw configError(issues);
  }
  return valueOf(follows ? resolved(config, { throwOnMissing: true }) : config);
}

/** Copies a mapping with some of its keys only. */
function maskedCopy(config: MapNode, keys: string | readonly string[]): MapNode {
  const copy = cloneNode(config);
  const kept = typeof keys === "string" ? [keys] : keys;
  for (const key of copy.entries.keys()) if (!kept.includes(String(key))) copy.entries.delete(key);
  return copy;
}

/** Locks a part against new keys, and all within it that has no lock of its own; undefined takes the lock away. */
function setStruct(node: Config, value: boolean | undefined): void {
  setFlag(node, "struct", value);
}

/** Locks a part against every change, as `setStruct` does against new keys. */
function setReadonly(node: Config, value: boolean | undefined): void {
  setFlag(node, "readonly", value);
}

function setFlag(node: Config, flag: "struct" | "readonly", value: boolean | undefined): void {
  const { [flag]: _, ...flags } = node.flags ?? {};
  node.flags = value === undefined ? flags : { ...flags, [flag]: value };
}

function container(node: ConfigNode): Config {
  if (isContainer(node)) return node;
  const value = typeof node.value === "bigint" ? String(node.value) : formatValue(node.value);
  throw configError([issueAt(node, "", `a config is a mapping or a list, got ${value}.`, "type")]);
}

/** Finds the part right under a key, without following interpolations. */
function under(node: ConfigNode, key: string | number | undefined): ConfigNode | undefined {
  if (key === undefined) return node;
  if (node.kind === "map") return node.entries.get(key)?.node;
  return node.kind === "list" ? node.items[Number(key)] : undefined;
}

/**
 * Makes, reads, merges, resolves and writes configs as OmegaConf does, under its names. A config is a tree whose parts
 * know where they were written, so that every error names file, line and column.
 *
 * @example
 * const config = OmegaConf.create("lr: 0.1\nrun: lr-${lr}");
 * OmegaConf.update(config, "lr", 0.2);
 * OmegaConf.toYaml(config, { resolve: true }); // => "lr: 0.2\nrun: lr-0.2\n"
 */
export const OmegaConf = {
  create,
  load,
  save,
  structured,
  fromDotlist,
  merge,
  mergeWith,
  unsafeMerge,
  select,
  update,
  resolve,
  toYaml,
  toContainer,
  missingKeys,
  maskedCopy,
  /** Tells whether the value under a key, or the part itself, is "???". */
  isMissing: (node: ConfigNode, key?: string | number): boolean => {
    const part = under(node, key);
    return part !== undefined && isMissing(part);
  },
  /** Tells whether the value under a key, or the part itself, is a text that resolving changes. */
  isInterpolation: (node: ConfigNode, key?: string | number): boolean => {
    const part = under(node, key);
    return part !== undefined && isInterpolation(part);
  },
  isDict: (value: unknown): value is MapNode => isConfigNode(value) && value.kind === "map",
  isList: (value: unknown): value is ListNode => isConfigNode(value) && value.kind === "list",
  isConfig: (value: unknown): value is Config => isConfigNode(value) && isContainer(value),
  setStruct,
  setReadonly,
  /** Tells whether a part itself is locked against new keys; undefined where the part around it decides. */
  isStruct: (node: Config): boolean | undefined => node.flags?.struct,
  /** Tells whether a part itself is locked against changes; undefined where the part around it decides. */
  isReadonly: (node: Config): boolean | undefined => node.flags?.readonly,
  registerNewResolver,
  hasResolver,
  clearResolver,
  clearResolvers,
  clearCache,
  copyCache,
} as const;
