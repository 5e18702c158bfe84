// From a data file to a use case: what it guesses it tells, and the config that it writes says it outright.
import { basename, join, relative } from "node:path";
import { DataError } from "../base/index.ts";
import {
  draftUseCase,
  editorSchema,
  findProjectRoot,
  writeEditorSchema,
  writeUseCase,
} from "../config/index.ts";
import type { UseCaseDraft } from "../config/index.ts";
import { LabelMap, inspectTable, readTable, stratifiedSplit } from "../data/index.ts";
import type { Split, Table } from "../data/index.ts";
import { formatCsv } from "./csv.ts";

const testRatio = 0.2;
const splitSeed = 42;

/** Says what of a new use case is not left to guesses. */
export interface InitOptions {
  /** Folder in whose project the use case is made. */
  folder: string;
  /** @default the data file's name */
  name?: string | undefined;
  /** @default guessed */
  textColumn?: string | undefined;
  /** @default guessed */
  labelColumn?: string | undefined;
  /** Whether a fifth of the rows goes into a test file. */
  hasTestFile: boolean;
}

/** Writes a use case for a data file, overwriting nothing, and returns what to tell of it. */
export async function makeUseCase(dataPath: string, options: InitOptions): Promise<string> {
  const { name, textColumn, labelColumn } = options;
  const table = await readTable(dataPath);
  const guess = inspectTable(table, {
    ...(textColumn !== undefined && { textColumn }),
    ...(labelColumn !== undefined && { labelColumn }),
  });
  const named = { dataPath, ...(name !== undefined && { name }) };
  draftUseCase(guess, named); // a name or task that cannot be is said before anything of the rows
  const labels = encodedLabels(table, guess.labelColumns[0]!);
  const split = options.hasTestFile ? splitRows(labels, basename(dataPath)) : undefined;
  const validationRatio = feasibleValidation(split === undefined ? labels : pick(labels, split.train));
  const plan = { ...named, validationRatio };
  const root = findProjectRoot(options.folder);
  let folder: string;
  if (split === undefined) folder = writeUseCase(root, inEditors(draftUseCase(guess, plan)), { dataPath });
  else {
    const test = { file: "test.csv", numRows: split.heldOut.length };
    const draft = draftUseCase({ ...guess, delimiter: "," }, { ...plan, trainFile: "train.csv", test });
    const contents = {
      "train.csv": partAsCsv(table, split.train),
      "test.csv": partAsCsv(table, split.heldOut),
    };
    folder = writeUseCase(root, inEditors(draft), { dataPath, contents });
  }
  await writeEditorSchema(root);
  return describe({ table, guess, options, labels, split, validationRatio, folder });
}

/** Lets editors complete and check the config as it is typed. */
function inEditors(draft: UseCaseDraft): UseCaseDraft {
  return { ...draft, config: { $schema: editorSchema, ...draft.config } };
}

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
  options: InitOptions;
  labels: Labels;
  split: Split | undefined;
  validationRatio: number;
  folder: string;
}

function describe({ table, guess, options, labels, split, validationRatio, folder }: Told): string {
  const origin = (key: "textColumn" | "labelColumn") => (options[key] === undefined ? " (guessed)" : "");
  const missing = split === undefined ? [] : table.columns.filter((name) => !table.isComplete(name));
  const short = relative(options.folder, folder) || ".";
  const config = join(short, "Configurations", "config.json");
  const share =
    validationRatio === 0
      ? "none for validation: too few rows of a label"
      : `${Math.round(100 * validationRatio)} % of them for validation`;
  return [
    `${table.source}: ${table.numRows} rows`,
    `  texts    column "${guess.textColumn}"${origin("textColumn")}, cut at ${guess.maxLength} tokens`,
    ...(guess.pairColumn === undefined ? [] : [`  pairs    column "${guess.pairColumn}" (guessed)`]),
    `  labels   column "${guess.labelColumns[0]}"${origin("labelColumn")}, ${labels.names.length} labels`,
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
