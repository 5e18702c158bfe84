// `sconce init`: makes a use case of a data file. What it guesses it prints, and the config says it outright.
import { basename, join, relative } from "node:path";
import { DataError } from "../base/index.ts";
import { draftUseCase, findProjectRoot, writeUseCase } from "../config/index.ts";
import { LabelMap, inspectTable, readTable, stratifiedSplit } from "../data/index.ts";
import type { Split, Table } from "../data/index.ts";
import { onlyWord, parseWords } from "./command.ts";
import type { Command } from "./command.ts";
import { formatCsv } from "./csv.ts";

const testRatio = 0.2;
const splitSeed = 42;

export const command: Command = {
  help: `Usage: sconce init FILE [--name NAME] [--text-column C] [--label-column C]
                   [--no-split]

Makes a use case of a CSV, TSV, JSONL or JSON file whose rows hold a text and
its label: guesses columns and labels, prints what it guessed, and writes

  use_cases/NAME/Datasets/train.csv, test.csv       80 % and 20 % of the rows,
                                                    each label in proportion
  use_cases/NAME/Configurations/config.json         the config, ready to train
  use_cases/NAME/README.md

into the project that the current folder belongs to. Nothing is overwritten.

  --name NAME         name of the use case (default: the file's)
  --text-column C     column of the texts (default: guessed)
  --label-column C    column of the labels (default: guessed)
  --no-split          copies the file as it is, all of it to train on

Examples:
  sconce init reviews.csv
  sconce init export.jsonl --name reviews --label-column stars`,

  async run(words) {
    const { flags, positionals } = parseWords("init", words, {
      name: { type: "string" },
      "text-column": { type: "string" },
      "label-column": { type: "string" },
      "no-split": { type: "boolean", default: false },
    });
    const dataPath = onlyWord("init", "data file", positionals);
    const table = readTable(dataPath);
    const guess = inspectTable(table, {
      ...(flags["text-column"] !== undefined && { textColumn: flags["text-column"] }),
      ...(flags["label-column"] !== undefined && { labelColumn: flags["label-column"] }),
    });
    const named = { dataPath, ...(flags.name !== undefined && { name: flags.name }) };
    draftUseCase(guess, named); // a name or task that cannot be is said before anything of the rows
    const labels = encodedLabels(table, guess.labelColumns[0]!);
    const split = flags["no-split"] ? undefined : splitRows(labels, basename(dataPath));
    const validationRatio = feasibleValidation(split === undefined ? labels : pick(labels, split.train));
    const plan = { ...named, validationRatio };
    const root = findProjectRoot(process.cwd());
    let folder: string;
    if (split === undefined) folder = writeUseCase(root, draftUseCase(guess, plan), { dataPath });
    else {
      const test = { file: "test.csv", numRows: split.heldOut.length };
      const draft = draftUseCase({ ...guess, delimiter: "," }, { ...plan, trainFile: "train.csv", test });
      const contents = {
        "train.csv": partAsCsv(table, split.train),
        "test.csv": partAsCsv(table, split.heldOut),
      };
      folder = writeUseCase(root, draft, { dataPath, contents });
    }
    const told = describe({ table, guess, flags, labels, split, validationRatio, folder });
    process.stdout.write(`${told}\n`);
    return 0;
  },
};

interface Labels {
  names: readonly string[];
  ids: Int32Array;
}

function encodedLabels(table: Table, column: string): Labels {
  const cells = table.column(column);
  const map = LabelMap.fromLabels(cells);
  return { names: map.names, ids: map.encode(cells, (row) => table.place(row)) };
}

function pick({ names, ids }: Labels, rows: Uint32Array): Labels {
  return { names, ids: Int32Array.from(rows, (row) => ids[row]!) };
}

