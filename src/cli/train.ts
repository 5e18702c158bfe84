// `sconce train`: starts the run in a process of its own and watches over it. The run itself: ./train-worker.ts.
import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { UsageError } from "../base/index.ts";
import { findProjectRoot } from "../config/index.ts";
import { parseWords } from "./command.ts";
import type { Command } from "./command.ts";

export const command: Command = {
  summary: "fine-tunes a model as a config says: fit, test, track, store, compare with the champion",
  help: `Usage: sconce train CONFIG [a.b=value ...] [--resume last|PATH] [--json]

Trains as CONFIG (JSON or YAML, usually use_cases/NAME/Configurations/config.json) says. What comes of it:

  outputs/TrainedModels/USE_CASE/EXPERIMENT/RUN/   the model, its metrics, plots, log and checkpoints
  outputs/OptimumModels/USE_CASE/EXPERIMENT/       the champion, if the new model beats the present one
  outputs/mlflow/mlflow.db                         the run, as MLflow stores it

  a.b=value        changes a key of the config; +a.b=value adds one, ~a.b deletes one
  --resume last    goes on with the newest run that did not finish; or name a run or a checkpoint
  --json           prints the result as JSON on standard output

Ctrl-C finishes the step, saves and exits with 130; a second one exits at once.

Examples:
  sconce train use_cases/spam/Configurations/config.json
  sconce train use_cases/spam/Configurations/config.json optimizer.lr=3e-5 trainer.max_epochs=2
  sconce train use_cases/spam/Configurations/config.json trainer.fast_dev_run=true`,

  async run(words) {
    const { positionals } = parseWords("train", words, trainFlags);
    if (positionals[0] === undefined || positionals[0].includes("=")) throw missingConfig();
    return supervise(words);
  },
};

/** Flags of `sconce train`. */
export const trainFlags = { resume: { type: "string" }, json: { type: "boolean" } } as const;

/** Runs the worker, passes signals on to it, and says what happened when it is killed. */
function supervise(words: readonly string[]): Promise<number> {
  const worker = spawn(
    process.execPath,
    [fileURLToPath(new URL(`./train-worker${extension}`, import.meta.url)), ...words],
    {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      // a group of its own: a terminal's Ctrl-C then reaches it once, through us
      detached: true,
    },
  );
  const forward = (signal: NodeJS.Signals) => void worker.kill(signal);
  const signals = ["SIGINT", "SIGTERM"] as const;
  for (const signal of signals) process.on(signal, forward);
  return new Promise((resolve, reject) => {
    worker.on("error", reject);
    worker.on("exit", (code, signal) => {
      for (const name of signals) process.off(name, forward);
      if (code !== null) return resolve(code);
      process.stderr.write(`sconce train: the training process was ended by ${signal}${killedBy(signal)}\n`);
      void markDeadRuns(words).then(() => resolve(1), reject);
    });
  });
}

const extension = import.meta.url.endsWith(".ts") ? ".ts" : ".js";

function killedBy(signal: NodeJS.Signals | null): string {
  if (signal === "SIGKILL")
    return ", which is what the system does when memory runs out. Lower dataset.batch_size or dataset.max_length, then: --resume last";
  return ". Please report this with the command that led to it.";
}

/** Writes into the store that the run has failed: the dead process could not. */
async function markDeadRuns(words: readonly string[]): Promise<void> {
  const [{ loadUseCase }, { SqliteStore, repairRuns }] = await Promise.all([
    import("../config/index.ts"),
    import("../tracking/index.ts"),
  ]);
  const [config, ...overrides] = parseWords("train", words, trainFlags).positionals;
  const { resolved } = await loadUseCase(config!, overrides);
  if (!existsSync(resolved.trackingDatabase)) return;
  const store = await SqliteStore.open({ path: resolved.trackingDatabase });
  await repairRuns(store);
  await store.close();
}

function missingConfig(): UsageError {
  const root = findProjectRoot(process.cwd());
  const useCases = join(root, "use_cases");
  const found = existsSync(useCases)
    ? readdirSync(useCases).flatMap((name) => {
        const folder = join(useCases, name, "Configurations");
        return existsSync(folder)
          ? readdirSync(folder).map((file) => join("use_cases", name, "Configurations", file))
          : [];
      })
    : [];
  const hint = found.length === 0 ? "Make one with: sconce init FILE.csv" : `There are: ${found.join(", ")}.`;
  return new UsageError(`sconce train: the config is missing. ${hint}`);
}
