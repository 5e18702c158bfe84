// The scripts that make shells complete the command line by asking the program itself.
import { UsageError } from "../base/index.ts";

/** Is the shells that there are scripts for. */
export const completionShells = ["bash", "zsh", "fish"] as const;
export type CompletionShell = (typeof completionShells)[number];

/**
 * Writes the script that installs completion for `command`: `eval "$(sconce --shell-completion install=bash)"`.
 * It asks `command --shell-completion query=SHELL` with the line up to the cursor in `COMP_LINE`, and expects one
 * candidate a line, each of them the whole last word.
 */
export function completionScript(shell: CompletionShell, command = "sconce"): string {
  checkCommand(command);
  return scripts[shell](command, functionName(command));
}

/** Writes the script that takes completion away again. */
export function completionRemoval(shell: CompletionShell, command = "sconce"): string {
  checkCommand(command);
  const name = functionName(command);
  const removals = {
    bash: `complete -r ${command}\nunset -f ${name}\n`,
    zsh: `compdef -d ${command}\nunfunction ${name}\n`,
    fish: `complete -e -c ${command}\nfunctions -e ${name}\n`,
  };
  return removals[shell];
}

/** Splits the line up to the cursor: the words before the last one, and the last one, which may be empty. */
export function splitLine(line: string): { before: string[]; word: string } {
  const words = line.split(/[ \t\n]+/u).filter((word, index, all) => word !== "" || index === all.length - 1);
  return { before: words.slice(0, -1), word: words.at(-1) ?? "" };
}

// Bash splits words at = and : too and wants only what follows the last of them.
const scripts: Readonly<Record<CompletionShell, (command: string, name: string) => string>> = {
  bash: (command, name) => `${name}() {
  local line="\${COMP_LINE:0:COMP_POINT}"
  local word="\${line##*[[:space:]]}" part="\${COMP_WORDS[COMP_CWORD]}"
  case "$part" in [=:@]) part= ;; esac
  local known="\${word%"$part"}" candidate
  COMPREPLY=()
  while IFS= read -r candidate; do
    COMPREPLY+=("\${candidate#"$known"}")
  done < <(COMP_LINE="$line" "\${COMP_WORDS[0]}" --shell-completion query=bash 2>/dev/null)
}
complete -o default -o nospace -F ${name} ${command}
`,
  zsh: (command, name) => `${name}() {
  local -a candidates
  candidates=("\${(@f)$(COMP_LINE="\${BUFFER[1,CURSOR]}" "\${words[1]}" --shell-completion query=zsh 2>/dev/null)}")
  candidates=("\${(@)candidates:#}")
  if (( $#candidates )); then compadd -Q -S '' -a candidates; else _files; fi
}
compdef ${name} ${command}
`,
  fish: (command, name) => `function ${name}
  set -lx COMP_LINE (commandline -cp)
  set -l words (commandline -cpo)
  set -l candidates ($words[1] --shell-completion query=fish 2>/dev/null)
  test -n "$candidates"; and printf '%s\\n' $candidates; or __fish_complete_path (commandline -ct)
end
complete -c ${command} -f -a '(${name})'
`,
};

function functionName(command: string): string {
  return `_${command.replaceAll(/\W/gu, "_")}_completion`;
}

/** The name goes into a script as it is. */
function checkCommand(command: string): void {
  if (/^[\w.-]+$/u.test(command) && !command.startsWith("-")) return;
  throw new UsageError(
    `completionScript: the name of the command must be letters, digits, "_", "-" and ".", got ${JSON.stringify(command)}.`,
  );
}
