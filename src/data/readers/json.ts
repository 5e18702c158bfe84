// JSON Lines and JSON arrays of objects as tables. Nested values stay JSON text; null is an empty cell.
import { DataError } from "../../base/index.ts";
import { Table, type TableContent } from "../table.ts";
import { cellOf } from "./cell.ts";
import { readTextFile } from "./text-file.ts";

/** Reads a file with one JSON object a line; blank lines are skipped. Throws `DataError`. */
export function readJsonLines(path: string): Table {
  const rows = new RowCollector(path, "line");
  const lines = readTextFile(path).split(/\r\n|\n|\r/);
  for (const [index, line] of lines.entries()) {
    if (line.trim() !== "") rows.add(parseLine(path, line, index + 1), index + 1);
  }
  return rows.table();
}

/** Reads a file that holds a JSON array of objects. Throws `DataError`. */
export function readJsonArray(path: string): Table {
  const text = readTextFile(path);
  let items: unknown;
  try {
    items = JSON.parse(text);
  } catch (cause) {
    const { message } = cause as Error;
    const position = /position (\d+)/.exec(message)?.[1]; // V8 tells it for some faults only
    const line =
      position === undefined ? "" : `:${text.slice(0, Number(position)).split(/\r\n|\n|\r/).length}`;
    throw new DataError(
      `${path}${line}: not valid JSON (${message}). ` +
        `Mend it there; a file with one object a line must be named .jsonl.`,
      { cause },
    );
  }
  if (!Array.isArray(items)) {
    throw new DataError(
      `${path}: expected a JSON array of objects, got ${kindOf(items)}. ` +
        `Put the rows in [ ], or one a line in a .jsonl file.`,
    );
  }
  const rows = new RowCollector(path, "item");
  for (const [index, item] of items.entries()) rows.add(item, index + 1);
  return rows.table();
}

/** Parses one line of a file of JSON Lines. Throws `DataError`. */
export function parseLine(path: string, line: string, number: number): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new DataError(
      `${path}:${number}: not valid JSON (${(cause as Error).message}). Each line must be one whole object.`,
      { cause },
    );
  }
}

/** Turns objects into columns; a key may appear at any row, earlier rows then lack it. */
class RowCollector {
  readonly #source: string;
  readonly #unit: "line" | "item";
  readonly #columns = new Map<string, (string | undefined)[]>();
  readonly #positions: number[] = [];

  constructor(source: string, unit: "line" | "item") {
    this.#source = source;
    this.#unit = unit;
  }

  add(row: unknown, position: number): void {
    if (kindOf(row) !== "an object") {
      const place =
        this.#unit === "line" ? `${this.#source}:${position}` : `${this.#source}, item ${position}`;
      throw new DataError(
        `${place}: expected an object like {"text": "...", "label": "..."}, got ${kindOf(row)}.`,
      );
    }
    const index = this.#positions.length;
    for (const [key, value] of Object.entries(row as object)) {
      let cells = this.#columns.get(key);
      if (cells === undefined) this.#columns.set(key, (cells = []));
      while (cells.length < index) cells.push(undefined);
      cells.push(this.#cell(key, value, position));
    }
    this.#positions.push(position);
  }

  #cell(key: string, value: unknown, position: number): string {
    try {
      return cellOf(value);
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause;
      throw new DataError(
        `${this.#source}, ${this.#unit} ${position}: ${JSON.stringify(key)} is nested too deeply to be a cell. Flatten it.`,
        { cause },
      );
    }
  }

  table(): Table {
    const numRows = this.#positions.length;
    if (numRows === 0) {
      throw new DataError(`${this.#source}: a data file must have rows, this one has none. Add rows to it.`);
    }
    const values = [...this.#columns.values()];
    for (const cells of values) while (cells.length < numRows) cells.push(undefined);
    const content: TableContent = {
      source: this.#source,
      columns: [...this.#columns.keys()],
      values,
      positions: this.#positions,
      unit: this.#unit,
    };
    return new Table(content);
  }
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
