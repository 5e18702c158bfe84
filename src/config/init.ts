// A first config for a data file: what sconce init writes. Guessing columns and labels is src/data's matter.
import { copyFileSync, constants, existsSync, mkdirSync } from "node:fs";
import { basename, extname, join } from "node:path";
import { UsageError, writeFileAtomic } from "../base/index.ts";
import type { ConfigMap } from "./value.ts";
import { configToJson } from "./write.ts";

/** Holds what a look at a data file found, as `inspectTable` of src/data returns it. */
export interface DataGuess {
  /** The task that the columns suggest; only the classification of texts and pairs can be written. */
  task: string;
  textColumn: string;
  pairColumn?: string;
  /** One column; several for tasks that are not available yet. */
  labelColumns: readonly string[];
  labels: readonly string[];
  /** Tokens that most texts stay within. */
  maxLength: number;
  numRows: number;
  /** Absent: found out from the file, each time. */
  delimiter?: string;
}

/** Holds the files of a new use case, not yet written. */
export interface UseCaseDraft {
  name: string;
  /** The content of `Configurations/config.json`. */
  config: ConfigMap;
  /** The content of `README.md`. */
  readme: string;
  /** Name of the data file in `Datasets/`. */
  dataFile: string;
}

/**
 * Writes a first config and README for a data file. `name` defaults to the file's name;
 * one that cannot be a folder's, or a task that is not available, throws a `UsageError`.
 */
export function draftUseCase(
  guess: DataGuess,
  { dataPath, name }: { dataPath: string; name?: string },
): UseCaseDraft {
  const dataFile = basename(dataPath);
  const useCase = name ?? nameFromFile(dataFile);
  if (!/^[a-z\d][\w-]{0,63}$/iu.test(useCase)) {
    throw new UsageError(
      `init: a use case is named by letters, digits, "-" and "_", got "${useCase}". Choose one with --name NAME.`,
    );
  }
  const [labelColumn] = guess.labelColumns;
  const isAvailable = ["text_classification", "text_pair_classification"].includes(guess.task);
  if (!isAvailable || labelColumn === undefined) {
    throw new UsageError(
      `init: "${dataFile}" looks like ${guess.task}, which is not available yet; available: text_classification. ` +
        "Name the columns with --text-column and --label-column if it is one.",
    );
  }
  return {
    name: useCase,
    config: draftConfig({ ...guess, labelColumn }, dataFile, useCase),
    readme: draftReadme({ ...guess, labelColumn }, dataFile, useCase),
    dataFile,
  };
}

/**
 * Writes a new use case to `use_cases/NAME/`, with a copy of its data file, and returns the folder.
 * If one of the files exists already, nothing is written and a `UsageError` says which.
 */
export function writeUseCase(
  projectRoot: string,
  draft: UseCaseDraft,
  { dataPath }: { dataPath: string },
): string {
  const folder = join(projectRoot, "use_cases", draft.name);
  const data = join(folder, "Datasets", draft.dataFile);
  const config = join(folder, "Configurations", "config.json");
  const readme = join(folder, "README.md");
  const existing = [config, readme, data].filter((path) => existsSync(path));
  if (existing.length > 0) {
    throw new UsageError(
      `init: ${existing.join(", ")} must not exist, since nothing is overwritten. Choose another name with --name NAME, ` +
        "or move what is there.",
    );
  }
  mkdirSync(join(folder, "Datasets"), { recursive: true });
  copyFileSync(dataPath, data, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  writeFileAtomic(readme, draft.readme);
  writeFileAtomic(config, configToJson(draft.config)); // last: a use case that has a config is whole
  return folder;
}

function draftConfig(
  guess: DataGuess & { labelColumn: string },
  dataFile: string,
  useCase: string,
): ConfigMap {
  const { textColumn, pairColumn, labelColumn, maxLength, numRows, delimiter } = guess;
  return {
    use_case: useCase,
    task: "text_classification",
    seed: 42,
    base_model: "minilm",
    dataset: {
      train: `Datasets/${dataFile}`,
      text_column: textColumn,
      ...(pairColumn === undefined ? {} : { text_pair_column: pairColumn }),
      label_column: labelColumn,
      ...(delimiter === undefined ? {} : { delimiter }),
      max_length: Math.min(512, Math.max(16, Math.ceil(maxLength / 8) * 8)),
      validation_ratio: 0.1,
      batch_size: 32,
    },
    optimizer: { name: "adamw", lr: 5e-5, weight_decay: 0.01 },
    scheduler: { name: "linear", warmup_ratio: 0.06 },
    trainer: { max_epochs: numRows < 2000 ? 5 : 3, gradient_clip_val: 1 },
    callbacks: [{ name: "early_stopping", monitor: "val_f1", patience: 2 }],
    champion: { metric: "f1" },
  };
}

function draftReadme(
  { labels, numRows, textColumn, labelColumn }: DataGuess & { labelColumn: string },
  dataFile: string,
  useCase: string,
): string {
  const shown = labels.slice(0, 20).map((label) => `\`${label}\``);
  const rest = labels.length > shown.length ? `, and ${labels.length - shown.length} more` : "";
  return `# ${useCase}

Tells the \`${labelColumn}\` of a text (\`${textColumn}\`): ${labels.length} labels, ${shown.join(", ")}${rest}.

Data: \`Datasets/${dataFile}\`, ${numRows} rows. A tenth of them is set aside for validation. For figures that
can be trusted, set more rows aside in a file of their own and name it in the config: \`"test": "Datasets/test.csv"\`.

\`\`\`sh
sconce check use_cases/${useCase}/Configurations/config.json
sconce train use_cases/${useCase}/Configurations/config.json
sconce train use_cases/${useCase}/Configurations/config.json trainer.max_epochs=1 optimizer.lr=2e-5
\`\`\`
`;
}

function nameFromFile(file: string): string {
  const stem = basename(file, extname(file)).toLowerCase();
  return stem.replace(/[^a-z\d]+/gu, "_").replace(/^_+|_+$/gu, "") || "use_case";
}
