// Reads the words of a command line as Hydra's programs take them: overrides, and flags that say what to do with them.
import { UsageError, suggestion } from "../../base/index.ts";

/** Lists what `--info` can tell. */
const infoTopics = ["all", "config", "defaults", "defaults-tree", "plugins", "searchpath"] as const;

/** Is something that `--info` can tell. */
export type InfoTopic = (typeof infoTopics)[number];

/** Lists the parts of a config that `--cfg` can show. */
const configParts = ["job", "hydra", "all"] as const;

/** Is a part of a config that `--cfg` can show. */
export type ConfigPart = (typeof configParts)[number];

/** Holds what a command line asks for. */
export interface CommandLine {
  /** What to do; `run` is one job, unless the config itself says `hydra.mode: MULTIRUN`. */
  action: "run" | "multirun" | "cfg" | "info" | "help" | "hydra-help" | "version" | "rerun";
  /** Whether `-m` was given: with `cfg`, the config of each job is shown. */
  isMultirun: boolean;
  overrides: string[];
  /** The part for `--cfg`. */
  cfg?: ConfigPart;
  /** The topic for `--info`. */
  info?: InfoTopic;
  /** True to replace interpolations before a config is shown. */
  resolve: boolean;
  /** The part of the config to show, `trainer.optimizer`. */
  package?: string;
  configPath?: string;
  configName?: string;
  /** A further folder with configs. */
  configDir?: string;
  /** The run folder, or its `.hydra` folder, to run again. */
  rerun?: string;
}

interface Flag {
  names: readonly string[];
  value: "none" | "needed" | "optional";
  help: string;
}

const flags = {
  help: { names: ["--help", "-h"], value: "none", help: "explains the program and shows its config" },
  "hydra-help": {
    names: ["--hydra-help"],
    value: "none",
    help: "explains these flags and the section hydra",
  },
  version: { names: ["--version"], value: "none", help: "prints the version" },
  cfg: {
    names: ["--cfg", "-c"],
    value: "needed",
    help: "shows the config instead of running: job, hydra or all; with -m of each job",
  },
  resolve: {
    names: ["--resolve"],
    value: "none",
    help: "with --cfg or --help: replaces interpolations first",
  },
  package: {
    names: ["--package", "-p"],
    value: "needed",
    help: "with --cfg: shows one part, as trainer.optimizer",
  },
  run: { names: ["--run", "-r"], value: "none", help: "runs one job, as without any flag" },
  multirun: {
    names: ["--multirun", "-m"],
    value: "none",
    help: "runs one job for each combination of values",
  },
  configPath: { names: ["--config-path", "-cp"], value: "needed", help: "folder of the configs" },
  configName: { names: ["--config-name", "-cn"], value: "needed", help: "name of the primary config" },
  configDir: { names: ["--config-dir", "-cd"], value: "needed", help: "a further folder with configs" },
  rerun: { names: ["--experimental-rerun"], value: "needed", help: "runs the job of a run folder again" },
  info: {
    names: ["--info", "-i"],
    value: "optional",
    help: `tells how the config came about: ${infoTopics.join(", ")}`,
  },
} as const satisfies Record<string, Flag>;

type FlagName = keyof typeof flags;

/** Lists the flags by all of their names, the long one first. */
export const hydraFlags: readonly { names: readonly string[]; takesValue: boolean }[] = Object.values(
  flags,
).map(({ names, value }) => ({ names, takesValue: value === "needed" }));

/** Lists the flags with what each does, for a help text; `own` are those of the program, `{ "--json": "..." }`. */
export function flagsHelp(own: Readonly<Record<string, string>> = {}): string {
  const lines = [
    ...Object.values(flags).map(({ names, help }) => `${names.join(",")} : ${help}`),
    ...Object.entries(own).map(([name, help]) => `${name} : ${help}`),
  ];
  return [...lines, "Overrides : KEY=VALUE changes the config, +KEY=VALUE adds to it, ~KEY takes out"].join(
    "\n",
  );
}

