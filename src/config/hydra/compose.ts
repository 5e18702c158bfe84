// Composes a config from the files that its defaults lists name and from overrides, as Hydra 1.3 does.
import { resolve as resolvePath } from "node:path";
import { type ConfigNode, type MapNode, type Origin, mapNode, valueOf } from "../node.ts";
import { mergeInto } from "../omega/merge.ts";
import { formatValue } from "../value.ts";
import { applyOverrides } from "./apply-overrides.ts";
import { Choices } from "./choices.ts";
import { type ConfigStore, configStore } from "./config-store.ts";
import { type DefaultsEntry, listDefaults } from "./defaults-list.ts";
import { type DefaultsNode, buildDefaultsTree } from "./defaults-tree.ts";
import { childAt, fillHydra } from "./fill-hydra.ts";
import { jobConfig, registerHydraResolvers } from "./hydra-resolvers.ts";
import { checkHydraKeys, convertHydraValues } from "./hydra-schema.ts";
import { type Override, isHydraOverride } from "./override.ts";
import { embed } from "./packages.ts";
import { parseOverride } from "./parse-override.ts";
import { pathProblem, shownPath } from "./config-path.ts";
import { problemAt } from "./problem.ts";
import { Repository } from "./repository.ts";
import { type SearchPathElement, openSearchPath } from "./search-path.ts";
import { searchPathSetting } from "./search-path-setting.ts";

/** Says where configs come from. */
export interface ConfigLocation {
  /** Folder of the primary config, or `pkg://sconce.conf` and the like. @default no folder: stored configs only */
  configPath?: string;
  /** Further places, looked into after `configPath` and before the `hydra.searchpath` of the primary config. */
  searchPath?: readonly SearchPathElement[];
  /** Configs that are no files. @default the common `configStore` */
  store?: ConfigStore;
  /**
   * The rules of which Hydra hold where they differ, as in its `version_base`. "1.1" brings back `_name_` and `_group_`
   * in packages, `hydra/...` choices without `override`, and jobs that run in their folder.
   * @default "1.3"
   */
  versionBase?: "1.1" | "1.2" | "1.3";
  /** `hydra.job.name`, unless a config sets it. @default "app" */
  jobName?: string;
}

/** Says what to compose. */
export interface ComposeOptions extends ConfigLocation {
  /** Path of the primary config in the search path, without `.yaml`. @default an empty config */
  configName?: string;
  /** Lines of the command line: `a.b=1`, `+a=1`, `~a`, `db=mysql`, `+db@backup=mysql`. */
  overrides?: readonly string[];
  /** True to leave the section `hydra` in the config. @default false */
  returnHydraConfig?: boolean;
}

/** Holds a composed config and how it came about. */
export interface Composition {
  /** The whole config with the section `hydra`; interpolations are not resolved. */
  config: MapNode;
  /** The section `hydra` of it. */
  hydra: MapNode;
  overrides: readonly Override[];
  defaults: readonly DefaultsEntry[];
  /** Hydra's own tree of defaults, then that of the primary config. */
  trees: readonly DefaultsNode[];
  repository: Repository;
}

/**
 * Composes a config and returns its tree, whose parts know the file and line, or the override, that wrote them.
 * Interpolations are not resolved; `${hydra:...}` finds the section `hydra` although it is left out.
 * Whatever does not fit throws a `ConfigError` or an `OverrideError` that names the place.
 *
 * @example
 * const config = compose({ configPath: "conf", configName: "config", overrides: ["db=mysql", "db.port=3307"] });
 */
export function compose(options: ComposeOptions): MapNode {
  const { config } = composeAll(options);
  return options.returnHydraConfig === true ? config : jobConfig(config);
}

/**
 * Keeps where configs come from, for several compositions.
 *
 * @example
 * const { compose } = initialize({ configPath: "conf", jobName: "train" });
 * const config = compose({ configName: "config", overrides: ["seed=1"] });
 */
export function initialize(location: ConfigLocation): { compose: (options: ComposeOptions) => MapNode } {
  return { compose: (options) => compose({ ...location, ...options }) };
}

/** Is what composing for a job, and for the sweep around jobs, needs beyond `ComposeOptions`. */
export interface ComposeAllOptions extends ComposeOptions {
  /** True for the config around a sweep: `a=1,2` is allowed and left out, and so are groups to be chosen. */
  isMultirun?: boolean;
}

