// Commands on a composed config, `sconce train model=minilm -m`: which words ask for one, and where its files are.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { basename, dirname, extname, join, relative } from "node:path";
import { UsageError, packageFolder, suggestion } from "../base/index.ts";
import { isLightningFlag, readLightningWords } from "./lightning-words.ts";
import type { CheckReport, MainOptions, MapNode, ModuleReport, MultiLabelReport } from "../config/index.ts";

/** The groups that come with the package. */
const shippedConf = join(packageFolder ?? ".", "conf");

/**
 * Returns how to compose the config that words ask for: no file is named first, or one with a defaults list. Undefined where
 * they name the config of a use case. `words` are without the command's own flags.
 */
export async function composedOptions(
  given: readonly string[],
): Promise<(MainOptions & { argv: string[] }) | undefined> {
  const { files, rest } = readLightningWords(given);
  const words = files.length === 1 ? [...files, ...rest] : rest;
  const [first = ""] = words;
  const isFile = first !== "" && !/^[-+~]|=/u.test(first);
  if (isFile && files.length === 0 && !isComposed(first)) return undefined; // LightningCLI's files are always composed
  const { findProjectRoot, storeLightningFiles } = await import("../config/index.ts");
  const projectRoot = findProjectRoot(process.cwd());
  process.env["PROJECT_ROOT"] ??= projectRoot; // the well-known template's paths begin there, its scripts set it
  const own = join(projectRoot, "conf");
  const shipped = { provider: "sconce", path: `file://${shippedConf}` };
  const common = { jobName: "train", baseFolder: projectRoot };
  if (files.length > 1) {
    const store = await storeLightningFiles(files);
    return { ...common, store, configName: "lightning-cli", searchPath: [shipped], argv: [...words] };
  }
  if (isFile) {
    const configName = basename(first, extname(first));
    return { ...common, configPath: dirname(first), configName, searchPath: [shipped], argv: words.slice(1) };
  }
  const configPath = [own, join(projectRoot, "configs")].find((folder) => existsSync(folder)) ?? shippedConf;
  const searchPath = configPath === shippedConf ? [] : [shipped];
  const hasOnly = (name: string): boolean =>
    !existsSync(join(configPath, "config.yaml")) && existsSync(join(configPath, `${name}.yaml`));
  const configName = hasOnly("train") ? "train" : "config";
  return { ...common, configPath, configName, searchPath, argv: [...words] };
}

/** Refuses flags that neither the command nor Hydra knows, naming those of both. */
export async function refuseUnknownFlags(
  command: string,
  words: readonly string[],
  own: object,
): Promise<void> {
  const { hydraFlags } = await import("../config/index.ts");
  const known = [...Object.keys(own).map((name) => `--${name}`), ...hydraFlags.flatMap(({ names }) => names)];
  const end = words.indexOf("--");
  for (const word of end === -1 ? words : words.slice(0, end)) {
    const flag = /^-[^=]+/u.exec(word)?.[0];
    if (flag === undefined || known.includes(flag) || isLightningFlag(flag)) continue;
    const long = known.filter((name) => name.startsWith("--"));
    throw new UsageError(`sconce ${command}: unknown flag ${flag}. ${suggestion(flag, long)}`);
  }
}

/** Tells whether a file is composed: it has a defaults list, or is a tree of Lightning's or of module and func. */
function isComposed(path: string): boolean {
  if (!/\.ya?ml$/u.test(path) || !existsSync(path)) return false;
  const text = readFileSync(path, "utf8");
  return topKeys.test(text) || namedParts.test(text);
}

const topKeys =
  /^(defaults|seed_everything|fit|trainer_config|lightning_module_config|data_module_config)\s*:/mu;
const namedParts =
  /^(model|data|datamodule|trainer)\s*:[^\n]*\n(?:[ \t#][^\n]*\n|\n)*?[ \t]+(_target_|class_path)\s*:/mu;

/** Says which configs of use cases there are, for who asked for none and has no conf/ of the project either. */
export function useCaseHint({ configPath, baseFolder = "." }: MainOptions): string {
  if (configPath !== shippedConf) return "";
  const found = useCaseConfigs(baseFolder);
  return found.length === 0
    ? "\nThat is the config that comes along. Make one of your own with: sconce init FILE.csv"
    : `\nThat is the config that comes along. Of your own there ${found.length === 1 ? "is" : "are"}: ${found.map((path) => relative(process.cwd(), path)).join(", ")}.`;
}

/** Lists the configs of the use cases below a folder. */
export function useCaseConfigs(folder: string): string[] {
  const useCases = join(folder, "use_cases");
  if (!existsSync(useCases)) return [];
  return readdirSync(useCases).flatMap((name) => {
    const configurations = join(useCases, name, "Configurations");
    const files = existsSync(configurations) ? readdirSync(configurations) : [];
    return files.filter((file) => /\.(json|ya?ml)$/u.test(file)).map((file) => join(configurations, file));
  });
}

/** Checks a composed job as what it trains: a text classifier, or registered parts, whose plugins are loaded for it. */
export async function checkJob(
  job: MapNode,
  projectRoot: string,
): Promise<CheckReport | ModuleReport | MultiLabelReport> {
  const { checkComposed, checkMultiLabel, isModuleConfig, isMultiLabelTree } =
    await import("../config/index.ts");
  if (isMultiLabelTree(job)) return checkMultiLabel(job);
  if (!isModuleConfig(job)) return checkComposed(job, projectRoot);
  const { checkRegistered } = await import("../tasks/index.ts");
  return checkRegistered(job, projectRoot);
}
