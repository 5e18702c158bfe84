// A grid of trainings: every base model on every data set version with every set of hyperparameters.
import { createHash } from "node:crypto";
import { basename, extname, join } from "node:path";
import { UsageError } from "../../base/index.ts";

/** Is one set of hyperparameters: the five names below, and any path of a use case's config (`trainer.precision`). */
export type HyperparameterSet = Readonly<Record<string, string | number | boolean | null>>;

/** Says what a grid is made of; see `ExperimentManagerOptions`. */
export interface GridOptions {
  datasetVersions: readonly string[];
  hyperparameters: readonly HyperparameterSet[];
  baseModelVersions: readonly string[];
  outputDir: string;
  trainFile: string;
  validationFile: string;
  evaluatePretrainedModel: boolean;
}

/** Is one run of a grid. */
export interface Cell {
  /** Of the run, and of its folder in `outputDir`. */
  name: string;
  baseModel: string;
  baseModelName: string;
  datasetName: string;
  trainFile: string;
  validationFile: string;
  folder: string;
  /** Counted from 1; undefined for a model that is evaluated as it is. */
  paramSet: number | undefined;
  hyperparameters: HyperparameterSet;
}

/** Where the usual names of hyperparameters stand in a config. */
const configPaths: Readonly<Record<string, string>> = {
  n_epochs: "trainer.max_epochs",
  learning_rate: "optimizer.lr",
  weight_decay: "optimizer.weight_decay",
  train_batch_size: "dataset.batch_size",
  eval_batch_size: "dataset.eval_batch_size",
  max_length: "dataset.max_length",
  warmup_ratio: "scheduler.warmup_ratio",
};

/** Lists the runs of a grid in the order in which they are run. */
export function gridCells(options: GridOptions): Cell[] {
  const { datasetVersions, hyperparameters, baseModelVersions, evaluatePretrainedModel } = options;
  for (const [name, list] of Object.entries({ datasetVersions, hyperparameters, baseModelVersions })) {
    if (list.length === 0)
      throw new UsageError(`experiments: ${name} must have at least one entry, got none.`);
  }
  const models = named(baseModelVersions, (version) => basename(version.replace(/\/+$/, "")));
  const datasets = named(datasetVersions, (version) => stem(fileOf(options.trainFile, version)));
  const cells: Cell[] = [];
  for (const [baseModel, baseModelName] of models) {
    for (const [version, datasetName] of datasets) {
      const make = (suffix: string, rest: Pick<Cell, "paramSet" | "hyperparameters">): Cell => {
        const name = `${baseModelName}_${datasetName}_${suffix}`;
        return {
          name,
          baseModel,
          baseModelName,
          datasetName,
          trainFile: fileOf(options.trainFile, version),
          validationFile: fileOf(options.validationFile, version),
          folder: join(options.outputDir, name),
          ...rest,
        };
      };
      if (evaluatePretrainedModel)
        cells.push(make("pretrained", { paramSet: undefined, hyperparameters: {} }));
      for (const [index, set] of hyperparameters.entries()) {
        cells.push(make(`param_set${index + 1}`, { paramSet: index + 1, hyperparameters: set }));
      }
    }
  }
  return cells;
}

/** Turns hyperparameters into sections of a use case's config, over those of `base`. */
export function withHyperparameters(
  base: Readonly<Record<string, unknown>>,
  hyperparameters: HyperparameterSet,
): Record<string, unknown> {
  const config = structuredClone(base) as Record<string, unknown>;
  for (const [name, value] of Object.entries(hyperparameters)) {
    const path = (Object.hasOwn(configPaths, name) ? (configPaths[name] as string) : name).split(".");
    let section = config;
    for (const key of path.slice(0, -1)) section = (section[key] ??= {}) as Record<string, unknown>;
    section[path.at(-1) as string] = value;
  }
  return config;
}

/** Fills a pattern's `{data_version}`. */
function fileOf(pattern: string, version: string): string {
  return pattern.replaceAll("{data_version}", version);
}

function stem(path: string): string {
  return basename(path, extname(path));
}

/** Pairs each entry with its name; where two have one name, each gets a short hash of its own. */
function named(entries: readonly string[], nameOf: (entry: string) => string): [string, string][] {
  const distinct = [...new Set(entries)];
  const names = distinct.map(nameOf);
  return distinct.map((entry, index) => {
    const name = names[index] as string;
    const isShared = names.filter((other) => other === name).length > 1;
    const hash = createHash("sha256").update(entry).digest("hex").slice(0, 6);
    return [entry, isShared ? `${name}-${hash}` : name];
  });
}
