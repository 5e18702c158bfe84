// Composing, checking and completing configs beside Hydra, in one run.
//
//   npm run bench -- config [--rounds 5]
//
// The peers run in turn, round after round; of each the best round counts, since the machine is noisy. Beside the time on
// the clock stands that of the processors, which other work on the machine changes less. The peer's Python needs
// hydra-core.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { describeMachine, findPython, root, saveReport } from "./report.ts";

interface Command {
  words: string[];
  cwd: string;
  /** What the shell would ask to be completed. */
  line?: string;
  /** @default 0 */
  code?: number;
}

/** Milliseconds, on the clock and of the processors. */
interface Cost {
  wall: number;
  cpu: number;
}

const groupCount = 100;
const { values: flags } = parseArgs({ options: { rounds: { type: "string", default: "5" } } });
const python = findPython();
const folder = mkdtempSync(join(tmpdir(), "sconce-bench-"));
const groups = makeGroups(join(folder, "groups"));
const text = makeTextProject(join(folder, "text"));
const parts = makePartsProject(join(folder, "parts"));
const loadBefore = loadavg()[0]!;

const sconce = [process.execPath, join(root, "bin", "sconce")];
const hydra = [python, join(root, "bench", "config_peer.py"), "app", join(groups, "conf")];
const commands: Record<string, Command> = {
  "`node -e 0`": { words: [process.execPath, "-e", "0"], cwd: folder },
  "`sconce check`, a composed config": { words: [...sconce, "check"], cwd: text },
  "`sconce check`, one key misspelt": {
    words: [...sconce, "check", "trainer.max_epoch=3"],
    cwd: text,
    code: 2,
  },
  "`sconce check`, parts that plugins register": { words: [...sconce, "check"], cwd: parts },
  [`\`sconce train --cfg job\`, ${groupCount} groups`]: {
    words: [...sconce, "train", "--cfg", "job"],
    cwd: groups,
  },
  "`sconce --shell-completion`, a group": {
    words: [...sconce, "--shell-completion", "query=bash"],
    cwd: groups,
    line: "sconce train group07",
  },
  "Python: `import hydra`": { words: [python, "-c", "import hydra"], cwd: folder },
  [`Hydra: \`app.py --cfg job\`, ${groupCount} groups`]: { words: [...hydra, "--cfg", "job"], cwd: groups },
  "Hydra: `app.py --shell-completion`, a group": {
    words: [...hydra, "--shell-completion", "query=bash"],
    cwd: groups,
    line: "app.py group07",
  },
};
const composers: Record<string, string[]> = {
  sconce: [process.execPath, join(root, "dist", "bench", "config_ours.js"), join(groups, "conf")],
  hydra: [python, join(root, "bench", "config_peer.py"), "compose", join(groups, "conf")],
};

const costs: Record<string, Cost[]> = {};
const compositions: Record<string, { first: Cost; best: Cost }[]> = { sconce: [], hydra: [] };
for (let round = 1; round <= Number(flags.rounds); round++) {
  for (const [name, command] of Object.entries(commands)) {
    const { wall, cpu } = execute(command);
    (costs[name] ??= []).push({ wall, cpu });
    console.log(`round ${round}  ${name.padEnd(52)} ${wall.toFixed(0)} ms, processors ${cpu.toFixed(0)} ms`);
  }
  for (const [name, words] of Object.entries(composers)) {
    const { stdout } = execute({ words, cwd: groups });
    compositions[name]!.push(JSON.parse(stdout) as { first: Cost; best: Cost });
    console.log(`round ${round}  ${name.padEnd(52)} ${stdout.trim()}`);
  }
}
saveReport("config", describe());
rmSync(folder, { recursive: true, force: true });