/**
 * Reads the words of a command line. All that are no flags are overrides; what follows `--` are overrides too.
 * A flag that is unknown, lacks its value or contradicts another throws a `UsageError`.
 *
 * @example
 * parseCommandLine(["-m", "db=mysql,sqlite", "-cn", "config"]).overrides; // => ["db=mysql,sqlite"]
 */
export function parseCommandLine(words: readonly string[]): CommandLine {
  const given = new Map<FlagName, string>();
  const overrides: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    if (word === "--") {
      overrides.push(...words.slice(at + 1));
      break;
    }
    if (!word.startsWith("-") || word === "-") {
      overrides.push(word);
      continue;
    }
    const equals = word.indexOf("=");
    const [text, attached] =
      equals === -1 ? [word, undefined] : [word.slice(0, equals), word.slice(equals + 1)];
    const name = flagOf(text);
    const { value: kind } = flags[name];
    if (kind === "none" && attached !== undefined)
      throw new UsageError(`${text}: takes no value, got "${attached}". Delete it.`);
    const next = words[at + 1];
    if (kind === "none" || attached !== undefined) given.set(name, attached ?? "");
    else if (kind === "optional" && !(infoTopics as readonly (string | undefined)[]).includes(next))
      given.set(name, "all");
    else if (next === undefined || (next.startsWith("-") && next !== "-"))
      throw new UsageError(`${text}: a value must follow. ${flags[name].help}.`);
    else {
      given.set(name, next);
      at++;
    }
  }
  return commandOf(given, overrides);
}

function flagOf(text: string): FlagName {
  const found = Object.entries(flags).find(([, { names }]) => (names as readonly string[]).includes(text));
  if (found !== undefined) return found[0] as FlagName;
  const valid = Object.values(flags).flatMap(({ names }) => names);
  throw new UsageError(`unknown flag ${text}. ${suggestion(text, valid)}`);
}

function commandOf(given: ReadonlyMap<FlagName, string>, overrides: string[]): CommandLine {
  const isMultirun = given.has("multirun");
  const actions = (["run", "multirun", "cfg", "info", "rerun"] as const).filter(
    (name) => given.has(name) && !(name === "multirun" && given.has("cfg")), // shows the config of each job
  );
  if (actions.length > 1)
    throw new UsageError(
      `only one of ${actions.map((name) => flags[name].names[0]).join(" and ")} can be given. Delete one.`,
    );
  const told = (["help", "hydra-help", "version"] as const).find((name) => given.has(name));
  const action = told ?? actions[0] ?? "run";
  if (given.has("resolve") && action !== "cfg" && action !== "help")
    throw new UsageError("--resolve: goes with --cfg or --help only. Add --cfg job.");
  if (given.has("package") && action !== "cfg")
    throw new UsageError("--package: goes with --cfg only. Add --cfg job.");
  if (action === "rerun" && overrides.length > 0)
    throw new UsageError(
      `--experimental-rerun: a job is run again as it was, so "${overrides[0]}" cannot be applied. Delete it.`,
    );
  const command: CommandLine = { action, isMultirun, overrides, resolve: given.has("resolve") };
  for (const name of ["package", "configPath", "configName", "configDir", "rerun"] as const) {
    const value = given.get(name);
    if (value !== undefined) command[name] = value;
  }
  if (given.has("cfg")) command.cfg = oneOf("--cfg", given.get("cfg")!, configParts);
  if (given.has("info")) command.info = oneOf("--info", given.get("info")!, infoTopics);
  return command;
}

function oneOf<T extends string>(flag: string, value: string, valid: readonly T[]): T {
  const found = valid.find((each) => each === value);
  if (found === undefined)
    throw new UsageError(`${flag}: unknown value "${value}". ${suggestion(value, valid)}`);
  return found;
}
