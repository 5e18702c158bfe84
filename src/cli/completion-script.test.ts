import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { completionRemoval, completionScript, completionShells, splitLine } from "./completion-script.ts";
import { readCompletionRequest } from "./shell-completion.ts";

const folder = mkdtempSync(join(tmpdir(), "sconce-completion-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("a line is split at spaces, and its last word may be empty", () => {
  expect(splitLine("")).toEqual({ before: [], word: "" });
  expect(splitLine("sconce train  a=1 ")).toEqual({ before: ["sconce", "train", "a=1"], word: "" });
  expect(splitLine("sconce\ttrain db=")).toEqual({ before: ["sconce", "train"], word: "db=" });
});

test("requests that make no sense are refused", () => {
  expect(readCompletionRequest("install=bash")).toEqual({ action: "install", shell: "bash" });
  expect(readCompletionRequest("fish")).toEqual({ action: "install", shell: "fish" });
  expect(() => readCompletionRequest("instal=bash")).toThrow(
    '--shell-completion: ACTION=SHELL must follow, as in install=bash, got "instal=bash". Did you mean "install"? Valid: install, query, uninstall.',
  );
  expect(() => readCompletionRequest("query=tcsh")).toThrow(/Valid: bash, fish, zsh/);
  for (const command of ["a b", "$(rm x)", "`x`", "a;b", "", "-x", "a'b"])
    expect(() => completionScript("bash", command)).toThrow(/the name of the command must be letters/);
});

test("every shell has a script and a removal", () => {
  for (const shell of completionShells) {
    expect(completionScript(shell, "my-app")).toContain(`--shell-completion query=${shell}`);
    expect(completionRemoval(shell, "my-app")).toContain("_my_app_completion");
  }
});

describe("bash", () => {
  // stands in for the program: prints candidates for the word that it is asked about
  const program = join(folder, "sconce");
  const candidates =
    "case \"$COMP_LINE\" in *db=*) printf 'db=mysql\\ndb=sqlite\\n' ;; *) printf 'db=\\nseed=\\n' ;; esac";
  writeFileSync(
    program,
    `#!/bin/sh\n[ "$1 $2" = "--shell-completion query=bash" ] || exit 1\n${candidates}\n`,
    { mode: 0o755 },
  );

  const complete = (line: string, words: string[]): string[] => {
    const script = `${completionScript("bash")}
COMP_LINE=$1; COMP_POINT=\${#COMP_LINE}; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_sconce_completion
printf '%s\\n' "\${COMPREPLY[@]}"
complete -p sconce
${completionRemoval("bash")}
complete -p sconce 2>/dev/null || echo removed`;
    const output = execFileSync("bash", ["-c", script, "bash", line, ...words], { encoding: "utf8" });
    return output.trimEnd().split("\n");
  };
  const registered = "complete -o default -o nospace -F _sconce_completion sconce";

  test("offers whole words", () => {
    expect(complete(`${program} train `, [program, "train", ""])).toEqual([
      "db=",
      "seed=",
      registered,
      "removed",
    ]);
  });

  // bash makes "db", "=" and "my" of the word "db=my"
  test.each([
    ["db=", ["db", "="]],
    ["db=my", ["db", "=", "my"]],
  ])("offers what follows the = in %s", (word, parts) => {
    const words = complete(`${program} train ${word}`, [program, "train", ...parts]);
    expect(words).toEqual(["mysql", "sqlite", registered, "removed"]);
  });
});
