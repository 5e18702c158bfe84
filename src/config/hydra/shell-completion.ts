// Answers a shell that installs, removes or asks for completion: what --shell-completion prints.
import { SconceError, UsageError, suggestion } from "../../base/index.ts";
import { completeOverride } from "./complete-override.ts";
import {
  type CompletionShell,
  completionRemoval,
  completionScript,
  completionShells,
} from "./completion-script.ts";
import { type ComposeAllOptions, composeAll, openRepository } from "./compose.ts";
import type { Override } from "./override.ts";
import { parseOverride } from "./parse-override.ts";

const requests = ["install", "uninstall", "query"] as const;

/** Is what `--shell-completion` was given. */
export interface CompletionRequest {
  action: (typeof requests)[number];
  shell: CompletionShell;
}

/** Reads `install=bash`, `uninstall=zsh` or `query=fish`; anything else throws a `UsageError`. */
export function readCompletionRequest(text: string): CompletionRequest {
  const [action = "", shell = ""] = text.split("=", 2);
  return { action: oneOf(action, requests, text), shell: oneOf(shell, completionShells, text) };
}

/**
 * Returns the text to print. For `query`, `word` is the last word of the line (`splitLine` tells it) and `location`
 * what the words before say: where the configs are, their overrides, and whether it is a multirun.
 */
export function answerCompletion(
  { action, shell }: CompletionRequest,
  { word, location, command }: { word: string; location: ComposeAllOptions; command: string },
): string {
  if (action === "install") return completionScript(shell, command);
  if (action === "uninstall") return completionRemoval(shell, command);
  const candidates = completeComposed(word, location);
  return candidates.map((candidate) => `${candidate}\n`).join("");
}

/** Lists what a word may become for the config at `location`; nothing where there are no configs. */
export function completeComposed(word: string, location: ComposeAllOptions & { folder?: string }): string[] {
  const { folder, ...options } = location;
  const repository = attempt(() => openRepository(options, parsed(options.overrides ?? [])));
  return completeOverride(word, {
    list: (group, kind) => repository?.list(group, kind) ?? [],
    config: () => composeAll(options).config,
    ...(folder !== undefined && { folder }),
  });
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

function oneOf<T extends string>(name: string, valid: readonly T[], text: string): T {
  const found = valid.find((other) => other === name);
  if (found !== undefined) return found;
  throw new UsageError(
    `--shell-completion: ACTION=SHELL must follow, as in install=bash, got ${JSON.stringify(text)}. ${suggestion(name, valid)}`,
  );
}
