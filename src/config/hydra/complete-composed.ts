// What may follow on the command line of a program that composes its config. How words are completed: ./complete-override.ts.
import { SconceError } from "../../base/index.ts";
import { nodeOf } from "../node.ts";
import type { ConfigMap } from "../value.ts";
import { parseCommandLine } from "./command-line.ts";
import { completeOverride } from "./complete-override.ts";
import { type ComposeAllOptions, composeAll, openRepository } from "./compose.ts";
import { type MainOptions, composeOptions } from "./main.ts";
import type { Override } from "./override.ts";
import { parseOverride } from "./parse-override.ts";

/** Lists what a word may become for a program with these options, whose `argv` is the words that stand before it. */
export function completeArguments(
  word: string,
  options: MainOptions & { argv: readonly string[] },
): string[] {
  const command = attempt(() => parseCommandLine(options.argv));
  if (command === undefined) return [];
  return completeComposed(word, { ...composeOptions(command, options), isMultirun: command.isMultirun });
}

/** Lists what a word may become for the config at `location`; nothing where there are no configs. */
export function completeComposed(word: string, location: ComposeAllOptions & { folder?: string }): string[] {
  const { folder, ...options } = location;
  // an option of a group needs no composing, and what is composed has read the files that groups are listed from
  const composition = word.includes("=") ? undefined : attempt(() => composeAll(options));
  const repository =
    composition?.repository ?? attempt(() => openRepository(options, parsed(options.overrides ?? [])));
  return completeOverride(word, {
    list: (group, kind) => repository?.list(group, kind) ?? [],
    config: () => (composition ?? composeAll(options)).config,
    ...(folder !== undefined && { folder }),
  });
}

/** Lists what a word may become as an override of a config that is given as plain data. */
export function completePlain(word: string, config: object): string[] {
  const plain = JSON.parse(JSON.stringify(config)) as ConfigMap; // without keys that are undefined
  return completeOverride(word, { list: () => [], config: () => nodeOf(plain, { source: "the config" }) });
}

/** Leaves out overrides that are still being written. */
function parsed(lines: readonly string[]): Override[] {
  return lines.flatMap((line) => attempt(() => parseOverride(line)) ?? []);
}

/** A line that is being written may be wrong in any way; then there is nothing to offer. */
function attempt<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (SconceError.is(error)) return undefined;
    throw error;
  }
}