/** Runs a command to its end; the shell tells what it cost. */
function execute({ words, cwd, line, code = 0 }: Command): Cost & { stdout: string } {
  const timed = 'TIMEFORMAT="%R %U %S"; time "$@"';
  const { status, stdout, stderr } = spawnSync("bash", ["-c", timed, "bash", ...words], {
    cwd,
    encoding: "utf8",
    env: {
      ...process.env,
      LC_ALL: "C",
      ...(line !== undefined && { COMP_LINE: line, COMP_POINT: String(line.length) }),
    },
  });
  if (status !== code) throw new Error(`${words.join(" ")} ended with ${status}\n${stderr.slice(-3000)}`);
  const [wall = 0, user = 0, system = 0] = stderr.trim().split("\n").at(-1)!.split(" ").map(Number);
  return { wall: wall * 1000, cpu: (user + system) * 1000, stdout };
}

function write(folder: string, files: Readonly<Record<string, string>>): string {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return folder;
}

/** A config of many groups, each with two options. */
function makeGroups(folder: string): string {
  const names = Array.from({ length: groupCount }, (_, index) => `group${String(index).padStart(3, "0")}`);
  const option = (name: string, index: number) =>
    `name: ${name}\nsize: ${index}\nlr: 1e-3\nlayers: [64, 128]\npath: \${root}/${index}\n`;
  const files = names.flatMap((group, index) =>
    ["small", "large"].map((name) => [`conf/${group}/${name}.yaml`, option(name, index)] as const),
  );
  const defaults = names.map((group) => `  - ${group}: small\n`).join("");
  const config = `defaults:\n${defaults}  - _self_\n\nroot: data\n`;
  return write(folder, { "package.json": "{}", ...Object.fromEntries(files), "conf/config.yaml": config });
}

/** A composed config of the shipped groups that is sound, with the little data that proving it takes. */
function makeTextProject(folder: string): string {
  return write(folder, {
    "package.json": "{}",
    "data/train.csv": "text,label\ngood,yes\nbad,no\n",
    "conf/config.yaml": `defaults:
  - dataset: csv
  - optimizer: adamw
  - scheduler: linear
  - trainer: default
  - _self_

use_case: bench
experiment: bench
dataset:
  name: bench
  train: data/train.csv
  validation_ratio: 0
model:
  base_model: ${join(root, "pretrained_models", "minilm")}
`,
  });
}

function makePartsProject(folder: string): string {
  cpSync(join(root, "plugins", "examples"), join(folder, "plugins"), { recursive: true });
  return write(folder, {
    "package.json": '{ "type": "module" }',
    "conf/config.yaml": `model:
  name: residual_mlp
  hidden: 8
  loss: { name: focal, gamma: 1 }
dataset: { name: spirals, rows: 60 }
optimizer: { name: sign_sgd, lr: 0.01 }
trainer: { max_epochs: 4 }
`,
  });
}

function describe(): string {
  const least = (all: readonly Cost[]): string =>
    `${Math.min(...all.map(({ wall }) => wall)).toFixed(0)} | ${Math.min(...all.map(({ cpu }) => cpu)).toFixed(0)}`;
  const starts = Object.entries(costs).map(([name, all]) => `| ${name} | ${least(all)} |`);
  const composed = Object.entries({ sconce: "Sconce", hydra: "Hydra" }).flatMap(([key, name]) => [
    `| ${name}, the first time | ${least(compositions[key]!.map(({ first }) => first))} |`,
    `| ${name}, once warm | ${least(compositions[key]!.map(({ best }) => best))} |`,
  ]);
  return `# Configs: Sconce beside Hydra

${describeMachine()}; the best of ${flags.rounds} rounds in turn. Load average before: ${loadBefore.toFixed(1)}.

    npm run bench -- config --rounds ${flags.rounds}

| a command, from its start to its end | ms | of the processors, ms |
|---|---|---|
${starts.join("\n")}

| composing ${groupCount} groups, within a process | ms | of the processors, ms |
|---|---|---|
${composed.join("\n")}

Once warm, Sconce keeps what it read of files that have not changed; Hydra reads them again.
`;
}