/** Composes a config and returns also how it came about. */
export function composeAll(options: ComposeAllOptions): Composition {
  const { configName, isMultirun = false } = options;
  registerHydraResolvers();
  const overrides = (options.overrides ?? []).map((line) => parseOverride(line));
  checkSweeps(overrides, isMultirun);
  checkName(configName);
  const repository = openRepository(options, overrides);
  const choices = new Choices(repository, overrides);
  const trees = buildDefaultsTree(configName, {
    repository,
    choices,
    isLegacy: options.versionBase === "1.1",
    skipMissing: isMultirun,
  });
  const defaults = listDefaults(trees);
  choices.checkAllUsed();

  const config = mergeDefaults(defaults, repository);
  const hydra = hydraOf(config);
  checkHydraKeys(hydra);
  applyOverrides(config, choices.configOverrides);
  const composition = { config, hydra: hydraOf(config), overrides, defaults, trees, repository };
  fillHydra(composition, { ...options, choices: choices.known });
  convertHydraValues(composition.hydra);
  return composition;
}

/** Opens the search path: the folder of the primary config, what the caller adds, and what the primary config adds. */
export function openRepository(options: ComposeOptions, overrides: readonly Override[]): Repository {
  const { configPath, searchPath = [], store = configStore, configName, versionBase } = options;
  const isLegacy = versionBase === "1.1";
  const origin: Origin = { source: "the search path" };
  const given = [
    ...(configPath === undefined ? [] : [{ provider: "main", path: absoluteConfigPath(configPath), origin }]),
    ...searchPath.map((element) => ({ ...element, origin })),
  ];
  const baseFolder =
    configPath === undefined || configPath.includes("://") ? process.cwd() : resolvePath(configPath);
  const repository = new Repository(openSearchPath(given, { store, baseFolder }), { isLegacy });
  checkMain(repository, configPath);
  const added = searchPathSetting(repository, configName, overrides);
  if (added.length === 0) return repository;
  return new Repository(openSearchPath([...given, ...added], { store, baseFolder }), { isLegacy });
}

/** Makes a folder of configs independent of the current one. */
export function absoluteConfigPath(configPath: string): string {
  return configPath.includes("://") ? configPath : resolvePath(configPath);
}

function checkMain({ sources }: Repository, configPath: string | undefined): void {
  const main = sources.find(({ provider }) => provider === "main");
  if (main === undefined || main.isAvailable()) return;
  throw problemAt(
    { source: configPath!.includes("://") ? configPath! : shownPath(configPath!) },
    "the folder of the configs is not there. Check the config path.",
    "file",
  );
}

function checkName(configName: string | undefined): void {
  const problem = configName === undefined ? undefined : pathProblem(configName);
  if (problem !== undefined) throw problemAt({ source: configName! }, problem);
}

function checkSweeps(overrides: readonly Override[], isMultirun: boolean): void {
  for (const override of overrides) {
    const { text, sweep, keyOrGroup } = override;
    if (sweep === undefined) continue;
    if (isMultirun && isHydraOverride(override))
      throw problemAt(
        { source: text },
        "the section hydra is the same for all jobs of a sweep. Give one value.",
      );
    if (isMultirun) continue;
    const isSimple = sweep.kind === "choice" && sweep.isSimple;
    const list = text.slice(text.indexOf("=") + 1);
    throw problemAt(
      { source: text },
      isSimple
        ? `several values are a sweep, which needs --multirun. For one list write ${keyOrGroup}=[${list}], for one text quote it.`
        : "several values are a sweep, which needs --multirun.",
    );
  }
}

function mergeDefaults(defaults: readonly DefaultsEntry[], repository: Repository): MapNode {
  const config = mapNode({ source: "the composed config" });
  for (const entry of defaults) {
    const { content, source } = repository.find(entry.configPath)!;
    const part = embed(content, entry.package, entry.packageOrigin);
    checkMapping(part, source);
    checkSearchPath(part, entry);
    mergeInto(config, part);
  }
  return config;
}

function checkMapping(part: ConfigNode, source: string): void {
  if (part.kind === "map") return;
  throw problemAt(
    { ...part.origin, source },
    `a config without a package must be a mapping, got ${formatValue(valueOf(part))}. Write KEY: before it.`,
    "type",
  );
}

/** The search path must be known before any defaults list is read, so only the primary config can add to it. */
function checkSearchPath(part: ConfigNode, { isPrimary, configPath }: DefaultsEntry): void {
  const searchPath = childAt(part, "hydra", "searchpath");
  if (isPrimary || configPath === "hydra/config" || searchPath === undefined) return;
  throw problemAt(
    searchPath.origin,
    "can be set in the primary config and on the command line only. Move it there.",
    "value",
    "hydra.searchpath",
  );
}

function hydraOf(config: MapNode): MapNode {
  const hydra = config.entries.get("hydra")?.node;
  if (hydra?.kind === "map") return hydra;
  throw problemAt(hydra?.origin ?? config.origin, "hydra must be a mapping.", "type", "hydra");
}
