// `sconce train`: starts the run in a process of its own. The run itself: ./train-worker.ts.
import { existsSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { UsageError } from "../base/index.ts";
import { parseWords } from "./command.ts";
import type { Command } from "./command.ts";

export const command: Command = {
  help: `Usage: sconce train CONFIG [a.b=value ...] [--resume last|PATH] [--json]

Trains as CONFIG says, a JSON or YAML file that usually stands at
use_cases/NAME/Configurations/config.json. What comes of it:

  outputs/TrainedModels/USE_CASE/EXPERIMENT/RUN/  the model, its metrics, plots,
                                                  log and checkpoints
  outputs/OptimumModels/USE_CASE/EXPERIMENT/      the champion, if the new model
                                                  beats the present one
  outputs/mlflow/mlflow.db                        the run, as MLflow stores it

  a.b=value       changes a key of the config; +a.b=value adds one, ~a.b
                  deletes one
  --resume WHAT   goes on with a run that did not finish: "last" is the newest
                  one, else the folder of a run or of one of its checkpoints
  --json          prints the result as JSON on standard output

Ctrl-C finishes the step, saves and exits with 130; a second one exits at once.

Examples:
  sconce train use_cases/spam/Configurations/config.json
  sconce train use_cases/spam/Configurations/config.json optimizer.lr=3e-5
  sconce train use_cases/spam/Configurations/config.json trainer.max_epochs=1
  sconce train use_cases/spam/Configurations/config.json --resume last`,

  async run(words) {
    const [{ supervise }, { loadUseCase }] = await Promise.all([
      import("./supervise.ts"),
      import("../config/index.ts"),
    ]);
    const [config, ...overrides] = parseWords("train", words, trainFlags).positionals;
    if (config === undefined || config.includes("=")) throw await missingConfig();
    return supervise({
      command: "train",
      worker: "train-worker",
      words,
      tracking: async () => {
        const { config: useCase, resolved } = await loadUseCase(config, overrides);
        return { uri: resolved.trackingUri, notifications: useCase.mlops.notifications };
      },
    });
  },
};

/** Flags of `sconce train`. */
export const trainFlags = { resume: { type: "string" }, json: { type: "boolean" } } as const;

async function missingConfig(): Promise<UsageError> {
  const { findProjectRoot } = await import("../config/index.ts");
  const useCases = join(findProjectRoot(process.cwd()), "use_cases");
  const found = existsSync(useCases)
    ? readdirSync(useCases).flatMap((name) => configsIn(join(useCases, name, "Configurations")))
    : [];
  const hint =
    found.length === 0
      ? "Make one with: sconce init FILE.csv"
      : `There ${found.length === 1 ? "is" : "are"}: ${found.map((path) => relative(process.cwd(), path)).join(", ")}.`;
  return new UsageError(`sconce train: the config is missing. ${hint}`);
}

function configsIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder).filter((file) => /\.(json|ya?ml)$/.test(file));
  return files.map((file) => join(folder, file));
}
