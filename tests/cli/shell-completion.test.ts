// Completion as a shell does it: keys are typed on a terminal of bash, zsh and fish, and the line that comes of it is read.
import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { dirname } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeTemporaryFolder } from "../fixtures/temporary-folder.ts";
import { makeTinyProject } from "../fixtures/tiny-project.ts";
import type { TinyProject } from "../fixtures/tiny-project.ts";
import { writeFiles } from "../fixtures/write-files.ts";
import { librariesAfter, sconce, sconceBin } from "./run.ts";

let project: TinyProject;
beforeAll(() => {
  project = makeTinyProject();
  writeFiles(project.root, {
    "conf/config.yaml":
      "defaults:\n  - model: minilm\n  - trainer: default\n  - _self_\nseed: 1\noptimizer: {lr: 0.1}\n",
    "conf/model/mine.yaml": "name: mine\nhidden: 3\n",
    "mails.csv": "text\nhello\n",
  });
});
afterAll(() => project.remove());

const isThere = (program: string) => spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;

/** A shell on a terminal, in which `sconce` completes, and prints its words instead of doing what they say. */
class TypedShell {
  readonly #child: ChildProcess;
  #output = "";

  constructor(command: string) {
    this.#child = spawn("script", ["-qec", command, "/dev/null"], {
      cwd: project.root,
      env: {
        ...process.env,
        PATH: [dirname(sconceBin), dirname(process.execPath), process.env["PATH"]].join(":"),
        HOME: makeTemporaryFolder("sconce-home-"),
        TERM: "dumb",
      },
    });
    this.#child.stdout!.setEncoding("utf8").on("data", (text: string) => (this.#output += text));
  }

  type(text: string): void {
    this.#child.stdin!.write(text);
  }

  /** Returns the words of the next line that is entered. */
  async line(typed: string): Promise<string> {
    this.#output = "";
    this.type(typed);
    const found = await this.#find(/LINE<([^>\n]*)>/u);
    return found[1]!;
  }

  async ready(setup: string): Promise<void> {
    this.type(`${setup}\necho REA''DY\n`);
    await this.#find(/READY/u);
  }

  async #find(pattern: RegExp): Promise<RegExpExecArray> {
    for (let waited = 0; waited < 45_000; waited += 50) {
      const found = pattern.exec(this.#output);
      if (found !== null) return found;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`${pattern} does not come in:\n${JSON.stringify(this.#output)}`);
  }

  end(): void {
    this.#child.kill();
  }
}

const posixFunction = `sconce() { if [ "$1" = --shell-completion ]; then command sconce "$@"; else echo "LI""NE<$*>"; fi; }`;
const shells = [
  {
    name: "bash",
    command: "bash --norc --noprofile -i",
    setup: `${posixFunction}\neval "$(sconce --shell-completion install=bash)"`,
  },
  {
    name: "zsh",
    command: "zsh -f -i",
    setup: `${posixFunction}\nautoload -Uz compinit; compinit -D -u\neval "$(sconce --shell-completion zsh)"`,
  },
  {
    name: "fish",
    command: "fish --no-config -i",
    setup: `function sconce; if test "$argv[1]" = --shell-completion; command sconce $argv; else; echo "LI""NE<$argv>"; end; end
command sconce --shell-completion install=fish | source`,
  },
];

describe.each(shells)("on a terminal of $name", ({ name, command, setup }) => {
  const isPossible = isThere("script") && isThere(name);

  test.runIf(isPossible)("commands, flags, groups, options, keys and files are completed", async () => {
    const shell = new TypedShell(command);
    try {
      await shell.ready(setup);
      expect(await shell.line("sconce pred\t--mod\tx --inp\tmai\t\n")).toBe(
        "predict --model x --input mails.csv",
      );
      expect(await shell.line("sconce tra\tmodel=mi\te\t\n")).toBe("train model=mine"); // minilm is the other
      expect(await shell.line("sconce check model=mine optimizer.l\t1e-3 trainer.max_ep\t2 --re\t\n")).toBe(
        "check model=mine optimizer.lr=1e-3 trainer.max_epochs=2 --resolve",
      );
    } finally {
      shell.end();
    }
  });
});