function splitRows({ names, ids }: Labels, file: string): Split {
  try {
    return stratifiedSplit(ids, { ratio: testRatio, seed: splitSeed, names });
  } catch (cause) {
    if (!(cause instanceof DataError)) throw cause;
    // its advice is about a config, which does not exist yet
    const [what] = cause.message.replace(/^split: /, "").split(". ");
    throw new DataError(
      `init: ${file} cannot be split into training and test rows: ${what}. ` +
        "Add rows, or keep all of them for training with --no-split.",
      { cause },
    );
  }
}

/** Returns the first share of the training rows that can be validated on with every label in both parts, else 0. */
function feasibleValidation({ names, ids }: Labels): number {
  for (const ratio of [0.1, 0.2, 0.3]) {
    try {
      stratifiedSplit(ids, { ratio, seed: splitSeed, names });
      return ratio;
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
    }
  }
  return 0;
}

/** Columns that some rows of a JSON file lack cannot be columns of a CSV file. */
function completeColumns(table: Table): readonly string[] {
  return table.columns.filter((name) => table.isComplete(name));
}

function partAsCsv(table: Table, rows: Uint32Array): string {
  const names = completeColumns(table);
  const columns = names.map((name) => table.column(name));
  return formatCsv([names, ...Array.from(rows, (row) => columns.map((cells) => cells[row]!))]);
}

interface Told {
  table: Table;
  guess: ReturnType<typeof inspectTable>;
  flags: { "text-column"?: string; "label-column"?: string };
  labels: Labels;
  split: Split | undefined;
  validationRatio: number;
  folder: string;
}

function describe({ table, guess, flags, labels, split, validationRatio, folder }: Told): string {
  const origin = (flag: keyof Told["flags"]) => (flags[flag] === undefined ? " (guessed)" : "");
  const missing = split === undefined ? [] : table.columns.filter((name) => !table.isComplete(name));
  const short = relative(process.cwd(), folder) || ".";
  const config = join(short, "Configurations", "config.json");
  const share =
    validationRatio === 0
      ? "none for validation: too few rows of a label"
      : `${Math.round(100 * validationRatio)} % of them for validation`;
  return [
    `${table.source}: ${table.numRows} rows`,
    `  texts    column "${guess.textColumn}"${origin("text-column")}, cut at ${guess.maxLength} tokens`,
    ...(guess.pairColumn === undefined ? [] : [`  pairs    column "${guess.pairColumn}" (guessed)`]),
    `  labels   column "${guess.labelColumns[0]}"${origin("label-column")}, ${labels.names.length} labels`,
    ...labelLines(labels),
    ...(missing.length === 0
      ? []
      : [`  left out ${missing.join(", ")}: not in every row, so not in the CSV files`]),
    "",
    `Made ${short}`,
    ...(split === undefined
      ? [`  Datasets/${basename(table.source)}  all ${table.numRows} rows, ${share}`]
      : [
          `  Datasets/train.csv  ${split.train.length} rows, ${share}`,
          `  Datasets/test.csv   ${split.heldOut.length} rows, to judge models on`,
        ]),
    "  Configurations/config.json",
    "  README.md",
    "",
    "Next",
    `  sconce check ${config}`,
    `  sconce train ${config}`,
  ].join("\n");
}

function labelLines({ names, ids }: Labels): string[] {
  const counts = names.map((name) => ({ name, count: 0 }));
  for (const id of ids) counts[id]!.count++;
  counts.sort((a, b) => b.count - a.count);
  const shown = counts.slice(0, 10);
  const width = Math.max(...shown.map(({ name }) => Math.min(name.length, 40)));
  const digits = String(shown[0]!.count).length;
  const lines = shown.map(({ name, count }) => {
    const label = name.length <= 40 ? name : `${name.slice(0, 37)}...`;
    const share = ((100 * count) / ids.length).toFixed(1);
    return `             ${label.padEnd(width)}  ${String(count).padStart(digits)}  ${share.padStart(5)} %`;
  });
  if (counts.length > shown.length) {
    const rest = counts.slice(shown.length);
    const [most, least] = [rest[0]!.count, rest.at(-1)!.count];
    lines.push(`             and ${rest.length} more, of ${least} to ${most} rows`);
  }
  return lines;
}
