// From data files to the parts of a text classification job: train, validation and test, with what to know of them.
import { DataError } from "../base/index.ts";
import { auditPart, contentHash, countSharedRows, type LabelledTexts, type PartAudit } from "./audit.ts";
import { LabelMap, type PlaceOfRow } from "./labels.ts";
import { readTable, type ReadTableOptions } from "./readers/read-table.ts";
import { stratifiedSplit } from "./split.ts";

/** Names the files of a text classification job and their columns. */
export interface TextDataOptions extends ReadTableOptions {
  /** Path of the training file. */
  train: string;
  /** Path of a validation file; excludes `validationRatio`. */
  validation?: string;
  test?: string;
  textColumn: string;
  /** Column of the second texts of sentence pairs. */
  pairColumn?: string;
  labelColumn: string;
  /** Share of the training rows to validate on, 0 for none. @default 0 */
  validationRatio?: number;
  /** Seed of the validation split. @default 0 */
  seed?: number;
  /** Classes of a model that exists already; without them the training file decides. */
  labelMap?: LabelMap;
}

/** Holds one part of the data, ready for a `TextLoader`. */
export interface TextPart {
  texts: readonly string[];
  pairs?: readonly string[];
  labels: Int32Array;
  /** Where a row stands in its file. */
  place: PlaceOfRow;
  audit: PartAudit;
}

/** Holds the parts of a text classification job. */
export interface TextData {
  labelMap: LabelMap;
  train: TextPart;
  validation?: TextPart;
  test?: TextPart;
  /** Rows whose text also stands in an earlier part: a score on them is not a score on unseen data. */
  sharedRows: { validation: number; test: number };
  /** SHA-256 over the content of all files, whatever their format; the same data gives the same hash. */
  hash: string;
  /** What a person should know before trusting a score, one sentence each. */
  warnings: readonly string[];
}

/** Reads, labels, splits and audits the files of a job; what cannot be used throws a `DataError`. */
export async function loadTextData(options: TextDataOptions): Promise<TextData> {
  const { validationRatio = 0, seed = 0 } = options;
  if (options.validation !== undefined && validationRatio !== 0) {
    throw new DataError(
      `dataset: validation and validation_ratio exclude each other, got "${options.validation}" ` +
        `and ${validationRatio}. Remove one.`,
    );
  }
  const files = {
    train: await readFile(options.train, options),
    validation: options.validation === undefined ? undefined : await readFile(options.validation, options),
    test: options.test === undefined ? undefined : await readFile(options.test, options),
  };
  const labelMap = options.labelMap ?? labelMapOf(files.train);
  const { names } = labelMap;
  const trainRows = encode(files.train, labelMap);

  let train = trainRows;
  let validation = files.validation && encode(files.validation, labelMap);
  if (validationRatio !== 0) {
    const split = stratifiedSplit(trainRows.labels, { ratio: validationRatio, seed, names });
    train = pick(trainRows, split.train);
    validation = pick(trainRows, split.heldOut);
  }
  const test = files.test && encode(files.test, labelMap);
  const sharedRows = {
    validation: validation ? countSharedRows([train], validation) : 0,
    test: test ? countSharedRows(validation ? [train, validation] : [train], test) : 0,
  };
  const parts = {
    train: audited(train, names),
    ...(validation && { validation: audited(validation, names) }),
    ...(test && { test: audited(test, names) }),
  };
  return {
    labelMap,
    ...parts,
    sharedRows,
    hash: contentHash([files.train, files.validation, files.test].filter((file) => file !== undefined)),
    warnings: warningsOf(parts, sharedRows),
  };
}

interface DataFile extends LabelledTexts {
  path: string;
  place: PlaceOfRow;
}

type Rows = Omit<TextPart, "audit">;

async function readFile(path: string, options: TextDataOptions): Promise<DataFile> {
  const { format, delimiter, quote, columns, textColumn, pairColumn, labelColumn } = options;
  const table = await readTable(path, {
    ...(format !== undefined && { format }),
    ...(delimiter !== undefined && { delimiter }),
    ...(quote !== undefined && { quote }),
    ...(columns !== undefined && { columns }),
  });
  return {
    path,
    texts: table.column(textColumn),
    ...(pairColumn !== undefined && { pairs: table.column(pairColumn) }),
    labels: table.column(labelColumn),
    place: (row) => table.place(row),
  };
}

function labelMapOf({ path, labels }: DataFile): LabelMap {
  try {
    return LabelMap.fromLabels(labels);
  } catch (cause) {
    if (!(cause instanceof DataError)) throw cause;
    throw new DataError(`${path}: ${cause.message}`, { cause });
  }
}

function encode({ texts, pairs, labels, place }: DataFile, labelMap: LabelMap): Rows {
  return { texts, ...(pairs && { pairs }), labels: labelMap.encode(labels, place), place };
}

function pick({ texts, pairs, labels, place }: Rows, rows: Uint32Array): Rows {
  const picked = Array.from(rows);
  return {
    texts: picked.map((row) => texts[row]!),
    ...(pairs && { pairs: picked.map((row) => pairs[row]!) }),
    labels: Int32Array.from(picked, (row) => labels[row]!),
    place: (row) => place(picked[row]!),
  };
}

function audited(part: Rows, names: readonly string[]): TextPart {
  const labels = Array.from(part.labels, (id) => names[id]!);
  return { ...part, audit: auditPart({ ...part, labels }) };
}

function warningsOf(
  parts: Readonly<Record<string, TextPart>>,
  sharedRows: TextData["sharedRows"],
): readonly string[] {
  const warnings: string[] = [];
  for (const [name, { audit }] of Object.entries(parts)) {
    if (audit.emptyTexts > 0)
      warnings.push(`${name}: empty texts in ${audit.emptyTexts} of ${audit.rows} rows.`);
    if (audit.conflictingTexts > 0) {
      warnings.push(
        `${name}: ${count(audit.conflictingTexts, "text stands", "texts stand")} under several labels.`,
      );
    }
  }
  for (const name of ["validation", "test"] as const) {
    const shared = sharedRows[name];
    const earlier = name === "test" && parts["validation"] ? "train or validation" : "train";
    if (shared > 0) {
      warnings.push(
        `${name}: ${shared} of ${parts[name]!.audit.rows} rows also stand in ${earlier}: its score is better than on unseen data.`,
      );
    }
  }
  return warnings;
}

function count(n: number, one: string, many: string): string {
  return `${n} ${n === 1 ? one : many}`;
}
