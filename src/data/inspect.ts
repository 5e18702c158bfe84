// Guesses what a data file is for: its task, text and label columns. Only guesses: `sconce init` shows them to a
// person, and the config that it writes says them outright.
import { DataError } from "../base/index.ts";
import {
  describeColumn,
  holdsTags,
  labelScore,
  listedLabels,
  splitTags,
  textScore,
  type ColumnFacts,
} from "./column-facts.ts";
import { LabelMap } from "./labels.ts";
import type { Table } from "./table.ts";

/** Names the kinds of data that are told apart. */
export type DetectedTask =
  "text_classification" | "text_pair_classification" | "multi_label_classification" | "ner";

/** Holds what a table seems to be for. */
export interface TableGuess {
  task: DetectedTask;
  textColumn: string;
  /** Second texts, for pairs only. */
  pairColumn?: string;
  /** One column; or, where each class has a column of 0 and 1, all of them. */
  labelColumns: readonly string[];
  /** Class names in the order of their ids; for NER the tags. */
  labels: readonly string[];
  numRows: number;
  /** Tokens that 99 % of the rows stay within by estimate, rounded up to a multiple of 16; from 16 to 512. */
  maxLength: number;
}

/** Names columns that are known already. */
export interface InspectOptions {
  textColumn?: string;
  labelColumn?: string;
}

/**
 * Guesses task, columns and labels of a table; throws `DataError` when it finds no text or no label column.
 *
 * @example
 * inspectTable(await readTable("train.csv")).labelColumns; // => ["category"]
 */
export function inspectTable(table: Table, options: InspectOptions = {}): TableGuess {
  checkHeader(table);
  const complete = table.columns.filter((name) => table.isComplete(name));
  const columns = complete.map((name) => describeColumn(name, table.column(name)));
  const find = (name: string) => describeColumn(name, table.column(name)); // throws for an unknown name
  const label =
    options.labelColumn !== undefined
      ? find(options.labelColumn)
      : (columns.find(holdsTags) ??
        best(
          columns.filter(({ name }) => name !== options.textColumn),
          labelScore,
        ));
  const others = columns.filter(({ name }) => name !== label?.name);
  const text = options.textColumn !== undefined ? find(options.textColumn) : guessText(others);
  if (text === undefined) throw notFound(table, "text");

  const indicators = options.labelColumn === undefined ? columns.filter(isIndicator) : [];
  const labels = indicators.length >= 3 ? indicators : label === undefined ? [] : [label];
  if (labels.length === 0) throw notFound(table, "label");
  const pair = guessPair(others, text);
  const { task, names } = classify(labels, pair !== undefined);
  const isPair = task === "text_pair_classification";
  return {
    task,
    textColumn: text.name,
    ...(isPair && pair !== undefined && { pairColumn: pair.name }),
    labelColumns: labels.map(({ name }) => name),
    labels: names,
    numRows: table.numRows,
    maxLength: suggestMaxLength(text.cells, isPair ? pair?.cells : undefined),
  };
}

function classify(
  labels: readonly ColumnFacts[],
  hasPair: boolean,
): { task: DetectedTask; names: readonly string[] } {
  const [label] = labels;
  if (labels.length > 1) return { task: "multi_label_classification", names: labels.map(({ name }) => name) };
  if (holdsTags(label!))
    return { task: "ner", names: LabelMap.fromLabels(label!.cells.flatMap(splitTags)).names };
  const listed = listedLabels(label!);
  if (listed !== undefined)
    return { task: "multi_label_classification", names: LabelMap.fromLabels(listed).names };
  const { names } = LabelMap.fromLabels(label!.cells);
  return { task: hasPair ? "text_pair_classification" : "text_classification", names };
}

/** The usual names of first and second texts. */
const pairNames = [
  ["premise", "hypothesis"],
  ["sentence1", "sentence2"],
  ["question1", "question2"],
  ["text1", "text2"],
  ["text_a", "text_b"],
  ["question", "sentence"],
  ["query", "passage"],
] as const;

function guessText(columns: readonly ColumnFacts[]): ColumnFacts | undefined {
  const tokens = named(columns, "tokens");
  if (tokens !== undefined) return tokens;
  const first = pairNames.find(([one, other]) => named(columns, one) && named(columns, other))?.[0];
  return first === undefined ? best(columns, textScore) : named(columns, first);
}

function guessPair(columns: readonly ColumnFacts[], text: ColumnFacts): ColumnFacts | undefined {
  const second = pairNames.find(([one]) => one === text.name.toLowerCase())?.[1];
  return second === undefined ? undefined : named(columns, second);
}

function named(columns: readonly ColumnFacts[], name: string): ColumnFacts | undefined {
  return columns.find((column) => column.name.toLowerCase() === name);
}

function best(
  columns: readonly ColumnFacts[],
  score: (column: ColumnFacts) => number,
): ColumnFacts | undefined {
  const [first] = columns
    .map((column) => ({ column, score: score(column) }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score);
  return first?.column;
}

/** Tells whether a column says yes or no to one class. */
function isIndicator({ cells }: ColumnFacts): boolean {
  return cells.every((cell) => /^(0|1|true|false)$/i.test(cell));
}

function suggestMaxLength(texts: readonly string[], pairs?: readonly string[]): number {
  const lengths = texts
    .map((text, row) => estimateTokens(text) + (pairs ? estimateTokens(pairs[row]!) + 3 : 2))
    .sort((a, b) => a - b);
  const most = lengths[Math.floor(0.99 * (lengths.length - 1))]!;
  return Math.min(512, Math.max(16, Math.ceil(most / 16) * 16));
}

/** Estimates WordPiece tokens: one for 4 letters of a script with spaces, one for each ideograph or syllable. */
function estimateTokens(text: string): number {
  const ideographs = text.match(/[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]/g)?.length ?? 0;
  return ideographs + (text.length - ideographs) / 4;
}

function checkHeader({ source, columns }: Table): void {
  const sentence = columns.find((name) => name.split(/\s+/).length > 5);
  if (sentence === undefined) return;
  throw new DataError(
    `${source}:1: the first line must name the columns, got ${JSON.stringify(sentence.slice(0, 60))}. ` +
      `Add a line like text,label above it.`,
  );
}

function notFound({ source, columns }: Table, role: "text" | "label"): DataError {
  const looks = role === "text" ? "running text" : "classes (few values that come again)";
  return new DataError(
    `${source}: no column looks like ${looks}; the file has ${columns.map((name) => JSON.stringify(name)).join(", ")}. ` +
      `Name it: --${role}-column NAME.`,
  );
}
