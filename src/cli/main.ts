// The command line: finds the command, runs it, and turns errors into messages and exit codes.
import { ConfigError, SconceError, UsageError, nearest } from "../base/index.ts";
import type { Command } from "./command.ts";

// loaded when called, so that --help is there at once
const commands: Readonly<Record<string, () => Promise<{ command: Command }>>> = {
  train: () => import("./train.ts"),
  check: () => import("./check.ts"),
  predict: () => import("./predict.ts"),
  evaluate: () => import("./evaluate.ts"),
};

const exitCodes = { done: 0, failed: 1, badInput: 2 } as const;

/** Runs the command line; `argv` is what follows the program's name. Returns the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  const [name, ...words] = argv;
  try {
    if (name === undefined || name === "--help" || name === "-h" || name === "help") {
      process.stdout.write(`${await overview()}\n`);
      return name === undefined ? exitCodes.badInput : exitCodes.done;
    }
    if (name === "--version" || name === "-V") {
      const { sconceVersion } = await import("../tasks/version.ts");
      process.stdout.write(`sconce ${sconceVersion}\n`);
      return exitCodes.done;
    }
    const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
    if (load === undefined) throw unknownCommand(name);
    const { command } = await load();
    if (words.includes("--help") || words.includes("-h")) {
      process.stdout.write(`${command.help}\n`);
      return exitCodes.done;
    }
    return await command.run(words);
  } catch (error) {
    return report(error);
  }
}

/** Prints an error for people and returns the exit code that it means. */
export function report(error: unknown): number {
  if (!SconceError.is(error)) {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return exitCodes.failed;
  }
  const count =
    error instanceof ConfigError
      ? `\n${error.issues.length} ${error.issues.length === 1 ? "problem" : "problems"}`
      : "";
  process.stderr.write(`${error.message}${count}\n`);
  const { exitCode } = error as SconceError & { exitCode?: number };
  return exitCode ?? (inputErrors.has(error.code) ? exitCodes.badInput : exitCodes.failed);
}

const inputErrors = new Set(["config", "usage", "data", "file"]);

async function overview(): Promise<string> {
  const lines = await Promise.all(
    Object.entries(commands).map(
      async ([name, load]) => `  ${name.padEnd(10)} ${(await load()).command.summary}`,
    ),
  );
  return [
    "Trains, tunes, tracks, promotes and serves deep-learning models on libtorch.",
    "",
    "Usage: sconce <command> [config] [a.b=value ...]",
    "",
    ...lines,
    "",
    "sconce <command> --help says more. Exit codes: 0 done, 1 failed, 2 bad input, 130 or 143 interrupted.",
  ].join("\n");
}

function unknownCommand(name: string): UsageError {
  const near = nearest(name, Object.keys(commands));
  const hint = near === undefined ? "" : `Did you mean "${near}"? `;
  return new UsageError(
    `sconce: unknown command "${name}". ${hint}Commands: ${Object.keys(commands).join(", ")}.`,
  );
}
