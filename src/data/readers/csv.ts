// CSV and TSV files as tables: which dialect a file is written in, its header, and what can be wrong with its rows.
import { DataError, detectDelimiter, parseDelimited } from "../../base/index.ts";
import type { DelimitedFault, Dialect } from "../../base/index.ts";
import { Table } from "../table.ts";
import { readTextFile } from "./text-file.ts";

/** Says how a delimited file is written; what is left out is found by looking at the file. */
export interface DelimitedOptions {
  /** One character. @default the one of `,` `;` tab `|` that fits the first rows; tab for `.tsv` and `.tab` */
  delimiter?: string;
  /**
   * One character, or null when quotes are ordinary characters.
   * @default `"`; in tab-separated files null when the `"` in the file do not pair up as quotes
   */
  quote?: string | null;
  /** Names the columns of a file that has no header line. */
  columns?: readonly string[];
}

/** Reads a delimited file whose first record names the columns (or `columns` does); throws `DataError`. */
export function readDelimited(path: string, options: DelimitedOptions = {}): Table {
  const text = readTextFile(path);
  checkOptions(path, options);
  const delimiter = options.delimiter ?? (/\.(tsv|tab)$/i.test(path) ? "\t" : detectDelimiter(text));
  const { quote } = options;
  if (quote !== undefined) return parseTable(path, text, { delimiter, quote }, options.columns);
  if (delimiter !== "\t") return parseTable(path, text, { delimiter, quote: '"' }, options.columns);
  return parseTable(path, text, { delimiter, quote: hasProperQuotes(text) ? '"' : null }, options.columns);
}

/** Refuses a delimiter or a quote that is none. */
export function checkOptions(path: string, { delimiter, quote }: DelimitedOptions): void {
  for (const [name, value] of Object.entries({ delimiter, quote })) {
    if (typeof value === "string" && (value.length !== 1 || value === "\n" || value === "\r")) {
      throw new DataError(
        `${path}: ${name} must be one character, got ${JSON.stringify(value)}. Set it to "," or "\\t", say.`,
      );
    }
  }
  if (delimiter !== undefined && delimiter === quote) {
    throw new DataError(
      `${path}: delimiter and quote must differ, got ${JSON.stringify(delimiter)} for both.`,
    );
  }
}

function parseTable(path: string, text: string, dialect: Dialect, given?: readonly string[]): Table {
  let columns = given === undefined ? undefined : headerOf(path, given, 1);
  const values: string[][] = (columns ?? []).map(() => []);
  const positions: number[] = [];
  const fault = parseDelimited(text, dialect, (fields, line) => {
    if (columns === undefined) {
      columns = headerOf(path, fields, line);
      for (let c = 0; c < columns.length; c++) values.push([]);
      return true;
    }
    if (fields.length !== columns.length) throw raggedRow(path, { fields, line, columns, dialect });
    for (let c = 0; c < fields.length; c++) values[c]!.push(fields[c]!);
    positions.push(line);
    return true;
  });
  if (fault !== undefined) throw faultError(path, fault);
  if (columns === undefined || positions.length === 0) {
    throw new DataError(`${path}: a data file must have rows, this one has only its header. Add rows to it.`);
  }
  return new Table({ source: path, columns, values, positions });
}

/** Returns the names of columns, which must differ. */
export function headerOf(path: string, fields: readonly string[], line: number): string[] {
  const columns = fields.map((field) => field.trim());
  if (columns.length > maxColumns)
    throw new DataError(
      `${path}:${line}: a table must have at most ${maxColumns} columns, got ${columns.length}. Split it, or put what belongs together into one column.`,
    );
  const seen = new Set<string>();
  const twice = columns.find((column) => seen.size === seen.add(column).size);
  if (twice !== undefined) {
    throw new DataError(
      `${path}:${line}: column names must differ, ${JSON.stringify(twice)} stands twice. Rename one in the header.`,
    );
  }
  return columns;
}

/** More make each row an object too large to handle. */
export const maxColumns = 2 ** 17;

export interface RaggedRow {
  fields: readonly string[];
  line: number;
  columns: readonly string[];
  dialect: Dialect;
}

/** Says that a row has not as many fields as the header. */
export function raggedRow(path: string, { fields, line, columns, dialect }: RaggedRow): DataError {
  const shown = columns.slice(0, 20).map((column) => JSON.stringify(column));
  const names = [...shown, ...(columns.length > 20 ? ["..."] : [])].join(", ");
  const delimiter = dialect.delimiter === "\t" ? "tab" : dialect.delimiter;
  const remedy =
    dialect.quote === null
      ? `Remove the ${delimiter} characters inside values.`
      : `Put values that contain ${delimiter} or ${dialect.quote} in quotes, and double the quotes in them.`;
  return new DataError(
    `${path}:${line}: expected ${columns.length} fields (${names}) as in the header, got ${fields.length}. ${remedy}`,
  );
}

/** Says where a quote is open. */
export function faultError(path: string, { kind, line }: DelimitedFault): DataError {
  const what = kind === "unterminated_quote" ? "the quote opened here is never closed" : "text after a quote";
  return new DataError(
    `${path}:${line}: ${what}. Close it, or double it ("") if it belongs to the text; ` +
      `if the file does not quote at all, set quote to null.`,
  );
}

/**
 * Tells whether the quotes of a tab-separated file pair up as quotes: each field that begins with one ends with
 * it, all records have one length, and no line that is a whole record by itself would be swallowed.
 */
function hasProperQuotes(text: string): boolean {
  if (!text.includes('"')) return false;
  const quoted = countRecords(text, '"');
  const bare = countRecords(text, null);
  return quoted !== undefined && (bare === undefined || bare === quoted);
}

/** Counts the records of tab-separated text, or returns undefined when they differ in length. */
function countRecords(text: string, quote: string | null): number | undefined {
  let width = -1;
  let numRecords = 0;
  let isRagged = false;
  const fault = parseDelimited(text, { delimiter: "\t", quote, strict: true }, (fields) => {
    if (width === -1) width = fields.length;
    numRecords++;
    isRagged = fields.length !== width;
    return !isRagged;
  });
  return fault === undefined && !isRagged ? numRecords : undefined;
}
