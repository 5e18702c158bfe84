// What a command is, and how its words are read.
import { parseArgs } from "node:util";
import type { ParseArgsConfig } from "node:util";
import { UsageError, suggestion } from "../base/index.ts";

/** One command of the command line; each has a file of its own. */
export interface Command {
  /** Text of `sconce <command> --help`. */
  help: string;
  /** Runs with the words after the command's name and returns the exit code. */
  run(words: readonly string[]): Promise<number>;
}

type Options = NonNullable<ParseArgsConfig["options"]>;

/** What the words of a command say. */
export interface Words<O extends Options> {
  flags: ReturnType<typeof parseArgs<{ options: O; strict: true }>>["values"];
  positionals: string[];
}

/** Reads flags and positional words; an unknown flag is answered with the nearest one. */
export function parseWords<const O extends Options>(
  command: string,
  words: readonly string[],
  options: O,
): Words<O> {
  try {
    const { values, positionals } = parseArgs({
      args: [...words],
      options,
      allowPositionals: true,
      strict: true,
    });
    return { flags: values as Words<O>["flags"], positionals };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const unknown = /Unknown option '(--?[^'= ]+)/.exec(message)?.[1];
    if (unknown !== undefined) {
      const names = Object.keys(options).map((name) => `--${name}`);
      throw new UsageError(`sconce ${command}: unknown flag ${unknown}. ${suggestion(unknown, names)}`, {
        cause: error,
      });
    }
    throw new UsageError(
      `sconce ${command}: ${message.split(/\.?\n|\. /)[0]}. See: sconce ${command} --help`,
      {
        cause: error,
      },
    );
  }
}

/** Runs the action that the first word names; one that is missing or unknown is answered with those that there are. */
export function runAction(
  command: string,
  actions: Readonly<Record<string, Command["run"]>>,
  [action, ...rest]: readonly string[],
): Promise<number> {
  const chosen = action !== undefined && Object.hasOwn(actions, action) ? actions[action] : undefined;
  if (chosen !== undefined) return chosen(rest);
  throw new UsageError(
    `sconce ${command}: ${action === undefined ? "an action is missing" : `unknown action "${action}"`}. ` +
      suggestion(action ?? "", Object.keys(actions)),
  );
}

/** Refuses positional words for a command that has none: a flag may have been left out before them. */
export function noWords(command: string, [extra]: readonly string[]): void {
  if (extra === undefined) return;
  throw new UsageError(`sconce ${command}: takes flags only, got "${extra}". See: sconce ${command} --help`);
}

/** Returns the one positional word that a command needs. */
export function onlyWord(command: string, what: string, positionals: readonly string[]): string {
  const [word, extra] = positionals;
  if (word === undefined)
    throw new UsageError(`sconce ${command}: ${what} is missing. See: sconce ${command} --help`);
  if (extra !== undefined)
    throw new UsageError(
      `sconce ${command}: expected one ${what}, got also "${extra}". See: sconce ${command} --help`,
    );
  return word;
}

/** Reads a number of at least zero. */
export function amountOf(flag: string, text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value) && value >= 0) return value;
  throw new UsageError(`${flag}: must be a number of 0 or more, got "${text}".`);
}

/** Reads the number of a port. */
export function portOf(flag: string, text: string): number {
  const value = Number(text);
  if (/^\d{1,5}$/.test(text) && value <= 65_535) return value;
  throw new UsageError(`${flag}: must be a number from 0 to 65535, got "${text}".`);
}

/** Reads a whole number above zero. */
export function countOf(flag: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new UsageError(`${flag}: must be a whole number above 0, got "${text}".`);
}
