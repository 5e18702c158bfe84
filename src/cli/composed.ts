// Commands on a composed config, `sconce train model=minilm -m`: which words ask for one, and where its files are.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { basename, dirname, extname, join, relative } from "node:path";
import { UsageError, packageFolder, suggestion } from "../base/index.ts";
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
  const words = asLightningCli(given);
  const [first = ""] = words;
  const isFile = first !== "" && !/^[-+~]|=/u.test(first);
  const isConfigFlag = given.some((word) => /^--config(=|$)/u.test(word)); // LightningCLI's files are always composed
  if (isFile && !isConfigFlag && !isComposed(first)) return undefined;
  const { findProjectRoot } = await import("../config/index.ts");
  const projectRoot = findProjectRoot(process.cwd());
  process.env["PROJECT_ROOT"] ??= projectRoot; // the well-known template's paths begin there, its scripts set it
  const own = join(projectRoot, "conf");
  const shipped = { provider: "sconce", path: `file://${shippedConf}` };
  const common = { jobName: "train", baseFolder: projectRoot };
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

function isLightningFlag(flag: string): boolean {
  return flag === "--config" || /^--[a-z_]+\./u.test(flag) || cliFlags.includes(flag.slice(2));
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

/**
 * Reads the words of LightningCLI: `--config FILE` names the file, `--trainer.max_epochs 3` changes a key of it. What is no
 * such word stays.
 */
function asLightningCli(words: readonly string[]): string[] {
  const rest: string[] = [];
  const files: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const [, flag, attached] = /^--([a-z_]+(?:\.\w+)*)(?:=(.*))?$/su.exec(words[at]!) ?? [];
    const isOurs =
      flag === "config" || (flag !== undefined && (flag.includes(".") || cliFlags.includes(flag)));
    if (!isOurs) {
      rest.push(words[at]!);
      continue;
    }
    const value = attached ?? words[++at];
    if (value === undefined) throw new UsageError(`--${flag}: a value must follow.`);
    if (flag === "config") files.push(value);
    else rest.push(`++${initArgs(flag)}=${value}`);
  }
  if (files.length > 1)
    throw new UsageError(`--config: one file can be given, got ${files.join(" and ")}. Put them together.`);
  return [...files, ...rest];
}

const cliFlags = ["seed_everything", "ckpt_path"];

/** The options of a class may be named without `init_args`. */
function initArgs(flag: string): string {
  const [part = "", option = "", ...deeper] = flag.split(".");
  const isClass = ["model", "data", "optimizer", "lr_scheduler"].includes(part);
  if (!isClass || ["class_path", "init_args", "dict_kwargs"].includes(option)) return flag;
  return [part, "init_args", option, ...deeper].join(".");
}

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
