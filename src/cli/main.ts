// The command line: finds the command, runs it, and turns errors into messages and exit codes.
import { UsageError, nearest, sconceVersion } from "../base/index.ts";
import type { Command } from "./command.ts";
import { exitCodes, report, watchOutput } from "./report.ts";

interface Entry {
  /** One line for the list of commands, of at most 65 characters. */
  summary: string;
  /** Loads the command when it is called, so that the list is there at once. */
  load: () => Promise<{ command: Command }>;
}

const commands: Readonly<Record<string, Entry>> = {
  init: {
    summary: "makes a use case of a data file: folders, config, README",
    load: () => import("./init.ts"),
  },
  new: {
    summary: "writes a start that works: a model, a plugin, a use case",
    load: () => import("./new.ts"),
  },
  check: {
    summary: "proves a config and reports all problems at once",
    load: () => import("./check.ts"),
  },
  train: {
    summary: "fine-tunes a model: fit, test, track, store, compare, register",
    load: () => import("./train.ts"),
  },
  predict: {
    summary: "labels texts with a trained model",
    load: () => import("./predict.ts"),
  },
  evaluate: {
    summary: "judges a trained model on a labelled file",
    load: () => import("./evaluate.ts"),
  },
  reproduce: {
    summary: "trains a recorded run again and compares the results",
    load: () => import("./reproduce.ts"),
  },
  experiments: {
    summary: "runs a grid of trainings, and names the best run",
    load: () => import("./experiments.ts"),
  },
  runs: {
    summary: "lists and shows runs, and moves them to the trash",
    load: () => import("./runs.ts"),
  },
  watch: {
    summary: "shows a run as it trains: progress, curves, resources",
    load: () => import("./watch.ts"),
  },
  compare: {
    summary: "shows what differs between runs",
    load: () => import("./compare.ts"),
  },
  models: {
    summary: "registers, promotes and rolls back models, and lists the moves",
    load: () => import("./models.ts"),
  },
  server: {
    summary: "serves runs and models over MLflow's REST API",
    load: () => import("./server.ts"),
  },
  store: {
    summary: "copies a tracking store into another, and backs it up",
    load: () => import("./store.ts"),
  },
  gc: {
    summary: "removes deleted runs and experiments for ever, with artifacts",
    load: () => import("./gc.ts"),
  },
  clean: {
    summary: "shows what takes up disk space, and frees it",
    load: () => import("./clean.ts"),
  },
  doctor: {
    summary: "says what is installed, what is missing and how to get it",
    load: () => import("./doctor.ts"),
  },
};

// bin/sconce carries it out before this program is built
const setupSummary = "installs what is missing: packages, libtorch, addon, weights";

/** Runs the command line; `argv` is what follows the program's name. Returns the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  const [name, ...words] = argv;
  watchOutput();
  try {
    if (name === undefined) {
      process.stderr.write(`${overview()}\n`);
      return exitCodes.badInput;
    }
    if (name === "--version" || name === "-V") {
      process.stdout.write(`sconce ${sconceVersion}\n`);
      return exitCodes.done;
    }
    const completion = /^(?:--shell-completion|-sc)(?:=(.*))?$/su.exec(name);
    if (completion !== null) {
      const { answerShell } = await import("./shell-completion.ts");
      const list = { names: [...Object.keys(commands), "setup"], helpOf };
      process.stdout.write(await answerShell(completion[1] ?? words[0] ?? "", list));
      return exitCodes.done;
    }
    const asksForHelp = ["--help", "-h", "help"].includes(name);
    const wanted = asksForHelp ? words.find((word) => !word.startsWith("-")) : name;
    if (wanted === undefined) {
      process.stdout.write(`${overview()}\n`);
      return exitCodes.done;
    }
    const entry = Object.hasOwn(commands, wanted) ? commands[wanted] : undefined;
    if (entry === undefined) throw unknownCommand(wanted);
    const { command } = await entry.load();
    if (asksForHelp || isHelp(words)) {
      process.stdout.write(`${command.help}\n`);
      return exitCodes.done;
    }
    return await command.run(words);
  } catch (error) {
    return report(error);
  }
}

async function helpOf(name: string): Promise<string> {
  return Object.hasOwn(commands, name) ? (await commands[name]!.load()).command.help : "";
}

/** Tells whether a command is asked about itself; what follows `--` are words, not flags. */
function isHelp(words: readonly string[]): boolean {
  const end = words.indexOf("--");
  const flags = end === -1 ? words : words.slice(0, end);
  return flags.includes("--help") || flags.includes("-h");
}

function overview(): string {
  const lines = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(13)}${summary}`);
  return `Fine-tunes, judges, tracks and keeps deep-learning models on libtorch.

Usage: sconce COMMAND [...]

${lines.join("\n")}
  ${"setup".padEnd(13)}${setupSummary}

  sconce COMMAND --help   says more, with examples
  sconce --version        prints the version
  sconce --shell-completion install=bash   (or zsh, fish) prints what makes the
                          shell complete: eval "$(...)" in its start-up file

From a data file to a trained model:
  sconce init reviews.csv
  sconce train use_cases/reviews/Configurations/config.json

Exit codes: 0 done, 1 failed, 2 bad input, 130 or 143 interrupted.`;
}

function unknownCommand(name: string): UsageError {
  const names = [...Object.keys(commands), "setup"];
  const near = nearest(name, names);
  const hint = near === undefined ? "" : `Did you mean "${near}"? `;
  return new UsageError(`sconce: unknown command "${name}". ${hint}Commands: ${names.join(", ")}.`);
}
