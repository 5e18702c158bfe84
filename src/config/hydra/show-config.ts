// What `--cfg`, `--help` and `--hydra-help` print.
import { UsageError } from "../../base/index.ts";
import { type ConfigNode, type MapNode, cloneNode, mapNode, valueOf } from "../node.ts";
import { resolve, select } from "../omega/resolve.ts";
import { toYaml } from "../omega/to-yaml.ts";
import { type ConfigPart, flagsHelp } from "./command-line.ts";
import type { Composition } from "./compose.ts";
import { jobConfig } from "./hydra-resolvers.ts";
import type { ConfigValue } from "../value.ts";
import { pythonText } from "../omega/python-text.ts";
import type { Repository } from "./repository.ts";

/** Says what to show of a config. */
export interface ShowOptions {
  part: ConfigPart;
  /** Keys that lead to a part of it; `_global_` is the whole. */
  package?: string | undefined;
  /** True to replace interpolations first. */
  resolve?: boolean;
}

/** Writes a composed config, or a part of it, as YAML. A package that is not there throws a `UsageError`. */
export function showConfig(composition: Pick<Composition, "config">, options: ShowOptions): string {
  const node = shownPart(composition, options);
  if (node.kind === "scalar") return `${pythonText(node)}\n`;
  return `${isWhole(options) ? "" : `# @package ${options.package}\n`}${toYaml(node)}`;
}

/** Returns what `showConfig` writes as plain data. */
export function shownValue(composition: Pick<Composition, "config">, options: ShowOptions): ConfigValue {
  return valueOf(shownPart(composition, options));
}

function shownPart({ config }: Pick<Composition, "config">, options: ShowOptions): ConfigNode {
  const { part, package: packageName, resolve: isResolved = false } = options;
  const shown = { job: jobConfig, hydra: hydraConfig, all: (whole: MapNode) => whole }[part](config);
  if (isWhole(options)) return isResolved ? resolve(shown) : shown;
  const node = select(shown, packageName!, { resolve: isResolved });
  if (node !== undefined) return node;
  throw new UsageError(
    `--package: the config has no "${packageName!}". Keys: ${[...shown.entries.keys()].join(", ")}.`,
  );
}

function isWhole({ package: packageName }: ShowOptions): boolean {
  return packageName === undefined || packageName === "_global_";
}

/** Takes the section `hydra`, without its help texts, out of a config; interpolations still find the rest. */
function hydraConfig(whole: MapNode): MapNode {
  const hydra = whole.entries.get("hydra");
  if (hydra?.node.kind !== "map") return mapNode(whole.origin);
  const kept = [...hydra.node.entries].filter(([key]) => key !== "help" && key !== "hydra_help");
  const node = mapNode(hydra.node.origin, kept);
  return mapNode(whole.origin, [["hydra", { ...hydra, node: cloneNode(node) }]]);
}

/** Says what help has beside the config. */
export interface HelpOptions {
  /** Flags that the program takes itself, with what each does. */
  ownFlags?: Readonly<Record<string, string>> | undefined;
}

/** Writes what `--help` prints: the template `hydra.help.template` of the config. */
export function programHelp(
  { config, repository }: Composition,
  { resolve: isResolved = false, ...own }: { resolve?: boolean } & HelpOptions = {},
): string {
  const job = jobConfig(config);
  const yaml = toYaml(isResolved ? resolve(job) : job);
  return fillTemplate(config, "hydra.help.template", { repository, yaml, ...own });
}

/** Writes what `--hydra-help` prints: the template `hydra.hydra_help.template` of the config. */
export function hydraHelp({ config, repository }: Composition, own: HelpOptions = {}): string {
  const yaml = toYaml(hydraConfig(config));
  return fillTemplate(config, "hydra.hydra_help.template", { repository, yaml, ...own });
}

function fillTemplate(
  config: MapNode,
  key: string,
  { repository, yaml, ownFlags }: { repository: Repository; yaml: string } & HelpOptions,
): string {
  const template = select(config, key);
  const values: Readonly<Record<string, string>> = {
    FLAGS_HELP: flagsHelp(ownFlags),
    APP_CONFIG_GROUPS: listGroups(repository, (group) => !isHydraGroup(group)),
    HYDRA_CONFIG_GROUPS: listGroups(repository, isHydraGroup),
    CONFIG: yaml,
  };
  const text = template === undefined ? "$CONFIG" : String(valueOf(template as ConfigNode));
  return `${text.replaceAll(/\$\$|\$(\w+)|\$\{(\w+)\}/gu, (found, bare?: string, braced?: string) => {
    const name = bare ?? braced;
    if (name === undefined) return "$";
    if (Object.hasOwn(values, name)) return values[name]!;
    throw new UsageError(
      `${key}: unknown name "${found}". Valid: ${Object.keys(values).join(", ")}. Write $$ for a dollar sign.`,
    );
  })}\n`;
}

function isHydraGroup(group: string): boolean {
  return group === "hydra" || group.startsWith("hydra/");
}

/** Bound the walk through the groups: a link may lead back up. */
const maxGroupDepth = 32;
const maxGroups = 2000;

function listGroups(repository: Repository, isWanted: (group: string) => boolean): string {
  const lines = new Map<string, string>();
  let visited = 0;
  const visit = (parent: string, depth: number): void => {
    if (depth > maxGroupDepth) return;
    for (const name of repository.list(parent, "groups")) {
      if (++visited > maxGroups) return;
      const group = parent === "" ? name : `${parent}/${name}`;
      const options = repository.list(group, "configs");
      if (options.length > 0 && isWanted(group)) lines.set(group, `${group}: ${options.join(", ")}\n`);
      visit(group, depth + 1);
    }
  };
  visit("", 1);
  return [...lines.keys()]
    .sort()
    .map((group) => lines.get(group))
    .join("");
}
