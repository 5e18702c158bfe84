// What a word of sconce's command line may become. A whole word ends in a space; where nothing is offered, the shell itself
// offers files.
import { composedOptions, useCaseConfigs } from "./composed.ts";
import { partKinds } from "./new-part.ts";
import { takeFlags } from "./take-flags.ts";

/** The commands, as far as completion knows them: actions and flags are read from their help. */
export interface CommandList {
  names: readonly string[];
  /** Returns the help of a command. */
  helpOf(name: string): Promise<string>;
}

/** What may follow a flag, or stand behind its `=`; other values are files, or whatever one has in mind. */
const values: Readonly<Record<string, readonly string[]>> = {
  "--cfg": ["job", "hydra", "all"],
  "-c": ["job", "hydra", "all"],
  "--info": ["all", "config", "defaults", "defaults-tree", "plugins", "searchpath"],
  "-i": ["all", "config", "defaults", "defaults-tree", "plugins", "searchpath"],
  "--kind": partKinds,
  "--mode": ["max", "min"],
  "--resume": ["last"],
  "--stage": ["Archived", "Development", "Production", "Staging"],
};

/** Commands whose words are overrides of a config. */
const composing = ["train", "check"];

/** Lists what `word` may become after the words of the line before it, without the program's name. */
export async function completeWord(
  word: string,
  before: readonly string[],
  commands: CommandList,
): Promise<string[]> {
  const [name, ...words] = before;
  if (name === undefined)
    return startingWith(word, [
      ...commands.names,
      ...(word.startsWith("-") ? ["--help", "--version", "--shell-completion"] : ["help"]),
    ]);
  if (name === "help" && words.length === 0) return startingWith(word, commands.names);
  if (!commands.names.includes(name)) return [];
  const help = await commands.helpOf(name);
  const flags = await flagsOf(name, help);
  const previous = words.at(-1) ?? "";
  if (flags.get(previous) === true) return startingWith(word, values[previous] ?? []);
  if (word.startsWith("-")) return completeFlag(word, [...flags.keys()]);
  const actions = actionsOf(name, help);
  if (actions.length > 0 && words.length === 0) return startingWith(word, actions);
  return composing.includes(name) ? completeOverrides(word, words) : [];
}

function startingWith(word: string, candidates: readonly string[]): string[] {
  const found = candidates.filter((candidate) => candidate.startsWith(word));
  return found.sort().map((candidate) => `${candidate} `);
}

function completeFlag(word: string, flags: readonly string[]): string[] {
  const equals = word.indexOf("=");
  if (equals === -1)
    return startingWith(
      word,
      flags.filter((flag) => flag.startsWith("--")),
    );
  const flag = word.slice(0, equals);
  return startingWith(
    word,
    (values[flag] ?? []).map((value) => `${flag}=${value}`),
  );
}

/** Reads the flags of a command from its help, each with whether a value follows it. */
async function flagsOf(name: string, help: string): Promise<ReadonlyMap<string, boolean>> {
  const flags = new Map([["--help", false]]);
  const written = help.matchAll(/(?<![\w-])(?:(-\w), )?(--[a-z][\w-]*)(?: ([A-Z][A-Z,]*|[a-z]+\|))?/gu);
  for (const [, short, flag = "", value] of written) {
    const takesValue = value !== undefined || flags.get(flag) === true;
    for (const each of [short, flag]) if (each !== undefined) flags.set(each, takesValue);
  }
  if (!composing.includes(name)) return flags;
  const { hydraFlags } = await import("../config/index.ts");
  for (const { names, takesValue } of hydraFlags) for (const each of names) flags.set(each, takesValue);
  return flags;
}

/** Reads the actions of a command from the lines of its help that say how it is used. */
function actionsOf(name: string, help: string): string[] {
  const usage = help.slice(0, help.indexOf("\n\n"));
  const actions = usage.matchAll(new RegExp(`^(?:Usage:| {6}) sconce ${name} \\[?([a-z][\\w-]*)`, "gmu"));
  return [...new Set(Array.from(actions, ([, action]) => action!))];
}

/** Completes groups, options, keys and values for the config that the words before compose, or name. */
async function completeOverrides(word: string, words: readonly string[]): Promise<string[]> {
  const { rest } = takeFlags(words, { resume: { type: "string" }, json: { type: "boolean" } });
  const { checkUseCase, completeArguments, completePlain } = await import("../config/index.ts");
  const composed = await composedOptions(rest);
  let candidates: string[];
  if (composed !== undefined) candidates = completeArguments(word, composed);
  else {
    const { config } = await checkUseCase(rest[0]!);
    candidates = config === undefined ? [] : completePlain(word, config);
  }
  const isWhole = (text: string) => text.includes("=") && !/[=./]$/u.test(text);
  return [
    ...(rest.some((each) => !each.startsWith("-")) ? [] : startingWith(word, useCaseConfigs(""))),
    ...candidates.map((text) => (isWhole(text) ? `${text} ` : text)),
  ];
}