describe("what a shell is answered", () => {
  const ask = async (line: string, shell = "bash"): Promise<string[]> => {
    const options = { cwd: project.root, env: { COMP_LINE: line } };
    const { code, stdout, stderr } = await sconce(["-sc", `query=${shell}`], options);
    expect([code, stderr]).toEqual([0, ""]);
    return stdout.split("\n").slice(0, -1);
  };

  test.each([
    ["sconce ", ["check ", "clean ", "doctor ", "evaluate "]],
    ["sconce --v", ["--version "]],
    ["sconce help tr", ["train "]],
    ["sconce runs ", ["delete ", "list ", "restore ", "show "]],
    ["sconce runs list --or", ["--order-by "]],
    ["sconce models transition x --stage P", ["Production "]],
    ["sconce models transition x --stage=P", ["--stage=Production "]],
    ["sconce new plugin x --kind lo", ["logger ", "loss "]],
    ["sconce experiments best x --mode ", ["max ", "min "]],
    ["sconce train --resume ", ["last "]],
    ["sconce train --cfg ", ["all ", "hydra ", "job "]],
    ["sconce train --cfg=j", ["--cfg=job "]],
    ["sconce check --cf", ["--cfg "]],
    ["sconce train use", ["use_cases/demo/Configurations/config.json "]],
    ["sconce train use_cases/demo/Configurations/config.json dataset.ma", ["dataset.max_length="]],
    [
      "sconce train use_cases/demo/Configurations/config.json dataset.max_length=",
      ["dataset.max_length=16 "],
    ],
    ["sconce train absent.json data", []],
    ["sconce train model=mine model.", ["model.hidden=", "model.name="]],
    ["sconce train seed=1,2 se", []],
    ["sconce train -m seed=1,2 se", ["seed="]],
    ["sconce train --json --resume last mo", ["model.", "model="]],
    ["sconce trian ", []],
    ["sconce predict --model ", []],
    ["sconce constructor --", []],
    ["", []],
  ])("%s", async (line, expected) => {
    const offered = await ask(line);
    if (line === "sconce " || line === "") expect(offered).toEqual(expect.arrayContaining(expected));
    else expect(offered).toEqual(expected);
  });

  test("fish sets its own spaces", async () => {
    expect(await ask("sconce tra", "fish")).toEqual(["train"]);
  });

  test("loads no native library", () => {
    const before = process.cwd();
    process.chdir(project.root);
    try {
      for (const line of ["sconce tr", "sconce train model=", "sconce train optimizer."]) {
        process.env["COMP_LINE"] = line;
        const libraries = librariesAfter(["--shell-completion", "query=bash"]);
        expect(libraries.filter((path) => /\.node$|torch/.test(path))).toEqual([]);
      }
    } finally {
      process.chdir(before);
      delete process.env["COMP_LINE"];
    }
  });

  // on the reference machine Node takes 40 ms: a key of a config comes in 130 ms
  test.each([
    ["sconce tr", 2.5],
    ["sconce train optimizer.l", 4.5],
  ])("%s comes within %f times the start of Node itself", async (line, limit) => {
    let [node, answer] = [Infinity, Infinity];
    // other work on the machine makes single tries slow
    for (let n = 0; n < 3 || (n < 15 && answer >= limit * node); n++) {
      const start = performance.now();
      spawnSync(process.execPath, ["-e", "0"]);
      node = Math.min(node, performance.now() - start);
      const options = { cwd: project.root, env: { COMP_LINE: line } };
      answer = Math.min(answer, (await sconce(["-sc", "query=bash"], options)).milliseconds);
    }
    console.log(`${line}: ${answer.toFixed(0)} ms, of which Node ${node.toFixed(0)} ms`);
    expect(answer).toBeLessThan(limit * node);
  });

  test("what no shell asks is refused", async () => {
    for (const [words, message] of [
      [["--shell-completion"], '--shell-completion: ACTION=SHELL must follow, as in install=bash, got ""'],
      [["--shell-completion=install=tcsh"], "Valid: bash, fish, zsh."],
      [["-sc", "remove=bash"], "Valid: install, query, uninstall."],
    ] as const) {
      const { code, stdout, stderr } = await sconce(words);
      expect([code, stdout]).toEqual([2, ""]);
      expect(stderr).toContain(message);
    }
  });
});
