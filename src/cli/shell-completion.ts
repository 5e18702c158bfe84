// `sconce --shell-completion`: installs completion in a shell, takes it out again, and answers the shell's questions.
import { UsageError, suggestion } from "../base/index.ts";
import { type CommandList, completeWord } from "./complete-word.ts";
import {
  type CompletionShell,
  completionRemoval,
  completionScript,
  completionShells,
  splitLine,
} from "./completion-script.ts";

const actions = ["install", "uninstall", "query"] as const;

/** Is what `--shell-completion` was given. */
interface CompletionRequest {
  action: (typeof actions)[number];
  shell: CompletionShell;
}

/** Reads `install=bash`, `uninstall=zsh` or `query=fish`; a shell alone is to be installed. */
export function readCompletionRequest(text: string): CompletionRequest {
  const [action = "", shell = ""] = text.includes("=") ? text.split("=", 2) : ["install", text];
  return { action: oneOf(action, actions, text), shell: oneOf(shell, completionShells, text) };
}

/** Returns the text to print. A shell that asks has the line up to the cursor in `COMP_LINE`. */
export async function answerShell(request: string, commands: CommandList): Promise<string> {
  const { action, shell } = readCompletionRequest(request);
  if (action === "install") return completionScript(shell);
  if (action === "uninstall") return completionRemoval(shell);
  const { before, word } = splitLine(process.env["COMP_LINE"] ?? "");
  const candidates = await completeWord(word, before.slice(1), commands);
  // fish sets the space after a whole word itself, and would quote one that is there
  return candidates.map((text) => `${shell === "fish" ? text.trimEnd() : text}\n`).join("");
}

function oneOf<T extends string>(name: string, valid: readonly T[], text: string): T {
  const found = valid.find((other) => other === name);
  if (found !== undefined) return found;
  throw new UsageError(
    `--shell-completion: ACTION=SHELL must follow, as in install=bash, got ${JSON.stringify(text)}. ${suggestion(name, valid)}`,
  );
}
