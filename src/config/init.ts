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

/** Says how the rows of a data file are shared out. */
export interface DataPlan {
  /** Name of the training file in `Datasets/`. @default the data file's */
  trainFile?: string;
  /** The file in `Datasets/` that the model is judged on, with its rows. @default none */
  test?: { file: string; numRows: number };
  /** Share of the training rows to validate on; 0 for none. @default 0.1 */
  validationRatio?: number;
}

/** Holds the files of a new use case, not yet written. */
export interface UseCaseDraft {
  name: string;
  /** The content of `Configurations/config.json`. */
  config: ConfigMap;
  /** The content of `README.md`. */
  readme: string;
  /** Names of the files in `Datasets/`. */
  dataFiles: readonly string[];
}

/**
 * Writes a first config and README for a data file. `name` defaults to the file's name;
 * one that cannot be a folder's, or a task that is not available, throws a `UsageError`.
 */
export function draftUseCase(
  guess: DataGuess,
  { dataPath, name, ...plan }: DataPlan & { dataPath: string; name?: string },
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
  const facts = { trainFile: dataFile, validationRatio: 0.1, ...guess, ...plan, labelColumn, useCase };
  return {
    name: useCase,
    config: draftConfig(facts),
    readme: draftReadme(facts),
    dataFiles: [facts.trainFile, ...(plan.test === undefined ? [] : [plan.test.file])],
  };
}

/**
 * Writes a new use case to `use_cases/NAME/` and returns the folder. Each data file is a copy of `dataPath` unless
 * `contents` has it. If a file exists already, nothing is written and a `UsageError` says which.
 */
export function writeUseCase(
  projectRoot: string,
  draft: UseCaseDraft,
  { dataPath, contents = {} }: { dataPath: string; contents?: Readonly<Record<string, string>> },
): string {
  const folder = join(projectRoot, "use_cases", draft.name);
  const data = draft.dataFiles.map((file) => join(folder, "Datasets", file));
  const config = join(folder, "Configurations", "config.json");
  const readme = join(folder, "README.md");
  const existing = [config, readme, ...data].filter((path) => existsSync(path));
  if (existing.length > 0) {
    throw new UsageError(
      `init: ${existing.join(", ")} must not exist, since nothing is overwritten. Choose another name with --name NAME, ` +
        "or move what is there.",
    );
  }
  mkdirSync(join(folder, "Datasets"), { recursive: true });
  for (const path of data) {
    const content = contents[basename(path)];
    if (content !== undefined) writeFileAtomic(path, content);
    else copyFileSync(dataPath, path, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  }
  writeFileAtomic(readme, draft.readme);
  writeFileAtomic(config, configToJson(draft.config)); // last: a use case that has a config is whole
  return folder;
}

interface DraftFacts extends DataGuess, Required<Omit<DataPlan, "test">>, Pick<DataPlan, "test"> {
  labelColumn: string;
  useCase: string;
}

function draftConfig(facts: DraftFacts): ConfigMap {
  const { useCase, textColumn, pairColumn, labelColumn, maxLength, numRows, delimiter } = facts;
  const { trainFile, test, validationRatio } = facts;
  return {
    use_case: useCase,
    task: "text_classification",
    seed: 42,
    base_model: "minilm",
    dataset: {
      train: `Datasets/${trainFile}`,
      ...(test === undefined ? {} : { test: `Datasets/${test.file}` }),
      text_column: textColumn,
      ...(pairColumn === undefined ? {} : { text_pair_column: pairColumn }),
      label_column: labelColumn,
      ...(delimiter === undefined ? {} : { delimiter }),
      max_length: Math.min(512, Math.max(16, Math.ceil(maxLength / 8) * 8)),
      validation_ratio: validationRatio,
      batch_size: 32,
    },
    optimizer: { name: "adamw", lr: 5e-5, weight_decay: 0.01 },
    scheduler: { name: "linear", warmup_ratio: 0.06 },
    trainer: { max_epochs: numRows < 2000 ? 5 : 3, gradient_clip_val: 1 },
    // without validation there is nothing to watch
    callbacks: validationRatio === 0 ? [] : [{ name: "early_stopping", monitor: "val_f1", patience: 2 }],
    champion: { metric: "f1" },
  };
}

function draftReadme(facts: DraftFacts): string {
  const { useCase, labels, textColumn, labelColumn } = facts;
  const shown = labels.slice(0, 20).map((label) => `\`${label}\``);
  const rest = labels.length > shown.length ? `, and ${labels.length - shown.length} more` : "";
  return `# ${useCase}

Tells the \`${labelColumn}\` of a text (\`${textColumn}\`): ${labels.length} labels, ${shown.join(", ")}${rest}.

${describeData(facts)}

\`\`\`sh
sconce check use_cases/${useCase}/Configurations/config.json
sconce train use_cases/${useCase}/Configurations/config.json
sconce train use_cases/${useCase}/Configurations/config.json trainer.max_epochs=1 optimizer.lr=2e-5
\`\`\`
`;
}

function describeData({ trainFile, test, numRows, validationRatio }: DraftFacts): string {
  const numTrainRows = numRows - (test?.numRows ?? 0);
  const validation =
    validationRatio === 0
      ? "There are too few rows to set some aside for validation."
      : `Of them, ${Math.round(100 * validationRatio)} % are set aside for validation.`;
  const train = `Data: \`Datasets/${trainFile}\`, ${numTrainRows} rows. ${validation}`;
  if (test !== undefined)
    return `${train}\n\`Datasets/${test.file}\`, ${test.numRows} rows, is what models are judged on; training never sees it.`;
  return (
    `${train} For figures that\ncan be trusted, set more rows aside in a file of their own ` +
    'and name it in the config: `"test": "Datasets/test.csv"`.'
  );
}

function nameFromFile(file: string): string {
  const stem = basename(file, extname(file)).toLowerCase();
  return stem.replace(/[^a-z\d]+/gu, "_").replace(/^_+|_+$/gu, "") || "use_case";
}
