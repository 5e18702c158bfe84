// `sconce train`: starts the run in a process of its own. The run itself: ./train-worker.ts.
import { join } from "node:path";
import { ConfigError, UsageError, writeFileAtomic } from "../base/index.ts";
import type { ConfigMap, Job, MainOptions, ResolvedUseCase, UseCaseConfig } from "../config/index.ts";
import { parseWords } from "./command.ts";
import type { Command } from "./command.ts";
import { checkJob, composedOptions, refuseUnknownFlags, useCaseHint } from "./composed.ts";
import { takeFlags } from "./take-flags.ts";

export const command: Command = {
  help: `Usage: sconce train [CONFIG] [a.b=value ...] [-m] [--resume last|PATH] [--json]

Trains as CONFIG says, a JSON or YAML file that usually stands at
use_cases/NAME/Configurations/config.json. Without one, or with one that has a
defaults list, the config is composed as Hydra does, of the folder conf/ of the
project, else of the groups that come along. What comes of it:

  outputs/TrainedModels/USE_CASE/EXPERIMENT/RUN/  the model, its metrics, plots,
                                                  log and checkpoints
  outputs/OptimumModels/USE_CASE/EXPERIMENT/      the champion, if the new model
                                                  beats the present one
  outputs/mlflow/mlflow.db                        the run, as MLflow stores it

  a.b=value       changes a key of the config; +a.b=value adds one, ~a.b
                  deletes one
  group=option    chooses another file of a group: model=bert trainer=debug
  -m              trains once for each combination: optimizer.lr=2e-5,5e-5
  --cfg job       shows the composed config, with -m that of each combination;
                  --info defaults how it came about; --config-path,
                  --config-name, --resolve and others as in Hydra: --hydra-help
  --resume WHAT   goes on with a run that did not finish: "last" is the newest
                  one, else the folder of a run or of one of its checkpoints
  --json          prints the result, or with --cfg the config, as JSON on
                  standard output

Ctrl-C finishes the step, saves and exits with 130; a second one exits at once.

Examples:
  sconce train
  sconce train +experiment=custom_experiment trainer.max_epochs=1
  sconce train use_cases/spam/Configurations/config.json
  sconce train use_cases/spam/Configurations/config.json optimizer.lr=3e-5
  sconce train use_cases/spam/Configurations/config.json trainer.max_epochs=1
  sconce train use_cases/spam/Configurations/config.json --resume last`,

  async run(words) {
    const { own, rest } = takeFlags(words, trainFlags);
    const composed = await composedOptions(rest);
    if (composed !== undefined) {
      parseWords("train", own, trainFlags);
      await refuseUnknownFlags("train", rest, trainFlags);
      return trainComposed(composed, own);
    }
    const [config, ...overrides] = parseWords("train", words, trainFlags).positionals;
    return trainFile(config!, overrides, words);
  },
};

/** Trains by the config of a use case, in a process of its own. */
async function trainFile(
  config: string,
  overrides: readonly string[],
  words: readonly string[],
): Promise<number> {
  const [{ supervise }, { loadUseCase }] = await Promise.all([
    import("./supervise.ts"),
    import("../config/index.ts"),
  ]);
  return supervise({
    command: "train",
    worker: "train-worker",
    words,
    tracking: async () => {
      const { config: useCase, resolved } = await loadUseCase(config, overrides);
      return { uri: resolved.trackingUri, notifications: useCase.mlops.notifications };
    },
  });
}

/**
 * Trains by a composed config, or by each of a sweep's. All jobs are checked before the first begins; each is then a file
 * in its run folder, by which a process of its own trains.
 */
async function trainComposed(
  options: MainOptions & { argv: string[] },
  own: readonly string[],
): Promise<number> {
  const { isMultiLabelTree, parseCommandLine, planJobs, runMain } = await import("../config/index.ts");
  const projectRoot = options.baseFolder!;
  const { action } = parseCommandLine(options.argv);
  const shown = { ownFlags: flagsHelp, json: own.includes("--json") };
  if (action === "run" || action === "multirun") {
    for (const { number, overrides, config } of planJobs(options)) {
      const { source, issues } = await checkJob(config, projectRoot);
      if (issues.length > 0)
        throw jobError(new ConfigError(source, issues), { number, overrides, hint: useCaseHint(options) });
      if (isMultiLabelTree(config))
        throw new UsageError(
          `${source}: nothing is wrong with it, but multi-label classifiers cannot be trained yet, so nothing was started. Until then sconce check proves such a file; one label a text is trained by a config that sconce init writes.`,
        );
    }
  }
  let stopped: number | undefined;
  const { exitCode } = await runMain({ ...options, ...shown }, async (plain, job) => {
    const code = await trainJob(plain, job, { projectRoot, own });
    if (code === 0) return;
    stopped = code;
    throw new UsageError(`the training ended with exit code ${code}; its folder is ${job.outputDir}`);
  });
  return stopped ?? exitCode;
}

async function trainJob(
  plain: ConfigMap,
  { config: node, outputDir }: Job,
  { projectRoot, own }: { projectRoot: string; own: readonly string[] },
): Promise<number> {
  const { checkComposed, configToYaml, helperKeys, isModuleConfig } = await import("../config/index.ts");
  if (isModuleConfig(node)) {
    const { checkRegistered } = await import("../tasks/index.ts");
    const { issues, source, trackingUri } = await checkRegistered(node, projectRoot);
    if (issues.length > 0) throw new ConfigError(source, issues);
    const file = join(outputDir, "config.yaml");
    for (const key of helperKeys(node)) delete plain[key];
    writeFileAtomic(file, await configToYaml(plain));
    const { supervise } = await import("./supervise.ts");
    const tracking = (): Promise<{ uri: string; notifications: [] }> =>
      Promise.resolve({ uri: trackingUri, notifications: [] });
    return supervise({
      command: "train",
      worker: "train-module-worker",
      words: [file, projectRoot, ...own],
      tracking,
    });
  }
  const { config, resolved, issues, source } = await checkComposed(node, projectRoot);
  if (config === undefined || resolved === undefined) throw new ConfigError(source, issues);
  const file = join(outputDir, "use_case.yaml");
  writeFileAtomic(file, await configToYaml(absolutePaths(config, resolved)));
  return trainFile(file, [], [file, ...own]);
}

/** Flags of `sconce train`. */
export const trainFlags = { resume: { type: "string" }, json: { type: "boolean" } } as const;

const flagsHelp = {
  "--resume": "goes on with a run that did not finish: last, or its folder",
  "--json": "prints the result, or with --cfg the config, as JSON",
};

function jobError(
  error: ConfigError,
  { number, overrides, hint }: { number: number | undefined; overrides: readonly string[]; hint: string },
): Error {
  if (number === undefined && hint === "") return error;
  const which = number === undefined ? "" : `job ${number + 1} of the sweep (${overrides.join(" ")}):\n`;
  return new UsageError(`${which}${error.message}${hint}`, { cause: error });
}

/** Makes a use case's paths absolute: its file will lie in the run's folder, not where they begin. */
function absolutePaths(config: UseCaseConfig, resolved: ResolvedUseCase): UseCaseConfig {
  const { train, test, validation, baseModel, trackingUri } = resolved;
  return {
    ...config,
    ...(baseModel.kind === "folder" && { base_model: baseModel.path }),
    dataset: { ...config.dataset, train, ...(test && { test }), ...(validation && { validation }) },
    mlops: { ...config.mlops, tracking: { ...config.mlops.tracking, uri: trackingUri } },
  };
}
